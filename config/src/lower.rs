//! From what is written to what is meant: a spec and its surroundings become a plan, or all faults of meaning at
//! once.
//!
//! The steps: the forms of the job, its axes, a recipe for each origin, a query for each point, and then what can
//! be said only about all of them. Reads the files that the spec names and nothing else; starts nothing.

mod after;
mod axes;
mod care;
mod expand;
mod glob;
mod health;
mod ids;
mod ladder;
mod limits;
mod matching;
pub(crate) mod preset;
mod problems;
mod proverif;
mod query;
mod race;
mod recipe;
mod rounds;
mod rules;
mod shared;
mod study;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use minijinja::Value;
use provisor_core::Plan;
use provisor_core::plan::{Containment, Group, Lattice, Query, Reuse};
use provisor_core::proverif::source::{Expected, Source};
use provisor_core::proverif::split::Part;
use provisor_core::rules::Rule;
use provisor_core::text::is_clean;
use provisor_core::tool::Tool;
use provisor_core::verdict::Preset;

use self::after::Awaited;
pub use self::ids::IdPattern;
use self::matching::Owner;
pub(crate) use self::problems::Problems;
use self::proverif::Models;
use self::shared::Shared;
use crate::fault::{Fault, Problem};
use crate::human;
use crate::spec::{Job, Later};
use crate::template::{self, Templates, Vars};

/// More queries than this are a slip of the pen.
const MOST_QUERIES: usize = 1_000_000;

const MOST_SLOTS: i64 = 65_536;

/// What a spec is lowered with, besides itself.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The spec's folder, absolute.
    pub folder: PathBuf,
    /// How many CPUs there are: as many slots, where the spec says nothing.
    pub cpus: usize,
    /// The path of the running program, which templates call `provisor`.
    pub provisor: PathBuf,
    /// The run directory, absolute: where the files of a study are going to be.
    pub run_dir: PathBuf,
    /// Runs the program that renders a model.
    pub run_tool: RunTool,
    /// What the command line says.
    pub overrides: Overrides,
}

/// Runs a program to its end in a folder, without input. This package starts nothing itself.
pub type RunTool = fn(argv: &[String], folder: &Path) -> io::Result<ToolOutput>;

/// What became of a program that was run for its output.
#[derive(Clone, Debug)]
pub struct ToolOutput {
    /// It exited with code 0.
    pub is_success: bool,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: Vec<u8>,
}

/// Who runs no programs.
fn runs_nothing(_: &[String], _: &Path) -> io::Result<ToolOutput> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "no programs are run here"))
}

impl Surroundings {
    /// Those of a spec on this machine, in this process; its run directory is the default one under the current
    /// directory, and no program is run to render models.
    ///
    /// # Errors
    /// When the process does not know its own directory or program.
    pub fn of(spec: &Path) -> io::Result<Self> {
        let spec = std::path::absolute(spec)?;
        Ok(Self {
            folder: spec.parent().unwrap_or(&spec).into(),
            cpus: std::thread::available_parallelism().map_or(1, Into::into),
            provisor: std::env::current_exe()?,
            run_dir: std::path::absolute(Self::default_run_dir(&spec))?,
            run_tool: runs_nothing,
            overrides: Overrides::default(),
        })
    }

    /// Where a spec is run if nobody says otherwise: `provisor-runs/` and its name, under the current directory.
    #[must_use]
    pub fn default_run_dir(spec: &Path) -> PathBuf {
        Path::new("provisor-runs").join(spec.file_stem().unwrap_or_default())
    }
}

/// What goes before whatever the spec says, for every query.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// How many queries run at a time.
    pub slots: Option<usize>,
    /// The wall limit.
    pub wall: Option<Duration>,
    /// The silence limit.
    pub silence: Option<Duration>,
    /// The memory limit, in bytes.
    pub memory: Option<u64>,
    /// The time between Term and Kill.
    pub grace: Option<Duration>,
    /// The time of the whole job.
    pub total: Option<Duration>,
    /// What its processes are held together by.
    pub containment: Option<Containment>,
    /// Variables with their values.
    pub set: Vec<(String, String)>,
    /// Patterns on ids: those that match one stay.
    pub only: Vec<String>,
    /// The timing of all output is written down.
    pub record: bool,
}

/// A file that is made for a query.
#[derive(Clone, Debug)]
pub struct Made {
    /// The query, by its place in the plan.
    pub place: usize,
    /// Its name in the run directory; parts of ids with `/` between them.
    pub name: Arc<str>,
    text: Arc<[u8]>,
    /// What it asks of that text; `None`: all of it.
    part: Option<Rc<Part>>,
    settings: Arc<str>,
}

impl Made {
    /// What stands in it.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match &self.part {
            Some(part) => part.write(&Source::read(&self.text, Expected::Model), &self.settings),
            None => self.text.to_vec(),
        }
    }
}

/// A job, ready to run.
#[derive(Debug)]
pub struct Lowered {
    /// The whole job.
    pub plan: Plan,
    /// For each query of the plan whether it was asked for: all of them, unless `only` names some.
    pub chosen: Vec<bool>,
    /// The files that have to be in the run directory before the queries start, in the order of the queries.
    pub made: Vec<Made>,
    /// What looks wrong.
    pub warnings: Vec<Problem>,
    /// The spec, verbatim.
    pub text: Arc<str>,
}

impl Lowered {
    /// The queries that were asked for, in the order of the plan.
    pub fn chosen_queries(&self) -> impl Iterator<Item = &Query> {
        self.plan.queries.iter().zip(&self.chosen).filter_map(|(query, chosen)| chosen.then_some(query))
    }
}

