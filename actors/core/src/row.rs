//! One attempt as it is written down.

use std::sync::Arc;

use crate::cause::Outcome;
use crate::plan::Query;
use crate::roster::{Place, Then};
use crate::rules::Stream;

/// How many bytes of each of its streams were read of an attempt: what its log holds, where it is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Printed {
    /// Of standard output.
    pub stdout: u64,
    /// Of standard error.
    pub stderr: u64,
}

impl Printed {
    /// So many more.
    pub const fn add(&mut self, stream: Stream, bytes: u64) {
        let of_stream = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        *of_stream = of_stream.saturating_add(bytes);
    }

    /// Of both.
    #[must_use]
    pub const fn all(self) -> u64 {
        self.stdout.saturating_add(self.stderr)
    }
}

/// What the store is told of an attempt, or of a query that is known without one; the plan has the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The query's place: in the plan, or after that.
    pub query: Place,
    /// Its id.
    pub id: Arc<str>,
    /// The query itself, where it is not one of the plan.
    pub added: Option<Arc<Query>>,
    /// Which attempt, counted from 1 over all runs; 0 where it is known without one.
    pub attempt: u32,
    /// Which of its passes, counted from 0.
    pub pass: usize,
    /// What comes next in this run; where nothing does it is the query's row.
    pub then: Then,
    /// What became of it.
    pub outcome: Outcome,
    /// When its process was there, in microseconds since 1970.
    pub started_us: Option<i64>,
    /// Its log, relative to the run directory.
    pub log: Option<Arc<str>>,
    /// The log holds every byte and tells the streams apart: the attempt can be judged again.
    pub log_is_whole: bool,
    /// What it printed.
    pub printed: Printed,
    /// The limit of its memory, in bytes: another attempt may have been given more than the plan says.
    pub memory_limit: Option<u64>,
    /// The containment it ran in.
    pub containment: Arc<str>,
}

/// What is said of a query whose log could not be written.
const LOG_IS_INCOMPLETE: &str = "its log could not be written and is incomplete";

impl Row {
    /// A query's row, of one that nothing is known of but this.
    #[must_use]
    pub fn new(query: Place, attempt: u32, outcome: Outcome) -> Self {
        Self {
            query,
            id: Arc::default(),
            added: None,
            attempt,
            pass: 0,
            then: Then::Nothing,
            outcome,
            started_us: None,
            log: None,
            log_is_whole: false,
            printed: Printed::default(),
            memory_limit: None,
            containment: Arc::default(),
        }
    }

    /// Whether it is the query's row: nothing of it follows in this run.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        matches!(self.then, Then::Nothing)
    }

    /// Nobody can say that its log is whole. That stands beside what is said of it anyway, which would not be seen
    /// otherwise; said again, it changes nothing.
    pub fn doubt_log(&mut self) {
        self.log_is_whole = false;
        let Outcome { evidence, judgement, .. } = &mut self.outcome;
        if evidence.as_ref().is_some_and(|said| said.ends_with(LOG_IS_INCOMPLETE)) {
            return;
        }
        let before = evidence.take().or_else(|| judgement.line.clone());
        *evidence = Some(match before {
            Some(before) => format!("{before}; {LOG_IS_INCOMPLETE}").into(),
            None => LOG_IS_INCOMPLETE.into(),
        });
    }
}
