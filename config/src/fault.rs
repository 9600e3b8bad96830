//! Everything that can be wrong with the meaning of a spec, each with its sentence and its hint.
//!
//! A table: one variant a fault, one line a sentence. Must never decide whether something is wrong.

mod hint;
mod near;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use provisor_core::amount::seconds;
use provisor_core::proverif::expect::Unsaid;
use provisor_core::proverif::{source, split};
use provisor_core::verdict::Counts;
use thiserror::Error;

use crate::error::StructureError;
use crate::human::HumanError;
use crate::spanned::Place;
use crate::template::TemplateError;

pub(crate) use near::near;
pub use near::near_hint;

/// How much a problem weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is started.
    Error,
    /// Worth knowing; the job is run.
    Warning,
}

/// A file that is read like a spec: its places are shown in its own lines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceFile {
    /// As it is shown.
    pub path: PathBuf,
    /// All of it.
    pub text: Arc<str>,
}

/// One thing that is wrong with a spec, or looks wrong.
#[derive(Debug)]
pub struct Problem {
    /// How much it weighs.
    pub severity: Severity,
    /// What it is.
    pub fault: Fault,
    /// The file that is at fault, where it is not the spec but one that the spec names.
    pub file: Option<Arc<SourceFile>>,
    /// Where in the file; nowhere where the command line is at fault.
    pub place: Option<Place>,
    /// Where the other one of two stands, and what it is.
    pub other: Option<(Place, &'static str)>,
}

impl Problem {
    /// The sentence, without its place.
    #[must_use]
    pub fn message(&self) -> String {
        self.fault.to_string()
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.fault.hint()
    }
}

/// What can be wrong with the meaning of a spec.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "each variant is documented by its sentence")]
pub enum Fault {
    // The job as a whole
    #[error("`{form}` is not supported yet")]
    Later { form: &'static str },
    #[error(
        "the limit `{limit}` is one of a whole tree of processes, and at containment `group` no tree is known"
    )]
    LimitOfTree { limit: &'static str },
    #[error("the limit `{limit}` is a whole number")]
    NoCount { limit: &'static str },
    #[error("`total` is a limit of the whole job")]
    TotalOfOne,
    #[error("there is nothing to run: `commands`, `matrix`, `each` or `study` is missing")]
    NothingToRun,
    #[error("`{first}` and `{second}` cannot stand in one job")]
    TwoSources { first: &'static str, second: &'static str },
    #[error("`{with}` needs a `command` or a `race`")]
    CommandMissing { with: &'static str },
    #[error("`{field}` belongs to `matrix` or `each`, not to `commands`")]
    NotWithCommands { field: &'static str },
    #[error("`{of}` is empty")]
    Empty { of: &'static str },
    #[error("{slots} is no number of slots")]
    Slots { slots: i64 },
    #[error(transparent)]
    Human(#[from] HumanError),
    #[error("the limit `{limit}` is zero")]
    ZeroLimit { limit: &'static str },
    #[error("this makes {count} queries")]
    TooMany { count: u128 },
    #[error("the job's name {why}")]
    JobName { why: &'static str },
    #[error("there is no group `{name}`")]
    NoSuchGroup { name: String, hint: String },
    #[error("`{name}` is no name of a group")]
    GroupName { name: String },
    #[error("the group of all queries stands in no other")]
    GroupOfAllWithin,
    #[error("a group with settings of its own is that of the whole job")]
    GroupOfOne,
    #[error("`{field}` is about a query that stands in a group")]
    NeedsGroup { field: &'static str },
    #[error("`health` asks for nothing")]
    IdleHealth,
    #[error("`{field}` is about a probe, and there is none")]
    NeedsProbe { field: &'static str },
    #[error("`{field}` of a probe is zero")]
    ZeroOfProbe { field: &'static str },
    #[error("a probe that may take {} cannot be run every {}", seconds(*within), seconds(*every))]
    LongProbe { within: Duration, every: Duration },
    #[error("`{field}` is about a query that is asked again and again")]
    NeedsEvery { field: &'static str },
    #[error("a query that a group looks after is not asked again by the clock")]
    RoundsInGroup,
    #[error("from one round to the next no time passes")]
    EveryZero,
    #[error("the jitter is longer than the time from one round to the next")]
    JitterTooLong,
    #[error("at least the last round is kept")]
    KeepsNone,
    #[error("there is no host to be spared")]
    NoHosts,
    #[error("{share} is no share")]
    NoShare { share: f64 },
    #[error("the first pass has none before it")]
    OnlyOfFirstPass,
    #[error("`{name}` is no name of a pass")]
    PassName { name: String },
    #[error("two passes have the name `{name}`")]
    PassTwice { name: String },
    #[error("what a fast pass does is known for ProVerif only")]
    FastIsUnknown,
    #[error("no query is left after `exclude`")]
    NothingLeft,
    #[error("no query is left after `--only`")]
    OnlyLeavesNothing,

    // Studies
    #[error("`{field}` cannot stand beside `study`, which says that itself")]
    NotWithStudy { field: &'static str },
    #[error("`passes` is given twice, in the study and beside it")]
    PassesTwice,
    #[error("the preset is not that of the study's tool")]
    PresetOfStudy,
    #[error("`{field}` is known for ProVerif only")]
    ProVerifOnly { field: &'static str },
    #[error("two models are called `{name}`: {first} and {second}")]
    ModelTwice { name: String, first: String, second: String },
    #[error("`{name}` is no name of a scenario")]
    ScenarioName { name: String },
    #[error("two scenarios are called `{id}`")]
    ScenarioTwice { id: Arc<str> },
    #[error("there is no scenario `{name}`")]
    NoSuchScenario { name: String, hint: String },
    #[error("no template uses `{name}`, which a scenario gives a value")]
    ScenarioVariable { name: Arc<str> },
    #[error("`{stronger}` cannot be stronger than `{weaker}`, from which it follows that it is weaker")]
    LatticeCycle { stronger: String, weaker: String },
    #[error("{of} elements have more subsets than can be asked about")]
    TooManySubsets { of: usize },
    #[error("{program} cannot render {} for the scenario `{scenario}`: {said}", model.display())]
    PreprocessorFailed { program: &'static str, model: PathBuf, scenario: Arc<str>, said: String },
    #[error("the models are rendered by {program}, which cannot be run: {source}")]
    PreprocessorMissing { program: &'static str, source: Arc<std::io::Error> },
    #[error("`{id}` rests on the lemma `{lemma}`, which is excluded")]
    ExcludedLemma { id: Arc<str>, lemma: Box<str> },
    #[error("`html` and `graph` cannot both be on: ProVerif takes one of them only")]
    HtmlAndGraph,
    #[error(
        "ProVerif gives the folder of {option} to a shell as it is, and this path means something there: {path}"
    )]
    PagesPath { option: &'static str, path: String },
    #[error(transparent)]
    Source(#[from] source::Fault),
    #[error("the queries of this file cannot be asked of {}: {why}", model.display())]
    Refused { model: PathBuf, why: split::Refusal },
    #[error("two queries become `{name}`")]
    NameTwice { name: Box<str> },
    #[error("{} is not divided: {why}", model.display())]
    Whole { model: PathBuf, why: split::Whole },
    #[error("{why}")]
    Kept { why: split::Kept },
    #[error(transparent)]
    Setting(#[from] split::BadSetting),
    #[error("nothing in {} matches {patterns}", model.display())]
    NoneNamed { model: PathBuf, patterns: String },
    #[error("what {} expects is not taken: {why}", model.display())]
    NotExpected { model: PathBuf, why: Unsaid },
    #[error("{} has no lemma", model.display())]
    NoLemma { model: PathBuf },

    // Names, axes, templates
    #[error("`{name}` is no name that a template could use")]
    BadName { name: String },
    #[error("`{name}` means something else in templates")]
    ReservedName { name: String },
    #[error("`{name}` is an axis, and cannot be a variable too")]
    AxisAndVariable { name: Arc<str> },
    #[error("`{name}` holds a template, which is not rendered in `vars`")]
    TemplateInVars { name: String },
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error("the axis `{axis}` has no values")]
    NoValues { axis: String },
    #[error("the axis `{axis}` has the value `{value}` twice")]
    ValueTwice { axis: String, value: Arc<str> },
    #[error("{} holds no lines but blank ones and comments", path.display())]
    NoLines { path: PathBuf },
    #[error("`{glob}` is no glob: {why}")]
    BadGlob { glob: String, why: String },
    #[error("`{glob}` matches nothing in {}", folder.display())]
    GlobWithoutMatch { glob: String, folder: PathBuf },
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: Arc<std::io::Error> },
    #[error("{} is not UTF-8", path.display())]
    FileNotUtf8 { path: PathBuf },
    #[error("the path {} is not UTF-8", path.display())]
    PathNotUtf8 { path: PathBuf },
    #[error("there is no axis `{name}`")]
    NoSuchAxis { name: String, hint: String },
    #[error("this excludes everything")]
    ExcludesEverything,

    // Ids and patterns on them
    #[error("the id `{id}` {why}")]
    BadId { id: Arc<str>, why: &'static str },
    #[error("the axis values {values} make no id")]
    NoId { values: String },
    #[error("two queries have the id `{id}`: {first} and {second}")]
    IdTwice { id: Arc<str>, first: String, second: String },
    #[error("the ids are made from an index: they change when something is put in between")]
    IdFromIndex,
    #[error("the pattern `{pattern}` in `{field}` matches nothing")]
    MatchesNothing { field: &'static str, pattern: String },
    #[error("the pattern `{pattern}` in `after` matches nothing")]
    AfterNothing { pattern: Arc<str>, hint: String },
    #[error("{}: none of them could be the first", circle_text(ids))]
    AfterCircle { ids: Vec<Arc<str>> },
    #[error("this makes too many queries wait for too many others")]
    TooManyNeeds,
    #[error("`after_failure` is about nothing: there is no `after`")]
    FailureOfNothing,
    #[error("no template uses `{name}`, which `--set` gives a value")]
    UnusedSet { name: String },
    #[error("`--set` gives a value to `{name}`, which no template uses and no `vars` defines")]
    UnknownSet { name: String, hint: String },

    // Commands
    #[error("a command has neither a `run` nor a `race`")]
    NoRun,
    #[error("{}", if *commands == 0 { "`race` is empty" } else { "one command alone is no race" })]
    RaceOfOne { commands: usize },
    #[error("what races cannot stand in a group")]
    RaceInGroup,
    #[error("what races is not asked again by the clock")]
    RaceInRounds,
    #[error("the command is empty")]
    EmptyCommand,
    #[error("the program of `{id}` is an empty text")]
    EmptyProgram { id: Arc<str> },
    #[error("{what} of `{id}` holds a NUL byte")]
    Nul { what: &'static str, id: Arc<str> },
    #[error("{what} of `{id}` has {length} bytes")]
    TooLong { what: &'static str, id: Arc<str>, length: usize },
    #[error("`{name}` is no name of an environment variable")]
    EnvName { name: String },

    // Judging
    #[error("there is no preset `{name}`")]
    UnknownPreset { name: String },
    #[error("{}", .0.message())]
    PresetStructure(Box<StructureError>),
    #[error("{} is larger than any preset", path.display())]
    PresetTooLarge { path: PathBuf },
    #[error("this preset states nothing: it has neither `rules` nor `exits`")]
    IdlePreset,
    #[error("no rule states the verdict `{word}`")]
    UnknownWord { word: String, hint: String },
    #[error("the verdict `{word}` counts as {} and as {}", counts_text(*first), counts_text(*second))]
    TwoCounts { word: Arc<str>, first: Counts, second: Counts },
    #[error("this regular expression is wrong: {why}")]
    BadRegex { why: String },
    #[error("the regular expression has no group {group}")]
    NoGroup { group: usize, groups: usize },
    #[error("`{field}` needs a Regex")]
    NeedsRegex { field: &'static str },
    #[error("a rule names a verdict or captures one, not both")]
    VerdictAndCapture,
    #[error("`{field}` needs a verdict")]
    NeedsVerdict { field: &'static str },
    #[error("this rule does nothing")]
    IdleRule,
    #[error("an empty text is in every line")]
    EmptyPattern,
    #[error("a verdict {why}")]
    BadVerdict { why: &'static str },
    #[error("`{word}` is provisor's own word and cannot be stated here")]
    OwnWord { word: String },
    #[error("a process cannot exit with {code}")]
    ExitCode { code: i32 },
    #[error("a process cannot exit with {code}")]
    PresetExit { code: i64 },
    #[error("a rule that stops on \"goal reachable\" is wrong for queries that turn out true")]
    StopOnGoalReachable,

    #[error("`{id}` cannot be a sanity check: that something can be reached is asked of ProVerif only")]
    SanityOfWhat { id: Arc<str> },
    #[error("`FromModels` belongs to a study")]
    FromModelsOfWhat,

    // ProVerif
    #[error("no model is found in the command of `{id}`")]
    NoModel { id: Arc<str> },
    #[error("cannot read the model {}: {source}", path.display())]
    ModelUnreadable { path: PathBuf, source: Arc<std::io::Error> },
    #[error("{}:{line} sets `{parameter}` itself, which overrides the command line", path.display())]
    ModelSets { path: PathBuf, line: usize, parameter: &'static str },
    #[error("no early stop for {}: {why}", listed(ids, *count))]
    EarlyStopOff { ids: Vec<Arc<str>>, count: usize, why: &'static str },
}

fn listed(ids: &[Arc<str>], count: usize) -> String {
    let mut text = ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
    if count > ids.len() {
        text.push_str(&format!(" and {} more", count - ids.len()));
    }
    text
}

/// `a` comes after `b`, `b` after `a`. Of a long circle the beginning and the end.
fn circle_text(ids: &[Arc<str>]) -> String {
    const SHOWN: usize = 8;
    let next = |at: usize| &ids[(at + 1) % ids.len()];
    let steps = (0..ids.len()).filter(|at| *at + 1 < SHOWN || *at + 1 == ids.len());
    let step = |at: usize| match at {
        0 => format!("`{}` comes after `{}`", ids[0], next(0)),
        at if at >= SHOWN => format!("and so on, {} in all, `{}` after `{}`", ids.len(), ids[at], next(at)),
        at => format!("`{}` after `{}`", ids[at], next(at)),
    };
    steps.map(step).collect::<Vec<_>>().join(", ")
}

const fn counts_text(counts: Counts) -> &'static str {
    match counts {
        Counts::Ok => "ok",
        Counts::Open => "open",
        Counts::Bad => "bad",
    }
}

impl Fault {
    /// Two faults of one place that say this alike are one: the ids in them differ from query to query.
    pub(crate) fn sameness(&self) -> String {
        match self {
            Self::Nul { what, .. } | Self::TooLong { what, .. } => (*what).into(),
            Self::NoModel { .. } => "no model".into(),
            Self::SanityOfWhat { .. } => "sanity".into(),
            Self::EmptyProgram { .. } => "empty program".into(),
            Self::NoId { .. } => "no id".into(),
            Self::BadId { why, .. } => (*why).into(),
            other => other.to_string(),
        }
    }
}
