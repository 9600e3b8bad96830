//! Deliberate faults: a machine that is wrong in one way each. A law that none of them breaks proves nothing.

use std::sync::Arc;

use provisor_core::cause::{Cause, End, Excess, Exit, Outcome, StopMethod};
use provisor_core::plan::Limits;
use provisor_core::process::{Departure, Effect, Event, Fact, Phase};
use provisor_core::tick::Tick;

use super::laws::NO_DEAD_ENDS;
use super::{Machine, Real, limits};
use crate::OUTPUT;

/// One way of being wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    ComesBackToLife,
    DoneDoesNotAbsorb,
    UnkillableUnreported,
    NotStartedNeverReported,
    FinishedTwice,
    FinishOnEofWithoutExit,
    CalledNotStarted,
    FindingsLostWhileStopping,
    SilenceTimerOnly,
    KillAfterExit,
    ExitIgnoredWhileKilling,
    NoSweep,
    SweepBeforeDrain,
    LeftBeforeTheLastByte,
    LeftTwice,
    LeftForgotten,
    PipesLeftOpen,
    SpawnedTwice,
    StopEnteredTwice,
    KilledTwice,
    SweptTwice,
    PipesClosedTwice,
    SignalledTooEarly,
    MethodForgotten,
    NoDrainTimer,
    GraceTooLong,
    SilenceNotMoved,
    EarlyWakeStops,
    HoldForgotten,
    HoldNeverEnds,
    DrainsForEver,
    WallIgnored,
    SilenceIgnored,
    NoEscalation,
    AbortLostWhileRunning,
    AbortEndsWhatIsBeingStarted,
    ForgetAbortWhileStarting,
    ForcedAbortTakesItsTime,
    LastCauseWins,
    AnyRefinementCounts,
    SilentForWall,
    LastCauseIsTold,
    MemoryHasAGrace,
    TimeHasNone,
    ExcessForgotten,
    OutputUncounted,
    OutputLimitOneTooLow,
    MachineForgotten,
    EvidenceLost,
    EvidenceOfNothing,
}

