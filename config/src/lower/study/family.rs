//! Which queries ask the same, each in another scenario: only between those an answer may follow from another.

use std::collections::HashMap;

use super::ask::Ask;

/// The families of a study.
#[derive(Default)]
pub(super) struct Families(HashMap<Question, u32>);

/// What is asked, and where.
#[derive(PartialEq, Eq, Hash)]
struct Question {
    model: usize,
    name: Box<str>,
    words: Box<[u8]>,
    assumptions: Box<[u8]>,
}

impl Families {
    /// The number of those that ask this of a model, in these words, where the same is taken for granted.
    pub(super) fn of(&mut self, model: usize, ask: &Ask, assumptions: &[u8]) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        let (name, words) = (ask.name.clone(), ask.words.clone());
        let question = Question { model, name, words, assumptions: assumptions.into() };
        *self.0.entry(question).or_insert(next)
    }
}
