//! Queries that are asked again and again: what the clock orders becomes starts and stops, and the ends of rounds are told to it.
//!
//! From the order to start it until its last row is sent to the disk a round is on its way, also while it waits in the line. Then
//! its query *rests*: it is over, and reopened when its next round is due. When that is, and whether it is left out, is not decided
//! here.
//!
//! While nothing new may start the clock is not asked. What was due meanwhile is one round, which is late, and the others of each
//! query are left out as missed.

use std::collections::{BTreeMap, HashSet, VecDeque};

use crate::cause::{Cause, Outcome};
use crate::periodic::{Event, Host, Order as Ordered, Periodic, Rounds, Schedule};
use crate::plan::{Care, Plan, Query};
use crate::tick::Tick;

use super::care::seed;
use super::foregone::Foregone;
use super::line::Line;
use super::{Order, Place, Roster, Turn};

/// Why a round was ended for which the next one did not wait.
const NEXT_IS_DUE: &str = "the next round was due";

/// All queries of a run that are asked again and again, and their turns between two rounds.
#[derive(Debug)]
pub(super) struct Clockwork {
    periodic: Periodic,
    /// Those of whom the clock does not know yet.
    newcomers: Vec<Place>,
    /// Those that are to be asked, and have no row that would stand.
    fresh: BTreeMap<Place, Turn>,
    /// Those that are over until their next round.
    resting: BTreeMap<Place, Turn>,
    /// Rounds that are over, and whether they ended well.
    ended: VecDeque<(Place, bool)>,
    /// Those whose round is being ended because the next one is due.
    killed: HashSet<Place>,
    orders: VecDeque<Ordered>,
    /// What became of the rounds of those of whom the clock knows no more.
    past: Rounds,
    /// No further round is made of any.
    is_closed: bool,
}

impl Clockwork {
    /// With the seed and the pauses of this plan, and nobody in it.
    pub(super) fn of(plan: &Plan) -> Self {
        Self {
            periodic: Periodic::new(seed(&plan.job), plan.spare),
            newcomers: Vec::new(),
            fresh: BTreeMap::new(),
            resting: BTreeMap::new(),
            ended: VecDeque::new(),
            killed: HashSet::new(),
            orders: VecDeque::new(),
            past: Rounds::default(),
            is_closed: false,
        }
    }

    /// How many are to be asked, are not in the line and have no row that would stand.
    pub(super) fn waiting(&self) -> usize {
        self.fresh.len()
    }

    /// Whether no further round is to be made of any.
    pub(super) fn is_at_rest(&self) -> bool {
        (self.is_closed || self.periodic.is_empty()) && self.fresh.is_empty()
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether it is over, and a further round is to be made of it.
    pub(super) fn rests(&self, query: Place) -> bool {
        self.resting.contains_key(&query)
    }

    /// Whether its round is being ended because the next one is due.
    pub(super) fn is_killed(&self, query: Place) -> bool {
        self.killed.contains(&query)
    }

    pub(super) fn wake_at(&self) -> Option<Tick> {
        self.periodic.wake_at().filter(|_| !self.is_closed)
    }

    /// It waits for its first round from now on.
    pub(super) fn welcome(&mut self, turn: Turn) {
        self.newcomers.push(turn.query);
        self.fresh.insert(turn.query, turn);
    }

    /// No further round of it is made. Its next attempt, where it has no row that would stand and is not in the line.
    pub(super) fn forgo(&mut self, query: Place) -> Option<Turn> {
        self.past += self.periodic.remove(query).unwrap_or_default();
        self.newcomers.retain(|other| *other != query);
        self.resting.remove(&query);
        self.fresh.remove(&query)
    }

    /// What is said of a round that was ended because the next one was due.
    pub(super) fn explain(&mut self, query: Place, outcome: &mut Outcome) {
        if self.killed.remove(&query) && outcome.cause == Cause::Cancelled {
            outcome.remark(NEXT_IS_DUE);
        }
    }

    fn tell(&mut self, now: Tick, event: Event) {
        let mut orders = Vec::new();
        self.periodic.step(now, event, &mut orders);
        self.orders.extend(orders);
    }
}

fn rounds(query: &Query) -> Option<(Schedule, Option<Host>)> {
    match query.care.as_deref()? {
        Care::Rounds { schedule, host, .. } => Some((*schedule, host.clone())),
        Care::Member { .. } | Care::Entrant { .. } => None,
    }
}

impl Roster {
    /// What became of the rounds of all queries so far.
    #[must_use]
    pub fn all_rounds(&self) -> Rounds {
        let Clockwork { periodic, past, .. } = &self.clockwork;
        [periodic.all_rounds(), *past].into_iter().sum()
    }

