//! The commands that look at recorded logs.

use std::path::PathBuf;

use clap::Args;

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
