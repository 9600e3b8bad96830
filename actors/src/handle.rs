//! The way to a runtime that runs: what its owner asks of it, from any thread, and what he is told.
//!
//! Clones share it. When the last one is dropped, nobody is left who could ask for anything, and the runtime ends: what
//! runs is killed, and nothing of it stays behind.

mod awaited;
mod readings;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use futures_util::future::FutureExt;
use provisor_core::guarantees::Guarantees;
use provisor_core::plan::Submission;
use provisor_core::portfolio;
use provisor_core::roster::Refusal;
use provisor_core::rules::RuleError;
use provisor_core::tally::Counts;
use provisor_core::{Cause, Query, StopMethod};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::messages::{
    Asked, Await, Cancel, Close, Ending, History, Piece, Recall, SetSlots, Submit, SubmitRace, Subscribe,
    Whom,
};
use crate::row::{Commit, Row};
use crate::run::{Control, Run, RunDied};
use crate::subscription::{Subscription, channel};
pub use awaited::{Ended, OutputOf, Ticket};
use readings::Readings;

/// Pieces of a query's output that may wait for whoever reads them; then the query waits.
const PIECES: usize = 16;

/// Why a query was not taken in.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SubmitError {
    /// Something is wrong with it, or the runtime takes no more.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// One of its rules does not compile.
    #[error("a rule of `{query}`: {source}")]
    Rule {
        /// Its id.
        query: Arc<str>,
        /// What is wrong.
        source: RuleError,
    },
    /// So many wait already as may; only of [`try_submit`](RuntimeHandle::try_submit).
    #[error("as many queries wait as may")]
    Full,
}

/// The runtime ended before the query had, or there is no such query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such query that is not over, or the runtime has ended before it")]
pub struct Gone;

/// The way to a runtime. Cheap to clone, and at home on any thread.
#[derive(Clone)]
pub struct RuntimeHandle(Arc<Inner>);

struct Inner {
    control: Control,
    end: Ended,
    room: Arc<Semaphore>,
    /// How many queries have room.
    places: usize,
    readings: Readings,
    /// Logs of queries are kept; else each is told to keep none.
    keeps_logs: bool,
    is_paused: AtomicBool,
}

impl Inner {
    fn pause(&self, paused: bool) {
        if self.is_paused.swap(paused, Ordering::AcqRel) != paused {
            self.control.pause(paused);
        }
    }

    /// Who stands still does not come to an end, and neither do the patiences with him.
    fn interrupt(&self, how: StopMethod) {
        self.control.interrupt(Cause::Cancelled, how == StopMethod::Kill);
        self.pause(false);
    }
}

impl Inner {
    /// What the supervisor is told of a query, and where its row comes.
    fn ask(
        &self,
        Submission { mut query, after }: Submission,
        room: Option<OwnedSemaphorePermit>,
        output: Option<mpsc::Sender<Piece>>,
    ) -> Result<(Asked, oneshot::Receiver<Arc<Row>>), SubmitError> {
        let readings = self.readings.of(&query)?;
        if !self.keeps_logs {
            drop_logs(&mut query);
        }
        let (row, outcome) = oneshot::channel();
        Ok((Asked { query: Arc::new(query), after, readings, output, row, room }, outcome))
    }

    /// Room for so many at once; for as many as may wait, where they are more: the others come in with them.
    async fn room_for(&self, queries: usize) -> Option<OwnedSemaphorePermit> {
        let places = u32::try_from(queries.min(self.places)).unwrap_or(u32::MAX);
        Arc::clone(&self.room).acquire_many_owned(places).await.ok()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.interrupt(StopMethod::Kill);
    }
}

impl RuntimeHandle {
    /// The handle of a run that is open. `room`: how many queries may wait that were submitted.
    pub(crate) fn new(run: Run<Box<dyn Commit>>, room: usize, keeps_logs: bool) -> Self {
        let Run { control, thread, ending } = run;
        let end = Ended { ending: ending.shared(), thread: Arc::new(Mutex::new(Some(thread))) };
        let places = room.clamp(1, Semaphore::MAX_PERMITS);
        let room = Arc::new(Semaphore::new(places));
        Self(Arc::new(Inner {
            control,
            end,
            room,
            places,
            readings: Readings::default(),
            keeps_logs,
            is_paused: AtomicBool::new(false),
        }))
    }

