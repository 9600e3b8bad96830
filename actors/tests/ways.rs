//! Queries with several passes, needs and answers that follow from others, with scripted children: what is started for each
//! pass, how it is read, and what needs no child at all.

mod scripted;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use provisor_actors::messages::Event;
use provisor_actors::run::{Job, Ports, Run};
use provisor_actors::testing::{Ledger, Script, Step, Theatre};
use provisor_core::answer::Answer;
use provisor_core::cause::{End, Outcome};
use provisor_core::plan::{Cell, Command, Judging, Lattice, Limits, Need, Only, Pass, Query};
use provisor_core::roster::{Rung, Said, Then};
use provisor_core::rules::{Pattern, Rule, Streams};
use provisor_core::verdict::Counts;
use tokio::sync::mpsc;

use scripted::{job, plan, ports, rows, run};

/// Reads the line that begins with this as that verdict.
fn judging(prefix: &str, verdict: &str) -> Arc<Judging> {
    let rule = Rule {
        on: Pattern::Prefix(prefix.into()),
        streams: Streams::Stdout,
        verdict: Some(verdict.into()),
        capture: None,
        counts: Counts::Ok,
        value: None,
        note: false,
        stop: None,
    };
    Arc::new(Judging { rules: vec![rule], preset: None })
}

/// A further pass that runs this program.
fn pass(query: &Query, program: &str) -> Pass {
    Pass {
        name: program.into(),
        only: Only::Open,
        command: Command { argv: [program.into()].into(), ..query.command.clone() },
        limits: query.limits,
        judging: judging("slow", "true"),
        pages: None,
    }
}

/// Children that print the name of their program.
fn named() -> Theatre {
    Theatre::new(|request| match &*request.command.argv[0] {
        "slow" => Ok(Script::print("slow\n")),
        "endless" => Ok(Script::of(vec![Step::Hang])),
        _ => Ok(Script::print("quick\n")),
    })
}

#[tokio::test]
async fn each_pass_is_started_by_its_own_command_under_its_own_limits_and_read_by_its_own_rules() {
    let mut plan = plan(2, 1);
    for query in &mut plan.queries {
        query.judging = judging("nothing", "true");
        query.further = [pass(query, "endless"), pass(query, "slow")].into();
        query.further[0].limits.wall = Some(Duration::from_millis(20));
    }
    let (theatre, ledger) = (named(), Ledger::default());
    let ending = run(plan, &theatre, &ledger).await;
    assert_eq!((ending.failure, ending.unfinished), (None, 0));
    let told: Vec<_> = rows(&ledger)
        .iter()
        .map(|row| (row.query, row.attempt, row.pass, row.then, row.outcome.cause_word()))
        .collect();
    assert_eq!(
        told,
        [
            (0, 1, 0, Then::NextPass, "exited"),
            (1, 1, 0, Then::NextPass, "exited"),
            (0, 2, 1, Then::NextPass, "wall-limit"),
            (1, 2, 1, Then::NextPass, "wall-limit"),
            (0, 3, 2, Then::Nothing, "exited"),
            (1, 3, 2, Then::Nothing, "exited"),
        ]
    );
    assert!(rows(&ledger)[4..].iter().all(|row| row.outcome.judgement.verdict.as_deref() == Some("true")));
}

#[tokio::test]
async fn a_ladder_that_is_taken_up_begins_with_its_next_pass() {
    let mut plan = plan(1, 1);
    let slow = pass(&plan.queries[0], "slow");
    plan.queries[0].further = [Pass { judging: judging("nothing", "true"), ..slow }].into();
    let said = Said { pass: Some("fast".into()), verdict: "maybe".into() };
    let rungs = [(0, Rung { pass: 1, said: Some(said) })].into();
    let (theatre, ledger) = (named(), Ledger::default());
    let job = Job { rungs, todo: vec![(0, 4)], ..job(plan) };
    let runtime = Run::start(job, ports(&theatre, &ledger)).await.expect("it starts");
    runtime.join().await.expect("it ends");
    let row = rows(&ledger).remove(0);
    assert_eq!((row.attempt, row.pass, row.is_last()), (5, 1, true));
    assert_eq!(row.outcome.evidence.as_deref(), Some("pass `fast` said: maybe"));
}

#[tokio::test]
async fn a_rule_of_a_later_pass_that_does_not_compile_starts_nothing() {
    let mut plan = plan(1, 1);
    let mut broken = pass(&plan.queries[0], "slow");
    let mut judging = Judging::clone(&broken.judging);
    judging.rules[0].on = Pattern::Regex("(".into());
    broken.judging = Arc::new(judging);
    plan.queries[0].further = [broken].into();
    let theatre = Theatre::new(|_| panic!("nothing may be started"));
    assert!(Run::start(job(plan), ports(&theatre, &Ledger::default())).await.is_err());
}

