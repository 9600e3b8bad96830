//! `passes: [...]`: one recipe becomes several, each with its own effort and limits.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use provisor_core::plan::{Limits, Only};

use super::recipe::{Reading, Recipe, Rung};
use super::{Lowering, axes};
use crate::fault::Fault;
use crate::spec::{Pass, PassKind};

impl<'e> Lowering<'e> {
    /// The recipe of the first pass, with those of all others behind it.
    pub(super) fn ladder(&mut self, recipe: Recipe<'e>) -> Recipe<'e> {
        let Some(passes) = self.passes() else { return recipe };
        let Some((first, others)) = passes.split_first() else { return recipe };
        let names = self.pass_names(passes);
        let further = others.iter().zip(passes).zip(&names[1..]).map(|((pass, before), name)| {
            let only = pass.fields.only.as_ref().map(|only| only.value);
            // What a fast pass has not proved it has not refuted either.
            let usual = if before.kind == PassKind::Fast { Only::NotTrue } else { Only::Limited };
            let recipe = self.pass(pass, recipe.clone());
            Rung { name: Arc::clone(name), only: only.unwrap_or(usual), recipe }
        });
        let further: Vec<_> = further.collect();
        let pass = (!further.is_empty()).then(|| Arc::clone(&names[0]));
        Recipe { pass, further, ..self.pass(first, recipe) }
    }

    fn passes(&mut self) -> Option<&'e [Pass]> {
        let of_study = self.job.study.as_ref().and_then(|study| study.value.passes.as_ref());
        let passes = self.job.passes.as_ref().or(of_study)?;
        match &passes.items[..] {
            [] => self.problems.fault(passes.place, Fault::Empty { of: "passes" }),
            [first, ..] => {
                if let Some(only) = &first.fields.only {
                    self.problems.fault(only.place, Fault::OnlyOfFirstPass);
                }
            }
        }
        Some(&passes.items)
    }

    /// As written, else by their kind and, from the second of a kind on, its number.
    fn pass_names(&mut self, passes: &'e [Pass]) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut known = HashSet::new();
        for pass in passes {
            let kind = match pass.kind {
                PassKind::Fast => "fast",
                PassKind::Full => "full",
            };
            let before = names.iter().filter(|name| name.starts_with(kind)).count();
            let name: Arc<str> = match &pass.fields.name {
                Some(name) => name.value.as_str().into(),
                None if before == 0 => kind.into(),
                None => format!("{kind}-{}", before + 1).into(),
            };
            let place = pass.fields.name.as_ref().map_or(pass.place, |name| name.place);
            if !super::ids::is_part(&name) {
                self.problems.fault(place, Fault::PassName { name: name.to_string() });
            } else if !known.insert(Arc::clone(&name)) {
                self.problems.fault(place, Fault::PassTwice { name: name.to_string() });
            }
            names.push(name);
        }
        names
    }

    fn pass(&mut self, pass: &'e Pass, recipe: Recipe<'e>) -> Recipe<'e> {
        let mut recipe = Recipe { limits: self.pass_limits(pass, recipe.limits), ..recipe };
        if let Some(vars) = &pass.fields.vars {
            let mut known = (*recipe.vars).clone();
            for (name, value) in &vars.0 {
                self.check_variable(name, value);
                let typed = self.around.overrides.set.iter().find(|(set, _)| *set == name.value);
                let value = axes::value(value);
                let value = typed.map_or_else(|| value.clone(), |(_, text)| axes::typed(text, Some(&value)));
                known.insert(name.value.as_str().into(), value);
            }
            recipe.vars = Rc::new(known);
        }
        match &mut recipe.reading {
            Reading::ProVerif(options) if pass.kind == PassKind::Fast => options.fast = true,
            _ if pass.kind == PassKind::Fast && pass.fields.vars.is_none() => {
                self.problems.fault(pass.place, Fault::FastIsUnknown);
            }
            _ => {}
        }
        recipe
    }

    /// What is typed goes before everything, as it does without passes.
    fn pass_limits(&mut self, pass: &'e Pass, outer: Limits) -> Limits {
        let typed = &self.around.overrides;
        let fields = &pass.fields;
        let mut limits = outer;
        let wall = fields.wall.as_ref().filter(|_| typed.wall.is_none());
        let silence = fields.silence.as_ref().filter(|_| typed.silence.is_none());
        let memory = fields.memory.as_ref().filter(|_| typed.memory.is_none());
        limits.wall = wall.and_then(|wall| self.limit("wall", wall)).or(limits.wall);
        limits.silence = silence.and_then(|silence| self.limit("silence", silence)).or(limits.silence);
        limits.cpu = fields.cpu.as_ref().and_then(|cpu| self.limit("cpu", cpu)).or(limits.cpu);
        limits.memory = memory.and_then(|memory| self.size_limit("memory", memory)).or(limits.memory);
        let output = fields.output.as_ref();
        limits.output = output.and_then(|output| self.size_limit("output", output)).or(limits.output);
        let processes = fields.processes.as_ref();
        let processes = processes.and_then(|processes| self.number_limit("processes", processes));
        limits.processes = processes.or(limits.processes);
        self.refuse_pass_without_trees(pass);
        limits
    }
}
