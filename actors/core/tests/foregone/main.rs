//! What is known without an attempt, through the roster and the desk: queries that wait for others or are skipped for them,
//! and answers that follow from others.

#[path = "../plans/mod.rs"]
mod plans;
mod worlds;

use std::sync::Arc;

use provisor_core::answer::Answer;
use provisor_core::cause::{Cause, End, Exit, Outcome};
use provisor_core::plan::{Cell, Condition, Lattice, Need, Only, Pass, Plan, Prune, Query, Retry, RetryOn};
use provisor_core::roster::{Bounds, Order, Place, Roster, Then};
use provisor_core::tick::Tick;
use provisor_core::verdict::{Counts, Judgement};

use plans::{bounds, entries, plan, query};

/// A query that needs these to be true.
fn needy(place: Place, needs: &[Place]) -> Query {
    let need = |&query: &Place| Need::says(query, "true");
    Query { needs: needs.iter().map(need).collect(), ..query(place) }
}

/// A query in this scenario of the only family.
fn cell(place: Place, scenario: u32) -> Query {
    Query { cell: Some(Cell { family: 0, scenario }), ..query(place) }
}

/// A chain of scenarios, each stronger than those before it.
fn chain(prune: Prune, queries: Vec<Query>) -> Plan {
    let weaker = (0..8).map(|scenario| (0..scenario).collect()).collect();
    Plan { lattice: Lattice { weaker }, prune, ..plan(queries) }
}

fn roster_of(bounds: Bounds, plan: Plan) -> Roster {
    let entries = entries(&plan);
    Roster::new(bounds, Arc::new(plan), entries, [])
}

fn says(verdict: &str) -> Outcome {
    let counts = if verdict == "false" { Counts::Bad } else { Counts::Ok };
    let judgement = Judgement { verdict: Some(verdict.into()), counts, ..Judgement::default() };
    Outcome { end: End::Reaped(Exit::Code(0)), judgement, ..Outcome::lost("".into()) }
}

fn limited() -> Outcome {
    Outcome { cause: Cause::WallLimit, ..says("true") }
}

fn starts(orders: &[Order]) -> Vec<Place> {
    let start = |order: &Order| match order {
        Order::Start { query, .. } => Some(*query),
        _ => None,
    };
    orders.iter().filter_map(start).collect()
}

/// Rows that were made without an attempt, and what is said of each.
fn foregone(orders: &[Order]) -> Vec<(Place, String)> {
    let row = |order: &Order| match order {
        Order::Record { query, attempt: 0, then: Then::Nothing, outcome, .. } => match &outcome.end {
            End::Skipped(why) => Some((*query, why.to_string())),
            End::Implied(_) => Some((*query, outcome.judgement.line.as_deref()?.to_owned())),
            other => panic!("{other:?}"),
        },
        _ => None,
    };
    orders.iter().filter_map(row).collect()
}

fn wake(roster: &mut Roster) -> Vec<Order> {
    let mut orders = Vec::new();
    roster.wake(Tick::ZERO, &mut orders);
    orders
}

fn finish(roster: &mut Roster, query: Place, outcome: Outcome) -> Vec<Order> {
    let mut orders = Vec::new();
    roster.finished(Tick::ZERO, query, outcome, &mut orders);
    orders
}

fn row(query: Place, text: &str) -> (Place, String) {
    (query, text.to_owned())
}

#[test]
fn a_query_waits_until_all_that_it_needs_is_decided_and_then_has_its_place_in_the_line() {
    let queries = vec![needy(0, &[2, 3, 2]), query(1), query(2), query(3), query(4)];
    let mut roster = roster_of(bounds(2), plan(queries));
    assert_eq!(starts(&wake(&mut roster)), [1, 2]);
    assert_eq!(starts(&finish(&mut roster, 2, says("true"))), [3]);
    assert_eq!(roster.waiting(), 2, "the one that waits is counted");
    let orders = finish(&mut roster, 3, says("true"));
    assert_eq!((starts(&orders), foregone(&orders)), (vec![0], vec![]));
}

#[test]
fn a_query_is_skipped_as_soon_as_one_thing_that_it_needs_is_otherwise_and_so_is_who_needs_it() {
    let queries = vec![query(0), query(1), needy(2, &[0, 1]), needy(3, &[2])];
    for (outcome, how) in [
        (says("false"), "false"),
        (limited(), "wall-limit"),
        (Outcome::lost("panicked".into()), "lost"),
        (Outcome { judgement: Judgement::default(), ..says("") }, "no verdict"),
    ] {
        let mut roster = roster_of(bounds(2), plan(queries.clone()));
        wake(&mut roster);
        let orders = finish(&mut roster, 1, outcome);
        let first = format!("needs `q1` to be true, which ended as {how}");
        let second = row(3, "needs `q2` to be true, which ended as skipped");
        assert_eq!(foregone(&orders), [(2, first), second], "the other one still runs");
        assert_eq!(roster.waiting(), 0);
    }
}

