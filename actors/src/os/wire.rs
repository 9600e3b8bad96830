//! The words between the supervisor and its guardian, as bytes: one message is one packet.
//!
//! For the two ends of the socket only. Decoding checks every length and must never panic, whatever the bytes are:
//! a guardian that falls over takes every running query with it. It must never touch a descriptor or a process.

mod limits;

use std::ffi::CStr;

use super::TreeLimits;
use super::evidence::Seen;
use super::fields::Reader;
pub(super) use super::fields::{Strings, WireError};
use limits::{decode_limits, decode_seen, encode_limits, put_seen};

/// A request up to this size is one packet; a larger one travels in a memfd, announced by [`Request::Large`].
pub(super) const PACKET: usize = 64 * 1024;
/// No request is larger: more than any kernel takes for arguments and environment together.
pub(super) const LARGEST: usize = 64 * 1024 * 1024;

/// What the supervisor asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    /// Start a child.
    Spawn(Spawn<'a>),
    /// Term (and Cont) to a child's group, or Kill to its tree.
    Signal {
        /// The child.
        id: u64,
        /// Kill, in place of Term.
        kill: bool,
    },
    /// Kill what is left of the tree of a dead leader, reap it, answer.
    Sweep {
        /// The child.
        id: u64,
    },
    /// Kill and sweep whatever this child is, and answer nothing.
    Forget {
        /// The child.
        id: u64,
    },
    /// Hold the descriptor that comes along until the end.
    Hold,
    /// Stop or continue every child.
    Pause {
        /// Stop, in place of continue.
        stopped: bool,
    },
    /// The Spawn of so many bytes is in the first descriptor.
    Large {
        /// The child that it is for.
        id: u64,
        /// Its length.
        length: u64,
    },
}

/// How to start a child. Every text ends with the NUL that exec wants, so that nothing is copied again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spawn<'a> {
    /// Names the child from now on.
    pub(super) id: u64,
    /// A descriptor for its standard input comes along.
    pub(super) stdin: bool,
    /// What its tree may use.
    pub(super) limits: TreeLimits,
    /// What is executed: a path.
    pub(super) program: &'a CStr,
    /// Its working directory.
    pub(super) cwd: &'a CStr,
    /// The entry of its environment that marks its tree, whole: `NAME=value`.
    pub(super) cookie: &'a CStr,
    /// Its arguments, from argv[0] on.
    pub(super) argv: Strings<'a>,
    /// The rest of its environment.
    pub(super) env: Strings<'a>,
}

/// What the guardian answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// The first word: it is at work, or this went wrong.
    Ready {
        /// 0: nothing.
        errno: i32,
    },
    /// It runs; the read ends of its stdout and stderr come along.
    Spawned {
        /// The child.
        id: u64,
    },
    /// It does not run.
    SpawnFailed {
        /// The child that is none.
        id: u64,
        /// What went wrong, by [`Step`].
        step: Step,
        /// And how.
        errno: i32,
    },
    /// The leader has exited and is a zombie.
    Exited {
        /// The child.
        id: u64,
        /// Killed by the signal `status`, in place of left with the code `status`.
        signalled: bool,
        /// The code or the signal.
        status: i32,
        /// User and system time, in microseconds.
        cpu_us: u64,
        /// The largest resident set, in KiB.
        max_rss_kib: u64,
        /// The limit for which the system itself ended it.
        refined: Option<Seen>,
    },
    /// The tree is above a limit; the leader lives.
    Exceeded {
        /// The child.
        id: u64,
        /// Which limit, and what was seen.
        seen: Seen,
    },
    /// Nothing of the tree is there any more.
    Swept {
        /// The child.
        id: u64,
        /// How many processes had outlived the leader.
        leftovers: u32,
    },
    /// Something of the tree was killed and does not die.
    Stuck {
        /// The child.
        id: u64,
        /// The process, as the guardian sees it; 0: it cannot be told.
        pid: i32,
        /// The guardian has not the right to kill it.
        refused: bool,
    },
    /// The last word: everything is dead, or what is left does not die.
    Farewell {
        /// How many processes were found at the end that belonged to no known query.
        unattributed: u32,
        /// How many do not die. The guardian waits for them, and holds what it was given to hold.
        left: u32,
        /// One of those.
        pid: i32,
    },
}

