//! `race: [...]` in place of a command: each of its commands becomes a query of its own, and all of them race for one question.
//!
//! Decides nothing about who wins.

use std::path::Path;
use std::sync::Arc;

use provisor_core::plan::{Care, Query};
use provisor_core::portfolio;

use super::recipe::{Recipe, Text};
use super::{Lowering, ids};
use crate::fault::Fault;
use crate::spanned::Spanned;
use crate::spec::{Argv, Listed, Race};
use crate::template::{Point, Scope};

/// What is executed: one command, or several that race.
#[derive(Clone, Copy)]
pub(super) enum Executed<'e> {
    One(&'e Argv),
    Race(&'e Race),
    /// That of a study, which is nothing where it makes the command of each query itself.
    OfStudy(&'e [Spanned<String>]),
}

impl<'e> Executed<'e> {
    /// How many queries it makes.
    pub(super) const fn queries(self) -> u128 {
        match self {
            Self::Race(race) => race.items.len() as u128,
            Self::One(_) | Self::OfStudy(_) => 1,
        }
    }

    /// The first of its commands; empty where there is none.
    pub(super) fn first(self) -> &'e [Spanned<String>] {
        match self {
            Self::One(argv) => &argv.items,
            Self::OfStudy(argv) => argv,
            Self::Race(race) => race.items.first().map_or(&[], |argv| &argv.items),
        }
    }
}

impl<'e> Lowering<'e> {
    /// What is written of one of the two, which exclude each other.
    pub(super) fn executed(
        &mut self,
        command: Option<&'e Argv>,
        race: Option<&'e Race>,
        called: &'static str,
    ) -> Option<Executed<'e>> {
        if let (Some(command), Some(race)) = (command, race) {
            let fault = Fault::TwoSources { first: called, second: "race" };
            self.problems.fault_of_two(race.place, (command.place, "the other one"), fault);
        }
        command.map(Executed::One).or(race.map(Executed::Race))
    }

    /// The recipes of all that race, each with a command of its own; the first one is this recipe's.
    pub(super) fn entrants(&mut self, race: &'e Race, recipe: &Recipe<'e>) -> Vec<Recipe<'e>> {
        if race.items.len() < 2 {
            self.problems.fault(race.place, Fault::RaceOfOne { commands: race.items.len() });
        }
        match &recipe.care {
            Some(Care::Rounds { .. }) => self.problems.fault(race.place, Fault::RaceInRounds),
            Some(_) => self.problems.fault(race.place, Fault::RaceInGroup),
            None => {}
        }
        let mut entrants = Vec::with_capacity(race.items.len());
        for Listed { items, place } in &race.items {
            if items.is_empty() {
                self.problems.fault(*place, Fault::EmptyCommand);
            }
            let argv: Vec<Text<'e>> = items.iter().filter_map(|text| self.text(text)).collect();
            let mut entrant = recipe.clone();
            entrant.further.iter_mut().for_each(|rung| rung.recipe.argv.clone_from(&argv));
            entrants.push(Recipe { argv, ..entrant });
        }
        entrants
    }

    /// A query for each that races, or else their faults are noted.
    pub(super) fn race(&mut self, recipe: &Recipe<'_>, points: &[Arc<Point>]) -> Option<Vec<Query>> {
        let axes = self.axes.clone();
        let scope = Scope { axes: &axes, points, vars: &recipe.vars, absolute: recipe.cwd.is_some() };
        let question = self.id(recipe, scope)?;
        let names: Vec<_> = recipe.race.iter().map(|entrant| self.program_name(entrant, scope)).collect();
        let ids = portfolio::ids(&question, names.iter().map(String::as_str));
        let race = self.races;
        self.races += 1;
        let mut queries = Vec::with_capacity(ids.len());
        for (entrant, id) in recipe.race.iter().zip(ids) {
            if let Err(why) = ids::check(&id) {
                self.problems.fault(recipe.place, Fault::BadId { id: Arc::clone(&id), why });
            }
            let query = self.query_of(entrant, points, id);
            queries
                .extend(query.map(|query| Query { care: Some(Box::new(Care::Entrant { race })), ..query }));
        }
        Some(queries)
    }

    /// What a command is called in the ids: the base name of its program.
    fn program_name(&mut self, recipe: &Recipe<'_>, scope: Scope<'_>) -> String {
        let program = recipe.argv.first().map(|program| self.render(program, scope));
        let program = program.unwrap_or_default().unwrap_or_default();
        let name = Path::new(&*program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = ids::cleaned(name);
        // What has none is told of as a command.
        if name.is_empty() { "program".into() } else { name }
    }
}
