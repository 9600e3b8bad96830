//! The state machine of one attempt at one query: when it stops, by what, and what came out.
//!
//! [`Process::step`] takes what happened at a moment and pushes what is to be done; [`Process::wake_at`] says when it
//! wants to be woken if nothing happens. Deadlines live inside the phases and are pulled, so a deadline that moves
//! costs nothing and a wake-up that comes too early does nothing. The machine reads no clock and touches no process;
//! its laws stand in `tests/machine`, and `tests/exhaustive.rs` visits every reachable state.

mod state;
mod words;

use std::sync::Arc;
use std::time::Duration;

use crate::amount::size;
use crate::cause::{Cause, End, Excess, Outcome, StopMethod};
use crate::plan::Limits;
use crate::rules::Stream;
use crate::tick::Tick;
use crate::verdict::Finding;

use state::{Abort, Deadline, Gone, Live, State};
pub use words::{Departure, Ear, Effect, Event, Fact, Patience, Phase};

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process<E> {
    state: State,
    ear: E,
    limits: Limits,
    patience: Patience,
    /// What shows the first cause, where something has to.
    evidence: Option<Arc<str>>,
    /// It was the machine's memory that was at an end.
    of_machine: bool,
}

impl<E: Ear> Process<E> {
    /// An attempt that has not begun.
    pub const fn new(ear: E, limits: Limits, patience: Patience) -> Self {
        Self { state: State::Idle, ear, limits, patience, evidence: None, of_machine: false }
    }

    /// The listener inside.
    pub(crate) const fn ear_mut(&mut self) -> &mut E {
        &mut self.ear
    }

    /// Where it stands.
    pub const fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// When it wants an [`Event::Wake`], if nothing else happens before.
    pub fn wake_at(&self) -> Option<Tick> {
        self.state.wake_at()
    }

    /// When it is ended from now on, it has so long between Term and Kill.
    pub const fn grant(&mut self, grace: Duration) {
        self.limits.grace = grace;
    }

    /// Takes in what happened at `now` and pushes what is to be done, in order.
    pub fn step(&mut self, now: Tick, event: Event<'_>, out: &mut Vec<Effect>) {
        match event {
            Event::Begin => self.begin(out),
            Event::Abort { cause, forced } => self.abort(now, Abort { cause, forced }, out),
            Event::Spawned => self.spawned(now, out),
            Event::SpawnFailed { transient, text } => self.spawn_failed(transient, text, out),
            Event::Held => self.state.hold(now),
            Event::Chunk(stream, bytes) => self.chunk(now, stream, bytes, out),
            Event::Eof(stream) => self.eof(now, stream, out),
            Event::Exceeded(excess) => self.exceeded(now, excess, out),
            Event::Exited(departure) => self.exited(now, departure, out),
            Event::Swept { leftovers } => self.swept(now, leftovers, out),
            Event::Vanished(how) => self.vanished(now, how, out),
            Event::Wake => self.wake(now, out),
        }
    }

    fn begin(&mut self, out: &mut Vec<Effect>) {
        if matches!(self.state, State::Idle) {
            self.state = State::Starting { abort: None };
            out.push(Effect::Spawn);
        }
    }

    fn abort(&mut self, now: Tick, abort: Abort, out: &mut Vec<Effect>) {
        match self.state {
            State::Idle => self.finish(Outcome::not_started("it was not begun".into(), abort.cause), out),
            State::Starting { abort: ref mut remembered } => {
                // The first cause stands; whoever comes later can only make it faster.
                let first = remembered.map_or(abort.cause, |first| first.cause);
                let forced =
                    abort.forced || remembered.is_some_and(|first| first.forced || abort.cause > first.cause);
                *remembered = Some(Abort { cause: first, forced });
            }
            State::Running { live, .. } => self.stop(now, live, abort, out),
            State::Stopping { live, cause, .. } if abort.forced || abort.cause > cause => {
                self.kill(now, live, cause, out);
            }
            // Whoever was killed or has left cannot be ended any faster.
            _ => {}
        }
    }

    fn spawned(&mut self, now: Tick, out: &mut Vec<Effect>) {
        let State::Starting { abort } = self.state else { return };
        out.push(Effect::Report(Fact::Started));
        let live = Live::new(now);
        match abort {
            Some(abort) => self.stop(now, live, abort, out),
            None => {
                let wall_at = self.limits.wall.map(|limit| now + limit);
                let silence = self.limits.silence.map(|limit| Deadline::At(now + limit));
                let may_print = self.limits.output;
                self.state = State::Running { live, wall_at, silence, may_print };
            }
        }
    }

    fn spawn_failed(&mut self, transient: bool, text: Arc<str>, out: &mut Vec<Effect>) {
        let State::Starting { abort } = self.state else { return };
        match abort {
            Some(abort) => self.finish(Outcome::not_started(text, abort.cause), out),
            None if transient => {
                self.state = State::Done;
                out.push(Effect::Report(Fact::Returned(text)));
            }
            None => self.finish(Outcome::not_started(text, Cause::Exited), out),
        }
    }

