//! Who waits, who runs, who is done: slots, order, memory, retries with backoff, the job's own deadline, and how many
//! rows may wait for the disk.
//!
//! The roster gives orders and is told what became of them. It knows queries by their place in the plan and nothing
//! of processes; it never waits and reads no clock.

mod memory;
mod retry;
mod shortage;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;

use crate::cause::{Cause, End, Outcome, StopMethod};
use crate::plan::Retry;
use crate::tick::Tick;

pub use memory::Memory;
use memory::{Budget, Patience};
pub(crate) use retry::longest_pause;
use shortage::Shortage;

/// A query's place in the plan.
pub type Place = u32;

/// Something the supervisor has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Give this query a slot and begin its attempt of this number.
    Start {
        /// Which query.
        query: Place,
        /// Counted from 1, over all runs.
        attempt: u32,
        /// The limit of its memory, in bytes.
        memory: Option<u64>,
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
    /// What is known of its memory.
    pub memory: Memory,
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
    /// What all that run together are expected to need at most, in bytes.
    pub memory_budget: Option<u64>,
    /// The machine's memory, in bytes, where it is known: what one query may be given at most.
    pub machine_memory: Option<u64>,
}

/// An attempt that waits or runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    query: Place,
    /// Counted from 1 in this run.
    attempt: u32,
    /// The limit of its memory.
    memory: Option<u64>,
    /// What it is expected to need of the budget.
    needs: u64,
    /// Nothing is to run beside it.
    is_alone: bool,
}

/// The roster.
#[derive(Debug)]
pub struct Roster {
    bounds: Bounds,
    /// How many may be at work just now: `slots`, or fewer while the system is short of something.
    ceiling: usize,
    entries: BTreeMap<Place, Entry>,
    waiting: VecDeque<Turn>,
    delayed: BinaryHeap<Reverse<(Tick, Turn)>>,
    running: BTreeMap<Place, Turn>,
    /// Those of the running whose process has left: they hold no slot any more.
    leaving: BTreeSet<Place>,
    /// Slots whose process the kernel does not let go of.
    stuck: usize,
    unwritten: usize,
    budget: Budget,
    patience: Patience,
    shortage: Shortage,
    /// Why nothing can be started any more.
    exhausted: Option<Arc<str>>,
    /// Nothing new starts until further notice.
    held: bool,
    stopping: Option<Cause>,
}

impl Roster {
    /// A roster of these queries, in this order.
    #[must_use]
    pub fn new(bounds: Bounds, entries: impl IntoIterator<Item = Entry>) -> Self {
        let budget = Budget::new(bounds.memory_budget, bounds.machine_memory);
        let mut waiting = VecDeque::new();
        let mut map = BTreeMap::new();
        for entry in entries {
            let Entry { query, memory, .. } = entry;
            let needs = budget.expected(memory, bounds.slots);
            waiting.push_back(Turn { query, attempt: 1, memory: memory.limit, needs, is_alone: false });
            map.insert(query, entry);
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
            budget,
            patience: Patience::default(),
            shortage: Shortage::default(),
            exhausted: None,
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

    /// Why nothing could be started any more, if so: the run is over when its rows are written.
    #[must_use]
    pub const fn exhausted(&self) -> Option<&Arc<str>> {
        self.exhausted.as_ref()
    }

    /// Nothing runs, nothing is to be started and every row is written.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let nothing_to_start = self.stopping.is_some()
            || self.exhausted.is_some()
            || self.waiting() == 0
            || self.stuck >= self.bounds.slots;
        self.running.is_empty() && nothing_to_start && self.unwritten == 0
    }

    /// When it wants to be asked again, if nothing happens before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Tick> {
        if self.stopping.is_some() || self.exhausted.is_some() {
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
            self.shortage.ease();
        }
    }

    /// The process of an attempt has left, and all of its output is read: its slot is free.
    pub fn left(&mut self, now: Tick, query: Place, orders: &mut Vec<Order>) {
        if let Some(turn) = self.running.get(&query)
            && self.leaving.insert(query)
        {
            self.budget.give_back(turn);
            self.ceiling = (self.ceiling + 1).min(self.bounds.slots);
            self.fill(now, orders);
        }
    }

