//! What a row costs. Not part of the suite: `cargo test --release -p provisor-actors --test store -- --ignored cost
//! --nocapture`.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use provisor_actors::store::{Fate, Row};

use crate::support::*;

fn cpu() -> Duration {
    let used = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros = (used.user_time() + used.system_time()).num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap())
}

fn tell(what: &str, rows: u32, cpu_before: Duration, began: Instant) {
    let (cpu, wall) = ((cpu() - cpu_before) / rows, began.elapsed() / rows);
    eprintln!("{what}: {cpu:?} CPU, {wall:?} a row");
}

#[test]
#[ignore = "a measurement"]
fn cost() {
    const QUERIES: u32 = 20_000;
    let temp = TestDir::new();
    let ids: Vec<String> =
        (0..QUERIES).map(|place| format!("scenario-{}/query_{place}", place % 97)).collect();
    let mut plan = plan(&ids.iter().map(|id| &**id).collect::<Vec<_>>());
    plan.axes = vec!["scenario".into(), "query".into()];
    for query in &mut plan.queries {
        query.axes = ["a scenario".into(), "a query".into()].into();
    }
    let rows: Vec<Row> = (0..QUERIES).map(|place| row(place, 1, outcome("true"))).collect();
    let (cpu_before, began) = (cpu(), Instant::now());
    let mut store = begin_anew(temp.path(), plan.clone());
    tell("begin anew", QUERIES, cpu_before, began);
    for (name, group, part) in [
        ("groups of 1", 1, &rows[..500]),
        ("groups of 20", 20, &rows[500..10_500]),
        ("groups of 100", 100, &rows[10_500..]),
    ] {
        let (cpu_before, began) = (cpu(), Instant::now());
        part.chunks(group).for_each(|rows| store.commit(rows).unwrap());
        tell(name, u32::try_from(part.len()).unwrap(), cpu_before, began);
    }
    drop(store);
    let (cpu_before, began) = (cpu(), Instant::now());
    let known = past(temp.path());
    tell("past", QUERIES, cpu_before, began);
    let fates: Vec<Fate> = (0..known.len()).map(Fate::Keep).collect();
    let (cpu_before, began) = (cpu(), Instant::now());
    begin(temp.path(), plan, &known, &fates);
    tell("begin with all kept", QUERIES, cpu_before, began);
}
