//! What OTP has not, or leaves open: pauses, stops while others are stopped.

use provisor_core::backoff::Backoff;
use provisor_core::dice::Share;
use provisor_core::supervision::Order::{Failed, Removed, Start, Stopped};
use provisor_core::supervision::Restart::{Permanent, Temporary, Transient};
use provisor_core::supervision::Strategy::{OneForAll, OneForOne, RestForOne};
use provisor_core::supervision::{Child, Event, GroupSettings, Standing};

use crate::house::{AFTER_2S, House, at, group, member, secs, term};

const MANY: u32 = 100;

fn pausing(settings: GroupSettings) -> GroupSettings {
    let backoff = Backoff { first: secs(1), longest: secs(4), jitter: Share::NONE };
    GroupSettings { backoff: Some(backoff), ..settings }
}

#[test]
fn restarts_wait_twice_as_long_each_time_until_one_has_lived_longer_than_the_longest_pause() {
    let (mut house, _) = House::of(pausing(group(OneForOne, MANY)), &[member(Permanent)]);
    for (crashes, starts) in [(0, 1), (1, 3), (3, 7), (7, 11)] {
        house.now = at(crashes);
        assert_eq!(house.crash(0), []);
        assert_eq!(house.wake_at(), Some(at(starts)));
        assert_eq!(house.supervision.standing(Child::Member(0)), Some(Standing::Waiting));
        assert_eq!(house.wake(starts), [Start(0)]);
        house.tell(Event::Started(0));
    }
    house.now = at(16);
    house.crash(0);
    assert_eq!(house.wake_at(), Some(at(17)));
}

#[test]
fn all_that_return_together_wait_for_the_same_pause() {
    let (mut house, _) = House::of(pausing(group(RestForOne, MANY)), &[member(Permanent); 3]);
    house.crash(1);
    assert_eq!((house.end(2), house.wake_at()), (vec![], Some(at(1))));
    house.now = at(1);
    assert_eq!(house.crash(0), [], "who comes down meanwhile takes the others with it, and its own pause");
    assert_eq!((house.wake(1), house.wake_at()), (vec![], Some(at(2))));
    assert_eq!(house.wake(2), [Start(0), Start(1), Start(2)]);
}

#[test]
fn the_longer_one_of_two_pauses_stands() {
    for is_last_down in [true, false] {
        let (mut house, _) = House::of(pausing(group(RestForOne, MANY)), &[member(Permanent); 3]);
        for (crashes, starts) in [(0, 1), (1, 3)] {
            house.now = at(crashes);
            house.crash(1);
            house.end(2);
            assert_eq!(house.wake(starts), [Start(1), Start(2)]);
        }
        assert_eq!(house.crash(1), [term(2, 5)]);
        if is_last_down {
            house.end(2);
        }
        assert_eq!(house.crash(0), [], "its own would be over at 4");
        house.end(2);
        assert_eq!(house.wake_at(), Some(at(7)));
        assert_eq!(house.wake(7), [Start(0), Start(1), Start(2)]);
    }
}

#[test]
fn a_group_that_failed_waits_as_a_member_does() {
    let mut house = House::new();
    let root = house.group(pausing(group(OneForOne, MANY)), None);
    let inner = house.group(group(OneForOne, 0), Some(root));
    house.member(0, member(Permanent), inner);
    assert_eq!((house.crash(0), house.wake_at()), (vec![], Some(at(1))));
    assert_eq!(house.wake(1), [Start(0)]);
    house.crash(0);
    assert_eq!(house.wake_at(), Some(at(3)));
    assert_eq!(house.stop(inner), [Stopped(inner)], "it waits no more");
    assert_eq!(house.wake_at(), None);
}

#[test]
fn a_stop_ends_a_pause() {
    let (mut house, root) = House::of(pausing(group(OneForOne, MANY)), &[member(Permanent)]);
    house.crash(0);
    assert_eq!(house.stop(root), [Stopped(root)]);
    assert_eq!((house.wake_at(), house.wake(9)), (None, vec![]));
}

#[test]
fn who_is_stopped_while_its_group_starts_all_again_stays_down() {
    let (mut house, _) = House::of(group(OneForAll, MANY), &[member(Permanent); 3]);
    house.crash(0);
    house.tell(Event::Stop(Child::Member(0)));
    assert_eq!(house.tell(Event::Stop(Child::Member(1))), [term(1, 5)]);
    assert_eq!(house.end(1), []);
    assert_eq!(house.end(2), [Start(2)]);
    assert_eq!(house.crash(2), [Start(0), Start(1), Start(2)], "the next time is another one");
}

#[test]
fn nothing_within_a_group_that_is_stopped_is_started() {
    let mut house = House::new();
    let root = house.group(group(OneForOne, MANY), None);
    let inner = house.group(pausing(group(OneForOne, MANY)), Some(root));
    house.member(0, member(Permanent), inner);
    house.member(1, member(Permanent), inner);
    house.member(2, member(Permanent), root);
    house.crash(0);
    assert_eq!(house.stop(root), [term(2, 5)]);
    assert_eq!((house.wake(1), house.crash(1)), (vec![], vec![]));
    assert_eq!(house.tell(Event::Start(Child::Member(0))), []);
    assert_eq!(house.member(3, member(Permanent), inner), []);
    assert_eq!(house.end(2), [Stopped(inner), Stopped(root)]);
    let all = [Start(0), Start(1), Start(3), Start(2)];
    assert_eq!(house.tell(Event::Start(Child::Group(root))), all, "and all of it afterwards");
}

