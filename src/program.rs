//! The program in one screen: parse what was typed, load the spec, start the guardian before any thread exists, plan
//! what has to run, run it, report.

use std::process::ExitCode;

use crate::cli::{Cli, Command, PlanArgs, PlanFormat, SpecArgs};
use crate::failure::{Failure, code};
use crate::{manual, play, presets, replay, results, run, settings, status, view};

/// Does what the command line asks and says what to exit with.
#[must_use]
pub fn main() -> ExitCode {
    let did = Cli::read().map(|cli| dispatch(cli.command));
    match did {
        Ok(Ok(code)) | Err(code) => ExitCode::from(code),
        Ok(Err(failure)) => {
            failure.tell();
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check(&args),
        Command::Plan(args) => plan(&args),
        Command::Status(args) => status::status(&args),
        Command::Results(args) => results::results(&args),
        Command::Replay(args) => replay::replay(&args),
        Command::Presets(args) => presets::show(&args),
        Command::Completions(args) => print(&manual::completions(&args)),
        Command::Man(args) => print(&manual::page(&args)?),
        Command::PlayLog(args) => play::play(&args).map_err(Failure::from).map(play::as_recorded),
    }
}

fn check(args: &SpecArgs) -> Result<u8, Failure> {
    let lowered = settings::load(args, None)?;
    settings::warn(&lowered, &args.spec);
    let text = format!(
        "{}: {}, no faults\n",
        view::path(&args.spec),
        view::words::queries(lowered.chosen_queries().count())
    );
    print(&text)
}

fn plan(args: &PlanArgs) -> Result<u8, Failure> {
    let lowered = settings::load(&args.spec, args.output.as_deref())?;
    settings::warn(&lowered, &args.spec.spec);
    print(&match args.format {
        PlanFormat::Lines => view::plan::lines(&lowered),
        PlanFormat::Json => view::plan::json(&lowered),
    })
}

pub(crate) fn print(text: &str) -> Result<u8, Failure> {
    view::print(text).map_err(|source| Failure::System { what: "standard output", source })?;
    Ok(code::WELL)
}
