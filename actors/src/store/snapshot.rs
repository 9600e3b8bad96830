//! All that is to be shown of a job's results, of one moment. Reads only, and holds up nobody who writes.

use std::sync::Arc;

use provisor_core::roster::Place;

use super::cells::Extras;
use super::error::{At, StoreError};
use super::read::{Reader, RunRow, Standing};
use super::stored::{AXIS_VALUES, texts};
use super::words::Columns;

/// A query of the plan that has no row yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its id.
    pub query: Arc<str>,
    /// Its place in the plan.
    pub place: Place,
    /// Its value on each axis of the job.
    pub axes: Vec<Arc<str>>,
}

/// The results of a job as they were at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The job's name.
    pub job: Box<str>,
    /// The names of its axes.
    pub axes: Vec<Arc<str>>,
    /// Which columns of the results only some jobs have.
    pub extras: Extras,
    /// The last run, if any has begun.
    pub run: Option<RunRow>,
    /// All rows that stand, in the plan's order.
    pub rows: Vec<Standing>,
    /// The queries without a row, in the plan's order.
    pub waiting: Vec<Waiting>,
}

impl Reader {
    /// Everything there is to show, all of it of this moment, however long the reading takes.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let _moment = self.conn.unchecked_transaction().at(&self.path)?;
        let mut rows = Vec::new();
        self.visit_standing(|row| {
            rows.push(row);
            Ok(())
        })?;
        let (job, axes, extras) = (self.job()?, self.axes()?, self.extras()?);
        Ok(Snapshot { job, axes, extras, run: self.last_run()?, rows, waiting: self.waiting_with_axes()? })
    }

    fn waiting_with_axes(&self) -> Result<Vec<Waiting>, StoreError> {
        let sql =
            "SELECT id, query, place FROM queries WHERE place IS NOT NULL AND stands IS NULL ORDER BY place";
        self.all(sql, |row| {
            let mut columns = Columns::of(row);
            let query_row: i64 = columns.take()?;
            let axes = texts(&self.conn, AXIS_VALUES, query_row)?;
            Ok(Waiting { query: columns.take()?, place: columns.take()?, axes })
        })
    }
}
