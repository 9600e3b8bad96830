//! Every recorded log of the project through the machine: what it came to when ProVerif printed it, and what an early
//! stop, or a limit, would have made of it.
#![expect(clippy::disallowed_methods, reason = "a test reads files")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use provisor_core::plan::{Judging, Limits};
use provisor_core::proverif::{EarlyStop, ProVerif};
use provisor_core::record::Recording;
use provisor_core::replay::{Reaction, Replay, replay};
use provisor_core::rules::Judge;
use provisor_core::verdict::Preset;

/// Cause, verdict, milliseconds from start to exit.
type End = (&'static str, Option<&'static str>, u128);

/// Name, and how many lemmas its model has.
const AS_THEY_WERE: [(&str, u32, End); 13] = [
    ("abstraction", 0, ("exited", Some("cannot be proved"), 4)),
    ("chain-secret", 0, ("exited", Some("false"), 22_331)),
    ("chain-secret.reconstructDerivation-false", 0, ("exited", Some("cannot be proved"), 33)),
    ("handshake", 0, ("exited", Some("true"), 4)),
    ("handshake-broken", 0, ("exited", Some("false"), 4)),
    ("handshake.verboseGoalReachable-false", 0, ("exited", Some("true"), 4)),
    ("lemma", 1, ("exited", Some("true"), 5)),
    ("private", 0, ("exited", Some("true"), 8)),
    ("reach", 0, ("exited", Some("false"), 4763)),
    ("reach.verboseGoalReachable-false", 0, ("exited", Some("false"), 4748)),
    ("several", 0, ("exited", Some("mixed"), 11_996)),
    ("silent", 0, ("exited", Some("true"), 11_335)),
    ("syntax-error", 0, ("exited", None, 4)),
];

/// Name, and what is tried on it. Only models for which a spec would allow the stop.
const AS_THEY_WOULD_BE: [(&str, EarlyStop, Option<u64>, End); 8] = [
    ("chain-secret", EarlyStop::OnGoalReachable, None, ("concluded", Some("reachable"), 24)),
    ("reach", EarlyStop::OnGoalReachable, None, ("concluded", Some("reachable"), 12)),
    (
        "reach.verboseGoalReachable-false",
        EarlyStop::OnRefutingGoal,
        None,
        ("concluded", Some("not proved"), 16),
    ),
    ("handshake.verboseGoalReachable-false", EarlyStop::OnRefutingGoal, None, ("exited", Some("true"), 4)),
    ("silent", EarlyStop::OnGoalReachable, None, ("exited", Some("true"), 11_335)),
    ("silent", EarlyStop::Off, Some(2000), ("wall-limit", None, 2000)),
    ("several", EarlyStop::Off, Some(8000), ("wall-limit", Some("mixed"), 8000)),
    ("several", EarlyStop::Off, Some(4000), ("wall-limit", Some("true"), 4000)),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/data")
}

fn replayed(name: &str, proverif: ProVerif, limits: Limits, reaction: Reaction) -> Replay {
    let read = |kind| std::fs::read(folder().join(format!("{name}.{kind}"))).expect("a recorded log");
    let judging = Judging { rules: Vec::new(), preset: Some(Preset::ProVerif(proverif)) };
    let judge = Arc::new(Judge::compile(&judging).expect("no rules, no faults"));
    let recording = Recording::parse(&read("timing")).expect("a recording");
    replay(judge, limits, &recording, &read("log"), reaction).expect("they fit")
}

fn told(replay: &Replay) -> (&str, Option<&str>, u128) {
    let outcome = &replay.outcome;
    (outcome.cause_word(), outcome.judgement.verdict.as_deref(), outcome.wall.as_millis())
}

#[test]
fn every_recorded_log_comes_to_what_it_was() {
    for (name, lemmas, end) in AS_THEY_WERE {
        let proverif = ProVerif { lemmas, ..ProVerif::default() };
        for reaction in [Reaction::AsRecorded, Reaction::WhatIf] {
            let replay = replayed(name, proverif, Limits::default(), reaction);
            assert_eq!(told(&replay), end, "{name}, {reaction:?}");
        }
    }
    let logs = std::fs::read_dir(folder()).expect("a folder").flatten();
    let logs = logs.filter(|file| file.path().extension().is_some_and(|kind| kind == "log"));
    assert_eq!(logs.count(), AS_THEY_WERE.len(), "a log that nobody replays");
}

#[test]
fn limits_and_early_stops_make_of_it_what_they_would_have() {
    for (name, early_stop, wall, end) in AS_THEY_WOULD_BE {
        let limits = Limits { wall: wall.map(Duration::from_millis), ..Limits::default() };
        let proverif = ProVerif { early_stop, ..ProVerif::default() };
        let replay = replayed(name, proverif, limits, Reaction::WhatIf);
        assert_eq!(told(&replay), end, "{name}, {early_stop:?}, {wall:?}");
    }
}
