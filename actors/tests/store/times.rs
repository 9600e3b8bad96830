//! What earlier runs know of how long queries take.

use std::collections::BTreeMap;
use std::time::Duration;

use provisor_actors::store::{Fate, Store};
use provisor_core::cause::{Cause, Outcome};

use crate::support::*;

fn after(seconds: u64, cause: Cause) -> Outcome {
    Outcome { cause, wall: Duration::from_secs(seconds), ..outcome("true") }
}

/// In seconds.
fn times(dir: &TestDir) -> BTreeMap<String, u64> {
    let times = Store::open(dir.path(), "job").unwrap().times().unwrap();
    times.into_iter().map(|(query, time)| (query, time.as_secs())).collect()
}

fn known(times: &[(&str, u64)]) -> BTreeMap<String, u64> {
    times.iter().map(|(query, seconds)| ((*query).to_owned(), *seconds)).collect()
}

#[test]
fn of_each_query_the_last_attempt_counts_that_says_how_long_it_takes() {
    let temp = TestDir::new();
    assert_eq!(times(&temp), known(&[]));
    let ids = ["twice", "cut", "gone"];
    let mut store = begin_anew(temp.path(), plan(&ids));
    let tried = |query, attempt, seconds| row(query, attempt, after(seconds, Cause::Exited));
    store.commit(&[tried(0, 1, 50), tried(0, 2, 7), tried(1, 1, 30), tried(2, 1, 9)]).unwrap();
    store.end(true).unwrap();
    drop(store);
    // Ten attempts and more: the last one is not the one that a text would have last.
    let mut store =
        begin(temp.path(), plan(&["new", "twice", "cut"]), &past(temp.path()), &[const { Fate::Run }; 3]);
    let cut = row(2, 2, after(1, Cause::Cancelled));
    store.commit(&[row(1, 9, after(8, Cause::Exited)), row(1, 10, after(6, Cause::Exited)), cut]).unwrap();
    drop(store);
    // Of one that is no longer asked, too: it may be asked again.
    assert_eq!(times(&temp), known(&[("twice", 6), ("cut", 30), ("gone", 9)]));
}

#[test]
fn a_limit_is_a_time_and_an_end_that_the_run_brought_is_none() {
    let temp = TestDir::new();
    let says = [
        ("exited", after(1, Cause::Exited)),
        ("concluded", after(2, Cause::Concluded)),
        ("silent", after(3, Cause::Silent)),
        ("wall-limit", after(4, Cause::WallLimit)),
        ("cpu-limit", after(5, Cause::CpuLimit)),
        ("output-limit", after(6, Cause::OutputLimit)),
        ("process-limit", after(7, Cause::ProcessLimit)),
        ("memory-limit", after(8, Cause::MemoryLimit)),
    ];
    let says_nothing = [
        after(9, Cause::Deadline),
        after(9, Cause::Cancelled),
        Outcome::not_started("why".into(), Cause::Exited),
        Outcome::unreaped(Cause::WallLimit),
        Outcome::lost("how".into()),
    ];
    let expected: Vec<_> = (1..).zip(&says).map(|(seconds, (word, _))| (*word, seconds)).collect();
    let outcomes: Vec<_> = says.iter().map(|(_, outcome)| outcome.clone()).chain(says_nothing).collect();
    let ids: Vec<_> = outcomes.iter().map(Outcome::cause_word).collect();
    let mut store = begin_anew(temp.path(), plan(&ids));
    let rows: Vec<_> = (0..).zip(outcomes).map(|(place, outcome)| row(place, 1, outcome)).collect();
    store.commit(&rows).unwrap();
    drop(store);
    assert_eq!(times(&temp), known(&expected));
}
