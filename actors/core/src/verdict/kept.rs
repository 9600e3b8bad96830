//! The result lines of one attempt, as many of them as are kept: a child may print more than a machine can hold, and
//! its first lines and its last ones say most. What is left out is counted.

use super::Finding;

/// So many result lines are kept from the beginning of an attempt.
pub const FIRST_KEPT: usize = 1000;
/// And so many from its end.
pub const LAST_KEPT: usize = 1000;
/// So many notes are kept, from the beginning.
pub const NOTES_KEPT: usize = 1000;

/// Findings in the order of reading. Each has a number, the count of those before it, that stays valid when it is left
/// out.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The first ones, and behind them a ring of the last ones.
    kept: Vec<Finding>,
    pushed: u64,
}

impl Findings {
    /// Adds one; returns its number.
    pub(crate) fn push(&mut self, finding: Finding) -> u64 {
        let number = self.pushed;
        match self.kept.get_mut(place(number)) {
            Some(oldest) => *oldest = finding,
            None => self.kept.push(finding),
        }
        self.pushed += 1;
        number
    }

    /// How many there were in all: the number of the next one.
    pub(crate) const fn pushed(&self) -> u64 {
        self.pushed
    }

    /// The one of this number, where it is kept.
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Finding> {
        self.holds(number).then(|| self.kept.get_mut(place(number))).flatten()
    }

    /// Those from this number on that are kept.
    pub(crate) fn since(&self, number: u64) -> impl Iterator<Item = &Finding> {
        let kept = (number..self.pushed).filter(|number| self.holds(*number));
        kept.filter_map(|number| self.kept.get(place(number)))
    }

    const fn holds(&self, number: u64) -> bool {
        number < FIRST_KEPT as u64 || self.pushed - number <= LAST_KEPT as u64
    }

    /// Gives away those that are kept, and says how many are not.
    pub(crate) fn take(&mut self) -> (Vec<Finding>, u64) {
        let Self { mut kept, pushed } = std::mem::take(self);
        let omitted = pushed - kept.len() as u64;
        if omitted > 0 {
            // The ring begins where the next one would have been put.
            kept[FIRST_KEPT..].rotate_left(place(pushed) - FIRST_KEPT);
        }
        (kept, omitted)
    }
}

/// Where the finding of this number is kept.
#[expect(clippy::cast_possible_truncation, reason = "both are smaller than what is kept")]
const fn place(number: u64) -> usize {
    if number < FIRST_KEPT as u64 {
        number as usize
    } else {
        FIRST_KEPT + ((number - FIRST_KEPT as u64) % LAST_KEPT as u64) as usize
    }
}
