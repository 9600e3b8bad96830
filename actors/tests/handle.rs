//! A runtime inside a larger program, by its handle, with scripted children: queries come and go while it runs.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use provisor_actors::handle::{Gone, RuntimeHandle, SubmitError};
use provisor_actors::messages::Event;
use provisor_actors::row::Row;
use provisor_actors::runtime::{Ports, Runtime, StartError};
use provisor_actors::subscription::Told;
use provisor_actors::supervisor::Rules;
use provisor_actors::testing::{Ledger, Script, Step, Theatre};
use provisor_core::StopMethod;
use provisor_core::cause::{Cause, Exit};
use provisor_core::plan::{AfterFailure, Command, Limits, Plan, Query};
use provisor_core::process::Ear;
use provisor_core::roster::Refusal;
use provisor_core::rules::Stream;
use provisor_core::verdict::{Counts, Finding, Judgement};
use tokio::sync::mpsc;

fn query(id: usize) -> Query {
    let limits = Limits { grace: Duration::from_millis(20), ..Limits::default() };
    Query { limits, ..Query::new(format!("q{id}"), Command::new(["scripted"])) }
}

/// A runtime of so many slots with nothing to do, whose children do this.
async fn runtime(slots: usize, theatre: &Theatre) -> RuntimeHandle {
    let plan = Plan { slots, ..Plan::new("test", Vec::new()) };
    Runtime::start(plan, Ports::new(theatre.factory())).await.expect("it starts")
}

fn greeter() -> Theatre {
    Theatre::new(|_| Ok(Script::print("hello\n")))
}

/// Children that live until they are ended.
fn sleeper() -> Theatre {
    Theatre::new(|_| Ok(Script::of(vec![Step::Hang])))
}

fn cause(row: &Row) -> &'static str {
    row.outcome.cause_word()
}

/// Waits until so many run.
async fn running(handle: &RuntimeHandle, n: usize) {
    handle.counts().wait_for(|counts| counts.running == n).await.expect("it lives");
}

#[tokio::test]
async fn what_is_submitted_is_asked_and_its_ticket_is_its_row() {
    let handle = runtime(2, &greeter()).await;
    let tickets: Vec<_> = stream::iter(0..20)
        .then(|n| handle.submit(query(n)))
        .map(|ticket| ticket.expect("it is taken in"))
        .collect()
        .await;
    for (n, ticket) in tickets.into_iter().enumerate() {
        let row = ticket.await.expect("its row");
        assert_eq!((&*row.id, cause(&row)), (&*format!("q{n}"), "exited"));
        assert_eq!(row.outcome.judgement.verdict.as_deref(), Some("ok"));
        assert!(handle.counts().borrow().done > n, "it is counted before it is told");
    }
    let ending = handle.drain().await.expect("it ends");
    let counts = handle.counts().borrow().clone();
    assert_eq!((counts.total, counts.done, counts.well), (20, 20, 20), "all is counted by then");
    assert_eq!((ending.unfinished, ending.stopped, ending.failure), (0, None, None));
    let refused = handle.submit(query(1)).await.expect_err("nobody is there");
    assert_eq!(refused, SubmitError::Refused(Refusal::Closed));
}

#[tokio::test]
async fn an_id_may_be_asked_again_when_it_is_over() {
    let handle = runtime(1, &greeter()).await;
    for _ in 0..3 {
        let ticket = handle.submit(query(1)).await.expect("nobody else is called so");
        ticket.await.expect("its row");
    }
    let held = runtime(1, &sleeper()).await;
    held.submit(query(1)).await.expect("it is taken in");
    let id: Arc<str> = "q1".into();
    let again = held.submit(query(1)).await.expect_err("there is one");
    assert_eq!(again, SubmitError::Refused(Refusal::Taken { id }));
}

#[tokio::test]
async fn who_comes_after_another_waits_for_it_beside_free_slots_and_is_skipped_or_not_where_that_fails() {
    let theatre = Theatre::new(|request| match &*request.command.argv[0] {
        "hangs" => Ok(Script::of(vec![Step::Hang])),
        _ => Ok(Script::print("hello\n")),
    });
    let handle = runtime(9, &theatre).await;
    let first = Query { command: Command::new(["hangs"]), ..query(0) };
    let first = handle.submit(first).await.expect("it is taken in");
    let skipped = handle.submit(query(1).after(["q0"], AfterFailure::Skip)).await.expect("q0 is not over");
    let both = query(2).after(["q0"], AfterFailure::Run).after(["q1"], AfterFailure::Run);
    let asked = handle.submit(both).await.expect("nor is q1");
    handle.submit(query(3)).await.expect("it is taken in").await.expect("its row");
    handle.counts().wait_for(|counts| (counts.waiting, counts.done) == (2, 1)).await.expect("it lives");
    let free: Arc<str> = "q3".into();
    let over =
        handle.submit(query(4).after([free.clone()], AfterFailure::Run)).await.expect_err("it is over");
    assert_eq!(over, SubmitError::Refused(Refusal::AfterUnknown { id: "q4".into(), other: free }));
    assert!(handle.cancel_ticket(&first, StopMethod::Kill).await);
    assert_eq!(cause(&first.await.expect("its row")), "cancelled");
    let row = skipped.await.expect("its row");
    assert_eq!((cause(&row), row.attempt), ("skipped", 0));
    assert_eq!(cause(&asked.await.expect("its row")), "exited");
    handle.drain().await.expect("it ends");
}

