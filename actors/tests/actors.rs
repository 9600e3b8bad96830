//! The actors with scripted children: what they carry, in which order they count, and what a panic costs.

mod scripted;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use provisor_actors::clock::RunClock;
use provisor_actors::logs::{LogSpec, Logs};
use provisor_actors::messages::{Begin, Event, Reason, Report};
use provisor_actors::monitor::start_monitored;
use provisor_actors::os::{LaunchError, LaunchRequest, Transience, TreeLimits};
use provisor_actors::process::{ProcessActor, Surroundings};
use provisor_actors::row::Refusal;
use provisor_actors::run::{Control, Ports, Run, StartError};
use provisor_actors::testing::{Ledger, Script, Step, Theatre};
use provisor_core::cause::{Cause, End, Excess, StopMethod};
use provisor_core::lines::Reader;
use provisor_core::plan::Judging;
use provisor_core::process::{Ear, Fact, Patience, Process};
use provisor_core::rules::{Judge, Pattern, Rule, Stream, Streams};
use provisor_core::verdict::Counts;
use tokio::sync::mpsc;

use scripted::{job, plan, ports, rows, run};

fn causes(ledger: &Ledger) -> Vec<&'static str> {
    rows(ledger).iter().map(|row| row.outcome.cause_word()).collect()
}

/// The place of the query that is being launched, out of its cookie.
fn place(request: &LaunchRequest) -> usize {
    request
        .cookie
        .split('/')
        .nth(1)
        .and_then(|place| place.parse().ok())
        .expect("a cookie is token/place/attempt")
}

#[tokio::test]
async fn a_panic_costs_one_query_and_its_tree_and_nothing_else() {
    let theatre = Theatre::new(|request| match place(request) {
        1 => Ok(Script::of(vec![Step::PanicReader("injected"), Step::Hang])),
        _ => Ok(Script::print("hello\n")),
    });
    let ledger = Ledger::default();
    let ending = run(plan(5, 2), &theatre, &ledger).await;
    assert_eq!(ending.failure, None, "the run goes on");
    let rows = rows(&ledger);
    assert_eq!(rows.len(), 5, "exactly one row each");
    let lost: Vec<_> = rows.iter().filter(|row| matches!(row.outcome.end, End::Lost(_))).collect();
    assert_eq!(lost.iter().map(|row| row.query).collect::<Vec<_>>(), [1]);
    assert!(matches!(&lost[0].outcome.end, End::Lost(how) if how.contains("injected")), "it says why");
    assert_eq!(theatre.alive.load(Ordering::SeqCst), 0, "its child was dropped, and so killed");
}

#[tokio::test]
async fn what_is_seen_of_a_limit_ends_the_query_and_stands_in_its_row() {
    let theatre = Theatre::new(|request| {
        let cause = [Cause::CpuLimit, Cause::MemoryLimit, Cause::ProcessLimit][place(request)];
        let excess = Excess { cause, of_machine: false, evidence: format!("saw {}", cause.word()).into() };
        Ok(Script::of(vec![Step::Exceed(excess.clone()), Step::Exceed(excess), Step::Hang]))
    });
    let ledger = Ledger::default();
    run(plan(3, 1), &theatre, &ledger).await;
    assert_eq!(causes(&ledger), ["cpu-limit", "memory-limit", "process-limit"]);
    for row in rows(&ledger) {
        let word = row.outcome.cause_word();
        assert_eq!(row.outcome.evidence.as_deref(), Some(&*format!("saw {word}")));
    }
    let signals = theatre.signals.lock().expect("unpoisoned").clone();
    assert_eq!(signals, [StopMethod::Term, StopMethod::Kill, StopMethod::Kill]);
}

#[tokio::test]
async fn a_query_counts_as_done_only_when_its_row_is_durable_but_its_slot_is_free_before() {
    let (release, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let (reached, at_gate) = sync_channel(10);
    let ledger = Ledger {
        before: Some(Arc::new(move || {
            let _ = reached.send(());
            gate.lock().expect("unpoisoned").recv().map_err(|_| Refusal::Final("closed".into()))
        })),
        ..Ledger::default()
    };
    let started = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&started);
    let theatre = Theatre::new(move |_| {
        seen.fetch_add(1, Ordering::SeqCst);
        Ok(Script::print("hello\n"))
    });
    let runtime = Run::start(job(plan(3, 1)), ports(&theatre, &ledger)).await.expect("it starts");
    let mut counts = runtime.control().counts();
    at_gate.recv().expect("the first commit begins");
    // The other two run to their end while the first row waits for the disk.
    while started.load(Ordering::SeqCst) < 3 {
        counts.changed().await.expect("the counter lives");
    }
    assert_eq!(counts.borrow().done, 0, "nothing is durable yet");
    for _ in 0..3 {
        let _ = release.send(());
    }
    counts.wait_for(|counts| counts.done == 3).await.expect("the counter lives");
    let _ = runtime.join().await.expect("it ends");
}

