//! What stands in a file of ProVerif's typed language, declaration by declaration.
//!
//! It knows where declarations begin and end and what they are, not whether they are correct; that is ProVerif's to say.
//! Whatever the bytes are, it comes to an end, and what it could not read is a fault with its place. It must never
//! change a text: that is `split`'s.

mod fault;
mod kind;
mod tag;

use std::ops::Range;

pub(super) use self::fault::line_ends;
pub use self::fault::{Fault, Place};
pub use self::kind::Kind;
pub use self::tag::{Tag, TagKind};
use super::lexer::{Lexeme, Lexer, Token, Unclosed};

/// A file, read.
#[derive(Clone, Debug)]
pub struct Source<'t> {
    /// Its bytes.
    pub text: &'t [u8],
    /// What it declares, in order. What is declared in a macro follows the macro.
    pub declarations: Vec<Declaration<'t>>,
    /// What is verified.
    pub main: Option<Main>,
    /// The line of the first sign that an equivalence is to be proved: `choice` or `diff` where a process or a term is
    /// defined, or `equivalence`.
    pub equivalence: Option<u32>,
    /// Why it is not what it should be. What follows a fault of its structure is not read.
    pub faults: Vec<Fault>,
}

/// A declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration<'t> {
    /// What it declares.
    pub kind: Kind,
    /// Its bytes, from its keyword to the dot that ends it; a macro and a proof end with their brace.
    pub at: Range<usize>,
    /// In which line it begins, counted from 1.
    pub line: u32,
    /// The name that a comment gives it.
    pub tag: Option<Tag<'t>>,
    /// The macro in which it stands, by its place among the declarations.
    pub within: Option<usize>,
}

/// What stands at the end of a model, up to the end of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Main {
    /// `equivalence P Q`, not `process P`.
    pub is_equivalence: bool,
    /// Where its keyword begins.
    pub start: usize,
    /// In which line that is, counted from 1.
    pub line: u32,
}

/// What kind of file it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A model: it ends with `process` or `equivalence`.
    Model,
    /// A library: it has neither.
    Library,
    /// Queries and lemmas, and nothing else.
    Queries,
}

impl<'t> Source<'t> {
    /// Reads a file.
    #[must_use]
    pub fn read(text: &'t [u8], expected: Expected) -> Self {
        let source =
            Self { text, declarations: Vec::new(), main: None, equivalence: None, faults: Vec::new() };
        let mut reader = Reader { tokens: Lexer::new(text), source, expected, open: None };
        let structure = reader.file().err();
        let mut source = reader.source;
        source.faults.extend(structure);
        source
    }

    /// The declarations that stand in no macro, each with its place among all.
    pub(super) fn outer(&self) -> impl Iterator<Item = (usize, &Declaration<'t>)> {
        self.declarations.iter().enumerate().filter(|(_, declaration)| declaration.within.is_none())
    }

