//! Attempts of queries with several passes: what a later run knows of them.

use std::sync::Arc;
use std::time::Duration;

use provisor_actors::store::{Extras, Fate, Opening, PastRow, Row, Store, columns};
use provisor_core::Outcome;
use provisor_core::cause::Cause;
use provisor_core::plan::{Judging, Limits, Only, Pass, Plan};
use provisor_core::roster::{Rung, Then};
use provisor_core::verdict::{Counts, Preset};

use crate::support::*;

/// Each of these has a pass `fast` of 10 s, and `full` of 100 s.
fn ladders(ids: &[&str]) -> Plan {
    let mut plan = plan(ids);
    for query in &mut plan.queries {
        query.pass = Some("fast".into());
        query.further = [Pass {
            name: "full".into(),
            only: Only::Open,
            command: query.command.clone(),
            limits: Limits { wall: Some(Duration::from_secs(100)), ..Limits::default() },
            judging: Arc::clone(&query.judging),
            pages: None,
        }]
        .into();
    }
    plan
}

/// An attempt of the first pass that was followed by the second.
fn step(attempt: u32) -> Row {
    Row { then: Then::NextPass, ..row(0, attempt, outcome("maybe")) }
}

fn full(attempt: u32, outcome: Outcome) -> Row {
    Row { pass: 1, ..row(0, attempt, outcome) }
}

/// The number of the attempt, whether it stands, the pass, its print, and its limit in seconds.
fn told(rows: &[PastRow]) -> Vec<(u32, bool, &str, u8, u64)> {
    let told = rows.iter().map(|row| {
        let (past, wall) = (&row.past, row.past.limits.wall.unwrap_or_default().as_secs());
        (row.attempt, past.stands, past.pass.as_deref().unwrap_or("-"), past.prints.command.0[0], wall)
    });
    told.collect()
}

#[test]
fn a_later_run_knows_the_row_and_the_attempts_that_led_to_it() {
    let temp = TestDir::new();
    let mut store = begin_anew(temp.path(), ladders(&["a"]));
    store.commit(&[step(1)]).unwrap();
    assert_eq!(told(&past(temp.path())), [(1, false, "fast", 1, 10)], "killed before the second pass began");
    let cut_short = Outcome { cause: Cause::Cancelled, ..outcome("true") };
    store.commit(&[full(2, cut_short)]).unwrap();
    let expected = [(1, false, "fast", 1, 10), (2, true, "full", 2, 100)];
    assert_eq!(told(&past(temp.path())), expected);
    let row = store.standing().unwrap().remove(0);
    assert_eq!((row.pass.as_deref(), row.limits.wall), (Some("full"), Some(Duration::from_secs(100))));
}

#[test]
fn the_pass_and_the_pages_are_columns_where_the_plan_has_any() {
    let temp = TestDir::new();
    let mut plan = ladders(&["a", "b"]);
    plan.axes = vec!["x".into()];
    let mut store = begin_anew(temp.path(), plan.clone());
    store.commit(&[step(1), full(2, outcome("true"))]).unwrap();
    let read = || csv(temp.path(), "results.csv");
    let (header, rows) = read();
    assert_eq!(
        (&header[17..], &rows[0][17..]),
        (&["axis.x", "pass"].map(String::from)[..], &["", "full"].map(String::from)[..])
    );
    plan.queries[0].further[0].pages = Some("pages/a".into());
    let past = past(temp.path());
    let mut store =
        begin(temp.path(), plan.clone(), &past, &[Fate::GoOn(Rung { pass: 1, said: None }), Fate::Run]);
    let never_ran = Row { started_us: None, log: None, query: 1, ..full(1, Outcome::lost("".into())) };
    store.commit(&[full(3, outcome("true")), never_ran]).unwrap();
    let (header, rows) = read();
    assert_eq!(header, columns(&plan.axes, Extras { pass: true, pages: true }));
    assert_eq!(header[18..], ["pass", "pages"]);
    assert_eq!(
        (&rows[0][17..], &rows[1][17..]),
        (&["", "full", "pages/a"].map(String::from)[..], &["", "full", ""].map(String::from)[..])
    );
    assert_eq!(store.reader().extras().unwrap(), Extras { pass: true, pages: true });
    let standing = store.standing().unwrap();
    assert_eq!(standing[0].pages.as_deref(), Some("pages/a"));
    assert_eq!(standing[0].cells(1, Extras { pass: false, pages: true })[17..], ["", "pages/a"]);
    let rescued = store.rescue(&[]).unwrap();
    assert_eq!(csv(temp.path(), rescued.results.file_name().unwrap().to_str().unwrap()).0, header);
}

