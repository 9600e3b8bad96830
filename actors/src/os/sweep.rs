//! What outlives its leader: the orphans that the kernel hands to the guardian, whose they are, and their end.
//!
//! For the guardian only. It must never wait for a process, however long that takes to die, and never reap a leader:
//! until its sweep is done a leader's zombie pins the numbers of its process, its group and its session.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid, getsid};

use super::cgroup::Folder;
use super::mark::{self, Mark};
use super::tree::{self, Proc, Reaped};

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

    /// Whether this is one of them.
    pub(super) fn has(&self, pid: i32) -> bool {
        self.by_pid.contains_key(&pid)
    }
}

/// The end of one tree, going on.
pub(super) struct Sweep {
    /// When it began: a look from before says nothing.
    pub(super) begun: Instant,
    /// It was said that something of it does not die.
    pub(super) told: bool,
    /// All that were found alive and killed, and whether they had outlived their leader. Numbers that are not ours to pin: for
    /// counting, and for reaping those that turn out to be children of ours.
    victims: HashMap<i32, bool>,
    /// The group that was killed together with the leader, and nobody in it has outlived that.
    died_with_leader: Option<Folder>,
    /// A kill was refused.
    refused: Option<i32>,
}

impl Sweep {
    /// One that begins, of what has this group, if it has one.
    pub(super) fn new(group: Option<&Folder>) -> Self {
        Self {
            begun: Instant::now(),
            told: false,
            victims: HashMap::new(),
            died_with_leader: group.filter(|group| group.was_killed()).cloned(),
            refused: None,
        }
    }

    /// How many had outlived the leader.
    pub(super) fn leftovers(&self) -> u32 {
        u32::try_from(self.victims.values().filter(|outlived| **outlived).count()).unwrap_or(u32::MAX)
    }

    /// Notes one that does not seem to be leaving. Between the moment in which a process takes up its SIGKILL and that in
    /// which it begins to leave, it looks as if it lived on.
    fn hit(&mut self, pid: i32) {
        let Self { victims, died_with_leader, .. } = self;
        let died_with_leader = || died_with_leader.as_ref().is_some_and(|group| group.holds(pid));
        victims.entry(pid).or_insert_with(|| !died_with_leader() && !tree::was_sent_sigkill(pid));
    }

