//! The screen: one search over a whole chunk for every line that could mean something.
//!
//! Nearly all output means nothing, so nearly all of it is passed over at the speed of a vectorised search and never
//! cut into lines. The screen may name a line that turns out to mean nothing; it must never pass over one that does.

use regex::bytes::Regex;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{
    Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look,
};

use super::Pattern;

/// Which lines of a stream are worth reading.
#[derive(Debug)]
pub(crate) enum Screen {
    /// None: nobody listens.
    Nothing,
    /// All: some pattern matches an empty line, or is too large to be searched for at once.
    Every,
    /// Those in which this occurs.
    Some(Search),
}

/// A search that never matches across a line end.
#[derive(Debug)]
pub(crate) struct Search {
    regex: Regex,
    /// It may miss what a rule sees in text that is not UTF-8.
    needs_utf8: bool,
}

impl Screen {
    /// A screen that lets pass every line that one of the patterns matches or one of the texts occurs in.
    pub(crate) fn new<'p>(patterns: impl Iterator<Item = &'p Pattern>, texts: &[&str]) -> Self {
        let mut needs_utf8 = false;
        let patterns = patterns.map(|pattern| {
            needs_utf8 |= matches!(pattern, Pattern::Regex(_));
            sought(pattern)
        });
        let Some(mut parts) =
            texts.iter().map(|text| Some(literal(text))).chain(patterns).collect::<Option<Vec<_>>>()
        else {
            return Self::Every;
        };
        parts.retain(|part| part.properties().minimum_len().is_some());
        if parts.is_empty() {
            return Self::Nothing;
        }
        let whole = Hir::alternation(parts);
        if whole.properties().minimum_len() == Some(0) {
            return Self::Every;
        }
        match Regex::new(&whole.to_string()) {
            Ok(regex) => Self::Some(Search { regex, needs_utf8 }),
            Err(_) => Self::Every,
        }
    }

    /// The search that finds every line worth reading in a region of whole lines, if there is one.
    pub(crate) fn over(&self, region: &[u8]) -> Option<&Regex> {
        match self {
            Self::Some(search) if !search.needs_utf8 || std::str::from_utf8(region).is_ok() => {
                Some(&search.regex)
            }
            _ => None,
        }
    }
}

/// What to search for in a chunk, so that every line which the pattern matches by itself is found.
///
/// A prefix or suffix is sought anywhere: a plain text is found faster than an anchored one, and the line is judged
/// again by itself.
fn sought(pattern: &Pattern) -> Option<Hir> {
    match pattern {
        Pattern::Contains(text) | Pattern::Prefix(text) | Pattern::Suffix(text) => Some(literal(text)),
        Pattern::Regex(regex) => {
            let hir = ParserBuilder::new().utf8(false).build().parse(regex).ok()?;
            Some(within_lines(&hir))
        }
    }
}

fn literal(text: &str) -> Hir {
    within_lines(&Hir::literal(text.as_bytes()))
}

/// The same expression, bound to one line of many.
///
/// What stood for the ends of the text now stands for the ends of a line, and nothing consumes a line end. A line
/// holds no line end itself, so wherever the expression matches in a line alone, this one matches in the chunk.
/// The end of a line is before its `\r\n`, too: there the expression may find more than it would by itself.
fn within_lines(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) if literal.0.contains(&b'\n') => Hir::fail(),
        HirKind::Literal(literal) => Hir::literal(literal.0.clone()),
        HirKind::Class(class) => Hir::class(without_line_end(class)),
        HirKind::Look(look) => Hir::look(match look {
            Look::Start => Look::StartLF,
            Look::End | Look::EndLF => Look::EndCRLF,
            other => *other,
        }),
        HirKind::Repetition(repetition) => Hir::repetition(repetition.with(within_lines(&repetition.sub))),
        HirKind::Capture(capture) => within_lines(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(within_lines).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(within_lines).collect()),
    }
}

fn without_line_end(class: &Class) -> Class {
    match class.clone() {
        Class::Unicode(mut class) => {
            class.difference(&ClassUnicode::new([ClassUnicodeRange::new('\n', '\n')]));
            Class::Unicode(class)
        }
        Class::Bytes(mut class) => {
            class.difference(&ClassBytes::new([ClassBytesRange::new(b'\n', b'\n')]));
            Class::Bytes(class)
        }
    }
}
