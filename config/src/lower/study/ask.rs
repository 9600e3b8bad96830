//! What a model asks in a scenario: it is rendered, read and divided.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use provisor_core::proverif::ask;
use provisor_core::proverif::model::scan;
use provisor_core::proverif::source::{Expected, Source as Read};
use provisor_core::proverif::split::{Asked, Division, Kept, Lemmas, Origin, Part, Refusal, Role, divide};
use provisor_core::tamarin;

use super::super::{Lowering, ids};
use super::Bench;
use super::render::text_of;
use super::sources::Text;
use crate::fault::Fault;
use crate::spec::Expect;
use crate::spec::study::{LemmaUse, QueryForm, Tool};

/// The name of the one query of what is not divided.
const ALL: &str = "all";

/// What one query of a study asks.
pub(super) struct Ask {
    /// The last part of its id.
    pub(super) name: Box<str>,
    /// Its declaration, by which two of the same name are known to ask the same.
    pub(super) words: Box<[u8]>,
    pub(super) is_sanity: bool,
    /// The line of the equivalence that it is about.
    pub(super) equivalence: Option<u32>,
    /// Tamarin's name of the lemma.
    pub(super) lemma: Option<String>,
    /// What it is made of, where the tool is ProVerif.
    pub(super) part: Option<Rc<Part>>,
    /// What the model says is expected.
    pub(super) expected: Option<&'static str>,
    /// The settings of the libraries and the model, in order.
    pub(super) sets: Rc<[(String, String)]>,
}

impl Ask {
    fn whole() -> Self {
        Self {
            name: ALL.into(),
            words: Box::default(),
            is_sanity: false,
            equivalence: None,
            lemma: None,
            part: None,
            expected: None,
            sets: Rc::default(),
        }
    }
}

/// All that is asked of a model in a scenario.
pub(super) struct Asks {
    pub(super) text: Arc<[u8]>,
    pub(super) asks: Vec<Ask>,
    /// What is taken for granted, in a form that can be compared.
    pub(super) assumptions: Box<[u8]>,
}

/// What a model, or a file of queries, is rendered to.
struct Model {
    /// What it is called in messages: where its text depends on the scenario, with that one's name.
    shown: PathBuf,
    text: Arc<[u8]>,
}

impl<'e> Lowering<'e> {
    /// What a model asks in a scenario. `None`: something is wrong with it, and that was said.
    pub(super) fn asks(&mut self, bench: &mut Bench<'e>, model: usize, scenario: usize) -> Option<Asks> {
        let (rendered, put_in) = self.model_in(bench, model, scenario)?;
        match bench.kit.tool {
            Tool::ProVerif(_) => self.divided(bench, model, scenario, rendered, &put_in),
            Tool::Tamarin(_) => self.tamarins(rendered),
            Tool::Verifpal(_) | Tool::Command(_) => Some(Asks::undivided(rendered.text, vec![Ask::whole()])),
        }
    }

    /// The model as it is rendered, and the text that has to be put in before its main part.
    fn model_in(
        &mut self,
        bench: &Bench<'e>,
        model: usize,
        scenario: usize,
    ) -> Option<(Model, Option<Arc<[u8]>>)> {
        let (source, scenario) = (&bench.models[model].source, &bench.scenarios[scenario]);
        let stem = &*bench.models[model].point.text;
        let extra = match &scenario.file {
            Some(file) => Some(self.rendered(&bench.renderer, file, scenario, (stem, &[]))?),
            None => None,
        };
        let text =
            self.rendered(&bench.renderer, source, scenario, (stem, extra.as_deref().unwrap_or_default()))?;
        let is_fixed = bench.renderer.leaves(source) && extra.is_none();
        let shown = match is_fixed {
            true => source.shown.clone(),
            false => format!("{} (scenario {})", source.shown.display(), scenario.id).into(),
        };
        Some((Model { shown, text }, extra.filter(|_| !bench.renderer.places_scenario(source))))
    }

