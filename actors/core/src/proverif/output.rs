//! What a whole run of ProVerif says: its results, lemmas apart, each counted once, and the goal it may stop at.
//!
//! A result line is a fact, but not always the last word: a group proved by induction, an equivalence and the
//! summary may revise it. `goal reachable` is never a result by itself; when it may stand for one is decided here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::cause::{Cause, Exit, StopMethod};
use crate::proverif::grammar::{self, Item, Said, Summary, Word};
use crate::proverif::{EarlyStop, ProVerif};
use crate::verdict::{Finding, Ruling, lossy};

/// The texts one of which is in every line that is worth reading, as long as `is_all_ears` says nothing else.
pub(crate) fn texts(proverif: ProVerif) -> &'static [&'static str] {
    const TEXTS: &[&str] = &[
        "RESULT",
        "Starting proving a group",
        "-- Query",
        "rror: ",
        "File \"",
        "----------",
        "Starting query ",
        "goal reachable: ",
    ];
    match proverif.early_stop {
        EarlyStop::Off => &TEXTS[..TEXTS.len() - 2],
        EarlyStop::OnGoalReachable | EarlyStop::OnRefutingGoal => TEXTS,
    }
}

/// What one run of ProVerif has said so far.
#[derive(Debug)]
pub(crate) struct Account {
    early_stop: EarlyStop,
    /// How many results of lemmas are still to come.
    lemmas: u32,
    results: Vec<Entry>,
    /// The last result of each equivalence.
    equivalences: BTreeMap<Arc<str>, usize>,
    /// Where the results of the current group begin.
    group: usize,
    /// The correspondence that is tried right now.
    tried: Option<Box<[u8]>>,
    goal: Option<ReachedGoal>,
    place: Place,
    error: Option<Arc<str>>,
    /// The summary says that nothing was asked.
    no_query: Option<Arc<str>>,
    /// The summary is complete: what is not in it is not the query's own.
    is_complete: bool,
}

/// A result line.
#[derive(Debug)]
struct Entry {
    /// Its number among the findings.
    finding: usize,
    line: Arc<str>,
    lemma: bool,
    /// A later line took its place.
    superseded: bool,
}

/// A goal at which the run is ended.
#[derive(Debug)]
struct ReachedGoal {
    query: Box<[u8]>,
    line: Arc<str>,
    word: Word,
}

/// Where in the output the next line stands.
#[derive(Debug)]
enum Place {
    Anywhere,
    /// After this position line.
    Position(Arc<str>),
    /// After dashes.
    Dashes,
    /// In the summary.
    Summary(Summary),
}

impl Account {
    pub(crate) fn new(proverif: ProVerif) -> Self {
        Self {
            early_stop: proverif.early_stop,
            lemmas: proverif.lemmas,
            results: Vec::new(),
            equivalences: BTreeMap::new(),
            group: 0,
            tried: None,
            goal: None,
            place: Place::Anywhere,
            error: None,
            no_query: None,
            is_complete: false,
        }
    }

    /// Whether the next line is wanted whatever it is.
    pub(crate) const fn is_all_ears(&self) -> bool {
        !matches!(self.place, Place::Anywhere)
    }

    /// Takes in a line; adds its result, if it is one, to the findings.
    pub(crate) fn take(
        &mut self,
        line: &[u8],
        at: Duration,
        findings: &mut Vec<Finding>,
    ) -> Option<StopMethod> {
        let line = grammar::visible(line);
        let said = Said::by(line);
        match (std::mem::replace(&mut self.place, Place::Anywhere), said) {
            (Place::Summary(summary), Said::Dashes) => {
                self.settle(&summary, at, findings);
                return None;
            }
            (Place::Summary(mut summary), _) => {
                summary.take(line);
                self.place = Place::Summary(summary);
                return None;
            }
            (Place::Dashes, Said::SummaryTitle) => self.place = Place::Summary(Summary::default()),
            (Place::Position(position), Said::Error) => self.fail(Some(&position), line),
            (_, Said::Error) => self.fail(None, line),
            _ => {}
        }
        self.heed(said, line, at, findings)
    }

    /// Takes in a line outside of the summary.
    fn heed(
        &mut self,
        said: Said<'_>,
        line: &[u8],
        at: Duration,
        findings: &mut Vec<Finding>,
    ) -> Option<StopMethod> {
        match said {
            Said::Dashes => self.place = Place::Dashes,
            Said::Position => self.place = Place::Position(lossy(line)),
            Said::Result { statement, word, horn } => {
                self.tried = None;
                self.take_result(line, statement, word, horn, at, findings);
            }
            Said::Aside => self.tried = None,
            Said::Header => {
                self.tried = None;
                self.group = self.results.len();
            }
            Said::Final => self.restart_group(findings),
            Said::Starting(query) => self.tried = Some(query.into()),
            Said::Goal => return self.reach_goal(line),
            Said::SummaryTitle | Said::Error | Said::Nothing => {}
        }
        None
    }

    /// The first error is the one; what follows it is about reporting it.
    fn fail(&mut self, position: Option<&str>, line: &[u8]) {
        let error = lossy(line);
        self.error.get_or_insert_with(|| match position {
            Some(position) => Arc::from(format!("{position} {error}")),
            None => error,
        });
    }

