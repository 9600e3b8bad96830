//! The results of a job on the disk. The database is the truth; the CSV files follow it.
//!
//! Everything here blocks: it is called before the runtime starts, or from the one thread that owns the [`Store`]. It
//! knows no process and no actor, decides nothing about what is run, and never tries again on a file that failed. A disk
//! without room is no such failure, and no other program that has the database locked: what was not taken has left nothing.

mod begin;
mod cells;
mod commit;
mod csv;
mod discard;
mod error;
mod files;
mod judgings;
mod lost;
mod read;
mod schema;
mod snapshot;
mod stored;
mod tables;
mod words;

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use provisor_core::plan::Plan;
use provisor_core::reuse::Prints;
use provisor_core::roster::Place;
use rusqlite::params;

pub use self::begin::{Fate, Opening};
pub use self::cells::{Extras, columns, local_time, signal_name};
pub use self::csv::{ResultsCsv, VERDICT_COLUMNS, VerdictsCsv};
pub use self::error::StoreError;
pub use self::lost::Rescue;
pub use self::read::{PastRow, Reader, RunRow, Standing};
pub use self::snapshot::{Snapshot, Waiting};

use self::cells::Line;
use self::commit::Planned;
use self::error::At;
use self::files::Files;
use self::tables::Tables;
use crate::folder::Folder;
pub use crate::row::Row;
use crate::row::{Commit, Discarded, Refusal};
use crate::rundir;

/// The results of a job, for writing. One process at a time: the one that holds the run directory.
#[derive(Debug)]
pub struct Store {
    reader: Reader,
    dir: Arc<Folder>,
    files: Files,
    current: Option<Current>,
    /// The error after which it is in doubt what is on the disk.
    failed: Option<Box<str>>,
}

/// The run that is going on.
#[derive(Debug)]
struct Current {
    run: i64,
    plan: Arc<Plan>,
    prints: Vec<Box<[Prints]>>,
    /// For each query of the plan its row in the table of queries.
    query_rows: Vec<i64>,
    tables: Tables,
    /// Those that have a row of this run and may have another: what is appended is a query's only line.
    listed: HashSet<Place>,
}

impl Store {
    /// Opens the results in a run directory, or begins them. A directory holds one job.
    pub fn open(dir: &Path, job: &str) -> Result<Self, StoreError> {
        match Folder::open(dir) {
            Ok(dir) => Self::open_in(&Arc::new(dir), job),
            Err(source) => Err(StoreError::of_directory(dir, source)),
        }
    }

    /// The same in a directory that is held.
    pub fn open_in(dir: &Arc<Folder>, job: &str) -> Result<Self, StoreError> {
        let (conn, files) = schema::open(dir, job)?;
        let reader = Reader { conn, path: files.path.clone() };
        Ok(Self { reader, dir: Arc::clone(dir), files, current: None, failed: None })
    }

    /// Opens the results in a run directory for reading, whether or not a run is writing them.
    pub fn read(dir: &Path) -> Result<Reader, StoreError> {
        Reader::open(dir)
    }

    /// Whether something failed after which nothing more is written.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.failed.is_some()
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

    /// See [`Reader::peaks`].
    pub fn peaks(&self) -> Result<HashMap<String, u64>, StoreError> {
        self.reader.peaks()
    }

