//! The beginning of a run: what becomes of the rows of earlier ones, in one transaction. Which rows stand is decided
//! elsewhere; here it is only done.

use std::sync::Arc;

use provisor_core::plan::{Plan, Query, Reuse};
use provisor_core::reuse::{Fingerprint, Prints};
use provisor_core::roster::Rung;
use provisor_core::verdict::Judgement;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::cells::Extras;
use super::commit::insert_findings;
use super::judgings;
use super::read::{PastRow, columns};
use super::words;

/// What a run begins with.
#[derive(Debug)]
pub struct Opening<'a> {
    /// The whole plan, also where only some of it is run.
    pub plan: Arc<Plan>,
    /// For each query of the plan those of its passes. Of queries that this run leaves untouched there need be none.
    pub prints: Vec<Box<[Prints]>>,
    /// The rows to which the fates refer, from [`past`](super::Store::past).
    pub past: &'a [PastRow],
    /// What becomes of each query of the plan.
    pub fates: &'a [Fate],
}

/// What becomes of a query's row at the beginning of a run.
#[derive(Clone, Debug)]
pub enum Fate {
    /// The run does not concern it (`--only`): its row stands, if it has one.
    Untouched,
    /// The row at this place among the past ones stands, under this query's name.
    Keep(usize),
    /// The same as one of this pass, counted from 0, with what the new rules say about its log.
    Judge {
        /// The row's place among the past ones.
        row: usize,
        /// The pass.
        pass: usize,
        /// What they say.
        judgement: Box<Judgement>,
    },
    /// It is run: its old row does not stand any more, and none of its attempts is of concern.
    Run,
    /// It is run from a later pass on: its old row does not stand any more.
    GoOn(Rung),
}

impl Opening<'_> {
    /// Whether every query has its print and its fate, and every fate its row.
    pub(super) fn fits(&self) -> bool {
        let there = |fate: &Fate| match fate {
            Fate::Untouched | Fate::Run | Fate::GoOn(_) => true,
            Fate::Keep(row) | Fate::Judge { row, .. } => *row < self.past.len(),
        };
        let Self { plan, prints, fates, .. } = self;
        let has_all = |place: usize| {
            matches!(fates[place], Fate::Untouched) || prints[place].len() == plan.queries[place].passes()
        };
        let queries = plan.queries.len();
        prints.len() == queries
            && fates.len() == queries
            && fates.iter().all(there)
            && (0..queries).all(has_all)
    }
}

/// The run's number, and for each query of the plan its row in the table of queries.
pub(super) struct Begun {
    pub(super) run: i64,
    pub(super) query_rows: Vec<i64>,
}

/// Does it. The opening must fit.
pub(super) fn begin(conn: &mut Connection, opening: &Opening<'_>, now_us: i64) -> rusqlite::Result<Begun> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute(
        "INSERT INTO runs (started_us, provisor) VALUES (?1, ?2)",
        params![now_us, env!("CARGO_PKG_VERSION")],
    )?;
    let run = tx.last_insert_rowid();
    forget_plan(&tx)?;
    for (axis, name) in (0_i64..).zip(&opening.plan.axes) {
        tx.execute("INSERT INTO axes (axis, name) VALUES (?1, ?2)", params![axis, name])?;
    }
    keep_extras(&tx, Extras::of(&opening.plan))?;
    judgings::keep(&tx, opening)?;
    let mut query_rows = Vec::with_capacity(opening.plan.queries.len());
    for (place, query) in opening.plan.queries.iter().enumerate() {
        let stands = settle(&tx, opening, place, query)?;
        let is_anew = matches!(opening.fates[place], Fate::Run);
        query_rows.push(enter(&tx, place, query, stands, is_anew)?);
    }
    drop_unasked(&tx, opening.plan.reuse)?;
    tx.commit()?;
    Ok(Begun { run, query_rows })
}

/// For readers, who have no plan.
fn keep_extras(tx: &Transaction<'_>, extras: Extras) -> rusqlite::Result<()> {
    let names = extras.names().collect::<Vec<_>>().join(" ");
    tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('extras', ?1)", [names]).map(drop)
}

fn forget_plan(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch("UPDATE queries SET place = NULL; DELETE FROM axes; DELETE FROM axis_values;")
}

/// A verdict of a query that is not asked any more stays good for the day on which it is asked again; where a complete
/// run starts anew, it would only be old.
fn drop_unasked(tx: &Transaction<'_>, reuse: Reuse) -> rusqlite::Result<()> {
    if reuse != Reuse::Conclusive {
        tx.execute_batch("UPDATE queries SET stands = NULL WHERE place IS NULL")?;
    }
    tx.execute_batch("DELETE FROM queries WHERE place IS NULL AND stands IS NULL")
}

