//! Several commands for one question, a portfolio: the first conclusive verdict is the answer, and the others are ended.
//!
//! All begin together, or some at a time in the order of the list: then the next one begins when one has ended and has not
//! settled the question. What is conclusive is the caller's word. Verdicts that contradict each other may still come in before
//! the others are down: they are told, for no answer is worth much then.
//!
//! It is pure: [`step`](Race::step) takes what has happened and says what to do. It waits for no moment, so it never has to be
//! woken. It must never know a process, a slot or a clock.
//!
//! ```
//! use std::time::Duration;
//! use provisor_core::race::{Event, Margin, Order, Race, Said};
//! use provisor_core::tick::Tick;
//!
//! let (mut race, mut orders) = (Race::new(2, None), Vec::new());
//! let at = |secs| Tick::ZERO + Duration::from_secs(secs);
//! for event in [Event::Begin, Event::Started(0), Event::Started(1)] {
//!     race.step(at(0), event, &mut orders);
//! }
//! let said = Said { verdict: "true".into(), conclusive: true };
//! race.step(at(3), Event::Said(1, said), &mut orders);
//! // The other one had run as long when it was ended.
//! let (took, margin) = (Duration::from_secs(3), Some(Margin::AtLeast(Duration::ZERO)));
//! let won = Order::Won { entrant: 1, took, margin };
//! assert_eq!(orders, [Order::Start(0), Order::Start(1), won, Order::Stop(0)]);
//! race.step(at(4), Event::Ended(0), &mut orders);
//! race.step(at(5), Event::Ended(1), &mut orders);
//! let Some(Order::Over(finish)) = orders.last() else { panic!("it is over") };
//! assert_eq!((finish.entrant, finish.took, finish.margin), (1, took, margin));
//! ```

mod words;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

pub use words::{Entrant, Event, Finish, Margin, Order, Said};

use crate::tick::Tick;

/// One race.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Race {
    /// In the order of the list.
    runners: Vec<Runner>,
    at_once: usize,
    state: State,
    contradictions: Vec<(Entrant, Arc<str>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Idle,
    Running,
    /// Nobody is started any more; somebody may have won.
    Settled(Option<Entrant>),
    Over,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Runner {
    phase: Phase,
    since: Option<Tick>,
    said: Option<Said>,
    /// When its time stood still: it said something conclusive, was ordered to end, or ended.
    until: Option<Tick>,
    /// It was ordered to end before it said something conclusive.
    is_cut: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Phase {
    #[default]
    Waiting,
    Up,
    Stopping,
    Down,
}

impl Runner {
    const fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Up | Phase::Stopping)
    }

    fn is_conclusive(&self) -> bool {
        self.said.as_ref().is_some_and(|said| said.conclusive)
    }

    fn took(&self) -> Duration {
        match (self.since, self.until) {
            (Some(since), Some(until)) => until - since,
            _ => Duration::ZERO,
        }
    }
}

impl Race {
    /// So many commands, of which so many run at a time; all, if it is not said. A race of none is over when it begins, and its
    /// finish is that of an entrant 0 that never ran.
    #[must_use]
    pub fn new(entrants: u32, at_once: Option<NonZeroU32>) -> Self {
        let runners = vec![Runner::default(); entrants as usize];
        let at_once = at_once.map_or(runners.len(), |at_once| at_once.get() as usize);
        Self { runners, at_once, state: State::Idle, contradictions: Vec::new() }
    }

    /// Something has happened: what is to be done now is added to `orders`. What does not fit changes nothing.
    pub fn step(&mut self, now: Tick, event: Event, orders: &mut Vec<Order>) {
        match event {
            Event::Begin if self.state == State::Idle => self.state = State::Running,
            Event::Started(entrant) => {
                if let Some(runner) = self.up(entrant) {
                    runner.since.get_or_insert(now);
                }
            }
            Event::Said(entrant, said) => self.said(now, entrant, said, orders),
            Event::Ended(entrant) => {
                if let Some(runner) = self.up(entrant) {
                    runner.phase = Phase::Down;
                    runner.until.get_or_insert(now);
                }
            }
            Event::Stop if matches!(self.state, State::Idle | State::Running) => {
                self.settle(now, None, orders);
            }
            Event::Begin | Event::Stop => {}
        }
        self.start(orders);
        self.finish(orders);
    }

    fn up(&mut self, entrant: Entrant) -> Option<&mut Runner> {
        self.runners.get_mut(entrant as usize).filter(|runner| runner.is_up())
    }

