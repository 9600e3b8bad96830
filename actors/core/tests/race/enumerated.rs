//! Every course of three entrants: what has to be ordered is reckoned once more from all that was told, in another way.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use provisor_core::race::{Event, Finish, Margin, Order, Race, Said};
use provisor_core::tick::Tick;

use crate::says;

const ENTRANTS: u32 = 3;

/// All that was told so far, as far as it counts: one life each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Told {
    begun: bool,
    broken_off: bool,
    winner: Option<u32>,
    lives: [Life; ENTRANTS as usize],
    contradicted: Vec<(u32, Arc<str>)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Life {
    started: bool,
    ended: bool,
    there: Option<u64>,
    open: Option<String>,
    settled: Option<(String, u64)>,
    asked: Option<u64>,
    down: Option<u64>,
}

impl Life {
    const fn is_up(&self) -> bool {
        self.started && !self.ended
    }

    fn time(&self) -> Duration {
        let until = self.settled.as_ref().map(|(_, at)| *at).or(self.asked).or(self.down);
        self.there
            .zip(until)
            .map_or(Duration::ZERO, |(from, until)| Duration::from_micros(until.saturating_sub(from)))
    }
}

impl Told {
    fn is_settled(&self) -> bool {
        self.broken_off || self.winner.is_some()
    }

    fn is_over(&self) -> bool {
        let all_down = !self.lives.iter().any(Life::is_up);
        all_down && (self.is_settled() || (self.begun && self.lives.iter().all(|life| life.ended)))
    }

    /// What has to be ordered, in the order of orders.
    fn tell(&mut self, at_once: u32, now: u64, event: &Event) -> Vec<Order> {
        let (mut orders, was_over) = (Vec::new(), self.is_over());
        let was_settled = self.is_settled();
        match event {
            Event::Begin => self.begun |= !was_settled,
            Event::Stop => self.broken_off |= !was_settled && !was_over,
            Event::Started(n) => {
                let life = &mut self.lives[*n as usize];
                life.there = life.there.or(life.is_up().then_some(now));
            }
            Event::Ended(n) => {
                let life = &mut self.lives[*n as usize];
                life.ended |= life.started;
                life.down = life.down.or(life.ended.then_some(now));
            }
            Event::Said(n, said) => orders.extend(self.hear(*n, said, now)),
        }
        if self.is_settled() && !was_settled {
            let winner = self.winner;
            for (n, life) in (0..).zip(&mut self.lives).filter(|(n, life)| life.is_up() && winner != Some(*n))
            {
                life.asked = Some(now);
                orders.push(Order::Stop(n));
            }
        }
        for order in &mut orders {
            if let Order::Won { entrant, took, margin } = order {
                *took = self.lives[*entrant as usize].time();
                *margin = self.margin(*entrant);
            }
        }
        while self.begun
            && !self.is_settled()
            && self.lives.iter().filter(|life| life.is_up()).count() < at_once as usize
        {
            let Some((n, life)) = (0..).zip(&mut self.lives).find(|(_, life)| !life.started) else { break };
            life.started = true;
            orders.push(Order::Start(n));
        }
        if self.is_over() && !was_over {
            orders.push(Order::Over(self.finish()));
        }
        orders
    }

    fn hear(&mut self, n: u32, said: &Said, now: u64) -> Option<Order> {
        let life = &mut self.lives[n as usize];
        let verdict = said.verdict.to_string();
        if !life.is_up() {
            return None;
        }
        if !said.conclusive {
            life.open = Some(verdict);
            return None;
        }
        life.settled.get_or_insert((verdict.clone(), now));
        let Some(winner) = self.winner else {
            self.winner = Some(n);
            // What is known of its lead, once the others are told to end.
            return Some(Order::Won { entrant: n, took: Duration::ZERO, margin: None });
        };
        let differs = self.lives[winner as usize].settled.as_ref().is_some_and(|(won, _)| *won != verdict);
        let is_new = differs && !self.contradicted.iter().any(|(told, _)| *told == n);
        is_new.then(|| {
            self.contradicted.push((n, said.verdict.clone()));
            Order::Contradiction { entrant: n, verdict: said.verdict.clone() }
        })
    }