/// The attempt that is the query's row from now on.
fn settle(
    tx: &Transaction<'_>,
    opening: &Opening<'_>,
    place: usize,
    query: &Query,
) -> rusqlite::Result<Option<i64>> {
    match &opening.fates[place] {
        Fate::Run | Fate::GoOn(_) => Ok(None),
        Fate::Untouched => {
            let mut stands = tx.prepare_cached("SELECT stands FROM queries WHERE query = ?1")?;
            Ok(stands.query_row([&query.id], |row| row.get(0)).optional()?.flatten())
        }
        Fate::Keep(at) => claim(tx, &opening.past[*at], &query.id).map(Some),
        Fate::Judge { row, pass, judgement } => {
            let past = &opening.past[*row];
            let row = claim(tx, past, &query.id)?;
            let print = opening.prints[place].get(*pass).unwrap_or(&past.past.prints);
            judge_again(tx, row, judgement, print.judging)?;
            Ok(Some(row))
        }
    }
}

/// The row of an earlier run under this id: itself, or a copy where only the id is new. Then it is this one's from now on,
/// and not another's as well when that one asks for the same.
fn claim(tx: &Transaction<'_>, past: &PastRow, id: &str) -> rusqlite::Result<i64> {
    if &*past.past.id == id {
        return Ok(past.row);
    }
    // The id may have been another query's, long ago.
    let before: Option<u32> = tx
        .prepare_cached("SELECT max(attempt) FROM attempts WHERE query = ?1")?
        .query_row([id], |row| row.get(0))?;
    let attempt = before.map_or(past.attempt, |before| before + 1);
    let copy = concat!(
        "INSERT INTO attempts (",
        columns!(),
        ") SELECT ",
        columns!("?2", "?3"),
        " FROM attempts WHERE id = ?1"
    );
    tx.prepare_cached(copy)?.execute(params![past.row, id, attempt])?;
    let row = tx.last_insert_rowid();
    tx.prepare_cached(
        "INSERT INTO verdicts (attempt, place, statement, verdict, counts, own, at_us)
         SELECT ?2, place, statement, verdict, counts, own, at_us FROM verdicts WHERE attempt = ?1",
    )?
    .execute([past.row, row])?;
    tx.prepare_cached(
        "INSERT INTO notes (attempt, place, note) SELECT ?2, place, note FROM notes WHERE attempt = ?1",
    )?
    .execute([past.row, row])?;
    tx.prepare_cached("UPDATE queries SET stands = NULL WHERE query = ?1")?.execute([&past.past.id])?;
    Ok(row)
}

fn judge_again(
    tx: &Transaction<'_>,
    row: i64,
    judgement: &Judgement,
    judging: Fingerprint,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE attempts SET judging = ?2, verdict = ?3, counts = ?4, line = ?5, value = ?6, results = ?7,
         omitted = ?8, omitted_notes = ?9 WHERE id = ?1",
    )?
    .execute(params![
        row,
        judging.0,
        judgement.verdict,
        judgement.counts.word(),
        judgement.line,
        judgement.value,
        words::number(judgement.results),
        words::number(judgement.omitted),
        words::number(judgement.omitted_notes)
    ])?;
    tx.prepare_cached("DELETE FROM verdicts WHERE attempt = ?1")?.execute([row])?;
    tx.prepare_cached("DELETE FROM notes WHERE attempt = ?1")?.execute([row])?;
    insert_findings(tx, row, judgement)
}

/// Gives a query its place; returns its row in the table of queries. What is run anew has nothing to do any more with the
/// attempts that there are.
fn enter(
    tx: &Transaction<'_>,
    place: usize,
    query: &Query,
    stands: Option<i64>,
    is_anew: bool,
) -> rusqlite::Result<i64> {
    let sql = match is_anew {
        true => {
            "INSERT INTO queries (query, place, expected, stands, since)
             VALUES (?1, ?2, ?3, ?4, (SELECT coalesce(max(attempt), 0) FROM attempts WHERE query = ?1))
             ON CONFLICT (query) DO UPDATE SET place = ?2, expected = ?3, stands = ?4, since = excluded.since RETURNING id"
        }
        false => {
            "INSERT INTO queries (query, place, expected, stands, since) VALUES (?1, ?2, ?3, ?4, 0)
             ON CONFLICT (query) DO UPDATE SET place = ?2, expected = ?3, stands = ?4 RETURNING id"
        }
    };
    let row = tx
        .prepare_cached(sql)?
        .query_row(params![query.id, words::place(place), query.expect, stands], |row| row.get(0))?;
    for (axis, value) in (0_i64..).zip(&query.axes) {
        tx.prepare_cached("INSERT INTO axis_values (query, axis, value) VALUES (?1, ?2, ?3)")?
            .execute(params![row, axis, value])?;
    }
    Ok(row)
}
