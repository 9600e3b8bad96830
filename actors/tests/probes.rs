//! Probes of scripted children: how a query that is unwell ends, and that no probe is left.

mod scripted;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use provisor_actors::os::{LaunchError, LaunchRequest, Transience};
use provisor_actors::row::Row;
use provisor_actors::testing::{Ledger, Script, Step, Theatre};
use provisor_core::cause::Exit;
use provisor_core::health::Probe;
use provisor_core::plan::{Command, Query};
use provisor_core::rules::Stream;

use scripted::{plan, rows, run};

/// Often, for a test.
const EVERY: Duration = Duration::from_millis(5);

fn is_probe(request: &LaunchRequest) -> bool {
    &*request.command.argv[0] == "ask"
}

/// A query that is asked so.
fn asked(probe: Probe) -> Query {
    let query = scripted::query(0).health(probe);
    Query { command: Command::new(["scripted"]).in_dir("/tmp").env("PORT", "7"), ..query }
}

/// What becomes of a query that hangs, or does this, when its probes are these.
async fn outcome(probe: Probe, theatre: &Theatre) -> Row {
    let (mut plan, ledger) = (plan(1, 1), Ledger::default());
    plan.queries[0] = asked(probe);
    let ending = run(plan, theatre, &ledger).await;
    assert_eq!(ending.failure, None);
    assert_eq!(theatre.alive.load(Ordering::SeqCst), 0, "no probe outlives its query");
    let [row] = rows(&ledger).try_into().expect("a probe has no row");
    row
}

#[tokio::test]
async fn a_query_whose_probes_fail_is_silent_and_its_row_says_what_the_last_one_said() {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    let theatre = Theatre::new(move |request| {
        seen.lock().expect("unpoisoned").push(request.clone());
        let refused =
            Script { exit: Exit::Code(7), ..Script::of(vec![Step::Print(Stream::Stderr, "refused\n")]) };
        Ok(if is_probe(request) { refused } else { Script::of(vec![Step::Hang]) })
    });
    let row = outcome(Probe::new(["ask", "it"]).every(EVERY).failures(3), &theatre).await;
    assert_eq!(row.outcome.cause_word(), "silent");
    assert_eq!(row.outcome.evidence.as_deref(), Some("3 probes in a row failed: exit code 7 (refused)"));
    let requests = requests.lock().expect("unpoisoned");
    let probes = requests.iter().filter(|request| is_probe(request)).collect::<Vec<_>>();
    assert_eq!(probes.len(), 3);
    for probe in &probes {
        assert_eq!(&*probe.command.argv, &["ask".into(), "it".into()]);
        assert_eq!(probe.command.env, requests[0].command.env, "it finds what its query does");
        assert_eq!(probe.command.cwd, requests[0].command.cwd);
    }
    assert_ne!(probes[0].cookie, probes[1].cookie, "what is left of the one is not the other's");
}

#[tokio::test]
async fn a_probe_that_hangs_is_ended_in_time_and_has_failed() {
    let theatre = Theatre::new(|_| Ok(Script { ignores_term: true, ..Script::of(vec![Step::Hang]) }));
    let row = outcome(Probe::new(["ask"]).every(EVERY).failures(6), &theatre).await;
    assert_eq!(row.outcome.evidence.as_deref(), Some("6 probes in a row failed: no answer within 0.005 s"));
    assert!(theatre.most.load(Ordering::SeqCst) <= 3, "one of them at a time, and one that dies");
}

#[tokio::test]
async fn what_the_system_is_short_of_is_not_the_query_s_fault() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let theatre = Theatre::new(move |request| {
        if !is_probe(request) {
            return Ok(Script::of(vec![Step::Hang]));
        }
        let transience = match counted.fetch_add(1, Ordering::SeqCst) {
            0..4 => Transience::Exhausted,
            _ => Transience::Permanent,
        };
        Err(LaunchError { transience, text: "there is no program `ask`".into() })
    });
    let row = outcome(Probe::new(["ask"]).every(EVERY).failures(2), &theatre).await;
    let line = row.outcome.evidence.as_deref();
    assert_eq!(line, Some("2 probes in a row failed: there is no program `ask`"));
    assert_eq!(tries.load(Ordering::SeqCst), 6, "four of them could not be run");
}

#[tokio::test]
async fn a_query_that_answers_goes_on_to_its_end_and_takes_its_probe_with_it() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let theatre = Theatre::new(move |request| {
        if !is_probe(request) {
            return Ok(Script::of(vec![Step::Wait(20 * EVERY)]));
        }
        // Two are well, and the others hang.
        let is_well = counted.fetch_add(1, Ordering::SeqCst) < 2;
        Ok(Script::of(if is_well { Vec::new() } else { vec![Step::Hang] }))
    });
    let row = outcome(Probe::new(["ask"]).every(EVERY).failures(1000), &theatre).await;
    assert_eq!((row.outcome.cause_word(), row.outcome.evidence.as_deref()), ("exited", None));
    assert!(asked.load(Ordering::SeqCst) > 0, "it was asked");
}
