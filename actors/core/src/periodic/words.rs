//! What is set of work that is done again and again, what is told of it, and what is ordered.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::roster::Place;

/// When a query is asked, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Schedule {
    /// From the time of one round to that of the next, however long a round takes. At least a microsecond.
    pub every: Duration,
    /// The first round is this much later at most: by how much depends on the seed and on the query, so that not all that were
    /// added together are asked together. It is less than this, and the same for all rounds of a query.
    pub jitter: Duration,
    /// What to do when the round before still runs.
    pub overlap: Overlap,
}

/// What to do at the time of a round when the one before still runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Overlap {
    /// The round is left out.
    #[default]
    Skip,
    /// The round waits and starts when the one before is down. One may wait; a further one is left out.
    Queue,
    /// The one before is ended, and the round starts when it is down. What was ended so tells nothing of its host.
    Kill,
}

/// Something that has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A round is over.
    Ended {
        /// Of which query.
        query: Place,
        /// Whether its host has answered.
        well: bool,
    },
    /// A round that was to start has not begun and makes room for the one that waits: it is left out after all.
    Unmade {
        /// Of which query.
        query: Place,
    },
    /// Time has passed.
    Wake,
}

/// Something that has to be done, or to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Start a round: none of this query runs.
    Start {
        /// Which query.
        query: Place,
        /// Which round of it, counted from 0 by time: those that were left out count.
        round: u64,
    },
    /// End the round that runs. Its end is waited for.
    Kill {
        /// Of which query.
        query: Place,
    },
    /// Rounds are not made.
    LeftOut {
        /// Of which query.
        query: Place,
        /// How many.
        rounds: u64,
        /// Why.
        why: LeftOut,
    },
}

/// Why a round is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LeftOut {
    /// The one before still runs, or one waits already.
    Busy,
    /// Its time was over when anybody looked: the machine slept, or the clock stood still.
    Missed,
    /// Its host has failed lately.
    Host,
}

/// What became of a query's rounds so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rounds {
    /// Started.
    pub made: u64,
    /// Left out because one was still running.
    pub busy: u64,
    /// Left out because nobody was awake.
    pub missed: u64,
    /// Left out to spare a host that had failed.
    pub spared: u64,
}

impl Rounds {
    /// Those that were left out.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.busy + self.missed + self.spared
    }

    pub(super) const fn leave_out(&mut self, rounds: u64, why: LeftOut) {
        let count = match why {
            LeftOut::Busy => &mut self.busy,
            LeftOut::Missed => &mut self.missed,
            LeftOut::Host => &mut self.spared,
        };
        *count += rounds;
    }
}

impl std::ops::AddAssign for Rounds {
    fn add_assign(&mut self, Self { made, busy, missed, spared }: Self) {
        self.made += made;
        self.busy += busy;
        self.missed += missed;
        self.spared += spared;
    }
}

impl std::iter::Sum for Rounds {
    fn sum<I: Iterator<Item = Self>>(rounds: I) -> Self {
        rounds.fold(Self::default(), |mut sum, rounds| {
            sum += rounds;
            sum
        })
    }
}

/// What a query asks, as far as others ask the same: a host's name or address, or whatever fails as a whole.
pub type Host = Arc<str>;
