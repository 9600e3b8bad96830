//! What is left of runtimes when nobody holds their handles any more: nothing.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use provisor::{
    Command, Failure, Local, Maker, Plan, Ports, Query, Refusal, Runtime, RuntimeHandle, StopMethod,
    SubmitError, Ticket,
};

use crate::common::{alive_with, kill, wait_until};
use crate::watching::{Has, children};
use crate::{TrialOf, block_on, runtime};

pub(crate) const TRIALS: &[TrialOf] = &[
    ("two_runtimes_with_ten_thousand_queries_each_leave_nothing", two_runtimes_leave_nothing),
    ("a_guardian_ends_with_its_runtime_and_not_with_another_one", a_guardian_ends_with_its_runtime),
    ("a_dropped_handle_kills_what_ran", a_dropped_handle_kills_what_ran),
    ("a_runtime_whose_guardian_is_killed_ends_and_says_so", a_runtime_whose_guardian_is_killed),
];

/// Asked by stream, a third of them given up at random, and the handle dropped while half of them are undone.
fn two_runtimes_leave_nothing() {
    const QUERIES: u64 = 10_000;
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let tokio = tokio.expect("a runtime");
    tokio
        .block_on(async { runtime(1).await.drain().await })
        .expect("once, so that what is made once is there");
    let before = Has::now();
    tokio.block_on(async {
        let (one, other) = tokio::join!(service(QUERIES, 1), service(QUERIES, 2));
        assert!(one.0 + one.1 >= QUERIES / 2 && other.0 + other.1 >= QUERIES / 2, "{one:?} {other:?}");
        assert!(one.1 > 0 && other.1 > 0, "some were given up: {one:?} {other:?}");
    });
    before.again();
}

/// How many were done and how many given up, as far as that was heard.
async fn service(queries: u64, seed: u64) -> (u64, u64) {
    let handle = runtime(4).await;
    let asked = stream::iter(0..queries).map(|n| Query::new(format!("q{n}"), Command::new(["true"])));
    let mut dice = seed;
    let mut tickets = Box::pin(handle.submit_all(asked));
    let mut waiting = stream::FuturesUnordered::new();
    let (mut done, mut given_up) = (0, 0);
    while let Some(ticket) = tickets.next().await {
        let ticket: Ticket = ticket.expect("it is taken in");
        if random(&mut dice).is_multiple_of(3) {
            handle.cancel_ticket(&ticket, StopMethod::Kill).await;
        }
        waiting.push(ticket);
        while let Some(Some(row)) = futures_util::FutureExt::now_or_never(waiting.next()) {
            let is_given_up = row.expect("its row").outcome.cause_word() == "cancelled";
            *(if is_given_up { &mut given_up } else { &mut done }) += 1;
        }
    }
    while done + given_up < queries / 2 {
        let row = waiting.next().await.expect("there are more").expect("its row");
        *(if row.outcome.cause_word() == "cancelled" { &mut given_up } else { &mut done }) += 1;
    }
    (done, given_up)
}

/// A linear congruence is random enough to choose by.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

async fn says_hello(handle: &RuntimeHandle, id: &str) {
    let ticket =
        handle.submit(Query::new(id, Command::new(["echo", "hello"]))).await.expect("it is taken in");
    let row = ticket.await.expect("its row");
    assert_eq!(row.outcome.judgement.verdict.as_deref(), Some("ok"), "{:?}", row.outcome);
}

fn a_guardian_ends_with_its_runtime() {
    block_on(async {
        let before = children();
        let (one, other) = (runtime(1).await, runtime(1).await);
        assert_eq!(children().len(), before.len() + 2, "a guardian each");
        says_hello(&one, "a").await;
        one.drain().await.expect("it ends");
        assert_eq!(children().len(), before.len() + 1);
        says_hello(&other, "b").await;
        other.stop(StopMethod::Term).await.expect("it ends");
        assert_eq!(children(), before);
    });
}

/// With a guardian, and without one.
fn a_dropped_handle_kills_what_ran() {
    block_on(async {
        for maker in [Maker::Any, Maker::Direct] {
            let ports = Ports::new(Local { maker: maker.clone(), ..Local::default() }.factory());
            let handle =
                Runtime::start(Plan::new("test", Vec::new()).at_once(2), ports).await.expect("it starts");
            let sleep = |id| Query::new(id, Command::new(["sleep", "1000"])).grace(Duration::from_secs(1000));
            let first = handle.submit(sleep("a")).await.expect("it is taken in");
            let second = handle.submit(sleep("b")).await.expect("it is taken in");
            handle.counts().wait_for(|counts| counts.running == 2).await.expect("it lives");
            let ended = handle.ended();
            drop(handle);
            for ticket in [first, second] {
                let row = ticket.await.expect("its row");
                assert_eq!(row.outcome.cause_word(), "cancelled", "{maker:?}");
            }
            ended.await.expect("it ends");
            assert!(children().is_empty(), "{maker:?}");
        }
    });
}

/// The children go with it, and the program lives on: it can have another runtime.
fn a_runtime_whose_guardian_is_killed() {
    block_on(async {
        let handle = runtime(2).await;
        let mark = format!("embed-{}", std::process::id());
        let alive = || alive_with(&format!("MARK={mark}"));
        let sleep = |id| Query::new(id, Command::new(["sleep", "1000"]).env("MARK", &*mark));
        for id in ["a", "b"] {
            handle.submit(sleep(id)).await.expect("it is taken in");
        }
        wait_until("both are there", || alive().len() == 2);
        let [guardian] = children()[..] else { panic!("one guardian: {:?}", children()) };
        kill(guardian);
        let ending = handle.ended().await.expect("the runtime itself has not died");
        assert_eq!(ending.failure, Some(Failure::Guardian));
        wait_until("they are gone with it", || alive().is_empty());
        assert!(children().is_empty());
        let refused = handle.submit(sleep("c")).await.expect_err("nobody could start it");
        assert!(matches!(refused, SubmitError::Refused(Refusal::Closed)), "{refused}");
        says_hello(&runtime(1).await, "another").await;
    });
}
