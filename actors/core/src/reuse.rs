//! Which finished queries of earlier runs stand, which are judged again, which go on with a later pass, and which are run,
//! each with its reason.

mod needs;
mod races;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::needs::hold_to_needs;
pub use self::races::hold_races;
use crate::answer::Answer;
use crate::cause::{Cause, is_limited, is_own_end};
use crate::plan::{Limits, Only, Reuse};
use crate::roster::{Rung, Said};
use crate::verdict::Judgement;

/// A hash of everything that a query's result depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 32]);

/// The fingerprints of one pass of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prints {
    /// Of the command and all that it reads.
    pub command: Fingerprint,
    /// Of its rules and preset.
    pub judging: Fingerprint,
}

/// What is asked now.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The query's id.
    pub id: &'a str,
    /// How it is asked, pass by pass; at least one.
    pub passes: Box<[AskedPass<'a>]>,
    /// The verdict that is expected of it now.
    pub expect: Option<&'a str>,
    /// The user wants it to be run whatever is known (`--rerun`).
    pub wanted: Wanted,
}

/// How it is asked now in one of its passes.
#[derive(Clone, Copy, Debug)]
pub struct AskedPass<'a> {
    /// What the pass is called, where there are several.
    pub name: Option<&'a str>,
    /// What the pass before must have come to; means nothing of the first one.
    pub only: Only,
    /// Of what is asked and how it is read.
    pub prints: Prints,
    /// Its limits.
    pub limits: Limits,
}

/// What the user asked for on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What the reuse policy says.
    AsUsual,
    /// Run it if it did not end well.
    IfFailed,
    /// Run it.
    Always,
}

/// What earlier runs know of a query: its row, or an attempt before it that was followed by the next pass.
#[derive(Clone, Debug)]
pub struct Past {
    /// The id that it had.
    pub id: Arc<str>,
    /// It is the query's row.
    pub stands: bool,
    /// What its pass was called, where there were several.
    pub pass: Option<Arc<str>>,
    /// Of what was asked, and of what judged it.
    pub prints: Prints,
    /// What it came to.
    pub answer: Answer,
    /// Its limits then.
    pub limits: Limits,
    /// Its whole output is kept, with the streams told apart.
    pub log_is_whole: bool,
}

/// Why a query is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Why {
    /// It has never been done.
    New,
    /// It was known without having been run: that is decided anew.
    Derived,
    /// The command, its environment, its inputs or the tool have changed.
    Changed,
    /// It ended without a verdict, or not by itself.
    Unsettled,
    /// A further pass follows.
    NextPass,
    /// The limit that stopped it was raised.
    LimitRaised,
    /// The rules have changed, and its output cannot be judged again.
    RulesChanged,
    /// The earlier run was complete, and this policy starts anew then.
    Complete,
    /// The user wants it.
    Asked,
    /// What it rests on is asked again, or has come to something else by now.
    NeedsOther,
}

/// What becomes of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The row at this place among the past ones stands.
    Keep(usize),
    /// It stands, as one of this pass counted from 0, with what the rules of today say of its log.
    Judge {
        /// The row's place among the past ones.
        row: usize,
        /// The pass.
        pass: usize,
        /// What they say.
        judgement: Box<Judgement>,
    },
    /// It is run, from this pass on.
    Run(Why, Rung),
}

/// A log that is to be judged by other rules than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToJudge {
    /// Of the row at this place among the past ones.
    pub row: usize,
    /// The query by whose rules, by its place among those that are asked.
    pub query: usize,
    /// The pass of it, counted from 0.
    pub pass: usize,
}

/// Decides for every query that is asked. `planned`: the ids of the whole plan, of which only some may be asked.
/// `past`: those of a query in the order of its attempts. `complete`: the last run left nothing undone (and the user did
/// not name what to run again). `judge`: what a log says by today's rules, `None` where it is gone.
#[must_use]
pub fn decide<'a>(
    policy: Reuse,
    asked: &[Asked<'_>],
    planned: impl IntoIterator<Item = &'a str>,
    past: &[Past],
    complete: bool,
    judge: &mut dyn FnMut(ToJudge) -> Option<Judgement>,
) -> Vec<Decision> {
    if policy == Reuse::Unfinished && complete {
        return vec![Decision::Run(Why::Complete, Rung::default()); asked.len()];
    }
    let mut by_id: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, row) in past.iter().enumerate() {
        by_id.entry(&row.id).or_default().push(at);
    }
    let mut renamed = Renamed::of(past, &planned.into_iter().collect());
    let decide = |(place, query): (usize, &Asked<'_>)| {
        let rows = by_id.remove(query.id).or_else(|| Some(vec![renamed.claim(query)?]));
        let history = History { past, rows: rows.unwrap_or_default() };
        history.decide(policy, query, &mut |row, pass| judge(ToJudge { row, query: place, pass }))
    };
    // From the end, where the latest rows are; so those that are alike keep their order, too.
    let mut decisions: Vec<_> = asked.iter().enumerate().rev().map(decide).collect();
    decisions.reverse();
    decisions
}

