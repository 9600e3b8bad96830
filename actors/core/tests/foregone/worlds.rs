//! The same through the desk, and in worlds that are made up from numbers.

use std::collections::BTreeMap;

use proptest::prelude::*;
use provisor_core::desk::{Desk, Effect, Event, News, Papers};
use provisor_core::plan::{After, AfterFailure};
use provisor_core::process::Fact;
use provisor_core::roster::Refusal;
use provisor_core::row::Printed;
use provisor_core::tally::{Change, Class, Counts as Tally};

use super::*;

fn desk_of(plan: Plan) -> Desk {
    let plan = Arc::new(plan);
    let roster = Roster::new(bounds(1), Arc::clone(&plan), entries(&plan), []);
    let log_name = Box::new(|id: &str, attempt| format!("{id}.{attempt}"));
    Desk::new(Papers { containment: "sweep".into(), log_name }, roster)
}

fn tell(desk: &mut Desk, event: Event) -> Vec<Effect> {
    let mut effects = Vec::new();
    desk.step(Tick::ZERO, event, &mut effects);
    effects
}

#[test]
fn a_row_without_an_attempt_goes_to_the_disk_as_others_and_counts_when_it_is_there() {
    let mut desk = desk_of(chain(Prune::On, vec![cell(0, 1), cell(1, 0)]));
    tell(&mut desk, Event::Wake);
    let report = |fact| Event::Report {
        query: 0,
        attempt: 1,
        unix_us: 7,
        log_is_whole: true,
        printed: Printed::default(),
        fact,
    };
    tell(&mut desk, report(Fact::Started));
    let effects = tell(&mut desk, report(Fact::Finished(Box::new(says("true")))));
    let [.., Effect::Write(measured), Effect::Write(implied)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((measured.attempt, measured.log.as_deref(), measured.started_us), (1, Some("q0.1"), Some(7)));
    assert_eq!((implied.attempt, implied.log.as_deref(), implied.started_us), (0, None, None));
    assert!(implied.is_last() && !implied.log_is_whole && implied.outcome.leftovers.is_none());
    assert!(!desk.is_over());
    let effects = tell(&mut desk, Event::Durable { rows: 2 });
    let class = Class { cause: "implied".into(), verdict: Some("true".into()), well: true };
    assert!(
        matches!(&effects[..], [
            Effect::Count(Change::Done(_)),
            Effect::Tell(News::Done(_)),
            Effect::Count(Change::Foregone(counted)),
            Effect::Tell(News::Done(row)),
        ] if *counted == class && row == implied),
        "{effects:?}"
    );
    assert!(desk.is_over());
}

#[test]
fn who_comes_after_one_that_is_over_or_that_nobody_knows_is_refused() {
    let mut desk = desk_of(plan(vec![query(0), query(1)]));
    desk.open();
    tell(&mut desk, Event::Wake);
    let fact = Fact::Finished(Box::new(says("false")));
    let printed = Printed::default();
    tell(&mut desk, Event::Report { query: 0, attempt: 1, unix_us: 7, log_is_whole: true, printed, fact });
    let submit = |desk: &mut Desk, id: Place, other: &str| {
        let after = [After { id: other.into(), failure: AfterFailure::Skip }];
        let mut effects = Vec::new();
        let taken = desk.submit_after(Tick::ZERO, Arc::new(query(id)), &after, &mut effects);
        let is_skipped = |effect: &Effect| matches!(effect, Effect::Write(row) if matches!(row.outcome.end, End::Skipped(_)));
        taken.map(|place| (place, effects.iter().any(is_skipped)))
    };
    assert_eq!(
        submit(&mut desk, 2, "q0"),
        Ok((2, true)),
        "its row is on its way: it is known what it came to"
    );
    assert_eq!(submit(&mut desk, 3, "q1"), Ok((3, false)), "it runs");
    tell(&mut desk, Event::Durable { rows: 1 });
    let [id, other] = ["q7", "q0"].map(Arc::from);
    let refused = Refusal::AfterOver { id: Arc::clone(&id), other };
    assert_eq!(submit(&mut desk, 7, "q0"), Err(refused), "it is over, and of the plan");
    for other in ["q7", "q9"].map(Arc::from) {
        let refused = submit(&mut desk, 7, &other);
        assert_eq!(
            refused,
            Err(Refusal::AfterUnknown { id: Arc::clone(&id), other }),
            "itself is not there yet"
        );
    }
    assert_eq!(submit(&mut desk, 3, "q3"), Err(Refusal::Taken { id: "q3".into() }));
    assert_eq!(submit(&mut desk, 7, "q1"), Ok((4, false)), "a refusal changes nothing");
}

/// A world of needs and scenarios, as a list of numbers says.
fn made_up(needs: &[Vec<usize>], cells: &[Option<u32>]) -> Plan {
    let n = cells.len();
    let made = |place: usize| {
        let needs: Vec<_> = needs[place % needs.len()].iter().map(|need| (need % n) as Place).collect();
        let cell = cells[place].map(|scenario| Cell { family: 0, scenario });
        Query { cell, ..needy(place as Place, &needs) }
    };
    chain(Prune::On, (0..n).map(made).collect())
}

proptest! {
    /// Needs may stand in circles here.
    #[test]
    fn every_query_gets_exactly_one_row_and_what_it_rests_on_comes_first(
        needs in prop::collection::vec(prop::collection::vec(any::<usize>(), 0..3), 1..8),
        cells in prop::collection::vec(prop::option::of(0_u32..8), 1..30),
        verdicts in prop::collection::vec(0_usize..3, 1..30),
        order in prop::collection::vec(any::<usize>(), 100),
        slots in 1_usize..5,
    ) {
        let plan = Arc::new(made_up(&needs, &cells));
        let mut roster = Roster::new(Bounds { unwritten: 5, ..bounds(slots) }, Arc::clone(&plan), entries(&plan), []);
        let mut tally = Tally::new(cells.len(), []);
        let (mut rows, mut running, mut unwritten) = (BTreeMap::<Place, Answer>::new(), Vec::new(), Vec::new());
        let mut orders = wake(&mut roster);
        for which in order.into_iter().cycle().take(1000) {
            for order in orders.drain(..) {
                match order {
                    Order::Start { query, .. } => {
                        let needs = &plan.queries[query as usize].needs;
                        let are_as_wanted = needs.iter().all(|need| rows.get(&need.query).is_some_and(|row| row.says("true")));
                        prop_assert!(are_as_wanted, "{query} starts");
                        tally.apply(Change::Started);
                        running.push(query);
                    }
                    Order::Record { query, outcome, .. } => {
                        let answer = Answer::of(&outcome);
                        if let End::Implied(by) = &outcome.end {
                            let by: Place = by[1..].parse().expect("a place");
                            let from = rows.get(&by).and_then(Answer::truth).expect("measured");
                            prop_assert_eq!(answer.verdict.as_deref(), Some(from.word()));
                            let scenario = |place: Place| cells[place as usize].expect("a cell");
                            let follows = if from.is_true { scenario(query) < scenario(by) } else { scenario(query) > scenario(by) };
                            prop_assert!(follows, "{query} by {by}");
                        }
                        let class = answer.class(None);
                        unwritten.push(if answer.is_derived() { Change::Foregone(class) } else { Change::Done(class) });
                        prop_assert!(rows.insert(query, answer).is_none(), "{query} has two rows");
                    }
                    other => prop_assert!(false, "{other:?}"),
                }
            }
            let on_their_way = unwritten.iter().filter(|change| matches!(change, Change::Foregone(_))).count();
            prop_assert_eq!(tally.waiting, roster.waiting() + on_their_way);
            if which % 3 == 0 || running.is_empty() {
                let rows = unwritten.len();
                unwritten.drain(..).for_each(|change| tally.apply(change));
                roster.written(Tick::ZERO, rows, &mut orders);
            } else {
                let query = running.remove(which % running.len());
                let verdict = ["true", "false", "maybe"][verdicts[query as usize % verdicts.len()]];
                roster.finished(Tick::ZERO, query, says(verdict), &mut orders);
            }
        }
        prop_assert!(roster.is_over(), "{roster:?}");
        prop_assert_eq!((rows.len(), tally.done), (cells.len(), cells.len()));
    }
}
