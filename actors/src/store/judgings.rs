//! By what the output of attempts was read, each kept once under its fingerprint, so that a replay can read it so again.

use std::collections::HashSet;

use provisor_core::plan::Judging;
use provisor_core::reuse::{Fingerprint, Prints};
use rusqlite::{Connection, Error, OptionalExtension, Transaction};

use super::begin::{Fate, Opening};
use super::error::{At, StoreError};
use super::read::Reader;

/// Keeps those of the queries that a run concerns, of each of their passes.
pub(super) fn keep(tx: &Transaction<'_>, opening: &Opening<'_>) -> rusqlite::Result<()> {
    let mut kept = HashSet::new();
    let concerned = opening.plan.queries.iter().zip(&opening.prints).zip(opening.fates);
    let concerned = concerned.filter(|(_, fate)| !matches!(fate, Fate::Untouched));
    let passes = concerned.flat_map(|((query, prints), _)| {
        (0..query.passes()).filter_map(|pass| query.asking(pass)).zip(prints)
    });
    for (asking, Prints { judging: print, .. }) in passes {
        if kept.insert(*print) {
            let text = serde_json::to_string(&**asking.judging)
                .map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))?;
            tx.prepare_cached("INSERT OR IGNORE INTO judgings (print, judging) VALUES (?1, ?2)")?
                .execute((print.0, text))?;
        }
    }
    Ok(())
}

impl Reader {
    /// By what the attempts of this fingerprint were read.
    pub fn judging(&self, print: Fingerprint) -> Result<Option<Judging>, StoreError> {
        find(&self.conn, print).at(&self.path)
    }
}

fn find(conn: &Connection, print: Fingerprint) -> rusqlite::Result<Option<Judging>> {
    let text: Option<Box<str>> = conn
        .prepare_cached("SELECT judging FROM judgings WHERE print = ?1")?
        .query_row([print.0], |row| row.get(0))
        .optional()?;
    // What a later provisor wrote in words of its own is not known here.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}
