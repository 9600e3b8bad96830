//! A sheet as a fragment of LaTeX, to be read by `\input`: a `longtable` with the rules of `booktabs`. It compiles with
//! pdfLaTeX, LuaLaTeX and XeLaTeX, whatever stands in the cells.

use std::fmt::Write as _;

use super::sheet::{Column, Give, Sheet};

/// What stands above the tables. Without Unicode mathematics it is pdfLaTeX that reads this, which stops at characters
/// that it does not know: there they are shown by their number.
const HEAD: &str = r##"% Needs \usepackage{booktabs,longtable} and, with pdfLaTeX, \usepackage[T1]{fontenc}.
\ifx\Umathchar\undefined
  \providecommand{\provisorchar}[1]{{\scriptsize U+#1}}
\else
  \providecommand{\provisorchar}[1]{\char"#1\relax}
\fi
"##;

/// The fragment, with a table for each sheet.
pub(crate) fn text(about: &str, sheets: &[Sheet]) -> String {
    let mut text = format!("% {about}\n{HEAD}");
    for sheet in sheets {
        table(&mut text, sheet);
    }
    text
}

fn table(text: &mut String, sheet: &Sheet) {
    if let Some(title) = &sheet.title {
        let _ = writeln!(text, "\\par\\noindent\\textbf{{{}}}\\nopagebreak", escape(title));
    }
    let columns: Vec<_> = sheet.columns.iter().map(kind).collect();
    let _ = writeln!(text, "\\begin{{longtable}}{{{}}}\n\\toprule", columns.concat());
    text.push_str(&line(sheet.columns.iter().map(|column| escape(&column.name))));
    text.push_str("\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n");
    for row in &sheet.rows {
        text.push_str(&line(row.iter().map(|cell| escape(cell))));
    }
    text.push_str("\\end{longtable}\n");
}

const fn kind(column: &Column) -> &'static str {
    match (column.give, column.right) {
        (Give::Rest, _) => "p{.5\\linewidth}",
        (_, true) => "r",
        (_, false) => "l",
    }
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("{} \\\\\n", cells.collect::<Vec<_>>().join(" & "))
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
    use super::escape;

    #[test]
    fn only_what_would_become_something_else_is_set_apart() {
        assert_eq!(escape("first-goal, second"), "first-goal, second");
        assert_eq!(escape("a--b---c,,d"), "a-{-}b-{-}-c,{,}d");
        assert_eq!(escape("50% of {a_1}"), r"50\% of \{a\_1\}");
        assert_eq!(escape("[0] *"), "{[}0{]} {*}");
    }
}
