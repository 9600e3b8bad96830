//! Memory and the roster: who fits beside whom, who is overtaken how often, and what becomes of one that was killed for
//! its memory.

mod plans;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use provisor_core::cause::{Cause, End, Exit, Outcome};
use provisor_core::plan::{Limits, Query, Retry, RetryOn};
use provisor_core::roster::{Bounds, Entry, Order, Place, Roster, Then};
use provisor_core::tick::Tick;

use plans::{bounds, entries, plan, query};

const GIB: u64 = 1 << 30;

fn roster(slots: usize, budget: Option<u64>, memories: &[Memory], retries: u32) -> Roster {
    let retry = Retry { times: retries, on: vec![RetryOn::MemoryLimit], backoff: Duration::ZERO };
    let retry = Arc::new(retry);
    let asked = (0..).zip(memories).map(|(place, Memory { limit, .. })| Query {
        limits: Limits { memory: *limit, ..Limits::default() },
        retry: Arc::clone(&retry),
        ..query(place)
    });
    let plan = plan(asked.collect());
    let entries = entries(&plan).zip(memories).map(|(entry, memory)| Entry { peak: memory.peak, ..entry });
    let bounds = Bounds { memory_budget: budget, machine_memory: Some(64 * GIB), ..bounds(slots) };
    Roster::new(bounds, Arc::new(plan), entries, [])
}

/// What is known of a query's memory, in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    limit: Option<u64>,
    peak: Option<u64>,
}

fn limit(gib: u64) -> Memory {
    Memory { limit: Some(gib * GIB), peak: None }
}

fn ended(cause: Cause) -> Outcome {
    Outcome { end: End::Reaped(Exit::Signal(9)), cause, ..Outcome::lost("".into()) }
}

/// Who was started, and with which limit in GiB.
fn starts(orders: &[Order]) -> Vec<(Place, u32, Option<u64>)> {
    let start = |order: &Order| match order {
        Order::Start { query, attempt, memory, .. } => {
            Some((*query, *attempt, memory.map(|limit| limit / GIB)))
        }
        _ => None,
    };
    orders.iter().filter_map(start).collect()
}

fn places(orders: &[Order]) -> Vec<Place> {
    starts(orders).iter().map(|(query, ..)| *query).collect()
}

fn wake(roster: &mut Roster) -> Vec<Order> {
    let mut orders = Vec::new();
    roster.wake(Tick::ZERO, &mut orders);
    orders
}

fn finish(roster: &mut Roster, query: Place, cause: Cause) -> Vec<Order> {
    let mut orders = Vec::new();
    roster.finished(Tick::ZERO, query, ended(cause), &mut orders);
    orders
}

#[test]
fn what_runs_together_fits_into_the_budget() {
    let mut roster = roster(8, Some(10 * GIB), &[limit(6), limit(6), limit(3), limit(2)], 0);
    assert_eq!(
        places(&wake(&mut roster)),
        [0, 2],
        "the second does not fit, the third does, the fourth not any more"
    );
    assert_eq!(places(&finish(&mut roster, 2, Cause::Exited)), [3]);
    assert_eq!(places(&finish(&mut roster, 0, Cause::Exited)), [1]);
}

#[test]
fn room_is_there_again_when_the_process_has_left() {
    let mut roster = roster(8, Some(10 * GIB), &[limit(6), limit(6)], 0);
    wake(&mut roster);
    let mut orders = Vec::new();
    roster.left(Tick::ZERO, 0, &mut orders);
    assert_eq!(places(&orders), [1]);
    finish(&mut roster, 0, Cause::Exited);
    roster.returned(Tick::ZERO, 1, "short of something".into(), &mut orders);
    orders.clear();
    roster.wake(roster.wake_at().expect("a time to try again"), &mut orders);
    assert_eq!(places(&orders), [1], "what it held was given back once each time");
}

#[test]
fn a_query_that_needs_more_than_all_runs_alone() {
    let mut roster = roster(8, Some(10 * GIB), &[limit(1), limit(20), limit(1)], 0);
    assert_eq!(places(&wake(&mut roster)), [0, 2]);
    assert_eq!(places(&finish(&mut roster, 0, Cause::Exited)), []);
    assert_eq!(places(&finish(&mut roster, 2, Cause::Exited)), [1]);
}