    fn tamarins(&mut self, model: Model) -> Option<Asks> {
        let lemmas = tamarin::lemmas(&model.text);
        if lemmas.is_empty() {
            let text = Text { shown: &model.shown, bytes: &model.text };
            self.problems.fault_at(&text, (1, 1), Fault::NoLemma { model: model.shown.clone() });
            return None;
        }
        let ask = |lemma: tamarin::Lemma<'_>| {
            let name = text_of(lemma.name);
            Ask { name: ids::cleaned(&name).into(), lemma: Some(name), ..Ask::whole() }
        };
        Some(Asks::undivided(Arc::clone(&model.text), lemmas.into_iter().map(ask).collect()))
    }

    fn divided(
        &mut self,
        bench: &mut Bench<'e>,
        model: usize,
        scenario: usize,
        rendered: Model,
        put_in: &Option<Arc<[u8]>>,
    ) -> Option<Asks> {
        let Model { shown, text } = rendered;
        let text = match put_in {
            Some(extra) => self.with_text(&shown, &text, extra)?,
            None => text,
        };
        let source = self.read(&shown, &text, Expected::Model)?;
        let libraries = self.read_libraries(bench)?;
        let asked_text = self.asked_text(bench, model, scenario, &source, &libraries)?;
        let asked = match &asked_text {
            Some(Model { shown, text }) => Some(self.read(shown, text, Expected::Queries)?),
            None => None,
        };
        let asked_source = asked.as_ref().map_or(Asked::InModel, Asked::Here);
        let lemmas = match bench.study.lemmas.as_ref().map(|lemmas| lemmas.value).unwrap_or_default() {
            LemmaUse::Own => Lemmas::Own,
            LemmaUse::AsAxioms => Lemmas::AsAxioms,
        };
        let division = match divide(&source, &libraries, asked_source, lemmas) {
            Ok(division) => division,
            Err(why) => {
                let fault = Fault::Refused { model: shown.clone(), why };
                let Refusal::Equivalence { line, .. } = why;
                self.problems.fault_at(&Text { shown: &shown, bytes: &text }, (line, 1), fault);
                return None;
            }
        };
        let texts = Texts { model: (&shown, &source), asked: asked_text.as_ref().zip(asked.as_ref()), bench };
        self.check_names_of_parts(&texts, &division)?;
        self.tell_of_division(&texts, model, &division);
        let sets: Rc<[_]> = libraries.iter().chain([&source]).flat_map(sets).collect();
        let expected = self.expected(&texts, model, &division);
        let Division { parts, assumptions, .. } = division;
        let asks = parts.into_iter().zip(expected).map(|(part, expected)| Ask {
            name: part.name.clone(),
            words: texts.words(&part).into(),
            is_sanity: part.role == Role::Sanity,
            equivalence: (part.role == Role::Equivalence).then_some(part.line),
            lemma: None,
            expected,
            sets: Rc::clone(&sets),
            part: Some(Rc::new(part)),
        });
        let asks = asks.collect();
        Some(Asks { asks, assumptions, text: Arc::clone(&text) })
    }

    /// The model with a text before its main part.
    fn with_text(&mut self, shown: &Path, text: &Arc<[u8]>, extra: &[u8]) -> Option<Arc<[u8]>> {
        let main = self.read(shown, text, Expected::Model)?.main?.start;
        Some([&text[..main], extra, b" ", &text[main..]].concat().into())
    }

    /// A text without faults, or all of them are told.
    fn read<'t>(&mut self, shown: &Path, text: &'t [u8], expected: Expected) -> Option<Read<'t>> {
        let source = Read::read(text, expected);
        for fault in &source.faults {
            let at = fault.place();
            let text = Text { shown, bytes: text };
            self.problems.fault_at(&text, (at.line, at.column), fault.clone().into());
        }
        source.faults.is_empty().then_some(source)
    }

    fn read_libraries<'t>(&mut self, bench: &'t Bench<'e>) -> Option<Vec<Read<'t>>> {
        let libraries = bench.kit.libraries.iter();
        let read: Vec<_> =
            libraries.map(|library| self.read(&library.shown, &library.bytes, Expected::Library)).collect();
        read.into_iter().collect()
    }

    /// The text of the queries that are asked in place of the model's own.
    fn asked_text(
        &mut self,
        bench: &Bench<'e>,
        model: usize,
        scenario: usize,
        source: &Read<'_>,
        libraries: &[Read<'_>],
    ) -> Option<Option<Model>> {
        let (form, stem) = (bench.study.queries.as_ref(), &*bench.models[model].point.text);
        let Some(form) = form else { return Some(None) };
        let (patterns, text) = match &form.form {
            QueryForm::InModels => return Some(None),
            QueryForm::Declarations(_) => {
                let file = bench.kit.asked.as_ref()?;
                let scenario = &bench.scenarios[scenario];
                let text = self.rendered(&bench.renderer, file, scenario, (stem, &[]))?;
                return Some(Some(Model { shown: file.shown.clone(), text }));
            }
            QueryForm::Secrets(patterns) => {
                let all = libraries.iter().chain([source]).flat_map(ask::secrets);
                let named = all.filter(|secret| bench.kit.names(secret.name)).collect::<Vec<_>>();
                (patterns, ask::for_secrets(&named))
            }
            QueryForm::Events(patterns) => {
                let all = libraries.iter().chain([source]).flat_map(ask::events);
                let named = all.filter(|event| bench.kit.names(event.name)).collect::<Vec<_>>();
                (patterns, ask::for_events(&named))
            }
        };
        if text.is_empty() {
            let patterns: Vec<_> = patterns.iter().map(|pattern| format!("`{}`", pattern.value)).collect();
            let model = bench.models[model].source.shown.clone();
            self.problems.fault(form.place, Fault::NoneNamed { model, patterns: patterns.join(", ") });
            return None;
        }
        Some(Some(Model { shown: PathBuf::from("generated queries"), text: text.into() }))
    }

    /// Two queries of one name would be one query.
    fn check_names_of_parts(&mut self, texts: &Texts<'_>, division: &Division) -> Option<()> {
        for (first, second) in &division.same_names {
            let (first, second) = (&division.parts[*first], &division.parts[*second]);
            let fault = Fault::NameTwice { name: second.name.clone() };
            let text = texts.of(second.origin);
            if first.origin == second.origin {
                self.problems.fault_at_two(
                    &text,
                    (second.line, 1),
                    ((first.line, 1), "the first one"),
                    fault,
                );
            } else {
                self.problems.fault_at(&text, (second.line, 1), fault);
            }
        }
        division.same_names.is_empty().then_some(())
    }

    /// What is not divided, and why: once for each model, not for each scenario.
    fn tell_of_division(&mut self, texts: &Texts<'_>, model: usize, division: &Division) {
        let shown = || texts.bench.models[model].source.shown.clone();
        let whole = division.whole.iter().map(|why| {
            (why.origin(), why.line().unwrap_or(1), Fault::Whole { model: shown(), why: why.clone() })
        });
        let kept = division.kept.iter().map(|why| {
            let (origin, line) = match *why {
                Kept::ForRandom { line, origin } => (origin, line),
                Kept::InLibrary { library, line } => (Origin::Library(library), line),
            };
            (origin, line, Fault::Kept { why: *why })
        });
        for (origin, line, fault) in whole.chain(kept) {
            if self.said.insert((model, fault.to_string())) {
                self.problems.warn_at(&texts.of(origin), line, fault);
            }
        }
    }

    /// What a model says is expected of each of its parts.
    fn expected(
        &mut self,
        texts: &Texts<'_>,
        model: usize,
        division: &Division,
    ) -> Vec<Option<&'static str>> {
        let nothing = vec![None; division.parts.len()];
        if !matches!(self.job.expect, Some(Expect::FromModels(_))) {
            return nothing;
        }
        let (_, source) = texts.model;
        match division.expected(source) {
            Ok(words) => words.into_iter().map(Some).collect(),
            Err(why) => {
                let shown = texts.bench.models[model].source.shown.clone();
                let fault = Fault::NotExpected { model: shown, why };
                if self.said.insert((model, fault.to_string())) {
                    self.problems.warn_at(&texts.of(Origin::Model), 1, fault);
                }
                nothing
            }
        }
    }
}

