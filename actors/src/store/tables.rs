//! The files results.csv and verdicts.csv: what follows the database for people and spreadsheets. A file never holds half
//! a line for long: what could not be written whole is taken back, and then nothing is appended any more until both were
//! written anew. What stands in a line is no concern of this module.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use provisor_core::Plan;

use super::cells::{Extras, Line};
use super::csv::{ResultsCsv, VerdictsCsv};
use super::error::{StoreError, is_want_of_room};
use super::read::Reader;
use crate::folder::{Folder, Identity};

const RESULTS: &str = "results.csv";
const VERDICTS: &str = "verdicts.csv";

/// Both files, open for appending.
#[derive(Debug)]
pub(super) struct Tables {
    results: Table,
    verdicts: Table,
    axes: usize,
    extras: Extras,
    /// They do not hold what the database does.
    are_behind: bool,
    /// They hold lines that others have taken the place of.
    are_stale: bool,
    written: Instant,
}

/// The time between two writings of tables that hold all lines, but not the last ones of all queries.
const FOLLOW_EVERY: Duration = Duration::from_secs(5);

impl Tables {
    /// Writes both anew from the database; the old ones stay until the new ones are whole and on the disk.
    pub(super) fn rewrite(dir: &Folder, reader: &Reader, plan: &Plan) -> Result<Self, StoreError> {
        let (axes, extras) = (&plan.axes, Extras::of(plan));
        let (results, verdicts) = (NewTable::create(dir, RESULTS)?, NewTable::create(dir, VERDICTS)?);
        let written = write_all(&results, &verdicts, reader, axes, extras);
        if let Err(error) = written {
            // On a disk that is full they would only take the room for what is missing.
            let _ = results.discard().and(verdicts.discard());
            return Err(error);
        }
        let (results, verdicts) = (results.publish()?, verdicts.publish()?);
        dir.sync().map_err(|source| StoreError::Table { path: dir.path().to_owned(), source })?;
        Ok(Self {
            results,
            verdicts,
            axes: axes.len(),
            extras,
            are_behind: false,
            are_stale: false,
            written: Instant::now(),
        })
    }

    /// Whether they have to be written anew to hold what the database does: lines are missing, or somebody removed or
    /// replaced one of them, and appending would write into nowhere.
    pub(super) fn are_behind(&self, dir: &Folder) -> bool {
        self.are_behind || !self.results.is_there(dir) || !self.verdicts.is_there(dir)
    }

    /// A line that they hold is not the last one of its query.
    pub(super) const fn grow_stale(&mut self) {
        self.are_stale = true;
    }

    /// Whether they hold such a line.
    pub(super) const fn are_stale(&self) -> bool {
        self.are_stale
    }

    /// Whether they do, and it is time that they follow.
    pub(super) fn are_to_follow(&self) -> bool {
        self.are_stale && self.written.elapsed() >= FOLLOW_EVERY
    }

    /// Appends these rows, each file by one write. What fails leaves them behind.
    pub(super) fn append<'a>(
        &mut self,
        dir: &Folder,
        lines: impl Iterator<Item = Line<'a>>,
    ) -> Result<(), StoreError> {
        let (mut results, mut verdicts) = (Vec::new(), Vec::new());
        let mut to_results = ResultsCsv::new(&mut results, self.axes, self.extras);
        let mut to_verdicts = VerdictsCsv::new(&mut verdicts);
        for line in lines {
            let written = to_results.line(&line).and_then(|()| to_verdicts.line(&line));
            written.map_err(|error| failed(dir, RESULTS, error))?;
        }
        let flushed = to_results.finish().and_then(|()| to_verdicts.finish());
        flushed.map_err(|error| failed(dir, RESULTS, error))?;
        self.are_behind = true;
        self.results.append(dir, &results)?;
        self.verdicts.append(dir, &verdicts)?;
        self.are_behind = false;
        Ok(())
    }

    /// Brings both to the disk.
    pub(super) fn sync(&self, dir: &Folder) -> Result<(), StoreError> {
        for table in [&self.results, &self.verdicts] {
            table.file.sync_all().map_err(|error| failed(dir, table.name, error))?;
        }
        Ok(())
    }
}

fn failed(dir: &Folder, name: &str, source: io::Error) -> StoreError {
    let path = dir.path().join(name);
    if is_want_of_room(&source) { StoreError::Full { path } } else { StoreError::Table { path, source } }
}

fn write_all(
    results: &NewTable<'_>,
    verdicts: &NewTable<'_>,
    reader: &Reader,
    axes: &[Arc<str>],
    extras: Extras,
) -> Result<(), StoreError> {
    let mut rows = ResultsCsv::new(&results.file, axes.len(), extras);
    let mut lines = VerdictsCsv::new(&verdicts.file);
    let failed = |source| failed(results.dir, RESULTS, source);
    rows.head(axes).and_then(|()| lines.head()).map_err(failed)?;
    reader.each_standing(|row| {
        let line = Line::of(&row);
        rows.line(&line).and_then(|()| lines.line(&line)).map_err(failed)
    })?;
    rows.finish().and_then(|()| lines.finish()).map_err(failed)?;
    results.sync().and_then(|()| verdicts.sync())
}

/// A file under a name of its own until it is whole.
struct NewTable<'a> {
    dir: &'a Folder,
    name: &'static str,
    new_name: String,
    file: File,
}

impl<'a> NewTable<'a> {
    fn create(dir: &'a Folder, name: &'static str) -> Result<Self, StoreError> {
        let new_name = format!(".{name}.new");
        // A symlink in its place goes, and what it leads to stays.
        match dir.remove(&new_name).and_then(|()| dir.create_new(&new_name)) {
            Ok(file) => Ok(Self { dir, name, new_name, file }),
            Err(source) => Err(failed(dir, &new_name, source)),
        }
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_all().map_err(|source| failed(self.dir, self.name, source))
    }

    fn discard(self) -> io::Result<()> {
        self.dir.remove(&self.new_name)
    }

    /// Its bytes are on the disk already.
    fn publish(self) -> Result<Table, StoreError> {
        let Self { dir, name, new_name, file } = self;
        let published = dir.rename(&new_name, name).and_then(|()| Identity::of(&file));
        match published.and_then(|identity| Ok((identity, file.metadata()?.len()))) {
            Ok((identity, whole)) => Ok(Table { name, file, identity, whole }),
            Err(source) => Err(failed(dir, name, source)),
        }
    }
}

#[derive(Debug)]
struct Table {
    name: &'static str,
    file: File,
    identity: Identity,
    /// So many bytes are whole lines.
    whole: u64,
}

impl Table {
    fn is_there(&self, dir: &Folder) -> bool {
        dir.holds(self.name, self.identity)
    }

    fn append(&mut self, dir: &Folder, lines: &[u8]) -> Result<(), StoreError> {
        if let Err(error) = self.file.write_all(lines) {
            // Where this fails too, the half line stays until the file is written anew.
            let _ = self.file.set_len(self.whole);
            return Err(failed(dir, self.name, error));
        }
        self.whole += lines.len() as u64;
        Ok(())
    }
}
