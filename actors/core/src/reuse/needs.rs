//! What rests on others stands only as long as they do.

use std::collections::HashMap;

use super::{Decision, Past, Why, races};
use crate::plan::{Need, Query};
use crate::portfolio::race_of;
use crate::roster::{Place, Rung};

/// Lets those be run again that need something which does not stand, or came to something else than they need: it was taken
/// for granted when they were measured. So it is with those that were outrun: by an answer that stands. `asked`: the queries of
/// these decisions, in the same order.
pub fn hold_to_needs(asked: &[(Place, &Query)], past: &[Past], decisions: &mut [Decision]) {
    let nobody_needs = asked.iter().all(|(_, query)| query.needs.is_empty());
    if nobody_needs && !decisions.iter().any(|decision| races::is_outrun(decision, past)) {
        return;
    }
    let at: HashMap<Place, usize> = asked.iter().enumerate().map(|(at, (place, _))| (*place, at)).collect();
    loop {
        let is_met = |need: &Need| {
            at.get(&need.query)
                .is_some_and(|&at| meets(&decisions[at], past, need, asked[at].1.expect.as_deref()))
        };
        let won = races::won(asked, past, decisions);
        let was_outrun = |at: usize| races::is_outrun(&decisions[at], past);
        let loose = |(at, (_, query)): (usize, &(Place, &Query))| {
            let stands = !matches!(decisions[at], Decision::Run(..));
            let is_won = || race_of(query).is_some_and(|race| won.contains(&race));
            let rests = query.needs.iter().all(is_met) && (!was_outrun(at) || is_won());
            (stands && !rests).then_some(at)
        };
        let loose: Vec<_> = asked.iter().enumerate().filter_map(loose).collect();
        if loose.is_empty() {
            return;
        }
        for at in loose {
            decisions[at] = Decision::Run(Why::NeedsOther, Rung::default());
        }
    }
}

/// Whether what stands of it is what is needed. `expected`: the verdict that is expected of it.
fn meets(decision: &Decision, past: &[Past], need: &Need, expected: Option<&str>) -> bool {
    match decision {
        Decision::Keep(row) => past[*row].answer.meets(&need.condition, expected),
        Decision::Judge { row, judgement, .. } => {
            past[*row].answer.judged(judgement).meets(&need.condition, expected)
        }
        Decision::Run(..) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::past;
    use super::*;
    use crate::plan::{Command, Condition};
    use crate::verdict::Judgement;

    fn query(place: Place) -> Query {
        Query::new(place.to_string(), Command::new(["x"]))
    }

    /// The decisions after that, where `q1` needs `q0` to be true and `q2` needs `q1`.
    fn held(decisions: [Decision; 4]) -> [bool; 4] {
        let need = |query| [Need::says(query, "true")].into();
        let queries =
            [query(0), Query { needs: need(0), ..query(1) }, Query { needs: need(1), ..query(2) }, query(3)];
        let past = [past("a", "exited", Some("true")), past("b", "exited", Some("false"))];
        let mut decisions = decisions;
        hold_to_needs(&(0..).zip(&queries).collect::<Vec<_>>(), &past, &mut decisions);
        decisions.map(|decision| !matches!(decision, Decision::Run(..)))
    }

    #[test]
    fn what_rests_on_others_stands_only_as_long_as_they_do() {
        const TRUE: Decision = Decision::Keep(0);
        const FALSE: Decision = Decision::Keep(1);
        let run = || Decision::Run(Why::Asked, Rung::default());
        let judged = |word: &str| {
            let judgement = Judgement { verdict: Some(word.into()), ..Judgement::default() };
            Decision::Judge { row: 0, pass: 0, judgement: Box::new(judgement) }
        };
        assert_eq!(held([TRUE, TRUE, TRUE, TRUE]), [true; 4]);
        assert_eq!(held([run(), TRUE, TRUE, TRUE]), [false, false, false, true]);
        assert_eq!(held([FALSE, TRUE, TRUE, FALSE]), [true, false, false, true]);
        assert_eq!(held([TRUE, run(), TRUE, TRUE]), [true, false, false, true]);
        assert_eq!(held([judged("true"), TRUE, TRUE, TRUE]), [true; 4]);
        assert_eq!(held([judged("false"), TRUE, TRUE, TRUE]), [true, false, false, true]);
    }

    #[test]
    fn who_comes_after_others_stands_as_long_as_they_do_and_are_as_well_as_it_needs() {
        let limited = past("a", "wall-limit", Some("true"));
        let past = [past("a", "exited", Some("true")), limited];
        let judged = |row: usize| {
            let judgement = Judgement { verdict: Some("true".into()), ..Judgement::default() };
            Decision::Judge { row, pass: 0, judgement: Box::new(judgement) }
        };
        let run = || Decision::Run(Why::Asked, Rung::default());
        for (first, expect, well, over) in [
            (Decision::Keep(0), None, true, true),
            (Decision::Keep(0), Some("false"), false, true),
            (Decision::Keep(1), None, false, true),
            (judged(0), None, true, true),
            (judged(1), None, false, true),
            (run(), None, false, false),
        ] {
            for (condition, stands) in [(Condition::Well, well), (Condition::Over, over)] {
                let other = Query { expect: expect.map(Into::into), ..query(0) };
                let waits = Query { needs: [Need { query: 0, condition }].into(), ..query(1) };
                let mut decisions = [first.clone(), Decision::Keep(0)];
                hold_to_needs(&[(0, &other), (1, &waits)], &past, &mut decisions);
                assert_eq!(decisions[1] == Decision::Keep(0), stands, "{first:?} {:?}", waits.needs);
            }
        }
    }
}
