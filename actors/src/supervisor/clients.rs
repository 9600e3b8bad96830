//! What those who hold a handle ask of the supervisor: to take in queries, to give them up, to tell what became of them.

use std::sync::Arc;

use actix::Handler;
use provisor_core::desk::{Effect, Event};
use provisor_core::roster::Place;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::Supervisor;
use crate::messages::{
    Asked, Await, Cancel, Close, Pause, Piece, Recall, SetSlots, Submit, SubmitRace, Subscribe, Whom,
};
use crate::row::Row;

/// Who waits for something of a query that is not over.
#[derive(Debug, Default)]
pub(super) struct Client {
    /// Gets its output.
    pub(super) output: Option<mpsc::Sender<Piece>>,
    /// The place in the queue that it takes.
    pub(super) room: Option<OwnedSemaphorePermit>,
    /// Get its row.
    pub(super) rows: Vec<oneshot::Sender<Arc<Row>>>,
}

impl Supervisor {
    /// It was taken in: its output can be read, and those who wait for it hear of it.
    fn attend(&mut self, place: Place, asked: Asked) {
        let Asked { readings, output, room, row, .. } = asked;
        self.office.judges.add(place, readings);
        self.clients.insert(place, Client { output, room, rows: vec![row] });
    }

    fn meant(&self, whom: &Whom) -> Vec<Place> {
        let is_it = |place: &Place, id: &str| self.desk.query(*place).is_some_and(|query| &*query.id == id);
        match whom {
            Whom::Id(id) => self.desk.find(id).into_iter().collect(),
            Whom::At(place, id) => Some(*place).filter(|place| is_it(place, id)).into_iter().collect(),
            Whom::Those(meant) => self.desk.find_all(meant),
        }
    }
}

impl Handler<Submit> for Supervisor {
    type Result = ();

    fn handle(&mut self, Submit { asked, answer }: Submit, ctx: &mut Self::Context) {
        let mut effects: Vec<Effect> = std::mem::take(&mut self.effects);
        let (query, now) = (Arc::clone(&asked.query), self.office.clock.now());
        let taken = self.desk.submit_after(now, query, &asked.after, &mut effects);
        if let Ok(place) = taken {
            self.attend(place, asked);
        }
        self.perform_all(effects, ctx);
        // Who asks no more has been told all the same: the query is asked.
        let _ = answer.send(taken);
    }
}

impl Handler<SubmitRace> for Supervisor {
    type Result = ();

    fn handle(&mut self, SubmitRace { asked, answer }: SubmitRace, ctx: &mut Self::Context) {
        let mut effects: Vec<Effect> = std::mem::take(&mut self.effects);
        let queries = asked.iter().map(|asked| (Arc::clone(&asked.query), asked.after.clone())).collect();
        let taken = self.desk.submit_race(self.office.clock.now(), queries, &mut effects);
        for (place, asked) in taken.iter().flatten().zip(asked) {
            self.attend(*place, asked);
        }
        self.perform_all(effects, ctx);
        let _ = answer.send(taken);
    }
}

impl Handler<Cancel> for Supervisor {
    type Result = ();

    fn handle(&mut self, Cancel { whom, forced, answer }: Cancel, ctx: &mut Self::Context) {
        let meant = self.meant(&whom);
        let open = meant.iter().filter(|place| self.desk.is_undecided(**place)).count();
        for query in meant {
            self.feed(Event::Cancel { query, forced }, ctx);
            if !self.desk.may_reopen(query) {
                self.office.judges.forget(query);
            }
        }
        let _ = answer.send(open);
    }
}

impl Handler<Await> for Supervisor {
    type Result = ();

    fn handle(&mut self, Await { id, row }: Await, _: &mut Self::Context) {
        if let Some(place) = self.desk.find(&id).filter(|place| self.desk.is_undecided(*place)) {
            self.clients.entry(place).or_default().rows.push(row);
        }
    }
}

impl Handler<Recall> for Supervisor {
    type Result = ();

    fn handle(&mut self, Recall { id, answer }: Recall, _: &mut Self::Context) {
        let now = self.office.clock.now();
        let place = self.desk.find(&id);
        if let Some(history) = place.and_then(|place| self.desk.history(now, place)) {
            // Who asks no more does not mind.
            let _ = answer.send(history);
        }
    }
}

impl Handler<SetSlots> for Supervisor {
    type Result = ();

    fn handle(&mut self, SetSlots(slots): SetSlots, ctx: &mut Self::Context) {
        self.feed(Event::Slots(slots), ctx);
    }
}

impl Handler<Pause> for Supervisor {
    type Result = ();

    fn handle(&mut self, Pause(paused): Pause, ctx: &mut Self::Context) {
        self.feed(Event::Paused(paused), ctx);
    }
}

impl Handler<Close> for Supervisor {
    type Result = ();

    fn handle(&mut self, Close: Close, ctx: &mut Self::Context) {
        self.feed(Event::Closed, ctx);
    }
}

impl Handler<Subscribe> for Supervisor {
    type Result = ();

    fn handle(&mut self, Subscribe(subscriber): Subscribe, _: &mut Self::Context) {
        self.subscribers.push(subscriber);
    }
}