    fn take_result(
        &mut self,
        line: &[u8],
        statement: &[u8],
        word: Word,
        horn: bool,
        at: Duration,
        findings: &mut Vec<Finding>,
    ) {
        if self.goal.as_ref().is_some_and(|goal| *goal.query == *statement) {
            self.goal = None;
        }
        let statement = lossy(statement);
        if grammar::is_equivalence(&statement) {
            self.supersede_equivalence(&statement, findings);
        }
        let lemma = self.lemmas > 0 && grammar::may_be_lemma(&statement);
        self.lemmas -= u32::from(lemma);
        self.results.push(Entry { finding: findings.len(), line: lossy(line), lemma, superseded: false });
        findings.push(Finding {
            statement: if horn { Arc::from(format!("not {statement}")) } else { statement },
            verdict: Arc::from(word.text()),
            counts: word.counts(),
            own: !lemma,
            at,
        });
    }

    /// An equivalence that could not be proved is tried again in another form; what comes of that counts.
    fn supersede_equivalence(&mut self, statement: &Arc<str>, findings: &mut [Finding]) {
        let before = self.equivalences.insert(Arc::clone(statement), self.results.len());
        if let Some(entry) = before.and_then(|index| self.results.get_mut(index)) {
            let finding = &mut findings[entry.finding];
            if *finding.verdict == *Word::Unproved.text() {
                finding.own = false;
                entry.superseded = true;
            }
        }
    }

    /// The results of the group so far were provisional: all of them follow again.
    fn restart_group(&mut self, findings: &mut [Finding]) {
        for entry in &mut self.results[self.group..] {
            findings[entry.finding].own = false;
            entry.superseded = true;
            self.lemmas += u32::from(std::mem::take(&mut entry.lemma));
        }
        self.group = self.results.len();
    }

    /// A goal counts only while a query of its own is tried: the secrecy assumptions of a model are checked before,
    /// lemmas are proved first, and equivalences are never announced.
    fn reach_goal(&mut self, line: &[u8]) -> Option<StopMethod> {
        let query = self.tried.as_ref().filter(|_| self.lemmas == 0 && self.goal.is_none())?;
        let word = match self.early_stop {
            EarlyStop::Off => return None,
            // Only where the conclusion is false, a goal never precedes `true`.
            EarlyStop::OnGoalReachable if !query.starts_with(b"not ") => return None,
            EarlyStop::OnGoalReachable => Word::Reachable,
            EarlyStop::OnRefutingGoal => Word::NotProved,
        };
        self.goal = Some(ReachedGoal { query: query.clone(), line: lossy(line), word });
        Some(StopMethod::Term)
    }

    /// The summary has the last word: its queries are the query's own, everything else is not. A query that never
    /// had a result line, because a lemma stopped the file, becomes a finding now.
    fn settle(&mut self, summary: &Summary, at: Duration, findings: &mut Vec<Finding>) {
        self.is_complete = true;
        self.goal = None;
        self.no_query = summary.no_query.clone();
        for entry in &self.results {
            findings[entry.finding].own = false;
        }
        let mut known: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in self.results.iter().filter(|entry| !entry.superseded) {
            let Finding { statement, verdict, .. } = &findings[entry.finding];
            let key = (grammar::subject(statement).to_owned(), Arc::clone(verdict));
            known.entry(key).or_default().push(entry.finding);
        }
        // From behind, because lemmas come first.
        let mut unheard = Vec::new();
        for item in summary.items.iter().rev() {
            let key = (grammar::subject(&item.statement).to_owned(), Arc::from(item.word.text()));
            match known.get_mut(&key).and_then(Vec::pop) {
                Some(finding) => findings[finding].own = true,
                None => unheard.push(item),
            }
        }
        for item in unheard.into_iter().rev() {
            self.add_unheard(item, at, findings);
        }
    }

    fn add_unheard(&mut self, item: &Item, at: Duration, findings: &mut Vec<Finding>) {
        let line = Arc::clone(&item.line);
        self.results.push(Entry { finding: findings.len(), line, lemma: false, superseded: false });
        findings.push(Finding {
            statement: Arc::clone(&item.statement),
            verdict: Arc::from(item.word.text()),
            counts: item.word.counts(),
            own: true,
            at,
        });
    }

    /// What the run says about its query: a verdict, or else the line that says why there is none.
    ///
    /// A run that failed has no verdict, and one that broke off by itself may have more to say than it said.
    pub(crate) fn rule(
        &self,
        cause: Cause,
        exit: Option<Exit>,
        findings: &[Finding],
    ) -> Result<Ruling, Option<Arc<str>>> {
        let left_well = exit == Some(Exit::Code(0));
        if self.error.is_some() && !left_well {
            return Err(self.error.clone());
        }
        if cause == Cause::Exited && exit.is_some() && !left_well && !self.is_complete {
            return Err(None);
        }
        let own = self.results.iter().filter_map(|entry| {
            let finding = &findings[entry.finding];
            finding.own.then(|| Ruling {
                verdict: Arc::clone(&finding.verdict),
                counts: finding.counts,
                line: Some(Arc::clone(&entry.line)),
            })
        });
        let goal = self.goal.iter().map(|goal| Ruling {
            verdict: Arc::from(goal.word.text()),
            counts: goal.word.counts(),
            line: Some(Arc::clone(&goal.line)),
        });
        Ruling::sum(own.chain(goal)).ok_or_else(|| self.no_query.clone())
    }
}

#[cfg(test)]
mod tests;
