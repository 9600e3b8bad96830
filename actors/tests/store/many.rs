//! Many rows, written, taken up and read again. With `PROVISOR_ROWS=1000000` it tells what a million cost (CONTRIBUTING.md).

use std::time::Instant;

use provisor_actors::store::{Fate, Row, Store};

use crate::support::*;

/// In the suite: several groups, and a part of one.
const QUERIES: u32 = 2_000;
const GROUP: usize = 512;

#[test]
fn many_rows_are_all_there_again() {
    let queries = std::env::var("PROVISOR_ROWS").map_or(QUERIES, |rows| rows.parse().expect("a number"));
    let temp = TestDir::new();
    let ids: Vec<String> = (0..queries).map(|place| format!("q{place}")).collect();
    let plan = || plan(&ids.iter().map(|id| &**id).collect::<Vec<_>>());
    let timed = |what: &str, since: Instant| eprintln!("{what}: {:.1} s", since.elapsed().as_secs_f64());
    let mut store = begin_anew(temp.path(), plan());
    let since = Instant::now();
    let rows: Vec<Row> = (0..queries).map(|place| row(place, 1, outcome("true"))).collect();
    for group in rows.chunks(GROUP) {
        store.commit(group).unwrap();
    }
    store.end(true).unwrap();
    timed("written", since);
    drop(store);
    let since = Instant::now();
    let store = Store::open(temp.path(), "job").unwrap();
    timed("opened", since);
    let since = Instant::now();
    let past = store.past().unwrap();
    timed("what stands is known", since);
    assert_eq!(past.len(), queries as usize);
    drop(store);
    let since = Instant::now();
    begin(temp.path(), plan(), &past, &vec![Fate::Untouched; queries as usize]);
    timed("a run has begun, its tables written anew", since);
    let since = Instant::now();
    assert_eq!(Store::read(temp.path()).unwrap().standing().unwrap().len(), queries as usize);
    timed("read for `results`", since);
}
