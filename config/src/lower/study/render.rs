//! Models as templates: what they are in each scenario.
//!
//! Jinja by minijinja; M4 and C's preprocessor by the real programs, which are run by whoever lowers the spec. A model
//! may be in latin-1, and stays so. Must never know what a model says.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};

use super::super::{Lowering, Problems};
use super::scenarios::{Scenario, Variable};
use crate::fault::{Fault, SourceFile, near_hint};
use crate::spanned::Place;
use crate::spec::study::TemplateTool;
use crate::template::{self, TemplateError, Vars};

/// Under this name a template finds its scenario.
const SCENARIO: &str = "scenario";
/// Under this name it finds the stem of its model.
const MODEL: &str = "model";

/// A file that may be a template.
pub(super) struct Source {
    /// As the spec calls it.
    pub(super) shown: PathBuf,
    pub(super) path: PathBuf,
    pub(super) bytes: Arc<[u8]>,
}

/// What renders the files of a study.
pub(super) struct Renderer {
    tool: TemplateTool,
    engine: Environment<'static>,
    /// What templates have included.
    included: Arc<Mutex<Vec<String>>>,
    /// The variables of the job, and those of all scenarios by their names.
    vars: Vars,
    names: Vec<Arc<str>>,
}

impl Renderer {
    pub(super) fn new(tool: TemplateTool, folder: &Path, vars: &Vars, scenarios: &[Scenario]) -> Self {
        let included = Arc::new(Mutex::new(Vec::new()));
        let mut engine = template::engine();
        // What one scenario has and another has not may be asked and compared, but is never written as nothing.
        engine.set_undefined_behavior(UndefinedBehavior::Lenient);
        engine.set_formatter(|out, state, value| match value.is_undefined() {
            true => Err(minijinja::Error::new(
                ErrorKind::UndefinedError,
                "a value that this scenario does not have",
            )),
            false => minijinja::escape_formatter(out, state, value),
        });
        let (from, keep) = (folder.to_owned(), Arc::clone(&included));
        engine.set_loader(move |name| load(&from, name, &keep));
        let of_scenarios = scenarios.iter().flat_map(|scenario| &scenario.vars).map(|var| &var.name);
        let mut names: Vec<_> = vars.keys().chain(of_scenarios).cloned().collect();
        names.extend([SCENARIO, MODEL].map(Arc::from));
        Self { tool, engine, included, vars: vars.clone(), names }
    }

    /// Whether rendering changes nothing, whatever the scenario.
    pub(super) fn leaves(&self, source: &Source) -> bool {
        self.tool == TemplateTool::Jinja && !template::is_template(&text_of(&source.bytes))
    }

    /// Whether one of these templates uses a variable, be it in a file that it includes.
    pub(super) fn uses(&self, name: &str, sources: &[&[u8]]) -> bool {
        match self.tool {
            TemplateTool::Jinja => {
                let is_it = |used: &String| used.split('.').next() == Some(name);
                self.is_included(name) || sources.iter().any(|source| self.asks(source).iter().any(is_it))
            }
            // What other programs include is not known here.
            TemplateTool::M4 | TemplateTool::Cpp => {
                sources.iter().any(|source| has_word(source, name.as_bytes()) || has_word(source, b"include"))
            }
        }
    }

    /// Whether the text of a scenario has its place in this template. Its name alone, `{{ scenario.id }}`, is no place.
    pub(super) fn places_scenario(&self, source: &Source) -> bool {
        self.tool == TemplateTool::Jinja
            && (self.is_included(SCENARIO) || self.asks(&source.bytes).contains(SCENARIO))
    }

    /// What a template wants to know: names, with a field where only that is wanted.
    fn asks(&self, source: &[u8]) -> HashSet<String> {
        let text = text_of(source);
        if !template::is_template(&text) {
            return HashSet::new();
        }
        let compiled = self.engine.template_from_str(&text);
        compiled.map(|compiled| compiled.undeclared_variables(true)).unwrap_or_default()
    }

    /// Whether a word stands in what was included so far.
    fn is_included(&self, word: &str) -> bool {
        let included = self.included.lock().map(|texts| texts.clone()).unwrap_or_default();
        included.iter().any(|text| has_word(text.as_bytes(), word.as_bytes()))
    }

