//! What is on the disk of a run that was killed: the table and the database, row by row.

use std::collections::BTreeMap;
use std::fs;

use provisor::actors::store::Store;

use super::Desk;

/// The whole lines of results.csv by their ids; none, where it is not there yet.
pub(crate) fn lines(desk: &Desk) -> BTreeMap<String, String> {
    let text = fs::read_to_string(desk.file("out/results.csv")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut lines = BTreeMap::new();
    for line in whole.lines().skip(1) {
        let id = line.split(',').next().expect("an id").to_owned();
        assert_eq!(lines.insert(id, line.to_owned()), None, "two rows of one query: {line}");
    }
    lines
}

/// The database's rows: id, verdict's value, attempt, log.
pub(crate) fn stored(desk: &Desk) -> BTreeMap<String, (String, u32, Option<String>)> {
    let Ok(store) = Store::read(&desk.file("out")) else { return BTreeMap::new() };
    let mut rows = BTreeMap::new();
    for row in store.standing().expect("readable") {
        let value = row.outcome.judgement.value.as_deref().unwrap_or_default().to_owned();
        let log = row.log.as_deref().map(str::to_owned);
        assert_eq!(rows.insert(row.query.to_string(), (value, row.attempt, log)), None, "two rows");
    }
    rows
}

/// How often each query was executed, by the numbers that they add to the file `executions`.
pub(crate) fn executions(desk: &Desk) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(desk.file("executions")).unwrap_or_default().lines() {
        *counts.entry(format!("q{line}")).or_default() += 1;
    }
    counts
}
