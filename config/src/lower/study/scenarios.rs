//! The scenarios of a study, and which of them are stronger than which.
//!
//! A scenario is a name, variables for the templates and perhaps a text that is put into each model. Must never look at
//! a model.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use minijinja::Value;
use provisor_core::plan::Lattice;

use super::super::{Lowering, axes, ids};
use super::render::Source;
use crate::fault::{Fault, near_hint};
use crate::spanned::{Place, Spanned};
use crate::spec::study::{self, ScenarioForm, Study, Subsets};
use crate::spec::{Entries, Scalar};

/// What a study without scenarios has in their place.
const ONLY_ONE: &str = "base";
/// The scenario in which nothing of what subsets are made of is the case.
const NOTHING: &str = "none";
/// Under this name a template finds the elements of its subset.
const SUBSET: &str = "subset";
/// More than this many elements have more than four thousand subsets.
const MOST_ELEMENTS: usize = 12;

/// A scenario.
pub(super) struct Scenario {
    pub(super) id: Arc<str>,
    pub(super) place: Place,
    pub(super) vars: Vec<Variable>,
    /// The file that is put into the models.
    pub(super) file: Option<Source>,
}

/// A variable that templates see.
#[derive(Clone)]
pub(super) struct Variable {
    pub(super) name: Arc<str>,
    pub(super) value: Value,
    /// Where it is written; `None` where it follows from something else, and need not be used.
    pub(super) place: Option<Place>,
}

impl<'e> Lowering<'e> {
    /// All scenarios of a study, at least one, and their order.
    pub(super) fn scenarios(&mut self, study: &'e Study) -> (Vec<Scenario>, Lattice) {
        let Some(written) = &study.scenarios else {
            let only =
                Scenario { id: ONLY_ONE.into(), place: study.models.place, vars: Vec::new(), file: None };
            return (vec![only], self.lattice(study, &[], Vec::new()));
        };
        let mut scenarios = match &written.form {
            ScenarioForm::List(list) => list.iter().map(|scenario| self.scenario(scenario)).collect(),
            ScenarioForm::Files(pattern) => self.scenario_files(pattern),
            ScenarioForm::Subsets(subsets) => self.subsets(subsets),
        };
        if scenarios.is_empty() && !self.problems.any() {
            self.problems.fault(written.place, Fault::Empty { of: "scenarios" });
        }
        self.check_scenarios(&mut scenarios);
        let derived = match &written.form {
            ScenarioForm::Subsets(_) => of_subsets(&scenarios),
            ScenarioForm::List(_) | ScenarioForm::Files(_) => Vec::new(),
        };
        let lattice = self.lattice(study, &scenarios, derived);
        (scenarios, lattice)
    }

    fn scenario(&mut self, written: &'e study::Scenario) -> Scenario {
        let vars = written.vars.as_ref().map(|vars| self.scenario_vars(vars)).unwrap_or_default();
        let file = written.file.as_ref().and_then(|file| self.source(&file.value, file.place));
        Scenario { id: written.id.value.as_str().into(), place: written.id.place, vars, file }
    }

