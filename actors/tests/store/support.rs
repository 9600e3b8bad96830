//! Plans, rows and directories for these tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use provisor_actors::store::{Fate, Opening, PastRow, Row, Store};
use provisor_core::cause::{Cause, End, Exit, Outcome, Usage};
use provisor_core::plan::{Command, Judging, Limits, Plan, Query, Reuse};
use provisor_core::reuse::{Fingerprint, Prints};
use provisor_core::roster::Place;
use provisor_core::row::Printed;
use provisor_core::verdict::{Counts, Finding, Judgement};

pub(crate) struct TestDir(PathBuf);

impl TestDir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("provisor-store-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn query(id: &str) -> Query {
    let limits = Limits { wall: Some(Duration::from_secs(10)), ..Limits::default() };
    let judging = Arc::new(Judging { rules: Vec::new(), preset: None });
    Query { limits, judging, ..Query::new(id, Command::new(["true"])) }
}

pub(crate) fn plan(ids: &[&str]) -> Plan {
    Plan { reuse: Reuse::Conclusive, ..Plan::new("job", ids.iter().map(|id| query(id)).collect()) }
}

pub(crate) fn print(n: u8) -> Fingerprint {
    Fingerprint([n; 32])
}

/// Those of each pass of each query: the command's is its number, counted from 1, and that of all judgings is this.
pub(crate) fn prints(plan: &Plan, judging: u8) -> Vec<Box<[Prints]>> {
    let of = |pass: usize| Prints { command: print(pass as u8 + 1), judging: print(judging) };
    plan.queries.iter().map(|query| (0..query.passes()).map(of).collect()).collect()
}

/// Opens the store of job `job` and begins a run with these fates.
pub(crate) fn begin(dir: &Path, plan: Plan, past: &[PastRow], fates: &[Fate]) -> Store {
    let mut store = Store::open(dir, "job").unwrap();
    let prints = prints(&plan, 2);
    store.begin(Opening { plan: Arc::new(plan), prints, past, fates }).unwrap();
    store
}

/// Begins a run that runs all.
pub(crate) fn begin_anew(dir: &Path, plan: Plan) -> Store {
    let fates = vec![Fate::Run; plan.queries.len()];
    begin(dir, plan, &[], &fates)
}

/// A run of two that is over.
pub(crate) fn some_results(dir: &Path) {
    let mut store = begin_anew(dir, plan(&["a", "b"]));
    store.commit(&[row(0, 1, outcome("true")), row(1, 1, outcome("false"))]).unwrap();
    store.end(true).unwrap();
}

/// What earlier runs know.
pub(crate) fn past(dir: &Path) -> Vec<PastRow> {
    Store::open(dir, "job").unwrap().past().unwrap()
}

pub(crate) fn finding(statement: &str, verdict: &str) -> Finding {
    Finding {
        statement: statement.into(),
        verdict: verdict.into(),
        counts: Counts::Ok,
        own: true,
        at: Duration::from_millis(1500),
    }
}

pub(crate) fn outcome(verdict: &str) -> Outcome {
    Outcome {
        end: End::Reaped(Exit::Code(0)),
        cause: Cause::Exited,
        evidence: None,
        of_machine: false,
        method: None,
        wall: Duration::from_micros(12_345_678),
        usage: Usage { cpu: Duration::from_millis(11_002), max_rss_kib: 2048 },
        leaked: false,
        leftovers: Some(0),
        judgement: Judgement {
            verdict: Some(verdict.into()),
            counts: Counts::Ok,
            line: Some(format!("RESULT x is {verdict}.").into()),
            value: None,
            results: 1,
            findings: vec![finding("x", verdict)],
            ..Judgement::default()
        },
    }
}

pub(crate) fn row(query: Place, attempt: u32, outcome: Outcome) -> Row {
    Row {
        started_us: Some(1_700_000_000_123_456),
        log: Some(format!("logs/{query}.{attempt}.log").into()),
        log_is_whole: true,
        printed: Printed { stdout: 1234, stderr: 5 },
        containment: "sweep".into(),
        ..Row::new(query, attempt, outcome)
    }
}

/// A CSV file's header and records.
pub(crate) fn csv(dir: &Path, name: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_path(dir.join(name)).unwrap();
    let strings = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let header = strings(reader.headers().unwrap());
    (header, reader.records().map(|record| strings(&record.unwrap())).collect())
}

/// The ids and verdicts in results.csv.
pub(crate) fn verdicts(dir: &Path) -> Vec<(String, String)> {
    let (_, records) = csv(dir, "results.csv");
    records.into_iter().map(|record| (record[0].clone(), record[2].clone())).collect()
}
