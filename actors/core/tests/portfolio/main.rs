//! Races through the desk: every sequence of what may happen to three entrants, up to a length, and each rule by itself.

#[path = "../plans/papers.rs"]
mod papers;
#[path = "../plans/mod.rs"]
mod plans;
mod world;

use std::sync::Arc;

use provisor_core::answer::Answer;
use provisor_core::cause::{Cause, End, Exit, Outcome};
use provisor_core::desk::Event;
use provisor_core::plan::{AfterFailure, Condition, Need, Query};
use provisor_core::process::Fact;
use provisor_core::roster::{Order, Refusal, Roster};
use provisor_core::supervision::MemberSettings;
use provisor_core::tick::Tick;
use provisor_core::verdict::{Counts, Judgement};

use plans::{bounds, entries, plan, query};
use world::{MOVES, Move, World, entrants, said};

#[test]
fn every_sequence_keeps_the_promises() {
    let worlds: [fn() -> World; 4] =
        [|| World::planned(1), || World::planned(2), || World::planned(3), || World::submitted(2)];
    let (mut won, mut lost) = (0, 0);
    for world in worlds {
        for code in 0..MOVES.len().pow(5) {
            let mut world = world();
            for digit in 0..5 {
                world.step(MOVES[code / MOVES.len().pow(digit) % MOVES.len()]);
            }
            world.end_all();
            *(if world.winner.is_some() { &mut won } else { &mut lost }) += 1;
        }
    }
    assert!(won > 1000 && lost > 1000, "{won} and {lost} are too few to mean anything");
}

#[test]
fn the_first_answer_wins_and_the_others_are_ended_or_never_start() {
    let mut world = World::planned(2);
    world.report(0, Fact::Started);
    world.report(1, Fact::Started);
    world.step(Move::Yes);
    assert_eq!(said(&world.ended[&0]), "first of 3; another one was still at work");
    let waited = &world.ended[&2];
    assert_eq!((waited.outcome.cause_word(), waited.started_us), ("outrun", None));
    assert_eq!(said(waited), "`q/q0` was first: yes, after 4 s");
    assert_eq!(world.running[0].aborted, Some(Cause::Outrun));
    world.step(Move::Durable);
    assert_eq!((world.counts.done, world.counts.running), (2, 1), "the winner waits for nobody");
    world.step(Move::Ill);
    world.step(Move::Durable);
    let row = &world.ended[&1];
    assert_eq!((row.outcome.cause_word(), said(row)), ("outrun", "`q/q0` was first: yes, after 4 s".into()));
    assert!(world.desk.is_over() && world.counts.well == 3);
}

#[test]
fn the_winner_says_by_how_much_as_far_as_that_is_known_then() {
    let mut world = World::planned(2);
    world.report(0, Fact::Started);
    world.tell(Event::Wake);
    world.step(Move::LastNo);
    assert_eq!(said(&world.ended[&1]), "first of 3; the next one had run 2 s longer");
}

#[test]
fn one_that_says_something_else_before_it_is_down_contradicts_the_winner() {
    let mut world = World::planned(3);
    world.step(Move::Yes);
    world.step(Move::LastNo);
    assert_eq!(said(&world.ended[&2]), "`q/q0` was first: yes, after 2 s; one of the two is wrong");
}

#[test]
fn without_a_winner_each_row_says_what_it_came_to() {
    let mut world = World::planned(3);
    for what in [Move::Open, Move::Lost, Move::Ill, Move::Ill] {
        world.step(what);
    }
    let causes: Vec<_> = world.ended.values().map(|row| row.outcome.cause_word()).collect();
    assert_eq!(causes, ["exited", "exited", "lost"]);
    assert!(world.ended.values().all(|row| !said(row).contains("first")));
}

