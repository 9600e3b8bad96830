//! Validated intent: what a job expands to. Plain data, made by `provisor-config` or by an embedder.
//!
//! Whatever hundreds of queries have in common is shared (`Arc`), so that a hundred thousand of them stay small.

mod build;
mod care;
mod command;
mod need;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backoff::Backoff;
pub use crate::containment::Containment;
use crate::health::Probe;
use crate::rules::Rule;
use crate::verdict::Preset;
pub use care::{Care, Group};
pub use command::{Command, Environment, Inherit, Stdin};
pub use need::{After, AfterFailure, Condition, Need, NoSuchQuery, Submission};

/// A whole job, expanded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The job's name: a run directory holds one job.
    pub job: String,
    /// How many queries may run at a time, at least one.
    pub slots: usize,
    /// When this has passed since the start, what runs is ended with cause `deadline`.
    pub total: Option<Duration>,
    /// What all queries that run together are expected to need at most, in bytes.
    pub memory_budget: Option<u64>,
    /// Which finished queries of an earlier run stand.
    pub reuse: Reuse,
    /// What its processes are held together by.
    pub containment: Containment,
    /// The names of the axes, in the order of the spec; each becomes a column `axis.NAME`.
    pub axes: Vec<Arc<str>>,
    /// Which answers follow from which.
    pub lattice: Lattice,
    /// What is made of that.
    pub prune: Prune,
    /// The groups in which queries are looked after; mostly none. A group comes before those that stand in it.
    pub groups: Vec<Group>,
    /// How long a host is spared that has failed a query which is asked again and again, if at all.
    pub spare: Option<Backoff>,
    /// In the order of the spec.
    pub queries: Vec<Query>,
}

/// One thing that is asked: an external program with its limits and the reading of its output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Unique in the plan; parts divided by `/`, each of ASCII letters, digits and `._-`.
    pub id: Arc<str>,
    /// What is executed.
    pub command: Command,
    /// When it is ended.
    pub limits: Limits,
    /// How its output is read.
    pub judging: Arc<Judging>,
    /// What is tried again.
    pub retry: Arc<Retry>,
    /// The verdict that counts as well ended, where one is expected.
    pub expect: Option<Arc<str>>,
    /// Which files its freshness depends on.
    pub inputs: Arc<Inputs>,
    /// Its value on each axis of the plan, in the same order; shorter where it has none.
    pub axes: Box<[Arc<str>]>,
    /// What is kept of its output.
    pub logs: Logs,
    /// Whether the timing of its output is written beside its log.
    pub record: bool,
    /// What its first pass is called, where it has more than one.
    pub pass: Option<Arc<str>>,
    /// How it is asked again where the pass before has not settled it, in this order; mostly none.
    pub further: Box<[Pass]>,
    /// What others must have come to before it is asked at all.
    pub needs: Box<[Need]>,
    /// Where its answer stands among those that may follow from each other.
    pub cell: Option<Cell>,
    /// A folder that its program fills in its first pass, relative to the run directory; it is there, and empty, when the
    /// program starts.
    pub pages: Option<Arc<str>>,
    /// How it is looked after when it has ended; mostly not at all.
    pub care: Option<Box<Care>>,
    /// Asks whether it is well while it runs, in each of its passes; mostly nothing does.
    pub health: Option<Arc<Probe>>,
}

/// A further way to ask a query, with more time or another effort.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Names it in the results.
    pub name: Arc<str>,
    /// What the pass before must have come to.
    pub only: Only,
    /// What is executed.
    pub command: Command,
    /// When it is ended.
    pub limits: Limits,
    /// How its output is read.
    pub judging: Arc<Judging>,
    /// As [`Query::pages`].
    pub pages: Option<Arc<str>>,
}

/// After which ends of a pass the next one follows. An attempt that never ran, was lost, or was ended because the run had
/// to end is followed by none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Only {
    /// It reached a limit of its own.
    #[default]
    Limited,
    /// That, or what it says counts as open, or it says nothing.
    Open,
    /// It says anything else than `true`, or nothing.
    NotTrue,
    /// It did not end well: a limit, or another verdict than is expected, or where none is expected one that does not
    /// count as ok.
    NotWell,
}

/// A query as one that asks the same as others do, each in another scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Those that ask the same have the same number.
    pub family: u32,
    /// Its scenario, by its place in the lattice.
    pub scenario: u32,
}

/// The order of scenarios by what an attacker can do in them. What is `true` in one is `true` in all weaker ones, what is
/// `false` in one is `false` in all stronger ones; no other verdict implies anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lattice {
    /// For each scenario the weaker ones, ascending, those that are weaker than these among them, itself not.
    pub weaker: Vec<Box<[u32]>>,
}

/// What is made of answers that follow from others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Prune {
    /// What follows from what is known is not run: its row says `implied`, and by which.
    #[default]
    On,
    /// Everything is run.
    Off,
    /// Everything is run, and answers that contradict each other are told.
    Check,
}

/// A pass of a query, be it the first one or a further one.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'q> {
    /// What it is called; `None` where there is only one.
    pub name: Option<&'q Arc<str>>,
    /// What is executed.
    pub command: &'q Command,
    /// When it is ended.
    pub limits: &'q Limits,
    /// How its output is read.
    pub judging: &'q Arc<Judging>,
    /// The folder that the program fills.
    pub pages: Option<&'q Arc<str>>,
}

