//! A recorded log through the machine of one attempt, in virtual time: what it came to when it ran, or what other rules
//! and limits would have made of it.
//!
//! The machine is the one that ran, and decides as it did; here it is only told again what it was told. This must never
//! wait, read a file, or know better than the recording what the process did.

use std::sync::Arc;
use std::time::Duration;

use crate::cause::{Cause, Excess, Exit, Outcome, StopMethod, Usage};
use crate::lines::Reader;
use crate::plan::Limits;
use crate::process::{Departure, Ear, Effect, Event, Fact, Patience, Phase, Process};
use crate::record::{Happening, Recording};
use crate::rules::{Judge, Stream};
use crate::tick::Tick;
use crate::verdict::{Finding, Judgement};

/// How the recorded process takes what the machine does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Not at all: what came of each signal is recorded. The machine stops it when it did then, and not otherwise. For
    /// the limits it ran with, and rules that stop it no later than those it ran with.
    AsRecorded,
    /// It dies of the first signal, and the rest of the recording is not heard. Where it had been stopped earlier than
    /// it would be now, that stop stands: of what would have come after it nothing is known.
    WhatIf,
}

/// What a replay came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// What happened to the attempt, in order.
    pub transitions: Vec<Transition>,
    /// All that is known at its end; what it cost is not recorded.
    pub outcome: Outcome,
    /// How many events of the recording were heard.
    pub heard: usize,
    /// The stop of the recorded run that stands for what is not known ([`Reaction::WhatIf`]).
    pub cut: Option<(Duration, Cause)>,
}

/// A step in the life of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Since its start.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What happened to an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It runs.
    Started,
    /// A read brought result lines.
    Verdict {
        /// The last of them.
        last: Finding,
        /// How many.
        of: usize,
    },
    /// Its end was begun.
    Stopping {
        /// Why.
        cause: Cause,
        /// By what.
        method: StopMethod,
    },
    /// The process left; the rest of its output is awaited.
    Left(Exit),
    /// The rest of its tree is ended.
    Sweeping,
    /// It is over.
    Done,
}

/// Why a log and a recording are not of the same attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The log ends too early.
    #[error(
        "its timing speaks of {recorded} bytes, and the log holds only {held}: it was cut, or is another one"
    )]
    TooShort {
        /// Bytes in the recording.
        recorded: u64,
        /// Bytes in the log.
        held: u64,
    },
    /// The recording ends too early.
    #[error(
        "the log holds {held} bytes, and its timing speaks of {recorded} only: it is that of another log"
    )]
    TooLong {
        /// Bytes in the recording.
        recorded: u64,
        /// Bytes in the log.
        held: u64,
    },
}

/// Replays an attempt that was read by this judge under these limits, or would be.
///
/// # Errors
/// When the log's bytes are not those of which the recording speaks. A recording that broke off, or an attempt whose
/// output was not awaited to its end, may speak of fewer.
pub fn replay(
    judge: Arc<Judge>,
    limits: Limits,
    recording: &Recording,
    log: &[u8],
    reaction: Reaction,
) -> Result<Replay, Misfit> {
    let (recorded, held) = (recording.printed().all(), log.len() as u64);
    if recorded > held {
        return Err(Misfit::TooShort { recorded, held });
    }
    if recorded < held && recording.speaks_of_all() {
        return Err(Misfit::TooLong { recorded, held });
    }
    // As recorded, what came of too much output is recorded, as what came of the other limits.
    let output = limits.output.filter(|_| reaction == Reaction::WhatIf);
    let limits = Limits { output, ..limits };
    let ear = Muted { ear: Reader::new(judge), mute: false };
    let machine = Process::new(ear, limits, Patience::default());
    let player = Player {
        machine,
        reaction,
        rest: log,
        effects: Vec::new(),
        transitions: Vec::new(),
        outcome: None,
        cut: None,
        is_spared: reaction == Reaction::AsRecorded,
    };
    Ok(player.play(recording))
}

impl Recording {
    /// An attempt that left, and whose output was read to its end, has no byte in its log that was not read.
    fn speaks_of_all(&self) -> bool {
        let gives_up = |(_, happening): &(Duration, Happening)| {
            matches!(happening, Happening::Overdue | Happening::Lost)
        };
        self.exit().is_some() && !self.torn && !self.events.iter().any(gives_up)
    }
}

