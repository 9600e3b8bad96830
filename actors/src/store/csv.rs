//! Rows as lines of CSV, as they stand in results.csv and verdicts.csv. Whatever came from a child is cleaned here, and
//! nothing in a cell is run as a formula by a spreadsheet. This must never know a file.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use provisor_core::text;

use super::cells::{self, Extras, Line};
use super::read::Standing;

/// The columns of verdicts.csv, in this order for good.
pub const VERDICT_COLUMNS: [&str; 6] = ["query", "attempt", "index", "statement", "verdict", "at_s"];

/// Lines of results.csv on their way.
pub struct ResultsCsv<W: Write> {
    out: csv::Writer<W>,
    axes: usize,
    extras: Extras,
    record: csv::StringRecord,
}

impl<W: Write> ResultsCsv<W> {
    /// For a job with so many axes and these extras.
    pub fn new(out: W, axes: usize, extras: Extras) -> Self {
        Self { out: csv::Writer::from_writer(out), axes, extras, record: csv::StringRecord::new() }
    }

    /// Writes the names of the columns.
    pub fn head(&mut self, axes: &[Arc<str>]) -> io::Result<()> {
        self.out.write_record(cells::columns(axes, self.extras)).map_err(as_it_was)
    }

    /// Writes a row.
    pub fn row(&mut self, row: &Standing) -> io::Result<()> {
        self.line(&Line::of(row))
    }

    pub(super) fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        self.record.clear();
        cells::each(line, self.axes, self.extras, |cell| self.record.push_field(&text::defuse(cell)));
        self.out.write_record(&self.record).map_err(as_it_was)
    }

    /// Hands on what is not yet written.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Lines of verdicts.csv on their way.
pub struct VerdictsCsv<W: Write> {
    out: csv::Writer<W>,
}

impl<W: Write> VerdictsCsv<W> {
    /// Into this.
    pub fn new(out: W) -> Self {
        Self { out: csv::Writer::from_writer(out) }
    }

    /// Writes the names of the columns.
    pub fn head(&mut self) -> io::Result<()> {
        self.out.write_record(VERDICT_COLUMNS).map_err(as_it_was)
    }

    /// Writes the result lines of a row.
    pub fn row(&mut self, row: &Standing) -> io::Result<()> {
        self.line(&Line::of(row))
    }

    pub(super) fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        for (index, finding) in line.outcome.judgement.findings.iter().enumerate() {
            let written = self.out.write_record([
                &*fit(line.query),
                &line.attempt.to_string(),
                &(index + 1).to_string(),
                &fit(&finding.statement),
                &fit(&finding.verdict),
                &cells::seconds(finding.at),
            ]);
            written.map_err(as_it_was)?;
        }
        Ok(())
    }

    /// Hands on what is not yet written.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The system's error with its number: whether there is no room makes a difference.
fn as_it_was(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn fit(dirty: &str) -> Cow<'_, str> {
    match text::clean(dirty) {
        Cow::Borrowed(clean) => text::defuse(clean),
        Cow::Owned(clean) => Cow::Owned(text::defuse(&clean).into_owned()),
    }
}
