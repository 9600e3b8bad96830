//! Races: each rule by itself, and every course of three entrants, held against laws that are broken by planted faults.

mod enumerated;

use std::num::NonZeroU32;
use std::time::Duration;

use provisor_core::race::{Event, Finish, Margin, Order, Race, Said};
use provisor_core::tick::Tick;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn says(entrant: u32, verdict: &str, conclusive: bool) -> Event {
    Event::Said(entrant, Said { verdict: verdict.into(), conclusive })
}

const fn won(entrant: u32, took: u64, margin: Option<Margin>) -> Order {
    Order::Won { entrant, took: secs(took), margin }
}

struct Track {
    race: Race,
    finish: Option<Finish>,
}

impl Track {
    fn new(entrants: u32, at_once: Option<u32>) -> Self {
        Self { race: Race::new(entrants, at_once.and_then(NonZeroU32::new)), finish: None }
    }

    /// The orders, but for the last one.
    fn tell(&mut self, at: u64, event: Event) -> Vec<Order> {
        let mut orders = Vec::new();
        self.race.step(Tick::ZERO + secs(at), event, &mut orders);
        if let Some(Order::Over(finish)) = orders.last() {
            self.finish = Some(finish.clone());
            orders.pop();
        }
        orders
    }

    /// So many that run from the start on.
    fn running(entrants: u32) -> Self {
        let mut track = Self::new(entrants, None);
        track.tell(0, Event::Begin);
        for entrant in 0..entrants {
            track.tell(0, Event::Started(entrant));
        }
        track
    }

    fn end_all(&mut self, at: u64, entrants: u32) -> Finish {
        for entrant in 0..entrants {
            self.tell(at, Event::Ended(entrant));
        }
        self.finish.clone().expect("all are down")
    }
}

#[test]
fn all_start_together() {
    let mut track = Track::new(3, None);
    assert_eq!(track.tell(0, Event::Begin), [0, 1, 2].map(Order::Start));
}

#[test]
fn with_some_at_once_the_next_one_starts_when_one_has_ended() {
    let mut track = Track::new(3, Some(2));
    assert_eq!(track.tell(0, Event::Begin), [0, 1].map(Order::Start));
    assert_eq!(track.tell(1, says(1, "unknown", false)), []);
    assert_eq!(track.tell(1, Event::Ended(1)), [Order::Start(2)]);
    assert_eq!(track.tell(2, says(2, "true", true)), [won(2, 0, None), Order::Stop(0)]);
}

#[test]
fn the_first_conclusive_verdict_wins_and_the_rest_are_ended() {
    let mut track = Track::running(3);
    assert_eq!(track.tell(1, says(0, "unknown", false)), []);
    let won = won(1, 2, Some(Margin::AtLeast(secs(0))));
    assert_eq!(track.tell(2, says(1, "true", true)), [won, Order::Stop(0), Order::Stop(2)]);
    let finish = track.end_all(3, 3);
    assert_eq!((finish.entrant, finish.took), (1, secs(2)));
    assert_eq!(finish.said, Some(Said { verdict: "true".into(), conclusive: true }));
}

#[test]
fn nobody_starts_once_it_is_settled() {
    let mut track = Track::new(2, Some(1));
    track.tell(0, Event::Begin);
    assert_eq!(track.tell(1, says(0, "true", true)), [won(0, 0, None)]);
    assert_eq!(track.tell(2, Event::Ended(0)), []);
    assert_eq!(track.finish.map(|finish| (finish.entrant, finish.margin)), Some((0, None)));
}

#[test]
fn the_margin_is_at_least_the_time_that_the_next_one_had_when_it_was_ended() {
    let mut track = Track::new(2, None);
    track.tell(0, Event::Begin);
    track.tell(0, Event::Started(0));
    track.tell(1, Event::Started(1));
    track.tell(5, says(1, "true", true));
    assert_eq!(track.end_all(9, 2).margin, Some(Margin::AtLeast(secs(1))), "5 s of 0 against 4 s of 1");
}

