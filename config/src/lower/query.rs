//! One query: a recipe and a point of the matrix become a command with its surroundings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use provisor_core::plan::{Command, Environment, Inputs, Judging, Pass, Query, Stdin};
use provisor_core::verdict::Preset;

use super::recipe::{Reading, Recipe, Rung, StdinFrom, Text, from_folder};
use super::{Lowering, ids};
use crate::fault::Fault;
use crate::spanned::Place;
use crate::template::{Point, Scope};

/// What one pass of a query comes to.
struct Asked {
    command: Command,
    judging: Arc<Judging>,
    files: Vec<PathBuf>,
}

/// Linux takes no longer argument: MAX_ARG_STRLEN, with the NUL at its end.
const LONGEST_ARGUMENT: usize = 131_071;

impl Lowering<'_> {
    /// The query, or else its faults are noted.
    pub(super) fn query(&mut self, recipe: &Recipe<'_>, points: &[Arc<Point>]) -> Option<Query> {
        let axes = self.axes.clone();
        let scope = Scope { axes: &axes, points, vars: &recipe.vars, absolute: recipe.cwd.is_some() };
        let id = self.id(recipe, scope)?;
        self.query_of(recipe, points, id)
    }

    /// The query that is called so.
    pub(super) fn query_of(
        &mut self,
        recipe: &Recipe<'_>,
        points: &[Arc<Point>],
        id: Arc<str>,
    ) -> Option<Query> {
        let axes = self.axes.clone();
        let scope = Scope { axes: &axes, points, vars: &recipe.vars, absolute: recipe.cwd.is_some() };
        self.check_unique(&id, recipe, points);
        self.comes_after(recipe, scope, &id);
        let (first, health) = (self.asked(recipe, scope, &id), self.probe(recipe, scope, &id));
        // All of them, so that each fault is told.
        let further: Vec<_> = recipe.further.iter().map(|rung| self.rung(rung, scope, &id)).collect();
        let (first, health) = (first?, health?);
        let further = further.into_iter().collect::<Option<_>>()?;
        Some(Query {
            command: first.command,
            limits: recipe.limits,
            judging: first.judging,
            retry: recipe.retry.clone(),
            expect: recipe.expect.clone(),
            inputs: self.shared.inputs.share(Inputs { argv: !recipe.only_inputs, files: first.files }),
            axes: points.iter().map(|point| point.text.clone()).collect(),
            logs: recipe.logs,
            record: recipe.record,
            pass: recipe.pass.clone(),
            further,
            needs: Box::default(),
            cell: None,
            pages: None,
            care: self.care_at(recipe.care.as_ref(), points),
            health,
            id,
        })
    }

    fn rung(&mut self, rung: &Rung<'_>, scope: Scope<'_>, id: &Arc<str>) -> Option<Pass> {
        let scope = Scope { vars: &rung.recipe.vars, ..scope };
        let Asked { command, judging, .. } = self.asked(&rung.recipe, scope, id)?;
        let (name, limits) = (Arc::clone(&rung.name), rung.recipe.limits);
        Some(Pass { name, only: rung.only, command, limits, judging, pages: None })
    }

    /// What is executed and how it is read.
    fn asked(&mut self, recipe: &Recipe<'_>, scope: Scope<'_>, id: &Arc<str>) -> Option<Asked> {
        let cwd = self.cwd(recipe, scope, id)?;
        let mut argv = self.argv(&recipe.argv, scope, id)?;
        let env = self.environment(recipe, scope, id)?;
        let stdin = self.standard_input(recipe, scope, id)?;
        let mut files = self.files(recipe, scope)?;
        let preset = self.preset(recipe, &mut argv, &cwd, &mut files, id)?;
        let judging = self.shared.judging(recipe.rules.clone(), preset);
        let command = Command { argv: argv.into(), env, cwd, stdin };
        let place = recipe.argv.first().map_or(recipe.place, |text| text.place);
        self.has_program(&command.argv, place, id).then_some(Asked { command, judging, files })
    }

    pub(super) fn render(&mut self, text: &Text<'_>, scope: Scope<'_>) -> Option<Arc<str>> {
        match text.template.render(scope) {
            Ok(text) => Some(text),
            Err(error) => {
                self.problems.fault(text.place, error.into());
                None
            }
        }
    }

    /// All of several texts, so that each that fails is told.
    fn render_all<'t, 'e: 't>(
        &mut self,
        texts: impl Iterator<Item = &'t Text<'e>>,
        scope: Scope<'_>,
    ) -> Option<Vec<Arc<str>>> {
        let rendered: Vec<Option<Arc<str>>> = texts.map(|text| self.render(text, scope)).collect();
        rendered.into_iter().collect()
    }

    pub(super) fn id(&mut self, recipe: &Recipe<'_>, scope: Scope<'_>) -> Option<Arc<str>> {
        let id: Arc<str> = match &recipe.id {
            Some(text) => {
                if text.template.uses_index() {
                    self.problems.warn(text.place, Fault::IdFromIndex);
                }
                self.render(text, scope)?
            }
            None if scope.points.is_empty() => recipe.number.to_string().into(),
            None => ids::of_points(scope.points).into(),
        };
        if recipe.id.is_none() && id.is_empty() {
            self.problems.fault(recipe.place, Fault::NoId { values: described(scope.points) });
            return None;
        }
        match ids::check(&id) {
            Ok(()) => Some(id),
            Err(why) => {
                self.problems.fault(recipe.place, Fault::BadId { id, why });
                None
            }
        }
    }

    fn cwd(&mut self, recipe: &Recipe<'_>, scope: Scope<'_>, id: &Arc<str>) -> Option<Arc<Path>> {
        let Some(cwd) = &recipe.cwd else { return Some(self.shared.path(&self.around.folder)) };
        // It starts at the spec's folder itself, so a path on the way to it is a relative one.
        let text = self.render(cwd, Scope { absolute: false, ..scope })?;
        self.refuse_nul(&text, "the working directory", cwd, id)?;
        Some(self.shared.path(&from_folder(&self.around.folder, &text)))
    }

    pub(super) fn argv(
        &mut self,
        texts: &[Text<'_>],
        scope: Scope<'_>,
        id: &Arc<str>,
    ) -> Option<Vec<Arc<str>>> {
        let mut argv = self.render_all(texts.iter(), scope)?;
        let mut sound = true;
        for (text, argument) in texts.iter().zip(&argv) {
            sound &= self.refuse_nul(argument, "an argument", text, id).is_some();
            sound &= self.refuse_long(argument.len(), "an argument", text, id).is_some();
        }
        let program = argv.first_mut()?;
        if !program.starts_with('/') && program.contains('/') {
            let path = from_folder(&self.around.folder, program);
            match path.to_str() {
                Some(path) => *program = path.into(),
                None => {
                    self.problems.fault(texts.first()?.place, Fault::PathNotUtf8 { path });
                    return None;
                }
            }
        }
        sound.then_some(argv)
    }

    pub(super) fn has_program(&mut self, argv: &[Arc<str>], place: Place, id: &Arc<str>) -> bool {
        let empty = argv.first().is_none_or(|program| program.is_empty());
        if empty {
            self.problems.fault(place, Fault::EmptyProgram { id: id.clone() });
        }
        !empty
    }

    fn environment(
        &mut self,
        recipe: &Recipe<'_>,
        scope: Scope<'_>,
        id: &Arc<str>,
    ) -> Option<Arc<Environment>> {
        let values = match &recipe.fixed_env {
            // It is sound for all queries or for none: one look is enough, but a name is wanted for the message.
            Some(env) if env.set.is_empty() => return Some(env.clone()),
            _ => self.render_all(recipe.env.iter().map(|(_, text)| text), scope)?,
        };
        for ((name, text), value) in recipe.env.iter().zip(&values) {
            self.refuse_nul(value, "an environment variable", text, id)?;
            self.refuse_long(name.len() + 1 + value.len(), "an environment variable", text, id)?;
        }
        if let Some(env) = &recipe.fixed_env {
            return Some(env.clone());
        }
        let set = recipe.env.iter().map(|(name, _)| name.clone()).zip(values).collect();
        Some(self.shared.env.share(Environment { inherit: recipe.inherit, set }))
    }

    fn standard_input(&mut self, recipe: &Recipe<'_>, scope: Scope<'_>, id: &Arc<str>) -> Option<Stdin> {
        Some(match &recipe.stdin {
            StdinFrom::Null => Stdin::Null,
            StdinFrom::Text(text) => Stdin::Text(self.render(text, scope)?),
            StdinFrom::File(path) => {
                let text = self.render(path, scope)?;
                self.refuse_nul(&text, "the path of the standard input", path, id)?;
                Stdin::File(from_folder(&self.around.folder, &text).into())
            }
        })
    }

    fn files(&mut self, recipe: &Recipe<'_>, scope: Scope<'_>) -> Option<Vec<PathBuf>> {
        let files = self.render_all(recipe.inputs.iter(), scope)?;
        Some(files.iter().map(|file| from_folder(&self.around.folder, file)).collect())
    }

    fn preset(
        &mut self,
        recipe: &Recipe<'_>,
        argv: &mut Vec<Arc<str>>,
        cwd: &Path,
        files: &mut Vec<PathBuf>,
        id: &Arc<str>,
    ) -> Option<Option<Preset>> {
        let Reading::ProVerif(options) = recipe.reading else { return Some(recipe.preset()) };
        let prepared = self.models.prepare(argv, cwd, options, id);
        let sound = prepared.faults.is_empty();
        for fault in prepared.faults {
            self.problems.fault(recipe.preset_place, fault);
        }
        if let Some((at, options)) = prepared.options {
            argv.splice(at..at, options);
        }
        if !recipe.only_inputs {
            files.extend(prepared.inputs);
        }
        sound.then_some(Some(Preset::ProVerif(prepared.reading)))
    }

    fn refuse_nul(&mut self, text: &str, what: &'static str, from: &Text<'_>, id: &Arc<str>) -> Option<()> {
        if !text.contains('\0') {
            return Some(());
        }
        self.problems.fault(from.place, Fault::Nul { what, id: id.clone() });
        None
    }

    fn refuse_long(
        &mut self,
        length: usize,
        what: &'static str,
        from: &Text<'_>,
        id: &Arc<str>,
    ) -> Option<()> {
        if length <= LONGEST_ARGUMENT {
            return Some(());
        }
        self.problems.fault(from.place, Fault::TooLong { what, id: id.clone(), length });
        None
    }
}

/// The values of a query, for messages.
pub(super) fn described(points: &[Arc<Point>]) -> String {
    let texts: Vec<String> = points.iter().map(|point| format!("`{}`", point.text)).collect();
    texts.join(", ")
}
