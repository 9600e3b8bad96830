//! What may happen to the roster of a run that is open: queries come while it goes on, others are not wanted any more, and
//! there are more or fewer slots.

use std::collections::HashSet;
use std::sync::Arc;

use crate::book::Book;
use crate::cause::Cause;
use crate::id;
use crate::plan::{After, Care, Need, Query};
use crate::portfolio::race_of;
use crate::tick::Tick;

use super::foregone::Foregone;
use super::{Entry, Order, Place, Roster, Rung};

/// Why a query is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its id is none.
    #[error("`{id}` cannot be an id: it {why}")]
    Id {
        /// The id.
        id: Arc<str>,
        /// What is wrong with it.
        why: &'static str,
    },
    /// One of its id is there and not over.
    #[error("there is a query `{id}` that is not over")]
    Taken {
        /// The id.
        id: Arc<str>,
    },
    /// It has nothing to execute.
    #[error("`{id}` has no program")]
    NoProgram {
        /// The id.
        id: Arc<str>,
    },
    /// It refers to others by their places, which only queries of the plan can do.
    #[error("`{id}` refers to queries of the plan; only those of the plan can")]
    Refers {
        /// The id.
        id: Arc<str>,
    },
    /// It is to come after one that is not there.
    #[error("`{id}` is to come after `{other}`, and no query of that id is known here")]
    AfterUnknown {
        /// The id.
        id: Arc<str>,
        /// The id that nobody has.
        other: Arc<str>,
    },
    /// It is to come after one that is over, of which nothing is known any more.
    #[error(
        "`{id}` is to come after `{other}`, which is over: whoever waited for its row knows what it came to"
    )]
    AfterOver {
        /// The id.
        id: Arc<str>,
        /// The other one's.
        other: Arc<str>,
    },
    /// There is no such group, or it is no more.
    #[error("`{id}` is to stand in a group that is not there")]
    NoGroup {
        /// The id.
        id: Arc<str>,
    },
    /// It is to run in a race, and stands in a group or is asked again and again.
    #[error(
        "`{id}` is to run in a race, and stands in a group or is asked again and again; it can do one of the two"
    )]
    RaceInGroup {
        /// The id.
        id: Arc<str>,
    },
    /// The run takes nothing in any more.
    #[error("the run takes no more queries")]
    Closed,
}

impl Roster {
    /// Lets queries come and go while the run goes on.
    pub fn open(&mut self) {
        self.book.open();
        self.line.let_strike();
    }

