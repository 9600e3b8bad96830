//! The commands that look at a run directory.

use std::path::PathBuf;

use clap::Args;

/// `provisor status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The run directory
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
}