    /// See [`Reader::times`].
    pub fn times(&self) -> Result<HashMap<String, Duration>, StoreError> {
        self.reader.times()
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
            let tables = Tables::rewrite(&store.dir, &store.reader, &plan)?;
            store.current = Some(Current { run, plan, prints, query_rows, tables, listed: HashSet::new() });
            Ok(u64::try_from(run).unwrap_or_default())
        })
    }

    /// Writes a group of rows. On return they are on the disk. After an error none of them is to be counted; only if it
    /// [may be tried again](StoreError::may_be_tried_again) anything more is written. The CSV files follow as far as there is
    /// room; see [`catch_up`](Self::catch_up).
    pub fn commit(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        self.commit_all(rows)
    }

    /// The same for those of these rows that are not there yet: of some nobody may have heard that they are.
    pub fn commit_missing(&mut self, rows: &[Arc<Row>]) -> Result<(), StoreError> {
        let (Some(current), false) = (&self.current, rows.is_empty()) else { return Ok(()) };
        // The rows of a query come in the order of its attempts, and one without an attempt is the last of them.
        let (there, waiting) = (self.reader.attempts_before()?, self.reader.waiting()?);
        let waits: HashSet<&str> = waiting.iter().map(|query| &**query).collect();
        let is_there = |row: &Row| {
            let Some(query) = current.plan.queries.get(row.query as usize) else { return false };
            match row.outcome.is_derived() {
                true => !waits.contains(&*query.id),
                false => there.get(&*query.id).is_some_and(|last| *last >= row.attempt),
            }
        };
        let missing: Vec<_> = rows.iter().filter(|row| !is_there(row)).cloned().collect();
        if missing.is_empty() { Ok(()) } else { self.commit_all(&missing) }
    }

    fn commit_all<R: Borrow<Row>>(&mut self, rows: &[R]) -> Result<(), StoreError> {
        self.write_with_room(|store| {
            let Some(current) = &store.current else {
                return Err(StoreError::NoRun { path: store.reader.path.clone() });
            };
            let is_planned = |row: &Row| current.prints.get(row.query as usize)?.get(row.pass);
            if rows.iter().any(|row| is_planned(row.borrow()).is_none()) {
                return Err(StoreError::Misfit { path: store.reader.path.clone() });
            }
            current.put(rows, &mut store.reader)
        })?;
        if let Some(current) = &mut self.current
            && let Err(error) = current.follow(rows, &self.dir)
        {
            tracing::debug!(%error, "the tables are behind");
        }
        Ok(())
    }

    /// Writes the CSV files anew where they do not hold what the database does: a line found no room or was not written,
    /// or somebody removed one of them. The rows are safe all the same.
    pub fn catch_up(&mut self) -> Result<(), StoreError> {
        self.write_with_room(|store| match &mut store.current {
            Some(current) if current.tables.are_behind(&store.dir) || current.tables.are_to_follow() => {
                current.rewrite(&store.dir, &store.reader)
            }
            _ => Ok(()),
        })
    }

    /// The same, also where only lines stand that others have taken the place of.
    fn catch_up_at_last(&mut self) -> Result<(), StoreError> {
        self.catch_up()?;
        self.write_with_room(|store| match &mut store.current {
            Some(current) if current.tables.are_stale() => current.rewrite(&store.dir, &store.reader),
            _ => Ok(()),
        })
    }

    /// Keeps nothing any more of these attempts: their rows first, then their logs. Of a row that stands nothing is discarded. A log
    /// that cannot be removed stays.
    pub fn discard(&mut self, discarded: &[Discarded]) -> Result<(), StoreError> {
        let logs = self.write_with_room(|store| {
            let Reader { conn, path } = &mut store.reader;
            discard::discard(conn, discarded).at(path)
        })?;
        for name in logs {
            if let Err(error) = rundir::remove_log(&self.dir, &name) {
                tracing::debug!(%name, %error, "a log stays that is of no use any more");
            }
        }
        Ok(())
    }

    /// Ends the run. `complete`: it left nothing undone of what it was asked.
    pub fn end(&mut self, complete: bool) -> Result<(), StoreError> {
        self.catch_up_at_last()?;
        self.write_with_room(|store| {
            let Reader { conn, path } = &store.reader;
            let Some(current) = &store.current else {
                return Err(StoreError::NoRun { path: path.clone() });
            };
            let sql = "UPDATE runs SET ended_us = ?2, complete = ?3 WHERE run = ?1";
            conn.execute(sql, params![current.run, now_us(), complete]).at(path)?;
            current.tables.sync(&store.dir)
        })
    }

    /// Makes some room where there is none: what stands in the write-ahead log more than once goes into the database once. Where
    /// that fails nothing more is written, as after any other failure.
    fn write_with_room<T>(
        &mut self,
        what: impl Fn(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.write(&what) {
            Err(full @ StoreError::Full { .. }) => match self.write(Self::checkpoint) {
                Ok(()) => self.write(what),
                Err(error) if error.may_be_tried_again() => Err(full),
                Err(error) => Err(error),
            },
            other => other,
        }
    }

    fn checkpoint(&mut self) -> Result<(), StoreError> {
        schema::checkpoint(&self.reader.conn).at(&self.reader.path)
    }

    fn write<T>(&mut self, what: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let path = &self.reader.path;
        if let Some(first) = &self.failed {
            return Err(StoreError::GaveUp { path: path.clone(), first: first.clone() });
        }
        let done = match self.files.are_there(&self.dir) {
            true => what(self).map_err(|error| error.weighed(&self.dir)),
            false => Err(StoreError::Gone { path: path.clone() }),
        };
        if let Err(error) = &done
            && !error.may_be_tried_again()
        {
            self.failed = Some(error.to_string().into());
            schema::leave_as_it_is(&self.reader.conn);
        }
        done
    }
}

