//! The logs: one thread writes every child's bytes, unchanged, to a file an attempt.
//!
//! Whoever reads a child waits here when the disk is slow, or the one who hears what it prints, so that the child waits in
//! turn; control never does, and the thread waits for the disk only. A log that cannot be written is marked and given up for
//! good, and its query goes on: a log with a hole must not look whole because there was room again later.

mod ends;
mod room;

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use provisor_core::plan::Logs as Keep;
use provisor_core::record::{self, Happening};
use provisor_core::rules::Stream;

use ends::Ends;
pub use room::{Room, Taken};

/// Bytes on their way to the disk at most, over all children.
const IN_FLIGHT: u32 = 4 << 20;

/// Makes the file of a log: its name is relative to the run directory.
pub type OpenLog = Box<dyn FnMut(&str) -> std::io::Result<File> + Send>;

/// Hears what the children print as it is printed. It is called on the log thread, for which the rows of those that
/// ended wait: it must never wait for anybody. Who is slow keeps the room that comes with the bytes: then the children
/// wait that print.
pub trait Tee: Send {
    /// For how much it has room.
    fn room(&self) -> Room;

    /// Bytes of an attempt, in order. Without room they come where nobody waits: the child has left, or room is closed.
    fn hear(&mut self, log: &Arc<LogSpec>, stream: Stream, bytes: &[u8], room: Option<Taken>);

    /// No further byte of this attempt follows.
    fn close(&mut self, log: &Arc<LogSpec>);
}

/// One attempt's log.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct LogSpec {
    /// Whose output it is: the query's id.
    pub id: Arc<str>,
    /// The file, relative to the run directory.
    pub name: Arc<str>,
    /// What is kept.
    pub keep: Keep,
    /// Whether the timing goes beside it.
    pub record: bool,
}

impl LogSpec {
    /// Whether there is a file at all.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.keep != Keep::Drop
    }

    /// Whether it holds every byte and tells the streams apart (`mixed`: the child has written on standard error),
    /// so that the attempt can be judged again from it.
    #[must_use]
    pub fn is_whole(&self, mixed: bool) -> bool {
        self.keep == Keep::Keep && (self.record || !mixed)
    }
}

/// The way to the log thread. Cloning it shares it; the thread ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Logs {
    tray: Arc<Tray>,
    in_flight: Room,
    /// Of the tee, if there is one.
    hearing: Option<Room>,
    _last: Arc<HangUp>,
}

/// What lies on the thread's desk; `None` when nobody sits there any more.
#[derive(Debug)]
struct Tray {
    orders: Mutex<Option<Vec<Order>>>,
    ring: Condvar,
}

impl Tray {
    fn put(&self, order: Order) {
        // An order that nobody takes is dropped, and with it the permit or the answer that somebody waits for.
        if let Some(orders) = &mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner) {
            orders.push(order);
        }
    }

    /// Waits for the bell, then takes all there is.
    fn take(&self, taken: &mut Vec<Order>) {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let is_quiet = |order: &Order| matches!(order, Order::Close(_) | Order::Note { .. });
        let quiet = |orders: &mut Option<Vec<Order>>| orders.iter().flatten().all(is_quiet);
        let mut orders = self.ring.wait_while(orders, quiet).unwrap_or_else(PoisonError::into_inner);
        if let Some(orders) = &mut *orders {
            std::mem::swap(orders, taken);
        }
    }
}

/// Leaves the desk for good, on a panic too: whoever waits for an order hears at once that it is in vain.
struct Leave<'a>(&'a Tray);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        *self.0.orders.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Ends the thread.
#[derive(Debug)]
struct HangUp(Arc<Tray>);

impl Drop for HangUp {
    fn drop(&mut self) {
        self.0.put(Order::End);
        self.0.ring.notify_one();
    }
}

#[derive(Debug)]
enum Order {
    Write { log: Arc<LogSpec>, stream: Stream, bytes: Bytes, hearing: Option<Taken>, _room: Option<Taken> },
    Note { log: Arc<LogSpec>, at: Duration, happening: Happening },
    Close(Arc<LogSpec>),
    Barrier(SyncSender<Vec<Arc<str>>>),
    End,
}

