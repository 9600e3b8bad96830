//! Deliberate faults: a supervision that is wrong in one way each. A law that none of them breaks proves nothing.

use std::collections::BTreeSet;

use provisor_core::supervision::Restart::{Permanent, Temporary, Transient};
use provisor_core::supervision::Strategy::{OneForAll, OneForOne, RestForOne};
use provisor_core::supervision::{Event, How, Order, Shutdown, Supervision};
use provisor_core::tick::Tick;

use crate::enumerated::worlds;
use crate::laws::{NO_DEAD_ENDS, laws};
use crate::world::{Machine, World, explore, ticks};

/// One way of being wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fault {
    StrategyForgotten,
    RestTakesAll,
    AllTakesTheRest,
    OneTooMany,
    OneTooFew,
    RestartsNeverForgotten,
    DoneIsDoneAgain,
    PermanentLeaves,
    TemporaryReturns,
    TemporaryUntold,
    PauseForgotten,
    StartedTwice,
    StartsReversed,
    ReturnsAfterTheEnd,
    StopForgotten,
    StopsTheDead,
    StopsTheFirst,
    StopsAllAtOnce,
    TermedTwice,
    KilledAtOnce,
    GraceTooLong,
    KillForgotten,
    FailureUntold,
    StopUntold,
    StopToldTwice,
    EarlyWakeStarts,
    NeverWoken,
    AlwaysWoken,
    EndIgnoredOnceStopped,
}

const FAULTS: [(Fault, &str); 29] = [
    (Fault::StrategyForgotten, "who has to stop is stopped"),
    (Fault::RestTakesAll, "nobody is stopped without need"),
    (Fault::AllTakesTheRest, "who has to stop is stopped"),
    (Fault::OneTooMany, "too many restarts are a failure, and no fewer"),
    (Fault::OneTooFew, "too many restarts are a failure, and no fewer"),
    (Fault::RestartsNeverForgotten, "too many restarts are a failure, and no fewer"),
    (Fault::DoneIsDoneAgain, "nobody is started without need"),
    (Fault::PermanentLeaves, "every restart that is due is made"),
    (Fault::TemporaryReturns, "who was temporary is gone when it has ended"),
    (Fault::TemporaryUntold, "who was temporary is gone when it has ended"),
    (Fault::PauseForgotten, "nobody is started without need"),
    (Fault::StartedTwice, "nobody is started who is up"),
    (Fault::StartsReversed, "starts are in the order of the list"),
    (Fault::ReturnsAfterTheEnd, "after a stop of all nothing starts until it is wished for"),
    (Fault::StopForgotten, "who has to stop is stopped"),
    (Fault::StopsTheDead, "nobody is stopped who is down"),
    (Fault::StopsTheFirst, "the last one is stopped first and waited for"),
    (Fault::StopsAllAtOnce, "the last one is stopped first and waited for"),
    (Fault::TermedTwice, "one term a life, and one kill"),
    (Fault::KilledAtOnce, "one is stopped as it is set"),
    (Fault::GraceTooLong, "grace that is over kills, and no sooner"),
    (Fault::KillForgotten, "grace that is over kills, and no sooner"),
    (Fault::FailureUntold, "too many restarts are a failure, and no fewer"),
    (Fault::StopUntold, "that a group is stopped is told once, when all in it are down"),
    (Fault::StopToldTwice, "that a group is stopped is told once, when all in it are down"),
    (Fault::EarlyWakeStarts, "an early wake orders nothing"),
    (Fault::NeverWoken, "it is woken when something is due"),
    (Fault::AlwaysWoken, "it is not woken for what is past"),
    (Fault::EndIgnoredOnceStopped, NO_DEAD_ENDS),
];

impl Fault {
    /// The world by which the laws judge it.
    fn judged_by(self) -> World {
        let name = match self {
            Self::RestTakesAll => "rest for one",
            Self::StrategyForgotten | Self::AllTakesTheRest | Self::StopsAllAtOnce => "one for all",
            Self::TemporaryReturns | Self::TemporaryUntold => "mixed",
            Self::KilledAtOnce | Self::GraceTooLong | Self::KillForgotten | Self::TermedTwice => "grace",
            Self::PauseForgotten | Self::NeverWoken => "pausing",
            _ => "one for one",
        };
        worlds().into_iter().find(|(known, _)| *known == name).expect("it is one of them").1
    }

