//! One who watches a small tree of groups from outside and reckons by itself who has to be started, stopped and told of. It knows
//! the tree by heart: the outer group is 0, the inner one 1, and whoever is stopped in a group is all from some member on.

use std::time::Duration;

use provisor_core::supervision::{
    Child, Event, GroupId, How, MemberSettings, Order, Restart, Shutdown, Strategy,
};
use provisor_core::tick::Tick;

use crate::world::World;

/// The group in which each member stands, and the first member of each group.
const GROUP: [usize; 3] = [0, 1, 1];
const FIRST: [u32; 2] = [0, 1];

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Seen {
    is_up: bool,
    is_gone: bool,
    /// It was asked to stop, or killed.
    asked: bool,
    killed: bool,
    kill_at: Option<Tick>,
    /// It waits for its pause.
    start_at: Option<Tick>,
    stays_down: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Why {
    Again(Tick),
    Fail,
    Rest,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Kept {
    is_up: bool,
    restarts: Vec<Tick>,
    /// All from this member on are stopped, and why.
    closing: Option<(u32, Why)>,
    /// They are down, and the clock is waited for.
    is_pausing: bool,
    start_at: Option<Tick>,
    stays_down: bool,
}

/// What has been seen on the way to a state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Witness {
    members: [Seen; 3],
    groups: [Kept; 2],
    /// Everything was stopped, and nobody has wished for a start since.
    pub(crate) is_all_stopped: bool,
}

/// What has to be ordered in a step, in no particular order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) starts: Vec<u32>,
    pub(crate) stops: Vec<(u32, How)>,
    pub(crate) told: Vec<Order>,
}

/// Everything that is known in a step.
struct Step<'a> {
    world: &'a World,
    ids: [GroupId; 2],
    now: Tick,
    expected: Expected,
}

impl Witness {
    /// All are started.
    pub(crate) fn new() -> Self {
        let up = Seen { is_up: true, ..Seen::default() };
        let group = Kept { is_up: true, ..Kept::default() };
        Self { members: [up.clone(), up.clone(), up], groups: [group.clone(), group], is_all_stopped: false }
    }

    pub(crate) const fn is_up(&self, member: u32) -> bool {
        self.members[member as usize].is_up
    }

    pub(crate) const fn was_asked(&self, member: u32) -> bool {
        self.members[member as usize].asked
    }

    pub(crate) const fn was_killed(&self, member: u32) -> bool {
        self.members[member as usize].killed
    }

    /// When something is to happen by the clock alone.
    pub(crate) fn due(&self) -> Option<Tick> {
        let of_members = (0..3).filter_map(|member| {
            let seen = &self.members[member as usize];
            let free = self.fate(member).is_none();
            seen.kill_at.filter(|_| !seen.killed).or(seen.start_at.filter(|_| free))
        });
        let of_groups = (0..2).filter_map(|group: usize| {
            let kept = &self.groups[group];
            let is_free = group == 0 || self.groups[0].closing.is_none();
            let pausing = match kept.closing {
                Some((from, Why::Again(at))) if self.is_down_from(group, from) => Some(at),
                _ => None,
            };
            kept.start_at.or(pausing).filter(|_| is_free)
        });
        of_members.chain(of_groups).min()
    }

    fn is_down_from(&self, group: usize, from: u32) -> bool {
        (from..3).all(|member| !self.is_up(member)) && (group == 1 || !self.groups[1].is_up)
    }

    /// What becomes of a member with those that are stopped.
    fn fate(&self, member: u32) -> Option<Why> {
        let of =
            |group: usize| self.groups[group].closing.filter(|(from, _)| *from <= member).map(|(_, why)| why);
        if GROUP[member as usize] == 1 { of(1).max(of(0)) } else { of(0) }
    }

    /// Sees an event, and says what has to be ordered.
    pub(crate) fn see(&mut self, world: &World, ids: [GroupId; 2], now: Tick, event: Event) -> Expected {
        let mut step = Step { world, ids, now, expected: Expected::default() };
        let group_of = |id: GroupId| ids.iter().position(|known| *known == id).unwrap_or_default();
        self.is_all_stopped = match event {
            Event::StopAll => true,
            Event::Start(_) => false,
            _ => self.is_all_stopped,
        };
        match event {
            Event::Started(_) => {}
            Event::Ended { member, normal } => self.ends(&mut step, member, normal),
            Event::Start(Child::Member(member)) => self.is_to_start(&mut step, member),
            Event::Start(Child::Group(id)) => self.group_is_to_start(&mut step, group_of(id)),
            Event::Stop(Child::Member(member)) => self.is_to_stop(&mut step, member),
            Event::Stop(Child::Group(id)) => self.group_is_to_stop(&mut step, group_of(id)),
            Event::StopAll => self.group_is_to_stop(&mut step, 0),
            Event::Wake => self.looks_at_the_clock(&mut step),
        }
        while self.goes_on_once(&mut step) {}
        step.expected
    }

