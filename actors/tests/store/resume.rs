//! What becomes of the rows of earlier runs.

use std::sync::Arc;

use provisor_actors::store::{Fate, Opening, Row, RunRow, Store, StoreError};
use provisor_core::Outcome;
use provisor_core::plan::Reuse;
use provisor_core::reuse::Decision;
use provisor_core::roster::Then;
use provisor_core::verdict::{Counts, Judgement};

use crate::support::*;

/// A complete run of these queries; each has the verdict `true`.
fn first_run(dir: &TestDir, ids: &[&str]) {
    let mut store = begin_anew(dir.path(), plan(ids));
    let rows: Vec<_> = (0..).zip(ids).map(|(place, _)| row(place, 1, outcome("true"))).collect();
    store.commit(&rows).unwrap();
    store.end(true).unwrap();
}

fn ids(dir: &TestDir) -> Vec<String> {
    verdicts(dir.path()).into_iter().map(|(id, _)| id).collect()
}

#[test]
fn a_kept_row_stands_as_the_plan_says_now() {
    let temp = TestDir::new();
    first_run(&temp, &["a", "b"]);
    let past = past(temp.path());
    let mut now = plan(&["b", "a"]);
    now.axes = vec!["x".into()];
    now.queries[1].expect = Some("false".into());
    now.queries[1].axes = ["1".into()].into();
    let store = begin(temp.path(), now, &past, &[Fate::Keep(1), Fate::Keep(0)]);
    let standing = store.standing().unwrap();
    let told: Vec<_> =
        standing.iter().map(|row| (&*row.query, row.attempt, row.run, row.is_well())).collect();
    assert_eq!(told, [("b", 1, 1, true), ("a", 1, 1, false)]);
    let (header, records) = csv(temp.path(), "results.csv");
    assert_eq!(header.last().unwrap(), "axis.x");
    assert_eq!((&*records[1][13], &*records[1][17]), ("false", "1"));
    assert_eq!((&*records[0][13], &*records[0][17]), ("", ""));
}

#[test]
fn what_is_run_again_does_not_stand_until_it_is_done() {
    let temp = TestDir::new();
    first_run(&temp, &["a", "b"]);
    let past = past(temp.path());
    let mut store = begin(temp.path(), plan(&["a", "b"]), &past, &[Fate::Run, Fate::Keep(1)]);
    assert_eq!(ids(&temp), ["b"]);
    assert_eq!(csv(temp.path(), "verdicts.csv").1.len(), 1);
    assert_eq!(&*store.reader().waiting().unwrap()[0], "a");
    let before = store.attempts_before().unwrap()["a"];
    store.commit(&[row(0, before + 1, outcome("false"))]).unwrap();
    assert_eq!(ids(&temp), ["b", "a"], "appended as it ends");
    let told: Vec<_> = store.standing().unwrap().iter().map(|row| (row.attempt, row.run)).collect();
    assert_eq!(told, [(2, 2), (1, 1)]);
}

#[test]
fn a_superseded_row_is_not_found_again() {
    let temp = TestDir::new();
    first_run(&temp, &["a"]);
    drop(begin_anew(temp.path(), plan(&["a"])));
    let store = Store::open(temp.path(), "job").unwrap();
    assert!(store.past().unwrap().is_empty() && !store.last_run_complete().unwrap());
    assert_eq!(store.attempts_before().unwrap()["a"], 1);
}

#[test]
fn a_log_that_is_judged_again_gives_a_new_row() {
    let temp = TestDir::new();
    first_run(&temp, &["a"]);
    let past = past(temp.path());
    let judgement = Judgement {
        verdict: Some("false".into()),
        value: Some("7".into()),
        results: 3,
        omitted: 1,
        omitted_notes: 5,
        findings: vec![finding("y", "false"), finding("z", "false")],
        notes: vec!["n".into()],
        ..Judgement::default()
    };
    let mut store = Store::open(temp.path(), "job").unwrap();
    let fates = [Fate::Judge { row: 0, pass: 0, judgement: Box::new(judgement.clone()) }];
    let prints = prints(&plan(&["a"]), 9);
    let run =
        store.begin(Opening { plan: Arc::new(plan(&["a"])), prints, past: &past, fates: &fates }).unwrap();
    assert_eq!(run, 2);
    let row = store.standing().unwrap().remove(0);
    assert_eq!((row.attempt, row.run, row.outcome.judgement), (1, 1, judgement));
    assert_eq!(store.past().unwrap()[0].past.prints.judging, print(9));
    assert_eq!(csv(temp.path(), "verdicts.csv").1.len(), 2);
}

