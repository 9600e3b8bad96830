//! Queries that are looked after, through the desk: every sequence of what may happen to a few small groups, up to a length. What
//! must hold is worked out from what was told and ordered, not from how the roster decides.

#[path = "../plans/papers.rs"]
mod papers;
#[path = "../plans/mod.rs"]
mod plans;
mod world;

use std::sync::Arc;
use std::time::Duration;

use provisor_core::backoff::Backoff;
use provisor_core::cause::{End, Exit, Outcome};
use provisor_core::desk::{Effect, Event};
use provisor_core::dice::Share;
use provisor_core::plan::{Command, Plan, Query};
use provisor_core::process::Fact;
use provisor_core::roster::{Place, Refusal, Then};
use provisor_core::row::Printed;
use provisor_core::supervision::{GroupSettings, Intensity, MemberSettings, Restart, Shutdown, Strategy};
use provisor_core::verdict::Judgement;

use plans::{plan, query};
use world::{MOVES, Move, World};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn settings(strategy: Strategy, restarts: u32) -> GroupSettings {
    GroupSettings {
        strategy,
        intensity: Intensity { restarts, within: secs(10) },
        shutdown: Shutdown::After(secs(5)),
        backoff: None,
        restart: Restart::Transient,
    }
}

const fn member(restart: Restart) -> MemberSettings {
    MemberSettings { restart, shutdown: None }
}

/// One group of these.
fn group_of(group: GroupSettings, members: &[Restart]) -> Plan {
    let members = (0..).zip(members).map(|(place, restart)| query(place).member_of(0, member(*restart)));
    plan(members.collect()).with_group("g", group, None)
}

/// Small plans, each with its slots: all strategies, all restarts, and groups within groups.
fn worlds() -> Vec<(Plan, usize)> {
    use Restart::{Permanent, Temporary, Transient};
    let one_for_one = group_of(settings(Strategy::OneForOne, 2), &[Transient, Permanent]).with(query(2));
    let one_for_all = group_of(settings(Strategy::OneForAll, 1), &[Transient, Temporary, Transient]);
    let rest = group_of(settings(Strategy::RestForOne, 1), &[Transient, Transient, Transient]);
    let backoff = Backoff { first: secs(1), longest: secs(4), jitter: Share::NONE };
    let with_pauses = |group| GroupSettings { backoff: Some(backoff), ..group };
    let inner = with_pauses(settings(Strategy::OneForOne, 1));
    let nested = |outer, third| {
        let inside = [0, 1].map(|place| query(place).member_of(1, member(Transient)));
        let queries = inside.into_iter().chain([query(2).member_of(0, member(third))]);
        plan(queries.collect()).with_group("outer", outer, None).with_group("inner", inner, Some(0))
    };
    let rest_of_groups = nested(settings(Strategy::RestForOne, 1), Transient);
    let all_groups = nested(settings(Strategy::OneForAll, 1), Transient);
    let paused = nested(with_pauses(settings(Strategy::OneForOne, 1)), Temporary);
    vec![
        (one_for_one, 2),
        (one_for_all.clone(), 3),
        (one_for_all, 2),
        (rest, 2),
        (rest_of_groups.clone(), 3),
        (rest_of_groups, 1),
        (all_groups, 2),
        (paused, 2),
    ]
}

#[test]
fn every_sequence_keeps_the_promises() {
    for (plan, slots) in worlds() {
        for code in 0..MOVES.len().pow(5) {
            let mut world = World::new(plan.clone(), slots);
            for digit in 0..5 {
                world.step(MOVES[code / MOVES.len().pow(digit) % MOVES.len()]);
            }
            world.end_all();
        }
    }
}

/// What a row is of: query, attempt, what follows.
fn rows(world: &World) -> Vec<(Place, u32, Then)> {
    world.rows.iter().chain(&world.sent).map(|row| (row.query, row.attempt, row.then)).collect()
}

#[test]
fn one_that_is_started_again_has_a_row_for_each_attempt_and_the_last_one_stands() {
    let mut world = World::new(group_of(settings(Strategy::OneForOne, 5), &[Restart::Transient]), 1);
    world.step(Move::Ill);
    world.step(Move::Ill);
    world.step(Move::Durable);
    assert_eq!((world.counts.running, world.counts.done), (1, 0), "it is not over");
    world.step(Move::Well);
    world.step(Move::Durable);
    assert_eq!(rows(&world), [(0, 1, Then::Restart), (0, 2, Then::Restart), (0, 3, Then::Nothing)]);
    assert!(world.desk.is_over() && world.counts.well == 1);
}

