//! What the words that a judging names count as, so that a captured one counts as where it is named.
//!
//! A rule that captures names no word by itself: without this, one word could be ok in one row of a table and bad in
//! the next. What a rule names literally counts as that rule says, always.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Rule;
use crate::plan::Judging;
use crate::tool::{Role, Tool};
use crate::verdict::{Counts, OWN_WORDS, Preset};

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Named(BTreeMap<Arc<str>, Counts>);

type Naming = (Arc<str>, Counts);

impl Named {
    /// The words of provisor's own before those that rules, exits and presets name literally; and these before those
    /// that a capture can be seen to hold.
    pub(super) fn of(judging: &Judging) -> Self {
        let own_words = OWN_WORDS.into_iter().map(|word| (word.into(), Counts::Bad));
        let mut named = worst(rules(judging).flat_map(captured));
        named.extend(worst(rules(judging).filter_map(literal).chain(by_preset(judging.preset.as_ref()))));
        named.extend(own_words);
        Self(named)
    }

    pub(super) fn counts(&self, word: &str) -> Option<Counts> {
        self.0.get(word).copied()
    }
}

/// Those whose words can be the verdict of a query: what an aside counts as is of no consequence.
fn rules(judging: &Judging) -> impl Iterator<Item = &Rule> {
    let tool = tool(judging.preset.as_ref()).into_iter().flat_map(|tool| &tool.rules);
    judging.rules.iter().chain(tool.filter(|rule| rule.role != Role::Aside).map(|rule| &rule.rule))
}

fn tool(preset: Option<&Preset>) -> Option<&Tool> {
    match preset {
        Some(Preset::Tool(tool)) => Some(tool),
        Some(Preset::ExitCode | Preset::ProVerif(_)) | None => None,
    }
}

fn literal(rule: &Rule) -> Option<Naming> {
    Some((Arc::clone(rule.verdict.as_ref()?), rule.counts))
}

fn captured(rule: &Rule) -> impl Iterator<Item = Naming> {
    rule.captured().into_iter().flatten().map(|word| (word, rule.counts))
}

/// What a preset states besides its rules.
fn by_preset(preset: Option<&Preset>) -> Vec<Naming> {
    match preset {
        None => Vec::new(),
        Some(Preset::Tool(tool)) => {
            tool.exits.iter().map(|exit| (Arc::clone(&exit.verdict), exit.counts)).collect()
        }
        Some(code @ (Preset::ExitCode | Preset::ProVerif(_))) => {
            code.words().into_iter().filter_map(|word| Some((word.verdict?, word.counts))).collect()
        }
    }
}

fn worst(namings: impl Iterator<Item = Naming>) -> BTreeMap<Arc<str>, Counts> {
    let mut worst = BTreeMap::new();
    for (word, counts) in namings {
        worst.entry(word).and_modify(|known: &mut Counts| *known = counts.max(*known)).or_insert(counts);
    }
    worst
}