#[test]
fn who_comes_after_a_race_waits_for_all_of_it_and_who_was_outrun_is_well() {
    let race = plan(Vec::new()).with_race("q", entrants());
    let after = query(3).after(["q/q0", "q/q1", "q/q2"], AfterFailure::Skip);
    let plan = Arc::new(race.with_after(after).expect("they are there"));
    let mut roster = Roster::new(bounds(3), Arc::clone(&plan), entries(&plan), []);
    let mut orders = Vec::new();
    roster.wake(Tick::ZERO, &mut orders);
    let yes = Judgement { verdict: Some("yes".into()), ..Judgement::default() };
    let exited = |cause| Outcome { end: End::Reaped(Exit::Code(0)), cause, ..Outcome::lost("".into()) };
    roster.finished(Tick::ZERO, 1, Outcome { judgement: yes, ..exited(Cause::Exited) }, &mut orders);
    orders.clear();
    roster.finished(Tick::ZERO, 0, exited(Cause::Outrun), &mut orders);
    assert!(!orders.iter().any(is_start), "one of them is not down yet");
    roster.finished(Tick::ZERO, 2, exited(Cause::Outrun), &mut orders);
    assert!(orders.iter().any(is_start), "{orders:?}");
}

#[test]
fn one_that_waits_for_another_query_never_starts_either() {
    let mut queries = entrants();
    queries[2].needs = [Need { query: 0, condition: Condition::Over }].into();
    let plan = Arc::new(plan(vec![query(7)]).with_race("q", queries));
    let mut roster = Roster::new(bounds(3), Arc::clone(&plan), entries(&plan), []);
    let mut orders = Vec::new();
    roster.wake(Tick::ZERO, &mut orders);
    let judgement = Judgement { verdict: Some("yes".into()), ..Judgement::default() };
    let end = End::Reaped(Exit::Code(0));
    roster.finished(Tick::ZERO, 1, Outcome { end, judgement, ..Outcome::lost("".into()) }, &mut orders);
    let is_its_row = |order: &Order| matches!(order, Order::Record { query: 3, outcome, .. } if outcome.cause == Cause::Outrun);
    assert!(orders.iter().any(is_its_row), "{orders:?}");
}

fn is_start(order: &Order) -> bool {
    matches!(order, Order::Start { query: 3, .. })
}

#[test]
fn nothing_of_a_race_is_run_whose_answer_is_known() {
    let plan = Arc::new(plan(Vec::new()).with_race("q", entrants()));
    let answer = |counts| {
        let judgement = Judgement { verdict: Some("yes".into()), counts, ..Judgement::default() };
        let end = End::Reaped(Exit::Code(0));
        Answer::of(&Outcome { end, judgement, ..Outcome::lost("".into()) })
    };
    for counts in [Counts::Ok, Counts::Open] {
        let todo = entries(&plan).filter(|entry| entry.query != 1);
        let mut roster = Roster::new(bounds(3), Arc::clone(&plan), todo, [(1, answer(counts))]);
        let mut orders = Vec::new();
        roster.wake(Tick::ZERO, &mut orders);
        let record = |order: &Order| match order {
            Order::Record { query, outcome, .. } => Some((*query, outcome.end.clone())),
            _ => None,
        };
        let why = End::NotStarted("`q/q1` was first, in an earlier run: yes".into());
        let expected = if counts == Counts::Ok { vec![(0, why.clone()), (2, why)] } else { Vec::new() };
        assert_eq!(orders.iter().filter_map(record).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn all_of_a_race_are_taken_in_or_none() {
    let mut world = World::new(plan(vec![query(7)]), 1);
    world.desk.open();
    let mut submit = |queries: Vec<Query>| {
        let queries = queries.into_iter().map(|query| (Arc::new(query), [].into())).collect();
        world.desk.submit_race(Tick::ZERO, queries, &mut Vec::new())
    };
    let taken = |n: u32| Err(Refusal::Taken { id: format!("q{n}").into() });
    assert_eq!(submit(vec![query(1), query(7)]), taken(7));
    assert_eq!(submit(vec![query(1), query(2), query(1)]), taken(1));
    let in_group = query(2).member_of(0, MemberSettings::default());
    assert_eq!(submit(vec![query(1), in_group]), Err(Refusal::RaceInGroup { id: "q2".into() }));
    assert_eq!(submit(vec![query(1), query(2)]), Ok(vec![1, 2]), "nobody has come so far");
    let alone = world.desk.submit(Tick::ZERO, Arc::new(query(3).entrant_of(0)), &mut Vec::new());
    assert_eq!(alone, Err(Refusal::Refers { id: "q3".into() }));
}
