//! Which finished queries of earlier runs stand, which are judged again, and which are run, each with its reason.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cause;
use crate::plan::{Limits, Reuse};
use crate::verdict::Counts;

/// A hash of everything that a query's result depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 32]);

/// What is asked now.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The query's id.
    pub id: &'a str,
    /// Of the command and all that it reads.
    pub fingerprint: Fingerprint,
    /// Of its rules and preset.
    pub judging: Fingerprint,
    /// Its limits now.
    pub limits: Limits,
    /// The verdict that is expected of it now.
    pub expect: Option<&'a str>,
    /// The user wants it to be run whatever is known (`--rerun`).
    pub wanted: Wanted,
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

/// The last row of a query in an earlier run.
#[derive(Clone, Debug)]
pub struct Past {
    /// The id that it had.
    pub id: Arc<str>,
    /// Of the command and all that it read.
    pub fingerprint: Fingerprint,
    /// Of the rules and preset that judged it.
    pub judging: Fingerprint,
    /// The word of its cause.
    pub cause: Arc<str>,
    /// Its verdict.
    pub verdict: Option<Arc<str>>,
    /// What the verdict counts as.
    pub counts: Counts,
    /// It was killed by a signal.
    pub signalled: bool,
    /// What it had reached was the machine's end of memory, and no limit of its own.
    pub of_machine: bool,
    /// Its limits then.
    pub limits: Limits,
    /// Its whole output is kept, with the streams told apart.
    pub log_is_whole: bool,
}

impl Past {
    /// Whether it ended as one hopes who expects this: what was hoped for then does not matter.
    #[must_use]
    pub fn is_well(&self, expected: Option<&str>) -> bool {
        cause::is_well(&self.cause, self.verdict.as_deref(), self.counts, expected)
    }
}

/// Why a query is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Why {
    /// It has never been done.
    New,
    /// The command, its environment, its inputs or the tool have changed.
    Changed,
    /// It ended without a verdict, or not by itself.
    Unsettled,
    /// The limit that stopped it was raised.
    LimitRaised,
    /// The rules have changed, and its output cannot be judged again.
    RulesChanged,
    /// The earlier run was complete, and this policy starts anew then.
    Complete,
    /// The user wants it.
    Asked,
}

/// What becomes of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The row at this place among the past ones stands.
    Keep(usize),
    /// The log of the row at this place is judged by the new rules.
    Judge(usize),
    /// It is run.
    Run(Why),
}

/// Decides for every query that is asked. `planned`: the ids of the whole plan, of which only some may be asked.
/// `complete`: the last run left nothing undone (and the user did not name what to run again).
#[must_use]
pub fn decide<'a>(
    policy: Reuse,
    asked: &[Asked<'_>],
    planned: impl IntoIterator<Item = &'a str>,
    past: &[Past],
    complete: bool,
) -> Vec<Decision> {
    if policy == Reuse::Unfinished && complete {
        return vec![Decision::Run(Why::Complete); asked.len()];
    }
    let by_id: HashMap<&str, usize> = past.iter().enumerate().map(|(at, row)| (&*row.id, at)).collect();
    let mut renamed = Renamed::of(past, &planned.into_iter().collect());
    let decide = |query: &Asked<'_>| {
        let at = by_id.get(query.id).copied().or_else(|| renamed.claim(query.fingerprint));
        at.map_or(Decision::Run(Why::New), |at| decide_one(policy, query, &past[at], at))
    };
    // From the end, where the latest rows are; so those that are alike keep their order, too.
    let mut decisions: Vec<_> = asked.iter().rev().map(decide).collect();
    decisions.reverse();
    decisions
}

/// Rows whose ids the plan does not have any more, by their content. Each is one query's: a measurement that is asked for
/// three times is three measurements.
struct Renamed(HashMap<Fingerprint, Vec<usize>>);

impl Renamed {
    fn of(past: &[Past], planned: &HashSet<&str>) -> Self {
        let mut rows: HashMap<_, Vec<_>> = HashMap::new();
        for (at, row) in past.iter().enumerate().filter(|(_, row)| !planned.contains(&*row.id)) {
            rows.entry(row.fingerprint).or_default().push(at);
        }
        Self(rows)
    }

    /// Takes the last one of this content.
    fn claim(&mut self, content: Fingerprint) -> Option<usize> {
        self.0.get_mut(&content)?.pop()
    }
}

fn decide_one(policy: Reuse, query: &Asked<'_>, past: &Past, at: usize) -> Decision {
    let asked_for = match query.wanted {
        Wanted::Always => true,
        Wanted::IfFailed => !past.is_well(query.expect),
        Wanted::AsUsual => policy == Reuse::Never,
    };
    if asked_for {
        return Decision::Run(Why::Asked);
    }
    if past.fingerprint != query.fingerprint {
        return Decision::Run(Why::Changed);
    }
    let settled = match policy {
        Reuse::Conclusive => is_conclusive(past, query.limits),
        Reuse::Unfinished | Reuse::Never => is_finished(past),
    };
    if let Err(why) = settled {
        return Decision::Run(why);
    }
    if past.judging == query.judging {
        Decision::Keep(at)
    } else if past.log_is_whole && &*past.cause != "concluded" {
        Decision::Judge(at)
    } else {
        Decision::Run(Why::RulesChanged)
    }
}

/// More time or another try would not change it.
fn is_conclusive(past: &Past, now: Limits) -> Result<(), Why> {
    match &*past.cause {
        "exited" | "concluded" if past.verdict.is_some() && !unasked_signal(past) => Ok(()),
        "wall-limit" => is_not_raised(past.limits.wall, now.wall),
        "silent" => is_not_raised(past.limits.silence, now.silence),
        "cpu-limit" => is_not_raised(past.limits.cpu, now.cpu),
        "memory-limit" if was_short_of_machine(past) => Err(Why::Unsettled),
        "memory-limit" => is_not_raised(past.limits.memory, now.memory),
        "output-limit" => is_not_raised(past.limits.output, now.output),
        "process-limit" => is_not_raised(past.limits.processes, now.processes),
        _ => Err(Why::Unsettled),
    }
}

/// It came to an end of its own, whatever it was worth.
fn is_finished(past: &Past) -> Result<(), Why> {
    match &*past.cause {
        "exited" if unasked_signal(past) => Err(Why::Unsettled),
        "memory-limit" if was_short_of_machine(past) => Err(Why::Unsettled),
        "exited" | "concluded" | "wall-limit" | "silent" | "cpu-limit" | "memory-limit" | "output-limit"
        | "process-limit" => Ok(()),
        _ => Err(Why::Unsettled),
    }
}

/// It was the machine's memory that did not do, which may be another time's.
fn was_short_of_machine(past: &Past) -> bool {
    past.of_machine || past.limits.memory.is_none()
}

fn unasked_signal(past: &Past) -> bool {
    past.signalled && &*past.cause == "exited"
}

fn is_not_raised<T: Ord>(then: Option<T>, now: Option<T>) -> Result<(), Why> {
    match (then, now) {
        (Some(then), Some(now)) if now <= then => Ok(()),
        _ => Err(Why::LimitRaised),
    }
}

#[cfg(test)]
mod tests;