#[tokio::test]
async fn a_plan_is_begun_with_and_looked_after_in_the_same_way() {
    let ledger = Ledger::default();
    let sink = ledger.clone();
    let ports = Ports { sink: Some(Box::new(sink)), ..Ports::new(greeter().factory()) };
    let plan = Plan { slots: 2, ..Plan::new("test", (0..5).map(query).collect()) };
    let handle = Runtime::start(plan, ports).await.expect("it starts");
    let ticket = handle.submit(query(5)).await.expect("it is taken in");
    assert_eq!(ticket.await.expect("its row").added.as_ref().map(|query| &*query.id), Some("q5"));
    handle.drain().await.expect("it ends");
    let written = ledger.rows.lock().expect("unpoisoned");
    assert_eq!(written.iter().map(|row| &*row.id).collect::<BTreeSet<_>>().len(), 6);
    assert!(written.iter().all(|row| row.added.is_some() == (&*row.id == "q5")));
}

#[tokio::test]
async fn what_cannot_be_run_is_said_at_the_start() {
    let start = async |plan| Runtime::start(plan, Ports::new(greeter().factory())).await.err();
    let of = |queries| Plan::new("test", queries);
    let nothing = Plan { slots: 0, ..of(Vec::new()) };
    assert!(matches!(start(nothing).await, Some(StartError::NoSlots)));
    let twice = of(vec![query(1), query(1)]);
    assert!(matches!(start(twice).await, Some(StartError::Query(Refusal::Taken { .. }))));
    let nameless = of(vec![Query { id: "".into(), ..query(1) }]);
    assert!(matches!(start(nameless).await, Some(StartError::Query(Refusal::Id { .. }))));
}

#[tokio::test]
async fn who_submits_waits_for_room_and_who_does_not_wait_is_told() {
    let theatre = sleeper();
    let plan = Plan::new("test", Vec::new());
    let ports = Ports { room: 2, ..Ports::new(theatre.factory()) };
    let handle = Runtime::start(plan, ports).await.expect("it starts");
    let first = handle.submit(query(0)).await.expect("it has the slot");
    running(&handle, 1).await;
    for n in [1, 2] {
        handle.submit(query(n)).await.expect("it waits in the queue");
    }
    assert_eq!(handle.try_submit(query(3)).await.err(), Some(SubmitError::Full));
    let mut waits = Box::pin(handle.submit(query(3)));
    assert!((&mut waits).now_or_never().is_none());
    assert!(handle.cancel_ticket(&first, StopMethod::Kill).await);
    waits.await.expect("the next one has left the queue");
    handle.counts().wait_for(|counts| (counts.total, counts.waiting) == (4, 2)).await.expect("it lives");
}

/// The stream is read as fast as its queries are started, and no faster.
#[tokio::test]
async fn a_stream_is_held_up_by_the_queue() {
    let theatre = sleeper();
    let ports = Ports { room: 3, ..Ports::new(theatre.factory()) };
    let handle = Runtime::start(Plan::new("test", Vec::new()), ports).await.expect("it starts");
    let read = Mutex::new(0);
    let queries = stream::iter(0..100).inspect(|n| *read.lock().expect("unpoisoned") = n + 1).map(query);
    let mut submitted = Box::pin(handle.submit_all(queries));
    for _ in 0..4 {
        submitted.next().await.expect("another").expect("it is taken in");
        if handle.counts().borrow().running == 0 {
            running(&handle, 1).await;
        }
    }
    assert!((submitted.next()).now_or_never().is_none());
    assert_eq!(*read.lock().expect("unpoisoned"), 5, "one runs, three wait, and one is in hand");
    assert_eq!(handle.cancel_all(|id| id == "q0", StopMethod::Kill).await, 1);
    submitted.next().await.expect("another").expect("it is taken in");
}

