//! The laws, each an assertion over one step and what was seen before it.

use provisor_core::cause::{Cause, End, Outcome, StopMethod};
use provisor_core::plan::Limits;
use provisor_core::process::{Effect, Event, Fact, Phase};
use provisor_core::rules::Stream;
use provisor_core::tick::Tick;

use super::Machine;
use super::witness::Witness;

/// One step.
pub(crate) struct Moment<'a, M> {
    /// By which it is judged; a faulty machine may have been given others.
    pub(crate) limits: &'a Limits,
    pub(crate) before: &'a M,
    /// What was seen before it.
    pub(crate) past: &'a Witness,
    pub(crate) now: Tick,
    pub(crate) event: &'a Event<'static>,
    pub(crate) effects: &'a [Effect],
    pub(crate) after: &'a M,
}

impl<M: Machine> Moment<'_, M> {
    fn was(&self, phase: Phase) -> bool {
        self.before.phase() == phase
    }

    fn ends(&self) -> bool {
        !self.was(Phase::Done) && self.after.phase() == Phase::Done
    }

    fn wakes(&self) -> bool {
        matches!(self.event, Event::Wake)
    }

    /// Time is over for something, as one reckons who watches.
    pub(super) fn is_due(&self) -> bool {
        self.past.due().is_some_and(|at| self.now >= at)
    }

    fn has(&self, effect: &Effect) -> bool {
        self.effects.contains(effect)
    }

    fn kills(&self) -> bool {
        self.has(&Effect::Signal(StopMethod::Kill))
    }

    fn terms(&self) -> bool {
        self.has(&Effect::Signal(StopMethod::Term))
    }

    fn signals(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Signal(_))).count()
    }

    /// The cause of the end that it tells of.
    fn told(&self) -> Option<Cause> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Report(Fact::Stopping { cause, .. }) => Some(*cause),
            _ => None,
        })
    }

    fn outcome(&self) -> Option<&Outcome> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Report(Fact::Finished(outcome)) => Some(&**outcome),
            _ => None,
        })
    }

    /// What came of a process that was there and was not lost from sight.
    fn seen_end(&self) -> Option<&Outcome> {
        self.outcome().filter(|outcome| matches!(outcome.end, End::Reaped(_) | End::Unreaped))
    }

    pub(super) fn last_facts(&self) -> usize {
        let is_last = |e: &&Effect| matches!(e, Effect::Report(Fact::Finished(_) | Fact::Returned(_)));
        self.effects.iter().filter(is_last).count()
    }
}

type Law<M> = (&'static str, fn(&Moment<'_, M>, &Witness) -> bool);

/// All that are held against every step.
pub(crate) fn laws<M: Machine>() -> Vec<Law<M>> {
    [of_a_life(), of_its_end(), of_what_is_done(), of_the_clock(), of_aborts(), of_limits()].concat()
}

/// The one that is held against every state.
pub(crate) const NO_DEAD_ENDS: &str = "no dead ends";

fn of_a_life<M: Machine>() -> Vec<Law<M>> {
    vec![
        ("phases only move forward", |m, _| m.after.phase() >= m.before.phase()),
        ("done absorbs", |m, _| !m.was(Phase::Done) || (m.effects.is_empty() && m.after == m.before)),
        ("one last fact, exactly at the end", |m, w| {
            m.last_facts() == usize::from(m.ends()) && w.last_facts <= 1
        }),
        ("no normal outcome without a seen exit and sweep", |m, w| {
            match m.outcome().map(|outcome| &outcome.end) {
                Some(End::Reaped(_)) => w.exited && w.swept,
                _ => true,
            }
        }),
        ("whoever was never there is not started", |m, w| match m.outcome().map(|outcome| &outcome.end) {
            Some(End::NotStarted(_)) => !w.spawned,
            Some(End::Reaped(_) | End::Unreaped) => w.spawned,
            _ => true,
        }),
        ("every finding is reported", |m, _| {
            let live = (Phase::Running..Phase::Done).contains(&m.before.phase());
            let heard = live && matches!(m.event, Event::Chunk(..));
            let told =
                m.effects.iter().any(|effect| matches!(effect, Effect::Report(Fact::Verdict { of: 1, .. })));
            heard == told
        }),
    ]
}

