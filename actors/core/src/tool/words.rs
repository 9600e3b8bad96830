//! Which words a preset can state, read off the preset itself: no list that could be wrong beside it.

use std::sync::Arc;

use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Capture, Hir, HirKind};

use super::{CONTRADICTION, Role, Tool, ToolRule};
use crate::proverif::grammar;
use crate::rules::{Pattern, Rule};
use crate::verdict::{Counts, EXIT_CODE_WORDS, OWN_WORDS, Preset};

/// A group that can capture more words than this is not written out.
pub const WORDS_LISTED: usize = 200;

/// A verdict that a preset can state. `mixed`, which is many verdicts at once, is not among them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Word {
    /// The verdict; `None` where it is whatever a line holds.
    pub verdict: Option<Arc<str>>,
    /// What it counts as.
    pub counts: Counts,
    /// It is kept beside the results of a query and never its verdict.
    pub aside: bool,
}

impl Word {
    fn new(verdict: Option<Arc<str>>, counts: Counts) -> Self {
        Self { verdict, counts, aside: false }
    }
}

impl Preset {
    /// Its words, each once, in the order in which the preset has them.
    #[must_use]
    pub fn words(&self) -> Vec<Word> {
        let fixed = |(word, counts): (&str, Counts)| Word::new(Some(word.into()), counts);
        match self {
            Self::ExitCode => EXIT_CODE_WORDS.into_iter().map(fixed).collect(),
            Self::ProVerif(_) => {
                grammar::Word::ALL.into_iter().map(|word| fixed((word.text(), word.counts()))).collect()
            }
            Self::Tool(tool) => tool.words(),
        }
    }
}

impl Tool {
    /// Its words, each once, in the order of its rules.
    #[must_use]
    pub fn words(&self) -> Vec<Word> {
        let mut words = Vec::new();
        let mut add = |word: Word| {
            if !words.contains(&word) {
                words.push(word);
            }
        };
        self.rules.iter().flat_map(ToolRule::words).for_each(&mut add);
        if !self.exits.is_empty() {
            self.exits
                .iter()
                .map(|exit| Word::new(Some(Arc::clone(&exit.verdict)), exit.counts))
                .for_each(&mut add);
            add(Word::new(Some(CONTRADICTION.into()), Counts::Bad));
        }
        words
    }
}

impl ToolRule {
    /// What a line can state by this rule.
    #[must_use]
    pub fn words(&self) -> Vec<Word> {
        let Self { rule, role, .. } = self;
        let word = |verdict| Word { verdict, counts: rule.counts, aside: *role == Role::Aside };
        let fixed = rule.verdict.iter().map(|verdict| word(Some(Arc::clone(verdict))));
        if rule.capture.is_none() {
            return fixed.collect();
        }
        let Some(texts) = rule.captured() else { return std::iter::once(word(None)).chain(fixed).collect() };
        let captured = texts.into_iter().map(|text| {
            let counts = if OWN_WORDS.contains(&&*text) { Counts::Bad } else { rule.counts };
            Word { counts, ..word(Some(text)) }
        });
        captured.chain(fixed).collect()
    }
}

impl Rule {
    /// All words that it can capture, where it captures and they are a list.
    pub(crate) fn captured(&self) -> Option<Vec<Arc<str>>> {
        captured(&self.on, self.capture?)
    }
}

/// All that a group can capture, where that is a list.
fn captured(on: &Pattern, group: usize) -> Option<Vec<Arc<str>>> {
    let Pattern::Regex(regex) = on else { return None };
    let whole = regex_syntax::ParserBuilder::new().utf8(false).build().parse(regex).ok()?;
    let part = if group == 0 { &whole } else { find(&whole, group)? };
    let mut extractor = Extractor::new();
    extractor.limit_total(WORDS_LISTED);
    let texts = extractor.extract(part);
    if !texts.is_exact() {
        return None;
    }
    let texts = texts.literals()?.iter().map(|text| std::str::from_utf8(text.as_bytes()).ok().map(Arc::from));
    // Nothing is no word: the rule's own verdict stands then.
    texts.filter(|text: &Option<Arc<str>>| text.as_deref() != Some("")).collect()
}

fn find(hir: &Hir, group: usize) -> Option<&Hir> {
    match hir.kind() {
        HirKind::Capture(Capture { index, sub, .. }) if *index as usize == group => Some(sub),
        HirKind::Capture(Capture { sub, .. }) => find(sub, group),
        HirKind::Repetition(repetition) => find(&repetition.sub, group),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().find_map(|part| find(part, group))
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => None,
    }
}

#[cfg(test)]
mod tests;
