//! Groups of queries that are looked after: started, stopped, started again, in the manner of OTP's supervisors.
//!
//! A group holds members (queries) and further groups, in the order of their starts. When a member ends, its [`Restart`] says
//! whether it is started again and the group's [`Strategy`] who else is. Too many restarts within a time ([`Intensity`]) are
//! the failure of the group, which is an abnormal end in the eyes of its parent. Whoever is stopped together is stopped from
//! the last to the first, each waited for before the next one is asked, each as its [`Shutdown`] says. The rules are those of
//! the chapter "Supervisor Behaviour" in OTP's Design Principles and of `supervisor` in its STDLIB; where they differ, the
//! item says so. In short:
//!
//! - Starts of a group are ordered at once and in order; nobody waits for the one before to be there. A member that cannot be
//!   started has ended abnormally, also at the first time.
//! - A member that ends by itself while it is about to be stopped with others counts as stopped.
//! - A group that is started (again) starts all that stands in it, also who had ended or was stopped, and has forgotten
//!   earlier restarts and pauses.
//! - While a group is stopped nothing within it is started, at no depth.
//! - What OTP has not: pauses before restarts ([`Backoff`](crate::backoff::Backoff)). Who shows no life has ended abnormally; that it
//!   is ended then is the affair of whoever watches its process ([`health`](crate::health)).
//!
//! It is pure: [`step`](Supervision::step) takes what has happened and says what to do, [`wake_at`](Supervision::wake_at) says
//! when it wants to be woken. It must never know a process, a slot or a clock. A member is up from the order to start it until
//! its end is told: waiting for a slot is a matter of others.
//!
//! ```
//! use provisor_core::supervision::{Event, GroupSettings, MemberSettings, Order, Supervision};
//! use provisor_core::tick::Tick;
//!
//! let (mut supervision, mut orders) = (Supervision::new(0), Vec::new());
//! let group = supervision.add_group(Tick::ZERO, GroupSettings::default(), None)?;
//! supervision.add_member(Tick::ZERO, 7, MemberSettings::default(), group, &mut orders)?;
//! assert_eq!(orders, [Order::Start(7)]);
//!
//! orders.clear();
//! supervision.step(Tick::ZERO, Event::Started(7), &mut orders);
//! supervision.step(Tick::ZERO, Event::Ended { member: 7, normal: false }, &mut orders);
//! assert_eq!(orders, [Order::Start(7)], "by default who ends abnormally is started again");
//! # Ok::<(), provisor_core::supervision::Refused>(())
//! ```

mod face;
mod outlook;
mod settings;
mod state;
mod timers;
mod words;

use std::collections::BTreeMap;

pub use settings::{GroupSettings, Intensity, MemberSettings, Restart, Shutdown, Strategy};
pub use words::{Child, Event, GroupId, How, Order, Reason, Refused, Standing};

use crate::dice::Dice;
use crate::roster::Place;
use crate::tick::Tick;
use state::{End, Group, Member, Phase, State, Then};
use timers::Timers;

/// All groups of a run, and their members.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Supervision {
    groups: BTreeMap<GroupId, Group>,
    members: BTreeMap<Place, Member>,
    timers: Timers,
    dice: Dice,
    next_group: u32,
}

impl Supervision {
    /// Something has happened: what is to be done now is added to `orders`. What is told of strangers, or does not fit (the end
    /// of one that is down), changes nothing.
    pub fn step(&mut self, now: Tick, event: Event, orders: &mut Vec<Order>) {
        match event {
            Event::Started(member) => self.started(now, member),
            Event::Ended { member, normal } => self.ended(now, member, normal, orders),
            Event::Start(child) => self.start(now, child, orders),
            Event::Stop(child) => self.stop(now, child, orders),
            Event::StopAll => {
                for group in self.roots() {
                    self.stop(now, Child::Group(group), orders);
                }
            }
            Event::Wake => {
                for child in self.timers.take(now) {
                    self.wake(now, child, orders);
                }
            }
        }
    }

    /// When it wants to be woken, if nothing happens before. A wake-up that finds nothing due orders nothing.
    #[must_use]
    pub fn wake_at(&self) -> Option<Tick> {
        self.timers.first()
    }

    fn started(&mut self, now: Tick, place: Place) {
        let Some(member) = self.members.get_mut(&place) else { return };
        if let Phase::Up { since: None } = member.phase {
            member.phase = Phase::Up { since: Some(now) };
        }
    }

