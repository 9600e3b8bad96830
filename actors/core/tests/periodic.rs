//! Work that is done again and again: each rule by itself, every course of a few rounds, and long ones by chance.

use std::time::Duration;

use proptest::prelude::*;
use provisor_core::backoff::Backoff;
use provisor_core::dice::Share;
use provisor_core::periodic::{Event, LeftOut, Order, Overlap, Periodic, Ring, Rounds, Schedule};
use provisor_core::tick::Tick;

const QUERY: u32 = 7;

const fn ticks(n: u64) -> Duration {
    Duration::from_micros(n)
}

const fn at(n: u64) -> Tick {
    Tick::from_micros(n)
}

const fn every(n: u64, overlap: Overlap) -> Schedule {
    Schedule { every: ticks(n), jitter: Duration::ZERO, overlap }
}

fn start(round: u64) -> Order {
    Order::Start { query: QUERY, round }
}

fn left_out(rounds: u64, why: LeftOut) -> Order {
    Order::LeftOut { query: QUERY, rounds, why }
}

const KILL: Order = Order::Kill { query: QUERY };

fn tell(periodic: &mut Periodic, now: u64, event: Event) -> Vec<Order> {
    let mut orders = Vec::new();
    periodic.step(at(now), event, &mut orders);
    orders
}

fn wake(periodic: &mut Periodic, now: u64) -> Vec<Order> {
    tell(periodic, now, Event::Wake)
}

fn end(periodic: &mut Periodic, now: u64) -> Vec<Order> {
    tell(periodic, now, Event::Ended { query: QUERY, well: true })
}

/// One query, every ten ticks, whose round 0 runs.
fn running(overlap: Overlap) -> Periodic {
    let mut periodic = Periodic::new(0, None);
    assert!(periodic.add(Tick::ZERO, QUERY, every(10, overlap), None));
    assert_eq!(wake(&mut periodic, 0), [start(0)]);
    periodic
}

#[test]
fn rounds_are_at_fixed_times_however_late_somebody_wakes() {
    let mut periodic = running(Overlap::Skip);
    for round in 1..5 {
        end(&mut periodic, round * 10 - 1);
        assert_eq!(periodic.wake_at(), Some(at(round * 10)));
        assert_eq!(wake(&mut periodic, round * 10 - 1), [], "too early");
        assert_eq!(wake(&mut periodic, round * 10 + 3), [start(round)]);
    }
}

#[test]
fn missed_rounds_are_not_made_up_in_a_burst() {
    let mut periodic = running(Overlap::Queue);
    end(&mut periodic, 1);
    assert_eq!(wake(&mut periodic, 1_000_005), [left_out(99_999, LeftOut::Missed), start(100_000)]);
    assert_eq!(periodic.wake_at(), Some(at(1_000_010)));
    assert_eq!(end(&mut periodic, 1_000_006), []);
}

#[test]
fn skip_leaves_a_round_out_whose_predecessor_still_runs() {
    let mut periodic = running(Overlap::Skip);
    assert_eq!(wake(&mut periodic, 10), [left_out(1, LeftOut::Busy)]);
    assert_eq!(end(&mut periodic, 11), []);
    assert_eq!(wake(&mut periodic, 20), [start(2)]);
    assert_eq!(periodic.rounds(QUERY), Some(Rounds { made: 2, busy: 1, ..Rounds::default() }));
}

#[test]
fn queue_lets_at_most_one_wait() {
    let mut periodic = running(Overlap::Queue);
    assert_eq!(wake(&mut periodic, 10), []);
    assert_eq!(wake(&mut periodic, 20), [left_out(1, LeftOut::Busy)]);
    assert_eq!(end(&mut periodic, 25), [start(1)]);
    assert_eq!(end(&mut periodic, 26), [], "none waits any more");
}

#[test]
fn kill_ends_the_running_one_and_starts_the_newest_when_it_is_down() {
    let mut periodic = running(Overlap::Kill);
    assert_eq!(wake(&mut periodic, 10), [KILL]);
    assert_eq!(wake(&mut periodic, 20), [left_out(1, LeftOut::Busy)], "it is killed once");
    assert_eq!(end(&mut periodic, 21), [start(2)]);
    assert_eq!(wake(&mut periodic, 30), [KILL], "the next one is another one");
}

#[test]
fn jitter_spreads_queries_and_is_less_than_itself_and_the_same_for_all_rounds() {
    let schedule = Schedule { jitter: ticks(10), ..every(100, Overlap::Skip) };
    let first = |seed, query| {
        let mut periodic = Periodic::new(seed, None);
        periodic.add(at(1000), query, schedule, None);
        periodic.wake_at().unwrap().as_micros() - 1000
    };
    let firsts: Vec<_> = (0..100).map(|query| first(1, query)).collect();
    let spread: std::collections::BTreeSet<_> = firsts.iter().collect();
    assert_eq!((spread.first(), spread.last(), spread.len()), (Some(&&0), Some(&&9), 10));
    assert_eq!(firsts, (0..100).map(|query| first(1, query)).collect::<Vec<_>>());
    assert_ne!(firsts, (0..100).map(|query| first(2, query)).collect::<Vec<_>>());
    let mut periodic = Periodic::new(1, None);
    periodic.add(Tick::ZERO, QUERY, schedule, None);
    let begin = periodic.wake_at().unwrap();
    wake(&mut periodic, begin.as_micros());
    assert_eq!(periodic.wake_at(), Some(begin + ticks(100)));
}

