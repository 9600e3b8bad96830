//! What stands of races: whoever was outrun has no answer of its own, and another one's stands for it.

use std::collections::HashSet;

use super::{Asked, Decision, Past, Wanted, Why};
use crate::cause::Cause;
use crate::plan::Query;
use crate::portfolio::race_of;
use crate::roster::{Place, Rung};

/// A race is asked as one: all of it anew where the user wants one of its queries to be run, and nothing of it for those that have
/// not ended well while an answer of another stands. `queries` and `asked`: those of these decisions, in the same order.
pub fn hold_races(
    queries: &[(Place, &Query)],
    asked: &[Asked<'_>],
    past: &[Past],
    decisions: &mut [Decision],
) {
    let race = |at: usize| race_of(queries[at].1);
    let anew: HashSet<u32> =
        (0..asked.len()).filter(|at| asked[*at].wanted == Wanted::Always).filter_map(race).collect();
    let won = won(queries, past, decisions);
    for at in 0..asked.len() {
        let Some(race) = race(at) else { continue };
        if anew.contains(&race) {
            decisions[at] = Decision::Run(Why::Asked, Rung::default());
        } else if asked[at].wanted == Wanted::IfFailed
            && won.contains(&race)
            && matches!(decisions[at], Decision::Run(Why::Asked, _))
        {
            let last = past.iter().rposition(|row| *row.id == *asked[at].id && row.stands);
            let is_same = |row: &usize| {
                let print = past[*row].prints;
                asked[at].passes.iter().any(|pass| pass.prints == print)
            };
            decisions[at] = last.filter(is_same).map_or(decisions[at].clone(), Decision::Keep);
        }
    }
}

/// The races of which an answer stands that settles them.
pub(super) fn won(queries: &[(Place, &Query)], past: &[Past], decisions: &[Decision]) -> HashSet<u32> {
    let settles = |((_, query), decision): (&(Place, &Query), &Decision)| {
        let race = race_of(query)?;
        let expected = query.expect.as_deref();
        let is_settled = match decision {
            Decision::Keep(row) => past[*row].answer.settles(expected),
            Decision::Judge { row, judgement, .. } => past[*row].answer.judged(judgement).settles(expected),
            Decision::Run(..) => false,
        };
        is_settled.then_some(race)
    };
    queries.iter().zip(decisions).filter_map(settles).collect()
}

/// Whether what stands of it is that another one was faster.
pub(super) fn is_outrun(decision: &Decision, past: &[Past]) -> bool {
    match decision {
        Decision::Keep(row) | Decision::Judge { row, .. } => past[*row].answer.cause == Cause::Outrun.word(),
        Decision::Run(..) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::hold_to_needs;
    use super::super::tests::{asked, past};
    use super::*;
    use crate::plan::{Command, Condition, Need};

    /// The first two race, and the third one comes after both. What is decided of them, where these are the rows of the race.
    fn held(rows: [Past; 2], decisions: [Decision; 2], wanted: [Wanted; 2]) -> [Decision; 3] {
        let query = |name: &'static str| Query::new(name, Command::new(["x"]));
        let well = |query| Need { query, condition: Condition::Well };
        let queries = [
            query("a").entrant_of(7),
            query("b").entrant_of(7),
            Query { needs: [well(0), well(1)].into(), ..query("c") },
        ];
        let queries: Vec<_> = (0..).zip(&queries).collect();
        let wanted = wanted.into_iter().chain([Wanted::AsUsual]);
        let asked: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .zip(wanted)
            .map(|(id, wanted)| Asked { wanted, ..asked(id) })
            .collect();
        let [a, b] = rows;
        let past = [a, b, past("c", "exited", Some("ok"))];
        let [first, second] = decisions;
        let mut decisions = [first, second, Decision::Keep(2)];
        hold_races(&queries, &asked, &past, &mut decisions);
        hold_to_needs(&queries, &past, &mut decisions);
        decisions
    }

    const KEPT: [Decision; 2] = [Decision::Keep(0), Decision::Keep(1)];

    fn run(why: Why) -> Decision {
        Decision::Run(why, Rung::default())
    }

    #[test]
    fn who_was_outrun_is_kept_as_long_as_an_answer_of_its_race_stands() {
        let usual = [Wanted::AsUsual; 2];
        let rows = |cause, verdict| [past("a", cause, verdict), past("b", "outrun", None)];
        assert_eq!(held(rows("exited", Some("ok")), KEPT, usual), [0, 1, 2].map(Decision::Keep));
        let all = [Decision::Keep(0), run(Why::NeedsOther), run(Why::NeedsOther)];
        for (cause, verdict) in [("exited", None), ("wall-limit", Some("ok")), ("outrun", None)] {
            let held = held(rows(cause, verdict), KEPT, usual);
            assert_eq!(held[1..], all[1..], "{cause} {verdict:?}");
        }
        let changed = held(rows("exited", Some("ok")), [run(Why::Changed), Decision::Keep(1)], usual);
        assert_eq!(changed, [run(Why::Changed), run(Why::NeedsOther), run(Why::NeedsOther)]);
    }

    #[test]
    fn who_was_outrun_and_races_no_more_is_run() {
        let query = Query::new("b", Command::new(["x"]));
        let mut decisions = [Decision::Keep(0)];
        hold_to_needs(&[(0, &query)], &[past("b", "outrun", None)], &mut decisions);
        assert_eq!(decisions, [run(Why::NeedsOther)]);
    }

    #[test]
    fn a_race_of_which_one_is_wanted_again_is_asked_anew() {
        let rows = || [past("a", "exited", Some("ok")), past("b", "outrun", None)];
        let anew = [run(Why::Asked), run(Why::Asked), run(Why::NeedsOther)];
        let wanted = [Wanted::AsUsual, Wanted::Always];
        assert_eq!(held(rows(), [Decision::Keep(0), run(Why::Asked)], wanted), anew);
    }

    #[test]
    fn who_has_failed_in_a_race_that_is_won_is_not_asked_again() {
        let failed = [Wanted::IfFailed; 2];
        let rows = |other| [past("a", "exited", Some(other)), past("b", "exited", None)];
        let decisions = || [Decision::Keep(0), run(Why::Asked)];
        assert_eq!(held(rows("ok"), decisions(), failed)[..2], [Decision::Keep(0), Decision::Keep(1)]);
        let open = [rows("ok")[1].clone(), rows("ok")[1].clone()];
        assert_eq!(
            held(open, [run(Why::Asked), run(Why::Asked)], failed)[..2],
            [run(Why::Asked), run(Why::Asked)]
        );
    }
}
