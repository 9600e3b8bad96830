//! What people look at. Only this folder prints results, and only here text is laid out.

pub(crate) mod frame;
pub(crate) mod groups;
mod panel;
pub(crate) mod plain;
pub(crate) mod plan;
pub(crate) mod presets;
pub(crate) mod printer;
pub(crate) mod replay;
pub(crate) mod results;
pub(crate) mod screen;
mod sheet;
pub(crate) mod status;
pub(crate) mod summary;
pub(crate) mod tail;
pub(crate) mod whole_lines;
pub(crate) mod words;

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use console::Term;
use provisor_core::text::visible;

/// Writes to standard output. A reader that has gone away (`| head`) is no error: there is nobody left to tell.
pub(crate) fn print(text: impl AsRef<[u8]>) -> io::Result<()> {
    match print_all(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// The same for what must reach somebody.
pub(crate) fn print_all(text: impl AsRef<[u8]>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref()).and_then(|()| out.flush())
}

/// Writes a line to standard error. It may name paths, arguments and whatever else somebody thought of: here is what keeps
/// it one line, and keeps the terminal as it is.
pub(crate) fn tell(line: &str) {
    screen::put(format!("{}\n", visible(line)).into_bytes());
}

/// Writes lines to standard error that are laid out, perhaps in colours, and harmless already.
pub(crate) fn tell_rendered(text: &str) {
    screen::put(format!("{text}\n").into_bytes());
}

/// A path as it can be shown.
#[must_use]
pub(crate) fn path(path: &Path) -> String {
    visible(&path.to_string_lossy()).into_owned()
}

/// Whether to colour what goes to standard error.
#[must_use]
pub(crate) fn stderr_has_colors() -> bool {
    io::stderr().is_terminal() && are_colors_wanted()
}

/// Whether to colour what goes to standard output.
#[must_use]
pub(crate) fn stdout_has_colors() -> bool {
    io::stdout().is_terminal() && !is_dumb() && are_colors_wanted()
}

fn are_colors_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether a bar can be drawn on standard error: a terminal that moves its cursor and knows its size.
#[must_use]
pub(crate) fn stderr_takes_a_bar() -> bool {
    !is_dumb() && Term::stderr().size_checked().is_some()
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// The width of the terminal that standard output goes to, where it does; else what `COLUMNS` says (`watch` sets it).
#[must_use]
pub(crate) fn width() -> Option<u16> {
    let terminal =
        terminal_size::terminal_size_of(io::stdout()).map(|(terminal_size::Width(width), _)| width);
    terminal.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok())
}
