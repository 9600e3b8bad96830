//! A sheet on a terminal: one line a row, never wider than the terminal.

use provisor_actors::store::Standing;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::columns::{self, Shown};
use super::sheet::{Column, Give, Sheet};

/// What is written where standard output is no terminal.
const USUAL_WIDTH: usize = 120;
/// Nothing is laid out for less.
const NARROWEST: usize = 20;
/// From this width on there is room for how a query ended.
const ENDED_FROM: usize = 40;
/// From this width on there is room for its time.
const TIME_FROM: usize = 60;
/// From this width on there is room for CPU time and memory.
const COST_FROM: usize = 100;
/// From this width on there is room for values and what was expected.
const EXTRAS_FROM: usize = 160;
/// With less than this a column that takes the rest says nothing.
const LEAST_REST: usize = 10;
/// With less than this it is worth as much as the middle of a long id.
const FAIR_REST: usize = 20;
/// Nobody else has to give before it has no more than this.
const GOOD_REST: usize = 28;
/// Most words are no longer.
const GOOD_WORD: usize = 18;
/// On the narrowest terminals, of ids and of all other words: what is left of both is worth more than either.
const SHORTEST_ID: usize = 8;
const SHORTEST_WORD: usize = 6;
/// Between two columns.
const GAP: &str = "  ";

/// How wide to write, on a terminal of this width or none.
pub(crate) fn width(terminal: Option<u16>) -> usize {
    terminal.map_or(USUAL_WIDTH, usize::from).max(NARROWEST)
}

/// The rows as they fit.
pub(crate) fn rows(rows: &[&Standing], width: usize) -> String {
    use Shown::{Cpu, Ended, Line, Mark, Memory, Query, Time, Verdict, Why};
    let mut shown = vec![Mark, Query, Verdict];
    if width >= ENDED_FROM {
        shown.push(Ended);
    }
    if width >= TIME_FROM {
        shown.push(Time);
    }
    if width >= COST_FROM {
        shown.extend([Cpu, Memory]);
    }
    if width >= EXTRAS_FROM {
        shown.extend(columns::extras(rows));
    }
    shown.push(if shown.contains(&Shown::Expected) { Line } else { Why });
    text(&columns::rows(rows, &shown), width)
}

/// A sheet as it fits.
pub(crate) fn text(sheet: &Sheet, width: usize) -> String {
    let widths = fit(sheet, width);
    let names: Vec<_> = sheet.columns.iter().map(|column| column.name.clone()).collect();
    let lines = std::iter::once(&names).chain(&sheet.rows);
    lines.map(|cells| line(cells, &sheet.columns, &widths)).collect()
}

fn line(cells: &[String], columns: &[Column], widths: &[usize]) -> String {
    let mut line = String::from(" ");
    for ((cell, column), &width) in cells.iter().zip(columns).zip(widths).filter(|(_, width)| **width > 0) {
        let cell = match column.give {
            Give::Middle(_) => cut_middle(cell, width),
            _ => cut_end(cell, width),
        };
        line.push_str(&pad(&cell, width, column.right));
        line.push_str(GAP);
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

/// The width of each column; none for one that is left out.
fn fit(sheet: &Sheet, width: usize) -> Vec<usize> {
    let mut fit = Fit { columns: &sheet.columns, widths: natural(sheet, width), width };
    // What is merely long gives first, and is given back where the rest has to go all the same.
    fit.give(|give| (give == Give::Rest).then_some(GOOD_REST));
    fit.give(|give| matches!(give, Give::End(_)).then_some(GOOD_WORD));
    fit.give(|give| matches!(give, Give::Middle(_)).then_some(width * 2 / 5));
    fit.give(|give| (give == Give::Rest).then_some(FAIR_REST));
    fit.give(|give| matches!(give, Give::Middle(_)).then_some(width / 3));
    fit.give(|give| (give == Give::Rest).then_some(LEAST_REST));
    if fit.over() > 0 {
        fit.widths = natural(sheet, width);
        fit.leave_out(|column| column.give == Give::Rest);
        fit.give_words();
    }
    if fit.over() > 0 {
        fit.widths = natural(sheet, width);
        fit.leave_out(|column| column.give == Give::Rest || column.right);
        fit.give_words();
        fit.give(|give| matches!(give, Give::Middle(_)).then_some(SHORTEST_ID));
        fit.give(|give| matches!(give, Give::End(_)).then_some(SHORTEST_WORD));
    }
    fit.widths
}

/// The width of each column where there is room; none takes more than half of it by its ids.
fn natural(sheet: &Sheet, width: usize) -> Vec<usize> {
    let natural = |(at, column): (usize, &Column)| {
        let cells = sheet.rows.iter().map(|row| row[at].width());
        let widest = cells.chain([column.name.width()]).max().unwrap_or_default();
        if matches!(column.give, Give::Middle(_)) { widest.min(width / 2) } else { widest }
    };
    sheet.columns.iter().enumerate().map(natural).collect()
}

struct Fit<'a> {
    columns: &'a [Column],
    widths: Vec<usize>,
    width: usize,
}

impl Fit<'_> {
    /// Lets columns give, from the right to the left, down to the width that they are given.
    fn give(&mut self, least: impl Fn(Give) -> Option<usize>) {
        for (at, column) in self.columns.iter().enumerate().rev() {
            if let Some(least) = least(column.give) {
                let left = self.widths[at].saturating_sub(self.over());
                self.widths[at] = self.widths[at].min(left.max(least));
            }
        }
    }

    /// Lets columns of words and ids give, down to their least.
    fn give_words(&mut self) {
        let width = self.width;
        self.give(|give| matches!(give, Give::End(_)).then_some(GOOD_WORD));
        self.give(|give| matches!(give, Give::Middle(_)).then_some(width / 3));
        self.give(|give| if let Give::End(least) | Give::Middle(least) = give { Some(least) } else { None });
    }

    fn leave_out(&mut self, goes: impl Fn(&Column) -> bool) {
        let columns = self.widths.iter_mut().zip(self.columns);
        columns.filter(|(_, column)| goes(column)).for_each(|(width, _)| *width = 0);
    }

    /// By how much a line is wider than there is room.
    fn over(&self) -> usize {
        let columns = self.widths.iter().filter(|width| **width > 0);
        let taken = columns.fold(1, |sum, width| sum + width + GAP.len());
        taken.saturating_sub(self.width + GAP.len())
    }
}

/// Fills a text with spaces up to a width.
pub(crate) fn pad(text: &str, width: usize, right: bool) -> String {
    let spaces = " ".repeat(width.saturating_sub(text.width()));
    if right { spaces + text } else { text.to_owned() + &spaces }
}

/// Cuts a text to a width; what was cut off is an ellipsis.
pub(crate) fn cut_end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let kept = start(text, width.saturating_sub(1)).trim_end();
    format!("{kept}…")
}

/// Cuts the middle out of a text: both ends of an id tell it from others.
pub(crate) fn cut_middle(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let backwards: String = text.chars().rev().collect();
    let end: String = start(&backwards, room - room / 2).chars().rev().collect();
    format!("{}…{end}", start(text, room / 2))
}

/// As much of the start of a text as has this width.
fn start(text: &str, width: usize) -> &str {
    let mut taken = 0;
    let over = text.char_indices().find(|(_, c)| {
        taken += c.width().unwrap_or_default();
        taken > width
    });
    over.map_or(text, |(at, _)| &text[..at])
}
