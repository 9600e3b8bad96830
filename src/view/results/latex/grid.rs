//! A grid as a table for a paper: with a caption and a label, and below it what its signs mean. How they look is left to
//! the paper, which may define `\provmark` and `\provimplied` before it reads the table.

use std::collections::HashSet;
use std::fmt::Write as _;

use provisor_core::text::clean;
use unicode_width::UnicodeWidthStr;

use super::super::grid::{Cell, Grid, Note};
use super::{A_LINE, GAP, HEAD, breakable, escape};

/// How cells stand out, until the paper says something else.
const MARKS: &str =
    "\\providecommand{\\provmark}[1]{\\textbf{#1}}\n\\providecommand{\\provimplied}[1]{(#1)}\n";
/// A dash, where nothing is asked.
const ABSENT: &str = "--";
/// Characters in a line of a page, in footnotesize.
const A_SMALL_LINE: usize = 84;
/// The hundredths of a line that the names have at most where there is too little room.
const NAMES_PART: usize = 24;
/// The hundredths of a line that the gaps of a column take there.
const GAP_PART: usize = 2;
/// The hundredths of a line that a column of words has at least.
const LEAST_PART: usize = 5;

/// The fragment, with a table for each grid. `about` is a comment.
pub(crate) fn grids(about: &str, job: &str, grids: &[Grid]) -> String {
    let mut text = format!("% {about}\n{HEAD}{MARKS}");
    let mut labels = HashSet::new();
    for grid in grids {
        let title = [Some(clean(job).into_owned()), grid.title.clone()];
        let title = title.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let label = label(&title, &mut labels);
        table(&mut text, grid, &title, &label);
    }
    text
}

/// A label of its own for each table: letters, digits and `-`.
fn label(title: &str, taken: &mut HashSet<String>) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let label = format!("tab:{}", words.collect::<Vec<_>>().join("-"));
    let numbered = (2..).map(|number| format!("{label}-{number}"));
    let own = std::iter::once(label.clone()).chain(numbered).find(|label| !taken.contains(label));
    let own = own.unwrap_or(label);
    taken.insert(own.clone());
    own
}

fn table(text: &mut String, grid: &Grid, title: &str, label: &str) {
    let setting = Setting::of(grid);
    let heads: Vec<_> =
        std::iter::once(&grid.corner()).chain(&grid.across).map(|head| setting.text(head)).collect();
    let heads = format!("\\toprule\n{} {}\n\\midrule\n", heads.join(" & "), setting.end());
    let [down, across] = [0, 1].map(|axis| escape(&grid.axes[axis]));
    // An empty entry in the list of tables: what stands in one would be read twice.
    let caption = format!("\\caption[]{{{}: {down} by {across}}}", escape(title));
    let _ = writeln!(text, "{{{}\\begin{{longtable}}{{{}}}", setting.size(), setting.columns());
    let _ = writeln!(text, "{caption}\\label{{{label}}}\\\\");
    let _ = write!(text, "{heads}\\endfirsthead\n{heads}\\endhead\n\\bottomrule\n\\endfoot\n");
    for (name, cells) in grid.rows() {
        let cells = cells.iter().map(|cell| setting.cell(cell.as_ref()));
        let line: Vec<_> = std::iter::once(setting.text(name)).chain(cells).collect();
        let _ = writeln!(text, "{} {}", line.join(" & "), setting.end());
    }
    text.push_str("\\end{longtable}}\n");
    let notes: Vec<_> = grid.notes().into_iter().map(note).collect();
    if !notes.is_empty() {
        let _ = writeln!(text, "{{\\noindent\\footnotesize {}.\\par}}", notes.join("; "));
    }
}

/// A cell as it is read.
fn shown(cell: &Cell) -> String {
    cell.bracketed(&cell.word)
}

fn note(note: Note) -> String {
    let sign = match note {
        Note::Bad => "\\provmark{marked}",
        Note::Implied => "\\provimplied{~}",
        Note::Absent => ABSENT,
    };
    format!("{sign}: {}", escape(note.words_in_print()))
}

/// In a column that is narrower than a word: it may be hyphenated, the first one, too.
const NARROW: &str = "\\raggedright\\hspace{0pt}";

/// How a grid is set: as it is where it fits a line, else smaller and with its words broken into lines.
enum Setting {
    Whole { columns: usize },
    Broken { columns: usize, names: usize, words: usize, size: &'static str },
}

impl Setting {
    fn of(grid: &Grid) -> Self {
        let columns = grid.across.len();
        let corner = grid.corner();
        let names = grid.down.iter().chain([&corner]).map(|name| name.width()).max().unwrap_or_default();
        let cells = || grid.cells.iter().map(|row| row.iter().map(|cell| cell.as_ref().map(shown)));
        let widest = |(at, head): (usize, &String)| {
            let words = cells().filter_map(|mut row| row.nth(at).flatten());
            words.fold(head.width(), |widest, word| widest.max(word.width()))
        };
        let all: usize = grid.across.iter().enumerate().map(widest).sum();
        if names + all + GAP * columns <= A_LINE {
            return Self::Whole { columns };
        }
        let names = (100 * names / A_LINE).min(NAMES_PART);
        let words = 100_usize.saturating_sub(names + GAP_PART * (columns + 1)) / columns.max(1);
        let words = words.max(LEAST_PART);
        // What cannot be broken at a space or a hyphen.
        let piece = |word: String| word.split([' ', '-']).map(UnicodeWidthStr::width).max();
        let longest = cells().flatten().flatten().filter_map(piece).max().unwrap_or_default();
        let size = if 100 * longest <= words * A_SMALL_LINE { "\\footnotesize" } else { "\\scriptsize" };
        Self::Broken { columns, names, words, size }
    }

    fn columns(&self) -> String {
        match *self {
            Self::Whole { columns } => "l".repeat(columns + 1),
            Self::Broken { columns, names, words, .. } => {
                let column = |part: usize| format!("p{{0.{part:02}\\linewidth}}");
                column(names) + &column(words).repeat(columns)
            }
        }
    }

    /// What comes before the table.
    fn size(&self) -> String {
        match self {
            Self::Whole { .. } => String::new(),
            Self::Broken { size, .. } => format!("{size}\\setlength{{\\tabcolsep}}{{0.01\\linewidth}}"),
        }
    }

    /// Of a row. Where its last text is broken into lines, `\\` would end but one of these.
    const fn end(&self) -> &'static str {
        match self {
            Self::Whole { .. } => "\\\\",
            Self::Broken { .. } => "\\tabularnewline",
        }
    }

    fn text(&self, text: &str) -> String {
        match self {
            Self::Whole { .. } => escape(text),
            Self::Broken { .. } => format!("{NARROW}{}", breakable(text)),
        }
    }

    fn cell(&self, cell: Option<&Cell>) -> String {
        let Some(Cell { word, bad, implied }) = cell else { return ABSENT.into() };
        let (start, word) = match self {
            Self::Whole { .. } => ("", escape(word)),
            Self::Broken { .. } => (NARROW, breakable(word)),
        };
        let word = if *implied { format!("\\provimplied{{{word}}}") } else { word };
        let word = if *bad { format!("\\provmark{{{word}}}") } else { word };
        format!("{start}{word}")
    }
}
