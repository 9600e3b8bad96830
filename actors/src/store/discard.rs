//! What is not to be kept any more: attempts of queries that are asked again and again. The row that stands stays, whatever is asked
//! for.

use rusqlite::{Connection, TransactionBehavior, params};

use crate::row::Discarded;

/// Removes the rows of these attempts, with all that was found in their output. On return they are gone from the disk; their logs are
/// not, and are named.
pub(super) fn discard(conn: &mut Connection, discarded: &[Discarded]) -> rusqlite::Result<Vec<String>> {
    let mut logs = Vec::new();
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for Discarded { query, up_to } in discarded {
        let mut find = tx.prepare_cached(
            "SELECT id, log FROM attempts WHERE query = ?1 AND attempt BETWEEN 1 AND ?2
             AND id IS NOT (SELECT stands FROM queries WHERE query = ?1)",
        )?;
        let found = find.query_map(params![query, up_to], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (attempt, log) in found.collect::<rusqlite::Result<Vec<(i64, Option<String>)>>>()? {
            for table in ["verdicts", "notes"] {
                let sql = format!("DELETE FROM {table} WHERE attempt = ?1");
                tx.prepare_cached(&sql)?.execute([attempt])?;
            }
            tx.prepare_cached("DELETE FROM attempts WHERE id = ?1")?.execute([attempt])?;
            logs.extend(log);
        }
    }
    tx.commit()?;
    Ok(logs)
}
