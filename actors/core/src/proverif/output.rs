//! What a whole run of ProVerif says: its results, lemmas apart, each counted once, and the goal it may stop at.
//!
//! A result line is a fact, but not always the last word: a group proved by induction, an equivalence and the
//! summary may revise it. `goal reachable` is never a result by itself; when it may stand for one is decided here.

mod results;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::results::MOST;
use self::results::{Results, Told};
use crate::cause::{Cause, Exit, StopMethod};
use crate::proverif::grammar::{self, Said, Summary, Word};
use crate::proverif::{EarlyStop, ProVerif};
use crate::verdict::{Findings, Ruling, lossy};

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
    reading: ProVerif,
    /// How many results of lemmas are still to come.
    lemmas: u32,
    results: Results,
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
            reading: proverif,
            lemmas: proverif.lemmas,
            results: Results::default(),
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
    pub(crate) fn take(&mut self, line: &[u8], at: Duration, findings: &mut Findings) -> Option<StopMethod> {
        let line = grammar::visible(line);
        let said = Said::by(line);
        match (std::mem::replace(&mut self.place, Place::Anywhere), said) {
            (Place::Summary(summary), Said::Dashes) => {
                self.settle(summary, at, findings);
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
        findings: &mut Findings,
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
                self.results.begin_group();
            }
            Said::Final => self.lemmas += self.results.restart_group(findings),
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
        findings: &mut Findings,
    ) {
        if self.goal.as_ref().is_some_and(|goal| *goal.query == *statement) {
            self.goal = None;
        }
        let statement = lossy(statement);
        let lemma = self.lemmas > 0 && grammar::may_be_lemma(&statement);
        self.lemmas -= u32::from(lemma);
        let statement = if horn { Arc::from(format!("not {statement}")) } else { statement };
        self.results.enter(Told { statement, word, line: lossy(line), lemma }, at, findings);
    }

    /// A goal counts only while a query of its own is tried: the secrecy assumptions of a model are checked before,
    /// lemmas are proved first, and equivalences are never announced.
    fn reach_goal(&mut self, line: &[u8]) -> Option<StopMethod> {
        let query = self.tried.as_ref().filter(|_| self.lemmas == 0 && self.goal.is_none())?;
        let word = match self.reading.early_stop {
            EarlyStop::Off => return None,
            // Only where the conclusion is false, a goal never precedes `true`.
            EarlyStop::OnGoalReachable if !query.starts_with(b"not ") => return None,
            EarlyStop::OnGoalReachable => Word::Reachable,
            EarlyStop::OnRefutingGoal => Word::NotProved,
        };
        self.goal = Some(ReachedGoal { query: query.clone(), line: lossy(line), word });
        Some(StopMethod::Term)
    }

    fn settle(&mut self, mut summary: Summary, at: Duration, findings: &mut Findings) {
        self.is_complete = true;
        self.goal = None;
        self.no_query = summary.no_query.take();
        self.results.settle(summary, at, findings);
    }

    /// How many results are the query's own.
    pub(crate) fn own(&self) -> u64 {
        self.results.own()
    }

    /// How many results never became findings.
    pub(crate) const fn omitted(&self) -> u64 {
        self.results.omitted()
    }

    /// What the run says about its query: a verdict, or else the line that says why there is none.
    ///
    /// A run that failed has no verdict, and one that broke off by itself may have more to say than it said.
    pub(crate) fn rule(&self, cause: Cause, exit: Option<Exit>) -> Result<Ruling, Option<Arc<str>>> {
        let left_well = exit == Some(Exit::Code(0));
        if self.error.is_some() && !left_well {
            return Err(self.error.clone());
        }
        if cause == Cause::Exited && exit.is_some() && !left_well && !self.is_complete {
            return Err(None);
        }
        let goal = self.goal.iter().map(|goal| (goal.word, Arc::clone(&goal.line)));
        let words = self.results.own_words().chain(goal);
        let ruling = if self.reading.worst {
            let worst = words.max_by_key(|(word, _)| self.meant(*word).badness());
            Ruling::sum(worst.map(|(word, line)| self.ruling(word, line)).into_iter())
        } else {
            let known = words.map(|(word, line)| self.ruling(word, line));
            Ruling::sum(known.chain(self.results.beyond()))
        };
        ruling.ok_or_else(|| self.no_query.clone())
    }

    /// What a word comes to for one who asked so.
    const fn meant(&self, word: Word) -> Word {
        if self.reading.sanity { word.for_sanity() } else { word }
    }

    /// The same with its line, which says what a setting has done to it.
    fn ruling(&self, word: Word, line: Arc<str>) -> Ruling {
        let line = match self.reading.weakened {
            Some(weakened) if word == Word::Unproved => {
                let setting = weakened.setting();
                format!("{line} (weakened: with {setting} = false an attack shows as this)").into()
            }
            _ => line,
        };
        self.meant(word).ruling(line)
    }
}

#[cfg(test)]
mod tests;
