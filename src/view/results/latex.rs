//! Sheets and grids as a fragment of LaTeX, to be read by `\input`: a `longtable` with the rules of `booktabs`. It compiles with
//! pdfLaTeX, LuaLaTeX and XeLaTeX, whatever stands in the cells.

mod grid;

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

pub(crate) use self::grid::grids;
use super::sheet::{Column, Sheet};

/// What stands above the tables. Without Unicode mathematics it is pdfLaTeX that reads this, which stops at characters
/// that it does not know: there they are shown by their number.
const HEAD: &str = r##"% Needs \usepackage{booktabs,longtable} and, with pdfLaTeX, \usepackage[T1]{fontenc}.
\ifx\Umathchar\undefined
  \providecommand{\provisorchar}[1]{{\scriptsize U+#1}}
\else
  \providecommand{\provisorchar}[1]{\char"#1\relax}
\fi
"##;

/// Columns with a longer text than this are broken into lines.
const LONGEST_LINE: usize = 40;
/// Characters in a line of a page.
const A_LINE: usize = 72;
/// As many characters is the room between two columns.
const GAP: usize = 3;
/// The hundredths of a line that a column of long texts has at least.
const LEAST_PART: usize = 20;
/// What has more characters and no mark among them is broken anywhere.
const LONGEST_WORD: usize = 12;

/// The fragment with this table. `about` is a comment.
pub(crate) fn text(about: &str, sheet: &Sheet) -> String {
    let mut text = format!("% {about}\n{HEAD}");
    table(&mut text, sheet);
    text
}

fn table(text: &mut String, sheet: &Sheet) {
    let columns = kinds(sheet);
    let letters: String = columns.iter().map(Kind::letters).collect();
    let _ = writeln!(text, "\\begin{{longtable}}{{{letters}}}\n\\toprule");
    text.push_str(&line(sheet.columns.iter().map(|column| &*column.name), &columns));
    text.push_str("\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n");
    for row in &sheet.rows {
        text.push_str(&line(row.iter().map(String::as_str), &columns));
    }
    text.push_str("\\end{longtable}\n");
}

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Left,
    Right,
    /// Its texts are broken into lines, of so many hundredths of a page's.
    Wrapped(usize),
}

impl Kind {
    fn letters(&self) -> String {
        match self {
            Self::Left => "l".into(),
            Self::Right => "r".into(),
            Self::Wrapped(part) => format!("p{{0.{part:02}\\linewidth}}"),
        }
    }

    fn cell(self, text: &str) -> String {
        match self {
            Self::Wrapped(_) => format!("\\raggedright {}", breakable(text)),
            _ => escape(text),
        }
    }
}

/// Columns with a long text share what the others leave of a line.
fn kinds(sheet: &Sheet) -> Vec<Kind> {
    let widest = |(at, column): (usize, &Column)| {
        sheet.rows.iter().fold(column.name.width(), |widest, row| widest.max(row[at].width()))
    };
    let widths: Vec<usize> = sheet.columns.iter().enumerate().map(widest).collect();
    let (long, short): (Vec<usize>, Vec<usize>) = widths.iter().partition(|width| **width > LONGEST_LINE);
    let taken: usize = short.iter().sum::<usize>() + GAP * widths.len();
    let part = 100_usize.saturating_sub(100 * taken / A_LINE) / long.len().max(1);
    let kind = |(column, width): (&Column, &usize)| match column {
        _ if *width > LONGEST_LINE => Kind::Wrapped(part.max(LEAST_PART)),
        Column { right: true, .. } => Kind::Right,
        _ => Kind::Left,
    };
    sheet.columns.iter().zip(&widths).map(kind).collect()
}

/// A row. Where its last text is broken into lines, `\\` would end but one of these.
fn line<'a>(cells: impl Iterator<Item = &'a str>, columns: &[Kind]) -> String {
    let cells = cells.zip(columns).map(|(cell, column)| column.cell(cell));
    let end = if matches!(columns.last(), Some(Kind::Wrapped(_))) { "\\tabularnewline" } else { "\\\\" };
    format!("{} {end}\n", cells.collect::<Vec<_>>().join(" & "))
}

/// A text that can be broken where it has no spaces, too: after a mark, and within what is longer than any word.
fn breakable(text: &str) -> String {
    let mut pieces = vec![String::new()];
    let mut length = 0;
    for c in text.chars() {
        pieces.last_mut().into_iter().for_each(|piece| piece.push(c));
        length = if c.is_whitespace() { 0 } else { length + 1 };
        if length >= LONGEST_WORD
            || (length > 1 && matches!(c, '/' | '_' | '.' | ',' | ';' | ':' | '=' | '(' | ')'))
        {
            pieces.push(String::new());
            length = 0;
        }
    }
    let pieces: Vec<_> = pieces.iter().map(|piece| escape(piece)).collect();
    pieces.join("\\allowbreak{}")
}

/// What LaTeX would take for more than a letter.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str(r"\textbackslash{}"),
            '~' => escaped.push_str(r"\textasciitilde{}"),
            '^' => escaped.push_str(r"\textasciicircum{}"),
            '<' => escaped.push_str(r"\textless{}"),
            '>' => escaped.push_str(r"\textgreater{}"),
            '|' => escaped.push_str(r"\textbar{}"),
            '"' => escaped.push_str(r"\char34{}"),
            '\'' => escaped.push_str(r"\char39{}"),
            '`' => escaped.push_str(r"\char96{}"),
            '{' | '}' | '$' | '&' | '#' | '_' | '%' => escaped.extend(['\\', c]),
            // At the start of a row the first three would belong to the end of the row before; the others would become
            // another character together with a quotation mark.
            '[' | ']' | '*' | '!' | '?' => escaped.extend(['{', c, '}']),
            // Two of these in a row would become one.
            '-' | ',' if escaped.ends_with(c) => escaped.extend(['{', c, '}']),
            '…' => escaped.push_str(r"\ldots{}"),
            c if c.is_ascii() || is_known(c) => escaped.push(c),
            c => {
                let _ = write!(escaped, r"\provisorchar{{{:04X}}}", u32::from(c));
            }
        }
    }
    escaped
}