impl Asks {
    fn undivided(text: Arc<[u8]>, asks: Vec<Ask>) -> Self {
        Self { text, asks, assumptions: Box::default() }
    }
}

/// The texts that a division is about.
struct Texts<'t> {
    model: (&'t Path, &'t Read<'t>),
    asked: Option<(&'t Model, &'t Read<'t>)>,
    bench: &'t Bench<'t>,
}

impl Texts<'_> {
    fn of(&self, origin: Origin) -> Text<'_> {
        let (shown, source) = self.model;
        match (origin, &self.asked) {
            (Origin::Asked, Some((Model { shown, text }, _))) => Text { shown, bytes: text },
            (Origin::Library(place), _) => {
                let library = &self.bench.kit.libraries[place];
                Text { shown: &library.shown, bytes: &library.bytes }
            }
            _ => Text { shown, bytes: source.text },
        }
    }

    /// The declaration of a part.
    fn words(&self, part: &Part) -> &[u8] {
        let source = match (part.origin, &self.asked) {
            (Origin::Asked, Some((_, source))) => source,
            _ => self.model.1,
        };
        &source.text[part.at.clone()]
    }
}

/// The settings of a text in their order.
fn sets(source: &Read<'_>) -> Vec<(String, String)> {
    scan(source.text).sets.into_iter().map(|set| (set.name, set.value)).collect()
}
