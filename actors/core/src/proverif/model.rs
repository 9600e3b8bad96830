//! What a model in ProVerif's typed language says about itself, without ProVerif: how much there is to prove.
//!
//! A real lexer and no parser: enough to tell a query from the word in a comment. It never judges whether the model
//! is correct, and whatever the bytes are, it comes to an end.

use std::collections::BTreeMap;

use super::lexer::{Lexeme, Lexer, Token};
use super::source::Kind;
use super::statement::Body;

/// What a model or a library says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// How many queries there are: those of one declaration, divided by `;`, count separately.
    pub queries: u32,
    /// How many declarations they stand in.
    pub query_declarations: u32,
    /// How many lemmas are to be proved; axioms and restrictions are not.
    pub lemmas: u32,
    /// The line of the first sign that an equivalence is to be proved: `choice` or `diff` in a process, or
    /// `equivalence`.
    pub equivalence: Option<u32>,
    /// The settings, in order.
    pub sets: Vec<Setting>,
}

/// `set name = value.`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Which setting.
    pub name: String,
    /// Its value as it stands there, without quotes.
    pub value: String,
    /// In which line, counted from 1.
    pub line: u32,
}

/// Scans the text of a `.pv` or `.pvl` file.
#[must_use]
pub fn scan(text: &[u8]) -> Facts {
    let mut scan =
        Scan { tokens: Lexer::new(text), facts: Facts::default(), open: None, macros: BTreeMap::new() };
    while let Some(Lexeme { token, line, .. }) = scan.tokens.next() {
        scan.declaration(token, line);
    }
    scan.facts
}

/// How much there is to prove.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    queries: u32,
    query_declarations: u32,
    lemmas: u32,
}

/// `def name(...) { declarations }`, and whether it was expanded already.
#[derive(Clone, Copy, Debug, Default)]
struct Macro {
    load: Load,
    is_expanded: bool,
}

struct Scan<'t> {
    tokens: Lexer<'t>,
    facts: Facts,
    /// The macro whose declarations these are.
    open: Option<&'t [u8]>,
    macros: BTreeMap<&'t [u8], Macro>,
}

impl<'t> Scan<'t> {
    fn declaration(&mut self, first: Token<'t>, line: u32) {
        let Token::Word(keyword) = first else {
            if first == Token::Symbol(b'}') {
                self.open = None;
            }
            return;
        };
        match keyword {
            b"query" => {
                let queries = self.statements(Kind::Query);
                self.add(Load { queries, query_declarations: 1, lemmas: 0 });
            }
            b"weaksecret" | b"noninterf" => {
                self.body();
                self.add(Load { queries: 1, query_declarations: 1, lemmas: 0 });
            }
            b"lemma" => {
                let lemmas = self.statements(Kind::Lemma);
                self.add(Load { lemmas, ..Load::default() });
            }
            b"set" => self.set(line),
            b"process" => self.process(None),
            b"equivalence" => {
                self.facts.equivalence.get_or_insert(line);
                self.process(None);
            }
            b"def" => self.define(),
            b"expand" => self.expand(),
            b"proof" => self.skip_to(Token::Symbol(b'}')),
            b"axiom" | b"restriction" | b"not" | b"nounif" | b"noselect" | b"select" => {
                self.skip_to(Token::Symbol(b'.'));
            }
            _ => self.process(Some(Token::Symbol(b'.'))),
        }
    }

    /// The tokens up to the dot that ends the declaration.
    fn body(&mut self) -> Vec<Lexeme<'t>> {
        self.tokens.by_ref().take_while(|lexeme| lexeme.token != Token::Symbol(b'.')).collect()
    }

    /// How many statements a declaration makes.
    fn statements(&mut self, kind: Kind) -> u32 {
        let tokens = self.body();
        Body::of(kind, tokens).count()
    }

    fn skip_to(&mut self, end: Token<'_>) {
        self.tokens.by_ref().find(|lexeme| lexeme.token == end);
    }

    /// Looks for two processes in one, also where a function or an equation makes them.
    fn process(&mut self, end: Option<Token<'_>>) {
        for Lexeme { token, line, .. } in self.tokens.by_ref() {
            if end == Some(token) {
                break;
            }
            if matches!(token, Token::Word(b"choice" | b"diff")) {
                self.facts.equivalence.get_or_insert(line);
            }
        }
    }

    fn set(&mut self, line: u32) {
        let tokens: Vec<_> = self.body().iter().map(|lexeme| lexeme.token).collect();
        if let [Token::Word(name), Token::Symbol(b'='), value] = tokens[..] {
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            let (Token::Word(value) | Token::Number(value) | Token::Text(value)) = value else { return };
            self.facts.sets.push(Setting { name: text(name), value: text(value), line });
        }
    }

    fn define(&mut self) {
        if let Some(Lexeme { token: Token::Word(name), .. }) = self.tokens.next() {
            self.macros.insert(name, Macro::default());
            self.open = Some(name);
        }
        self.skip_to(Token::Symbol(b'{'));
    }

    /// What a macro declares is counted where it stands; from its second expansion on, once more each time.
    fn expand(&mut self) {
        if let Some(Lexeme { token: Token::Word(name), .. }) = self.body().first()
            && let Some(known) = self.macros.get_mut(name)
            && std::mem::replace(&mut known.is_expanded, true)
        {
            let load = known.load;
            self.add(load);
        }
    }

    fn add(&mut self, load: Load) {
        let add = |count: &mut u32, more: u32| *count = count.saturating_add(more);
        add(&mut self.facts.queries, load.queries);
        add(&mut self.facts.query_declarations, load.query_declarations);
        add(&mut self.facts.lemmas, load.lemmas);
        if let Some(known) = self.open.and_then(|name| self.macros.get_mut(name)) {
            add(&mut known.load.queries, load.queries);
            add(&mut known.load.query_declarations, load.query_declarations);
            add(&mut known.load.lemmas, load.lemmas);
        }
    }
}

#[cfg(test)]
mod tests;
