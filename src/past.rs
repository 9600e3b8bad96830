//! What earlier runs have left: which of it stands, which logs are judged again, and what has to be run.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use provisor_actors::fingerprint::{self, Hasher};
use provisor_actors::rundir::RunDir;
use provisor_actors::store::{Fate, PastRow, Store};
use provisor_config::{IdPattern, Lowered};
use provisor_core::Query;
use provisor_core::plan::{Judging, Reuse};
use provisor_core::replay::Reaction;
use provisor_core::reuse::{Asked, Decision, Fingerprint, Wanted, Why, decide};
use provisor_core::rules::Judge;
use provisor_core::verdict::Judgement;

use crate::cli::RunArgs;
use crate::failure::Failure;
use crate::recorded::{Ending, Recorded};

/// What is known before a run.
pub(crate) struct Outlook {
    /// For each query of the plan: of its command, and of its judging. Zeros where the run does not concern it.
    pub(crate) prints: Vec<(Fingerprint, Fingerprint)>,
    /// For each query of the plan.
    pub(crate) fates: Vec<Fate>,
    /// The rows that the fates speak of.
    pub(crate) past: Vec<PastRow>,
    /// Why queries are run that were done before, and how many.
    pub(crate) reasons: BTreeMap<Why, usize>,
}

impl Outlook {
    /// The places of the queries that are run.
    pub(crate) fn todo(&self) -> impl Iterator<Item = usize> {
        self.fates.iter().enumerate().filter(|(_, fate)| matches!(fate, Fate::Run)).map(|(place, _)| place)
    }

    /// The places of the queries that are asked for and not run.
    pub(crate) fn reused(&self) -> impl Iterator<Item = usize> {
        let stands = |fate: &Fate| matches!(fate, Fate::Keep(_) | Fate::Judge(..));
        self.fates.iter().enumerate().filter(move |(_, fate)| stands(fate)).map(|(place, _)| place)
    }

    /// How many logs were judged again.
    pub(crate) fn judged(&self) -> usize {
        self.fates.iter().filter(|fate| matches!(fate, Fate::Judge(..))).count()
    }
}

/// Looks at the store, the inputs and the logs, and decides.
pub(crate) fn look(job: &Lowered, store: &Store, dir: &RunDir, args: &RunArgs) -> Result<Outlook, Failure> {
    let past = store.past()?;
    let prints = prints(job)?;
    let wish = Wish::of(args)?;
    wish.check(job)?;
    let asked = asked(job, &prints, &wish);
    let policy = if args.fresh { Reuse::Never } else { job.plan.reuse };
    let complete = store.last_run_complete()? && args.rerun.is_none();
    let rows: Vec<_> = past.iter().map(|row| row.past.clone()).collect();
    let planned = job.plan.queries.iter().map(|query| &*query.id);
    let mut decisions = decide(policy, &asked, planned, &rows, complete).into_iter();
    let mut reasons = BTreeMap::new();
    let mut fate = |(query, chosen): (&Query, &bool)| {
        let decision = if *chosen { decisions.next() } else { None };
        match decision {
            None => Fate::Untouched,
            Some(decision) => fate_of(decision, query, &past, dir, &mut reasons),
        }
    };
    let fates = job.plan.queries.iter().zip(&job.chosen).map(&mut fate).collect();
    Ok(Outlook { prints, fates, past, reasons })
}

fn asked<'a>(job: &'a Lowered, prints: &[(Fingerprint, Fingerprint)], wish: &Wish) -> Vec<Asked<'a>> {
    let chosen = job.plan.queries.iter().zip(prints).zip(&job.chosen).filter(|(_, chosen)| **chosen);
    let asked = chosen.map(|((query, (fingerprint, judging)), _)| Asked {
        id: &query.id,
        fingerprint: *fingerprint,
        judging: *judging,
        limits: query.limits,
        expect: query.expect.as_deref(),
        wanted: wish.for_id(&query.id),
    });
    asked.collect()
}