/// The step of a start that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Step {
    /// The request was not understood.
    Request = 1,
    /// Making the pipes.
    Pipe = 2,
    /// Making the process.
    Clone = 3,
    /// Watching it.
    Watch = 4,
    /// Giving it a session, and its death with the guardian.
    Session = 5,
    /// Its descriptors.
    Stdio = 6,
    /// Its limits.
    Limits = 7,
    /// Entering the working directory.
    Chdir = 8,
    /// Executing the program.
    Exec = 9,
    /// Taking over its pipes: it runs, but the supervisor could not have them.
    Receive = 10,
    /// Making its control groups, or entering them.
    Group = 11,
}

impl Step {
    /// The step of this number.
    pub(super) const fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            1 => Self::Request,
            2 => Self::Pipe,
            3 => Self::Clone,
            4 => Self::Watch,
            5 => Self::Session,
            6 => Self::Stdio,
            7 => Self::Limits,
            8 => Self::Chdir,
            9 => Self::Exec,
            10 => Self::Receive,
            11 => Self::Group,
            _ => return None,
        })
    }
}

impl<'a> Request<'a> {
    /// Reads one message; all of it must be used up.
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut rest = Reader(bytes);
        let request = match rest.byte()? {
            b'S' => Self::Spawn(Spawn::decode(&mut rest)?),
            b'K' => Self::Signal { id: rest.u64()?, kill: rest.flag()? },
            b'W' => Self::Sweep { id: rest.u64()? },
            b'F' => Self::Forget { id: rest.u64()? },
            b'H' => Self::Hold,
            b'P' => Self::Pause { stopped: rest.flag()? },
            b'L' => Self::Large { id: rest.u64()?, length: rest.u64()? },
            _ => return Err(WireError::Kind),
        };
        rest.end()?;
        Ok(request)
    }

    /// The id in what may be a broken Spawn, so that it can be refused by name.
    pub(super) fn spawn_id(bytes: &[u8]) -> Option<u64> {
        let mut rest = Reader(bytes);
        (rest.byte().ok()? == b'S').then(|| rest.u64().ok()).flatten()
    }

    /// Writes a message that is no Spawn (see [`SpawnWriter`]).
    pub(super) fn encode_small(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(17);
        match *self {
            Self::Signal { id, kill } => put(&mut bytes, b'K', &[&id.to_le_bytes(), &[u8::from(kill)]]),
            Self::Sweep { id } => put(&mut bytes, b'W', &[&id.to_le_bytes()]),
            Self::Forget { id } => put(&mut bytes, b'F', &[&id.to_le_bytes()]),
            Self::Hold => put(&mut bytes, b'H', &[]),
            Self::Pause { stopped } => put(&mut bytes, b'P', &[&[u8::from(stopped)]]),
            Self::Large { id, length } => put(&mut bytes, b'L', &[&id.to_le_bytes(), &length.to_le_bytes()]),
            Self::Spawn(_) => {}
        }
        bytes
    }
}

impl<'a> Spawn<'a> {
    fn decode(rest: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(Self {
            id: rest.u64()?,
            stdin: rest.flag()?,
            limits: decode_limits(rest)?,
            program: rest.text()?,
            cwd: rest.text()?,
            cookie: rest.text()?,
            argv: rest.strings()?,
            env: rest.strings()?,
        })
    }
}

/// Writes a Spawn: its fields in the order in which they are declared.
pub(super) struct SpawnWriter {
    bytes: Vec<u8>,
}

impl SpawnWriter {
    /// Begins one.
    pub(super) fn new(id: u64, stdin: bool, limits: TreeLimits) -> Self {
        let mut bytes = Vec::with_capacity(2048);
        bytes.push(b'S');
        bytes.extend_from_slice(&id.to_le_bytes());
        bytes.push(u8::from(stdin));
        encode_limits(limits, &mut bytes);
        Self { bytes }
    }

    /// Adds a single text, given in parts.
    pub(super) fn text(&mut self, parts: &[&[u8]]) -> Result<(), WireError> {
        let mark = self.begin_length();
        self.terminated(parts)?;
        self.end_length(mark);
        Ok(())
    }

