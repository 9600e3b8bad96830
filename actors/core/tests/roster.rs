//! The roster against a made-up world: any order of answers, and its promises hold.

mod plans;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use provisor_core::cause::{Cause, End, Exit, Outcome};
use provisor_core::plan::{Query, Retry, RetryOn};
use provisor_core::roster::{Bounds, Order, Place, Roster, Then};
use provisor_core::tick::Tick;

use plans::{bounds, entries, plan, query};

const SECOND: Duration = Duration::from_secs(1);

/// A roster of so many queries with these retries.
fn roster(bounds: Bounds, n: u32, retry: Retry) -> Roster {
    let retry = Arc::new(retry);
    let asked = (0..n).map(|place| Query { retry: Arc::clone(&retry), ..query(place) });
    let plan = plan(asked.collect());
    let entries = entries(&plan);
    Roster::new(bounds, Arc::new(plan), entries, [])
}

fn exited(code: i32) -> Outcome {
    Outcome { end: End::Reaped(Exit::Code(code)), ..Outcome::lost("".into()) }
}

fn starts(orders: &[Order]) -> Vec<(Place, u32)> {
    let start = |order: &Order| match order {
        Order::Start { query, attempt, .. } => Some((*query, *attempt)),
        _ => None,
    };
    orders.iter().filter_map(start).collect()
}

fn wake(roster: &mut Roster, now: Tick) -> Vec<Order> {
    let mut orders = Vec::new();
    roster.wake(now, &mut orders);
    orders
}

fn finish(roster: &mut Roster, now: Tick, query: Place, outcome: Outcome) -> Vec<Order> {
    let mut orders = Vec::new();
    roster.finished(now, query, outcome, &mut orders);
    orders
}

#[test]
fn slots_are_filled_in_order_and_refilled_at_the_end_of_a_child() {
    let mut roster = roster(bounds(2), 4, Retry::default());
    assert_eq!(starts(&wake(&mut roster, Tick::ZERO)), [(0, 1), (1, 1)]);
    let orders = finish(&mut roster, Tick::ZERO, 1, exited(0));
    assert!(matches!(orders[0], Order::Record { query: 1, attempt: 1, then: Then::Nothing, .. }));
    assert_eq!(starts(&orders), [(2, 1)]);
}

#[test]
fn a_slot_is_free_when_the_process_has_left_and_is_given_back_once() {
    let mut roster = roster(bounds(1), 4, Retry::default());
    wake(&mut roster, Tick::ZERO);
    let mut orders = Vec::new();
    roster.left(Tick::ZERO, 0, &mut orders);
    roster.left(Tick::ZERO, 0, &mut orders);
    assert_eq!(starts(&orders), [(1, 1)], "while the first one is swept");
    assert!(
        starts(&finish(&mut roster, Tick::ZERO, 0, exited(0))).is_empty(),
        "its slot was given back before"
    );
    assert_eq!(starts(&finish(&mut roster, Tick::ZERO, 1, exited(0))), [(2, 1)]);
    assert!(!roster.is_over());
}

#[test]
fn a_retry_waits_longer_each_time_and_only_the_last_attempt_is_the_row() {
    let retry = Retry { times: 2, on: vec![RetryOn::ExitCode(75)], backoff: SECOND };
    let mut roster = roster(bounds(1), 1, retry);
    let mut now = Tick::ZERO;
    assert_eq!(starts(&wake(&mut roster, now)), [(0, 1)]);
    for (attempt, pause) in [(2, SECOND), (3, 2 * SECOND)] {
        let orders = finish(&mut roster, now, 0, exited(75));
        assert!(
            matches!(orders[..], [Order::Record { then: Then::Retry, .. }, Order::Requeued { query: 0 }]),
            "{orders:?}"
        );
        assert_eq!(roster.wake_at(), Some(now + pause));
        assert!(wake(&mut roster, now).is_empty(), "not before its time");
        now = now + pause;
        assert_eq!(starts(&wake(&mut roster, now)), [(0, attempt)]);
    }
    let orders = finish(&mut roster, now, 0, exited(75));
    assert!(matches!(orders[..], [Order::Record { then: Then::Nothing, attempt: 3, .. }]));
}

