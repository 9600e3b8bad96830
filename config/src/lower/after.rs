//! `after: [...]`: patterns on ids become needs, once all ids are known.
//!
//! Decides nothing about what runs: who waits for whom, and that none waits in a circle.

use std::collections::HashMap;
use std::sync::Arc;

use provisor_core::plan::{AfterFailure, Need, Query};

use super::Lowering;
use super::ids::IdPattern;
use super::recipe::{Layers, Recipe, Text};
use crate::fault::{Fault, near_hint};
use crate::spanned::Place;
use crate::spec::{Command, Settings};
use crate::template::Scope;

/// More than all jobs have that somebody has thought of; each takes memory.
const MOST_NEEDS: usize = 5_000_000;
/// More circles than these are not told of.
const MOST_CIRCLES: usize = 20;
/// More ids than these are not looked through for one that is like another.
const MOST_LIKE: usize = 10_000;

/// A pattern of a query's `after`.
pub(super) struct Awaited {
    /// Of the query that waits.
    id: Arc<str>,
    pattern: Arc<str>,
    place: Place,
    failure: AfterFailure,
}

impl<'e> Lowering<'e> {
    /// The patterns of an origin, and what follows where those that they match do not end well.
    pub(super) fn after(&mut self, layers: Layers<'e>) -> (Vec<Text<'e>>, AfterFailure) {
        let written = layers.first(|settings| settings.after).into_iter().flatten();
        let failure = layers.first(|settings| settings.after_failure);
        let texts = written.filter_map(|text| self.text(text)).collect();
        (texts, failure.map_or_else(AfterFailure::default, |failure| failure.value))
    }

    /// Keeps what a query comes after until all ids are known.
    pub(super) fn comes_after(&mut self, recipe: &Recipe<'_>, scope: Scope<'_>, id: &Arc<str>) {
        for text in &recipe.after {
            // Where the children work is of no concern for ids.
            let Some(pattern) = self.render(text, Scope { absolute: false, ..scope }) else { continue };
            let (id, place, failure) = (Arc::clone(id), text.place, recipe.after_failure);
            self.awaited.push(Awaited { id, pattern, place, failure });
        }
    }

    /// Lets each query wait for those that it comes after.
    pub(super) fn resolve_after(&mut self, queries: &mut [Query]) {
        self.refuse_idle_failures();
        let awaited = std::mem::take(&mut self.awaited);
        let patterns = self.patterns(&awaited);
        // Where a query is faulty, its id is not there to be matched.
        if awaited.is_empty() || self.problems.any() {
            return;
        }
        let Some(needs) = self.needs(&awaited, &patterns, queries) else { return };
        for (at, needs) in needs {
            let query = &mut queries[at];
            query.needs = query.needs.iter().cloned().chain(needs).collect();
        }
        for circle in circles(queries) {
            let ids: Vec<_> = circle.iter().map(|at| Arc::clone(&queries[*at].id)).collect();
            // What a lemma needs may be a part of it; not all of it is.
            let next: HashMap<_, _> = ids.iter().zip(ids.iter().cycle().skip(1)).collect();
            let leads_on = |awaited: &&Awaited| {
                let next = next.get(&awaited.id);
                next.is_some_and(|next| patterns[&awaited.pattern].matches(next))
            };
            let place = awaited.iter().find(leads_on).map(|awaited| awaited.place);
            self.problems.fault(place.unwrap_or_default(), Fault::AfterCircle { ids });
        }
    }

    /// What follows after a failure is of interest only for those that come after something.
    fn refuse_idle_failures(&mut self) {
        let job = self.job;
        let commands = job.commands.iter().flat_map(|commands| &commands.items).map(Command::settings);
        let each = job.each.iter().flat_map(|(_, entries)| &entries.0).map(|(_, entry)| entry.settings());
        let (outer, inner) = (job.settings(), Vec::from_iter(commands.chain(each)));
        let has_after = |settings: &Settings<'_>| settings.after.is_some();
        let none_inside = !inner.iter().any(has_after);
        let idle = inner.iter().filter(|settings| !has_after(settings) && !has_after(&outer));
        let outer = Some(&outer).filter(|outer| !has_after(outer) && none_inside);
        for failure in idle.chain(outer).filter_map(|settings| settings.after_failure) {
            self.problems.fault(failure.place, Fault::FailureOfNothing);
        }
    }

    /// Each of the patterns, once.
    fn patterns(&mut self, awaited: &[Awaited]) -> HashMap<Arc<str>, IdPattern> {
        let mut patterns = HashMap::new();
        for Awaited { pattern, place, .. } in awaited {
            if patterns.contains_key(pattern) {
                continue;
            }
            match IdPattern::new(pattern) {
                Ok(compiled) => drop(patterns.insert(Arc::clone(pattern), compiled)),
                Err(fault) => self.problems.fault(*place, fault),
            }
        }
        patterns
    }