    /// All that a template sees in a scenario, the innermost last.
    fn seen<'a>(&'a self, scenario: &'a Scenario) -> impl Iterator<Item = (Arc<str>, Value)> + 'a {
        let of_job = self.vars.iter().map(|(name, value)| (Arc::clone(name), value.clone()));
        let own = scenario.vars.iter().map(|Variable { name, value, .. }| (Arc::clone(name), value.clone()));
        of_job.chain(own)
    }
}

impl Lowering<'_> {
    /// A file as it is in a scenario; `text`: what the scenario puts into it by name. `None`: that failed, and it was said.
    pub(super) fn rendered(
        &mut self,
        renderer: &Renderer,
        source: &Source,
        scenario: &Scenario,
        (model, text): (&str, &[u8]),
    ) -> Option<Arc<[u8]>> {
        match renderer.tool {
            TemplateTool::Jinja if renderer.leaves(source) => Some(Arc::clone(&source.bytes)),
            TemplateTool::Jinja => self.rendered_by_jinja(renderer, source, scenario, (model, text)),
            TemplateTool::M4 | TemplateTool::Cpp => self.rendered_by_program(renderer, source, scenario),
        }
    }

    fn rendered_by_jinja(
        &mut self,
        renderer: &Renderer,
        source: &Source,
        scenario: &Scenario,
        (model, text): (&str, &[u8]),
    ) -> Option<Arc<[u8]>> {
        let template = text_of(&source.bytes);
        let name = source.shown.to_string_lossy();
        let engine = &renderer.engine;
        let itself = Value::from_object(Itself { id: Arc::clone(&scenario.id), text: text_of(text).into() });
        let fixed = [(SCENARIO.into(), itself), (MODEL.into(), model.into())];
        let seen = Value::from_pairs(renderer.seen(scenario).chain(fixed));
        let rendered = engine.template_from_named_str(&name, &template).and_then(|compiled| {
            let unknown = compiled.undeclared_variables(false);
            self.check_names(&unknown, renderer, source, &template);
            compiled.render(seen)
        });
        match rendered {
            Ok(rendered) => Some(bytes_of(&rendered, &source.bytes)),
            Err(error) => {
                let at = (error.name() == Some(&*name)).then(|| error.line()).flatten();
                let error = failure(&error, &name);
                self.problems.fault_in(source, place_of_line(&template, at), error.into());
                None
            }
        }
    }

    /// A name that neither the job nor any scenario defines is a slip, also where nothing comes of it.
    fn check_names(&mut self, used: &HashSet<String>, renderer: &Renderer, source: &Source, template: &str) {
        self.templates.used.extend(used.iter().cloned());
        let is_known =
            |name: &str| template::is_reserved(name) || renderer.names.iter().any(|known| **known == *name);
        let mut unknown: Vec<&String> = used.iter().filter(|name| !is_known(name)).collect();
        unknown.sort();
        for name in unknown {
            let known: Vec<&str> = renderer.names.iter().map(|name| &**name).collect();
            let hint = near_hint(name, &known, "defined here");
            let place = word_place(template, name);
            let error = TemplateError::Undefined { name: name.clone(), hint };
            self.problems.fault_in(source, place, error.into());
        }
    }

    fn rendered_by_program(
        &mut self,
        renderer: &Renderer,
        source: &Source,
        scenario: &Scenario,
    ) -> Option<Arc<[u8]>> {
        let (program, mut argv) = match renderer.tool {
            TemplateTool::Cpp => ("cpp", vec!["cpp", "-P", "-undef", "-w"]),
            TemplateTool::Jinja | TemplateTool::M4 => ("m4", vec!["m4"]),
        };
        let defines = defines(renderer, scenario);
        argv.extend(defines.iter().map(String::as_str));
        let folder = source.path.parent().map(|folder| folder.to_string_lossy()).unwrap_or_default();
        let path = source.path.to_string_lossy();
        argv.extend(["-I", &folder, &path]);
        let argv: Vec<String> = argv.into_iter().map(str::to_owned).collect();
        let fault = match (self.around.run_tool)(&argv, &self.around.folder) {
            Ok(output) if output.is_success => return Some(output.stdout.into()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
                let scenario = Arc::clone(&scenario.id);
                Fault::PreprocessorFailed { program, model: source.shown.clone(), scenario, said }
            }
            Err(source) => Fault::PreprocessorMissing { program, source: source.into() },
        };
        let place = self.job.study.as_ref().map_or(self.job.name.place, |study| study.value.models.place);
        self.problems.fault(place, fault);
        None
    }
}