    /// Whether a kill was refused for want of a right.
    pub(super) fn was_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Kills what is in the query's group, by the group. True: nothing lives there.
    pub(super) fn kill_group(&mut self, folder: &Folder) -> bool {
        // A group that cannot be asked proves nothing, but what is in it is found as orphans as well.
        if folder.populated().is_ok_and(|populated| !populated) {
            return true;
        }
        for pid in folder.members() {
            if tree::stat(pid).is_some_and(|stat| !stat.leaving) {
                self.hit(pid);
            }
        }
        let _ = folder.kill();
        false
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
    /// The known ones of each query. What is no longer known may stand here still.
    owned: HashMap<u64, Vec<i32>>,
    /// Whose sweep has killed what.
    victim_of: HashMap<i32, u64>,
    /// On their way out or amid an exec, so that they show no mark just now, and since when: whose they are, the next
    /// looks will tell, or what they leave behind.
    veiled: HashMap<i32, Instant>,
    /// What the marks of this run begin with. Who has such a mark and no query that runs has escaped a sweep.
    run_mark: Option<Box<[u8]>>,
    /// How many such have been killed.
    late: u32,
    listing: Vec<i32>,
}

/// So often a look begins anew: the guardian has to hear of kills meanwhile.
const MOST_PASSES: usize = 8;

/// For so long a sweep waits for what is on its way out or amid an exec: much longer than either takes.
const UNVEILED_IN: Duration = Duration::from_millis(200);

impl Orphans {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            proc: Proc::new(),
            known: HashMap::new(),
            owned: HashMap::new(),
            victim_of: HashMap::new(),
            veiled: HashMap::new(),
            run_mark: None,
            late: 0,
            listing: Vec::new(),
        }
    }

    /// The token of the run, with which the marks of all its queries begin.
    pub(super) fn set_token(&mut self, token: &str) {
        self.run_mark = Some(format!("{}={token}/", mark::COOKIE).into_bytes().into());
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.veiled.is_empty()
    }

    /// How many are known that belong to no query, and how many have escaped the sweep of theirs.
    pub(super) fn unattributed(&self) -> u32 {
        let count = self.known.values().filter(|orphan| orphan.owner.is_none() && !orphan.killed).count();
        u32::try_from(count).unwrap_or(u32::MAX).saturating_add(self.late)
    }

    /// Looks through the guardian's children: dead orphans are reaped, new ones attributed. Those that have escaped the
    /// sweep of their query, which is over, are killed. False: they die faster than they can be looked at, so that this
    /// look has not seen all.
    pub(super) fn look(&mut self, leaders: &Leaders) -> bool {
        let mut late = Vec::new();
        // What was reaped has left its own children to us just before: they are not on the list that it was on.
        let has_seen_all = (0..MOST_PASSES).any(|_| !self.look_once(leaders, &mut late));
        for pid in late {
            self.late = self.late.saturating_add(1);
            self.proc.signal_below(pid, Signal::SIGKILL, &mut |_| {});
            let _ = tree::signal_own(pid, Signal::SIGKILL);
        }
        has_seen_all
    }

    /// Only reaps the dead ones: nobody asks whose they were.
    pub(super) fn reap_dead(&mut self, leaders: &Leaders) {
        self.proc.own_children(&mut self.listing);
        for pid in self.listing.iter().filter(|pid| !leaders.has(**pid)) {
            tree::reap(*pid);
        }
    }

    /// Whether something was reaped.
    fn look_once(&mut self, leaders: &Leaders, late: &mut Vec<i32>) -> bool {
        let mut reaped = false;
        self.proc.own_children(&mut self.listing);
        let listing = std::mem::take(&mut self.listing);
        for pid in listing.iter().copied() {
            if leaders.has(pid) {
                continue;
            }
            if tree::reap(pid) != Reaped::Lives {
                reaped = true;
                self.forget(pid);
            } else if !self.known.contains_key(&pid) {
                self.attribute(pid, leaders, late);
            }
        }
        self.listing = listing;
        reaped
    }

    fn attribute(&mut self, pid: i32, leaders: &Leaders, late: &mut Vec<i32>) {
        // By what it shows first: the number of a victim that somebody else has reaped may be another's by now.
        let owner = match (owner(pid, leaders, self.run_mark.as_deref()), self.victim_of.get(&pid)) {
            (Owner::Nobody | Owner::Veiled, Some(id)) => Owner::Query(*id),
            (owner, _) => owner,
        };
        if owner == Owner::Veiled && may_wait_for(&mut self.veiled, pid) {
            return;
        }
        self.veiled.remove(&pid);
        let id = match owner {
            Owner::Query(id) => Some(id),
            Owner::Nobody | Owner::Veiled | Owner::Late => None,
        };
        if let Some(id) = id {
            self.owned.entry(id).or_default().push(pid);
        }
        if owner == Owner::Late {
            late.push(pid);
        }
        self.known.insert(pid, Orphan { owner: id, killed: owner == Owner::Late });
    }

    /// It was reaped: from now on its number may be given to another.
    fn forget(&mut self, pid: i32) {
        self.known.remove(&pid);
        self.veiled.remove(&pid);
        self.victim_of.remove(&pid);
    }

    /// The live orphans of a query, as of the last look.
    fn of(&self, id: u64) -> Vec<i32> {
        let mut pids = self.owned.get(&id).cloned().unwrap_or_default();
        pids.retain(|pid| self.known.get(pid).is_some_and(|orphan| orphan.owner == Some(id)));
        pids
    }

    /// Kills the orphans of a query that lives. They did not outlive their leader, and are not counted.
    pub(super) fn kill_with_leader(&mut self, id: u64) {
        self.kill(&self.of(id), &mut |_| {});
    }

    /// Whether there are any whose owner cannot be told just now and for whom such a sweep should wait. Not for ever: others
    /// may come and go all the time.
    pub(super) fn may_unveil(&self, sweep: &Sweep) -> bool {
        !self.veiled.is_empty() && sweep.begun.elapsed() < 2 * UNVEILED_IN
    }

    /// Whether a query has any, as of the last look.
    pub(super) fn has(&self, id: u64) -> bool {
        self.owned.contains_key(&id) && !self.of(id).is_empty()
    }

    /// Kills the orphans of a query, and what is below them. True: there were none, as of the last look.
    pub(super) fn kill_of(&mut self, id: u64, sweep: &mut Sweep) -> bool {
        let orphans = self.of(id);
        let mut victims = Vec::new();
        let refused = self.kill(&orphans, &mut |victim| {
            sweep.hit(victim);
            victims.push((victim, id));
        });
        sweep.refused = sweep.refused.or(refused);
        self.victim_of.extend(victims);
        orphans.is_empty()
    }

    /// Once each. Returns one that may not be killed by us.
    fn kill(&mut self, orphans: &[i32], hit: &mut dyn FnMut(i32)) -> Option<i32> {
        let mut fresh = orphans.to_vec();
        fresh.retain(|pid| {
            let orphan = self.known.get_mut(pid);
            orphan.is_some_and(|orphan| !std::mem::replace(&mut orphan.killed, true))
        });
        // All are counted before the first is killed: a group may hold several of them, and who is killed with it
        // looks as if it were leaving by itself, and that has outlived nobody.
        for pid in &fresh {
            self.proc.count_alive(*pid, hit);
        }
        fresh.retain(|pid| {
            self.proc.signal_below(*pid, Signal::SIGKILL, hit);
            tree::signal_own(*pid, Signal::SIGKILL).is_err()
        });
        fresh.first().copied()
    }

    /// Something of a query's that lives in spite of its sweep.
    pub(super) fn survivor(&self, id: u64, sweep: &Sweep, folder: Option<&Folder>) -> Option<i32> {
        let in_group = || folder.map(Folder::members).unwrap_or_default().into_iter().next();
        let lives = |pid: &i32| tree::stat(*pid).is_some_and(|stat| !stat.leaving);
        sweep.refused.filter(lives).or_else(|| self.of(id).into_iter().next()).or_else(in_group)
    }

    /// The sweep of a query is over: what it has killed and is our child, is reaped.
    pub(super) fn finish(&mut self, id: u64, sweep: &Sweep, leaders: &Leaders) {
        for pid in sweep.victims.keys() {
            self.victim_of.remove(pid);
            // By now the number may have been given to another child.
            if !leaders.has(*pid) && tree::reap(*pid) == Reaped::One(*pid) {
                self.forget(*pid);
            }
        }
        self.owned.remove(&id);
    }

    /// Tells of a live leader, of its orphans as of the last look, and of everything below them. For counting only.
    pub(super) fn visit_tree(&self, id: u64, leader: Pid, visit: &mut dyn FnMut(i32)) {
        self.proc.count_alive(leader.as_raw(), visit);
        for pid in self.of(id) {
            self.proc.count_alive(pid, visit);
        }
    }

    /// Sends a signal to everything below a live leader.
    pub(super) fn signal_below(&self, leader: Pid, signal: Signal) {
        self.proc.signal_below(leader.as_raw(), signal, &mut |_| {});
    }

    /// Sends a signal to every orphan and to everything below it.
    pub(super) fn signal_all(&self, signal: Signal) {
        for pid in self.known.keys() {
            self.proc.signal_below(*pid, signal, &mut |_| {});
            let _ = tree::signal_own(*pid, signal);
        }
    }

    /// Kills every child of ours, leaders too; what is below them becomes our child in turn. Returns one of them, and
    /// how many there are.
    pub(super) fn kill_everything(&mut self) -> (Option<i32>, usize) {
        if getpid() == Pid::from_raw(1) {
            // All that is in our namespace, in one call, so that nobody can run away by forking.
            let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        }
        self.proc.own_children(&mut self.listing);
        for pid in &self.listing {
            let _ = tree::signal_own(*pid, Signal::SIGKILL);
        }
        (self.listing.first().copied(), self.listing.len())
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
    /// It belonged to a query of this run that is over.
    Late,
    /// It cannot be told just now.
    Veiled,
}

