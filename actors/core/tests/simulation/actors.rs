//! What the actors of attempts carry between their machines, the desk and the guardian, and an ear for the machines.

use std::time::Duration;

use provisor_core::cause::{Cause, Excess, Exit, StopMethod};
use provisor_core::plan::Limits;
use provisor_core::process::{self, Departure, Ear, Patience, Phase, Process};
use provisor_core::roster::Place;
use provisor_core::rules::Stream;
use provisor_core::tick::Tick;
use provisor_core::verdict::{self, Finding, Judgement};

use crate::faults::Fault;
use crate::laws::SHORT;
use crate::nursery::Child;
use crate::office::Mail;
use crate::world::{Happening, World};

/// What an actor hears of its child, and of the supervisor.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Begin,
    Abort {
        cause: Cause,
        forced: bool,
    },
    Spawned(u64),
    NotSpawned {
        transient: bool,
    },
    Chunk(&'static [u8]),
    Eof(Stream),
    Exceeded(Excess),
    Exited(Departure),
    Swept(u32),
    Vanished,
    Wakes,
    /// Its code is at fault.
    Panics,
}

pub(crate) struct Actor {
    machine: Process<Hearing>,
    pub(crate) child: Option<u64>,
    /// Which pass of its query it is.
    pub(crate) pass: usize,
    /// The limit of its memory.
    pub(crate) memory: Option<u64>,
    /// When it asked for its child: from then on its time counts.
    since: Tick,
    /// The guardian died before it had told of the child: what comes of the question is that there is none.
    pub(crate) is_refused: bool,
    /// Nothing is to be done for its child any more.
    is_swept: bool,
    /// When its timer rings.
    armed: Option<u64>,
    /// The order of what it hears from the supervisor, and of what it reports.
    pub(crate) control_floor: u64,
    report_floor: u64,
}

impl Actor {
    pub(crate) fn new(pass: usize, limits: Limits, now: u64) -> Self {
        Self {
            machine: Process::new(Hearing::default(), limits, Patience::default()),
            child: None,
            pass,
            memory: limits.memory,
            since: Tick::ZERO,
            is_refused: false,
            is_swept: false,
            armed: None,
            control_floor: now,
            report_floor: now,
        }
    }
}

impl World {
    /// A message from an actor, after those before.
    fn report(&mut self, query: Place, attempt: u32, mail: Mail) {
        let at = self.now + self.latency();
        let Some(actor) = self.office.as_mut().and_then(|office| office.actors.get_mut(&(query, attempt)))
        else {
            return;
        };
        actor.report_floor = actor.report_floor.max(at);
        let at = actor.report_floor;
        self.post(at, Happening::Mail(mail));
    }

    /// The shell of a machine.
    pub(crate) fn actor(&mut self, query: Place, attempt: u32, told: Told) {
        let key = (query, attempt);
        let Some(actor) = self.office.as_mut().and_then(|office| office.actors.get_mut(&key)) else { return };
        let event = match told {
            Told::Begin => process::Event::Begin,
            Told::Abort { .. }
                if self.fault == Some(Fault::AbortLostWhileStarting)
                    && actor.machine.phase() == Phase::Starting =>
            {
                return;
            }
            Told::Abort { cause, forced } => process::Event::Abort { cause, forced },
            Told::Spawned(_) if actor.is_refused => {
                process::Event::SpawnFailed { transient: true, text: SHORT.into() }
            }
            Told::Spawned(child) => {
                actor.child = Some(child);
                let since = actor.since;
                return self.feed_at(key, since, process::Event::Spawned);
            }
            Told::NotSpawned { transient } => {
                let text = if transient { SHORT } else { "there is no such program" };
                let transient = transient && self.fault != Some(Fault::ShortageIsFinal);
                process::Event::SpawnFailed { transient, text: text.into() }
            }
            Told::Chunk(text) => process::Event::Chunk(Stream::Stdout, text),
            Told::Eof(stream) => process::Event::Eof(stream),
            Told::Exceeded(excess) => process::Event::Exceeded(excess),
            Told::Exited(departure) => process::Event::Exited(departure),
            Told::Swept(leftovers) => process::Event::Swept { leftovers },
            Told::Vanished => process::Event::Vanished("the guardian died".into()),
            Told::Wakes => {
                actor.armed = None;
                process::Event::Wake
            }
            Told::Panics => return self.leaves(key),
        };
        self.feed(key, event);
    }

    fn feed(&mut self, key: (Place, u32), event: process::Event<'_>) {
        self.feed_at(key, self.tick(), event);
    }

