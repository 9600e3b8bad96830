//! What was read of a tree, held against its limits: what is above one, and when to look again. Pure.

use std::collections::HashMap;
use std::time::Duration;

use super::super::TreeLimits;
use super::super::evidence::{Seen, What};
use super::reading::Used;

/// No tree is looked at more often.
pub(super) const SOONEST: Duration = Duration::from_millis(200);
/// None is looked at less often.
pub(super) const LATEST: Duration = Duration::from_secs(5);
/// Where the kernel holds a limit, there is only to be told that it did.
const TOLD: Duration = Duration::from_secs(1);
/// What a tree cannot do faster, for each CPU: take memory (it has to be written to, page by page), in bytes a second,
const FASTEST_MEMORY: u64 = 1 << 30;
/// and start processes, a second.
const FASTEST_PROCESSES: u64 = 2000;

/// The limits of a tree, and which of them the kernel holds by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    pub(super) limits: TreeLimits,
    pub(super) kernel_holds_memory: bool,
    pub(super) kernel_holds_processes: bool,
}

/// What was read; nothing where nobody looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) cpu: Duration,
    pub(super) memory: u64,
    pub(super) processes: u32,
    /// The kernel has killed in its group for want of memory.
    pub(super) kills: Option<Seen>,
    /// It was refused a process for its limit, so often.
    pub(super) refused: u64,
}

impl Watch {
    /// What is above a limit. A tree may use all of what it may use.
    pub(super) fn excesses(&self, reading: &Reading) -> impl Iterator<Item = Seen> + use<> {
        let TreeLimits { cpu, memory, processes } = self.limits;
        let micros = u64::try_from(reading.cpu.as_micros()).unwrap_or(u64::MAX);
        [
            (cpu.is_some_and(|limit| reading.cpu > limit), What::Cpu, micros),
            (memory.is_some_and(|limit| reading.memory > limit), What::Memory, reading.memory),
            (
                processes.is_some_and(|limit| reading.processes > limit),
                What::Processes,
                reading.processes.into(),
            ),
            (reading.refused > 0, What::Refused, reading.refused),
        ]
        .into_iter()
        .filter_map(|(is_above, what, value)| is_above.then_some(Seen { what, value }))
        .chain(reading.kills)
    }

    /// When to look again: not before it could be above a limit, if it does its worst on all CPUs.
    pub(super) fn next_look(&self, reading: &Reading, cpus: u32) -> Duration {
        let TreeLimits { cpu, memory, processes } = self.limits;
        let at_worst = |left: u64, fastest: u64| {
            Duration::from_micros(
                left.saturating_mul(1_000_000 / 1000) / (fastest / 1000).max(1) / u64::from(cpus),
            )
        };
        let cpu = cpu.map(|limit| limit.saturating_sub(reading.cpu) / cpus);
        let memory = memory.map(|limit| match self.kernel_holds_memory {
            true => TOLD,
            false => at_worst(limit.saturating_sub(reading.memory), FASTEST_MEMORY),
        });
        let processes = processes.map(|limit| match self.kernel_holds_processes {
            true => TOLD,
            false => at_worst(limit.saturating_sub(reading.processes).into(), FASTEST_PROCESSES),
        });
        let soonest = cpu.into_iter().chain(memory).chain(processes).min();
        soonest.unwrap_or(LATEST).clamp(SOONEST, LATEST)
    }
}

/// The CPU time of a tree that is known only by its processes.
///
/// A process has its own time and that of the children which it has waited for. What nobody waited for but the guardian
/// (orphans) is gone with it, and so counted as it was last seen: at most the time between two looks is missed of each.
#[derive(Debug, Default)]
pub(super) struct Spent {
    /// Start and ticks of each live orphan.
    orphans: HashMap<i32, (u64, u64)>,
    /// Ticks of those that are gone.
    gone: u64,
    most: u64,
}

impl Spent {
    /// Takes in all processes of the tree, of which those whose parent is the guardian are orphans, but for the leader.
    /// Returns the ticks up to now.
    pub(super) fn take_in(&mut self, tree: &[Used], leader: i32, guardian: i32) -> u64 {
        let is_orphan = |used: &&Used| used.parent == guardian && used.pid != leader;
        let orphans: HashMap<_, _> =
            tree.iter().filter(is_orphan).map(|used| (used.pid, (used.start, used.ticks))).collect();
        for (pid, (start, ticks)) in &self.orphans {
            if orphans.get(pid).is_none_or(|now| now.0 != *start) {
                self.gone += ticks;
            }
        }
        self.orphans = orphans;
        let alive: u64 = tree.iter().map(|used| used.ticks).sum();
        self.most = self.most.max(self.gone + alive);
        self.most
    }
}

/// When the meter may look at anything again: what a round took is followed by a pause of a hundred times that, so that all
/// looking together takes at most one part in a hundred of one CPU, however many trees there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget<I> {
    rests_until: Option<I>,
}

/// A pause is so many times as long as the round before it.
const PAUSE: u32 = 100;

impl<I: Copy + Ord + std::ops::Add<Duration, Output = I>> Budget<I> {
    /// Nothing was spent yet.
    pub(super) const fn new() -> Self {
        Self { rests_until: None }
    }

    /// A round that ends now took so much of a CPU.
    pub(super) fn spend(&mut self, now: I, cost: Duration) {
        self.rests_until = Some(now + cost * PAUSE);
    }

    /// When something that is due at this time may be looked at.
    pub(super) fn not_before(&self, due: I) -> I {
        self.rests_until.map_or(due, |rests_until| rests_until.max(due))
    }
}

#[cfg(test)]
mod tests;
