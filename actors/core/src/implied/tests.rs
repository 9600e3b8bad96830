use proptest::prelude::*;

use super::*;
use crate::plan::Command;
use crate::verdict::Counts;

fn query(place: usize, cell: Option<Cell>) -> Query {
    Query { cell, ..Query::new(format!("q{place}"), Command::new(["x"])) }
}

/// A plan with one query for each of these cells.
fn plan(weaker: &[&[u32]], prune: Prune, cells: &[Option<(u32, u32)>]) -> Arc<Plan> {
    let cell = |cell: &Option<(u32, u32)>| cell.map(|(family, scenario)| Cell { family, scenario });
    let queries = cells.iter().map(cell).enumerate().map(|(place, cell)| query(place, cell)).collect();
    let lattice = Lattice { weaker: weaker.iter().map(|weaker| (*weaker).into()).collect() };
    Arc::new(Plan { lattice, prune, ..Plan::new("test", queries) })
}

const fn truth(is_true: bool) -> Truth {
    Truth { is_true, counts: Counts::Ok }
}

/// Scenario 0 is weaker than 1 and 2, and all of them are weaker than 3.
const DIAMOND: [&[u32]; 4] = [&[], &[0], &[0], &[0, 1, 2]];

#[test]
fn what_is_true_goes_down_and_what_is_false_goes_up_within_one_family() {
    let cells: Vec<_> = (0..8).map(|place| Some((place / 4, place % 4))).chain([None]).collect();
    let plan = plan(&DIAMOND, Prune::On, &cells);
    let mut known = Implications::of(&plan).expect("there are cells");
    assert_eq!(known.learn(1, truth(true)), [0]);
    assert_eq!(known.learn(5, truth(false)), [7], "the other family");
    assert_eq!(known.learn(8, truth(true)), [], "one that stands nowhere");
    let by: Vec<_> = (0..9).map(|place| known.by(place)).collect();
    let by_first = Some((1, truth(true)));
    assert_eq!(by, [by_first, None, None, None, None, None, None, Some((5, truth(false))), None]);
}

#[test]
fn only_what_was_measured_implies_and_no_scenario_implies_itself() {
    let plan = plan(&DIAMOND, Prune::On, &[Some((0, 0)), Some((0, 3)), Some((0, 0))]);
    let mut known = Implications::of(&plan).expect("there are cells");
    assert_eq!(known.learn(1, truth(true)), [0, 2]);
    assert_eq!(known.learn(0, truth(false)), [1], "that it contradicts another is not decided here");
    assert_eq!(known.by(2), Some((1, truth(true))), "and not by the one beside it");
    assert_eq!(known.by(1), Some((0, truth(false))));
}

#[test]
fn without_cells_or_where_all_is_to_be_run_nothing_follows() {
    for (prune, cells) in
        [(Prune::On, [None; 2]), (Prune::Off, [Some((0, 0)); 2]), (Prune::Check, [Some((0, 0)); 2])]
    {
        assert!(Implications::of(&plan(&DIAMOND, prune, &cells)).is_none(), "{prune:?}");
    }
}

#[test]
fn a_cell_of_no_scenario_of_the_lattice_stands_alone() {
    let plan = plan(&[&[], &[u32::MAX]], Prune::On, &[Some((0, 7)), Some((0, u32::MAX)), Some((0, 1))]);
    let mut known = Implications::of(&plan).expect("there are cells");
    assert_eq!(known.learn(0, truth(true)), []);
    assert_eq!(known.learn(2, truth(true)), [1], "the lattice says so");
}

#[test]
fn a_contradiction_is_what_is_false_below_and_true_above() {
    let plan =
        plan(&DIAMOND, Prune::Check, &[Some((0, 0)), Some((0, 1)), Some((0, 2)), Some((0, 3)), Some((1, 0))]);
    let of = |measured: &[(Place, bool)]| contradictions(&plan, measured.iter().copied());
    assert_eq!(of(&[(0, true), (1, false), (2, true), (3, false), (4, false)]), []);
    let found = of(&[(3, true), (0, false), (1, false), (2, true), (4, false)]);
    let pairs = [(0, 2), (0, 3), (1, 3)].map(|(weaker, stronger)| Contradiction { weaker, stronger });
    assert_eq!(found, pairs);
}

proptest! {
    /// Scenarios are sets of what is compromised, and the weaker ones are the smaller ones.
    #[test]
    fn what_follows_is_what_the_sets_say(
        sets in prop::collection::vec(0_u32..16, 1..12),
        cells in prop::collection::vec(prop::option::weighted(0.9, (0_u32..3, 0_u32..12)), 1..40),
        said in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..20),
    ) {
        let is_below = |a: u32, b: u32| a != b && a & b == a;
        let below = |set: &u32| (0..).zip(&sets).filter(|(_, other)| is_below(**other, *set)).map(|(at, _)| at).collect();
        let weaker: Vec<Vec<u32>> = sets.iter().map(below).collect();
        let weaker: Vec<&[u32]> = weaker.iter().map(|weaker| &**weaker).collect();
        let plan = plan(&weaker, Prune::On, &cells);
        let set = |cell: Option<(u32, u32)>| cell.and_then(|(family, scenario)| Some((family, *sets.get(scenario as usize)?)));
        let follows = |from: usize, is_true: bool, to: usize| match (set(cells[from]), set(cells[to])) {
            (Some((family, from)), Some((other, to))) if family == other =>
                if is_true { is_below(to, from) } else { is_below(from, to) },
            _ => false,
        };
        let Some(mut known) = Implications::of(&plan) else { return Ok(()) };
        let mut measured = HashMap::new();
        for (index, is_true) in said {
            let from = index.index(cells.len());
            measured.insert(from, is_true);
            let mut told = known.learn(from as Place, truth(is_true));
            told.sort_unstable();
            let expected: Vec<_> = (0..cells.len()).filter(|&to| follows(from, is_true, to)).map(|to| to as Place).collect();
            prop_assert_eq!(told, expected);
        }
        for to in 0..cells.len() {
            let expected = measured.iter().any(|(&from, &is_true)| follows(from, is_true, to));
            let by = known.by(to as Place);
            prop_assert_eq!(by.is_some(), expected);
            if let Some((from, Truth { is_true, .. })) = by {
                prop_assert!(follows(from as usize, is_true, to) && measured[&(from as usize)] == is_true);
            }
        }
        let mut pairs = Vec::new();
        for (weaker, stronger) in (0..cells.len()).flat_map(|a| (0..cells.len()).map(move |b| (a, b))) {
            let says = |place: usize, what| measured.get(&place) == Some(&what);
            if follows(stronger, true, weaker) && says(weaker, false) && says(stronger, true) {
                pairs.push(Contradiction { weaker: weaker as Place, stronger: stronger as Place });
            }
        }
        let measured = measured.iter().map(|(place, is_true)| (*place as Place, *is_true));
        prop_assert_eq!(contradictions(&plan, measured), pairs);
    }
}
