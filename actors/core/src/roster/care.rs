//! Queries that are looked after: what groups order becomes starts and stops, and what becomes of queries is told to them.
//!
//! A member is up for its group from the order to start it until it is down, also while it waits in the line. Between its
//! lives it is *parked* here. One that is not started again by itself has its last row and is over; a group that starts it all
//! the same reopens it. Who is started again, and who is stopped, is not decided here.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::amount::seconds;
use crate::cause::{Cause, Outcome};
use crate::plan::{Care, Group, Plan, Query};
use crate::supervision::{
    Child, Event, GroupId, How, Intensity, MemberSettings, Order as Ordered, Reason, Standing, Supervision,
};
use crate::tick::Tick;

use super::foregone::Foregone;
use super::line::Line;
use super::{Order, Place, Roster, Then, Turn};

/// All groups of a run, and their members between two lives.
#[derive(Debug)]
pub(super) struct Caretaker {
    supervision: Supervision,
    /// By their places in the plan, with their names; not those that are gone.
    groups: BTreeMap<u32, (GroupId, Arc<str>)>,
    /// Those that are to stand in a group, and do not yet.
    newcomers: Vec<Place>,
    parked: BTreeMap<Place, Parked>,
    /// Those that are being stopped.
    stops: HashMap<Place, Stop>,
    /// Why groups have failed that stand in no other.
    failed: BTreeMap<GroupId, Arc<str>>,
    orders: VecDeque<Ordered>,
    /// Somebody may wait for a start that will not come.
    is_unsettled: bool,
    /// Somebody may wait in the line whose turn to be stopped is still to come.
    is_stopping: bool,
}

/// A member that is down.
#[derive(Debug)]
struct Parked {
    /// Its next attempt.
    turn: Turn,
    /// It has its last row.
    is_over: bool,
}

#[derive(Debug)]
struct Stop {
    why: Arc<str>,
    /// By Term, and nothing follows.
    is_for_ever: bool,
}

impl Caretaker {
    /// With the groups of this plan, and nobody in them.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut supervision = Supervision::new(seed(&plan.job));
        let mut groups: BTreeMap<u32, (GroupId, Arc<str>)> = BTreeMap::new();
        for (place, Group { name, settings, parent }) in (0..).zip(&plan.groups) {
            let above = parent.map(|parent| groups.get(&parent).map(|(id, _)| *id));
            // One whose parent comes after it stands in none.
            let id = supervision.add_group(Tick::ZERO, *settings, above.flatten());
            groups.extend(id.map(|id| (place, (id, Arc::clone(name)))));
        }
        Self {
            supervision,
            groups,
            newcomers: Vec::new(),
            parked: BTreeMap::new(),
            stops: HashMap::new(),
            failed: BTreeMap::new(),
            orders: VecDeque::new(),
            is_unsettled: false,
            is_stopping: false,
        }
    }

    /// How many are down and not over.
    pub(super) fn waiting(&self) -> usize {
        self.parked.values().filter(|parked| !parked.is_over).count()
    }

    /// Whether it is down, has its last row, and may be started again all the same.
    pub(super) fn is_over(&self, query: Place) -> bool {
        self.parked.get(&query).is_some_and(|parked| parked.is_over)
    }

    /// Whether a query that comes now has its group, or wants none.
    pub(super) fn can_take(&self, query: &Query) -> bool {
        membership(query).is_none_or(|(group, _)| self.groups.contains_key(&group))
    }

    pub(super) fn wake_at(&self) -> Option<Tick> {
        self.supervision.wake_at()
    }

    /// Its process is there.
    pub(super) fn started(&mut self, now: Tick, query: Place) {
        self.tell(now, Event::Started(query));
    }

    /// Whether its group has it stopped, and waits for its end.
    pub(super) fn is_stopping(&self, query: Place) -> bool {
        self.supervision.standing(Child::Member(query)) == Some(Standing::Stopping)
    }

    /// Whether it was asked to end and nothing follows, however long that takes.
    pub(super) fn waits_for_ever(&self, query: Place) -> bool {
        self.stops.get(&query).is_some_and(|stop| stop.is_for_ever)
    }

    /// Somebody has no use for it any more. Whether that is for its group to do.
    pub(super) fn stop(&mut self, now: Tick, query: Place) -> bool {
        let is_here = self.is_member(query) || self.newcomers.contains(&query);
        if is_here && !self.is_over(query) {
            self.tell(now, Event::Stop(Child::Member(query)));
            self.is_unsettled = true;
        }
        is_here
    }

    /// One that is over stands in no group any more. As long as that is not possible it stays.
    pub(super) fn dismiss(&mut self, query: Place) {
        if self.supervision.remove(Child::Member(query)).is_ok() {
            self.parked.remove(&query);
        }
    }

    fn is_member(&self, query: Place) -> bool {
        self.supervision.standing(Child::Member(query)).is_some()
    }

    fn tell(&mut self, now: Tick, event: Event) {
        let mut orders = Vec::new();
        self.supervision.step(now, event, &mut orders);
        self.orders.extend(orders);
    }

    fn park(&mut self, turn: Turn, is_over: bool) {
        self.parked.insert(turn.query, Parked { turn, is_over });
    }

    /// What a member's stop is about.
    fn why(&self, member: Place) -> Arc<str> {
        let name = |group: GroupId| self.name(group);
        match self.supervision.reason(member) {
            Some(Reason::Restarted(group)) => format!("its group {} is started again", name(group)).into(),
            Some(Reason::Failed(group)) => self.why_failed(group),
            Some(Reason::Stopped(group)) => format!("its group {} is stopped", name(group)).into(),
            None => self.why_down(member),
        }
    }

    /// Why nobody starts it.
    fn why_down(&self, member: Place) -> Arc<str> {
        let above = |child| self.supervision.group_of(child);
        let groups = std::iter::successors(above(Child::Member(member)), |group| above(Child::Group(*group)));
        let failed = groups.into_iter().find_map(|group| self.failed.get(&group));
        failed.map_or_else(|| "its group is down".into(), Arc::clone)
    }

    /// ``its group `db` has failed: more than 3 restarts in 30 s``
    fn why_failed(&self, group: GroupId) -> Arc<str> {
        format!("its group {} has failed: {}", self.name(group), self.too_many(group)).into()
    }

    fn too_many(&self, group: GroupId) -> String {
        let Intensity { restarts, within } = self.supervision.intensity(group).unwrap_or_default();
        let many = if restarts == 1 { "1 restart".into() } else { format!("{restarts} restarts") };
        format!("more than {many} in {}", seconds(within))
    }

    fn name(&self, group: GroupId) -> String {
        let named = self.groups.values().find(|(id, _)| *id == group);
        named.map_or_else(String::new, |(_, name)| format!("`{name}`"))
    }
}