fn of_its_end<M: Machine>() -> Vec<Law<M>> {
    vec![
        ("after the exit only the sweep", |m, w| !w.exited || m.signals() == 0),
        ("the exit always drains", |m, _| {
            let live = (Phase::Running..=Phase::Killing).contains(&m.before.phase());
            let exit = live && matches!(m.event, Event::Exited(_));
            !exit || matches!(m.after.phase(), Phase::Draining | Phase::Sweeping)
        }),
        ("the sweep comes after the drain", |m, w| {
            let waited = m.was(Phase::Draining) && m.wakes() && m.is_due();
            !m.has(&Effect::Sweep) || (w.exited && (w.is_all_read() || waited))
        }),
        ("the slot is given back once, after the exit and the last byte", |m, w| {
            let left = m.has(&Effect::Report(Fact::Left));
            w.lefts <= 1 && (!left || (w.exited && w.is_all_read() && m.has(&Effect::Sweep)))
        }),
        ("whoever has left and said its last gives its slot back", |m, w| {
            !(m.has(&Effect::Sweep) && w.is_all_read()) || m.has(&Effect::Report(Fact::Left))
        }),
        ("open pipes are closed at the end", |m, w| {
            let open = w.spawned && !w.is_all_read();
            !m.ends() || (w.closes > 0) == open
        }),
    ]
}

fn of_what_is_done<M: Machine>() -> Vec<Law<M>> {
    vec![
        ("at most one spawn", |_, w| w.spawns <= 1),
        ("at most one term", |_, w| w.terms <= 1),
        ("at most one kill", |_, w| w.kills <= 1),
        ("at most one sweep", |_, w| w.sweeps <= 1),
        ("pipes are closed at most once", |_, w| w.closes <= 1),
        ("nothing is signalled before it is there", |m, w| m.signals() == 0 || w.spawned),
        ("the method is the strongest signal", |m, w| {
            m.seen_end().is_none_or(|outcome| outcome.method == w.strongest())
        }),
    ]
}

fn of_the_clock<M: Machine>() -> Vec<Law<M>> {
    vec![
        ("every ending phase owns its deadline", |m, w| {
            let ending = (Phase::Stopping..=Phase::Sweeping).contains(&m.after.phase());
            let stands_still = w.is_held && w.waits_for_output();
            !ending || stands_still || m.after.wake_at().is_some()
        }),
        ("while output waits there is no silence and no leak", |m, w| {
            let is_silent = m.was(Phase::Running) && m.told() == Some(Cause::Silent);
            let leaks = w.waits_for_output() && !m.was(Phase::Done) && m.after != m.before;
            !(m.wakes() && w.is_held && (is_silent || leaks))
        }),
        ("it wants to be woken when its time is over, neither sooner nor later", |m, w| {
            m.after.wake_at() == w.due()
        }),
        ("an early wake does nothing", |m, _| {
            let early = m.wakes() && !m.is_due();
            !early || (m.effects.is_empty() && m.before == m.after)
        }),
        ("a due wake does something", |m, _| {
            let due = m.wakes() && m.is_due();
            !due || m.before.phase() != m.after.phase()
        }),
        ("a limit that is reached ends the query", |m, _| {
            let reached = m.was(Phase::Running) && m.wakes() && m.is_due();
            !reached || m.terms()
        }),
        ("grace that is over kills", |m, _| {
            let over = m.was(Phase::Stopping) && m.wakes() && m.is_due();
            !over || m.kills()
        }),
    ]
}

