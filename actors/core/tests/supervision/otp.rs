//! The rules of OTP's supervisors. Each test is named after what "Supervisor Behaviour" (Design Principles) or `supervisor`
//! (STDLIB) say.

use provisor_core::supervision::Order::{Failed, Removed, Start, Stopped};
use provisor_core::supervision::Restart::{Permanent, Temporary, Transient};
use provisor_core::supervision::Strategy::{OneForAll, OneForOne, RestForOne};
use provisor_core::supervision::{
    Child, Event, GroupSettings, How, Intensity, MemberSettings, Order, Refused, Shutdown, Standing,
};

use crate::house::{AFTER_2S, House, group, kill, member, secs, term};

const MANY: u32 = 100;

#[test]
fn children_are_started_in_the_order_of_the_list_and_terminated_in_the_reversed_order() {
    let mut house = House::new();
    let root = house.group(group(OneForOne, MANY), None);
    assert_eq!(
        [3, 1, 2].map(|m| house.member(m, member(Permanent), root)),
        [3, 1, 2].map(|m| vec![Start(m)])
    );
    assert_eq!(house.stop(root), [term(2, 5)]);
    assert_eq!(house.end(2), [term(1, 5)], "each is waited for before the next one");
    assert_eq!(house.end(1), [term(3, 5)]);
    assert_eq!(house.end(3), [Stopped(root)]);
    assert_eq!(house.tell(Event::Start(Child::Group(root))), [Start(3), Start(1), Start(2)]);
}

#[test]
fn one_for_one_restarts_only_the_terminated_child() {
    let (mut house, _) = House::of(group(OneForOne, MANY), &[member(Permanent); 3]);
    assert_eq!(house.crash(1), [Start(1)]);
}

#[test]
fn one_for_all_terminates_all_other_children_and_then_restarts_all_including_the_terminated_one() {
    let (mut house, _) = House::of(group(OneForAll, MANY), &[member(Permanent); 3]);
    assert_eq!(house.crash(1), [term(2, 5)]);
    assert_eq!(house.end(2), [term(0, 5)]);
    assert_eq!(house.end(0), [Start(0), Start(1), Start(2)]);
}

#[test]
fn rest_for_one_terminates_and_restarts_the_children_after_the_terminated_one_in_start_order() {
    let (mut house, _) = House::of(group(RestForOne, MANY), &[member(Permanent); 4]);
    assert_eq!(house.crash(1), [term(3, 5)]);
    assert_eq!(house.end(3), [term(2, 5)]);
    assert_eq!(house.end(2), [Start(1), Start(2), Start(3)]);
}

#[test]
fn rest_for_one_goes_back_further_when_an_earlier_child_terminates_meanwhile() {
    let (mut house, _) = House::of(group(RestForOne, MANY), &[member(Permanent); 4]);
    assert_eq!(house.crash(2), [term(3, 5)]);
    assert_eq!(house.crash(0), []);
    assert_eq!(house.end(3), [term(1, 5)]);
    assert_eq!(house.end(1), [Start(0), Start(1), Start(2), Start(3)]);
}

#[test]
fn a_permanent_child_is_always_restarted() {
    let (mut house, _) = House::of(group(OneForOne, MANY), &[member(Permanent)]);
    assert_eq!((house.end(0), house.crash(0)), (vec![Start(0)], vec![Start(0)]));
}

#[test]
fn a_transient_child_is_restarted_only_if_it_terminates_abnormally() {
    let (mut house, _) = House::of(group(OneForAll, MANY), &[member(Transient); 2]);
    assert_eq!(house.end(0), [], "and nobody with it");
    assert_eq!(house.crash(1), [Start(0), Start(1)], "with others it is");
}

#[test]
fn a_temporary_child_is_never_restarted_not_even_when_a_siblings_death_terminates_it() {
    let members = [member(Permanent), member(Temporary), member(Temporary)];
    let (mut house, _) = House::of(group(OneForAll, MANY), &members);
    assert_eq!(house.crash(2), [Removed(Child::Member(2))], "its own death restarts nobody");
    assert_eq!(house.crash(0), [term(1, 5)]);
    assert_eq!(house.end(1), [Removed(Child::Member(1)), Start(0)]);
    assert_eq!(house.supervision.standing(Child::Member(1)), None);
}

