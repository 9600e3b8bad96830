//! A sheet as a table of GitHub's Markdown.

use super::sheet::{Column, Sheet};

/// The table, with its title above it.
pub(crate) fn text(sheet: &Sheet) -> String {
    let mut text = sheet.title.as_ref().map(|title| format!("### {}\n\n", escape(title))).unwrap_or_default();
    let rule = |column: &Column| if column.right { "--:" } else { ":--" }.to_owned();
    text.push_str(&line(sheet.columns.iter().map(|column| escape(&column.name))));
    text.push_str(&line(sheet.columns.iter().map(rule)));
    for row in &sheet.rows {
        text.push_str(&line(row.iter().map(|cell| escape(cell))));
    }
    text
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

/// What Markdown would take for more than text.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let inside_word = before.is_alphanumeric() && chars.peek().is_some_and(|next| next.is_alphanumeric());
        match c {
            // Within a word it is a letter like any other, and ids are full of it.
            '_' if inside_word => escaped.push(c),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => escaped.extend(['\\', c]),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // A line feed would end the row; cleaned texts have none.
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(c),
        }
        before = c;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_cell_is_more_than_text() {
        assert_eq!(escape("a|b"), r"a\|b");
        assert_eq!(escape("`rm` *x* ~y~ $z$"), r"\`rm\` \*x\* \~y\~ \$z\$");
        assert_eq!(escape("<img src=x> & [a](b)"), r"&lt;img src=x&gt; &amp; \[a\](b)");
        assert_eq!(escape(r"\|"), r"\\\|");
        assert_eq!(escape("two\nlines\r"), "two lines ");
        assert_eq!(escape("an_id_2 _bold_"), r"an_id_2 \_bold\_");
    }
}
