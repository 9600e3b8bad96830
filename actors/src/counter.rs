//! The Counter: the only owner of the shared count. Shell of `core::tally`; readers watch, they never ask.

use std::sync::Arc;

use actix::{Actor, Context, Handler};
use provisor_core::tally::Counts;
use tokio::sync::watch;

use crate::messages::{HandOver, Note, Settle};

/// The actor.
#[derive(Debug)]
pub struct Counter {
    counts: watch::Sender<Counts>,
}

impl Counter {
    /// A counter that starts from `counts`, and where to watch it.
    #[must_use]
    pub fn new(counts: Counts) -> (Self, watch::Receiver<Counts>) {
        let (counts, watch) = watch::channel(counts);
        (Self { counts }, watch)
    }
}

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<Note> for Counter {
    type Result = ();

    fn handle(&mut self, Note(change): Note, _: &mut Self::Context) {
        self.counts.send_modify(|counts| counts.apply(change));
        debug_assert!(self.counts.borrow().is_consistent());
    }
}

impl Handler<HandOver> for Counter {
    type Result = ();

    fn handle(&mut self, HandOver { row, to }: HandOver, _: &mut Self::Context) {
        for waits in to {
            // Who waits no more does not mind.
            let _ = waits.send(Arc::clone(&row));
        }
    }
}

impl Handler<Settle> for Counter {
    type Result = ();

    /// What came before was taken in before.
    fn handle(&mut self, Settle: Settle, _: &mut Self::Context) {}
}
