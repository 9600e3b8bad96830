//! `provisor replay`: recorded logs through the machine that ran them. Here is decided which logs, by which rules and
//! limits, and whether what comes out is what the run's rows say; the machine itself is `provisor_core::replay`'s.

mod sources;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use provisor_core::plan::{Judging, Limits};
use provisor_core::proverif::EarlyStop;
use provisor_core::replay::{Reaction, Replay};
use provisor_core::rules::Judge;
use provisor_core::verdict::Preset;

use crate::cli::{ReplayArgs, Speed};
use crate::failure::{Failure, code};
use crate::presets;
use crate::recorded::{Ending, Recorded};
use crate::settings;
use crate::view::{self, replay as view_of, tell};

/// An attempt to be replayed.
pub(crate) struct Attempt {
    /// The id of its query, or the name of its log.
    pub(crate) name: String,
    log: PathBuf,
    judging: Judging,
    limits: Limits,
    /// What the run's row says of it, where it is one of a run.
    pub(crate) row: Option<Row>,
}

/// What a run has made of an attempt.
pub(crate) struct Row {
    /// The word of its cause.
    pub(crate) cause: &'static str,
    /// Its verdict.
    pub(crate) verdict: Option<Arc<str>>,
    ending: Ending,
}

impl Row {
    /// Whether a replay came to the same.
    pub(crate) fn agrees(&self, replay: &Replay) -> bool {
        self.cause == replay.outcome.cause_word() && self.verdict == replay.outcome.judgement.verdict
    }
}

/// What there is to count in the end.
#[derive(Default)]
pub(crate) struct Tally {
    /// How many were replayed.
    pub(crate) replayed: usize,
    /// How many of them came to something else than in the run.
    pub(crate) other: usize,
    /// How many have no whole log.
    pub(crate) left_out: usize,
}

/// Replays what was asked for.
pub(crate) fn replay(args: &ReplayArgs) -> Result<u8, Failure> {
    let wish = Wish::of(args)?;
    let found = sources::find(args)?;
    let in_detail = args.verbose || found.attempts.len() == 1 || args.speed == Speed::Real;
    let mut tally = Tally { left_out: found.left_out.len(), ..Tally::default() };
    for attempt in found.attempts {
        let attempt = wish.applied(attempt)?;
        let (recorded, replay) = wish.replay(&attempt)?;
        tally.replayed += 1;
        tally.other += usize::from(attempt.row.as_ref().is_some_and(|row| !row.agrees(&replay)));
        if args.speed == Speed::Real {
            view_of::perform(&recorded, &replay);
        }
        let text = if in_detail {
            view_of::in_detail(&attempt, &replay, args.speed == Speed::Max)
        } else {
            view_of::line(&attempt, &replay)
        };
        print(&text)?;
    }
    for (name, why) in &found.left_out {
        tell(&format!("{name}: {why}"));
    }
    if tally.replayed + tally.left_out > 1 {
        print(&view_of::closing(&tally, wish.is_what_if()))?;
    }
    Ok(if tally.other > 0 && !wish.is_what_if() { code::NOT_WELL } else { code::WELL })
}

fn print(text: &str) -> Result<(), Failure> {
    view::print(text).map_err(|source| Failure::System { what: "standard output", source })
}

/// What is to be different from what was.
#[derive(PartialEq)]
struct Wish {
    preset: Option<Preset>,
    early_stop: Option<EarlyStop>,
    wall: Option<Duration>,
    silence: Option<Duration>,
    grace: Option<Duration>,
}

impl Wish {
    fn of(args: &ReplayArgs) -> Result<Self, Failure> {
        let preset = args.preset.as_deref().map(|name| presets::find(name).map(|found| found.preset));
        Ok(Self {
            preset: preset.transpose()?,
            early_stop: args.early_stop.map(Into::into),
            wall: settings::limit("--wall", args.wall.as_deref())?,
            silence: settings::limit("--silence", args.silence.as_deref())?,
            grace: settings::duration("--grace", args.grace.as_deref())?,
        })
    }

    /// Whether anything is to be different.
    fn is_what_if(&self) -> bool {
        *self != Self { preset: None, early_stop: None, wall: None, silence: None, grace: None }
    }

    fn applied(&self, mut attempt: Attempt) -> Result<Attempt, Failure> {
        if let Some(preset) = &self.preset {
            attempt.judging.preset = Some(preset.clone());
        }
        match (self.early_stop, &mut attempt.judging.preset) {
            (None, _) => {}
            (Some(when), Some(Preset::ProVerif(proverif))) => proverif.early_stop = when,
            (Some(_), _) => {
                let name = &attempt.name;
                return Err(Failure::Usage(format!(
                    "--early-stop: {name} is not read by the preset proverif; `--only` names those that are"
                )));
            }
        }
        let limits = &mut attempt.limits;
        limits.wall = self.wall.or(limits.wall);
        limits.silence = self.silence.or(limits.silence);
        limits.grace = self.grace.unwrap_or(limits.grace);
        Ok(attempt)
    }

    fn replay(&self, attempt: &Attempt) -> Result<(Recorded, Replay), Failure> {
        let recorded = Recorded::read(&attempt.log, attempt.row.as_ref().map(|row| &row.ending))?;
        let judge = Judge::compile(&attempt.judging);
        let judge = judge.map_err(|error| Failure::Usage(format!("{}: {error}", attempt.name)))?;
        // A log of no run was never judged: whatever is asked of it is a what-if.
        let reaction =
            if self.is_what_if() || attempt.row.is_none() { Reaction::WhatIf } else { Reaction::AsRecorded };
        let replay = recorded.replay(Arc::new(judge), attempt.limits, reaction)?;
        Ok((recorded, replay))
    }
}
