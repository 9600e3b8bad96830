//! The desk, told by hand: what is written before what is counted, and what happens when the disk takes nothing.
//! Whatever order the world may find is in `simulation/`.

mod plans;

use std::sync::Arc;
use std::time::Duration;

use provisor_core::cause::{Cause, Outcome};
use provisor_core::containment::Level;
use provisor_core::desk::{Desk, Effect, Event, Failure, News, PATIENCE, Papers};
use provisor_core::plan::{Limits, Query};
use provisor_core::process::Fact;
use provisor_core::roster::{Place, Roster};
use provisor_core::row::Printed;
use provisor_core::tally::Change;
use provisor_core::tick::Tick;

use plans::{bounds, entries, plan, query};

/// A desk with so many queries and slots that has begun.
fn desk(queries: Place, slots: usize) -> Desk {
    desk_of((0..queries).map(query).collect(), slots, Level::Sweep)
}

fn desk_of(queries: Vec<Query>, slots: usize, level: Level) -> Desk {
    let plan = Arc::new(plan(queries));
    let roster = Roster::new(bounds(slots), Arc::clone(&plan), entries(&plan), []);
    let papers = Papers {
        containment: level.word().into(),
        log_name: Box::new(|id, attempt| format!("{id}.{attempt}")),
    };
    let mut desk = Desk::new(papers, roster);
    tell(&mut desk, Tick::ZERO, Event::Wake);
    desk
}

fn tell(desk: &mut Desk, now: Tick, event: Event) -> Vec<Effect> {
    let mut effects = Vec::new();
    desk.step(now, event, &mut effects);
    effects
}

const PRINTED: Printed = Printed { stdout: 5, stderr: 2 };

fn report(query: Place, fact: Fact) -> Event {
    Event::Report { query, attempt: 1, unix_us: 7, log_is_whole: true, printed: PRINTED, fact }
}

fn finished(query: Place) -> Event {
    report(query, Fact::Finished(Box::new(Outcome::lost("made up".into()))))
}

fn starts(effects: &[Effect]) -> Vec<Place> {
    let start = |effect: &Effect| match effect {
        Effect::Start { query, .. } => Some(*query),
        _ => None,
    };
    effects.iter().filter_map(start).collect()
}

fn stalled() -> Event {
    Event::Stalled { text: "the disk is full".into() }
}

fn full() -> Option<Failure> {
    Some(Failure::Results("the disk is full".into()))
}

fn seconds(n: u64) -> Tick {
    Tick::ZERO + Duration::from_secs(n)
}

#[test]
fn a_row_is_sent_to_the_disk_and_counted_only_when_it_is_there() {
    let mut desk = desk(1, 1);
    tell(&mut desk, Tick::ZERO, report(0, Fact::Started));
    let effects = tell(&mut desk, Tick::ZERO, finished(0));
    let [
        Effect::Tell(News::Ended { query: 0, attempt: 1 }),
        Effect::Release { query: 0 },
        Effect::Write(row),
    ] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!((row.log.as_deref(), row.started_us, row.is_last()), (Some("q0.1"), Some(7), true));
    assert_eq!(row.printed, PRINTED);
    assert!(!desk.is_over());
    let effects = tell(&mut desk, Tick::ZERO, Event::Durable { rows: 1 });
    assert!(
        matches!(&effects[..], [Effect::Count(Change::Done(_)), Effect::Tell(News::Done(done))] if done == row)
    );
    assert!(desk.is_over());
}

#[test]
fn a_log_that_is_broken_is_told_of_in_the_row_wherever_it_goes() {
    let mut desk = desk(2, 2);
    for query in [0, 1] {
        tell(&mut desk, Tick::ZERO, report(query, Fact::Started));
        tell(&mut desk, Tick::ZERO, finished(query));
    }
    // Said twice, it stands there once.
    for _ in 0..2 {
        tell(&mut desk, Tick::ZERO, Event::LogsBroken { logs: vec!["q1.1".into()] });
    }
    let effects = tell(&mut desk, Tick::ZERO, Event::Durable { rows: 1 });
    assert!(matches!(&effects[..], [_, Effect::Tell(News::Done(row))] if row.outcome.evidence.is_none()));
    let row = desk.unwritten().next().expect("a row");
    let said = "its log could not be written and is incomplete";
    assert_eq!((row.log_is_whole, row.outcome.evidence.as_deref()), (false, Some(said)));
}

