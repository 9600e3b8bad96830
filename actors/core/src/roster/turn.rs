//! An attempt on its way, from the line to its end.

use super::Place;

/// An attempt that waits or runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) query: Place,
    /// Its place among the entries.
    pub(super) rank: u64,
    /// Counted from 1 in this run.
    pub(super) attempt: u32,
    /// Which of its passes, counted from 0.
    pub(super) pass: usize,
    /// The same attempt, counted from 1 in its pass.
    pub(super) of_pass: u32,
    /// The limit of its memory.
    pub(super) memory: Option<u64>,
    /// What it is expected to need of the budget.
    pub(super) needs: u64,
    /// Nothing is to run beside it.
    pub(super) is_alone: bool,
    /// It is asked because its time has come.
    pub(super) is_round: bool,
}

impl Turn {
    /// It is not the first attempt at what is asked.
    pub(super) const fn goes_on(&self) -> bool {
        self.pass > 0 || self.of_pass > 1
    }
}