    fn chunk(&mut self, now: Tick, stream: Stream, bytes: &[u8], out: &mut Vec<Effect>) {
        let Some(since) = self.state.live().map(|live| live.since) else { return };
        self.state.go_on(now);
        let mut too_much = false;
        if let State::Running { silence, may_print, .. } = &mut self.state {
            *silence = self.limits.silence.map(|limit| Deadline::At(now + limit));
            if let Some(may_print) = may_print {
                let printed = bytes.len() as u64;
                too_much = printed > *may_print;
                *may_print = may_print.saturating_sub(printed);
            }
        }
        let mut found = Vec::new();
        let wish = self.ear.hear(stream, bytes, now - since, &mut found);
        self.heard(now, found, wish, out);
        if too_much {
            self.printed_too_much(now, out);
        }
    }

    /// If what was printed last did not end it: whoever knows enough has not printed too much.
    fn printed_too_much(&mut self, now: Tick, out: &mut Vec<Effect>) {
        let State::Running { live, .. } = self.state else { return };
        let limit = self.limits.output.unwrap_or_default();
        self.evidence = Some(format!("it had printed more than {}", size(limit)).into());
        self.stop(now, live, Abort { cause: Cause::OutputLimit, forced: false }, out);
    }

    fn eof(&mut self, now: Tick, stream: Stream, out: &mut Vec<Effect>) {
        self.state.go_on(now);
        let Some(live) = self.state.live_mut() else { return };
        if !live.close(stream) {
            return;
        }
        let (since, silent) = (live.since, !live.is_open());
        let mut found = Vec::new();
        let wish = self.ear.close(stream, now - since, &mut found);
        self.heard(now, found, wish, out);
        if silent {
            self.drained(now, out);
        }
    }

    /// Findings are evidence in every phase; a wish to stop counts only while nothing else ends the query.
    fn heard(&mut self, now: Tick, found: Vec<Finding>, wish: Option<StopMethod>, out: &mut Vec<Effect>) {
        let of = found.len();
        out.extend(found.into_iter().next_back().map(|last| Effect::Report(Fact::Verdict { last, of })));
        if let (Some(method), State::Running { live, .. }) = (wish, &self.state) {
            let abort = Abort { cause: Cause::Concluded, forced: method == StopMethod::Kill };
            self.stop(now, *live, abort, out);
        }
    }

    /// Memory and processes are taken back at once: within a grace they may take the machine down.
    fn exceeded(&mut self, now: Tick, excess: Excess, out: &mut Vec<Effect>) {
        let forced = matches!(excess.cause, Cause::MemoryLimit | Cause::ProcessLimit);
        if matches!(self.state, State::Running { .. }) {
            (self.evidence, self.of_machine) = (Some(excess.evidence), excess.of_machine);
        }
        if matches!(self.state, State::Running { .. } | State::Stopping { .. }) {
            self.abort(now, Abort { cause: excess.cause, forced }, out);
        }
    }

    /// Both streams have ended: whoever waited for that goes on.
    fn drained(&mut self, now: Tick, out: &mut Vec<Effect>) {
        match self.state {
            State::Draining { live, gone, .. } => self.sweep(now, live, gone, false, out),
            State::Sweeping { gone, leaked, swept: Some(leftovers), .. } => {
                self.reaped(gone, leaked, leftovers, out);
            }
            _ => {}
        }
    }

    fn exited(&mut self, now: Tick, departure: Departure, out: &mut Vec<Effect>) {
        let (live, cause, method) = match self.state {
            State::Running { live, .. } => (live, Cause::Exited, None),
            State::Stopping { live, cause, .. } => (live, cause, Some(StopMethod::Term)),
            State::Killing { live, cause, .. } => (live, cause, Some(StopMethod::Kill)),
            _ => return,
        };
        let Departure { exit, usage, refined } = departure;
        let cause = self.refine(cause, refined);
        let gone = Gone { cause, method, exit, usage, wall: now - live.since };
        if live.is_open() {
            let until = Deadline::after(now, self.patience.drain, live.is_held);
            self.state = State::Draining { live, gone, until };
        } else {
            self.sweep(now, live, gone, false, out);
        }
    }

    /// The system's own kills are known only at the exit, and only they may change a cause.
    fn refine(&mut self, cause: Cause, refined: Option<Excess>) -> Cause {
        match refined {
            Some(Excess { cause: limit, of_machine, evidence })
                if cause == Cause::Exited
                    && matches!(limit, Cause::CpuLimit | Cause::ProcessLimit | Cause::MemoryLimit) =>
            {
                (self.evidence, self.of_machine) = (Some(evidence), of_machine);
                limit
            }
            _ => cause,
        }
    }

