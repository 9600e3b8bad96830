//! The terminal as indicatif is shown it: one column narrower, and with rows that are lines of their own.
//!
//! indicatif fills each row with spaces up to the edge and lets the terminal wrap, so that to the terminal all rows are
//! one long line; after a change of the width most terminals lay that line out anew, and what is then cleared is not
//! what was drawn. Here each row ends with a line break and nothing reaches the last column, it is known how wide each
//! row is, and clearing goes up by as many rows as these lines take at the width of now.
//!
//! It relies on one habit of indicatif: before it draws or clears, it clears all that it drew. It must never be asked to
//! only move the cursor (`set_move_cursor`).

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use console::{Term, measure_text_width};
use indicatif::TermLike;

/// The sheet. Everything is written at once, at [`TermLike::flush`].
#[derive(Debug)]
pub(super) struct Sheet {
    terminal: Arc<dyn Terminal>,
    state: Mutex<Drawn>,
}

/// What it needs of a terminal.
pub(super) trait Terminal: std::fmt::Debug + Send + Sync {
    /// Rows and columns.
    fn size(&self) -> (u16, u16);

    /// Writes all of it.
    fn write(&self, text: &str) -> io::Result<()>;
}

impl Terminal for Term {
    fn size(&self) -> (u16, u16) {
        Self::size(self)
    }

    fn write(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }
}

#[derive(Debug, Default)]
struct Drawn {
    /// The widths of the rows that stand there, the cursor behind the last one.
    rows: Vec<usize>,
    /// Where indicatif takes the cursor to be in the last row.
    column: usize,
    /// What is to be written.
    text: String,
}

impl Sheet {
    pub(super) fn new(terminal: Arc<dyn Terminal>) -> Self {
        Self { terminal, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, Drawn> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drawn {
    /// Takes everything away that stands there, at this width.
    fn wipe(&mut self, columns: usize) {
        let rows: usize = self.rows.iter().map(|width| width.div_ceil(columns).max(1)).sum();
        if rows > 0 {
            self.text.push('\r');
            if rows > 1 {
                self.text.push_str(&format!("\x1b[{}A", rows - 1));
            }
            self.text.push_str("\x1b[J");
        }
        self.rows.clear();
        self.column = 0;
    }

    fn write(&mut self, piece: &str, columns: usize) {
        if self.rows.is_empty() {
            self.rows.push(0);
        } else if self.column >= columns && !piece.is_empty() {
            self.text.push_str("\r\n");
            self.rows.push(0);
            self.column = 0;
        }
        let width = measure_text_width(piece);
        self.column += width;
        // The rest of a row is clear already; spaces would only be more to lay out anew.
        if !piece.trim_start_matches(' ').is_empty() {
            self.text.push_str(piece);
            if let Some(row) = self.rows.last_mut() {
                *row += width;
            }
        }
    }
}

impl TermLike for Sheet {
    /// Never less than the widest character: indicatif counts on that.
    fn width(&self) -> u16 {
        self.terminal.size().1.saturating_sub(1).max(2)
    }

    fn height(&self) -> u16 {
        self.terminal.size().0
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn write_str(&self, piece: &str) -> io::Result<()> {
        self.state().write(piece, usize::from(self.width()));
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.state().wipe(usize::from(self.terminal.size().1.max(1)));
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let text = std::mem::take(&mut self.state().text);
        if text.is_empty() { Ok(()) } else { self.terminal.write(&text) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU16, Ordering};

    use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

    use super::*;

    /// Remembers what was written last.
    #[derive(Debug, Default)]
    struct Paper {
        columns: AtomicU16,
        written: Mutex<String>,
    }

    impl Terminal for Paper {
        fn size(&self) -> (u16, u16) {
            (24, self.columns.load(Ordering::Relaxed))
        }

        fn write(&self, text: &str) -> io::Result<()> {
            self.written.lock().expect("one thread").push_str(text);
            Ok(())
        }
    }

    impl Paper {
        fn taken(&self) -> String {
            std::mem::take(&mut *self.written.lock().expect("one thread"))
        }
    }

    /// A bar of three rows, 5, 0 and 79 columns wide, drawn on 80 columns.
    fn drawn() -> (Arc<Paper>, ProgressBar) {
        let paper = Arc::new(Paper { columns: AtomicU16::new(80), ..Paper::default() });
        let sheet = Sheet::new(Arc::clone(&paper) as Arc<dyn Terminal>);
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::term_like(Box::new(sheet)));
        bar.set_style(ProgressStyle::with_template(&format!("three\n\n{}", "x".repeat(79))).expect("valid"));
        bar.tick();
        (paper, bar)
    }

    #[test]
    fn rows_are_lines_of_their_own_without_spaces_at_their_end() {
        let (paper, bar) = drawn();
        assert_eq!(paper.taken(), format!("three\r\n\r\n{}", "x".repeat(79)));
        bar.tick();
        assert_eq!(paper.taken(), format!("\r\x1b[2A\x1b[Jthree\r\n\r\n{}", "x".repeat(79)));
        bar.finish_and_clear();
        assert_eq!(paper.taken(), "\r\x1b[2A\x1b[J");
    }

    #[test]
    fn what_is_cleared_is_what_these_rows_take_now() {
        for (columns, up) in [(200, 2), (79, 2), (78, 3), (40, 3), (20, 5), (4, 22)] {
            let (paper, bar) = drawn();
            paper.taken();
            paper.columns.store(columns, Ordering::Relaxed);
            bar.finish_and_clear();
            assert_eq!(paper.taken(), format!("\r\x1b[{up}A\x1b[J"), "{columns}");
        }
    }

    #[test]
    fn what_is_written_beside_it_stands_above() {
        let (paper, bar) = drawn();
        paper.taken();
        bar.suspend(|| paper.write("line\n").expect("paper"));
        assert_eq!(paper.taken(), format!("\r\x1b[2A\x1b[Jline\nthree\r\n\r\n{}", "x".repeat(79)));
    }
}
