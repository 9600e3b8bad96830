//! How children end: signals, kills, exits, sweeps, and what is told of those that do not die.
//!
//! The ladder: Term (and Cont) to the group; after the supervisor's grace the strongest there is, to the whole tree; after
//! the exit the sweep of what is left, again by the strongest there is; then the leader is reaped. With a control group
//! the kernel kills the tree at once, and says itself when nothing is left. Without, the tree is found by looking, and a look
//! is shared by all who wait for one.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::super::meter::cpu_time;
use super::super::sweep::Sweep;
use super::super::tree;
use super::super::wire::Reply;
use super::{Ending, Keeper, Kept, LOOK_EVERY};

/// Between the rounds of a sweep whose processes take their time to die.
pub(super) const ROUND: Duration = Duration::from_millis(1);
const SLOWEST_ROUND: Duration = Duration::from_millis(50);
/// What has not died of SIGKILL by then is stuck in the kernel, and is said to be so. Shorter than the supervisor waits
/// before it gives the query up (`Patience`), so that it can name it.
const PATIENCE: Duration = Duration::from_secs(2);

impl Keeper {
    /// After the exit this does nothing: what is left then is the sweep's.
    pub(super) fn signal(&mut self, id: u64, to_kill: bool) {
        let Some(child) = self.children.get(&id).filter(|child| child.pidfd.is_some()) else { return };
        let leader = child.pid;
        if !to_kill {
            let _ = killpg(leader, Signal::SIGTERM);
            // A stopped process would sleep on its SIGTERM. While all are paused it shall: it takes it up when they
            // go on. SIGKILL needs no such help.
            if !self.paused {
                let _ = killpg(leader, Signal::SIGCONT);
            }
            return;
        }
        // Its group stands still first: else it would see its own children die, and might leave with a code of its
        // own (a shell does, with 137) or start others before its turn has come.
        let _ = killpg(leader, Signal::SIGSTOP);
        if let Some(folder) = child.groups.unified() {
            let _ = folder.kill();
        }
        if !self.walks {
            self.kill_leader(id);
        } else {
            self.doomed.insert(id);
        }
    }

    /// Upon a look: those of its tree that are our children already did not outlive it, so they are not counted.
    fn kill_doomed(&mut self) {
        for id in std::mem::take(&mut self.doomed) {
            // If it has left meanwhile, what is left of its tree is the sweep's.
            if let Some(child) = self.children.get(&id).filter(|child| child.pidfd.is_some()) {
                self.orphans.kill_with_leader(id);
                self.orphans.signal_below(child.pid, Signal::SIGKILL);
                self.kill_leader(id);
            }
        }
    }

    /// The leader of a session cannot leave its group.
    fn kill_leader(&mut self, id: u64) {
        let Some(child) = self.children.get(&id).filter(|child| child.pidfd.is_some()) else { return };
        let leader = child.pid;
        let _ = killpg(leader, Signal::SIGKILL);
        if kill(leader, Signal::SIGKILL) == Err(Errno::EPERM) {
            self.tell_stuck(id, leader.as_raw(), true);
        } else {
            self.killed.push_back((Instant::now(), id));
        }
    }

    pub(super) fn pause(&mut self, stopped: bool) {
        self.paused = stopped;
        let signal = if stopped { Signal::SIGSTOP } else { Signal::SIGCONT };
        for child in self.children.values().filter(|child| child.pidfd.is_some()) {
            self.signal_tree(child.pid, signal);
        }
        if self.walks {
            self.orphans.signal_all(signal);
        }
    }

    pub(super) fn signal_tree(&self, leader: Pid, signal: Signal) {
        let _ = killpg(leader, signal);
        if self.walks {
            self.orphans.signal_below(leader, signal);
        }
    }

    /// A pidfd has something to say.
    pub(super) fn on_exit(&mut self, id: u64) {
        let Some(child) = self.children.get_mut(&id).filter(|child| child.pidfd.is_some()) else { return };
        let Some(peek) = tree::peek(child.pid) else {
            // A debugger holds on to it, and has not looked at its end yet.
            self.held_back.push(id);
            return;
        };
        child.pidfd = None;
        child.left_by_itself = !peek.signalled;
        let ending = child.ending;
        let refined = self.meter.left(id, &peek, &child.groups);
        if ending != Ending::Forgotten {
            let tree::Peek { signalled, status, cpu_us, max_rss_kib } = peek;
            let exited = Reply::Exited { id, signalled, status, cpu_us, max_rss_kib, refined };
            // That the supervisor is gone shows at the socket too.
            let _ = self.reply(exited, Vec::new());
        }
        if ending != Ending::Open {
            self.begin_sweep(id);
        }
    }

    /// What is to follow the exit, which may have been already.
    pub(super) fn end(&mut self, id: u64, ending: Ending) {
        let Some(child) = self.children.get_mut(&id) else { return };
        child.ending = ending;
        if child.pidfd.is_none() {
            self.begin_sweep(id);
        }
    }

    /// Ends a child that has just been made and cannot be watched.
    pub(super) fn give_up(&mut self, id: u64, child: Kept) {
        self.signal_tree(child.pid, Signal::SIGKILL);
        // Its exit is not awaited: if it takes its time to die, it is reaped like an orphan.
        self.children.insert(id, Kept { pidfd: None, ending: Ending::Forgotten, ..child });
        self.begin_sweep(id);
    }

    fn begin_sweep(&mut self, id: u64) {
        let group = self.children.get(&id).and_then(|child| child.groups.unified());
        self.sweeps.entry(id).or_insert_with(|| Sweep::new(group));
        self.round_wait = ROUND;
    }