    /// Asks one more query, behind all that wait, and waits for room among them. One that comes
    /// [`after`](Query::after) others waits for those as well, which have to be there and not over; where it is skipped for what they
    /// came to, its row says so.
    ///
    /// Dropping the future before it resolves leaves it open whether the query is asked.
    ///
    /// # Errors
    /// If it cannot be asked: it starts nothing then.
    pub async fn submit(&self, query: impl Into<Submission>) -> Result<Ticket, SubmitError> {
        let submission = query.into();
        let room = Arc::clone(&self.0.room).acquire_owned().await.ok();
        self.enter(submission, room, None).await
    }

    /// The same, if there is room at once.
    ///
    /// # Errors
    /// If there is none, or the query cannot be asked.
    pub async fn try_submit(&self, query: impl Into<Submission>) -> Result<Ticket, SubmitError> {
        let room = Arc::clone(&self.0.room).try_acquire_owned().map_err(|_| SubmitError::Full)?;
        self.enter(query.into(), Some(room), None).await
    }

    /// The same as [`submit`](Self::submit), with the query's output as it comes. Whoever reads it slowly holds up this
    /// query and no other; whoever has let go of it, or had the query cancelled, holds up nothing.
    ///
    /// # Errors
    /// As of `submit`.
    pub async fn submit_and_read(
        &self,
        query: impl Into<Submission>,
    ) -> Result<(Ticket, OutputOf), SubmitError> {
        let submission = query.into();
        let room = Arc::clone(&self.0.room).acquire_owned().await.ok();
        let (tap, pieces) = mpsc::channel(PIECES);
        let ticket = self.enter(submission, room, Some(tap)).await?;
        Ok((ticket, OutputOf { pieces }))
    }

    /// Asks all queries of a stream, each as soon as there is room for it: the stream is read no faster than its queries
    /// leave the queue. A ticket each, or why it was refused, in the stream's order; it has to be polled.
    pub fn submit_all(
        &self,
        queries: impl futures_core::Stream<Item = impl Into<Submission>>,
    ) -> impl futures_core::Stream<Item = Result<Ticket, SubmitError>> {
        let handle = self.clone();
        queries.then(move |query| {
            let handle = handle.clone();
            async move { handle.submit(query).await }
        })
    }

    async fn enter(
        &self,
        submission: Submission,
        room: Option<OwnedSemaphorePermit>,
        output: Option<mpsc::Sender<Piece>>,
    ) -> Result<Ticket, SubmitError> {
        let (asked, outcome) = self.0.ask(submission, room, output)?;
        let (id, (answer, answered)) = (Arc::clone(&asked.query.id), oneshot::channel());
        self.0.control.supervisor.do_send(Submit { asked, answer });
        let place = answered.await.map_err(|_| Refusal::Closed)??;
        Ok(Ticket { id, place, outcome })
    }

    /// Asks several queries for one question, behind all that wait, and waits for room among them: the first wins that settles it, with
    /// a verdict that counts as ok or is the expected one, by an end of its own. The others are ended then, or never start: their rows
    /// have the cause `outrun`. They are called as in [`Plan::with_race`](provisor_core::Plan::with_race). A ticket each, in their order.
    ///
    /// # Errors
    /// If one of them cannot be asked: then none is.
    pub async fn submit_race(
        &self,
        question: &str,
        queries: impl IntoIterator<Item = impl Into<Submission>>,
    ) -> Result<Vec<Ticket>, SubmitError> {
        let submissions: Vec<Submission> = queries.into_iter().map(Into::into).collect();
        let ids = portfolio::ids(question, submissions.iter().map(|submission| &*submission.query.id));
        let mut room = self.0.room_for(submissions.len()).await;
        let (mut asked, mut outcomes) = (Vec::new(), Vec::new());
        for (Submission { query, after }, id) in submissions.into_iter().zip(ids) {
            let room = room.as_mut().and_then(|room| room.split(1));
            let submission = Submission { query: Query { id: Arc::clone(&id), ..query }, after };
            let (query, outcome) = self.0.ask(submission, room, None)?;
            asked.push(query);
            outcomes.push((id, outcome));
        }
        let (answer, answered) = oneshot::channel();
        self.0.control.supervisor.do_send(SubmitRace { asked, answer });
        let places = answered.await.map_err(|_| Refusal::Closed)??;
        let ticket = |((id, outcome), place)| Ticket { id, place, outcome };
        Ok(outcomes.into_iter().zip(places).map(ticket).collect())
    }

