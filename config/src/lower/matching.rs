//! What can be said only about all queries together: that ids differ, and what patterns on them match.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use provisor_core::plan::Query;

use super::ids::IdPattern;
use super::query::described;
use super::recipe::Recipe;
use super::{Lowering, rules};
use crate::fault::{Fault, near_hint};
use crate::spanned::Place;
use crate::spec::{Command, Entries, Expect, Expected};
use crate::template::{self, Point};

/// What a sanity check hopes for.
pub(super) const REACHABLE: &str = "reachable";

impl<'e> Lowering<'e> {
    /// Refuses an id that another query has, whatever else is wrong with the two.
    pub(super) fn check_unique(&mut self, id: &Arc<str>, recipe: &Recipe<'_>, points: &[Arc<Point>]) {
        let owner = Owner { place: recipe.place, number: recipe.number, points: points.into() };
        let Some(first) = self.ids.insert(id.clone(), owner) else { return };
        let second = self.ids[id].to_string();
        let (place, other) = (recipe.place, first.place);
        let fault = Fault::IdTwice { id: id.clone(), first: first.to_string(), second };
        if place == other {
            self.problems.fault(place, fault);
        } else {
            self.problems.fault_of_two(place, (other, "the first one"), fault);
        }
    }

    pub(super) fn warn_of_models(&mut self) {
        let Some(preset) = &self.job.preset else { return self.warn_of_models_anywhere() };
        for (why, (ids, count)) in std::mem::take(&mut self.models.not_stopped) {
            self.problems.warn(preset.place, Fault::EarlyStopOff { ids, count, why });
        }
    }

    /// Where each command has a preset of its own, the ids have to do.
    fn warn_of_models_anywhere(&mut self) {
        for (why, (ids, count)) in std::mem::take(&mut self.models.not_stopped) {
            self.problems.warn_of_words(Fault::EarlyStopOff { ids, count, why });
        }
    }

    /// Gives each query without an expected verdict that of the first pattern that matches its id.
    pub(super) fn expect(&mut self, queries: &mut [Query]) {
        match &self.job.expect {
            None => {}
            Some(Expect::Word(word)) => {
                rules::word(word, &mut self.problems);
                let word: Arc<str> = word.value.as_str().into();
                for query in queries {
                    query.expect.get_or_insert_with(|| word.clone());
                }
            }
            Some(Expect::Patterns(patterns)) => self.expect_patterns(patterns, queries),
            // It is taken from each model when that is read.
            Some(Expect::FromModels(_)) if self.job.study.is_some() => {}
            Some(Expect::FromModels(place)) => self.problems.fault(*place, Fault::FromModelsOfWhat),
        }
    }

    fn expect_patterns(&mut self, patterns: &Entries<Expected>, queries: &mut [Query]) {
        let mut compiled = Vec::new();
        for (pattern, expected) in &patterns.0 {
            if let Expected::Word(word) = expected {
                rules::word(word, &mut self.problems);
            }
            match IdPattern::new(&pattern.value) {
                Ok(matcher) => compiled.push((matcher, expected, pattern, false)),
                Err(fault) => self.problems.fault(pattern.place, fault),
            }
        }
        for query in queries {
            let mut first = None;
            for (matcher, expected, _, matched) in &mut compiled {
                // A pattern behind the first is looked at only as long as it is not known to match anything.
                if (first.is_none() || !*matched) && matcher.matches(&query.id) {
                    *matched = true;
                    first.get_or_insert(*expected);
                }
            }
            if let Some(expected) = first.filter(|_| query.expect.is_none()) {
                self.expect_of(query, expected);
            }
        }
        for (.., pattern, matched) in compiled {
            if !matched && !self.problems.any() {
                let fault = Fault::MatchesNothing { field: "expect", pattern: pattern.value.clone() };
                self.problems.warn(pattern.place, fault);
            }
        }
    }

    fn expect_of(&mut self, query: &mut Query, expected: &Expected) {
        let place = match expected {
            Expected::Word(word) => return query.expect = Some(self.shared.text(&word.value)),
            Expected::Sanity(place) => *place,
        };
        query.expect = Some(self.shared.text(REACHABLE));
        let judgings = std::iter::once(&mut query.judging);
        for judging in judgings.chain(query.further.iter_mut().map(|pass| &mut pass.judging)) {
            match self.shared.for_sanity(judging) {
                Some(for_sanity) => *judging = for_sanity,
                None => self.problems.fault(place, Fault::SanityOfWhat { id: Arc::clone(&query.id) }),
            }
        }
    }