/// Rows whose ids the plan does not have any more, by their content. Each is one query's: a measurement that is asked for
/// three times is three measurements.
struct Renamed(HashMap<Fingerprint, Vec<usize>>);

impl Renamed {
    fn of(past: &[Past], planned: &HashSet<&str>) -> Self {
        let mut rows: HashMap<_, Vec<_>> = HashMap::new();
        let is_free = |row: &Past| row.stands && !row.answer.is_derived() && !planned.contains(&*row.id);
        for (at, row) in past.iter().enumerate().filter(|(_, row)| is_free(row)) {
            rows.entry(row.prints.command).or_default().push(at);
        }
        Self(rows)
    }

    /// Takes the last one of this content, of the last pass that has one.
    fn claim(&mut self, query: &Asked<'_>) -> Option<usize> {
        query.passes.iter().rev().find_map(|pass| self.0.get_mut(&pass.prints.command)?.pop())
    }
}

/// All that is known of one query, in the order of its attempts.
struct History<'a> {
    past: &'a [Past],
    rows: Vec<usize>,
}

/// What one of its rows is worth now.
enum Worth {
    /// It stands, judged again or as it is.
    Stands(Option<Judgement>),
    /// The next pass follows, and this one has said so.
    IsFollowed(Option<Arc<str>>),
}

/// What the log of this row says by the rules of this pass.
type Judging<'a> = &'a mut dyn FnMut(usize, usize) -> Option<Judgement>;

impl History<'_> {
    fn decide(&self, policy: Reuse, query: &Asked<'_>, judge: Judging<'_>) -> Decision {
        let anew = |why| Decision::Run(why, Rung::default());
        let Some(&last) = self.rows.last() else { return anew(Why::New) };
        let latest = &self.past[last];
        let ended_ill = latest.stands && !latest.answer.is_derived() && !latest.answer.is_well(query.expect);
        let asked_for = match query.wanted {
            Wanted::Always => true,
            Wanted::IfFailed => ended_ill,
            Wanted::AsUsual => policy == Reuse::Never,
        };
        if asked_for {
            return anew(Why::Asked);
        }
        let mut why = None;
        for (pass, at) in self.of_passes(query) {
            match self.worth(policy, query, pass, at, judge) {
                Ok(Worth::Stands(None)) => return Decision::Keep(at),
                Ok(Worth::Stands(Some(judgement))) => {
                    return Decision::Judge { row: at, pass, judgement: Box::new(judgement) };
                }
                Ok(Worth::IsFollowed(verdict)) => {
                    let rung = Rung { pass: pass + 1, said: self.said(query, pass, verdict) };
                    return Decision::Run(why.unwrap_or(Why::NextPass), rung);
                }
                // What is said is why the latest one does not stand.
                Err(worthless) if at == last => drop(why.get_or_insert(worthless)),
                Err(_) => {}
            }
        }
        let is_derived = self.rows.iter().all(|at| self.past[*at].answer.is_derived());
        anew(why.unwrap_or(if is_derived { Why::Derived } else { Why::Changed }))
    }

    /// Each pass with the rows that may be its own: the last pass first, and of each the last row.
    fn of_passes(&self, query: &Asked<'_>) -> impl Iterator<Item = (usize, usize)> {
        let passes = (0..query.passes.len()).rev();
        passes.flat_map(move |pass| self.of_pass(query, pass).map(move |at| (pass, at)))
    }

    /// What was asked in the same way is one of this pass, unless it is known as one of an earlier pass.
    fn of_pass(&self, query: &Asked<'_>, pass: usize) -> impl Iterator<Item = usize> {
        let is_own = move |at: &usize| {
            let row = &self.past[*at];
            let named = |name: &str| query.passes.iter().position(|pass| pass.name == Some(name));
            row.prints.command == query.passes[pass].prints.command
                && !row.answer.is_derived()
                && row.pass.as_deref().and_then(named).is_none_or(|named| named >= pass)
        };
        self.rows.iter().rev().copied().filter(is_own)
    }

    fn worth(
        &self,
        policy: Reuse,
        query: &Asked<'_>,
        pass: usize,
        at: usize,
        judge: Judging<'_>,
    ) -> Result<Worth, Why> {
        let (row, now) = (&self.past[at], &query.passes[pass]);
        let next = query.passes.get(pass + 1).filter(|_| !is_raised(row, now.limits));
        let is_followed =
            |answer: &Answer| next.is_some_and(|next| answer.is_followed(next.only, query.expect));
        if !is_followed(&row.answer) {
            is_settled(policy, row, &row.answer, now.limits)?;
        }
        let judgement = match row.prints.judging == now.prints.judging {
            true => None,
            false if row.log_is_whole && row.answer.cause != Cause::Concluded.word() => {
                Some(judge(at, pass).ok_or(Why::RulesChanged)?)
            }
            false => return Err(Why::RulesChanged),
        };
        let answer =
            judgement.as_ref().map_or_else(|| row.answer.clone(), |judgement| row.answer.judged(judgement));
        if is_followed(&answer) {
            return Ok(Worth::IsFollowed(answer.verdict));
        }
        // By the rules then it was settled, or followed; by those of today it may be neither.
        if is_followed(&row.answer) {
            is_settled(policy, row, &answer, now.limits)?;
        }
        Ok(Worth::Stands(judgement))
    }

    /// What was said by the last pass that has said anything, up to this one, whose verdict this is.
    fn said(&self, query: &Asked<'_>, pass: usize, verdict: Option<Arc<str>>) -> Option<Said> {
        let of = |pass: usize, verdict| Said { pass: query.passes[pass].name.map(Into::into), verdict };
        let before = |pass| {
            let mut verdicts =
                self.of_pass(query, pass).filter_map(|at| self.past[at].answer.verdict.clone());
            verdicts.next().map(|verdict| of(pass, verdict))
        };
        verdict.map(|verdict| of(pass, verdict)).or_else(|| (0..pass).rev().find_map(before))
    }
}

