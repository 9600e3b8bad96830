//! What the queries of one origin have in common: all of a matrix, or one command, or one key of `each`.
//!
//! Here the inner setting goes before the outer one, and every text becomes a template. What does not depend on
//! the axes is made once and shared.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use provisor_core::plan::{AfterFailure, Care, Environment, Inherit, Limits, Logs, Only, Retry, RetryOn};
use provisor_core::rules::Rule;
use provisor_core::tool::Tool;
use provisor_core::verdict::Preset;

use super::health::ProbeFrom;
use super::race::Executed;
use super::{Lowering, axes, rules};
use crate::fault::Fault;
use crate::human::{self, HumanError};
use crate::spanned::{Place, Spanned};
use crate::spec::{self, InheritEnv, ProVerifOptions, Scalar, ScalarValue, Settings};
use crate::template::{self, Template, Vars};

/// A text of the spec, to be rendered for each query.
#[derive(Clone)]
pub(super) struct Text<'e> {
    pub(super) template: Rc<Template<'e>>,
    pub(super) place: Place,
}

/// Where the standard input of a query comes from.
#[derive(Clone)]
pub(super) enum StdinFrom<'e> {
    Null,
    File(Text<'e>),
    Text(Text<'e>),
}

/// How output is read, before a model is looked at.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Reading {
    Rules,
    ExitCode,
    ProVerif(ProVerifOptions),
    Tool(Arc<Tool>),
    /// Already as the core knows it.
    Known(Preset),
}

/// See the head of this file.
#[derive(Clone)]
pub(super) struct Recipe<'e> {
    pub(super) place: Place,
    pub(super) id: Option<Text<'e>>,
    /// What the id is made of where none is given and there are no axes.
    pub(super) number: usize,
    pub(super) argv: Vec<Text<'e>>,
    pub(super) env: Vec<(Arc<str>, Text<'e>)>,
    pub(super) inherit: Inherit,
    pub(super) cwd: Option<Text<'e>>,
    pub(super) stdin: StdinFrom<'e>,
    pub(super) inputs: Vec<Text<'e>>,
    pub(super) after: Vec<Text<'e>>,
    pub(super) after_failure: AfterFailure,
    pub(super) only_inputs: bool,
    pub(super) limits: Limits,
    pub(super) care: Option<Care>,
    pub(super) probe: Option<Rc<ProbeFrom<'e>>>,
    pub(super) retry: Arc<Retry>,
    pub(super) rules: Rc<Vec<Rule>>,
    pub(super) reading: Reading,
    pub(super) preset_place: Place,
    pub(super) expect: Option<Arc<str>>,
    pub(super) logs: Logs,
    pub(super) record: bool,
    pub(super) vars: Rc<Vars>,
    /// Made once where no text of it depends on the query.
    pub(super) fixed_env: Option<Arc<Environment>>,
    /// What the pass is called, where there are several.
    pub(super) pass: Option<Arc<str>>,
    /// The passes after it.
    pub(super) further: Vec<Rung<'e>>,
    /// Those that race, where it is not one command.
    pub(super) race: Vec<Self>,
}

/// A pass after the first one.
#[derive(Clone)]
pub(super) struct Rung<'e> {
    pub(super) name: Arc<str>,
    pub(super) only: Only,
    pub(super) recipe: Recipe<'e>,
}

/// What an origin has of its own besides its settings.
pub(super) struct Origin<'e> {
    pub(super) place: Place,
    pub(super) number: usize,
    pub(super) id: Option<&'e Spanned<String>>,
    pub(super) executed: Executed<'e>,
    pub(super) expect: Option<&'e Spanned<String>>,
    pub(super) settings: Option<Settings<'e>>,
}

/// The settings of an origin, and behind them those of the job.
#[derive(Clone, Copy)]
pub(super) struct Layers<'e> {
    pub(super) inner: Option<Settings<'e>>,
    outer: Settings<'e>,
}

