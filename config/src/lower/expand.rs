//! From the ways to say what runs to queries: `commands`, `matrix` and `each`; `study` is told of in a module of its own.

use std::sync::Arc;

use provisor_core::Query;

use super::axes::{self, Axis, Exclusion};
use super::race::Executed;
use super::recipe::{Origin, Recipe};
use super::{Lowering, MOST_QUERIES};
use crate::fault::Fault;
use crate::spanned::{Place, Spanned};
use crate::spec::{self, Command, Listed};
use crate::template::Point;

impl<'e> Lowering<'e> {
    pub(super) fn expand(&mut self) -> Vec<Query> {
        self.check_sources();
        let job = self.job;
        match (&job.commands, &job.matrix, &job.each, &job.study) {
            (Some(commands), ..) => self.expand_commands(commands),
            (None, Some(_), ..) => self.expand_matrix(),
            (None, None, Some(_), _) => self.expand_each(),
            (None, None, None, Some(study)) => self.expand_study(study),
            (None, None, None, None) => Vec::new(),
        }
    }

    /// Exactly one of the four ways to say what runs, with what belongs to it.
    fn check_sources(&mut self) {
        let job = self.job;
        let commands = job.commands.as_ref().map(|commands| ("commands", commands.place));
        let matrix = job.matrix.as_ref().map(|matrix| ("matrix", matrix.place));
        let each = job.each.as_ref().map(|(axis, _)| ("each", axis.place));
        let study = job.study.as_ref().map(|study| ("study", study.place));
        let is_executed = job.command.is_some() || job.race.is_some();
        let given: Vec<_> = [commands, matrix, each, study].into_iter().flatten().collect();
        match given[..] {
            [] => self.problems.fault(job.name.place, Fault::NothingToRun),
            [(with @ ("matrix" | "each"), place)] if !is_executed => {
                self.problems.fault(place, Fault::CommandMissing { with });
            }
            [_] => {}
            [(first, other), (second, place), ..] => {
                let fault = Fault::TwoSources { first, second };
                self.problems.fault_of_two(place, (other, "the other one"), fault);
            }
        }
        if commands.is_some() && given.len() == 1 {
            self.refuse_beside_commands();
        }
    }

    fn refuse_beside_commands(&mut self) {
        let exclude = self.job.exclude.as_ref().and_then(|exclude| exclude.first());
        for (field, place) in [
            ("command", self.job.command.as_ref().map(|command| command.place)),
            ("race", self.job.race.as_ref().map(|race| race.place)),
            ("id", self.job.id.as_ref().map(|id| id.place)),
            ("exclude", exclude.map(|exclude| exclude.place)),
        ] {
            if let Some(place) = place {
                self.problems.fault(place, Fault::NotWithCommands { field });
            }
        }
    }

    fn expand_commands(&mut self, commands: &'e Listed<Command>) -> Vec<Query> {
        let mut queries = Vec::new();
        let unnamed = commands.items.iter().find(|command| command.id.is_none());
        let place = |command: &Command| command.run.as_ref().map(|run| run.place);
        let place = |command: &Command| place(command).or(command.race.as_ref().map(|race| race.place));
        if let (Some(place), 2..) = (unnamed.and_then(place), commands.items.len()) {
            self.problems.warn(place, Fault::IdFromIndex);
        }
        if !self.is_right_number(commands.items.len() as u128, commands.place, "commands") {
            return queries;
        }
        for (index, command) in commands.items.iter().enumerate() {
            let executed = self.executed(command.run.as_ref(), command.race.as_ref(), "run");
            let (Some(executed), Some(place)) = (executed, place(command)) else {
                let place = command.id.as_ref().map_or(commands.place, |id| id.place);
                self.problems.fault(place, Fault::NoRun);
                continue;
            };
            let recipe = self.recipe(&Origin {
                place,
                number: index + 1,
                id: command.id.as_ref(),
                executed,
                expect: command.expect.as_ref(),
                settings: Some(command.settings()),
            });
            self.add(&mut queries, &recipe, &[]);
        }
        queries
    }

