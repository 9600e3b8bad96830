//! What the lines of one query add up to.
//!
//! Rules outrank the preset, and evidence outlives its causes: lines that arrive while a query is being ended count.
//! Nothing here stops anything; it only says what is known.

mod kept;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use self::kept::Findings;
pub use self::kept::{FIRST_KEPT, LAST_KEPT, NOTES_KEPT};
use crate::cause::{Cause, Exit, StopMethod};
use crate::proverif::ProVerif;
use crate::proverif::output::Account as ProVerifAccount;
use crate::rules::{Reading, Stream, Telling};
use crate::tool::{Account as ToolAccount, CONTRADICTION, Tool};

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

impl Counts {
    /// The word that users read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Open => "open",
            Self::Bad => "bad",
        }
    }
}

/// The reading of a known kind of tool.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Preset {
    /// `ok` for exit code 0, `failed` for any other end by itself.
    ExitCode,
    /// ProVerif's result lines.
    ProVerif(ProVerif),
    /// What the data of a preset file say.
    Tool(Arc<Tool>),
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
    /// It is the answer to the query itself, not to a lemma proved on the way, nor superseded by a later line.
    /// What is reported while the query runs says what is known then; the judgement at its end is right.
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
    /// How many results are the query's own, be they kept or not.
    #[serde(default)]
    pub results: u64,
    /// The result lines in the order of reading: where there are very many, the first [`FIRST_KEPT`] and the last
    /// [`LAST_KEPT`] of them.
    pub findings: Vec<Finding>,
    /// How many result lines are not kept.
    #[serde(default)]
    pub omitted: u64,
    /// Lines that a rule wanted to be kept: the first [`NOTES_KEPT`] of them.
    pub notes: Vec<Arc<str>>,
    /// How many such lines are not kept.
    #[serde(default)]
    pub omitted_notes: u64,
}

/// The one word for many results that are not all the same.
const MIXED: &str = "mixed";

/// The words that are stated of what a tool says, and by no rule. A line that holds one says nothing that counts: where
/// a rule captures it, it is bad.
pub const OWN_WORDS: [&str; 2] = [MIXED, CONTRADICTION];

/// A verdict with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ruling {
    pub(crate) verdict: Arc<str>,
    pub(crate) counts: Counts,
    pub(crate) line: Option<Arc<str>>,
}

impl Ruling {
    /// Adds up the results of a query: word, worth, line. `None` where there are none.
    ///
    /// What differs is `mixed` and worth as much as its worst part; the last line of that worth decided.
    pub(crate) fn sum(results: impl Iterator<Item = Self>) -> Option<Self> {
        results.reduce(|sum, next| {
            let verdict = if sum.verdict == next.verdict { next.verdict } else { Arc::from(MIXED) };
            let line = if next.counts >= sum.counts { next.line } else { sum.line };
            Self { verdict, counts: sum.counts.max(next.counts), line }
        })
    }
}

/// Own results that are not known one by one any more.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    pub(crate) count: u64,
    pub(crate) ruling: Option<Ruling>,
}

impl Sum {
    pub(crate) fn add(&mut self, ruling: Ruling) {
        self.join(Self { count: 1, ruling: Some(ruling) });
    }

    /// Adds what came later.
    pub(crate) fn join(&mut self, later: Self) {
        self.count += later.count;
        self.ruling = Ruling::sum(self.ruling.take().into_iter().chain(later.ruling));
    }
}

/// What one attempt has said so far.
#[derive(Debug)]
pub(crate) struct Evidence {
    preset: Hearer,
    /// Of the last rule that stated a verdict.
    stated: Option<Ruling>,
    /// How many verdicts rules have stated.
    statements: u64,
    /// The first line that asked for a stop.
    stop: Option<Arc<str>>,
    value: Option<Arc<str>>,
    findings: Findings,
    notes: Vec<Arc<str>>,
    omitted_notes: u64,
}

/// The part of a preset that listens.
#[derive(Debug)]
enum Hearer {
    Nobody,
    ExitCode,
    ProVerif(Box<ProVerifAccount>),
    Tool(Box<ToolAccount>),
}

impl Evidence {
    pub(crate) fn new(preset: Option<&Preset>) -> Self {
        let preset = match preset {
            None => Hearer::Nobody,
            Some(Preset::ExitCode) => Hearer::ExitCode,
            Some(Preset::ProVerif(proverif)) => Hearer::ProVerif(Box::new(ProVerifAccount::new(*proverif))),
            Some(Preset::Tool(tool)) => Hearer::Tool(Box::new(ToolAccount::new(Arc::clone(tool)))),
        };
        Self {
            preset,
            stated: None,
            statements: 0,
            stop: None,
            value: None,
            findings: Findings::default(),
            notes: Vec::new(),
            omitted_notes: 0,
        }
    }

    pub(crate) const fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Whether the next line of standard output is wanted whatever it is.
    pub(crate) fn is_all_ears(&self) -> bool {
        matches!(&self.preset, Hearer::ProVerif(account) if account.is_all_ears())
    }

