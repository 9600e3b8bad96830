//! Each rule by itself.

use std::sync::Arc;

use provisor_core::backoff::Backoff;
use provisor_core::cause::Outcome;
use provisor_core::dice::Share;
use provisor_core::periodic::{LeftOut, Overlap, Rounds};
use provisor_core::plan::RetryOn;
use provisor_core::roster::{Place, Refusal, Then};

use crate::plans::{plan, query};
use crate::world::{EVERY, Move, World, secs};
use crate::{in_two_passes, poll};

/// What a row is of: query, attempt, what follows.
fn rows(world: &World) -> Vec<(Place, u32, Then)> {
    world.rows.iter().chain(&world.sent).map(|row| (row.query, row.attempt, row.then)).collect()
}

fn running(world: &World) -> Vec<(Place, u32)> {
    world.running.iter().map(|running| (running.query, running.attempt)).collect()
}

/// One round is over, and its row on the disk.
fn after_a_round(overlap: Overlap) -> World {
    let mut world = World::new(plan(vec![poll(0, overlap)]), 1);
    world.step(Move::Well);
    world.step(Move::Durable);
    world
}

#[test]
fn between_two_rounds_it_is_over_and_the_next_one_takes_that_back() {
    let mut world = after_a_round(Overlap::Skip);
    assert_eq!((world.counts.done, world.counts.well, world.desk.is_undecided(0)), (1, 1, true));
    assert!(!world.desk.is_over() && world.desk.wake_at() == Some(provisor_core::Tick::ZERO + EVERY));
    world.step(Move::Wait);
    assert_eq!((world.counts.done, world.counts.running), (0, 1));
    world.step(Move::Ill);
    world.step(Move::Durable);
    assert_eq!(rows(&world), [(0, 1, Then::Nothing), (0, 2, Then::Nothing)]);
    assert_eq!((world.counts.done, world.counts.well, world.over[&0].attempt), (1, 0, 2));
}

#[test]
fn a_round_whose_row_is_still_on_its_way_is_never_counted_as_done() {
    let mut world = World::new(plan(vec![poll(0, Overlap::Queue)]), 1);
    world.step(Move::Wait);
    world.step(Move::Well);
    assert_eq!((world.counts.done, world.counts.running, running(&world)), (0, 1, vec![(0, 2)]));
    world.step(Move::Durable);
    assert_eq!(
        (world.counts.done, world.desk.history(world.now, 0).map(|known| known.rows.len())),
        (0, Some(1))
    );
}

#[test]
fn skip_leaves_out_the_round_that_comes_while_one_runs_or_waits() {
    let mut world = World::new(plan(vec![poll(0, Overlap::Skip), poll(1, Overlap::Skip)]), 1);
    world.wait_until(world.now + EVERY);
    assert_eq!(world.left_out, [(0, 1, LeftOut::Busy), (1, 1, LeftOut::Busy)]);
    world.step(Move::Well);
    world.step(Move::Well);
    assert_eq!(running(&world), []);
    world.step(Move::Wait);
    assert_eq!(running(&world), [(0, 2)]);
}

#[test]
fn queue_starts_the_next_round_when_the_one_before_is_down() {
    let mut world = World::new(plan(vec![poll(0, Overlap::Queue)]), 1);
    world.step(Move::Wait);
    world.step(Move::Wait);
    assert_eq!((running(&world), &world.left_out[..]), (vec![(0, 1)], &[(0, 1, LeftOut::Busy)][..]));
    world.step(Move::Well);
    assert_eq!(running(&world), [(0, 2)]);
    world.step(Move::Well);
    assert_eq!(running(&world), [], "one waits at most");
}

#[test]
fn kill_ends_the_round_that_runs_and_starts_the_next_one_when_it_is_down() {
    let retried = poll(0, Overlap::Kill).retry(3, [RetryOn::Failure], secs(1));
    let mut world = World::new(plan(vec![retried]), 1);
    world.step(Move::Wait);
    assert!(world.running[0].is_aborted);
    world.step(Move::Ill);
    assert_eq!(running(&world), [(0, 2)], "what was ended is not tried again");
    let row = &world.sent[0];
    let said = (row.outcome.cause_word(), row.outcome.evidence.as_deref());
    assert_eq!((said, row.then), (("cancelled", Some("the next round was due")), Then::Nothing));
    assert!(!world.running[0].is_aborted);
}

