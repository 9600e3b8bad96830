//! What one run of a tool says: its own results, each counted once, and whether they can be believed.
//!
//! Real runs have a handful of results. Beyond [`MOST`] a result is only added up: nothing takes its place any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{AddsUp, CONTRADICTION, Role, Tool};
use crate::cause::{Cause, Exit};
use crate::rules::Telling;
use crate::verdict::{Counts, FIRST_KEPT, Finding, Findings, LAST_KEPT, Ruling, Sum, lossy};

/// So many are known one by one: as many as are kept as findings.
const MOST: usize = FIRST_KEPT + LAST_KEPT;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Account {
    tool: Arc<Tool>,
    /// The results that count, by the number of their finding: in the order of reading.
    results: BTreeMap<u64, Ruling>,
    /// Where the result is whose place a later one takes.
    places: BTreeMap<Place, u64>,
    beyond: Sum,
    doubt: Option<Doubt>,
    /// The exit codes that lines have explained.
    explained: BTreeSet<i32>,
}

/// What two results have in common of which only the later one counts: what they are about, and where that matters what
/// they say.
type Place = (Arc<str>, Option<Arc<str>>);

/// The first line after which nothing is believed.
#[derive(Debug)]
struct Doubt {
    finding: u64,
    ruling: Ruling,
}

impl Account {
    pub(crate) fn new(tool: Arc<Tool>) -> Self {
        Self {
            tool,
            results: BTreeMap::new(),
            places: BTreeMap::new(),
            beyond: Sum::default(),
            doubt: None,
            explained: BTreeSet::new(),
        }
    }

    /// Takes in what the tool's rules say about a line, and makes its verdict a finding.
    pub(crate) fn take(&mut self, line: &[u8], telling: Telling, at: Duration, findings: &mut Findings) {
        let Telling { reading, about, role, explains_exit } = telling;
        let Some((verdict, counts)) = reading.verdict else { return };
        self.explained.extend(explains_exit);
        let own = matches!(role, Role::Result | Role::Failure);
        let line = lossy(line);
        let statement = about.clone().unwrap_or_else(|| Arc::clone(&line));
        let mut ruling = Ruling { verdict, counts, line: Some(line) };
        if own {
            ruling = self.doubted(ruling);
        }
        let finding = findings.push(Finding {
            statement,
            verdict: Arc::clone(&ruling.verdict),
            counts: ruling.counts,
            own,
            at,
        });
        if matches!(role, Role::Doubt | Role::Failure) {
            self.doubt.get_or_insert_with(|| Doubt { finding, ruling: ruling.clone() });
        }
        if own {
            self.enter(finding, about, ruling, findings);
        }
    }

    /// The same, unless there is a doubt: then it is what the doubt says, by its own line.
    fn doubted(&self, ruling: Ruling) -> Ruling {
        match &self.doubt {
            None => ruling,
            Some(Doubt { ruling: Ruling { verdict, counts, line }, .. }) => {
                Ruling { verdict: Arc::clone(verdict), counts: *counts, line: line.clone() }
            }
        }
    }

    fn enter(&mut self, finding: u64, about: Option<Arc<str>>, ruling: Ruling, findings: &mut Findings) {
        let place = match self.tool.adds_up {
            AddsUp::All => about.map(|about| (about, Some(Arc::clone(&ruling.verdict)))),
            AddsUp::LastOfEach => about.map(|about| (about, None)),
            AddsUp::Last => Some((Arc::from(""), None)),
        };
        if let Some(before) = place.as_ref().and_then(|place| self.places.remove(place)) {
            self.results.remove(&before);
            if let Some(finding) = findings.get_mut(before) {
                finding.own = false;
            }
        }
        if self.results.len() == MOST {
            self.beyond.add(ruling);
            return;
        }
        self.places.extend(place.map(|place| (place, finding)));
        self.results.insert(finding, ruling);
    }

    /// How many results are the query's own.
    pub(crate) fn own(&self) -> u64 {
        self.results.len() as u64 + self.beyond.count
    }

    /// What the run says about its query: a verdict, or else the line that says most about why there is none.
    ///
    /// A doubt alone becomes a result now.
    pub(crate) fn rule(
        &mut self,
        cause: Cause,
        exit: Option<Exit>,
        findings: &mut Findings,
    ) -> Result<Ruling, Option<Arc<str>>> {
        let known = self.results.values().cloned();
        let said = Ruling::sum(known.chain(self.beyond.ruling.clone()));
        let ruling = match (said, self.stated_by_exit(cause, exit)) {
            (Some(said), Some(stated)) if said.verdict != stated.verdict => {
                Some(Ruling { verdict: Arc::from(CONTRADICTION), counts: Counts::Bad, line: said.line })
            }
            (Some(said), _) => Some(said),
            (None, Some(stated)) => Some(stated),
            (None, None) => self.rule_by_doubt(findings),
        };
        match ruling {
            Some(ruling) if ruling.counts != Counts::Ok || self.is_sound(cause, exit) => Ok(ruling),
            Some(ruling) => Err(ruling.line),
            None => Err(None),
        }
    }

    fn rule_by_doubt(&mut self, findings: &mut Findings) -> Option<Ruling> {
        let Doubt { finding, ruling } = self.doubt.take()?;
        if let Some(finding) = findings.get_mut(finding) {
            finding.own = true;
        }
        self.results.insert(finding, ruling.clone());
        Some(ruling)
    }

    /// Only a program that left by itself says something by its exit code.
    fn stated_by_exit(&self, cause: Cause, exit: Option<Exit>) -> Option<Ruling> {
        let (Cause::Exited, Some(Exit::Code(code))) = (cause, exit) else { return None };
        let stated = self.tool.stated_by(code)?;
        Some(self.doubted(Ruling { verdict: Arc::clone(&stated.verdict), counts: stated.counts, line: None }))
    }

    /// Whether it did not break off by itself: what was ended from outside has said what it has said.
    fn is_sound(&self, cause: Cause, exit: Option<Exit>) -> bool {
        match (cause, exit) {
            (Cause::Exited, Some(Exit::Signal(_))) => false,
            (Cause::Exited, Some(Exit::Code(code))) => {
                self.tool.stated_by(code).is_some()
                    || self.explained.contains(&code)
                    || self.tool.sound_exits.as_ref().is_none_or(|sound| sound.contains(&code))
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests;
