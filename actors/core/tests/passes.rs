//! Queries of several passes, through the roster: when the next pass follows, who is before whom, and what is said of the
//! passes before.

mod plans;

use std::sync::Arc;
use std::time::Duration;

use provisor_core::cause::{Cause, End, Exit, Outcome};
use provisor_core::plan::{Limits, Only, Pass, Plan, Query, Retry, RetryOn};
use provisor_core::roster::{Bounds, Entry, Order, Place, Roster, Rung, Said, Then};
use provisor_core::tick::Tick;
use provisor_core::verdict::{Counts, Judgement};

use plans::{bounds, entries, plan, query};

/// A query with these further passes; the first one is called `fast`.
fn laddered(place: Place, further: &[(&str, Only)]) -> Query {
    let query = query(place);
    let pass = |(name, only): &(&str, Only)| Pass {
        name: (*name).into(),
        only: *only,
        command: query.command.clone(),
        limits: query.limits,
        judging: Arc::clone(&query.judging),
        pages: None,
    };
    Query { pass: Some("fast".into()), further: further.iter().map(pass).collect(), ..query }
}

fn roster_of(bounds: Bounds, queries: Vec<Query>) -> Roster {
    let plan = plan(queries);
    let entries = entries(&plan);
    Roster::new(bounds, Arc::new(plan), entries, [])
}

fn exited(verdict: Option<&str>) -> Outcome {
    let judgement = Judgement { verdict: verdict.map(Into::into), ..Judgement::default() };
    Outcome { end: End::Reaped(Exit::Code(0)), judgement, ..Outcome::lost("".into()) }
}

fn limited() -> Outcome {
    Outcome { cause: Cause::WallLimit, ..exited(None) }
}

/// Who was started: the query, the attempt, and the pass.
fn starts(orders: &[Order]) -> Vec<(Place, u32, usize)> {
    let start = |order: &Order| match order {
        Order::Start { query, attempt, pass, .. } => Some((*query, *attempt, *pass)),
        _ => None,
    };
    orders.iter().filter_map(start).collect()
}

/// What was written down: of which attempt and pass, and what comes next.
fn records(orders: &[Order]) -> Vec<(Place, u32, usize, Then)> {
    let record = |order: &Order| match order {
        Order::Record { query, attempt, pass, then, .. } => Some((*query, *attempt, *pass, *then)),
        _ => None,
    };
    orders.iter().filter_map(record).collect()
}

fn evidence(orders: &[Order]) -> Vec<Option<String>> {
    let evidence = |order: &Order| match order {
        Order::Record { outcome, .. } => Some(outcome.evidence.as_deref().map(Into::into)),
        _ => None,
    };
    orders.iter().filter_map(evidence).collect()
}

fn wake(roster: &mut Roster, now: Tick) -> Vec<Order> {
    let mut orders = Vec::new();
    roster.wake(now, &mut orders);
    orders
}

fn finish(roster: &mut Roster, query: Place, outcome: Outcome) -> Vec<Order> {
    let mut orders = Vec::new();
    roster.finished(Tick::ZERO, query, outcome, &mut orders);
    orders
}

#[test]
fn every_query_has_its_first_pass_before_any_has_its_second_and_each_pass_has_the_order_of_the_entries() {
    let ladder = |place| laddered(place, &[("full", Only::Limited), ("endless", Only::Limited)]);
    let mut roster = roster_of(bounds(2), (0..4).map(ladder).collect());
    assert_eq!(starts(&wake(&mut roster, Tick::ZERO)), [(0, 1, 0), (1, 1, 0)]);
    assert_eq!(starts(&finish(&mut roster, 1, limited())), [(2, 1, 0)]);
    assert_eq!(starts(&finish(&mut roster, 2, limited())), [(3, 1, 0)]);
    // The first one comes to its second pass last, and is before the others there.
    let orders = finish(&mut roster, 0, limited());
    assert_eq!((records(&orders), starts(&orders)), (vec![(0, 1, 0, Then::NextPass)], vec![(0, 2, 1)]));
    assert_eq!(starts(&finish(&mut roster, 3, limited())), [(1, 2, 1)]);
    assert_eq!(starts(&finish(&mut roster, 0, limited())), [(2, 2, 1)], "before anybody's third");
    assert_eq!(starts(&finish(&mut roster, 1, limited())), [(3, 2, 1)]);
    assert_eq!(starts(&finish(&mut roster, 2, limited())), [(0, 3, 2)]);
    let orders = finish(&mut roster, 0, limited());
    assert_eq!((records(&orders), starts(&orders)), (vec![(0, 3, 2, Then::Nothing)], vec![(1, 3, 2)]));
}