#[test]
fn kill_lets_no_retry_follow_where_the_round_was_faster() {
    let retried = poll(0, Overlap::Kill).retry(3, [RetryOn::Failure], secs(1));
    let mut world = World::new(plan(vec![retried]), 1);
    world.step(Move::Wait);
    world.running[0].is_aborted = false;
    world.step(Move::Ill);
    assert_eq!((running(&world), rows(&world)), (vec![(0, 2)], vec![(0, 1, Then::Nothing)]));
    assert_eq!(world.sent[0].outcome.evidence, None, "it ended by itself");
}

#[test]
fn kill_of_a_round_that_could_not_be_started_makes_room_for_the_next_one() {
    let mut world = World::new(plan(vec![poll(0, Overlap::Kill)]), 1);
    world.step(Move::Wait);
    world.step(Move::Returns);
    world.step(Move::Wait);
    let rounds = world.desk.history(world.now, 0).map(|history| history.rounds);
    assert_eq!(rounds, Some(Rounds { made: 1, busy: 1, ..Rounds::default() }));
    assert!(running(&world) == [(0, 1)] && !world.running[0].is_aborted, "it has run for the first time");
}

#[test]
fn kill_gives_the_place_in_the_line_to_the_next_round() {
    let polls = [Overlap::Skip, Overlap::Kill, Overlap::Skip];
    let polls = (0..).zip(polls).map(|(place, overlap)| poll(place, overlap)).collect();
    let mut world = World::new(plan(polls), 1);
    world.wait_until(world.now + EVERY);
    world.step(Move::Well);
    assert_eq!(running(&world), [(1, 1)], "it is still the second one");
    let rounds = world.desk.history(world.now, 1).map(|history| history.rounds);
    assert_eq!(rounds, Some(Rounds { made: 1, busy: 1, ..Rounds::default() }));
}

#[test]
fn kill_ends_a_round_that_waits_to_be_tried_again_with_a_row() {
    let retried = poll(0, Overlap::Kill).retry(1, [RetryOn::Failure], secs(60));
    let mut world = World::new(plan(vec![retried]), 1);
    world.step(Move::Ill);
    world.step(Move::Wait);
    assert_eq!(rows(&world), [(0, 1, Then::Retry), (0, 2, Then::Nothing)]);
    assert_eq!((world.sent[1].outcome.cause_word(), running(&world)), ("cancelled", vec![(0, 3)]));
}

#[test]
fn a_round_comes_before_all_that_wait_and_behind_the_rounds_before_it() {
    let queries = (0..5).map(|place| if place < 3 { query(place) } else { poll(place, Overlap::Skip) });
    let mut world = World::new(plan(queries.collect()), 1);
    assert_eq!(running(&world), [(3, 1)], "the first one that is due");
    world.step(Move::Well);
    assert_eq!(running(&world), [(4, 1)]);
    world.step(Move::Well);
    world.step(Move::Wait);
    world.step(Move::Well);
    assert_eq!(running(&world), [(3, 2)], "the batch waits once more");
}

#[test]
fn a_later_pass_of_a_round_comes_before_all_that_wait_too() {
    let mut world = World::new(plan(vec![in_two_passes(poll(0, Overlap::Skip)), query(1)]), 1);
    world.step(Move::Ill);
    assert_eq!((running(&world), rows(&world)), (vec![(0, 2)], vec![(0, 1, Then::NextPass)]));
    world.step(Move::Ill);
    world.step(Move::Wait);
    assert_eq!(running(&world), [(1, 1)], "it was over");
    world.step(Move::Well);
    assert_eq!(running(&world), [(0, 3)]);
    world.step(Move::Well);
    assert_eq!(rows(&world)[3], (0, 3, Then::Nothing), "a round begins with the first pass");
}

