//! A supervision with its clock, for tests that tell a story.

use std::time::Duration;

use provisor_core::supervision::{
    Child, Event, GroupId, GroupSettings, How, Intensity, MemberSettings, Order, Restart, Shutdown, Strategy,
    Supervision,
};
use provisor_core::tick::Tick;

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) const fn at(secs: u64) -> Tick {
    Tick::from_micros(secs * 1_000_000)
}

pub(crate) fn group(strategy: Strategy, restarts: u32) -> GroupSettings {
    let intensity = Intensity { restarts, within: secs(10) };
    GroupSettings { strategy, intensity, ..GroupSettings::default() }
}

pub(crate) fn member(restart: Restart) -> MemberSettings {
    MemberSettings { restart, ..MemberSettings::default() }
}

pub(crate) fn term(member: u32, grace: u64) -> Order {
    Order::Stop { member, how: How::Term { grace: Some(secs(grace)) } }
}

pub(crate) fn kill(member: u32) -> Order {
    Order::Stop { member, how: How::Kill }
}

pub(crate) struct House {
    pub(crate) supervision: Supervision,
    pub(crate) now: Tick,
}

impl House {
    pub(crate) fn new() -> Self {
        Self { supervision: Supervision::new(0), now: Tick::ZERO }
    }

    /// A group with these members, from 0 on, all of them there.
    pub(crate) fn of(settings: GroupSettings, members: &[MemberSettings]) -> (Self, GroupId) {
        let mut house = Self::new();
        let group = house.group(settings, None);
        for (member, settings) in (0..).zip(members) {
            house.member(member, *settings, group);
        }
        (house, group)
    }

    pub(crate) fn group(&mut self, settings: GroupSettings, parent: Option<GroupId>) -> GroupId {
        self.supervision.add_group(self.now, settings, parent).expect("the parent is there")
    }

    /// Adds it; where it is started it is there.
    pub(crate) fn member(&mut self, member: u32, settings: MemberSettings, group: GroupId) -> Vec<Order> {
        let mut orders = Vec::new();
        self.supervision.add_member(self.now, member, settings, group, &mut orders).expect("a new member");
        if !orders.is_empty() {
            self.tell(Event::Started(member));
        }
        orders
    }

    pub(crate) fn tell(&mut self, event: Event) -> Vec<Order> {
        let mut orders = Vec::new();
        self.supervision.step(self.now, event, &mut orders);
        orders
    }

    /// It ends by itself as it should not.
    pub(crate) fn crash(&mut self, member: u32) -> Vec<Order> {
        self.tell(Event::Ended { member, normal: false })
    }

    /// It ends as it should.
    pub(crate) fn end(&mut self, member: u32) -> Vec<Order> {
        self.tell(Event::Ended { member, normal: true })
    }

    pub(crate) fn stop(&mut self, group: GroupId) -> Vec<Order> {
        self.tell(Event::Stop(Child::Group(group)))
    }

    /// It is so late now.
    pub(crate) fn wake(&mut self, secs: u64) -> Vec<Order> {
        self.now = at(secs);
        self.tell(Event::Wake)
    }

    pub(crate) fn wake_at(&self) -> Option<Tick> {
        self.supervision.wake_at()
    }
}

pub(crate) const AFTER_2S: Shutdown = Shutdown::After(secs(2));
