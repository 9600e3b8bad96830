//! Who waits, who runs, who is done: slots, order, passes, needs, answers that follow from others, memory, retries with
//! backoff, care for those that are started again or asked again and again, races, the job's own deadline, and how many rows may
//! wait for the disk.
//!
//! The roster gives orders and is told what became of them. It knows queries by their place in the plan and nothing
//! of processes; it never waits and reads no clock.

mod care;
mod foregone;
mod line;
mod memory;
mod needs;
mod open;
mod races;
mod retry;
mod rounds;
mod shortage;
mod turn;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::answer::Answer;
use crate::book::Book;
use crate::cause::{Cause, End, Outcome};
use crate::implied::Implications;
use crate::plan::{Plan, Query};
use crate::portfolio::race_of;
use crate::tick::Tick;

use care::Caretaker;
use foregone::Foregone;
use line::Line;
use memory::{Budget, Memory, Patience};
use needs::Needs;
pub use open::Refusal;
use races::Races;
pub(crate) use retry::longest_pause;
use rounds::Clockwork;
use shortage::Shortage;
use turn::Turn;
pub use words::{Bounds, Entry, Order, Place, Rung, Said, Then, interruption};

/// What is known of a query of this run, whatever it does.
#[derive(Debug)]
struct Asked {
    attempts_before: u32,
    peak: Option<u64>,
    /// Somebody has no use for it any more: nothing follows its attempt.
    is_cancelled: bool,
    /// What an earlier pass has said, where one was followed by another.
    said: Option<Box<Said>>,
    /// What it came to, in a run that is open: others may yet come after it, as long as its row is not written.
    answer: Option<Box<Answer>>,
}

/// The roster.
#[derive(Debug)]
pub struct Roster {
    book: Book,
    bounds: Bounds,
    /// How many may be at work just now: `slots`, or fewer while the system is short of something.
    ceiling: usize,
    asked: HashMap<Place, Asked>,
    /// The rank of the last one that was taken in.
    rank: u64,
    line: Line,
    needs: Needs,
    /// Looks after those that stand in groups.
    care: Caretaker,
    races: Races,
    /// Has those asked that are asked again and again.
    clockwork: Clockwork,
    implications: Option<Implications>,
    /// Those that are known without an attempt, and not yet on their way to the disk.
    foregone: VecDeque<(Turn, Foregone)>,
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
    /// Nothing new starts until there is room for rows.
    held: bool,
    /// Nothing new starts until somebody lets it go on.
    paused: bool,
    stopping: Option<Cause>,
}

/// What comes after an attempt.
enum Following {
    Nothing,
    /// Not before this.
    Retry(Tick, Turn),
    Pass(Turn),
}

impl Roster {
    /// A roster of these queries of the plan, in this order. `known`: what others that were asked for came to in earlier
    /// runs.
    #[must_use]
    pub fn new(
        bounds: Bounds,
        plan: Arc<Plan>,
        entries: impl IntoIterator<Item = Entry>,
        known: impl IntoIterator<Item = (Place, Answer)>,
    ) -> Self {
        let implications = Implications::of(&plan);
        let care = Caretaker::of(&plan);
        let has_races = plan.queries.iter().any(|query| race_of(query).is_some());
        let may_strike = implications.is_some() || !plan.groups.is_empty() || plan.has_rounds() || has_races;
        let mut roster = Self {
            bounds,
            ceiling: bounds.slots,
            asked: HashMap::new(),
            rank: 0,
            line: Line::new(may_strike),
            needs: Needs::default(),
            care,
            clockwork: Clockwork::of(&plan),
            races: Races::default(),
            implications,
            foregone: VecDeque::new(),
            running: BTreeMap::new(),
            leaving: BTreeSet::new(),
            stuck: 0,
            unwritten: 0,
            budget: Budget::new(bounds.memory_budget, bounds.machine_memory),
            patience: Patience::default(),
            shortage: Shortage::default(),
            exhausted: None,
            held: false,
            paused: false,
            stopping: None,
            book: Book::new(plan),
        };
        let turns: Vec<_> = (0..).zip(entries).map(|(rank, entry)| roster.enter(rank, entry)).collect();
        roster.rank = turns.len() as u64;
        roster.admit(turns, known);
        roster
    }