    /// The tokens of a declaration, from its keyword to its end.
    pub(super) fn tokens(&self, declaration: &Declaration<'_>) -> Lexer<'t> {
        Lexer::of(self.text, declaration.at.clone(), declaration.line)
    }

    /// The line and the column of a token.
    pub(super) fn place(&self, lexeme: &Lexeme<'_>) -> Place {
        Place::of(self.text, lexeme.at.start, lexeme.line)
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

struct Reader<'t> {
    tokens: Lexer<'t>,
    source: Source<'t>,
    expected: Expected,
    /// The macro whose declarations these are.
    open: Option<usize>,
}

impl<'t> Reader<'t> {
    fn file(&mut self) -> Result<(), Fault> {
        while let Some(first) = self.tokens.next() {
            self.declaration(&first)?;
            if self.source.main.is_some() {
                break;
            }
        }
        self.closed()?;
        if let Some(open) = self.open {
            let Declaration { at, line, .. } = &self.source.declarations[open];
            let at = Place::of(self.source.text, at.start, *line);
            return Err(Fault::NoEnd { at, keyword: "def", next: None });
        }
        if self.expected == Expected::Model && self.source.main.is_none() {
            return Err(Fault::NoMain { at: Place::find(self.source.text, self.source.text.len()) });
        }
        Ok(())
    }

    /// Whether all comments and strings so far are closed.
    fn closed(&self) -> Result<(), Fault> {
        match self.tokens.unclosed() {
            None => Ok(()),
            Some(Unclosed::Comment(at)) => Err(Fault::OpenComment { at: Place::find(self.source.text, at) }),
            Some(Unclosed::Text(at)) => Err(Fault::OpenText { at: Place::find(self.source.text, at) }),
        }
    }

    fn declaration(&mut self, first: &Lexeme<'t>) -> Result<(), Fault> {
        if first.token == Token::Symbol(b'}')
            && let Some(open) = self.open.take()
        {
            self.source.declarations[open].at.end = first.at.end;
            return Ok(());
        }
        if matches!(first.token, Token::Word(b"process" | b"equivalence")) && self.open.is_none() {
            return self.main(first);
        }
        let Some(kind) = Kind::begun_by(first.token).filter(|kind| *kind != Kind::Def || self.open.is_none())
        else {
            self.closed()?;
            if self.source.text.starts_with(BYTE_ORDER_MARK) && first.at.start == 0 {
                return Err(Fault::Mark);
            }
            return Err(Fault::NoDeclaration {
                at: self.source.place(first),
                found: shown(&self.source.text[first.at.clone()]),
            });
        };
        if self.expected == Expected::Queries && !kind.is_asked() {
            return Err(Fault::NoQuery { at: self.source.place(first), keyword: kind.keyword() });
        }
        let (tag, faults) = tag::of(&self.source, first, kind);
        self.source.faults.extend(faults);
        let place = self.source.declarations.len();
        let declaration =
            Declaration { kind, at: first.at.clone(), line: first.line, tag, within: self.open };
        self.source.declarations.push(declaration);
        let end = self.end(kind, first)?;
        self.source.declarations[place].at.end = end;
        if kind == Kind::Def {
            self.open = Some(place);
        }
        Ok(())
    }

    /// Goes on to the end of a declaration: to its dot or, where it has braces, to the one that opens a macro or closes
    /// a proof.
    fn end(&mut self, kind: Kind, first: &Lexeme<'t>) -> Result<usize, Fault> {
        let end = match kind {
            Kind::Def => Token::Symbol(b'{'),
            Kind::Proof => Token::Symbol(b'}'),
            _ => Token::Symbol(b'.'),
        };
        let keyword = kind.keyword();
        while let Some(lexeme) = self.tokens.next() {
            if lexeme.token == end {
                return Ok(lexeme.at.end);
            }
            if kind::only_begins(lexeme.token) {
                let (at, next) = (self.source.place(first), Some(self.source.place(&lexeme)));
                return Err(Fault::NoEnd { at, keyword, next });
            }
            if kind.may_hold_choice() {
                self.look_for_choice(&lexeme);
            }
        }
        self.closed()?;
        Err(Fault::NoEnd { at: self.source.place(first), keyword, next: None })
    }

    fn main(&mut self, first: &Lexeme<'t>) -> Result<(), Fault> {
        let is_equivalence = first.token.is("equivalence");
        let at = self.source.place(first);
        match self.expected {
            Expected::Model => {}
            Expected::Library => return Err(Fault::Main { at, is_equivalence }),
            Expected::Queries => {
                let keyword = if is_equivalence { "equivalence" } else { "process" };
                return Err(Fault::NoQuery { at, keyword });
            }
        }
        self.source.main = Some(Main { is_equivalence, start: first.at.start, line: first.line });
        if is_equivalence {
            self.source.equivalence.get_or_insert(first.line);
        }
        while let Some(lexeme) = self.tokens.next() {
            self.look_for_choice(&lexeme);
        }
        self.closed()
    }

    fn look_for_choice(&mut self, lexeme: &Lexeme<'t>) {
        if matches!(lexeme.token, Token::Word(b"choice" | b"diff")) {
            self.source.equivalence.get_or_insert(lexeme.line);
        }
    }
}

/// A piece of a text that is short enough for a sentence.
fn shown(piece: &[u8]) -> Box<str> {
    const MOST: usize = 24;
    let text = String::from_utf8_lossy(&piece[..piece.len().min(MOST)]);
    if piece.len() > MOST { format!("{text}...").into() } else { text.into() }
}

#[cfg(test)]
mod tests;
