//! A lemma as a query of its own, and as an axiom.
//!
//! ProVerif proves lemmas for queries only: without one, a lemma is an error. As a query a lemma says the same, but is
//! proved in another way where it may be used in proofs by induction, or where it concludes what the attacker or a table
//! has: what a lemma says of these must hold in a stronger sense. What a query can be told, it is told here; where there is
//! no room for that, it is written anew before the main part.

use super::edit::{Edit, Put};
use super::item::{Change, Item};
use crate::proverif::lexer::{Lexeme, Lexer, Token};
use crate::proverif::source::{Kind, Source};
use crate::proverif::statement;

/// Whether proofs are by induction where a declaration does not say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Induction {
    lemmas: bool,
    queries: bool,
}

impl Induction {
    /// What the settings of all texts together say; the last one of a name counts.
    pub(super) fn of<'s, 't: 's>(sources: impl Iterator<Item = &'s Source<'t>>) -> Self {
        let mut induction = Self::default();
        for source in sources {
            for (_, declaration) in source.outer().filter(|(_, declaration)| declaration.kind == Kind::Set) {
                let tokens: Vec<_> = source.tokens(declaration).map(|lexeme| lexeme.token).collect();
                let [_, Token::Word(name), _, Token::Word(value) | Token::Text(value), ..] = tokens[..]
                else {
                    continue;
                };
                let is_on = matches!(value, b"true" | b"yes");
                match name {
                    b"inductionLemmas" => induction.lemmas = is_on,
                    b"inductionQueries" => induction.queries = is_on,
                    _ => {}
                }
            }
        }
        induction
    }
}

/// Options of a lemma that a query may not have. They say how it is used, or what a query does anyway.
const NOT_OF_QUERIES: [&str; 3] = ["maxSubset", "removeEvents", "keepEvents"];

/// A lemma as what is asked.
pub(super) fn as_query(item: &Item<'_, '_>, defaults: Induction) -> Change {
    let body = &item.body;
    let said = if body.has_option("induction") {
        Some(true)
    } else if body.has_option("noInduction") {
        Some(false)
    } else {
        None
    };
    let induction = said.unwrap_or(defaults.lemmas);
    let proves_all = induction && body.count() > 1 && !body.has_option("maxSubset");
    let is_strong = !induction && concludes_knowledge(&body.tokens);
    if proves_all || is_strong {
        let edits = vec![Edit::blank(item.declaration.at.clone())];
        return Change { edits, instead: Some(anew(item, induction)), setting: None };
    }
    let mut edits = vec![keyword(item, "query")];
    for range in body.statements.iter().map(|statement| statement.tokens.clone()) {
        let tokens = &body.tokens[range];
        let clause = statement::clause(tokens).unwrap_or_default();
        if let [word, brace, .., end] = &tokens[clause] {
            edits.extend([word, brace, end].map(|lexeme| Edit::blank(lexeme.at.clone())));
        }
    }
    edits.extend(without_options(item, &NOT_OF_QUERIES));
    let setting = match said {
        None if induction && !defaults.queries => Some("set inductionQueries = true."),
        None if !induction && defaults.queries => Some("set inductionQueries = false."),
        _ => None,
    };
    Change { edits, instead: None, setting }
}

/// Whether what the attacker or a table has is concluded.
fn concludes_knowledge(tokens: &[Lexeme<'_>]) -> bool {
    let mut after = tokens.iter().skip_while(|lexeme| lexeme.token != Token::Implies);
    after.any(|lexeme| lexeme.token.is("attacker") || lexeme.token.is("table"))
}

/// A lemma as a query in one line, which is proved as the lemma would be.
fn anew(item: &Item<'_, '_>, induction: bool) -> Vec<u8> {
    let body = &item.body;
    let end = body.options.as_ref().map_or(body.tokens.len(), |options| options.start);
    let mut left_out = vec![false; body.tokens.len()];
    for range in body.statements.iter().map(|statement| statement.tokens.clone()) {
        let clause = statement::clause(&body.tokens[range.clone()]).unwrap_or_default();
        if !clause.is_empty() {
            let (first, last) = (range.start + clause.start, range.start + clause.end - 1);
            [first, first + 1, last].iter().for_each(|index| left_out[*index] = true);
        }
    }
    let mut text = b"query".to_vec();
    let tokens = body.tokens.iter().zip(&left_out).take(end).filter(|(_, left_out)| !**left_out);
    for (lexeme, _) in tokens {
        text.push(b' ');
        text.extend(in_line(&item.source.text[lexeme.at.clone()]));
    }
    let words: Vec<&[u8]> = if induction {
        let of_lemma = |word: &&[u8]| {
            let names = NOT_OF_QUERIES.iter().chain(&["induction"]);
            !names.into_iter().any(|name| name.as_bytes() == *word)
        };
        let own = body.option_words().map(|(_, word)| word).filter(of_lemma);
        own.chain([&b"induction"[..], b"proveAll"]).collect()
    } else {
        // By induction in name, without a use of it: only so is a query proved in the stronger sense.
        vec![b"induction", b"noneSat", b"noneVerif"]
    };
    text.extend_from_slice(b" [");
    text.extend_from_slice(&words.join(&b", "[..]));
    text.extend_from_slice(b"].");
    text
}

/// A lemma as something that is taken for granted, with these other changes of its statements.
pub(super) fn as_axiom(item: &Item<'_, '_>, statements: Vec<Edit>) -> Vec<Edit> {
    let mut edits = vec![keyword(item, "axiom")];
    edits.extend(statements);
    edits.extend(without_options(item, &["induction", "noInduction"]));
    edits
}

fn keyword(item: &Item<'_, '_>, word: &'static str) -> Edit {
    let start = item.declaration.at.start;
    Edit { at: start..start + item.declaration.kind.keyword().len(), put: Put::Word(word) }
}

/// Blanks some options, each with the comma that is too much then, and the brackets where none is left.
fn without_options(item: &Item<'_, '_>, dropped: &[&str]) -> Vec<Edit> {
    let body = &item.body;
    let Some(options) = body.options.clone() else { return Vec::new() };
    let is_dropped = |word: &[u8]| dropped.iter().any(|dropped| dropped.as_bytes() == word);
    if !body.option_words().any(|(_, word)| is_dropped(word)) {
        return Vec::new();
    }
    if body.option_words().all(|(_, word)| is_dropped(word)) {
        return vec![Edit::blank(body.tokens[options.start].at.start..body.tokens[options.end - 1].at.end)];
    }
    let (mut edits, mut comma, mut follows) = (Vec::new(), None, false);
    for lexeme in &body.tokens[options] {
        match lexeme.token {
            Token::Symbol(b',') => comma = Some(lexeme.at.clone()),
            Token::Word(word) => {
                let stays = !is_dropped(word);
                edits.extend(comma.take().filter(|_| !stays || !follows).map(Edit::blank));
                if !stays {
                    edits.push(Edit::blank(lexeme.at.clone()));
                }
                follows |= stays;
            }
            _ => {}
        }
    }
    edits
}

/// Tokens in one line, with a space where there was something between them.
pub(super) fn joined(tokens: Lexer<'_>, text: &[u8]) -> Vec<u8> {
    let mut line = Vec::new();
    for lexeme in tokens {
        if lexeme.gap < lexeme.at.start && !line.is_empty() {
            line.push(b' ');
        }
        line.extend(in_line(&text[lexeme.at]));
    }
    line
}

/// A token without the ends of lines that a string may have, where none should be.
fn in_line(token: &[u8]) -> impl Iterator<Item = u8> {
    token.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte })
}
