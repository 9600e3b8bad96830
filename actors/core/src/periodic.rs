//! Queries that are asked again and again: when a round is due, what becomes of it when the one before still runs, and hosts
//! that are spared for a while because they have failed.
//!
//! The rounds of a query are at fixed times from the moment that it was added, at any multiple of [`Schedule::every`]: nothing
//! drifts, however late somebody wakes up. Who wakes up after several rounds makes the last one of them and leaves the others
//! out. What is left out is told and counted.
//!
//! A host is what several queries ask. When one of them fails its host is spared for a [`Backoff`]: rounds at it whose time comes
//! before that is over are left out. Each further failure of a round that began afterwards doubles the pause, the first success
//! ends it. Rounds that began together and fail together are one failure, so a dead host with many queries is asked as seldom
//! as one with a single query.
//!
//! It is pure: [`step`](Periodic::step) takes what has happened and says what to do, [`wake_at`](Periodic::wake_at) says when it
//! wants to be woken. It must never know a process, a slot or a clock.
//!
//! ```
//! use std::time::Duration;
//! use provisor_core::periodic::{Event, Order, Overlap, Periodic, Schedule};
//! use provisor_core::tick::Tick;
//!
//! let (mut periodic, mut orders) = (Periodic::new(0, None), Vec::new());
//! let every = Duration::from_secs(30);
//! let schedule = Schedule { every, jitter: Duration::ZERO, overlap: Overlap::Skip };
//! periodic.add(Tick::ZERO, 7, schedule, None);
//! periodic.step(Tick::ZERO, Event::Wake, &mut orders);
//! assert_eq!(orders, [Order::Start { query: 7, round: 0 }]);
//! assert_eq!(periodic.wake_at(), Some(Tick::ZERO + every));
//! ```

mod ring;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use ring::Ring;
pub use words::{Event, Host, LeftOut, Order, Overlap, Rounds, Schedule};

use crate::backoff::{Backoff, Patience};
use crate::dice::Dice;
use crate::roster::Place;
use crate::tick::Tick;

