//! Values that know where they stand in the spec, so that a fault of meaning can be shown in its line.
//!
//! RON's deserializer tells no positions. But a borrowed raw value is a slice of the source, so its address tells
//! where it begins; the value itself is then read from the slice, and an error in there is moved to its place in
//! the whole. The source and that error live in a thread-local for the time of one `read`, because serde leaves no
//! other way through. Must never be used but through `read`.

use std::cell::RefCell;
use std::fmt;

use ron::extensions::Extensions;
use ron::value::RawValue;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

/// Where something stands in the text of a spec, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

impl Place {
    /// The line and the column (in characters) where it begins, both from one.
    #[must_use]
    pub fn line_column(self, text: &str) -> (usize, usize) {
        let mut start = self.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// A fault of structure: the text is no spec at all.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Structure {
    pub(crate) what: StructureFault,
    pub(crate) place: Place,
}

/// What is wrong with the structure.
#[derive(Clone, Debug, PartialEq, Error)]
pub(crate) enum StructureFault {
    #[error(transparent)]
    Ron(#[from] ron::Error),
    #[error("the key `{key}` is given twice")]
    KeyTwice { key: String, first: Place },
    #[error("expected {expected}")]
    Expected { expected: &'static str },
}

struct Reading {
    address: usize,
    length: usize,
    fault: Option<Structure>,
}

thread_local! {
    static READING: RefCell<Option<Reading>> = const { RefCell::new(None) };
}

fn options() -> ron::Options {
    ron::Options::default().with_default_extension(
        Extensions::IMPLICIT_SOME | Extensions::UNWRAP_NEWTYPES | Extensions::UNWRAP_VARIANT_NEWTYPES,
    )
}

/// Reads a whole text. Places are offsets into it.
pub(crate) fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Structure> {
    let reading = Reading { address: text.as_ptr().addr(), length: text.len(), fault: None };
    let outer = READING.replace(Some(reading));
    // A byte order mark is no fault of the one who wrote the spec.
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let result = options().from_str::<T>(body);
    let inner = READING.replace(outer).and_then(|reading| reading.fault);
    result.map_err(|error| inner.unwrap_or_else(|| located(error, body, text.len() - body.len())))
}

/// Keeps the first fault for `read`; what serde carries upwards is a mere sign that there is one.
fn report<E: serde::de::Error>(fault: Structure) -> E {
    let sign = E::custom(&fault.what);
    READING.with_borrow_mut(|reading| {
        if let Some(reading) = reading {
            reading.fault.get_or_insert(fault);
        }
    });
    sign
}

fn located(error: ron::de::SpannedError, text: &str, offset: usize) -> Structure {
    let start = offset_of(text, error.span.start);
    let end = offset_of(text, error.span.end).max(start);
    // RON's span begins where its cursor stood before: what is meant begins after white space and comments.
    let skipped = text[start..end].len() - skip_trivia(&text[start..end]).len();
    let after = matches!(error.code, ron::Error::TrailingCharacters);
    let start = if after { end } else { start + skipped };
    Structure { what: error.code.into(), place: Place { start: offset + start, end: offset + end } }
}

fn offset_of(text: &str, position: ron::de::Position) -> usize {
    let line_start = match position.line {
        0 | 1 => 0,
        line => text.match_indices('\n').nth(line - 2).map_or(text.len(), |(at, _)| at + 1),
    };
    let line = &text[line_start..];
    line.char_indices().nth(position.col.saturating_sub(1)).map_or(text.len(), |(at, _)| line_start + at)
}

/// A value not yet read, for those types whose form decides what they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'de> {
    pub(crate) text: &'de str,
    start: usize,
}

impl<'de> Raw<'de> {
    pub(crate) fn take<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get_ron();
        let text = skip_trivia(raw);
        let start = READING.with_borrow(|reading| {
            let reading = reading.as_ref()?;
            let start = text.as_ptr().addr().checked_sub(reading.address)?;
            (start + text.len() <= reading.length).then_some(start)
        });
        let start = start.ok_or_else(|| D::Error::custom("a value outside of the spec that is read"))?;
        Ok(Self { text, start })
    }

