//! Reading the results: what earlier runs know, what stands now. This must never write, and works while another process
//! does.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use provisor_core::cause::{Cause, Exit, Outcome};
use provisor_core::plan::Limits;
use provisor_core::reuse::{Fingerprint, Past};
use provisor_core::roster::Place;
use provisor_core::row::Printed;
use rusqlite::{Connection, OptionalExtension, Row};

use super::cells::Extras;
use super::error::{At, StoreError};
use super::schema;
use super::stored::StoredRow;
use super::words::Columns;

/// The columns of `attempts` but `id`, in the order in which they are read and written. A copy of an attempt has its own
/// query and number.
macro_rules! columns {
    ($query:literal, $attempt:literal) => {
        concat!(
            "run, ",
            $query,
            ", ",
            $attempt,
            ", last, fingerprint, judging, wall_limit_us, silence_limit_us, ",
            "cpu_limit_us, memory_limit, output_limit, processes_limit, grace_us, cause, ending, first_cause, ",
            "why, exit_code, signal, method, wall_us, cpu_us, max_rss_kib, leaked, leftovers, ",
            "of_machine, verdict, counts, line, value, results, omitted, omitted_notes, started_us, log, log_is_whole, ",
            "stdout_bytes, stderr_bytes, containment, pass, passed_on, pages"
        )
    };
    () => {
        columns!("query", "attempt")
    };
}
pub(super) use columns;

/// Attempts with their queries, from these tables.
macro_rules! rows {
    ($from:literal) => {
        concat!(
            "SELECT q.id, q.place, q.expected, q.stands, a.id, ",
            columns!("a.query", "attempt"),
            " FROM ",
            $from
        )
    };
}

/// The results of a run directory, for reading only.
#[derive(Debug)]
pub struct Reader {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
}

/// The row of a query in an earlier run, or an attempt before it that was followed by the next pass.
#[derive(Clone, Debug)]
pub struct PastRow {
    /// What decides whether it stands.
    pub past: Past,
    /// The number of its attempt.
    pub attempt: u32,
    /// Its log, relative to the run directory.
    pub log: Option<Arc<str>>,
    /// What its log held then.
    pub printed: Printed,
    /// How its process left, where it did.
    pub exit: Option<Exit>,
    /// Why it ended.
    pub cause: Cause,
    /// How long it took.
    pub wall: Duration,
    /// Its place in the table of attempts.
    pub(super) row: i64,
}

/// A row of the results: the attempt that stands for a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The query's id.
    pub query: Arc<str>,
    /// Its place in the plan.
    pub place: Place,
    /// The number of the attempt, counted from 1 over all runs.
    pub attempt: u32,
    /// The number of the run that made it.
    pub run: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// When it was started, in microseconds since 1970.
    pub started_us: Option<i64>,
    /// Its log, relative to the run directory.
    pub log: Option<Arc<str>>,
    /// The log holds the whole output, with the streams told apart.
    pub log_is_whole: bool,
    /// The limits it ran under.
    pub limits: Limits,
    /// What its output was read by, for [`Reader::judging`].
    pub judging: Fingerprint,
    /// By what its processes were held together.
    pub containment: Arc<str>,
    /// The verdict that was expected.
    pub expected: Option<Arc<str>>,
    /// Its value on each axis of the job; shorter where it has none.
    pub axes: Vec<Arc<str>>,
    /// What its pass was called, where the query had several.
    pub pass: Option<Arc<str>>,
    /// The folder that its program has filled, relative to the run directory.
    pub pages: Option<Arc<str>>,
}

impl Standing {
    /// Whether it ended as its asker hoped.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.outcome.is_well(self.expected.as_deref())
    }
}

/// A run, as far as it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Its number, from 1.
    pub run: u64,
    /// When it began, in microseconds since 1970.
    pub started_us: i64,
    /// When it ended; not yet, or it died.
    pub ended_us: Option<i64>,
    /// It left nothing undone of what it was asked.
    pub complete: bool,
}

