//! A grid on a terminal. What did not end well has a mark, and is red where there are colours. Where the grid is too wide its heads become numbers, its words their first letters, each with a
//! legend; and what is too wide even then is laid out in blocks, one below the other.

use std::collections::{BTreeMap, BTreeSet};

use console::style;
use unicode_width::UnicodeWidthStr;

use super::grid::{ABSENT, Cell, Grid, Note};
use super::table::{cut_end, cut_middle, pad};

/// Between two columns.
const GAP: &str = "  ";
const BAD: &str = "✗";
/// A verdict that a rule captured may be as long as a line.
const LONGEST_WORD: usize = 24;
/// Characters of an abbreviation.
const LONGEST_START: usize = 8;

/// A grid as it fits.
pub(crate) fn text(grid: &Grid, width: usize, colors: bool) -> String {
    let forms = [(false, false), (true, false), (false, true), (true, true)];
    let drawings = forms.map(|(numbers, letters)| Drawing::of(grid, numbers, letters, width));
    let [.., shortest] = &drawings;
    let drawing = drawings.iter().find(|drawing| drawing.width() <= width).unwrap_or(shortest);
    let mut text = grid
        .title
        .as_ref()
        .map(|title| format!(" {}\n", cut_end(title, width.saturating_sub(1))))
        .unwrap_or_default();
    let blocks: Vec<_> = drawing.blocks(width).iter().map(|block| drawing.block(block, colors)).collect();
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
    cells: Vec<Vec<Shown>>,
    /// Of the column of names.
    names_width: usize,
    /// Of each other column.
    widths: Vec<usize>,
    /// What stands for what: the heads, the words.
    legend: [Vec<String>; 2],
}

/// A cell as it is shown.
struct Shown {
    text: String,
    bad: bool,
}

impl Drawing {
    /// `numbers` instead of heads, the first `letters` of words instead of words.
    fn of(grid: &Grid, numbers: bool, letters: bool, width: usize) -> Self {
        let words = Words::of(grid, letters);
        let cell = |cell: &Option<Cell>| words.show(cell.as_ref());
        let cells: Vec<Vec<_>> = grid.cells.iter().map(|row| row.iter().map(cell).collect()).collect();
        let head = |(number, name): (usize, &String)| match numbers {
            true => number.to_string(),
            false => cut_middle(name, width / 3),
        };
        let heads: Vec<_> = (1..).zip(&grid.across).map(head).collect();
        let names: Vec<_> = grid.down.iter().map(|name| cut_middle(name, width / 3)).collect();
        let names_width = names.iter().map(|name| name.width()).max().unwrap_or_default();
        let corner = corner(grid, names_width, width);
        let column = |(at, head): (usize, &String)| {
            cells.iter().fold(head.width(), |widest, row| widest.max(row[at].text.width()))
        };
        let widths = heads.iter().enumerate().map(column).collect();
        let legend = [told(heads.iter().zip(&grid.across)), words.legend()];
        Self { names_width: names_width.max(corner.width()), corner, heads, names, cells, widths, legend }
    }

    fn width(&self) -> usize {
        1 + self.names_width + self.widths.iter().map(|width| GAP.len() + width).sum::<usize>()
    }

    /// The columns of each block, as many as fit; one at least.
    fn blocks(&self, width: usize) -> Vec<Vec<usize>> {
        let mut blocks: Vec<Vec<usize>> = Vec::new();
        let mut room = 0;
        for (at, column) in self.widths.iter().enumerate() {
            let wanted = GAP.len() + column;
            match blocks.last_mut() {
                Some(block) if wanted <= room => {
                    block.push(at);
                    room -= wanted;
                }
                _ => {
                    blocks.push(vec![at]);
                    room = width.saturating_sub(1 + self.names_width + wanted);
                }
            }
        }
        blocks
    }

    fn block(&self, columns: &[usize], colors: bool) -> String {
        let line = |name: &str, cell: &dyn Fn(usize) -> String| {
            let mut line = format!(" {}", pad(name, self.names_width, false));
            for &at in columns {
                line.push_str(GAP);
                line.push_str(&cell(at));
            }
            format!("{}\n", line.trim_end())
        };
        let mut text = line(&self.corner, &|at| pad(&self.heads[at], self.widths[at], false));
        for (name, cells) in self.names.iter().zip(&self.cells) {
            text.push_str(&line(name, &|at| cells[at].padded(self.widths[at], colors)));
        }
        text
    }

    /// What stands for what, in lines that fit.
    fn legend(&self, width: usize) -> String {
        self.legend.iter().map(|items| wrapped(items, width)).collect()
    }
}

