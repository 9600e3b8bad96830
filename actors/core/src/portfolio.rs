//! Races as a plan has them: several queries for one question, the first that settles it wins. What their queries are called,
//! and which of their answers contradict each other.
//!
//! Each entrant is a query of its own, with its own row, log and limits. Who has won is not decided here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::answer::Answer;
use crate::plan::{Care, Plan, Query};
use crate::roster::Place;

/// The ids of the entrants of a race: that of the question, then what each is called. The second one of a name has `-2` behind
/// it, the third one `-3`.
///
/// ```
/// use provisor_core::portfolio::ids;
///
/// assert_eq!(ids("goal", ["z3", "cvc5", "z3"]), ["goal/z3", "goal/cvc5", "goal/z3-2"].map(Into::into));
/// ```
pub fn ids<'n>(question: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<Arc<str>> {
    let names: Vec<_> = names.into_iter().collect();
    let mut so_far: HashMap<&str, u32> = HashMap::new();
    let mut id = |name: &'n str| {
        let count = so_far.entry(name).or_default();
        loop {
            *count += 1;
            let numbered = if *count == 1 { name.to_owned() } else { format!("{name}-{count}") };
            // Another one may be called so.
            if *count == 1 || !names.contains(&&*numbered) {
                return format!("{question}/{numbered}").into();
            }
        }
    };
    names.iter().map(|name| id(name)).collect()
}

/// The number of the race in which a query runs, among those of its plan.
#[must_use]
pub fn race_of(query: &Query) -> Option<u32> {
    match query.care.as_deref() {
        Some(Care::Entrant { race }) => Some(*race),
        _ => None,
    }
}

/// Two answers to one question that both settle it, and of which one must be wrong: the first one of its race in the plan, and
/// each that says something else. By their places.
#[must_use]
pub fn contradictions(
    plan: &Plan,
    answers: impl IntoIterator<Item = (Place, Answer)>,
) -> Vec<[(Place, Answer); 2]> {
    let mut races: BTreeMap<u32, BTreeMap<Place, Answer>> = BTreeMap::new();
    for (place, answer) in answers {
        let Some(query) = plan.queries.get(place as usize) else { continue };
        if let Some(race) = race_of(query)
            && answer.settles(query.expect.as_deref())
        {
            races.entry(race).or_default().insert(place, answer);
        }
    }
    let of_race = |answers: BTreeMap<Place, Answer>| {
        let mut answers = answers.into_iter();
        let first = answers.next();
        let against = first.into_iter().flat_map(move |first| {
            let others: Vec<_> =
                answers.by_ref().filter(|(_, other)| other.verdict != first.1.verdict).collect();
            others.into_iter().map(move |other| [first.clone(), other])
        });
        against.collect::<Vec<_>>()
    };
    races.into_values().flat_map(of_race).collect()
}

/// How many of these have not ended well in races whose question another one has answered well: nobody needs their answer any
/// more.
#[must_use]
pub fn excused(plan: &Plan, answers: &[(Place, Answer)]) -> usize {
    let of_races = || {
        answers.iter().filter_map(|(place, answer)| {
            let query = plan.queries.get(*place as usize)?;
            Some((race_of(query)?, answer, query.expect.as_deref()))
        })
    };
    let is_answer = |answer: &Answer, expected| answer.settles(expected) && answer.is_well(expected);
    let answered = of_races().filter(|(_, answer, expected)| is_answer(answer, *expected));
    let answered: BTreeSet<_> = answered.map(|(race, ..)| race).collect();
    of_races()
        .filter(|(race, answer, expected)| answered.contains(race) && !answer.is_well(*expected))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Command;
    use crate::verdict::Counts;

    fn answer(cause: &'static str, verdict: &str) -> Answer {
        let verdict = Some(verdict.into());
        Answer { cause, verdict, counts: Counts::Ok, signalled: false, of_machine: false }
    }

    #[test]
    fn no_two_entrants_have_the_same_id() {
        let of = |names: &[&str]| {
            let ids = ids("q", names.iter().copied());
            ids.iter().map(|id| id.trim_start_matches("q/").to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(&["a", "b", "a", "a"]), "a b a-2 a-3");
        assert_eq!(of(&["a", "a", "a-2"]), "a a-3 a-2");
        assert_eq!(of(&["a-2", "a-2", "a", "a"]), "a-2 a-2-2 a a-3");
    }

    #[test]
    fn who_has_not_ended_well_is_excused_by_a_good_answer_to_the_same_question() {
        let query = |name: &str| Query::new(name, Command::new(["x"]));
        let race = || [query("a"), Query { expect: Some("sat".into()), ..query("b") }];
        let plan = Plan::new("test", vec![query("alone")]).with_race("q", race()).with_race("r", race());
        let excused = |answers: &[(Place, &'static str, &str)]| {
            let answers: Vec<_> =
                answers.iter().map(|(place, cause, verdict)| (*place, answer(cause, verdict))).collect();
            excused(&plan, &answers)
        };
        assert_eq!(excused(&[(1, "exited", "sat"), (2, "wall-limit", "sat")]), 1);
        assert_eq!(excused(&[(1, "exited", "sat"), (2, "exited", "unsat")]), 1, "they contradict each other");
        assert_eq!(
            excused(&[(1, "wall-limit", "sat"), (2, "exited", "unsat")]),
            0,
            "it is not what is expected"
        );
        assert_eq!(excused(&[(1, "exited", "sat"), (2, "outrun", "")]), 0, "that is well");
        assert_eq!(
            excused(&[(1, "exited", "sat"), (4, "exited", "unsat"), (0, "lost", "")]),
            0,
            "other questions"
        );
    }

    #[test]
    fn two_that_settle_one_question_in_two_ways_contradict_each_other() {
        let query = |name: &str| Query::new(name, Command::new(["x"]));
        let race = || ["a", "b", "c"].map(query);
        let plan = Plan::new("test", vec![query("alone")]).with_race("q", race()).with_race("r", race());
        let found = |answers: &[(Place, &'static str, &str)]| -> Vec<[Place; 2]> {
            let answers = answers.iter().map(|(place, cause, verdict)| (*place, answer(cause, verdict)));
            contradictions(&plan, answers).into_iter().map(|both| both.map(|(place, _)| place)).collect()
        };
        let unsat = (2, "exited", "unsat");
        assert_eq!(
            found(&[(0, "exited", "sat"), unsat, (5, "exited", "sat")]),
            [[0; 2]; 0],
            "other questions"
        );
        assert_eq!(found(&[unsat, (3, "exited", "unsat"), (1, "outrun", "sat")]), [[0; 2]; 0]);
        assert_eq!(found(&[(3, "concluded", "sat"), unsat, (1, "exited", "unsat")]), [[1, 3]]);
        assert_eq!(found(&[(1, "exited", "sat"), unsat, (3, "exited", "unsat")]), [[1, 2], [1, 3]]);
    }
}