    /// An attempt could not start because the system was short of something. It never becomes a row: its query waits
    /// again, also for a later run where nothing can be started for minutes.
    pub fn returned(&mut self, now: Tick, query: Place, why: Arc<str>, orders: &mut Vec<Order>) {
        let Some(turn) = self.leave(query) else { return };
        self.waiting.push_front(turn);
        orders.push(Order::Requeued { query });
        if self.stopping.is_none() {
            self.ceiling = self.at_work().max(1);
            if self.shortage.deepen(now, self.running.is_empty()) {
                self.exhausted = Some(why);
            }
        }
        self.fill(now, orders);
    }

    /// An attempt is over.
    pub fn finished(&mut self, now: Tick, query: Place, outcome: Outcome, orders: &mut Vec<Order>) {
        let gave_back = self.leaving.contains(&query);
        let Some(turn) = self.leave(query) else { return };
        if outcome.end == End::Unreaped {
            self.stuck += 1;
        }
        if !gave_back {
            self.ceiling = (self.ceiling + 1).min(self.bounds.slots);
        }
        match self.again(now, &turn, &outcome) {
            Some(next) => {
                self.record(&turn, false, outcome, orders);
                self.delayed.push(Reverse(next));
                orders.push(Order::Requeued { query });
            }
            None => self.record(&turn, true, outcome, orders),
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
        if self.stopping.is_some() || self.exhausted.is_some() || self.held {
            return;
        }
        while self.delayed.peek().is_some_and(|Reverse((due, _))| *due <= now) {
            let Some(Reverse((_, turn))) = self.delayed.pop() else { break };
            self.waiting.push_front(turn);
        }
        if self.shortage.lasts(now) {
            return;
        }
        while let Some(turn) = self.next() {
            self.budget.take(&turn);
            self.running.insert(turn.query, turn);
            let attempt = self.attempt(&turn);
            orders.push(Order::Start { query: turn.query, attempt, memory: turn.memory });
        }
    }

    /// Takes the next one out of the line, if there is a slot for it and room for its row and its memory.
    fn next(&mut self) -> Option<Turn> {
        let at_work = self.at_work();
        let has_slot = at_work < self.ceiling && at_work + self.stuck < self.bounds.slots;
        if !has_slot || self.unwritten >= self.bounds.unwritten {
            return None;
        }
        let Self { waiting, patience, budget, .. } = self;
        let next = patience.next(waiting.iter(), |turn| budget.fits(turn, at_work))?;
        waiting.remove(next)
    }

    /// It runs no more, and holds nothing.
    fn leave(&mut self, query: Place) -> Option<Turn> {
        let turn = self.running.remove(&query)?;
        if !self.leaving.remove(&query) {
            self.budget.give_back(&turn);
        }
        Some(turn)
    }

    /// Those that hold a slot and will give it back.
    fn at_work(&self) -> usize {
        self.running.len() - self.leaving.len()
    }

    /// The number of an attempt over all runs.
    fn attempt(&self, turn: &Turn) -> u32 {
        self.entries.get(&turn.query).map_or(0, |entry| entry.attempts_before) + turn.attempt
    }

    fn record(&mut self, turn: &Turn, last: bool, outcome: Outcome, orders: &mut Vec<Order>) {
        self.unwritten += 1;
        let (query, attempt) = (turn.query, self.attempt(turn));
        orders.push(Order::Record { query, attempt, last, outcome: Box::new(outcome) });
    }

    /// The next attempt, and when, where there is to be one.
    fn again(&self, now: Tick, turn: &Turn, outcome: &Outcome) -> Option<(Tick, Turn)> {
        let retry = &self.entries.get(&turn.query)?.retry;
        if self.stopping.is_some() {
            return None;
        }
        let pause = retry::pause(retry, turn.attempt, outcome)?;
        let next = match outcome.cause {
            Cause::MemoryLimit => self.budget.relieved(turn, outcome.of_machine)?,
            _ => *turn,
        };
        Some((now + pause, Turn { attempt: turn.attempt + 1, ..next }))
    }
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