impl Logs {
    /// Starts the thread. `tee` hears everything that is handed over, whatever is kept of it.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(open: OpenLog, tee: Option<Box<dyn Tee>>) -> std::io::Result<(Self, JoinHandle<()>)> {
        let tray = Arc::new(Tray { orders: Mutex::new(Some(Vec::new())), ring: Condvar::new() });
        let (served, hearing) = (Arc::clone(&tray), tee.as_ref().map(|tee| tee.room()));
        let thread = std::thread::Builder::new()
            .name("provisor-logs".into())
            .spawn(move || Desk { open, tee, logs: HashMap::new(), broken: Vec::new() }.serve(&served))?;
        let last = Arc::new(HangUp(Arc::clone(&tray)));
        Ok((Self { tray, in_flight: Room::new(IN_FLIGHT), hearing, _last: last }, thread))
    }

    /// Hands a chunk over; waits while too much is on its way to the disk, and before that while whoever hears it has
    /// no room, but for this only until `gone`: what a child has left behind is judged, however slow anybody listens.
    /// What nobody keeps or hears need not wake the thread.
    pub async fn write(&self, log: &Arc<LogSpec>, stream: Stream, bytes: Bytes, gone: impl Future) {
        if !log.is_kept() && self.hearing.is_none() {
            return;
        }
        let hearing = match &self.hearing {
            Some(hearing) => tokio::select! {
                biased;
                taken = hearing.take(bytes.len()) => taken,
                _ = gone => None,
            },
            None => None,
        };
        let room = self.in_flight.take(bytes.len()).await;
        self.tray.put(Order::Write { log: Arc::clone(log), stream, bytes, hearing, _room: room });
        self.tray.ring.notify_one();
    }

    /// Notes for the recording what happened `at` this long after the start of the attempt; for nothing where none is
    /// made. Rings no bell, as `close`.
    pub fn note(&self, log: &Arc<LogSpec>, at: Duration, happening: Happening) {
        if log.record {
            self.tray.put(Order::Note { log: Arc::clone(log), at, happening });
        }
    }

    /// No further byte follows. Rings no bell: a barrier follows before anybody relies on it, and waking a thread for
    /// each short child would cost more than the child's log.
    pub fn close(&self, log: &Arc<LogSpec>) {
        if log.is_kept() || log.record || self.hearing.is_some() {
            self.tray.put(Order::Close(Arc::clone(log)));
        }
    }

    /// Blocks until everything that was handed over before is in its file. Returns the names of those logs, closed since
    /// the last time, that are incomplete because they could not be written; `None` where nobody writes them any more, and
    /// nobody knows.
    pub fn barrier(&self) -> Option<Vec<Arc<str>>> {
        let (done, wait) = sync_channel(1);
        self.tray.put(Order::Barrier(done));
        self.tray.ring.notify_one();
        wait.recv().ok()
    }
}

/// The thread's side.
struct Desk {
    open: OpenLog,
    tee: Option<Box<dyn Tee>>,
    logs: HashMap<Arc<LogSpec>, OpenedLog>,
    /// Closed logs that could not be written, until somebody asks.
    broken: Vec<Arc<str>>,
}

impl Desk {
    fn serve(mut self, tray: &Tray) {
        let (mut orders, mut noted) = (Vec::new(), Vec::new());
        let _leave = Leave(tray);
        loop {
            tray.take(&mut orders);
            for order in orders.drain(..) {
                match order {
                    Order::Write { log, stream, bytes, hearing, _room } => {
                        self.opened(&log).write(&bytes);
                        if let Some(tee) = &mut self.tee {
                            tee.hear(&log, stream, &bytes, hearing);
                        }
                    }
                    Order::Note { log, at, happening } => {
                        self.opened(&log).note(at, happening);
                        noted.push(log);
                    }
                    Order::Close(log) => {
                        let opened = self.opened(&log);
                        opened.close();
                        if opened.broken {
                            self.broken.push(Arc::clone(&log.name));
                        }
                        self.logs.remove(&log);
                        if let Some(tee) = &mut self.tee {
                            tee.close(&log);
                        }
                    }
                    Order::Barrier(done) => drop(done.send(std::mem::take(&mut self.broken))),
                    Order::End => return,
                }
            }
            // A recording is there for what comes after a crash, too.
            for log in noted.drain(..) {
                self.logs.get_mut(&log).into_iter().for_each(OpenedLog::write_lines);
            }
        }
    }