#[tokio::test]
async fn one_a_group_and_none_are_cancelled() {
    let theatre = sleeper();
    let handle = runtime(2, &theatre).await;
    let mut tickets = Vec::new();
    for id in ["a/1", "a/2", "b/1", "b/2"] {
        tickets.push(handle.submit(Query { id: id.into(), ..query(0) }).await.expect("it is taken in"));
    }
    running(&handle, 2).await;
    assert!(!handle.cancel("a/3", StopMethod::Term).await, "there is none");
    assert!(handle.cancel("b/2", StopMethod::Term).await);
    let never_ran = tickets.pop().expect("a ticket").await.expect("its row");
    assert_eq!((cause(&never_ran), never_ran.started_us), ("cancelled", None));
    assert_eq!(handle.cancel_all(|id| id.starts_with("a/"), StopMethod::Term).await, 2);
    let b = tickets.pop().expect("a ticket");
    for ticket in tickets {
        let row = ticket.await.expect("its row");
        assert_eq!((cause(&row), row.outcome.exit()), ("cancelled", Some(Exit::Signal(15))));
    }
    running(&handle, 1).await;
    let mut b = Box::pin(b);
    assert!((&mut b).now_or_never().is_none(), "it was not meant");
    assert!(!handle.cancel("a/1", StopMethod::Kill).await, "it is over");
    assert!(handle.cancel("b/1", StopMethod::Kill).await);
    assert_eq!(b.await.expect("its row").outcome.exit(), Some(Exit::Signal(9)));
}

#[tokio::test]
async fn the_row_of_one_can_be_awaited_by_its_id() {
    let handle = runtime(1, &sleeper()).await;
    let ticket = handle.submit(query(1)).await.expect("it is taken in");
    let by_id = handle.outcome("q1");
    let cancel = handle.cancel("q1", StopMethod::Kill);
    let (by_id, _) = tokio::join!(by_id, cancel);
    assert_eq!(by_id.expect("its row"), ticket.await.expect("the same"));
    assert_eq!(handle.outcome("q1").await, Err(Gone), "it is over");
    assert_eq!(handle.outcome("q2").await, Err(Gone), "nobody has asked it");
}

