//! Whole lines out of chunks of bytes, and the tee that prints them as they come, each tagged with its query's id. Lines
//! of different queries, and of the two streams of one, never mix. A line without an end is cut into pieces.

use std::collections::HashMap;
use std::sync::Arc;

use provisor_actors::logs::{LogSpec, Room, Taken, Tee};
use provisor_core::rules::Stream;
use provisor_core::text;

use super::printer::Printer;

/// The longest line that is printed in one piece, in bytes.
pub(super) const PIECE: usize = 64 << 10;

/// Divides what comes into lines.
#[derive(Debug, Default)]
pub(super) struct WholeLines(Vec<u8>);

impl WholeLines {
    /// Gives out the lines, without their ends, that these bytes complete.
    pub(super) fn take(&mut self, mut bytes: &[u8], line: &mut dyn FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (last, rest) = bytes.split_at(end);
            self.grow(last, line);
            line(&self.0);
            self.0.clear();
            bytes = &rest[1..];
        }
        self.grow(bytes, line);
    }

    /// Gives out what has no end.
    pub(super) fn finish(&mut self, line: &mut dyn FnMut(&[u8])) {
        if !self.0.is_empty() {
            line(&self.0);
            self.0.clear();
        }
    }

    fn grow(&mut self, mut bytes: &[u8], line: &mut dyn FnMut(&[u8])) {
        while self.0.len() + bytes.len() > PIECE {
            let (fitting, rest) = bytes.split_at(PIECE - self.0.len());
            self.0.extend_from_slice(fitting);
            line(&self.0);
            self.0.clear();
            bytes = rest;
        }
        self.0.extend_from_slice(bytes);
    }
}

/// A line fit for a terminal; tabs stay.
pub(super) fn clean(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
    let parts: Vec<_> = line.split('\t').map(text::clean).collect();
    parts.join("\t")
}

/// Prints every line as it comes, as `id | line`.
pub(crate) struct Tagged {
    printer: Printer,
    open: HashMap<(Arc<LogSpec>, Stream), WholeLines>,
}

impl Tagged {
    /// The tee for a printer that prints lines as they come.
    pub(crate) fn for_lines(printer: &Printer) -> Option<Box<dyn Tee>> {
        let tagged = || Box::new(Self { printer: printer.clone(), open: HashMap::new() }) as Box<dyn Tee>;
        (!printer.is_grouped()).then(tagged)
    }

    fn print(&mut self, log: &Arc<LogSpec>, stream: Stream, bytes: Option<&[u8]>, room: Option<Taken>) {
        let key = (Arc::clone(log), stream);
        let is_terminal = self.printer.is_terminal();
        let mut text = Vec::new();
        let mut tag = |line: &[u8]| {
            text.extend_from_slice(log.id.as_bytes());
            text.extend_from_slice(b" | ");
            match is_terminal {
                true => text.extend_from_slice(clean(line).as_bytes()),
                false => text.extend_from_slice(line),
            }
            text.push(b'\n');
        };
        match bytes {
            Some(bytes) => self.open.entry(key).or_default().take(bytes, &mut tag),
            None => self.open.remove(&key).unwrap_or_default().finish(&mut tag),
        }
        if !text.is_empty() {
            self.printer.put_lines(text, room);
        }
    }
}

impl Tee for Tagged {
    fn room(&self) -> Room {
        self.printer.room()
    }

    fn hear(&mut self, log: &Arc<LogSpec>, stream: Stream, bytes: &[u8], room: Option<Taken>) {
        self.print(log, stream, Some(bytes), room);
    }

    fn close(&mut self, log: &Arc<LogSpec>) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            self.print(log, stream, None, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use provisor_core::plan::Logs as Keep;

    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut whole, mut out) = (WholeLines::default(), Vec::new());
        for chunk in chunks {
            whole.take(chunk, &mut |line| out.push(line.to_vec()));
        }
        whole.finish(&mut |line| out.push(line.to_vec()));
        out
    }

    #[test]
    fn lines_are_whole_however_they_come() {
        assert_eq!(lines(&[b"one\ntw", b"o\n\nthr", b"ee"]), [&b"one"[..], b"two", b"", b"three"]);
        assert_eq!(lines(&[b"", b"one", b"\n"]), [b"one"]);
    }

    #[test]
    fn a_line_without_an_end_is_cut_into_pieces() {
        let long = vec![b'x'; 2 * PIECE + 3];
        let pieces = lines(&[&long, b"\nend\n"]);
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [PIECE, PIECE, 3, 3]);
    }

    #[test]
    fn tags_take_room_as_well() {
        let printer = Printer::idle(false, false);
        let (room, mut tagged) = (printer.room(), Tagged { printer, open: HashMap::new() });
        let all = room.free();
        let id = "x".repeat(255).into();
        let log = Arc::new(LogSpec { id, name: "log".into(), keep: Keep::Keep, record: false });
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let take = |bytes: usize| runtime.block_on(room.take(bytes));
        let taken = take(10);
        tagged.hear(&log, Stream::Stdout, &[b'\n'; 10], taken);
        assert_eq!(room.free(), all - 10 * (255 + 4), "as much as is printed");
        let taken = take(all / 2);
        tagged.hear(&log, Stream::Stdout, &vec![b'\n'; all / 2], taken);
        assert_eq!(room.free(), 0, "the next one waits");
    }

    #[test]
    fn a_terminal_gets_tabs_and_nothing_else_that_controls() {
        assert_eq!(clean(b"a\tb\x1b[2J\x07c\r"), "a\tbc");
        assert_eq!(clean(b"10 %\r20 %"), "10 % 20 %");
    }
}