    fn opened(&mut self, log: &Arc<LogSpec>) -> &mut OpenedLog {
        let Self { open, logs, .. } = self;
        logs.entry(Arc::clone(log)).or_insert_with_key(|log| OpenedLog::new(open, log))
    }
}

/// A log that is being written.
struct OpenedLog {
    name: Arc<str>,
    keep: Keep,
    /// `None` once it could not be written: said once, then given up.
    file: Option<File>,
    timing: Option<File>,
    /// One of the two could not be written.
    broken: bool,
    /// What `Tail` keeps, so far.
    tail: Vec<u8>,
    /// What `Ends` keeps, so far.
    ends: Option<Ends>,
    /// Timing lines that are not written yet.
    lines: String,
}

impl OpenedLog {
    fn new(open: &mut OpenLog, log: &LogSpec) -> Self {
        let file = match log.keep {
            Keep::Drop => None,
            Keep::Keep | Keep::Tail(_) | Keep::Ends(_) => {
                open(&log.name).inspect_err(|error| complain(&log.name, error)).ok()
            }
        };
        let timing = log.record.then(|| format!("{}.timing", log.name.trim_end_matches(".log")));
        let timing = timing.and_then(|name| open(&name).inspect_err(|error| complain(&name, error)).ok());
        let mut lines = String::new();
        record::write_head(&mut lines);
        let broken = (log.is_kept() && file.is_none()) || (log.record && timing.is_none());
        let ends = if let Keep::Ends(most) = log.keep { Some(Ends::new(most)) } else { None };
        Self {
            name: Arc::clone(&log.name),
            keep: log.keep,
            file,
            timing,
            broken,
            tail: Vec::new(),
            ends,
            lines,
        }
    }

    fn note(&mut self, at: Duration, happening: Happening) {
        if self.timing.is_some() {
            record::write_event(&mut self.lines, at, happening);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        match self.keep {
            Keep::Keep => self.write_out(bytes),
            Keep::Tail(most) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                self.tail.extend_from_slice(bytes);
                // Cut only when twice too long, so that each byte is moved once at most.
                if self.tail.len() > most.saturating_mul(2).max(65536) {
                    self.tail.drain(..self.tail.len() - most);
                }
            }
            Keep::Ends(_) => {
                if let Some(ends) = &mut self.ends {
                    let head = ends.take(bytes);
                    self.write_out(head);
                }
            }
            Keep::Drop => {}
        }
    }

    fn close(&mut self) {
        if let Keep::Tail(most) = self.keep {
            let tail = std::mem::take(&mut self.tail);
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            self.write_out(&tail[tail.len().saturating_sub(most)..]);
        }
        if let Some(mut ends) = self.ends.take() {
            self.write_out(&ends.finish());
        }
        self.write_lines();
        if self.file.as_ref().is_some_and(is_gone) || self.timing.as_ref().is_some_and(is_gone) {
            tracing::warn!(log = &*self.name, "the log was removed while it was written; its query goes on");
            self.broken = true;
        }
    }

    fn write_out(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.write_all(bytes) {
            complain(&self.name, &error);
            (self.file, self.broken) = (None, true);
        }
    }

    fn write_lines(&mut self) {
        let Some(file) = &mut self.timing else { return };
        if let Err(error) = file.write_all(self.lines.as_bytes()) {
            complain(&self.name, &error);
            (self.timing, self.broken) = (None, true);
        }
        self.lines.clear();
    }
}

/// It was removed: what was written to it is nowhere.
fn is_gone(file: &File) -> bool {
    file.metadata().is_ok_and(|there| there.nlink() == 0)
}

fn complain(name: &str, error: &std::io::Error) {
    tracing::warn!(log = name, %error, "the log cannot be written and is incomplete; its query goes on");
}
