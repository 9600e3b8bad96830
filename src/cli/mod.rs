//! What was typed. Nothing is decided here: `settings` says what it means.

mod dir;
mod job;
mod log;

use clap::{Parser, Subcommand};

pub(crate) use self::dir::StatusArgs;
pub(crate) use self::job::{PlanArgs, PlanFormat, Print, Progress, RunArgs, SpecArgs};
pub(crate) use self::log::PlayLogArgs;

/// Runs hundreds of external programs under supervision and writes one table of their verdicts.
#[derive(Debug, Parser)]
#[command(name = "provisor", version, about, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0   every query ended well: it exited or was stopped by a rule, with the expected verdict or one that counts as ok
  1   some did not
  2   usage or spec error; nothing was started
  3   interrupted or at the deadline; the rest can be resumed
  4   the results could not be written
  70  a bug in provisor";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a job, or take up what is missing of it
    #[command(after_help = "Example:\n  provisor run nightly.ron -j 40 --wall 48h")]
    Run(RunArgs),
    /// Look for faults in a spec; start nothing
    #[command(after_help = "Example:\n  provisor check nightly.ron")]
    Check(SpecArgs),
    /// Show what would run, one line a query
    #[command(after_help = "Example:\n  provisor plan nightly.ron --only 'client/*'")]
    Plan(PlanArgs),
    /// Show how a run stands, while it runs and afterwards
    #[command(after_help = "Example:\n  provisor status provisor-runs/nightly")]
    Status(StatusArgs),
    /// Play a recorded log as if it were the program that printed it
    #[command(hide = true)]
    PlayLog(PlayLogArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