#[test]
fn a_group_that_is_about_to_be_stopped_with_others_starts_nobody_again() {
    for strategy in [OneForOne, OneForAll] {
        let mut house = House::new();
        let root = house.group(group(OneForOne, MANY), None);
        let inner = house.group(group(strategy, MANY), Some(root));
        house.member(0, member(Permanent), inner);
        house.member(1, member(Permanent), root);
        assert_eq!(house.stop(root), [term(1, 5)]);
        assert_eq!(house.crash(0), [], "{strategy:?}");
        assert_eq!(house.end(1), [Stopped(inner), Stopped(root)]);
    }
}

#[test]
fn a_group_that_starts_all_again_does_not_where_it_is_stopped_meanwhile() {
    let mut house = House::new();
    let root = house.group(group(OneForOne, MANY), None);
    let inner = house.group(pausing(group(OneForAll, MANY)), Some(root));
    for m in 0..2 {
        house.member(m, member(Permanent), inner);
    }
    house.member(2, member(Permanent), root);
    house.crash(0);
    house.now = at(2);
    assert_eq!(house.stop(root), [term(2, 5)], "the pause is over when the last one of them ends");
    assert_eq!((house.end(1), house.wake(3)), (vec![], vec![]));
    assert_eq!(house.end(2), [Stopped(inner), Stopped(root)]);
}

#[test]
fn a_group_that_is_started_again_has_forgotten_the_pauses_of_its_members() {
    let (mut house, root) = House::of(pausing(group(OneForOne, MANY)), &[member(Permanent)]);
    house.crash(0);
    house.wake(1);
    house.stop(root);
    house.end(0);
    house.tell(Event::Start(Child::Group(root)));
    house.crash(0);
    assert_eq!(house.wake_at(), Some(at(2)));
}

#[test]
fn a_group_that_was_well_for_long_before_it_failed_waits_for_the_first_pause() {
    let mut house = House::new();
    let root = house.group(pausing(group(OneForOne, MANY)), None);
    let inner = house.group(group(OneForOne, 0), Some(root));
    house.member(0, member(Permanent), inner);
    for (fails, starts) in [(0, 1), (1, 3), (8, 9), (9, 11)] {
        house.now = at(fails);
        house.crash(0);
        assert_eq!(house.wake_at(), Some(at(starts)), "it failed at {fails} s");
        house.wake(starts);
    }
}

#[test]
fn a_stop_outweighs_a_restart_and_a_failure() {
    for restarts in [0, MANY] {
        let (mut house, root) = House::of(group(OneForAll, restarts), &[member(Permanent); 2]);
        assert_eq!(house.crash(0), [term(1, 5)]);
        assert_eq!(house.stop(root), []);
        assert_eq!(house.end(1), [Stopped(root)]);
    }
}

#[test]
fn a_temporary_group_that_failed_is_gone_with_all_that_stood_in_it() {
    let mut house = House::new();
    let root = house.group(group(OneForOne, MANY), None);
    let inner = house.group(GroupSettings { restart: Temporary, ..group(OneForOne, 0) }, Some(root));
    house.member(0, member(Permanent), inner);
    let gone = [Removed(Child::Member(0)), Removed(Child::Group(inner))];
    assert_eq!(house.crash(0), gone);
    assert_eq!(house.supervision.children(root).count(), 0);
    let inner = house.group(GroupSettings { restart: Temporary, ..group(OneForOne, 0) }, Some(root));
    let gone = [Stopped(inner), Removed(Child::Group(inner)), Stopped(root)];
    assert_eq!(house.stop(root), gone, "or was stopped with others");
}

#[test]
fn a_group_that_failed_may_be_started_again_with_a_new_count() {
    let (mut house, root) = House::of(group(OneForOne, 1), &[member(Permanent)]);
    house.crash(0);
    assert_eq!(house.crash(0), [Failed(root)]);
    assert_eq!(house.tell(Event::Start(Child::Group(root))), [Start(0)]);
    assert_eq!((house.crash(0), house.crash(0)), (vec![Start(0)], vec![Failed(root)]));
}

#[test]
fn groups_without_a_parent_stop_at_the_same_time() {
    let (mut house, first) =
        House::of(GroupSettings { shutdown: AFTER_2S, ..group(OneForOne, 0) }, &[member(Permanent)]);
    let second = house.group(group(OneForOne, 0), None);
    house.member(1, member(Permanent), second);
    assert_eq!(house.tell(Event::StopAll), [term(0, 2), term(1, 5)]);
    assert_eq!((house.end(0), house.end(1)), (vec![Stopped(first)], vec![Stopped(second)]));
}

#[test]
fn strangers_and_what_does_not_fit_change_nothing() {
    let (mut house, root) = House::of(group(OneForOne, MANY), &[member(Transient)]);
    house.end(0);
    let before = house.supervision.clone();
    let of = |member| [Event::Started(member), Event::Ended { member, normal: false }];
    for event in of(0)
        .into_iter()
        .chain(of(8))
        .chain([Event::Stop(Child::Member(8)), Event::Start(Child::Group(root))])
    {
        assert_eq!(house.tell(event), [], "{event:?}");
    }
    assert_eq!(house.supervision, before);
}
