//! `study: (...)`: every query of every model in every scenario.
//!
//! A model is rendered once a scenario, read, and divided into what it asks; each of these becomes a query with a file of
//! its own. Which text such a file has is said here; it is written by whoever runs the job.

mod ask;
mod command;
mod family;
mod render;
mod scenarios;
mod sources;

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use minijinja::Value;
use provisor_core::Query;
use provisor_core::plan::{Cell, Need, Prune};
use provisor_core::proverif::split;
use provisor_core::roster::Place as QueryPlace;

use self::ask::{Ask, Asks};
use self::command::Kit;
use self::family::Families;
use self::render::{Renderer, Source};
use self::scenarios::Scenario;
use super::axes::{self, Axis, Exclusion};
use super::{Lowering, MOST_QUERIES, Made, ids, matching};
use crate::fault::Fault;
use crate::spanned::Spanned;
use crate::spec::Expect;
use crate::spec::study::Study;
use crate::template::Point;

/// The axes of every study, in their order.
const AXES: [&str; 3] = ["model", "scenario", "query"];
/// The folder of the run directory in which its files are.
const QUERIES: &str = "queries";

/// A study on its way to queries.
struct Bench<'e> {
    study: &'e Study,
    kit: Kit<'e>,
    renderer: Renderer,
    scenarios: Vec<Scenario>,
    models: Vec<Model>,
    exclusions: Vec<Exclusion>,
    families: Families,
    queries: Vec<Query>,
}

/// A model, before it is rendered.
struct Model {
    source: Source,
    point: Arc<Point>,
}

impl<'e> Lowering<'e> {
    pub(super) fn expand_study(&mut self, written: &'e Spanned<Study>) -> Vec<Query> {
        let study = &written.value;
        self.refuse_beside_study();
        self.axes = AXES.map(Arc::from).into();
        let (scenarios, lattice) = self.scenarios(study);
        let models = self.models(study);
        let Some(kit) = self.kit(written) else { return Vec::new() };
        let vars = Rc::clone(&kit.recipe.vars);
        let tool = study.templates.unwrap_or_default();
        let renderer = Renderer::new(tool, &self.around.folder, &vars, &scenarios);
        let exclusions = self.exclusions(&AXES.map(|name| Axis { name: name.into(), points: Vec::new() }));
        let mut bench = Bench {
            study,
            kit,
            renderer,
            scenarios,
            models,
            exclusions,
            families: Families::default(),
            queries: Vec::new(),
        };
        self.expand_models(&mut bench);
        self.check_scenario_variables(&bench);
        self.check_exclusions(&bench.exclusions, bench.queries.is_empty());
        self.check_settings(&bench);
        self.lattice = lattice;
        bench.queries
    }

    /// A study says itself what is executed, and what the queries are called.
    fn refuse_beside_study(&mut self) {
        let command = self.job.command.as_ref().map(|command| ("command", command.place));
        let id = self.job.id.as_ref().map(|id| ("id", id.place));
        let race = self.job.race.as_ref().map(|race| ("race", race.place));
        for (field, place) in [command, race, id].into_iter().flatten() {
            self.problems.fault(place, Fault::NotWithStudy { field });
        }
        if self.job.study.as_ref().is_some_and(|study| study.value.passes.is_some())
            && let Some(passes) = &self.job.passes
        {
            self.problems.fault(passes.place, Fault::PassesTwice);
        }
    }

    fn expand_models(&mut self, bench: &mut Bench<'e>) {
        for model in 0..bench.models.len() {
            for scenario in 0..bench.scenarios.len() {
                // What is wrong with a model is wrong with it in most scenarios.
                if self.expand_one(bench, model, scenario).is_none() || bench.queries.len() > MOST_QUERIES {
                    break;
                }
            }
        }
        if bench.queries.len() > MOST_QUERIES {
            let count = bench.queries.len() as u128;
            self.problems.fault(bench.study.models.place, Fault::TooMany { count });
        }
    }

