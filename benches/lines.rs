//! From a child's bytes to findings: lines and rules in bytes a second, by the size of the chunks in which they arrive.

mod fleet;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use provisor_core::StopMethod;
use provisor_core::cause::{Cause, Exit};
use provisor_core::lines::Reader;
use provisor_core::plan::Judging;
use provisor_core::process::Ear;
use provisor_core::proverif::ProVerif;
use provisor_core::rules::{Judge, Pattern, Rule, Stream, Streams};
use provisor_core::verdict::{Judgement, Preset};

const CHUNKS: [usize; 4] = [1, 7, 4 << 10, 64 << 10];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    lines(&mut criterion);
    criterion.final_summary();
}

fn lines(criterion: &mut Criterion) {
    let logs = fleet::recorded().into_iter().flat_map(|(log, _)| log).collect::<Vec<_>>();
    let preset = Judging { rules: Vec::new(), preset: Some(Preset::ProVerif(ProVerif::default())) };
    let rules = Judging { rules: rules(), preset: None };
    let mut group = criterion.benchmark_group("lines");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Bytes(logs.len() as u64));
    for (name, judging) in [("preset", preset), ("rules", rules)] {
        let judge = Arc::new(Judge::compile(&judging).expect("sound rules"));
        for size in CHUNKS {
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter(|| read(&judge, black_box(&logs), size));
            });
        }
    }
}

/// One attempt that prints all of it.
fn read(judge: &Arc<Judge>, log: &[u8], size: usize) -> Judgement {
    let mut reader = Reader::new(Arc::clone(judge));
    let mut found = Vec::new();
    for chunk in log.chunks(size) {
        reader.hear(Stream::Stdout, chunk, Duration::ZERO, &mut found);
        found.clear();
    }
    reader.close(Stream::Stdout, Duration::ZERO, &mut found);
    reader.judge(Cause::Exited, Some(Exit::Code(0)))
}

/// As many kinds of rules as a long spec has; what they look for is in the logs a few times, often, or never.
fn rules() -> Vec<Rule> {
    let stating = |on, verdict: &str| Rule { verdict: Some(verdict.into()), ..rule(on) };
    let regex = |text: &str| Pattern::Regex(text.into());
    let verdict = regex(r"^RESULT (.*) (is true|is false|cannot be proved)\.$");
    let fatal = |text: &str| stating(Pattern::Prefix(text.into()), "crashed");
    let mut rules = vec![
        Rule { capture: Some(2), value: Some(1), ..stating(verdict, "other") },
        Rule { note: true, ..rule(Pattern::Contains("goal reachable".into())) },
        Rule { note: true, ..rule(Pattern::Suffix("has been found.".into())) },
        Rule { value: Some(1), ..rule(regex(r"^(\d+) rules inserted")) },
        Rule { note: true, ..rule(regex(r"(?i)\bwarning\b: (?:unused|deprecated)")) },
        Rule {
            stop: Some(StopMethod::Term),
            ..stating(regex(r"^out of (?:memory|time) after [0-9.]+ ?s"), "short")
        },
    ];
    rules.extend(["FATAL", "Fatal error", "Error:", "Segmentation", "Killed", "Stack overflow"].map(fatal));
    rules
}

fn rule(on: Pattern) -> Rule {
    Rule::on(on).of(Streams::Both)
}
