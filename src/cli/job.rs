//! The commands that take a job spec.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use provisor_core::plan::Containment;

/// A spec and what the command line puts over it.
#[derive(Debug, Args)]
pub(crate) struct SpecArgs {
    /// The job spec
    #[arg(value_name = "SPEC.ron")]
    pub(crate) spec: PathBuf,
    /// Only queries whose id matches; a glob without / is for the last part of an id
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,
    /// Set a variable of the spec's `vars`
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) set: Vec<(String, String)>,
    /// How many queries may run at a time [default: the spec's, else one per CPU]
    #[arg(short = 'j', long = "slots", value_name = "N")]
    pub(crate) slots: Option<usize>,
    /// Longest time for a query, such as 90s or 48h
    #[arg(long, value_name = "D")]
    pub(crate) wall: Option<String>,
    /// Longest time without output
    #[arg(long, value_name = "D")]
    pub(crate) silence: Option<String>,
    /// Time between SIGTERM and SIGKILL
    #[arg(long, value_name = "D")]
    pub(crate) grace: Option<String>,
    /// Longest time for the whole run
    #[arg(long, value_name = "D")]
    pub(crate) deadline: Option<String>,
    /// Most memory for a query with all its processes, such as 4 GiB
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// What holds the processes of a query together [default: the spec's, else auto]
    #[arg(long, value_name = "LEVEL", value_parser = containment())]
    pub(crate) containment: Option<Containment>,
    /// Write the timing of all output beside the logs
    #[arg(long)]
    pub(crate) record: bool,
}

/// `provisor run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The spec.
    #[command(flatten)]
    pub(crate) spec: SpecArgs,
    /// The run directory [default: provisor-runs/ and the spec's name]
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Run also what follows from the results of other scenarios
    #[arg(long, conflicts_with = "check_prune")]
    pub(crate) no_prune: bool,
    /// The same, and report results that contradict each other
    #[arg(long)]
    pub(crate) check_prune: bool,
    /// Run every query, whatever is known from before
    #[arg(long, conflicts_with = "rerun")]
    pub(crate) fresh: bool,
    /// Run those that did not end well, or those that match, whatever is known from before
    #[arg(long, value_name = "failed|GLOB")]
    pub(crate) rerun: Option<String>,
    /// Which queries are started first
    #[arg(long, value_enum, default_value_t = Order::Longest)]
    pub(crate) order: Order,
    /// How progress is shown on stderr
    #[arg(long, value_enum, default_value_t = Progress::Auto)]
    pub(crate) progress: Progress,
    /// What is printed on stdout of the output of the queries; a reader that stands still holds up those that print
    #[arg(long, value_enum, default_value_t = Print::None)]
    pub(crate) print: Print,
    /// Only the results, and what is wrong
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Say more (-v: what happens to each query; -vv: everything)
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Write the diagnosis as JSON lines to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
    /// After a clean-up on SIGINT die by SIGINT, as a shell's loop expects [default: exit 3]
    #[arg(long)]
    pub(crate) exit_signal: bool,
}

/// Which queries are started first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// Those of which no earlier run knows how long they take, then those that took longest
    Longest,
    /// Those that come first in the spec
    Spec,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// A bar where stderr is a terminal, plain lines elsewhere
    Auto,
    /// A bar, with the queries that have run for longest; plain lines where stderr is no terminal
    Bar,
    /// A line for each finished query, and one a minute
    Plain,
    /// Nothing
    None,
}

/// What is printed of the children's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Print {
    /// Nothing; it is in the logs
    None,
    /// The output of each attempt in one piece, at its end
    Grouped,
    /// Each line as it comes, tagged with the query's id
    Lines,
}

/// `provisor plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The spec.
    #[command(flatten)]
    pub(crate) spec: SpecArgs,
    /// How to show it
    #[arg(long, value_enum, default_value_t = PlanFormat::Lines)]
    pub(crate) format: PlanFormat,
    /// The run directory in which the files of a study will be [default: provisor-runs/ and the spec's name]
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

/// How a plan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// One line a query: its id, then its command as a shell would take it
    Lines,
    /// An array of objects with id, argv, cwd, limits, expect and containment
    Json,
}

/// The words of the levels.
fn containment() -> impl TypedValueParser<Value = Containment> {
    PossibleValuesParser::new(Containment::ALL.map(Containment::word))
        .map(|word| Containment::ALL.into_iter().find(|one| one.word() == word).unwrap_or_default())
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, such as community=public")?;
    if name.is_empty() { Err("the name is empty".into()) } else { Ok((name.into(), value.into())) }
}
