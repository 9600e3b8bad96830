//! When somebody has to be looked at next. A moment that moves later is left where it is: whoever is looked at too early
//! is asked then when it is due.

use std::collections::{BTreeMap, BTreeSet};

use super::words::Child;
use crate::tick::Tick;

/// At most one moment a child, none later than it is due.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Timers {
    queue: BTreeSet<(Tick, Child)>,
    moments: BTreeMap<Child, Tick>,
}

impl Timers {
    pub(super) const NONE: Self = Self { queue: BTreeSet::new(), moments: BTreeMap::new() };

    pub(super) fn first(&self) -> Option<Tick> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// It is due then, or never.
    pub(super) fn set(&mut self, child: Child, due: Option<Tick>) {
        let set = self.moments.get(&child).copied();
        if let (Some(set), Some(due)) = (set, due)
            && set <= due
        {
            return;
        }
        if let Some(set) = set {
            self.queue.remove(&(set, child));
            self.moments.remove(&child);
        }
        if let Some(due) = due {
            self.queue.insert((due, child));
            self.moments.insert(child, due);
        }
    }

    /// Takes out all whose moment has come.
    pub(super) fn take(&mut self, now: Tick) -> Vec<Child> {
        let mut taken = Vec::new();
        while self.first().is_some_and(|at| at <= now)
            && let Some((_, child)) = self.queue.pop_first()
        {
            self.moments.remove(&child);
            taken.push(child);
        }
        taken
    }
}
