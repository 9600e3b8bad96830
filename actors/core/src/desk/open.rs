//! A desk that is open: queries come while the run goes on, and it is not over before it is closed.

use std::sync::Arc;

use super::{Desk, Effect, News};
use crate::plan::{After, Query};
use crate::roster::{Place, Refusal};
use crate::tally::Change;
use crate::tick::Tick;

impl Desk {
    /// Lets queries come until [`Event::Closed`](super::Event::Closed).
    pub fn open(&mut self) {
        self.is_open = true;
        self.roster.open();
    }

    /// Whether more may be asked. A run that was stopped or cannot go on asks nothing more.
    #[must_use]
    pub fn takes_in(&self) -> bool {
        self.is_open
            && self.failure.is_none()
            && self.roster.stopping().is_none()
            && self.roster.exhausted().is_none()
    }

    /// The query at a place: one of the plan, or one that came later and is not over.
    #[must_use]
    pub fn query(&self, place: Place) -> Option<&Query> {
        self.roster.book().query(place)
    }

    /// Where the query with this id stands, if it is one of the plan or not over.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Place> {
        self.roster.book().find(id)
    }

    /// Whether a query is there and not over: its row is not written yet.
    #[must_use]
    pub fn is_undecided(&self, place: Place) -> bool {
        self.roster.has(place)
    }

    /// The places of all queries that are not over and whose ids are `meant`, in their order.
    #[must_use]
    pub fn find_all(&self, meant: impl Fn(&str) -> bool) -> Vec<Place> {
        let is_meant = |place: &Place| self.query(*place).is_some_and(|query| meant(&query.id));
        self.roster.places().into_iter().filter(is_meant).collect()
    }

    /// Takes in a query, behind all others, and says where it stands.
    ///
    /// # Errors
    /// Why not; then nothing has changed.
    pub fn submit(&mut self, now: Tick, query: Arc<Query>, out: &mut Vec<Effect>) -> Result<Place, Refusal> {
        self.submit_after(now, query, &[], out)
    }

    /// The same, where it is not to start before these are over.
    ///
    /// # Errors
    /// Why not; then nothing has changed.
    pub fn submit_after(
        &mut self,
        now: Tick,
        query: Arc<Query>,
        after: &[After],
        out: &mut Vec<Effect>,
    ) -> Result<Place, Refusal> {
        if !self.takes_in() {
            return Err(Refusal::Closed);
        }
        let mut taken = Err(Refusal::Closed);
        let from = out.len();
        self.consult(out, |roster, orders| taken = roster.submit(now, query, after, orders));
        let place = taken?;
        tell_of(&[place], from, out);
        Ok(place)
    }

    /// Takes in queries that race each other, behind all others, and says where they stand.
    ///
    /// # Errors
    /// Why one of them is refused; then nothing has changed.
    pub fn submit_race(
        &mut self,
        now: Tick,
        queries: Vec<(Arc<Query>, Box<[After]>)>,
        out: &mut Vec<Effect>,
    ) -> Result<Vec<Place>, Refusal> {
        if !self.takes_in() {
            return Err(Refusal::Closed);
        }
        let mut taken = Err(Refusal::Closed);
        let from = out.len();
        self.consult(out, |roster, orders| taken = roster.submit_race(now, queries, orders));
        let places = taken?;
        tell_of(&places, from, out);
        Ok(places)
    }
}

/// These have come. They are counted before any of them is started, which stands in the effects from here on.
fn tell_of(places: &[Place], from: usize, out: &mut Vec<Effect>) {
    let news =
        |query: &Place| [Effect::Count(Change::Submitted), Effect::Tell(News::Submitted { query: *query })];
    out.splice(from..from, places.iter().flat_map(news));
}
