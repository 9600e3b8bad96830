//! The grammar of ProVerif's output, one line at a time.
//!
//! Checked against ProVerif 2.05. A line says the same wherever it stands; what the lines before it make of it is
//! `output`'s to say.

use std::sync::Arc;

use crate::proverif::output::MOST;
use crate::verdict::{Counts, Ruling, Sum, lossy};

/// What stands above and below the verification summary.
const DASHES: &[u8] = b"--------------------------------------------------------------";

/// What is said in place of the result of an equivalence that could not even be tried.
const NO_BIPROCESS: &str = "no biprocess can be computed";

/// What a result line adds to the statement of a secrecy that is proved as an equivalence.
const ENCODED: &str = " encoded as equivalence";

/// A verdict of ProVerif, or one that provisor draws from its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    True,
    False,
    Unproved,
    /// A goal was found to be reachable: for a `not` query as good as its refutation, but not the same.
    Reachable,
    /// A goal that refutes the proof was found; there may be no attack.
    NotProved,
    /// What should be reachable was proved not to be.
    Unreachable,
}

impl Word {
    pub(crate) const ALL: [Self; 6] =
        [Self::True, Self::False, Self::Reachable, Self::Unproved, Self::NotProved, Self::Unreachable];

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Unproved => "cannot be proved",
            Self::Reachable => "reachable",
            Self::NotProved => "not proved",
            Self::Unreachable => "unreachable",
        }
    }

    pub(crate) const fn counts(self) -> Counts {
        match self {
            Self::True | Self::False | Self::Reachable => Counts::Ok,
            Self::Unproved | Self::NotProved => Counts::Open,
            Self::Unreachable => Counts::Bad,
        }
    }

    /// How bad it is that a property has this answer: an attack is worse than no proof.
    pub(crate) const fn badness(self) -> u8 {
        match self {
            Self::True => 0,
            Self::Reachable => 1,
            Self::Unproved | Self::NotProved => 2,
            Self::False => 3,
            Self::Unreachable => 4,
        }
    }

    /// What it means to one who asks whether something can be reached, and hopes so.
    pub(crate) const fn for_sanity(self) -> Self {
        match self {
            Self::True => Self::Unreachable,
            Self::False => Self::Reachable,
            other => other,
        }
    }

    /// It as a verdict, by this line.
    pub(crate) fn ruling(self, line: Arc<str>) -> Ruling {
        Ruling { verdict: Arc::from(self.text()), counts: self.counts(), line: Some(line) }
    }
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said<'l> {
    /// A verdict. The statement of a Horn clause's goal is the goal, `horn` is set.
    Result { statement: &'l [u8], word: Word, horn: bool },
    /// A verdict that holds if others do, or a supplement to a verdict.
    Aside,
    /// What follows takes the place of the results of this group.
    Final,
    /// A query, or a group of queries, is taken up.
    Header,
    /// A correspondence is tried.
    Starting(&'l [u8]),
    /// A clause was derived that may refute what is tried.
    Goal,
    /// Where something is wrong: in the next line.
    Position,
    /// The run fails.
    Error,
    /// Sixty-two dashes.
    Dashes,
    /// The title of the summary.
    SummaryTitle,
    /// Something else.
    Nothing,
}

impl<'l> Said<'l> {
    pub(crate) fn by(line: &'l [u8]) -> Self {
        if let Some(rest) = line.strip_prefix(b"RESULT ") {
            return result(rest);
        }
        if let Some(query) = line.strip_prefix(b"Starting query ") {
            return Self::Starting(query);
        }
        let begins = |text: &str| line.starts_with(text.as_bytes());
        match line {
            DASHES => Self::Dashes,
            b"Verification summary:" => Self::SummaryTitle,
            _ if begins("FINAL RESULT:") => Self::Final,
            _ if begins("PARTIAL RESULT ") => Self::Aside,
            _ if begins("-- Query") || begins("Starting proving a group of queries") => Self::Header,
            _ if begins("goal reachable: ") => Self::Goal,
            _ if begins("File \"") && line.ends_with(b":") => Self::Position,
            _ if begins("Error: ") || begins("Internal error: ") => Self::Error,
            _ => Self::Nothing,
        }
    }
}

/// What stands after `RESULT `.
fn result(rest: &[u8]) -> Said<'_> {
    let begins = |text: &str| rest.starts_with(text.as_bytes());
    if begins("(but ") || begins("(even ") || begins("(query encoded as ") {
        return Said::Aside;
    }
    if rest == NO_BIPROCESS.as_bytes() {
        return Said::Result { statement: rest, word: Word::Unproved, horn: false };
    }
    // The Horn front-ends ask whether a fact can be derived; ProVerif itself shows `unreachable` as true, and
    // `reachable` neither as true nor as false, because clauses over-approximate the protocol.
    if let Some(statement) = rest.strip_prefix(b"goal unreachable: ") {
        return Said::Result { statement, word: Word::True, horn: true };
    }
    if let Some(statement) = rest.strip_prefix(b"goal reachable: ") {
        return Said::Result { statement, word: Word::Reachable, horn: true };
    }
    verdict(rest).map_or(Said::Nothing, |(statement, word)| Said::Result { statement, word, horn: false })
}

