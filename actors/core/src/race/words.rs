//! What a race is told, what it orders, and what became of it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Whose turn it is: the place of a command in the list of its race, counted from 0.
pub type Entrant = u32;

/// What an entrant has said.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Said {
    /// Its verdict.
    pub verdict: Arc<str>,
    /// Whether that settles the question, which only the caller knows.
    pub conclusive: bool,
}

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The race begins.
    Begin,
    /// The process of an entrant is there: its time runs.
    Started(Entrant),
    /// It has said something, while it runs or as it ends. What it said before is replaced, unless that was conclusive.
    Said(Entrant, Said),
    /// It is down, or could not be started.
    Ended(Entrant),
    /// The race is broken off.
    Stop,
}

/// Something that has to be done, or to be known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Start this one.
    Start(Entrant),
    /// End this one, for the question is settled or the race broken off. Its end is waited for.
    Stop(Entrant),
    /// This one was the first to say something conclusive. It ends by itself.
    Won {
        /// Who.
        entrant: Entrant,
        /// From its start to what it said.
        took: Duration,
        /// By how much, as far as it is known now, as in [`Finish::margin`].
        margin: Option<Margin>,
    },
    /// This one has said something conclusive, too, and something else: one of the two is wrong.
    Contradiction {
        /// Who.
        entrant: Entrant,
        /// What, in contrast to the winner.
        verdict: Arc<str>,
    },
    /// All are down.
    Over(Finish),
}

/// What became of a race.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finish {
    /// Whose answer is that of the race: the winner's; without a winner that of the first in the list that has said anything, else
    /// that of the first one.
    pub entrant: Entrant,
    /// What it has said.
    pub said: Option<Said>,
    /// From its start to what it said, or to its end where it said nothing conclusive. Zero for one that never ran.
    pub took: Duration,
    /// By how much it has won; `None` without a winner, and where nobody else could have won: all others had ended without a
    /// conclusive verdict, or had no process yet.
    pub margin: Option<Margin>,
    /// Who said something conclusive and something else, and what.
    pub contradictions: Vec<(Entrant, Arc<str>)>,
}

/// By how much a race was won: how much longer the next one took for a conclusive verdict, each from its own start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Margin {
    /// The next one had its verdict, too, before it was ended.
    Exactly(Duration),
    /// The next one was ended before: it would have taken at least so much longer. That may be nothing, where it had begun
    /// later.
    AtLeast(Duration),
}
