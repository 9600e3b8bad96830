//! One who watches an attempt from outside: it notes what was done, reckons by itself when each limit is reached and each
//! patience is over, and knows the first cause of the end before the machine has told it.

use std::cmp::Reverse;

use provisor_core::cause::{Cause, StopMethod};
use provisor_core::process::{Departure, Effect, Event, Fact, Phase};
use provisor_core::rules::Stream;
use provisor_core::tick::Tick;

use super::laws::Moment;
use super::{Machine, patience};

/// What has been seen on the way to a state: the laws speak of a whole life, not only of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Witness {
    pub(super) spawns: usize,
    pub(super) terms: usize,
    pub(super) kills: usize,
    pub(super) sweeps: usize,
    pub(super) closes: usize,
    pub(super) lefts: usize,
    pub(super) last_facts: usize,
    pub(super) spawned: bool,
    pub(super) exited: bool,
    pub(super) swept: bool,
    stdout_closed: bool,
    stderr_closed: bool,
    pub(super) first_cause: Option<Cause>,
    /// That was told with something that shows it.
    pub(super) is_shown: bool,
    /// That is a limit, and it was the machine's.
    pub(super) of_machine: bool,
    /// What it has printed while it ran: no more than one byte above the limit is counted.
    printed: u64,
    /// When each limit is reached, while it runs.
    wall_at: Option<Tick>,
    silence_at: Option<Tick>,
    /// When what is waited for in this phase has taken too long.
    patience_until: Option<Tick>,
    /// Output waits to be taken.
    pub(super) is_held: bool,
    /// When it looked last.
    seen_at: Tick,
}

impl Witness {
    /// What has been seen after this step too.
    pub(super) fn see<M: Machine>(&self, moment: &Moment<'_, M>) -> Self {
        let mut next = self.clone();
        let count = |wanted: &Effect| moment.effects.iter().filter(|effect| *effect == wanted).count();
        next.spawns += count(&Effect::Spawn);
        next.terms += count(&Effect::Signal(StopMethod::Term));
        next.kills += count(&Effect::Signal(StopMethod::Kill));
        next.sweeps += count(&Effect::Sweep);
        next.closes += count(&Effect::ClosePipes);
        next.lefts += count(&Effect::Report(Fact::Left));
        next.last_facts += moment.last_facts();
        if let (Event::Chunk(_, bytes), Phase::Running, Some(limit)) =
            (moment.event, moment.before.phase(), moment.limits.output)
        {
            next.printed = (self.printed + bytes.len() as u64).min(limit + 1);
        }
        next.first_cause = self.first_cause.or(next.cause_now(moment));
        if let (None, Event::Exited(Departure { refined: Some(excess), .. }) | Event::Exceeded(excess)) =
            (self.first_cause, moment.event)
        {
            next.of_machine = excess.of_machine && next.first_cause == Some(excess.cause);
        }
        if let (None, Some(cause)) = (self.first_cause, next.first_cause) {
            next.is_shown = match moment.event {
                Event::Exceeded(_) => true,
                Event::Exited(_) => cause != Cause::Exited,
                Event::Chunk(..) => cause == Cause::OutputLimit,
                _ => false,
            };
        }
        let live = self.spawned && moment.before.phase() != Phase::Done;
        match moment.event {
            Event::Spawned => next.spawned |= moment.before.phase() == Phase::Starting,
            Event::Exited(_) => next.exited |= live,
            Event::Swept { .. } => next.swept |= moment.before.phase() == Phase::Sweeping,
            Event::Eof(Stream::Stdout) => next.stdout_closed |= live,
            Event::Eof(Stream::Stderr) => next.stderr_closed |= live,
            _ => {}
        }
        next.stand_still(moment);
        next.look_at_the_clock(moment);
        next
    }

    /// While output waits to be taken, what stands still for it moves with the clock; what was due before stays due.
    fn stand_still<M: Machine>(&mut self, moment: &Moment<'_, M>) {
        let since = std::mem::replace(&mut self.seen_at, moment.now);
        let moved = |at: Tick| at.max(since) + (moment.now - since);
        if self.is_held {
            self.silence_at = self.silence_at.map(moved);
        }
        if self.is_held && moment.past.waits_for_output() {
            self.patience_until = self.patience_until.map(moved);
        }
        let lives = (Phase::Running..=Phase::Sweeping).contains(&moment.after.phase());
        self.is_held = match moment.event {
            Event::Held => lives,
            Event::Chunk(..) | Event::Eof(_) => false,
            _ => self.is_held && lives,
        };
    }