    fn finish(&self) -> Finish {
        let has_said = |life: &Life| life.open.is_some() || life.settled.is_some();
        let best = (0..ENTRANTS).find(|n| has_said(&self.lives[*n as usize]));
        let entrant = self.winner.or(best).unwrap_or(0);
        let life = &self.lives[entrant as usize];
        let settled = life.settled.as_ref().map(|(verdict, _)| (verdict, true));
        let said = settled.or(life.open.as_ref().map(|open| (open, false)));
        Finish {
            entrant,
            said: said.map(|(verdict, conclusive)| Said { verdict: verdict.as_str().into(), conclusive }),
            took: life.time(),
            margin: self.winner.and_then(|winner| self.margin(winner)),
            contradictions: self.contradicted.clone(),
        }
    }

    /// The smallest lead over anybody who could have won, and a bound where one who was ended could have been it.
    fn margin(&self, winner: u32) -> Option<Margin> {
        let took = self.lives[winner as usize].time();
        let others = || (0..).zip(&self.lives).filter(|(n, _)| *n != winner).map(|(_, life)| life);
        let is_ended = |life: &&Life| life.asked.is_some() && life.there.is_some() && life.settled.is_none();
        let ended = others().filter(is_ended).map(Life::time).min();
        let exact = others().filter(|life| life.settled.is_some()).map(Life::time).min();
        match (ended, exact) {
            (Some(ended), exact) if exact.is_none_or(|exact| ended <= exact) => {
                Some(Margin::AtLeast(ended.saturating_sub(took)))
            }
            (_, exact) => exact.map(|exact| Margin::Exactly(exact.saturating_sub(took))),
        }
    }
}

