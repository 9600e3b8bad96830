//! The commands that look at recorded logs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use provisor_core::proverif::EarlyStop;

/// `provisor replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Run directories, folders of recorded logs, or logs with their timing beside them
    #[arg(value_name = "DIR|LOG", required = true)]
    pub(crate) what: Vec<PathBuf>,
    /// Only queries whose id matches; a glob without / is for the last part of an id
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,
    /// What if it were read by this preset: a name, or a file of your own that ends in .ron [default: as the run read it,
    /// and proverif for a log of no run]
    #[arg(long, value_name = "NAME|FILE.ron")]
    pub(crate) preset: Option<String>,
    /// What if ProVerif had been stopped early
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(crate) early_stop: Option<StopEarly>,
    /// What if this had been the longest time for it
    #[arg(long, value_name = "D")]
    pub(crate) wall: Option<String>,
    /// What if this had been the longest time without output
    #[arg(long, value_name = "D")]
    pub(crate) silence: Option<String>,
    /// What if this had been the time between SIGTERM and SIGKILL
    #[arg(long, value_name = "D")]
    pub(crate) grace: Option<String>,
    /// How fast the time goes by
    #[arg(long, value_enum, default_value_t = Speed::Max)]
    pub(crate) speed: Speed,
    /// Show what happened to each, step by step
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// When ProVerif is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StopEarly {
    /// Never
    Off,
    /// At `goal reachable` for a query that cannot turn out true then
    OnGoalReachable,
    /// At the first refuting goal
    OnRefutingGoal,
}

impl From<StopEarly> for EarlyStop {
    fn from(when: StopEarly) -> Self {
        match when {
            StopEarly::Off => Self::Off,
            StopEarly::OnGoalReachable => Self::OnGoalReachable,
            StopEarly::OnRefutingGoal => Self::OnRefutingGoal,
        }
    }
}

/// How fast recorded time goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Speed {
    /// As it did: the output is shown as it came
    Real,
    /// At once
    Max,
}

/// `provisor play-log`.
#[derive(Debug, Args)]
pub(crate) struct PlayLogArgs {
    /// The log; its timing stands beside it as .timing
    #[arg(long, value_name = "FILE.log")]
    pub(crate) log: PathBuf,
    /// Play it so many times slower than it was recorded
    #[arg(long, default_value_t = 1.0)]
    pub(crate) stretch: f64,
    /// Ignore SIGTERM
    #[arg(long)]
    pub(crate) ignore_term: bool,
    /// Stay alive for so long after the end of the log
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    pub(crate) linger: f64,
    /// What the recorded program was given; not looked at
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) ignored: Vec<String>,
}
