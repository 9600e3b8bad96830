//! Names that are derived from what is asked, for those to which no comment gives one.

use crate::proverif::lexer::{Lexeme, Token};
use crate::proverif::source::Kind;
use crate::proverif::statement::Body;

/// Longer ones are cut: a name is part of an id and of a file's name.
const MOST: usize = 80;

/// `event(A(x)) ==> event(B(x))` becomes `A_B`, `attacker(s)` becomes `attacker_s`; of several statements the first one
/// counts, and how many more there are.
pub(super) fn derived(kind: Kind, body: &Body<'_>) -> Box<str> {
    let mut statements = body.statements.iter().filter(|statement| statement.subject.is_some());
    let mut pieces = Vec::new();
    if kind != Kind::Query {
        pieces.push(kind.keyword().as_bytes());
    }
    if let Some(first) = statements.next() {
        of_statement(&body.tokens[first.tokens.clone()], &mut pieces);
    }
    let mut name = joined(&pieces);
    match statements.count() {
        0 => {}
        more => name.push_str(&format!("_and_{more}_more")),
    }
    if name.is_empty() { kind.keyword().into() } else { name.into() }
}

fn of_statement<'t>(tokens: &[Lexeme<'t>], pieces: &mut Vec<&'t [u8]>) {
    let has = |token| tokens.iter().any(|lexeme| lexeme.token == token);
    match tokens.first().map(|lexeme| lexeme.token) {
        Some(Token::Word(b"event" | b"inj-event")) if !has(Token::Implies) => pieces.push(b"event"),
        _ if has(Token::Word(b"inj-event")) => pieces.push(b"inj"),
        _ => {}
    }
    let is_secret = tokens.first().is_some_and(|first| first.token.is("secret"));
    let mut rest = tokens;
    while let [first, after @ ..] = rest {
        rest = after;
        match first.token {
            Token::Word(b"event" | b"inj-event") => {
                let inside = within(after);
                pieces.extend(after[..inside].iter().find_map(word));
                rest = &after[inside..];
            }
            // Which step it is.
            Token::Symbol(b'@') => rest = after.get(1..).unwrap_or_default(),
            // The bindings of a name say nothing to a reader, what is meant by a secret does.
            Token::Symbol(b'[') => {
                let end = after.iter().position(|lexeme| lexeme.token == Token::Symbol(b']'));
                let (inside, outside) = after.split_at(end.unwrap_or(after.len()));
                if is_secret {
                    let is_usual = |word: &&[u8]| matches!(*word, b"reachability" | b"pv_reachability");
                    pieces.extend(inside.iter().filter_map(word).filter(|word| !is_usual(word)));
                }
                rest = outside;
            }
            Token::Word(b"new" | b"not" | b"let" | b"in" | b"for") => {}
            _ => pieces.extend(word(first)),
        }
    }
}

/// How many of the tokens after a keyword are its arguments in brackets.
fn within(tokens: &[Lexeme<'_>]) -> usize {
    let mut depth = 0_usize;
    for (index, lexeme) in tokens.iter().enumerate() {
        match lexeme.token {
            Token::Symbol(b'(') => depth += 1,
            Token::Symbol(b')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    tokens.len()
}

fn word<'t>(lexeme: &Lexeme<'t>) -> Option<&'t [u8]> {
    match lexeme.token {
        Token::Word(word) | Token::Number(word) => Some(word),
        _ => None,
    }
}

/// Words as one, of what may stand in an id.
fn joined(words: &[&[u8]]) -> String {
    let fit = |byte: &u8| {
        if byte.is_ascii_alphanumeric() || b"._-".contains(byte) { char::from(*byte) } else { '_' }
    };
    let mut name = String::new();
    for word in words {
        if !name.is_empty() {
            name.push('_');
        }
        name.extend(word.iter().map(fit));
        if name.len() > MOST {
            name.truncate(MOST);
            break;
        }
    }
    name.trim_start_matches(|first: char| !first.is_ascii_alphanumeric()).trim_end_matches('_').to_owned()
}