    /// Adds a list; `fill` pushes each text, given in parts.
    pub(super) fn list<E: From<WireError>>(
        &mut self,
        fill: impl FnOnce(&mut dyn FnMut(&[&[u8]]) -> Result<(), WireError>) -> Result<(), E>,
    ) -> Result<(), E> {
        let count_at = self.begin_length();
        let mark = self.begin_length();
        let mut count = 0_u32;
        fill(&mut |parts| {
            count += 1;
            self.terminated(parts)
        })?;
        self.bytes[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
        self.end_length(mark);
        Ok(())
    }

    /// The message.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn terminated(&mut self, parts: &[&[u8]]) -> Result<(), WireError> {
        for part in parts {
            if part.contains(&0) {
                return Err(WireError::Nul);
            }
            self.bytes.extend_from_slice(part);
        }
        self.bytes.push(0);
        Ok(())
    }

    fn begin_length(&mut self) -> usize {
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.len() - 4
    }

    fn end_length(&mut self, mark: usize) {
        let length = u32::try_from(self.bytes.len() - mark - 4).unwrap_or(u32::MAX);
        self.bytes[mark..mark + 4].copy_from_slice(&length.to_le_bytes());
    }
}

impl Reply {
    /// Writes it over what is in `bytes`.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.clear();
        match *self {
            Self::Ready { errno } => put(bytes, b'r', &[&errno.to_le_bytes()]),
            Self::Spawned { id } => put(bytes, b's', &[&id.to_le_bytes()]),
            Self::SpawnFailed { id, step, errno } => {
                put(bytes, b'f', &[&id.to_le_bytes(), &[step as u8], &errno.to_le_bytes()]);
            }
            Self::Exited { id, signalled, status, cpu_us, max_rss_kib, refined } => {
                let (id, cpu, rss) = (id.to_le_bytes(), cpu_us.to_le_bytes(), max_rss_kib.to_le_bytes());
                put(bytes, b'e', &[&id, &[u8::from(signalled)], &status.to_le_bytes(), &cpu, &rss]);
                put_seen(bytes, refined);
            }
            Self::Exceeded { id, seen } => {
                put(bytes, b'x', &[&id.to_le_bytes()]);
                put_seen(bytes, Some(seen));
            }
            Self::Swept { id, leftovers } => {
                put(bytes, b'w', &[&id.to_le_bytes(), &leftovers.to_le_bytes()]);
            }
            Self::Stuck { id, pid, refused } => {
                put(bytes, b'k', &[&id.to_le_bytes(), &pid.to_le_bytes(), &[u8::from(refused)]]);
            }
            Self::Farewell { unattributed, left, pid } => {
                put(bytes, b'q', &[&unattributed.to_le_bytes(), &left.to_le_bytes(), &pid.to_le_bytes()]);
            }
        }
    }

    /// Reads one message; all of it must be used up.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut rest = Reader(bytes);
        let reply = match rest.byte()? {
            b'r' => Self::Ready { errno: rest.i32()? },
            b's' => Self::Spawned { id: rest.u64()? },
            b'f' => Self::SpawnFailed {
                id: rest.u64()?,
                step: Step::from_number(i32::from(rest.byte()?)).ok_or(WireError::Kind)?,
                errno: rest.i32()?,
            },
            b'e' => Self::Exited {
                id: rest.u64()?,
                signalled: rest.flag()?,
                status: rest.i32()?,
                cpu_us: rest.u64()?,
                max_rss_kib: rest.u64()?,
                refined: decode_seen(&mut rest)?,
            },
            b'x' => Self::Exceeded { id: rest.u64()?, seen: decode_seen(&mut rest)?.ok_or(WireError::Kind)? },
            b'w' => Self::Swept { id: rest.u64()?, leftovers: rest.u32()? },
            b'k' => Self::Stuck { id: rest.u64()?, pid: rest.i32()?, refused: rest.flag()? },
            b'q' => Self::Farewell { unattributed: rest.u32()?, left: rest.u32()?, pid: rest.i32()? },
            _ => return Err(WireError::Kind),
        };
        rest.end()?;
        Ok(reply)
    }
}

fn put(bytes: &mut Vec<u8>, kind: u8, fields: &[&[u8]]) {
    bytes.push(kind);
    for field in fields {
        bytes.extend_from_slice(field);
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