    /// What each query needs that comes after others, by its place. `None` where those are too many.
    fn needs(
        &mut self,
        awaited: &[Awaited],
        patterns: &HashMap<Arc<str>, IdPattern>,
        queries: &[Query],
    ) -> Option<Vec<(usize, Vec<Need>)>> {
        let ids = Ids::of(queries);
        let mut matched: HashMap<&str, Vec<usize>> = HashMap::new();
        let (mut needs, mut count) = (Vec::new(), 0);
        for mine in awaited.chunk_by(|one, other| one.id == other.id) {
            let Some(at) = ids.at(&mine[0].id) else { continue };
            let mut of_mine: Vec<Need> = Vec::new();
            for Awaited { pattern, place, failure, .. } in mine {
                let Some(compiled) = patterns.get(pattern) else { continue };
                let others = matched.entry(pattern).or_insert_with(|| ids.matching(pattern, compiled));
                if others.is_empty() {
                    let hint = near_id(pattern, queries);
                    self.problems.fault(*place, Fault::AfterNothing { pattern: Arc::clone(pattern), hint });
                }
                count += others.len();
                if count > MOST_NEEDS {
                    self.problems.fault(*place, Fault::TooManyNeeds);
                    return None;
                }
                let others = others.iter().filter(|other| **other != at);
                let need = |query| Need { query, condition: failure.condition() };
                of_mine.extend(others.filter_map(|other| u32::try_from(*other).ok()).map(need));
            }
            of_mine.sort_by_key(|need| need.query);
            of_mine.dedup();
            needs.push((at, of_mine));
        }
        Some(needs)
    }
}

fn near_id(pattern: &str, queries: &[Query]) -> String {
    let ids: Vec<&str> = queries.iter().take(MOST_LIKE).map(|query| &*query.id).collect();
    match crate::fault::near(pattern, &ids) {
        Some(_) => near_hint(pattern, &ids, "ids"),
        None => "patterns are globs on ids; without a `/` they are about the last part".into(),
    }
}

/// All ids with the places of their queries, whole and by their last parts, sorted: a pattern is held against those alone that begin
/// as it does, so that thousands of queries may have each a pattern of its own.
struct Ids<'q> {
    whole: Vec<(&'q str, usize)>,
    last: Vec<(&'q str, usize)>,
}

impl<'q> Ids<'q> {
    fn of(queries: &'q [Query]) -> Self {
        let mut whole: Vec<_> = queries.iter().zip(0..).map(|(query, at)| (&*query.id, at)).collect();
        let last = |(id, at): &(&'q str, usize)| (id.rsplit('/').next().unwrap_or(id), *at);
        let mut last: Vec<_> = whole.iter().map(last).collect();
        whole.sort_unstable();
        last.sort_unstable();
        Self { whole, last }
    }

    fn at(&self, id: &str) -> Option<usize> {
        let found = self.whole.binary_search_by_key(&id, |(id, _)| id).ok()?;
        Some(self.whole[found].1)
    }

    /// The places of those that match, in their order.
    fn matching(&self, pattern: &str, compiled: &IdPattern) -> Vec<usize> {
        let texts = if pattern.contains('/') { &self.whole } else { &self.last };
        let begins = pattern.split(['*', '?', '[', '{', '\\']).next().unwrap_or_default();
        let from = texts.partition_point(|(text, _)| *text < begins);
        let like_it = texts[from..].iter().take_while(|(text, _)| text.starts_with(begins));
        let mut places: Vec<_> =
            like_it.filter(|(text, _)| compiled.matches(text)).map(|(_, at)| *at).collect();
        places.sort_unstable();
        places
    }
}

/// Circles of queries that need each other, each from its first one on. What is left over when all are taken away that can be
/// asked holds one; without that one, there may be another.
fn circles(queries: &[Query]) -> Vec<Vec<usize>> {
    let mut open: Vec<usize> = queries.iter().map(|query| query.needs.len()).collect();
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); queries.len()];
    for (at, query) in queries.iter().enumerate() {
        query.needs.iter().for_each(|need| needed_by[need.query as usize].push(at));
    }
    let mut is_settled: Vec<bool> = open.iter().map(|open| *open == 0).collect();
    let mut ready: Vec<usize> = (0..queries.len()).filter(|at| is_settled[*at]).collect();
    let mut circles = Vec::new();
    loop {
        while let Some(at) = ready.pop() {
            for &waits in &needed_by[at] {
                open[waits] -= 1;
                if open[waits] == 0 && !is_settled[waits] {
                    is_settled[waits] = true;
                    ready.push(waits);
                }
            }
        }
        let left = (0..queries.len()).find(|at| !is_settled[*at]);
        let Some(left) = left.filter(|_| circles.len() < MOST_CIRCLES) else { return circles };
        let circle = walk(queries, left, &is_settled);
        circle.iter().for_each(|at| is_settled[*at] = true);
        ready.extend(&circle);
        circles.push(circle);
    }
}

/// The circle to which one comes from here. Everything that is not settled needs something that is not either.
fn walk(queries: &[Query], from: usize, is_settled: &[bool]) -> Vec<usize> {
    let mut path: Vec<usize> = Vec::new();
    let mut step_of: HashMap<usize, usize> = HashMap::new();
    let mut at = from;
    while !step_of.contains_key(&at) {
        step_of.insert(at, path.len());
        path.push(at);
        let needs = queries[at].needs.iter().map(|need| need.query as usize);
        at = needs.into_iter().find(|need| !is_settled[*need]).unwrap_or(at);
    }
    let mut circle = path.split_off(step_of[&at]);
    let first = (0..circle.len()).min_by_key(|step| circle[*step]).unwrap_or_default();
    circle.rotate_left(first);
    circle
}
