//! Real logs of ProVerif, read by the reader and, naively, here: both must come to the same verdict.
//!
//! The logs are not all ours to ship. They are looked for in `../shared/transcripts` beside the project, or where
//! the variable PROVISOR_TRANSCRIPTS says; where they are missing, nothing is tested and one line says so.
#![expect(clippy::disallowed_methods, reason = "a test reads files")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use provisor_core::cause::{Cause, Exit};
use provisor_core::lines::Reader;
use provisor_core::plan::{Judging, Limits};
use provisor_core::process::Ear;
use provisor_core::proverif::source::{Expected, Kind, Source};
use provisor_core::proverif::split::{Asked, Lemmas, Role, divide};
use provisor_core::proverif::{ProVerif, model};
use provisor_core::record::{Happening, Recording};
use provisor_core::replay::{Reaction, replay};
use provisor_core::rules::{Judge, Stream};
use provisor_core::verdict::{Finding, Judgement, Preset};

fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/transcripts");
    let said = std::env::var_os("PROVISOR_TRANSCRIPTS").map(PathBuf::from);
    let found = said.into_iter().chain([beside]).find(|folder| folder.join("index.json").exists());
    if found.is_none() {
        // Not captured by the harness: that nothing was tested should be seen.
        let line = "skipped: no logs in ../shared/transcripts, and PROVISOR_TRANSCRIPTS names none";
        writeln!(std::io::stdout(), "{line}").expect("an open standard output");
    }
    found
}

/// Name and exit code of every log, from lines such as `"name": "order",`.
fn index(folder: &Path) -> Vec<(String, i32)> {
    let text = std::fs::read_to_string(folder.join("index.json")).expect("a readable index");
    let field = |line: &str, name: &str| {
        let value = line.trim().strip_prefix(&format!("\"{name}\": "))?;
        Some(value.trim_end_matches(',').trim_matches('"').to_owned())
    };
    let names: Vec<String> = text.lines().filter_map(|line| field(line, "name")).collect();
    let exits: Vec<i32> = text
        .lines()
        .filter_map(|line| field(line, "exit"))
        .map(|code| code.parse().expect("a number"))
        .collect();
    assert_eq!(names.len(), exits.len());
    names.into_iter().zip(exits).collect()
}

fn read(log: &[u8], exit: i32, size: usize, lemmas: u32) -> (Vec<Finding>, Judgement) {
    let preset = Some(Preset::ProVerif(ProVerif { lemmas, ..ProVerif::default() }));
    let judge = Judge::compile(&Judging { rules: Vec::new(), preset }).expect("no rules, no faults");
    let mut reader = Reader::new(Arc::new(judge));
    let mut found = Vec::new();
    for chunk in log.chunks(size) {
        assert_eq!(reader.hear(Stream::Stdout, chunk, Duration::ZERO, &mut found), None);
    }
    assert_eq!(reader.close(Stream::Stdout, Duration::ZERO, &mut found), None);
    (found, reader.judge(Cause::Exited, Some(Exit::Code(exit))))
}

fn ending(line: &str) -> Option<(&str, &str)> {
    [" is true.", " is false.", " cannot be proved."].into_iter().find_map(|end| {
        Some((line.strip_suffix(end)?, end.trim_start_matches(" is ").trim_start().trim_end_matches('.')))
    })
}

/// The verdicts of the result lines, and those that the summary gives to queries.
fn naive(log: &str) -> (Vec<String>, Option<Vec<String>>) {
    let supplements = ["(but ", "(even ", "(query encoded as "];
    let is_result = |line: &&str| !supplements.iter().any(|text| line.starts_with(text));
    let results = log
        .lines()
        .filter_map(|line| line.strip_prefix("RESULT "))
        .filter(is_result)
        .map(|line| match ending(line) {
            Some((_, word)) => word.to_owned(),
            None if line.starts_with("goal unreachable") => "true".to_owned(),
            None if line.starts_with("goal reachable") => "reachable".to_owned(),
            None => "cannot be proved".to_owned(),
        })
        .collect();
    let summary = log.split_once("Verification summary:\n").map(|(_, summary)| {
        let mut asides = false;
        let mut words = Vec::new();
        for line in summary.lines() {
            asides = (asides || line.starts_with("Associated")) && line != "Query(ies):";
            if let Some((_, word)) = ending(line)
                && !(asides && line.starts_with(' '))
            {
                words.push(word.to_owned());
            }
        }
        words
    });
    (results, summary)
}

/// What all of them say.
fn sum(words: &[String]) -> Option<&str> {
    let first = words.first()?;
    Some(if words.iter().all(|word| word == first) { first } else { "mixed" })
}

