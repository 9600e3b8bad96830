//! The one order of all that happens to queries: who is alive, what is written down, when it counts, and when all is
//! over.
//!
//! A row is sent to the disk first, and only when it is durable its query is counted as done. The desk is told what
//! happened and pushes what is to be done; it knows no actor and no file, and reads no clock. The Supervisor is its
//! shell, and the simulation in `tests/simulation` drives the very same desk.

mod counting;
mod failing;
mod open;
mod reopening;
mod words;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::cause::{Cause, Outcome};
use crate::containment::Level;
use crate::periodic::Ring;
use crate::plan::Logs;
use crate::process::Fact;
use crate::roster::{Order, Place, Roster, Then};
use crate::row::{Printed, Row};
use crate::tally::{Change, Class};
use crate::tick::Tick;

pub use counting::History;
pub use words::{Effect, Event, Failure, News};

/// How long rows that find no room on the disk are kept when nothing runs any more: then they are given up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The file of an attempt's log, by the query's id and the number of the attempt.
pub type LogName = Box<dyn Fn(&str, u32) -> String + Send>;

/// What goes into rows beside what happened.
pub struct Papers {
    /// The containment of the children.
    pub containment: Arc<str>,
    /// Names logs.
    pub log_name: LogName,
}

/// The desk.
pub struct Desk {
    papers: Papers,
    roster: Roster,
    live: HashMap<Place, Live>,
    /// Attempts whose last fact has arrived and whose [`Event::Down`] has not. A query that could not be started just now
    /// is started again under the same number, and the word of the first must not be taken for that of the second.
    leaving: HashMap<(Place, u32), u32>,
    /// Rows on their way to the disk, in the order in which they were sent.
    unwritten: VecDeque<Sent>,
    /// What those are counted as that are over and may be started again.
    stands: HashMap<Place, Class>,
    /// The last rounds of those that are asked again and again.
    histories: HashMap<Place, Ring<Arc<Row>>>,
    /// The names of groups that have failed.
    failed_groups: Vec<Arc<str>>,
    stall: Option<Stall>,
    /// More may be asked: it is not over before that is closed.
    is_open: bool,
    /// Somebody wants an end of it, or it is given up: nobody waits for the disk any more.
    is_hurried: bool,
    failure: Option<Failure>,
    /// Nobody writes rows any more: the run does not wait for them.
    cannot_write: bool,
    orders: Vec<Order>,
}

/// An attempt that somebody attends to.
struct Live {
    attempt: u32,
    pass: usize,
    memory_limit: Option<u64>,
    log: Arc<str>,
    log_is_whole: bool,
    printed: Printed,
    started_us: Option<i64>,
    /// Its process has left, and that was told.
    has_left: bool,
}

/// A row on its way to the disk.
struct Sent {
    row: Arc<Row>,
    /// An attempt had ended, and the query was counted among those that run.
    ran: bool,
    /// The query was over with it, and was started again before it was durable.
    is_reopened: bool,
}

/// The disk takes no rows just now.
struct Stall {
    text: Arc<str>,
    /// Since when nothing runs that could use the time.
    idle_since: Option<Tick>,
}

impl Desk {
    /// A desk for what is on the roster.
    #[must_use]
    pub fn new(papers: Papers, roster: Roster) -> Self {
        Self {
            papers,
            roster,
            live: HashMap::new(),
            leaving: HashMap::new(),
            unwritten: VecDeque::new(),
            stands: HashMap::new(),
            histories: HashMap::new(),
            failed_groups: Vec::new(),
            stall: None,
            is_open: false,
            is_hurried: false,
            failure: None,
            cannot_write: false,
            orders: Vec::new(),
        }
    }

