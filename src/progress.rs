//! How far a run is: who is at work since when, how many are done, when it may be over. Fed with the run's events, asked
//! for lines and frames; it shows nothing and never waits.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use provisor_actors::messages::Event;
use provisor_actors::row::Row;
use provisor_actors::run::Job;
use provisor_actors::rundir;
use provisor_core::eta::{self, Eta, Forecast};
use provisor_core::plan::Logs;
use provisor_core::roster::{Place, Then};
use provisor_core::tally::Counts;
use provisor_core::{Cause, End, Plan, Query, Tick};

use crate::status;
use crate::times::Times;
use crate::view::frame::{AtWork, Frame, MOST_SHOWN, SHOWN_FROM};
use crate::view::words;

/// How often the time to go is worked out anew.
const FORETELL_EVERY: Duration = Duration::from_secs(1);

/// What is to be done, and how long it may take, as far as earlier runs tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// How many queries wait, and of how many the time is known.
    pub(crate) queries: usize,
    pub(crate) known: usize,
    /// All of it, one after the other.
    pub(crate) work: Duration,
    /// Until it is done.
    pub(crate) likely: Duration,
}

/// The state of a run, as far as the screen has come.
pub(crate) struct Progress {
    plan: Arc<Plan>,
    /// By which attempt, in which pass, and since when.
    running: BTreeMap<Place, (u32, usize, Tick)>,
    /// The same, the longest first.
    by_age: BTreeSet<(Tick, Place)>,
    /// How many queries are done, of how many.
    pub(crate) done: usize,
    pub(crate) total: usize,
    times: Times,
    /// Those of known times that wait.
    waiting: HashSet<Place>,
    forecast: Forecast,
    eta: Option<(Tick, Eta)>,
    is_ending: bool,
    /// Some of what is asked is asked again and again: there is no end to foretell.
    is_endless: bool,
}

impl Progress {
    /// Nothing has happened yet.
    pub(crate) fn new(job: &Job, times: Times) -> Self {
        let plan = Arc::clone(&job.plan);
        let grace = plan.queries.iter().map(|query| query.limits.grace).max().unwrap_or_default();
        let mut forecast = Forecast::new(plan.slots, plan.total.map(|total| total.saturating_add(grace)));
        let mut waiting = HashSet::new();
        for (place, _) in &job.todo {
            let time = times.get(*place);
            forecast.expect(plan.queries.get(*place as usize).and_then(eta::longest), time);
            waiting.extend(time.map(|_| *place));
        }
        let has_rounds = plan.has_rounds();
        Self {
            plan,
            running: BTreeMap::new(),
            by_age: BTreeSet::new(),
            done: job.reused.len(),
            total: job.reused.len() + job.todo.len(),
            times,
            waiting,
            forecast,
            eta: None,
            is_ending: false,
            is_endless: has_rounds,
        }
    }

    /// The query of this place.
    pub(crate) fn query(&self, place: Place) -> &Query {
        &self.plan.queries[place as usize]
    }

    /// What lies ahead, where that can be told: at the start of the run.
    pub(crate) fn ahead(&self) -> Option<Ahead> {
        if self.is_endless {
            return None;
        }
        let queries = self.total - self.done;
        let (work, eta) = (self.forecast.work(queries)?, self.forecast.eta(Duration::ZERO, queries, []));
        Some(Ahead { queries, known: self.waiting.len(), work, likely: eta.likely? })
    }

    /// Takes in what happened.
    pub(crate) fn take(&mut self, event: &Event, now: Tick) {
        match event {
            Event::Started { query, attempt, pass } => self.begin(*query, *attempt, *pass, now),
            Event::Ended { query, attempt } => self.end_attempt(*query, *attempt),
            Event::Done(row) => {
                // Its end may have been missed.
                self.end_attempt(row.query, row.attempt);
                self.learn(row);
            }
            Event::Stopping { query, cause, .. } => self.is_ending |= self.ends_the_run(*query, *cause),
            Event::Reopened { query } => self.reopen(*query),
            Event::Submitted { .. }
            | Event::GroupFailed { .. }
            | Event::Returned { .. }
            | Event::Verdict { .. }
            | Event::LeftOut { .. }
            | Event::Stalled { .. }
            | Event::Resumed => {}
        }
    }

    /// Whether a query is ended with the run: one that is looked after may be ended while the run goes on.
    pub(crate) fn ends_the_run(&self, query: Place, cause: Cause) -> bool {
        match cause {
            Cause::Deadline => true,
            Cause::Cancelled => self.query(query).care.is_none(),
            _ => false,
        }
    }

    fn begin(&mut self, query: Place, attempt: u32, pass: usize, now: Tick) {
        self.end(query);
        self.wait_no_more(query);
        self.running.insert(query, (attempt, pass, now));
        self.by_age.insert((now, query));
    }