#[test]
fn who_comes_after_another_waits_for_its_end_whatever_it_is_or_only_for_a_good_one() {
    let after = |place, condition| Query { needs: [Need { query: 0, condition }].into(), ..query(place) };
    let first = |expect: Option<&str>| Query { expect: expect.map(Into::into), ..query(0) };
    for (expect, outcome, how) in [
        (None, says("true"), None),
        (None, says("false"), Some("false")),
        (Some("false"), says("false"), None),
        (Some("false"), says("true"), Some("true")),
        (None, limited(), Some("wall-limit")),
        (None, Outcome::lost("panicked".into()), Some("lost")),
    ] {
        let queries = vec![first(expect), after(1, Condition::Over), after(2, Condition::Well)];
        let plan = Arc::new(plan(queries));
        let skipped = how.map(|how| row(2, &format!("needs `q0` to end well, which ended as {how}")));
        let started = if how.is_none() { vec![1, 2] } else { vec![1] };
        let mut roster = Roster::new(bounds(3), Arc::clone(&plan), entries(&plan), []);
        assert_eq!(starts(&wake(&mut roster)), [0]);
        let orders = finish(&mut roster, 0, outcome.clone());
        assert_eq!((starts(&orders), foregone(&orders)), (started.clone(), Vec::from_iter(skipped.clone())));
        // The same where an earlier run knows it.
        let known = [(0, Answer::of(&outcome))];
        let asked = entries(&plan).filter(|entry| entry.query != 0);
        let orders = wake(&mut Roster::new(bounds(3), Arc::clone(&plan), asked, known));
        assert_eq!((starts(&orders), foregone(&orders)), (started, Vec::from_iter(skipped)));
    }
}

#[test]
fn who_comes_after_one_that_nobody_asks_or_that_is_skipped_is_skipped_or_asked() {
    let after =
        |place, other, condition| Query { needs: [Need { query: other, condition }].into(), ..query(place) };
    let queries = vec![
        after(0, 9, Condition::Over),
        after(1, 0, Condition::Over),
        after(2, 0, Condition::Well),
        after(3, 3, Condition::Over),
    ];
    let mut roster = roster_of(bounds(4), plan(queries));
    let orders = wake(&mut roster);
    assert_eq!(starts(&orders), [1], "however it is over");
    let rows = [
        row(0, "needs `#9` to be over, which was not asked"),
        row(2, "needs `q0` to end well, which ended as skipped"),
    ];
    assert_eq!(foregone(&orders), rows);
    let orders = finish(&mut roster, 1, says("true"));
    assert_eq!(foregone(&orders), [row(3, "needs `q3` to be over, which waits for others in a circle")]);
}

#[test]
fn what_a_query_needs_is_decided_by_its_last_attempt() {
    let retry = Arc::new(Retry { times: 1, on: vec![RetryOn::WallLimit], ..Retry::default() });
    let lemma = query(0);
    let full = Pass {
        name: "full".into(),
        only: Only::Limited,
        command: lemma.command.clone(),
        limits: lemma.limits,
        judging: Arc::clone(&lemma.judging),
        pages: None,
    };
    let lemma = Query { retry, further: [full].into(), ..lemma };
    let mut roster = roster_of(bounds(1), plan(vec![lemma, needy(1, &[0])]));
    wake(&mut roster);
    for _ in 0..3 {
        assert_eq!(starts(&finish(&mut roster, 0, limited())), [0], "a retry, a pass, and its retry");
    }
    assert_eq!(starts(&finish(&mut roster, 0, says("true"))), [1]);
}

#[test]
fn what_was_decided_by_an_earlier_run_counts_and_what_nobody_asks_does_not() {
    let queries =
        vec![query(0), needy(1, &[0]), query(2), needy(3, &[2]), query(4), needy(5, &[4]), needy(6, &[9])];
    let plan = Arc::new(plan(queries));
    let known = [(0, Answer::of(&says("true"))), (2, Answer::of(&limited()))];
    let asked = entries(&plan).filter(|entry| [1, 3, 5, 6].contains(&entry.query));
    let mut roster = Roster::new(bounds(4), Arc::clone(&plan), asked, known);
    let orders = wake(&mut roster);
    assert_eq!(starts(&orders), [1]);
    let rows = [
        row(3, "needs `q2` to be true, which ended as wall-limit"),
        row(5, "needs `q4` to be true, which was not asked"),
        row(6, "needs `#9` to be true, which was not asked"),
    ];
    assert_eq!(foregone(&orders), rows);
    // Who is asked again is not decided, whatever an earlier run knows.
    let known = [(0, Answer::of(&says("true")))];
    let asked = entries(&plan).filter(|entry| [0, 1].contains(&entry.query));
    assert_eq!(starts(&wake(&mut Roster::new(bounds(4), Arc::clone(&plan), asked, known))), [0]);
}

