//! The verdicts of a matrix as grids: one axis down, one across. What it looks like on a terminal is `matrix`'s concern.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use provisor_actors::store::Standing;
use provisor_core::text::clean;

use super::labels;
use super::sheet::{Column, Give, Sheet};
use crate::results::Selection;

/// What stands in the cell of a query that has no row yet.
const NOT_DONE: &str = "not done";

/// One grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// The values on the other axes, where there are any.
    pub(crate) title: Option<String>,
    /// The names of the axes: down, across.
    pub(crate) axes: [String; 2],
    /// The values across.
    pub(crate) across: Vec<String>,
    /// The values down.
    pub(crate) down: Vec<String>,
    /// For each value down a cell for each value across; none where nothing is asked.
    pub(crate) cells: Vec<Vec<Option<Cell>>>,
}

/// What became of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Its verdict, or its cause where it has none.
    pub(crate) word: String,
    /// It is done, and did not end well.
    pub(crate) bad: bool,
}

/// A query's values on the axes, and what became of it.
struct Entry<'a> {
    axes: &'a [Arc<str>],
    row: Option<&'a Standing>,
}

/// A grid for each combination of values on the axes that are neither down nor across.
pub(crate) fn grids(selection: &Selection, down: usize, across: usize) -> Vec<Grid> {
    let names: Vec<_> = selection.values.iter().map(|values| Names::of(values)).collect();
    let others: Vec<_> = (0..names.len()).filter(|axis| *axis != down && *axis != across).collect();
    let mut combinations: BTreeMap<Vec<Option<usize>>, Vec<Entry<'_>>> = BTreeMap::new();
    for entry in entries(selection) {
        let places = others.iter().map(|&axis| names[axis].place(&entry.axes[axis])).collect();
        combinations.entry(places).or_default().push(entry);
    }
    let made = combinations.into_values().map(|entries| {
        let title = |&axis: &usize| {
            let value = entries.first().map_or("", |first| names[axis].short(&first.axes[axis]));
            format!("{} = {value}", clean(&selection.axes[axis]))
        };
        let title = (!others.is_empty()).then(|| others.iter().map(title).collect::<Vec<_>>().join(", "));
        let axes = [down, across].map(|axis| clean(&selection.axes[axis]).into_owned());
        grid(title, axes, &entries, [down, across], [&names[down], &names[across]])
    });
    made.collect()
}

fn entries(selection: &Selection) -> impl Iterator<Item = Entry<'_>> {
    let rows = selection.rows.iter().map(|row| Entry { axes: &row.axes, row: Some(row) });
    let waiting = selection.waiting.iter().map(|query| Entry { axes: &query.axes, row: None });
    rows.chain(waiting).filter(|entry| entry.axes.len() == selection.axes.len())
}

/// The values of an axis in the spec's order, with their short names.
struct Names<'a> {
    places: HashMap<&'a str, usize>,
    short: Vec<String>,
}

impl<'a> Names<'a> {
    fn of(values: &'a [Arc<str>]) -> Self {
        let places = values.iter().enumerate().map(|(place, value)| (&**value, place)).collect();
        let short = labels::short(&values.iter().map(|value| clean(value).into_owned()).collect::<Vec<_>>());
        Self { places, short }
    }

    fn place(&self, value: &str) -> Option<usize> {
        self.places.get(value).copied()
    }

    fn short(&self, value: &str) -> &str {
        self.place(value).map_or("", |place| &self.short[place])
    }
}

fn grid(
    title: Option<String>,
    axes: [String; 2],
    entries: &[Entry<'_>],
    [down, across]: [usize; 2],
    [down_names, across_names]: [&Names<'_>; 2],
) -> Grid {
    let mut cells = vec![vec![None; across_names.short.len()]; down_names.short.len()];
    for entry in entries {
        let place = down_names.place(&entry.axes[down]).zip(across_names.place(&entry.axes[across]));
        if let Some((row, column)) = place {
            cells[row][column].get_or_insert_with(|| Cell::of(entry.row));
        }
    }
    // A value that occurs in other grids only has no line here.
    let used = |column: &usize| cells.iter().any(|row: &Vec<Option<Cell>>| row[*column].is_some());
    let columns: Vec<usize> = (0..across_names.short.len()).filter(used).collect();
    let across = columns.iter().map(|&column| across_names.short[column].clone()).collect();
    let lines = cells.iter().zip(&down_names.short).filter(|(row, _)| row.iter().any(Option::is_some));
    let (cells, down) = lines
        .map(|(row, name)| {
            (columns.iter().map(|&column| row[column].clone()).collect::<Vec<_>>(), name.clone())
        })
        .unzip();
    Grid { title, axes, across, down, cells }
}

impl Cell {
    fn of(row: Option<&Standing>) -> Self {
        let Some(row) = row else { return Self { word: NOT_DONE.into(), bad: false } };
        let outcome = &row.outcome;
        let word = outcome.judgement.verdict.as_deref().unwrap_or(outcome.cause_word());
        Self { word: clean(word).into_owned(), bad: !row.is_well() }
    }
}

impl Grid {
    /// As a sheet, with the words alone.
    pub(crate) fn sheet(&self) -> Sheet {
        let corner = format!("{} / {}", self.axes[0], self.axes[1]);
        let heads = std::iter::once(&corner).chain(&self.across);
        let word = |cell: &Option<Cell>| cell.as_ref().map(|cell| cell.word.clone()).unwrap_or_default();
        let rows = self.down.iter().zip(&self.cells);
        Sheet {
            title: self.title.clone(),
            columns: heads.map(|name| Column::new(name, Give::Nothing)).collect(),
            rows: rows
                .map(|(name, cells)| std::iter::once(name.clone()).chain(cells.iter().map(word)).collect())
                .collect(),
        }
    }
}