    /// What to underline: a whole word, number or string, or else the bracket that opens.
    pub(crate) fn place(self) -> Place {
        Place { start: self.start, end: self.start + extent(self.text) }
    }

    pub(crate) fn first(self) -> Option<char> {
        self.text.chars().next()
    }

    pub(crate) fn parse<T: Deserialize<'de>, E: serde::de::Error>(self) -> Result<T, E> {
        options().from_str(self.text).map_err(|error| report(located(error, self.text, self.start)))
    }

    pub(crate) fn refuse<E: serde::de::Error>(self, expected: &'static str) -> E {
        report(Structure { what: StructureFault::Expected { expected }, place: self.place() })
    }
}

/// Refuses the second of two equal keys.
pub(crate) fn key_twice<E: serde::de::Error>(key: &Spanned<impl fmt::Display>, first: Place) -> E {
    report(Structure {
        what: StructureFault::KeyTwice { key: key.value.to_string(), first },
        place: key.place,
    })
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        Ok(Self { value: raw.parse()?, place: raw.place() })
    }
}

/// Without leading white space and comments.
pub(crate) fn skip_trivia(text: &str) -> &str {
    let mut rest = text.trim_start();
    loop {
        let after = if let Some(comment) = rest.strip_prefix("//") {
            comment.find('\n').map_or("", |newline| &comment[newline..])
        } else if rest.starts_with("/*") {
            after_block_comment(rest)
        } else {
            return rest;
        };
        rest = after.trim_start();
    }
}

fn after_block_comment(text: &str) -> &str {
    let (mut depth, mut at) = (0usize, 0);
    let bytes = text.as_bytes();
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return &text[at..];
        }
    }
    ""
}

fn extent(text: &str) -> usize {
    let mut chars = text.char_indices();
    match chars.next() {
        Some((_, '"')) => {
            let mut escaped = false;
            for (at, c) in chars {
                match c {
                    '"' if !escaped => return at + 1,
                    '\\' => escaped = !escaped,
                    _ => escaped = false,
                }
            }
            text.len()
        }
        Some((_, c)) if is_word(c) => text.find(|c| !is_word(c)).unwrap_or(text.len()),
        Some((_, c)) => c.len_utf8(),
        None => 0,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+' | '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Thing {
        word: Spanned<String>,
        more: Option<Spanned<Vec<Spanned<i64>>>>,
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    enum Kind {
        Named(Spanned<String>),
    }

    fn at(text: &str, place: Place) -> &str {
        &text[place.start..place.end]
    }

    #[test]
    fn places_are_those_of_the_whole_text() {
        let text = "// é\n( word : /* a /* b */ */ \"x\\\"y\" /* after */ , more: [ 1,\n // two\n 22 ],\
                    kind: Named( // in\n \"in\" ),)";
        let thing: Thing = read(text).unwrap();
        assert_eq!(at(text, thing.word.place), "\"x\\\"y\"");
        assert_eq!(thing.word.value, "x\"y");
        let more = thing.more.unwrap();
        assert_eq!(at(text, more.place), "[");
        assert_eq!(at(text, more.value[1].place), "22");
        assert_eq!(more.value[1].place.line_column(text), (4, 2));
        let Some(Kind::Named(name)) = thing.kind else { panic!("no kind") };
        assert_eq!((at(text, name.place), &*name.value), ("\"in\"", "in"));
    }

    #[test]
    fn the_places_of_errors_inside_are_those_of_the_whole_text() {
        let text = "\u{feff}(\n word: \"é\",\n more: [1, /* x */ true],\n)";
        let fault = read::<Thing>(text).unwrap_err();
        assert_eq!(fault.place.line_column(text), (3, 20), "{fault:?}");
        let text = "(word: \"a\", mroe: [])";
        let fault = read::<Thing>(text).unwrap_err();
        assert_eq!(at(text, fault.place), "mroe");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[(){}\\[\\]\"/*,:a-c0-9.é\\n\\\\ -]*") {
            let _ = read::<Thing>(&text);
            let _ = skip_trivia(&text);
            let _ = extent(&text);
        }
    }
}