impl Query {
    /// A query of one pass that is judged by its exit code, with nothing else that a spec could say of it.
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>, command: Command) -> Self {
        Self {
            id: id.into(),
            command,
            limits: Limits::default(),
            judging: Arc::new(Judging { rules: Vec::new(), preset: Some(Preset::ExitCode) }),
            retry: Arc::default(),
            expect: None,
            inputs: Arc::default(),
            axes: Box::default(),
            logs: Logs::Keep,
            record: false,
            pass: None,
            further: Box::default(),
            needs: Box::default(),
            cell: None,
            pages: None,
            care: None,
            health: None,
        }
    }

    /// How it is asked in a pass, counted from 0; `None` where it has not so many.
    #[must_use]
    pub fn asking(&self, pass: usize) -> Option<Asking<'_>> {
        let Some(further) = pass.checked_sub(1) else {
            return Some(Asking {
                name: self.pass.as_ref(),
                command: &self.command,
                limits: &self.limits,
                judging: &self.judging,
                pages: self.pages.as_ref(),
            });
        };
        let Pass { name, command, limits, judging, pages, .. } = self.further.get(further)?;
        Some(Asking { name: Some(name), command, limits, judging, pages: pages.as_ref() })
    }

    /// How it is asked in each pass.
    pub fn askings(&self) -> impl Iterator<Item = Asking<'_>> {
        (0..self.passes()).filter_map(|pass| self.asking(pass))
    }

    /// How many passes it has, at least one.
    #[must_use]
    pub const fn passes(&self) -> usize {
        1 + self.further.len()
    }
}

impl Plan {
    /// A job of these queries, one at a time, with nothing else that a spec could say.
    #[must_use]
    pub fn new(job: impl Into<String>, queries: Vec<Query>) -> Self {
        Self {
            job: job.into(),
            slots: 1,
            total: None,
            memory_budget: None,
            reuse: Reuse::Unfinished,
            containment: Containment::default(),
            axes: Vec::new(),
            lattice: Lattice::default(),
            prune: Prune::default(),
            groups: Vec::new(),
            spare: None,
            queries,
        }
    }
}

/// When a query is ended by provisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Longest time from its start.
    pub wall: Option<Duration>,
    /// Longest time without a byte of output.
    pub silence: Option<Duration>,
    /// Most CPU time, of its whole tree.
    pub cpu: Option<Duration>,
    /// Most memory in bytes, of its whole tree.
    pub memory: Option<u64>,
    /// Most bytes of output, of both streams together.
    pub output: Option<u64>,
    /// Most processes at a time, its leader among them.
    pub processes: Option<u32>,
    /// Time between Term and Kill.
    pub grace: Duration,
}

impl Limits {
    /// Between Term and Kill where the spec says nothing.
    pub const DEFAULT_GRACE: Duration = Duration::from_secs(5);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: None,
            silence: None,
            cpu: None,
            memory: None,
            output: None,
            processes: None,
            grace: Self::DEFAULT_GRACE,
        }
    }
}

/// How output becomes a verdict: the spec's rules first, then the preset's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Judging {
    /// Looked at in order, before the preset.
    pub rules: Vec<Rule>,
    /// The reading of a known tool; `None` with rules means the last verdict that the rules saw.
    pub preset: Option<Preset>,
}

/// Which endings are tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Retry {
    /// How many further attempts.
    pub times: u32,
    /// After which endings.
    pub on: Vec<RetryOn>,
    /// Before the first retry; doubles before each further one, up to five minutes.
    pub backoff: Duration,
}

/// An ending that is worth another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RetryOn {
    /// The program could not be started.
    NotStarted,
    /// It died of a signal that provisor did not send.
    Signal,
    /// It exited by itself with this code.
    ExitCode(i32),
    /// It exited by itself with any code but 0.
    Failure,
    /// It ended by itself without a verdict.
    NoVerdict,
    /// It reached its wall limit.
    WallLimit,
    /// It was silent for too long.
    Silent,
    /// It reached its limit of CPU time.
    CpuLimit,
    /// It reached its limit of output.
    OutputLimit,
    /// It reached its limit of processes.
    ProcessLimit,
    /// It reached its memory limit, or the kernel killed it for want of memory: it is tried again alone, with twice its
    /// limit.
    MemoryLimit,
    /// Its actor died.
    Lost,
}

/// Which files belong to a query's fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Inputs {
    /// Every argv element that names a regular file counts.
    pub argv: bool,
    /// Further files, absolute or relative to the working directory.
    pub files: Vec<PathBuf>,
}

/// What is kept of a child's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Logs {
    /// All of it.
    #[default]
    Keep,
    /// The last so many bytes.
    Tail(u64),
    /// The first and the last so many bytes, and between them a line that tells how many were left out.
    Ends(u64),
    /// None.
    Drop,
}

/// Which finished queries of an earlier run are not run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reuse {
    /// Those with a verdict that more time would not change; the default where the preset is a verifier's.
    Conclusive,
    /// All that ended, as long as the run as a whole was not complete; the default elsewhere.
    Unfinished,
    /// None.
    Never,
}