fn of_aborts<M: Machine>() -> Vec<Law<M>> {
    vec![
        ("no abort is lost", |m, _| {
            let Event::Abort { .. } = m.event else { return true };
            match m.before.phase() {
                Phase::Idle => m.after.phase() == Phase::Done,
                // Whoever is only just being started cannot be ended, and must not be let go of.
                Phase::Starting => m.after.phase() == Phase::Starting,
                Phase::Running => m.signals() == 1,
                _ => true,
            }
        }),
        ("an abort while starting is remembered", |m, w| {
            let there = m.was(Phase::Starting) && matches!(m.event, Event::Spawned);
            !there || w.first_cause.is_none() || m.signals() == 1
        }),
        ("a forced abort kills in one step", |m, _| {
            let forced = matches!(m.event, Event::Abort { forced: true, .. });
            let live = matches!(m.before.phase(), Phase::Running | Phase::Stopping);
            !(forced && live) || m.kills()
        }),
        ("the first cause stands", |m, w| match m.outcome() {
            Some(outcome) if !matches!(outcome.end, End::Lost(_)) => {
                outcome.cause == w.first_cause.unwrap_or(Cause::Exited)
            }
            _ => true,
        }),
        ("the cause that is told is the first one", |m, w| {
            m.told().is_none_or(|cause| Some(cause) == w.first_cause)
        }),
    ]
}

fn of_limits<M: Machine>() -> Vec<Law<M>> {
    vec![
        ("a tree that takes the machine's memory or processes is killed in one step", |m, _| {
            let heavy = [Cause::ProcessLimit, Cause::MemoryLimit];
            let seen = matches!(m.event, Event::Exceeded(excess) if heavy.contains(&excess.cause));
            let live = matches!(m.before.phase(), Phase::Running | Phase::Stopping);
            !(seen && live) || m.kills()
        }),
        ("a tree that takes time or prints too much is asked first", |m, w| {
            let ends = m.was(Phase::Running) && m.after.phase() > Phase::Running;
            let light = matches!(w.first_cause, Some(Cause::Silent | Cause::CpuLimit | Cause::OutputLimit));
            let left = matches!(m.event, Event::Exited(_) | Event::Vanished(_));
            !(ends && light) || left || m.terms()
        }),
        ("no excess is lost", |m, _| {
            let seen = matches!(m.event, Event::Exceeded(_)) && m.was(Phase::Running);
            !seen || m.signals() == 1
        }),
        ("too much output ends the query, and no less does", |m, w| {
            let too_much = w.prints_too_much(m.limits.output);
            let told = m.told() == Some(Cause::OutputLimit);
            let goes_on = m.after.phase() == Phase::Running && matches!(m.event, Event::Chunk(..));
            (!told || too_much) && !(goes_on && too_much)
        }),
        ("what the machine had no more of is not called a limit of the query's", |m, w| {
            m.seen_end().is_none_or(|outcome| outcome.of_machine == w.of_machine)
        }),
        ("a limit that was seen has its evidence, and nothing else has", |m, w| {
            let is_shown = m.seen_end().is_some() && w.is_shown;
            m.outcome().is_none_or(|outcome| outcome.evidence.is_some() == is_shown)
        }),
    ]
}

/// Holds one step against these laws.
pub(crate) fn check<M: Machine>(
    laws: &[Law<M>],
    moment: &Moment<'_, M>,
    witness: &Witness,
) -> Result<(), String> {
    match laws.iter().find(|(_, law)| !law(moment, witness)) {
        None => Ok(()),
        Some((name, _)) => {
            let (from, to) = (moment.before.phase(), moment.after.phase());
            Err(format!("{name}: {:?} led {from:?} to {to:?} by {:?}", moment.event, moment.effects))
        }
    }
}

/// No dead ends: whatever has a deadline ends by the clock alone, even if the process never answers again. Output that waits is
/// taken some time.
pub(crate) fn runs_out<M: Machine>(state: &M, past: &Witness, now: Tick) -> Result<(), String> {
    let (mut state, mut now) = (state.clone(), now);
    if past.is_held {
        state.step(now, Event::Chunk(Stream::Stdout, b"quiet"), &mut Vec::new());
    }
    let phase = state.phase();
    let must_end = phase >= Phase::Stopping || (phase == Phase::Running && state.wake_at().is_some());
    if !must_end {
        return Ok(());
    }
    for _ in 0..6 {
        match state.wake_at() {
            Some(at) => now = now.max(at),
            None => break,
        }
        state.step(now, Event::Wake, &mut Vec::new());
    }
    if state.phase() == Phase::Done {
        Ok(())
    } else {
        Err(format!("{NO_DEAD_ENDS}: {phase:?} never ends by itself"))
    }
}