    /// Takes in a line, what the rules say about it and, unless they settle it, what those of the preset say. The wish
    /// to stop is that of the first line that has one.
    pub(crate) fn take(
        &mut self,
        stream: Stream,
        line: &[u8],
        (reading, telling): (&Reading, Option<Telling>),
        at: Duration,
    ) -> Option<StopMethod> {
        self.take_reading(line, reading, at);
        let mut wish = reading.stop;
        if !reading.settles() {
            wish = self.tell_preset(stream, line, (reading, telling), at);
        }
        if wish.is_none() || self.stop.is_some() {
            return None;
        }
        self.stop = Some(lossy(line));
        wish
    }

    fn tell_preset(
        &mut self,
        stream: Stream,
        line: &[u8],
        (reading, telling): (&Reading, Option<Telling>),
        at: Duration,
    ) -> Option<StopMethod> {
        match (&mut self.preset, telling) {
            (Hearer::ProVerif(account), _) if stream == Stream::Stdout => {
                account.take(line, at, &mut self.findings)
            }
            (Hearer::Tool(account), Some(telling)) => {
                let Reading { value, note, stop, .. } = telling.reading.clone();
                account.take(line, telling, at, &mut self.findings);
                if note && !reading.note {
                    self.note(line);
                }
                if reading.value.is_none() {
                    self.value = value.or_else(|| self.value.take());
                }
                stop
            }
            _ => None,
        }
    }

    fn note(&mut self, line: &[u8]) {
        if self.notes.len() < NOTES_KEPT {
            self.notes.push(lossy(line));
        } else {
            self.omitted_notes += 1;
        }
    }

    fn take_reading(&mut self, line: &[u8], reading: &Reading, at: Duration) {
        if reading.note {
            self.note(line);
        }
        if let Some(value) = &reading.value {
            self.value = Some(Arc::clone(value));
        }
        if let Some((verdict, counts)) = reading.verdict.clone() {
            let line = lossy(line);
            self.findings.push(Finding {
                statement: Arc::clone(&line),
                verdict: Arc::clone(&verdict),
                counts,
                own: true,
                at,
            });
            self.statements += 1;
            self.stated = Some(Ruling { verdict, counts, line: Some(line) });
        }
    }

    /// Says what it all adds up to, and gives the findings away.
    pub(crate) fn judge(&mut self, cause: Cause, exit: Option<Exit>) -> Judgement {
        let (ruling, remark) = match (self.stated.take(), &mut self.preset) {
            (Some(stated), _) => (Some(stated), None),
            (None, Hearer::Nobody) => (None, None),
            (None, Hearer::ExitCode) => (exit_code(cause, exit), None),
            (None, Hearer::ProVerif(account)) => apart(account.rule(cause, exit)),
            (None, Hearer::Tool(account)) => apart(account.rule(cause, exit, &mut self.findings)),
        };
        let (verdict, counts, line) = match ruling {
            Some(Ruling { verdict, counts, line }) => (Some(verdict), counts, line),
            None => (None, Counts::Bad, remark),
        };
        let (preset_results, preset_omitted) = match &self.preset {
            Hearer::Nobody | Hearer::ExitCode => (0, 0),
            Hearer::ProVerif(account) => (account.own(), account.omitted()),
            Hearer::Tool(account) => (account.own(), 0),
        };
        let (findings, omitted) = self.findings.take();
        Judgement {
            verdict,
            counts,
            line: line.or_else(|| self.stop.take()),
            value: self.value.take(),
            results: self.statements + preset_results,
            findings,
            omitted: omitted + preset_omitted,
            notes: std::mem::take(&mut self.notes),
            omitted_notes: self.omitted_notes,
        }
    }
}

/// The verdict, or the remark about why there is none.
fn apart(ruled: Result<Ruling, Option<Arc<str>>>) -> (Option<Ruling>, Option<Arc<str>>) {
    match ruled {
        Ok(ruling) => (Some(ruling), None),
        Err(remark) => (None, remark),
    }
}

/// The words of `Preset::ExitCode`, for code 0 and for any other end.
pub(crate) const EXIT_CODE_WORDS: [(&str, Counts); 2] = [("ok", Counts::Ok), ("failed", Counts::Bad)];

/// A program that was ended for a limit says nothing by its exit code; one that was concluded may still say `ok`.
fn exit_code(cause: Cause, exit: Option<Exit>) -> Option<Ruling> {
    let (word, counts) = match (cause, exit?) {
        (Cause::Exited | Cause::Concluded, Exit::Code(0)) => EXIT_CODE_WORDS[0],
        (Cause::Exited, _) => EXIT_CODE_WORDS[1],
        _ => return None,
    };
    Some(Ruling { verdict: Arc::from(word), counts, line: None })
}

/// The text of a line, once and only for a line that means something.
pub(crate) fn lossy(line: &[u8]) -> Arc<str> {
    Arc::from(String::from_utf8_lossy(line))
}

#[cfg(test)]
mod tests;