#[test]
fn those_that_wait_for_each_other_are_skipped_and_the_run_does_not_hang() {
    let queries = vec![needy(0, &[1]), needy(1, &[0]), needy(2, &[2]), query(3)];
    let mut roster = roster_of(bounds(1), plan(queries));
    let orders = wake(&mut roster);
    assert_eq!((starts(&orders), foregone(&orders)), (vec![3], vec![]));
    assert_eq!(wake(&mut roster), [], "as long as something runs");
    let rows = [
        row(0, "needs `q1` to be true, which waits for others in a circle"),
        row(1, "needs `q0` to be true, which ended as skipped"),
        row(2, "needs `q2` to be true, which waits for others in a circle"),
    ];
    assert_eq!(foregone(&finish(&mut roster, 3, says("true"))), rows);
    roster.written(Tick::ZERO, 4, &mut Vec::new());
    assert!(roster.is_over());
}

#[test]
fn what_waits_gets_the_answer_that_follows_and_what_runs_goes_on() {
    let queries = (0..5).map(|place| cell(place, place)).collect();
    let mut roster = roster_of(bounds(2), chain(Prune::On, queries));
    assert_eq!(starts(&wake(&mut roster)), [0, 1]);
    assert_eq!(starts(&finish(&mut roster, 0, says("true"))), [2], "weaker ones there are none");
    let orders = finish(&mut roster, 1, says("false"));
    let rows = [3, 4].map(|place| row(place, "implied by `q1`: false"));
    assert_eq!((starts(&orders), foregone(&orders)), (vec![], rows.into()));
    let bad = |order: &Order| matches!(order, Order::Record { outcome, .. } if outcome.judgement.counts == Counts::Bad);
    assert_eq!(
        orders.iter().filter(|order| bad(order)).count(),
        3,
        "it counts as that counts from which it follows"
    );
    let orders = finish(&mut roster, 2, limited());
    assert!(foregone(&orders).is_empty() && roster.waiting() == 0, "it has its own row: {orders:?}");
}

#[test]
fn nothing_follows_from_what_was_not_measured_to_its_end_or_is_to_be_measured_anyway() {
    let other = || Outcome { end: End::Reaped(Exit::Signal(11)), ..says("true") };
    for outcome in [limited(), says("cannot be proved"), other(), Outcome::lost("".into())] {
        let mut roster = roster_of(bounds(1), chain(Prune::On, vec![cell(0, 1), cell(1, 0)]));
        wake(&mut roster);
        let orders = finish(&mut roster, 0, outcome.clone());
        assert_eq!((starts(&orders), foregone(&orders)), (vec![1], vec![]), "{outcome:?}");
    }
    for prune in [Prune::Off, Prune::Check] {
        let mut roster = roster_of(bounds(1), chain(prune, vec![cell(0, 1), cell(1, 0)]));
        wake(&mut roster);
        assert_eq!(starts(&finish(&mut roster, 0, says("true"))), [1], "{prune:?}");
    }
}

#[test]
fn an_answer_of_an_earlier_run_implies_others_at_once_and_an_implied_one_implies_none() {
    // 2 is above 1 and 1 is above 0, but 2 is not said to be above 0.
    let lattice = Lattice { weaker: vec![[].into(), [0].into(), [1].into()] };
    let queries = (0..3).map(|place| cell(place, place)).collect();
    let plan = Arc::new(Plan { lattice, ..plan(queries) });
    let asked = || entries(&plan).filter(|entry| entry.query < 2);
    let mut roster = Roster::new(bounds(1), Arc::clone(&plan), asked(), [(2, Answer::of(&says("true")))]);
    let orders = wake(&mut roster);
    assert_eq!((starts(&orders), foregone(&orders)), (vec![0], vec![row(1, "implied by `q2`: true")]));
    let implied = Answer::of(&Outcome::implied("x".into(), "true".into(), Counts::Ok));
    let mut roster = Roster::new(bounds(1), Arc::clone(&plan), asked(), [(2, implied)]);
    assert_eq!(starts(&wake(&mut roster)), [0]);
}

