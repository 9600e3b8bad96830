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
    log: Log,
    judging: Judging,
    limits: Limits,
    /// What the run's row says of it, where it is one of a run.
    pub(crate) row: Option<Row>,
}

/// Where its log is.
enum Log {
    /// Somebody named it.
    Named(PathBuf),
    /// A run directory, and the name in it.
    OfRun(PathBuf, Arc<str>),
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
    /// Whether a replay came to the same. What was lost has no verdict, whatever it had said.
    pub(crate) fn agrees(&self, replay: &Replay) -> bool {
        let same_verdict = self.verdict == replay.outcome.judgement.verdict;
        self.cause == replay.outcome.cause_word() && (same_verdict || self.cause == "lost")
    }
}

/// What there is to count in the end.
#[derive(Default)]
pub(crate) struct Tally {
    /// How many were replayed.
    pub(crate) replayed: usize,
    /// How many of them came to something else than in the run.
    pub(crate) other: usize,
    /// How many would have gone on where their recording ends.
    pub(crate) unknown: usize,
    /// How many have no whole log.
    pub(crate) left_out: usize,
    /// How many of those have one that cannot be read.
    unreadable: usize,
}

impl Tally {
    fn take(&mut self, attempt: &Attempt, replay: &Replay) {
        let differs = attempt.row.as_ref().is_some_and(|row| !row.agrees(replay));
        self.replayed += 1;
        self.other += usize::from(differs && replay.cut.is_none());
        self.unknown += usize::from(differs && replay.cut.is_some());
    }

    fn code(&self, what_if: bool) -> u8 {
        match self {
            Self { unreadable: 1.., .. } => code::USAGE,
            Self { other: 1.., .. } if !what_if => code::NOT_WELL,
            _ => code::WELL,
        }
    }
}

/// Replays what was asked for.
pub(crate) fn replay(args: &ReplayArgs) -> Result<u8, Failure> {
    let wish = Wish::of(args)?;
    let found = sources::find(args)?;
    let is_one = found.attempts.len() + found.left_out.len() == 1;
    let in_detail = args.verbose || found.attempts.len() == 1 || args.speed == Speed::Real;
    let mut left_out: Vec<(String, String)> =
        found.left_out.into_iter().map(|(name, why)| (name, why.into())).collect();
    let mut tally = Tally::default();
    for attempt in found.attempts {
        let attempt = wish.applied(attempt)?;
        let (recorded, replay) = match wish.replay(&attempt) {
            Ok(replayed) => replayed,
            Err(failure) if is_one || !matches!(failure, Failure::Recorded(_)) => return Err(failure),
            Err(failure) => {
                left_out.push((attempt.name, failure.sentence()));
                tally.unreadable += 1;
                continue;
            }
        };
        if !recorded.is_timed && wish.has_limits() {
            left_out.push((attempt.name, "without a timing nothing is known of other limits".into()));
            continue;
        }
        tally.take(&attempt, &replay);
        if args.speed == Speed::Real && view_of::perform(&recorded, &replay).is_err() {
            // Whoever looked has gone.
            return Ok(code::WELL);
        }
        let has_steps = args.speed == Speed::Max && recorded.is_timed;
        print(&match in_detail {
            true => view_of::in_detail(&attempt, &replay, has_steps),
            false => view_of::line(&attempt, &replay),
        })?;
    }
    for (name, why) in &left_out {
        tell(&format!("{name}: {why}"));
    }
    tally.left_out = left_out.len();
    if tally.replayed + tally.left_out > 1 {
        print(&view_of::closing(&tally, wish.is_what_if()))?;
    }
    Ok(tally.code(wish.is_what_if()))
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

    /// Whether the time that passes matters.
    const fn has_limits(&self) -> bool {
        self.wall.is_some() || self.silence.is_some() || self.grace.is_some()
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
        let recorded = match (&attempt.log, &attempt.row) {
            (Log::OfRun(dir, name), Some(row)) => Recorded::of_run(dir, name, &row.ending)?,
            (Log::OfRun(dir, name), None) => Recorded::named(&dir.join(&**name))?,
            (Log::Named(path), _) => Recorded::named(path)?,
        };
        let judge = Judge::compile(&attempt.judging);
        let judge = judge.map_err(|error| Failure::Usage(format!("{}: {error}", attempt.name)))?;
        // A log of no run was never judged: whatever is asked of it is a what-if.
        let reaction =
            if self.is_what_if() || attempt.row.is_none() { Reaction::WhatIf } else { Reaction::AsRecorded };
        let replay = recorded.replay(Arc::new(judge), attempt.limits, reaction)?;
        Ok((recorded, replay))
    }
}