    fn end_attempt(&mut self, query: Place, attempt: u32) {
        if self.running.get(&query).is_some_and(|(running, ..)| *running == attempt) {
            self.end(query);
        }
    }

    fn end(&mut self, query: Place) {
        if let Some((.., since)) = self.running.remove(&query) {
            self.by_age.remove(&(since, query));
        }
    }

    fn wait_no_more(&mut self, query: Place) {
        if self.waiting.remove(&query) {
            self.forecast.start(self.times.get(query));
        }
    }

    /// It is to be tried again, unless it is at work again already.
    fn wait_again(&mut self, query: Place) {
        let time = self.times.get(query).filter(|_| !self.running.contains_key(&query));
        if time.is_some() && self.waiting.insert(query) {
            self.forecast.wait(time);
        }
    }

    /// It was over, and is started again: its time is foretold as little as that of others which are.
    fn reopen(&mut self, query: Place) {
        self.done = self.done.saturating_sub(1);
        self.wait_again(query);
    }

    fn learn(&mut self, row: &Row) {
        if row.is_last() {
            self.done += 1;
            self.wait_no_more(row.query);
            let longest = eta::longest(self.query(row.query));
            self.forecast.settle(longest, self.times.get(row.query));
        } else {
            self.wait_again(row.query);
        }
        let outcome = &row.outcome;
        if matches!(outcome.end, End::Reaped(_)) && outcome.cause < Cause::Outrun {
            self.forecast.learn(outcome.wall);
        }
    }

    /// The run is asked to end: there is nothing to foretell any more.
    pub(crate) fn begin_to_end(&mut self) {
        self.is_ending = true;
    }

    /// Whether a row is worth a line beside the bar: it did not end well, not because the run had to end, and no further
    /// pass follows.
    pub(crate) fn is_remarkable(&self, row: &Row) -> bool {
        let is_well = row.outcome.is_well(self.query(row.query).expect.as_deref());
        let had_to_end = matches!(row.outcome.cause, Cause::Deadline | Cause::Cancelled);
        !is_well && !had_to_end && row.then != Then::NextPass
    }

    /// How many are at work.
    pub(crate) fn at_work(&self) -> usize {
        self.running.len()
    }

    /// Who is at work, by which attempt.
    pub(crate) fn attempts(&self) -> Vec<(Place, u32)> {
        self.running.iter().map(|(query, (attempt, ..))| (*query, *attempt)).collect()
    }

    /// Who is at work, the longest first.
    pub(crate) fn longest(&self, now: Tick) -> impl Iterator<Item = status::Running> {
        self.by_age.iter().map(move |(since, query)| status::Running {
            id: self.query(*query).id.to_string(),
            attempt: self.running.get(query).map_or(0, |(attempt, ..)| *attempt),
            pass: self.pass_of(*query).map(str::to_owned),
            since: now - *since,
        })
    }

    /// What the pass is called that a query is in, where it has several.
    fn pass_of(&self, query: Place) -> Option<&str> {
        let (_, pass, _) = self.running.get(&query)?;
        self.query(query).asking(*pass)?.name.map(|name| &**name)
    }

    /// What the bar shows now.
    pub(crate) fn frame(&mut self, counts: Counts, now: Tick) -> Frame {
        let eta = self.eta(counts.waiting, now);
        let ages = self.by_age.iter().take(MOST_SHOWN).map(|(since, query)| (*query, now - *since));
        let shown = ages.take_while(|(_, age)| *age >= SHOWN_FROM);
        Frame {
            longest: shown.map(|(query, age)| self.shown(query, age)).collect(),
            counts,
            running: self.at_work(),
            elapsed: now - Tick::ZERO,
            eta,
            is_ending: self.is_ending,
        }
    }

    fn shown(&self, place: Place, age: Duration) -> AtWork {
        let query = self.query(place);
        let attempt = self.running.get(&place).map_or(0, |(attempt, ..)| *attempt);
        // A tail is written at the end only.
        let log = (query.logs == Logs::Keep).then(|| rundir::log_name(&query.id, attempt));
        let id = match self.pass_of(place) {
            Some(pass) => words::in_pass(&query.id, pass).into(),
            None => Arc::clone(&query.id),
        };
        AtWork { id, age, log }
    }

    fn eta(&mut self, waiting: usize, now: Tick) -> Eta {
        if self.is_endless {
            return Eta::default();
        }
        if let Some((at, eta)) = self.eta
            && now - at < FORETELL_EVERY
        {
            return eta;
        }
        let at_work = self.by_age.iter().map(|(since, query)| eta::AtWork {
            age: now - *since,
            longest: eta::longest(self.query(*query)),
            time: self.times.get(*query),
        });
        let eta = self.forecast.eta(now - Tick::ZERO, waiting, at_work);
        self.eta = Some((now, eta));
        eta
    }
}

#[cfg(test)]
mod tests;
