//! A sheet, or a grid, as a table of GitHub's Markdown.

use super::grid::{ABSENT, Cell, Grid, Note};
use super::sheet::{Column, Sheet};

/// The table.
pub(crate) fn text(sheet: &Sheet) -> String {
    linked(sheet, 0, &[])
}

/// The table, in which the cells of a column lead to these places, row by row, as far as there are any. A place is made
/// of parts of ids: it holds nothing that Markdown would take for more.
pub(crate) fn linked(sheet: &Sheet, column: usize, places: &[Option<String>]) -> String {
    let rule = |column: &Column| if column.right { "--:" } else { ":--" }.to_owned();
    let mut text = line(sheet.columns.iter().map(|column| escape(&column.name)));
    text.push_str(&line(sheet.columns.iter().map(rule)));
    for (number, row) in sheet.rows.iter().enumerate() {
        let place = places.get(number).and_then(Option::as_ref);
        let cell = |(at, cell): (usize, &String)| match place {
            Some(place) if at == column => format!("[{}]({place})", escape(cell)),
            _ => escape(cell),
        };
        text.push_str(&line(row.iter().enumerate().map(cell)));
    }
    text
}

/// A grid, with what has to be told of it below.
pub(crate) fn grid(grid: &Grid) -> String {
    let heading = |title| format!("### {}\n\n", escape(title));
    let mut text = grid.title.as_deref().map(heading).unwrap_or_default();
    let heads =
        std::iter::once(&grid.corner()).chain(&grid.across).map(|name| escape(name)).collect::<Vec<_>>();
    text.push_str(&line(heads.iter().cloned()));
    text.push_str(&line(heads.iter().map(|_| ":--".to_owned())));
    for (name, cells) in grid.rows() {
        text.push_str(&line(
            std::iter::once(escape(name)).chain(cells.iter().map(|cell| word(cell.as_ref()))),
        ));
    }
    let notes: Vec<_> =
        grid.notes().into_iter().map(|note| format!("{}: {}", sign(note), note.words_in_print())).collect();
    if !notes.is_empty() {
        text.push_str(&format!("\n{}\n", notes.join("; ")));
    }
    text
}

fn word(cell: Option<&Cell>) -> String {
    match cell {
        None => ABSENT.into(),
        Some(cell) if cell.bad && !cell.word.is_empty() => {
            format!("**{}**", cell.bracketed(&escape(&cell.word)))
        }
        Some(cell) => cell.bracketed(&escape(&cell.word)),
    }
}

const fn sign(note: Note) -> &'static str {
    match note {
        Note::Bad => "**bold**",
        Note::Implied => "( )",
        Note::Absent => ABSENT,
    }
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

/// Nothing, where it is shown. GitHub makes mentions and links of texts after it has read the Markdown, and `&#64;` is an
/// `@` by then; what has this in it is two texts.
const NOTHING: &str = "<!-- -->";

/// What Markdown, or GitHub, would take for more than text.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let rest = &text[at + c.len_utf8()..];
        let inside_word = before.is_alphanumeric() && rest.starts_with(char::is_alphanumeric);
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
        if is_half_a_link(&text[..at], c, rest) {
            escaped.push_str(NOTHING);
        }
        before = c;
    }
    escaped
}

/// Whether this character begins a mention (`@user`), a number of an issue (`#1`, `GH-1`) or an address, or stands in it.
fn is_half_a_link(before: &str, c: char, rest: &str) -> bool {
    let word = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    match c {
        '@' => rest.starts_with(char::is_alphanumeric),
        '#' => rest.starts_with(|c: char| c.is_ascii_digit()),
        '-' => word.eq_ignore_ascii_case("GH") && rest.starts_with(|c: char| c.is_ascii_digit()),
        ':' => rest.starts_with("//"),
        '.' => word.eq_ignore_ascii_case("www"),
        _ => false,
    }
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

    #[test]
    fn nothing_in_a_cell_pings_or_links() {
        assert_eq!(escape("@user a@b.org @ @@"), "@<!-- -->user a@<!-- -->b.org @ @@");
        assert_eq!(escape("#1 o/r#23 # #a"), "#<!-- -->1 o/r#<!-- -->23 # #a");
        assert_eq!(escape("gh-1 high-1 GH-x"), "gh-<!-- -->1 high-1 GH-x");
        assert_eq!(escape("https://a.org a: b //"), "https:<!-- -->//a.org a: b //");
        assert_eq!(escape("WWW.a.org w.a"), "WWW.<!-- -->a.org w.a");
        assert_eq!(escape("é@é ä.ö"), "é@<!-- -->é ä.ö");
    }

    /// A text as a reader of Markdown sees it.
    fn read(escaped: &str) -> String {
        let mut text = String::new();
        let mut rest = &*escaped.replace(NOTHING, "");
        while let Some(c) = rest.chars().next() {
            let entity = [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&')].into_iter();
            let entity = entity.clone().find(|(entity, _)| rest.starts_with(entity));
            let (length, shown) = match entity {
                Some((entity, shown)) => (entity.len(), shown),
                None if c == '\\' => (2, rest[1..].chars().next().expect("something is escaped")),
                None => (c.len_utf8(), c),
            };
            text.push(shown);
            rest = &rest[length..];
        }
        text
    }

    proptest::proptest! {
        #[test]
        fn what_is_escaped_reads_back_as_it_was(text in "[-a1 |`*_<>&#@:./~$\\\\\\[\\]{}()!é]{0,30}") {
            let escaped = escape(&text);
            proptest::prop_assert_eq!(read(&escaped), text);
            let cells = escaped.replace("\\\\", "").replace("\\|", "").matches('|').count();
            proptest::prop_assert_eq!(cells, 0, "{}", escaped);
        }
    }
}
