//! Rows on their way to the disk, with scripted children: what is kept when it takes none, and what is said of logs.

mod scripted;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use provisor_actors::messages::{Event, Failure};
use provisor_actors::row::{Refusal, Row};
use provisor_actors::run::{Ports, Run};
use provisor_actors::store::{Fate, Opening, Store};
use provisor_actors::testing::{Ledger, Script, Step, Theatre};
use provisor_core::Plan;
use provisor_core::cause::Cause;
use provisor_core::reuse::{Fingerprint, Prints};
use tokio::sync::mpsc;

use scripted::{job, plan, ports, rows, run};

/// The first child ends, the others when they have to.
fn one_that_ends() -> Theatre {
    let started = AtomicUsize::new(0);
    Theatre::new(move |_| {
        let is_first = started.fetch_add(1, Ordering::SeqCst) == 0;
        Ok(if is_first { Script::print("a\n") } else { Script::of(vec![Step::Hang]) })
    })
}

#[tokio::test]
async fn a_store_that_fails_stops_the_run_and_counts_nothing() {
    let ledger = Ledger {
        before: Some(Arc::new(|| Err(Refusal::Final("the disk is broken".into())))),
        ..Ledger::default()
    };
    let theatre = one_that_ends();
    let runtime = Run::start(job(plan(9, 2)), ports(&theatre, &ledger)).await.expect("it starts");
    let counts = runtime.control().counts();
    let (ending, _) = runtime.join().await.expect("it ends");
    assert_eq!(ending.failure, Some(Failure::Results("the disk is broken".into())));
    assert_eq!(counts.borrow().done, 0);
    assert_eq!(theatre.alive.load(Ordering::SeqCst), 0, "what ran was ended");
}

/// A ledger that finds no room so often, and then does.
fn without_room(times: usize) -> Ledger {
    let left = AtomicUsize::new(times);
    let refuse = move || match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)) {
        Ok(_) => Err(Refusal::NotNow("the disk is full".into())),
        Err(_) => Ok(()),
    };
    Ledger { before: Some(Arc::new(refuse)), ..Ledger::default() }
}

#[tokio::test]
async fn rows_that_find_no_room_are_kept_and_the_run_goes_on_when_there_is_some() {
    let (theatre, ledger) = (Theatre::new(|_| Ok(Script::print("a\n"))), without_room(2));
    let (told, mut news) = mpsc::channel(1000);
    let ports = Ports { events: Some(told), ..ports(&theatre, &ledger) };
    let runtime = Run::start(job(plan(9, 2)), ports).await.expect("it starts");
    let (ending, _) = runtime.join().await.expect("it ends");
    assert_eq!((ending.failure, ending.unwritten.len(), ending.unfinished), (None, 0, 0));
    let mut places: Vec<_> = rows(&ledger).iter().map(|row| row.query).collect();
    places.sort_unstable();
    assert_eq!(places, (0..9).collect::<Vec<_>>(), "each once");
    let (mut stalls, mut begun_meanwhile, mut is_stalled) = (0, 0, false);
    while let Ok(event) = news.try_recv() {
        match event {
            Event::Stalled { .. } => (stalls, is_stalled) = (stalls + 1, true),
            Event::Resumed => is_stalled = false,
            Event::Started { .. } => begun_meanwhile += usize::from(is_stalled),
            _ => {}
        }
    }
    assert_eq!((stalls, is_stalled), (1, false), "told once, and when it was over");
    assert!(begun_meanwhile <= 2, "{begun_meanwhile} started without room, beyond what was on its way");
}

#[tokio::test]
async fn whoever_interrupts_a_run_without_room_gets_the_rows_that_are_not_on_the_disk() {
    let (theatre, ledger) = (Theatre::new(|_| Ok(Script::print("a\n"))), without_room(usize::MAX));
    let (told, mut news) = mpsc::channel(1000);
    let ports = Ports { events: Some(told), ..ports(&theatre, &ledger) };
    let runtime = Run::start(job(plan(9, 2)), ports).await.expect("it starts");
    while !matches!(news.recv().await.expect("it stalls"), Event::Stalled { .. }) {}
    runtime.control().interrupt(Cause::Cancelled, false);
    let (ending, _) = runtime.join().await.expect("it ends");
    assert_eq!(ending.failure, Some(Failure::Results("the disk is full".into())));
    assert!(!ending.unwritten.is_empty() && ending.unwritten.len() + ending.unfinished == 9, "{ending:?}");
    assert!(rows(&ledger).is_empty());
}

/// The results of a plan in a folder of their own, at the beginning of a run.
fn store(dir: &Path, plan: &Plan) -> Store {
    let queries = plan.queries.len();
    let (print, fates) = (Fingerprint([1; 32]), vec![Fate::Run; queries]);
    let mut store = Store::open(dir, &plan.job).expect("a database");
    let prints = vec![[Prints { command: print, judging: print }].into(); queries];
    store
        .begin(Opening { plan: Arc::new(plan.clone()), prints, past: &[], fates: &fates })
        .expect("it begins");
    store
}

