//! The lexer of ProVerif's typed language: words, numbers, strings and the symbols that end or divide things.
//!
//! Lenient where ProVerif is not: what is no token there is one here, and what is not closed ends with the text, which
//! is said. It must take any bytes: comments and names may be Latin-1.

use std::ops::Range;

use crate::comment::nested;

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// An identifier or a keyword; `inj-event` is one.
    Word(&'t [u8]),
    /// `12`, `1.5`, `1e3`.
    Number(&'t [u8]),
    /// A string, without its quotes and with its escapes as they stand.
    Text(&'t [u8]),
    /// `<-`
    Arrow,
    /// `==>`
    Implies,
    /// A symbol of one byte.
    Symbol(u8),
    /// What is longer and nobody asks for: `<->`, `&&`, `2-proj-3-tuple`.
    Other(&'t [u8]),
}

impl Token<'_> {
    /// Whether it is this word.
    pub(super) fn is(self, word: &str) -> bool {
        self == Token::Word(word.as_bytes())
    }
}

/// A token, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lexeme<'t> {
    pub(super) token: Token<'t>,
    /// Its bytes in the text.
    pub(super) at: Range<usize>,
    /// In which line it begins, counted from 1.
    pub(super) line: u32,
    /// Where the space and the comments before it begin.
    pub(super) gap: usize,
}

/// What ends with the text although it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unclosed {
    Comment(usize),
    Text(usize),
}

/// Cuts a text into tokens.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    line: u32,
    unclosed: Option<Unclosed>,
}

const OTHERS: [&[u8]; 11] = [b"<->", b"<-R", b"<=>", b"<=", b"<>", b">=", b"->", b"&&", b"||", b"==>", b"<-"];

impl<'t> Lexer<'t> {
    pub(super) const fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, line: 1, unclosed: None }
    }

    /// The tokens of a piece of a text that begins in this line; they are told by where they stand in the whole.
    pub(super) fn of(text: &'t [u8], piece: Range<usize>, line: u32) -> Self {
        Self { text: &text[..piece.end], at: piece.start, line, unclosed: None }
    }

    /// What was found to be unclosed, by where it begins; nothing follows it.
    pub(super) const fn unclosed(&self) -> Option<Unclosed> {
        self.unclosed
    }

    /// How far it has come.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'t [u8] {
        &self.text[self.at..]
    }

    /// Takes so many bytes; counts the lines that end in them.
    fn advance(&mut self, length: usize) -> &'t [u8] {
        let taken = &self.text[self.at..self.at + length];
        self.at += length;
        for (index, byte) in taken.iter().enumerate() {
            let next = taken.get(index + 1).or_else(|| self.text.get(self.at));
            let ends = *byte == b'\n' || (*byte == b'\r' && next != Some(&b'\n'));
            self.line = self.line.saturating_add(u32::from(ends));
        }
        taken
    }

    fn advance_while(&mut self, accept: impl Fn(u8) -> bool) -> &'t [u8] {
        self.advance(self.span(0, accept))
    }

    /// How many bytes from `from` on are accepted.
    fn span(&self, from: usize, accept: impl Fn(u8) -> bool) -> usize {
        self.rest()[from..].iter().take_while(|byte| accept(**byte)).count()
    }

    fn skip_comment(&mut self) {
        let rest = self.rest();
        let length = comment(rest).unwrap_or_else(|| {
            self.unclosed = Some(Unclosed::Comment(self.at));
            rest.len()
        });
        self.advance(length);
    }

    fn string(&mut self) -> Token<'t> {
        let start = self.at;
        self.advance(1);
        let rest = self.rest();
        let mut length = 0;
        while let Some(byte) = rest.get(length) {
            match byte {
                b'"' => {
                    let text = self.advance(length);
                    self.advance(1);
                    return Token::Text(text);
                }
                b'\\' => length += 2,
                _ => length += 1,
            }
        }
        self.unclosed = Some(Unclosed::Text(start));
        Token::Text(self.advance(rest.len()))
    }

    fn number(&mut self) -> Token<'t> {
        let is_digit = |byte: u8| byte.is_ascii_digit();
        let rest = self.rest();
        let mut length = self.span(0, is_digit);
        if rest[length..].starts_with(b"-proj-") {
            return Token::Other(self.advance_while(|byte| is_word(byte) || byte == b'-'));
        }
        let dot = usize::from(rest.get(length) == Some(&b'.'));
        let fraction = if dot == 1 { self.span(length + 1, is_digit) } else { 0 };
        let exponent = length + dot + fraction;
        let sign = 1 + usize::from(matches!(rest.get(exponent + 1), Some(b'+' | b'-')));
        if matches!(rest.get(exponent), Some(b'e' | b'E'))
            && rest.get(exponent + sign).is_some_and(u8::is_ascii_digit)
        {
            length = exponent + sign + self.span(exponent + sign, is_digit);
        } else if fraction > 0 {
            length = exponent;
        }
        // A dot that neither digits nor an exponent follow ends the declaration.
        Token::Number(self.advance(length))
    }

    fn word(&mut self) -> Token<'t> {
        const WITH_DASH: [&[u8]; 3] = [b"inj-event", b"optim-if", b"is-cst"];
        let length = self.span(0, is_word);
        let rest = self.rest();
        let longer = WITH_DASH.iter().find(|word| rest.starts_with(word) && length < word.len());
        Token::Word(self.advance(longer.map_or(length, |word| word.len())))
    }

    fn symbol(&mut self, byte: u8) -> Token<'t> {
        let rest = self.rest();
        let Some(other) = OTHERS.iter().find(|other| rest.starts_with(other)) else {
            self.advance(1);
            return Token::Symbol(byte);
        };
        match self.advance(other.len()) {
            b"<-" => Token::Arrow,
            b"==>" => Token::Implies,
            other => Token::Other(other),
        }
    }
}

impl<'t> Iterator for Lexer<'t> {
    type Item = Lexeme<'t>;

    fn next(&mut self) -> Option<Self::Item> {
        let gap = self.at;
        loop {
            let first = *self.rest().first()?;
            if first.is_ascii_whitespace() {
                self.advance_while(|byte| byte.is_ascii_whitespace());
            } else if self.rest().starts_with(b"(*") {
                self.skip_comment();
            } else {
                let (start, line) = (self.at, self.line);
                let token = match first {
                    b'"' => self.string(),
                    b'0'..=b'9' => self.number(),
                    _ if is_word(first) => self.word(),
                    _ => self.symbol(first),
                };
                return Some(Lexeme { token, at: start..self.at, line, gap });
            }
        }
    }
}

/// How long the comment is with which a text begins; `None` where it is not closed. Strings in it are nothing special.
pub(super) fn comment(text: &[u8]) -> Option<usize> {
    nested(text, [*b"(*", *b"*)"])
}

/// The comments in a gap between tokens, without their marks, each with where it begins.
pub(super) fn comments(text: &[u8], gap: Range<usize>) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = gap.start;
    std::iter::from_fn(move || {
        let rest = &text[at..gap.end];
        let start = at + rest.windows(2).position(|pair| pair == b"(*")?;
        at = start + comment(&text[start..gap.end])?;
        Some((start, &text[start + 2..at - 2]))
    })
}

/// Identifiers may hold letters of Latin-1, and those of UTF-8 do no harm here.
pub(super) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'\'' | 0x80..)
}

#[cfg(test)]
mod tests;
