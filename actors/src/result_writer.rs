//! The ResultWriter: owns the way to the result files. Rows go to a thread of its own that commits them in groups
//! (commit when idle, gather while busy), and it tells the Supervisor when they are durable.
//!
//! Where there is no room, or another program is in the way, the thread keeps what it has and tries again, for as long as
//! somebody wants the rows; a disk that fails is never tried again. It holds no more than what was sent to it, and decides
//! nothing about what is run.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, AsyncContext, Context, Handler, Recipient, StreamHandler};
use futures_util::stream::poll_fn;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::logs::Logs;
use crate::messages::{Discard, Durable, LogsBroken, Resumed, Stalled, Write, WriteFailed};
use crate::monitor::text_of;
use crate::row::{Commit, Discarded, Refusal, Row};

/// Rows in one transaction at most: a bound on memory and on how long a commit may take.
const GROUP: usize = 512;

/// The time between two commits at least, unless a group was full: then more rows are waiting already.
const GATHER: Duration = Duration::from_millis(20);

/// The time between two attempts while no rows are taken.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// What the thread is told.
enum Task {
    Write(Arc<Row>),
    Discard(Discarded),
}

/// What the thread tells.
enum Ack {
    LogsBroken(Vec<Arc<str>>),
    Durable(usize),
    Stalled(Arc<str>),
    Resumed,
    Failed(Arc<str>),
}

/// Who hears how it stands with the rows.
pub struct Hearer {
    broken: Recipient<LogsBroken>,
    durable: Recipient<Durable>,
    stalled: Recipient<Stalled>,
    resumed: Recipient<Resumed>,
    failed: Recipient<WriteFailed>,
}

impl Hearer {
    /// One who hears everything.
    pub fn new<A>(actor: &Addr<A>) -> Self
    where
        A: Actor<Context = Context<A>>
            + Handler<LogsBroken>
            + Handler<Durable>
            + Handler<Stalled>
            + Handler<Resumed>
            + Handler<WriteFailed>,
    {
        Self {
            broken: actor.clone().recipient(),
            durable: actor.clone().recipient(),
            stalled: actor.clone().recipient(),
            resumed: actor.clone().recipient(),
            failed: actor.clone().recipient(),
        }
    }

    fn tell(&self, ack: Ack) {
        match ack {
            Ack::LogsBroken(logs) => self.broken.do_send(LogsBroken { logs }),
            Ack::Durable(rows) => self.durable.do_send(Durable { rows }),
            Ack::Stalled(text) => self.stalled.do_send(Stalled { text }),
            Ack::Resumed => self.resumed.do_send(Resumed),
            Ack::Failed(text) => self.failed.do_send(WriteFailed { text }),
        }
    }
}

/// The actor.
pub struct ResultWriter {
    tasks: Sender<Task>,
    acks: Option<UnboundedReceiver<Ack>>,
    hearer: Hearer,
    /// The thread has said that it writes no more.
    has_failed: bool,
}

impl ResultWriter {
    /// A writer that commits to `store` on a new thread; the thread gives the store back, with what it
    /// knows of the logs, when the writer is gone.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn new<S: Commit + 'static>(
        store: S,
        logs: Logs,
        hearer: Hearer,
    ) -> std::io::Result<(Self, JoinHandle<Left<S>>)> {
        let (tasks, inbox) = channel();
        let (outbox, acks) = unbounded_channel();
        let clerk = Clerk {
            store,
            logs,
            inbox,
            outbox,
            rows: Vec::new(),
            discarded: Vec::new(),
            broken: HashSet::new(),
            last_commit: None,
            stalled: None,
        };
        let thread = std::thread::Builder::new().name("provisor-db".into()).spawn(move || clerk.serve())?;
        Ok((Self { tasks, acks: Some(acks), hearer, has_failed: false }, thread))
    }
}

/// What the thread leaves.
pub struct Left<S> {
    /// Where the rows went.
    pub store: S,
    /// Logs of which nobody can say that they are whole, whether or not the rows that name them were written.
    pub broken: HashSet<Arc<str>>,
}

/// The thread's side.
struct Clerk<S> {
    store: S,
    logs: Logs,
    inbox: Receiver<Task>,
    outbox: UnboundedSender<Ack>,
    /// Rows that are not durable, in their order.
    rows: Vec<Arc<Row>>,
    /// What is not to be kept any more, and still is.
    discarded: Vec<Discarded>,
    /// Logs of which nobody can say that they are whole.
    broken: HashSet<Arc<str>>,
    /// Unless its group was full.
    last_commit: Option<Instant>,
    /// Rows were not taken, and this was told.
    stalled: Option<Arc<str>>,
}

impl<S: Commit> Clerk<S> {
    /// A panic costs no row: the store comes back all the same, and with it what the rows are printed by.
    fn serve(mut self) -> Left<S> {
        let written = catch_unwind(AssertUnwindSafe(|| self.write()));
        let failed = written.unwrap_or_else(|panic| {
            let panic = text_of(&*panic);
            Err(format!("the thread that writes the results panicked ({panic}): this is a bug in provisor")
                .into())
        });
        if let Err(text) = failed {
            self.tell(Ack::Failed(text));
        }
        // Whoever prints the rows that still come and are written nowhere wants to know of their logs.
        let known = self.rows.len();
        while let Ok(task) = self.inbox.recv() {
            self.take(task);
        }
        self.look_at_logs(known);
        Left { store: self.store, broken: self.broken }
    }

