//! Who waits, who runs, who is done: slots, order, retries with backoff, the job's own deadline, and how many rows
//! may wait for the disk.
//!
//! The roster gives orders and is told what became of them. It knows queries by their place in the plan and nothing
//! of processes; it never waits and reads no clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::cause::{Cause, End, Exit, Outcome, StopMethod};
use crate::plan::{Retry, RetryOn};
use crate::tick::Tick;

/// A query's place in the plan.
pub type Place = u32;

/// The longest pause before a retry or after the system was short of something.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The first pause after the system was short of something; doubles while it stays so.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(20);
/// The longest of those pauses.
const LONGEST_SHORTAGE_PAUSE: Duration = Duration::from_secs(2);
/// After so many failed starts in a row with nothing of ours running, waiting is no use: some thirty seconds.
const HOPELESS: u32 = 20;

/// Something the supervisor has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Give this query a slot and begin its attempt of this number.
    Start {
        /// Which query.
        query: Place,
        /// Counted from 1, over all runs.
        attempt: u32,
    },
    /// End it.
    Abort {
        /// Which query.
        query: Place,
        /// Why.
        cause: Cause,
        /// By Kill at once.
        forced: bool,
    },
    /// Write down what became of an attempt.
    Record {
        /// Which query.
        query: Place,
        /// Which attempt.
        attempt: u32,
        /// No further attempt of this query follows in this run: this is the query's row.
        last: bool,
        /// What became of it.
        outcome: Box<Outcome>,
    },
    /// It has left its slot without an outcome and waits again.
    Requeued {
        /// Which query.
        query: Place,
    },
}

/// What the roster has to know of a query.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the plan.
    pub query: Place,
    /// How many attempts earlier runs have made.
    pub attempts_before: u32,
    /// What is tried again.
    pub retry: Arc<Retry>,
}

/// The bounds within which the roster works.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Queries that may run at a time, at least one.
    pub slots: usize,
    /// When what runs is ended.
    pub deadline: Option<Tick>,
    /// Rows that may wait for the disk before nothing new is started.
    pub unwritten: usize,
}

/// The roster.
#[derive(Debug)]
pub struct Roster {
    bounds: Bounds,
    /// How many may run just now: `slots`, or fewer while the system is short of something.
    ceiling: usize,
    entries: BTreeMap<Place, Entry>,
    waiting: VecDeque<(Place, u32)>,
    delayed: BinaryHeap<Reverse<(Tick, Place, u32)>>,
    running: BTreeMap<Place, u32>,
    /// Those of the running whose process has left: they hold no slot any more.
    leaving: BTreeSet<Place>,
    /// Slots whose process the kernel does not let go of.
    stuck: usize,
    unwritten: usize,
    shortage: Shortage,
    /// Nothing new starts until further notice.
    held: bool,
    stopping: Option<Cause>,
}

#[derive(Debug, Default)]
struct Shortage {
    in_a_row: u32,
    until: Option<Tick>,
}

impl Roster {
    /// A roster of these queries, in this order.
    #[must_use]
    pub fn new(bounds: Bounds, entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut waiting = VecDeque::new();
        let mut map = BTreeMap::new();
        for entry in entries {
            waiting.push_back((entry.query, 1));
            map.insert(entry.query, entry);
        }
        Self {
            bounds,
            ceiling: bounds.slots,
            entries: map,
            waiting,
            delayed: BinaryHeap::new(),
            running: BTreeMap::new(),
            leaving: BTreeSet::new(),
            stuck: 0,
            unwritten: 0,
            shortage: Shortage::default(),
            held: false,
            stopping: None,
        }
    }

