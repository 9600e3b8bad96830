//! What earlier runs have left: which of it stands, which logs are judged again, what has to be run, and from which pass on.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use provisor_actors::fingerprint::{self, Hasher};
use provisor_actors::rundir::RunDir;
use provisor_actors::store::{Fate, PastRow, Store};
use provisor_config::{IdPattern, Lowered};
use provisor_core::Query;
use provisor_core::plan::{Asking, Judging, Reuse};
use provisor_core::replay::Reaction;
use provisor_core::reuse::{
    Asked, AskedPass, Decision, Fingerprint, Prints, ToJudge, Wanted, Why, decide, hold_races, hold_to_needs,
};
use provisor_core::roster::{Place, Rung};
use provisor_core::rules::Judge;
use provisor_core::verdict::Judgement;

use crate::cli::RunArgs;
use crate::failure::Failure;
use crate::recorded::{Ending, Recorded};

/// What is known before a run.
pub(crate) struct Outlook {
    /// For each query of the plan those of its passes. None where the run does not concern it.
    pub(crate) prints: Vec<Box<[Prints]>>,
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
        let is_run = |fate: &Fate| matches!(fate, Fate::Run | Fate::GoOn(_));
        self.fates.iter().enumerate().filter(move |(_, fate)| is_run(fate)).map(|(place, _)| place)
    }

    /// Those of them that do not begin with their first pass.
    pub(crate) fn rungs(&self) -> HashMap<Place, Rung> {
        let rung = |(place, fate): (Place, &Fate)| match fate {
            Fate::GoOn(rung) => Some((place, rung.clone())),
            _ => None,
        };
        (0..).zip(&self.fates).filter_map(rung).collect()
    }

    /// The places of the queries that are asked for and not run.
    pub(crate) fn reused(&self) -> impl Iterator<Item = usize> {
        let stands = |fate: &Fate| matches!(fate, Fate::Keep(_) | Fate::Judge { .. });
        self.fates.iter().enumerate().filter(move |(_, fate)| stands(fate)).map(|(place, _)| place)
    }

    /// How many logs were judged again.
    pub(crate) fn judged(&self) -> usize {
        self.fates.iter().filter(|fate| matches!(fate, Fate::Judge { .. })).count()
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
    let chosen: Vec<_> = job.chosen_queries().collect();
    let mut judge = |log: ToJudge| {
        let judging = chosen.get(log.query)?.asking(log.pass)?.judging;
        judge(judging, dir.path(), past.get(log.row)?)
    };
    let mut decisions = decide(policy, &asked, planned, &rows, complete, &mut judge);
    let places = (0..).zip(&job.plan.queries).zip(&job.chosen);
    let places: Vec<_> = places.filter_map(|(query, chosen)| chosen.then_some(query)).collect();
    hold_races(&places, &asked, &rows, &mut decisions);
    hold_to_needs(&places, &rows, &mut decisions);
    let mut decisions = decisions.into_iter();
    let mut reasons = BTreeMap::new();
    let mut fate = |chosen: &bool| {
        let decision = if *chosen { decisions.next() } else { None };
        decision.map_or(Fate::Untouched, |decision| fate_of(decision, &mut reasons))
    };
    let fates = job.chosen.iter().map(&mut fate).collect();
    Ok(Outlook { prints, fates, past, reasons })
}

fn asked<'a>(job: &'a Lowered, prints: &[Box<[Prints]>], wish: &Wish) -> Vec<Asked<'a>> {
    let chosen = job.plan.queries.iter().zip(prints).zip(&job.chosen).filter(|(_, chosen)| **chosen);
    let asked = chosen.map(|((query, prints), _)| Asked {
        id: &query.id,
        passes: asked_passes(query, prints),
        expect: query.expect.as_deref(),
        wanted: wish.for_query(query),
    });
    asked.collect()
}

/// Each list is made as long as it is: there may be a hundred thousand.
fn asked_passes<'a>(query: &'a Query, prints: &[Prints]) -> Box<[AskedPass<'a>]> {
    let mut passes = Vec::with_capacity(prints.len());
    for ((pass, asking), prints) in query.askings().enumerate().zip(prints) {
        let Asking { name, limits, .. } = asking;
        let only = pass.checked_sub(1).map(|further| query.further[further].only).unwrap_or_default();
        passes.push(AskedPass { name: name.map(|name| &**name), only, prints: *prints, limits: *limits });
    }
    passes.into()
}

fn fate_of(decision: Decision, reasons: &mut BTreeMap<Why, usize>) -> Fate {
    let (why, rung) = match decision {
        Decision::Keep(row) => return Fate::Keep(row),
        Decision::Judge { row, pass, judgement } => return Fate::Judge { row, pass, judgement },
        Decision::Run(why, rung) => (why, rung),
    };
    // What was not run before is not run again.
    if !matches!(why, Why::New | Why::Derived) {
        *reasons.entry(why).or_default() += 1;
    }
    if rung == Rung::default() { Fate::Run } else { Fate::GoOn(rung) }
}

fn prints(job: &Lowered) -> Result<Vec<Box<[Prints]>>, Failure> {
    let mut hasher = Hasher::new();
    let path = std::env::var_os("PATH");
    let mut judgings: BTreeMap<*const Judging, Fingerprint> = BTreeMap::new();
    let mut print = |query: &Query, asking: Asking<'_>| {
        let input = |source| Failure::Input { query: Arc::clone(&query.id), source };
        let command = hasher.asking(asking, &query.inputs, path.as_deref()).map_err(input)?;
        let judging = *judgings
            .entry(Arc::as_ptr(asking.judging))
            .or_insert_with(|| fingerprint::judging(asking.judging));
        Ok::<_, Failure>(Prints { command, judging })
    };
    let mut of_all = |(query, chosen): (&Query, &bool)| {
        let mut prints = Vec::with_capacity(query.passes());
        for asking in query.askings().filter(|_| *chosen) {
            prints.push(print(query, asking)?);
        }
        Ok(prints.into())
    };
    job.plan.queries.iter().zip(&job.chosen).map(&mut of_all).collect()
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

    /// What is asked again and again is asked, whatever it came to.
    fn for_query(&self, query: &Query) -> Wanted {
        match self {
            _ if query.schedule().is_some() => Wanted::Always,
            Self::Failed => Wanted::IfFailed,
            Self::Matching(pattern) if pattern.matches(&query.id) => Wanted::Always,
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
    (outcome.cause_word() == row.past.answer.cause).then_some(outcome.judgement)
}
