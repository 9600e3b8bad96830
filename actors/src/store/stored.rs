//! One attempt as the database has it, and the row that it becomes. This must never write.

use std::sync::Arc;

use provisor_core::answer::Answer;
use provisor_core::cause::{Cause, Outcome, Usage};
use provisor_core::plan::{Limits, Query};
use provisor_core::reuse::{Fingerprint, Past, Prints};
use provisor_core::roster::Place;
use provisor_core::row::Printed;
use provisor_core::verdict::{Finding, Judgement};
use rusqlite::{Connection, Row};

use super::read::{PastRow, Standing};
use super::words::{self, Columns};

/// What the pass of a row is called; what is known without an attempt is of none.
pub(super) fn pass_of<'a>(query: &'a Query, row: &crate::row::Row) -> Option<&'a str> {
    let name = query.asking(row.pass)?.name?;
    (!row.outcome.is_derived()).then_some(name)
}

/// The folder that the program of a row has filled, where it was started.
pub(super) fn pages_of<'a>(query: &'a Query, row: &crate::row::Row) -> Option<&'a str> {
    let pages = query.asking(row.pass)?.pages?;
    row.started_us.map(|_| &**pages)
}

pub(super) const AXIS_VALUES: &str = "SELECT value FROM axis_values WHERE query = ?1 ORDER BY axis";

/// A query's row as it is stored, without the verdicts and notes.
pub(super) struct StoredRow {
    /// `None` where no row stands for the query any more.
    query_row: Option<i64>,
    place: Option<Place>,
    expected: Option<Arc<str>>,
    stands: Option<i64>,
    row: i64,
    run: u64,
    query: Arc<str>,
    attempt: u32,
    fingerprint: Fingerprint,
    judging: Fingerprint,
    limits: Limits,
    outcome: Outcome,
    started_us: Option<i64>,
    log: Option<Arc<str>>,
    log_is_whole: bool,
    printed: Printed,
    containment: Arc<str>,
    pass: Option<Arc<str>>,
    pages: Option<Arc<str>>,
}

impl StoredRow {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        let (query_row, place, expected, stands) =
            (columns.take()?, columns.take()?, columns.take()?, columns.take()?);
        let (row, run, query, attempt) =
            (columns.take()?, columns.unsigned()?, columns.take()?, columns.take()?);
        columns.take::<bool>()?; // last
        Ok(Self {
            query_row,
            place,
            expected,
            stands,
            row,
            run,
            query,
            attempt,
            fingerprint: Fingerprint(columns.take()?),
            judging: Fingerprint(columns.take()?),
            limits: columns.limits()?,
            outcome: read_outcome(&mut columns)?,
            started_us: columns.take()?,
            log: columns.take()?,
            log_is_whole: columns.take()?,
            printed: Printed { stdout: columns.unsigned()?, stderr: columns.unsigned()? },
            containment: columns.take()?,
            pass: columns.take()?,
            pages: {
                columns.take::<bool>()?; // passed on
                columns.take()?
            },
        })
    }

    pub(super) fn past(self) -> PastRow {
        let past = Past {
            stands: self.stands == Some(self.row),
            pass: self.pass,
            prints: Prints { command: self.fingerprint, judging: self.judging },
            answer: Answer::of(&self.outcome),
            limits: self.limits,
            log_is_whole: self.log_is_whole,
            id: self.query,
        };
        PastRow {
            past,
            attempt: self.attempt,
            log: self.log,
            printed: self.printed,
            exit: self.outcome.exit(),
            cause: self.outcome.cause,
            wall: self.outcome.wall,
            row: self.row,
        }
    }

    pub(super) fn standing(mut self, conn: &Connection) -> rusqlite::Result<Standing> {
        self.outcome.judgement.findings = read_findings(conn, self.row)?;
        let notes = "SELECT note FROM notes WHERE attempt = ?1 ORDER BY place";
        self.outcome.judgement.notes = texts(conn, notes, self.row)?;
        Ok(Standing {
            query: self.query,
            place: self.place.unwrap_or_default(),
            attempt: self.attempt,
            run: self.run,
            outcome: self.outcome,
            started_us: self.started_us,
            log: self.log,
            log_is_whole: self.log_is_whole,
            limits: self.limits,
            judging: self.judging,
            containment: self.containment,
            expected: self.expected,
            axes: self.query_row.map_or(Ok(Vec::new()), |query| texts(conn, AXIS_VALUES, query))?,
            pass: self.pass,
            pages: self.pages,
        })
    }
}

fn read_outcome(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Outcome> {
    columns.take::<Box<str>>()?; // the word of the cause follows from the rest
    let ending: Box<str> = columns.take()?;
    let cause = columns.word(Cause::named)?;
    let (why, code, signal): (Option<Arc<str>>, _, _) = (columns.take()?, columns.take()?, columns.take()?);
    let evidence = why.clone().filter(|_| words::has_evidence(&ending));
    let end = words::end(&ending, why, code, signal).ok_or_else(|| columns.unknown(ending))?;
    Ok(Outcome {
        end,
        cause,
        evidence,
        method: columns.optional_word(words::method)?,
        wall: columns.duration()?,
        usage: Usage { cpu: columns.duration()?, max_rss_kib: columns.unsigned()? },
        leaked: columns.take()?,
        leftovers: columns.take()?,
        of_machine: columns.take()?,
        judgement: Judgement {
            verdict: columns.take()?,
            counts: columns.word(words::counts)?,
            line: columns.take()?,
            value: columns.take()?,
            results: columns.unsigned()?,
            omitted: columns.unsigned()?,
            omitted_notes: columns.unsigned()?,
            ..Judgement::default()
        },
    })
}

fn read_findings(conn: &Connection, attempt: i64) -> rusqlite::Result<Vec<Finding>> {
    let mut statement = conn.prepare_cached(
        "SELECT statement, verdict, counts, own, at_us FROM verdicts WHERE attempt = ?1 ORDER BY place",
    )?;
    let findings = statement.query_map([attempt], |row| {
        let mut columns = Columns::of(row);
        Ok(Finding {
            statement: columns.take()?,
            verdict: columns.take()?,
            counts: columns.word(words::counts)?,
            own: columns.take()?,
            at: columns.duration()?,
        })
    })?;
    findings.collect()
}

pub(super) fn texts(conn: &Connection, sql: &str, key: i64) -> rusqlite::Result<Vec<Arc<str>>> {
    conn.prepare_cached(sql)?.query_map([key], |row| row.get(0))?.collect()
}
