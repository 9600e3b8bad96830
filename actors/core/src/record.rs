//! The `.timing` file beside a log: everything that the machine of an attempt was told, and when, so that the log can be
//! played again and be judged as it was.
//!
//! Text, a line an event, written as the run goes on and read long after; so the first line names the version, a
//! last line that was torn off is no error, and a newer version is refused rather than misread. What the events lead to
//! is `replay`'s to say.

pub(crate) mod signal;

use std::fmt::Write;
use std::time::Duration;

use crate::cause::{Cause, Exit, StopMethod};
use crate::process::{Effect, Event, Fact};
use crate::row::Printed;
use crate::rules::Stream;

/// What a file of this version begins with.
const MAGIC: &str = "# provisor-timing ";
const VERSION: u32 = 1;

/// What happened to one attempt, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// In order, each with its time since the start of the attempt. The bytes of the reads stand in the log, one read
    /// after the other.
    pub events: Vec<(Duration, Happening)>,
    /// What else was said about it (`# stretched 20x`).
    pub labels: Vec<String>,
    /// The last line was not written to its end; it is left out.
    pub torn: bool,
}

/// Something that happened to a recorded attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// A stream was read: so many bytes, or its end where there are none. Where a recording has no ends, the streams
    /// ended with the process.
    Read(Stream, u64),
    /// What was read next could not be taken at once: until then it was not silent.
    Held,
    /// Its end was begun, or made to come faster.
    Stopping {
        /// By what.
        method: StopMethod,
        /// Why: its first cause.
        cause: Cause,
    },
    /// The process left.
    Left {
        /// How.
        exit: Exit,
        /// The limit for which the kernel ended it.
        refined: Option<Cause>,
    },
    /// What ought to have come at once (the end of the output after the exit, the exit after Kill, the sweep) had not
    /// come, and was waited for no longer.
    Overdue,
    /// The rest of its tree is gone: so many had outlived it.
    Swept(u32),
    /// The hold on it was lost.
    Lost,
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
        "line {line} of the recording is not MICROSECONDS and then `o BYTES`, `e BYTES`, `held`, `term CAUSE`, \
         `kill CAUSE`, `exit CODE`, `signal NAME`, `overdue`, `swept COUNT` or `lost`"
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
    /// The process cannot leave, or be stopped, after it has left.
    #[error("line {line} of the recording comes after the exit of the process")]
    AfterExit {
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
    push(out, format_args!("# {}", on_one_line(label)));
}

/// A label is read as it would be written.
fn on_one_line(label: &str) -> String {
    label.replace(['\n', '\r'], " ").trim().to_owned()
}

/// Adds an event.
pub fn write_event(out: &mut String, at: Duration, happening: Happening) {
    let at = at.as_micros();
    match happening {
        Happening::Read(Stream::Stdout, bytes) => push(out, format_args!("{at} o {bytes}")),
        Happening::Read(Stream::Stderr, bytes) => push(out, format_args!("{at} e {bytes}")),
        Happening::Held => push(out, format_args!("{at} held")),
        Happening::Stopping { method: StopMethod::Term, cause } => {
            push(out, format_args!("{at} term {}", cause.word()));
        }
        Happening::Stopping { method: StopMethod::Kill, cause } => {
            push(out, format_args!("{at} kill {}", cause.word()));
        }
        Happening::Left { exit, refined } => {
            let space = if refined.is_some() { " " } else { "" };
            let refined = refined.map_or("", Cause::word);
            match exit {
                Exit::Code(code) => push(out, format_args!("{at} exit {code}{space}{refined}")),
                Exit::Signal(number) => {
                    push(out, format_args!("{at} signal {}{space}{refined}", signal::Name(number)));
                }
            }
        }
        Happening::Overdue => push(out, format_args!("{at} overdue")),
        Happening::Swept(leftovers) => push(out, format_args!("{at} swept {leftovers}")),
        Happening::Lost => push(out, format_args!("{at} lost")),
    }
}