/// By its session, which nobody can enter from outside; else by its environment, which is what a process that made a
/// session of its own still has of its leader.
fn owner(pid: i32, leaders: &Leaders, run_mark: Option<&[u8]>) -> Owner {
    let session =
        getsid(Some(Pid::from_raw(pid))).ok().and_then(|session| leaders.by_pid.get(&session.as_raw()));
    if let Some(id) = session {
        return Owner::Query(*id);
    }
    match mark::mark_of(pid) {
        Mark::Veiled => Owner::Veiled,
        Mark::None => Owner::Nobody,
        Mark::Cookie(cookie) => match leaders.by_cookie.get(cookie.as_slice()) {
            Some(id) => Owner::Query(*id),
            None if run_mark.is_some_and(|mark| cookie.starts_with(mark)) => Owner::Late,
            None => Owner::Nobody,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_does_not_wait_for_ever_for_those_who_show_no_mark() {
        let (mut orphans, mut sweep) = (Orphans::new(), Sweep::new(None));
        assert!(!orphans.may_unveil(&sweep));
        orphans.veiled.insert(7, Instant::now());
        assert!(orphans.may_unveil(&sweep));
        sweep.begun = sweep.begun.checked_sub(2 * UNVEILED_IN).expect("the machine runs for longer");
        assert!(!orphans.may_unveil(&sweep));
    }
}