impl<'e> Layers<'e> {
    /// What is written innermost.
    pub(super) fn first<T>(&self, get: impl Fn(&Settings<'e>) -> Option<T>) -> Option<T> {
        self.inner.as_ref().and_then(&get).or_else(|| get(&self.outer))
    }

    /// What is written at all, outermost first.
    pub(super) fn all<T>(&self, get: impl Fn(&Settings<'e>) -> Option<T>) -> impl Iterator<Item = T> {
        let outer = get(&self.outer);
        outer.into_iter().chain(self.inner.as_ref().and_then(get))
    }
}

impl<'e> Lowering<'e> {
    pub(super) fn recipe(&mut self, origin: &Origin<'e>) -> Recipe<'e> {
        self.check_origin(origin);
        let layers = Layers { inner: origin.settings, outer: self.job.settings() };
        let reading = self.reading(layers);
        let env = self.env(layers);
        let inherit = match self.job.inherit_env {
            Some(InheritEnv::All) => Inherit::All,
            Some(InheritEnv::Basic) | None => Inherit::Basic,
        };
        let (only_inputs, inputs) = self.inputs(layers);
        let (after, after_failure) = self.after(layers);
        let mut limits = self.limits(layers);
        let (care, probe) = (self.care(layers), self.health(layers, &mut limits));
        let argv = origin.executed.first();
        let recipe = Recipe {
            place: origin.id.map_or(origin.place, |id| id.place),
            id: origin.id.and_then(|id| self.text(id)),
            number: origin.number,
            argv: argv.iter().filter_map(|text| self.text(text)).collect(),
            fixed_env: self.fixed_env(&env, inherit),
            env,
            inherit,
            cwd: layers.first(|settings| settings.cwd).and_then(|cwd| self.text(cwd)),
            stdin: self.stdin(layers),
            inputs,
            after,
            after_failure,
            only_inputs,
            limits,
            care,
            probe,
            retry: self.retry(layers),
            rules: self.rules(layers, &reading),
            reading,
            preset_place: layers
                .first(|settings| settings.preset)
                .map_or(origin.place, |preset| preset.place),
            expect: origin.expect.map(|word| word.value.as_str().into()),
            logs: self.logs(layers),
            record: self.around.overrides.record || layers.first(|settings| settings.record).unwrap_or(false),
            vars: self.vars(layers),
            pass: None,
            further: Vec::new(),
            race: Vec::new(),
        };
        let recipe = self.ladder(recipe);
        match origin.executed {
            Executed::Race(race) => Recipe { race: self.entrants(race, &recipe), ..recipe },
            Executed::One(_) | Executed::OfStudy(_) => recipe,
        }
    }

    fn check_origin(&mut self, origin: &Origin<'e>) {
        if let Some(word) = origin.expect {
            rules::word(word, &mut self.problems);
        }
        if let Executed::One(argv) = origin.executed
            && argv.items.is_empty()
        {
            self.problems.fault(origin.place, Fault::EmptyCommand);
        }
    }

    pub(super) fn text(&mut self, text: &'e Spanned<String>) -> Option<Text<'e>> {
        match self.templates.compile(text) {
            Ok(template) => Some(Text { template, place: text.place }),
            Err(error) => {
                self.problems.fault(text.place, error.into());
                None
            }
        }
    }

    /// A number is rendered as it stands; a text may be a template.
    fn scalar(&mut self, scalar: &'e Scalar) -> Option<Text<'e>> {
        let template = match &scalar.value {
            ScalarValue::Text(text) => self.templates.compile_at(text, scalar.place),
            _ => Ok(Rc::new(Template::Literal(axes::value(scalar).to_string().into()))),
        };
        match template {
            Ok(template) => Some(Text { template, place: scalar.place }),
            Err(error) => {
                self.problems.fault(scalar.place, error.into());
                None
            }
        }
    }

    fn env(&mut self, layers: Layers<'e>) -> Vec<(Arc<str>, Text<'e>)> {
        let mut env: Vec<(Arc<str>, Text<'e>)> = Vec::new();
        for (name, value) in layers.all(|settings| settings.env).flat_map(|entries| &entries.0) {
            if name.value.is_empty() || name.value.contains(['=', '\0']) {
                self.problems.fault(name.place, Fault::EnvName { name: name.value.clone() });
            }
            let Some(text) = self.scalar(value) else { continue };
            match env.iter_mut().find(|(known, _)| **known == *name.value) {
                Some(known) => known.1 = text,
                None => env.push((name.value.as_str().into(), text)),
            }
        }
        env
    }

    fn fixed_env(&mut self, env: &[(Arc<str>, Text<'e>)], inherit: Inherit) -> Option<Arc<Environment>> {
        let literal =
            |(name, text): &(Arc<str>, Text<'e>)| Some((name.clone(), text.template.literal()?.clone()));
        let set = env.iter().map(literal).collect::<Option<_>>()?;
        Some(self.shared.env.share(Environment { inherit, set }))
    }

    fn stdin(&mut self, layers: Layers<'e>) -> StdinFrom<'e> {
        let text = match layers.first(|settings| settings.stdin) {
            None | Some(spec::Stdin::Null) => None,
            Some(spec::Stdin::File(path)) => self.text(path).map(StdinFrom::File),
            Some(spec::Stdin::Text(text)) => self.text(text).map(StdinFrom::Text),
        };
        text.unwrap_or(StdinFrom::Null)
    }

    fn inputs(&mut self, layers: Layers<'e>) -> (bool, Vec<Text<'e>>) {
        let (mut only, mut files) = (false, Vec::new());
        for list in layers.all(|settings| settings.inputs) {
            if list.only {
                (only, files) = (true, Vec::new());
            }
            files.extend(list.files.iter().filter_map(|file| self.text(file)));
        }
        (only, files)
    }

    pub(super) fn duration(&mut self, written: &Scalar) -> Option<std::time::Duration> {
        self.human(written, human::duration)
    }

    pub(super) fn human<T>(
        &mut self,
        written: &Scalar,
        read: fn(&str) -> Result<T, HumanError>,
    ) -> Option<T> {
        match read(&written.value.to_string()) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.fault(written.place, error.into());
                None
            }
        }
    }

    fn logs(&mut self, layers: Layers<'e>) -> Logs {
        match layers.first(|settings| settings.logs) {
            None | Some(spec::Logs::Keep) => Logs::Keep,
            Some(spec::Logs::Drop) => Logs::Drop,
            Some(spec::Logs::Tail(bytes)) => Logs::Tail(self.human(bytes, human::size).unwrap_or_default()),
            Some(spec::Logs::Ends(bytes)) => Logs::Ends(self.human(bytes, human::size).unwrap_or_default()),
        }
    }

    /// Field by field, like limits: a host that is tried more often is tried after the same endings.
    fn retry(&mut self, layers: Layers<'e>) -> Arc<Retry> {
        let times = layers.first(|settings| settings.retry?.times).unwrap_or(0);
        let on = layers.first(|settings| settings.retry?.on.as_ref());
        let backoff = layers.first(|settings| settings.retry?.backoff.as_ref());
        let backoff = backoff.and_then(|backoff| self.duration(backoff)).unwrap_or_default();
        for on in on.into_iter().flatten() {
            if let RetryOn::ExitCode(code) = on.value
                && !(0..=255).contains(&code)
            {
                self.problems.fault(on.place, Fault::ExitCode { code });
            }
        }
        let on = match on {
            Some(on) => on.iter().map(|on| on.value).collect(),
            None if times == 0 => Vec::new(),
            None => RETRIED.to_vec(),
        };
        self.shared.retry.share(Retry { times, on, backoff })
    }

    fn reading(&mut self, layers: Layers<'e>) -> Reading {
        if let Some(preset) = layers.first(|settings| settings.preset) {
            return self.reading_by(preset);
        }
        if let Some(reading) = self.reading_of_study() {
            return reading;
        }
        let rules = layers.first(|settings| settings.rules);
        if rules.is_some_and(|rules| !rules.is_empty()) { Reading::Rules } else { Reading::ExitCode }
    }

    fn rules(&mut self, layers: Layers<'e>, reading: &Reading) -> Rc<Vec<Rule>> {
        let Some(written) = layers.first(|settings| settings.rules) else { return self.no_rules.clone() };
        if let (Reading::ProVerif(_), Some(place)) = (reading, rules::stops_on_goal(written)) {
            self.problems.warn(place, Fault::StopOnGoalReachable);
        }
        // Regular expressions are costly: those of the job are compiled once for all its hosts.
        let problems = &mut self.problems;
        let known = self.known_rules.entry(written.as_ptr());
        known.or_insert_with(|| Rc::new(rules::rules(written, problems))).clone()
    }

    fn vars(&mut self, layers: Layers<'e>) -> Rc<Vars> {
        if layers.inner.is_none_or(|inner| inner.vars.is_none())
            && let Some(known) = &self.outer_vars
        {
            return known.clone();
        }
        let mut vars = Vars::new();
        for (name, value) in layers.all(|settings| settings.vars).flat_map(|entries| &entries.0) {
            self.check_variable(name, value);
            vars.insert(name.value.as_str().into(), axes::value(value));
        }
        for (name, text) in &self.around.overrides.set {
            let value = axes::typed(text, vars.get(name.as_str()));
            vars.insert(name.as_str().into(), value);
        }
        vars.extend(self.provisor.clone().map(|path| (template::PROVISOR.into(), path)));
        let vars = Rc::new(vars);
        if layers.inner.is_none_or(|inner| inner.vars.is_none()) {
            self.outer_vars = Some(vars.clone());
        }
        vars
    }

    pub(super) fn check_variable(&mut self, name: &Spanned<String>, value: &Scalar) {
        self.check_name(name);
        if let Some(axis) = self.axes.iter().find(|axis| ***axis == *name.value) {
            self.problems.fault(name.place, Fault::AxisAndVariable { name: axis.clone() });
        }
        if matches!(&value.value, ScalarValue::Text(text) if template::is_template(text)) {
            self.problems.fault(value.place, Fault::TemplateInVars { name: name.value.clone() });
        }
    }

    /// Axes and variables have names that templates can say.
    pub(super) fn check_name(&mut self, name: &Spanned<String>) {
        let fault = match &name.value {
            text if !template::is_name(text) => Fault::BadName { name: text.clone() },
            text if template::is_reserved(text) => Fault::ReservedName { name: text.clone() },
            _ => return,
        };
        self.problems.fault(name.place, fault);
    }
}

/// The endings that are tried again where the spec does not say which: those that may be an accident.
const RETRIED: [RetryOn; 5] =
    [RetryOn::NotStarted, RetryOn::Signal, RetryOn::Failure, RetryOn::NoVerdict, RetryOn::Lost];

impl Recipe<'_> {
    /// The preset as the core knows it, where no model has to be looked at.
    pub(super) fn preset(&self) -> Option<Preset> {
        match &self.reading {
            Reading::ExitCode => Some(Preset::ExitCode),
            Reading::Tool(tool) => Some(Preset::Tool(Arc::clone(tool))),
            Reading::Known(preset) => Some(preset.clone()),
            Reading::Rules | Reading::ProVerif(_) => None,
        }
    }
}

/// A path of the spec: it starts at the spec's folder, and `.` says nothing.
pub(super) fn from_folder(folder: &Path, path: &str) -> PathBuf {
    folder.join(path).components().collect()
}
