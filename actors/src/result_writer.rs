//! The ResultWriter: owns the way to the result files. Rows go to a thread of its own that commits them in groups
//! (commit when idle, gather while busy), and it tells the Supervisor when they are durable.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix::{Actor, AsyncContext, Context, Handler, Recipient, StreamHandler};
use futures_util::stream::poll_fn;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::logs::Logs;
use crate::messages::{Durable, Write, WriteFailed};
use crate::row::{Commit, Row};

/// Rows in one transaction at most: a bound on memory and on how long a commit may take.
const GROUP: usize = 512;

/// The time between two commits at least, unless a group was full: then more rows are waiting already.
const GATHER: Duration = Duration::from_millis(20);

/// What the thread answers for each group.
type Ack = Result<usize, Arc<str>>;

/// The actor.
pub struct ResultWriter {
    rows: Sender<Arc<Row>>,
    acks: Option<UnboundedReceiver<Ack>>,
    durable: Recipient<Durable>,
    failed: Recipient<WriteFailed>,
}

impl ResultWriter {
    /// A writer that commits to `store` on a new thread; the thread gives the store back when the writer is gone.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn new<S: Commit + 'static>(
        store: S,
        logs: Logs,
        durable: Recipient<Durable>,
        failed: Recipient<WriteFailed>,
    ) -> std::io::Result<(Self, JoinHandle<S>)> {
        let (rows, inbox) = channel();
        let (outbox, acks) = unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("provisor-db".into())
            .spawn(move || commit_groups(store, &inbox, &logs, &outbox))?;
        Ok((Self { rows, acks: Some(acks), durable, failed }, thread))
    }
}

/// Commits when idle and gathers while busy: a row that comes alone is on the disk at once, and of many that come in a
/// row each waits for [`GATHER`] at most.
fn commit_groups<S: Commit>(
    mut store: S,
    inbox: &Receiver<Arc<Row>>,
    logs: &Logs,
    outbox: &UnboundedSender<Ack>,
) -> S {
    let mut last_commit = None::<Instant>;
    let mut broken = HashSet::new();
    while let Ok(first) = inbox.recv() {
        let since_last = last_commit.map_or(GATHER, |at| at.elapsed());
        std::thread::sleep(GATHER.saturating_sub(since_last));
        let mut group = vec![first];
        group.extend(inbox.try_iter().take(GROUP - 1));
        // A durable row must never name a log that is still on its way to the file, nor call one whole that is not.
        broken.extend(logs.barrier());
        for row in &mut group {
            if row.log.as_ref().is_some_and(|log| broken.remove(log)) {
                Arc::make_mut(row).log_is_whole = false;
            }
        }
        let ack = store.commit(&group).map(|()| group.len());
        last_commit = (group.len() < GROUP).then(Instant::now);
        let failed = ack.is_err();
        // Nobody may listen any more: what is there is written all the same.
        let _ = outbox.send(ack);
        if failed {
            break;
        }
    }
    store
}

impl Actor for ResultWriter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(mut acks) = self.acks.take() {
            ctx.add_stream(poll_fn(move |cx| acks.poll_recv(cx)));
        }
    }
}

impl Handler<Write> for ResultWriter {
    type Result = ();

    fn handle(&mut self, Write(row): Write, _: &mut Self::Context) {
        // After a failure the thread is gone; the Supervisor has been told and counts nothing as done any more.
        let _ = self.rows.send(row);
    }
}

impl StreamHandler<Ack> for ResultWriter {
    fn handle(&mut self, ack: Ack, _: &mut Self::Context) {
        match ack {
            Ok(rows) => self.durable.do_send(Durable { rows }),
            Err(text) => self.failed.do_send(WriteFailed { text }),
        }
    }

    /// The thread is gone while rows may still come: after a failure that was told already, or by a panic.
    fn finished(&mut self, _: &mut Self::Context) {
        self.failed.do_send(WriteFailed { text: "the thread that writes the results has died".into() });
    }
}
