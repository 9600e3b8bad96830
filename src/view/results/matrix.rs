//! A grid on a terminal. Where it is too wide its heads become numbers, its words their first letters, each with a
//! legend; and what is too wide even then is laid out in blocks, one below the other.

use std::collections::{BTreeMap, BTreeSet};

use unicode_width::UnicodeWidthStr;

use super::grid::{Cell, Grid};
use super::table::{cut_middle, pad};

/// Between two columns.
const GAP: &str = "  ";
const BAD: &str = "✗";

/// A grid as it fits.
pub(crate) fn text(grid: &Grid, width: usize) -> String {
    let forms = [(false, false), (true, false), (false, true), (true, true)];
    let drawings = forms.map(|(numbers, letters)| Drawing::of(grid, numbers, letters, width));
    let [.., shortest] = &drawings;
    let drawing = drawings.iter().find(|drawing| drawing.width() <= width).unwrap_or(shortest);
    let mut text = grid.title.as_ref().map(|title| format!(" {title}\n")).unwrap_or_default();
    let blocks: Vec<_> = drawing.blocks(width).iter().map(|block| drawing.block(block)).collect();
    text.push_str(&blocks.join("\n"));
    let legend = drawing.legend(width);
    if !legend.is_empty() {
        text.push('\n');
        text.push_str(&legend);
    }
    text
}

/// A grid with all its texts as they are shown.
struct Drawing {
    corner: String,
    heads: Vec<String>,
    names: Vec<String>,
    cells: Vec<Vec<String>>,
    /// Of the names, and of each column.
    widths: (usize, Vec<usize>),
    /// What stands for what: the heads, the words.
    legend: [Vec<String>; 2],
}

impl Drawing {
    fn of(grid: &Grid, numbers: bool, letters: bool, width: usize) -> Self {
        let all = || grid.cells.iter().flatten().flatten();
        let words: BTreeSet<&str> = all().map(|cell| &*cell.word).collect();
        let letters: BTreeMap<&str, &str> = words
            .iter()
            .map(|word| (*word, if letters { abbreviation(word, &words) } else { word }))
            .collect();
        let any_bad = all().any(|cell| cell.bad);
        let heads: Vec<_> = match numbers {
            true => (1..=grid.across.len()).map(|number| number.to_string()).collect(),
            false => grid.across.clone(),
        };
        let shown =
            |cell: &Option<Cell>| cell.as_ref().map(|cell| show(cell, &letters, any_bad)).unwrap_or_default();
        let cells: Vec<Vec<_>> = grid.cells.iter().map(|row| row.iter().map(shown).collect()).collect();
        let corner = format!("{} / {}", grid.axes[0], grid.axes[1]);
        let names: Vec<_> = grid.down.iter().map(|name| cut_middle(name, width / 3)).collect();
        let widest = names.iter().map(|name| name.width()).max().unwrap_or_default();
        let corner = if corner.width() > widest.max(width / 4) { grid.axes[0].clone() } else { corner };
        let corner = cut_middle(&corner, width / 3);
        let column = |at: usize| cells.iter().map(|row| row[at].width()).chain([heads[at].width()]).max();
        let widths =
            (widest.max(corner.width()), (0..heads.len()).map(|at| column(at).unwrap_or_default()).collect());
        let legend = legend(&heads, &grid.across, &letters, any_bad);
        Self { corner, heads, names, cells, widths, legend }
    }

    fn width(&self) -> usize {
        1 + self.widths.0 + self.widths.1.iter().map(|width| GAP.len() + width).sum::<usize>()
    }

    /// The columns of each block, as many as fit; one at least.
    fn blocks(&self, width: usize) -> Vec<Vec<usize>> {
        let mut blocks: Vec<Vec<usize>> = Vec::new();
        let mut room = 0;
        for (at, column) in self.widths.1.iter().enumerate() {
            let wanted = GAP.len() + column;
            match blocks.last_mut() {
                Some(block) if wanted <= room => {
                    block.push(at);
                    room -= wanted;
                }
                _ => {
                    blocks.push(vec![at]);
                    room = width.saturating_sub(1 + self.widths.0 + wanted);
                }
            }
        }
        blocks
    }

    fn block(&self, columns: &[usize]) -> String {
        let line = |name: &str, cells: &[String]| {
            let mut line = format!(" {}", pad(name, self.widths.0, false));
            for &at in columns {
                line.push_str(GAP);
                line.push_str(&pad(&cells[at], self.widths.1[at], false));
            }
            format!("{}\n", line.trim_end())
        };
        let rows = self.names.iter().zip(&self.cells);
        line(&self.corner, &self.heads) + &rows.map(|(name, cells)| line(name, cells)).collect::<String>()
    }

    /// What stands for what, in lines that fit.
    fn legend(&self, width: usize) -> String {
        self.legend.iter().map(|items| wrapped(items, width)).collect()
    }
}

/// Items one after the other, in lines that fit.
fn wrapped(items: &[String], width: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    for item in items {
        let gap = match column {
            0 => " ",
            _ if column + GAP.len() + 1 + item.width() <= width => ",  ",
            _ => "\n ",
        };
        column = if gap == ",  " { column } else { 0 } + gap.len() + item.width();
        text.push_str(gap);
        text.push_str(item);
    }
    if column > 0 {
        text.push('\n');
    }
    text
}

fn show(cell: &Cell, letters: &BTreeMap<&str, &str>, any_bad: bool) -> String {
    let mark = match (any_bad, cell.bad) {
        (false, _) => "",
        (true, true) => BAD,
        (true, false) => " ",
    };
    let word = letters.get(&*cell.word).copied().unwrap_or(&cell.word);
    let space = if word.len() == cell.word.len() && any_bad { " " } else { "" };
    format!("{mark}{space}{word}")
}

/// What the heads stand for, and what the words do.
fn legend(
    heads: &[String],
    names: &[String],
    letters: &BTreeMap<&str, &str>,
    any_bad: bool,
) -> [Vec<String>; 2] {
    let told = |(short, long): (&str, &str)| (short != long).then(|| format!("{short} {long}"));
    let heads = heads.iter().zip(names).filter_map(|(head, name)| told((head, name))).collect();
    let bad = any_bad.then_some((BAD, "did not end well"));
    let letters = letters.iter().map(|(word, letters)| (*letters, *word)).chain(bad);
    [heads, letters.filter_map(told).collect()]
}

/// The shortest start of a word that no other word has.
fn abbreviation<'a>(word: &'a str, words: &BTreeSet<&str>) -> &'a str {
    let ends = word.char_indices().skip(1).map(|(at, _)| &word[..at]);
    let is_own = |start: &&str| words.iter().all(|other| *other == word || !other.starts_with(start));
    ends.clone().find(is_own).map_or(word, str::trim_end)
}
