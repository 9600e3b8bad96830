//! How long queries took in earlier runs: what the order of their starts and the forecast are made from. Decided is
//! nothing here.

use std::time::Duration;

use provisor_actors::store::Store;
use provisor_core::order::{self, Expected};
use provisor_core::roster::Place;
use provisor_core::{Plan, eta};

use crate::cli::Order;
use crate::failure::Failure;

/// The known times of the queries of a plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    /// By their place; nothing where none is known.
    by_place: Box<[Option<Duration>]>,
}

impl Times {
    /// What the store knows of these queries. None takes longer than its limits let it today.
    pub(crate) fn of(plan: &Plan, store: &Store) -> Result<Self, Failure> {
        let by_id = store.times()?;
        if by_id.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self::new(plan.queries.iter().map(|query| {
            let time = *by_id.get(&*query.id)?;
            Some(eta::longest(query).map_or(time, |longest| time.min(longest)))
        })))
    }

    /// These, in the order of the plan.
    pub(crate) fn new(times: impl IntoIterator<Item = Option<Duration>>) -> Self {
        Self { by_place: times.into_iter().collect() }
    }

    /// How long this query took, where that is known.
    pub(crate) fn get(&self, place: Place) -> Option<Duration> {
        self.by_place.get(place as usize).copied().flatten()
    }

    /// The same queries, in the order in which they are to be started. They come in the order of the plan.
    pub(crate) fn in_order(&self, plan: &Plan, todo: Vec<(Place, u32)>, order: Order) -> Vec<(Place, u32)> {
        if order == Order::Spec {
            return todo;
        }
        let expected = |(place, _): &(Place, u32)| {
            let needs = plan.queries.get(*place as usize).map_or(&[][..], |query| &query.needs);
            Expected { place: *place, time: self.get(*place), needs }
        };
        let places = order::longest_first(&todo.iter().map(expected).collect::<Vec<_>>());
        let found = |place| todo.binary_search_by_key(&place, |(place, _)| *place).ok().map(|at| todo[at]);
        places.into_iter().filter_map(found).collect()
    }
}
