//! Who starts beside whom, with scripted children: a budget of memory, what was killed for it, and a system that is short
//! of something.

mod scripted;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use provisor_actors::os::{LaunchError, LaunchRequest, Transience};
use provisor_actors::run::{Job, KnownMemory, Run};
use provisor_actors::testing::{Ledger, Script, Step, Theatre};
use provisor_core::Plan;
use provisor_core::cause::{Cause, Excess};
use provisor_core::plan::{Retry, RetryOn};

use scripted::{job, plan, ports, rows, run};

/// A plan in which every query has this limit of memory.
fn limited(queries: usize, slots: usize, limit: Option<u64>) -> Plan {
    let mut plan = plan(queries, slots);
    for query in &mut plan.queries {
        query.limits.memory = limit;
    }
    plan
}

/// A child that others can meet.
fn nap() -> Script {
    Script::of(vec![Step::Wait(Duration::from_millis(5))])
}

#[tokio::test]
async fn as_many_run_as_the_budget_has_room_for() {
    let theatre = Theatre::new(|_| Ok(nap()));
    let ledger = Ledger::default();
    let plan = Plan { memory_budget: Some(100), ..limited(12, 8, Some(30)) };
    run(plan, &theatre, &ledger).await;
    assert_eq!((theatre.most.load(Ordering::SeqCst), rows(&ledger).len()), (3, 12));
}

#[tokio::test]
async fn what_a_query_used_before_is_what_it_is_expected_to_need() {
    let theatre = Theatre::new(|_| Ok(nap()));
    let ledger = Ledger::default();
    let plan = Plan { memory_budget: Some(100), ..limited(12, 8, None) };
    let peaks = (0..12).map(|place| (place, 40)).collect();
    let job = Job { memory: KnownMemory { peaks, machine: None }, ..job(plan) };
    let runtime = Run::start(job, ports(&theatre, &ledger)).await.expect("it starts");
    runtime.join().await.expect("it ends");
    assert_eq!((theatre.most.load(Ordering::SeqCst), rows(&ledger).len()), (2, 12));
}

#[tokio::test]
async fn a_query_that_exceeds_its_memory_is_tried_again_alone_with_twice_its_limit() {
    let given = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&given);
    let theatre = Theatre::new(move |request: &LaunchRequest| {
        if request.cookie.split('/').nth(1) != Some("0") {
            return Ok(nap());
        }
        let limit = request.limits.memory.unwrap_or_default();
        seen.lock().expect("unpoisoned").push(limit);
        let excess = Excess {
            cause: Cause::MemoryLimit,
            of_machine: false,
            evidence: format!("{limit} was too little").into(),
        };
        Ok(if limit < 80 { Script::of(vec![Step::Exceed(excess), Step::Hang]) } else { nap() })
    });
    let ledger = Ledger::default();
    let mut plan = Plan { memory_budget: Some(100), ..limited(6, 3, Some(30)) };
    plan.queries[0].retry =
        Arc::new(Retry { times: 3, on: vec![RetryOn::MemoryLimit], backoff: Duration::ZERO });
    run(plan, &theatre, &ledger).await;
    assert_eq!(*given.lock().expect("unpoisoned"), [30, 60, 100]);
    let rows = rows(&ledger);
    let of_it: Vec<_> = rows.iter().filter(|row| row.query == 0).collect();
    let ends: Vec<_> = of_it.iter().map(|row| (row.outcome.cause_word(), row.is_last())).collect();
    assert_eq!(ends, [("memory-limit", false), ("memory-limit", false), ("exited", true)]);
    assert_eq!(rows.iter().filter(|row| row.is_last()).count(), 6);
}

#[tokio::test]
async fn a_system_that_bears_only_some_at_a_time_runs_all_and_fails_none() {
    const BEARS: usize = 2;
    let refused = Arc::new(AtomicUsize::new(0));
    let (told, alive) = (Arc::clone(&refused), Arc::new(OnceLock::<Arc<AtomicUsize>>::new()));
    let living = Arc::clone(&alive);
    let theatre = Theatre::new(move |_| {
        if living.get().is_some_and(|alive| alive.load(Ordering::SeqCst) < BEARS) {
            return Ok(nap());
        }
        told.fetch_add(1, Ordering::SeqCst);
        Err(LaunchError { transience: Transience::Exhausted, text: "no process is left".into() })
    });
    let _ = alive.set(Arc::clone(&theatre.alive));
    let ledger = Ledger::default();
    let ending = run(plan(20, 8), &theatre, &ledger).await;
    assert_eq!((ending.exhausted, ending.failure, ending.unfinished), (None, None, 0));
    assert!(refused.load(Ordering::SeqCst) > 0, "it was short of something");
    let causes: Vec<_> = rows(&ledger).iter().map(|row| row.outcome.cause_word()).collect();
    assert_eq!(causes, ["exited"; 20]);
}
