use proptest::prelude::*;

use super::*;
use crate::plan::{Command, Only, Pass, Retry, RetryOn};
use std::sync::Arc;

fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn at_work(age: f64, longest: Option<f64>) -> AtWork {
    AtWork { age: s(age), longest: longest.map(s), time: None }
}

/// With these finished times, so many waiting and these ages, and no limit anywhere.
fn likely(slots: usize, walls: &[f64], waiting: usize, ages: &[f64]) -> Option<f64> {
    let mut forecast = Forecast::new(slots, None);
    (0..waiting + ages.len()).for_each(|_| forecast.expect(None, None));
    for wall in walls {
        forecast.learn(s(*wall));
    }
    let eta = forecast.eta(Duration::ZERO, waiting, ages.iter().map(|age| at_work(*age, None)));
    assert_eq!(eta.at_most, None);
    eta.likely.map(|likely| likely.as_secs_f64())
}

fn near(a: Option<f64>, b: f64) -> bool {
    a.is_some_and(|a| (a - b).abs() < 1e-3)
}

#[test]
fn before_anything_is_known_nothing_is_said() {
    assert_eq!(likely(2, &[], 10, &[1.0, 1.0]), None);
}

#[test]
fn what_is_left_is_what_longer_ones_had_left() {
    assert!(near(likely(1, &[10.0, 20.0], 0, &[5.0]), 10.0), "the mean of 5 and 15");
    assert!(near(likely(1, &[10.0, 20.0], 0, &[12.0]), 8.0), "only the longer one counts");
    assert!(
        near(likely(1, &[10.0, 20.0], 0, &[100.0]), 85.0),
        "it has outlived all: as long again, less the mean"
    );
}

#[test]
fn the_slowest_and_one_more_round_bound_it_from_below() {
    assert!(near(likely(4, &[10.0], 0, &[0.0, 9.0, 9.0, 9.0]), 10.0));
    assert!(near(likely(100, &[10.0], 1, &[9.9; 99]), 10.0), "the waiting one takes a mean yet");
}

#[test]
fn short_ones_that_finish_first_do_not_make_all_look_short() {
    let naive = 100.0;
    let likely = likely(2, &[1.0; 10], 100, &[500.0, 500.0]).expect("known");
    assert!(likely > 10.0 * naive, "{likely}");
}

#[test]
fn the_bound_is_all_that_limits_leave() {
    let mut forecast = Forecast::new(2, None);
    for _ in 0..5 {
        forecast.expect(Some(s(10.0)), None);
    }
    let running = [at_work(4.0, Some(10.0)), at_work(2.0, Some(10.0))];
    // (50 - 6) / 2 + 10 / 2
    assert_eq!(forecast.eta(s(4.0), 3, running).at_most, Some(s(27.0)));
    for _ in 0..3 {
        forecast.settle(Some(s(10.0)), None);
    }
    assert_eq!(forecast.eta(s(4.0), 0, running).at_most, Some(s(8.0)), "what is left of the slowest");
    forecast.expect(None, None);
    assert_eq!(forecast.eta(s(4.0), 1, running).at_most, None, "one has no limit");
    forecast.settle(None, None);
    assert!(forecast.eta(s(4.0), 0, running).at_most.is_some());
}

#[test]
fn the_total_time_is_a_bound_too() {
    let mut forecast = Forecast::new(1, Some(s(60.0)));
    forecast.expect(None, None);
    forecast.learn(s(1000.0));
    let eta = forecast.eta(s(20.0), 1, []);
    assert_eq!(eta, Eta { likely: Some(s(40.0)), at_most: Some(s(40.0)) });
    assert_eq!(forecast.eta(s(70.0), 1, []).at_most, Some(Duration::ZERO));
}

