//! results.csv and verdicts.csv: what follows the database for people and spreadsheets. Whatever came from a child is
//! cleaned here, and nothing in a cell is run as a formula. A file never holds half a line for long: what could not be
//! written whole is taken back.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use provisor_core::text;

use super::cells::{self, CELLS, Line};
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
        let mut writer = Writer::new((&results.file, &verdicts.file), axes.len());
        let failed = |source| StoreError::Table { path: dir.to_owned(), source };
        writer.head(axes).map_err(failed)?;
        reader.each_standing(|row| writer.line(&Line::of(&row)).map_err(failed))?;
        writer.finish().map_err(failed)?;
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
        let mut writer = Writer::new((&mut results, &mut verdicts), self.axes);
        for line in lines {
            writer.line(&line).map_err(|error| self.results.failed(error))?;
        }
        writer.finish().map_err(|error| self.results.failed(error))?;
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

/// Rows on their way into both files.
struct Writer<R: Write, V: Write> {
    results: csv::Writer<R>,
    verdicts: csv::Writer<V>,
    axes: usize,
    record: csv::StringRecord,
}

impl<R: Write, V: Write> Writer<R, V> {
    fn new((results, verdicts): (R, V), axes: usize) -> Self {
        Self {
            results: csv::Writer::from_writer(results),
            verdicts: csv::Writer::from_writer(verdicts),
            axes,
            record: csv::StringRecord::new(),
        }
    }

    fn head(&mut self, axes: &[Arc<str>]) -> io::Result<()> {
        self.results.write_record(cells::columns(axes))?;
        self.verdicts.write_record(["query", "attempt", "index", "statement", "verdict", "at_s"])?;
        Ok(())
    }

    fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        self.record.clear();
        cells::each(line, |cell| self.record.push_field(&text::defuse(cell)));
        // A row has a cell in each column, whatever became of the axes.
        (self.record.len()..CELLS + self.axes).for_each(|_| self.record.push_field(""));
        self.record.truncate(CELLS + self.axes);
        self.results.write_record(&self.record)?;
        for (index, finding) in line.outcome.judgement.findings.iter().enumerate() {
            self.record.clear();
            self.record.push_field(&fit(line.query));
            self.record.push_field(&line.attempt.to_string());
            self.record.push_field(&(index + 1).to_string());
            self.record.push_field(&fit(&finding.statement));
            self.record.push_field(&fit(&finding.verdict));
            self.record.push_field(&cells::seconds(finding.at));
            self.verdicts.write_record(&self.record)?;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.results.flush()?;
        self.verdicts.flush()
    }
}

fn fit(dirty: &str) -> Cow<'_, str> {
    match text::clean(dirty) {
        Cow::Borrowed(clean) => text::defuse(clean),
        Cow::Owned(clean) => Cow::Owned(text::defuse(&clean).into_owned()),
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
