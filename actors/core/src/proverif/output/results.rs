//! The result lines of one run of ProVerif: which of them are the query's own, and what they add up to.
//!
//! Real runs have a handful. Beyond [`MOST`] a result is only added up: it can still fall away with its group or by the
//! summary, but it is not shown, and as an equivalence that is tried again it counts each time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::proverif::grammar::{self, Item, Summary, Word};
use crate::verdict::{FIRST_KEPT, Finding, Findings, LAST_KEPT, Ruling, Sum};

/// So many are known one by one: as many as are kept as findings.
pub(crate) const MOST: usize = FIRST_KEPT + LAST_KEPT;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Results {
    entries: Vec<Entry>,
    /// The last result of each equivalence.
    equivalences: BTreeMap<Arc<str>, usize>,
    /// Where the results of the current group begin.
    group: usize,
    /// Those beyond, before the current group and in it.
    beyond: (Sum, Sum),
    /// How many of those in the current group are of lemmas, which are not the query's own.
    beyond_lemmas: u32,
    /// How many are no findings.
    omitted: u64,
}

/// A result line.
#[derive(Debug)]
struct Entry {
    /// Its number among the findings.
    finding: u64,
    statement: Arc<str>,
    word: Word,
    line: Arc<str>,
    lemma: bool,
    own: bool,
    /// A later line took its place.
    superseded: bool,
}

impl Entry {
    /// The finding is told too, where it is still kept.
    fn set_own(&mut self, own: bool, findings: &mut Findings) {
        self.own = own;
        if let Some(finding) = findings.get_mut(self.finding) {
            finding.own = own;
        }
    }
}

/// What a line tells.
pub(super) struct Told {
    pub(super) statement: Arc<str>,
    pub(super) word: Word,
    pub(super) line: Arc<str>,
    pub(super) lemma: bool,
}

impl Results {
    /// Takes in a result, and makes it a finding.
    pub(super) fn enter(&mut self, told: Told, at: Duration, findings: &mut Findings) {
        if grammar::is_equivalence(&told.statement) {
            self.supersede_equivalence(&told.statement, findings);
        }
        if self.entries.len() == MOST {
            self.omitted += 1;
            self.add_beyond(told);
        } else {
            self.add(told, at, findings);
        }
    }

    fn add(&mut self, told: Told, at: Duration, findings: &mut Findings) {
        let Told { statement, word, line, lemma } = told;
        let finding = findings.push(Finding {
            statement: Arc::clone(&statement),
            verdict: Arc::from(word.text()),
            counts: word.counts(),
            own: !lemma,
            at,
        });
        self.entries.push(Entry { finding, statement, word, line, lemma, own: !lemma, superseded: false });
    }

    fn add_beyond(&mut self, told: Told) {
        if told.lemma {
            self.beyond_lemmas += 1;
        } else {
            self.beyond.1.add(told.word.ruling(told.line));
        }
    }

    /// An equivalence that could not be proved is tried again in another form; what comes of that counts.
    fn supersede_equivalence(&mut self, statement: &Arc<str>, findings: &mut Findings) {
        let next = self.entries.len();
        let before = if next < MOST {
            self.equivalences.insert(Arc::clone(statement), next)
        } else {
            self.equivalences.get(statement).copied()
        };
        if let Some(entry) = before.and_then(|index| self.entries.get_mut(index))
            && entry.word == Word::Unproved
        {
            entry.set_own(false, findings);
            entry.superseded = true;
        }
    }

    /// A group begins: what was said before it is final.
    pub(super) fn begin_group(&mut self) {
        self.group = self.entries.len();
        self.beyond_lemmas = 0;
        let (before, group) = &mut self.beyond;
        before.join(std::mem::take(group));
    }

    /// The results of the group so far were provisional: all of them follow again. Returns how many were of lemmas.
    pub(super) fn restart_group(&mut self, findings: &mut Findings) -> u32 {
        let mut lemmas = std::mem::take(&mut self.beyond_lemmas);
        for entry in &mut self.entries[self.group..] {
            entry.set_own(false, findings);
            entry.superseded = true;
            lemmas += u32::from(std::mem::take(&mut entry.lemma));
        }
        self.group = self.entries.len();
        self.beyond.1 = Sum::default();
        lemmas
    }

    /// The summary has the last word: its queries are the query's own, everything else is not. A query that never
    /// had a result line, because a lemma stopped the file, becomes a finding now.
    pub(super) fn settle(&mut self, summary: Summary, at: Duration, findings: &mut Findings) {
        self.beyond = (Sum::default(), Sum::default());
        let mut known: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (place, entry) in self.entries.iter_mut().enumerate() {
            entry.set_own(false, findings);
            if !entry.superseded {
                let key = (grammar::subject(&entry.statement).to_owned(), entry.word.text());
                known.entry(key).or_default().push(place);
            }
        }
        // From behind, because lemmas come first.
        let mut unheard = Vec::new();
        for item in summary.items.into_iter().rev() {
            let key = (grammar::subject(&item.statement).to_owned(), item.word.text());
            match known.get_mut(&key).and_then(Vec::pop) {
                Some(place) => self.entries[place].set_own(true, findings),
                None => unheard.push(item),
            }
        }
        for Item { line, statement, word } in unheard.into_iter().rev() {
            let told = Told { statement, word, line, lemma: false };
            if self.entries.len() == MOST { self.add_beyond(told) } else { self.add(told, at, findings) }
        }
        self.beyond.1.join(summary.beyond);
        // Those beyond had a line of their own before, most likely: they are left out once.
        self.omitted = self.omitted.max(self.beyond.1.count);
    }

    /// How many are the query's own.
    pub(super) fn own(&self) -> u64 {
        let known = self.entries.iter().filter(|entry| entry.own).count();
        known as u64 + self.beyond.0.count + self.beyond.1.count
    }

    pub(super) const fn omitted(&self) -> u64 {
        self.omitted
    }

    /// The query's own that are known one by one, in their order, each with its line.
    pub(super) fn own_words(&self) -> impl Iterator<Item = (Word, Arc<str>)> {
        let own = self.entries.iter().filter(|entry| entry.own);
        own.map(|entry| (entry.word, Arc::clone(&entry.line)))
    }

    /// What those beyond add up to.
    pub(super) fn beyond(&self) -> impl Iterator<Item = Ruling> {
        [&self.beyond.0, &self.beyond.1].into_iter().filter_map(|sum| sum.ruling.clone())
    }
}
