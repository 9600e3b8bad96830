//! What stands in the rows and files.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use provisor_actors::store::{Extras, Fate, Row, Store, columns};
use provisor_core::cause::{Cause, End, Exit, Outcome, StopMethod, Usage};
use provisor_core::plan::Limits;
use provisor_core::roster::Then;
use provisor_core::supervision::{GroupSettings, MemberSettings};
use provisor_core::text;
use provisor_core::verdict::{Counts, Finding, Judgement};

use crate::support::*;

const HEADER: &str = "query,cause,verdict,results,exit_code,signal,wall_s,cpu_s,max_rss_kib,started_at,attempt,line,log,\
                      expected,containment,leftovers,value";

/// Every field has a value of its own.
fn full_outcome() -> Outcome {
    let lemma = Finding { own: false, counts: Counts::Bad, ..finding("lemma", "false") };
    Outcome {
        end: End::Reaped(Exit::Signal(9)),
        cause: Cause::WallLimit,
        evidence: Some("it was, \"quoted\"\nand more, seen".into()),
        method: Some(StopMethod::Kill),
        wall: Duration::from_micros(10_000_001),
        usage: Usage { cpu: Duration::from_micros(9_999_999), max_rss_kib: 123_456 },
        leaked: true,
        leftovers: Some(3),
        of_machine: true,
        judgement: Judgement {
            verdict: Some("cannot be proved".into()),
            counts: Counts::Open,
            line: Some("RESULT, \"quoted\"\nand more".into()),
            value: Some("42".into()),
            results: 4002,
            omitted: 4000,
            omitted_notes: 17,
            findings: vec![lemma, finding("a ==> b", "cannot be proved"), finding("c", "true")],
            notes: vec!["one".into(), "two".into()],
        },
    }
}

fn with_axes() -> provisor_core::Plan {
    let mut plan = plan(&["q", "r"]);
    plan.axes = vec!["scenario".into(), "query, of course".into()];
    plan.queries[0].axes = ["s1".into(), "=q1".into()].into();
    plan.queries[0].expect = Some("true".into());
    plan.queries[1].axes = ["s2".into()].into();
    plan
}

#[test]
fn every_column_comes_back() {
    let temp = TestDir::new();
    let mut store = begin_anew(temp.path(), with_axes());
    let written = row(0, 1, full_outcome());
    store.commit(std::slice::from_ref(&written)).unwrap();
    let standing = store.standing().unwrap();
    assert_eq!(standing.len(), 1);
    let row = &standing[0];
    assert_eq!(row.outcome, written.outcome);
    assert_eq!((&*row.query, row.place, row.attempt, row.run), ("q", 0, 1, 1));
    assert_eq!((row.started_us, &row.log, row.log_is_whole), (written.started_us, &written.log, true));
    assert_eq!((&*row.containment, row.expected.as_deref()), ("sweep", Some("true")));
    assert_eq!(row.axes.iter().map(|value| &**value).collect::<Vec<_>>(), ["s1", "=q1"]);
    assert!(!row.is_well());
    let past = store.past().unwrap().remove(0);
    assert_eq!(
        (past.exit, past.cause, past.wall),
        (Some(Exit::Signal(9)), Cause::WallLimit, written.outcome.wall)
    );
    assert_eq!((past.past.prints.command, past.past.prints.judging), (print(1), print(2)));
    assert_eq!(
        (past.past.answer.cause, past.past.answer.counts, past.past.answer.is_well(None)),
        ("wall-limit", Counts::Open, false)
    );
    assert_eq!(past.past.limits, Limits { wall: Some(Duration::from_secs(10)), ..Limits::default() });
    assert!(past.past.answer.signalled && past.past.answer.of_machine && past.past.log_is_whole);
    assert_eq!(past.printed, written.printed);
}