/// As long as SQLite waits for a lock by itself, and then until it is gone.
#[tokio::test]
async fn a_database_that_another_program_has_locked_is_waited_for() {
    let dir = std::env::temp_dir().join(format!("provisor-rows-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("made");
    let (plan, theatre) = (plan(3, 1), Theatre::new(|_| Ok(Script::print("a\n"))));
    let store = store(&dir, &plan);
    let (told, mut news) = mpsc::channel(1000);
    let Ports { launcher, open_log, log_name, .. } = ports(&theatre, &Ledger::default());
    let ports = Ports { launcher, store, open_log, log_name, tee: None, events: Some(told), rules: None };
    let other = rusqlite::Connection::open(dir.join("provisor.db")).expect("it opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("it is free");
    let runtime = Run::start(job(plan), ports).await.expect("it starts");
    let text = loop {
        if let Event::Stalled { text } = news.recv().await.expect("it stalls") {
            break text;
        }
    };
    assert!(text.contains("provisor.db is locked by another program: let it finish"), "{text}");
    other.execute_batch("COMMIT").expect("it ends");
    let (ending, store) = runtime.join().await.expect("it ends");
    assert_eq!((ending.failure, ending.unwritten.len(), ending.unfinished), (None, 0, 0));
    assert_eq!(store.standing().expect("read").len(), 3);
    let _ = std::fs::remove_dir_all(&dir);
}

const BROKEN: &str = "its log could not be written and is incomplete";

/// A plan whose logs are kept, and ports that can open none of them.
fn without_logs(mut plan: Plan, theatre: &Theatre, ledger: &Ledger) -> (Plan, Ports<Ledger>) {
    for query in &mut plan.queries {
        query.logs = provisor_core::plan::Logs::Keep;
    }
    let open_log = Box::new(|_: &str| Err(std::io::ErrorKind::StorageFull.into()));
    (plan, Ports { open_log, ..ports(theatre, ledger) })
}

#[tokio::test]
async fn a_log_that_could_not_be_written_is_told_of_in_the_row_that_is_told() {
    let (theatre, ledger) = (Theatre::new(|_| Ok(Script::print("a\n"))), Ledger::default());
    let (plan, ports) = without_logs(plan(3, 1), &theatre, &ledger);
    let (told, mut news) = mpsc::channel(1000);
    let runtime = Run::start(job(plan), Ports { events: Some(told), ..ports }).await.expect("it starts");
    let _ = runtime.join().await.expect("it ends");
    let mut done = Vec::new();
    while let Ok(event) = news.try_recv() {
        if let Event::Done(row) = event {
            done.push(Row::clone(&row));
        }
    }
    assert_eq!(done, rows(&ledger), "what is told is what is written");
    assert!(done.iter().all(|row| !row.log_is_whole && row.outcome.evidence.as_deref() == Some(BROKEN)));
}

#[tokio::test]
async fn a_log_that_could_not_be_written_is_told_of_in_the_rows_that_are_nowhere_else() {
    let ledger = Ledger {
        before: Some(Arc::new(|| Err(Refusal::Final("the disk is broken".into())))),
        ..Ledger::default()
    };
    let theatre = one_that_ends();
    let (plan, ports) = without_logs(plan(3, 3), &theatre, &ledger);
    let runtime = Run::start(job(plan), ports).await.expect("it starts");
    let (ending, _) = runtime.join().await.expect("it ends");
    assert_eq!(ending.unwritten.len(), 3);
    for row in &ending.unwritten {
        assert_eq!((row.log_is_whole, row.outcome.evidence.as_deref()), (false, Some(BROKEN)), "{row:?}");
    }
}

#[tokio::test]
async fn a_thread_that_dies_hangs_nothing() {
    // The thread that writes the results: the run ends and says so.
    let ledger = Ledger { before: Some(Arc::new(|| panic!("injected"))), ..Ledger::default() };
    let theatre = Theatre::new(|_| Ok(Script::print("hello\n")));
    let runtime = Run::start(job(plan(5, 2)), ports(&theatre, &ledger)).await.expect("it starts");
    let counts = runtime.control().counts();
    let (ending, _) = runtime.join().await.expect("the store comes back");
    assert!(matches!(&ending.failure, Some(Failure::Results(why)) if why.contains("injected")), "{ending:?}");
    assert!(!ending.unwritten.is_empty(), "no row is dropped");
    assert_eq!((counts.borrow().done, theatre.alive.load(Ordering::SeqCst)), (0, 0));
    // The thread that writes the logs: only they are missing, and no row calls one whole.
    let ledger = Ledger::default();
    let mut plan = plan(5, 2);
    for query in &mut plan.queries {
        query.logs = provisor_core::plan::Logs::Keep;
    }
    let ending = run(plan, &theatre, &ledger).await;
    let rows = rows(&ledger);
    assert_eq!((ending.failure, rows.len()), (None, 5));
    for row in rows {
        assert_eq!((row.log_is_whole, row.outcome.evidence.as_deref()), (false, Some(BROKEN)), "{row:?}");
    }
}
