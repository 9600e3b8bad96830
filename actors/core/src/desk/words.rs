//! What is told to the desk, what it orders, and what it lets others know.

use std::sync::Arc;
use std::time::Duration;

use crate::cause::{Cause, StopMethod};
use crate::periodic::LeftOut;
use crate::process::Fact;
use crate::roster::Place;
use crate::row::{Printed, Row};
use crate::tally::Change;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The run begins, or time has passed.
    Wake,
    /// An attempt tells of itself.
    Report {
        /// Which query.
        query: Place,
        /// Which attempt.
        attempt: u32,
        /// Microseconds since 1970 on the wall clock, for people.
        unix_us: i64,
        /// The log so far holds every byte, and tells the streams apart.
        log_is_whole: bool,
        /// What it has printed so far.
        printed: Printed,
        /// What it tells.
        fact: Fact,
    },
    /// Whoever attended to an attempt is no more: told once for each attempt, after all its reports. Does nothing if
    /// its last fact has arrived.
    Down {
        /// Which query.
        query: Place,
        /// Which attempt.
        attempt: u32,
        /// How.
        how: Arc<str>,
    },
    /// These logs, of rows that are on their way to the disk, are not whole.
    LogsBroken {
        /// Their names.
        logs: Vec<Arc<str>>,
    },
    /// So many further rows are on the disk, in the order in which they were sent there.
    Durable {
        /// How many.
        rows: usize,
    },
    /// Rows cannot be put on the disk just now; whoever writes them keeps on trying.
    Stalled {
        /// A sentence with the path.
        text: Arc<str>,
    },
    /// Rows can be put on the disk again.
    Resumed,
    /// Rows can be put on the disk no more.
    WriteFailed(Failure),
    /// What runs is to end, and nothing new starts; said again, it ends faster.
    Interrupt {
        /// Why.
        cause: Cause,
        /// By Kill at once.
        forced: bool,
    },
    /// Something that holds the run together is no more.
    Failed(Failure),
    /// Nobody wants to know this query any more: it is ended, or never started.
    Cancel {
        /// Which query.
        query: Place,
        /// By Kill at once.
        forced: bool,
    },
    /// From now on so many may run at a time.
    Slots(usize),
    /// Nothing new starts (`true`), or it goes on.
    Paused(bool),
    /// Nothing more is asked: it is over with what is there.
    Closed,
}

/// What must never happen, and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Results could not be written.
    Results(Arc<str>),
    /// The guardian died.
    Guardian,
    /// An actor that holds the run together died.
    Bug(Arc<str>),
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Begin an attempt.
    Start {
        /// Which query.
        query: Place,
        /// Which attempt.
        attempt: u32,
        /// Which of its passes, counted from 0.
        pass: usize,
        /// The name of its log.
        log: Arc<str>,
        /// The limit of its memory, in bytes: the plan's, or more after it was killed for that.
        memory: Option<u64>,
    },
    /// End an attempt.
    Abort {
        /// Which query; it has one live attempt.
        query: Place,
        /// Why.
        cause: Cause,
        /// By Kill at once.
        forced: bool,
        /// Between Term and Kill, if not as its limits say.
        grace: Option<Duration>,
    },
    /// The attempt of this query is over: nothing is asked of it any more.
    Release {
        /// Which query.
        query: Place,
    },
    /// Put this row on the disk, after those before.
    Write(Arc<Row>),
    /// Nothing is kept any more of the attempts of a query up to this number, neither rows nor logs. The one that stands has a higher
    /// number, and is on the disk.
    Discard {
        /// Which query.
        query: Place,
        /// Its id.
        id: Arc<str>,
        /// The number of the last attempt.
        up_to: u32,
    },
    /// A query that was over, and could have been started again, is over for good: nothing is asked of it any more.
    Forget {
        /// Which query.
        query: Place,
    },
    /// The count changes.
    Count(Change),
    /// Let whoever listens know.
    Tell(News),
}

/// What is worth telling to whoever listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A query has come that is not in the plan, and waits.
    Submitted {
        /// Which query.
        query: Place,
    },
    /// A query's process is there.
    Started {
        /// Which query.
        query: Place,
        /// Which attempt.
        attempt: u32,
        /// Which of its passes, counted from 0.
        pass: usize,
    },
    /// Result lines were read.
    Verdict {
        /// Which query.
        query: Place,
        /// The word of the last one.
        verdict: Arc<str>,
        /// How many there were at once.
        of: usize,
    },
    /// The process of an attempt has left and said its last, or is lost from sight; the attempt's row follows.
    Ended {
        /// Which query.
        query: Place,
        /// Which attempt.
        attempt: u32,
    },
    /// The end of a query has begun.
    Stopping {
        /// Which query.
        query: Place,
        /// Why.
        cause: Cause,
        /// By what.
        method: StopMethod,
    },
    /// An attempt is over and its row is durable, or a query is known without one and its row is.
    Done(Arc<Row>),
    /// A query that was over is started again, by the group that it stands in or for its next round, and another row will take the
    /// place of its last one.
    Reopened {
        /// Which query.
        query: Place,
    },
    /// Rounds of a query that is asked again and again are not made.
    LeftOut {
        /// Which query.
        query: Place,
        /// How many.
        rounds: u64,
        /// Why.
        why: LeftOut,
    },
    /// There were too many restarts in a group: all that stood in it are down, and the run goes on without them.
    GroupFailed {
        /// Its name.
        group: Arc<str>,
        /// A sentence.
        why: Arc<str>,
    },
    /// The system was short of something, and the query waits again.
    Returned {
        /// Which query.
        query: Place,
        /// A sentence.
        why: Arc<str>,
    },
    /// Rows cannot be put on the disk just now: nothing new starts.
    Stalled {
        /// A sentence with the path.
        text: Arc<str>,
    },
    /// Rows are put on the disk again.
    Resumed,
}

impl News {
    /// The query that it is about, if it is about one.
    #[must_use]
    pub fn query(&self) -> Option<Place> {
        match self {
            Self::Submitted { query }
            | Self::Started { query, .. }
            | Self::Verdict { query, .. }
            | Self::Ended { query, .. }
            | Self::Stopping { query, .. }
            | Self::Reopened { query }
            | Self::LeftOut { query, .. }
            | Self::Returned { query, .. } => Some(*query),
            Self::Done(row) => Some(row.query),
            Self::GroupFailed { .. } | Self::Stalled { .. } | Self::Resumed => None,
        }
    }
}