/// A statement and its verdict, as result lines and summary have them.
fn verdict(text: &[u8]) -> Option<(&[u8], Word)> {
    [(" is true.", Word::True), (" is false.", Word::False), (" cannot be proved.", Word::Unproved)]
        .into_iter()
        .find_map(|(end, word)| Some((text.strip_suffix(end.as_bytes())?, word)))
}

/// What is visible of a line: ProVerif overwrites its statistics, blanks them out, and goes on in the same line.
pub(crate) fn visible(line: &[u8]) -> &[u8] {
    match memchr::memrchr(b'\r', line) {
        Some(at) => line[at + 1..].trim_ascii_start(),
        None => line,
    }
}

/// The verification summary, while it is read.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// In a list of axioms, restrictions or lemmas.
    aside: bool,
    /// Its lines on queries, the first of them.
    pub(crate) items: Vec<Item>,
    /// What those beyond add up to.
    pub(crate) beyond: Sum,
    /// Its line that there is no query.
    pub(crate) no_query: Option<Arc<str>>,
}

/// A line of the summary on a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) line: Arc<str>,
    pub(crate) statement: Arc<str>,
    pub(crate) word: Word,
}

impl Summary {
    pub(crate) fn take(&mut self, line: &[u8]) {
        if line == b"Query(ies):" {
            self.aside = false;
        } else if line == b"No query in the input file." {
            self.no_query = Some(lossy(line));
        } else if line.starts_with(b"Associated ") && line.ends_with(b":") {
            self.aside = true;
        }
        // Statements of axioms and lemmas can take several lines; all are indented.
        if self.aside && line.starts_with(b" ") {
            return;
        }
        let line = line.strip_prefix(b" - ").unwrap_or(line);
        if let Some((statement, word)) = verdict(line) {
            if self.items.len() == MOST {
                self.beyond.add(word.ruling(lossy(line)));
                return;
            }
            let statement = lossy(statement.strip_prefix(b"Query ").unwrap_or(statement));
            self.items.push(Item { line: lossy(line), statement, word });
        }
    }
}

/// What a statement is about, where result lines and summary word it differently.
pub(crate) fn subject(statement: &str) -> &str {
    const PROCESSES: &str = "equivalence";
    if let Some(secret) = statement.strip_suffix(ENCODED) {
        return secret.strip_prefix("Query ").unwrap_or(secret);
    }
    let of_two = statement.starts_with("Equivalence between ") || statement == NO_BIPROCESS;
    if of_two || is_equivalence(statement) { PROCESSES } else { statement }
}

/// Whether a statement is one of the equivalence of processes, which may be tried more than once.
pub(crate) fn is_equivalence(statement: &str) -> bool {
    ["Observational equivalence", "Diff-equivalence"].contains(&statement) || statement.ends_with(ENCODED)
}

/// Whether a lemma could state this: lemmas are correspondences.
pub(crate) fn may_be_lemma(statement: &str) -> bool {
    let others = ["Weak secret ", "Non-interference ", NO_BIPROCESS];
    !is_equivalence(statement) && !others.iter().any(|other| statement.starts_with(other))
}

#[cfg(test)]
mod tests;
