//! The shared count: how many wait, run and are done, and as what. The sum is always the total.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cause::{CUT_SHORT, Outcome};

/// What a finished query is counted as: its cause's word and its verdict.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Class {
    /// The word of the column `cause`.
    pub cause: Arc<str>,
    /// The verdict, where there is one.
    pub verdict: Option<Arc<str>>,
    /// Whether it ended well.
    pub well: bool,
}

impl Class {
    /// What an outcome is counted as, where this verdict (or none in particular) was expected.
    #[must_use]
    pub fn of(outcome: &Outcome, expected: Option<&str>) -> Self {
        let (cause, verdict) = (outcome.cause_word().into(), outcome.judgement.verdict.clone());
        Self { cause, verdict, well: outcome.is_well(expected) }
    }
}

/// One change of the count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A query has come that is not in the plan.
    Submitted,
    /// A query has left the queue.
    Started,
    /// A query is back in the queue.
    Requeued,
    /// A query is done, and its row is durable.
    Done(Class),
    /// The same of one that waited until then, for it is known without an attempt, or was cancelled.
    Foregone(Class),
    /// A query that was done, and counted as this, waits again.
    Reopened(Class),
}

/// The count at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All queries: those of the plan, and those that came while it ran.
    pub total: usize,
    /// Not begun, or waiting for another attempt.
    pub waiting: usize,
    /// Begun and not yet counted as done.
    pub running: usize,
    /// Done, in an earlier run too.
    pub done: usize,
    /// Those of them that an earlier run had done.
    pub reused: usize,
    /// Those of them that ended well.
    pub well: usize,
    /// The done ones by what they came to.
    pub classes: BTreeMap<Class, usize>,
}

impl Counts {
    /// A count of so many queries, of which these were done before.
    #[must_use]
    pub fn new(total: usize, reused: impl IntoIterator<Item = Class>) -> Self {
        let mut counts = Self { total, waiting: total, ..Self::default() };
        for class in reused {
            counts.waiting = counts.waiting.saturating_sub(1);
            counts.reused += 1;
            counts.done += 1;
            counts.classify(class);
        }
        counts
    }

    /// Not yet done.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.waiting + self.running
    }

    /// Done only in so far as the run had to end: they are run again when it is taken up.
    #[must_use]
    pub fn cut_short(&self) -> usize {
        let cut = |class: &Class| CUT_SHORT.contains(&&*class.cause);
        self.classes.iter().filter(|(class, _)| cut(class)).map(|(_, n)| n).sum()
    }

    /// Whether the sum is the total.
    #[must_use]
    pub const fn is_consistent(&self) -> bool {
        self.waiting + self.running + self.done == self.total
    }

    /// Takes in one change. A change that cannot be, such as a start with nothing waiting, changes nothing.
    pub fn apply(&mut self, change: Change) {
        let (from, to) = match &change {
            Change::Submitted => {
                self.total += 1;
                self.waiting += 1;
                return;
            }
            Change::Started => (&mut self.waiting, &mut self.running),
            Change::Requeued => (&mut self.running, &mut self.waiting),
            Change::Done(_) => (&mut self.running, &mut self.done),
            Change::Foregone(_) => (&mut self.waiting, &mut self.done),
            Change::Reopened(class) => return self.reopen(class),
        };
        let Some(rest) = from.checked_sub(1) else { return };
        *from = rest;
        *to += 1;
        if let Change::Done(class) | Change::Foregone(class) = change {
            self.classify(class);
        }
    }

    /// Nothing changes where none is done that was counted so.
    fn reopen(&mut self, class: &Class) {
        let Some(of_class) = self.classes.get_mut(class) else { return };
        *of_class -= 1;
        if *of_class == 0 {
            self.classes.remove(class);
        }
        self.well -= usize::from(class.well);
        self.done -= 1;
        self.waiting += 1;
    }

    fn classify(&mut self, class: Class) {
        self.well += usize::from(class.well);
        *self.classes.entry(class).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(well: bool) -> Class {
        Class { cause: "exited".into(), verdict: Some("true".into()), well }
    }

    #[test]
    fn the_sum_is_always_the_total() {
        let changes = [
            Change::Started,
            Change::Requeued,
            Change::Done(class(true)),
            Change::Done(class(false)),
            Change::Foregone(class(true)),
            Change::Submitted,
            Change::Reopened(class(false)),
        ];
        // Every sequence of seven changes, the impossible ones too.
        for code in 0..7_usize.pow(7) {
            let mut counts = Counts::new(3, [class(true)]);
            for digit in 0..7 {
                counts.apply(changes[code / 7_usize.pow(digit) % 7].clone());
                assert!(counts.is_consistent(), "{counts:?}");
                assert_eq!(counts.classes.values().sum::<usize>(), counts.done);
                assert!(counts.well <= counts.done && counts.reused == 1);
            }
        }
    }

    #[test]
    fn a_life_is_counted_step_by_step() {
        let mut counts = Counts::new(2, []);
        counts.apply(Change::Started);
        assert_eq!((counts.waiting, counts.running, counts.done, counts.left()), (1, 1, 0, 2));
        counts.apply(Change::Requeued);
        assert_eq!((counts.waiting, counts.running), (2, 0));
        counts.apply(Change::Started);
        counts.apply(Change::Done(class(true)));
        assert_eq!(
            (counts.waiting, counts.running, counts.done, counts.well, counts.left()),
            (1, 0, 1, 1, 1)
        );
        counts.apply(Change::Foregone(class(false)));
        assert_eq!((counts.waiting, counts.running, counts.done, counts.well), (0, 0, 2, 1));
        counts.apply(Change::Foregone(class(false)));
        assert_eq!(counts.done, 2, "nobody waits any more");
        counts.apply(Change::Reopened(class(false)));
        assert_eq!((counts.waiting, counts.done, counts.well, counts.classes.len()), (1, 1, 1, 1));
    }
}