#[tokio::test]
async fn a_child_that_does_not_die_keeps_its_slot_is_named_and_holds_up_nobody() {
    let mut plan = plan(4, 2);
    plan.queries[0].limits.wall = Some(Duration::from_millis(10));
    let theatre = Theatre::new(|request| match place(request) {
        0 => Ok(Script { is_stuck: Some("process 7 does not die"), ..Script::of(vec![Step::Hang]) }),
        _ => Ok(Script::print("hello\n")),
    });
    let ledger = Ledger::default();
    let ending = run(plan, &theatre, &ledger).await;
    assert_eq!((ending.failure, ending.stopped), (None, None));
    let mut rows = rows(&ledger);
    rows.sort_by_key(|row| row.query);
    let ends: Vec<_> = rows.iter().map(|row| row.outcome.cause_word()).collect();
    assert_eq!(ends, ["unreaped", "exited", "exited", "exited"], "the other slot goes on");
    let stuck = &rows[0].outcome;
    assert_eq!((stuck.cause, stuck.method), (Cause::WallLimit, Some(StopMethod::Kill)));
    assert_eq!(stuck.evidence.as_deref(), Some("process 7 does not die"));
    assert!(theatre.most.load(Ordering::SeqCst) <= 2, "its slot is not given away");
}

#[tokio::test]
async fn limits_are_enforced_and_a_child_that_ignores_term_is_killed() {
    let mut plan = plan(3, 3);
    plan.queries[0].limits.wall = Some(Duration::from_millis(10));
    plan.queries[1].limits.silence = Some(Duration::from_millis(10));
    plan.queries[2].limits.wall = Some(Duration::from_millis(10));
    let theatre = Theatre::new(|request| {
        Ok(Script { ignores_term: place(request) == 2, ..Script::of(vec![Step::Hang]) })
    });
    let ledger = Ledger::default();
    run(plan, &theatre, &ledger).await;
    let mut rows = rows(&ledger);
    rows.sort_by_key(|row| row.query);
    let ends: Vec<_> = rows.iter().map(|row| (row.outcome.cause_word(), row.outcome.method)).collect();
    let (term, kill) = (Some(StopMethod::Term), Some(StopMethod::Kill));
    assert_eq!(ends, [("wall-limit", term), ("silent", term), ("wall-limit", kill)]);
}

#[tokio::test]
async fn a_stopping_line_ends_the_query_and_what_follows_still_counts() {
    let rule = |text: &str, verdict: &str, stop| Rule {
        on: Pattern::Prefix(text.into()),
        streams: Streams::Stdout,
        verdict: Some(verdict.into()),
        capture: None,
        counts: Counts::Ok,
        value: None,
        note: false,
        stop,
    };
    let mut plan = plan(1, 1);
    plan.queries[0].judging = Arc::new(Judging {
        rules: vec![rule("goal", "reachable", Some(StopMethod::Term)), rule("RESULT", "false", None)],
        preset: None,
    });
    let text = Step::Print(Stream::Stdout, "working\ngoal reached\nRESULT\n");
    let theatre = Theatre::new(move |_| Ok(Script::of(vec![text.clone(), Step::Hang])));
    let ledger = Ledger::default();
    run(plan, &theatre, &ledger).await;
    let rows = rows(&ledger);
    assert_eq!(rows[0].outcome.cause, Cause::Concluded);
    assert_eq!(rows[0].outcome.judgement.verdict.as_deref(), Some("false"));
}

#[tokio::test]
async fn the_first_interruption_asks_and_the_second_kills() {
    let theatre = Theatre::new(|_| Ok(Script { ignores_term: true, ..Script::of(vec![Step::Hang]) }));
    let ledger = Ledger::default();
    let mut plan = plan(3, 2);
    for query in &mut plan.queries {
        query.limits.grace = Duration::from_secs(3600);
    }
    let runtime = Run::start(job(plan), ports(&theatre, &ledger)).await.expect("it starts");
    let handle = runtime.control();
    let mut counts = handle.counts();
    counts.wait_for(|counts| counts.running == 2).await.expect("the counter lives");
    interrupt(&handle, false);
    while theatre.signals.lock().expect("unpoisoned").len() < 2 {
        tokio::task::yield_now().await;
    }
    interrupt(&handle, true);
    let (ending, _) = runtime.join().await.expect("it ends");
    assert_eq!((ending.stopped, ending.unfinished), (Some(Cause::Cancelled), 1));
    assert_eq!(causes(&ledger), ["cancelled", "cancelled"], "what never ran has no row");
    let signals = theatre.signals.lock().expect("unpoisoned").clone();
    assert_eq!(signals, [StopMethod::Term, StopMethod::Term, StopMethod::Kill, StopMethod::Kill]);
}

fn interrupt(handle: &Control, forced: bool) {
    handle.interrupt(Cause::Cancelled, forced);
}

#[tokio::test]
async fn a_query_that_could_not_start_just_now_is_started_later() {
    let tries = AtomicUsize::new(0);
    let theatre = Theatre::new(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0..3 => Err(LaunchError { transience: Transience::Exhausted, text: "no processes left".into() }),
        _ => Ok(Script::print("hello\n")),
    });
    let ledger = Ledger::default();
    run(plan(4, 4), &theatre, &ledger).await;
    assert_eq!(causes(&ledger), ["exited"; 4]);
}

