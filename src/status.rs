//! How a run stands: while it goes on, after it ended and after it died. And the small file that a run leaves for this
//! once a second. Looking takes nothing from the run and waits for nothing.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use provisor_actors::folder::Folder;
use provisor_actors::rundir;
use provisor_actors::store::{RunRow, Snapshot, Standing, Store, StoreError};
use provisor_core::tally::Counts;
use serde::{Deserialize, Serialize};

use crate::cli::StatusArgs;
use crate::failure::{Failure, code};
use crate::view::{self, summary};

/// The file of a run's state, in its directory.
const STATE: &str = "status.json";
/// What is larger is not of provisor's making: some hundred bytes for each query at work.
const MOST_READ: u64 = 64 << 20;

/// A query at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Its id.
    pub(crate) id: String,
    /// Which attempt.
    pub(crate) attempt: u32,
    /// What its pass is called, where it has several.
    #[serde(default)]
    pub(crate) pass: Option<String>,
    /// For how long.
    pub(crate) since: Duration,
}

impl Running {
    /// Its id, with the pass that it is in, where it has several.
    pub(crate) fn name(&self) -> String {
        match &self.pass {
            Some(pass) => view::words::in_pass(&self.id, pass),
            None => self.id.clone(),
        }
    }
}

/// What a run says of itself in `runs/N/status.json`.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    pid: u32,
    /// When it was written, in milliseconds since 1970: what is written is what has changed.
    at_ms: u64,
    /// How many it was asked for and found undone: the same from its beginning to its end, unlike how many wait, which
    /// is older than the rows that are read with it.
    todo: usize,
    running: Vec<Running>,
}

/// Writes the state of a run, all of it or nothing.
fn write(dir: &Folder, counts: &Counts, running: &[Running]) -> io::Result<()> {
    let state = State {
        pid: std::process::id(),
        at_ms: now_ms(),
        todo: counts.total - counts.reused,
        running: running.to_vec(),
    };
    dir.replace(STATE, &serde_json::to_vec(&state)?)
}

/// Writes states from a thread of its own: a disk that stands still holds up nobody else. The thread ends with this.
pub(crate) struct Scribe(SyncSender<(Counts, Vec<Running>)>);

impl Scribe {
    /// Starts the thread for the state of a run in its directory.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn start(dir: Arc<Folder>) -> io::Result<Self> {
        Self::with(move |counts, running| {
            if let Err(error) = write(&dir, counts, running) {
                tracing::debug!(%error, "the state for `status` cannot be written");
            }
        })
    }

    fn with(mut write: impl FnMut(&Counts, &[Running]) + Send + 'static) -> io::Result<Self> {
        let (states, inbox) = sync_channel::<(Counts, Vec<Running>)>(1);
        let serve = move || inbox.iter().for_each(|(counts, running)| write(&counts, &running));
        std::thread::Builder::new().name("provisor-state".into()).spawn(serve)?;
        Ok(Self(states))
    }

    /// Has a state written, and never waits. Whether it is taken: if not, an older one is still on its way, and it is for
    /// the caller to come again with the one that is the latest then.
    pub(crate) fn put(&self, counts: &Counts, running: Vec<Running>) -> bool {
        self.0.try_send((counts.clone(), running)).is_ok()
    }
}

/// What `run.json` says of a run's end.
#[derive(Debug, Default, Deserialize)]
struct Record {
    #[serde(default)]
    stopped: Option<String>,
    #[serde(default)]
    failure: Option<String>,
}

/// In what state a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// There is a process, and nothing runs yet.
    Starting,
    /// Queries are at work, or wait for a slot.
    Running,
    /// The last result is written, and the process is about to leave.
    Ending,
    /// Every query has its row.
    Complete,
    /// The last run did what it was asked, which was not all.
    Partial,
    /// The last run was interrupted, or its time was over.
    Interrupted,
    /// The last run ended with an error of its own.
    Failed,
    /// The last run has no end: it was killed, or the machine went down.
    Died,
}

/// How it all stands.
#[derive(Debug)]
pub(crate) struct Status {
    /// The run directory.
    pub(crate) dir: PathBuf,
    /// The job's name.
    pub(crate) job: Box<str>,
    /// In what state the last run is.
    pub(crate) phase: Phase,
    /// The process that holds the directory.
    pub(crate) pid: Option<u32>,
    /// The last run.
    pub(crate) run: Option<RunRow>,
    /// What stopped it before its end: `cancelled`, `deadline`, `exhausted`.
    pub(crate) stopped: Option<String>,
    /// Its own error.
    pub(crate) failure: Option<String>,
    /// All queries of the plan.
    pub(crate) counts: Counts,
    /// How many of those that wait are not asked for: some, in a run of some.
    pub(crate) unasked: usize,
    /// What is at work, the longest first.
    pub(crate) running: Vec<Running>,
}

/// Says how it stands.
pub(crate) fn status(args: &StatusArgs) -> Result<u8, Failure> {
    let status = look(&args.dir)?;
    let text = match args.json {
        true => view::status::json(&status),
        false => Ok(view::status::text(&status)),
    };
    let text = text.map_err(io::Error::from);
    text.and_then(view::print).map_err(|source| Failure::System { what: "standard output", source })?;
    Ok(code::WELL)
}

