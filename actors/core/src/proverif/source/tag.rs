//! Comments that name a declaration: `(* @query auth *)` before it or right after its keyword.

use super::fault::line_ends;
use super::{Fault, Kind, Lexeme, Place, Source};
use crate::proverif::lexer::{self, Lexer};

/// The name that a comment gives to a declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag<'t> {
    /// What the comment says that it is.
    pub kind: TagKind,
    /// ASCII letters, digits and `._-`, the first a letter or a digit.
    pub name: &'t str,
}

/// What a comment says that a declaration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagKind {
    /// `@query`
    Query,
    /// `@sanity`: a query that should be false, because what it denies should be possible.
    Sanity,
    /// `@lemma`
    Lemma,
}

const WORDS: [(&str, TagKind); 3] =
    [("query", TagKind::Query), ("sanity", TagKind::Sanity), ("lemma", TagKind::Lemma)];

/// The tag of a declaration that begins here, and what is wrong with it; the nearest one counts.
pub(super) fn of<'t>(source: &Source<'t>, first: &Lexeme<'t>, kind: Kind) -> (Option<Tag<'t>>, Vec<Fault>) {
    let (mut tag, mut faults) = (None, Vec::new());
    if !kind.is_asked() {
        return (None, faults);
    }
    let text = source.text;
    let after = Lexer::of(text, first.at.end..text.len(), first.line).next();
    let after = after.map_or(first.at.end, |next| next.at.start);
    let (before, after) = (first.gap..first.at.start, first.at.end..after);
    let comments = lexer::comments(text, before).chain(lexer::comments(text, after));
    for (start, comment) in comments {
        let Some((word, said, rest)) = tagged(comment) else { continue };
        let line = if start < first.at.start {
            first.line.saturating_sub(line_ends(text, start..first.at.start))
        } else {
            first.line.saturating_add(line_ends(text, first.at.end..start))
        };
        let at = Place::of(text, start, line);
        match name(rest) {
            None => faults.push(Fault::TagName { at, word }),
            Some(_) if (said == TagKind::Lemma) != (kind == Kind::Lemma) => {
                faults.push(Fault::TagMisfit { at, word, keyword: kind.keyword() });
            }
            Some(name) => tag = Some(Tag { kind: said, name }),
        }
    }
    (tag, faults)
}

/// What a comment that is a tag says.
fn tagged(comment: &[u8]) -> Option<(&'static str, TagKind, &[u8])> {
    let rest = comment.trim_ascii().strip_prefix(b"@")?;
    WORDS.iter().find_map(|(word, kind)| {
        let rest = rest.strip_prefix(word.as_bytes())?;
        let ends = rest.first().is_none_or(|byte| !lexer::is_word(*byte));
        ends.then_some((*word, *kind, rest.trim_ascii()))
    })
}

fn name(text: &[u8]) -> Option<&str> {
    let is_fit = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let begins = text.first().is_some_and(u8::is_ascii_alphanumeric);
    if begins && text.iter().all(is_fit) { std::str::from_utf8(text).ok() } else { None }
}