/// The letters of western Europe, which every LaTeX of today can read and has in its fonts.
const fn is_known(c: char) -> bool {
    matches!(c, 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ÿ')
}

#[cfg(test)]
mod tests {
    use super::super::sheet::{Column, Give, Sheet};
    use super::{breakable, escape, text};

    #[test]
    fn only_what_would_become_something_else_is_set_apart() {
        assert_eq!(escape("first-goal, second"), "first-goal, second");
        assert_eq!(escape("a--b---c,,d"), "a-{-}b-{-}-c,{,}d");
        assert_eq!(escape("50% of {a_1}"), r"50\% of \{a\_1\}");
        assert_eq!(escape("[0] *"), "{[}0{]} {*}");
    }

    #[test]
    fn long_texts_are_broken_into_lines_and_short_ones_are_not() {
        let column = |name: &str| Column::new(name, Give::Nothing);
        let sheet = |long: &str, last: &str| Sheet {
            columns: vec![column("a"), column("b").right(), column("c")],
            rows: vec![vec![long.into(), "1".into(), last.into()], vec!["s".into(), "2".into(), "t".into()]],
        };
        let none = text("", &sheet("short", "short"));
        assert!(none.contains("{lrl}") && none.contains("short & 1 & short \\\\\n"), "{none}");
        let one = text("", &sheet(&"word ".repeat(20), "short"));
        assert!(one.contains("{p{0.80\\linewidth}rl}") && one.contains("\\raggedright word"), "{one}");
        let both = text("", &sheet(&"word ".repeat(20), &"x".repeat(290)));
        assert!(both.contains("{p{0.43\\linewidth}rp{0.43\\linewidth}}"), "{both}");
        assert!(both.contains("& 2 & \\raggedright t \\tabularnewline\n"), "{both}");
    }

    #[test]
    fn what_has_no_spaces_can_be_broken_too() {
        assert_eq!(breakable("a b/c_d"), r"a b/\allowbreak{}c\_\allowbreak{}d");
        assert_eq!(breakable(&"x".repeat(25)), r"xxxxxxxxxxxx\allowbreak{}xxxxxxxxxxxx\allowbreak{}x");
    }

    /// The start of an escaped text as LaTeX shows it, and how many bytes of it that was.
    fn first(escaped: &str) -> (char, usize) {
        let commands = [
            (r"\textbackslash{}", '\\'),
            (r"\textasciitilde{}", '~'),
            (r"\textasciicircum{}", '^'),
            (r"\textless{}", '<'),
            (r"\textgreater{}", '>'),
            (r"\textbar{}", '|'),
            (r"\char34{}", '"'),
            (r"\char39{}", '\''),
            (r"\char96{}", '`'),
            (r"\ldots{}", '…'),
        ];
        if let Some((command, c)) = commands.into_iter().find(|(command, _)| escaped.starts_with(command)) {
            return (c, command.len());
        }
        if let Some(number) = escaped.strip_prefix(r"\provisorchar{") {
            let (number, _) = number.split_once('}').expect("a whole number");
            let number = u32::from_str_radix(number, 16).expect("a number");
            return (
                char::from_u32(number).expect("a character"),
                r"\provisorchar{}".len() + format!("{number:04X}").len(),
            );
        }
        let mut chars = escaped.chars();
        match (chars.next().expect("something"), chars.next(), chars.next()) {
            ('\\', Some(c), _) => (c, 2),
            ('{', Some(c), Some('}')) => (c, 2 + c.len_utf8()),
            (c, ..) => {
                assert!(!"#$%&_{}~^\\".contains(c) && (c.is_ascii() || super::is_known(c)), "{c} as it is");
                (c, c.len_utf8())
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_escaped_reads_back_as_it_was(
            text in "[-a1 |`'\"*_<>&#@:,!?%/~^$\\\\\\[\\]{}()éÿ÷…日\u{301}🎉]{0,30}",
        ) {
            let escaped = escape(&text);
            let (mut shown, mut rest) = (String::new(), &*escaped);
            while !rest.is_empty() {
                let (c, length) = first(rest);
                shown.push(c);
                rest = &rest[length..];
            }
            proptest::prop_assert_eq!(shown, text, "{}", escaped);
        }
    }
}
