//! Rows that are durable: what they count as, and how many are kept of a query that is asked again and again.

use std::sync::Arc;
use std::time::Duration;

use super::{Desk, Effect, News, Sent};
use crate::periodic::{Ring, Rounds};
use crate::plan::Care;
use crate::roster::Place;
use crate::row::Row;
use crate::tally::{Change, Class};
use crate::tick::Tick;

/// The last rounds of a query that is asked again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The last row of each, from the first to the last: so many as are kept.
    pub rows: Vec<Arc<Row>>,
    /// How many were there before those.
    pub fell_out: u64,
    /// What became of all rounds whose time has come.
    pub rounds: Rounds,
    /// For how long its host is spared from now on, where it is.
    pub spared: Option<Duration>,
}

impl Desk {
    /// What is known of the rounds of a query that is asked again and again and not forgotten.
    #[must_use]
    pub fn history(&self, now: Tick, query: Place) -> Option<History> {
        let (rounds, spared_until) = self.roster.rounds(now, query)?;
        let kept = self.histories.get(&query);
        Some(History {
            rows: kept.map(|kept| kept.iter().cloned().collect()).unwrap_or_default(),
            fell_out: kept.map_or(0, Ring::fell_out),
            rounds,
            spared: spared_until.map(|until| until - now),
        })
    }

    /// What became of the rounds of all queries so far.
    #[must_use]
    pub fn all_rounds(&self) -> Rounds {
        self.roster.all_rounds()
    }

    /// Rows are durable: now they count.
    pub(super) fn count(&mut self, rows: usize, out: &mut Vec<Effect>) {
        for _ in 0..rows {
            let Some(Sent { row, ran, is_reopened }) = self.unwritten.pop_front() else { break };
            let query = row.query;
            let fallen = self.keep(&row);
            if row.is_last() && !is_reopened {
                let done = if ran { Change::Done } else { Change::Foregone };
                let class = self.class_of(&row);
                self.note_standing(query, &class);
                out.push(Effect::Count(done(class)));
                self.forget(query);
            }
            out.push(Effect::Tell(News::Done(row)));
            if is_reopened {
                out.push(Effect::Tell(News::Reopened { query }));
            }
            let discard =
                |row: Arc<Row>| Effect::Discard { query, id: Arc::clone(&row.id), up_to: row.attempt };
            out.extend(fallen.filter(|row| row.attempt > 0).map(discard));
        }
    }

    /// Keeps the row of a round, and gives back the one for which there is no room any more.
    fn keep(&mut self, row: &Arc<Row>) -> Option<Arc<Row>> {
        let care = self.query(row.query).filter(|_| row.is_last())?.care.as_deref()?;
        let Care::Rounds { keep_last, .. } = *care else { return None };
        let ring = self.histories.entry(row.query).or_insert_with(|| Ring::new(keep_last.max(1)));
        ring.push(Arc::clone(row))
    }

    /// Nothing more is to be known of it, unless it may be started again.
    pub(super) fn forget(&mut self, query: Place) {
        self.roster.forget(query);
        if !self.roster.has(query) {
            self.histories.remove(&query);
        }
    }

    fn class_of(&self, row: &Row) -> Class {
        let expected = self.query(row.query).and_then(|query| query.expect.as_deref());
        Class::of(&row.outcome, expected)
    }
}