    fn scenario_vars(&mut self, written: &'e Entries<Scalar>) -> Vec<Variable> {
        let variable = |(name, value): &'e (Spanned<String>, Scalar)| {
            self.check_variable(name, value);
            let (place, value) = (Some(name.place), axes::value(value));
            Variable { name: name.value.as_str().into(), value, place }
        };
        written.0.iter().map(variable).collect()
    }

    fn scenario_files(&mut self, pattern: &'e Spanned<String>) -> Vec<Scenario> {
        let paths = self.globbed_files(&pattern.value, pattern.place);
        let scenario = |path: String| {
            let file = self.source(&path, pattern.place);
            Scenario { id: super::stem(&path).into(), place: pattern.place, vars: Vec::new(), file }
        };
        paths.into_iter().map(scenario).collect()
    }

    /// Smaller ones first, and those of one size in the order of the elements.
    fn subsets(&mut self, written: &'e Subsets) -> Vec<Scenario> {
        let elements = &written.of.items;
        if elements.len() > MOST_ELEMENTS {
            self.problems.fault(written.of.place, Fault::TooManySubsets { of: elements.len() });
            return Vec::new();
        }
        for element in elements {
            self.check_name(element);
        }
        let mut sets: Vec<u32> = (0..1 << elements.len()).collect();
        sets.sort_by_key(|set| (set.count_ones(), set.reverse_bits().wrapping_neg()));
        sets.into_iter().map(|set| subset(set, elements, written.of.place)).collect()
    }

    fn check_scenarios(&mut self, scenarios: &mut Vec<Scenario>) {
        let mut known: HashMap<Arc<str>, Place> = HashMap::new();
        scenarios.retain(|scenario| {
            let id = &scenario.id;
            if !ids::is_part(id) {
                self.problems.fault(scenario.place, Fault::ScenarioName { name: id.to_string() });
                return false;
            }
            let Some(first) = known.insert(Arc::clone(id), scenario.place) else { return true };
            let fault = Fault::ScenarioTwice { id: Arc::clone(id) };
            match first == scenario.place {
                true => self.problems.fault(first, fault),
                false => self.problems.fault_of_two(scenario.place, (first, "the first one"), fault),
            }
            false
        });
    }

    /// From pairs (stronger, weaker), written or `derived`, to all that follows from them.
    fn lattice(&mut self, study: &'e Study, scenarios: &[Scenario], derived: Vec<(u32, u32)>) -> Lattice {
        let Some(written) = &study.stronger_than else { return closed(scenarios.len(), derived) };
        let mut pairs = derived;
        for (stronger, weaker) in &written.value.0 {
            let place = stronger.place;
            let Some(from) = self.scenario_named(stronger, scenarios) else { continue };
            for weaker in weaker {
                let Some(to) = self.scenario_named(weaker, scenarios) else { continue };
                pairs.push((from, to));
                if closed(scenarios.len(), pairs.clone()).weaker[from as usize].contains(&from) {
                    let (stronger, weaker) = (stronger.value.clone(), weaker.value.clone());
                    self.problems.fault(place, Fault::LatticeCycle { stronger, weaker });
                    pairs.pop();
                }
            }
        }
        closed(scenarios.len(), pairs)
    }

    fn scenario_named(&mut self, name: &Spanned<String>, scenarios: &[Scenario]) -> Option<u32> {
        let at = scenarios.iter().position(|scenario| *scenario.id == *name.value);
        if at.is_none() {
            let known: Vec<&str> = scenarios.iter().map(|scenario| &*scenario.id).collect();
            let hint = near_hint(&name.value, &known, "the scenarios are");
            self.problems.fault(name.place, Fault::NoSuchScenario { name: name.value.clone(), hint });
        }
        at.and_then(|at| u32::try_from(at).ok())
    }
}

fn subset(set: u32, elements: &[Spanned<String>], place: Place) -> Scenario {
    let is_in = |at: usize| set & (1 << at) != 0;
    let chosen: Vec<&str> =
        (0..).zip(elements).filter(|(at, _)| is_in(*at)).map(|(_, element)| &*element.value).collect();
    let id = if chosen.is_empty() { NOTHING.to_owned() } else { chosen.join("-") };
    let mut vars: Vec<Variable> = (0..)
        .zip(elements)
        .map(|(at, element)| Variable {
            name: element.value.as_str().into(),
            value: is_in(at).into(),
            place: Some(element.place),
        })
        .collect();
    vars.push(Variable { name: SUBSET.into(), value: chosen.into_iter().collect(), place: None });
    Scenario { id: id.into(), place, vars, file: None }
}

/// The subset with one more element is the stronger one; the rest follows.
fn of_subsets(scenarios: &[Scenario]) -> Vec<(u32, u32)> {
    let set = |scenario: &Scenario| -> BTreeSet<Arc<str>> {
        let chosen = scenario.vars.iter().filter(|var| var.place.is_some() && var.value.is_true());
        chosen.map(|var| Arc::clone(&var.name)).collect()
    };
    let places: HashMap<_, u32> = scenarios.iter().map(set).zip(0..).collect();
    let mut pairs = Vec::new();
    for (set, stronger) in &places {
        for element in set {
            let mut smaller = set.clone();
            smaller.remove(element);
            pairs.extend(places.get(&smaller).map(|weaker| (*stronger, *weaker)));
        }
    }
    pairs
}

/// Who is weaker than whom, also by others in between.
fn closed(scenarios: usize, pairs: Vec<(u32, u32)>) -> Lattice {
    let mut direct = vec![Vec::new(); scenarios];
    for (stronger, weaker) in pairs {
        direct[stronger as usize].push(weaker);
    }
    let all_below = |from: usize| {
        let (mut seen, mut open) = (BTreeSet::new(), direct[from].clone());
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                open.extend(&direct[next as usize]);
            }
        }
        seen.into_iter().collect()
    };
    Lattice { weaker: (0..scenarios).map(all_below).collect() }
}