/// Looks at a run directory.
pub(crate) fn look(dir: &Path) -> Result<Status, Failure> {
    let folder = Folder::open(dir).map_err(|source| StoreError::of_directory(dir, source))?;
    let (pid, snapshot) = holder_and_results(dir)?;
    let run_dir = snapshot.run.and_then(|run| folder.folder("runs").ok()?.folder(&run.run.to_string()).ok());
    let of_run = |name: &str| run_dir.as_ref()?.read_small(name, MOST_READ).ok();
    let state: Option<State> = of_run(STATE).and_then(|text| serde_json::from_slice(&text).ok());
    let state = state.filter(|state| pid == Some(state.pid));
    let record: Option<Record> = of_run("run.json").and_then(|text| serde_json::from_slice(&text).ok());
    let Record { stopped, failure } = record.unwrap_or_default();
    let phase = match pid {
        Some(_) => phase_of_living(snapshot.run, state.is_some()),
        None => phase_of_ended(&snapshot, failure.is_some()),
    };
    let state = state.filter(|_| phase == Phase::Running);
    let unasked = state.as_ref().map_or(0, |state| unasked(state, &snapshot));
    let running = state.map(|state| at_work(state, &snapshot)).unwrap_or_default();
    let counts = counts(&snapshot, running.len());
    let Snapshot { job, run, .. } = snapshot;
    Ok(Status { dir: dir.to_owned(), job, phase, pid, run, stopped, failure, counts, unasked, running })
}

/// Who holds the directory, and what stands in it. The holder is asked first, so that a run that ends meanwhile is seen as
/// ended; and again, so that one that begins meanwhile is not taken for a dead one.
fn holder_and_results(dir: &Path) -> Result<(Option<u32>, Snapshot), Failure> {
    loop {
        let pid = rundir::holder(dir);
        let snapshot = Store::read(dir)?.snapshot()?;
        let has_ended = snapshot.run.is_some_and(|run| run.ended_us.is_some());
        if pid.is_some() || has_ended || rundir::holder(dir).is_none() {
            return Ok((pid, snapshot));
        }
    }
}

/// While somebody holds the directory. `has_state`: the last run is this process's own.
fn phase_of_living(run: Option<RunRow>, has_state: bool) -> Phase {
    match run {
        Some(run) if has_state && run.ended_us.is_some() => Phase::Ending,
        Some(_) if has_state => Phase::Running,
        _ => Phase::Starting,
    }
}

fn phase_of_ended(snapshot: &Snapshot, failed: bool) -> Phase {
    match snapshot.run {
        Some(_) if failed => Phase::Failed,
        Some(run) if run.complete && snapshot.waiting.is_empty() => Phase::Complete,
        Some(run) if run.complete => Phase::Partial,
        Some(run) if run.ended_us.is_some() => Phase::Interrupted,
        // Without a run it died between the making of the database and the beginning of the run.
        _ => Phase::Died,
    }
}

/// How many queries without a row the run leaves alone. The state says only how many it began with: what has become of
/// them is in the rows.
fn unasked(state: &State, snapshot: &Snapshot) -> usize {
    let own = |row: &&Standing| snapshot.run.is_some_and(|run| run.run == row.run);
    let left = state.todo.saturating_sub(snapshot.rows.iter().filter(own).count());
    snapshot.waiting.len().saturating_sub(left)
}

/// What is at work by now: what the state says, but for those that have their row since then.
fn at_work(state: State, snapshot: &Snapshot) -> Vec<Running> {
    let age = Duration::from_millis(now_ms().saturating_sub(state.at_ms));
    let left: HashSet<&str> = snapshot.waiting.iter().map(|query| &*query.query).collect();
    let running = state.running.into_iter().filter(|running| left.contains(&*running.id));
    running.map(|running| Running { since: running.since.saturating_add(age), ..running }).collect()
}

fn counts(snapshot: &Snapshot, running: usize) -> Counts {
    let total = snapshot.rows.len() + snapshot.waiting.len();
    let mut counts = Counts::new(total, snapshot.rows.iter().map(summary::class));
    counts.running = running.min(counts.waiting);
    counts.waiting -= counts.running;
    counts
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use provisor_actors::store::Waiting;

    use super::*;

    #[test]
    fn a_time_that_cannot_be_is_only_shown_wrongly() {
        let waiting = Waiting { query: "a".into(), place: 0, axes: Vec::new() };
        let (axes, rows, waiting) = (Vec::new(), Vec::new(), vec![waiting]);
        let extras = Default::default();
        let snapshot = Snapshot { job: "job".into(), axes, extras, run: None, rows, waiting };
        let running = vec![Running { id: "a".into(), attempt: 1, pass: None, since: Duration::MAX }];
        let state = State { pid: 1, at_ms: 0, todo: 1, running };
        assert_eq!(at_work(state, &snapshot)[0].since, Duration::MAX);
    }

    #[test]
    fn a_disk_that_stands_still_holds_up_nobody_who_tells_the_state() {
        let ((go_on, disk), (written, states)) = (channel::<()>(), channel());
        let scribe = Scribe::with(move |counts, _| {
            let _ = (written.send(counts.waiting), disk.recv());
        });
        let scribe = scribe.expect("a thread");
        let put = |waiting| scribe.put(&Counts { waiting, ..Counts::new(9, []) }, Vec::new());
        assert!(put(3));
        assert_eq!(states.recv(), Ok(3), "it is being written");
        assert!(put(2));
        assert!(!put(1), "it comes again later");
        drop(go_on);
        assert_eq!(states.recv(), Ok(2));
        assert!(put(1));
        drop(scribe);
        assert_eq!(states.iter().collect::<Vec<_>>(), [1], "and the thread ends");
    }
}