#[test]
fn who_is_removed_is_asked_no_more() {
    let mut periodic = running(Overlap::Queue);
    wake(&mut periodic, 10);
    assert_eq!(periodic.remove(QUERY), Some(Rounds { made: 1, ..Rounds::default() }));
    assert_eq!((periodic.remove(QUERY), periodic.wake_at()), (None, None));
    assert_eq!(end(&mut periodic, 11), [], "not even the one that waited");
    assert!(periodic.add(at(12), QUERY, every(10, Overlap::Skip), None));
    assert!(!periodic.add(at(13), QUERY, every(10, Overlap::Skip), None));
}

/// Pauses of 20, 40 and never more than 50 ticks.
fn with_hosts(queries: u32) -> Periodic {
    let backoff = Backoff { first: ticks(20), longest: ticks(50), jitter: Share::NONE };
    let mut periodic = Periodic::new(0, Some(backoff));
    for query in 0..queries {
        periodic.add(Tick::ZERO, query, every(10, Overlap::Skip), Some("a".into()));
    }
    periodic
}

fn starts(orders: &[Order]) -> usize {
    orders.iter().filter(|order| matches!(order, Order::Start { .. })).count()
}

#[test]
fn a_host_that_fails_is_asked_less_and_less_often_up_to_a_longest_pause() {
    let mut periodic = with_hosts(1);
    let mut asked = Vec::new();
    for now in (0..300).step_by(10) {
        if starts(&wake(&mut periodic, now)) > 0 {
            asked.push(now);
            tell(&mut periodic, now + 1, Event::Ended { query: 0, well: false });
        }
    }
    assert_eq!(asked, [0, 30, 80, 140, 200, 260]);
}

#[test]
fn a_host_is_asked_as_before_at_its_first_success() {
    let mut periodic = with_hosts(1);
    for (now, well) in [(0, false), (30, false), (80, true), (90, false)] {
        assert_eq!(starts(&wake(&mut periodic, now)), 1, "at {now}");
        tell(&mut periodic, now + 1, Event::Ended { query: 0, well });
        (now + 10..now + 20).step_by(10).take(usize::from(!well)).for_each(|now| {
            assert_eq!(starts(&wake(&mut periodic, now)), 0, "it is spared at {now}");
        });
    }
    assert_eq!(periodic.spared_until(at(92), "a"), Some(at(111)), "the first pause again");
    assert_eq!(periodic.spared_until(at(111), "a"), None);
}

#[test]
fn rounds_that_began_together_and_fail_together_are_one_failure() {
    let mut periodic = with_hosts(5);
    assert_eq!(starts(&wake(&mut periodic, 0)), 5);
    for query in 0..5 {
        tell(&mut periodic, 1 + u64::from(query), Event::Ended { query, well: false });
    }
    assert_eq!(periodic.spared_until(at(6), "a"), Some(at(21)));
    assert_eq!(starts(&wake(&mut periodic, 20)), 0);
    assert_eq!(starts(&wake(&mut periodic, 30)), 5);
}

#[test]
fn hosts_fail_each_by_itself_and_rounds_without_one_never() {
    let mut periodic = with_hosts(1);
    periodic.add(Tick::ZERO, 1, every(10, Overlap::Skip), Some("b".into()));
    periodic.add(Tick::ZERO, 2, every(10, Overlap::Skip), None);
    wake(&mut periodic, 0);
    for (query, well) in [(0, false), (1, true), (2, false)] {
        tell(&mut periodic, 1, Event::Ended { query, well });
    }
    let started = [1, 2].map(|query| Order::Start { query, round: 1 });
    let spared = Order::LeftOut { query: 0, rounds: 1, why: LeftOut::Host };
    assert_eq!(wake(&mut periodic, 10), [&[spared], &started[..]].concat());
}

#[test]
fn what_was_killed_for_the_next_round_tells_nothing_of_its_host() {
    let mut periodic = with_hosts(0);
    periodic.add(Tick::ZERO, QUERY, every(10, Overlap::Kill), Some("a".into()));
    wake(&mut periodic, 0);
    wake(&mut periodic, 10);
    assert_eq!(tell(&mut periodic, 11, Event::Ended { query: QUERY, well: false }), [start(1)]);
}

#[test]
fn a_ring_without_room_only_counts() {
    let mut ring = Ring::new(0);
    assert_eq!((ring.push(1), ring.len(), ring.fell_out(), ring.is_empty()), (Some(1), 0, 1, true));
}

/// What anybody sees who only looks at the orders: what runs, which rounds were started, how many were accounted for.
#[derive(Clone, Default)]
struct Seen {
    runs: bool,
    killed: bool,
    last: Option<u64>,
    accounted: u64,
}

