//! The last line of a query's output so far: what somebody who waits for it would look at.
//!
//! Only the end of the log is read, whatever its size. What comes out is fit for one line of a terminal.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use provisor_actors::rundir;
use provisor_core::text::clean;

/// Bytes at the end of a log that are looked at.
const LOOKED_AT: u64 = 4096;

/// The last line that says something in the log of this name (from `rundir::log_name`) in a run directory; `None` where
/// there is none, or no log.
#[must_use]
pub(crate) fn of_log(dir: &Path, name: &str) -> Option<String> {
    last_line(&end_of_log(dir, name).ok()?)
}

fn end_of_log(dir: &Path, name: &str) -> io::Result<Vec<u8>> {
    let mut log = rundir::read_log(dir, name)?;
    let size = log.metadata()?.len();
    log.seek(SeekFrom::Start(size.saturating_sub(LOOKED_AT)))?;
    let mut end = Vec::new();
    log.take(LOOKED_AT).read_to_end(&mut end)?;
    Ok(end)
}

/// The last line that says something, cleaned. An unfinished one counts, and a carriage return divides lines, as on a
/// terminal: a child's own progress bar shows its last state.
#[must_use]
pub(crate) fn last_line(bytes: &[u8]) -> Option<String> {
    let lines = bytes.rsplit(|byte| matches!(byte, b'\n' | b'\r'));
    lines.map(shown).find(|line| !line.is_empty())
}

fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    // The looked-at end may begin within a character.
    let text = text.trim_start_matches(char::REPLACEMENT_CHARACTER);
    clean(text).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_says_something() {
        let cases: [(&[u8], Option<&str>); 10] = [
            (b"", None),
            (b"\n\n", None),
            (b"one\ntwo\n", Some("two")),
            (b"one\n  two\n \n\t\n", Some("two")),
            (b"one\nunfinish", Some("unfinish")),
            (b"one\r\n", Some("one")),
            (b"10 %\r20 %\r", Some("20 %")),
            (b"one\n\x1b[2J\x1b[0m\n", Some("one")),
            (b"\x1b]0;title\x07\x1b[31mred\x1b[0m\x07", Some("red")),
            (b"\xbcr\xffest", Some("r\u{fffd}est")),
        ];
        for (bytes, expected) in cases {
            assert_eq!(last_line(bytes).as_deref(), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