#[test]
fn each_ending_is_retried_by_its_own_name_only() {
    let limit = |cause| Outcome { cause, ..exited(0) };
    let signal = Outcome { end: End::Reaped(Exit::Signal(9)), ..exited(0) };
    let endings = [
        (RetryOn::NotStarted, Outcome::not_started("gone".into(), Cause::Exited)),
        (RetryOn::Signal, signal),
        (RetryOn::ExitCode(75), exited(75)),
        (RetryOn::WallLimit, limit(Cause::WallLimit)),
        (RetryOn::Silent, limit(Cause::Silent)),
        (RetryOn::CpuLimit, limit(Cause::CpuLimit)),
        (RetryOn::OutputLimit, limit(Cause::OutputLimit)),
        (RetryOn::ProcessLimit, limit(Cause::ProcessLimit)),
        (RetryOn::MemoryLimit, limit(Cause::MemoryLimit)),
        (RetryOn::Lost, Outcome::lost("panicked".into())),
    ];
    for (on, _) in &endings {
        for (other, outcome) in &endings {
            let retry = Retry { times: 1, on: vec![*on], backoff: Duration::ZERO };
            let mut roster = roster(bounds(1), 1, retry);
            wake(&mut roster, Tick::ZERO);
            let again = starts(&finish(&mut roster, Tick::ZERO, 0, outcome.clone())) == [(0, 2)];
            assert_eq!(again, on == other, "retry on {on:?} after {other:?}");
        }
    }
}

#[test]
fn a_shortage_starts_fewer_at_once_and_gives_up_only_when_nothing_runs() {
    let mut roster = roster(bounds(4), 8, Retry::default());
    assert_eq!(starts(&wake(&mut roster, Tick::ZERO)).len(), 4);
    let mut orders = Vec::new();
    roster.returned(Tick::ZERO, 3, "no processes left".into(), &mut orders);
    assert_eq!(orders, [Order::Requeued { query: 3 }], "nothing new at once");
    let later = roster.wake_at().expect("a time to try again");
    assert!(wake(&mut roster, later).is_empty(), "three run, and three is what the system bears");
    assert_eq!(
        starts(&finish(&mut roster, later, 0, exited(0))),
        [(3, 1), (4, 1)],
        "the ceiling rises again"
    );
}

#[test]
fn all_that_are_refused_at_once_are_one_shortage() {
    let pause = Duration::from_millis(20);
    let mut roster = roster(bounds(8), 8, Retry::default());
    let mut now = Tick::ZERO;
    wake(&mut roster, now);
    let mut refused: Vec<_> = (0..8).collect();
    // The second one comes after the first pause, and is longer.
    for pause in [pause, 2 * pause] {
        let until = now + pause;
        for query in refused.drain(..) {
            roster.returned(now, query, "no processes left".into(), &mut Vec::new());
            assert_eq!(roster.wake_at(), Some(until));
            now = (now + pause / 10).min(until);
        }
        now = until;
        refused = starts(&wake(&mut roster, now)).iter().map(|(query, _)| *query).collect();
        assert!(!refused.is_empty());
    }
}

#[test]
fn a_shortage_without_end_ends_the_run_after_minutes_and_makes_no_row() {
    let mut roster = roster(bounds(2), 3, Retry::default());
    let mut now = Tick::ZERO;
    let mut running: Vec<_> = starts(&wake(&mut roster, now)).iter().map(|(query, _)| *query).collect();
    let mut tries = 0;
    while roster.exhausted().is_none() {
        let mut orders = Vec::new();
        for query in running.drain(..) {
            roster.returned(now, query, "no processes left".into(), &mut orders);
        }
        assert!(orders.iter().all(|order| matches!(order, Order::Requeued { .. })), "{orders:?}");
        now = roster.wake_at().unwrap_or(now);
        running = starts(&wake(&mut roster, now)).iter().map(|(query, _)| *query).collect();
        tries += 1;
        assert!(tries < 1000, "it never gives up");
    }
    assert_eq!(roster.exhausted().map(|why| &**why), Some("no processes left"));
    assert!(
        now >= Tick::ZERO + Duration::from_secs(180) && now < Tick::ZERO + Duration::from_secs(190),
        "{now:?}"
    );
    assert!(roster.is_over(), "nothing runs, and no row is awaited");
    assert_eq!((roster.waiting(), roster.wake_at()), (3, None), "all is left to a later run");
}