    /// Restarts that count no more are forgotten, so that states are the same that will behave alike.
    pub(crate) fn forget(&mut self, world: &World, now: Tick) {
        for (kept, settings) in self.groups.iter_mut().zip(&world.groups) {
            kept.restarts.retain(|at| now.since(*at) <= settings.intensity.within);
        }
    }

    fn ends(&mut self, step: &mut Step<'_>, member: u32, normal: bool) {
        let seen = std::mem::take(&mut self.members[member as usize]);
        let settings = step.world.members[member as usize];
        self.members[member as usize].stays_down = seen.stays_down;
        if settings.restart == Restart::Temporary {
            self.members[member as usize].is_gone = true;
            step.expected.told.push(Order::Removed(Child::Member(member)));
        }
        let returns = match settings.restart {
            Restart::Permanent => true,
            Restart::Transient => !normal,
            Restart::Temporary => false,
        };
        if self.fate(member).is_none() && returns && !seen.asked {
            self.restarts(step, GROUP[member as usize], member);
        }
    }

    /// A restart is due in a group, of this member or of the group that begins with it.
    fn restarts(&mut self, step: &mut Step<'_>, group: usize, member: u32) {
        let settings = step.world.groups[group];
        let kept = &mut self.groups[group];
        kept.restarts.push(step.now);
        let counting = kept.restarts.iter().filter(|at| step.now.since(**at) <= settings.intensity.within);
        if counting.count() > settings.intensity.restarts as usize {
            self.closes(group, FIRST[group], Why::Fail);
            return;
        }
        let pause = settings.backoff.map_or(Duration::ZERO, |backoff| backoff.first);
        let at = step.now + pause;
        match settings.strategy {
            Strategy::OneForOne if group == 0 && member == FIRST[1] => match pause {
                Duration::ZERO => self.group_starts(step, 1, false),
                _ => self.groups[1].start_at = Some(at),
            },
            Strategy::OneForOne if pause == Duration::ZERO => self.starts(step, member),
            Strategy::OneForOne => self.members[member as usize].start_at = Some(at),
            Strategy::OneForAll => self.closes(group, FIRST[group], Why::Again(at)),
            Strategy::RestForOne => self.closes(group, member, Why::Again(at)),
        }
    }

    fn closes(&mut self, group: usize, from: u32, why: Why) {
        let kept = &mut self.groups[group];
        if kept.is_up {
            let (before, reason) = kept.closing.unwrap_or((from, why));
            kept.closing = Some((before.min(from), reason.max(why)));
            kept.is_pausing = false;
        }
    }

    fn is_to_start(&mut self, step: &mut Step<'_>, member: u32) {
        let fate = self.fate(member);
        let seen = &mut self.members[member as usize];
        seen.stays_down = false;
        let is_looked_after = self.groups[0].is_up && self.groups[GROUP[member as usize]].is_up;
        if is_looked_after && !seen.is_up && !seen.is_gone && fate.is_none() {
            self.starts(step, member);
        }
    }

    fn starts(&mut self, step: &mut Step<'_>, member: u32) {
        self.members[member as usize] = Seen { is_up: true, ..Seen::default() };
        step.expected.starts.push(member);
    }

    fn group_is_to_start(&mut self, step: &mut Step<'_>, group: usize) {
        self.groups[group].stays_down = false;
        let is_free = group == 0 || (self.groups[0].is_up && self.groups[0].closing.is_none());
        if is_free && !self.groups[group].is_up {
            self.group_starts(step, group, false);
        }
    }

    fn group_starts(&mut self, step: &mut Step<'_>, group: usize, honours: bool) {
        self.groups[group] = Kept { is_up: true, ..Kept::default() };
        self.returns(step, group, FIRST[group], honours);
    }

    /// All from this member on are started, but for those who are to stay down where that is honoured.
    fn returns(&mut self, step: &mut Step<'_>, group: usize, from: u32, honours: bool) {
        for member in (from..3).filter(|member| GROUP[*member as usize] == group) {
            let seen = &mut self.members[member as usize];
            let stays_down = std::mem::take(&mut seen.stays_down) && honours;
            if !stays_down && !seen.is_gone {
                self.starts(step, member);
            }
        }
        if group == 0 && !(std::mem::take(&mut self.groups[1].stays_down) && honours) {
            self.group_starts(step, 1, honours);
        }
    }