    fn ended(&mut self, now: Tick, place: Place, normal: bool, orders: &mut Vec<Order>) {
        let Some(member) = self.members.get_mut(&place) else { return };
        let (end, since) = match member.phase {
            Phase::Up { since } if normal => (End::Normal, since),
            Phase::Up { since } => (End::Abnormal, since),
            Phase::Stopping { .. } => (End::Stopped, None),
            Phase::Down | Phase::Delayed { .. } => return,
        };
        let restart = member.settings.restart;
        self.set_phase(place, Phase::Down);
        let Some((group, rank)) = self.above(Child::Member(place)) else { return };
        self.let_go(Child::Member(place), restart, orders);
        if self.react(
            now,
            (group, rank),
            Child::Member(place),
            restart.follows(end),
            since.unwrap_or(now),
            orders,
        ) {
            self.pump(now, group, orders);
        }
    }

    fn start(&mut self, now: Tick, child: Child, orders: &mut Vec<Order>) {
        let Some(standing) = self.standing(child) else { return };
        self.set_stays_down(child, false);
        let is_looked_after = self.above(child).is_none_or(|(parent, _)| self.is_up(parent));
        let may_be = matches!(standing, Standing::Down | Standing::Waiting);
        if may_be && is_looked_after && self.fate(child).is_none() {
            self.launch(now, child, false, orders);
        }
    }

    fn stop(&mut self, now: Tick, child: Child, orders: &mut Vec<Order>) {
        if self.standing(child).is_none() {
            return;
        }
        let is_to_return = matches!(self.fate(child), Some(Then::Again { .. }));
        self.set_stays_down(child, is_to_return);
        match child {
            Child::Member(place) => {
                self.close_member(now, place, orders);
            }
            Child::Group(group) => {
                self.sweep(group, 0, Then::Rest);
                self.pump(now, group, orders);
            }
        }
    }

    /// Its moment has come, or had come before it moved. What stands in a group that is stopped owes and gets nothing more.
    fn wake(&mut self, now: Tick, child: Child, orders: &mut Vec<Order>) {
        match child {
            Child::Member(place) => self.wake_member(now, place, orders),
            Child::Group(group) => self.wake_group(now, group, orders),
        }
    }

    fn wake_member(&mut self, now: Tick, place: Place, orders: &mut Vec<Order>) {
        let child = Child::Member(place);
        let Some((due, phase)) = self.members.get(&place).map(|member| (member.due(), member.phase)) else {
            return;
        };
        let is_stopped = self.fate(child).is_some();
        match phase {
            _ if due.is_none_or(|due| due > now) => self.timers.set(child, due),
            Phase::Stopping { .. } => {
                self.set_phase(place, Phase::Stopping { until: None });
                orders.push(Order::Stop { member: place, how: How::Kill });
            }
            Phase::Delayed { .. } if !is_stopped => self.launch(now, child, false, orders),
            Phase::Down | Phase::Delayed { .. } | Phase::Up { .. } => {}
        }
    }

    fn wake_group(&mut self, now: Tick, group: GroupId, orders: &mut Vec<Order>) {
        let child = Child::Group(group);
        let Some((due, state)) = self.groups.get(&group).map(|group| (group.due(), group.state)) else {
            return;
        };
        match state {
            _ if due.is_none_or(|due| due > now) => self.timers.set(child, due),
            _ if self.fate(child).is_some() => {}
            State::Delayed { .. } => self.launch(now, child, false, orders),
            State::Pausing { from, .. } => self.resume(now, group, from, true, orders),
            State::Down | State::Up | State::Sweeping { .. } => {}
        }
    }

    /// A child of this group has come down; `again`: it is to be started again. Whether the group has to go on stopping others.
    fn react(
        &mut self,
        now: Tick,
        (group, rank): (GroupId, u32),
        child: Child,
        again: bool,
        since: Tick,
        orders: &mut Vec<Order>,
    ) -> bool {
        let is_stopped = self.fate(Child::Group(group)).is_some();
        let Some(found) = self.groups.get_mut(&group) else { return false };
        if found.fate(rank).is_some() {
            return true;
        }
        if !again || is_stopped {
            return false;
        }
        let strategy = found.settings.strategy;
        if !found.may_restart(now) {
            self.sweep(group, 0, Then::Fail);
            return true;
        }
        let until = now + self.pause(group, child, now.since(since));
        match strategy {
            Strategy::OneForOne => {
                self.delay(now, child, until, orders);
                return false;
            }
            Strategy::OneForAll => self.sweep(group, 0, Then::Again { until }),
            Strategy::RestForOne => self.sweep(group, rank, Then::Again { until }),
        }
        true
    }