#[test]
fn a_query_may_take_all_its_attempts() {
    let query = |wall: Option<f64>, times, on| Query {
        limits: Limits { wall: wall.map(s), grace: s(5.0), ..Limits::default() },
        retry: Arc::new(Retry { times, on, backoff: s(1.0) }),
        ..Query::new("q", Command::new(["true"]))
    };
    assert_eq!(longest(&query(None, 3, vec![RetryOn::Signal])), None);
    assert_eq!(longest(&query(Some(10.0), 3, Vec::new())), Some(s(15.0)));
    assert_eq!(longest(&query(Some(10.0), 2, vec![RetryOn::Signal])), Some(s(45.0 + 4.0)));
    assert!(longest(&query(Some(10.0), u32::MAX, vec![RetryOn::Signal])).is_some());
    // And all of those in each of its passes.
    let mut ladder = query(Some(10.0), 2, vec![RetryOn::Signal]);
    let pass = |wall: Option<f64>| Pass {
        name: "full".into(),
        only: Only::Limited,
        command: ladder.command.clone(),
        limits: Limits { wall: wall.map(s), ..ladder.limits },
        judging: Arc::clone(&ladder.judging),
        pages: None,
    };
    let (limited, endless) = ([pass(Some(10.0)), pass(Some(100.0))], [pass(None)]);
    ladder.further = limited.into();
    assert_eq!(longest(&ladder), Some(s(49.0 + 49.0 + 3.0 * 105.0 + 4.0)));
    ladder.further = endless.into();
    assert_eq!(longest(&ladder), None);
}

/// With so many slots, these times of queries that wait, none where it is negative, and nothing at work.
fn of_times(slots: usize, times: &[f64]) -> Forecast {
    let mut forecast = Forecast::new(slots, None);
    times.iter().for_each(|time| forecast.expect(None, Duration::try_from_secs_f64(*time).ok()));
    forecast
}

fn told(forecast: &Forecast, waiting: usize, at_work: &[AtWork]) -> Option<f64> {
    let eta = forecast.eta(Duration::ZERO, waiting, at_work.iter().copied());
    eta.likely.map(|likely| likely.as_secs_f64())
}

const UNKNOWN: f64 = -1.0;

#[test]
fn what_waits_counts_with_its_own_time_and_else_with_the_mean() {
    assert!(near(told(&of_times(1, &[100.0, 10.0]), 2, &[]), 110.0), "before anything is finished");
    let mut forecast = of_times(1, &[100.0, 10.0, UNKNOWN, UNKNOWN]);
    assert!(near(told(&forecast, 4, &[]), 220.0), "the mean is 55");
    assert!(near(forecast.work(4).map(|work| work.as_secs_f64()), 220.0));
    forecast.learn(s(40.0));
    assert!(near(told(&forecast, 4, &[]), 210.0), "it is 50 now");
    assert_eq!(of_times(1, &[UNKNOWN]).work(1), None);
}

#[test]
fn what_is_at_work_has_left_what_its_own_time_leaves() {
    let mut forecast = of_times(2, &[100.0, 10.0]);
    [100.0, 10.0].iter().for_each(|time| forecast.start(Some(s(*time))));
    let at_work = |age: f64, time: f64| AtWork { time: Some(s(time)), ..at_work(age, None) };
    assert!(near(told(&forecast, 0, &[at_work(4.0, 100.0), at_work(4.0, 10.0)]), 96.0));
    assert!(
        near(told(&forecast, 0, &[at_work(30.0, 10.0)]), 20.0),
        "long overdue, and not as long as others"
    );
    let mut other = of_times(1, &[10.0, UNKNOWN]);
    other.start(Some(s(10.0)));
    assert!(near(told(&other, 1, &[at_work(200.0, 10.0)]), 200.0), "190 s, and the mean of what is known");
    // It took ten times what it took before, and that is what is known of the others now.
    forecast.settle(None, Some(s(10.0)));
    forecast.learn(s(100.0));
    assert!(near(told(&forecast, 1, &[]), 100.0));
}

#[test]
fn the_longest_that_waits_bounds_it_from_below() {
    let mut forecast = of_times(10, &[100.0, 1.0, 1.0]);
    assert!(near(told(&forecast, 3, &[]), 100.0));
    forecast.start(Some(s(100.0)));
    assert!(near(told(&forecast, 2, &[]), 1.0), "it does not wait any more");
    forecast.wait(Some(s(100.0)));
    assert!(near(told(&forecast, 3, &[]), 100.0), "and again it does");
}

#[test]
fn who_has_started_unheard_does_not_wait() {
    let forecast = of_times(1, &[100.0, 300.0]);
    assert!(near(told(&forecast, 1, &[]), 300.0), "half of 400, and no less than the longest");
    assert!(near(told(&forecast, 0, &[]), 0.0));
}

/// When these are all done, started in this order on so many slots, some of which are busy for a while.
fn played(slots: usize, busy: &[f64], walls: &[f64]) -> f64 {
    let mut free: Vec<f64> = busy.to_vec();
    free.resize(slots.max(busy.len()), 0.0);
    for wall in walls {
        let first = free.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).expect("a slot").0;
        free[first] += wall;
    }
    free.into_iter().fold(0.0, f64::max)
}

