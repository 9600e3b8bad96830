//! What the lines of one query add up to.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::proverif::ProVerif;

/// What a verdict is worth to the one who asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Counts {
    /// An answer.
    #[default]
    Ok,
    /// No answer: more time or another method might give one.
    Open,
    /// A failure.
    Bad,
}

/// The built-in reading of a known kind of tool.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Preset {
    /// `ok` for exit code 0, `failed` for any other end by itself.
    ExitCode,
    /// ProVerif's result lines.
    ProVerif(ProVerif),
}

/// One result line, as it goes to verdicts.csv.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// What the result is about: ProVerif's text of the query, or the line of a rule. Lossy UTF-8, uncleaned.
    pub statement: Arc<str>,
    /// The verdict's word.
    pub verdict: Arc<str>,
    /// What the word counts as.
    pub counts: Counts,
    /// It is the answer to the query itself, not to a lemma proved on the way.
    pub own: bool,
    /// When the line was read, since the start of the attempt.
    pub at: Duration,
}

/// What the output of one attempt says, all in all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Judgement {
    /// The word for the whole query, `mixed` where its own results differ, `None` where there is none.
    pub verdict: Option<Arc<str>>,
    /// What the word counts as; no verdict is bad.
    pub counts: Counts,
    /// The line that decided (the last one of the verdict's own results, an error, a stopping line), lossy UTF-8.
    pub line: Option<Arc<str>>,
    /// What a rule captured.
    pub value: Option<Arc<str>>,
    /// Every result line, in the order of reading.
    pub findings: Vec<Finding>,
    /// Lines that a rule wanted to be kept.
    pub notes: Vec<Arc<str>>,
}

impl Judgement {
    /// Whether this is as good as its asker hoped: the expected verdict, or one that counts as ok.
    #[must_use]
    pub fn is_well(&self, expected: Option<&str>) -> bool {
        match (&self.verdict, expected) {
            (None, _) => false,
            (Some(word), Some(expected)) => **word == *expected,
            (Some(_), None) => self.counts == Counts::Ok,
        }
    }
}