#[tokio::test]
async fn what_cannot_start_is_a_row_and_the_run_goes_on() {
    let theatre = Theatre::new(|request| match place(request) {
        0 => Err(LaunchError { transience: Transience::Permanent, text: "there is no such program".into() }),
        // The launcher has tried that again and again; nothing here does.
        1 => Err(LaunchError { transience: Transience::Busy, text: "it is still being written".into() }),
        _ => Ok(Script::print("hello\n")),
    });
    let ledger = Ledger::default();
    run(plan(3, 1), &theatre, &ledger).await;
    assert_eq!(causes(&ledger), ["not-started", "not-started", "exited"]);
}

#[tokio::test]
async fn a_slow_subscriber_misses_events_and_holds_up_nothing() {
    let (events, mut inbox) = mpsc::channel(1);
    let (theatre, ledger) = (Theatre::new(|_| Ok(Script::print("hello\n"))), Ledger::default());
    let ports = Ports { events: Some(events), ..ports(&theatre, &ledger) };
    let runtime = Run::start(job(plan(10, 2)), ports).await.expect("it starts");
    let (ending, _) = runtime.join().await.expect("it ends");
    // Three a query, started, ended and done, and room for one.
    assert_eq!(ending.missed_events, 29);
    assert!(matches!(inbox.recv().await, Some(Event::Started { .. })));
    assert!(inbox.recv().await.is_none(), "the channel ends with the run");
}

#[tokio::test]
async fn a_rule_that_does_not_compile_starts_nothing() {
    let mut plan = plan(1, 1);
    let rule = Rule {
        on: Pattern::Regex("(".into()),
        streams: Streams::Stdout,
        verdict: Some("x".into()),
        capture: None,
        counts: Counts::Ok,
        value: None,
        note: false,
        stop: None,
    };
    plan.queries[0].judging = Arc::new(Judging { rules: vec![rule], preset: None });
    let theatre = Theatre::new(|_| panic!("nothing may be started"));
    let started = Run::start(job(plan), ports(&theatre, &Ledger::default())).await;
    assert!(matches!(started, Err(StartError::Rule { query, .. }) if &*query == "q0"));
}

#[tokio::test]
async fn a_thousand_queries_keep_their_slots_and_their_rows() {
    let (theatre, ledger) = (Theatre::new(|_| Ok(Script::print("hello\n"))), Ledger::default());
    run(plan(1000, 50), &theatre, &ledger).await;
    let mut places: Vec<_> = rows(&ledger).iter().map(|row| row.query).collect();
    places.sort_unstable();
    assert_eq!(places, (0..1000).collect::<Vec<_>>());
    assert!(theatre.most.load(Ordering::SeqCst) <= 50);
}

/// Keeps every report.
struct Tap(Arc<Mutex<Vec<Report>>>);

impl actix::Actor for Tap {
    type Context = actix::Context<Self>;
}

impl actix::Handler<Report> for Tap {
    type Result = ();

    fn handle(&mut self, report: Report, _: &mut Self::Context) {
        self.0.lock().expect("unpoisoned").push(report);
    }
}

#[tokio::test]
async fn the_reports_of_an_attempt_are_heard_in_their_order_and_end_once() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&reports);
    tokio::task::LocalSet::new().run_until(life_of_one(kept)).await;
    let reports = reports.lock().expect("unpoisoned");
    let facts: Vec<_> = reports.iter().map(|report| &report.fact).collect();
    assert!(matches!(facts[..], [Fact::Started, Fact::Left, Fact::Finished(_)]), "{facts:?}");
}

/// A query from `Begin` until its actor is no more.
async fn life_of_one(reports: Arc<Mutex<Vec<Report>>>) {
    let (logs, _) =
        Logs::start(Box::new(|_| Err(std::io::ErrorKind::Unsupported.into())), None).expect("a thread");
    let around = Surroundings {
        launch: Arc::new(Theatre::new(|_| Ok(Script::print("one\ntwo\n")))),
        logs,
        clock: RunClock::start(),
        reports: actix::Actor::start(Tap(reports)).recipient(),
    };
    let query = plan(1, 1).queries.remove(0);
    let judge = Arc::new(Judge::compile(&query.judging).expect("it compiles"));
    let ear: Box<dyn Ear> = Box::new(Reader::new(judge));
    let machine = Process::new(ear, query.limits, Patience::default());
    let log = Arc::new(LogSpec { id: "none".into(), name: "none".into(), keep: query.logs, record: false });
    let request =
        LaunchRequest { cookie: "test/0/1".into(), command: query.command, limits: TreeLimits::default() };
    let (over, ended) = tokio::sync::oneshot::channel();
    let actor = ProcessActor::new((0, 1), request, log, machine, around);
    let address = start_monitored(actor, tracing::Span::none(), |reason| drop(over.send(reason)));
    address.do_send(Begin);
    assert_eq!(ended.await.expect("it is told"), Reason::Normal);
}
