//! The laws, each an assertion over one step and what was seen before it.

use provisor_core::cause::{Cause, End, Outcome, StopMethod};
use provisor_core::process::{Effect, Event, Fact, Phase};
use provisor_core::rules::Stream;
use provisor_core::tick::Tick;

use super::Machine;

/// One step.
pub(crate) struct Moment<'a, M> {
    pub(crate) before: &'a M,
    pub(crate) now: Tick,
    pub(crate) event: &'a Event<'static>,
    pub(crate) effects: &'a [Effect],
    pub(crate) after: &'a M,
}

impl<M: Machine> Moment<'_, M> {
    fn has(&self, effect: &Effect) -> bool {
        self.effects.contains(effect)
    }

    fn signals(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Signal(_))).count()
    }

    fn outcome(&self) -> Option<&Outcome> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Report(Fact::Finished(outcome)) => Some(&**outcome),
            _ => None,
        })
    }

    fn last_facts(&self) -> usize {
        let is_last = |e: &&Effect| matches!(e, Effect::Report(Fact::Finished(_) | Fact::Returned(_)));
        self.effects.iter().filter(is_last).count()
    }
}

/// What has been seen on the way to a state: the laws speak of a whole life, not only of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Witness {
    spawns: usize,
    terms: usize,
    kills: usize,
    sweeps: usize,
    closes: usize,
    last_facts: usize,
    spawned: bool,
    exited: bool,
    swept: bool,
    stdout_closed: bool,
    stderr_closed: bool,
    first_cause: Option<Cause>,
    /// What it may print, and what it has printed up to its end: no more than one byte above the limit is counted.
    output: Option<u64>,
    printed: u64,
}

impl Witness {
    /// Of a machine with this limit of output.
    pub(crate) fn of(output: Option<u64>) -> Self {
        Self { output, ..Self::default() }
    }

    /// What has been seen after this step too.
    pub(crate) fn see<M: Machine>(&self, moment: &Moment<'_, M>) -> Self {
        let mut next = self.clone();
        let count = |wanted: &Effect| moment.effects.iter().filter(|effect| *effect == wanted).count();
        next.spawns += count(&Effect::Spawn);
        next.terms += count(&Effect::Signal(StopMethod::Term));
        next.kills += count(&Effect::Signal(StopMethod::Kill));
        next.sweeps += count(&Effect::Sweep);
        next.closes += count(&Effect::ClosePipes);
        next.last_facts += moment.last_facts();
        if let (Event::Chunk(_, bytes), Phase::Running, Some(limit)) =
            (moment.event, moment.before.phase(), self.output)
        {
            next.printed = (self.printed + bytes.len() as u64).min(limit + 1);
        }
        next.first_cause = self.first_cause.or(cause_now(moment, &next));
        let live = self.spawned && moment.before.phase() != Phase::Done;
        match moment.event {
            Event::Spawned => next.spawned |= moment.before.phase() == Phase::Starting,
            Event::Exited(_) => next.exited |= live,
            Event::Swept { .. } => next.swept |= moment.before.phase() == Phase::Sweeping,
            Event::Eof(Stream::Stdout) => next.stdout_closed |= live,
            Event::Eof(Stream::Stderr) => next.stderr_closed |= live,
            _ => {}
        }
        next
    }
}

impl Witness {
    fn prints_too_much(&self) -> bool {
        self.output.is_some_and(|limit| self.printed > limit)
    }
}

/// The cause that this event is by itself, where it can be one.
fn cause_now<M: Machine>(moment: &Moment<'_, M>, so_far: &Witness) -> Option<Cause> {
    let phase = moment.before.phase();
    match moment.event {
        Event::Abort { cause, .. } if phase <= Phase::Running => Some(*cause),
        Event::Chunk(_, b"stop" | b"kill") if phase == Phase::Running => Some(Cause::Concluded),
        Event::Exited(departure) if phase == Phase::Running => {
            let refined = departure.refined.as_ref().map(|excess| excess.cause);
            let by_the_system = [Cause::CpuLimit, Cause::ProcessLimit, Cause::MemoryLimit];
            Some(refined.filter(|cause| by_the_system.contains(cause)).unwrap_or(Cause::Exited))
        }
        Event::Exceeded(excess) if phase == Phase::Running => Some(excess.cause),
        Event::Chunk(..) if phase == Phase::Running && so_far.prints_too_much() => Some(Cause::OutputLimit),
        Event::Wake if phase == Phase::Running => moment.effects.iter().find_map(|effect| match effect {
            Effect::Report(Fact::Stopping { cause, .. }) => Some(*cause),
            _ => None,
        }),
        _ => None,
    }
}

