//! Every message between actors, sender -> receiver. Asks are imperatives, facts are participles, answers are nouns.
//!
//! Few and small: output never travels by mailbox, and one message a line would cost fifty times what the line does.

use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, Message};
use bytes::Bytes;
use provisor_core::periodic::Rounds;
use provisor_core::plan::{After, Query};
use provisor_core::process::Fact;
use provisor_core::roster::{Place, Refusal};
use provisor_core::row::Printed;
use provisor_core::rules::{Judge, Stream};
use provisor_core::tally::Change;
use provisor_core::{Cause, Tick};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// Supervisor -> subscribers, by `try_send` on a bounded channel: whoever is slow misses some, and the run goes on.
pub use provisor_core::desk::News as Event;
pub use provisor_core::desk::{Failure, History};

use crate::result_writer::ResultWriter;
use crate::row::{Discarded, Row};
use crate::subscription::Subscriber;

/// Supervisor -> ProcessActor: you have a slot, start.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Begin;

/// Supervisor -> ProcessActor: come to an end. Control never blocks and is never dropped.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Abort {
    /// Why.
    pub cause: Cause,
    /// By Kill at once.
    pub forced: bool,
    /// Between Term and Kill, if not as its limits say.
    pub grace: Option<Duration>,
}

/// ProcessActor -> Supervisor: something happened to an attempt.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Report {
    /// Which query.
    pub query: Place,
    /// Which attempt.
    pub attempt: u32,
    /// On the run's clock.
    pub at: Tick,
    /// Microseconds since 1970 on the wall clock, for people.
    pub unix_us: i64,
    /// The log so far holds every byte, and tells the streams apart.
    pub log_is_whole: bool,
    /// What was read so far.
    pub printed: Printed,
    /// What happened.
    pub fact: Fact,
}

/// Whom a monitor watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The actor of this attempt.
    Query {
        /// Which query.
        query: Place,
        /// Which attempt.
        attempt: u32,
    },
    /// The counter.
    Counter,
    /// The result writer.
    ResultWriter,
}

/// How an actor ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It stopped.
    Normal,
    /// It panicked with this text.
    Panicked(Arc<str>),
    /// Its task was dropped: the system went down around it.
    Dropped,
}

/// Monitor -> Supervisor: an actor is no more. Sent exactly once for each monitored actor.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Down {
    /// Who.
    pub subject: Subject,
    /// How.
    pub reason: Reason,
}

/// Supervisor -> Counter: the count changes.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Note(pub Change);

/// Supervisor -> Counter: the row of this query is counted by now, hand it to those who wait for it: whoever has it finds it in
/// the count.
#[derive(Message)]
#[rtype(result = "()")]
pub struct HandOver {
    /// The row.
    pub row: Arc<Row>,
    /// Who waits for it.
    pub to: Vec<oneshot::Sender<Arc<Row>>>,
}

/// Run -> Counter: answer when all that was noted before is counted.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Settle;

/// Supervisor -> ResultWriter: put this row on the disk.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Write(pub Arc<Row>);

/// Supervisor -> ResultWriter: keep these attempts no longer, now that the rows before are written.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Discard(pub Discarded);

/// ResultWriter -> Supervisor: these logs, of rows that it has not yet put on the disk, are not whole.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct LogsBroken {
    /// Their names.
    pub logs: Vec<Arc<str>>,
}

/// ResultWriter -> Supervisor: so many further rows are on the disk, in the order in which they were written.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Durable {
    /// How many.
    pub rows: usize,
}

/// ResultWriter -> Supervisor: rows cannot be put on the disk just now, and it keeps on trying.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Stalled {
    /// A sentence with the path.
    pub text: Arc<str>,
}

/// ResultWriter -> Supervisor: rows can be put on the disk again.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Resumed;

/// ResultWriter -> Supervisor: rows can no longer be put on the disk.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct WriteFailed {
    /// A sentence with the path.
    pub text: Arc<str>,
}