    /// How long until something has to be done, while something ends.
    pub(super) fn next_round(&self) -> Option<Duration> {
        let (look, now) = (self.looks_wait(), Instant::now());
        let doomed = (!self.doomed.is_empty()).then_some(look);
        let is_sweeping = self.sweeps.values().any(|sweep| !sweep.told);
        let round = if self.sweeps_by_looks() { self.round_wait.max(look) } else { self.round_wait };
        let killed = self.killed.front().map(|(at, _)| (*at + PATIENCE).saturating_duration_since(now));
        doomed.into_iter().chain(is_sweeping.then_some(round)).chain(killed).min()
    }

    fn looks_wait(&self) -> Duration {
        self.looks.wait(Instant::now())
    }

    /// Nothing has happened for a while: the next look after what is dying may come later.
    pub(super) fn slow_down(&mut self) {
        self.round_wait = (self.round_wait * 2).min(SLOWEST_ROUND);
    }

    /// Goes on with everything that ends, upon one look at the children, where a look is due and wanted.
    pub(super) fn end_round(&mut self) {
        let now = Instant::now();
        let since_look = now.saturating_duration_since(self.looks.last());
        let wanted =
            !self.doomed.is_empty() || self.sweeps.iter().any(|(id, sweep)| self.wants_look(*id, sweep));
        let looks = (wanted && self.looks.wait(now).is_zero()) || since_look >= LOOK_EVERY;
        if looks {
            self.look();
            self.kill_doomed();
            std::mem::take(&mut self.held_back).into_iter().for_each(|id| self.on_exit(id));
        }
        // Between two looks there is nothing new for those that go by looks, and they may be many.
        if !self.sweeps.is_empty() && (looks || !self.sweeps_by_looks()) {
            self.sweep_round();
        }
        self.tell_of_killed(now);
    }

    /// Whether sweeps are a matter of looking: there is no group that could be asked.
    fn sweeps_by_looks(&self) -> bool {
        self.walks && self.groups.unified().is_none()
    }

    /// Without a group a sweep is a matter of looking. With one, a look comes on top of it while it costs nothing, or if
    /// something is known that is not in it.
    fn wants_look(&self, id: u64, sweep: &Sweep) -> bool {
        let is_worth_it = || self.sweeps_by_looks() || self.looks.are_cheap() || self.orphans.has(id);
        self.walks && !sweep.told && is_worth_it()
    }

    fn look(&mut self) {
        let (begun, spent) = (Instant::now(), cpu_time());
        let has_seen_all = if self.walks {
            self.orphans.look(&self.leaders)
        } else {
            self.orphans.reap_dead(&self.leaders);
            true
        };
        // Time of our own: on a busy machine, others' turns may be longer than any look.
        self.looks.took(begun, Instant::now(), cpu_time().saturating_sub(spent), has_seen_all);
        self.has_ended_unlooked = !has_seen_all;
    }

    /// One round for every sweep that is going on.
    fn sweep_round(&mut self) {
        let (mut done, mut stuck) = (Vec::new(), Vec::new());
        let looks_are_cheap = self.looks.are_cheap();
        for (id, sweep) in &mut self.sweeps {
            let Some(child) = self.children.get(id) else { continue };
            let folder = child.groups.unified();
            let group_is_empty = folder.is_none_or(|folder| sweep.kill_group(folder));
            let orphans_are_gone = !self.walks || self.orphans.kill_of(*id, sweep);
            let must_look = self.walks && (folder.is_none() || looks_are_cheap);
            let was_looked_for = self.looks.last_complete() >= sweep.begun && !self.orphans.may_unveil(sweep);
            if group_is_empty && orphans_are_gone && (was_looked_for || !must_look) {
                done.push(*id);
            } else if !sweep.told && (sweep.was_refused() || sweep.begun.elapsed() >= PATIENCE) {
                sweep.told = true;
                stuck.push((
                    *id,
                    self.orphans.survivor(*id, sweep, folder).unwrap_or(0),
                    sweep.was_refused(),
                ));
            }
        }
        done.into_iter().for_each(|id| self.finish_sweep(id));
        stuck.into_iter().for_each(|(id, pid, refused)| self.tell_stuck(id, pid, refused));
    }

    fn finish_sweep(&mut self, id: u64) {
        let Some(sweep) = self.sweeps.remove(&id) else { return };
        let Some(child) = self.children.remove(&id) else { return };
        self.orphans.finish(id, &sweep, &self.leaders);
        self.has_ended_unlooked = true;
        // Nothing should be in it any more. While the zombie is there, the number means this group and no other.
        let _ = killpg(child.pid, Signal::SIGKILL);
        self.leaders.remove(child.pid, &child.cookie);
        tree::reap(child.pid.as_raw());
        self.groups.release(child.groups, child.left_by_itself);
        if child.ending == Ending::Swept {
            let _ = self.reply(Reply::Swept { id, leftovers: sweep.leftovers() }, Vec::new());
        }
    }

    /// Leaders that ought to be dead by now.
    fn tell_of_killed(&mut self, now: Instant) {
        while let Some((at, id)) = self.killed.front().copied() {
            let child = self.children.get(&id).filter(|child| child.pidfd.is_some());
            let Some(child) = child else {
                self.killed.pop_front();
                continue;
            };
            if now.saturating_duration_since(at) < PATIENCE {
                return;
            }
            let pid = child.pid.as_raw();
            self.killed.pop_front();
            self.tell_stuck(id, pid, false);
        }
    }

    fn tell_stuck(&mut self, id: u64, pid: i32, refused: bool) {
        let _ = self.reply(Reply::Stuck { id, pid, refused }, Vec::new());
    }
}