impl Fault {
    /// Every fault, with the law that must catch it.
    pub(crate) const ALL: [(Self, &'static str); 50] = [
        (Self::ComesBackToLife, "phases only move forward"),
        (Self::DoneDoesNotAbsorb, "done absorbs"),
        (Self::UnkillableUnreported, "one last fact, exactly at the end"),
        (Self::NotStartedNeverReported, "one last fact, exactly at the end"),
        (Self::FinishedTwice, "one last fact, exactly at the end"),
        (Self::FinishOnEofWithoutExit, "no normal outcome without a seen exit and sweep"),
        (Self::CalledNotStarted, "whoever was never there is not started"),
        (Self::FindingsLostWhileStopping, "every finding is reported"),
        (Self::SilenceTimerOnly, NO_DEAD_ENDS),
        (Self::KillAfterExit, "after the exit only the sweep"),
        (Self::ExitIgnoredWhileKilling, "the exit always drains"),
        (Self::NoSweep, "the exit always drains"),
        (Self::SweepBeforeDrain, "the sweep comes after the drain"),
        (Self::LeftBeforeTheLastByte, "the slot is given back once, after the exit and the last byte"),
        (Self::LeftTwice, "the slot is given back once, after the exit and the last byte"),
        (Self::LeftForgotten, "whoever has left and said its last gives its slot back"),
        (Self::PipesLeftOpen, "open pipes are closed at the end"),
        (Self::SpawnedTwice, "at most one spawn"),
        (Self::StopEnteredTwice, "at most one term"),
        (Self::KilledTwice, "at most one kill"),
        (Self::SweptTwice, "at most one sweep"),
        (Self::PipesClosedTwice, "pipes are closed at most once"),
        (Self::SignalledTooEarly, "nothing is signalled before it is there"),
        (Self::MethodForgotten, "the method is the strongest signal"),
        (Self::NoDrainTimer, "every ending phase owns its deadline"),
        (Self::GraceTooLong, "it wants to be woken when its time is over, neither sooner nor later"),
        (Self::SilenceNotMoved, "an early wake does nothing"),
        (Self::EarlyWakeStops, "an early wake does nothing"),
        (Self::HoldForgotten, "while output waits there is no silence and no leak"),
        (Self::HoldNeverEnds, NO_DEAD_ENDS),
        (Self::DrainsForEver, "a due wake does something"),
        (Self::WallIgnored, "a limit that is reached ends the query"),
        (Self::SilenceIgnored, "a limit that is reached ends the query"),
        (Self::NoEscalation, "grace that is over kills"),
        (Self::AbortLostWhileRunning, "no abort is lost"),
        (Self::AbortEndsWhatIsBeingStarted, "no abort is lost"),
        (Self::ForgetAbortWhileStarting, "an abort while starting is remembered"),
        (Self::ForcedAbortTakesItsTime, "a forced abort kills in one step"),
        (Self::LastCauseWins, "the first cause stands"),
        (Self::AnyRefinementCounts, "the first cause stands"),
        (Self::SilentForWall, "the first cause stands"),
        (Self::LastCauseIsTold, "the cause that is told is the first one"),
        (Self::MemoryHasAGrace, "a tree that takes the machine's memory or processes is killed in one step"),
        (Self::TimeHasNone, "a tree that takes time or prints too much is asked first"),
        (Self::ExcessForgotten, "no excess is lost"),
        (Self::OutputUncounted, "too much output ends the query, and no less does"),
        (Self::OutputLimitOneTooLow, "too much output ends the query, and no less does"),
        (Self::MachineForgotten, "what the machine had no more of is not called a limit of the query's"),
        (Self::EvidenceLost, "a limit that was seen has its evidence, and nothing else has"),
        (Self::EvidenceOfNothing, "a limit that was seen has its evidence, and nothing else has"),
    ];

    /// The limits by which the laws judge it.
    pub(crate) fn judged_by(self) -> Limits {
        let counts = matches!(self, Self::OutputUncounted | Self::OutputLimitOneTooLow);
        Limits { output: counts.then_some(OUTPUT), ..limits(Some(3), Some(2)) }
    }

    /// Those that the machine is given.
    pub(crate) fn given(self, limits: Limits) -> Limits {
        match self {
            // A whole chunk too low.
            Self::OutputLimitOneTooLow => Limits { output: Some(OUTPUT - 4), ..limits },
            Self::GraceTooLong => Limits { grace: 2 * limits.grace, ..limits },
            Self::WallIgnored => Limits { wall: None, ..limits },
            Self::SilenceIgnored => Limits { silence: None, ..limits },
            _ => limits,
        }
    }
}

/// The real machine behind something that spoils what goes in or what comes out.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Faulty {
    pub(crate) inner: Real,
    pub(crate) fault: Fault,
    /// What the fault remembers: it pretends to be over, or has its own last cause.
    pub(crate) over: bool,
    pub(crate) last: Option<Cause>,
}

impl Faulty {
    pub(crate) fn new(inner: Real, fault: Fault) -> Self {
        Self { inner, fault, over: false, last: None }
    }

    fn pretend(&mut self, out: &mut Vec<Effect>) {
        self.over = true;
        let outcome = Outcome { end: End::Reaped(Exit::Code(0)), ..Outcome::lost(Arc::from("")) };
        out.push(Effect::Report(Fact::Finished(Box::new(outcome))));
    }