    /// The places of all that are not over, in order.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let mut places: Vec<_> = self.asked.keys().copied().filter(|place| self.has(*place)).collect();
        places.sort_unstable();
        places
    }

    /// What is asked.
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Takes in a query behind all others, and says where it stands in the book. `after`: those that have to be over before.
    ///
    /// # Errors
    /// Why not.
    pub fn submit(
        &mut self,
        now: Tick,
        query: Arc<Query>,
        after: &[After],
        orders: &mut Vec<Order>,
    ) -> Result<Place, Refusal> {
        let query = self.checked(query, after)?;
        let id = Arc::clone(&query.id);
        let place = self.book.add(query).ok_or(Refusal::Taken { id })?;
        self.take_in(place);
        self.fill(now, orders);
        Ok(place)
    }

    /// Takes in queries that race each other, behind all others, and says where they stand. `after`: as of
    /// [`submit`](Self::submit), of each.
    ///
    /// # Errors
    /// Why one of them is refused: then none is taken in.
    pub fn submit_race(
        &mut self,
        now: Tick,
        queries: Vec<(Arc<Query>, Box<[After]>)>,
        orders: &mut Vec<Order>,
    ) -> Result<Vec<Place>, Refusal> {
        let mut ids = HashSet::new();
        let mut checked = Vec::with_capacity(queries.len());
        for (query, after) in queries {
            let id = Arc::clone(&query.id);
            if query.care.is_some() {
                return Err(Refusal::RaceInGroup { id });
            }
            if !ids.insert(Arc::clone(&id)) {
                return Err(Refusal::Taken { id });
            }
            checked.push(self.checked(query, &after)?);
        }
        let mut places = Vec::with_capacity(checked.len());
        let book = &mut self.book;
        self.races.admit(|race| {
            for mut query in checked {
                Arc::make_mut(&mut query).care = Some(Box::new(Care::Entrant { race }));
                places.extend(book.add(query));
            }
            places.clone()
        });
        places.iter().for_each(|place| self.take_in(*place));
        self.fill(now, orders);
        Ok(places)
    }

    /// The same, as it stands in the book, if it may.
    fn checked(&self, mut query: Arc<Query>, after: &[After]) -> Result<Arc<Query>, Refusal> {
        self.check(&query)?;
        if !after.is_empty() {
            let needs = after.iter().map(|after| self.need(&query.id, after)).collect::<Result<_, _>>()?;
            Arc::make_mut(&mut query).needs = needs;
        }
        Ok(query)
    }

    fn take_in(&mut self, place: Place) {
        self.rank += 1;
        let entry = Entry { query: place, attempts_before: 0, rung: Rung::default(), peak: None };
        let turn = self.enter(self.rank, entry);
        self.admit_one(turn, |_| None);
    }

    /// What this one needs that is to come after that.
    fn need(&self, id: &Arc<str>, After { id: other, failure }: &After) -> Result<Need, Refusal> {
        let (id, other) = (Arc::clone(id), Arc::clone(other));
        match self.book.find(&other) {
            Some(query) if self.has(query) => Ok(Need { query, condition: failure.condition() }),
            Some(_) => Err(Refusal::AfterOver { id, other }),
            None => Err(Refusal::AfterUnknown { id, other }),
        }
    }

    fn check(&self, query: &Query) -> Result<(), Refusal> {
        let id = Arc::clone(&query.id);
        if self.stopping.is_some() || self.exhausted.is_some() {
            return Err(Refusal::Closed);
        }
        if let Err(why) = id::check(&id) {
            return Err(Refusal::Id { id, why });
        }
        if query.askings().any(|asking| asking.command.argv.is_empty()) {
            return Err(Refusal::NoProgram { id });
        }
        if !query.needs.is_empty() || query.cell.is_some() || race_of(query).is_some() {
            return Err(Refusal::Refers { id });
        }
        if self.book.find(&id).is_some() {
            return Err(Refusal::Taken { id });
        }
        if !self.care.can_take(query) {
            return Err(Refusal::NoGroup { id });
        }
        Ok(())
    }

    /// Ends a query if it runs, and takes it out if it waits: then it has a row, too. What is over stays so, and is started again
    /// by no group. No further round of it is made.
    pub fn cancel(&mut self, now: Tick, query: Place, forced: bool, orders: &mut Vec<Order>) {
        if self.care.is_over(query) {
            return self.care.dismiss(query);
        }
        let Some(asked) = self.asked.get_mut(&query) else { return };
        asked.is_cancelled = true;
        let runs = self.running.contains_key(&query);
        if let Some(turn) = self.clockwork.forgo(query) {
            self.foregone.push_back((turn, Foregone::Cancelled));
            return self.fill(now, orders);
        }
        if self.care.stop(now, query) {
            self.look_after(now, orders);
            if runs && forced {
                orders.push(Order::Abort { query, cause: Cause::Cancelled, forced, grace: None });
            }
            self.fill(now, orders);
        } else if runs {
            orders.push(Order::Abort { query, cause: Cause::Cancelled, forced, grace: None });
        } else if let Some(turn) = self.line.strike(query).or_else(|| self.needs.strike(query)) {
            self.foregone.push_back((turn, Foregone::Cancelled));
            self.fill(now, orders);
        }
    }

    /// From now on so many may run at a time, at least one. What runs beyond that runs on.
    pub fn set_slots(&mut self, now: Tick, slots: usize, orders: &mut Vec<Order>) {
        let slots = slots.max(1);
        let is_at_full = self.ceiling >= self.bounds.slots;
        self.ceiling = if is_at_full { slots } else { self.ceiling.min(slots) };
        self.bounds.slots = slots;
        self.bounds.unwritten = self.bounds.unwritten.max(slots);
        self.fill(now, orders);
    }

    /// Starts nothing new, or lets that go on. What runs is not its concern.
    pub fn pause(&mut self, now: Tick, paused: bool, orders: &mut Vec<Order>) {
        self.paused = paused;
        self.fill(now, orders);
    }

    /// A query is over, and counted: nothing more is to be known of it.
    ///
    /// One that may be started again is not forgotten.
    pub fn forget(&mut self, query: Place) {
        if self.may_reopen(query) {
            return;
        }
        self.asked.remove(&query);
        self.book.forget(query);
    }

    /// Whether a query is there and not over. One that is asked again and again is not, between two rounds either.
    #[must_use]
    pub fn has(&self, query: Place) -> bool {
        self.asked.contains_key(&query) && !self.care.is_over(query)
    }

    /// Whether a query that is over may be started again: by the group that it stands in, or because the time of its next round
    /// comes.
    #[must_use]
    pub fn may_reopen(&self, query: Place) -> bool {
        self.care.is_over(query) || self.clockwork.rests(query)
    }
}
