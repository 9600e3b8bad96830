//! Events for whoever listens. A slow listener never holds the run back: what he has missed is counted, and told to him in
//! its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::messages::Event;

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Something happened.
    Event {
        /// The id of the query that it is about, if it is about one.
        query: Option<Arc<str>>,
        /// What.
        event: Event,
    },
    /// So many events were missed here.
    Missed(u64),
}

/// A listener and the end at which he is told. `room`: how many events may wait for him, at least one.
#[must_use]
pub fn channel(room: usize) -> (Subscriber, Subscription) {
    let (events, inbox) = mpsc::channel(room.max(1));
    let at_the_end = Arc::new(AtomicU64::new(0));
    let subscriber = Subscriber { events, missed: 0, at_the_end: Arc::clone(&at_the_end) };
    (subscriber, Subscription { inbox, at_the_end })
}

/// The end at which a listener is told.
#[derive(Debug)]
pub struct Subscriber {
    events: mpsc::Sender<Told>,
    /// Since he was told the last time.
    missed: u64,
    /// The same, when nothing follows any more.
    at_the_end: Arc<AtomicU64>,
}

impl Subscriber {
    /// Tells, if there is room. False: nobody listens any more.
    pub fn tell(&mut self, query: Option<Arc<str>>, event: Event) -> bool {
        if self.missed > 0 {
            match self.events.try_send(Told::Missed(self.missed)) {
                Ok(()) => self.missed = 0,
                Err(error) => return self.miss(&error),
            }
        }
        match self.events.try_send(Told::Event { query, event }) {
            Ok(()) => true,
            Err(error) => self.miss(&error),
        }
    }

    fn miss(&mut self, error: &TrySendError<Told>) -> bool {
        self.missed += 1;
        matches!(error, TrySendError::Full(_))
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.at_the_end.store(self.missed, Ordering::Release);
    }
}

/// What one listener hears. Dropping it is to listen no more.
#[derive(Debug)]
pub struct Subscription {
    inbox: mpsc::Receiver<Told>,
    at_the_end: Arc<AtomicU64>,
}

impl Subscription {
    /// The next thing that he hears. `None`: the run is over, and that was all.
    pub async fn next(&mut self) -> Option<Told> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Told>> {
        self.inbox.poll_recv(context).map(|told| told.or_else(|| self.last_words()))
    }

    fn last_words(&self) -> Option<Told> {
        match self.at_the_end.swap(0, Ordering::AcqRel) {
            0 => None,
            missed => Some(Told::Missed(missed)),
        }
    }
}

impl futures_core::Stream for Subscription {
    type Item = Told;

    fn poll_next(self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Told>> {
        Self::poll_next(self.get_mut(), context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(query: u32) -> Event {
        Event::Ended { query, attempt: 1 }
    }

    fn told(query: u32) -> Option<Told> {
        Some(Told::Event { query: None, event: event(query) })
    }

    #[tokio::test]
    async fn who_is_slow_is_told_what_he_missed_where_he_missed_it() {
        let (mut subscriber, mut subscription) = channel(2);
        for query in 0..5 {
            assert!(subscriber.tell(None, event(query)), "he still listens");
        }
        assert_eq!(subscription.next().await, told(0));
        assert_eq!(subscription.next().await, told(1));
        assert!(subscriber.tell(None, event(5)));
        assert!(subscriber.tell(None, event(6)));
        assert_eq!(subscription.next().await, Some(Told::Missed(3)));
        assert_eq!(subscription.next().await, told(5));
        drop(subscriber);
        assert_eq!(subscription.next().await, Some(Told::Missed(1)), "the last one too");
        assert_eq!(subscription.next().await, None);
    }

    #[tokio::test]
    async fn who_listens_no_more_is_known() {
        let (mut subscriber, subscription) = channel(1);
        drop(subscription);
        assert!(!subscriber.tell(None, event(0)));
    }
}