#[test]
fn a_shortage_is_not_hopeless_while_something_runs_or_could_be_started() {
    let mut roster = roster(bounds(2), 3, Retry::default());
    let hour = Tick::ZERO + Duration::from_secs(3600);
    wake(&mut roster, Tick::ZERO);
    let mut orders = Vec::new();
    for now in [Tick::ZERO, hour] {
        roster.returned(now, 1, "no processes left".into(), &mut orders);
        let later = roster.wake_at().expect("a time to try again");
        roster.left(later, 0, &mut orders);
        roster.wake(later, &mut orders);
    }
    assert_eq!(roster.exhausted(), None, "the first one is still there");
}

#[test]
fn what_could_not_start_in_a_run_that_ends_has_no_row() {
    let mut roster = roster(bounds(1), 1, Retry::default());
    let mut orders = wake(&mut roster, Tick::ZERO);
    roster.abort(Cause::Cancelled, false, &mut orders);
    orders.clear();
    roster.returned(Tick::ZERO, 0, "no processes left".into(), &mut orders);
    assert_eq!(orders, [Order::Requeued { query: 0 }]);
    assert!(roster.is_over());
}

#[test]
fn nothing_starts_while_too_many_rows_wait_for_the_disk() {
    let mut roster = roster(Bounds { unwritten: 1, ..bounds(1) }, 2, Retry::default());
    wake(&mut roster, Tick::ZERO);
    assert!(starts(&finish(&mut roster, Tick::ZERO, 0, exited(0))).is_empty());
    let mut orders = Vec::new();
    roster.written(Tick::ZERO, 1, &mut orders);
    assert_eq!(starts(&orders), [(1, 1)]);
}

#[test]
fn the_deadline_ends_what_runs_and_starts_nothing() {
    let deadline = Tick::ZERO + SECOND;
    let mut roster = roster(Bounds { deadline: Some(deadline), ..bounds(1) }, 2, Retry::default());
    wake(&mut roster, Tick::ZERO);
    assert_eq!(roster.wake_at(), Some(deadline));
    assert_eq!(
        wake(&mut roster, deadline),
        [Order::Abort { query: 0, cause: Cause::Deadline, forced: false, grace: None }]
    );
    assert!(starts(&finish(&mut roster, deadline, 0, exited(0))).is_empty());
    assert!(!roster.is_over(), "its row is not written");
    roster.written(deadline, 1, &mut Vec::new());
    assert!(roster.is_over());
}

#[test]
fn a_slot_of_a_process_that_does_not_die_stays_booked_and_ends_the_run_when_it_was_the_last() {
    let mut roster = roster(bounds(1), 2, Retry::default());
    wake(&mut roster, Tick::ZERO);
    assert!(starts(&finish(&mut roster, Tick::ZERO, 0, Outcome::unreaped(Cause::WallLimit))).is_empty());
    roster.written(Tick::ZERO, 1, &mut Vec::new());
    assert!(roster.is_over(), "no slot is left, so the run does not hang");
}

/// Found by the simulation: the run stood still for ever.
#[test]
fn a_shortage_beside_a_process_that_does_not_die_leaves_a_slot_to_go_on_with() {
    let mut roster = roster(bounds(3), 2, Retry::default());
    wake(&mut roster, Tick::ZERO);
    finish(&mut roster, Tick::ZERO, 0, Outcome::unreaped(Cause::WallLimit));
    let mut orders = Vec::new();
    roster.returned(Tick::ZERO, 1, "no processes left".into(), &mut orders);
    let later = roster.wake_at().expect("a time to try again");
    assert_eq!(starts(&wake(&mut roster, later)), [(1, 1)]);
}

