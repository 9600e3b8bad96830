//! The runtime inside a larger program: started with a plan, or with none, and then asked more and more by its handle.
//!
//! It has no global state, prints nothing and handles no signal. Several may live in one process.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Error, ErrorKind};
use std::sync::Arc;

use provisor_core::Plan;
use provisor_core::id;
use provisor_core::plan::Care;
use provisor_core::roster::{Place, Refusal};

use crate::handle::{RuntimeHandle, drop_logs};
use crate::logs::{OpenLog, Tee};
use crate::os::token;
use crate::row::{Commit, Refusal as RowRefusal, Row};
use crate::run::{Job, KnownMemory, LauncherFactory, Ports as RunPorts, Run};
use crate::supervisor::Rules;

pub use crate::run::StartError;

/// Queries that may wait at a time of those that are submitted, where nothing is said.
pub const USUAL_ROOM: usize = 1024;

/// What a runtime needs of the world, and what it does for its owner beside what its handle says.
pub struct Ports {
    /// Starts processes. Called once, on the runtime's own thread.
    pub launcher: LauncherFactory,
    /// Where rows go before their tickets hear of them. `None`: nowhere else.
    pub sink: Option<Box<dyn Commit>>,
    /// Reads output in a way of its own, where it wants to.
    pub rules: Option<Arc<dyn Rules>>,
    /// Makes the files of logs. `None`: nothing is kept of what queries print.
    pub logs: Option<OpenLog>,
    /// Hears what all of them print.
    pub tee: Option<Box<dyn Tee>>,
    /// How many queries may wait that were submitted; then whoever submits waits.
    pub room: usize,
}

impl Ports {
    /// With this launcher, and nothing else.
    #[must_use]
    pub fn new(launcher: LauncherFactory) -> Self {
        Self { launcher, sink: None, rules: None, logs: None, tee: None, room: USUAL_ROOM }
    }
}

/// The runtime.
#[derive(Clone, Copy, Debug)]
pub struct Runtime;

impl Runtime {
    /// Starts a runtime with the queries of a plan, of which there may be none; it goes on until it is drained or stopped, or
    /// until the last handle is dropped. Works from any tokio context.
    ///
    /// Of the plan it does not regard what earlier runs are for: `reuse`, and the inputs of queries.
    ///
    /// # Errors
    /// If the plan cannot be run, or the system refuses a thread or a process; then nothing was started.
    pub async fn start(mut plan: Plan, ports: Ports) -> Result<RuntimeHandle, StartError> {
        check(&plan)?;
        let keeps_logs = ports.logs.is_some();
        if !keeps_logs {
            plan.queries.iter_mut().for_each(drop_logs);
        }
        let token = token::fresh()?;
        let job = Job {
            todo: (0..plan.queries.len())
                .filter_map(|place| Some((Place::try_from(place).ok()?, 0)))
                .collect(),
            plan: Arc::new(plan),
            rungs: HashMap::new(),
            reused: Vec::new(),
            token: token.into(),
            memory: KnownMemory::default(),
            is_open: true,
        };
        let (room, sink) = (ports.room, ports.sink.unwrap_or_else(|| Box::new(Nowhere)));
        let ports = RunPorts {
            launcher: ports.launcher,
            store: sink,
            open_log: ports.logs.unwrap_or_else(|| Box::new(no_log)),
            log_name: Box::new(crate::rundir::log_name),
            tee: ports.tee,
            events: None,
            rules: ports.rules,
        };
        Ok(RuntimeHandle::new(Run::start(job, ports).await?, room, keeps_logs))
    }
}

/// Nobody asks for one.
fn no_log(_: &str) -> Result<File, Error> {
    Err(ErrorKind::Unsupported.into())
}

fn check(plan: &Plan) -> Result<(), StartError> {
    if plan.slots == 0 {
        return Err(StartError::NoSlots);
    }
    let mut ids = HashSet::new();
    for query in &plan.queries {
        let id = Arc::clone(&query.id);
        if let Err(why) = id::check(&id) {
            return Err(Refusal::Id { id, why }.into());
        }
        if query.askings().any(|asking| asking.command.argv.is_empty()) {
            return Err(Refusal::NoProgram { id }.into());
        }
        if query.needs.iter().any(|need| need.query as usize >= plan.queries.len()) {
            return Err(Refusal::Refers { id }.into());
        }
        let is_there = |care: &Care| match care {
            Care::Member { group, .. } => (*group as usize) < plan.groups.len(),
            Care::Rounds { .. } | Care::Entrant { .. } => true,
        };
        if query.care.as_deref().is_some_and(|care| !is_there(care)) {
            return Err(Refusal::NoGroup { id }.into());
        }
        if !ids.insert(Arc::clone(&id)) {
            return Err(Refusal::Taken { id }.into());
        }
    }
    Ok(())
}

/// Keeps no row.
struct Nowhere;

impl Commit for Nowhere {
    fn commit(&mut self, _: &[Arc<Row>]) -> Result<(), RowRefusal> {
        Ok(())
    }
}
