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
mod tests {
    use std::time::Duration;

    use super::*;

    fn print(n: u8) -> Fingerprint {
        Fingerprint([n; 32])
    }

    fn past(id: &str, cause: &str, verdict: Option<&str>) -> Past {
        Past {
            id: id.into(),
            fingerprint: print(1),
            judging: print(2),
            cause: cause.into(),
            verdict: verdict.map(Into::into),
            counts: Counts::Ok,
            signalled: false,
            of_machine: false,
            limits: Limits { wall: Some(Duration::from_secs(10)), ..Limits::default() },
            log_is_whole: true,
        }
    }

    fn asked(id: &str) -> Asked<'_> {
        let limits = Limits { wall: Some(Duration::from_secs(10)), ..Limits::default() };
        Asked { id, fingerprint: print(1), judging: print(2), limits, expect: None, wanted: Wanted::AsUsual }
    }

    fn one(policy: Reuse, asked: Asked<'_>, past: Past) -> Decision {
        decide_all(policy, &[asked], &[past], false)[0]
    }

    /// Where all that is planned is asked.
    fn decide_all(policy: Reuse, asked: &[Asked<'_>], past: &[Past], complete: bool) -> Vec<Decision> {
        decide(policy, asked, asked.iter().map(|query| query.id), past, complete)
    }

    #[test]
    fn a_verdict_stands_and_what_has_none_is_run_again() {
        let settle = |cause, verdict| one(Reuse::Conclusive, asked("q"), past("q", cause, verdict));
        assert_eq!(settle("exited", Some("true")), Decision::Keep(0));
        assert_eq!(settle("concluded", Some("reachable")), Decision::Keep(0));
        for cause in ["exited", "cancelled", "deadline", "lost", "not-started", "unreaped"] {
            assert_eq!(settle(cause, None), Decision::Run(Why::Unsettled), "{cause}");
        }
        assert_eq!(settle("cancelled", Some("true")), Decision::Run(Why::Unsettled));
    }

    #[test]
    fn an_unasked_signal_is_run_again_even_with_a_verdict() {
        let row = Past { signalled: true, ..past("q", "exited", Some("true")) };
        assert_eq!(one(Reuse::Conclusive, asked("q"), row.clone()), Decision::Run(Why::Unsettled));
        assert_eq!(one(Reuse::Unfinished, asked("q"), row), Decision::Run(Why::Unsettled));
    }

    #[test]
    fn a_limit_stands_until_it_is_raised() {
        let limits = |wall| Limits { wall, ..Limits::default() };
        let row = past("q", "wall-limit", None);
        let with = |wall| one(Reuse::Conclusive, Asked { limits: limits(wall), ..asked("q") }, row.clone());
        assert_eq!(with(Some(Duration::from_secs(10))), Decision::Keep(0));
        assert_eq!(with(Some(Duration::from_secs(5))), Decision::Keep(0));
        assert_eq!(with(Some(Duration::from_secs(11))), Decision::Run(Why::LimitRaised));
        assert_eq!(with(None), Decision::Run(Why::LimitRaised));
    }

    #[test]
    fn each_limit_stands_until_it_is_raised_itself() {
        let then = Limits {
            wall: Some(Duration::from_secs(10)),
            silence: Some(Duration::from_secs(10)),
            cpu: Some(Duration::from_secs(10)),
            memory: Some(10),
            output: Some(10),
            processes: Some(10),
            ..Limits::default()
        };
        let raised: [(&str, Limits); 6] = [
            ("wall-limit", Limits { wall: Some(Duration::from_secs(11)), ..then }),
            ("silent", Limits { silence: None, ..then }),
            ("cpu-limit", Limits { cpu: Some(Duration::from_secs(11)), ..then }),
            ("memory-limit", Limits { memory: Some(11), ..then }),
            ("output-limit", Limits { output: None, ..then }),
            ("process-limit", Limits { processes: Some(11), ..then }),
        ];
        for (cause, _) in &raised {
            let row = Past { limits: then, ..past("q", cause, None) };
            for (of, limits) in &raised {
                let decided = one(Reuse::Conclusive, Asked { limits: *limits, ..asked("q") }, row.clone());
                let is_its_own = cause == of;
                let expected = if is_its_own { Decision::Run(Why::LimitRaised) } else { Decision::Keep(0) };
                assert_eq!(decided, expected, "{cause}, and {of} raised");
            }
            assert_eq!(one(Reuse::Unfinished, asked("q"), row), Decision::Keep(0), "{cause}");
        }
    }

    #[test]
    fn a_query_that_the_machine_had_no_memory_for_is_run_again() {
        for policy in [Reuse::Conclusive, Reuse::Unfinished] {
            let row = past("q", "memory-limit", None);
            assert_eq!(one(policy, asked("q"), row.clone()), Decision::Run(Why::Unsettled));
            let limits = Limits { memory: Some(10), ..row.limits };
            let query = Asked { limits, ..asked("q") };
            let own = Past { limits, ..row };
            assert_eq!(one(policy, query, own.clone()), Decision::Keep(0));
            let machine = Past { of_machine: true, ..own };
            assert_eq!(
                one(policy, query, machine),
                Decision::Run(Why::Unsettled),
                "its limit was not reached"
            );
        }
    }

    #[test]
    fn a_changed_query_is_run_and_a_renamed_one_is_kept() {
        let changed = Asked { fingerprint: print(9), ..asked("q") };
        assert_eq!(
            one(Reuse::Conclusive, changed, past("q", "exited", Some("true"))),
            Decision::Run(Why::Changed)
        );
        assert_eq!(
            one(Reuse::Conclusive, asked("new-name"), past("q", "exited", Some("true"))),
            Decision::Keep(0)
        );
        assert_eq!(
            one(Reuse::Conclusive, Asked { fingerprint: print(9), ..asked("x") }, past("q", "exited", None)),
            Decision::Run(Why::New)
        );
    }

    #[test]
    fn a_row_that_is_still_asked_under_its_own_name_is_nobody_elses() {
        let decisions = decide_all(
            Reuse::Conclusive,
            &[asked("twin"), asked("q")],
            &[past("q", "exited", Some("true"))],
            false,
        );
        assert_eq!(decisions, [Decision::Run(Why::New), Decision::Keep(0)]);
    }

    #[test]
    fn a_row_of_a_query_that_is_planned_and_not_chosen_is_nobody_elses() {
        let row = past("q", "exited", Some("true"));
        let decisions = decide(Reuse::Conclusive, &[asked("twin")], ["q", "twin"], &[row], false);
        assert_eq!(decisions, [Decision::Run(Why::New)]);
    }

    #[test]
    fn a_renamed_row_is_kept_by_one_query_and_the_last_ones_by_their_order() {
        let rows = ["old", "x/1", "x/2"].map(|id| past(id, "exited", Some("true")));
        let alike = ["y/1", "y/2"].map(asked);
        let decisions = decide_all(Reuse::Conclusive, &alike, &rows, false);
        assert_eq!(decisions, [Decision::Keep(1), Decision::Keep(2)]);
        let decisions = decide_all(Reuse::Conclusive, &alike, &rows[..1], false);
        assert_eq!(decisions, [Decision::Run(Why::New), Decision::Keep(0)]);
    }

    #[test]
    fn changed_rules_judge_the_log_again_unless_a_rule_had_stopped_it_or_it_is_gone() {
        let query = Asked { judging: print(7), ..asked("q") };
        let row = past("q", "exited", Some("true"));
        assert_eq!(one(Reuse::Conclusive, query, row.clone()), Decision::Judge(0));
        assert_eq!(
            one(Reuse::Conclusive, query, past("q", "concluded", Some("true"))),
            Decision::Run(Why::RulesChanged)
        );
        assert_eq!(
            one(Reuse::Conclusive, query, Past { log_is_whole: false, ..row }),
            Decision::Run(Why::RulesChanged)
        );
    }

    #[test]
    fn the_unfinished_policy_takes_up_an_interrupted_run_and_starts_a_complete_one_anew() {
        let rows = [past("a", "exited", None), past("b", "cancelled", None)];
        let both = [asked("a"), asked("b")];
        assert_eq!(
            decide_all(Reuse::Unfinished, &both, &rows, false),
            [Decision::Keep(0), Decision::Run(Why::Unsettled)]
        );
        assert_eq!(
            decide_all(Reuse::Unfinished, &both[..1], &rows[..1], true),
            [Decision::Run(Why::Complete)]
        );
        assert_eq!(decide_all(Reuse::Unfinished, &both[..1], &rows[..1], false), [Decision::Keep(0)]);
    }

    #[test]
    fn whoever_asks_gets_it() {
        let wanted = |wanted, expect| {
            let query = Asked { wanted, expect, ..asked("q") };
            one(Reuse::Conclusive, query, past("q", "exited", Some("true")))
        };
        assert_eq!(wanted(Wanted::Always, None), Decision::Run(Why::Asked));
        assert_eq!(wanted(Wanted::IfFailed, None), Decision::Keep(0));
        assert_eq!(wanted(Wanted::IfFailed, Some("true")), Decision::Keep(0));
        assert_eq!(
            wanted(Wanted::IfFailed, Some("false")),
            Decision::Run(Why::Asked),
            "by what is expected now"
        );
        assert_eq!(
            one(Reuse::Never, asked("q"), past("q", "exited", Some("true"))),
            Decision::Run(Why::Asked)
        );
    }
}
