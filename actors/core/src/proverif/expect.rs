//! What a model expects of itself: the result lines in its comment `EXPECTPV ... END`.

use thiserror::Error;

use super::grammar::{self, Said, Word};
use super::lexer::{self, Lexer};
use super::source::{self, Source};
use super::split::{Division, Origin, Part, Role};

/// Why nobody can say what the parts of a model should come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unsaid {
    /// The model's own queries are not asked.
    #[error("`EXPECTPV` is about the model's own queries, and others are asked")]
    OtherQueries,
    /// No such comment.
    #[error("there is no comment with `EXPECTPV` in the model")]
    NoBlock,
    /// More than one.
    #[error("`EXPECTPV` stands in line {first} and again in line {second}")]
    TwoBlocks {
        /// Where the first one begins.
        first: u32,
        /// Where the next one begins.
        second: u32,
    },
    /// A comment without its end.
    #[error("the `EXPECTPV` in line {line} has no `END`")]
    NoEnd {
        /// Where it begins.
        line: u32,
    },
    /// It did not end when it was written.
    #[error("the `EXPECTPV` in line {line} has no results")]
    NoResults {
        /// Where it begins.
        line: u32,
    },
    /// ProVerif tells results by what they are about, not in the order of the declarations.
    #[error("results of `public_vars` and of `real_or_random` do not come in the order of the queries")]
    OutOfOrder,
    /// They cannot be assigned one by one.
    #[error("the `EXPECTPV` in line {line} has {found} results, and the model asks for {asked}")]
    OtherCount {
        /// Where it begins.
        line: u32,
        /// How many it has, those of lemmas among them.
        found: usize,
        /// How many there should be.
        asked: usize,
    },
}

impl Division {
    /// What each part should come to: `true`, `false` or `cannot be proved`; of a group of statements the worst, and
    /// `mixed` where a model that stays whole asks for different things. A query that should be false is `false` here.
    ///
    /// # Errors
    /// Where that is not said, or not clearly.
    pub fn expected(&self, model: &Source<'_>) -> Result<Vec<&'static str>, Unsaid> {
        if self.parts.iter().any(|part| part.origin == Origin::Asked) {
            return Err(Unsaid::OtherQueries);
        }
        let (line, results) = results(model.text)?;
        match &self.parts[..] {
            [Part { role: Role::Equivalence, .. }] => {
                // What could not be proved is tried again in another form.
                let last = results.iter().rev().find(|(statement, _)| !grammar::may_be_lemma(statement));
                last.map(|(_, word)| vec![word.text()]).ok_or(Unsaid::NoResults { line })
            }
            parts => self.assign(parts, line, &results),
        }
    }

    /// Lemmas are proved first, then the queries in their order, as long as all of them are about one process.
    fn assign(
        &self,
        parts: &[Part],
        line: u32,
        results: &[(String, Word)],
    ) -> Result<Vec<&'static str>, Unsaid> {
        if !parts.iter().all(|part| part.is_plain) {
            return Err(Unsaid::OutOfOrder);
        }
        let first =
            |role| parts.iter().enumerate().filter(move |(_, part)| (part.role == Role::Lemma) == role);
        let in_order: Vec<_> = first(true).chain(first(false)).collect();
        let asked = in_order.iter().fold(self.before as usize, |sum, (_, part)| sum + part.results as usize);
        let mut rest = match results.get(self.before as usize..) {
            Some(rest) if results.len() == asked => rest,
            _ => return Err(Unsaid::OtherCount { line, found: results.len(), asked }),
        };
        let mut words = vec![""; parts.len()];
        for (place, part) in in_order {
            let (own, after) = rest.split_at(part.results as usize);
            words[place] = sum(part.role, own);
            rest = after;
        }
        Ok(words)
    }
}

/// What the results of a part come to, as they do in a run: those of one declaration to the worst of them, and those of many
/// to `mixed` where they differ.
fn sum(role: Role, results: &[(String, Word)]) -> &'static str {
    let words = || results.iter().map(|(_, word)| *word);
    let is_one = words().all(|word| results.first().is_some_and(|(_, first)| *first == word));
    match words().max_by_key(|word| word.badness()) {
        Some(worst) if is_one || role != Role::All => worst.text(),
        _ => "mixed",
    }
}

/// The results in the one comment that has some, and the line in which it begins.
fn results(text: &[u8]) -> Result<(u32, Vec<(String, Word)>), Unsaid> {
    let mut blocks = blocks(text);
    let Some((line, block)) = blocks.next() else { return Err(Unsaid::NoBlock) };
    if let Some((second, _)) = blocks.next() {
        return Err(Unsaid::TwoBlocks { first: line, second });
    }
    let lines = || block.split(|byte| *byte == b'\n').map(|line| line.trim_ascii());
    let is_end = |line: &&[u8]| line.starts_with(b"END");
    if lines().find(is_end).is_none() {
        return Err(Unsaid::NoEnd { line });
    }
    let of_line = |line: &[u8]| match Said::by(line) {
        Said::Result { statement, word, .. } => Some((String::from_utf8_lossy(statement).into_owned(), word)),
        _ => None,
    };
    let results: Vec<_> = lines().take_while(|line| !is_end(line)).filter_map(of_line).collect();
    if results.is_empty() { Err(Unsaid::NoResults { line }) } else { Ok((line, results)) }
}

/// The comments that say what is expected, each with its line.
fn blocks(text: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut tokens = Lexer::new(text);
    let gaps = std::iter::from_fn(move || {
        let before = tokens.at();
        match tokens.next() {
            Some(lexeme) => Some(lexeme.gap..lexeme.at.start),
            None if before < text.len() => Some(before..text.len()),
            None => None,
        }
    });
    let comments = gaps.flat_map(|gap| lexer::comments(text, gap));
    comments
        .filter(|(_, comment)| comment.trim_ascii_start().starts_with(b"EXPECTPV"))
        .map(|(start, comment)| (source::line_ends(text, 0..start).saturating_add(1), comment))
}

#[cfg(test)]
mod tests;