fn needs(query: u32, verdict: &str) -> Box<[Need]> {
    [Need::says(query, verdict)].into()
}

/// The first one implies the second; the third needs it and the fourth needs that it is otherwise; the fifth needs what
/// nobody asks.
fn related() -> provisor_core::Plan {
    let mut plan = plan(6, 2);
    plan.lattice = Lattice { weaker: vec![[].into(), [0].into()] };
    let cell = |scenario| Some(Cell { family: 0, scenario });
    (plan.queries[0].cell, plan.queries[1].cell) = (cell(1), cell(0));
    plan.queries[0].judging = judging("quick", "true");
    (plan.queries[1].needs, plan.queries[2].needs) = (needs(0, "true"), needs(1, "true"));
    (plan.queries[3].needs, plan.queries[4].needs) = (needs(0, "false"), needs(5, "true"));
    plan
}

#[tokio::test]
async fn what_is_known_without_a_child_has_its_row_and_is_counted_and_nothing_else_is_told_of_it() {
    let (theatre, ledger) = (named(), Ledger::default());
    let (told, mut news) = mpsc::channel(1000);
    let ports = Ports { events: Some(told), ..ports(&theatre, &ledger) };
    let job = Job { todo: (0..5).map(|place| (place, 0)).collect(), ..job(related()) };
    let runtime = Run::start(job, ports).await.expect("it starts");
    let counts = runtime.control().counts();
    let (ending, _) = runtime.join().await.expect("it ends");
    assert_eq!((ending.failure, ending.unfinished), (None, 0));
    let mut ends: Vec<_> =
        rows(&ledger).iter().map(|row| (row.query, row.attempt, row.outcome.end.clone())).collect();
    ends.sort_by_key(|(query, ..)| *query);
    let exited = End::Reaped(provisor_core::Exit::Code(0));
    let skipped = |why: &str| End::Skipped(why.into());
    let expected = [
        (0, 1, exited.clone()),
        (1, 0, End::Implied("q0".into())),
        (2, 1, exited),
        (3, 0, skipped("needs `q0` to be false, which ended as true")),
        (4, 0, skipped("needs `q5` to be true, which was not asked")),
    ];
    assert_eq!(ends, expected);
    let counts = counts.borrow().clone();
    assert_eq!((counts.total, counts.done, counts.waiting, counts.running), (5, 5, 0, 0));
    let mut told_of = [0; 5];
    while let Ok(event) = news.try_recv() {
        match event {
            Event::Started { query, .. } | Event::Ended { query, .. } => told_of[query as usize] += 1,
            _ => {}
        }
    }
    assert_eq!(told_of, [2, 0, 2, 0, 0]);
    assert_eq!(theatre.most.load(Ordering::SeqCst), 1, "one after the other");
}

#[tokio::test]
async fn what_earlier_runs_have_decided_counts() {
    let reused = |outcome: Outcome| vec![(0, Answer::of(&outcome))];
    let mut outcome = Outcome { end: End::Reaped(provisor_core::Exit::Code(0)), ..Outcome::lost("".into()) };
    for (verdict, causes) in
        [("true", ["implied", "exited", "skipped"]), ("maybe", ["skipped", "skipped", "skipped"])]
    {
        outcome.judgement.verdict = Some(verdict.into());
        let (theatre, ledger) = (named(), Ledger::default());
        let todo = vec![(1, 0), (2, 0), (3, 0)];
        let job = Job { todo, reused: reused(outcome.clone()), ..job(related()) };
        let runtime = Run::start(job, ports(&theatre, &ledger)).await.expect("it starts");
        let counts = runtime.control().counts();
        runtime.join().await.expect("it ends");
        let mut rows = rows(&ledger);
        rows.sort_by_key(|row| row.query);
        assert_eq!(rows.iter().map(|row| row.outcome.cause_word()).collect::<Vec<_>>(), causes);
        assert_eq!((counts.borrow().total, counts.borrow().done, counts.borrow().reused), (4, 4, 1));
    }
}

#[tokio::test]
async fn a_thousand_that_follow_from_one_are_all_written_and_nothing_runs_for_them() {
    let mut plan = plan(1001, 2);
    plan.lattice = Lattice { weaker: vec![[].into(), [0].into()] };
    for (place, query) in plan.queries.iter_mut().enumerate() {
        query.limits = Limits::default();
        query.judging = judging("quick", "true");
        query.cell = Some(Cell { family: 0, scenario: u32::from(place == 0) });
        query.needs = if place == 0 { Box::default() } else { needs(0, "true") };
    }
    let (theatre, ledger) = (named(), Ledger::default());
    run(plan, &theatre, &ledger).await;
    let rows = rows(&ledger);
    let implied = rows.iter().filter(|row| row.outcome.is_derived()).count();
    assert_eq!((rows.len(), implied), (1001, 1000));
    assert!(rows[0].outcome.end != End::Implied("q0".into()), "what they follow from comes first");
}
