//! What a query, a lemma or an axiom says: its statements, and for which process each is meant.
//!
//! It reads tokens and knows nothing of terms.

use std::ops::Range;

use super::lexer::{Lexeme, Lexer, Token};
use super::source::Kind;

/// A declaration that states something, in its tokens.
#[derive(Clone, Debug)]
pub(super) struct Body<'t> {
    /// What follows the keyword, up to the dot.
    pub(super) tokens: Vec<Lexeme<'t>>,
    /// Its statements, in order.
    pub(super) statements: Vec<Statement<'t>>,
    /// The tokens of its options, from `[` to `]`.
    pub(super) options: Option<Range<usize>>,
}

/// One of those that `;` divides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement<'t> {
    /// Its tokens.
    pub(super) tokens: Range<usize>,
    /// For which process it is meant; `None` for `putbegin`, which states nothing.
    pub(super) subject: Option<Subject<'t>>,
}

/// The process about which something is stated: ProVerif makes one for each set of public variables, and one for each
/// secret that is to be told from random. Lemmas, axioms and restrictions count for the queries with the same subject
/// only, and one without such a query is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject<'t> {
    /// The public variables, in order of their bytes.
    pub(super) public: Vec<&'t [u8]>,
    /// What is to be indistinguishable from random.
    pub(super) random: Option<&'t [u8]>,
}

impl Subject<'_> {
    /// Whether it is the process as the model has it.
    pub(super) const fn is_plain(&self) -> bool {
        self.public.is_empty() && self.random.is_none()
    }
}

impl<'t> Body<'t> {
    /// Reads the declaration from which these tokens come, its keyword the first of them.
    pub(super) fn read(kind: Kind, mut tokens: Lexer<'t>) -> Self {
        tokens.next();
        Self::of(kind, tokens.take_while(|lexeme| lexeme.token != Token::Symbol(b'.')).collect())
    }

    /// Reads what stands between a keyword and a dot.
    pub(super) fn of(kind: Kind, tokens: Vec<Lexeme<'t>>) -> Self {
        let mut body = Self { tokens, statements: Vec::new(), options: None };
        if matches!(kind, Kind::WeakSecret | Kind::NonInterf) {
            // One verdict for all names; before them may stand the types of variables.
            let is = |symbol| move |lexeme: &Lexeme<'_>| lexeme.token == Token::Symbol(symbol);
            let has_types = body.tokens.iter().any(is(b':'));
            let types = body.tokens.iter().position(is(b';')).filter(|_| has_types);
            let tokens = types.map_or(0, |types| types + 1)..body.tokens.len();
            body.statements.push(Statement { tokens, subject: Some(Subject::default()) });
            return body;
        }
        body.options = options(&body.tokens);
        let end = body.options.as_ref().map_or(body.tokens.len(), |options| options.start);
        body.statements = statements(&body.tokens[..end], kind);
        body
    }

    /// How many verdicts it gets.
    pub(super) fn count(&self) -> u32 {
        let asked = self.statements.iter().filter(|statement| statement.subject.is_some());
        u32::try_from(asked.count()).unwrap_or(u32::MAX)
    }

    /// The processes about which something is stated, one for each statement.
    pub(super) fn subjects(&self) -> impl Iterator<Item = &Subject<'t>> {
        self.statements.iter().filter_map(|statement| statement.subject.as_ref())
    }

    /// The tokens of its options that are words.
    pub(super) fn option_words(&self) -> impl Iterator<Item = (usize, &'t [u8])> {
        self.options.clone().unwrap_or_default().filter_map(|index| match self.tokens[index].token {
            Token::Word(word) => Some((index, word)),
            _ => None,
        })
    }

    pub(super) fn has_option(&self, option: &str) -> bool {
        self.option_words().any(|(_, word)| word == option.as_bytes())
    }
}

