//! What a child printed, made fit to be shown: on one line of a terminal, in one cell of a table.
//!
//! Everything that is shown is hostile until it went through here. This must never be applied to what is kept: logs
//! and database hold the bytes as they came.
//!
//! [`clean`] is for what a child said: what controls is left out. [`visible`] is for what somebody named or typed, a path
//! above all: there what controls is told, for it is what is wrong with it. [`harmless_json`] is for whole documents.

use std::borrow::Cow;
use std::fmt::Write as _;

/// What a spreadsheet takes for the beginning of a formula; the wide forms where the user writes Chinese or Japanese.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Makes a text fit for one line of a terminal or a table cell.
///
/// Escape sequences go as a whole, control characters and those that turn the direction of writing are left out, and
/// whatever divides lines or columns becomes a space.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(is_special) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..first]);
    let mut cleaner = Cleaner { rest: &text[first..], endless: [false; 2] };
    while let Some(kept) = cleaner.next_kept() {
        out.push(kept);
    }
    Cow::Owned(out)
}

/// Makes a text fit for a line of a terminal without leaving anything out: what [`clean`] would take away, or make a space,
/// is told by its number, as in a string of Rust (`\u{1b}`, `\n`).
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(is_special) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len() + 8);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        if is_special(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Whether a text has no [special](is_special) character.
#[must_use]
pub fn is_clean(text: &str) -> bool {
    !text.contains(is_special)
}

/// Makes a JSON document fit for a terminal, and the same document for every reader: what controls can stand in its
/// strings only, where it becomes an escape of JSON. (What is below a space is escaped by whoever wrote it, but for the
/// white space between the tokens.)
#[must_use]
pub fn harmless_json(document: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| c > '\x7e' && is_special(c);
    let Some(first) = document.find(is_harmful) else { return Cow::Borrowed(document) };
    let mut out = String::with_capacity(document.len() + 8);
    out.push_str(&document[..first]);
    for c in document[first..].chars() {
        match u32::from(c) {
            // None of them is beyond the plane of four digits, so that one escape is enough. Writing to a String does
            // not fail.
            number if is_harmful(c) => drop(write!(out, "\\u{number:04x}")),
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Keeps a spreadsheet from running a text as a formula: such a text gets a leading apostrophe. Numbers with a sign are
/// left alone, for they are none.
#[must_use]
pub fn defuse(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(FORMULA) && !is_number(text);
    if is_formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// Cuts a text to so many characters; the last of them is an ellipsis where something was cut off.
#[must_use]
pub fn cut(text: &str, chars: usize) -> Cow<'_, str> {
    let Some((end, _)) = text.char_indices().nth(chars.saturating_sub(1)) else { return Cow::Borrowed(text) };
    if text[end..].chars().nth(1).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

fn is_number(text: &str) -> bool {
    // Without the look at the bytes, "-inf" and "+nan" would be numbers.
    text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) && text.parse::<f64>().is_ok()
}

/// Whether this character is one of those that control a terminal, turn the direction of writing or divide lines.
#[must_use]
pub fn is_special(c: char) -> bool {
    c.is_control() || is_line_divider(c) || is_invisible(c)
}

const fn is_line_divider(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Turns the direction of writing or the shapes of letters, hides an annotation, or is a byte order mark.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{feff}')
        || matches!(c, '\u{fff9}'..='\u{fffb}')
}

struct Cleaner<'a> {
    rest: &'a str,
    /// Nothing in `rest` ends a string sequence that a bell does not end, or one that it does: looking for an end again
    /// and again would take quadratic time.
    endless: [bool; 2],
}

impl Cleaner<'_> {
    /// The next character of the cleaned text.
    fn next_kept(&mut self) -> Option<char> {
        loop {
            let c = self.rest.chars().next()?;
            self.rest = &self.rest[c.len_utf8()..];
            match c {
                '\x1b' => self.skip_escape(),
                '\u{9b}' => self.skip_control_sequence(),
                '\u{9d}' => self.skip_string(true),
                '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}' => self.skip_string(false),
                '\r' if self.rest.starts_with('\n') => {}
                '\t' | '\n' | '\r' | '\u{85}' => return Some(' '),
                c if is_line_divider(c) => return Some(' '),
                c if c.is_control() || is_invisible(c) => {}
                c => return Some(c),
            }
        }
    }

    /// After an ESC.
    fn skip_escape(&mut self) {
        let Some(kind) = self.rest.bytes().next() else { return };
        match kind {
            b'[' => {
                self.skip(1);
                self.skip_control_sequence();
            }
            b']' | b'P' | b'X' | b'^' | b'_' => {
                self.skip(1);
                self.skip_string(kind == b']');
            }
            _ => {
                self.skip_while(0x20..=0x2f);
                self.skip_one(0x30..=0x7e);
            }
        }
    }

    /// After a CSI. What does not belong to the sequence is text again.
    fn skip_control_sequence(&mut self) {
        self.skip_while(0x30..=0x3f);
        self.skip_while(0x20..=0x2f);
        self.skip_one(0x40..=0x7e);
    }

    /// After the opening of a sequence that lasts up to a terminator. Without one only the opening goes: nothing that a
    /// child printed is hidden by a sequence that never ends.
    fn skip_string(&mut self, by_bell: bool) {
        if self.endless[usize::from(by_bell)] {
            return;
        }
        let ends = |c: char| c == '\u{9c}' || c == '\x1b' || (by_bell && c == '\x07');
        match self.rest.char_indices().find(|&(_, c)| ends(c)) {
            None => self.endless[usize::from(by_bell)] = true,
            Some((at, '\x1b')) if !self.rest[at..].starts_with("\x1b\\") => self.skip(at),
            Some((at, '\x1b')) => self.skip(at + 2),
            Some((at, end)) => self.skip(at + end.len_utf8()),
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    fn skip_while(&mut self, range: std::ops::RangeInclusive<u8>) {
        self.skip(self.rest.bytes().take_while(|byte| range.contains(byte)).count());
    }

    fn skip_one(&mut self, range: std::ops::RangeInclusive<u8>) {
        self.skip(usize::from(self.rest.bytes().next().is_some_and(|byte| range.contains(&byte))));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_text_is_left_alone() {
        for text in ["", "RESULT not attacker(s[]) is true.", "größer ≤ 5", "日本語", "a  b"] {
            assert!(matches!(clean(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn sequences_go_as_a_whole() {
        let cases = [
            ("\x1b[1;31mred\x1b[0m", "red"),
            ("\x1b[?25lhidden\x1b[?25h", "hidden"),
            ("\u{9b}2Jx", "x"),
            ("\x1b]0;title\x07x", "x"),
            ("\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\u{9d}52;c;QUJD\u{9c}x", "x"),
            ("\x1bPq#0\x07~\x1b\\x", "x"),
            ("\x1b_apc\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\x", "x"),
            ("\x1b(Bx\x1b7y\x1bcz", "xyz"),
            ("\x1b", ""),
            ("\x1b[", ""),
            ("\x1b[31", ""),
            ("\x1b\x1b[1mx", "x"),
            ("\x1b[1é", "é"),
            ("\x1b]0;broken off\x1b[1mx", "x"),
        ];
        for (dirty, expected) in cases {
            assert_eq!(clean(dirty), expected, "{dirty:?}");
        }
    }

    #[test]
    fn a_sequence_without_an_end_hides_nothing() {
        assert_eq!(clean("\x1b]0;RESULT is false."), "0;RESULT is false.");
        assert_eq!(clean("\x1bPRESULT is false."), "RESULT is false.");
        let many = "\x1b]".repeat(100_000);
        assert_eq!(clean(&many), "");
        for opening in ["\u{9d}\u{90}x", "\u{90}\u{9d}x", "\u{90}x"] {
            assert_eq!(clean(&opening.repeat(50_000)).len(), 50_000);
        }
    }

    #[test]
    fn what_divides_becomes_a_space_and_the_rest_goes() {
        assert_eq!(clean("a\tb\nc\r\nd\re\u{85}f\u{2028}g\u{2029}h"), "a b c d e f g h");
        assert_eq!(clean("a\0b\x08c\x7fd\u{80}e"), "abcde");
        assert_eq!(clean("\u{feff}a\u{202e}b\u{2066}c\u{200f}d\u{61c}e"), "abcde");
    }

    #[test]
    fn formulas_are_defused_and_numbers_are_not() {
        for formula in [
            "=1+1",
            "+cmd|' /C calc'!A0",
            "-2+3",
            "@SUM(A1)",
            "\tx",
            "\rx",
            "\nx",
            "＝1",
            "＠a",
            "-",
            "-inf",
            "+e",
        ] {
            assert_eq!(defuse(formula), format!("'{formula}"));
        }
        for harmless in ["", "a=b", "5", "-5", "+5.25", "-1e-3", "'=1", "1-2"] {
            assert!(matches!(defuse(harmless), Cow::Borrowed(_)), "{harmless}");
        }
    }

    #[test]
    fn what_controls_is_told_where_nothing_may_be_left_out() {
        assert!(matches!(visible("a b/ö"), Cow::Borrowed(_)));
        let told = visible("a\x1b[1m\n\0\u{9b}\u{202e}é");
        assert_eq!(told, "a\\u{1b}[1m\\n\\u{0}\\u{9b}\\u{202e}é");
    }

    #[test]
    fn a_document_says_the_same_without_what_controls() {
        assert!(matches!(harmless_json("{\n  \"a\": \"\\u001b é\"\n}\n"), Cow::Borrowed(_)));
        assert_eq!(
            harmless_json("\"a\u{7f}\u{9b}\u{2028}\u{202e}é\u{feff}\""),
            "\"a\\u007f\\u009b\\u2028\\u202eé\\ufeff\""
        );
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("äöüß", 3), "äö…");
        assert_eq!(cut("", 3), "");
        assert_eq!(cut("ab", 1), "…");
        assert_eq!(cut("ab", 0), "…");
    }

    /// Texts in which what matters here is frequent.
    fn hostile() -> impl Strategy<Value = String> {
        let special = "[\u{1b}\u{9b}\u{9c}\u{9d}\u{90}\u{07}\\[\\]P\\\\;0m\r\n\t\u{202e}\u{2028}=a ]{0,40}";
        prop_oneof![special.prop_map(String::from), any::<String>()]
    }

    proptest! {
        #[test]
        fn nothing_that_controls_is_left(text in hostile()) {
            let cleaned = clean(&text).into_owned();
            prop_assert!(!cleaned.contains(is_special), "{cleaned:?}");
            prop_assert!(cleaned.len() <= text.len());
            prop_assert!(matches!(clean(&cleaned), Cow::Borrowed(_)), "idempotent");
            let defused = defuse(&cleaned).into_owned();
            prop_assert!(!defused.starts_with(FORMULA) || is_number(&defused), "{defused:?}");
        }

        #[test]
        fn nothing_is_left_out_of_what_is_made_visible(text in hostile()) {
            let told = visible(&text).into_owned();
            prop_assert!(is_clean(&told), "{told:?}");
            let special = |text: &str| text.chars().filter(|c| is_special(*c)).count();
            prop_assert_eq!(told.matches('\\').count(), text.matches('\\').count() + special(&text));
        }

        #[test]
        fn a_harmless_document_has_nothing_that_controls(text in hostile()) {
            let harmless = harmless_json(&text).into_owned();
            prop_assert!(harmless.chars().all(|c| !is_special(c) || c < '\x7f'), "{harmless:?}");
            prop_assert!(matches!(harmless_json(&harmless), Cow::Borrowed(_)), "idempotent");
        }

        #[test]
        fn a_cut_text_has_the_length(text in any::<String>(), chars in 1_usize..50) {
            let short = cut(&text, chars);
            prop_assert!(short.chars().count() <= chars);
            prop_assert_eq!(&*short == text.as_str(), text.chars().count() <= chars);
        }
    }
}
