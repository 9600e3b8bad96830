//! How a run stands, in words and as JSON (`docs/status.schema.json`).

use std::fmt::Write as _;
use std::time::Duration;

use provisor_actors::rundir;
use provisor_actors::store::local_time;
use provisor_core::text::{clean, harmless_json};
use serde::Serialize;

use super::results::json::Run;
use super::results::table::cut_end;
use super::{tail, words};
use crate::status::{Phase, Status, now_ms};

/// Raised by a change that a reader of the version before could not live with; new fields are none.
const VERSION: u32 = 1;
/// Columns, where there is no terminal.
const USUAL_WIDTH: u16 = 120;

/// The counts, the state, and a line for each query at work.
pub(crate) fn text(status: &Status) -> String {
    let counts = &status.counts;
    let mut text =
        format!("{}: {} of {} done", clean(&status.job), counts.done, words::queries(counts.total));
    if counts.done > 0 {
        let _ = write!(text, ", {} well ({})", counts.well, words::classes(counts));
    }
    let pid = status.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
    let _ = match status.phase {
        Phase::Starting => writeln!(text, "\nstarting{pid}"),
        Phase::Ending => writeln!(text, "\nending{pid}"),
        Phase::Running => {
            let waiting = counts.waiting.saturating_sub(status.unasked);
            let _ = write!(text, "\nrunning{pid}: {} at work, {waiting} waiting", counts.running);
            match status.unasked {
                0 => writeln!(text),
                unasked => writeln!(text, ", {unasked} not asked for"),
            }
        }
        _ => writeln!(text, "\nnot running; {}", parting(status)),
    };
    let width = usize::from(super::width().unwrap_or(USUAL_WIDTH));
    for query in &status.running {
        let mut line = format!("  {:>7}  {}", words::duration(query.since), clean(&query.name()));
        if let Some(last) = last_line(status, query) {
            let _ = write!(line, "  {last}");
        }
        let _ = writeln!(text, "{}", cut_end(&line, width));
    }
    text
}

/// What a query at work has said last, where its output is kept.
fn last_line(status: &Status, query: &crate::status::Running) -> Option<String> {
    tail::of_log(&status.dir, &rundir::log_name(&query.id, query.attempt))
}

/// How the last run ended, and what to do about it.
fn parting(status: &Status) -> String {
    let counts = &status.counts;
    let ended = status.run.and_then(|run| run.ended_us).and_then(|micros| u64::try_from(micros).ok());
    let ago = ended.map(|micros| Duration::from_millis(now_ms().saturating_sub(micros / 1000)));
    let ago = ago.map(|ago| format!(" {} ago", words::duration(ago))).unwrap_or_default();
    let how = match status.phase {
        Phase::Complete => return format!("complete, ended{ago}"),
        Phase::Partial => {
            let left = words::queries(counts.left());
            return format!("the last run, of some only, ended{ago}; {left} not done: run it for the others");
        }
        Phase::Interrupted if status.stopped.as_deref() == Some("deadline") => {
            format!("its time was over{ago}")
        }
        Phase::Interrupted if status.stopped.as_deref() == Some("exhausted") => {
            format!("nothing could be started any more{ago}")
        }
        Phase::Interrupted => format!("interrupted{ago}"),
        Phase::Failed => {
            let why = status.failure.as_deref().map(clean).unwrap_or_default();
            format!("it failed{ago}: {why}")
        }
        _ => "it died".into(),
    };
    match counts.left() + counts.cut_short() {
        0 => how,
        left => format!("{how}; {} not done: run it again to go on", words::queries(left)),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u32,
    provisor: &'static str,
    /// When this was looked at.
    at: Option<String>,
    dir: String,
    job: String,
    state: Phase,
    pid: Option<u32>,
    run: Option<Run>,
    stopped: Option<&'a str>,
    failure: Option<String>,
    counts: Counts,
    classes: Vec<Class<'a>>,
    running: Vec<Running<'a>>,
}

#[derive(Serialize)]
struct Counts {
    total: usize,
    waiting: usize,
    running: usize,
    done: usize,
    well: usize,
}

#[derive(Serialize)]
struct Class<'a> {
    cause: &'a str,
    verdict: Option<String>,
    well: bool,
    queries: usize,
}

#[derive(Serialize)]
struct Running<'a> {
    query: &'a str,
    attempt: u32,
    pass: Option<String>,
    for_s: f64,
    last_line: Option<String>,
}

/// One document.
pub(crate) fn json(status: &Status) -> serde_json::Result<String> {
    let counts = &status.counts;
    let document = Document {
        schema: "provisor-status",
        version: VERSION,
        provisor: env!("CARGO_PKG_VERSION"),
        at: i64::try_from(now_ms()).ok().and_then(|millis| local_time(millis.saturating_mul(1000))),
        dir: status.dir.to_string_lossy().into_owned(),
        job: clean(&status.job).into_owned(),
        state: status.phase,
        pid: status.pid,
        run: status.run.as_ref().map(Run::of),
        stopped: status.stopped.as_deref(),
        failure: status.failure.as_deref().map(|why| clean(why).into_owned()),
        counts: Counts {
            total: counts.total,
            waiting: counts.waiting,
            running: counts.running,
            done: counts.done,
            well: counts.well,
        },
        classes: counts.classes.iter().map(Class::of).collect(),
        running: status.running.iter().map(|query| Running::of(query, last_line(status, query))).collect(),
    };
    serde_json::to_string_pretty(&document).map(|text| harmless_json(&text).into_owned() + "\n")
}

impl<'a> Class<'a> {
    fn of((class, queries): (&'a provisor_core::tally::Class, &usize)) -> Self {
        let verdict = class.verdict.as_deref().map(|verdict| clean(verdict).into_owned());
        Self { cause: &class.cause, verdict, well: class.well, queries: *queries }
    }
}

impl<'a> Running<'a> {
    fn of(running: &'a crate::status::Running, last_line: Option<String>) -> Self {
        let for_s = words::seconds_f64(running.since);
        let pass = running.pass.as_deref().map(|pass| clean(pass).into_owned());
        Self { query: &running.id, attempt: running.attempt, pass, for_s, last_line }
    }
}
