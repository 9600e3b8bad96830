use proptest::prelude::*;

use super::*;

/// Queries by their known times in seconds, none where it is negative.
fn times(seconds: &[f64]) -> Vec<Option<Duration>> {
    seconds.iter().map(|seconds| Duration::try_from_secs_f64(*seconds).ok()).collect()
}

fn needs(places: &[Place]) -> Vec<Need> {
    places.iter().map(|&query| Need::says(query, "true")).collect()
}

/// The order of queries with these times, each of which needs those.
fn order(times: &[Option<Duration>], needs: &[Vec<Need>]) -> Vec<Place> {
    let query = |(place, time): (Place, &Option<Duration>)| Expected {
        place,
        time: *time,
        needs: needs.get(place as usize).map_or(&[], Vec::as_slice),
    };
    longest_first(&(0..).zip(times).map(query).collect::<Vec<_>>())
}

const UNKNOWN: f64 = -1.0;

#[test]
fn the_longest_comes_first_and_what_is_equal_as_in_the_spec() {
    assert_eq!(order(&times(&[1.0, 3.0, 2.0, 3.0]), &[]), [1, 3, 2, 0]);
    assert_eq!(order(&[], &[]), [0; 0]);
}

#[test]
fn an_unknown_one_may_be_the_longest() {
    assert_eq!(order(&times(&[1.0, UNKNOWN, 8.0, UNKNOWN]), &[]), [1, 3, 2, 0]);
    let waiting = [needs(&[2]), vec![], vec![], vec![]];
    assert_eq!(
        order(&times(&[UNKNOWN, UNKNOWN, 1.0, 9.0]), &waiting),
        [2, 0, 1, 3],
        "and who waits may be it"
    );
}

#[test]
fn what_differs_by_less_than_a_tenth_of_a_second_stays_as_it_is_in_the_spec() {
    assert_eq!(order(&times(&[0.01, 0.09, 0.05, 0.11]), &[]), [3, 0, 1, 2]);
}

#[test]
fn where_nothing_is_known_it_is_the_order_of_the_spec() {
    assert_eq!(order(&times(&[UNKNOWN; 4]), &[]), [0, 1, 2, 3]);
}

#[test]
fn who_is_needed_comes_first_with_the_longest_that_waits_for_it() {
    let waiting = [vec![], needs(&[3]), needs(&[3]), vec![]];
    assert_eq!(order(&times(&[9.0, 2.0, 7.0, 1.0]), &waiting), [0, 3, 2, 1], "1 and 7 are less than 9");
    assert_eq!(order(&times(&[9.0, 2.0, 9.0, 1.0]), &waiting), [3, 0, 2, 1], "1 and 9 are more");
    assert_eq!(order(&times(&[UNKNOWN; 4]), &waiting), [3, 0, 1, 2], "also where no time is known");
}

#[test]
fn who_takes_no_time_comes_before_those_that_need_it_all_the_same() {
    let waiting = [vec![], needs(&[3]), needs(&[1]), vec![]];
    assert_eq!(order(&times(&[0.0; 4]), &waiting), [3, 1, 0, 2]);
    let longest = [Some(Duration::MAX); 4];
    assert_eq!(order(&longest, &waiting), [3, 1, 0, 2], "nor is anything longer than the longest");
}

#[test]
fn what_is_needed_and_not_run_is_settled_already() {
    let of = |needs| longest_first(&[Expected { place: 5, time: None, needs }]);
    assert_eq!(of(&needs(&[7])), [5]);
}

#[test]
fn a_long_chain_and_a_circle_are_nothing_special() {
    let chain: Vec<_> = (1..=100_000).map(|next| needs(&[next])).collect();
    let expected: Vec<_> = (0..100_000).rev().collect();
    assert_eq!(order(&vec![None; 100_000], &chain), expected);
    let mut circle = order(&times(&[1.0, 2.0, 3.0]), &[needs(&[1]), needs(&[0]), needs(&[0])]);
    circle.sort_unstable();
    assert_eq!(circle, [0, 1, 2]);
}

prop_compose! {
    /// A time or none for each, and for each some of those that come before it by `rank`: no circle.
    fn worlds()(
        n in 1_usize..40,
    )(
        times in proptest::collection::vec(proptest::option::of((0..5_u64).prop_map(Duration::from_secs)), n),
        rank in Just((0..u32::try_from(n).unwrap_or(0)).collect::<Vec<_>>()).prop_shuffle(),
        picks in proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 0..3), n),
    ) -> (Vec<Option<Duration>>, Vec<Vec<Need>>) {
        let mut needed = vec![Vec::new(); times.len()];
        for (at, picks) in picks.iter().enumerate().skip(1) {
            let before = picks.iter().map(|pick| rank[pick.index(at)]).collect::<Vec<_>>();
            needed[rank[at] as usize] = needs(&before);
        }
        (times, needed)
    }
}

proptest! {
    #[test]
    fn it_is_a_permutation_in_which_everything_needed_comes_first((times, needs) in worlds()) {
        let order = order(&times, &needs);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..).take(times.len()).collect::<Vec<Place>>());
        let turn = |place: Place| order.iter().position(|other| *other == place);
        for (place, needs) in (0..).zip(&needs) {
            for need in needs {
                prop_assert!(turn(need.query) < turn(place), "{place} needs {}: {order:?}", need.query);
            }
        }
    }

    #[test]
    fn where_none_needs_another_no_longer_one_comes_later((times, _) in worlds()) {
        let order = order(&times, &[]);
        for pair in order.windows(2) {
            let [one, other] = [0, 1].map(|at| times[pair[at] as usize]);
            match (one, other) {
                (Some(one), Some(other)) => prop_assert!(one > other || (one == other && pair[0] < pair[1])),
                (None, None) => prop_assert!(pair[0] < pair[1]),
                (None, Some(_)) => {}
                (Some(_), None) => prop_assert!(false, "{pair:?}"),
            }
        }
    }
}