    /// How many have not been started yet or wait for another attempt.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len() + self.delayed.len()
    }

    /// How many run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Why nothing new starts, if so.
    #[must_use]
    pub const fn stopping(&self) -> Option<Cause> {
        self.stopping
    }

    /// Nothing runs, nothing is to be started and every row is written.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let nothing_to_start =
            self.stopping.is_some() || self.waiting() == 0 || self.stuck >= self.bounds.slots;
        self.running.is_empty() && nothing_to_start && self.unwritten == 0
    }

    /// When it wants to be asked again, if nothing happens before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Tick> {
        if self.stopping.is_some() {
            return None;
        }
        let retry = self.delayed.peek().map(|Reverse((due, ..))| *due).filter(|_| !self.held);
        let shortage = self.shortage.until.filter(|_| !self.waiting.is_empty() && !self.held);
        self.bounds.deadline.into_iter().chain(retry).chain(shortage).min()
    }

    /// Time has passed, or the run begins: starts what may start, and ends everything at the deadline.
    pub fn wake(&mut self, now: Tick, orders: &mut Vec<Order>) {
        if self.bounds.deadline.is_some_and(|deadline| now >= deadline) && self.stopping.is_none() {
            self.abort(Cause::Deadline, false, orders);
        }
        self.fill(now, orders);
    }

    /// The process of an attempt is there.
    pub fn started(&mut self, query: Place) {
        if self.running.contains_key(&query) {
            self.shortage.in_a_row = 0;
        }
    }

    /// The process of an attempt has left, and all of its output is read: its slot is free.
    pub fn left(&mut self, now: Tick, query: Place, orders: &mut Vec<Order>) {
        if self.running.contains_key(&query) && self.leaving.insert(query) {
            self.ceiling = (self.ceiling + 1).min(self.bounds.slots);
            self.fill(now, orders);
        }
    }

    /// An attempt could not start because the system was short of something.
    pub fn returned(&mut self, now: Tick, query: Place, why: Arc<str>, orders: &mut Vec<Order>) {
        let Some(attempt) = self.running.remove(&query) else { return };
        let hopeless = self.running.is_empty() && self.shortage.in_a_row >= HOPELESS;
        if hopeless || self.stopping.is_some() {
            let cause = self.stopping.unwrap_or(Cause::Exited);
            self.record(query, attempt, true, Outcome::not_started(why, cause), orders);
        } else {
            self.ceiling = self.running.len().max(1);
            let pause = doubled(SHORTAGE_PAUSE, self.shortage.in_a_row, LONGEST_SHORTAGE_PAUSE);
            self.shortage = Shortage { in_a_row: self.shortage.in_a_row + 1, until: Some(now + pause) };
            self.waiting.push_front((query, attempt));
            orders.push(Order::Requeued { query });
        }
        self.fill(now, orders);
    }

    /// An attempt is over.
    pub fn finished(&mut self, now: Tick, query: Place, outcome: Outcome, orders: &mut Vec<Order>) {
        let Some(attempt) = self.running.remove(&query) else { return };
        if outcome.end == End::Unreaped {
            self.stuck += 1;
        }
        if !self.leaving.remove(&query) {
            self.ceiling = (self.ceiling + 1).min(self.bounds.slots);
        }
        match self.retry_at(now, query, attempt, &outcome) {
            Some(due) => {
                self.record(query, attempt, false, outcome, orders);
                self.delayed.push(Reverse((due, query, attempt + 1)));
                orders.push(Order::Requeued { query });
            }
            None => self.record(query, attempt, true, outcome, orders),
        }
        self.fill(now, orders);
    }

    /// So many rows have reached the disk.
    pub fn written(&mut self, now: Tick, rows: usize, orders: &mut Vec<Order>) {
        self.unwritten = self.unwritten.saturating_sub(rows);
        self.fill(now, orders);
    }

    /// Starts nothing new until it is let go on; what runs runs.
    pub const fn hold(&mut self) {
        self.held = true;
    }

    /// Goes on after [`hold`](Self::hold).
    pub fn go_on(&mut self, now: Tick, orders: &mut Vec<Order>) {
        self.held = false;
        self.fill(now, orders);
    }

    /// Starts nothing new and ends what runs; said again, it ends it faster.
    pub fn abort(&mut self, cause: Cause, forced: bool, orders: &mut Vec<Order>) {
        self.stopping.get_or_insert(cause);
        orders.extend(self.running.keys().map(|&query| Order::Abort { query, cause, forced }));
    }

    fn fill(&mut self, now: Tick, orders: &mut Vec<Order>) {
        if self.stopping.is_some() || self.held {
            return;
        }
        while self.delayed.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
            let Some(Reverse((_, query, attempt))) = self.delayed.pop() else { break };
            self.waiting.push_front((query, attempt));
        }
        if self.shortage.until.is_some_and(|until| now < until) {
            return;
        }
        self.shortage.until = None;
        while self.running.len() - self.leaving.len() + self.stuck < self.ceiling
            && self.unwritten < self.bounds.unwritten
        {
            let Some((query, attempt)) = self.waiting.pop_front() else { break };
            self.running.insert(query, attempt);
            let before = self.entries.get(&query).map_or(0, |entry| entry.attempts_before);
            orders.push(Order::Start { query, attempt: before + attempt });
        }
    }

    fn record(&mut self, query: Place, attempt: u32, last: bool, outcome: Outcome, orders: &mut Vec<Order>) {
        self.unwritten += 1;
        let before = self.entries.get(&query).map_or(0, |entry| entry.attempts_before);
        orders.push(Order::Record { query, attempt: before + attempt, last, outcome: Box::new(outcome) });
    }

    fn retry_at(&self, now: Tick, query: Place, attempt: u32, outcome: &Outcome) -> Option<Tick> {
        let retry = &self.entries.get(&query)?.retry;
        let worth_it = self.stopping.is_none()
            && outcome.end != End::Unreaped
            && attempt <= retry.times
            && retry.on.iter().any(|on| is_met(*on, outcome));
        worth_it.then(|| now + doubled(retry.backoff, attempt - 1, LONGEST_PAUSE))
    }
}

/// Whether an attempt ended in this way.
fn is_met(on: RetryOn, outcome: &Outcome) -> bool {
    let by_itself = outcome.cause == Cause::Exited;
    match (on, &outcome.end) {
        (RetryOn::NotStarted, End::NotStarted(_)) | (RetryOn::Lost, End::Lost(_)) => true,
        (RetryOn::Signal, End::Reaped(Exit::Signal(_))) => by_itself && outcome.method.is_none(),
        (RetryOn::ExitCode(wanted), End::Reaped(Exit::Code(code))) => by_itself && *code == wanted,
        (RetryOn::Failure, End::Reaped(Exit::Code(code))) => by_itself && *code != 0,
        (RetryOn::NoVerdict, End::Reaped(_)) => by_itself && outcome.judgement.verdict.is_none(),
        (RetryOn::WallLimit, End::Reaped(_)) => outcome.cause == Cause::WallLimit,
        (RetryOn::Silent, End::Reaped(_)) => outcome.cause == Cause::Silent,
        _ => false,
    }
}

/// No pause before an attempt of a query with these retries is longer.
pub(crate) fn longest_pause(retry: &Retry) -> Duration {
    doubled(retry.backoff, retry.times.saturating_sub(1), LONGEST_PAUSE)
}

fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    let factor = 1_u32.checked_shl(times.min(31)).unwrap_or(u32::MAX);
    first.checked_mul(factor).map_or(longest, |pause| pause.min(longest.max(first)))
}

/// How hard to end everything at the n-th interruption of the run, counted from 1; `None` means: leave at once.
#[must_use]
pub const fn interruption(count: u32) -> Option<StopMethod> {
    match count {
        0 | 1 => Some(StopMethod::Term),
        2 => Some(StopMethod::Kill),
        _ => None,
    }
}