    /// How many have not been started yet or wait for another attempt.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let looked_after = self.care.waiting() + self.clockwork.waiting();
        self.line.len() + self.needs.len() + self.foregone.len() + looked_after
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
            || (self.waiting() == 0 && self.clockwork.is_at_rest())
            || self.stuck >= self.bounds.slots;
        self.running.is_empty() && nothing_to_start && self.unwritten == 0
    }

    /// When it wants to be asked again, if nothing happens before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Tick> {
        if self.stopping.is_some() || self.exhausted.is_some() {
            return None;
        }
        let may_start = !self.held && !self.paused;
        let retry = self.line.due().filter(|_| may_start);
        let shortage = self.shortage.until.filter(|_| self.line.has_waiting() && may_start);
        let round = self.clockwork.wake_at().filter(|_| may_start);
        let times = [self.bounds.deadline, retry, shortage, self.care.wake_at(), round];
        times.into_iter().flatten().min()
    }

    /// Time has passed, or the run begins: starts what may start, and ends everything at the deadline.
    pub fn wake(&mut self, now: Tick, orders: &mut Vec<Order>) {
        if self.bounds.deadline.is_some_and(|deadline| now >= deadline) && self.stopping.is_none() {
            if self.is_between_rounds() {
                self.bounds.deadline = None;
                return self.close(now, orders);
            }
            self.abort(Cause::Deadline, false, orders);
        }
        self.fill(now, orders);
    }

    /// The process of an attempt is there.
    pub fn started(&mut self, now: Tick, query: Place) {
        if self.running.contains_key(&query) {
            self.shortage.ease();
            self.care.started(now, query);
            self.races.started(now, &self.book, query);
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
        orders.push(Order::Requeued { query });
        self.wait_again(now, turn, orders);
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
        match self.following(now, &turn, &outcome) {
            Following::Nothing => self.come_down(now, &turn, outcome, orders),
            Following::Retry(until, next) => {
                self.record(&turn, Then::Retry, outcome, orders);
                orders.push(Order::Requeued { query });
                self.await_turn(next, |line, next| line.delay(until, next));
            }
            Following::Pass(next) => {
                self.remember(&turn, &outcome);
                self.record(&turn, Then::NextPass, outcome, orders);
                orders.push(Order::Requeued { query });
                self.await_turn(next, Line::join);
            }
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
        let Self { running, care, .. } = self;
        orders.extend(running.keys().map(|&query| {
            let forced = forced || care.waits_for_ever(query);
            Order::Abort { query, cause, forced, grace: None }
        }));
    }

    fn fill(&mut self, now: Tick, orders: &mut Vec<Order>) {
        self.look_after(now, orders);
        if self.stopping.is_some() || self.exhausted.is_some() || self.held {
            return;
        }
        self.line.call(now);
        self.settle_foregone(now, orders);
        if self.paused || self.shortage.lasts(now) {
            return;
        }
        while let Some(turn) = self.next() {
            self.budget.take(&turn);
            self.running.insert(turn.query, turn);
            let (attempt, Turn { query, pass, memory, .. }) = (self.number(&turn), turn);
            orders.push(Order::Start { query, attempt, pass, memory });
        }
    }

    /// Takes the next one out of the line, if there is a slot for it and room for its row and its memory.
    fn next(&mut self) -> Option<Turn> {
        let at_work = self.at_work();
        let has_slot = at_work < self.ceiling && at_work + self.stuck < self.bounds.slots;
        if !has_slot || self.unwritten >= self.bounds.unwritten {
            return None;
        }
        let Self { line, patience, budget, races, book, leaving, .. } = self;
        line.next(patience, |turn| budget.fits(turn, at_work) && !races.is_ending(book, turn.query, leaving))
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
    fn number(&self, turn: &Turn) -> u32 {
        self.asked.get(&turn.query).map_or(0, |asked| asked.attempts_before) + turn.attempt
    }

    fn query(&self, query: Place) -> Option<&Query> {
        self.book.query(query)
    }

    fn is_cancelled(&self, query: Place) -> bool {
        self.asked.get(&query).is_some_and(|asked| asked.is_cancelled)
    }

    fn record(&mut self, turn: &Turn, then: Then, outcome: Outcome, orders: &mut Vec<Order>) {
        self.unwritten += 1;
        let &Turn { query, pass, .. } = turn;
        let attempt = if outcome.is_derived() { 0 } else { self.number(turn) };
        orders.push(Order::Record { query, attempt, pass, then, outcome: Box::new(outcome) });
    }

    fn following(&self, now: Tick, turn: &Turn, outcome: &Outcome) -> Following {
        let is_ended = self.care.is_stopping(turn.query) || self.clockwork.is_killed(turn.query);
        let is_wanted = !self.is_cancelled(turn.query) && !is_ended;
        let may_follow = self.stopping.is_none() && is_wanted && !self.is_outrun(turn.query);
        let Some(query) = self.query(turn.query).filter(|_| may_follow) else {
            return Following::Nothing;
        };
        let next = Turn { attempt: turn.attempt + 1, ..*turn };
        if let Some(pause) = retry::pause(&query.retry, turn.of_pass, outcome) {
            let retry = match outcome.cause {
                Cause::MemoryLimit => self.budget.relieved(&next, outcome.of_machine),
                _ => Some(next),
            };
            if let Some(retry) = retry {
                return Following::Retry(now + pause, Turn { of_pass: turn.of_pass + 1, ..retry });
            }
        }
        let Some(pass) = query.further.get(turn.pass) else { return Following::Nothing };
        match Answer::of(outcome).is_followed(pass.only, query.expect.as_deref()) {
            true => Following::Pass(self.turn_in(turn.pass + 1, next)),
            false => Following::Nothing,
        }
    }

    /// The first attempt of a pass.
    fn turn_in(&self, pass: usize, turn: Turn) -> Turn {
        let limits = self.query(turn.query).and_then(|query| query.asking(pass)).map(|asking| asking.limits);
        let limit = limits.and_then(|limits| limits.memory);
        let peak = self.asked.get(&turn.query).and_then(|asked| asked.peak);
        let needs = self.budget.expected(Memory { limit, peak }, self.bounds.slots);
        Turn { pass, of_pass: 1, memory: limit, needs, is_alone: false, ..turn }
    }
}