#[test]
fn the_next_pass_follows_only_after_what_it_is_for_and_only_after_what_has_run() {
    let ends = [
        (exited(Some("true")), [false, false, false, true]),
        (exited(Some("false")), [false, false, true, false]),
        (exited(None), [false, true, true, true]),
        (limited(), [true; 4]),
        (Outcome::not_started("gone".into(), Cause::Exited), [false; 4]),
        (Outcome::lost("panicked".into()), [false; 4]),
        (Outcome::unreaped(Cause::WallLimit), [false; 4]),
    ];
    for (outcome, followed) in ends {
        for (only, followed) in
            [Only::Limited, Only::Open, Only::NotTrue, Only::NotWell].into_iter().zip(followed)
        {
            let query = Query { expect: Some("false".into()), ..laddered(0, &[("full", only)]) };
            let mut roster = roster_of(bounds(2), vec![query]);
            wake(&mut roster, Tick::ZERO);
            let orders = finish(&mut roster, 0, outcome.clone());
            let then = if followed { Then::NextPass } else { Then::Nothing };
            assert_eq!(records(&orders), [(0, 1, 0, then)], "{only:?} after {outcome:?}");
            assert_eq!(starts(&orders).len(), usize::from(followed), "{only:?} after {outcome:?}");
        }
    }
}

#[test]
fn no_pass_follows_in_a_run_that_is_to_end() {
    let mut roster = roster_of(bounds(1), vec![laddered(0, &[("full", Only::Open)])]);
    let mut orders = wake(&mut roster, Tick::ZERO);
    roster.abort(Cause::Cancelled, false, &mut orders);
    let orders = finish(&mut roster, 0, limited());
    assert_eq!((records(&orders), starts(&orders)), (vec![(0, 1, 0, Then::Nothing)], vec![]));
}

#[test]
fn retries_are_counted_within_a_pass_and_come_before_all_that_wait_for_it() {
    let retry = Arc::new(Retry { times: 1, on: vec![RetryOn::ExitCode(75)], backoff: Duration::ZERO });
    let ladder = |place| Query { retry: Arc::clone(&retry), ..laddered(place, &[("full", Only::Open)]) };
    let mut roster = roster_of(bounds(1), (0..2).map(ladder).collect());
    let again = || Outcome { end: End::Reaped(Exit::Code(75)), ..exited(None) };
    wake(&mut roster, Tick::ZERO);
    let orders = finish(&mut roster, 0, again());
    assert_eq!((records(&orders), starts(&orders)), (vec![(0, 1, 0, Then::Retry)], vec![(0, 2, 0)]));
    let orders = finish(&mut roster, 0, again());
    assert_eq!((records(&orders), starts(&orders)), (vec![(0, 2, 0, Then::NextPass)], vec![(1, 1, 0)]));
    assert_eq!(starts(&finish(&mut roster, 1, exited(Some("true")))), [(0, 3, 1)]);
    let orders = finish(&mut roster, 0, again());
    assert_eq!((records(&orders), starts(&orders)), (vec![(0, 3, 1, Then::Retry)], vec![(0, 4, 1)]));
    assert_eq!(records(&finish(&mut roster, 0, again())), [(0, 4, 1, Then::Nothing)]);
}

#[test]
fn a_retry_of_a_later_pass_is_not_before_one_of_an_earlier_pass() {
    let retry =
        Arc::new(Retry { times: 1, on: vec![RetryOn::ExitCode(75)], backoff: Duration::from_secs(1) });
    let ladder = |place| Query { retry: Arc::clone(&retry), ..laddered(place, &[("full", Only::Limited)]) };
    let mut roster = roster_of(bounds(1), (0..2).map(ladder).collect());
    let again = || Outcome { end: End::Reaped(Exit::Code(75)), ..exited(None) };
    wake(&mut roster, Tick::ZERO);
    finish(&mut roster, 0, limited());
    assert_eq!(starts(&finish(&mut roster, 1, again())), [(0, 2, 1)]);
    let later = Tick::ZERO + Duration::from_millis(500);
    roster.finished(later, 0, again(), &mut Vec::new());
    assert_eq!(starts(&wake(&mut roster, later + Duration::from_secs(5))), [(1, 2, 0)]);
}

