//! Which answers follow from which: what is `true` in a scenario is `true` in all weaker ones, and what is `false` in one is
//! `false` in all stronger ones.
//!
//! Told of what was measured it says what follows. It looks at the scenarios beside one query's and never at all queries,
//! and it does not know whether those wait, run or are done.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::answer::Truth;
use crate::plan::{Cell, Lattice, Plan, Prune, Query};
use crate::roster::Place;

/// What was measured so far, and what follows from it.
#[derive(Debug)]
pub struct Implications {
    family: Families,
    measured: HashMap<Place, Truth>,
}

impl Implications {
    /// Nothing is measured yet. `None` where nothing follows from anything, or nothing is to be made of it.
    #[must_use]
    pub fn of(plan: &Arc<Plan>) -> Option<Self> {
        let is_of_use = plan.prune == Prune::On && plan.queries.iter().any(|query| query.cell.is_some());
        is_of_use.then(|| Self { family: Families::of(plan), measured: HashMap::new() })
    }

    /// Takes in that this was measured. The places of the queries whose answer follows: it is the same one.
    pub fn learn(&mut self, place: Place, truth: Truth) -> Vec<Place> {
        self.measured.insert(place, truth);
        self.family.beside(place, if truth.is_true { Side::Weaker } else { Side::Stronger }).collect()
    }

    /// From whose measured answer that of this query follows, and which one it is.
    #[must_use]
    pub fn by(&self, place: Place) -> Option<(Place, Truth)> {
        let find = |side, is_true| {
            let said = |other| Some((other, *self.measured.get(&other)?));
            self.family.beside(place, side).filter_map(said).find(|(_, truth)| truth.is_true == is_true)
        };
        find(Side::Stronger, true).or_else(|| find(Side::Weaker, false))
    }
}

/// Two measured answers of which one must be wrong: what is false for a weaker attacker is true for a stronger one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contradiction {
    /// The one that is false.
    pub weaker: Place,
    /// The one that is true.
    pub stronger: Place,
}

/// All contradictions in what was measured, by their places.
#[must_use]
pub fn contradictions(
    plan: &Arc<Plan>,
    measured: impl IntoIterator<Item = (Place, bool)>,
) -> Vec<Contradiction> {
    let (family, measured) = (Families::of(plan), measured.into_iter().collect::<HashMap<_, _>>());
    let are_true = measured.iter().filter(|(_, is_true)| **is_true).map(|(place, _)| *place);
    let against = |stronger: Place| {
        let are_false =
            family.beside(stronger, Side::Weaker).filter(|weaker| measured.get(weaker) == Some(&false));
        are_false.map(move |weaker| Contradiction { weaker, stronger })
    };
    let mut found: Vec<_> = are_true.flat_map(against).collect();
    found.sort_unstable();
    found
}

#[derive(Clone, Copy, Debug)]
enum Side {
    Weaker,
    Stronger,
}

/// Who asks the same in which scenario.
#[derive(Debug)]
struct Families {
    plan: Arc<Plan>,
    /// By family, scenario and place.
    cells: BTreeSet<(u32, u32, Place)>,
    /// For each scenario the stronger ones, ascending: the lattice the other way round.
    stronger: HashMap<u32, Vec<u32>>,
}

impl Families {
    fn of(plan: &Arc<Plan>) -> Self {
        let cell = |(place, query): (Place, &Query)| {
            query.cell.map(|Cell { family, scenario }| (family, scenario, place))
        };
        let cells = (0..).zip(&plan.queries).filter_map(cell).collect();
        Self { plan: Arc::clone(plan), cells, stronger: turned(&plan.lattice) }
    }

    /// Those of its family that stand on this side of it.
    fn beside(&self, place: Place, side: Side) -> impl Iterator<Item = Place> {
        let cell = self.plan.queries.get(place as usize).and_then(|query| query.cell);
        let scenarios = cell.map_or(&[][..], |cell| self.scenarios(cell.scenario, side));
        let family = cell.map_or(0, |cell| cell.family);
        scenarios.iter().flat_map(move |&scenario| {
            let same = self.cells.range((family, scenario, 0)..=(family, scenario, Place::MAX));
            same.map(|(.., place)| *place)
        })
    }

    fn scenarios(&self, of: u32, side: Side) -> &[u32] {
        match side {
            Side::Weaker => self.plan.lattice.weaker.get(of as usize).map_or(&[], |weaker| weaker),
            Side::Stronger => self.stronger.get(&of).map_or(&[], |stronger| stronger),
        }
    }
}

fn turned(lattice: &Lattice) -> HashMap<u32, Vec<u32>> {
    let mut stronger: HashMap<_, Vec<_>> = HashMap::new();
    for (scenario, weaker) in (0..).zip(&lattice.weaker) {
        weaker.iter().for_each(|weaker| stronger.entry(*weaker).or_default().push(scenario));
    }
    stronger
}

#[cfg(test)]
mod tests;