#[tokio::test]
async fn there_are_more_slots_and_fewer() {
    let theatre = sleeper();
    let handle = runtime(1, &theatre).await;
    for n in 0..6 {
        handle.submit(query(n)).await.expect("it is taken in");
    }
    running(&handle, 1).await;
    handle.set_slots(4);
    running(&handle, 4).await;
    handle.set_slots(2);
    assert_eq!(handle.cancel_all(|id| ["q0", "q1"].contains(&id), StopMethod::Kill).await, 2);
    handle.counts().wait_for(|counts| counts.done == 2).await.expect("it lives");
    assert_eq!(handle.counts().borrow().running, 2, "none takes the place of those");
    assert_eq!(theatre.most.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn nothing_starts_while_it_is_paused() {
    let theatre = greeter();
    let handle = runtime(1, &theatre).await;
    handle.pause();
    let ticket = handle.submit(query(0)).await.expect("it is taken in");
    handle.counts().wait_for(|counts| counts.waiting == 1).await.expect("it lives");
    assert_eq!(theatre.most.load(Ordering::SeqCst), 0);
    handle.resume();
    ticket.await.expect("its row");
    handle.pause();
    handle.submit(query(1)).await.expect("it is taken in");
    let ending = handle.stop(StopMethod::Term).await.expect("who stands still can be ended");
    assert_eq!((ending.stopped, ending.unfinished), (Some(Cause::Cancelled), 1));
}

#[tokio::test]
async fn a_slow_subscriber_holds_nobody_up_and_is_told_what_he_missed() {
    let handle = runtime(2, &greeter()).await;
    let (mut slow, mut quick) = (handle.subscribe(1), handle.subscribe(10_000));
    for n in 0..50 {
        handle.submit(query(n)).await.expect("it is taken in");
    }
    handle.drain().await.expect("it ends, though nobody reads");
    let mut all = 0;
    let mut done = BTreeSet::new();
    while let Some(told) = quick.next().await {
        let Told::Event { query, event } = told else { panic!("{told:?}") };
        all += 1;
        if let Event::Done(row) = event {
            assert_eq!(query.as_ref(), Some(&row.id));
            done.insert(row.id.clone());
        }
    }
    assert_eq!(done.len(), 50);
    assert!(matches!(slow.next().await, Some(Told::Event { event: Event::Submitted { .. }, .. })));
    assert_eq!(slow.next().await, Some(Told::Missed(all - 1)));
    assert_eq!(slow.next().await, None);
}

#[tokio::test]
async fn output_comes_piece_by_piece_and_whoever_lets_go_of_it_holds_up_nobody() {
    // The third one does not end by itself.
    let theatre = Theatre::new(|request| {
        let mut steps = vec![Step::Print(Stream::Stdout, "x"); 100];
        steps.extend(request.cookie.ends_with("/2/1").then_some(Step::Hang));
        Ok(Script::of(steps))
    });
    let handle = runtime(1, &theatre).await;
    let (ticket, output) = handle.submit_and_read(query(0)).await.expect("it is taken in");
    let pieces: Vec<_> = output.collect().await;
    assert_eq!(pieces.len(), 100);
    assert!(pieces.iter().all(|piece| piece.attempt == 1 && &*piece.bytes == b"x"));
    ticket.await.expect("its row");
    let (ticket, output) = handle.submit_and_read(query(1)).await.expect("it is taken in");
    drop(output);
    ticket.await.expect("its row");
    // One that nobody reads, and nobody lets go of: it waits until it is not wanted any more.
    let (ticket, output) = handle.submit_and_read(query(2)).await.expect("it is taken in");
    running(&handle, 1).await;
    assert!(handle.cancel("q2", StopMethod::Term).await);
    assert_eq!(cause(&ticket.await.expect("its row")), "cancelled");
    drop(output);
}

/// Everybody says that he is well.
struct Kind;

impl Rules for Kind {
    fn ear(&self, query: &Query, _: usize) -> Option<Box<dyn Ear>> {
        (&*query.id != "q1").then(|| Box::new(Kind) as Box<dyn Ear>)
    }
}

impl Ear for Kind {
    fn hear(&mut self, _: Stream, _: &[u8], _: Duration, _: &mut Vec<Finding>) -> Option<StopMethod> {
        None
    }

    fn close(&mut self, _: Stream, _: Duration, _: &mut Vec<Finding>) -> Option<StopMethod> {
        None
    }

    fn judge(&mut self, _: Cause, _: Option<Exit>) -> Judgement {
        Judgement { verdict: Some("kind".into()), counts: Counts::Ok, ..Judgement::default() }
    }
}

#[tokio::test]
async fn output_may_be_read_in_a_way_of_ones_own() {
    let ports = Ports { rules: Some(Arc::new(Kind)), ..Ports::new(greeter().factory()) };
    let handle = Runtime::start(Plan::new("test", Vec::new()), ports).await.expect("it starts");
    for (n, said) in [(0, "kind"), (1, "ok")] {
        let ticket = handle.submit(query(n)).await.expect("it is taken in");
        assert_eq!(ticket.await.expect("its row").outcome.judgement.verdict.as_deref(), Some(said));
    }
}

#[tokio::test]
async fn when_the_last_handle_is_gone_so_is_all_that_ran() {
    let theatre = sleeper();
    let handle = runtime(3, &theatre).await;
    let mut tickets = Vec::new();
    for n in 0..5 {
        tickets.push(handle.submit(query(n)).await.expect("it is taken in"));
    }
    running(&handle, 3).await;
    let (other, ended) = (handle.clone(), handle.ended());
    drop(handle);
    other.submit(query(5)).await.expect("there is another one");
    drop(other);
    let ending = ended.await.expect("it ends by itself");
    assert_eq!((ending.stopped, ending.unfinished), (Some(Cause::Cancelled), 3));
    assert_eq!(theatre.alive.load(Ordering::SeqCst), 0);
    let (killed, never): (Vec<_>, Vec<_>) = stream::iter(tickets)
        .then(|ticket| ticket)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .partition(Result::is_ok);
    assert_eq!(killed.len(), 3, "what ran has its row");
    assert_eq!(never, [Err(Gone), Err(Gone)], "what waited has none");
}

#[test]
fn a_handle_goes_wherever_it_is_needed() {
    fn is_at_home_anywhere<T: Send + Sync + Clone + 'static>() {}
    is_at_home_anywhere::<RuntimeHandle>();
    let runtime_of_mine =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let rows = runtime_of_mine.block_on(async {
        let handle = runtime(4, &greeter()).await;
        let (rows, mut inbox) = mpsc::unbounded_channel();
        for n in 0..8 {
            let (handle, rows) = (handle.clone(), rows.clone());
            tokio::spawn(async move {
                let ticket = handle.submit(query(n)).await.expect("it is taken in");
                rows.send(ticket.await.expect("its row")).expect("somebody counts");
            });
        }
        drop(rows);
        let mut all = Vec::new();
        while let Some(row) = inbox.recv().await {
            all.push(row);
        }
        all
    });
    assert_eq!(rows.len(), 8);
}
