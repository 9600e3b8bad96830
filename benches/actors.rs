//! What the actors cost by themselves: queries whose children are played by a launcher that starts nothing, and whose
//! rows go to a store in memory; CPU time a query, by how many there are, all of them at once.
//!
//! CPU time, because the last rows of a run wait for others that could share their commit, and waiting costs nothing. A
//! run's own beginning and end, with its three threads, are in it: that is what the run of one query shows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use nix::sys::resource::{UsageWho, getrusage};
use provisor_actors::run::{Job, Ports, Run};
use provisor_actors::testing::{Ledger, Script, Theatre};
use provisor_core::Plan;
use provisor_core::plan::{Command, Logs, Query, Reuse};
use provisor_core::roster::Place;

const QUERIES: [usize; 4] = [1, 100, 1000, 10_000];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    actors(&mut criterion);
    criterion.final_summary();
}

fn actors(criterion: &mut Criterion) {
    let tokio = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut group = criterion.benchmark_group("actors");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
    for queries in QUERIES {
        let plan = Arc::new(plan(queries));
        group.throughput(Throughput::Elements(queries as u64));
        group.bench_function(BenchmarkId::new("null", queries), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| cost(&tokio, &plan)).sum());
        });
    }
    group.finish();
}

/// The CPU time of all threads for one run.
fn cost(tokio: &tokio::runtime::Runtime, plan: &Arc<Plan>) -> Duration {
    let job = job(plan);
    let before = cpu();
    let rows = tokio.block_on(run(job));
    let cost = cpu().saturating_sub(before);
    assert_eq!(rows, plan.queries.len(), "a row each");
    cost
}

fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("known to every Linux");
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    Duration::from_micros((micros(usage.user_time()) + micros(usage.system_time())).cast_unsigned())
}

/// How many rows were written.
async fn run(job: Job) -> usize {
    let theatre = Theatre::new(|_| Ok(Script::print("hello\n")));
    let runtime = Run::start(job, ports(&theatre)).await.expect("it starts");
    let (ending, ledger) = runtime.join().await.expect("it ends");
    assert!(ending.failure.is_none(), "nothing was refused");
    ledger.rows.lock().expect("unpoisoned").len()
}

fn job(plan: &Arc<Plan>) -> Job {
    let todo = (0..plan.queries.len()).map(|place| (place as Place, 0)).collect();
    Job {
        plan: Arc::clone(plan),
        todo,
        rungs: HashMap::new(),
        reused: Vec::new(),
        token: "bench".into(),
        memory: Default::default(),
        is_open: false,
    }
}

fn ports(theatre: &Theatre) -> Ports<Ledger> {
    Ports {
        launcher: theatre.factory(),
        store: Ledger::default(),
        open_log: Box::new(|name| panic!("no log was asked for, but {name} is opened")),
        log_name: Box::new(|id, attempt| format!("{id}.{attempt}")),
        events: None,
        rules: None,
        tee: None,
    }
}

fn plan(slots: usize) -> Plan {
    let null = Query::new("null", Command::new(["null"]));
    let query = |number| Query { id: format!("q{number}").into(), logs: Logs::Drop, ..null.clone() };
    let queries = (0..slots).map(query).collect();
    Plan { slots, reuse: Reuse::Never, ..Plan::new("null", queries) }
}