fn check(name: &str, log: &[u8], exit: i32, lemmas: u32) {
    let (found, judgement) = read(log, exit, usize::MAX, lemmas);
    for size in [1, 7, 4096] {
        assert_eq!(read(log, exit, size, lemmas), (found.clone(), judgement.clone()), "{name} by {size}");
    }
    let text = String::from_utf8_lossy(log);
    let (results, summary) = naive(&text);
    let heard: Vec<_> = found.iter().map(|finding| finding.verdict.to_string()).collect();
    assert_eq!(heard[..results.len()], results, "{name}: result lines");
    let mut own: Vec<_> = judgement.findings.iter().filter(|finding| finding.own).collect();
    own.sort_by_key(|finding| finding.verdict.clone());
    let own: Vec<_> = own.iter().map(|finding| finding.verdict.to_string()).collect();
    if exit != 0 {
        assert_eq!(judgement.verdict, None, "{name}");
        let line = judgement.line.expect("a failed run shows why");
        assert!(line.contains("rror: "), "{name}: {line}");
    } else if let Some(mut summary) = summary {
        assert_eq!(judgement.verdict.as_deref(), sum(&summary), "{name}");
        summary.sort();
        assert_eq!(own, summary, "{name}: own results");
        assert!(judgement.line.is_some(), "{name}");
    } else {
        assert_eq!(judgement.verdict.as_deref(), sum(&own), "{name}");
    }
}

#[test]
fn every_recorded_log_is_read_as_it_would_be_by_hand() {
    let Some(folder) = folder() else { return };
    let logs = index(&folder);
    assert!(logs.len() >= 42, "the index was not understood: {} logs", logs.len());
    for (name, exit) in logs {
        let log = std::fs::read(folder.join(format!("{name}.out"))).unwrap();
        let model = std::fs::read(folder.join(format!("{name}.pv"))).unwrap_or_default();
        check(&name, &log, exit, model::scan(&model).lemmas);
    }
}

/// Its timing, in milliseconds and without its end, as a recording.
fn recording(timing: &str, exit: i32) -> Recording {
    let read = |line: &str| {
        let mut words = line.split_whitespace();
        let number = |word: Option<&str>| word.and_then(|word| word.parse().ok()).expect("a number");
        let at = Duration::from_millis(number(words.next()));
        assert_eq!(words.next(), Some("o"), "none of them has a standard error");
        (at, Happening::Read(Stream::Stdout, number(words.next())))
    };
    let mut events: Vec<_> = timing.lines().map(read).collect();
    let end = events.last().map_or(Duration::ZERO, |(at, _)| *at);
    events.push((end, Happening::Left { exit: Exit::Code(exit), refined: None }));
    Recording { events, ..Recording::default() }
}

#[test]
fn every_recorded_log_is_replayed_to_the_verdict_that_it_has() {
    let Some(folder) = folder() else { return };
    for (name, exit) in index(&folder) {
        let log = std::fs::read(folder.join(format!("{name}.out"))).unwrap();
        let timing = std::fs::read_to_string(folder.join(format!("{name}.timing"))).unwrap();
        let preset = Some(Preset::ProVerif(ProVerif::default()));
        let judge = Arc::new(Judge::compile(&Judging { rules: Vec::new(), preset }).unwrap());
        let recording = recording(&timing, exit);
        let outcome =
            replay(judge, Limits::default(), &recording, &log, Reaction::AsRecorded).unwrap().outcome;
        let (_, read_at_once) = read(&log, exit, usize::MAX, 0);
        assert_eq!((outcome.cause, outcome.exit()), (Cause::Exited, Some(Exit::Code(exit))), "{name}");
        assert_eq!(outcome.judgement.verdict, read_at_once.verdict, "{name}");
        assert_eq!(outcome.judgement.line, read_at_once.line, "{name}");
        assert_eq!(outcome.judgement.results, read_at_once.results, "{name}");
    }
}

#[test]
fn what_a_model_says_about_itself_is_what_the_summary_lists() {
    let Some(folder) = folder() else { return };
    for (name, _) in index(&folder).into_iter().filter(|(_, exit)| *exit == 0) {
        let Ok(model) = std::fs::read(folder.join(format!("{name}.pv"))) else { continue };
        let log = std::fs::read(folder.join(format!("{name}.out"))).unwrap();
        let (_, summary) = naive(&String::from_utf8_lossy(&log));
        let facts = model::scan(&model);
        let expected = summary.map_or(0, |words| words.len());
        assert_eq!(facts.queries as usize + usize::from(facts.equivalence.is_some()), expected, "{name}");
    }
}

#[test]
fn every_model_is_divided_into_what_its_summary_lists() {
    let Some(folder) = folder() else { return };
    let mut divided = 0;
    for (name, _) in index(&folder).into_iter().filter(|(_, exit)| *exit == 0) {
        let Ok(text) = std::fs::read(folder.join(format!("{name}.pv"))) else { continue };
        let model = Source::read(&text, Expected::Model);
        assert_eq!(model.faults, [], "{name}");
        let facts = model::scan(&text);
        let division = divide(&model, &[], Asked::InModel, Lemmas::Own).expect("no queries from elsewhere");
        let count = |is: fn(Role) -> bool| division.parts.iter().filter(|part| is(part.role)).count();
        if facts.equivalence.is_some() {
            assert_eq!((count(|role| role == Role::Equivalence), division.parts.len()), (1, 1), "{name}");
        } else if facts.queries + facts.lemmas > 0 {
            assert_eq!(division.whole, None, "{name}");
            assert_eq!(count(|role| role == Role::Query), facts.query_declarations as usize, "{name}");
            let lemmas = model.declarations.iter().filter(|declaration| declaration.kind == Kind::Lemma);
            assert_eq!(count(|role| role == Role::Lemma), lemmas.count(), "{name}");
        }
        divided += 1;
    }
    assert!(divided > 10, "only {divided} models were found");
}
