//! Rows that the database could not keep: as lines of CSV, for a file of their own or for whoever reads what is printed.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::csv::ResultsCsv;
use super::{Store, line};
use crate::row::Row;
use crate::rundir::RESCUE;

/// Files of rescued rows in a directory at most.
const MOST_RESCUES: u32 = 10_000;

impl Store {
    /// Whether the files that hold the rows of this run were taken away: then those that were written are lost too.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        !self.files.are_there(&self.dir)
    }

    /// Writes these rows, of which the database has none, as results.csv has them, its header first; where the database's
    /// files are gone, all others that stand before them. Returns how many there were.
    pub fn write_lost(&self, rows: &[Arc<Row>], out: impl Write) -> io::Result<usize> {
        let Some(current) = &self.current else { return Ok(0) };
        let (axes, mut written) = (&current.plan.axes, 0);
        let mut lines = ResultsCsv::new(out, axes.len());
        lines.head(axes)?;
        // The files are open still, whatever has become of their names.
        let standing = if self.is_gone() { self.reader.standing().unwrap_or_default() } else { Vec::new() };
        for row in &standing {
            lines.row(row)?;
            written += 1;
        }
        // One may have been written after all, and nobody heard of it.
        let written_already: HashSet<_> = standing.iter().map(|row| (row.place, row.attempt)).collect();
        let is_lost = |row: &&Arc<Row>| row.last && !written_already.contains(&(row.query, row.attempt));
        for row in rows.iter().filter(is_lost) {
            lines.line(&line(&current.plan, row))?;
            written += 1;
        }
        lines.finish()?;
        Ok(written)
    }

    /// The same into a file of its own in the run directory, which nobody has written before. On return it is on the disk.
    pub fn rescue(&self, rows: &[Arc<Row>]) -> io::Result<PathBuf> {
        let (name, file) = self.create_rescue()?;
        let written =
            self.write_lost(rows, &file).and_then(|_| file.sync_all()).and_then(|()| self.dir.sync());
        if let Err(error) = written {
            let _ = self.dir.remove(&name);
            return Err(error);
        }
        Ok(self.dir.path().join(name))
    }

    fn create_rescue(&self) -> io::Result<(String, File)> {
        for number in 1..MOST_RESCUES {
            let name = format!("{RESCUE}{number}.csv");
            match self.dir.create_new(&name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => return other.map(|file| (name, file)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}