/// The same job pauses alike each time, and two jobs that fail together do not return together.
pub(super) fn seed(job: &str) -> u64 {
    job.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn membership(query: &Query) -> Option<(u32, MemberSettings)> {
    match query.care.as_deref()? {
        Care::Member { group, settings } => Some((*group, *settings)),
        Care::Rounds { .. } | Care::Entrant { .. } => None,
    }
}

impl Roster {
    /// Lets one wait that may be asked: in the line, for the word of its group, or for its time.
    pub(super) fn enlist(&mut self, turn: Turn) {
        if turn.is_round && !self.clockwork.is_closed() {
            return self.clockwork.welcome(turn);
        }
        let member = self.query(turn.query).and_then(membership);
        if member.is_some_and(|(group, _)| self.care.groups.contains_key(&group)) {
            self.care.newcomers.push(turn.query);
            self.care.park(turn, false);
        } else {
            self.await_turn(turn, Line::join);
        }
    }

    /// Does what groups and the clock order, as long as anything may start.
    pub(super) fn look_after(&mut self, now: Tick, orders: &mut Vec<Order>) {
        if self.stopping.is_some() || self.exhausted.is_some() {
            return;
        }
        self.keep_time(now, orders);
        self.welcome(now);
        if self.care.wake_at().is_some_and(|at| at <= now) {
            self.care.tell(now, Event::Wake);
        }
        while let Some(ordered) = self.care.orders.pop_front() {
            self.obey(now, ordered, orders);
        }
        if std::mem::take(&mut self.care.is_stopping) {
            self.hold_back();
        }
        if std::mem::take(&mut self.care.is_unsettled) {
            self.settle_parked();
        }
    }

    /// While a group is stopped nobody in it starts, also one that waits in the line and is not yet told to stop.
    fn hold_back(&mut self) {
        if !self.line.has_waiting() {
            return;
        }
        for query in self.care.supervision.condemned() {
            let turn = self.line.strike(query);
            turn.into_iter().for_each(|turn| self.care.park(turn, false));
        }
    }

    /// Those that have come stand in their groups from now on.
    fn welcome(&mut self, now: Tick) {
        for query in std::mem::take(&mut self.care.newcomers) {
            let Some((group, settings)) = self.query(query).and_then(membership) else { continue };
            let Some(group) = self.care.groups.get(&group).map(|(id, _)| *id) else { continue };
            let mut orders = Vec::new();
            let added = self.care.supervision.add_member(now, query, settings, group, &mut orders);
            debug_assert_eq!(added, Ok(()), "it is in the book once");
            self.care.orders.extend(orders);
            // Its group may be down.
            self.care.is_unsettled = true;
        }
    }

    fn obey(&mut self, now: Tick, ordered: Ordered, orders: &mut Vec<Order>) {
        match ordered {
            Ordered::Start(query) => self.start_member(query, orders),
            Ordered::Stop { member, how } => self.stop_member(now, member, how, orders),
            Ordered::Removed(Child::Group(group)) => {
                self.care.groups.retain(|_, (id, _)| *id != group);
                self.care.is_unsettled = true;
            }
            Ordered::Removed(Child::Member(_)) | Ordered::Stopped(_) => self.care.is_unsettled = true,
            Ordered::Failed(group) => {
                let group_name = self.care.groups.values().find(|(id, _)| *id == group);
                let name = group_name.map(|(_, name)| Arc::clone(name)).unwrap_or_default();
                self.care.failed.insert(group, self.care.why_failed(group));
                orders.push(Order::GroupFailed { group: name, why: self.care.too_many(group).into() });
                self.care.is_unsettled = true;
            }
        }
    }

    fn start_member(&mut self, query: Place, orders: &mut Vec<Order>) {
        let Some(Parked { turn, is_over }) = self.care.parked.remove(&query) else { return };
        self.care.stops.remove(&query);
        if is_over {
            orders.push(Order::Reopened { query });
        }
        self.await_turn(turn, Line::join);
    }

    /// One that waits for its slot is down at once.
    fn stop_member(&mut self, now: Tick, query: Place, how: How, orders: &mut Vec<Order>) {
        self.care.is_stopping = true;
        if !self.running.contains_key(&query) {
            let turn = self.line.strike(query);
            turn.into_iter().for_each(|turn| self.care.park(turn, false));
            return self.care.tell(now, Event::Ended { member: query, normal: false });
        }
        let grace = match how {
            How::Kill => None,
            How::Term { grace } => Some(grace.unwrap_or(Duration::MAX)),
        };
        let is_for_ever = how == How::Term { grace: None };
        let before = self.care.stops.remove(&query);
        let why = before.map_or_else(|| self.care.why(query), |stop| stop.why);
        self.care.stops.insert(query, Stop { why, is_for_ever });
        orders.push(Order::Abort { query, cause: Cause::Cancelled, forced: how == How::Kill, grace });
    }

    /// An attempt is over, and nothing follows from that but what the group says in which its query stands.
    pub(super) fn come_down(
        &mut self,
        now: Tick,
        turn: &Turn,
        mut outcome: Outcome,
        orders: &mut Vec<Order>,
    ) {
        let query = turn.query;
        let stop = self.care.stops.remove(&query);
        if let Some(Stop { why, .. }) = stop.filter(|_| outcome.cause == Cause::Cancelled) {
            outcome.remark(&why);
        }
        self.clockwork.explain(query, &mut outcome);
        if !self.care.is_member(query) || self.stopping.is_some() || self.exhausted.is_some() {
            return self.conclude(now, turn, outcome, orders);
        }
        let expected = self.query(query).and_then(|query| query.expect.as_deref());
        let normal = outcome.is_well(expected);
        self.care.tell(now, Event::Ended { member: query, normal });
        let next = self.turn_in(0, Turn { attempt: turn.attempt + 1, ..*turn });
        if self.care.supervision.returns(query) {
            self.record(turn, Then::Restart, outcome, orders);
            orders.push(Order::Requeued { query });
            self.care.park(next, false);
        } else {
            self.conclude(now, turn, outcome, orders);
            if self.is_cancelled(query) {
                // Nobody is to start it again with others.
                let _ = self.care.supervision.remove(Child::Member(query));
            }
            if self.care.is_member(query) {
                self.care.park(next, true);
            }
        }
        if let Some(asked) = self.asked.get_mut(&query) {
            asked.said = None;
        }
    }

    /// One could not be started just now: it waits before all others, unless its group has it stopped.
    pub(super) fn wait_again(&mut self, now: Tick, turn: Turn, orders: &mut Vec<Order>) {
        let query = turn.query;
        if self.clockwork.is_killed(query) {
            return self.give_way(now, turn, orders);
        }
        if !self.care.is_stopping(query) {
            return self.await_turn(turn, Line::lead);
        }
        // Why it was, it says if nobody starts it.
        self.care.park(turn, false);
        self.care.tell(now, Event::Ended { member: query, normal: false });
        self.care.is_unsettled = true;
    }

    /// Who is down and waits for a start that will not come has its last row. As long as a group stops those that stand in it,
    /// that is not known.
    fn settle_parked(&mut self) {
        let is_given_up = |(query, parked): &(&Place, &Parked)| {
            let supervision = &self.care.supervision;
            let is_down = supervision.standing(Child::Member(**query)) != Some(Standing::Up);
            let is_known = self.is_cancelled(**query) || supervision.reason(**query).is_none();
            !parked.is_over && is_down && is_known && !supervision.returns(**query)
        };
        let given_up = self.care.parked.iter().filter(is_given_up).map(|(_, parked)| parked.turn);
        let given_up: Vec<_> = given_up.collect();
        for turn in given_up {
            let query = turn.query;
            let foregone = match self.is_cancelled(query) {
                true => Foregone::Cancelled,
                false => {
                    let stop = self.care.stops.remove(&query);
                    Foregone::GivenUp(stop.map_or_else(|| self.care.why(query), |stop| stop.why))
                }
            };
            self.foregone.push_back((turn, foregone));
            self.care.parked.remove(&query);
            if self.is_cancelled(query) {
                let _ = self.care.supervision.remove(Child::Member(query));
            }
            if self.care.is_member(query) {
                self.care.park(Turn { attempt: turn.attempt + 1, ..turn }, true);
            }
        }
    }
}