#[test]
fn more_than_max_r_restarts_within_max_t_terminate_all_children_and_then_the_supervisor() {
    let (mut house, root) = House::of(group(OneForOne, 2), &[member(Permanent); 3]);
    assert_eq!((house.crash(0), house.crash(1)), (vec![Start(0)], vec![Start(1)]));
    assert_eq!(house.crash(0), [term(2, 5)]);
    assert_eq!(house.crash(2), [term(1, 5)], "who ends meanwhile is not started");
    assert_eq!(house.end(1), [Failed(root)]);
    assert_eq!(house.supervision.standing(Child::Group(root)), Some(Standing::Down));
}

#[test]
fn restarts_count_for_max_t_and_no_longer() {
    for (last, fails) in [(10, true), (11, false)] {
        let (mut house, root) = House::of(group(OneForOne, 1), &[member(Permanent)]);
        assert_eq!(house.crash(0), [Start(0)]);
        house.wake(last);
        let expected = if fails { Failed(root) } else { Start(0) };
        assert_eq!(house.crash(0), [expected], "after {last} s of 10 s");
    }
}

#[test]
fn a_restart_of_all_counts_as_one() {
    let (mut house, root) = House::of(group(OneForAll, 1), &[member(Permanent); 2]);
    house.crash(0);
    assert_eq!(house.crash(1), [Start(0), Start(1)], "who ends when it is to be terminated is not counted");
    house.crash(0);
    assert_eq!(house.end(1), [Failed(root)]);
}

#[test]
fn an_intensity_of_zero_allows_no_restart() {
    let (mut house, root) = House::of(group(OneForOne, 0), &[member(Transient)]);
    assert_eq!(house.crash(0), [Failed(root)]);
}

#[test]
fn the_defaults_are_those_of_otp() {
    assert_eq!(Intensity::default(), Intensity { restarts: 1, within: secs(5) });
    assert_eq!(Shutdown::default(), Shutdown::After(secs(5)));
    assert_eq!(GroupSettings::default().strategy, OneForOne);
}

#[test]
fn when_a_supervisor_terminates_the_next_higher_one_restarts_it_with_all_its_children() {
    let mut house = House::new();
    let root = house.group(group(OneForOne, MANY), None);
    let inner = house.group(group(OneForOne, 0), Some(root));
    for m in 0..2 {
        house.member(m, member(Transient), inner);
    }
    house.member(9, member(Permanent), root);
    assert_eq!(house.crash(0), [term(1, 5)]);
    assert_eq!(house.end(1), [Start(0), Start(1)], "the failed group is an abnormal end; 9 is left alone");
}

#[test]
fn when_a_supervisor_terminates_the_next_higher_one_may_terminate_itself() {
    let mut house = House::new();
    let root = house.group(group(OneForOne, 0), None);
    house.member(9, member(Permanent), root);
    let inner = house.group(group(OneForOne, 0), Some(root));
    house.member(0, member(Transient), inner);
    assert_eq!(house.crash(0), [term(9, 5)]);
    assert_eq!(house.end(9), [Failed(root)]);
}

#[test]
fn the_number_of_restarts_is_the_product_of_the_intensities_of_all_supervisors_above() {
    let mut house = House::new();
    let root = house.group(group(OneForOne, 2), None);
    let inner = house.group(group(OneForOne, 3), Some(root));
    house.member(0, member(Permanent), inner);
    let starts = (1..).take_while(|_| house.crash(0) == [Start(0)]).count();
    assert_eq!(starts, (2 + 1) * (3 + 1) - 1, "and the first start");
}

#[test]
fn brutal_kill_terminates_unconditionally() {
    let settings = MemberSettings { shutdown: Some(Shutdown::Kill), ..member(Permanent) };
    let (mut house, root) = House::of(group(OneForOne, MANY), &[settings]);
    assert_eq!(house.stop(root), [kill(0)]);
    assert_eq!(house.wake_at(), None);
    assert_eq!(house.end(0), [Stopped(root)]);
}