/// The indices of the tokens that stand in no brackets.
fn outer(tokens: &[Lexeme<'_>]) -> impl Iterator<Item = usize> {
    let mut depth = 0_usize;
    tokens.iter().enumerate().filter_map(move |(index, lexeme)| {
        let before = depth;
        match lexeme.token {
            Token::Symbol(b'(' | b'[' | b'{') => depth += 1,
            Token::Symbol(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        (before == 0 || depth == 0).then_some(index)
    })
}

/// The brackets at the end, where they are the declaration's own: those of `new n[...]` and `choice[...]` are not, and
/// those after `secret x` only where they hold what can be said of any query.
fn options(tokens: &[Lexeme<'_>]) -> Option<Range<usize>> {
    const ANY: [&[u8]; 13] = [
        b"maxSubset",
        b"proveAll",
        b"noneSat",
        b"noneVerif",
        b"discardSat",
        b"discardVerif",
        b"fullSat",
        b"fullVerif",
        b"instantiateSat",
        b"instantiateVerif",
        b"induction",
        b"noInduction",
        b"keep",
    ];
    let opening = |index: &usize| tokens[*index].token == Token::Symbol(b'[');
    let start = outer(tokens).filter(opening).last()?;
    if tokens.last()?.token != Token::Symbol(b']') {
        return None;
    }
    let before = |back: usize| start.checked_sub(back).map(|index| tokens[index].token);
    if before(2).is_some_and(|token| token.is("new"))
        || before(1).is_some_and(|token| token.is("choice") || token.is("diff"))
    {
        return None;
    }
    let last = outer(&tokens[..start]).filter(|index| tokens[*index].token == Token::Symbol(b';')).last();
    let statement = &tokens[last.map_or(0, |divider| divider + 1)..start];
    let is_secret = statement.first().is_some_and(|first| first.token.is("secret"));
    let has_brackets = statement.last().is_some_and(|last| last.token == Token::Symbol(b']'));
    let is_any = |lexeme: &Lexeme<'_>| match lexeme.token {
        Token::Word(word) => ANY.contains(&word),
        token => token != Token::Symbol(b'='),
    };
    let of_declaration = !is_secret || has_brackets || tokens[start + 1..].iter().all(is_any);
    of_declaration.then_some(start..tokens.len())
}

/// The statements of `[x: t, y: t;] a; b`, where `x <- m; a` is one.
fn statements<'t>(tokens: &[Lexeme<'t>], kind: Kind) -> Vec<Statement<'t>> {
    let dividers: Vec<usize> =
        outer(tokens).filter(|index| tokens[*index].token == Token::Symbol(b';')).collect();
    let starts = std::iter::once(0).chain(dividers.iter().map(|divider| divider + 1));
    let ends = dividers.iter().copied().chain([tokens.len()]);
    let mut found = Vec::new();
    let mut begun = None;
    for (number, (start, end)) in starts.zip(ends).enumerate() {
        let piece = &tokens[start..end];
        match piece {
            [] => continue,
            [Lexeme { token: Token::Word(b"putbegin"), .. }, ..] => {
                found.push(Statement { tokens: start..end, subject: None });
            }
            [Lexeme { token: Token::Word(_), .. }, Lexeme { token: Token::Arrow, .. }, ..] => {
                begun.get_or_insert(start);
            }
            piece if number == 0 && piece.iter().any(|lexeme| lexeme.token == Token::Symbol(b':')) => {}
            piece => {
                let subject = if kind == Kind::Query { asked(piece) } else { assumed(piece) };
                let start = begun.take().unwrap_or(start);
                found.push(Statement { tokens: start..end, subject: Some(subject) });
            }
        }
    }
    found
}

/// The subject of a query: `F public_vars x, y` or `secret x public_vars y [real_or_random]`.
fn asked<'t>(tokens: &[Lexeme<'t>]) -> Subject<'t> {
    let public = match outer(tokens).find(|index| tokens[*index].token.is("public_vars")) {
        Some(index) => names(&tokens[index + 1..]),
        None => Vec::new(),
    };
    let random = match tokens {
        [
            Lexeme { token: Token::Word(b"secret"), .. },
            Lexeme { token: Token::Word(name), .. },
            rest @ ..,
        ] if is_random(rest) => Some(*name),
        _ => None,
    };
    Subject { public, random }
}

/// The subject of a lemma, an axiom or a restriction: `F for { public_vars x }` or
/// `F for { secret x public_vars y [real_or_random] }`.
fn assumed<'t>(tokens: &[Lexeme<'t>]) -> Subject<'t> {
    match clause(tokens) {
        Some(clause) => asked(&tokens[clause.start + 2..clause.end - 1]),
        None => Subject::default(),
    }
}

/// The tokens of `for { ... }`.
pub(super) fn clause(tokens: &[Lexeme<'_>]) -> Option<Range<usize>> {
    let start = outer(tokens).find(|index| tokens[*index].token.is("for"))?;
    let opens = tokens.get(start + 1)?.token == Token::Symbol(b'{');
    let length = tokens.get(start + 2..)?.iter().position(|lexeme| lexeme.token == Token::Symbol(b'}'))?;
    opens.then_some(start..start + 2 + length + 1)
}

/// The names of a list, in order of their bytes, up to where it ends.
fn names<'t>(tokens: &[Lexeme<'t>]) -> Vec<&'t [u8]> {
    let mut names: Vec<&[u8]> = tokens
        .iter()
        .map_while(|lexeme| match lexeme.token {
            Token::Word(word) => Some(Some(word)),
            Token::Symbol(b',') => Some(None),
            _ => None,
        })
        .flatten()
        .collect();
    names.sort_unstable();
    names
}

/// Whether the options of a secret say that it is to be told from random; the last of them counts.
fn is_random(tokens: &[Lexeme<'_>]) -> bool {
    let told = tokens.iter().rev().find_map(|lexeme| match lexeme.token {
        Token::Word(b"real_or_random" | b"pv_real_or_random") => Some(true),
        Token::Word(b"reachability" | b"pv_reachability") => Some(false),
        _ => None,
    });
    told.unwrap_or(false)
}

#[cfg(test)]
mod tests;