    /// Goes on with what a group is stopping, and with what that brings about above it.
    fn pump(&mut self, now: Tick, mut group: GroupId, orders: &mut Vec<Order>) {
        while let Some(end) = self.advance(now, group, orders) {
            let Some(found) = self.groups.get(&group) else { return };
            let (restart, since) = (found.settings.restart, found.since);
            let child = Child::Group(group);
            let Some(above) = self.above(child) else {
                if end == End::Abnormal {
                    orders.push(Order::Failed(group));
                }
                return;
            };
            self.let_go(child, restart, orders);
            if !self.react(now, above, child, restart.follows(end), since, orders) {
                return;
            }
            group = above.0;
        }
    }

    /// Stops the next one, if the one before is down. How the group has come down, if it has.
    fn advance(&mut self, now: Tick, group: GroupId, orders: &mut Vec<Order>) -> Option<End> {
        let (from, then) = loop {
            let found = self.groups.get_mut(&group)?;
            let State::Sweeping { from, upto, then } = &mut found.state else { return None };
            match found.children.range(*from..*upto).next_back() {
                None => break (*from, *then),
                Some((&rank, &child)) => {
                    if !self.close(now, child, orders) {
                        return None;
                    }
                    if let Some(Group { state: State::Sweeping { upto, .. }, .. }) =
                        self.groups.get_mut(&group)
                    {
                        *upto = rank;
                    }
                }
            }
        };
        match then {
            Then::Again { until } if until > now || self.fate(Child::Group(group)).is_some() => {
                self.set_state(group, State::Pausing { from, until });
                None
            }
            Then::Again { .. } => {
                self.resume(now, group, from, true, orders);
                None
            }
            Then::Fail => {
                self.set_state(group, State::Down);
                Some(End::Abnormal)
            }
            Then::Rest => {
                self.set_state(group, State::Down);
                orders.push(Order::Stopped(group));
                Some(End::Stopped)
            }
        }
    }

    /// Begins to stop it, because its group is stopped. Whether it is down.
    fn close(&mut self, now: Tick, child: Child, orders: &mut Vec<Order>) -> bool {
        let Child::Group(group) = child else {
            let Child::Member(place) = child else { return true };
            return self.close_member(now, place, orders);
        };
        self.sweep(group, 0, Then::Rest);
        if self.advance(now, group, orders).is_some() {
            let restart = self.groups.get(&group).map(|group| group.settings.restart);
            self.let_go(child, restart.unwrap_or_default(), orders);
            return true;
        }
        self.groups.get(&group).is_none_or(|group| group.state == State::Down)
    }

    fn close_member(&mut self, now: Tick, place: Place, orders: &mut Vec<Order>) -> bool {
        let Some(member) = self.members.get(&place) else { return true };
        match member.phase {
            Phase::Down => true,
            Phase::Delayed { .. } => {
                self.set_phase(place, Phase::Down);
                true
            }
            Phase::Up { .. } => {
                let (how, grace) = self.how(place);
                let until = grace.map(|grace| now + grace);
                self.set_phase(place, Phase::Stopping { until });
                orders.push(Order::Stop { member: place, how });
                false
            }
            Phase::Stopping { .. } => false,
        }
    }

    /// Starts whoever is down from this rank on: all of them were stopped, or ended before.
    fn resume(&mut self, now: Tick, group: GroupId, from: u32, is_return: bool, orders: &mut Vec<Order>) {
        self.set_state(group, State::Up);
        let children = self.groups.get(&group).map(|group| group.children.range(from..));
        let children: Vec<_> = children.into_iter().flatten().map(|(_, child)| *child).collect();
        for child in children {
            self.launch(now, child, is_return, orders);
        }
    }

    /// Starts it; who is to stay down when others return is passed over once.
    fn launch(&mut self, now: Tick, child: Child, is_return: bool, orders: &mut Vec<Order>) {
        if self.set_stays_down(child, false) && is_return {
            return;
        }
        match child {
            Child::Member(place) => {
                self.set_phase(place, Phase::Up { since: None });
                orders.push(Order::Start(place));
            }
            Child::Group(group) => {
                let Some(found) = self.groups.get_mut(&group) else { return };
                found.since = now;
                found.restarts.clear();
                let children: Vec<_> = found.children.values().copied().collect();
                for child in children {
                    self.forget_pauses(child);
                }
                self.resume(now, group, 0, is_return, orders);
            }
        }
    }

    /// Starts it when its pause is over.
    fn delay(&mut self, now: Tick, child: Child, until: Tick, orders: &mut Vec<Order>) {
        match child {
            _ if until <= now => self.launch(now, child, false, orders),
            Child::Member(place) => self.set_phase(place, Phase::Delayed { until }),
            Child::Group(group) => self.set_state(group, State::Delayed { until }),
        }
    }
}
