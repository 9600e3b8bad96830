//! What outlives its leader: the orphans that the kernel hands to the guardian, whose they are, and their end.
//!
//! For the guardian only. It must never wait for a process, however long that takes to die, and never reap a leader:
//! until its sweep is done a leader's zombie pins the numbers of its process, its group and its session.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid, getsid};

use super::tree::{self, Mark, Proc, Reaped};

/// The children that the guardian has made and not reaped: what is its child and not here is an orphan.
#[derive(Default)]
pub(super) struct Leaders {
    by_pid: HashMap<i32, u64>,
    by_cookie: HashMap<Box<[u8]>, u64>,
}

impl Leaders {
    /// A new child.
    pub(super) fn insert(&mut self, id: u64, pid: Pid, cookie: &[u8]) {
        self.by_pid.insert(pid.as_raw(), id);
        self.by_cookie.insert(cookie.into(), id);
    }

    /// Forgets a child, before it is reaped.
    pub(super) fn remove(&mut self, pid: Pid, cookie: &[u8]) {
        let id = self.by_pid.remove(&pid.as_raw());
        if self.by_cookie.get(cookie).copied() == id {
            self.by_cookie.remove(cookie);
        }
    }
}

/// The end of one tree, going on.
#[derive(Default)]
pub(super) struct Sweep {
    /// All that were found alive and killed. Numbers that are not ours to pin: for counting only.
    victims: HashSet<i32>,
}

impl Sweep {
    /// How many had outlived the leader.
    pub(super) fn leftovers(&self) -> u32 {
        u32::try_from(self.victims.len()).unwrap_or(u32::MAX)
    }
}

/// An orphan. It is our own child and only we reap it, so its number is good for as long as it stands here.
struct Orphan {
    owner: Option<u64>,
    killed: bool,
}

/// All orphans that are known.
pub(super) struct Orphans {
    proc: Proc,
    known: HashMap<i32, Orphan>,
    /// On their way out or amid an exec, so that they show no mark just now, and since when: whose they are, the next
    /// looks will tell, or what they leave behind.
    veiled: HashMap<i32, Instant>,
    listing: Vec<i32>,
}

/// For so long a sweep waits for what is on its way out or amid an exec: much longer than either takes.
const UNVEILED_IN: Duration = Duration::from_millis(200);

impl Orphans {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { proc: Proc::new(), known: HashMap::new(), veiled: HashMap::new(), listing: Vec::new() }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.veiled.is_empty()
    }

    /// How many are known that belong to no query.
    pub(super) fn unattributed(&self) -> u32 {
        let count = self.known.values().filter(|orphan| orphan.owner.is_none()).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Looks through the guardian's children: dead orphans are reaped, new ones attributed.
    pub(super) fn look<'a>(
        &mut self,
        leaders: &Leaders,
        sweeps: impl Iterator<Item = (u64, &'a Sweep)> + Clone,
    ) {
        // What was reaped has left its own children to us just before: they are not on the list that it was on.
        while self.look_once(leaders, sweeps.clone()) {}
    }

    /// Whether something was reaped.
    fn look_once<'a>(
        &mut self,
        leaders: &Leaders,
        sweeps: impl Iterator<Item = (u64, &'a Sweep)> + Clone,
    ) -> bool {
        let mut reaped = false;
        self.proc.own_children(&mut self.listing);
        for pid in &self.listing {
            if leaders.by_pid.contains_key(pid) {
                continue;
            }
            if tree::reap(*pid) != Reaped::Lives {
                reaped = true;
                self.known.remove(pid);
                self.veiled.remove(pid);
            } else if !self.known.contains_key(pid) {
                let victim_of = sweeps.clone().find(|(_, sweep)| sweep.victims.contains(pid));
                let owner = victim_of.map_or_else(|| owner(*pid, leaders), |(id, _)| Owner::Query(id));
                if owner == Owner::Veiled && may_wait_for(&mut self.veiled, *pid) {
                    continue;
                }
                self.veiled.remove(pid);
                self.known.insert(*pid, Orphan { owner: owner.query(), killed: false });
            }
        }
        reaped
    }

    /// Kills the orphans of a query, and what is below them. True: there were none, as of the last look, and none was
    /// seen whose owner could not be told.
    pub(super) fn kill_of(&mut self, id: u64, sweep: &mut Sweep) -> bool {
        let mut none = self.veiled.is_empty();
        let mut fresh = Vec::new();
        for (pid, orphan) in self.known.iter_mut().filter(|(_, orphan)| orphan.owner == Some(id)) {
            none = false;
            if !std::mem::replace(&mut orphan.killed, true) {
                fresh.push(*pid);
            }
        }
        // All are counted before the first is killed: a group may hold several of them, and who is killed with it
        // looks as if it were leaving by itself, and that has outlived nobody.
        for pid in &fresh {
            self.proc.count_alive(*pid, &mut |victim| {
                sweep.victims.insert(victim);
            });
        }
        for pid in fresh {
            self.proc.signal_below(pid, Signal::SIGKILL, &mut |victim| {
                sweep.victims.insert(victim);
            });
            tree::signal_own(pid, Signal::SIGKILL);
        }
        none
    }

    /// Sends a signal to everything below a live leader.
    pub(super) fn signal_below(&self, leader: Pid, signal: Signal) {
        self.proc.signal_below(leader.as_raw(), signal, &mut |_| {});
    }

    /// Sends a signal to every orphan and to everything below it.
    pub(super) fn signal_all(&self, signal: Signal) {
        for pid in self.known.keys() {
            self.proc.signal_below(*pid, signal, &mut |_| {});
            tree::signal_own(*pid, signal);
        }
    }

    /// Kills every child of ours, leaders too; what is below them becomes our child in turn.
    pub(super) fn kill_everything(&mut self) {
        if getpid() == Pid::from_raw(1) {
            // All that is in our namespace, in one call, so that nobody can run away by forking.
            let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        }
        self.proc.own_children(&mut self.listing);
        for pid in &self.listing {
            tree::signal_own(*pid, Signal::SIGKILL);
        }
    }
}

/// Whether there is still time to see whose this is.
fn may_wait_for(veiled: &mut HashMap<i32, Instant>, pid: i32) -> bool {
    veiled.entry(pid).or_insert_with(Instant::now).elapsed() < UNVEILED_IN
}

/// Whose an orphan is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Query(u64),
    Nobody,
    /// It cannot be told just now.
    Veiled,
}

impl Owner {
    const fn query(self) -> Option<u64> {
        match self {
            Self::Query(id) => Some(id),
            Self::Nobody | Self::Veiled => None,
        }
    }
}

/// By its session, which nobody can enter from outside; else by its environment, which is what a process that made a
/// session of its own still has of its leader.
fn owner(pid: i32, leaders: &Leaders) -> Owner {
    let session =
        getsid(Some(Pid::from_raw(pid))).ok().and_then(|session| leaders.by_pid.get(&session.as_raw()));
    if let Some(id) = session {
        return Owner::Query(*id);
    }
    match tree::mark_of(pid) {
        Mark::Veiled => Owner::Veiled,
        Mark::None => Owner::Nobody,
        Mark::Cookie(cookie) => {
            leaders.by_cookie.get(cookie.as_slice()).map_or(Owner::Nobody, |id| Owner::Query(*id))
        }
    }
}