    fn swept(&mut self, now: Tick, leftovers: u32, out: &mut Vec<Effect>) {
        let patience = self.patience.sweep;
        let State::Sweeping { live, gone, leaked, swept: swept @ None, until } = &mut self.state else {
            return;
        };
        let (gone, leaked) = (*gone, *leaked);
        *swept = Some(leftovers);
        *until = Deadline::after(now, patience, live.is_held);
        // What is left in the pipes was written before the sweep, and counts.
        if !live.is_open() {
            self.reaped(gone, leaked, leftovers, out);
        }
    }

    fn vanished(&mut self, now: Tick, how: Arc<str>, out: &mut Vec<Effect>) {
        if matches!(self.state, State::Done) {
            return;
        }
        let since = self.state.live().map(|live| live.since);
        let judgement = self.ear.judge(Cause::Exited, None);
        let wall = since.map_or(Duration::ZERO, |since| now - since);
        self.close_pipes(out);
        self.finish(Outcome { wall, judgement, ..Outcome::lost(how) }, out);
    }

    fn wake(&mut self, now: Tick, out: &mut Vec<Effect>) {
        if self.wake_at().is_none_or(|at| now < at) {
            return;
        }
        match self.state {
            State::Running { live, wall_at, silence, .. } => {
                let cause = first_limit(wall_at, silence.and_then(Deadline::at));
                self.stop(now, live, Abort { cause, forced: false }, out);
            }
            State::Stopping { live, cause, .. } => self.kill(now, live, cause, out),
            State::Killing { live, cause, .. } => {
                self.unreaped(live, cause, Some(StopMethod::Kill), now, out);
            }
            State::Draining { live, gone, .. } => self.sweep(now, live, gone, true, out),
            State::Sweeping { gone, leaked, swept: Some(leftovers), .. } => {
                self.reaped(gone, leaked, leftovers, out);
            }
            State::Sweeping { live, gone, .. } => self.unreaped(live, gone.cause, gone.method, now, out),
            State::Idle | State::Starting { .. } | State::Done => {}
        }
    }

    fn stop(&mut self, now: Tick, live: Live, abort: Abort, out: &mut Vec<Effect>) {
        let Abort { cause, forced } = abort;
        if forced {
            self.kill(now, live, cause, out);
        } else {
            out.push(Effect::Signal(StopMethod::Term));
            out.push(Effect::Report(Fact::Stopping { cause, method: StopMethod::Term }));
            self.state = State::Stopping { live, cause, kill_at: now + self.limits.grace };
        }
    }

    fn kill(&mut self, now: Tick, live: Live, cause: Cause, out: &mut Vec<Effect>) {
        out.push(Effect::Signal(StopMethod::Kill));
        out.push(Effect::Report(Fact::Stopping { cause, method: StopMethod::Kill }));
        self.state = State::Killing { live, cause, reap_until: now + self.patience.reap };
    }

    fn sweep(&mut self, now: Tick, live: Live, gone: Gone, leaked: bool, out: &mut Vec<Effect>) {
        out.push(Effect::Sweep);
        if !leaked {
            out.push(Effect::Report(Fact::Left));
        }
        let until = Deadline::At(now + self.patience.sweep);
        self.state = State::Sweeping { live, gone, leaked, swept: None, until };
    }

    fn reaped(&mut self, gone: Gone, leaked: bool, leftovers: u32, out: &mut Vec<Effect>) {
        let Gone { cause, method, exit, usage, wall } = gone;
        self.close_pipes(out);
        let judgement = self.ear.judge(cause, Some(exit));
        let (end, evidence, of_machine) = (End::Reaped(exit), self.evidence.take(), self.of_machine);
        let leftovers = Some(leftovers);
        let outcome =
            Outcome { end, cause, evidence, of_machine, method, wall, usage, leaked, leftovers, judgement };
        self.finish(outcome, out);
    }

    fn unreaped(
        &mut self,
        live: Live,
        cause: Cause,
        method: Option<StopMethod>,
        now: Tick,
        out: &mut Vec<Effect>,
    ) {
        self.close_pipes(out);
        let judgement = self.ear.judge(cause, None);
        let (wall, evidence) = (now - live.since, self.evidence.take());
        let of_machine = self.of_machine;
        let outcome = Outcome { method, evidence, of_machine, wall, judgement, ..Outcome::unreaped(cause) };
        self.finish(outcome, out);
    }

    fn close_pipes(&self, out: &mut Vec<Effect>) {
        if self.state.live().is_some_and(|live| live.is_open()) {
            out.push(Effect::ClosePipes);
        }
    }

    fn finish(&mut self, outcome: Outcome, out: &mut Vec<Effect>) {
        self.state = State::Done;
        out.push(Effect::Report(Fact::Finished(Box::new(outcome))));
    }
}

/// The limit that was reached first; of two at the same tick the heavier one.
fn first_limit(wall_at: Option<Tick>, silence_at: Option<Tick>) -> Cause {
    match (wall_at, silence_at) {
        (Some(wall), Some(silence)) if silence < wall => Cause::Silent,
        (None, Some(_)) => Cause::Silent,
        _ => Cause::WallLimit,
    }
}
