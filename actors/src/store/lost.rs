//! Rows that the database could not keep: as lines of CSV, for a file of their own or for whoever reads what is printed.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::cells::{Extras, Line};
use super::csv::{ResultsCsv, VerdictsCsv};
use super::{Store, line};
use crate::row::Row;
use crate::rundir::RESCUE;

/// Files of rescued rows in a directory at most.
const MOST_RESCUES: u32 = 10_000;

/// Where rescued rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescue {
    /// The rows.
    pub results: PathBuf,
    /// Their result lines, where they have any.
    pub verdicts: Option<PathBuf>,
}

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
        let axes = &current.plan.axes;
        let (mut lines, mut written) = (ResultsCsv::new(out, axes.len(), Extras::of(&current.plan)), 0);
        lines.head(axes)?;
        self.each_lost(rows, |line| {
            written += 1;
            lines.line(line)
        })?;
        lines.finish()?;
        Ok(written)
    }

    /// The result lines of the same rows, as verdicts.csv has them, its header first; nothing where there are none. Returns
    /// how many there were.
    pub fn write_lost_verdicts(&self, rows: &[Arc<Row>], out: impl Write) -> io::Result<usize> {
        let (mut lines, mut written) = (VerdictsCsv::new(out), 0);
        self.each_lost(rows, |line| {
            let found = line.outcome.judgement.findings.len();
            if written == 0 && found > 0 {
                lines.head()?;
            }
            written += found;
            lines.line(line)
        })?;
        lines.finish()?;
        Ok(written)
    }

    /// Both into files of their own in the run directory, which nobody has written before. On return they are on the disk.
    pub fn rescue(&self, rows: &[Arc<Row>]) -> io::Result<Rescue> {
        let (number, file) = self.create_rescue()?;
        let (results, verdicts) = (name_of(number, ""), name_of(number, "-verdicts"));
        let rescued = self
            .write_lost(rows, &file)
            .and_then(|_| file.sync_all())
            .and_then(|()| self.rescue_verdicts(&verdicts, rows))
            .and_then(|verdicts| self.dir.sync().map(|()| verdicts));
        match rescued {
            Ok(verdicts) => Ok(Rescue { results: self.dir.path().join(results), verdicts }),
            Err(error) => {
                let _ = self.dir.remove(&results).and(self.dir.remove(&verdicts));
                Err(error)
            }
        }
    }

    fn rescue_verdicts(&self, name: &str, rows: &[Arc<Row>]) -> io::Result<Option<PathBuf>> {
        let file = self.dir.create_new(name)?;
        match self.write_lost_verdicts(rows, &file)? {
            0 => self.dir.remove(name).map(|()| None),
            _ => file.sync_all().map(|()| Some(self.dir.path().join(name))),
        }
    }

    fn each_lost(
        &self,
        rows: &[Arc<Row>],
        mut visit: impl FnMut(&Line<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(current) = &self.current else { return Ok(()) };
        // The files are open still, whatever has become of their names.
        let standing = if self.is_gone() { self.reader.standing().unwrap_or_default() } else { Vec::new() };
        standing.iter().try_for_each(|row| visit(&Line::of(row)))?;
        // One may have been written after all, and nobody heard of it.
        let written_already: HashSet<_> = standing.iter().map(|row| (row.place, row.attempt)).collect();
        let is_lost = |row: &&Arc<Row>| row.is_last() && !written_already.contains(&(row.query, row.attempt));
        rows.iter().filter(is_lost).try_for_each(|row| visit(&line(&current.plan, row)))
    }

    /// Under the first number that is free for both files.
    fn create_rescue(&self) -> io::Result<(u32, File)> {
        for number in 1..MOST_RESCUES {
            if self.dir.kind(&name_of(number, "-verdicts"))?.is_some() {
                continue;
            }
            match self.dir.create_new(&name_of(number, "")) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => return other.map(|file| (number, file)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

fn name_of(number: u32, what: &str) -> String {
    format!("{RESCUE}{number}{what}.csv")
}