#[test]
fn the_winner_is_told_by_how_much_as_far_as_that_is_known_then() {
    let mut track = Track::running(3);
    track.tell(1, says(2, "unknown", false));
    track.tell(1, Event::Ended(2));
    track.tell(1, Event::Started(1));
    let orders = track.tell(5, says(1, "true", true));
    assert_eq!(orders[0], won(1, 5, Some(Margin::AtLeast(secs(0)))));
    let mut track = Track::new(3, None);
    track.tell(0, Event::Begin);
    track.tell(0, Event::Started(0));
    track.tell(2, Event::Started(1));
    let orders = track.tell(5, says(1, "true", true));
    assert_eq!(
        orders[0],
        won(1, 3, Some(Margin::AtLeast(secs(2)))),
        "who has no process yet is nobody's next"
    );
}

#[test]
fn the_margin_is_exact_where_the_next_one_had_its_verdict_before_it_was_down() {
    let mut track = Track::running(2);
    track.tell(5, says(1, "true", true));
    assert_eq!(track.tell(7, says(0, "true", true)), []);
    assert_eq!(track.end_all(9, 2).margin, Some(Margin::Exactly(secs(2))));
}

#[test]
fn one_that_was_ended_sooner_makes_an_exact_margin_a_bound() {
    let mut track = Track::running(3);
    track.tell(5, says(1, "true", true));
    track.tell(7, says(0, "true", true));
    assert_eq!(track.end_all(9, 3).margin, Some(Margin::AtLeast(secs(0))), "2 may have been near");
}

#[test]
fn whoever_gave_up_before_is_not_the_next_one() {
    let mut track = Track::running(2);
    track.tell(1, says(0, "unknown", false));
    track.tell(1, Event::Ended(0));
    track.tell(5, says(1, "true", true));
    assert_eq!(track.end_all(9, 2).margin, None);
}

#[test]
fn without_a_winner_an_open_verdict_is_better_than_none_and_the_first_of_them_stands() {
    let said = |said: &[(u32, &str)]| {
        let mut track = Track::running(3);
        for (entrant, verdict) in said {
            track.tell(1, says(*entrant, verdict, false));
        }
        let finish = track.end_all(2, 3);
        assert_eq!(finish.margin, None);
        (finish.entrant, finish.said.map(|said| said.verdict.to_string()))
    };
    assert_eq!(said(&[(2, "b"), (1, "a")]), (1, Some("a".into())));
    assert_eq!(said(&[(1, "a"), (1, "b")]), (1, Some("b".into())), "its last word");
    assert_eq!(said(&[]), (0, None));
}

#[test]
fn two_conclusive_verdicts_that_differ_are_a_contradiction() {
    let mut track = Track::running(3);
    track.tell(1, says(0, "true", true));
    assert_eq!(track.tell(2, says(1, "true", true)), []);
    let contradiction = Order::Contradiction { entrant: 2, verdict: "false".into() };
    assert_eq!(track.tell(2, says(2, "false", true)), [contradiction]);
    assert_eq!(track.tell(2, says(2, "false", true)), [], "once");
    assert_eq!(track.end_all(3, 3).contradictions, [(2, "false".into())]);
}

#[test]
fn the_winner_that_says_something_else_contradicts_itself() {
    let mut track = Track::running(1);
    track.tell(1, says(0, "true", true));
    let contradiction = Order::Contradiction { entrant: 0, verdict: "false".into() };
    assert_eq!(track.tell(2, says(0, "false", true)), [contradiction]);
    let finish = track.end_all(3, 1);
    assert_eq!(finish.said.map(|said| said.verdict), Some("true".into()), "the first one stands");
    assert_eq!(finish.took, secs(1));
}

#[test]
fn a_race_that_is_broken_off_ends_all_and_keeps_what_is_known() {
    let mut track = Track::running(2);
    track.tell(1, says(1, "unknown", false));
    assert_eq!(track.tell(2, Event::Stop), [0, 1].map(Order::Stop));
    assert_eq!(track.tell(2, Event::Stop), []);
    assert_eq!(track.end_all(3, 2).entrant, 1);
    let mut idle = Track::new(2, None);
    assert_eq!(idle.tell(0, Event::Stop), []);
    assert_eq!(idle.finish.map(|finish| (finish.entrant, finish.said)), Some((0, None)));
}

#[test]
fn who_cannot_be_started_has_ended() {
    let mut track = Track::new(2, Some(1));
    track.tell(0, Event::Begin);
    assert_eq!(track.tell(1, Event::Ended(0)), [Order::Start(1)]);
}