#[test]
fn a_row_tells_what_was_looked_for_and_the_limit_that_this_attempt_had() {
    for (level, leftovers) in [(Level::Sweep, Some(3)), (Level::Group, None)] {
        let limits = Limits { memory: Some(7), ..Limits::default() };
        let mut desk = desk_of(vec![Query { limits, ..query(0) }], 1, level);
        let outcome = Outcome { leftovers: Some(3), ..Outcome::lost("made up".into()) };
        tell(&mut desk, Tick::ZERO, report(0, Fact::Finished(Box::new(outcome))));
        let row = desk.unwritten().next().expect("a row");
        assert_eq!((row.outcome.leftovers, row.memory_limit), (leftovers, Some(7)));
    }
}

#[test]
fn what_never_ran_has_no_log_and_no_beginning() {
    let mut desk = desk(1, 1);
    tell(&mut desk, Tick::ZERO, finished(0));
    let row = desk.unwritten().next().expect("a row");
    assert_eq!((row.log.as_deref(), row.started_us, row.log_is_whole), (None, None, false));
}

#[test]
fn the_word_of_an_attempt_that_is_over_changes_nothing() {
    let mut desk = desk(1, 1);
    tell(&mut desk, Tick::ZERO, finished(0));
    let down = Event::Down { query: 0, attempt: 1, how: "it stopped".into() };
    for late in [down, finished(0), report(0, Fact::Started), report(0, Fact::Left)] {
        assert_eq!(tell(&mut desk, Tick::ZERO, late), []);
    }
    assert_eq!(desk.unwritten().len(), 1);
}

#[test]
fn the_late_word_of_an_attempt_that_could_not_start_is_not_taken_for_that_of_the_next() {
    let down = || Event::Down { query: 0, attempt: 1, how: "it stopped".into() };
    let mut desk = desk(1, 1);
    tell(&mut desk, Tick::ZERO, report(0, Fact::Returned("short of something".into())));
    // It is the same attempt that is tried again: nothing of it has run.
    assert_eq!(starts(&tell(&mut desk, seconds(1), Event::Wake)), [0]);
    assert_eq!(tell(&mut desk, seconds(1), down()), [], "that was the first");
    let effects = tell(&mut desk, seconds(1), down());
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Write(_))), "{effects:?}");
}

#[test]
fn the_end_of_an_attempt_is_told_once_and_before_its_row_is_on_the_disk() {
    let down = || Event::Down { query: 0, attempt: 1, how: "it panicked".into() };
    let ended = Effect::Tell(News::Ended { query: 0, attempt: 1 });
    let endings: [&[Event]; 4] =
        [&[finished(0)], &[report(0, Fact::Left), finished(0)], &[down()], &[report(0, Fact::Left), down()]];
    for events in endings {
        let mut desk = desk(1, 1);
        tell(&mut desk, Tick::ZERO, report(0, Fact::Started));
        let effects = events.iter().flat_map(|event| tell(&mut desk, Tick::ZERO, event.clone()));
        let told: Vec<_> = effects.filter(|effect| *effect == ended).collect();
        assert_eq!(told.len(), 1, "{events:?}");
    }
}