/// An ear whose wishes may be passed over.
struct Muted {
    ear: Reader,
    mute: bool,
}

impl Ear for Muted {
    fn hear(
        &mut self,
        stream: Stream,
        bytes: &[u8],
        at: Duration,
        found: &mut Vec<Finding>,
    ) -> Option<StopMethod> {
        self.ear.hear(stream, bytes, at, found).filter(|_| !self.mute)
    }

    fn close(&mut self, stream: Stream, at: Duration, found: &mut Vec<Finding>) -> Option<StopMethod> {
        self.ear.close(stream, at, found).filter(|_| !self.mute)
    }

    fn judge(&mut self, cause: Cause, exit: Option<Exit>) -> Judgement {
        self.ear.judge(cause, exit)
    }
}

/// A replay on its way.
struct Player<'a> {
    machine: Process<Muted>,
    reaction: Reaction,
    /// What of the log was not heard yet.
    rest: &'a [u8],
    effects: Vec<Effect>,
    transitions: Vec<Transition>,
    outcome: Option<Outcome>,
    cut: Option<(Duration, Cause)>,
    /// What came of the next signal is recorded.
    is_spared: bool,
}

impl<'a> Player<'a> {
    fn play(mut self, recording: &Recording) -> Replay {
        self.step(Duration::ZERO, Event::Begin);
        self.step(Duration::ZERO, Event::Spawned);
        let mut heard = 0;
        let mut events = recording.events.iter().peekable();
        while let Some(event) = events.peek() {
            let (at, happening) = **event;
            self.catch_up(at, happening);
            if self.is_done() {
                break;
            }
            events.next();
            heard += 1;
            let stop = events.peek().and_then(|next| stop_by(next, at));
            let concluded = stop == Some(Cause::Concluded);
            self.machine.ear_mut().mute = self.reaction == Reaction::AsRecorded && !concluded;
            self.sparing(stop.is_some(), |player| player.happen(at, happening));
        }
        let end = recording.events.last().map_or(Duration::ZERO, |(at, _)| *at);
        self.end(end, recording.exit().is_some());
        let Self { transitions, outcome, cut, .. } = self;
        // A lost attempt is over, so there is an outcome by now.
        Replay {
            transitions,
            outcome: outcome.unwrap_or_else(|| Outcome::lost(BROKE_OFF.into())),
            heard,
            cut,
        }
    }

    /// Lets pass the deadlines that come before the next event.
    fn catch_up(&mut self, until: Duration, next: Happening) {
        while let Some(at) = self.deadline().filter(|at| *at < until) {
            let is_recorded = matches!(next, Happening::Stopping { .. }) && until - at <= LATENESS;
            self.sparing(is_recorded, |player| player.step(at, Event::Wake));
        }
    }

    /// What comes of a signal meanwhile is recorded, where this is so.
    fn sparing(&mut self, is_recorded: bool, act: impl FnOnce(&mut Self)) {
        let before = self.is_spared;
        self.is_spared |= is_recorded;
        act(self);
        self.is_spared = before;
    }

    /// The next limit; as recorded, what came of the limits is recorded too.
    fn deadline(&self) -> Option<Duration> {
        let is_ours = self.reaction == Reaction::WhatIf
            && matches!(self.machine.phase(), Phase::Running | Phase::Stopping);
        self.machine.wake_at().filter(|_| is_ours).map(|at| at - Tick::ZERO)
    }

