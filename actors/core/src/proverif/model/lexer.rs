//! The lexer of ProVerif's typed language: words, numbers, strings and the symbols that end or divide things.
//!
//! Lenient where ProVerif is not: what is not a token is `Unknown`, what is not closed ends with the text.

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// An identifier or a keyword.
    Word(&'t [u8]),
    /// `12`, `1.5`, `1e3`.
    Number(&'t [u8]),
    /// A string, without its quotes and with its escapes as they stand.
    Text(&'t [u8]),
    /// `<-`
    Arrow,
    /// A symbol of one byte.
    Symbol(u8),
    /// What is longer and nobody asks for: `<->`, `<-R`, `2-proj-3-tuple`.
    Unknown,
}

/// Cuts a text into tokens, with the line in which each begins.
pub(super) struct Lexer<'t> {
    rest: &'t [u8],
    line: u32,
}

impl<'t> Lexer<'t> {
    pub(super) const fn new(text: &'t [u8]) -> Self {
        Self { rest: text, line: 1 }
    }

    /// Takes so many bytes; counts the lines that end in them.
    fn advance(&mut self, length: usize) -> &'t [u8] {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        for (index, byte) in taken.iter().enumerate() {
            let next = taken.get(index + 1).or_else(|| rest.first());
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
        self.rest[from..].iter().take_while(|byte| accept(**byte)).count()
    }

    /// Comments nest, and strings in them are nothing special.
    fn skip_comment(&mut self) {
        let mut depth = 0_usize;
        let mut length = 0;
        while let Some(pair) = self.rest.get(length..length + 2) {
            match pair {
                b"(*" => depth += 1,
                b"*)" => depth -= 1,
                _ => {
                    length += 1;
                    continue;
                }
            }
            length += 2;
            if depth == 0 {
                self.advance(length);
                return;
            }
        }
        self.advance(self.rest.len());
    }

    fn string(&mut self) -> Token<'t> {
        self.advance(1);
        let mut length = 0;
        while let Some(byte) = self.rest.get(length) {
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
        Token::Text(self.advance(self.rest.len()))
    }

    fn number(&mut self) -> Token<'t> {
        let digits = self.span(0, |byte| byte.is_ascii_digit());
        if self.rest[digits..].starts_with(b"-proj-") {
            self.advance_while(|byte| is_word(byte) || byte == b'-');
            return Token::Unknown;
        }
        let mut length = digits;
        if self.rest.get(length) == Some(&b'.') {
            let fraction = self.span(length + 1, |byte| byte.is_ascii_digit());
            // A dot that no digit follows ends the declaration.
            length += if fraction > 0 { fraction + 1 } else { 0 };
        }
        if matches!(self.rest.get(length), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.rest.get(length + 1), Some(b'+' | b'-')));
            if self.rest.get(length + 1 + sign).is_some_and(u8::is_ascii_digit) {
                length += 1 + sign;
                length += self.span(length, |byte| byte.is_ascii_digit());
            }
        }
        Token::Number(self.advance(length))
    }

    fn symbol(&mut self, byte: u8) -> Token<'t> {
        for (text, token) in [(&b"<->"[..], Token::Unknown), (b"<-R", Token::Unknown), (b"<-", Token::Arrow)]
        {
            if self.rest.starts_with(text) {
                self.advance(text.len());
                return token;
            }
        }
        self.advance(1);
        Token::Symbol(byte)
    }
}

impl<'t> Iterator for Lexer<'t> {
    type Item = (Token<'t>, u32);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let first = *self.rest.first()?;
            if first.is_ascii_whitespace() {
                self.advance_while(|byte| byte.is_ascii_whitespace());
            } else if self.rest.starts_with(b"(*") {
                self.skip_comment();
            } else {
                let line = self.line;
                let token = match first {
                    b'"' => self.string(),
                    b'0'..=b'9' => self.number(),
                    _ if is_word(first) => Token::Word(self.advance_while(is_word)),
                    _ => self.symbol(first),
                };
                return Some((token, line));
            }
        }
    }
}

/// Identifiers may hold letters of Latin-1, and those of UTF-8 do no harm here.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'\'' | 0x80..)
}