/// Found by the simulation, as the one before: this one had given back its slot when it got stuck.
#[test]
fn a_tree_that_does_not_die_after_its_leader_leaves_a_slot_to_go_on_with() {
    let mut roster = roster(bounds(3), 2, Retry::default());
    wake(&mut roster, Tick::ZERO);
    let mut orders = Vec::new();
    roster.left(Tick::ZERO, 0, &mut orders);
    roster.returned(Tick::ZERO, 1, "no processes left".into(), &mut orders);
    finish(&mut roster, Tick::ZERO, 0, Outcome::unreaped(Cause::Exited));
    let later = roster.wake_at().expect("a time to try again");
    assert_eq!(starts(&wake(&mut roster, later)), [(1, 1)]);
}

/// What the world does next: which of the running ones is answered, and how.
#[derive(Clone, Debug)]
enum Answer {
    Finish(usize, i32),
    Return(usize),
    Written,
    Wake,
    Abort,
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        6 => (any::<usize>(), 0..2).prop_map(|(which, code)| Answer::Finish(which, code)),
        1 => any::<usize>().prop_map(Answer::Return),
        3 => Just(Answer::Written),
        2 => Just(Answer::Wake),
        1 => Just(Answer::Abort),
    ]
}

#[derive(Default)]
struct World {
    running: BTreeSet<Place>,
    rows: BTreeMap<Place, usize>,
    unwritten: usize,
}

impl World {
    fn obey(&mut self, orders: &[Order], slots: usize) {
        for order in orders {
            match order {
                Order::Start { query, .. } => assert!(self.running.insert(*query), "{query} runs twice"),
                Order::Abort { query, .. } => assert!(self.running.contains(query)),
                Order::Requeued { query } => assert!(!self.running.contains(query)),
                Order::Reopened { .. } | Order::GroupFailed { .. } | Order::LeftOut { .. } => {
                    panic!("nobody is looked after")
                }
                Order::Record { query, then, .. } => {
                    self.unwritten += 1;
                    *self.rows.entry(*query).or_default() += usize::from(*then == Then::Nothing);
                }
            }
        }
        assert!(self.running.len() <= slots, "more run than there are slots");
        assert!(self.rows.values().all(|rows| *rows <= 1), "a query has two rows");
    }

    fn pick(&mut self, which: usize) -> Option<Place> {
        let query = *self.running.iter().nth(which % self.running.len().max(1))?;
        self.running.remove(&query);
        Some(query)
    }
}

proptest! {
    #[test]
    fn every_query_gets_exactly_one_row_whatever_the_order(answers in prop::collection::vec(answer(), 0..200)) {
        const SLOTS: usize = 3;
        const QUERIES: u32 = 12;
        let retry = Retry { times: 1, on: vec![RetryOn::ExitCode(1)], backoff: SECOND };
        let mut roster = roster(Bounds { unwritten: 4, ..bounds(SLOTS) }, QUERIES, retry);
        let (mut world, mut now, mut aborted) = (World::default(), Tick::ZERO, false);
        let endless = std::iter::repeat_with(|| [Answer::Finish(0, 0), Answer::Written, Answer::Wake]).flatten();
        let mut orders = wake(&mut roster, now);
        world.obey(&orders, SLOTS);
        for answer in answers.into_iter().chain(endless.take(300)) {
            orders.clear();
            match answer {
                Answer::Finish(which, code) => {
                    if let Some(query) = world.pick(which) { roster.finished(now, query, exited(code), &mut orders) }
                }
                Answer::Return(which) => {
                    if let Some(query) = world.pick(which) { roster.returned(now, query, "short".into(), &mut orders) }
                }
                Answer::Written => {
                    let rows = std::mem::take(&mut world.unwritten);
                    roster.written(now, rows, &mut orders);
                }
                Answer::Wake => {
                    now = roster.wake_at().unwrap_or(now).max(now);
                    roster.wake(now, &mut orders);
                }
                Answer::Abort => {
                    aborted = true;
                    roster.abort(Cause::Cancelled, false, &mut orders);
                }
            }
            world.obey(&orders, SLOTS);
        }
        prop_assert!(roster.is_over(), "{roster:?}");
        prop_assert!(aborted || world.rows.values().filter(|rows| **rows == 1).count() == QUERIES as usize);
    }
}