#[test]
fn a_renamed_query_takes_its_row_along() {
    let temp = TestDir::new();
    first_run(&temp, &["old"]);
    let past = past(temp.path());
    let store = begin(temp.path(), plan(&["new"]), &past, &[Fate::Keep(0)]);
    let row = store.standing().unwrap().remove(0);
    assert_eq!((&*row.query, row.attempt, &row.log), ("new", 1, &Some("logs/0.1.log".into())));
    assert_eq!(row.outcome, outcome("true"));
    assert_eq!(csv(temp.path(), "verdicts.csv").1[0][0], "new");
    assert_eq!(store.attempts_before().unwrap()["new"], 1);
    let known: Vec<_> = store.past().unwrap().into_iter().map(|row| row.past.id).collect();
    assert_eq!(known, ["new".into()], "it is no other's any more");
}

#[test]
fn a_name_that_was_another_querys_gets_a_new_number() {
    let temp = TestDir::new();
    first_run(&temp, &["a", "b"]);
    let mut only_b = plan(&["b"]);
    only_b.reuse = Reuse::Never; // a is forgotten
    begin(temp.path(), only_b, &past(temp.path()), &[Fate::Keep(1)]);
    let past = past(temp.path());
    assert_eq!(past.len(), 1);
    let store = begin(temp.path(), plan(&["a"]), &past, &[Fate::Keep(0)]);
    assert_eq!(store.standing().unwrap()[0].attempt, 2);
}

#[test]
fn what_is_no_longer_asked_does_not_stand_but_a_verdict_is_remembered() {
    let temp = TestDir::new();
    first_run(&temp, &["a", "b"]);
    let store = begin(temp.path(), plan(&["a"]), &past(temp.path()), &[Fate::Keep(0)]);
    assert_eq!(ids(&temp), ["a"]);
    assert_eq!(store.standing().unwrap().len(), 1);
    drop(store);
    let past = past(temp.path());
    let known: Vec<_> = past.iter().map(|row| &*row.past.id).collect();
    assert_eq!(known, ["b", "a"], "those of the plan come last");
    begin(temp.path(), plan(&["a", "b"]), &past, &[Fate::Keep(1), Fate::Keep(0)]);
    assert_eq!(ids(&temp), ["a", "b"]);
}

#[test]
fn a_run_of_some_leaves_the_others_untouched() {
    let temp = TestDir::new();
    first_run(&temp, &["a", "b", "gone"]);
    let mut now = plan(&["new", "a", "b"]);
    now.queries[2].expect = Some("x".into());
    let past = past(temp.path());
    let mut store = begin(temp.path(), now, &past, &[Fate::Untouched, Fate::Run, Fate::Untouched]);
    assert_eq!(ids(&temp), ["b"]);
    store.commit(&[row(1, 2, outcome("false"))]).unwrap();
    store.end(true).unwrap();
    let standing = store.standing().unwrap();
    let told: Vec<_> =
        standing.iter().map(|row| (&*row.query, row.attempt, row.expected.as_deref())).collect();
    assert_eq!(told, [("a", 2, None), ("b", 1, Some("x"))]);
    assert!(!store.last_run_complete().unwrap(), "`new` has no row");
    assert_eq!(store.reader().waiting().unwrap(), ["new".into()]);
}

#[test]
fn runs_are_told() {
    let temp = TestDir::new();
    assert!(matches!(Store::read(temp.path()), Err(StoreError::Missing { .. })));
    first_run(&temp, &["a"]);
    let reader = Store::read(temp.path()).unwrap();
    let run = reader.last_run().unwrap().unwrap();
    assert!(matches!(run, RunRow { run: 1, ended_us: Some(_), complete: true, .. }));
    assert!(reader.last_run_complete().unwrap());
    assert_eq!(&*reader.job().unwrap(), "job");
    let _running = begin_anew(temp.path(), plan(&["a", "b"]));
    let run = reader.last_run().unwrap().unwrap();
    assert!(matches!(run, RunRow { run: 2, ended_us: None, complete: false, .. }));
}