proptest! {
    #[test]
    fn equal_times_are_foretold_within_one_of_them(
        slots in 1_usize..20, waiting in 0_usize..100, known in 1_usize..50,
        phases in proptest::collection::vec(0.0..0.999_f64, 1..20), wall in 0.01..1e5_f64,
    ) {
        let wall = s(wall).as_secs_f64();
        let running = phases.len().min(slots);
        // None waits while a slot is free.
        let waiting = if running < slots { 0 } else { waiting };
        let ages: Vec<f64> = phases[..running].iter().map(|phase| phase * wall).collect();
        let left: Vec<f64> = ages.iter().map(|age| wall - age).collect();
        let foretold = likely(slots, &vec![wall; known], waiting, &ages).expect("known");
        let exact = played(slots, &left, &vec![wall; waiting]);
        prop_assert!((foretold - exact).abs() <= wall * 1.001, "{foretold} {exact}");
    }

    #[test]
    fn known_times_are_foretold_as_the_least_that_slots_can_make_of_them(
        slots in 1_usize..20, mut times in proptest::collection::vec(0.01..1e5_f64, 1..60), busy in 0_usize..20,
    ) {
        times.sort_by(|one, other| other.total_cmp(one));
        let times: Vec<f64> = times.into_iter().map(|time| s(time).as_secs_f64()).collect();
        let busy = busy.min(slots).min(times.len());
        let mut forecast = of_times(slots, &times);
        times[..busy].iter().for_each(|time| forecast.start(Some(s(*time))));
        let at_work: Vec<_> =
            times[..busy].iter().map(|time| AtWork { time: Some(s(*time)), ..at_work(time / 2.0, None) }).collect();
        let foretold = told(&forecast, times.len() - busy, &at_work).expect("known");
        let left: Vec<f64> = times[..busy].iter().map(|time| time / 2.0).collect();
        let exact = played(slots, &left, &times[busy..]);
        // Times are kept in steps of an eighth.
        prop_assert!(foretold <= exact * 1.13 && exact <= foretold * 2.0 + 1e-3, "{foretold} {exact}");
    }

    #[test]
    fn more_that_waits_takes_no_less_and_never_more_than_the_bound(
        slots in 1_usize..20, walls in proptest::collection::vec(0.0..1e4_f64, 1..40), waiting in 0_usize..50,
        running in proptest::collection::vec((0.0..1.0_f64, 1.0..1e4_f64), 0..20), limit in 1.0..1e4_f64,
        total in proptest::option::of(0.0..1e5_f64),
    ) {
        let mut forecast = Forecast::new(slots, total.map(s));
        walls.iter().for_each(|wall| forecast.learn(s(*wall)));
        let running: Vec<_> =
            running.iter().take(slots).map(|(part, limit)| at_work(part * limit, Some(*limit))).collect();
        running.iter().for_each(|query| forecast.expect(query.longest, None));
        (0..waiting).for_each(|_| forecast.expect(Some(s(limit)), None));
        let eta = forecast.eta(Duration::ZERO, waiting, running.iter().copied());
        prop_assert!(eta.likely <= eta.at_most);
        forecast.expect(Some(s(limit)), None);
        let more = forecast.eta(Duration::ZERO, waiting + 1, running.iter().copied());
        let close = Duration::from_micros(10);
        prop_assert!(more.likely.map(|more| more + close) >= eta.likely, "{eta:?} {more:?}");
        prop_assert!(more.at_most.map(|more| more + close) >= eta.at_most, "{eta:?} {more:?}");
    }

    #[test]
    fn what_keeps_its_limits_is_over_within_the_bound(
        slots in 1_usize..8, limits in proptest::collection::vec((1.0..1e3_f64, 0.0..1.0_f64), 1..40),
    ) {
        let mut forecast = Forecast::new(slots, None);
        limits.iter().for_each(|(limit, _)| forecast.expect(Some(s(*limit)), None));
        let running = limits.iter().take(slots).map(|(limit, _)| at_work(0.0, Some(*limit)));
        let waiting = limits.len().saturating_sub(slots);
        let bound = forecast.eta(Duration::ZERO, waiting, running).at_most.expect("all have limits");
        let took: Vec<f64> = limits.iter().map(|(limit, part)| limit * part).collect();
        prop_assert!(played(slots, &[], &took) <= bound.as_secs_f64() + 1e-3);
    }
}