#[test]
fn the_files_have_their_columns() {
    let temp = TestDir::new();
    let mut store = begin_anew(temp.path(), with_axes());
    store.commit(&[row(0, 1, full_outcome()), row(1, 7, outcome("true"))]).unwrap();
    let text = fs::read_to_string(temp.path().join("results.csv")).unwrap();
    assert_eq!(text.lines().next().unwrap(), format!("{HEADER},axis.scenario,\"axis.query, of course\""));
    let (header, records) = csv(temp.path(), "results.csv");
    assert_eq!(header, columns(&["scenario".into(), "query, of course".into()], Extras::default()));
    let expected = [
        "q",
        "wall-limit",
        "cannot be proved",
        "4002",
        "",
        "SIGKILL",
        "10.000",
        "9.999",
        "123456",
        "<time>",
        "1",
        "it was, \"quoted\" and more, seen",
        "logs/0.1.log",
        "true",
        "sweep",
        "3",
        "42",
        "s1",
        "'=q1",
    ];
    let mut first = records[0].clone();
    let started: jiff::Timestamp = first[9].parse().unwrap();
    assert_eq!(started.as_millisecond(), 1_700_000_000_123);
    first[9] = "<time>".into();
    assert_eq!(first, expected);
    assert_eq!(records[1][3..6], ["1", "0", ""]);
    assert_eq!(records[1][17..], ["s2", ""]);
    let (header, records) = csv(temp.path(), "verdicts.csv");
    assert_eq!(header.join(","), "query,attempt,index,statement,verdict,at_s");
    assert_eq!(records.len(), 4);
    assert_eq!(records[0], ["q", "1", "1", "lemma", "false", "1.500"]);
    assert_eq!(records[1], ["q", "1", "2", "a ==> b", "cannot be proved", "1.500"]);
    assert_eq!(records[3], ["r", "7", "1", "x", "true", "1.500"]);
}

/// What is appended row by row and what is written anew are the same files.
#[test]
fn a_rewritten_file_is_the_appended_one() {
    let temp = TestDir::new();
    let rows = [row(0, 1, full_outcome()), row(1, 1, outcome("-x"))];
    begin_anew(temp.path(), with_axes()).commit(&rows).unwrap();
    let read = || ["results.csv", "verdicts.csv"].map(|name| fs::read(temp.path().join(name)).unwrap());
    let appended = read();
    begin(temp.path(), with_axes(), &[], &[Fate::Untouched, Fate::Untouched]);
    assert_eq!(read(), appended);
}

#[test]
fn what_never_ran_says_why() {
    let temp = TestDir::new();
    let outcomes = [
        Outcome::not_started("cannot execute ./x: No such file".into(), Cause::Exited),
        Outcome::not_started("too late".into(), Cause::Deadline),
        Outcome::lost("=its actor panicked".into()),
        Outcome::unreaped(Cause::Cancelled),
        Outcome::skipped("needs `a` to be true".into()),
        Outcome::implied("a".into(), "true".into(), Counts::Ok),
    ];
    let mut store = begin_anew(temp.path(), plan(&["a", "b", "c", "d", "e", "f"]));
    let rows: Vec<Row> = (0..).zip(outcomes.clone()).map(|(place, outcome)| row(place, 1, outcome)).collect();
    store.commit(&rows).unwrap();
    let (_, records) = csv(temp.path(), "results.csv");
    let causes: Vec<_> = records.iter().map(|record| &*record[1]).collect();
    assert_eq!(causes, ["not-started", "deadline", "lost", "unreaped", "skipped", "implied"]);
    let lines: Vec<_> = records.iter().map(|record| &*record[11]).collect();
    assert_eq!(lines[..4], ["cannot execute ./x: No such file", "too late", "'=its actor panicked", ""]);
    assert_eq!(lines[4..], ["needs `a` to be true", "implied by `a`: true"]);
    assert_eq!((&*records[5][2], &*records[5][15]), ("true", ""), "nobody looked for what it left behind");
    assert!(records.iter().all(|record| record[4].is_empty() && record[5].is_empty()));
    assert!(records.iter().all(|record| record[7].is_empty() && record[8].is_empty()));
    let back: Vec<_> = store.standing().unwrap().into_iter().map(|row| row.outcome).collect();
    assert_eq!(back, outcomes);
}