/// All queries of a run that are asked again and again, and their hosts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Periodic {
    polls: BTreeMap<Place, Poll>,
    /// Those that have failed.
    ill: BTreeMap<Host, Ill>,
    due: BTreeSet<(Tick, Place)>,
    backoff: Option<Backoff>,
    seed: u64,
    dice: Dice,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Poll {
    schedule: Schedule,
    host: Option<Host>,
    /// The time of round 0.
    first: Tick,
    /// The round whose time comes next.
    next: u64,
    run: Run,
    rounds: Rounds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Run {
    Idle,
    /// Since then, and a further round waits for it.
    Busy {
        since: Tick,
        waits: Option<u64>,
        is_killed: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Ill {
    patience: Patience,
    /// When the last failure was that counted.
    since: Tick,
    until: Tick,
}

impl Poll {
    fn at(&self, round: u64) -> Tick {
        let micros = self.every().saturating_mul(round);
        self.first + Duration::from_micros(micros)
    }

    /// In microseconds.
    fn every(&self) -> u64 {
        u64::try_from(self.schedule.every.as_micros()).unwrap_or(u64::MAX).max(1)
    }

    /// The last round whose time has come.
    fn current(&self, now: Tick) -> u64 {
        (now.as_micros().saturating_sub(self.first.as_micros())) / self.every()
    }
}

impl Periodic {
    /// Nobody is there yet. The seed is that of all jitter; hosts are spared by these pauses, if at all.
    #[must_use]
    pub const fn new(seed: u64, backoff: Option<Backoff>) -> Self {
        Self {
            polls: BTreeMap::new(),
            ill: BTreeMap::new(),
            due: BTreeSet::new(),
            backoff,
            seed,
            dice: Dice::new(seed),
        }
    }

    /// From now on this query is asked by this schedule. Its first round is now, but for the jitter, and starts at the next wake.
    /// One that is known already is left as it is; `false` then.
    pub fn add(&mut self, now: Tick, query: Place, schedule: Schedule, host: Option<Host>) -> bool {
        if self.polls.contains_key(&query) {
            return false;
        }
        let mut of_query = Dice::new(self.seed ^ Dice::new(query.into()).throw());
        let first = now + of_query.below(schedule.jitter);
        self.due.insert((first, query));
        let poll = Poll { schedule, host, first, next: 0, run: Run::Idle, rounds: Rounds::default() };
        self.polls.insert(query, poll);
        true
    }

    /// This query is asked no more. A round that runs is not ended by that, and nothing follows from its end. What became of its
    /// rounds, if it was known.
    pub fn remove(&mut self, query: Place) -> Option<Rounds> {
        let poll = self.polls.remove(&query)?;
        self.due.remove(&(poll.at(poll.next), query));
        if let Some(host) = poll.host.as_ref().filter(|host| self.ill.contains_key(*host))
            && !self.polls.values().any(|other| other.host.as_ref() == Some(host))
        {
            // Nobody asks it any more, and nobody would ever find it well again.
            self.ill.remove(host);
        }
        Some(poll.rounds)
    }

    /// What became of a query's rounds so far, if it is known.
    #[must_use]
    pub fn rounds(&self, query: Place) -> Option<Rounds> {
        self.polls.get(&query).map(|poll| poll.rounds)
    }

    /// What became of the rounds of all that are known.
    #[must_use]
    pub fn all_rounds(&self) -> Rounds {
        self.polls.values().map(|poll| poll.rounds).sum()
    }

    /// How many queries are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.polls.len()
    }

    /// No query is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.polls.is_empty()
    }

    /// Until when a host is spared, where it is.
    #[must_use]
    pub fn spared_until(&self, now: Tick, host: &str) -> Option<Tick> {
        self.ill.get(host).map(|ill| ill.until).filter(|until| *until > now)
    }

    /// When it wants to be woken, if nothing happens before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Tick> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Something has happened: what is to be done now is added to `orders`. What does not fit changes nothing.
    pub fn step(&mut self, now: Tick, event: Event, orders: &mut Vec<Order>) {
        match event {
            Event::Ended { query, well } => self.ended(now, query, well, orders),
            Event::Unmade { query } => self.unmade(now, query, orders),
            Event::Wake => {
                while self.wake_at().is_some_and(|at| at <= now)
                    && let Some((_, query)) = self.due.pop_first()
                {
                    self.due(now, query, orders);
                }
            }
        }
    }

    /// The time of at least one round has come.
    fn due(&mut self, now: Tick, query: Place, orders: &mut Vec<Order>) {
        let Some(poll) = self.polls.get_mut(&query) else { return };
        let round = poll.current(now);
        let missed = round.saturating_sub(poll.next);
        poll.next = round + 1;
        self.due.insert((poll.at(poll.next), query));
        if missed > 0 {
            self.leave_out(query, missed, LeftOut::Missed, orders);
        }
        self.begin(now, query, round, orders);
    }

    /// A round is to be made, if its host and the round before allow it.
    fn begin(&mut self, now: Tick, query: Place, round: u64, orders: &mut Vec<Order>) {
        let is_spared = self.is_spared(now, query);
        let Some(poll) = self.polls.get_mut(&query) else { return };
        match (&mut poll.run, poll.schedule.overlap) {
            _ if is_spared => self.leave_out(query, 1, LeftOut::Host, orders),
            (Run::Idle, _) => {
                poll.run = Run::Busy { since: now, waits: None, is_killed: false };
                poll.rounds.made += 1;
                orders.push(Order::Start { query, round });
            }
            (Run::Busy { waits: waits @ None, .. }, Overlap::Queue) => *waits = Some(round),
            (Run::Busy { waits, is_killed, .. }, Overlap::Kill) => {
                // What is asked is how things are now: the newer round takes the place of one that waits.
                let is_replaced = waits.replace(round).is_some();
                if !std::mem::replace(is_killed, true) {
                    orders.push(Order::Kill { query });
                }
                if is_replaced {
                    self.leave_out(query, 1, LeftOut::Busy, orders);
                }
            }
            (Run::Busy { .. }, Overlap::Skip | Overlap::Queue) => {
                self.leave_out(query, 1, LeftOut::Busy, orders);
            }
        }
    }

    fn ended(&mut self, now: Tick, query: Place, well: bool, orders: &mut Vec<Order>) {
        let Some(poll) = self.polls.get_mut(&query) else { return };
        let Run::Busy { since, waits, is_killed } = std::mem::replace(&mut poll.run, Run::Idle) else {
            return;
        };
        if let Some(host) = poll.host.clone().filter(|_| !is_killed) {
            self.judge(now, host, since, well);
        }
        if let Some(round) = waits {
            self.begin(now, query, round, orders);
        }
    }

    fn unmade(&mut self, now: Tick, query: Place, orders: &mut Vec<Order>) {
        let Some(poll) = self.polls.get_mut(&query) else { return };
        let Run::Busy { waits, .. } = std::mem::replace(&mut poll.run, Run::Idle) else { return };
        poll.rounds.made = poll.rounds.made.saturating_sub(1);
        if let Some(round) = waits {
            // Its host was not spared when it came, and it takes a place that was given.
            poll.run = Run::Busy { since: now, waits: None, is_killed: false };
            poll.rounds.made += 1;
            orders.push(Order::Start { query, round });
        }
        self.leave_out(query, 1, LeftOut::Busy, orders);
    }

    /// A round that had begun then says how its host is.
    fn judge(&mut self, now: Tick, host: Host, since: Tick, well: bool) {
        let Some(backoff) = self.backoff else { return };
        if well {
            self.ill.remove(&host);
            return;
        }
        let before = self.ill.get(&host);
        if before.is_some_and(|ill| since <= ill.since) {
            return;
        }
        let mut patience = before.map_or(Patience::NONE, |ill| ill.patience);
        let until = now + backoff.pause(&mut patience, Duration::ZERO, &mut self.dice);
        self.ill.insert(host, Ill { patience, since: now, until });
    }

    fn is_spared(&self, now: Tick, query: Place) -> bool {
        let host = self.polls.get(&query).and_then(|poll| poll.host.as_ref());
        host.is_some_and(|host| self.spared_until(now, host).is_some())
    }

    fn leave_out(&mut self, query: Place, rounds: u64, why: LeftOut, orders: &mut Vec<Order>) {
        if let Some(poll) = self.polls.get_mut(&query) {
            poll.rounds.leave_out(rounds, why);
            orders.push(Order::LeftOut { query, rounds, why });
        }
    }
}