#[test]
fn what_waits_for_a_retry_a_later_pass_a_slot_or_others_can_be_implied_as_well() {
    let retry = Arc::new(Retry {
        times: 1,
        on: vec![RetryOn::WallLimit],
        backoff: std::time::Duration::from_secs(9),
    });
    let pass = |query: &Query| Pass {
        name: "full".into(),
        only: Only::Open,
        command: query.command.clone(),
        limits: query.limits,
        judging: Arc::clone(&query.judging),
        pages: None,
    };
    let queries = vec![
        cell(0, 5),
        Query { retry, ..cell(1, 1) },
        Query { further: [pass(&query(2))].into(), ..cell(2, 2) },
        Query { needs: needy(3, &[0]).needs, ..cell(3, 3) },
        cell(4, 4),
    ];
    // Two at a time, and the strongest one is the last to end.
    let mut roster = roster_of(bounds(2), chain(Prune::On, queries.clone()));
    assert_eq!(starts(&wake(&mut roster)), [0, 1]);
    assert_eq!(starts(&finish(&mut roster, 1, limited())), [2], "it is tried again in a while");
    assert_eq!(starts(&finish(&mut roster, 2, limited())), [4], "its next pass is last");
    assert_eq!(roster.waiting(), 3);
    let by = |place| row(place, "implied by `q0`: true");
    assert_eq!(foregone(&finish(&mut roster, 0, says("true"))), [by(1), by(2), by(3)]);
    // What has run until then, or could not be started, does not wait again.
    let mut roster = roster_of(bounds(9), chain(Prune::On, queries));
    assert_eq!(starts(&wake(&mut roster)), [0, 1, 2, 4]);
    assert_eq!(foregone(&finish(&mut roster, 0, says("true"))), [by(3)]);
    assert_eq!(foregone(&finish(&mut roster, 1, limited())), [by(1)]);
    assert_eq!(foregone(&finish(&mut roster, 2, limited())), [by(2)]);
    let mut orders = Vec::new();
    roster.returned(Tick::ZERO, 4, "no processes left".into(), &mut orders);
    assert_eq!(foregone(&orders), [by(4)]);
    assert_eq!(roster.waiting(), 0);
}

#[test]
fn who_waits_for_others_does_not_where_the_answer_follows() {
    let queries = vec![cell(0, 1), Query { needs: needy(1, &[2]).needs, ..cell(1, 0) }, query(2)];
    let mut roster = roster_of(bounds(1), chain(Prune::On, queries));
    assert_eq!(starts(&wake(&mut roster)), [0]);
    let orders = finish(&mut roster, 0, says("true"));
    assert_eq!((foregone(&orders), starts(&orders)), (vec![row(1, "implied by `q0`: true")], vec![2]));
    let orders = finish(&mut roster, 2, says("false"));
    assert!(foregone(&orders).is_empty() && starts(&orders).is_empty(), "that is of no concern any more");
}

#[test]
fn who_needs_one_whose_answer_follows_may_be_asked() {
    let queries = vec![cell(0, 1), cell(1, 0), needy(2, &[1])];
    let mut roster = roster_of(bounds(1), chain(Prune::On, queries));
    wake(&mut roster);
    let orders = finish(&mut roster, 0, says("true"));
    assert_eq!((foregone(&orders), starts(&orders)), (vec![row(1, "implied by `q0`: true")], vec![2]));
}

#[test]
fn no_more_of_them_wait_for_the_disk_than_of_others_and_none_is_made_in_a_run_that_is_to_end() {
    let queries = || (0..6).map(|place| cell(place, 5 - place)).collect();
    let few = Bounds { unwritten: 2, ..bounds(1) };
    let mut roster = roster_of(few, chain(Prune::On, queries()));
    wake(&mut roster);
    assert_eq!(foregone(&finish(&mut roster, 0, says("true"))).len(), 1);
    assert_eq!(roster.waiting(), 4);
    let mut orders = Vec::new();
    roster.written(Tick::ZERO, 2, &mut orders);
    assert_eq!((foregone(&orders).len(), roster.waiting(), roster.is_over()), (2, 2, false));
    roster.hold();
    orders.clear();
    roster.written(Tick::ZERO, 2, &mut orders);
    assert!(orders.is_empty(), "the disk takes no rows");
    roster.abort(Cause::Cancelled, false, &mut orders);
    roster.go_on(Tick::ZERO, &mut orders);
    assert!(orders.is_empty() && roster.is_over());
    assert_eq!(roster.waiting(), 2, "the next run decides them");
}