    /// When it wants an [`Event::Wake`], if nothing else happens before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Tick> {
        let patience = self.stall.as_ref().and_then(|stall| stall.idle_since).map(|since| since + PATIENCE);
        self.roster.wake_at().into_iter().chain(patience).min()
    }

    /// The last query is down, and the last row durable or given up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        // What follows the rows may find no room when they have.
        let is_written = self.stall.is_none();
        (self.roster.is_over() && is_written && !self.takes_in())
            || (self.cannot_write && self.roster.running() == 0)
    }

    /// What stopped the run before its end, if anything.
    #[must_use]
    pub const fn stopped(&self) -> Option<Cause> {
        self.roster.stopping()
    }

    /// How many queries have not been started yet or wait for another attempt.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.roster.waiting()
    }

    /// Why nothing could be started any more, if so.
    #[must_use]
    pub const fn exhausted(&self) -> Option<&Arc<str>> {
        self.roster.exhausted()
    }

    /// The rows that are not known to be on the disk, in the order in which they were sent there. They are no more than
    /// the roster lets wait for the disk, and those of what ran besides.
    pub fn unwritten(&self) -> impl ExactSizeIterator<Item = &Arc<Row>> {
        self.unwritten.iter().map(|sent| &sent.row)
    }

    /// Why the run is not to be trusted, if so.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Takes in what happened at `now` and pushes what is to be done, in order.
    pub fn step(&mut self, now: Tick, event: Event, out: &mut Vec<Effect>) {
        self.take(now, event, out);
        self.lose_patience(now, out);
    }

    fn take(&mut self, now: Tick, event: Event, out: &mut Vec<Effect>) {
        match event {
            Event::Wake => self.consult(out, |roster, orders| roster.wake(now, orders)),
            Event::Report { query, attempt, unix_us, log_is_whole, printed, fact } => {
                if let Some(live) = self.live.get_mut(&query).filter(|live| live.attempt == attempt) {
                    (live.log_is_whole, live.printed) = (log_is_whole, printed);
                    self.reported(now, (query, attempt), unix_us, fact, out);
                }
            }
            Event::Down { query, attempt, how } => {
                let is_lost = !self.see_off(query, attempt)
                    && self.live.get(&query).is_some_and(|live| live.attempt == attempt);
                // This one never told its own last fact.
                if is_lost {
                    self.finished(now, query, Outcome::lost(how), out);
                }
            }
            Event::LogsBroken { logs } => self.doubt(&logs),
            Event::Durable { rows } => {
                self.count(rows, out);
                self.consult(out, |roster, orders| roster.written(now, rows, orders));
            }
            Event::Stalled { text } => self.stalled(text, out),
            Event::Resumed => self.resumed(now, out),
            Event::WriteFailed(failure) => self.give_up_writing(failure, out),
            Event::Interrupt { cause, forced } => {
                self.is_hurried |= cause == Cause::Cancelled;
                self.consult(out, |roster, orders| roster.abort(cause, forced, orders));
            }
            Event::Failed(failure) => self.fail(failure, out),
            Event::Cancel { query, forced } => {
                self.consult(out, |roster, orders| roster.cancel(now, query, forced, orders));
                self.let_go(out);
            }
            Event::Slots(slots) => {
                self.consult(out, |roster, orders| roster.set_slots(now, slots, orders));
            }
            Event::Paused(paused) => {
                self.consult(out, |roster, orders| roster.pause(now, paused, orders));
            }
            Event::Closed => {
                self.is_open = false;
                self.consult(out, |roster, orders| roster.close(now, orders));
                self.let_go(out);
            }
        }
    }

    /// An attempt is down and is waited for no more. Whether it has told its last fact before.
    fn see_off(&mut self, query: Place, attempt: u32) -> bool {
        let Entry::Occupied(mut leaving) = self.leaving.entry((query, attempt)) else { return false };
        *leaving.get_mut() -= 1;
        if *leaving.get() == 0 {
            leaving.remove();
        }
        true
    }

    fn reported(
        &mut self,
        now: Tick,
        (query, attempt): (Place, u32),
        unix_us: i64,
        fact: Fact,
        out: &mut Vec<Effect>,
    ) {
        let Some(live) = self.live.get_mut(&query) else { return };
        if matches!(fact, Fact::Returned(_) | Fact::Finished(_)) {
            *self.leaving.entry((query, attempt)).or_default() += 1;
        }
        match fact {
            Fact::Started => {
                live.started_us = Some(unix_us);
                self.roster.started(now, query);
                out.push(Effect::Tell(News::Started { query, attempt, pass: live.pass }));
            }
            Fact::Verdict { last, of } => {
                out.push(Effect::Tell(News::Verdict { query, verdict: last.verdict, of }));
            }
            Fact::Stopping { cause, method } => {
                out.push(Effect::Tell(News::Stopping { query, cause, method }))
            }
            Fact::Left => {
                live.has_left = true;
                out.push(Effect::Tell(News::Ended { query, attempt }));
                self.consult(out, |roster, orders| roster.left(now, query, orders));
            }
            Fact::Returned(why) => {
                out.push(Effect::Tell(News::Returned { query, why: Arc::clone(&why) }));
                self.consult(out, |roster, orders| roster.returned(now, query, why, orders));
            }
            Fact::Finished(outcome) => self.finished(now, query, *outcome, out),
        }
    }

    /// An attempt is over, and that was told already where its process had left before.
    fn finished(&mut self, now: Tick, query: Place, outcome: Outcome, out: &mut Vec<Effect>) {
        if let Some(live) = self.live.get(&query).filter(|live| !live.has_left) {
            out.push(Effect::Tell(News::Ended { query, attempt: live.attempt }));
        }
        self.consult(out, |roster, orders| roster.finished(now, query, outcome, orders));
    }

    /// Lets the roster take in something, and does what it orders.
    fn consult(&mut self, out: &mut Vec<Effect>, tell: impl FnOnce(&mut Roster, &mut Vec<Order>)) {
        let mut orders = std::mem::take(&mut self.orders);
        tell(&mut self.roster, &mut orders);
        for order in orders.drain(..) {
            self.obey(order, out);
        }
        self.orders = orders;
    }

    fn obey(&mut self, order: Order, out: &mut Vec<Effect>) {
        match order {
            Order::Start { query, attempt, pass, memory } => self.start((query, attempt), pass, memory, out),
            Order::Abort { query, cause, forced, grace } => {
                if self.live.contains_key(&query) {
                    out.push(Effect::Abort { query, cause, forced, grace });
                }
            }
            Order::Record { query, attempt, pass, then, outcome } => {
                self.record((query, attempt), pass, then, *outcome, out)
            }
            Order::Requeued { query } => {
                if self.live.remove(&query).is_some() {
                    out.push(Effect::Release { query });
                }
                out.push(Effect::Count(Change::Requeued));
            }
            Order::Reopened { query } => self.reopen(query, out),
            Order::LeftOut { query, rounds, why } => {
                out.push(Effect::Tell(News::LeftOut { query, rounds, why }));
            }
            Order::GroupFailed { group, why } => {
                self.failed_groups.push(Arc::clone(&group));
                out.push(Effect::Tell(News::GroupFailed { group, why }));
            }
        }
    }

    fn start(
        &mut self,
        (query, attempt): (Place, u32),
        pass: usize,
        memory: Option<u64>,
        out: &mut Vec<Effect>,
    ) {
        let Some(asked) = self.query(query) else { return };
        let log: Arc<str> = (self.papers.log_name)(&asked.id, attempt).into();
        let live = Live {
            attempt,
            pass,
            memory_limit: memory,
            log: Arc::clone(&log),
            log_is_whole: true,
            printed: Printed::default(),
            started_us: None,
            has_left: false,
        };
        self.live.insert(query, live);
        out.push(Effect::Start { query, attempt, pass, log, memory });
        out.push(Effect::Count(Change::Started));
    }

    /// Sends a row to the disk. The query is counted when the row is durable, not before.
    fn record(
        &mut self,
        (query, attempt): (Place, u32),
        pass: usize,
        then: Then,
        mut outcome: Outcome,
        out: &mut Vec<Effect>,
    ) {
        // At this level nobody looks for what a leader leaves behind.
        outcome.leftovers = outcome.leftovers.filter(|_| *self.papers.containment != *Level::Group.word());
        let live = self.live.remove(&query);
        let has_run = live.is_some();
        out.extend(live.as_ref().map(|_| Effect::Release { query }));
        let memory_limit = live.as_ref().and_then(|live| live.memory_limit);
        // What never ran has no log.
        let ran = live.filter(|live| live.started_us.is_some());
        let started_us = ran.as_ref().and_then(|live| live.started_us);
        let printed = ran.as_ref().map(|live| live.printed).unwrap_or_default();
        let asked = self.query(query);
        let logged = ran.filter(|_| asked.is_some_and(|asked| asked.logs != Logs::Drop));
        let row = Arc::new(Row {
            query,
            id: asked.map(|asked| Arc::clone(&asked.id)).unwrap_or_default(),
            added: self.roster.book().added(query).cloned(),
            attempt,
            pass,
            then,
            outcome,
            started_us,
            log_is_whole: logged.as_ref().is_some_and(|live| live.log_is_whole),
            printed,
            log: logged.map(|live| live.log),
            memory_limit,
            containment: Arc::clone(&self.papers.containment),
        });
        self.unwritten.push_back(Sent { row: Arc::clone(&row), ran: has_run, is_reopened: false });
        out.push(Effect::Write(row));
    }

    /// What is written of these rows is what is told of them.
    fn doubt(&mut self, logs: &[Arc<str>]) {
        let logs: HashSet<_> = logs.iter().collect();
        for Sent { row, .. } in &mut self.unwritten {
            if row.log.as_ref().is_some_and(|log| logs.contains(log)) {
                Arc::make_mut(row).doubt_log();
            }
        }
    }
}
