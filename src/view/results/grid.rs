//! The verdicts of a matrix as grids: one axis down, one across, one word a cell. What it looks like on a terminal, in
//! Markdown, LaTeX or CSV is the concern of `matrix` and of the module for each; what has to be told apart is decided here.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use provisor_actors::store::Standing;
use provisor_core::Cause;
use provisor_core::text::clean;

use super::labels;
use crate::results::Selection;

/// What stands in the cell of a query that has no row yet.
const NOT_DONE: &str = "not done";
/// What stands where no query is.
pub(crate) const ABSENT: &str = "-";
/// The cause of a query that nobody has run, because its answer follows from another's.
const IMPLIED: &str = "implied";

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
    /// Its verdict, or its cause where it has none by an end of its own.
    pub(crate) word: String,
    /// It is done, and did not end well: its verdict is not the one that was expected, or it has none.
    pub(crate) bad: bool,
    /// Nobody measured it.
    pub(crate) implied: bool,
}

/// What a reader has to be told of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// What stands out.
    Bad,
    /// What stands in brackets.
    Implied,
    /// What [`ABSENT`] is.
    Absent,
}

impl Note {
    /// What it means.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Bad => "did not end well",
            Self::Implied => "implied by another scenario's result",
            Self::Absent => "not asked, or not chosen",
        }
    }

    /// The same for readers who do not know provisor.
    pub(crate) const fn words_in_print(self) -> &'static str {
        match self {
            Self::Bad => "other than expected, or not settled",
            _ => self.words(),
        }
    }
}

/// A query's values on the axes, and what became of it.
struct Entry<'a> {
    axes: &'a [Arc<str>],
    row: Option<&'a Standing>,
}

impl Entry<'_> {
    /// All queries of a race have one cell: an answer goes before the others, and who was outrun stands for nobody.
    fn weight(&self) -> u8 {
        let Some(row) = self.row else { return 1 };
        match (row.outcome.cause_word() == Cause::Outrun.word(), row.is_well()) {
            (false, true) => 0,
            (false, false) => 2,
            (true, _) => 3,
        }
    }
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
    let mut in_order: Vec<_> = entries.iter().collect();
    in_order.sort_by_key(|entry| entry.weight());
    for entry in in_order {
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
        let Some(row) = row else { return Self { word: NOT_DONE.into(), bad: false, implied: false } };
        let outcome = &row.outcome;
        let cause = outcome.cause_word();
        let implied = cause == IMPLIED;
        // What a limit has cut short may have answered some of what was asked, and says so in its row.
        let verdict = outcome.judgement.verdict.as_deref().filter(|_| implied || outcome.ended_by_itself());
        Self { word: clean(verdict.unwrap_or(cause)).trim().to_owned(), bad: !row.is_well(), implied }
    }

    /// A word that stands for this cell's, as it is told from one that was measured.
    pub(crate) fn bracketed(&self, word: &str) -> String {
        if self.implied { format!("({word})") } else { word.to_owned() }
    }
}

impl Grid {
    /// What stands above the names of both axes.
    pub(crate) fn corner(&self) -> String {
        format!("{} / {}", self.axes[0], self.axes[1])
    }

    /// Each name down with its cells.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&str, &[Option<Cell>])> {
        self.down.iter().map(String::as_str).zip(self.cells.iter().map(Vec::as_slice))
    }

    /// What has to be told of it.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let any = |is_so: fn(&Cell) -> bool| self.cells.iter().flatten().flatten().any(is_so);
        let is_absent = self.cells.iter().flatten().any(Option::is_none);
        let notes = [
            (any(|cell| cell.bad), Note::Bad),
            (any(|cell| cell.implied), Note::Implied),
            (is_absent, Note::Absent),
        ];
        notes.into_iter().filter_map(|(is_so, note)| is_so.then_some(note)).collect()
    }
}