    fn said(&mut self, now: Tick, entrant: Entrant, said: Said, orders: &mut Vec<Order>) {
        let Some(runner) = self.up(entrant) else { return };
        let Said { verdict, conclusive } = said.clone();
        let was_conclusive = runner.is_conclusive();
        if !was_conclusive {
            runner.said = Some(said);
        }
        if !conclusive {
            return;
        }
        if !was_conclusive {
            runner.until = Some(now);
            runner.is_cut = false;
        }
        match self.state {
            State::Running => {
                let at = orders.len();
                self.settle(now, Some(entrant), orders);
                orders.insert(at, self.won(entrant));
            }
            State::Settled(Some(winner)) => self.compare(winner, entrant, verdict, orders),
            // It was broken off, but what is known is known.
            State::Settled(None) => {
                self.state = State::Settled(Some(entrant));
                orders.push(self.won(entrant));
            }
            State::Idle | State::Over => {}
        }
    }

    /// By how much, as far as that is known when the others are told to end.
    fn won(&self, entrant: Entrant) -> Order {
        let took = self.runners.get(entrant as usize).map_or(Duration::ZERO, Runner::took);
        Order::Won { entrant, took, margin: self.margin(entrant) }
    }

    /// Something conclusive was said after the winner had won. Each one is told of once.
    fn compare(&mut self, winner: Entrant, entrant: Entrant, verdict: Arc<str>, orders: &mut Vec<Order>) {
        let winning = self.runners.get(winner as usize).and_then(|runner| runner.said.as_ref());
        let is_same = winning.is_some_and(|said| said.verdict == verdict);
        let is_told = self.contradictions.iter().any(|(told, _)| *told == entrant);
        if !is_same && !is_told {
            self.contradictions.push((entrant, verdict.clone()));
            orders.push(Order::Contradiction { entrant, verdict });
        }
    }

    /// Nobody else is started, and whoever runs is ended, but for the winner.
    fn settle(&mut self, now: Tick, winner: Option<Entrant>, orders: &mut Vec<Order>) {
        self.state = State::Settled(winner);
        for (entrant, runner) in (0..).zip(&mut self.runners) {
            if runner.phase == Phase::Up && winner != Some(entrant) {
                runner.phase = Phase::Stopping;
                runner.until = Some(now);
                runner.is_cut = true;
                orders.push(Order::Stop(entrant));
            }
        }
    }

    fn start(&mut self, orders: &mut Vec<Order>) {
        if self.state != State::Running {
            return;
        }
        let mut up = self.runners.iter().filter(|runner| runner.is_up()).count();
        for (entrant, runner) in (0..).zip(&mut self.runners) {
            if up < self.at_once && runner.phase == Phase::Waiting {
                runner.phase = Phase::Up;
                up += 1;
                orders.push(Order::Start(entrant));
            }
        }
    }

    /// Says what became of it when all are down.
    fn finish(&mut self, orders: &mut Vec<Order>) {
        let winner = match self.state {
            State::Running => None,
            State::Settled(winner) => winner,
            State::Idle | State::Over => return,
        };
        if self.runners.iter().any(Runner::is_up) {
            return;
        }
        self.state = State::Over;
        let first_that_said = || (0..).zip(&self.runners).find(|(_, runner)| runner.said.is_some());
        let entrant = winner.or_else(|| first_that_said().map(|(entrant, _)| entrant)).unwrap_or_default();
        let runner = self.runners.get(entrant as usize).cloned().unwrap_or_default();
        orders.push(Order::Over(Finish {
            entrant,
            took: runner.took(),
            said: runner.said,
            margin: winner.and_then(|winner| self.margin(winner)),
            contradictions: self.contradictions.clone(),
        }));
    }

    /// Of those who could have won: who had a conclusive verdict, too, and who had begun and were ended before.
    fn margin(&self, winner: Entrant) -> Option<Margin> {
        let others = (0..).zip(&self.runners).filter(|(entrant, _)| *entrant != winner);
        let has_run = |runner: &Runner| runner.is_cut && runner.since.is_some();
        let could_win = others.map(|(_, runner)| runner).filter(|r| r.is_conclusive() || has_run(r));
        // Of two with the same time the one that was ended makes the weaker statement: it stands.
        let next = could_win.min_by_key(|runner| (runner.took(), !runner.is_cut))?;
        let longer = next.took().saturating_sub(self.runners.get(winner as usize)?.took());
        Some(if next.is_cut { Margin::AtLeast(longer) } else { Margin::Exactly(longer) })
    }
}
