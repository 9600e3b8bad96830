//! Queries that are asked again and again, through the desk: every sequence of what may happen to a few of them, up to a length,
//! long ones by chance, and each rule by itself. What must hold is worked out from what was told and ordered, not from how the
//! roster decides.

#[path = "../plans/papers.rs"]
mod papers;
#[path = "../plans/mod.rs"]
mod plans;
mod rules;
mod world;

use provisor_core::backoff::Backoff;
use provisor_core::dice::{Dice, Share};
use provisor_core::periodic::Overlap;
use provisor_core::plan::{Condition, Need, Only, Pass, Plan, Query, RetryOn};
use provisor_core::roster::Place;

use plans::{plan, query};
use world::{EVERY, MOVES, Move, World, secs};

/// Asked every ten seconds.
fn poll(place: Place, overlap: Overlap) -> Query {
    query(place).every(EVERY).overlap(overlap)
}

/// With a second pass, where the first one does not end well.
fn in_two_passes(query: Query) -> Query {
    let Query { command, judging, .. } = query.clone();
    let pass = Pass {
        name: "full".into(),
        only: Only::NotWell,
        command,
        limits: query.limits,
        judging,
        pages: None,
    };
    Query { pass: Some("fast".into()), further: [pass].into(), ..query }
}

/// Small plans, each with its slots: every overlap, with retries, passes, hosts, needs and others beside them.
fn worlds() -> Vec<(Plan, usize)> {
    use Overlap::{Kill, Queue, Skip};
    let beside_another = plan(vec![poll(0, Skip).keep_last(2), query(1)]);
    let two = plan(vec![poll(0, Kill).keep_last(2), poll(1, Queue)]);
    let tried_again = |overlap| {
        let retried = poll(0, overlap).retry(1, [RetryOn::Failure], secs(4)).keep_last(2);
        plan(vec![retried, query(1)])
    };
    let backoff = Backoff { first: secs(15), longest: secs(40), jitter: Share::NONE };
    let spared = [(0, Kill), (1, Queue)].map(|(place, overlap)| poll(place, overlap).at_host("a"));
    let spared = plan(spared.into()).spare_hosts(backoff);
    let waits = Query {
        needs: [Need { query: 1, condition: Condition::Over }].into(),
        ..in_two_passes(poll(0, Kill).jitter(secs(3)))
    };
    let late = plan(vec![waits, query(1)]);
    vec![
        (beside_another, 1),
        (two.clone(), 1),
        (two, 2),
        (tried_again(Kill), 1),
        (tried_again(Queue), 2),
        (spared, 2),
        (late, 1),
    ]
}

/// Of what is no pause.
#[test]
fn every_sequence_keeps_the_promises() {
    const MANY: usize = MOVES.len() - 1;
    for (plan, slots) in worlds() {
        for code in 0..MANY.pow(5) {
            let mut world = World::new(plan.clone(), slots);
            for digit in 0..5 {
                world.step(MOVES[code / MANY.pow(digit) % MANY]);
            }
            world.end_all();
        }
    }
}

/// Long ones, in which all ends late: only a few of the moves are the last ones.
#[test]
fn long_sequences_keep_the_promises() {
    let mut dice = Dice::new(42);
    for (plan, slots) in worlds() {
        for _ in 0..2000 {
            let mut world = World::new(plan.clone(), slots);
            for _ in 0..60 {
                let what = MOVES[(dice.throw() % MOVES.len() as u64) as usize];
                let is_final = matches!(what, Move::Cancel | Move::Close | Move::Stop);
                if !is_final || dice.throw().is_multiple_of(16) {
                    world.step(what);
                }
            }
            world.end_all();
        }
    }
}
