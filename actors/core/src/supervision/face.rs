//! Who is there: adding, removing, asking; and the small steps of the machine that only look things up or note them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::settings::{GroupSettings, MemberSettings, Restart, Shutdown};
use super::state::{Group, Member, Phase, State, Then};
use super::timers::Timers;
use super::words::{Child, GroupId, How, Order, Refused, Standing};
use super::{Supervision, state};
use crate::backoff::Patience;
use crate::dice::Dice;
use crate::roster::Place;
use crate::tick::Tick;

impl Supervision {
    /// Nobody is there yet. The seed is that of the jitter of pauses.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            groups: BTreeMap::new(),
            members: BTreeMap::new(),
            timers: Timers::NONE,
            dice: Dice::new(seed),
            next_group: 0,
        }
    }

    /// Adds a group, behind all that stand in its parent. It is up at once, unless its parent is not.
    ///
    /// # Errors
    /// There is no such parent.
    pub fn add_group(
        &mut self,
        now: Tick,
        settings: GroupSettings,
        parent: Option<GroupId>,
    ) -> Result<GroupId, Refused> {
        let id = GroupId(self.next_group);
        let child = Child::Group(id);
        let rank = match parent {
            Some(parent) => self.groups.get_mut(&parent).ok_or(Refused::Unknown)?.append(child),
            None => id.0,
        };
        self.next_group += 1;
        self.groups.insert(id, Group::new(state::Seat::new(parent, rank), settings));
        self.start(now, child, &mut Vec::new());
        Ok(id)
    }

    /// Adds a member, behind all that stand in its group. It is started at once, unless its group is not up; while that starts
    /// others again it is started with them. (OTP: `start_child`.)
    ///
    /// # Errors
    /// There is no such group, or this query is a member already.
    pub fn add_member(
        &mut self,
        now: Tick,
        member: Place,
        settings: MemberSettings,
        group: GroupId,
        orders: &mut Vec<Order>,
    ) -> Result<(), Refused> {
        let found = self.groups.get_mut(&group).ok_or(Refused::Unknown)?;
        if self.members.contains_key(&member) {
            return Err(Refused::Known);
        }
        let rank = found.append(Child::Member(member));
        let seat = state::Seat::new(Some(group), rank);
        self.members.insert(member, Member { seat, settings, phase: Phase::Down });
        self.start(now, Child::Member(member), orders);
        Ok(())
    }

    /// Forgets one that is down; of a group all that stand in it, too. (OTP: `delete_child`.)
    ///
    /// # Errors
    /// It is not known, or not down.
    pub fn remove(&mut self, child: Child) -> Result<(), Refused> {
        match self.standing(child) {
            None => Err(Refused::Unknown),
            Some(Standing::Down) => {
                self.forget(child, &mut Vec::new());
                Ok(())
            }
            Some(_) => Err(Refused::NotDown),
        }
    }

    /// How it stands; `None` for strangers.
    #[must_use]
    pub fn standing(&self, child: Child) -> Option<Standing> {
        match child {
            Child::Member(place) => self.members.get(&place).map(Member::standing),
            Child::Group(group) => self.groups.get(&group).map(Group::standing),
        }
    }

    /// The group in which it stands.
    #[must_use]
    pub fn group_of(&self, child: Child) -> Option<GroupId> {
        self.seat(child)?.parent
    }

    /// Who stands in a group, in the order of starts.
    pub fn children(&self, group: GroupId) -> impl Iterator<Item = Child> {
        self.groups.get(&group).into_iter().flat_map(|group| group.children.values().copied())
    }

    pub(super) fn roots(&self) -> Vec<GroupId> {
        let is_root = |group: &Group| group.seat.parent.is_none();
        self.groups.iter().filter(|(_, group)| is_root(group)).map(|(id, _)| *id).collect()
    }

    pub(super) fn seat(&self, child: Child) -> Option<&state::Seat> {
        match child {
            Child::Member(place) => self.members.get(&place).map(|member| &member.seat),
            Child::Group(group) => self.groups.get(&group).map(|group| &group.seat),
        }
    }

    fn seat_mut(&mut self, child: Child) -> Option<&mut state::Seat> {
        match child {
            Child::Member(place) => self.members.get_mut(&place).map(|member| &mut member.seat),
            Child::Group(group) => self.groups.get_mut(&group).map(|group| &mut group.seat),
        }
    }

    /// The group that it stands in, and its rank there.
    pub(super) fn above(&self, child: Child) -> Option<(GroupId, u32)> {
        let seat = self.seat(child)?;
        Some((seat.parent?, seat.rank))
    }

    /// Whether it looks after those in it that it does not stop.
    pub(super) fn is_up(&self, group: GroupId) -> bool {
        let state = self.groups.get(&group).map(|group| group.state);
        matches!(state, Some(State::Up | State::Sweeping { .. } | State::Pausing { .. }))
    }

    /// What becomes of it when those are down who are stopped now, if it is one of them, by whichever group above it.
    pub(super) fn fate(&self, child: Child) -> Option<Then> {
        let (parent, rank) = self.above(child)?;
        let by_parent = self.groups.get(&parent).and_then(|group| group.fate(rank));
        by_parent.max(self.fate(Child::Group(parent)))
    }

    pub(super) fn set_phase(&mut self, place: Place, phase: Phase) {
        if let Some(member) = self.members.get_mut(&place) {
            member.phase = phase;
            self.timers.set(Child::Member(place), member.due());
        }
    }

    pub(super) fn set_state(&mut self, group: GroupId, state: State) {
        if let Some(found) = self.groups.get_mut(&group) {
            found.state = state;
            self.timers.set(Child::Group(group), found.due());
        }
    }

    /// Whether it was to stay down.
    pub(super) fn set_stays_down(&mut self, child: Child, stays_down: bool) -> bool {
        self.seat_mut(child).is_some_and(|seat| std::mem::replace(&mut seat.stays_down, stays_down))
    }

    pub(super) fn forget_pauses(&mut self, child: Child) {
        if let Some(seat) = self.seat_mut(child) {
            seat.patience = Patience::NONE;
        }
    }

    /// As [`Group::sweep`]; who waits for its start waits no more where that was to stop.
    pub(super) fn sweep(&mut self, group: GroupId, from: u32, then: Then) {
        let Some(found) = self.groups.get_mut(&group) else { return };
        found.sweep(from, then);
        self.timers.set(Child::Group(group), found.due());
    }

    /// The pause before a child that has lived for so long is started again.
    pub(super) fn pause(&mut self, group: GroupId, child: Child, lived: Duration) -> Duration {
        let backoff = self.groups.get(&group).and_then(|group| group.settings.backoff);
        let (Some(backoff), Some(mut patience)) = (backoff, self.seat(child).map(|seat| seat.patience))
        else {
            return Duration::ZERO;
        };
        let pause = backoff.pause(&mut patience, lived, &mut self.dice);
        if let Some(seat) = self.seat_mut(child) {
            seat.patience = patience;
        }
        pause
    }

    /// How a member is stopped, and after which time it is killed.
    pub(super) fn how(&self, place: Place) -> (How, Option<Duration>) {
        let member = self.members.get(&place);
        let of_group = self.group_of(Child::Member(place)).and_then(|group| self.groups.get(&group));
        let own = member.and_then(|member| member.settings.shutdown);
        let shutdown = own.or(of_group.map(|group| group.settings.shutdown)).unwrap_or_default();
        let grace = match shutdown {
            Shutdown::Kill => return (How::Kill, None),
            Shutdown::After(grace) => Some(grace),
            Shutdown::Infinity => None,
        };
        (How::Term { grace }, grace)
    }

    /// It has come down, and is no member any more where it was temporary.
    pub(super) fn let_go(&mut self, child: Child, restart: Restart, orders: &mut Vec<Order>) {
        if restart == Restart::Temporary {
            self.forget(child, orders);
        }
    }

    /// Nothing is known of it any more, and of what stands in it, which goes first.
    fn forget(&mut self, child: Child, orders: &mut Vec<Order>) {
        if let Some((parent, rank)) = self.above(child)
            && let Some(parent) = self.groups.get_mut(&parent)
        {
            parent.children.remove(&rank);
        }
        match child {
            Child::Member(place) => {
                self.members.remove(&place);
            }
            Child::Group(group) => {
                let children: Vec<_> = self.children(group).collect();
                for child in children.into_iter().rev() {
                    self.forget(child, orders);
                }
                self.groups.remove(&group);
            }
        }
        self.timers.set(child, None);
        orders.push(Order::Removed(child));
    }
}
