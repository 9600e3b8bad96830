//! What a child printed, made fit to be shown: on one line of a terminal, in one cell of a table.
//!
//! Everything that is shown is hostile until it went through here. This must never be applied to what is kept: logs
//! and database hold the bytes as they came.

use std::borrow::Cow;

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

/// Keeps a spreadsheet from running a text as a formula: such a text gets a leading apostrophe. Numbers with a sign are
/// left alone, for they are none.
#[must_use]
pub fn defuse(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number(text);
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

fn is_special(c: char) -> bool {
    c.is_control() || is_line_divider(c) || is_invisible(c)
}

const fn is_line_divider(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Turns the direction of writing, or is a byte order mark.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{feff}')
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
        for formula in ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "\rx", "-", "-inf", "+e"] {
            assert_eq!(defuse(formula), format!("'{formula}"));
        }
        for harmless in ["", "a=b", "5", "-5", "+5.25", "-1e-3", "'=1", "1-2"] {
            assert!(matches!(defuse(harmless), Cow::Borrowed(_)), "{harmless}");
        }
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
            prop_assert!(!defuse(&cleaned).starts_with(['=', '@']));
        }

        #[test]
        fn a_cut_text_has_the_length(text in any::<String>(), chars in 1_usize..50) {
            let short = cut(&text, chars);
            prop_assert!(short.chars().count() <= chars);
            prop_assert_eq!(&*short == text.as_str(), text.chars().count() <= chars);
        }
    }
}