#[test]
fn a_row_has_a_cell_in_each_column() {
    let temp = TestDir::new();
    let mut plan = with_axes();
    plan.queries[0].axes = ["1".into(), "2".into(), "3".into()].into();
    plan.queries[1].axes = [].into();
    begin_anew(temp.path(), plan).commit(&[row(0, 1, outcome("true")), row(1, 1, outcome("true"))]).unwrap();
    let (_, records) = csv(temp.path(), "results.csv");
    assert_eq!(
        (&records[0][17..], &records[1][17..]),
        (&["1".into(), "2".into()][..], &["".into(), "".into()][..])
    );
}

/// A limit that is kept as less than it was would look raised for ever.
#[test]
fn a_limit_never_comes_back_lower() {
    let temp = TestDir::new();
    let mut plan = plan(&["a"]);
    let limits = Limits {
        wall: Some(Duration::from_nanos(1_000_000_001)),
        silence: Some(Duration::MAX),
        cpu: Some(Duration::from_nanos(1_000_000_001)),
        memory: Some(1 << 40),
        output: Some(12),
        processes: Some(u32::MAX),
        ..Limits::default()
    };
    plan.queries[0].limits = limits;
    let mut store = begin_anew(temp.path(), plan);
    // This attempt was given more than the plan says.
    let memory_limit = Some(1 << 41);
    store.commit(&[Row { memory_limit, ..row(0, 1, outcome("true")) }]).unwrap();
    let then = store.past().unwrap()[0].past.limits;
    assert!(then.cpu >= limits.cpu && then.cpu < Some(Duration::from_millis(1001)));
    assert_eq!((then.memory, then.output, then.processes), (memory_limit, limits.output, limits.processes));
    assert!(then.wall >= limits.wall && then.wall < Some(Duration::from_millis(1001)));
    assert!(then.silence > Some(Duration::from_secs(3_000_000_000)), "a hundred years are for ever");
}

#[test]
fn only_the_last_attempt_is_the_row() {
    let temp = TestDir::new();
    let mut store = begin_anew(temp.path(), plan(&["a"]));
    store.commit(&[Row { then: Then::Retry, ..row(0, 1, outcome("false")) }]).unwrap();
    assert!(store.standing().unwrap().is_empty() && verdicts(temp.path()).is_empty());
    assert!(csv(temp.path(), "verdicts.csv").1.is_empty());
    store.commit(&[row(0, 2, outcome("true"))]).unwrap();
    assert_eq!(verdicts(temp.path()), [("a".to_owned(), "true".to_owned())]);
    assert_eq!(store.attempts_before().unwrap()["a"], 2);
}

#[test]
fn a_row_that_takes_the_place_of_another_has_the_only_line_of_its_query() {
    let temp = TestDir::new();
    let mut plan = plan(&["a", "b"]).with_group("g", GroupSettings::default(), None);
    plan.queries[0] = query("a").member_of(0, MemberSettings::default());
    let mut store = begin_anew(temp.path(), plan);
    let line = |query: &str, verdict: &str| (query.to_owned(), verdict.to_owned());
    store.commit(&[row(0, 1, outcome("false"))]).unwrap();
    store.commit(&[Row { then: Then::Restart, ..row(0, 2, outcome("false")) }]).unwrap();
    store.commit(&[row(0, 3, outcome("true")), row(1, 1, outcome("true"))]).unwrap();
    let standing: Vec<_> = store.standing().unwrap().iter().map(|row| row.attempt).collect();
    assert_eq!(standing, [3, 1], "the database knows at once");
    assert_eq!(verdicts(temp.path()), [line("a", "false"), line("b", "true")]);
    store.end(true).unwrap();
    assert_eq!(verdicts(temp.path()), [line("a", "true"), line("b", "true")]);
    assert_eq!(csv(temp.path(), "verdicts.csv").1.len(), 2);
}

