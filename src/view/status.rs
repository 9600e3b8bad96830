//! How a run stands: what `provisor status` shows, while it runs and after it died, and the small file that the run
//! leaves for it once a second.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use provisor_actors::rundir;
use provisor_actors::store::Store;
use provisor_core::tally::Counts;
use serde::{Deserialize, Serialize};

use super::{summary, words};
use crate::failure::Failure;

/// A query at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Its id.
    pub(crate) id: String,
    /// Which attempt.
    pub(crate) attempt: u32,
    /// For how long.
    pub(crate) since: Duration,
}

#[derive(Debug, Serialize, Deserialize)]
struct State {
    at_s: u64,
    total: usize,
    waiting: usize,
    running: Vec<Running>,
}

/// Writes the state of a run, all of it or nothing.
pub(crate) fn write(path: &Path, counts: &Counts, running: &[Running]) -> io::Result<()> {
    let state =
        State { at_s: now_s(), total: counts.total, waiting: counts.waiting, running: running.to_vec() };
    rundir::replace(path, &serde_json::to_vec(&state)?)
}

/// What `provisor status DIR` says.
pub(crate) fn text(dir: &Path) -> Result<String, Failure> {
    let holder = rundir::holder(dir);
    let store = Store::read(dir)?;
    let rows = store.standing()?;
    let state = rundir::last_run_dir(dir).and_then(|dir| read(&dir.join("status.json")));
    let total = state.as_ref().map_or(rows.len(), |state| state.total.max(rows.len()));
    let counts = Counts::new(total, rows.iter().map(summary::class));
    let mut text = format!("{}: {} of {} done", store.job()?, counts.done, words::queries(total));
    if counts.done > 0 {
        let _ = write!(text, ", {} well ({})", counts.well, words::classes(&counts));
    }
    text.push('\n');
    match (holder, &state) {
        (Some(pid), Some(state)) => running(&mut text, pid, state),
        (Some(pid), None) => drop(writeln!(text, "starting (pid {pid})")),
        (None, _) if counts.left() > 0 => {
            let left = words::queries(counts.left());
            let _ = writeln!(text, "not running; {left} not done: run it again to go on");
        }
        (None, _) => text.push_str("not running; complete\n"),
    }
    Ok(text)
}

fn running(text: &mut String, pid: u32, state: &State) {
    let _ = writeln!(text, "running (pid {pid}): {} at work, {} waiting", state.running.len(), state.waiting);
    let age = Duration::from_secs(now_s().saturating_sub(state.at_s));
    for query in &state.running {
        let _ = writeln!(text, "  {:>7}  {}", words::duration(query.since + age), query.id);
    }
}

fn read(path: &Path) -> Option<State> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