/// What a recording says about a step of the machine: what it was told, and the stop that it led to.
pub fn of_step(event: &Event<'_>, effects: &[Effect]) -> impl Iterator<Item = Happening> + use<> {
    let stop = effects.iter().find_map(|effect| match effect {
        Effect::Report(Fact::Stopping { cause, method }) => {
            Some(Happening::Stopping { method: *method, cause: *cause })
        }
        _ => None,
    });
    let told = match event {
        Event::Held => Some(Happening::Held),
        Event::Chunk(_, []) => None,
        Event::Chunk(stream, bytes) => Some(Happening::Read(*stream, bytes.len() as u64)),
        Event::Eof(stream) => Some(Happening::Read(*stream, 0)),
        Event::Exited(departure) => {
            let refined = departure.refined.as_ref().map(|excess| excess.cause);
            Some(Happening::Left { exit: departure.exit, refined })
        }
        Event::Swept { leftovers } => Some(Happening::Swept(*leftovers)),
        Event::Vanished(_) => Some(Happening::Lost),
        // A limit (of the tree, too) or the grace is told by the stop that it led to.
        Event::Wake if stop.is_none() && !effects.is_empty() => Some(Happening::Overdue),
        _ => None,
    };
    told.into_iter().chain(stop)
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
        let Some((head, events)) = lines.split_first() else { return Self::without_head(tail) };
        match version(head).ok_or(RecordError::NotARecording)? {
            VERSION => {}
            version => return Err(RecordError::Newer { version }),
        }
        let mut parser = Parser::default();
        for (index, event) in events.iter().enumerate() {
            parser.take(event, index + 2)?;
        }
        Ok(Self { torn: !tail.is_empty(), ..parser.recording })
    }

    /// A file of less than one line is a recording only if it could have become one.
    fn without_head(tail: &[u8]) -> Result<Self, RecordError> {
        let head = format!("{MAGIC}{VERSION}");
        if head.as_bytes().starts_with(tail) {
            Ok(Self { torn: true, ..Self::default() })
        } else {
            Err(RecordError::NotARecording)
        }
    }

    /// How and when the process left, if that was recorded.
    #[must_use]
    pub fn exit(&self) -> Option<(Duration, Exit)> {
        self.events.iter().find_map(|(at, happening)| match happening {
            Happening::Left { exit, .. } => Some((*at, *exit)),
            _ => None,
        })
    }

    /// For which bytes of the log it accounts.
    #[must_use]
    pub fn printed(&self) -> Printed {
        let mut printed = Printed::default();
        for (_, happening) in &self.events {
            if let Happening::Read(stream, bytes) = happening {
                printed.add(*stream, *bytes);
            }
        }
        printed
    }

    /// The recording as a file of this version; what was torn off stays off.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = String::new();
        write_head(&mut out);
        for label in &self.labels {
            write_label(&mut out, label);
        }
        for (at, happening) in &self.events {
            write_event(&mut out, *at, *happening);
        }
        out
    }
}

/// A recording on its way in.
#[derive(Default)]
struct Parser {
    recording: Recording,
    now: Duration,
    has_left: bool,
}

impl Parser {
    fn take(&mut self, event: &[u8], line: usize) -> Result<(), RecordError> {
        if let Some(label) = event.strip_prefix(b"#") {
            self.recording.labels.push(on_one_line(&String::from_utf8_lossy(label)));
            return Ok(());
        }
        let (at, happening) = parse_event(event).ok_or(RecordError::BadLine { line })?;
        if at < self.now {
            return Err(RecordError::Backwards { line });
        }
        let is_of_a_live_one = matches!(happening, Happening::Left { .. } | Happening::Stopping { .. });
        if is_of_a_live_one && self.has_left {
            return Err(RecordError::AfterExit { line });
        }
        self.has_left |= matches!(happening, Happening::Left { .. });
        self.now = at;
        self.recording.events.push((at, happening));
        Ok(())
    }
}

fn version(head: &[u8]) -> Option<u32> {
    number(std::str::from_utf8(head).ok()?.strip_prefix(MAGIC)?)
}

fn parse_event(line: &[u8]) -> Option<(Duration, Happening)> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (at, kind) = (number(words.next()?)?, words.next()?);
    let happening = match (kind, words.next(), words.next()) {
        ("o", Some(bytes), None) => Happening::Read(Stream::Stdout, number(bytes)?),
        ("e", Some(bytes), None) => Happening::Read(Stream::Stderr, number(bytes)?),
        ("held", None, None) => Happening::Held,
        ("term", Some(cause), None) => stopping(StopMethod::Term, cause)?,
        ("kill", Some(cause), None) => stopping(StopMethod::Kill, cause)?,
        ("exit", Some(code), cause) => left(Exit::Code(number::<u8>(code)?.into()), cause)?,
        ("signal", Some(name), cause) => left(Exit::Signal(signal::number(name)?), cause)?,
        ("overdue", None, None) => Happening::Overdue,
        ("lost", None, None) => Happening::Lost,
        ("swept", Some(leftovers), None) => Happening::Swept(number(leftovers)?),
        _ => return None,
    };
    words.next().is_none().then_some((Duration::from_micros(at), happening))
}

fn stopping(method: StopMethod, cause: &str) -> Option<Happening> {
    let cause = Cause::named(cause).filter(|cause| *cause != Cause::Exited)?;
    Some(Happening::Stopping { method, cause })
}

fn left(exit: Exit, cause: Option<&str>) -> Option<Happening> {
    let refined = match cause {
        None => None,
        Some(cause) => Some(Cause::named(cause)?),
    };
    Some(Happening::Left { exit, refined })
}

/// Digits only: `+1` is what no one writes.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests;