#[test]
fn hostile_lines_stay_in_their_cells() {
    let temp = TestDir::new();
    let mut hostile = outcome("@SUM(A1)");
    hostile.judgement.line =
        Some(format!("\x1b[31m=cmd|' /C calc'!A0\r\n\u{202e}{}", "x".repeat(500)).into());
    hostile.judgement.value = Some("\x1b]0;t\x07-3.5".into());
    hostile.judgement.findings = vec![finding("+1\n\"", "-a,b\0")];
    let mut store = begin_anew(temp.path(), plan(&["a"]));
    store.commit(&[row(0, 1, hostile.clone())]).unwrap();
    let (_, records) = csv(temp.path(), "results.csv");
    assert!(records[0][11].starts_with("'=cmd|' /C calc'!A0 xxx") && records[0][11].ends_with("x…"));
    assert_eq!(records[0][11].chars().count(), 301, "and the apostrophe");
    assert_eq!((&*records[0][2], &*records[0][16]), ("'@SUM(A1)", "-3.5"));
    assert_eq!(csv(temp.path(), "verdicts.csv").1[0][3..5], ["'+1 \"", "'-a,b"]);
    assert_eq!(store.standing().unwrap()[0].outcome, hostile, "the database keeps it as it was");
    let cells = store.standing().unwrap()[0].cells(0, Extras::default());
    assert_eq!(cells[2], "@SUM(A1)", "a terminal is no spreadsheet");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_valid_record(
        texts in prop::collection::vec((any::<String>(), any::<String>(), any::<String>()), 1..20)
    ) {
        let temp = TestDir::new();
        let ids: Vec<String> = (0..texts.len()).map(|place| format!("q{place}")).collect();
        let plan = plan(&ids.iter().map(|id| &**id).collect::<Vec<_>>());
        let rows: Vec<Row> = (0..).zip(&texts).map(|(place, (line, value, statement))| {
            let mut outcome = outcome("true");
            outcome.judgement.line = Some(Arc::from(&**line));
            outcome.judgement.value = Some(Arc::from(&**value));
            outcome.judgement.findings = vec![finding(statement, value)];
            row(place, 1, outcome)
        }).collect();
        let mut store = begin_anew(temp.path(), plan);
        store.commit(&rows).unwrap();
        let (results, findings) = (csv(temp.path(), "results.csv").1, csv(temp.path(), "verdicts.csv").1);
        prop_assert_eq!((results.len(), findings.len()), (texts.len(), texts.len()));
        let cell = |text: &str| text::defuse(&text::clean(text)).into_owned();
        for (((line, value, statement), result), found) in texts.iter().zip(&results).zip(&findings) {
            let clean = text::clean(line);
            let short = text::cut(&clean, 300);
            prop_assert_eq!(&result[11], &*text::defuse(&short));
            prop_assert_eq!(&result[16], &cell(value));
            prop_assert_eq!(&found[3], &cell(statement));
        }
        let back: Vec<Outcome> = store.standing().unwrap().into_iter().map(|row| row.outcome).collect();
        prop_assert_eq!(back, rows.into_iter().map(|row| row.outcome).collect::<Vec<_>>());
    }
}

#[test]
fn many_rows_in_groups() {
    let temp = TestDir::new();
    let ids: Vec<String> = (0..1000).map(|place| format!("group/query-{place}")).collect();
    let plan = plan(&ids.iter().map(|id| &**id).collect::<Vec<_>>());
    let rows: Vec<Row> = (0..1000).map(|place| row(place, 1, outcome("true"))).collect();
    let mut store = begin_anew(temp.path(), plan);
    for group in rows.chunks(20) {
        store.commit(group).unwrap();
    }
    store.end(true).unwrap();
    drop(store);
    assert_eq!(verdicts(temp.path()).len(), 1000);
    let reader = Store::read(temp.path()).unwrap();
    assert_eq!(reader.standing().unwrap().len(), 1000);
    assert!(reader.last_run_complete().unwrap());
}
