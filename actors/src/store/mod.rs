//! The results of a job on the disk. The database is the truth; the CSV files follow it.
//!
//! Everything here blocks: it is called before the runtime starts, or from the one thread that owns the [`Store`]. It
//! knows no process and no actor, decides nothing about what is run, and never tries again on a file that failed.

mod begin;
mod cells;
mod commit;
mod csv;
mod error;
mod judgings;
mod read;
mod schema;
mod snapshot;
mod tables;
mod words;

use std::borrow::Borrow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use provisor_core::plan::Plan;
use provisor_core::reuse::Fingerprint;
use rusqlite::params;

pub use self::begin::{Fate, Opening};
pub use self::cells::{columns, local_time, signal_name};
pub use self::csv::{ResultsCsv, VERDICT_COLUMNS, VerdictsCsv};
pub use self::error::StoreError;
pub use self::read::{PastRow, Reader, RunRow, Standing};
pub use self::snapshot::{Snapshot, Waiting};

use self::cells::Line;
use self::commit::Planned;
use self::error::At;
use self::tables::Tables;
use crate::row::Commit;
pub use crate::row::Row;

/// The results of a job, for writing. One process at a time: the one that holds the run directory.
#[derive(Debug)]
pub struct Store {
    reader: Reader,
    dir: PathBuf,
    current: Option<Current>,
    /// After an error it is in doubt what is on the disk.
    failed: bool,
}

/// The run that is going on.
#[derive(Debug)]
struct Current {
    run: i64,
    plan: Arc<Plan>,
    prints: Vec<(Fingerprint, Fingerprint)>,
    /// For each query of the plan its row in the table of queries.
    query_rows: Vec<i64>,
    tables: Tables,
}

impl Store {
    /// Opens the results in a run directory, or begins them. A directory holds one job.
    pub fn open(dir: &Path, job: &str) -> Result<Self, StoreError> {
        let (conn, path) = schema::open(dir, job)?;
        let dir = path.parent().unwrap_or(dir).to_owned();
        Ok(Self { reader: Reader { conn, path }, dir, current: None, failed: false })
    }

    /// Opens the results in a run directory for reading, whether or not a run is writing them.
    pub fn read(dir: &Path) -> Result<Reader, StoreError> {
        Reader::open(dir)
    }

    /// The reading side.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// See [`Reader::past`].
    pub fn past(&self) -> Result<Vec<PastRow>, StoreError> {
        self.reader.past()
    }

    /// See [`Reader::attempts_before`].
    pub fn attempts_before(&self) -> Result<HashMap<String, u32>, StoreError> {
        self.reader.attempts_before()
    }

    /// See [`Reader::last_run_complete`].
    pub fn last_run_complete(&self) -> Result<bool, StoreError> {
        self.reader.last_run_complete()
    }

    /// See [`Reader::standing`].
    pub fn standing(&self) -> Result<Vec<Standing>, StoreError> {
        self.reader.standing()
    }

    /// Begins a run: settles what becomes of the old rows and writes the CSV files anew. Returns the run's number.
    pub fn begin(&mut self, opening: Opening<'_>) -> Result<u64, StoreError> {
        self.write(|store| {
            let Reader { conn, path } = &mut store.reader;
            if !opening.fits() {
                return Err(StoreError::Misfit { path: path.clone() });
            }
            let begin::Begun { run, query_rows } = begin::begin(conn, &opening, now_us()).at(path)?;
            let Opening { plan, prints, .. } = opening;
            let tables = Tables::rewrite(&store.dir, &store.reader, &plan.axes)?;
            store.current = Some(Current { run, plan, prints, query_rows, tables });
            Ok(u64::try_from(run).unwrap_or_default())
        })
    }

    /// Writes a group of rows. On return they are on the disk; after an error none of them is to be counted, and nothing
    /// more is written.
    pub fn commit(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        self.commit_all(rows)
    }

    fn commit_all<R: Borrow<Row>>(&mut self, rows: &[R]) -> Result<(), StoreError> {
        self.write(|store| {
            let path = &store.reader.path;
            let Some(current) = &mut store.current else {
                return Err(StoreError::NoRun { path: path.clone() });
            };
            let last = current.plan.queries.len();
            if rows.iter().any(|row| row.borrow().query as usize >= last) {
                return Err(StoreError::Misfit { path: path.clone() });
            }
            let planned = rows.iter().map(Borrow::borrow).map(|row| (row, current.planned(row)));
            commit::commit(&mut store.reader.conn, current.run, planned).at(path)?;
            current.follow(rows, &store.dir, &store.reader)
        })
    }

    /// Ends the run. `complete`: it left nothing undone of what it was asked.
    pub fn end(&mut self, complete: bool) -> Result<(), StoreError> {
        self.write(|store| {
            let Reader { conn, path } = &store.reader;
            let Some(current) = store.current.take() else {
                return Err(StoreError::NoRun { path: path.clone() });
            };
            let sql = "UPDATE runs SET ended_us = ?2, complete = ?3 WHERE run = ?1";
            conn.execute(sql, params![current.run, now_us(), complete]).at(path)?;
            current.tables.sync()
        })
    }

    fn write<T>(&mut self, what: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.failed {
            return Err(StoreError::GaveUp { path: self.reader.path.clone() });
        }
        let done = what(self);
        self.failed = done.is_err();
        done
    }
}

impl Commit for Store {
    fn commit(&mut self, rows: &[Arc<Row>]) -> Result<(), Arc<str>> {
        self.commit_all(rows).map_err(|error| error.to_string().into())
    }
}

impl Current {
    /// What the plan knows of a row; the row's place has been looked at.
    fn planned(&self, row: &Row) -> Planned<'_> {
        let place = row.query as usize;
        Planned {
            query: &self.plan.queries[place],
            query_row: self.query_rows[place],
            prints: self.prints[place],
        }
    }

    /// Lets the CSV files follow the database.
    fn follow<R: Borrow<Row>>(&mut self, rows: &[R], dir: &Path, reader: &Reader) -> Result<(), StoreError> {
        if self.tables.are_gone() {
            self.tables = Tables::rewrite(dir, reader, &self.plan.axes)?;
            return Ok(());
        }
        let plan = &self.plan;
        let lines = rows.iter().map(Borrow::borrow).filter(|row| row.last).map(|row| {
            let query = &plan.queries[row.query as usize];
            Line {
                query: &query.id,
                attempt: row.attempt,
                outcome: &row.outcome,
                started_us: row.started_us,
                log: row.log.as_deref(),
                containment: &row.containment,
                expected: query.expect.as_deref(),
                axes: &query.axes,
            }
        });
        self.tables.append(lines)
    }
}

fn now_us() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    words::micros(now)
}
