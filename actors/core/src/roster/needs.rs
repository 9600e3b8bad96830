//! Queries that wait for what others come to. Whoever is told of a decision here says who may be asked now, and who never.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::answer::Answer;
use crate::book::Book;
use crate::plan::Need;

use super::{Place, Turn};

#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Who waits for whom, each once.
    awaited: HashMap<Place, Vec<Place>>,
    blocked: BTreeMap<Place, Blocked>,
}

#[derive(Debug)]
struct Blocked {
    turn: Turn,
    /// How many of its needs are not decided.
    open: usize,
}

/// What becomes of one that has waited.
#[derive(Debug)]
pub(super) enum Freed {
    /// All that it needs is as it has to be.
    May(Turn),
    /// Something is not: that, as a sentence.
    Never(Turn, Arc<str>),
}

/// What is known of another query.
pub(super) enum Known<'a> {
    Decided(&'a Answer),
    /// It is asked in this run.
    Open,
    /// Nobody asks it.
    Unasked,
}

impl Needs {
    /// Takes in a query before it is asked the first time. What becomes of it at once; nothing where it waits.
    pub(super) fn admit<'a>(
        &mut self,
        book: &Book,
        turn: Turn,
        known: impl Fn(Place) -> Known<'a>,
    ) -> Option<Freed> {
        let needs = needs(book, turn.query);
        let mut open = 0;
        for need in needs {
            match known(need.query) {
                Known::Decided(answer) if is_met(book, need, answer) => {}
                Known::Decided(answer) => return Some(failed(book, turn, need, Some(answer))),
                Known::Unasked => return Some(failed(book, turn, need, None)),
                Known::Open => open += 1,
            }
        }
        if open == 0 {
            return Some(Freed::May(turn));
        }
        for need in needs.iter().filter(|need| matches!(known(need.query), Known::Open)) {
            let waits = self.awaited.entry(need.query).or_default();
            if waits.last() != Some(&turn.query) {
                waits.push(turn.query);
            }
        }
        self.blocked.insert(turn.query, Blocked { turn, open });
        None
    }

    /// A query is decided: what becomes of those that have waited for it.
    pub(super) fn decide(&mut self, book: &Book, query: Place, answer: &Answer) -> Vec<Freed> {
        let waits = self.awaited.remove(&query).unwrap_or_default();
        waits.into_iter().filter_map(|waits| self.tell(book, waits, query, answer)).collect()
    }

    fn tell(&mut self, book: &Book, waits: Place, query: Place, answer: &Answer) -> Option<Freed> {
        let Blocked { turn, open } = self.blocked.remove(&waits)?;
        let about = || needs(book, waits).iter().filter(|need| need.query == query);
        if let Some(need) = about().find(|need| !is_met(book, need, answer)) {
            return Some(failed(book, turn, need, Some(answer)));
        }
        match open - about().count() {
            0 => Some(Freed::May(turn)),
            open => {
                self.blocked.insert(waits, Blocked { turn, open });
                None
            }
        }
    }

    /// Lets go of the first of those that wait for each other and for nobody else.
    pub(super) fn break_circle(&mut self, book: &Book) -> Option<Freed> {
        let (query, Blocked { turn, .. }) = self.blocked.pop_first()?;
        let needed = needs(book, query).iter().find(|need| self.awaited.contains_key(&need.query));
        let id = |place: Place| book.query(place).map_or("?", |query| &query.id);
        let why = needed.map_or_else(String::new, |need| {
            format!("needs `{}` to {}, which waits for others in a circle", id(need.query), need.condition)
        });
        Some(Freed::Never(turn, why.into()))
    }

    /// Takes this one out, if it is there.
    pub(super) fn strike(&mut self, query: Place) -> Option<Turn> {
        self.blocked.remove(&query).map(|blocked| blocked.turn)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.blocked.len()
    }
}

fn needs(book: &Book, query: Place) -> &[Need] {
    book.query(query).map_or(&[], |query| &query.needs)
}

fn is_met(book: &Book, need: &Need, answer: &Answer) -> bool {
    let expected = book.query(need.query).and_then(|query| query.expect.as_deref());
    answer.meets(&need.condition, expected)
}

/// `needs `m/s/lemma` to be true, which ended as false`.
fn failed(book: &Book, turn: Turn, need: &Need, answer: Option<&Answer>) -> Freed {
    let Need { query: needed, condition } = need;
    let id = book.query(*needed).map_or_else(|| format!("#{needed}"), |needed| needed.id.to_string());
    let how = answer.map_or_else(|| "was not asked".into(), |answer| format!("ended as {}", answer.words()));
    Freed::Never(turn, format!("needs `{id}` to {condition}, which {how}").into())
}