#[test]
fn a_child_that_is_still_there_after_its_time_out_is_unconditionally_terminated() {
    let settings = GroupSettings { shutdown: AFTER_2S, ..group(OneForOne, MANY) };
    let (mut house, root) = House::of(settings, &[member(Permanent); 2]);
    assert_eq!(house.stop(root), [term(1, 2)]);
    assert_eq!(house.wake(1), []);
    assert_eq!(house.wake(2), [kill(1)]);
    assert_eq!(house.wake_at(), None, "the kernel is waited for");
    assert_eq!(house.crash(1), [term(0, 2)]);
    assert_eq!(house.wake_at(), Some(crate::house::at(4)), "each has its own time");
}

#[test]
fn infinity_gives_ample_time() {
    let settings = MemberSettings { shutdown: Some(Shutdown::Infinity), ..member(Permanent) };
    let (mut house, root) = House::of(group(OneForOne, MANY), &[settings]);
    assert_eq!(house.stop(root), [Order::Stop { member: 0, how: How::Term { grace: None } }]);
    assert_eq!((house.wake_at(), house.wake(1_000_000)), (None, vec![]));
}

#[test]
fn a_subtree_has_all_the_time_to_shut_down() {
    let mut house = House::new();
    let outer = GroupSettings { shutdown: Shutdown::Kill, ..group(OneForOne, MANY) };
    let root = house.group(outer, None);
    house.member(0, member(Permanent), root);
    let inner = house.group(GroupSettings { shutdown: AFTER_2S, ..outer }, Some(root));
    for m in 1..3 {
        house.member(m, member(Permanent), inner);
    }
    assert_eq!(house.stop(root), [term(2, 2)]);
    assert_eq!(house.end(2), [term(1, 2)]);
    assert_eq!(house.end(1), [Stopped(inner), kill(0)]);
    assert_eq!(house.end(0), [Stopped(root)]);
}

#[test]
fn start_child_adds_at_the_end_and_starts() {
    let (mut house, root) = House::of(group(RestForOne, MANY), &[member(Permanent)]);
    assert_eq!(house.member(5, member(Permanent), root), [Start(5)]);
    assert_eq!(house.crash(0), [term(5, 5)]);
    let again = house.supervision.add_member(house.now, 5, member(Permanent), root, &mut Vec::new());
    assert_eq!(again, Err(Refused::Known));
}

#[test]
fn terminate_child_keeps_the_child_until_restart_child() {
    let (mut house, _) = House::of(group(OneForAll, MANY), &[member(Permanent); 2]);
    let child = Child::Member(0);
    assert_eq!(house.tell(Event::Stop(child)), [term(0, 5)]);
    assert_eq!(house.crash(0), [], "it was asked for, and concerns nobody else");
    assert_eq!(house.tell(Event::Start(child)), [Start(0)]);
    assert_eq!(house.tell(Event::Start(child)), [], "it runs already");
}

#[test]
fn a_terminated_child_is_restarted_with_its_siblings() {
    let (mut house, _) = House::of(group(OneForAll, MANY), &[member(Permanent); 2]);
    house.tell(Event::Stop(Child::Member(0)));
    house.end(0);
    assert_eq!(house.crash(1), [Start(0), Start(1)]);
}

#[test]
fn delete_child_wants_a_child_that_is_not_running() {
    let (mut house, root) = House::of(group(OneForAll, MANY), &[member(Permanent); 2]);
    let child = Child::Member(0);
    assert_eq!(house.supervision.remove(child), Err(Refused::NotDown));
    house.tell(Event::Stop(child));
    assert_eq!(house.supervision.remove(child), Err(Refused::NotDown));
    house.end(0);
    assert_eq!(house.supervision.remove(child), Ok(()));
    assert_eq!(house.supervision.remove(child), Err(Refused::Unknown));
    assert_eq!(house.crash(1), [Start(1)]);
    house.stop(root);
    house.end(1);
    assert_eq!(house.supervision.remove(Child::Group(root)), Ok(()));
    assert_eq!(house.supervision.standing(Child::Member(1)), None);
}