    fn happen(&mut self, at: Duration, happening: Happening) {
        match happening {
            Happening::Read(stream, 0) => self.step(at, Event::Eof(stream)),
            Happening::Read(stream, bytes) => {
                let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.rest.len());
                let (chunk, rest) = self.rest.split_at(bytes);
                self.rest = rest;
                self.step(at, Event::Chunk(stream, chunk));
            }
            Happening::Held => self.step(at, Event::Held),
            Happening::Stopping { method, cause } => self.stop(at, method, cause),
            Happening::Left { exit, refined } => {
                let refined =
                    refined.map(|cause| Excess { cause, of_machine: false, evidence: RECORDED.into() });
                let departure = Departure { exit, usage: Usage::default(), refined };
                self.step(at, Event::Exited(departure));
            }
            Happening::Overdue => self.step(at, Event::Wake),
            Happening::Swept(leftovers) => self.step(at, Event::Swept { leftovers }),
            Happening::Lost => self.step(at, Event::Vanished("the hold on the process was lost".into())),
        }
    }

    /// The recorded run stopped it here: by a limit or the grace, which the machine sees itself; by a rule, which it has
    /// seen just now; or because somebody asked.
    fn stop(&mut self, at: Duration, method: StopMethod, cause: Cause) {
        let forced = method == StopMethod::Kill;
        let is_over = self.machine.wake_at().is_some_and(|deadline| deadline <= Tick::ZERO + at);
        let event = match (self.machine.phase(), cause) {
            (Phase::Running, Cause::WallLimit | Cause::Silent) if is_over => Event::Wake,
            (Phase::Running, Cause::Concluded) if self.reaction == Reaction::AsRecorded => return,
            (Phase::Stopping, _) if is_over && forced => Event::Wake,
            (Phase::Stopping, _) if !forced => return,
            _ => Event::Abort { cause, forced },
        };
        if self.reaction == Reaction::WhatIf && self.machine.phase() == Phase::Running {
            self.cut = Some((at, cause));
        }
        self.sparing(true, |player| player.step(at, event));
    }

    fn step(&mut self, at: Duration, event: Event<'_>) {
        let mut effects = std::mem::take(&mut self.effects);
        let before = self.machine.phase();
        let exit = if let Event::Exited(departure) = &event { Some(departure.exit) } else { None };
        self.machine.step(Tick::ZERO + at, event, &mut effects);
        if let Some(exit) = exit.filter(|_| self.machine.phase() != before) {
            self.tell(at, What::Left(exit));
        }
        let mut signal = None;
        for effect in effects.drain(..) {
            match effect {
                Effect::Report(fact) => self.report(at, fact),
                Effect::Signal(method) => signal = Some(method),
                Effect::Sweep => self.tell(at, What::Sweeping),
                Effect::Spawn | Effect::ClosePipes => {}
            }
        }
        self.effects = effects;
        if let Some(method) = signal.filter(|_| !self.is_spared) {
            self.die(at, method);
        }
    }

    fn report(&mut self, at: Duration, fact: Fact) {
        match fact {
            Fact::Started => self.tell(at, What::Started),
            Fact::Verdict { last, of } => self.tell(at, What::Verdict { last, of }),
            Fact::Stopping { cause, method } => self.tell(at, What::Stopping { cause, method }),
            Fact::Finished(outcome) => {
                self.outcome = Some(*outcome);
                self.tell(at, What::Done);
            }
            Fact::Left | Fact::Returned(_) => {}
        }
    }

    fn tell(&mut self, at: Duration, what: What) {
        self.transitions.push(Transition { at, what });
    }

    /// The process takes a signal to heart, and leaves nobody behind.
    fn die(&mut self, at: Duration, method: StopMethod) {
        let signal = match method {
            StopMethod::Term => 15,
            StopMethod::Kill => 9,
        };
        let departure = Departure { exit: Exit::Signal(signal), usage: Usage::default(), refined: None };
        self.step(at, Event::Exited(departure));
        self.leave(at);
    }

    /// What follows the exit of a process of which no more is known.
    fn leave(&mut self, at: Duration) {
        self.step(at, Event::Eof(Stream::Stdout));
        self.step(at, Event::Eof(Stream::Stderr));
        self.step(at, Event::Swept { leftovers: 0 });
    }

    /// The recording has no more to say.
    fn end(&mut self, at: Duration, has_left: bool) {
        if has_left && !self.is_done() {
            self.leave(at);
        }
        if !self.is_done() {
            self.step(at, Event::Vanished(BROKE_OFF.into()));
        }
    }

    fn is_done(&self) -> bool {
        self.machine.phase() == Phase::Done
    }
}

/// A recorded stop that comes no later than this after a limit is the stop by that limit.
const LATENESS: Duration = Duration::from_millis(20);

/// What was seen of a limit is not in a recording, only that it was reached.
const RECORDED: &str = "as recorded";

const BROKE_OFF: &str = "the recording ends before the process does";

/// The stop by a rule, or for too much output, that came of an event at that time.
fn stop_by((at, happening): &(Duration, Happening), of: Duration) -> Option<Cause> {
    match happening {
        Happening::Stopping { cause: cause @ (Cause::Concluded | Cause::OutputLimit), .. } if *at == of => {
            Some(*cause)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