    fn feed_at(&mut self, key: (Place, u32), tick: Tick, event: process::Event<'_>) {
        let mut effects = Vec::new();
        let Some(actor) = self.office.as_mut().and_then(|office| office.actors.get_mut(&key)) else { return };
        actor.machine.step(tick, event, &mut effects);
        let (phase, wake) = (actor.machine.phase(), actor.machine.wake_at());
        for effect in effects {
            self.carry_out(key, effect);
        }
        if phase == Phase::Done {
            return self.leaves(key);
        }
        let wake = wake.map(|at| self.when(at));
        let Some(actor) = self.office.as_mut().and_then(|office| office.actors.get_mut(&key)) else { return };
        if let Some(at) = wake.filter(|at| actor.armed.is_none_or(|armed| armed > *at)) {
            actor.armed = Some(at);
            self.post(at, Happening::Actor { query: key.0, attempt: key.1, told: Told::Wakes });
        }
    }

    fn carry_out(&mut self, key: (Place, u32), effect: process::Effect) {
        let ((query, attempt), at) = (key, self.tick());
        let forgets_kill = self.is(Fault::KillNotSent);
        let Some(actor) = self.office.as_mut().and_then(|office| office.actors.get_mut(&key)) else { return };
        let child = actor.child;
        match effect {
            process::Effect::Spawn => {
                actor.since = at;
                self.request(Happening::Launch { query, attempt });
            }
            process::Effect::Signal(StopMethod::Term) => self.request_for(child, Happening::Term),
            process::Effect::Signal(StopMethod::Kill) if forgets_kill => {}
            process::Effect::Signal(StopMethod::Kill) => self.request_for(child, Happening::Kill),
            process::Effect::Sweep => {
                actor.is_swept = true;
                self.request_for(child, Happening::Sweep);
                // From now on it is the guardian's, whatever becomes of the one who asked.
                if let Some(child) = child.and_then(|child| self.children.get_mut(&child)) {
                    child.is_doomed = true;
                }
            }
            process::Effect::ClosePipes => {}
            process::Effect::Report(fact) => {
                self.report(query, attempt, Mail::Report { query, attempt, at, fact });
            }
        }
    }

    fn request_for(&mut self, child: Option<u64>, what: impl FnOnce(u64) -> Happening) {
        if let Some(child) = child {
            self.request(what(child));
        }
    }

    /// An actor is no more, by a panic or because it is done: its child goes with it, and the monitor tells.
    fn leaves(&mut self, key: (Place, u32)) {
        let (query, attempt) = key;
        if !self.is(Fault::DeathNotTold) {
            self.report(query, attempt, Mail::Down { query, attempt });
        }
        let Some(actor) = self.office.as_mut().and_then(|office| office.actors.remove(&key)) else { return };
        if actor.is_swept || self.is(Fault::ForgottenKillOnDrop) {
            return;
        }
        // Whoever is about to be told of its child and is not there any more lets go of it as well.
        let its = |child: &Child| child.run == self.run && (child.query, child.attempt) == (query, attempt);
        let child = self.children.iter().find(|(_, child)| its(child)).map(|(id, _)| *id);
        if let Some(child) = child {
            self.let_go(child);
        }
    }

    /// The guardian hears that nobody wants this child any more; on the way it counts as doomed.
    fn let_go(&mut self, child: u64) {
        if self.guardian_lives {
            self.doom(child, 50_000);
        }
    }
}

/// An ear that hears results and wishes to stop.
#[derive(Clone, Debug, Default)]
struct Hearing {
    results: usize,
    /// What the last one said, and what that counts as.
    last: Option<(&'static str, verdict::Counts)>,
}

impl Ear for Hearing {
    fn hear(
        &mut self,
        _: Stream,
        bytes: &[u8],
        at: Duration,
        found: &mut Vec<Finding>,
    ) -> Option<StopMethod> {
        if bytes == b"." {
            return None;
        }
        self.results += 1;
        let (verdict, counts) = match bytes {
            b"f" => ("false", verdict::Counts::Bad),
            b"m" => ("maybe", verdict::Counts::Open),
            _ => ("true", verdict::Counts::Ok),
        };
        self.last = Some((verdict, counts));
        found.push(Finding { statement: "s".into(), verdict: verdict.into(), counts, own: true, at });
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
        Judgement {
            verdict: self.last.map(|(verdict, _)| verdict.into()),
            counts: self.last.map(|(_, counts)| counts).unwrap_or_default(),
            results: self.results as u64,
            ..Judgement::default()
        }
    }
}
