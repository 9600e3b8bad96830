//! What a million rows cost: a measurement, run by hand (CONTRIBUTING.md).

use std::time::Instant;

use provisor_actors::store::{Fate, Row, Store};

use crate::support::*;

const QUERIES: u32 = 1_000_000;
const GROUP: usize = 512;

#[test]
#[ignore = "a measurement: a million rows take a minute"]
fn a_million_rows() {
    let temp = TestDir::new();
    let ids: Vec<String> = (0..QUERIES).map(|place| format!("q{place}")).collect();
    let plan = || plan(&ids.iter().map(|id| &**id).collect::<Vec<_>>());
    let timed = |what: &str, since: Instant| eprintln!("{what}: {:.1} s", since.elapsed().as_secs_f64());
    let mut store = begin_anew(temp.path(), plan());
    let since = Instant::now();
    let rows: Vec<Row> = (0..QUERIES).map(|place| row(place, 1, outcome("true"))).collect();
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
    assert_eq!(past.len(), QUERIES as usize);
    drop(store);
    let since = Instant::now();
    begin(temp.path(), plan(), &past, &vec![Fate::Untouched; QUERIES as usize]);
    timed("a run has begun, its tables written anew", since);
    let since = Instant::now();
    assert_eq!(Store::read(temp.path()).unwrap().standing().unwrap().len(), QUERIES as usize);
    timed("read for `results`", since);
}
