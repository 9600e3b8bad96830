//! One attempt as it is written down.

use std::sync::Arc;

use provisor_core::Outcome;
use provisor_core::roster::Place;

/// What the store is told of an attempt; the plan has the rest.
#[derive(Clone, Debug)]
pub struct Row {
    /// The query's place in the plan.
    pub query: Place,
    /// Which attempt, counted from 1 over all runs.
    pub attempt: u32,
    /// The query's row: no further attempt follows in this run.
    pub last: bool,
    /// What became of it.
    pub outcome: Outcome,
    /// When its process was there, in microseconds since 1970.
    pub started_us: Option<i64>,
    /// Its log, relative to the run directory.
    pub log: Option<Arc<str>>,
    /// The log holds every byte and tells the streams apart: the attempt can be judged again.
    pub log_is_whole: bool,
    /// The containment it ran in.
    pub containment: Arc<str>,
}

/// Puts rows on the disk. The real one is `store::Store`.
pub trait Commit: Send {
    /// Makes these rows durable, all or none, in this order. A failure is final: nothing is tried again.
    ///
    /// # Errors
    /// A sentence with the path.
    fn commit(&mut self, rows: &[Arc<Row>]) -> Result<(), Arc<str>>;
}
