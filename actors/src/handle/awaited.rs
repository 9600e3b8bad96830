//! What whoever holds a handle waits for: a row, output, the end.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use futures_util::future::{FutureExt, Shared};
use provisor_core::roster::Place;
use tokio::sync::{mpsc, oneshot};

use super::Gone;
use crate::messages::{Ending, Piece};
use crate::row::{Commit, Row};
use crate::run::RunDied;

/// The runtime's own, which gives the sink back.
type Thread = JoinHandle<Option<Box<dyn Commit>>>;

/// The end of a runtime.
#[derive(Clone)]
pub struct Ended {
    pub(super) ending: Shared<oneshot::Receiver<Ending>>,
    pub(super) thread: Arc<Mutex<Option<Thread>>>,
}

impl Future for Ended {
    type Output = Result<Ending, RunDied>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.ending.poll_unpin(context).map(|ending| {
            let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            // It has nothing left to do but to end.
            thread.into_iter().for_each(|thread| drop(thread.join()));
            ending.map_err(|_| RunDied)
        })
    }
}

/// A query that was taken in: a future of its row, which resolves when that is written. Of one that is asked again and again it is
/// the row of its first round.
#[derive(Debug)]
pub struct Ticket {
    pub(super) id: Arc<str>,
    pub(super) place: Place,
    pub(super) outcome: oneshot::Receiver<Arc<Row>>,
}

impl Ticket {
    /// The query's id.
    #[must_use]
    pub const fn id(&self) -> &Arc<str> {
        &self.id
    }
}

impl Future for Ticket {
    type Output = Result<Arc<Row>, Gone>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.outcome.poll_unpin(context).map_err(|_| Gone)
    }
}

/// The output of a query, piece by piece: of all its attempts, in their order, and of all its rounds. It ends with the query.
#[derive(Debug)]
pub struct OutputOf {
    pub(super) pieces: mpsc::Receiver<Piece>,
}

impl OutputOf {
    /// The next piece.
    pub async fn next(&mut self) -> Option<Piece> {
        self.pieces.recv().await
    }
}

impl futures_core::Stream for OutputOf {
    type Item = Piece;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Piece>> {
        self.pieces.poll_recv(context)
    }
}
