//! The results as CSV: the columns and cells of results.csv and verdicts.csv, and grids.

use std::io;
use std::sync::Arc;

use provisor_actors::store::{Extras, ResultsCsv, Standing, VerdictsCsv};
use provisor_core::text::defuse;

use super::grid::{Cell, Grid};

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

/// Several grids one below the other: each line begins with the title of its grid, where they have titles. A `!` at its
/// end is the mark of a cell that did not end well; where nothing is asked nothing stands, as anywhere in CSV.
pub(crate) fn grids(grids: &[Grid]) -> io::Result<Vec<u8>> {
    let mut csv = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for grid in grids {
        let corner = grid.corner();
        let mut line = |name: &str, cells: &mut dyn Iterator<Item = String>| {
            let cells = grid.title.iter().cloned().chain([name.to_owned()]).chain(cells);
            csv.write_record(cells.map(|cell| defuse(&cell).into_owned()))
        };
        line(&corner, &mut grid.across.iter().cloned())?;
        for (name, cells) in grid.rows() {
            line(name, &mut cells.iter().map(|cell| cell.as_ref().map(marked).unwrap_or_default()))?;
        }
    }
    csv.into_inner().map_err(|error| error.into_error())
}

fn marked(cell: &Cell) -> String {
    cell.bracketed(&cell.word) + if cell.bad { "!" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_as_hoped_and_what_was_not_measured_are_told_apart() {
        let cell = |bad, implied| Some(Cell { word: "false".into(), bad, implied });
        let grid = Grid {
            title: Some("model = m".into()),
            axes: ["query".into(), "scenario".into()],
            across: ["a", "b", "c", "d", "e"].map(Into::into).into(),
            down: vec!["q".into()],
            cells: vec![vec![
                cell(false, false),
                cell(true, false),
                cell(false, true),
                cell(true, true),
                None,
            ]],
        };
        let text = String::from_utf8(grids(&[grid]).expect("into memory")).expect("UTF-8");
        let expected = "model = m,query / scenario,a,b,c,d,e\nmodel = m,q,false,false!,(false),(false)!,\n";
        assert_eq!(text, expected);
    }

    proptest::proptest! {
        #[test]
        fn whatever_stands_in_a_cell_reads_back_as_no_formula(
            texts in proptest::collection::vec("[-+=@a,;\"'\r\n\t |＝é]{0,12}", 1..6),
        ) {
            let cell = |word: &String| Some(Cell { word: word.clone(), bad: false, implied: false });
            let grid = Grid {
                title: Some(texts[0].clone()),
                axes: ["down".into(), "across".into()],
                across: texts[1..].to_vec(),
                down: vec!["down / across".into()],
                cells: vec![texts[1..].iter().map(cell).collect()],
            };
            let text = grids(&[grid]).expect("into memory");
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&text[..]);
            let rows: Vec<_> = reader.records().map(|row| row.expect("a row")).collect();
            proptest::prop_assert_eq!(rows.len(), 2);
            for row in &rows {
                let mut expected: Vec<_> = texts.iter().map(|text| defuse(text)).collect();
                expected.insert(1, "down / across".into());
                proptest::prop_assert_eq!(row.iter().collect::<Vec<_>>(), expected);
            }
        }
    }
}