    /// Until nothing more comes, or nothing more can be written.
    fn write(&mut self) -> Result<(), Arc<str>> {
        while self.gather() {
            if let Err(Refusal::Final(text)) = self.put_all().and_then(|()| self.discard()) {
                return Err(text);
            }
        }
        Ok(())
    }

    /// Nobody may listen any more: what is there is written all the same.
    fn tell(&self, ack: Ack) {
        let _ = self.outbox.send(ack);
    }

    /// Waits for something to do. Commits when idle and gathers while busy: a row that comes alone is on the disk at once,
    /// and of many that come in a row each waits for [`GATHER`] at most. False when nothing more comes.
    fn gather(&mut self) -> bool {
        let first = match self.stalled.is_some() {
            true => self.inbox.recv_timeout(TRY_AGAIN),
            false => self.inbox.recv().map_err(RecvTimeoutError::from),
        };
        let known = self.rows.len();
        match first {
            Ok(task) => self.take(task),
            // It is time to try again what is there.
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        let since_last = self.last_commit.map_or(GATHER, |at| at.elapsed());
        std::thread::sleep(GATHER.saturating_sub(since_last));
        while self.rows.len() < GROUP || self.stalled.is_some() {
            let Ok(task) = self.inbox.try_recv() else { break };
            self.take(task);
        }
        self.look_at_logs(known);
        true
    }

    fn take(&mut self, task: Task) {
        match task {
            Task::Write(row) => self.rows.push(row),
            Task::Discard(discarded) => self.discarded.push(discarded),
        }
    }

    /// Lets go of what is not to be kept. The rows that took its place are durable; where there is no room for that just now it is
    /// kept until there is.
    fn discard(&mut self) -> Result<(), Refusal> {
        if self.stalled.is_some() || self.discarded.is_empty() {
            return Ok(());
        }
        match self.store.discard(&self.discarded) {
            Err(Refusal::NotNow(text)) => tracing::debug!(%text, "rounds are kept that need not be"),
            other => {
                self.discarded.clear();
                other?;
            }
        }
        Ok(())
    }

    /// A durable row must never name a log that is still on its way to the file, nor call one whole that is not. Those
    /// before `known` were looked at.
    fn look_at_logs(&mut self, known: usize) {
        let told = self.logs.barrier();
        let is_known = told.is_some();
        self.broken.extend(told.into_iter().flatten());
        let mut broken = Vec::new();
        for row in &mut self.rows[known..] {
            if let Some(log) = row.log.clone().filter(|log| !is_known || self.broken.contains(log)) {
                Arc::make_mut(row).doubt_log();
                broken.push(log);
            }
        }
        // Before anything else is told of these rows.
        if !broken.is_empty() {
            self.broken.extend(broken.iter().cloned());
            self.tell(Ack::LogsBroken(broken));
        }
    }

    /// Puts on the disk all that is there, and keeps what is not taken.
    fn put_all(&mut self) -> Result<(), Refusal> {
        loop {
            let rows = self.rows.len().min(GROUP);
            let put = if rows > 0 { self.store.commit(&self.rows[..rows]) } else { Ok(()) };
            let is_durable = put.is_ok();
            let all = put.and_then(|()| self.store.catch_up());
            // Before it is told what is durable: nobody is to take the run for over while something is missing.
            if let Err(Refusal::NotNow(text)) = &all
                && self.stalled.as_ref() != Some(text)
            {
                self.stalled = Some(Arc::clone(text));
                self.tell(Ack::Stalled(Arc::clone(text)));
            }
            if is_durable && rows > 0 {
                self.rows.drain(..rows);
                self.tell(Ack::Durable(rows));
                self.last_commit = (rows < GROUP).then(Instant::now);
            }
            match all {
                Err(Refusal::NotNow(_)) => return Ok(()),
                Err(failed) => return Err(failed),
                Ok(()) if self.rows.is_empty() => break,
                Ok(()) => {}
            }
        }
        if self.stalled.take().is_some() {
            self.tell(Ack::Resumed);
        }
        Ok(())
    }
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
        let _ = self.tasks.send(Task::Write(row));
    }
}

impl Handler<Discard> for ResultWriter {
    type Result = ();

    fn handle(&mut self, Discard(discarded): Discard, _: &mut Self::Context) {
        let _ = self.tasks.send(Task::Discard(discarded));
    }
}

impl StreamHandler<Ack> for ResultWriter {
    fn handle(&mut self, ack: Ack, _: &mut Self::Context) {
        self.has_failed |= matches!(ack, Ack::Failed(_));
        self.hearer.tell(ack);
    }

    /// The thread is gone while rows may still come: after a failure that was told already, or nobody knows why.
    fn finished(&mut self, _: &mut Self::Context) {
        if self.has_failed {
            return;
        }
        self.hearer.tell(Ack::Failed("the thread that writes the results has died".into()));
    }
}