impl Seen {
    fn see(&mut self, now: u64, event: Event, orders: &[Order]) {
        if matches!(event, Event::Ended { .. }) {
            (self.runs, self.killed) = (false, false);
        }
        for order in orders {
            match order {
                Order::Start { round, .. } => {
                    assert!(!self.runs, "one at a time");
                    assert!(self.last.is_none_or(|last| last < *round), "rounds go forward");
                    assert!(*round <= now / EVERY, "none before its time");
                    (self.runs, self.last) = (true, Some(*round));
                    self.accounted += 1;
                }
                Order::Kill { .. } => {
                    assert!(self.runs && !self.killed, "only what runs is killed, and once");
                    self.killed = true;
                }
                Order::LeftOut { rounds, .. } => self.accounted += rounds,
            }
        }
    }

    /// Every round whose time has come was made or left out, but for one that waits.
    fn accounts(&self, now: u64, overlap: Overlap) {
        let open = now / EVERY + 1 - self.accounted;
        let may_wait = self.runs && overlap != Overlap::Skip;
        assert!(open <= u64::from(may_wait), "{open} rounds are lost at {now} with {overlap:?}");
    }
}

const EVERY: u64 = 3;

/// At each tick: nothing, a wake, an end by success or failure, or both in either order.
fn course(overlap: Overlap, steps: &[(u64, u8)]) -> Rounds {
    let backoff = Backoff { first: ticks(2), longest: ticks(8), jitter: Share::NONE };
    let mut periodic = Periodic::new(0, Some(backoff));
    periodic.add(Tick::ZERO, QUERY, every(EVERY, overlap), Some("a".into()));
    let (mut seen, mut now) = (Seen::default(), 0);
    for (pause, what) in steps {
        now += pause;
        let ended = |well| Event::Ended { query: QUERY, well };
        let events: &[Event] = match what {
            0 => &[],
            1 => &[Event::Wake],
            2 => &[ended(true), Event::Wake],
            3 => &[ended(false), Event::Wake],
            _ => &[Event::Wake, ended(true)],
        };
        for event in events {
            if *event == Event::Wake || seen.runs {
                let orders = tell(&mut periodic, now, *event);
                seen.see(now, *event, &orders);
            }
        }
        if *what > 0 {
            seen.accounts(now, overlap);
            assert!(periodic.wake_at().is_some_and(|next| next > at(now) && next <= at(now + EVERY)));
        }
    }
    periodic.rounds(QUERY).expect("it was added")
}

const OVERLAPS: [Overlap; 3] = [Overlap::Skip, Overlap::Queue, Overlap::Kill];

#[test]
fn every_course_of_a_few_ticks_makes_or_accounts_for_every_round() {
    const STEPS: u32 = 8;
    for overlap in OVERLAPS {
        let mut all = Rounds::default();
        for course_number in 0..5_u32.pow(STEPS) {
            let steps: Vec<_> =
                (0..STEPS).map(|n| (1, u8::try_from(course_number / 5_u32.pow(n) % 5).unwrap())).collect();
            let rounds = course(overlap, &steps);
            all.made += rounds.made;
            all.busy += rounds.busy;
            all.missed += rounds.missed;
            all.spared += rounds.spared;
        }
        assert!(
            [all.made, all.busy, all.missed, all.spared].iter().all(|count| *count > 1000),
            "{overlap:?}: {all:?}"
        );
    }
}

proptest! {
    #[test]
    fn long_courses_with_sleep_account_for_every_round(
        overlap in prop::sample::select(OVERLAPS.to_vec()),
        steps in prop::collection::vec((0_u64..40, 0_u8..5), 1..200),
    ) {
        course(overlap, &steps);
    }
}

#[test]
fn a_round_that_never_began_makes_room_for_the_one_that_waits() {
    let mut periodic = running(Overlap::Kill);
    assert_eq!(wake(&mut periodic, 10), [KILL]);
    let unmade = tell(&mut periodic, 10, Event::Unmade { query: QUERY });
    assert_eq!(unmade, [start(1), left_out(1, LeftOut::Busy)]);
    assert_eq!(periodic.rounds(QUERY), Some(Rounds { made: 1, busy: 1, ..Rounds::default() }));
    assert_eq!(end(&mut periodic, 11), [], "it runs alone");
    assert_eq!(tell(&mut periodic, 12, Event::Unmade { query: QUERY }), [], "there is none");
    assert_eq!((periodic.len(), periodic.all_rounds()), (1, periodic.rounds(QUERY).unwrap()));
}

#[test]
fn a_host_that_nobody_asks_any_more_is_forgotten() {
    let mut periodic = with_hosts(2);
    wake(&mut periodic, 0);
    for query in 0..2 {
        tell(&mut periodic, 1, Event::Ended { query, well: false });
    }
    periodic.remove(0);
    assert!(periodic.spared_until(at(2), "a").is_some());
    periodic.remove(1);
    assert!(periodic.spared_until(at(2), "a").is_none() && periodic.is_empty());
}
