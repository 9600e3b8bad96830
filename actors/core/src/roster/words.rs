//! What the roster is told of queries and within which bounds, and what it orders.

use std::sync::Arc;
use std::time::Duration;

use crate::cause::{Cause, Outcome, StopMethod};
use crate::periodic::LeftOut;
use crate::tick::Tick;

/// A query's place in the plan.
pub type Place = u32;

/// Something the supervisor has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Give this query a slot and begin its attempt of this number.
    Start {
        /// Which query.
        query: Place,
        /// Counted from 1, over all runs.
        attempt: u32,
        /// Which of its passes, counted from 0.
        pass: usize,
        /// The limit of its memory, in bytes.
        memory: Option<u64>,
    },
    /// End it.
    Abort {
        /// Which query.
        query: Place,
        /// Why.
        cause: Cause,
        /// By Kill at once.
        forced: bool,
        /// Between Term and Kill, if not as its limits say.
        grace: Option<Duration>,
    },
    /// Write down what became of an attempt, or of a query that is known without one.
    Record {
        /// Which query.
        query: Place,
        /// Which attempt; 0 where there was none.
        attempt: u32,
        /// Which of its passes, counted from 0.
        pass: usize,
        /// What comes next.
        then: Then,
        /// What became of it.
        outcome: Box<Outcome>,
    },
    /// It has left its slot and waits again.
    Requeued {
        /// Which query.
        query: Place,
    },
    /// It was over, and waits again: another row will take the place of its last one.
    Reopened {
        /// Which query.
        query: Place,
    },
    /// Rounds of it are not made.
    LeftOut {
        /// Which query.
        query: Place,
        /// How many.
        rounds: u64,
        /// Why.
        why: LeftOut,
    },
    /// There were too many restarts in a group that stands in no other: all that stood in it are down, and nothing starts them
    /// again.
    GroupFailed {
        /// Its name.
        group: Arc<str>,
        /// A sentence.
        why: Arc<str>,
    },
}

/// What follows in this run after something was written down of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing: this is the query's row.
    Nothing,
    /// It is tried again.
    Retry,
    /// It is asked in the next pass.
    NextPass,
    /// It is looked after, and started again.
    Restart,
}

/// What the roster has to know of a query beside what the plan says.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the plan.
    pub query: Place,
    /// How many attempts earlier runs have made.
    pub attempts_before: u32,
    /// Where it begins.
    pub rung: Rung,
    /// The most memory that it was seen to use in earlier runs, in bytes, where it ran.
    pub peak: Option<u64>,
}

/// How far an earlier run has come with the passes of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rung {
    /// The pass that is next, counted from 0.
    pub pass: usize,
    /// What those before have said.
    pub said: Option<Said>,
}

/// What a pass has said that was followed by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What it is called.
    pub pass: Option<Arc<str>>,
    /// Its verdict.
    pub verdict: Arc<str>,
}

impl Said {
    /// `pass `fast` said: cannot be proved`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { pass, verdict } = self;
        match pass {
            Some(pass) => format!("pass `{pass}` said: {verdict}"),
            None => format!("the pass before said: {verdict}"),
        }
    }
}

/// The bounds within which the roster works.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Queries that may run at a time, at least one.
    pub slots: usize,
    /// When what runs is ended.
    pub deadline: Option<Tick>,
    /// Rows that may wait for the disk before nothing new is started.
    pub unwritten: usize,
    /// What all that run together are expected to need at most, in bytes.
    pub memory_budget: Option<u64>,
    /// The machine's memory, in bytes, where it is known: what one query may be given at most.
    pub machine_memory: Option<u64>,
}

/// How hard to end everything at the n-th interruption of the run, counted from 1; `None` means: leave at once.
#[must_use]
pub const fn interruption(count: u32) -> Option<StopMethod> {
    match count {
        0 | 1 => Some(StopMethod::Term),
        2 => Some(StopMethod::Kill),
        _ => None,
    }
}
