//! How much memory a query is expected to need, and whether it fits beside those that run.

use super::{Place, Turn};

/// What is known of a query's memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// The limit of its whole tree, where it has one.
    pub(super) limit: Option<u64>,
    /// The most that it was seen to use in earlier runs, where it ran.
    pub(super) peak: Option<u64>,
}

/// What all together may use, and how it is shared out.
#[derive(Debug)]
pub(super) struct Budget {
    all: Option<u64>,
    /// What one query may be given at most: the budget, or the machine's memory.
    most: u64,
    /// What those are expected to need that are at work.
    used: u64,
    /// One is at work that is to have the machine for itself.
    has_lone_one: bool,
}

impl Budget {
    pub(super) fn new(all: Option<u64>, of_machine: Option<u64>) -> Self {
        let most = all.into_iter().chain(of_machine).min();
        Self { all, most: most.unwrap_or(u64::MAX), used: 0, has_lone_one: false }
    }

    /// What a query is expected to need: what it used before and a quarter more, but not more than its limit; its limit
    /// where it never ran; and where nothing is known, what falls to each slot.
    pub(super) fn expected(&self, memory: Memory, slots: usize) -> u64 {
        let before = memory.peak.map(|peak| peak.saturating_add(peak / 4));
        let share = || self.all.unwrap_or(0) / u64::try_from(slots).unwrap_or(1).max(1);
        before.into_iter().chain(memory.limit).min().unwrap_or_else(share)
    }

    /// Whether it may run beside those at work. Beside nobody everything may: what needs more than all runs alone.
    pub(super) fn fits(&self, turn: &Turn, at_work: usize) -> bool {
        let within = self.all.is_none_or(|all| self.used.saturating_add(turn.needs) <= all);
        at_work == 0 || (within && !turn.is_alone && !self.has_lone_one)
    }

    pub(super) const fn take(&mut self, turn: &Turn) {
        self.used = self.used.saturating_add(turn.needs);
        self.has_lone_one |= turn.is_alone;
    }

    pub(super) const fn give_back(&mut self, turn: &Turn) {
        self.used = self.used.saturating_sub(turn.needs);
        self.has_lone_one &= !turn.is_alone;
    }

    /// The next attempt of one that was killed for its memory: alone, and with twice its limit, where it was its own that it
    /// had reached. None if that would be the same again.
    pub(super) fn relieved(&self, turn: &Turn, of_machine: bool) -> Option<Turn> {
        let memory = match turn.memory.filter(|_| !of_machine) {
            Some(limit) => {
                let twice = limit.saturating_mul(2).min(self.most);
                (twice > limit).then_some(Some(twice))?
            }
            None if turn.is_alone => return None,
            None => turn.memory,
        };
        let needs = memory.unwrap_or(turn.needs);
        Some(Turn { memory, needs, is_alone: true, ..*turn })
    }
}

/// How often the one whose turn it is may be overtaken by one that fits, before all wait for it.
const OVERTAKEN_AT_MOST: u32 = 16;
/// Among so many of those that wait one is looked for that fits.
const LOOKED_AT: usize = 64;

/// Who is next among those that wait.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Who waits at the front because it does not fit, and how often it was overtaken.
    overtaken: Option<(Place, u32)>,
}

impl Patience {
    /// The place in the line of the one that is next.
    pub(super) fn next<'a>(
        &mut self,
        mut waiting: impl Iterator<Item = &'a Turn>,
        fits: impl Fn(&Turn) -> bool,
    ) -> Option<usize> {
        let first = waiting.next()?;
        if fits(first) {
            self.overtaken = None;
            return Some(0);
        }
        let before = self.overtaken.filter(|(query, _)| *query == first.query).map_or(0, |(_, times)| times);
        let found = waiting.take(LOOKED_AT).position(fits).filter(|_| before < OVERTAKEN_AT_MOST)?;
        self.overtaken = Some((first.query, before + 1));
        Some(found + 1)
    }
}