#[test]
fn an_attempt_that_is_tried_again_leads_nowhere() {
    let temp = TestDir::new();
    let retried = Row { then: Then::Retry, ..step(1) };
    begin_anew(temp.path(), ladders(&["a"])).commit(&[retried]).unwrap();
    assert!(past(temp.path()).is_empty());
}

#[test]
fn who_goes_on_keeps_its_attempts_and_who_begins_anew_has_none() {
    let temp = TestDir::new();
    let go_on = || Fate::GoOn(Rung { pass: 1, said: None });
    begin_anew(temp.path(), ladders(&["a"])).commit(&[step(1), full(2, outcome("maybe"))]).unwrap();
    begin(temp.path(), ladders(&["a"]), &past(temp.path()), &[go_on()]);
    assert_eq!(told(&past(temp.path())), [(1, false, "fast", 1, 10)], "its row does not stand any more");
    let mut store = begin(temp.path(), ladders(&["a"]), &past(temp.path()), &[go_on()]);
    store.commit(&[full(3, outcome("true"))]).unwrap();
    assert_eq!(past(temp.path()).len(), 2);
    begin(temp.path(), ladders(&["a"]), &past(temp.path()), &[Fate::Untouched]);
    begin(temp.path(), ladders(&["a"]), &past(temp.path()), &[Fate::Keep(1)]);
    assert_eq!(past(temp.path()).len(), 2);
    let mut store = begin_anew(temp.path(), ladders(&["a"]));
    assert!(past(temp.path()).is_empty());
    store.commit(&[step(4)]).unwrap();
    assert_eq!(told(&past(temp.path())), [(4, false, "fast", 1, 10)]);
}

#[test]
fn an_answer_that_follows_hides_no_attempt_and_is_of_no_pass() {
    let temp = TestDir::new();
    let implied = Row {
        pass: 1,
        started_us: None,
        log: None,
        ..row(0, 0, Outcome::implied("b".into(), "true".into(), Counts::Ok))
    };
    begin_anew(temp.path(), ladders(&["a"])).commit(&[step(1), implied]).unwrap();
    let rows = past(temp.path());
    let told: Vec<_> =
        rows.iter().map(|row| (row.attempt, row.past.stands, row.past.pass.as_deref())).collect();
    assert_eq!(told, [(1, false, Some("fast")), (0, true, None)]);
}

#[test]
fn each_pass_is_judged_by_its_own_rules_and_they_are_kept() {
    let temp = TestDir::new();
    let mut store = Store::open(temp.path(), "job").unwrap();
    let mut plan = ladders(&["a"]);
    let judging = Judging { rules: Vec::new(), preset: Some(Preset::ExitCode) };
    plan.queries[0].further[0].judging = Arc::new(judging.clone());
    let mut prints = prints(&plan, 2);
    prints[0][1].judging = print(9);
    store.begin(Opening { plan: Arc::new(plan), prints, past: &[], fates: &[Fate::Run] }).unwrap();
    store.commit(&[step(1), full(2, outcome("true"))]).unwrap();
    assert_eq!(store.standing().unwrap()[0].judging, print(9));
    assert_eq!(store.reader().judging(print(9)).unwrap(), Some(judging));
    assert!(store.reader().judging(print(2)).unwrap().is_some());
    let other = Row { pass: 2, ..row(0, 3, outcome("true")) };
    assert!(store.commit(&[other]).is_err(), "there is no such pass");
}