    /// All queries of a model in a scenario. `None`: it is faulty, and that was said.
    fn expand_one(&mut self, bench: &mut Bench<'e>, model: usize, scenario: usize) -> Option<()> {
        let Asks { text, asks, assumptions } = self.asks(bench, model, scenario)?;
        let scenario_point =
            Arc::new(Point::new(Value::from(&*bench.scenarios[scenario].id), scenario, None));
        let mut places: HashMap<usize, QueryPlace> = HashMap::new();
        let mut needs: Vec<(usize, usize)> = Vec::new();
        for (number, ask) in asks.iter().enumerate() {
            let query = Arc::new(Point::new(Value::from(&*ask.name), number, None));
            let points = [Arc::clone(&bench.models[model].point), Arc::clone(&scenario_point), query];
            if axes::excluded(&mut bench.exclusions, &points) {
                continue;
            }
            let Some(query) = self.study_query(bench, ask, &points, &text) else { continue };
            let cell = ask.part.as_ref().filter(|part| part.is_monotone).map(|_| Cell {
                family: bench.families.of(model, ask, &assumptions),
                scenario: u32::try_from(scenario).unwrap_or(u32::MAX),
            });
            let needed = ask.part.iter().flat_map(|part| &part.needs);
            needs.extend(needed.map(|needed| (bench.queries.len(), *needed)));
            places.insert(number, QueryPlace::try_from(bench.queries.len()).unwrap_or(QueryPlace::MAX));
            bench.queries.push(Query { cell, ..query });
        }
        for (query, needed) in needs {
            let query = &mut bench.queries[query];
            let Some(place) = places.get(&needed) else {
                let fault =
                    Fault::ExcludedLemma { id: Arc::clone(&query.id), lemma: asks[needed].name.clone() };
                self.problems.fault(bench.study.tool.place, fault);
                continue;
            };
            let need = Need::says(*place, self.shared.text("true"));
            query.needs = query.needs.iter().cloned().chain([need]).collect();
        }
        Some(())
    }

    fn study_query(
        &mut self,
        bench: &mut Bench<'e>,
        ask: &Ask,
        points: &[Arc<Point>],
        text: &Arc<[u8]>,
    ) -> Option<Query> {
        let id = ids::of_points(points);
        let file = format!("{QUERIES}/{id}.{}", bench.kit.extension(&points[0]));
        let id: Arc<str> = id.into();
        let recipe = self.fitted(&mut bench.kit, ask, &id, &file);
        let mut query = self.query(&recipe, points)?;
        let folder = |pass: Option<&Arc<str>>| bench.kit.folder(&id, pass.map(|pass| &**pass)).map(Arc::from);
        query.pages = folder(query.pass.as_ref());
        for pass in &mut query.further {
            pass.pages = folder(Some(&pass.name));
        }
        self.expect_of_ask(&mut query, ask);
        let (place, part) = (bench.queries.len(), ask.part.clone());
        let settings = self.settings_of(bench, &id)?;
        self.made.push(Made { place, name: file.into(), text: Arc::clone(text), part, settings });
        Some(query)
    }

    /// The settings of a query as they are written into its file.
    fn settings_of(&mut self, bench: &Bench<'e>, id: &str) -> Option<Arc<str>> {
        let mine = bench.kit.settings.iter().filter(|setting| setting.is_for(id));
        match split::settings(mine.clone().map(|setting| (&*setting.name, &*setting.value))) {
            Ok(text) => Some(self.shared.text(&text)),
            Err(fault) => {
                let place = mine.map(|setting| setting.place).next().unwrap_or_default();
                self.problems.fault(place, fault.into());
                None
            }
        }
    }

    /// What the model itself says is expected; what the job says by a pattern comes later, and only where nothing is.
    fn expect_of_ask(&mut self, query: &mut Query, ask: &Ask) {
        if ask.is_sanity {
            query.expect = Some(self.shared.text(matching::REACHABLE));
        } else if matches!(self.job.expect, Some(Expect::FromModels(_))) {
            query.expect = ask.expected.map(|word| self.shared.text(word));
        }
    }

    /// What is made of answers that follow from others.
    pub(super) fn prune(&self) -> Prune {
        self.job.prune.as_ref().map(|prune| prune.value).unwrap_or_default()
    }

    /// A variable that no template uses is one that somebody thinks is used.
    fn check_scenario_variables(&mut self, bench: &Bench<'e>) {
        if self.problems.any() {
            return;
        }
        let models = bench.models.iter().map(|model| &*model.source.bytes);
        let files = bench.scenarios.iter().filter_map(|scenario| scenario.file.as_ref());
        let asked = bench.kit.asked.iter().map(|source| &*source.bytes);
        let texts: Vec<&[u8]> = models.chain(files.map(|file| &*file.bytes)).chain(asked).collect();
        let mut known: HashMap<&str, bool> = HashMap::new();
        for variable in bench.scenarios.iter().flat_map(|scenario| &scenario.vars) {
            let Some(place) = variable.place else { continue };
            let is_used =
                *known.entry(&variable.name).or_insert_with(|| bench.renderer.uses(&variable.name, &texts));
            if !is_used {
                self.problems.fault(place, Fault::ScenarioVariable { name: Arc::clone(&variable.name) });
            }
        }
    }
}

/// A file's name without its folder and its last extension.
fn stem(path: &str) -> String {
    Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
