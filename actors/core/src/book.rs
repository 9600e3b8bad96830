//! What is asked: the queries of the plan, and those that came while the run went on.
//!
//! A query of the plan is there for good. One that came later is forgotten when it is over, so that a service that runs for
//! months holds no more than what it is asked at a time; its place is given to another only when all others were.

use std::collections::HashMap;
use std::sync::Arc;

use crate::plan::{Plan, Query};
use crate::roster::Place;

/// The book.
#[derive(Debug)]
pub struct Book {
    plan: Arc<Plan>,
    added: HashMap<Place, Arc<Query>>,
    next: Place,
    /// Who is called what, where queries may come: those of the plan, and those of the others that are not over.
    by_id: Option<HashMap<Arc<str>, Place>>,
}

impl Book {
    /// A book in which the plan stands, and nothing is to be added.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        Self { plan, added: HashMap::new(), next: 0, by_id: None }
    }

    /// Lets queries be added, and found by their ids.
    pub fn open(&mut self) {
        let ids = (0..).zip(&self.plan.queries).map(|(place, query)| (Arc::clone(&query.id), place));
        self.by_id.get_or_insert_with(|| ids.collect());
        self.next = self.next.max(self.planned());
    }

    /// Whether queries may be added.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.by_id.is_some()
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The query at a place.
    #[must_use]
    pub fn query(&self, place: Place) -> Option<&Query> {
        self.plan.queries.get(place as usize).or_else(|| self.added.get(&place).map(Arc::as_ref))
    }

    /// The query at a place, if it is not one of the plan.
    #[must_use]
    pub fn added(&self, place: Place) -> Option<&Arc<Query>> {
        self.added.get(&place)
    }

    /// Where the query with this id stands, in a book that is open.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Place> {
        self.by_id.as_ref()?.get(id).copied()
    }

    /// Adds a query and says where it stands. `None`: the book is not open, has one of this id, or is full.
    pub fn add(&mut self, query: Arc<Query>) -> Option<Place> {
        let place = self.free_place()?;
        let by_id = self.by_id.as_mut()?;
        if by_id.contains_key(&query.id) {
            return None;
        }
        by_id.insert(Arc::clone(&query.id), place);
        self.added.insert(place, query);
        self.next = place.checked_add(1).unwrap_or_else(|| self.planned());
        Some(place)
    }

    /// Forgets a query that was added.
    pub fn forget(&mut self, place: Place) {
        if let (Some(query), Some(by_id)) = (self.added.remove(&place), &mut self.by_id) {
            by_id.remove(&query.id);
        }
    }

    /// The first place from `next` on that nobody has.
    fn free_place(&self) -> Option<Place> {
        let mut places = (self.next..=Place::MAX).chain(self.planned()..self.next);
        places.find(|place| !self.added.contains_key(place))
    }

    fn planned(&self) -> Place {
        Place::try_from(self.plan.queries.len()).unwrap_or(Place::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Command;

    fn query(id: &str) -> Query {
        Query::new(id, Command::new(["true"]))
    }

    fn book() -> Book {
        Book::new(Arc::new(Plan::new("test", vec![query("a"), query("b")])))
    }

    #[test]
    fn what_is_added_stands_after_the_plan_until_it_is_forgotten() {
        let mut book = book();
        assert_eq!(book.add(Arc::new(query("c"))), None, "it is not open");
        book.open();
        assert_eq!(book.add(Arc::new(query("c"))), Some(2));
        assert_eq!(book.add(Arc::new(query("d"))), Some(3));
        assert_eq!((book.find("b"), book.find("c"), book.find("e")), (Some(1), Some(2), None));
        assert_eq!(book.query(3).map(|query| &*query.id), Some("d"));
        assert!(book.added(1).is_none() && book.added(2).is_some());
        for id in ["a", "c"] {
            assert_eq!(book.add(Arc::new(query(id))), None, "{id} is there");
        }
        book.forget(2);
        book.forget(1);
        assert_eq!((book.find("b"), book.find("c")), (Some(1), None));
        assert!(book.query(1).is_some() && book.query(2).is_none());
        assert_eq!(book.add(Arc::new(query("c"))), Some(4), "a place is not given away at once");
    }

    #[test]
    fn places_come_round_and_those_that_are_taken_are_passed_over() {
        let mut book = book();
        book.open();
        assert_eq!(book.add(Arc::new(query("c"))), Some(2));
        book.next = Place::MAX;
        assert_eq!(book.add(Arc::new(query("d"))), Some(Place::MAX));
        assert_eq!(book.add(Arc::new(query("e"))), Some(3));
    }
}
