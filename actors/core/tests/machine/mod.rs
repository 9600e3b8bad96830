//! The laws of the machine of one query, and the enumeration that holds every reachable state against them.

pub(crate) mod faults;
pub(crate) mod laws;
mod witness;

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use provisor_core::cause::{Cause, Excess, Exit, StopMethod, Usage};
use provisor_core::plan::Limits;
use provisor_core::process::{Departure, Ear, Effect, Event, Patience, Phase, Process};
use provisor_core::rules::Stream;
use provisor_core::tick::Tick;
use provisor_core::verdict::{Counts, Finding, Judgement};

use laws::{Moment, NO_DEAD_ENDS};
use witness::Witness;

/// What the laws need to see of a machine. The real one and the faulty ones are both of this kind.
pub(crate) trait Machine: Clone + Eq + Hash {
    fn step(&mut self, now: Tick, event: Event<'_>, out: &mut Vec<Effect>);
    fn wake_at(&self) -> Option<Tick>;
    fn phase(&self) -> Phase;
}

/// The machine as it is.
pub(crate) type Real = Process<TinyEar>;

impl Machine for Real {
    fn step(&mut self, now: Tick, event: Event<'_>, out: &mut Vec<Effect>) {
        Process::step(self, now, event, out);
    }

    fn wake_at(&self) -> Option<Tick> {
        Process::wake_at(self)
    }

    fn phase(&self) -> Phase {
        Process::phase(self)
    }
}

/// An ear without memory: each chunk is one finding; `stop` and `kill` are wishes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TinyEar;

impl Ear for TinyEar {
    fn hear(
        &mut self,
        _: Stream,
        bytes: &[u8],
        at: Duration,
        found: &mut Vec<Finding>,
    ) -> Option<StopMethod> {
        found.push(Finding { statement: "s".into(), verdict: "v".into(), counts: Counts::Ok, own: true, at });
        match bytes {
            b"stop" => Some(StopMethod::Term),
            b"kill" => Some(StopMethod::Kill),
            _ => None,
        }
    }

    fn close(&mut self, _: Stream, _: Duration, _: &mut Vec<Finding>) -> Option<StopMethod> {
        None
    }

    fn judge(&mut self, _: Cause, _: Option<Exit>) -> Judgement {
        Judgement::default()
    }
}

const fn ticks(n: u64) -> Duration {
    Duration::from_micros(n)
}

/// Limits of a few ticks, so that every order of deadlines comes up. Output is not counted.
pub(crate) fn limits(wall: Option<u64>, silence: Option<u64>) -> Limits {
    Limits { wall: wall.map(ticks), silence: silence.map(ticks), grace: ticks(1), ..Limits::default() }
}

pub(crate) fn patience() -> Patience {
    Patience { drain: ticks(1), reap: ticks(1), sweep: ticks(1) }
}

pub(crate) fn machine(limits: Limits) -> Real {
    Process::new(TinyEar, limits, patience())
}

/// Everything that can happen at a moment: chunks that stop and chunks that do not, several causes, both exits. Output that
/// waits trebles the states; so it waits only where both limits of time are there, and differ.
pub(crate) fn alphabet(limits: &Limits) -> Vec<Event<'static>> {
    let abort = |cause, forced| Event::Abort { cause, forced };
    let excess = |cause| Excess { cause, of_machine: false, evidence: "seen".into() };
    let of_machine = Excess { of_machine: true, ..excess(Cause::MemoryLimit) };
    let exit = |exit, refined| Event::Exited(Departure { exit, usage: Usage::default(), refined });
    let waits = limits.silence.is_some() && limits.wall > limits.silence;
    let mut events = vec![
        Event::Begin,
        abort(Cause::Deadline, false),
        abort(Cause::Cancelled, false),
        abort(Cause::Cancelled, true),
        Event::Spawned,
        Event::SpawnFailed { transient: true, text: "short of something".into() },
        Event::SpawnFailed { transient: false, text: "not there".into() },
        Event::Chunk(Stream::Stdout, b"quiet"),
        Event::Chunk(Stream::Stdout, b"stop"),
        Event::Chunk(Stream::Stderr, b"kill"),
        Event::Eof(Stream::Stdout),
        Event::Eof(Stream::Stderr),
        exit(Exit::Code(0), None),
        exit(Exit::Signal(9), Some(of_machine)),
        exit(Exit::Code(1), Some(excess(Cause::Silent))),
        Event::Exceeded(excess(Cause::Silent)),
        Event::Exceeded(excess(Cause::CpuLimit)),
        Event::Exceeded(excess(Cause::MemoryLimit)),
        Event::Swept { leftovers: 1 },
        Event::Vanished("the guardian died".into()),
        Event::Wake,
    ];
    events.extend(waits.then_some(Event::Held));
    events
}

/// How much was visited.
#[derive(Debug, Default)]
pub(crate) struct Extent {
    pub(crate) states: usize,
    pub(crate) edges: usize,
    pub(crate) phases: HashSet<Phase>,
}

/// Visits every state that `start` can reach within `horizon` ticks, each event at the same tick and one tick later,
/// and holds every step against every law, or against the one that is named. `limits` are those by which it is judged.
pub(crate) fn explore<M: Machine>(
    start: M,
    limits: &Limits,
    horizon: u64,
    only: Option<&str>,
) -> Result<Extent, String> {
    let is_asked = |law: &str| only.is_none_or(|only| only == law);
    let laws: Vec<_> = laws::laws().into_iter().filter(|(name, _)| is_asked(name)).collect();
    let alphabet = alphabet(limits);
    let first = (start, Witness::default(), 0_u64);
    let mut seen = HashSet::from([first.clone()]);
    let mut queue = VecDeque::from([first]);
    let mut extent = Extent::default();
    while let Some((before, past, now)) = queue.pop_front() {
        extent.states += 1;
        extent.phases.insert(before.phase());
        if is_asked(NO_DEAD_ENDS) {
            laws::runs_out(&before, &past, Tick::from_micros(now))?;
        }
        for event in &alphabet {
            for at in [now, now + 1].into_iter().filter(|at| *at <= horizon) {
                extent.edges += 1;
                let (mut after, mut effects) = (before.clone(), Vec::new());
                let now = Tick::from_micros(at);
                after.step(now, event.clone(), &mut effects);
                let (before, past, effects) = (&before, &past, &effects[..]);
                let moment = Moment { limits, before, past, now, event, effects, after: &after };
                let witness = past.see(&moment);
                laws::check(&laws, &moment, &witness)?;
                let next = (after, witness, at);
                if seen.insert(next.clone()) {
                    queue.push_back(next);
                }
            }
        }
    }
    Ok(extent)
}