    /// What became of the rounds of a query that is asked again and again and not forgotten, and until when its host is spared.
    #[must_use]
    pub fn rounds(&self, now: Tick, query: Place) -> Option<(Rounds, Option<Tick>)> {
        let (_, host) = self.query(query).filter(|_| self.has(query)).and_then(rounds)?;
        let periodic = &self.clockwork.periodic;
        let spared_until = host.and_then(|host| periodic.spared_until(now, &host));
        Some((periodic.rounds(query).unwrap_or_default(), spared_until))
    }

    /// Whether all that was asked is over, and only rounds would follow: to end then cuts nothing short.
    pub(super) fn is_between_rounds(&self) -> bool {
        !self.book.is_open() && self.running.is_empty() && self.waiting() == 0
    }

    /// No further round is made of any query. What was never asked is asked once.
    pub fn close(&mut self, now: Tick, orders: &mut Vec<Order>) {
        self.clockwork.is_closed = true;
        self.clockwork.newcomers.clear();
        self.clockwork.resting.clear();
        for turn in std::mem::take(&mut self.clockwork.fresh).into_values() {
            self.await_turn(turn, Line::join);
        }
        self.fill(now, orders);
    }

    /// Does what the clock orders.
    pub(super) fn keep_time(&mut self, now: Tick, orders: &mut Vec<Order>) {
        if self.clockwork.is_closed {
            return;
        }
        for query in std::mem::take(&mut self.clockwork.newcomers) {
            let Some((schedule, host)) = self.query(query).and_then(rounds) else { continue };
            self.clockwork.periodic.add(now, query, schedule, host);
        }
        while let Some((query, well)) = self.clockwork.ended.pop_front() {
            self.clockwork.tell(now, Event::Ended { query, well });
        }
        let may_start = !self.held && !self.paused;
        if may_start && self.clockwork.wake_at().is_some_and(|at| at <= now) {
            self.clockwork.tell(now, Event::Wake);
        }
        self.obey_clock(now, orders);
    }

    fn obey_clock(&mut self, now: Tick, orders: &mut Vec<Order>) {
        while let Some(ordered) = self.clockwork.orders.pop_front() {
            match ordered {
                Ordered::Start { query, .. } => self.start_round(query, orders),
                Ordered::Kill { query } => self.end_round(now, query, orders),
                Ordered::LeftOut { query, rounds, why } => {
                    orders.push(Order::LeftOut { query, rounds, why });
                }
            }
        }
    }

    /// One that is in the line already stays there: it has made room for this one.
    fn start_round(&mut self, query: Place, orders: &mut Vec<Order>) {
        let Clockwork { fresh, resting, .. } = &mut self.clockwork;
        if let Some(turn) = resting.remove(&query) {
            orders.push(Order::Reopened { query });
            self.await_turn(turn, Line::join);
        } else if let Some(turn) = fresh.remove(&query) {
            self.await_turn(turn, Line::join);
        }
    }

    /// The next one is due.
    fn end_round(&mut self, now: Tick, query: Place, orders: &mut Vec<Order>) {
        if self.running.contains_key(&query) {
            self.clockwork.killed.insert(query);
            orders.push(Order::Abort { query, cause: Cause::Cancelled, forced: false, grace: None });
        } else if self.line.waiting(query).is_some_and(|turn| !turn.goes_on()) {
            // It keeps its place: who waits longer than from one round to the next would never have a slot.
            self.clockwork.tell(now, Event::Unmade { query });
        } else if let Some(turn) = self.line.strike(query) {
            self.foregone.push_back((turn, Foregone::GivenUp(NEXT_IS_DUE.into())));
        }
    }

    /// A round that was to be ended could not be started just now.
    pub(super) fn give_way(&mut self, now: Tick, turn: Turn, orders: &mut Vec<Order>) {
        let query = turn.query;
        self.clockwork.killed.remove(&query);
        if self.is_cancelled(query) || self.clockwork.is_closed || self.stopping.is_some() {
            return self.await_turn(turn, Line::lead);
        }
        if turn.goes_on() {
            return self.foregone.push_back((turn, Foregone::GivenUp(NEXT_IS_DUE.into())));
        }
        self.clockwork.fresh.insert(query, turn);
        self.clockwork.tell(now, Event::Unmade { query });
        self.obey_clock(now, orders);
    }

    /// A round is over with its row. Its query rests, unless no further one is made.
    pub(super) fn rest(&mut self, turn: &Turn, outcome: &Outcome) {
        let query = turn.query;
        let may_go_on = self.stopping.is_none() && self.exhausted.is_none() && !self.clockwork.is_closed;
        if !may_go_on || self.clockwork.periodic.rounds(query).is_none() {
            return;
        }
        let expected = self.query(query).and_then(|query| query.expect.as_deref());
        let well = outcome.is_well(expected);
        let next = self.turn_in(0, Turn { attempt: turn.attempt + 1, ..*turn });
        self.clockwork.resting.insert(query, next);
        self.clockwork.ended.push_back((query, well));
        if let Some(asked) = self.asked.get_mut(&query) {
            asked.said = None;
        }
    }
}