#[test]
fn what_a_query_is_expected_to_need() {
    let peak = |gib: u64| Some(gib * GIB);
    // Each beside one that holds six of ten, in eight slots.
    for (memory, fits, why) in [
        (Memory { limit: None, peak: None }, true, "nothing is known: a share of the slots"),
        (Memory { limit: peak(5), peak: None }, false, "its limit"),
        (Memory { limit: None, peak: peak(3) }, true, "what it used, and a quarter"),
        (Memory { limit: None, peak: peak(4) }, false, "what it used, and a quarter"),
        (Memory { limit: peak(5), peak: peak(3) }, true, "what it used is less than its limit"),
        (Memory { limit: peak(4), peak: peak(4) }, true, "never more than its limit"),
    ] {
        let mut roster = roster(8, Some(10 * GIB), &[limit(6), memory], 0);
        assert_eq!(places(&wake(&mut roster)).len() == 2, fits, "{why}: {memory:?}");
    }
}

#[test]
fn without_a_budget_memory_holds_up_nobody() {
    let mut roster = roster(3, None, &[limit(1000), limit(1000), limit(1000)], 0);
    assert_eq!(places(&wake(&mut roster)), [0, 1, 2]);
}

#[test]
fn whose_turn_it_is_is_not_overtaken_for_ever() {
    let mut memories = vec![limit(4), limit(10)];
    memories.extend([limit(1); 100]);
    let mut roster = roster(2, Some(10 * GIB), &memories, 0);
    assert_eq!(places(&wake(&mut roster)), [0, 2]);
    // One small one after the other goes by while the first one stays.
    let mut gone_by = 1;
    loop {
        match places(&finish(&mut roster, gone_by + 1, Cause::Exited))[..] {
            [] => break,
            ref next => assert_eq!(next, [gone_by + 2]),
        }
        gone_by += 1;
    }
    assert_eq!(gone_by, 16);
    assert_eq!(places(&finish(&mut roster, 0, Cause::Exited)), [1], "now it has the machine");
}

#[test]
fn a_query_that_was_killed_for_memory_is_tried_again_alone_with_twice_its_limit() {
    let mut roster = roster(2, Some(10 * GIB), &[limit(3), limit(3), limit(3)], 5);
    assert_eq!(starts(&wake(&mut roster)), [(0, 1, Some(3)), (1, 1, Some(3))]);
    assert_eq!(starts(&finish(&mut roster, 0, Cause::MemoryLimit)), [(2, 1, Some(3))], "not beside another");
    finish(&mut roster, 1, Cause::Exited);
    assert_eq!(starts(&finish(&mut roster, 2, Cause::Exited)), [(0, 2, Some(6))]);
    assert_eq!(
        starts(&finish(&mut roster, 0, Cause::MemoryLimit)),
        [(0, 3, Some(10))],
        "the budget is all there is"
    );
    let orders = finish(&mut roster, 0, Cause::MemoryLimit);
    assert!(
        matches!(orders[..], [Order::Record { then: Then::Nothing, attempt: 3, .. }]),
        "more there is not: {orders:?}"
    );
}

#[test]
fn nothing_runs_beside_one_that_is_tried_alone() {
    let mut roster = roster(4, None, &[limit(1), limit(1), limit(1)], 1);
    wake(&mut roster);
    finish(&mut roster, 0, Cause::MemoryLimit);
    finish(&mut roster, 1, Cause::Exited);
    assert_eq!(starts(&finish(&mut roster, 2, Cause::Exited)), [(0, 2, Some(2))]);
}

#[test]
fn the_machine_bounds_what_a_query_is_given_where_there_is_no_budget() {
    let mut roster = roster(1, None, &[limit(40)], 9);
    wake(&mut roster);
    assert_eq!(starts(&finish(&mut roster, 0, Cause::MemoryLimit)), [(0, 2, Some(64))]);
    assert!(starts(&finish(&mut roster, 0, Cause::MemoryLimit)).is_empty());
}

