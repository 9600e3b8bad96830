//! Queries that nobody wrote: for the secrets and the events that a model declares.
//!
//! What is generated is a text like one that somebody wrote, with a name for each query, and is read like it.

use std::collections::BTreeSet;

use super::lexer::{Lexeme, Token};
use super::source::{Declaration, Kind, Source};

/// A name that a model keeps from the attacker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret<'t> {
    /// It, as it stands there.
    pub name: &'t [u8],
    /// In which line it is declared, counted from 1.
    pub line: u32,
}

/// An event that a model declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'t> {
    /// Its name, as it stands there.
    pub name: &'t [u8],
    /// The types of its arguments.
    pub types: Vec<&'t [u8]>,
    /// In which line it is declared, counted from 1.
    pub line: u32,
}

/// What is `private` and declared: free names and constants. Names that `new` makes have no name outside of the process,
/// and those of macros have another one each time.
#[must_use]
pub fn secrets<'t>(source: &Source<'t>) -> Vec<Secret<'t>> {
    let mut secrets = Vec::new();
    for (_, declaration) in source.outer() {
        if !matches!(declaration.kind, Kind::Free | Kind::Const) {
            continue;
        }
        let tokens: Vec<_> = source.tokens(declaration).skip(1).collect();
        let is = |symbol| move |lexeme: &Lexeme<'_>| lexeme.token == Token::Symbol(symbol);
        let colon = tokens.iter().position(is(b':')).unwrap_or(tokens.len());
        let options = tokens.iter().position(is(b'[')).unwrap_or(tokens.len());
        if !tokens[options..].iter().any(|lexeme| lexeme.token.is("private")) {
            continue;
        }
        secrets.extend(words(&tokens[..colon.min(options)]).map(|(name, line)| Secret { name, line }));
    }
    secrets
}

/// The events that are declared, those of macros left out.
#[must_use]
pub fn events<'t>(source: &Source<'t>) -> Vec<Event<'t>> {
    let is_event = |(_, declaration): &(usize, &Declaration<'_>)| declaration.kind == Kind::Event;
    let read = |(_, declaration): (usize, &Declaration<'_>)| {
        let tokens: Vec<_> = source.tokens(declaration).skip(1).collect();
        let mut words = words(&tokens);
        let (name, line) = words.next()?;
        Some(Event { name, line, types: words.map(|(word, _)| word).collect() })
    };
    source.outer().filter(is_event).filter_map(read).collect()
}

fn words<'a, 't>(tokens: &'a [Lexeme<'t>]) -> impl Iterator<Item = (&'t [u8], u32)> + use<'a, 't> {
    tokens.iter().filter_map(|lexeme| match lexeme.token {
        Token::Word(word) => Some((word, lexeme.line)),
        _ => None,
    })
}

/// A file of queries: whether the attacker can have each of these, in a line each, named `secret_NAME`.
#[must_use]
pub fn for_secrets(secrets: &[Secret<'_>]) -> Vec<u8> {
    let mut text = Vec::new();
    for Secret { name, .. } in secrets {
        tag("secret", name, &mut text);
        text.extend([b"query attacker(", *name, b").\n"].concat());
    }
    text
}

/// A file of queries: whether each of these can happen, in a line each, named `event_NAME`.
#[must_use]
pub fn for_events(events: &[Event<'_>]) -> Vec<u8> {
    let mut text = Vec::new();
    let taken: BTreeSet<&[u8]> = events.iter().map(|event| event.name).collect();
    for Event { name, types, .. } in events {
        tag("event", name, &mut text);
        let variables: Vec<Vec<u8>> = (1_usize..)
            .map(|number| format!("x{number}").into_bytes())
            .filter(|variable| !taken.contains(&**variable))
            .take(types.len())
            .collect();
        let declared: Vec<Vec<u8>> =
            variables.iter().zip(types).map(|(variable, of)| [&**variable, b": ", of].concat()).collect();
        text.extend_from_slice(b"query ");
        if types.is_empty() {
            text.extend([b"event(", *name, b").\n"].concat());
        } else {
            text.extend(declared.join(&b", "[..]));
            text.extend([b"; event(", *name, b"(", &variables.join(&b", "[..]), b")).\n"].concat());
        }
    }
    text
}

/// What is no part of a name there is `_`.
fn tag(prefix: &str, name: &[u8], text: &mut Vec<u8>) {
    let fit = |byte: &u8| if byte.is_ascii_alphanumeric() { *byte } else { b'_' };
    text.extend_from_slice(format!("(* @query {prefix}_").as_bytes());
    text.extend(name.iter().map(fit));
    text.extend_from_slice(b" *) ");
}

#[cfg(test)]
mod tests;
