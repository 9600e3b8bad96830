//! What is meant: the command line over the spec over the defaults.

use std::path::Path;
use std::time::Duration;

use provisor_config::{Lowered, Overrides, Surroundings, human};

use crate::cli::SpecArgs;
use crate::failure::Failure;
use crate::preprocess;
use crate::view::{stderr_has_colors, tell_rendered};

/// Reads a spec with everything that was typed put over it, for this run directory or the default one.
pub(crate) fn load(args: &SpecArgs, run_dir: Option<&Path>) -> Result<Lowered, Failure> {
    let mut around = Surroundings::of(&args.spec).map_err(Failure::Surroundings)?;
    if let Some(dir) = run_dir {
        around.run_dir = std::path::absolute(dir).map_err(Failure::Surroundings)?;
    }
    around.run_tool = preprocess::run;
    around.overrides = overrides(args)?;
    provisor_config::load(&args.spec, &around).map_err(Failure::Spec)
}

fn overrides(args: &SpecArgs) -> Result<Overrides, Failure> {
    if args.slots == Some(0) {
        return Err(usage("-j", "at least one query must be able to run; leave it out for one per CPU"));
    }
    Ok(Overrides {
        slots: args.slots,
        wall: limit("--wall", args.wall.as_deref())?,
        silence: limit("--silence", args.silence.as_deref())?,
        memory: size("--memory", args.memory.as_deref())?,
        grace: duration("--grace", args.grace.as_deref())?,
        total: limit("--deadline", args.deadline.as_deref())?,
        containment: args.containment,
        set: args.set.clone(),
        only: args.only.clone(),
        record: args.record,
    })
}

/// As in a spec, a limit of nothing is a slip.
pub(crate) fn limit(option: &str, text: Option<&str>) -> Result<Option<Duration>, Failure> {
    match duration(option, text)? {
        Some(Duration::ZERO) => Err(usage(option, "the limit is zero: leave it out, or give it some time")),
        limit => Ok(limit),
    }
}

/// A duration as people type it.
pub(crate) fn duration(option: &str, text: Option<&str>) -> Result<Option<Duration>, Failure> {
    let wrong = |error: human::HumanError| usage(option, &format!("{error}: {}", error.hint()));
    text.map(|text| human::duration(text).map_err(wrong)).transpose()
}

/// A limit of a size as people type it.
fn size(option: &str, text: Option<&str>) -> Result<Option<u64>, Failure> {
    let wrong = |error: human::HumanError| usage(option, &format!("{error}: {}", error.hint()));
    match text.map(|text| human::size(text).map_err(wrong)).transpose()? {
        Some(0) => Err(usage(option, "the limit is zero: leave it out, or give it some bytes")),
        limit => Ok(limit),
    }
}

fn usage(option: &str, text: &str) -> Failure {
    Failure::Usage(format!("{option}: {text}"))
}

/// Says what looks wrong in a spec that can be run all the same.
pub(crate) fn warn(lowered: &Lowered, spec: &Path) {
    if !lowered.warnings.is_empty() {
        let text =
            provisor_config::render_problems(&lowered.warnings, spec, &lowered.text, stderr_has_colors());
        tell_rendered(text.trim_end());
    }
}
