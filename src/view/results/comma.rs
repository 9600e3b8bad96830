//! The results as CSV: the columns and cells of results.csv and verdicts.csv, and a sheet where it is neither.

use std::io;
use std::sync::Arc;

use provisor_actors::store::{Extras, ResultsCsv, Standing, VerdictsCsv};
use provisor_core::text::defuse;

use super::sheet::Sheet;

/// These rows as they stand in results.csv.
pub(crate) fn rows(axes: &[Arc<str>], extras: Extras, rows: &[&Standing]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut csv = ResultsCsv::new(&mut text, axes.len(), extras);
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

#[cfg(test)]
mod tests {
    use super::super::sheet::{Column, Give};
    use super::*;

    proptest::proptest! {
        #[test]
        fn whatever_stands_in_a_cell_reads_back_as_no_formula(
            texts in proptest::collection::vec("[-+=@a,;\"'\r\n\t |＝é]{0,12}", 1..6),
        ) {
            let column = |text: &String| Column::new(text.clone(), Give::Nothing);
            let sheet = Sheet { title: None, columns: texts.iter().map(column).collect(), rows: vec![texts.clone()] };
            let text = sheets(&[sheet]).expect("into memory");
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&text[..]);
            let rows: Vec<_> = reader.records().map(|row| row.expect("a row")).collect();
            // A row that is one empty cell is an empty line in quotes.
            proptest::prop_assert_eq!(rows.len(), 2);
            for row in &rows {
                let expected: Vec<_> = texts.iter().map(|text| defuse(text)).collect();
                proptest::prop_assert_eq!(row.iter().collect::<Vec<_>>(), expected);
            }
        }
    }
}