/// The plan of a job and what looks wrong with it, or all that is wrong.
pub(crate) fn lower(job: &Job, around: &Surroundings) -> Result<(Meaning, Vec<Problem>), Vec<Problem>> {
    let engine = template::engine();
    let mut lowering = Lowering {
        job,
        around,
        problems: Problems::default(),
        templates: Templates::new(&engine),
        shared: Shared::default(),
        models: Models::default(),
        axes: Rc::default(),
        provisor: around.provisor.to_str().map(Value::from),
        no_rules: Rc::default(),
        known_rules: HashMap::new(),
        known_presets: HashMap::new(),
        outer_vars: None,
        ids: HashMap::new(),
        awaited: Vec::new(),
        lattice: Lattice::default(),
        groups: Vec::new(),
        races: 0,
        made: Vec::new(),
        said: BTreeSet::new(),
    };
    let meaning = lowering.meaning();
    lowering.problems.finish(meaning)
}

/// What a spec means.
pub(crate) struct Meaning {
    pub(crate) plan: Plan,
    pub(crate) chosen: Vec<bool>,
    pub(crate) made: Vec<Made>,
}

/// The state of one lowering.
struct Lowering<'e> {
    job: &'e Job,
    around: &'e Surroundings,
    problems: Problems,
    templates: Templates<'e>,
    shared: Shared,
    models: Models,
    axes: Rc<[Arc<str>]>,
    /// A path that is no text is no value: templates that want it are told so.
    provisor: Option<Value>,
    no_rules: Rc<Vec<Rule>>,
    known_rules: HashMap<*const crate::spec::Rule, Rc<Vec<Rule>>>,
    /// Each preset file is read once; `None` where it is faulty, which is said already.
    known_presets: HashMap<PathBuf, Option<Arc<Tool>>>,
    outer_vars: Option<Rc<Vars>>,
    /// Who has which id.
    ids: HashMap<Arc<str>, Owner>,
    /// What comes after what, as it is written.
    awaited: Vec<Awaited>,
    /// The scenarios of a study.
    lattice: Lattice,
    groups: Vec<Group>,
    /// How many races there are so far.
    races: u32,
    made: Vec<Made>,
    /// What was said of models: once for each, not for each scenario.
    said: BTreeSet<(usize, String)>,
}

impl<'e> Lowering<'e> {
    fn meaning(&mut self) -> Meaning {
        self.check_job();
        self.check_groups();
        let total = self.total();
        let memory_budget = self.memory_budget();
        let slots = self.slots();
        let mut queries = self.expand();
        self.warn_of_models();
        self.expect(&mut queries);
        self.resolve_after(&mut queries);
        let chosen = self.choose(&queries);
        self.check_set();
        let plan = Plan {
            job: self.job.name.value.clone(),
            slots,
            total,
            memory_budget,
            reuse: self.job.reuse.unwrap_or_else(|| default_reuse(&queries)),
            containment: self.around.overrides.containment.or(self.job.containment).unwrap_or_default(),
            axes: self.axes.to_vec(),
            lattice: std::mem::take(&mut self.lattice),
            prune: self.prune(),
            groups: std::mem::take(&mut self.groups),
            spare: self.spare(&queries),
            queries,
        };
        Meaning { plan, chosen, made: std::mem::take(&mut self.made) }
    }

    fn check_job(&mut self) {
        self.refuse_later(&self.job.later());
        let name = &self.job.name;
        let why = match name.value.as_str() {
            "" => "is empty",
            text if text.len() > 255 => "has more than 255 bytes",
            text if !is_clean(text) => "holds a control character",
            _ => return,
        };
        self.problems.fault(name.place, Fault::JobName { why });
    }

    fn refuse_later(&mut self, later: &[(&'static str, Option<Later>)]) {
        for (form, written) in later {
            if let Some(Later(place)) = written {
                self.problems.fault(*place, Fault::Later { form });
            }
        }
    }

    fn total(&mut self) -> Option<Duration> {
        let written = self.job.limits.as_ref().and_then(|limits| limits.total.as_ref());
        let written = written.and_then(|total| self.limit("total", total));
        self.around.overrides.total.or(written)
    }

    /// A budget of nothing would let nothing run beside anything, which nobody means.
    fn memory_budget(&mut self) -> Option<u64> {
        let written = self.job.memory_budget.as_ref()?;
        let budget = self.human(written, human::size)?;
        if budget == 0 {
            self.problems.fault(written.place, Fault::ZeroLimit { limit: "memory_budget" });
        }
        Some(budget)
    }

    fn slots(&mut self) -> usize {
        if let Some(slots) = &self.job.slots
            && !(1..=MOST_SLOTS).contains(&slots.value)
        {
            self.problems.fault(slots.place, Fault::Slots { slots: slots.value });
        }
        let written = self.job.slots.as_ref().and_then(|slots| usize::try_from(slots.value).ok());
        if self.around.overrides.slots == Some(0) {
            self.problems.fault_of_words(Fault::Slots { slots: 0 });
        }
        let slots = self.around.overrides.slots.or(written).unwrap_or(self.around.cpus);
        slots.max(1)
    }
}

/// A proof that took days must not be done again because a quick command stands beside it.
fn default_reuse(queries: &[Query]) -> Reuse {
    let is_verifiers = |query: &Query| match &query.judging.preset {
        Some(Preset::ProVerif(_)) => true,
        Some(Preset::Tool(tool)) => tool.reuse == Reuse::Conclusive,
        Some(Preset::ExitCode) | None => false,
    };
    if queries.iter().any(is_verifiers) { Reuse::Conclusive } else { Reuse::Unfinished }
}