impl Shown {
    /// Up to this width, which is without the colour.
    fn padded(&self, width: usize, colors: bool) -> String {
        let padded = pad(&self.text, width, false);
        let Some(spaces) = padded.strip_prefix(&self.text).filter(|_| self.bad) else { return padded };
        style(&self.text).red().force_styling(colors).to_string() + spaces
    }
}

/// The names of both axes, or of the one that stands down where that is all there is room for.
fn corner(grid: &Grid, names_width: usize, width: usize) -> String {
    let both = grid.corner();
    let corner = if both.width() > names_width.max(width / 4) { &grid.axes[0] } else { &both };
    cut_middle(corner, width / 3)
}

/// The words of a grid, each with how it is shown.
struct Words<'a> {
    shown: BTreeMap<&'a str, String>,
    short: bool,
    notes: Vec<Note>,
}

impl<'a> Words<'a> {
    fn of(grid: &'a Grid, short: bool) -> Self {
        let all = || grid.cells.iter().flatten().flatten();
        let words: BTreeSet<&str> = all().map(|cell| &*cell.word).collect();
        let cut = |word: &str| cut_end(word, LONGEST_WORD);
        let is_own = |word: &str| words.iter().filter(|other| cut(other) == cut(word)).count() == 1;
        let shown = |(number, word): (usize, &&'a str)| {
            let shown = if short { abbreviation(word, &words) } else { is_own(word).then(|| cut(word)) };
            (*word, shown.unwrap_or_else(|| format!("#{number}")))
        };
        let shown = (1..).zip(&words).map(shown).collect();
        Self { shown, short, notes: grid.notes() }
    }

    /// A word with its mark; what has none stands below those that have one.
    fn show(&self, cell: Option<&Cell>) -> Shown {
        let any_bad = self.notes.contains(&Note::Bad);
        let bad = cell.is_some_and(|cell| cell.bad);
        let mark = match (any_bad, bad) {
            (false, _) => "",
            (true, true) => BAD,
            (true, false) => " ",
        };
        let space = if any_bad && !self.short { " " } else { "" };
        let word = cell.map_or(ABSENT.into(), |cell| {
            cell.bracketed(self.shown.get(&*cell.word).map_or("", |shown| shown))
        });
        Shown { text: format!("{mark}{space}{word}"), bad }
    }

    fn legend(&self) -> Vec<String> {
        let words = told(self.shown.iter().map(|(word, shown)| (shown, word)));
        let notes = self.notes.iter().map(|note| format!("{} {}", sign(*note), note.words()));
        words.into_iter().chain(notes).collect()
    }
}

const fn sign(note: Note) -> &'static str {
    match note {
        Note::Bad => BAD,
        Note::Implied => "( )",
        Note::Absent => ABSENT,
    }
}

/// What stands for something else, and for what.
fn told(pairs: impl Iterator<Item = (impl AsRef<str>, impl AsRef<str>)>) -> Vec<String> {
    let other = pairs.filter(|(shown, meant)| shown.as_ref() != meant.as_ref());
    other.map(|(shown, meant)| format!("{} {}", shown.as_ref(), meant.as_ref())).collect()
}

/// Items one after the other, in lines that fit.
fn wrapped(items: &[String], width: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    for item in items {
        let item = cut_end(item, width.saturating_sub(1));
        let gap = match column {
            0 => " ",
            _ if column + 3 + item.width() <= width => ",  ",
            _ => "\n ",
        };
        column = if gap == ",  " { column + 3 } else { 1 } + item.width();
        text.push_str(gap);
        text.push_str(&item);
    }
    if column > 0 {
        text.push('\n');
    }
    text
}

/// The shortest start of a word that no other word has, or the word itself, if that is short.
fn abbreviation(word: &str, words: &BTreeSet<&str>) -> Option<String> {
    let starts = word.char_indices().skip(1).map(|(at, _)| &word[..at]).chain([word]).take(LONGEST_START);
    let is_own = |start: &&str| {
        !start.ends_with(' ') && words.iter().all(|other| *other == word || !other.starts_with(start))
    };
    let own = starts.clone().find(is_own);
    own.or_else(|| starts.clone().find(|start| *start == word)).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_tell_words_apart() {
        let of = |words: &[&'static str]| {
            let all: BTreeSet<_> = words.iter().copied().collect();
            words.iter().map(|word| abbreviation(word, &all).unwrap_or("#".into())).collect::<Vec<_>>()
        };
        assert_eq!(of(&["true", "false"]), ["t", "f"]);
        assert_eq!(of(&["cannot be proved", "cancelled"]), ["cann", "canc"]);
        assert_eq!(of(&["true", "true but slow", "a", "a b"]), ["true", "true b", "a", "a b"]);
        assert_eq!(of(&["one and the same 1", "one and the same 2"]), ["#", "#"]);
        assert_eq!(of(&["日本", "日光"]), ["日本", "日光"]);
    }
}