    fn is_to_stop(&mut self, step: &mut Step<'_>, member: u32) {
        let returns = matches!(self.fate(member), Some(Why::Again(_)));
        let seen = &mut self.members[member as usize];
        seen.stays_down = returns && !seen.is_gone;
        seen.start_at = None;
        self.stops(step, member);
    }

    fn stops(&mut self, step: &mut Step<'_>, member: u32) {
        let seen = &mut self.members[member as usize];
        if !seen.is_up || seen.asked {
            return;
        }
        let how = how(step.world, member);
        seen.asked = true;
        match how {
            How::Kill => seen.killed = true,
            How::Term { grace } => seen.kill_at = grace.map(|grace| step.now + grace),
        }
        step.expected.stops.push((member, how));
    }

    fn group_is_to_stop(&mut self, step: &mut Step<'_>, group: usize) {
        let outer = self.groups[0].closing.filter(|_| group == 1);
        self.groups[group].stays_down = matches!(outer, Some((_, Why::Again(_))));
        if self.groups[group].start_at.take().is_some() {
            step.expected.told.push(Order::Stopped(step.ids[group]));
        }
        self.closes(group, FIRST[group], Why::Rest);
    }

    fn looks_at_the_clock(&mut self, step: &mut Step<'_>) {
        let now = step.now;
        let is_due = |at: Option<Tick>| at.is_some_and(|at| at <= now);
        for member in 0..3 {
            let is_free = self.fate(member).is_none();
            let seen = &mut self.members[member as usize];
            if seen.asked && !seen.killed && is_due(seen.kill_at) {
                seen.killed = true;
                step.expected.stops.push((member, How::Kill));
            } else if is_free && is_due(seen.start_at) {
                self.starts(step, member);
            }
        }
        if is_due(self.groups[1].start_at) && self.groups[0].closing.is_none() {
            self.group_starts(step, 1, false);
        }
        for kept in &mut self.groups {
            kept.is_pausing = false;
        }
    }

    /// Goes on with what is closing. Whether more may come of it.
    fn goes_on_once(&mut self, step: &mut Step<'_>) -> bool {
        if let Some((from, _)) = self.groups[0].closing
            && from <= FIRST[1]
        {
            if self.groups[1].start_at.take().is_some() {
                step.expected.told.push(Order::Stopped(step.ids[1]));
            }
            self.closes(1, FIRST[1], Why::Rest);
        }
        for group in [1, 0] {
            let Some((from, why)) = self.groups[group].closing else { continue };
            for waiting in &mut self.members[from as usize..] {
                waiting.start_at = None;
            }
            if let Some(next) = (from..3).rev().find(|member| self.is_up(*member)) {
                self.stops(step, next);
                // Who stops in both groups stops once.
                return false;
            }
            let is_over = self.is_down_from(group, from) && !self.groups[group].is_pausing;
            if is_over && self.closed(step, group, from, why) {
                return true;
            }
        }
        false
    }

    /// All that had to stop in a group are down. Whether anything follows.
    fn closed(&mut self, step: &mut Step<'_>, group: usize, from: u32, why: Why) -> bool {
        match why {
            Why::Again(at) if at > step.now => {
                self.groups[group].is_pausing = true;
                return false;
            }
            Why::Again(_) => {
                self.groups[group].closing = None;
                self.returns(step, group, from, true);
            }
            Why::Rest => {
                self.groups[group] = Kept { stays_down: self.groups[group].stays_down, ..Kept::default() };
                step.expected.told.push(Order::Stopped(step.ids[group]));
            }
            Why::Fail => {
                self.groups[group] = Kept::default();
                match group {
                    0 => step.expected.told.push(Order::Failed(step.ids[0])),
                    _ => self.inner_failed(step),
                }
            }
        }
        true
    }

    fn inner_failed(&mut self, step: &mut Step<'_>) {
        let is_free = self.groups[0].closing.is_none_or(|(from, _)| from > FIRST[1]);
        if is_free {
            self.restarts(step, 0, FIRST[1]);
        }
    }
}

/// How a member is to be stopped.
fn how(world: &World, member: u32) -> How {
    let MemberSettings { shutdown, .. } = world.members[member as usize];
    match shutdown.unwrap_or(world.groups[GROUP[member as usize]].shutdown) {
        Shutdown::Kill => How::Kill,
        Shutdown::After(grace) => How::Term { grace: Some(grace) },
        Shutdown::Infinity => How::Term { grace: None },
    }
}