    /// The limits run from the start, silence from the last chunk too; each phase of the end has a patience of its own, and
    /// after the sweep the end of the output is waited for once more.
    fn look_at_the_clock<M: Machine>(&mut self, moment: &Moment<'_, M>) {
        let (now, phase) = (moment.now, moment.after.phase());
        let is_new = phase != moment.before.phase();
        let runs = phase == Phase::Running;
        let is_heard = matches!(moment.event, Event::Chunk(..));
        if is_new || (runs && is_heard) {
            self.silence_at = moment.limits.silence.filter(|_| runs).map(|limit| now + limit);
        }
        if is_new {
            self.wall_at = moment.limits.wall.filter(|_| runs).map(|limit| now + limit);
        }
        if is_new || (self.swept && !moment.past.swept) {
            let patience = match phase {
                Phase::Stopping => Some(moment.limits.grace),
                Phase::Killing => Some(patience().reap),
                Phase::Draining => Some(patience().drain),
                Phase::Sweeping => Some(patience().sweep),
                Phase::Idle | Phase::Starting | Phase::Running | Phase::Done => None,
            };
            self.patience_until = patience.map(|patience| now + patience);
        }
    }

    /// The cause that this event is by itself, where it can be one.
    fn cause_now<M: Machine>(&self, moment: &Moment<'_, M>) -> Option<Cause> {
        let phase = moment.before.phase();
        match moment.event {
            Event::Abort { cause, .. } if phase <= Phase::Running => Some(*cause),
            _ if phase != Phase::Running => None,
            Event::Chunk(_, b"stop" | b"kill") => Some(Cause::Concluded),
            Event::Chunk(..) if self.prints_too_much(moment.limits.output) => Some(Cause::OutputLimit),
            Event::Exited(departure) => {
                let refined = departure.refined.as_ref().map(|excess| excess.cause);
                let by_the_system = [Cause::CpuLimit, Cause::ProcessLimit, Cause::MemoryLimit];
                Some(refined.filter(|cause| by_the_system.contains(cause)).unwrap_or(Cause::Exited))
            }
            Event::Exceeded(excess) => Some(excess.cause),
            Event::Wake if moment.is_due() => moment.past.limit_reached(),
            _ => None,
        }
    }

    /// The limit that was reached first, the heavier one of two.
    fn limit_reached(&self) -> Option<Cause> {
        let silence_at = self.silence_at.filter(|_| !self.is_held);
        let limits = [(self.wall_at, Cause::WallLimit), (silence_at, Cause::Silent)];
        let reached = limits.into_iter().filter_map(|(at, cause)| Some((at?, Reverse(cause))));
        reached.min().map(|(_, Reverse(cause))| cause)
    }

    /// When something is to happen by the clock alone.
    pub(super) fn due(&self) -> Option<Tick> {
        let silence_at = self.silence_at.filter(|_| !self.is_held);
        let patience_until = self.patience_until.filter(|_| !(self.is_held && self.waits_for_output()));
        [self.wall_at, silence_at, patience_until].into_iter().flatten().min()
    }

    /// Its process has left, and nothing is awaited but the end of its output.
    pub(super) const fn waits_for_output(&self) -> bool {
        self.exited && (self.sweeps == 0 || self.swept)
    }

    pub(super) const fn is_all_read(&self) -> bool {
        self.stdout_closed && self.stderr_closed
    }

    pub(super) fn prints_too_much(&self, limit: Option<u64>) -> bool {
        limit.is_some_and(|limit| self.printed > limit)
    }

    pub(super) const fn strongest(&self) -> Option<StopMethod> {
        match (self.terms, self.kills) {
            (_, 1..) => Some(StopMethod::Kill),
            (1.., _) => Some(StopMethod::Term),
            _ => None,
        }
    }
}
