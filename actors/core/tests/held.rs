//! Output that is there and cannot be taken yet, for the log is behind: what is due only because nothing comes is not due
//! meanwhile. Told by hand; every order of events is in `exhaustive.rs`.

use std::sync::Arc;
use std::time::Duration;

use provisor_core::cause::{Cause, Exit, Outcome, StopMethod, Usage};
use provisor_core::lines::Reader;
use provisor_core::plan::{Judging, Limits};
use provisor_core::process::{Departure, Effect, Event, Fact, Patience, Process};
use provisor_core::rules::{Judge, Stream};
use provisor_core::tick::Tick;
use provisor_core::verdict::Preset;

const fn ms(n: u64) -> Tick {
    Tick::from_micros(1000 * n)
}

/// A machine, and what was done and told so far.
struct Told {
    machine: Process<Reader>,
    effects: Vec<Effect>,
}

impl Told {
    /// One that runs since the beginning of time.
    fn running(limits: Limits) -> Self {
        let judging = Judging { rules: Vec::new(), preset: Some(Preset::ExitCode) };
        let judge = Arc::new(Judge::compile(&judging).expect("it compiles"));
        let machine = Process::new(Reader::new(judge), limits, Patience::default());
        let mut told = Self { machine, effects: Vec::new() };
        told.at(0, Event::Begin);
        told.at(0, Event::Spawned);
        told
    }

    fn at(&mut self, n: u64, event: Event<'_>) {
        self.machine.step(ms(n), event, &mut self.effects);
    }

    fn exits(&mut self, n: u64) {
        let departure = Departure { exit: Exit::Code(0), usage: Usage::default(), refined: None };
        self.at(n, Event::Exited(departure));
    }

    fn has(&self, wanted: &Effect) -> bool {
        self.effects.contains(wanted)
    }

    fn outcome(&self) -> Option<&Outcome> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Report(Fact::Finished(outcome)) => Some(&**outcome),
            _ => None,
        })
    }
}

const CHUNK: Event<'static> = Event::Chunk(Stream::Stdout, b"one line\n");

#[test]
fn a_drain_lasts_as_long_as_its_output_is_held_and_no_longer() {
    let mut told = Told::running(Limits::default());
    told.exits(1000);
    assert_eq!(told.machine.wake_at(), Some(ms(1200)));
    told.at(1150, Event::Held);
    assert_eq!(told.machine.wake_at(), None);
    told.at(60_000, Event::Wake);
    assert!(!told.has(&Effect::Sweep));
    told.at(61_000, CHUNK);
    assert_eq!(
        told.machine.wake_at(),
        Some(ms(61_050)),
        "a leak that prints has no more time than a silent one"
    );
    told.at(61_050, Event::Wake);
    assert!(told.has(&Effect::Sweep));
}

#[test]
fn what_is_held_when_the_leader_leaves_is_no_leak() {
    let mut told = Told::running(Limits::default());
    told.at(500, Event::Held);
    told.exits(1000);
    told.at(60_000, Event::Wake);
    told.at(60_000, CHUNK);
    told.at(60_001, Event::Eof(Stream::Stdout));
    told.at(60_001, Event::Eof(Stream::Stderr));
    assert!(told.has(&Effect::Report(Fact::Left)));
    told.at(60_002, Event::Swept { leftovers: 0 });
    let outcome = told.outcome().expect("it is over");
    assert_eq!((outcome.leaked, outcome.wall), (false, Duration::from_secs(1)));
    assert!(!told.has(&Effect::ClosePipes));
}

#[test]
fn what_a_leak_left_in_the_pipes_is_read_however_long_the_log_takes() {
    let mut told = Told::running(Limits::default());
    told.exits(0);
    told.at(200, Event::Wake);
    told.at(201, Event::Held);
    assert_eq!(told.machine.wake_at(), Some(ms(5200)), "the sweep is the guardian's");
    told.at(202, Event::Swept { leftovers: 1 });
    told.at(60_000, Event::Wake);
    assert_eq!(told.outcome(), None);
    told.at(60_000, CHUNK);
    told.at(60_001, Event::Eof(Stream::Stdout));
    told.at(60_001, Event::Eof(Stream::Stderr));
    assert!(!told.has(&Effect::ClosePipes));
    assert!(told.outcome().is_some_and(|outcome| outcome.leaked));
}

#[test]
fn whose_output_is_held_is_not_silent_and_has_no_more_time_than_others() {
    let seconds = Duration::from_secs;
    let limits = Limits { silence: Some(seconds(1)), wall: Some(seconds(100)), ..Limits::default() };
    let mut told = Told::running(limits);
    told.at(999, Event::Held);
    assert_eq!(told.machine.wake_at(), Some(ms(100_000)));
    told.at(60_000, CHUNK);
    assert_eq!(told.machine.wake_at(), Some(ms(61_000)), "from what it printed last");
    told.at(60_001, Event::Held);
    told.at(100_000, Event::Wake);
    let stopping = Fact::Stopping { cause: Cause::WallLimit, method: StopMethod::Term };
    assert!(told.has(&Effect::Report(stopping)));
}