    /// Which queries a pattern of the command line names; all of them, where there is no such pattern.
    pub(super) fn choose(&mut self, queries: &[Query]) -> Vec<bool> {
        let only = &self.around.overrides.only;
        let mut kept = vec![only.is_empty(); queries.len()];
        for pattern in only {
            let matcher = match IdPattern::new(pattern) {
                Ok(matcher) => matcher,
                Err(fault) => {
                    self.problems.fault_of_words(fault);
                    continue;
                }
            };
            let mut matched = false;
            for (query, kept) in queries.iter().zip(&mut kept) {
                let matches = matcher.matches(&query.id);
                matched |= matches;
                *kept |= matches;
            }
            if !matched && !self.problems.any() {
                let pattern = pattern.clone();
                self.problems.warn_of_words(Fault::MatchesNothing { field: "--only", pattern });
            }
        }
        if !only.is_empty() && !kept.contains(&true) && !self.problems.any() {
            self.problems.fault_of_words(Fault::OnlyLeavesNothing);
        }
        draw_in(queries, &mut kept);
        kept
    }

    pub(super) fn check_set(&mut self) {
        for (name, value) in &self.around.overrides.set {
            let fault = if !template::is_name(name) {
                Fault::BadName { name: name.clone() }
            } else if template::is_reserved(name) {
                Fault::ReservedName { name: name.clone() }
            } else if let Some(axis) = self.axes.iter().find(|axis| ***axis == **name) {
                Fault::AxisAndVariable { name: axis.clone() }
            } else if value.contains('\0') {
                Fault::BadName { name: name.clone() }
            } else {
                self.check_set_name(name);
                continue;
            };
            self.problems.fault_of_words(fault);
        }
    }

    /// A name that nobody knows is a slip of the pen, and the job would run for its whole time with the old value. Where
    /// something else is wrong, not all templates may have been looked at.
    fn check_set_name(&mut self, name: &str) {
        let used = &self.templates.used;
        if used.contains(name) || self.problems.any() {
            return;
        }
        let defined = self.variables();
        if defined.contains(name) {
            return self.problems.warn_of_words(Fault::UnusedSet { name: name.into() });
        }
        let is_variable =
            |name: &&str| !template::is_reserved(name) && !self.axes.iter().any(|axis| **axis == **name);
        let used = used.iter().map(String::as_str).filter(is_variable);
        let known: BTreeSet<&str> = used.chain(defined).collect();
        let hint = near_hint(name, &Vec::from_iter(known), "known here");
        self.problems.fault_of_words(Fault::UnknownSet { name: name.into(), hint });
    }

    /// The names in all `vars`, also in those of queries that are excluded.
    fn variables(&self) -> BTreeSet<&'e str> {
        let job = self.job;
        let commands = job.commands.iter().flat_map(|commands| &commands.items).map(Command::settings);
        let each = job.each.iter().flat_map(|(_, entries)| &entries.0).map(|(_, entry)| entry.settings());
        let vars = std::iter::once(job.settings()).chain(commands).chain(each);
        let passes =
            job.passes.iter().flat_map(|passes| &passes.items).filter_map(|pass| pass.fields.vars.as_ref());
        let names = vars.filter_map(|settings| settings.vars).chain(passes).flat_map(|vars| &vars.0);
        names.map(|(name, _)| name.value.as_str()).collect()
    }
}

/// What a chosen query needs is chosen as well.
fn draw_in(queries: &[Query], kept: &mut [bool]) {
    let mut open: Vec<usize> = (0..queries.len()).filter(|place| kept[*place]).collect();
    while let Some(place) = open.pop() {
        for need in &queries[place].needs {
            let needed = need.query as usize;
            if !std::mem::replace(&mut kept[needed], true) {
                open.push(needed);
            }
        }
    }
}

/// Who has an id.
pub(super) struct Owner {
    place: Place,
    number: usize,
    points: Box<[Arc<Point>]>,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.points.is_empty() {
            return write!(f, "command {}", self.number);
        }
        f.write_str(&described(&self.points))
    }
}