    /// The one that the machine is given.
    fn given(self, mut world: World) -> World {
        for group in &mut world.groups {
            match self {
                Self::StrategyForgotten => group.strategy = OneForOne,
                Self::RestTakesAll => group.strategy = OneForAll,
                Self::AllTakesTheRest => group.strategy = RestForOne,
                Self::OneTooMany => group.intensity.restarts += 1,
                Self::OneTooFew => group.intensity.restarts -= 1,
                Self::RestartsNeverForgotten => group.intensity.within = ticks(100),
                Self::PauseForgotten => group.backoff = None,
                Self::KilledAtOnce => group.shutdown = Shutdown::Kill,
                Self::GraceTooLong => group.shutdown = Shutdown::After(ticks(2)),
                _ => {}
            }
        }
        for member in &mut world.members {
            match self {
                Self::DoneIsDoneAgain => member.restart = Permanent,
                Self::PermanentLeaves => member.restart = Temporary,
                Self::TemporaryReturns => member.restart = Transient,
                _ => {}
            }
        }
        world
    }
}

/// The real one behind something that spoils what goes in or what comes out.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Faulty {
    inner: Supervision,
    fault: Fault,
    now: Tick,
    /// What the fault remembers.
    is_stopped: bool,
}

impl Faulty {
    fn spoil(&mut self, event: Event, early: bool, orders: &mut Vec<Order>) {
        let stop = |member| Order::Stop { member, how: How::Term { grace: None } };
        let is_stop = |order: &Order| matches!(order, Order::Stop { .. });
        match self.fault {
            Fault::StartedTwice => {
                orders.extend(orders.first().filter(|o| matches!(o, Order::Start(_))).copied())
            }
            Fault::StartsReversed => orders.reverse(),
            Fault::ReturnsAfterTheEnd if self.is_stopped && matches!(event, Event::Ended { .. }) => {
                orders.push(Order::Start(0));
            }
            Fault::StopForgotten => orders.retain(|order| !is_stop(order)),
            Fault::StopsTheDead => {
                if let Event::Ended { member, .. } = event {
                    orders.insert(0, stop(member));
                }
            }
            Fault::StopsTheFirst if event == Event::StopAll && orders.iter().any(is_stop) => {
                *orders = vec![stop(0)];
            }
            Fault::StopsAllAtOnce if event == Event::StopAll && orders.iter().any(is_stop) => {
                *orders = vec![stop(2), stop(1)];
            }
            Fault::TermedTwice => orders.extend(orders.first().filter(|order| is_stop(order)).copied()),
            Fault::KillForgotten if event == Event::Wake => orders.retain(|order| !is_stop(order)),
            Fault::TemporaryUntold => orders.retain(|order| !matches!(order, Order::Removed(_))),
            Fault::FailureUntold => orders.retain(|order| !matches!(order, Order::Failed(_))),
            Fault::StopUntold => orders.retain(|order| !matches!(order, Order::Stopped(_))),
            Fault::StopToldTwice => {
                orders.extend(orders.last().filter(|o| matches!(o, Order::Stopped(_))).copied());
            }
            Fault::EarlyWakeStarts if event == Event::Wake && early => orders.push(Order::Start(0)),
            _ => {}
        }
    }
}

impl Machine for Faulty {
    fn step(&mut self, now: Tick, event: Event, orders: &mut Vec<Order>) {
        self.now = now;
        self.is_stopped |= event == Event::StopAll;
        let is_end = matches!(event, Event::Ended { .. });
        if is_end && self.is_stopped && self.fault == Fault::EndIgnoredOnceStopped {
            return;
        }
        let early = self.inner.wake_at().is_none_or(|at| at > now);
        self.inner.step(now, event, orders);
        self.spoil(event, early, orders);
    }

    fn wake_at(&self) -> Option<Tick> {
        match self.fault {
            Fault::NeverWoken => None,
            Fault::AlwaysWoken => Some(self.now),
            _ => self.inner.wake_at(),
        }
    }
}

/// By that law alone: no other one is there to catch it first.
#[test]
fn every_planted_fault_is_caught_by_its_law() {
    for (fault, name) in FAULTS {
        let world = fault.judged_by();
        let (inner, groups) = fault.given(world).build();
        let faulty = Faulty { inner, fault, now: Tick::ZERO, is_stopped: false };
        let laws: Vec<_> = laws().into_iter().filter(|(law, _)| *law == name).collect();
        let caught = explore(faulty, &world, groups, &laws, name == NO_DEAD_ENDS);
        assert!(caught.is_err(), "{fault:?} should break \"{name}\": {caught:?}");
    }
}

#[test]
fn every_law_has_a_fault_that_breaks_it() {
    let all: BTreeSet<_> = laws().into_iter().map(|(name, _)| name).chain([NO_DEAD_ENDS]).collect();
    let broken: BTreeSet<_> = FAULTS.into_iter().map(|(_, law)| law).collect();
    assert_eq!(all, broken, "a law that no fault breaks proves nothing");
    assert_eq!(all.len(), laws().len() + 1, "each has a name of its own");
}