    /// Spoils what goes in. `true` when the event never reaches the machine.
    fn swallow(&mut self, now: Tick, event: &Event<'_>, out: &mut Vec<Effect>) -> bool {
        let phase = self.inner.phase();
        match (self.fault, event) {
            (Fault::ForgetAbortWhileStarting, Event::Abort { .. }) => phase == Phase::Starting,
            (Fault::ExitIgnoredWhileKilling, Event::Exited(_)) => phase == Phase::Killing,
            (Fault::SilenceTimerOnly, Event::Wake) => phase == Phase::Running,
            (Fault::DrainsForEver, Event::Wake) => phase == Phase::Draining,
            (Fault::HoldForgotten, Event::Held) => true,
            // It is held once more, as soon as it is taken.
            (Fault::HoldNeverEnds, Event::Chunk(..)) if phase == Phase::Draining => {
                self.inner.step(now, event.clone(), out);
                self.inner.step(now, Event::Held, out);
                true
            }
            (Fault::AbortLostWhileRunning, Event::Abort { .. }) => phase == Phase::Running,
            (Fault::ForcedAbortTakesItsTime, Event::Abort { forced: true, .. }) => phase == Phase::Stopping,
            (Fault::FinishOnEofWithoutExit, Event::Eof(_)) if phase == Phase::Running => {
                self.pretend(out);
                true
            }
            (Fault::AbortEndsWhatIsBeingStarted, Event::Abort { .. }) if phase == Phase::Starting => {
                self.pretend(out);
                true
            }
            // Who hears it is another one, unless that ends it.
            (Fault::SilenceNotMoved, Event::Chunk(..)) if phase == Phase::Running => {
                let mut hears = self.inner.clone();
                hears.step(now, event.clone(), out);
                if hears.phase() != Phase::Running {
                    self.inner = hears;
                }
                true
            }
            (Fault::NoSweep, Event::Exited(_)) if (Phase::Running..Phase::Draining).contains(&phase) => {
                self.inner.step(now, event.clone(), &mut Vec::new());
                self.pretend(out);
                true
            }
            (Fault::MemoryHasAGrace, Event::Exceeded(excess)) if excess.cause == Cause::MemoryLimit => {
                let light = Excess { cause: Cause::CpuLimit, ..excess.clone() };
                self.inner.step(now, Event::Exceeded(light), out);
                true
            }
            (Fault::TimeHasNone, Event::Exceeded(excess)) if excess.cause == Cause::CpuLimit => {
                let heavy = Excess { cause: Cause::MemoryLimit, ..excess.clone() };
                self.inner.step(now, Event::Exceeded(heavy), out);
                true
            }
            (Fault::ExcessForgotten, Event::Exceeded(_)) => true,
            (Fault::OutputUncounted, Event::Chunk(stream, bytes)) => {
                self.inner.step(now, Event::Chunk(*stream, &bytes[..1]), out);
                true
            }
            (Fault::EarlyWakeStops, Event::Wake) if phase == Phase::Running => {
                self.inner.step(now, Event::Abort { cause: Cause::WallLimit, forced: false }, out);
                true
            }
            _ => false,
        }
    }

    /// Spoils what comes out.
    fn spoil(&mut self, before: Phase, event: &Event<'_>, out: &mut Vec<Effect>) {
        let after = self.inner.phase();
        let term = Effect::Signal(StopMethod::Term);
        let kill = Effect::Signal(StopMethod::Kill);
        let left = Effect::Report(Fact::Left);
        let is_last = |effect: &Effect| matches!(effect, Effect::Report(Fact::Finished(_)));
        match (self.fault, event) {
            (Fault::KillAfterExit, Event::Exited(_)) if after == Phase::Draining => out.push(kill),
            (Fault::DoneDoesNotAbsorb, Event::Eof(_)) if before == Phase::Done => out.push(Effect::Sweep),
            (Fault::NoEscalation, Event::Wake) => out.retain(|effect| *effect != kill),
            (Fault::UnkillableUnreported, Event::Wake) if before == Phase::Killing => {
                out.retain(|e| !is_last(e))
            }
            (Fault::NotStartedNeverReported, Event::SpawnFailed { .. }) => out.retain(|e| !is_last(e)),
            (Fault::FinishedTwice, _) => twice(out, is_last),
            (Fault::LeftTwice, _) => twice(out, |effect| *effect == left),
            (Fault::PipesClosedTwice, _) => twice(out, |effect| *effect == Effect::ClosePipes),
            (Fault::SpawnedTwice, _) => twice(out, |effect| *effect == Effect::Spawn),
            (Fault::LeftForgotten, _) => out.retain(|effect| *effect != left),
            (Fault::LeftBeforeTheLastByte, Event::Exited(_)) if after == Phase::Draining => out.push(left),
            (Fault::SignalledTooEarly, Event::Abort { .. }) if before == Phase::Starting => out.push(term),
            (Fault::StopEnteredTwice, Event::Abort { .. }) if before == Phase::Stopping => out.push(term),
            (Fault::KilledTwice, Event::Abort { .. }) if before == Phase::Killing => out.push(kill),
            (Fault::SweptTwice, Event::Eof(_)) if before == Phase::Sweeping => out.push(Effect::Sweep),
            (Fault::SweepBeforeDrain, Event::Exited(_)) if after == Phase::Draining => {
                out.push(Effect::Sweep);
            }
            (Fault::FindingsLostWhileStopping, Event::Chunk(..)) if before == Phase::Stopping => out.clear(),
            (Fault::PipesLeftOpen, _) => out.retain(|effect| *effect != Effect::ClosePipes),
            _ => self.spoil_outcome(before, event, out),
        }
    }

