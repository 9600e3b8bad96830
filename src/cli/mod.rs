//! What was typed. Nothing is decided here: `settings` says what it means.

mod dir;
mod job;
mod log;
mod presets;
mod shell;

use std::ffi::OsString;

use clap::{Parser, Subcommand};
use provisor_core::text::is_clean;

pub(crate) use self::dir::{ResultsArgs, ResultsFormat, StatusArgs};
pub(crate) use self::job::{Order, PlanArgs, PlanFormat, Print, Progress, RunArgs, SpecArgs};
pub(crate) use self::log::{PlayLogArgs, ReplayArgs, Speed};
pub(crate) use self::presets::PresetsArgs;
pub(crate) use self::shell::{CompletionsArgs, ManArgs};
use crate::failure::code;
use crate::view::tell;

/// Runs hundreds of external programs under supervision and writes one table of their verdicts.
#[derive(Debug, Parser)]
#[command(name = "provisor", version, about, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads the command line, or says what is wrong with it, or what was asked for, such as `--help`.
    ///
    /// # Errors
    /// What to exit with then.
    pub(crate) fn read() -> Result<Self, u8> {
        let is_odd = |arg: OsString| !is_clean(&arg.to_string_lossy());
        Self::try_parse().map_err(|error| {
            // What was typed stands in the message, and may have been typed by a script from the names of files.
            if error.use_stderr() && std::env::args_os().any(is_odd) {
                error.render().to_string().trim_end().lines().for_each(tell);
            } else {
                // Where there is nobody to read it, there is nobody to tell.
                let _ = error.print();
            }
            u8::try_from(error.exit_code()).unwrap_or(code::USAGE)
        })
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0   every query ended well: it exited or was stopped by a rule, with the expected verdict or one that counts as ok
  1   some did not
  2   usage or spec error; nothing was started
  3   interrupted, at the deadline, or nothing could be started for minutes; the rest can be resumed
  4   the results could not be written
  70  a bug in provisor";

const RESULTS_EXAMPLES: &str = "\
Examples:
  provisor results provisor-runs/nightly --cause wall-limit --cause silent
  provisor results provisor-runs/nightly --only 'client/*' --sort wall_s:desc
  provisor results provisor-runs/nightly --grid=scenario,query
  provisor results provisor-runs/nightly --format junit > junit.xml";

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
    /// Show the results: all or some, while they come in and afterwards
    #[command(after_help = RESULTS_EXAMPLES)]
    Results(ResultsArgs),
    /// Put recorded logs through the machine that ran them, in virtual time
    #[command(
        after_help = "Examples:\n  provisor replay provisor-runs/nightly\n  provisor replay provisor-runs/nightly --wall 10m --early-stop on-goal-reachable\n  provisor replay logs/one.log --speed real"
    )]
    Replay(ReplayArgs),
    /// Show the presets: what they are for, their verdicts and what each counts as, their rules
    #[command(after_help = "Example:\n  provisor presets smt --ron > mine.ron")]
    Presets(PresetsArgs),
    /// Print the script that teaches a shell to complete provisor's arguments
    #[command(
        after_help = "Example:\n  provisor completions bash > ~/.local/share/bash-completion/completions/provisor"
    )]
    Completions(CompletionsArgs),
    /// Print a man page
    #[command(after_help = "Examples:\n  provisor man > provisor.1\n  provisor man run > provisor-run.1")]
    Man(ManArgs),
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

    #[test]
    fn the_help_of_each_command_shows_examples_that_can_be_typed() {
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<_> = help.lines().filter(|line| line.starts_with("  provisor ")).collect();
            assert!(!examples.is_empty(), "{} has no example", command.get_name());
            for example in examples {
                let typed = example.split(['>', '|', '#']).next().unwrap_or_default();
                let words = shlex::split(typed).expect("quoted as a shell wants it");
                assert_eq!(words[1], command.get_name());
                Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{example}: {error}"));
            }
        }
    }
}