    /// The row of a query, when it is there: one of the plan, or one that was submitted. Of what is over already nothing is known
    /// here any more. Of one that is asked again and again it is the row of the next round that ends.
    ///
    /// # Errors
    /// If there is no such query, or the runtime ends before.
    pub async fn outcome(&self, id: &str) -> Result<Arc<Row>, Gone> {
        let (row, outcome) = oneshot::channel();
        self.0.control.supervisor.do_send(Await { id: id.into(), row });
        outcome.await.map_err(|_| Gone)
    }

    /// The last rounds of a query that is asked again and again: so many as it says are kept, and what became of all of them.
    ///
    /// # Errors
    /// If there is no such query that may be asked again.
    pub async fn history(&self, id: &str) -> Result<History, Gone> {
        let (answer, history) = oneshot::channel();
        self.0.control.supervisor.do_send(Recall { id: id.into(), answer });
        history.await.map_err(|_| Gone)
    }

    /// Ends a query: by Term and its grace, or by Kill. One that waits is not started. Each has its row, with the cause
    /// `cancelled`, unless it was faster. One that is asked again and again is asked no more; between two rounds its last row
    /// stands. False: there is none of that id that is not over. One that is over and known for its group might start it again is
    /// so no more: it is forgotten, and another may have its id.
    pub async fn cancel(&self, id: &str, how: StopMethod) -> bool {
        self.cancel_whom(Whom::Id(id.into()), how).await > 0
    }

    /// The same for a ticket's query.
    pub async fn cancel_ticket(&self, ticket: &Ticket, how: StopMethod) -> bool {
        self.cancel_whom(Whom::At(ticket.place, Arc::clone(&ticket.id)), how).await > 0
    }

    /// The same for all queries whose ids are meant; how many of them were not over.
    pub async fn cancel_all(&self, meant: impl Fn(&str) -> bool + Send + 'static, how: StopMethod) -> usize {
        self.cancel_whom(Whom::Those(Box::new(meant)), how).await
    }

    async fn cancel_whom(&self, whom: Whom, how: StopMethod) -> usize {
        let (answer, cancelled) = oneshot::channel();
        let forced = how == StopMethod::Kill;
        self.0.control.supervisor.do_send(Cancel { whom, forced, answer });
        cancelled.await.unwrap_or(0)
    }

    /// Stops every child (SIGSTOP) and the clock of its limits, and starts nothing new.
    pub fn pause(&self) {
        self.0.pause(true);
    }

    /// Lets all of that go on.
    pub fn resume(&self) {
        self.0.pause(false);
    }

    /// From now on so many queries may run at a time, at least one. What runs beyond that runs on.
    pub fn set_slots(&self, slots: usize) {
        self.0.control.supervisor.do_send(SetSlots(slots));
    }

    /// What is promised of the processes, where the launcher can say that.
    #[must_use]
    pub fn guarantees(&self) -> Option<&Guarantees> {
        self.0.control.guarantees()
    }

    /// The count, to be looked at or waited on.
    #[must_use]
    pub fn counts(&self) -> watch::Receiver<Counts> {
        self.0.control.counts()
    }

    /// What happens from now on. `room`: how many events may wait for the listener; what he misses is told to him in its place.
    #[must_use]
    pub fn subscribe(&self, room: usize) -> Subscription {
        let (subscriber, subscription) = channel(room);
        self.0.control.supervisor.do_send(Subscribe(subscriber));
        subscription
    }

    /// Takes in nothing more, and waits until all that was asked is over and its rows are written: of what is asked again and again
    /// no further round is made. Then the runtime has ended: nothing of it is left, no process and no thread.
    ///
    /// # Errors
    /// If the runtime itself died.
    pub async fn drain(&self) -> Result<Ending, RunDied> {
        self.0.control.supervisor.do_send(Close);
        self.ended().await
    }

    /// Ends everything: what waits is not started and has no row, what runs is ended by Term and its grace, or by Kill. Then as
    /// [`drain`](Self::drain).
    ///
    /// # Errors
    /// As of `drain`.
    pub async fn stop(&self, how: StopMethod) -> Result<Ending, RunDied> {
        self.0.interrupt(how);
        self.ended().await
    }

    /// Resolves when the runtime has ended, for whatever reason. It holds no handle: it may be awaited after the last one was
    /// dropped.
    #[must_use]
    pub fn ended(&self) -> Ended {
        self.0.end.clone()
    }
}

/// Nothing is kept of what a query prints, in none of its passes.
pub(crate) fn drop_logs(query: &mut Query) {
    (query.logs, query.record) = (provisor_core::plan::Logs::Drop, false);
}