impl Commit for Store {
    fn commit(&mut self, rows: &[Arc<Row>]) -> Result<(), Refusal> {
        self.commit_all(rows).map_err(|error| error.refusal())
    }

    fn catch_up(&mut self) -> Result<(), Refusal> {
        Self::catch_up(self).map_err(|error| error.refusal())
    }

    fn discard(&mut self, discarded: &[Discarded]) -> Result<(), Refusal> {
        Self::discard(self, discarded).map_err(|error| error.refusal())
    }
}

impl Current {
    fn put<R: Borrow<Row>>(&self, rows: &[R], reader: &mut Reader) -> Result<(), StoreError> {
        let planned = rows.iter().map(Borrow::borrow).map(|row| (row, self.planned(row)));
        commit::commit(&mut reader.conn, self.run, planned).at(&reader.path)
    }

    /// What the plan knows of a row; the row's place and its pass have been looked at.
    fn planned(&self, row: &Row) -> Planned<'_> {
        let place = row.query as usize;
        Planned {
            query: &self.plan.queries[place],
            query_row: self.query_rows[place],
            prints: self.prints[place][row.pass],
        }
    }

    /// Lets the CSV files follow the database, unless they have to be written anew.
    fn follow<R: Borrow<Row>>(&mut self, rows: &[R], dir: &Folder) -> Result<(), StoreError> {
        let Self { plan, tables, listed, .. } = self;
        // The first of these rows that stands has its line; one that takes its place is there when the tables are written anew.
        let mut is_first = |row: &Row| {
            let is_alone = plan.queries[row.query as usize].care.is_none();
            is_alone || listed.insert(row.query)
        };
        let (mut to_append, mut is_stale) = (Vec::new(), false);
        for row in rows.iter().map(Borrow::borrow).filter(|row| row.is_last()) {
            if is_first(row) { to_append.push(row) } else { is_stale = true }
        }
        if tables.are_behind(dir) {
            return Ok(());
        }
        if is_stale {
            tables.grow_stale();
        }
        tables.append(dir, to_append.into_iter().map(|row| line(plan, row)))
    }

    fn rewrite(&mut self, dir: &Folder, reader: &Reader) -> Result<(), StoreError> {
        self.tables = Tables::rewrite(dir, reader, &self.plan)?;
        Ok(())
    }
}

/// The line of a row.
fn line<'a>(plan: &'a Plan, row: &'a Row) -> Line<'a> {
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
        pass: stored::pass_of(query, row),
        pages: stored::pages_of(query, row),
    }
}

fn now_us() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    words::micros(now)
}
