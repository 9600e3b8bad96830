//! The results as one JSON document, as `docs/results.schema.json` has it: numbers are numbers, and what is not there is
//! null.

use std::collections::BTreeMap;
use std::sync::Arc;

use provisor_actors::store::{RunRow, Standing, local_time, signal_name};
use provisor_core::cause::Exit;
use provisor_core::text::{clean, harmless_json};
use serde::Serialize;

use crate::results::Selection;
use crate::view::words;

/// Raised by a change that a reader of the version before could not live with; new fields are none.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    version: u32,
    provisor: &'static str,
    job: String,
    run: Option<Run>,
    axes: Vec<String>,
    /// The ids of the queries without a row.
    waiting: Vec<Arc<str>>,
    rows: Vec<Row>,
}

/// The last run.
#[derive(Serialize)]
pub(crate) struct Run {
    number: u64,
    started_at: Option<String>,
    ended_at: Option<String>,
    complete: bool,
}

impl Run {
    pub(crate) fn of(run: &RunRow) -> Self {
        Self {
            number: run.run,
            started_at: local_time(run.started_us),
            ended_at: run.ended_us.and_then(local_time),
            complete: run.complete,
        }
    }
}

#[derive(Serialize)]
struct Row {
    query: Arc<str>,
    cause: &'static str,
    verdict: Option<String>,
    counts: Option<&'static str>,
    well: bool,
    results: u64,
    exit_code: Option<i32>,
    signal: Option<String>,
    wall_s: f64,
    cpu_s: Option<f64>,
    max_rss_kib: Option<u64>,
    memory_limit: Option<u64>,
    started_at: Option<String>,
    attempt: u32,
    run: u64,
    line: Option<String>,
    log: Option<Arc<str>>,
    expected: Option<String>,
    containment: Arc<str>,
    leftovers: Option<u32>,
    value: Option<String>,
    axes: BTreeMap<String, String>,
    pass: Option<String>,
    pages: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<Finding>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings_omitted: Option<u64>,
}

#[derive(Serialize)]
struct Finding {
    index: usize,
    statement: String,
    verdict: String,
    counts: &'static str,
    own: bool,
    at_s: f64,
}

/// The document; `with_findings`: the result lines of each row, too.
pub(crate) fn text(selection: &Selection, with_findings: bool) -> serde_json::Result<String> {
    let axes: Vec<_> = selection.axes.iter().map(|name| clean(name).into_owned()).collect();
    let document = Document {
        schema: "provisor-results",
        version: VERSION,
        provisor: env!("CARGO_PKG_VERSION"),
        job: clean(&selection.job).into_owned(),
        run: selection.run.as_ref().map(Run::of),
        waiting: selection.waiting.iter().map(|waiting| Arc::clone(&waiting.query)).collect(),
        rows: selection.rows.iter().map(|row| Row::of(row, &axes, with_findings)).collect(),
        axes,
    };
    serde_json::to_string_pretty(&document).map(|text| harmless_json(&text).into_owned() + "\n")
}

impl Row {
    fn of(row: &Standing, axes: &[String], with_findings: bool) -> Self {
        let outcome = &row.outcome;
        let judgement = &outcome.judgement;
        let exit = outcome.exit();
        let cleaned = |text: &Option<Arc<str>>| text.as_deref().map(|text| clean(text).into_owned());
        Self {
            query: Arc::clone(&row.query),
            cause: outcome.cause_word(),
            verdict: cleaned(&judgement.verdict),
            counts: judgement.verdict.is_some().then_some(judgement.counts.word()),
            well: row.is_well(),
            results: judgement.results,
            exit_code: exit.and_then(|exit| if let Exit::Code(code) = exit { Some(code) } else { None }),
            signal: exit.and_then(|exit| match exit {
                Exit::Signal(signal) => Some(signal_name(signal).into_owned()),
                Exit::Code(_) => None,
            }),
            wall_s: words::seconds_f64(outcome.wall),
            cpu_s: exit.map(|_| words::seconds_f64(outcome.usage.cpu)),
            max_rss_kib: exit.map(|_| outcome.usage.max_rss_kib),
            memory_limit: row.limits.memory,
            started_at: row.started_us.and_then(local_time),
            attempt: row.attempt,
            run: row.run,
            line: Some(row.line()).filter(|line| !line.is_empty()),
            log: row.log.clone(),
            expected: cleaned(&row.expected),
            containment: Arc::clone(&row.containment),
            leftovers: outcome.leftovers,
            value: cleaned(&judgement.value),
            axes: axes.iter().cloned().zip(row.axes.iter().map(|value| clean(value).into_owned())).collect(),
            pass: cleaned(&row.pass),
            pages: row.pages.clone(),
            findings: with_findings.then(|| findings(row)),
            findings_omitted: with_findings.then_some(judgement.omitted),
        }
    }
}

fn findings(row: &Standing) -> Vec<Finding> {
    let findings = row.outcome.judgement.findings.iter().zip(1..).map(|(finding, index)| Finding {
        index,
        statement: clean(&finding.statement).into_owned(),
        verdict: clean(&finding.verdict).into_owned(),
        counts: finding.counts.word(),
        own: finding.own,
        at_s: words::seconds_f64(finding.at),
    });
    findings.collect()
}
