//! The way of every result to the disk: one transaction for a group of rows. This is the hot path; it must never look at
//! more than the rows that it writes.

use provisor_core::plan::Query;
use provisor_core::reuse::Prints;
use provisor_core::roster::Then;
use provisor_core::verdict::Judgement;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::read::columns;
use super::stored;
use super::words::{self, EndWords};
use crate::row::Row;

macro_rules! insert_attempt {
    ($insert:literal) => {
        concat!(
            $insert,
            " INTO attempts (",
            columns!(),
            ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ",
            "?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42)"
        )
    };
}

const INSERT_ATTEMPT: &str = insert_attempt!("INSERT");
/// What is known without an attempt has no number of its own: it takes the place of what was known so before.
const INSERT_DERIVED: &str = insert_attempt!("INSERT OR REPLACE");

/// What the plan knows of a row.
pub(super) struct Planned<'a> {
    pub(super) query: &'a Query,
    pub(super) query_row: i64,
    pub(super) prints: Prints,
}

/// Writes a group of rows; on return they are on the disk.
pub(super) fn commit<'a>(
    conn: &mut Connection,
    run: i64,
    rows: impl IntoIterator<Item = (&'a Row, Planned<'a>)>,
) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (row, planned) in rows {
        let attempt = insert_attempt(&tx, run, row, &planned)?;
        insert_findings(&tx, attempt, &row.outcome.judgement)?;
        if row.is_last() {
            tx.prepare_cached("UPDATE queries SET stands = ?2 WHERE id = ?1")?
                .execute([planned.query_row, attempt])?;
        }
    }
    tx.commit()
}

fn insert_attempt(tx: &Transaction<'_>, run: i64, row: &Row, planned: &Planned<'_>) -> rusqlite::Result<i64> {
    let outcome = &row.outcome;
    let limits = planned.query.asking(row.pass).map_or(&planned.query.limits, |asking| asking.limits);
    let insert = if outcome.is_derived() { INSERT_DERIVED } else { INSERT_ATTEMPT };
    let (end, judgement) = (EndWords::of(&outcome.end), &outcome.judgement);
    tx.prepare_cached(insert)?.execute(params![
        run,
        planned.query.id,
        row.attempt,
        row.is_last(),
        planned.prints.command.0,
        planned.prints.judging.0,
        limits.wall.map(words::limit_micros),
        limits.silence.map(words::limit_micros),
        limits.cpu.map(words::limit_micros),
        row.memory_limit.map(words::number),
        limits.output.map(words::number),
        limits.processes,
        words::limit_micros(limits.grace),
        outcome.cause_word(),
        end.ending,
        outcome.cause.word(),
        end.why.or(outcome.evidence.as_deref()),
        end.code,
        end.signal,
        outcome.method.map(words::method_word),
        words::micros(outcome.wall),
        words::micros(outcome.usage.cpu),
        words::number(outcome.usage.max_rss_kib),
        outcome.leaked,
        outcome.leftovers,
        outcome.of_machine,
        judgement.verdict,
        judgement.counts.word(),
        judgement.line,
        judgement.value,
        words::number(judgement.results),
        words::number(judgement.omitted),
        words::number(judgement.omitted_notes),
        row.started_us,
        row.log,
        row.log_is_whole,
        words::number(row.printed.stdout),
        words::number(row.printed.stderr),
        row.containment,
        stored::pass_of(planned.query, row),
        row.then == Then::NextPass,
        stored::pages_of(planned.query, row),
    ])?;
    Ok(tx.last_insert_rowid())
}

/// The result lines and notes of an attempt.
pub(super) fn insert_findings(
    tx: &Transaction<'_>,
    attempt: i64,
    judgement: &Judgement,
) -> rusqlite::Result<()> {
    for (place, finding) in (0_i64..).zip(&judgement.findings) {
        tx.prepare_cached(
            "INSERT INTO verdicts (attempt, place, statement, verdict, counts, own, at_us)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            attempt,
            place,
            finding.statement,
            finding.verdict,
            finding.counts.word(),
            finding.own,
            words::micros(finding.at),
        ])?;
    }
    for (place, note) in (0_i64..).zip(&judgement.notes) {
        tx.prepare_cached("INSERT INTO notes (attempt, place, note) VALUES (?1, ?2, ?3)")?
            .execute(params![attempt, place, note])?;
    }
    Ok(())
}