impl Reader {
    /// Opens the results of a run directory, whether or not a run is writing them just now.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let (conn, path) = schema::open_for_reading(dir)?;
        Ok(Self { conn, path })
    }

    /// The job's name.
    pub fn job(&self) -> Result<Box<str>, StoreError> {
        schema::meta(&self.conn, "job").at(&self.path)
    }

    /// The names of the job's axes.
    pub fn axes(&self) -> Result<Vec<Arc<str>>, StoreError> {
        self.all("SELECT name FROM axes ORDER BY axis", |row| row.get(0))
    }

    /// Which columns of the results only some jobs have.
    pub fn extras(&self) -> Result<Extras, StoreError> {
        let names = schema::meta(&self.conn, "extras").optional().at(&self.path)?.unwrap_or_default();
        let has = |name| names.split(' ').any(|other| other == name);
        Ok(Extras { pass: has("pass"), pages: has("pages") })
    }

    /// The last run.
    pub fn last_run(&self) -> Result<Option<RunRow>, StoreError> {
        let sql = "SELECT run, started_us, ended_us, complete FROM runs ORDER BY run DESC LIMIT 1";
        let mut runs = self.all(sql, |row| {
            let mut columns = Columns::of(row);
            Ok(RunRow {
                run: columns.unsigned()?,
                started_us: columns.take()?,
                ended_us: columns.take()?,
                complete: columns.take()?,
            })
        })?;
        Ok(runs.pop())
    }

    /// Whether the last run was complete and every query of the plan has a row that no interruption has cut short (it
    /// may have been a run of some only).
    pub fn last_run_complete(&self) -> Result<bool, StoreError> {
        let complete = self.last_run()?.is_some_and(|run| run.complete);
        Ok(complete && self.waiting()?.is_empty() && !self.any_cut_short()?)
    }

    fn any_cut_short(&self) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM queries q JOIN attempts a ON a.id = q.stands
                   WHERE q.place IS NOT NULL AND a.cause IN ('cancelled', 'deadline', 'lost') LIMIT 1";
        Ok(!self.all(sql, |row| row.get::<_, i64>(0))?.is_empty())
    }

    /// The ids of the plan's queries that have no row, in the plan's order.
    pub fn waiting(&self) -> Result<Vec<Arc<str>>, StoreError> {
        let sql = "SELECT query FROM queries WHERE place IS NOT NULL AND stands IS NULL ORDER BY place";
        self.all(sql, |row| row.get(0))
    }

    /// How many attempts each query has had, of this plan or not.
    pub fn attempts_before(&self) -> Result<HashMap<String, u32>, StoreError> {
        let sql = "SELECT query, max(attempt) FROM attempts GROUP BY query";
        let counts = self.all(sql, |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(counts.into_iter().collect())
    }

    /// The largest resident set that was seen of each query in earlier runs, in KiB, by its id.
    pub fn peaks(&self) -> Result<HashMap<String, u64>, StoreError> {
        let sql = "SELECT query, max(max_rss_kib) FROM attempts WHERE max_rss_kib > 0 GROUP BY query";
        let peaks = self.all(sql, |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
        Ok(peaks.into_iter().map(|(query, kib)| (query, kib.unsigned_abs())).collect())
    }

    /// How long each query took in earlier runs, by its id: its last attempt that ended by itself, was concluded or reached
    /// a limit, which is the least that it takes. Whoever was ended because the run had to end, or never ran, says nothing.
    pub fn times(&self) -> Result<HashMap<String, Duration>, StoreError> {
        // The other columns are those of the row that has the maximum.
        let sql = "SELECT query, max(attempt), wall_us FROM attempts
                   WHERE cause IN ('exited', 'concluded', 'silent', 'wall-limit', 'cpu-limit', 'output-limit',
                                   'process-limit', 'memory-limit')
                   GROUP BY query";
        let times = self.all(sql, |row| Ok((row.get(0)?, row.get::<_, i64>(2)?)))?;
        Ok(times
            .into_iter()
            .map(|(query, micros)| (query, Duration::from_micros(micros.unsigned_abs())))
            .collect())
    }

    /// What earlier runs know of each query: its row, and before it the attempts that were followed by the next pass. First
    /// those of queries that were in an older plan only, then in the plan's order.
    pub fn past(&self) -> Result<Vec<PastRow>, StoreError> {
        let sql = rows!(
            "queries q JOIN attempts a
             ON a.id = q.stands OR (a.passed_on AND a.query = q.query AND a.attempt > q.since)
             ORDER BY q.place IS NOT NULL, q.place, q.id, a.id"
        );
        self.all(sql, |row| Ok(StoredRow::read(row)?.past()))
    }

    /// All rows that stand, in the plan's order.
    pub fn standing(&self) -> Result<Vec<Standing>, StoreError> {
        let mut rows = Vec::new();
        self.each_standing(|row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Visits all rows that stand, in the plan's order, as they are at this moment.
    pub fn each_standing(
        &self,
        visit: impl FnMut(Standing) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // A row and its verdicts must be of the same moment.
        let _moment = self.conn.unchecked_transaction().at(&self.path)?;
        self.visit_standing(visit)
    }

    /// The same within a moment that the caller holds.
    pub(super) fn visit_standing(
        &self,
        mut visit: impl FnMut(Standing) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let sql =
            rows!("queries q JOIN attempts a ON a.id = q.stands WHERE q.place IS NOT NULL ORDER BY q.place");
        let mut statement = self.conn.prepare_cached(sql).at(&self.path)?;
        let mut rows = statement.query([]).at(&self.path)?;
        while let Some(row) = rows.next().at(&self.path)? {
            visit(StoredRow::read(row).and_then(|row| row.standing(&self.conn)).at(&self.path)?)?;
        }
        Ok(())
    }

    /// The attempt that this log, a name relative to the run directory, is of; one that stands no more, too.
    pub fn of_log(&self, log: &str) -> Result<Option<Standing>, StoreError> {
        let snapshot = self.conn.unchecked_transaction().at(&self.path)?;
        let find = || {
            let sql = rows!(
                "attempts a LEFT JOIN queries q ON q.query = a.query WHERE a.log = ?1 ORDER BY a.id DESC"
            );
            let mut statement = snapshot.prepare(sql)?;
            let mut rows = statement.query([log])?;
            rows.next()?.map(|row| StoredRow::read(row)?.standing(&snapshot)).transpose()
        };
        find().at(&self.path)
    }

    pub(super) fn all<T>(
        &self,
        sql: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let all = || self.conn.prepare(sql)?.query_map([], read)?.collect::<rusqlite::Result<_>>();
        all().at(&self.path)
    }
}