/// Anyone -> Supervisor: start nothing new and end what runs; said again, faster.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Interrupt {
    /// Why.
    pub cause: Cause,
    /// By Kill at once.
    pub forced: bool,
}

/// Handle -> Supervisor: ask this, too.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Submit {
    /// What.
    pub asked: Asked,
    /// Whether it was taken in.
    pub answer: oneshot::Sender<Result<Place, Refusal>>,
}

/// Handle -> Supervisor: ask these, too, which race each other; all of them or none.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SubmitRace {
    /// What.
    pub asked: Vec<Asked>,
    /// Whether they were taken in.
    pub answer: oneshot::Sender<Result<Vec<Place>, Refusal>>,
}

/// A query that comes while it runs, with those who wait for something of it.
pub struct Asked {
    /// What.
    pub query: Arc<Query>,
    /// What has to be over before.
    pub after: Box<[After]>,
    /// How the output of each of its passes is read.
    pub readings: Box<[Arc<Judge>]>,
    /// Gets its output as it comes.
    pub output: Option<mpsc::Sender<Piece>>,
    /// Gets its row.
    pub row: oneshot::Sender<Arc<Row>>,
    /// The place in the queue that it takes, until it leaves that.
    pub room: Option<OwnedSemaphorePermit>,
}

/// A piece of what a query has printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which of its attempts, counted from 1.
    pub attempt: u32,
    /// Where.
    pub stream: Stream,
    /// What, at least a byte.
    pub bytes: Bytes,
}

/// Handle -> Supervisor: these are not wanted any more. The answer is how many of them were not over.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Cancel {
    /// Which.
    pub whom: Whom,
    /// By Kill at once.
    pub forced: bool,
    /// Where the answer goes.
    pub answer: oneshot::Sender<usize>,
}

/// Which queries.
pub enum Whom {
    /// The one with this id.
    Id(Arc<str>),
    /// The one at this place, as long as it is that one.
    At(Place, Arc<str>),
    /// All of those ids.
    Those(Box<dyn Fn(&str) -> bool + Send>),
}

/// Handle -> Supervisor: hand the row of the query with this id on when it is there. Dropped where there is none, or
/// it was told before.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Await {
    /// Which query.
    pub id: Arc<str>,
    /// Where its row goes.
    pub row: oneshot::Sender<Arc<Row>>,
}

/// Handle -> Supervisor: tell what is kept of the rounds of the query with this id. Dropped where there is none.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Recall {
    /// Which query.
    pub id: Arc<str>,
    /// Where the answer goes.
    pub answer: oneshot::Sender<History>,
}

/// Handle -> Supervisor: from now on so many at a time.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct SetSlots(pub usize);

/// Handle -> Supervisor: nothing new starts (`true`), or it goes on.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Pause(pub bool);

/// Handle -> Supervisor: nothing more is asked; end when all that is there is over.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Close;

/// Handle -> Supervisor: tell this one, too.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Subscribe(pub Subscriber);

/// Anyone -> Supervisor: answer when the last query is down and the last row is durable.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Drain {
    /// Where the answer goes.
    pub answer: oneshot::Sender<Ending>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// What stopped it before its end, if anything.
    pub stopped: Option<Cause>,
    /// Queries without a row.
    pub unfinished: usize,
    /// Rows that are not on the disk, as far as is known; none where nothing failed.
    pub unwritten: Vec<Arc<Row>>,
    /// The names of groups that have failed.
    pub failed_groups: Vec<Arc<str>>,
    /// What became of the rounds of all queries that were asked again and again.
    pub rounds: Rounds,
    /// Events that a slow subscriber has missed.
    pub missed_events: u64,
    /// Why nothing could be started any more, if so: what waits is left to a later run.
    pub exhausted: Option<Arc<str>>,
    /// Why it is not to be trusted, if so.
    pub failure: Option<Failure>,
}

/// Run -> Supervisor: here is your writer; begin.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Open(pub Addr<ResultWriter>);

/// Run -> Supervisor: the guardian died, and all children with it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct GuardianDied;