#[test]
fn who_could_not_be_started_stays_in_its_pass() {
    let ladder = |place| laddered(place, &[("full", Only::Limited)]);
    let mut roster = roster_of(bounds(1), (0..2).map(ladder).collect());
    wake(&mut roster, Tick::ZERO);
    finish(&mut roster, 0, limited());
    assert_eq!(starts(&finish(&mut roster, 1, exited(Some("true")))), [(0, 2, 1)]);
    let mut orders = Vec::new();
    roster.returned(Tick::ZERO, 0, "no processes left".into(), &mut orders);
    let later = roster.wake_at().expect("a time to try again");
    assert_eq!(starts(&wake(&mut roster, later)), [(0, 2, 1)]);
}

#[test]
fn a_pass_has_its_own_limit_of_memory_whatever_the_one_before_was_given() {
    let retry = Arc::new(Retry { times: 1, on: vec![RetryOn::MemoryLimit], backoff: Duration::ZERO });
    let mut query = Query { retry, ..laddered(0, &[("full", Only::Limited)]) };
    query.limits = Limits { memory: Some(10), ..Limits::default() };
    query.further[0].limits = Limits { memory: Some(15), ..Limits::default() };
    let mut roster = roster_of(bounds(2), vec![query]);
    let memory = |orders: &[Order]| match orders {
        [.., Order::Start { memory, .. }] => *memory,
        _ => None,
    };
    assert_eq!(memory(&wake(&mut roster, Tick::ZERO)), Some(10));
    let killed = || Outcome { cause: Cause::MemoryLimit, ..exited(None) };
    assert_eq!(memory(&finish(&mut roster, 0, killed())), Some(20), "tried again");
    assert_eq!(memory(&finish(&mut roster, 0, killed())), Some(15), "the next pass");
}

#[test]
fn a_row_without_a_verdict_says_what_the_last_pass_said_that_had_one() {
    let further = [("full", Only::NotTrue), ("endless", Only::NotTrue)];
    let mut roster = roster_of(bounds(1), vec![laddered(0, &further)]);
    wake(&mut roster, Tick::ZERO);
    assert_eq!(evidence(&finish(&mut roster, 0, exited(Some("cannot be proved")))), [None]);
    assert_eq!(evidence(&finish(&mut roster, 0, limited())), [None], "it is not the query's row");
    let seen = Outcome { evidence: Some("it was seen".into()), ..limited() };
    let said = "it was seen; pass `fast` said: cannot be proved";
    assert_eq!(evidence(&finish(&mut roster, 0, seen)), [Some(said.into())]);
    let mut roster = roster_of(bounds(1), vec![laddered(0, &further[..1])]);
    wake(&mut roster, Tick::ZERO);
    finish(&mut roster, 0, exited(Some("false")));
    let orders = finish(&mut roster, 0, exited(Some("maybe")));
    assert_eq!(evidence(&orders), [None], "what it says itself is what counts");
}

#[test]
fn a_ladder_is_taken_up_where_it_was_left_with_what_was_said() {
    let plan = Arc::new(plan(vec![query(0), laddered(1, &[("full", Only::Open)])]));
    let said = Said { pass: Some("fast".into()), verdict: "maybe".into() };
    let entry = |query, rung| Entry { query, attempts_before: 3, rung, peak: None };
    // Even the first one in the line waits for all that are in an earlier pass.
    let entries = [entry(1, Rung { pass: 1, said: Some(said) }), entry(0, Rung::default())];
    let mut roster = Roster::new(bounds(1), plan, entries, []);
    assert_eq!(starts(&wake(&mut roster, Tick::ZERO)), [(0, 4, 0)]);
    assert_eq!(starts(&finish(&mut roster, 0, limited())), [(1, 4, 1)]);
    let orders = finish(&mut roster, 1, limited());
    assert_eq!(records(&orders), [(1, 4, 1, Then::Nothing)]);
    assert_eq!(evidence(&orders), [Some("pass `fast` said: maybe".into())]);
}

#[test]
fn a_pass_that_a_query_has_not_is_its_last_one() {
    let plan: Plan = plan(vec![query(0)]);
    let rung = Rung { pass: 7, said: None };
    let entries = [Entry { query: 0, attempts_before: 0, rung, peak: None }];
    let mut roster = Roster::new(bounds(1), Arc::new(plan), entries, []);
    assert_eq!(starts(&wake(&mut roster, Tick::ZERO)), [(0, 1, 0)]);
    let counted = Judgement { counts: Counts::Open, ..Judgement::default() };
    let orders = finish(&mut roster, 0, Outcome { judgement: counted, ..exited(None) });
    assert_eq!(records(&orders), [(0, 1, 0, Then::Nothing)]);
}