/// A log that turns out to be gone makes its query run after all.
fn fate_of(
    decision: Decision,
    query: &Query,
    past: &[PastRow],
    dir: &RunDir,
    reasons: &mut BTreeMap<Why, usize>,
) -> Fate {
    let judged = match decision {
        Decision::Keep(at) => return Fate::Keep(at),
        Decision::Judge(at) => judge(&query.judging, dir.path(), &past[at]).map(|judgement| (at, judgement)),
        Decision::Run(_) => None,
    };
    if let Some((at, judgement)) = judged {
        return Fate::Judge(at, Box::new(judgement));
    }
    match decision {
        Decision::Run(Why::New) => {}
        Decision::Run(why) => *reasons.entry(why).or_default() += 1,
        Decision::Keep(_) | Decision::Judge(_) => *reasons.entry(Why::RulesChanged).or_default() += 1,
    }
    Fate::Run
}

fn prints(job: &Lowered) -> Result<Vec<(Fingerprint, Fingerprint)>, Failure> {
    let mut hasher = Hasher::new();
    let path = std::env::var_os("PATH");
    let mut judgings: BTreeMap<*const Judging, Fingerprint> = BTreeMap::new();
    let mut print = |(query, chosen): (&Query, &bool)| {
        if !chosen {
            return Ok((Fingerprint([0; 32]), Fingerprint([0; 32])));
        }
        let input = |source| Failure::Input { query: Arc::clone(&query.id), source };
        let command = hasher.query(query, path.as_deref()).map_err(input)?;
        let judging = *judgings
            .entry(Arc::as_ptr(&query.judging))
            .or_insert_with(|| fingerprint::judging(&query.judging));
        Ok((command, judging))
    };
    job.plan.queries.iter().zip(&job.chosen).map(&mut print).collect()
}

/// What `--rerun` asks for.
enum Wish {
    Nothing,
    Failed,
    Matching(IdPattern),
}

impl Wish {
    fn of(args: &RunArgs) -> Result<Self, Failure> {
        match args.rerun.as_deref() {
            None => Ok(Self::Nothing),
            Some("failed") => Ok(Self::Failed),
            Some(glob) => {
                let pattern = IdPattern::new(glob);
                pattern.map(Self::Matching).map_err(|error| Failure::Usage(format!("--rerun: {error}")))
            }
        }
    }

    /// A pattern that matches nothing is a slip of the pen, and nothing is run for it.
    fn check(&self, job: &Lowered) -> Result<(), Failure> {
        match self {
            Self::Matching(pattern) if !job.chosen_queries().any(|query| pattern.matches(&query.id)) => {
                Err(Failure::Usage("--rerun: no query matches; `provisor plan` shows their ids".into()))
            }
            _ => Ok(()),
        }
    }

    fn for_id(&self, id: &str) -> Wanted {
        match self {
            Self::Failed => Wanted::IfFailed,
            Self::Matching(pattern) if pattern.matches(id) => Wanted::Always,
            Self::Nothing | Self::Matching(_) => Wanted::AsUsual,
        }
    }
}

/// What the log of an earlier attempt says by today's rules, which stop nothing any more.
fn judge(judging: &Judging, dir: &Path, row: &PastRow) -> Option<Judgement> {
    let ending = Ending { cause: row.cause, exit: row.exit, wall: row.wall };
    let recorded = Recorded::of_run(dir, row.log.as_deref()?, &ending).ok()?;
    // A log or a timing that has lost its end, in a power cut or since, would be judged to something else.
    let is_all =
        recorded.log.len() as u64 == row.printed.all() && recorded.recording.printed() == row.printed;
    let recorded = is_all.then_some(recorded)?;
    let judge = Arc::new(Judge::compile(judging).ok()?);
    let outcome = recorded.replay(judge, row.past.limits, Reaction::AsRecorded).ok()?.outcome;
    (outcome.cause_word() == &*row.past.cause).then_some(outcome.judgement)
}
