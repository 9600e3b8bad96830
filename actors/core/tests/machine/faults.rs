//! Deliberate faults: a machine that is wrong in one way each. A law that none of them breaks proves nothing.

use std::sync::Arc;

use provisor_core::cause::{Cause, End, Excess, Exit, Outcome, StopMethod};
use provisor_core::process::{Departure, Effect, Event, Fact, Phase, Process};
use provisor_core::tick::Tick;

use super::{Machine, TinyEar};
use crate::OUTPUT;

/// One way of being wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    FinishOnEofWithoutExit,
    ForgetAbortWhileStarting,
    GraceTimerLeftArmed,
    NoDrainTimer,
    DoneDoesNotAbsorb,
    NoEscalation,
    ExitIgnoredWhileKilling,
    UnkillableUnreported,
    StopEnteredTwice,
    SweepBeforeDrain,
    NoSweep,
    LastCauseWins,
    SilenceTimerOnly,
    FindingsLostWhileStopping,
    EarlyWakeStops,
    PipesLeftOpen,
    ForcedAbortTakesItsTime,
    KillAfterExit,
    NotStartedNeverReported,
    FinishedTwice,
    MemoryHasAGrace,
    TimeHasNone,
    ExcessForgotten,
    OutputUncounted,
    OutputLimitOneTooLow,
    EvidenceLost,
    EvidenceOfNothing,
    AnyRefinementCounts,
}

impl Fault {
    /// Every fault, with the law that must catch it.
    pub(crate) const ALL: [(Self, &'static str); 28] = [
        (Self::FinishOnEofWithoutExit, "no normal outcome without a seen exit"),
        (Self::ForgetAbortWhileStarting, "an abort while starting is remembered"),
        (Self::GraceTimerLeftArmed, "after the exit only the sweep"),
        (Self::NoDrainTimer, "every ending phase owns its deadline"),
        (Self::DoneDoesNotAbsorb, "done absorbs"),
        (Self::NoEscalation, "grace that is over kills"),
        (Self::ExitIgnoredWhileKilling, "the exit always drains"),
        (Self::UnkillableUnreported, "one last fact, exactly at the end"),
        (Self::StopEnteredTwice, "at most one term"),
        (Self::SweepBeforeDrain, "the sweep comes after the drain"),
        (Self::NoSweep, "the exit always drains"),
        (Self::LastCauseWins, "the first cause stands"),
        (Self::SilenceTimerOnly, "no dead ends"),
        (Self::FindingsLostWhileStopping, "every finding is reported"),
        (Self::EarlyWakeStops, "an early wake does nothing"),
        (Self::PipesLeftOpen, "open pipes are closed at the end"),
        (Self::ForcedAbortTakesItsTime, "a forced abort kills in one step"),
        (Self::KillAfterExit, "after the exit only the sweep"),
        (Self::NotStartedNeverReported, "one last fact, exactly at the end"),
        (Self::FinishedTwice, "one last fact, exactly at the end"),
        (Self::MemoryHasAGrace, "a tree that takes the machine's memory or processes is killed in one step"),
        (Self::TimeHasNone, "a tree that takes time or prints too much is asked first"),
        (Self::ExcessForgotten, "no excess is lost"),
        (Self::OutputUncounted, "too much output ends the query, and no less does"),
        (Self::OutputLimitOneTooLow, "too much output ends the query, and no less does"),
        (Self::EvidenceLost, "a limit that was seen has its evidence"),
        (Self::EvidenceOfNothing, "a limit that was seen has its evidence"),
        (Self::AnyRefinementCounts, "the first cause stands"),
    ];
}

impl Fault {
    /// The limit of output that the machine is given, and the one by which the laws judge it.
    pub(crate) fn output(self) -> (Option<u64>, Option<u64>) {
        match self {
            Self::OutputUncounted => (Some(OUTPUT), Some(OUTPUT)),
            // A whole chunk too low.
            Self::OutputLimitOneTooLow => (Some(OUTPUT - 4), Some(OUTPUT)),
            _ => (None, None),
        }
    }
}

/// The real machine behind something that spoils what goes in or what comes out.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Faulty {
    pub(crate) inner: Process<TinyEar>,
    pub(crate) fault: Fault,
    /// What the fault remembers: it pretends to be over, or has its own last cause.
    pub(crate) over: bool,
    pub(crate) last: Option<Cause>,
}