#[test]
fn chance_puts_the_rounds_of_queries_that_came_together_at_times_of_their_own() {
    let polls = (0..20).map(|place| poll(place, Overlap::Skip).jitter(EVERY));
    let mut world = World::new(plan(polls.collect()), 20);
    let at_once = world.running.len();
    world.wait_until(world.now + EVERY / 2);
    let by_half = world.running.len();
    world.wait_until(world.now + EVERY / 2);
    assert!(at_once < 3 && (5..15).contains(&by_half) && world.running.len() == 20, "{at_once}, {by_half}");
    assert_eq!(world.left_out, []);
}

#[test]
fn a_host_that_fails_is_spared_for_a_while_by_all_that_ask_it() {
    let backoff = Backoff { first: secs(15), longest: secs(60), jitter: Share::NONE };
    let polls = (0..3).map(|place| poll(place, Overlap::Skip).at_host(if place < 2 { "a" } else { "b" }));
    let mut world = World::new(plan(polls.collect()).spare_hosts(backoff), 3);
    for what in [Move::Ill, Move::Well, Move::Well, Move::Durable] {
        world.step(what);
    }
    // The second answer has come after the failure: it is well again.
    world.step(Move::Wait);
    assert_eq!(world.running.len(), 3);
    for what in [Move::Well, Move::Ill, Move::Ill, Move::Durable] {
        world.step(what);
    }
    world.step(Move::Wait);
    assert_eq!((running(&world), world.left_out.len()), (vec![], 3), "until 15 seconds have passed");
    assert_eq!(world.desk.history(world.now, 0).and_then(|history| history.spared), Some(secs(5)));
    world.step(Move::Wait);
    assert_eq!(world.running.len(), 3);
}

#[test]
fn what_was_due_while_nothing_might_start_is_one_round_and_the_others_were_missed() {
    let mut world = after_a_round(Overlap::Queue);
    world.step(Move::Pause);
    assert_eq!(world.desk.wake_at(), None, "nobody has to be woken for it");
    world.step(Move::Late);
    assert_eq!((running(&world), &world.left_out[..]), (vec![], &[][..]));
    world.step(Move::Pause);
    assert_eq!((running(&world), &world.left_out[..]), (vec![(0, 2)], &[(0, 2, LeftOut::Missed)][..]));
}

#[test]
fn so_many_rounds_are_kept_and_the_others_discarded_with_all_of_their_attempts() {
    let poll = poll(0, Overlap::Skip).retry(1, [RetryOn::Failure], secs(1)).keep_last(2);
    let mut world = World::new(plan(vec![poll]), 1);
    for what in [Move::Ill, Move::Wait, Move::Well, Move::Durable, Move::Wait, Move::Well, Move::Durable] {
        world.step(what);
    }
    assert!(world.discarded.is_empty(), "there is room for two");
    for what in [Move::Wait, Move::Well, Move::Durable] {
        world.step(what);
    }
    assert_eq!(world.discarded[&0], 2, "the first round and its retry");
    let history = world.desk.history(world.now, 0).expect("it is polled");
    let attempts: Vec<_> = history.rows.iter().map(|row| row.attempt).collect();
    assert_eq!((attempts, history.fell_out, history.rounds.made), (vec![3, 4], 1, 3));
}

#[test]
fn one_that_is_not_wanted_any_more_between_two_rounds_is_forgotten_and_may_come_again() {
    let mut world = World::new(plan(vec![]), 1);
    let first = world.submit(poll(7, Overlap::Skip)).expect("it is new");
    world.step(Move::Well);
    world.step(Move::Durable);
    assert_eq!(world.submit(poll(7, Overlap::Skip)), Err(Refusal::Taken { id: "q7".into() }));
    world.cancel(first);
    assert!(!world.desk.is_undecided(first) && world.desk.query(first).is_none());
    assert_eq!((world.desk.history(world.now, first), world.desk.wake_at()), (None, None));
    assert_eq!((world.counts.done, world.counts.well), (1, 1), "its last row stands");
    let second = world.submit(poll(7, Overlap::Skip)).expect("it is new again");
    assert_eq!(running(&world), [(second, 1)]);
}

