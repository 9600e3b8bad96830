//! The recorded fleet, told again to the machine of one attempt: events a second.

mod fleet;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use provisor_core::plan::{Judging, Limits};
use provisor_core::proverif::ProVerif;
use provisor_core::record::Recording;
use provisor_core::replay::{Reaction, replay};
use provisor_core::rules::Judge;
use provisor_core::verdict::Preset;

/// So often each attempt is in the fleet: with 13 recordings, 377 queries.
const TIMES: usize = 29;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    fleets(&mut criterion);
    criterion.final_summary();
}

fn fleets(criterion: &mut Criterion) {
    let preset = Some(Preset::ProVerif(ProVerif::default()));
    let judge = Judge::compile(&Judging { rules: Vec::new(), preset }).expect("no rules, no faults");
    let judge = Arc::new(judge);
    let attempts = fleet::recorded();
    let events: usize = attempts.iter().map(|(_, recording)| recording.events.len()).sum();
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements((events * TIMES) as u64));
    group.bench_function(BenchmarkId::new("fleet", attempts.len() * TIMES), |bencher| {
        bencher.iter(|| (0..TIMES).map(|_| play(&judge, black_box(&attempts))).sum::<usize>());
    });
    group.finish();
}

/// How many events were heard.
fn play(judge: &Arc<Judge>, attempts: &[(Vec<u8>, Recording)]) -> usize {
    let heard = |(log, recording): &(Vec<u8>, Recording)| {
        let replay = replay(Arc::clone(judge), Limits::default(), recording, log, Reaction::AsRecorded);
        replay.expect("the log and its timing are of one attempt").heard
    };
    attempts.iter().map(heard).sum()
}
