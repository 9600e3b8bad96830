//! The texts, and the job that has them everywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use provisor::core::text::{clean, defuse, is_clean, is_special};

use crate::common::Desk;

/// Each of them may be the name of a file.
pub(crate) const NASTY: [&str; 37] = [
    "\u{1b}[5;31mblink\u{1b}[0m",
    "\u{1b}]0;title\u{7}after",
    "\u{1b}]52;c;QUJD\u{1b}\\clip",
    "\u{1b}P+q544e\u{1b}\\dcs",
    "\u{1b}creset",
    "\u{9b}2Jcsi of one",
    "\u{9d}0;osc of one\u{9c}",
    "\u{85}next line",
    "\u{202e}gnorw\u{2066}x\u{2069}",
    "\u{200f}right\u{61c}",
    "\u{feff}mark\u{206a}",
    "\u{2028}line\u{2029}paragraph",
    "back\u{8}\u{8}\u{8}\u{7f}",
    "\rreturn",
    "two\nlines",
    "tab\tbed",
    "=1+1",
    "+1+cmd|' C'!A1",
    "-2+3",
    "@SUM(A1)",
    "\u{ff1d}1+1",
    "comma,\"quote\"\"",
    "semi;colon",
    "<script>alert(1)<script>",
    "]]>&amp;<!--",
    "|pipe|`tick` *b* @user #1",
    "[a](javascript:b) ![c](d)",
    "\\end{longtable}\\input{x}%$_^~#{}",
    "^^5cend{longtable}",
    "$(touch pwned)`touch pwned`;touch pwned",
    "'\"'\\'",
    " leading and trailing ",
    "%s%n%x",
    "日本 🎉 e\u{301} \u{fffe}\u{ffff}",
    "--help",
    "-",
    "*",
];

/// What no child may do to a terminal, and provisor itself never does.
pub(crate) const FORBIDDEN: [&str; 8] =
    ["\u{1b}]", "\u{1b}P", "\u{1b}c", "\u{1b}[5", "\u{1b}[2J", "\u{7}", "\u{8}", "\u{7f}"];

pub(crate) const EXPECTED: &str = "expected|`<b>";

/// A text as RON writes it.
pub(crate) fn ron(text: &str) -> String {
    let escape = |c: char| {
        if is_special(c) || "\"\\".contains(c) { format!("\\u{{{:x}}}", u32::from(c)) } else { c.into() }
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

/// Not UTF-8, with every byte there is, and without an end to its last line.
pub(crate) fn bytes() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend_from_slice(b"\xff\xfe\0\x1b[5m\xc3\n\x1b]0;not ended");
    bytes
}

/// A job that asks one question of each file: the program has a name of the kind, and says the name of the file and what is
/// in it.
pub(crate) fn spec(desk: &Desk) -> String {
    let program = "pro\u{1b}[5mg\u{202e}ram";
    desk.script(program, "printf 'SAY %s\\n' \"$1\"; cat \"$2\"; cat \"$2\" >&2");
    for name in NASTY {
        desk.write(&format!("files/{name}"), bytes());
    }
    format!(
        "Job(name: {}, slots: 4, matrix: {{\"file\": Glob(\"files/*\")}}, id: \"k/{{{{ file.index }}}}\",
            command: [{}, \"{{{{ file.name }}}}\", \"{{{{ file.path }}}}\"], expect: {{\"*\": {}}}, record: true,
            rules: [(on: Regex(\"^SAY (.*)$\"), capture: Group(1)), (on: Regex(\"^SAY (.*)$\"), value: Group(1))])",
        ron("job |&_%<b>"),
        ron(&format!("./{program}")),
        ron(EXPECTED),
    )
}

/// The names by the number of their query, in the order in which globs are sorted.
pub(crate) fn names() -> BTreeMap<String, &'static str> {
    let mut names = NASTY;
    names.sort_unstable();
    names.into_iter().enumerate().map(|(index, name)| (format!("k/{index}"), name)).collect()
}

/// What the rules take from the first line that a query prints.
pub(crate) fn said(name: &str) -> &str {
    name.lines().next().unwrap_or_default()
}

/// What a test of this file would let through if the table were tame.
#[test]
fn the_table_is_not_tame() {
    let special: usize = NASTY.iter().filter(|text| !is_clean(text)).count();
    assert!(special >= 16, "{special}");
    let cleaned: Vec<Arc<str>> = NASTY.iter().map(|text| clean(text).as_ref().into()).collect();
    let defused = cleaned.iter().filter(|text| defuse(text) != ***text).count();
    assert!(defused >= 6, "{defused}");
    for name in NASTY {
        assert!(!name.contains(['/', '\0']) && name.len() < 255, "{name:?} is no name of a file");
    }
}