#[test]
fn one_that_is_not_wanted_any_more_before_its_row_is_durable_is_forgotten_with_that() {
    let mut world = World::new(plan(vec![]), 1);
    let place = world.submit(poll(7, Overlap::Skip)).expect("it is new");
    world.step(Move::Well);
    world.cancel(place);
    assert!(world.desk.is_undecided(place));
    world.step(Move::Durable);
    assert!(!world.desk.is_undecided(place) && world.desk.query(place).is_none());
}

#[test]
fn a_desk_that_is_closed_makes_no_further_round_and_ends_what_is_on_its_way() {
    let late = query(2).every(EVERY).jitter(EVERY);
    let mut world = World::new(plan(vec![poll(0, Overlap::Skip), poll(1, Overlap::Queue), late]), 2);
    world.step(Move::Well);
    world.step(Move::Durable);
    assert_eq!((running(&world), world.counts.waiting), (vec![(1, 1)], 1));
    world.step(Move::Close);
    assert_eq!(running(&world), [(1, 1), (2, 1)], "what was never asked is asked once, and at once");
    assert_eq!(world.desk.history(world.now, 0), None);
    world.step(Move::Well);
    world.step(Move::Well);
    world.step(Move::Durable);
    assert!(world.desk.is_over() && world.desk.wake_at().is_none());
    assert_eq!(world.desk.all_rounds().made, 2);
}

#[test]
fn who_comes_after_one_that_is_asked_again_goes_by_its_first_round() {
    use provisor_core::plan::{Condition, Need, Query};
    let after = Query { needs: [Need { query: 0, condition: Condition::Well }].into(), ..query(1) };
    let mut world = World::new(plan(vec![poll(0, Overlap::Skip), after]), 1);
    world.step(Move::Well);
    assert_eq!(running(&world), [(1, 1)]);
    let row = Arc::clone(&world.sent[0]);
    assert!(row.is_last() && row.query == 0);
}

#[test]
fn a_run_whose_time_is_over_between_two_rounds_is_over_and_was_not_stopped() {
    use provisor_core::desk::{Desk, Event};
    use provisor_core::roster::{Bounds, Roster};
    let plan = Arc::new(plan(vec![poll(0, Overlap::Skip)]));
    let deadline = provisor_core::Tick::ZERO + secs(3);
    let bounds = Bounds { deadline: Some(deadline), ..crate::plans::bounds(1) };
    for (is_over, is_durable) in [(true, true), (true, false), (false, false)] {
        let roster = Roster::new(bounds, Arc::clone(&plan), crate::plans::entries(&plan), []);
        let mut world = World::of(Desk::new(crate::papers::papers(), roster), &plan, 1);
        world.tell(Event::Wake);
        if is_over {
            world.step(Move::Well);
        }
        if is_durable {
            world.step(Move::Durable);
            assert!(!world.desk.is_over(), "further rounds follow");
        }
        let mut effects = Vec::new();
        world.desk.step(deadline, Event::Wake, &mut effects);
        assert_eq!(world.desk.stopped().is_none(), is_over);
        if is_over {
            assert_eq!(world.desk.wake_at(), None, "nobody waits for the row by looking");
            world.desk.step(deadline, Event::Durable { rows: usize::from(!is_durable) }, &mut effects);
            assert!(world.desk.is_over());
        }
    }
}

#[test]
fn what_the_round_before_has_said_is_not_said_of_the_next_one() {
    let mut world = World::new(plan(vec![in_two_passes(poll(0, Overlap::Skip)), query(1)]), 1);
    world.step(Move::Ill);
    world.step(Move::Ill);
    world.step(Move::Wait);
    assert_eq!((running(&world), world.counts.waiting), (vec![(1, 1)], 1), "its second round waits");
    world.cancel(0);
    let row = world.sent.last().expect("it has a row");
    assert_eq!((row.attempt, row.outcome.cause_word()), (3, "cancelled"));
    assert_eq!(row.outcome.end, Outcome::cancelled().end, "nothing else is said of it");
}
