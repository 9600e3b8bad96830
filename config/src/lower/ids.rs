//! Ids: what a query is called, and the patterns that name several.
//!
//! An id is shown, sorted and matched. It must never be used as a path as it is.

use std::sync::Arc;

use globset::GlobMatcher;
pub(super) use provisor_core::id::check;
use provisor_core::id::is_allowed;

use super::glob;
use crate::fault::Fault;
use crate::template::Point;

/// Whether a text may be one part of an id.
pub(super) fn is_part(text: &str) -> bool {
    !text.contains('/') && check(text).is_ok()
}

/// The id of a query that has none: its axis values, cleaned, as parts. Empty where nothing is left of one.
pub(super) fn of_points(points: &[Arc<Point>]) -> String {
    let parts: Vec<String> = points.iter().map(|point| cleaned(&point.text)).collect();
    if parts.iter().any(String::is_empty) { String::new() } else { parts.join("/") }
}

pub(super) fn cleaned(text: &str) -> String {
    let part = |part: &str| -> String {
        let clean: String =
            part.bytes().map(|byte| if is_allowed(byte) { byte.into() } else { '_' }).collect();
        // `-1` must not become the id of `1`.
        if clean.starts_with(|c: char| c.is_ascii_alphanumeric()) { clean } else { format!("x{clean}") }
    };
    let parts = text.split('/').filter(|part| !matches!(*part, "" | "." | ".."));
    parts.map(part).collect::<Vec<_>>().join("/")
}

/// A pattern on ids. Without a `/` it is about the last part only.
#[derive(Debug)]
pub struct IdPattern {
    matcher: Matcher,
    whole: bool,
}

#[derive(Debug)]
enum Matcher {
    /// Nothing in it means anything but itself. Of these there may be as many as queries.
    Exact(Box<str>),
    Glob(GlobMatcher),
}

impl IdPattern {
    /// Compiles a glob.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(pattern: &str) -> Result<Self, Fault> {
        let matcher = match pattern.contains(['*', '?', '[', ']', '{', '}', '\\']) {
            true => Matcher::Glob(glob::compile(pattern, true)?),
            false => Matcher::Exact(pattern.into()),
        };
        Ok(Self { matcher, whole: pattern.contains('/') })
    }

    /// Whether an id matches.
    #[must_use]
    pub fn matches(&self, id: &str) -> bool {
        let last = id.rsplit('/').next().unwrap_or(id);
        let text = if self.whole { id } else { last };
        match &self.matcher {
            Matcher::Exact(exact) => **exact == *text,
            Matcher::Glob(glob) => glob.is_match(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_safe_to_show_and_to_sort() {
        for id in ["a", "0", "a.b-c_d", "tls13/0rtt-replay/inj.pv", "A/9"] {
            assert_eq!(check(id), Ok(()), "{id}");
        }
        let long = "x".repeat(256);
        for id in [
            "", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "-x", ".x", "_x", "a b", "é", "a\0", "a\n",
            &long,
        ] {
            assert!(check(id).is_err(), "{id:?}");
        }
    }

    #[test]
    fn other_bytes_than_those_of_ids_become_underscores() {
        assert_eq!(cleaned("127.0.0.1:1161"), "127.0.0.1_1161");
        assert_eq!(cleaned("../models/a b.pv"), "models/a_b.pv");
        assert_eq!(cleaned("./a//b/"), "a/b");
        assert_eq!(cleaned("-O2"), "x-O2");
        assert_eq!(cleaned("é!"), "x___");
        assert_eq!(cleaned(".."), "");
    }

    #[test]
    fn a_pattern_without_a_slash_is_about_the_last_part() {
        let matches = |pattern: &str, id: &str| IdPattern::new(pattern).unwrap().matches(id);
        assert!(matches("inj*", "tls/injective"));
        assert!(!matches("tls*", "tls/injective"));
        assert!(matches("tls/*", "tls/injective"));
        assert!(!matches("tls/*", "tls/a/b"));
        assert!(matches("tls/**", "tls/a/b"));
        assert!(matches("*", "tls/a/b"));
        assert!(matches("b", "tls/a/b") && matches("tls/a/b", "tls/a/b"));
        assert!(!matches("a", "tls/a/b") && !matches("a/b", "tls/a/b"));
    }

    proptest::proptest! {
        #[test]
        fn a_cleaned_text_is_an_id_or_empty(text in "\\PC{0,80}") {
            let id = cleaned(&text);
            proptest::prop_assert!(id.is_empty() || check(&id).is_ok(), "{}", id);
        }
    }
}