/// One side of what has to be ordered.
type Law = (&'static str, fn(&Order) -> bool);

const LAWS: [Law; 5] = [
    ("the first ones that may are started, once each", |order| matches!(order, Order::Start(_))),
    ("all but the winner are ended when it is settled", |order| matches!(order, Order::Stop(_))),
    ("the first conclusive verdict wins", |order| matches!(order, Order::Won { .. })),
    ("each contradiction is told once", |order| matches!(order, Order::Contradiction { .. })),
    ("when all are down it is told once what became of it", |order| matches!(order, Order::Over(_))),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    OneTooMany,
    StartsWhenSettled,
    WinnerIsEnded,
    OthersGoOn,
    OpenWins,
    LastWins,
    AnyDifferenceContradicts,
    ContradictionUntold,
    OverTooEarly,
    MarginAlwaysExact,
    LeadUntold,
    LastOpenStands,
    ContradictionsLost,
}

const FAULTS: [(Fault, &str); 13] = [
    (Fault::OneTooMany, LAWS[0].0),
    (Fault::StartsWhenSettled, LAWS[0].0),
    (Fault::WinnerIsEnded, LAWS[1].0),
    (Fault::OthersGoOn, LAWS[1].0),
    (Fault::OpenWins, LAWS[2].0),
    (Fault::LastWins, LAWS[2].0),
    (Fault::LeadUntold, LAWS[2].0),
    (Fault::AnyDifferenceContradicts, LAWS[3].0),
    (Fault::ContradictionUntold, LAWS[3].0),
    (Fault::OverTooEarly, LAWS[4].0),
    (Fault::MarginAlwaysExact, LAWS[4].0),
    (Fault::LastOpenStands, LAWS[4].0),
    (Fault::ContradictionsLost, LAWS[4].0),
];

fn spoil(fault: Fault, event: &Event, told: &Told, orders: &mut Vec<Order>) {
    let over = orders.iter_mut().find_map(|order| match order {
        Order::Over(finish) => Some(finish),
        _ => None,
    });
    match (fault, event) {
        (Fault::StartsWhenSettled, Event::Ended(_)) if told.is_settled() => orders.push(Order::Start(2)),
        (Fault::WinnerIsEnded, Event::Said(..)) => {
            let winner = |order: &Order| match order {
                Order::Won { entrant, .. } => Some(*entrant),
                _ => None,
            };
            let won = orders.iter().find_map(winner);
            orders.extend(won.map(Order::Stop));
        }
        (Fault::OthersGoOn, Event::Said(..)) => orders.retain(|order| !matches!(order, Order::Stop(_))),
        (Fault::LastWins, Event::Said(n, said)) if said.conclusive && told.winner.is_some() => {
            orders.push(Order::Won { entrant: *n, took: Duration::ZERO, margin: None });
        }
        (Fault::AnyDifferenceContradicts, Event::Said(n, said)) if !said.conclusive => {
            orders.push(Order::Contradiction { entrant: *n, verdict: said.verdict.clone() });
        }
        (Fault::ContradictionUntold, _) => {
            orders.retain(|order| !matches!(order, Order::Contradiction { .. }))
        }
        (Fault::OverTooEarly, Event::Said(_, said)) if said.conclusive => {
            orders.push(Order::Over(told.finish()));
        }
        (Fault::MarginAlwaysExact, _) => {
            if let Some(Finish { margin: Some(margin), .. }) = over
                && let Margin::AtLeast(least) = *margin
            {
                *margin = Margin::Exactly(least);
            }
        }
        (Fault::LeadUntold, _) => {
            for order in orders {
                if let Order::Won { margin, .. } = order {
                    *margin = None;
                }
            }
        }
        (Fault::LastOpenStands, _) => {
            if let Some(finish) = over.filter(|_| told.winner.is_none()) {
                let last = (0..ENTRANTS).rev().find(|n| told.lives[*n as usize].open.is_some());
                finish.entrant = last.unwrap_or(finish.entrant);
            }
        }
        (Fault::ContradictionsLost, _) => {
            if let Some(finish) = over {
                finish.contradictions.clear();
            }
        }
        _ => {}
    }
}

/// Each says two things; together they say everything, and agree and differ in every way.
fn alphabet() -> Vec<Event> {
    let verdicts = [
        [("true", true), ("unknown", false)],
        [("true", true), ("false", true)],
        [("false", true), ("unknown", false)],
    ];
    let mut events = vec![Event::Begin, Event::Stop];
    for (n, verdicts) in (0..ENTRANTS).zip(verdicts) {
        events.extend([Event::Started(n), Event::Ended(n)]);
        events.extend(verdicts.map(|(verdict, conclusive)| says(n, verdict, conclusive)));
    }
    events
}

/// Every state within so many ticks, held against these laws.
fn explore(at_once: u32, horizon: u64, fault: Fault, laws: &[Law]) -> Result<(usize, usize), String> {
    let given = at_once + u32::from(fault == Fault::OneTooMany);
    let first = (Race::new(ENTRANTS, NonZeroU32::new(given)), Told::default(), 0);
    let (mut seen, mut queue) = (HashSet::from([first.clone()]), VecDeque::from([first]));
    let (mut states, mut edges) = (0, 0);
    while let Some((before, past, now)) = queue.pop_front() {
        states += 1;
        for event in alphabet() {
            edges += 1;
            let (mut race, mut told, mut orders) = (before.clone(), past.clone(), Vec::new());
            let is_open = |event: &Event| matches!(event, Event::Said(_, said) if !said.conclusive);
            let given = match &event {
                Event::Said(n, said) if fault == Fault::OpenWins && is_open(&event) => {
                    says(*n, &said.verdict, true)
                }
                _ => event.clone(),
            };
            race.step(Tick::from_micros(now), given, &mut orders);
            let expected = told.tell(at_once, now, &event);
            spoil(fault, &event, &told, &mut orders);
            for (name, is_of_law) in laws {
                let of = |orders: &[Order]| {
                    orders.iter().filter(|order| is_of_law(order)).cloned().collect::<Vec<_>>()
                };
                if of(&orders) != of(&expected) {
                    return Err(format!(
                        "{name}: {event:?} at {now}: {orders:?}, not {expected:?}\n{told:?}"
                    ));
                }
            }
            let next = (race, told, now);
            if !seen.contains(&next) {
                seen.insert(next.clone());
                queue.push_back(next);
            }
        }
        let later = (before, past, now + 1);
        if now < horizon && seen.insert(later.clone()) {
            queue.push_back(later);
        }
    }
    Ok((states, edges))
}

#[test]
#[expect(
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "the extent is worth a line with --nocapture"
)]
fn every_course_of_three_keeps_every_law() {
    // With more of them at once there are many more orders in which things happen at the same time.
    for (at_once, horizon) in [(1, 2), (2, 1), (3, 0)] {
        let (states, edges) =
            explore(at_once, horizon, Fault::None, &LAWS).unwrap_or_else(|law| panic!("{law}"));
        println!("{at_once} at once: {states} states, {edges} edges");
        assert!(states > 1000, "{states} are too few to mean anything");
    }
}

#[test]
fn every_planted_fault_is_caught_by_its_law_and_every_law_catches_one() {
    for (fault, name) in FAULTS {
        let law: Vec<_> = LAWS.into_iter().filter(|(law, _)| *law == name).collect();
        assert!(explore(2, 1, fault, &law).is_err(), "{fault:?} should break \"{name}\"");
    }
    let broken: BTreeSet<_> = FAULTS.into_iter().map(|(_, law)| law).collect();
    assert_eq!(broken.len(), LAWS.len(), "a law that no fault breaks proves nothing");
}