impl Faulty {
    pub(crate) fn new(inner: Process<TinyEar>, fault: Fault) -> Self {
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
            (Fault::ForcedAbortTakesItsTime, Event::Abort { forced: true, .. }) => phase == Phase::Stopping,
            (Fault::FinishOnEofWithoutExit, Event::Eof(_)) if phase == Phase::Running => {
                self.pretend(out);
                true
            }
            (Fault::NoSweep, Event::Exited(_)) if (Phase::Running..Phase::Draining).contains(&phase) => {
                self.inner.step(now, event.clone(), &mut Vec::new());
                self.pretend(out);
                true
            }
            (Fault::MemoryHasAGrace, Event::Exceeded(excess)) if excess.cause == Cause::MemoryLimit => {
                let evidence = excess.evidence.clone();
                let light = Event::Exceeded(Excess { cause: Cause::CpuLimit, evidence });
                self.inner.step(now, light, out);
                true
            }
            (Fault::TimeHasNone, Event::Exceeded(excess)) if excess.cause == Cause::CpuLimit => {
                let evidence = excess.evidence.clone();
                self.inner.step(now, Event::Exceeded(Excess { cause: Cause::MemoryLimit, evidence }), out);
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
        let term = Effect::Signal(StopMethod::Term);
        let kill = Effect::Signal(StopMethod::Kill);
        let finished = |effect: &Effect| matches!(effect, Effect::Report(Fact::Finished(_)));
        match (self.fault, event) {
            (Fault::GraceTimerLeftArmed, Event::Wake) if before == Phase::Draining => out.push(kill),
            (Fault::KillAfterExit, Event::Exited(_)) if self.inner.phase() == Phase::Draining => {
                out.push(kill)
            }
            (Fault::DoneDoesNotAbsorb, Event::Eof(_)) if before == Phase::Done => out.push(Effect::Sweep),
            (Fault::NoEscalation, Event::Wake) => out.retain(|effect| *effect != kill),
            (Fault::UnkillableUnreported, Event::Wake) if before == Phase::Killing => {
                out.retain(|e| !finished(e))
            }
            (Fault::StopEnteredTwice, Event::Abort { .. }) if before == Phase::Stopping => out.push(term),
            (Fault::SweepBeforeDrain, Event::Exited(_)) if self.inner.phase() == Phase::Draining => {
                out.push(Effect::Sweep);
            }
            (Fault::FindingsLostWhileStopping, Event::Chunk(..)) if before == Phase::Stopping => out.clear(),
            (Fault::PipesLeftOpen, _) => out.retain(|effect| *effect != Effect::ClosePipes),
            (Fault::NotStartedNeverReported, Event::SpawnFailed { .. }) => out.retain(|e| !finished(e)),
            (Fault::FinishedTwice, _) => {
                if let Some(last) = out.iter().find(|effect| finished(effect)).cloned() {
                    out.push(last);
                }
            }
            (Fault::EvidenceLost, _) => of_outcomes(out, |outcome| outcome.evidence = None),
            (Fault::EvidenceOfNothing, _) => of_outcomes(out, |outcome| {
                outcome.evidence.get_or_insert("none".into());
            }),
            (Fault::AnyRefinementCounts, Event::Exited(Departure { refined: Some(excess), .. }))
                if (Phase::Running..Phase::Draining).contains(&before) =>
            {
                self.last = Some(excess.cause);
            }
            (Fault::AnyRefinementCounts, _) => of_outcomes(out, |outcome| {
                outcome.cause = self.last.filter(|_| outcome.cause == Cause::Exited).unwrap_or(outcome.cause);
            }),
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
        if self.over { Phase::Done } else { self.inner.phase() }
    }
}
