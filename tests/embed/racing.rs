//! Races by the handle, with real processes.

use std::sync::Arc;
use std::time::Duration;

use provisor::{
    AfterFailure, Cause, Command, Counts, Local, Pattern, Plan, Ports, Query, Refusal, Row, Rule, Runtime,
    SubmitError,
};

use crate::common::alive_with;
use crate::{TrialOf, block_on, runtime};

pub(crate) const TRIALS: &[TrialOf] = &[
    ("the_first_answer_wins_and_the_others_are_ended", first_answer),
    ("all_of_a_race_are_taken_in_or_none", all_or_none),
    ("a_race_may_be_larger_than_the_queue", larger_than_the_queue),
    ("a_race_of_the_plan_is_run_with_it", of_the_plan),
];

/// One that says this, read by what it says; `maybe` settles nothing.
fn solver(name: &str, script: &str) -> Query {
    let command = Command::of(["sh", "-c", script]).env("MARK", mark());
    let says = Rule::on(Pattern::Regex("^(un)?sat$".into())).captures(0);
    let maybe = Rule::on(Pattern::Prefix("maybe".into())).says("maybe").counts(Counts::Open);
    Query::new(name, command).rule(says).rule(maybe).grace(Duration::from_millis(200))
}

fn mark() -> String {
    format!("race-{}", std::process::id())
}

fn told(row: &Row) -> (&str, Option<&str>) {
    (row.outcome.cause_word(), row.outcome.judgement.verdict.as_deref())
}

/// One is open, one does not want to end, one would sleep on, one waits for a slot; and one comes after all of them.
fn first_answer() {
    block_on(async {
        let handle = runtime(4).await;
        let mut events = handle.subscribe(1000);
        // The fast one waits until nothing is left of the open one.
        let there = std::env::temp_dir().join(format!("provisor-{}-open", mark()));
        let file = there.display();
        let open = format!("echo $$ > {file}.new; mv {file}.new {file}; echo maybe");
        let fast = format!(
            "until test -e {file}; do sleep 0.01; done; while kill -0 $(cat {file}); do sleep 0.01; done; echo unsat"
        );
        let race = [
            solver("open", &open),
            solver("deaf", "trap '' TERM; while :; do sleep 0.05; done"),
            solver("sleeper", "exec sleep 1000"),
            solver("fast", &fast),
        ];
        let tickets = handle.submit_race("goal", race).await.expect("taken in");
        let ids: Vec<_> = tickets.iter().map(|ticket| ticket.id().to_string()).collect();
        assert_eq!(ids, ["goal/open", "goal/deaf", "goal/sleeper", "goal/fast"]);
        let after =
            solver("after", "echo sat").after(["goal/deaf", "goal/sleeper", "goal/fast"], AfterFailure::Skip);
        let after = handle.submit(after).await.expect("taken in");
        let rows: Vec<Arc<Row>> =
            futures_util::future::try_join_all(tickets).await.expect("each has its row");
        let _ = std::fs::remove_file(there);
        assert_eq!(told(&rows[0]), ("exited", Some("maybe")));
        assert_eq!([told(&rows[1]), told(&rows[2])], [("outrun", None); 2]);
        assert_eq!(told(&rows[3]), ("exited", Some("unsat")));
        let said = rows[3].outcome.evidence.as_deref().unwrap_or_default();
        assert!(said.starts_with("unsat; first of 4; "), "{said}");
        let said = rows[2].outcome.evidence.as_deref().unwrap_or_default();
        assert!(said.starts_with("`goal/fast` was first: unsat, after 0."), "{said}");
        assert_eq!(told(&after.await.expect("its row")), ("exited", Some("sat")), "who was outrun is well");
        handle.drain().await.expect("it ends");
        assert!(alive_with(&format!("MARK={}", mark())).is_empty(), "somebody survives");
        let counts = handle.counts().borrow().clone();
        assert_eq!((counts.done, counts.well), (5, 4), "the open one is not well");
        // Who was ended for it was told so.
        let mut outrun = 0;
        while let Some(told) = events.next().await {
            use provisor::{Event, Told};
            let is_first = matches!(&told, Told::Event { event: Event::Stopping { cause: Cause::Outrun, method, .. }, .. } if *method == provisor::StopMethod::Term);
            outrun += u32::from(is_first);
        }
        assert_eq!(outrun, 2);
    });
}

fn all_or_none() {
    block_on(async {
        let handle = runtime(1).await;
        let bad = solver("b", "x").rule(Rule::on(Pattern::Regex("(".into())).says("x"));
        let refused = handle.submit_race("goal", [solver("a", "exit 0"), bad]).await.err();
        assert!(matches!(refused, Some(SubmitError::Rule { .. })), "{refused:?}");
        let nothing = Query::new("b", Command::new([]));
        let refused = handle.submit_race("goal", [solver("a", "exit 0"), nothing]).await.err();
        assert!(matches!(refused, Some(SubmitError::Refused(Refusal::NoProgram { .. }))), "{refused:?}");
        handle.drain().await.expect("it ends");
        assert_eq!(handle.counts().borrow().total, 0);
    });
}

fn larger_than_the_queue() {
    block_on(async {
        let ports = Ports { room: 1, ..Ports::new(Local::default().factory()) };
        let handle = Runtime::start(Plan::new("test", Vec::new()), ports).await.expect("it starts");
        for _ in 0..2 {
            let race = ["a", "b", "c"].map(|name| solver(name, "echo sat"));
            let tickets = handle.submit_race("goal", race).await.expect("taken in");
            let rows = futures_util::future::try_join_all(tickets).await.expect("each has its row");
            let causes: Vec<_> = rows.iter().map(|row| told(row).0).collect();
            assert_eq!(causes, ["exited", "outrun", "outrun"], "one at a time");
        }
        handle.drain().await.expect("it ends");
    });
}

fn of_the_plan() {
    block_on(async {
        let race = [solver("a", "exec sleep 1000"), solver("b", "echo sat")];
        let plan = Plan::new("test", Vec::new()).with_race("goal", race).at_once(2);
        let handle = Runtime::start(plan, Ports::new(Local::default().factory())).await.expect("it starts");
        let ending = handle.drain().await.expect("it ends");
        assert_eq!(ending.unfinished, 0);
        let counts = handle.counts().borrow().clone();
        assert_eq!((counts.done, counts.well), (2, 2));
    });
}
