//! Why a file is not what it should be: sentences without the file's name, which the caller knows.

use std::fmt;
use std::ops::Range;

use thiserror::Error;

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Counted from 1. A line ends with `\n`, `\r` or `\r\n`, as for ProVerif.
    pub line: u32,
    /// In bytes, counted from 1.
    pub column: u32,
}

impl Place {
    /// The place of a byte of which the line is known.
    pub(super) fn of(text: &[u8], at: usize, line: u32) -> Self {
        let before = &text[..at.min(text.len())];
        let start = memchr::memrchr2(b'\n', b'\r', before).map_or(0, |end| end + 1);
        Self {
            line,
            column: u32::try_from(before.len() - start).map_or(u32::MAX, |bytes| bytes.saturating_add(1)),
        }
    }

    /// The place of a byte.
    pub(super) fn find(text: &[u8], at: usize) -> Self {
        Self::of(text, at, line_ends(text, 0..at).saturating_add(1))
    }
}

/// How many lines end in a piece of a text.
pub(in crate::proverif) fn line_ends(text: &[u8], piece: Range<usize>) -> u32 {
    let ends = |at: &usize| text[*at] == b'\n' || (text[*at] == b'\r' && text.get(at + 1) != Some(&b'\n'));
    u32::try_from(piece.filter(ends).count()).unwrap_or(u32::MAX)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a file is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// A comment without end.
    #[error("this comment is never closed: comments nest, so that each `(*` needs a `*)` of its own")]
    OpenComment {
        /// Where the outermost one begins.
        at: Place,
    },
    /// A string without end.
    #[error("this string is never closed: a `\"` is missing")]
    OpenText {
        /// Where it begins.
        at: Place,
    },
    /// A declaration without end.
    #[error("this `{keyword}` does not end{}", Before(*next, keyword))]
    NoEnd {
        /// Where it begins.
        at: Place,
        /// What it begins with.
        keyword: &'static str,
        /// Where another one begins that cannot be in it.
        next: Option<Place>,
    },
    /// A model that verifies nothing.
    #[error("a model ends with `process` or `equivalence`, and here is neither")]
    NoMain {
        /// Where the text ends.
        at: Place,
    },
    /// A library with a main part.
    #[error(
        "a library has no `{}`: move it to the model",
        if *is_equivalence { "equivalence" } else { "process" }
    )]
    Main {
        /// Where it begins.
        at: Place,
        /// Which it is.
        is_equivalence: bool,
    },
    /// What some editors write before a text.
    #[error("the text begins with a byte order mark, which ProVerif does not read: save it without one")]
    Mark,
    /// Something where a declaration should begin.
    #[error("no declaration begins with `{found}`; is there a dot too much or a keyword too few before it?")]
    NoDeclaration {
        /// Where it stands.
        at: Place,
        /// What it is, shortened.
        found: Box<str>,
    },
    /// A declaration in a file of queries that is none.
    #[error(
        "only `query`, `weaksecret`, `noninterf` and `lemma` may stand in a file of queries, not `{keyword}`"
    )]
    NoQuery {
        /// Where it begins.
        at: Place,
        /// What it begins with.
        keyword: &'static str,
    },
    /// A comment that should name a declaration, and does not.
    #[error(
        "`@{word}` needs one name of ASCII letters, digits and `._-` that begins with a letter or a digit"
    )]
    TagName {
        /// Where the comment begins.
        at: Place,
        /// `query`, `sanity` or `lemma`.
        word: &'static str,
    },
    /// A comment that names what does not follow.
    #[error("`@{word}` names a {}, and a `{keyword}` follows", if *word == "lemma" { "lemma" } else { "query" })]
    TagMisfit {
        /// Where the comment begins.
        at: Place,
        /// `query`, `sanity` or `lemma`.
        word: &'static str,
        /// What the declaration begins with.
        keyword: &'static str,
    },
}

impl Fault {
    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> Place {
        match self {
            Self::Mark => Place { line: 1, column: 1 },
            Self::OpenComment { at }
            | Self::OpenText { at }
            | Self::NoEnd { at, .. }
            | Self::NoMain { at }
            | Self::Main { at, .. }
            | Self::NoDeclaration { at, .. }
            | Self::NoQuery { at, .. }
            | Self::TagName { at, .. }
            | Self::TagMisfit { at, .. } => *at,
        }
    }
}

/// What should have been there before what.
struct Before<'k>(Option<Place>, &'k str);

impl fmt::Display for Before<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = match self.1 {
            "def" => "braces are missing",
            "proof" => "a `}` is missing",
            _ => "a dot is missing",
        };
        match self.0 {
            Some(next) => write!(f, " before the next declaration in line {}: {missing}", next.line),
            None => write!(f, ": {missing}"),
        }
    }
}