#[test]
fn nothing_starts_while_the_disk_takes_no_rows_and_all_goes_on_when_it_does() {
    let mut desk = desk(3, 1);
    assert!(matches!(tell(&mut desk, Tick::ZERO, stalled())[..], [Effect::Tell(News::Stalled { .. })]));
    assert_eq!(tell(&mut desk, Tick::ZERO, stalled()), [], "that is known");
    assert_eq!(starts(&tell(&mut desk, Tick::ZERO, finished(0))), []);
    assert_eq!(starts(&tell(&mut desk, seconds(1), Event::Wake)), []);
    let effects = tell(&mut desk, seconds(2), Event::Resumed);
    assert!(matches!(effects[0], Effect::Tell(News::Resumed)));
    assert_eq!(starts(&effects), [1]);
    assert_eq!(desk.failure(), None);
}

#[test]
fn a_full_disk_is_waited_for_while_something_runs_and_for_a_patience_afterwards() {
    let mut desk = desk(3, 2);
    tell(&mut desk, Tick::ZERO, stalled());
    tell(&mut desk, Tick::ZERO, finished(0));
    assert_eq!(desk.wake_at(), None, "one runs");
    tell(&mut desk, seconds(1000), finished(1));
    let end = seconds(1000) + PATIENCE;
    assert_eq!(desk.wake_at(), Some(end));
    tell(&mut desk, seconds(1001), Event::Wake);
    assert!(!desk.is_over(), "too early");
    tell(&mut desk, end, Event::Wake);
    assert!(desk.is_over());
    assert_eq!((desk.failure().cloned(), desk.waiting()), (full(), 1));
    let kept: Vec<_> = desk.unwritten().map(|row| row.query).collect();
    assert_eq!(kept, [0, 1], "no row is forgotten");
}

#[test]
fn a_run_is_not_over_while_anything_that_follows_its_rows_finds_no_room() {
    let mut desk = desk(1, 1);
    tell(&mut desk, Tick::ZERO, finished(0));
    tell(&mut desk, Tick::ZERO, stalled());
    tell(&mut desk, Tick::ZERO, Event::Durable { rows: 1 });
    assert!(!desk.is_over());
    tell(&mut desk, seconds(1), Event::Resumed);
    assert!(desk.is_over());
    assert_eq!((desk.failure(), desk.unwritten().len()), (None, 0));
}

#[test]
fn whoever_interrupts_does_not_wait_for_the_disk() {
    let mut desk = desk(2, 1);
    tell(&mut desk, Tick::ZERO, stalled());
    tell(&mut desk, Tick::ZERO, finished(0));
    assert!(!desk.is_over());
    tell(&mut desk, seconds(1), Event::Interrupt { cause: Cause::Cancelled, forced: false });
    assert!(desk.is_over());
    assert_eq!((desk.failure().cloned(), desk.unwritten().len()), (full(), 1));
}

/// Found by the simulation: the deadline had come first, and was taken for the reason.
#[test]
fn whoever_interrupts_after_the_deadline_does_not_wait_for_the_disk_either() {
    let mut desk = desk(2, 1);
    tell(&mut desk, Tick::ZERO, stalled());
    tell(&mut desk, Tick::ZERO, Event::Interrupt { cause: Cause::Deadline, forced: false });
    tell(&mut desk, Tick::ZERO, finished(0));
    assert!(!desk.is_over(), "the deadline has patience with the disk");
    tell(&mut desk, seconds(1), Event::Interrupt { cause: Cause::Cancelled, forced: false });
    assert!(desk.is_over());
}

#[test]
fn a_disk_that_has_failed_ends_the_run_and_keeps_the_rows() {
    let mut desk = desk(3, 2);
    tell(&mut desk, Tick::ZERO, finished(0));
    let effects = tell(&mut desk, Tick::ZERO, Event::WriteFailed(full().expect("a failure")));
    let aborted: Vec<_> = effects.iter().filter(|effect| matches!(effect, Effect::Abort { .. })).collect();
    assert_eq!(aborted.len(), 2, "{effects:?}");
    tell(&mut desk, Tick::ZERO, finished(1));
    assert!(!desk.is_over(), "one is still there");
    tell(&mut desk, Tick::ZERO, finished(2));
    assert!(desk.is_over());
    assert_eq!(desk.unwritten().len(), 3);
}
