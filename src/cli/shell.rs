//! The commands that say how provisor itself is used.

use clap::Args;
use clap_complete::Shell;

/// `provisor completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// For which shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: Shell,
}

/// `provisor man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The page of one command [default: the page of provisor]
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}