#[test]
fn one_that_was_over_is_reopened_by_its_group_and_the_count_takes_it_back() {
    for is_durable in [true, false] {
        let group = settings(Strategy::OneForAll, 5);
        let mut world = World::new(group_of(group, &[Restart::Transient, Restart::Transient]), 2);
        world.step(Move::Well);
        if is_durable {
            world.step(Move::Durable);
            assert_eq!((world.counts.done, world.desk.is_undecided(0)), (1, false));
        }
        world.step(Move::Ill);
        assert_eq!(rows(&world), [(0, 1, Then::Nothing), (1, 1, Then::Restart)]);
        assert_eq!((world.counts.done, world.counts.running), (0, 2), "{is_durable}");
        world.step(Move::Durable);
        assert!(world.desk.is_undecided(0) && world.over.is_empty());
        world.end_all();
        assert_eq!(world.over[&0].attempt, 2);
    }
}

#[test]
fn a_group_that_has_made_too_many_restarts_fails_and_the_others_go_on() {
    let group = settings(Strategy::OneForOne, 1);
    let plan = group_of(group, &[Restart::Transient, Restart::Transient]).with(query(2));
    let mut world = World::new(plan, 2);
    world.step(Move::Ill);
    world.step(Move::LastIll);
    assert_eq!(world.running.iter().map(|running| running.query).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(world.running[0].aborted, Some((false, Some(secs(5)))), "it has the grace of its group");
    world.step(Move::Ill);
    assert_eq!(world.failed, ["g".into()]);
    let row = Arc::clone(&world.sent[2]);
    let why = "its group `g` has failed: more than 1 restart in 10 s";
    assert_eq!((row.outcome.cause_word(), row.outcome.evidence.as_deref()), ("cancelled", Some(why)));
}

#[test]
fn one_that_nobody_wants_is_started_by_no_group() {
    let group = settings(Strategy::OneForAll, 5);
    let mut world = World::new(group_of(group, &[Restart::Transient, Restart::Transient]), 2);
    world.step(Move::Cancel);
    assert_eq!(world.running[0].aborted, Some((false, Some(secs(5)))));
    world.step(Move::Ill);
    world.step(Move::Ill);
    assert_eq!(rows(&world), [(0, 1, Then::Nothing), (1, 1, Then::Restart)]);
    assert_eq!(world.running.iter().map(|running| running.query).collect::<Vec<_>>(), [1]);
}

#[test]
fn one_that_is_over_and_not_wanted_any_more_is_forgotten_and_its_id_is_free() {
    for is_durable in [true, false] {
        let group = settings(Strategy::OneForAll, 5);
        let mut world = World::new(group_of(group, &[Restart::Transient]), 2);
        world.desk.open();
        let late = Arc::new(Query::new("late", Command::new(["x"])).member_of(0, member(Restart::Transient)));
        let submit = |world: &mut World| {
            let mut effects = Vec::new();
            let taken = world.desk.submit(world.now, Arc::clone(&late), &mut effects);
            (taken, effects)
        };
        let (taken, _) = submit(&mut world);
        let place = taken.expect("it is taken in");
        let judgement = Judgement { verdict: Some("ok".into()), ..Judgement::default() };
        let outcome = Outcome { end: End::Reaped(Exit::Code(0)), judgement, ..Outcome::lost("".into()) };
        let (printed, fact) = (Printed::default(), Fact::Finished(Box::new(outcome)));
        let mut effects = Vec::new();
        let ended = Event::Report { query: place, attempt: 1, unix_us: 0, log_is_whole: true, printed, fact };
        world.desk.step(world.now, ended, &mut effects);
        let is_known = submit(&mut world).0;
        assert_eq!(is_known, Err(Refusal::Taken { id: "late".into() }), "its group may start it again");
        for event in match is_durable {
            true => [Event::Durable { rows: 1 }, Event::Cancel { query: place, forced: false }],
            false => [Event::Cancel { query: place, forced: false }, Event::Durable { rows: 1 }],
        } {
            world.desk.step(world.now, event, &mut effects);
        }
        assert!(world.desk.query(place).is_none() && !world.desk.may_reopen(place));
        let (again, effects) = submit(&mut world);
        assert!(again.is_ok_and(|again| again != place));
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Start { .. })), "and it runs");
    }
}
