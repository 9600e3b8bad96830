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
    fn width(&self) -> u16 {
        self.terminal.size().1.saturating_sub(1).max(1)
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
