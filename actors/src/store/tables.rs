//! The files results.csv and verdicts.csv: what follows the database for people and spreadsheets. A file never holds half
//! a line for long: what could not be written whole is taken back. What stands in a line is no concern of this module.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cells::Line;
use super::csv::{ResultsCsv, VerdictsCsv};
use super::error::StoreError;
use super::read::Reader;

const RESULTS: &str = "results.csv";
const VERDICTS: &str = "verdicts.csv";

/// Both files, open for appending.
#[derive(Debug)]
pub(super) struct Tables {
    results: Table,
    verdicts: Table,
    axes: usize,
}

impl Tables {
    /// Writes both anew from the database; the old ones stay until the new ones are whole and on the disk.
    pub(super) fn rewrite(dir: &Path, reader: &Reader, axes: &[Arc<str>]) -> Result<Self, StoreError> {
        let (results, verdicts) = (NewTable::create(dir, RESULTS)?, NewTable::create(dir, VERDICTS)?);
        let mut rows = ResultsCsv::new(&results.file, axes.len());
        let mut lines = VerdictsCsv::new(&verdicts.file);
        let failed = |source| StoreError::Table { path: dir.to_owned(), source };
        rows.head(axes).and_then(|()| lines.head()).map_err(failed)?;
        reader.each_standing(|row| {
            let line = Line::of(&row);
            rows.line(&line).and_then(|()| lines.line(&line)).map_err(failed)
        })?;
        rows.finish().and_then(|()| lines.finish()).map_err(failed)?;
        let tables = Self { results: results.publish()?, verdicts: verdicts.publish()?, axes: axes.len() };
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
        Ok(tables)
    }

    /// Somebody removed or replaced one of them: appending would write into nowhere.
    pub(super) fn are_gone(&self) -> bool {
        self.results.is_gone() || self.verdicts.is_gone()
    }

    /// Appends these rows, each file by one write.
    pub(super) fn append<'a>(&mut self, lines: impl Iterator<Item = Line<'a>>) -> Result<(), StoreError> {
        let (mut results, mut verdicts) = (Vec::new(), Vec::new());
        let mut to_results = ResultsCsv::new(&mut results, self.axes);
        let mut to_verdicts = VerdictsCsv::new(&mut verdicts);
        for line in lines {
            let written = to_results.line(&line).and_then(|()| to_verdicts.line(&line));
            written.map_err(|error| self.results.failed(error))?;
        }
        let flushed = to_results.finish().and_then(|()| to_verdicts.finish());
        flushed.map_err(|error| self.results.failed(error))?;
        self.results.append(&results)?;
        self.verdicts.append(&verdicts)
    }

    /// Brings both to the disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        for table in [&self.results, &self.verdicts] {
            table.file.sync_all().map_err(|error| table.failed(error))?;
        }
        Ok(())
    }
}

/// A file under a name of its own until it is whole.
struct NewTable {
    path: PathBuf,
    new_path: PathBuf,
    file: File,
}

impl NewTable {
    fn create(dir: &Path, name: &str) -> Result<Self, StoreError> {
        let new_path = dir.join(format!(".{name}.new"));
        // Appending, so that nothing is overwritten whatever else is done to the file.
        let flags = libc::O_NOFOLLOW | libc::O_APPEND;
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).custom_flags(flags).open(&new_path);
        match file {
            Ok(file) => Ok(Self { path: dir.join(name), new_path, file }),
            Err(source) => Err(StoreError::Table { path: new_path, source }),
        }
    }

    fn publish(self) -> Result<Table, StoreError> {
        let Self { path, new_path, file } = self;
        let published = file.sync_all().and_then(|()| fs::rename(&new_path, &path));
        match published.and_then(|()| file.metadata()) {
            Ok(there) => Ok(Table { path, file, whole: there.len() }),
            Err(source) => Err(StoreError::Table { path, source }),
        }
    }
}

#[derive(Debug)]
struct Table {
    path: PathBuf,
    file: File,
    /// So many bytes are whole lines.
    whole: u64,
}

impl Table {
    fn is_gone(&self) -> bool {
        let key = |there: fs::Metadata| (there.dev(), there.ino());
        let ours = self.file.metadata().map(key).ok();
        ours.is_none() || ours != fs::symlink_metadata(&self.path).map(key).ok()
    }

    fn append(&mut self, lines: &[u8]) -> Result<(), StoreError> {
        if let Err(error) = self.file.write_all(lines) {
            // Where this fails too, the next run writes the file anew.
            let _ = self.file.set_len(self.whole);
            return Err(self.failed(error));
        }
        self.whole += lines.len() as u64;
        Ok(())
    }

    fn failed(&self, source: io::Error) -> StoreError {
        StoreError::Table { path: self.path.clone(), source }
    }
}
