//! From bytes to lines, and from lines to findings.
//!
//! A chunk is searched as a whole; lines are cut out only around what was found. What is recognised depends on the
//! bytes alone, never on how they were cut into chunks. Nothing here knows what a line means.

use std::sync::Arc;
use std::time::Duration;

use memchr::{memchr, memrchr};

use crate::cause::{Cause, Exit, StopMethod};
use crate::process::Ear;
use crate::rules::{Judge, Screen, Stream};
use crate::verdict::{Evidence, Finding, Judgement};

/// How much of a line is read: its first 64 KiB. The rest is passed over.
pub const LINE_LIMIT: usize = 64 * 1024;

/// A carry of at most this capacity is kept for the next line; a larger one is given back.
const CARRY_KEPT: usize = 512;

/// The ear of one attempt: hears its output and keeps what it says.
#[derive(Debug)]
pub struct Reader {
    judge: Arc<Judge>,
    stdout: Lines,
    stderr: Lines,
    evidence: Evidence,
}

impl Reader {
    /// An ear that has heard nothing yet.
    #[must_use]
    pub fn new(judge: Arc<Judge>) -> Self {
        let evidence = Evidence::new(judge.preset());
        Self { judge, stdout: Lines::default(), stderr: Lines::default(), evidence }
    }

    fn listen(
        &mut self,
        stream: Stream,
        at: Duration,
        found: &mut Vec<Finding>,
        read: impl FnOnce(&mut Lines, &Screen, &mut Hearing<'_>),
    ) -> Option<StopMethod> {
        let Self { judge, stdout, stderr, evidence } = self;
        let lines = match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        };
        let mut hearing = Hearing { judge, evidence, stream, at, found, wish: None };
        read(lines, judge.screen(stream), &mut hearing);
        hearing.wish
    }
}

impl Ear for Reader {
    fn hear(
        &mut self,
        stream: Stream,
        bytes: &[u8],
        at: Duration,
        found: &mut Vec<Finding>,
    ) -> Option<StopMethod> {
        self.listen(stream, at, found, |lines, screen, hearing| lines.feed(bytes, screen, hearing))
    }

    fn close(&mut self, stream: Stream, at: Duration, found: &mut Vec<Finding>) -> Option<StopMethod> {
        self.listen(stream, at, found, |lines, _, hearing| lines.close(hearing))
    }

    fn judge(&mut self, cause: Cause, exit: Option<Exit>) -> Judgement {
        self.evidence.judge(cause, exit)
    }
}

/// Who is shown the lines that the screen lets pass.
trait Listener {
    /// A line without its end, at most `LINE_LIMIT` bytes.
    fn line(&mut self, line: &[u8]);

    /// Whether the next line is wanted whatever it is.
    fn is_all_ears(&self) -> bool;
}

/// The hearing of one chunk.
struct Hearing<'r> {
    judge: &'r Judge,
    evidence: &'r mut Evidence,
    stream: Stream,
    at: Duration,
    found: &'r mut Vec<Finding>,
    /// Of the first line that ever asked for a stop.
    wish: Option<StopMethod>,
}

impl Listener for Hearing<'_> {
    fn line(&mut self, line: &[u8]) {
        let reading = self.judge.read(self.stream, line);
        let telling = if reading.settles() { None } else { self.judge.tell(self.stream, line) };
        let known = self.evidence.findings().pushed();
        let wish = self.evidence.take(self.stream, line, (&reading, telling), self.at);
        // At once, as they are known now: a later line of the same chunk may revise them.
        self.found.extend(self.evidence.findings().since(known).cloned());
        self.wish = self.wish.or(wish);
    }

    fn is_all_ears(&self) -> bool {
        self.stream == Stream::Stdout && self.evidence.is_all_ears()
    }
}

/// The cutting of one stream: what came after the last line end.
#[derive(Debug, Default)]
struct Lines {
    carry: Vec<u8>,
    /// How many bytes of the unfinished line were beyond the limit.
    dropped: u64,
}

impl Lines {
    fn feed(&mut self, bytes: &[u8], screen: &Screen, to: &mut impl Listener) {
        if matches!(screen, Screen::Nothing) {
            return;
        }
        // In pieces of the limit, so that a line that lies whole in one of them is never too long.
        for piece in bytes.chunks(LINE_LIMIT) {
            let Some(last) = memrchr(b'\n', piece) else {
                self.carry(piece);
                continue;
            };
            let (whole, begun) = piece.split_at(last + 1);
            search(self.finish_line(whole, to), screen, to);
            self.carry(begun);
        }
    }

    /// Completes the line that was begun by an earlier piece with the first of these; returns those after it.
    fn finish_line<'b>(&mut self, whole: &'b [u8], to: &mut impl Listener) -> &'b [u8] {
        if self.carry.is_empty() {
            return whole;
        }
        let end = memchr(b'\n', whole).unwrap_or(whole.len() - 1);
        self.carry(&whole[..end]);
        self.show(to);
        &whole[end + 1..]
    }

    fn close(&mut self, to: &mut impl Listener) {
        if !self.carry.is_empty() {
            self.show(to);
        }
    }

    /// Adds to the unfinished line.
    fn carry(&mut self, bytes: &[u8]) {
        let room = LINE_LIMIT - self.carry.len();
        let kept = &bytes[..bytes.len().min(room)];
        self.carry.extend_from_slice(kept);
        self.dropped += (bytes.len() - kept.len()) as u64;
    }

    /// Shows the carried line, which is complete now, and forgets it.
    fn show(&mut self, to: &mut impl Listener) {
        // The end of a line that was cut is not its end, so a `\r` there is a part of it.
        let line = if self.dropped == 0 { without_cr(&self.carry) } else { &self.carry };
        to.line(line);
        self.dropped = 0;
        if self.carry.capacity() > CARRY_KEPT {
            self.carry = Vec::new();
        } else {
            self.carry.clear();
        }
    }
}

/// Searches whole lines for those that the screen lets pass.
fn search(region: &[u8], screen: &Screen, to: &mut impl Listener) {
    let regex = screen.over(region);
    let mut at = 0;
    while at < region.len() {
        let hit = match regex {
            Some(regex) if !to.is_all_ears() => regex.find_at(region, at).map(|hit| hit.start()),
            _ => Some(at),
        };
        let Some(hit) = hit.filter(|hit| *hit < region.len()) else { return };
        let start = memrchr(b'\n', &region[at..hit]).map_or(at, |end| at + end + 1);
        let end = memchr(b'\n', &region[hit..]).map_or(region.len(), |end| hit + end);
        to.line(without_cr(&region[start..end]));
        at = end + 1;
    }
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests;