/// The fates follow from the core's decisions; both together.
#[test]
fn the_cores_decisions_are_done() {
    use provisor_core::plan::Only;
    use provisor_core::reuse::{Asked, AskedPass, Prints, Wanted, decide};
    let temp = TestDir::new();
    first_run(&temp, &["a", "b"]);
    let rows = past(temp.path());
    let known: Vec<_> = rows.iter().map(|row| row.past.clone()).collect();
    let plan = plan(&["a", "b", "c"]);
    let pass = |query: &provisor_core::Query| AskedPass {
        name: None,
        only: Only::default(),
        prints: Prints { command: if &*query.id == "a" { print(1) } else { print(8) }, judging: print(2) },
        limits: query.limits,
    };
    let asked = plan.queries.iter().map(|query| Asked {
        id: &query.id,
        passes: [pass(query)].into(),
        expect: query.expect.as_deref(),
        wanted: Wanted::AsUsual,
    });
    let (asked, planned) = (asked.collect::<Vec<_>>(), plan.queries.iter().map(|query| &*query.id));
    let decisions = decide(plan.reuse, &asked, planned, &known, true, &mut |_| unreachable!());
    let fates = decisions.into_iter().map(|decision| match decision {
        Decision::Keep(at) => Fate::Keep(at),
        Decision::Judge { .. } => unreachable!(),
        Decision::Run(..) => Fate::Run,
    });
    let fates: Vec<_> = fates.collect();
    begin(temp.path(), plan, &rows, &fates);
    assert_eq!(ids(&temp), ["a"]);
}

#[test]
fn what_is_known_without_an_attempt_takes_no_number_and_the_place_of_what_was_known_so_before() {
    let temp = TestDir::new();
    let implied = || row(0, 0, Outcome::implied("b".into(), "true".into(), Counts::Ok));
    let read = || std::fs::read(temp.path().join("results.csv")).unwrap();
    begin_anew(temp.path(), plan(&["a", "b"])).commit(&[row(1, 1, outcome("true")), implied()]).unwrap();
    let first = read();
    for _ in 0..2 {
        let past = past(temp.path());
        let mut store = begin(temp.path(), plan(&["a", "b"]), &past, &[Fate::Run, Fate::Keep(1)]);
        assert_eq!(store.attempts_before().unwrap().get("a").copied().unwrap_or_default(), 0);
        assert_eq!(ids(&temp), ["b"], "it is decided anew");
        store.commit(&[implied()]).unwrap();
        assert_eq!(read().len(), first.len());
    }
    let mut store = begin(temp.path(), plan(&["a", "b"]), &past(temp.path()), &[Fate::Run, Fate::Keep(1)]);
    store.commit(&[row(0, 1, outcome("false"))]).unwrap();
    let told: Vec<_> = store.standing().unwrap().iter().map(|row| (row.attempt, row.run)).collect();
    assert_eq!(told, [(1, 4), (1, 1)], "now it was measured");
}

#[test]
fn of_rows_that_may_be_there_only_the_missing_ones_are_written() {
    let temp = TestDir::new();
    let mut store = begin_anew(temp.path(), plan(&["a", "b", "c"]));
    let skipped = |place| row(place, 0, Outcome::skipped("needs `a`".into()));
    let step = Row { then: Then::NextPass, ..row(2, 1, outcome("maybe")) };
    store.commit(&[row(0, 1, outcome("true")), skipped(1), step.clone()]).unwrap();
    let rows = [row(0, 1, outcome("true")), skipped(1), step, skipped(2)];
    store.commit_missing(&rows.map(Arc::new)).unwrap();
    assert_eq!(csv(temp.path(), "results.csv").1.len(), 3, "each once");
    assert_eq!(store.standing().unwrap()[2].outcome.cause_word(), "skipped");
}
