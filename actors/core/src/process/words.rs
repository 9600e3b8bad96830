//! What goes into the machine of an attempt and what comes out of it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cause::{Cause, Excess, Exit, Outcome, StopMethod, Usage};
use crate::rules::Stream;
use crate::verdict::{Finding, Judgement};

/// The listener inside the machine: output in, findings and a wish to stop out.
///
/// `lines::Reader` is the real one; the enumeration of the machine uses a tiny one.
pub trait Ear {
    /// Takes in a chunk of bytes that arrived `at` this long after the start of the attempt. Cutting the same bytes
    /// into other chunks must give the same findings and the same wish.
    fn hear(
        &mut self,
        stream: Stream,
        bytes: &[u8],
        at: Duration,
        found: &mut Vec<Finding>,
    ) -> Option<StopMethod>;

    /// Takes in the end of a stream: a last line without a line end is a line.
    fn close(&mut self, stream: Stream, at: Duration, found: &mut Vec<Finding>) -> Option<StopMethod>;

    /// What it all adds up to. `exit` is `None` if the process was never seen to leave.
    fn judge(&mut self, cause: Cause, exit: Option<Exit>) -> Judgement;
}

impl<E: Ear + ?Sized> Ear for Box<E> {
    fn hear(
        &mut self,
        stream: Stream,
        bytes: &[u8],
        at: Duration,
        found: &mut Vec<Finding>,
    ) -> Option<StopMethod> {
        (**self).hear(stream, bytes, at, found)
    }

    fn close(&mut self, stream: Stream, at: Duration, found: &mut Vec<Finding>) -> Option<StopMethod> {
        (**self).close(stream, at, found)
    }

    fn judge(&mut self, cause: Cause, exit: Option<Exit>) -> Judgement {
        (**self).judge(cause, exit)
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The roster has given this attempt a slot.
    Begin,
    /// Somebody wants it to end: by Term and grace, or `forced`, by Kill at once.
    Abort {
        /// Why.
        cause: Cause,
        /// Whether to skip the grace.
        forced: bool,
    },
    /// The process is there.
    Spawned,
    /// The process could not be started.
    SpawnFailed {
        /// The system was short of something: the query goes back to the roster.
        transient: bool,
        /// A sentence for the user.
        text: Arc<str>,
    },
    /// It printed something that cannot be taken yet, for the log is behind, or whoever hears it. Output keeps its order, so
    /// that this ends with the next of it.
    Held,
    /// It printed something.
    Chunk(Stream, &'a [u8]),
    /// One of its streams was closed.
    Eof(Stream),
    /// It was seen above a limit of its tree, while it runs; or it was found unwell, which is silence.
    Exceeded(Excess),
    /// The leader has left; it is a zombie until the sweep.
    Exited(Departure),
    /// Its tree is gone, the leader was reaped, and so many had outlived it.
    Swept {
        /// How many were killed after the leader's exit.
        leftovers: u32,
    },
    /// The hold on the process is lost.
    Vanished(Arc<str>),
    /// Time has passed.
    Wake,
}

/// How the leader left.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Departure {
    /// How.
    pub exit: Exit,
    /// At what cost.
    pub usage: Usage,
    /// The limit for which the system itself ended it, which only its exit reveals.
    pub refined: Option<Excess>,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start the process.
    Spawn,
    /// Term (and Cont) to its group, or Kill to its tree.
    Signal(StopMethod),
    /// Kill what is left of its tree, then reap the leader.
    Sweep,
    /// Read no further.
    ClosePipes,
    /// Tell the supervisor.
    Report(Fact),
}

/// What an attempt tells of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// The process is there.
    Started,
    /// Result lines were read.
    Verdict {
        /// The last of them.
        last: Finding,
        /// How many came at once. One fact a chunk, however many lines it holds: the outcome has them all.
        of: usize,
    },
    /// Its end has begun.
    Stopping {
        /// Why.
        cause: Cause,
        /// By what.
        method: StopMethod,
    },
    /// The process has left and all its output is read: its slot is free, while what it may have left behind is swept.
    Left,
    /// It could not be started just now: the last fact of an attempt that does not count.
    Returned(Arc<str>),
    /// It is over: the last fact of an attempt.
    Finished(Box<Outcome>),
}

/// How long the machine waits for what ought to come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Patience {
    /// For the end of the output after the leader's exit, without the time for which output is [held](Event::Held). What
    /// holds the pipes longer is a leak and is swept.
    pub drain: Duration,
    /// For the exit after Kill. What takes longer is stuck in the kernel.
    pub reap: Duration,
    /// For the sweep, and once more for the end of the output after it, as for the drain.
    pub sweep: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { drain: Duration::from_millis(200), reap: seconds(5), sweep: seconds(5) }
    }
}

/// Where an attempt stands, without the details. The order is the order of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// No slot yet.
    Idle,
    /// Being started.
    Starting,
    /// At work.
    Running,
    /// Was sent Term, has some grace left.
    Stopping,
    /// Was sent Kill.
    Killing,
    /// Has left; the rest of its output is awaited.
    Draining,
    /// The rest of its tree is being ended.
    Sweeping,
    /// Over.
    Done,
}