    /// Spoils what comes of it.
    fn spoil_outcome(&mut self, before: Phase, event: &Event<'_>, out: &mut [Effect]) {
        match (self.fault, event) {
            (Fault::MachineForgotten, _) => of_outcomes(out, |outcome| outcome.of_machine = false),
            (Fault::EvidenceLost, _) => of_outcomes(out, |outcome| outcome.evidence = None),
            (Fault::EvidenceOfNothing, _) => of_outcomes(out, |outcome| {
                outcome.evidence.get_or_insert("none".into());
            }),
            (Fault::MethodForgotten, _) => of_outcomes(out, |outcome| outcome.method = None),
            (Fault::CalledNotStarted, _) => {
                of_outcomes(out, |outcome| outcome.end = End::NotStarted("it was slow".into()));
            }
            (Fault::SilentForWall, _) => of_outcomes(out, |outcome| {
                outcome.cause = match outcome.cause {
                    Cause::Silent => Cause::WallLimit,
                    Cause::WallLimit => Cause::Silent,
                    other => other,
                };
            }),
            (Fault::AnyRefinementCounts, Event::Exited(Departure { refined: Some(excess), .. }))
                if (Phase::Running..Phase::Draining).contains(&before) =>
            {
                self.last = Some(excess.cause);
            }
            (Fault::AnyRefinementCounts, _) => of_outcomes(out, |outcome| {
                outcome.cause = self.last.filter(|_| outcome.cause == Cause::Exited).unwrap_or(outcome.cause);
            }),
            (Fault::LastCauseIsTold, Event::Abort { cause: last, .. }) => {
                for effect in out {
                    if let Effect::Report(Fact::Stopping { cause, .. }) = effect {
                        *cause = *last;
                    }
                }
            }
            (Fault::LastCauseWins, _) => self.overwrite_cause(before, event, out),
            _ => {}
        }
    }

    fn overwrite_cause(&mut self, before: Phase, event: &Event<'_>, out: &mut [Effect]) {
        if let Event::Abort { cause, .. } = event
            && (Phase::Starting..Phase::Done).contains(&before)
        {
            self.last = Some(*cause);
        }
        for effect in out {
            if let (Effect::Report(Fact::Finished(outcome)), Some(last)) = (effect, self.last) {
                outcome.cause = last;
            }
        }
    }
}

/// What is said once is said again.
fn twice(effects: &mut Vec<Effect>, what: impl Fn(&Effect) -> bool) {
    let again = effects.iter().find(|effect| what(effect)).cloned();
    effects.extend(again);
}

fn of_outcomes(effects: &mut [Effect], act: impl Fn(&mut Outcome)) {
    for effect in effects {
        if let Effect::Report(Fact::Finished(outcome)) = effect {
            act(outcome);
        }
    }
}

impl Machine for Faulty {
    fn step(&mut self, now: Tick, event: Event<'_>, out: &mut Vec<Effect>) {
        if self.over || self.swallow(now, &event, out) {
            return;
        }
        let before = self.inner.phase();
        self.inner.step(now, event.clone(), out);
        self.spoil(before, &event, out);
    }

    fn wake_at(&self) -> Option<Tick> {
        match self.fault {
            Fault::NoDrainTimer if self.inner.phase() == Phase::Draining => None,
            _ => self.inner.wake_at(),
        }
    }

    fn phase(&self) -> Phase {
        match self.inner.phase() {
            _ if self.over => Phase::Done,
            Phase::Draining if self.fault == Fault::ComesBackToLife => Phase::Running,
            phase => phase,
        }
    }
}
