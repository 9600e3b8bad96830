//! The `.timing` file beside a log: when which bytes of it arrived, so that the log can be played again.
//!
//! Text, a line an event, written as the run goes on and read long after; so the first line names the version, a
//! last line that was torn off is no error, and a newer version is refused rather than misread.

mod signal;

use std::fmt::Write;
use std::time::Duration;

use crate::cause::Exit;
use crate::rules::Stream;

/// What a file of this version begins with.
const MAGIC: &str = "# provisor-timing ";
const VERSION: u32 = 1;

/// When the output of one attempt arrived, and how the attempt left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// Every read, in order. Their bytes stand in the log, one after the other.
    pub reads: Vec<Read>,
    /// How and when it left, if that was recorded.
    pub end: Option<(Duration, Exit)>,
    /// What else was said about it (`# stretched 20x`).
    pub labels: Vec<String>,
    /// The last line was not written to its end; it is left out.
    pub torn: bool,
}

/// One read of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Read {
    /// Since the start of the attempt.
    pub at: Duration,
    /// Which stream.
    pub stream: Stream,
    /// How many bytes.
    pub bytes: u64,
}

/// Why a file is no recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It begins with something else.
    #[error("not a recording: the first line is not `{MAGIC}{VERSION}`")]
    NotARecording,
    /// It was written by a later provisor.
    #[error(
        "the recording has version {version}, and this provisor reads versions up to {VERSION}: use a newer one"
    )]
    Newer {
        /// Its version.
        version: u32,
    },
    /// A line is not an event.
    #[error(
        "line {line} of the recording is not `MICROSECONDS o|e BYTES`, `MICROSECONDS exit CODE` or `MICROSECONDS signal NAME`"
    )]
    BadLine {
        /// Which line, counted from 1.
        line: usize,
    },
    /// A line is earlier than the one before.
    #[error("line {line} of the recording goes back in time")]
    Backwards {
        /// Which line, counted from 1.
        line: usize,
    },
    /// Something follows the end.
    #[error("line {line} of the recording comes after the end of the process")]
    AfterEnd {
        /// Which line, counted from 1.
        line: usize,
    },
}

/// Begins a recording.
pub fn write_head(out: &mut String) {
    push(out, format_args!("{MAGIC}{VERSION}"));
}

/// Adds a remark about the recording as a whole.
pub fn write_label(out: &mut String, label: &str) {
    push(out, format_args!("# {}", label.replace(['\n', '\r'], " ").trim()));
}

/// Adds a read.
pub fn write_read(out: &mut String, read: Read) {
    let stream = match read.stream {
        Stream::Stdout => 'o',
        Stream::Stderr => 'e',
    };
    push(out, format_args!("{} {stream} {}", read.at.as_micros(), read.bytes));
}

/// Ends a recording.
pub fn write_end(out: &mut String, at: Duration, exit: Exit) {
    let at = at.as_micros();
    match exit {
        Exit::Code(code) => push(out, format_args!("{at} exit {code}")),
        Exit::Signal(number) => push(out, format_args!("{at} signal {}", signal::Name(number))),
    }
}

fn push(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = writeln!(out, "{line}");
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// When the text is no recording, one of a later version, or damaged anywhere but in its last line.
    pub fn parse(text: &[u8]) -> Result<Self, RecordError> {
        let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        // What stands after the last line end is empty, or a line that was torn.
        let tail = lines.pop().unwrap_or_default();
        let mut recording = Self { torn: !tail.is_empty(), ..Self::default() };
        let Some((head, events)) = lines.split_first() else {
            return recording.without_head(tail);
        };
        match version(head).ok_or(RecordError::NotARecording)? {
            VERSION => {}
            version => return Err(RecordError::Newer { version }),
        }
        let mut now = Duration::ZERO;
        for (index, event) in events.iter().enumerate() {
            recording.take(event, index + 2, &mut now)?;
        }
        Ok(recording)
    }

    /// A file of less than one line is a recording only if it could have become one.
    fn without_head(mut self, tail: &[u8]) -> Result<Self, RecordError> {
        self.torn = true;
        let head = format!("{MAGIC}{VERSION}");
        if head.as_bytes().starts_with(tail) { Ok(self) } else { Err(RecordError::NotARecording) }
    }

    fn take(&mut self, event: &[u8], line: usize, now: &mut Duration) -> Result<(), RecordError> {
        if let Some(label) = event.strip_prefix(b"#") {
            self.labels.push(String::from_utf8_lossy(label).trim().to_owned());
            return Ok(());
        }
        let (at, event) = parse_event(event).ok_or(RecordError::BadLine { line })?;
        if at < *now {
            return Err(RecordError::Backwards { line });
        }
        if self.end.is_some() {
            return Err(RecordError::AfterEnd { line });
        }
        *now = at;
        match event {
            Event::Read(stream, bytes) => self.reads.push(Read { at, stream, bytes }),
            Event::End(exit) => self.end = Some((at, exit)),
        }
        Ok(())
    }

    /// The recording as a file of this version; what was torn off stays off.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = String::new();
        write_head(&mut out);
        for label in &self.labels {
            write_label(&mut out, label);
        }
        for read in &self.reads {
            write_read(&mut out, *read);
        }
        if let Some((at, exit)) = self.end {
            write_end(&mut out, at, exit);
        }
        out
    }
}

enum Event {
    Read(Stream, u64),
    End(Exit),
}

fn version(head: &[u8]) -> Option<u32> {
    number(std::str::from_utf8(head).ok()?.strip_prefix(MAGIC)?)
}

fn parse_event(line: &[u8]) -> Option<(Duration, Event)> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (at, kind, value) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let event = match kind {
        "o" => Event::Read(Stream::Stdout, number(value)?),
        "e" => Event::Read(Stream::Stderr, number(value)?),
        "exit" => Event::End(Exit::Code(value.parse().ok()?)),
        "signal" => Event::End(Exit::Signal(signal::number(value)?)),
        _ => return None,
    };
    Some((Duration::from_micros(number(at)?), event))
}

/// Digits only: `+1` is what no one writes.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests;
