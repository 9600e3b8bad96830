//! Rounds that are not to be kept any more.

use std::fs;
use std::time::Duration;

use provisor_actors::row::Discarded;
use provisor_actors::store::Store;
use provisor_core::plan::Plan;
use provisor_core::roster::Then;
use rusqlite::Connection;

use crate::support::{TestDir, begin_anew, outcome, query, row, verdicts};

fn count(dir: &TestDir, table: &str) -> i64 {
    let conn = Connection::open(dir.path().join("provisor.db")).unwrap();
    conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

fn logs(dir: &TestDir) -> Vec<String> {
    let names = fs::read_dir(dir.path().join("logs")).unwrap().flatten();
    let mut names: Vec<_> = names.map(|name| name.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A query that is polled and another one, with rows: a round that was tried twice, and two more.
fn polled(dir: &TestDir) -> Store {
    let poll = query("poll").every(Duration::from_secs(1));
    let mut store = begin_anew(dir.path(), Plan::new("job", vec![poll, query("other")]));
    fs::create_dir(dir.path().join("logs")).unwrap();
    for name in ["0.1.log", "0.1.timing", "0.2.log", "0.3.log", "0.4.log", "1.1.log"] {
        fs::write(dir.path().join("logs").join(name), "").unwrap();
    }
    let mut first = row(0, 1, outcome("open"));
    first.then = Then::Retry;
    let others = [row(0, 2, outcome("a")), row(0, 3, outcome("b")), row(0, 4, outcome("c"))];
    store.commit(&[vec![first], others.into(), vec![row(1, 1, outcome("true"))]].concat()).unwrap();
    store
}

fn up_to(attempt: u32) -> [Discarded; 1] {
    [Discarded { query: "poll".into(), up_to: attempt }]
}

#[test]
fn rows_go_with_all_that_was_found_in_them_and_their_logs() {
    let dir = TestDir::new();
    let mut store = polled(&dir);
    assert_eq!((count(&dir, "attempts"), count(&dir, "verdicts")), (5, 5));
    store.discard(&up_to(2)).unwrap();
    assert_eq!((count(&dir, "attempts"), count(&dir, "verdicts")), (3, 3));
    assert_eq!(logs(&dir), ["0.3.log", "0.4.log", "1.1.log"]);
    store.discard(&up_to(2)).unwrap();
    store.end(true).unwrap();
    assert_eq!(verdicts(dir.path()), [("poll".into(), "c".into()), ("other".into(), "true".into())]);
    assert_eq!(store.attempts_before().unwrap()["poll"], 4, "no number is given again");
}

#[test]
fn the_row_that_stands_stays() {
    let dir = TestDir::new();
    let mut store = polled(&dir);
    store.discard(&up_to(9)).unwrap();
    assert_eq!((count(&dir, "attempts"), logs(&dir)), (2, vec!["0.4.log".into(), "1.1.log".into()]));
    store.end(true).unwrap();
    assert_eq!(verdicts(dir.path())[0], ("poll".into(), "c".into()));
}

#[test]
fn a_log_that_cannot_be_removed_is_no_reason_to_stop() {
    let dir = TestDir::new();
    let mut store = polled(&dir);
    fs::remove_file(dir.path().join("logs/0.2.log")).unwrap();
    fs::create_dir(dir.path().join("logs/0.2.log")).unwrap();
    store.discard(&up_to(3)).unwrap();
    assert_eq!(logs(&dir), ["0.2.log", "0.4.log", "1.1.log"]);
    assert!(!store.has_failed());
    store.end(true).unwrap();
}
