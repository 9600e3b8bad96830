//! The bar and what stands below it, on a terminal: indicatif draws, a [`Sheet`] takes care of resizes, [`frame`] lays
//! out. Used by the screen's thread alone, and by whoever wants to write beside it, under one lock.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use provisor_actors::os::terminal;

use super::frame::{self, AtWork, Frame, Room};
use super::sheet::{Sheet, Terminal};
use super::tail;

/// How often the last line of a query is looked up.
const READ_EVERY: Duration = Duration::from_secs(1);
/// Rows that are not needed any more stay for so long: what is below must not jump with every query that ends.
const ROWS_STAY: Duration = Duration::from_secs(10);

/// The bar, at first hidden.
pub(super) struct Panel {
    bar: ProgressBar,
    text: Arc<Mutex<Text>>,
    terminal: Arc<dyn Terminal>,
    colors: bool,
    bar_width: Option<usize>,
    id_width: usize,
    held: Held,
    last_lines: LastLines,
}

/// What indicatif asks for while it draws.
#[derive(Default)]
struct Text {
    head: String,
    body: String,
}

impl Panel {
    /// On this terminal, for a run in this directory.
    pub(super) fn new(terminal: Arc<dyn Terminal>, dir: PathBuf, colors: bool) -> Self {
        // indicatif styles by this switch alone; what NO_COLOR says is decided before.
        console::set_colors_enabled(colors);
        Self {
            bar: ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden()),
            text: Arc::default(),
            terminal,
            colors,
            bar_width: None,
            id_width: 0,
            held: Held::default(),
            last_lines: LastLines { dir, known: HashMap::new() },
        }
    }

    /// Shows a frame; nothing while somebody else has the terminal.
    pub(super) fn draw(&mut self, frame: &Frame, now: Instant) {
        if !terminal::is_in_foreground(io::stderr()) {
            return self.hide();
        }
        let (height, width) = self.terminal.size();
        // The last column stays free: some terminals wrap when it is written.
        let width = usize::from(width.saturating_sub(1).max(1));
        let room = Room { width, height: height.into(), colors: self.colors };
        self.compose(frame, room, now);
        self.style(frame::bar_width(room));
        if self.bar.is_hidden() {
            let sheet = Sheet::new(Arc::clone(&self.terminal));
            self.bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(sheet)));
        }
        self.bar.update(|state| {
            state.set_len(frame.counts.total as u64);
            state.set_pos(frame.counts.done as u64);
        });
    }

    /// Takes it off the terminal until the next frame.
    pub(super) fn hide(&self) {
        if !self.bar.is_hidden() {
            self.bar.finish_and_clear();
            self.bar.set_draw_target(ProgressDrawTarget::hidden());
            // Ready to go on, and nothing is drawn for that.
            self.bar.reset();
        }
    }

    /// Does something that writes on the terminal: above the bar.
    pub(super) fn aside<R>(&self, deed: impl FnOnce() -> R) -> R {
        self.bar.suspend(deed)
    }

    fn compose(&mut self, frame: &Frame, room: Room, now: Instant) {
        self.id_width = frame::id_width(frame, room).max(self.id_width).min(room.width * 2 / 5);
        let last_lines = &mut self.last_lines;
        last_lines.read(&frame.longest, now);
        let mut rows = frame::rows(frame, self.id_width, room, |query| last_lines.of(query));
        rows.resize(self.held.rows(rows.len(), now).min(room.rows()), String::new());
        rows.insert(0, frame::totals(frame, room));
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        *text = Text { head: frame::head(frame, room), body: rows.join("\n") };
    }

    fn style(&mut self, bar_width: usize) {
        if self.bar_width.replace(bar_width) == Some(bar_width) {
            return;
        }
        let template = match bar_width {
            0 => "{head}\n{body}".to_owned(),
            width => format!("{{bar:{width}.cyan/dim}} {{head}}\n{{body}}"),
        };
        // The templates are ours and valid; without one the bar would look different, no more.
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let part = |of: fn(&Text) -> &str| {
            let text = Arc::clone(&self.text);
            move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = out.write_str(of(&text.lock().unwrap_or_else(PoisonError::into_inner)));
            }
        };
        let style = style.progress_chars("━╸─");
        let style = style.with_key("head", part(|text| &text.head)).with_key("body", part(|text| &text.body));
        self.bar.set_style(style);
    }
}

/// How many rows there are for queries.
#[derive(Default)]
struct Held {
    rows: usize,
    since: Option<Instant>,
}

impl Held {
    /// At once as many as are needed, and fewer only after a while.
    fn rows(&mut self, needed: usize, now: Instant) -> usize {
        let stays = self.since.is_some_and(|since| now.duration_since(since) < ROWS_STAY);
        if needed >= self.rows || !stays {
            (self.rows, self.since) = (needed, Some(now));
        }
        self.rows
    }
}

/// The last lines of the queries that are shown, by the names of their logs, with the time when they were looked up.
struct LastLines {
    dir: PathBuf,
    known: HashMap<String, (Instant, Option<String>)>,
}

impl LastLines {
    fn read(&mut self, shown: &[AtWork], now: Instant) {
        let logs: Vec<&String> = shown.iter().filter_map(|query| query.log.as_ref()).collect();
        self.known.retain(|name, _| logs.contains(&name));
        for name in logs {
            let known = self.known.get(name);
            if known.is_none_or(|(read_at, _)| now.duration_since(*read_at) >= READ_EVERY) {
                self.known.insert(name.clone(), (now, tail::of_log(&self.dir, name)));
            }
        }
    }

    fn of(&self, query: &AtWork) -> Option<String> {
        self.known.get(query.log.as_ref()?)?.1.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_at_once_and_go_after_a_while() {
        let (mut held, start) = (Held::default(), Instant::now());
        let mut rows = |needed, seconds| held.rows(needed, start + Duration::from_secs(seconds));
        assert_eq!((rows(0, 0), rows(3, 1), rows(2, 2), rows(3, 9)), (0, 3, 3, 3));
        assert_eq!((rows(1, 18), rows(1, 19), rows(4, 20)), (3, 1, 4));
    }
}