/// Whether a limit has to be shown by something.
const fn is_shown(cause: Cause) -> bool {
    matches!(cause, Cause::CpuLimit | Cause::OutputLimit | Cause::ProcessLimit | Cause::MemoryLimit)
}

type Law<M> = (&'static str, fn(&Moment<'_, M>, &Witness) -> bool);

fn laws<M: Machine>() -> Vec<Law<M>> {
    vec![
        ("phases only move forward", |m, _| m.after.phase() >= m.before.phase()),
        ("done absorbs", |m, _| {
            m.before.phase() != Phase::Done || (m.effects.is_empty() && m.after == m.before)
        }),
        ("one last fact, exactly at the end", |m, w| {
            let ends = m.before.phase() != Phase::Done && m.after.phase() == Phase::Done;
            m.last_facts() == usize::from(ends) && w.last_facts <= 1
        }),
        ("at most one spawn", |_, w| w.spawns <= 1),
        ("at most one term", |_, w| w.terms <= 1),
        ("at most one kill", |_, w| w.kills <= 1),
        ("at most one sweep", |_, w| w.sweeps <= 1),
        ("the slot is given back once, after the exit and the last byte", |m, w| {
            let left = m.has(&Effect::Report(Fact::Left));
            !left || (w.exited && w.stdout_closed && w.stderr_closed && m.has(&Effect::Sweep))
        }),
        ("pipes are closed at most once", |_, w| w.closes <= 1),
        ("nothing is signalled before it is there", |m, w| m.signals() == 0 || w.spawned),
        ("after the exit only the sweep", |m, w| !w.exited || m.signals() == 0),
        ("the exit always drains", |m, _| {
            let live = matches!(m.before.phase(), Phase::Running | Phase::Stopping | Phase::Killing);
            let exit = live && matches!(m.event, Event::Exited(_));
            !exit || matches!(m.after.phase(), Phase::Draining | Phase::Sweeping)
        }),
        ("the sweep comes after the drain", sweep_after_drain),
        ("every ending phase owns its deadline", |m, _| {
            let ending = (Phase::Stopping..=Phase::Sweeping).contains(&m.after.phase());
            !ending || m.after.wake_at().is_some()
        }),
        ("an early wake does nothing", |m, _| {
            let early = matches!(m.event, Event::Wake) && m.before.wake_at().is_none_or(|at| m.now < at);
            !early || (m.effects.is_empty() && m.before == m.after)
        }),
        ("a due wake does something", |m, _| {
            let due = matches!(m.event, Event::Wake) && m.before.wake_at().is_some_and(|at| m.now >= at);
            !due || m.before.phase() != m.after.phase()
        }),
        ("no abort is lost", no_abort_is_lost),
        ("an abort while starting is remembered", |m, w| {
            let there = m.before.phase() == Phase::Starting && matches!(m.event, Event::Spawned);
            !there || w.first_cause.is_none() || m.signals() == 1
        }),
        ("a forced abort kills in one step", |m, _| {
            let forced = matches!(m.event, Event::Abort { forced: true, .. });
            let live = matches!(m.before.phase(), Phase::Running | Phase::Stopping);
            !(forced && live) || m.has(&Effect::Signal(StopMethod::Kill))
        }),
        ("grace that is over kills", |m, _| {
            let due = matches!(m.event, Event::Wake) && m.before.wake_at().is_some_and(|at| m.now >= at);
            !(due && m.before.phase() == Phase::Stopping) || m.has(&Effect::Signal(StopMethod::Kill))
        }),
        ("the first cause stands", |m, w| match m.outcome() {
            Some(outcome) if !matches!(outcome.end, End::Lost(_)) => {
                outcome.cause == w.first_cause.unwrap_or(Cause::Exited)
            }
            _ => true,
        }),
        ("no normal outcome without a seen exit and sweep", |m, w| {
            match m.outcome().map(|outcome| &outcome.end) {
                Some(End::Reaped(_)) => w.exited && w.swept,
                _ => true,
            }
        }),
        ("the method is the strongest signal", |m, w| match m.outcome() {
            Some(outcome) if matches!(outcome.end, End::Reaped(_) | End::Unreaped) => {
                outcome.method == strongest(w)
            }
            _ => true,
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
        ("open pipes are closed at the end", |m, w| {
            let end = m.before.phase() != Phase::Done && m.after.phase() == Phase::Done;
            let open = w.spawned && !(w.stdout_closed && w.stderr_closed);
            !end || w.closes == usize::from(open)
        }),
        ("a tree that takes the machine's memory or processes is killed in one step", |m, _| {
            let heavy = [Cause::ProcessLimit, Cause::MemoryLimit];
            let seen = matches!(m.event, Event::Exceeded(excess) if heavy.contains(&excess.cause));
            let live = matches!(m.before.phase(), Phase::Running | Phase::Stopping);
            !(seen && live) || m.has(&Effect::Signal(StopMethod::Kill))
        }),
        ("a tree that takes time or prints too much is asked first", |m, w| {
            let ends = m.before.phase() == Phase::Running && m.after.phase() > Phase::Running;
            let light = matches!(w.first_cause, Some(Cause::CpuLimit | Cause::OutputLimit));
            let left = matches!(m.event, Event::Exited(_) | Event::Vanished(_));
            !(ends && light) || left || m.has(&Effect::Signal(StopMethod::Term))
        }),
        ("no excess is lost", |m, _| {
            let seen = matches!(m.event, Event::Exceeded(_)) && m.before.phase() == Phase::Running;
            !seen || m.signals() == 1
        }),
        ("too much output ends the query, and no less does", |m, w| {
            let told = m.effects.iter().any(|effect| {
                matches!(effect, Effect::Report(Fact::Stopping { cause: Cause::OutputLimit, .. }))
            });
            let goes_on = m.after.phase() == Phase::Running && matches!(m.event, Event::Chunk(..));
            (!told || w.prints_too_much()) && !(goes_on && w.prints_too_much())
        }),
        ("a limit that was seen has its evidence, and nothing else has", |m, _| match m.outcome() {
            Some(outcome) if matches!(outcome.end, End::Reaped(_) | End::Unreaped) => {
                outcome.evidence.is_some() == is_shown(outcome.cause)
            }
            Some(outcome) => outcome.evidence.is_none(),
            None => true,
        }),
        ("a limit that is reached ends the query", |m, _| {
            let due = m.before.wake_at().is_some_and(|at| m.now >= at);
            let limit = m.before.phase() == Phase::Running && matches!(m.event, Event::Wake) && due;
            !limit || m.has(&Effect::Signal(StopMethod::Term))
        }),
    ]
}

fn strongest(w: &Witness) -> Option<StopMethod> {
    match (w.terms, w.kills) {
        (_, 1..) => Some(StopMethod::Kill),
        (1.., _) => Some(StopMethod::Term),
        _ => None,
    }
}

fn sweep_after_drain<M: Machine>(m: &Moment<'_, M>, w: &Witness) -> bool {
    let waited = m.before.phase() == Phase::Draining && m.before.wake_at().is_some_and(|at| m.now >= at);
    let drained = (w.stdout_closed && w.stderr_closed) || waited;
    !m.has(&Effect::Sweep) || (w.exited && drained)
}

fn no_abort_is_lost<M: Machine>(m: &Moment<'_, M>, _: &Witness) -> bool {
    let Event::Abort { .. } = m.event else { return true };
    match m.before.phase() {
        Phase::Idle => m.after.phase() == Phase::Done,
        Phase::Starting => m.after.phase() == Phase::Starting,
        Phase::Running => m.signals() == 1,
        _ => true,
    }
}

/// Holds one step against every law.
pub(crate) fn check<M: Machine>(moment: &Moment<'_, M>, witness: &Witness) -> Result<(), String> {
    for (name, law) in laws::<M>() {
        if !law(moment, witness) {
            let (from, to) = (moment.before.phase(), moment.after.phase());
            return Err(format!("{name}: {:?} led {from:?} to {to:?} by {:?}", moment.event, moment.effects));
        }
    }
    Ok(())
}

/// No dead ends: whatever has a deadline ends by the clock alone, even if the process never answers again.
pub(crate) fn runs_out<M: Machine>(state: &M, now: Tick) -> Result<(), String> {
    let (mut state, mut now) = (state.clone(), now);
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
        Err(format!("no dead ends: {phase:?} never ends by itself"))
    }
}