#[test]
fn whom_the_machine_had_no_memory_for_is_tried_alone_once_with_what_it_had() {
    let mut roster = roster(2, None, &[limit(1), Memory::default()], 5);
    wake(&mut roster);
    finish(&mut roster, 1, Cause::Exited);
    let short = || Outcome { of_machine: true, ..ended(Cause::MemoryLimit) };
    let mut orders = Vec::new();
    roster.finished(Tick::ZERO, 0, short(), &mut orders);
    assert_eq!(starts(&orders), [(0, 2, Some(1))]);
    orders.clear();
    roster.finished(Tick::ZERO, 0, short(), &mut orders);
    assert!(starts(&orders).is_empty(), "nothing would be different");
}

#[test]
fn without_a_limit_it_is_tried_alone_once() {
    let mut roster = roster(2, None, &[Memory::default(), limit(1)], 9);
    wake(&mut roster);
    finish(&mut roster, 0, Cause::MemoryLimit);
    assert_eq!(starts(&finish(&mut roster, 1, Cause::Exited)), [(0, 2, None)]);
    assert!(starts(&finish(&mut roster, 0, Cause::MemoryLimit)).is_empty(), "nothing would be different");
}

#[derive(Default)]
struct World {
    /// What those at work need, and whether they are to be alone.
    running: BTreeMap<Place, (u64, bool)>,
    killed_for_memory: Vec<Place>,
    rows: BTreeMap<Place, usize>,
}

impl World {
    fn obey(&mut self, orders: &[Order], needs: &[u64], budget: u64) {
        for order in orders {
            match order {
                Order::Start { query, memory, .. } => {
                    let alone = self.killed_for_memory.contains(query);
                    let needs = memory.filter(|_| alone).unwrap_or(needs[*query as usize]);
                    self.running.insert(*query, (needs, alone));
                }
                Order::Record { query, then, .. } => {
                    *self.rows.entry(*query).or_default() += usize::from(*then == Then::Nothing)
                }
                Order::Requeued { .. } | Order::Abort { .. } => {}
                Order::Reopened { .. } | Order::GroupFailed { .. } | Order::LeftOut { .. } => {
                    panic!("nobody is looked after")
                }
            }
        }
        let used: u64 = self.running.values().map(|(needs, _)| needs).sum();
        assert!(self.running.len() <= 1 || used <= budget, "{:?} in {budget}", self.running);
        let lonely = self.running.values().any(|(_, alone)| *alone);
        assert!(self.running.len() <= 1 || !lonely, "{:?}: one is to be alone", self.running);
    }
}

proptest! {
    #[test]
    fn memory_is_never_given_twice_and_every_query_has_its_turn(
        limits in prop::collection::vec(1_u64..30, 1..40),
        ends in prop::collection::vec((any::<usize>(), prop::bool::weighted(0.2)), 400),
        slots in 1_usize..8,
    ) {
        const BUDGET: u64 = 20;
        let memories: Vec<_> = limits.iter().map(|n| Memory { limit: Some(*n), peak: None }).collect();
        let mut roster = roster(slots, Some(BUDGET), &memories, 2);
        let mut world = World::default();
        let orders = wake(&mut roster);
        world.obey(&orders, &limits, BUDGET);
        for (which, for_memory) in ends {
            let Some(query) = world.running.keys().nth(which % world.running.len().max(1)).copied() else { break };
            world.running.remove(&query);
            let cause = if for_memory { Cause::MemoryLimit } else { Cause::Exited };
            if for_memory {
                world.killed_for_memory.push(query);
            }
            let mut orders = finish(&mut roster, query, cause);
            roster.written(Tick::ZERO, 1, &mut orders);
            roster.wake(Tick::ZERO, &mut orders);
            world.obey(&orders, &limits, BUDGET);
        }
        prop_assert!(roster.is_over(), "{roster:?}");
        prop_assert!(world.rows.values().all(|rows| *rows == 1) && world.rows.len() == limits.len());
    }
}
