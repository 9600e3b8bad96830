//! Tamarin: which lemmas a theory states.
//!
//! A lexer and no parser: it knows comments and formal comments, and finds `lemma NAME [...]:`. Whatever the bytes are,
//! it comes to an end. Must never judge whether a theory is correct.

use crate::comment::nested;

/// A lemma of a theory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lemma<'t> {
    /// Its name: letters, digits and `_`.
    pub name: &'t [u8],
    /// What it states.
    pub kind: Kind,
    /// In which line it begins, counted from 1.
    pub line: u32,
    /// Whether it stands between `#ifdef` and `#endif`, so that it depends on a flag whether it is there.
    pub is_conditional: bool,
}

/// What a lemma states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A property of traces.
    Trace,
    /// `diffLemma`: that two systems cannot be told apart.
    Diff,
    /// Accountability: Tamarin makes several lemmas of it, whose names begin with its own and `_`.
    Accountability,
}

/// The lemmas of a theory, in order.
#[must_use]
pub fn lemmas(text: &[u8]) -> Vec<Lemma<'_>> {
    let mut words = Words { text, at: 0, line: 1 };
    let (mut lemmas, mut depth) = (Vec::new(), 0_usize);
    while let Some((word, line)) = words.next() {
        match word {
            b"#ifdef" => depth += 1,
            b"#endif" => depth = depth.saturating_sub(1),
            b"lemma" | b"diffLemma" => {
                let found = words.clone().stated(word == b"diffLemma");
                lemmas.extend(found.map(|(name, kind)| Lemma {
                    name,
                    kind,
                    line,
                    is_conditional: depth > 0,
                }));
            }
            _ => {}
        }
    }
    lemmas
}

/// Words and symbols without the comments between them, each with its line.
#[derive(Clone)]
struct Words<'t> {
    text: &'t [u8],
    at: usize,
    line: u32,
}

impl<'t> Words<'t> {
    /// The name and the kind of a lemma after its keyword, where one is stated.
    fn stated(&mut self, is_diff: bool) -> Option<(&'t [u8], Kind)> {
        let mut name = self.next()?.0;
        if name == b"(" {
            // `lemma (modulo E) NAME`
            self.skip_to(b")")?;
            name = self.next()?.0;
        }
        if !name.first()?.is_ascii_alphanumeric() {
            return None;
        }
        let mut next = self.next()?.0;
        if next == b"[" {
            self.skip_to(b"]")?;
            next = self.next()?.0;
        }
        if next != b":" {
            return None;
        }
        let kind = if is_diff {
            Kind::Diff
        } else if self.is_about_accounts() {
            Kind::Accountability
        } else {
            Kind::Trace
        };
        Some((name, kind))
    }

    /// `a, b account for "..."`
    fn is_about_accounts(&mut self) -> bool {
        let is_listed = |word: &[u8]| word == b"," || word.first().is_some_and(u8::is_ascii_alphanumeric);
        let mut listed = self.map(|(word, _)| word).take_while(|word| is_listed(word));
        listed.any(|word| matches!(word, b"account" | b"accounts"))
    }

    /// Goes on behind this symbol, which must come before the next lemma.
    fn skip_to(&mut self, end: &[u8]) -> Option<()> {
        let found = self.find(|(word, _)| *word == end || matches!(*word, b"lemma" | b"diffLemma"))?;
        (found.0 == end).then_some(())
    }

    fn advance(&mut self, length: usize) -> &'t [u8] {
        let taken = &self.text[self.at..self.at + length];
        self.at += length;
        let ends = taken.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(ends).unwrap_or(u32::MAX));
        taken
    }
}

impl<'t> Iterator for Words<'t> {
    type Item = (&'t [u8], u32);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = &self.text[self.at..];
            let first = *rest.first()?;
            let word = rest.iter().take_while(|byte| is_word(**byte)).count();
            if let Some(skipped) = skipped(rest, word) {
                self.advance(skipped);
                continue;
            }
            let line = self.line;
            let hash = usize::from(first == b'#');
            let letters = rest[hash..].iter().take_while(|byte| is_word(**byte)).count();
            return Some((self.advance(hash + letters.max(1 - hash)), line));
        }
    }
}

/// How many bytes are space or a comment, where a text begins with one. Comments nest; a formal one, `text{* ... *}`,
/// does not. A formula may hold comments although it stands in quotes; what is not closed ends with the text.
fn skipped(text: &[u8], word: usize) -> Option<usize> {
    let space = text.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    if space > 0 {
        return Some(space);
    }
    let is_formal = word > 0 && text[..word].iter().all(u8::is_ascii_alphabetic);
    if is_formal && text[word..].starts_with(b"{*") {
        let body = &text[word + 2..];
        let end = body.windows(2).position(|pair| pair == b"*}");
        return Some(end.map_or(text.len(), |end| word + 2 + end + 2));
    }
    if text.starts_with(b"//") {
        return Some(text.iter().take_while(|byte| **byte != b'\n').count());
    }
    if !text.starts_with(b"/*") {
        return None;
    }
    Some(nested(text, [*b"/*", *b"*/"]).unwrap_or(text.len()))
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests;
