//! The results as CSV: the columns and cells of results.csv and verdicts.csv, and a sheet where it is neither.

use std::io;
use std::sync::Arc;

use provisor_actors::store::{ResultsCsv, Standing, VerdictsCsv};
use provisor_core::text::defuse;

use super::sheet::Sheet;

/// These rows as they stand in results.csv.
pub(crate) fn rows(axes: &[Arc<str>], rows: &[&Standing]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut csv = ResultsCsv::new(&mut text, axes.len());
    csv.head(axes)?;
    rows.iter().try_for_each(|row| csv.row(row))?;
    csv.finish()?;
    Ok(text)
}

/// The result lines of these rows as they stand in verdicts.csv.
pub(crate) fn result_lines(rows: &[&Standing]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut csv = VerdictsCsv::new(&mut text);
    csv.head()?;
    rows.iter().try_for_each(|row| csv.row(row))?;
    csv.finish()?;
    Ok(text)
}

/// Several sheets one below the other: each line begins with the title of its sheet, where they have titles.
pub(crate) fn sheets(sheets: &[Sheet]) -> io::Result<Vec<u8>> {
    let mut csv = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for sheet in sheets {
        let names: Vec<_> = sheet.columns.iter().map(|column| column.name.clone()).collect();
        for cells in std::iter::once(&names).chain(&sheet.rows) {
            let cells = sheet.title.iter().chain(cells);
            csv.write_record(cells.map(|cell| defuse(cell).into_owned()))?;
        }
    }
    csv.into_inner().map_err(|error| error.into_error())
}