    fn expand_each(&mut self) -> Vec<Query> {
        let mut queries = Vec::new();
        let Some((name, entries)) = &self.job.each else { return queries };
        self.check_name(name);
        let keys = [axes::keys(name, entries, &self.around.folder)];
        self.axes = [keys[0].name.clone()].into();
        let mut exclusions = self.exclusions(&keys);
        if !self.is_right_number(entries.0.len() as u128, name.place, "each") {
            return queries;
        }
        let Some(executed) = self.executed_by_job() else { return queries };
        for ((key, entry), point) in entries.0.iter().zip(&keys[0].points) {
            let points = std::slice::from_ref(point);
            if axes::excluded(&mut exclusions, points) {
                continue;
            }
            let recipe = self.recipe(&Origin {
                place: key.place,
                number: 0,
                id: entry.id.as_ref().or(self.job.id.as_ref()),
                executed,
                expect: entry.expect.as_ref(),
                settings: Some(entry.settings()),
            });
            self.add(&mut queries, &recipe, points);
        }
        self.check_exclusions(&exclusions, queries.is_empty());
        queries
    }

    fn expand_matrix(&mut self) -> Vec<Query> {
        let mut queries = Vec::new();
        let Some(matrix) = &self.job.matrix else { return queries };
        let axes: Vec<Axis> = matrix.value.0.iter().map(|(name, axis)| self.axis(name, axis)).collect();
        self.axes = axes.iter().map(|axis| axis.name.clone()).collect();
        let mut exclusions = self.exclusions(&axes);
        let count = axes.iter().try_fold(1u128, |count, axis| count.checked_mul(axis.points.len() as u128));
        let Some(executed) = self.executed_by_job() else { return queries };
        let recipe = self.recipe(&Origin {
            place: matrix.value.0.first().map_or(matrix.place, |(name, _)| name.place),
            number: 0,
            id: self.job.id.as_ref(),
            executed,
            expect: None,
            settings: None,
        });
        if axes.is_empty() {
            self.problems.fault(matrix.place, Fault::Empty { of: "matrix" });
            return queries;
        }
        let count = count.unwrap_or(u128::MAX).saturating_mul(executed.queries().max(1));
        if count == 0 || !self.is_right_number(count, matrix.place, "matrix") {
            // An axis without values has said so itself.
            return queries;
        }
        let mut at = Some(vec![0; axes.len()]);
        while let Some(indexes) = at {
            let points: Vec<Arc<Point>> =
                indexes.iter().zip(&axes).map(|(index, axis)| axis.points[*index].clone()).collect();
            if !axes::excluded(&mut exclusions, &points) {
                self.add(&mut queries, &recipe, &points);
            }
            at = next(indexes, &axes);
        }
        self.check_exclusions(&exclusions, queries.is_empty());
        queries
    }

    fn axis(&mut self, name: &'e Spanned<String>, axis: &'e spec::Axis) -> Axis {
        self.check_name(name);
        axes::axis(name, axis, &self.around.folder, &mut self.problems)
    }

    pub(super) fn exclusions(&mut self, axes: &[Axis]) -> Vec<Exclusion> {
        let written = self.job.exclude.iter().flatten();
        written.filter_map(|patterns| Exclusion::new(patterns, axes, &mut self.problems)).collect()
    }

    pub(super) fn check_exclusions(&mut self, exclusions: &[Exclusion], none_left: bool) {
        let faulty = self.problems.any();
        for exclusion in exclusions.iter().filter(|exclusion| !exclusion.matched && !faulty) {
            self.problems.warn(
                exclusion.place,
                Fault::MatchesNothing { field: "exclude", pattern: exclusion.text.clone() },
            );
        }
        if let (true, false, Some(exclusion)) = (none_left, self.problems.any(), exclusions.first()) {
            self.problems.fault(exclusion.place, Fault::NothingLeft);
        }
    }

    fn is_right_number(&mut self, count: u128, place: Place, of: &'static str) -> bool {
        if count == 0 {
            self.problems.fault(place, Fault::Empty { of });
        } else if count > MOST_QUERIES as u128 {
            self.problems.fault(place, Fault::TooMany { count });
        } else {
            return true;
        }
        false
    }

    fn add(&mut self, queries: &mut Vec<Query>, recipe: &Recipe<'_>, points: &[Arc<Point>]) {
        match recipe.race.is_empty() {
            true => queries.extend(self.query(recipe, points)),
            false => queries.extend(self.race(recipe, points).into_iter().flatten()),
        }
    }

    fn executed_by_job(&mut self) -> Option<Executed<'e>> {
        let job = self.job;
        self.executed(job.command.as_ref(), job.race.as_ref(), "command")
    }
}

/// The next point of the matrix: the last axis changes fastest.
fn next(mut indexes: Vec<usize>, axes: &[Axis]) -> Option<Vec<usize>> {
    for (index, axis) in indexes.iter_mut().zip(axes).rev() {
        *index += 1;
        if *index < axis.points.len() {
            return Some(indexes);
        }
        *index = 0;
    }
    None
}