fn is_settled(policy: Reuse, row: &Past, answer: &Answer, now: Limits) -> Result<(), Why> {
    match policy {
        Reuse::Conclusive => is_conclusive(row, answer, now),
        Reuse::Unfinished | Reuse::Never => is_finished(row, answer),
    }
}

/// More time or another try would not change it.
fn is_conclusive(row: &Past, answer: &Answer, now: Limits) -> Result<(), Why> {
    match answer.cause {
        "exited" | "concluded" if answer.verdict.is_some() && !unasked_signal(answer) => Ok(()),
        // As long as another one's answer stands, which is looked at afterwards.
        "outrun" => Ok(()),
        "memory-limit" if was_short_of_machine(row) => Err(Why::Unsettled),
        limit if is_limited(limit) && is_raised(row, now) => Err(Why::LimitRaised),
        limit if is_limited(limit) => Ok(()),
        _ => Err(Why::Unsettled),
    }
}

/// It came to an end of its own, whatever it was worth.
fn is_finished(row: &Past, answer: &Answer) -> Result<(), Why> {
    match answer.cause {
        "exited" if unasked_signal(answer) => Err(Why::Unsettled),
        "outrun" => Ok(()),
        "memory-limit" if was_short_of_machine(row) => Err(Why::Unsettled),
        cause if is_own_end(cause) || is_limited(cause) => Ok(()),
        _ => Err(Why::Unsettled),
    }
}

/// It was the machine's memory that did not do, which may be another time's.
fn was_short_of_machine(row: &Past) -> bool {
    row.answer.of_machine || row.limits.memory.is_none()
}

fn unasked_signal(answer: &Answer) -> bool {
    answer.signalled && answer.cause == Cause::Exited.word()
}

/// Whether the limit that it has reached is higher now, or there is none any more.
fn is_raised(row: &Past, now: Limits) -> bool {
    fn is_raised<T: Ord>(then: Option<T>, now: Option<T>) -> bool {
        !matches!((then, now), (Some(then), Some(now)) if now <= then)
    }
    let then = row.limits;
    match row.answer.cause {
        "wall-limit" => is_raised(then.wall, now.wall),
        "silent" => is_raised(then.silence, now.silence),
        "cpu-limit" => is_raised(then.cpu, now.cpu),
        "memory-limit" => is_raised(then.memory, now.memory),
        "output-limit" => is_raised(then.output, now.output),
        "process-limit" => is_raised(then.processes, now.processes),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