impl Problems {
    /// A fault in a file that is no spec.
    pub(super) fn fault_in(&mut self, source: &Source, place: Place, fault: Fault) {
        let file = SourceFile { path: source.shown.clone(), text: text_of(&source.bytes).into() };
        self.within(&Arc::new(file), |problems| problems.fault(place, fault));
    }
}

/// The definitions for a preprocessor: what is true is 1, and what is false is not defined.
fn defines(renderer: &Renderer, scenario: &Scenario) -> Vec<String> {
    let define = |(name, value): (Arc<str>, Value)| match value.kind() {
        minijinja::value::ValueKind::Bool if value.is_true() => Some(format!("-D{name}=1")),
        minijinja::value::ValueKind::String | minijinja::value::ValueKind::Number => {
            Some(format!("-D{name}={value}"))
        }
        _ => None,
    };
    let own = renderer.seen(scenario).filter(|(name, _)| **name != *template::PROVISOR);
    own.filter_map(define).collect()
}

/// A scenario as templates see it: its text, and its name as `.id`.
#[derive(Debug)]
struct Itself {
    id: Arc<str>,
    text: Arc<str>,
}

impl Object for Itself {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str()? == "id").then(|| Arc::clone(&self.id).into())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !self.text.is_empty()
    }

    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// A file that a template includes; its path starts at the spec's folder.
fn load(folder: &Path, name: &str, keep: &Mutex<Vec<String>>) -> Result<Option<String>, minijinja::Error> {
    match std::fs::read(folder.join(name)) {
        Ok(bytes) => {
            let text = text_of(&bytes);
            if let Ok(mut kept) = keep.lock() {
                kept.push(text.clone());
            }
            Ok(Some(text))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(minijinja::Error::new(ErrorKind::InvalidOperation, format!("{name}: {error}"))),
    }
}

/// What went wrong; the line is shown anyway, unless it is one of another file.
fn failure(error: &minijinja::Error, name: &str) -> TemplateError {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let detail = match (error.name(), error.line()) {
        (Some(other), Some(line)) if other != name => format!("{other}:{line}: {detail}"),
        _ => detail,
    };
    match error.kind() {
        ErrorKind::SyntaxError => TemplateError::Syntax { detail },
        _ => TemplateError::Failed { detail },
    }
}

/// As a text: UTF-8, or else each byte is a character of latin-1.
pub(super) fn text_of(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// The way back, for a text that was made from these bytes.
fn bytes_of(text: &str, from: &[u8]) -> Arc<[u8]> {
    if std::str::from_utf8(from).is_ok() {
        return text.as_bytes().into();
    }
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(u32::from(c)) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes.into()
}

/// A line, counted from 1, without the spaces before it.
fn place_of_line(text: &str, line: Option<usize>) -> Place {
    let Some(line) = line.and_then(|line| line.checked_sub(1)) else { return Place::default() };
    let start = text.split_inclusive('\n').take(line).map(str::len).sum::<usize>();
    let content = text[start..].lines().next().unwrap_or_default();
    let indent = content.len() - content.trim_start().len();
    Place { start: start + indent, end: start + content.trim_end().len() }
}

/// Where a word stands first.
fn word_place(text: &str, word: &str) -> Place {
    let mut places = text.match_indices(word).map(|(at, _)| at);
    let is_word = |at: &usize| is_apart(text.as_bytes(), *at, word.len());
    places.find(is_word).map_or_else(Place::default, |start| Place { start, end: start + word.len() })
}

fn has_word(text: &[u8], word: &[u8]) -> bool {
    !word.is_empty()
        && text
            .windows(word.len())
            .enumerate()
            .any(|(at, found)| found == word && is_apart(text, at, word.len()))
}

/// Whether no letter stands on either side.
fn is_apart(text: &[u8], at: usize, length: usize) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    !before.is_some_and(is_letter) && !text.get(at + length).is_some_and(is_letter)
}
