//! Queries that were over and are started again, by the group that they stand in or for their next round: the count takes them
//! back.

use std::sync::Arc;

use super::{Desk, Effect, News};
use crate::roster::Place;
use crate::tally::{Change, Class};

impl Desk {
    /// The names of the groups that have failed, in their order.
    #[must_use]
    pub fn failed_groups(&self) -> &[Arc<str>] {
        &self.failed_groups
    }

    /// Whether a query that is over may be started again, by the group that it stands in or for its next round; until then it is not
    /// forgotten.
    #[must_use]
    pub fn may_reopen(&self, query: Place) -> bool {
        self.roster.may_reopen(query) || self.roster.has(query)
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

    /// Those that are counted as done and that nobody will start again, as was thought, are forgotten as all others are.
    pub(super) fn let_go(&mut self, out: &mut Vec<Effect>) {
        let is_over_for_good = |place: &Place| !self.roster.may_reopen(*place);
        let mut places: Vec<_> = self.stands.keys().copied().filter(is_over_for_good).collect();
        places.sort_unstable();
        for query in places {
            self.stands.remove(&query);
            self.forget(query);
            out.push(Effect::Forget { query });
        }
    }
}
