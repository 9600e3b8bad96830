//! Queries that were over and are started again by the group that they stand in: the count takes them back.

use std::sync::Arc;

use super::{Desk, Effect, News};
use crate::roster::Place;
use crate::tally::{Change, Class};
use crate::tick::Tick;

impl Desk {
    /// The names of the groups that have failed, in their order.
    #[must_use]
    pub fn failed_groups(&self) -> &[Arc<str>] {
        &self.failed_groups
    }

    /// Whether a query that is over may be started again by the group that it stands in; until then it is not forgotten.
    #[must_use]
    pub fn may_reopen(&self, query: Place) -> bool {
        self.roster.may_reopen(query) || self.roster.has(query)
    }

    /// Nobody wants a query any more. One that is over is started again by no group, and forgotten as all others that are over:
    /// at once, where it is counted already.
    pub(super) fn cancel(&mut self, now: Tick, query: Place, forced: bool, out: &mut Vec<Effect>) {
        self.consult(out, |roster, orders| roster.cancel(now, query, forced, orders));
        if !self.roster.may_reopen(query) && self.stands.remove(&query).is_some() {
            self.roster.forget(query);
        }
    }

    /// A query that is over waits again. Where its last row is still on its way to the disk, it was not yet counted as done
    /// and never will be; who listens hears of that row first.
    pub(super) fn reopen(&mut self, query: Place, out: &mut Vec<Effect>) {
        let is_its_last = |sent: &&mut super::Sent| sent.row.query == query && sent.row.is_last();
        if let Some(sent) = self.unwritten.iter_mut().rev().find(is_its_last) {
            sent.is_reopened = true;
            if sent.ran {
                out.push(Effect::Count(Change::Requeued));
            }
        } else if let Some(class) = self.stands.remove(&query) {
            out.push(Effect::Count(Change::Reopened(class)));
            out.push(Effect::Tell(News::Reopened { query }));
        }
    }

    /// What it is counted as has to be known when it is taken back.
    pub(super) fn note_standing(&mut self, query: Place, class: &Class) {
        if self.roster.may_reopen(query) {
            self.stands.insert(query, class.clone());
        }
    }
}
