//! Small trees of groups, everything that can happen to them, and the enumeration that holds every step against every law.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use provisor_core::supervision::{
    Child, Event, GroupId, GroupSettings, MemberSettings, Order, Restart, Shutdown, Strategy, Supervision,
};
use provisor_core::tick::Tick;

use crate::laws::{Law, Moment, NO_DEAD_ENDS, check};
use crate::witness::Witness;

/// Three members on two levels: the outer group has member 0 and the inner group, that has the members 1 and 2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) members: [MemberSettings; 3],
    /// The outer one and the inner one.
    pub(crate) groups: [GroupSettings; 2],
    /// How long it is watched, in ticks.
    pub(crate) horizon: u64,
}

pub(crate) const fn ticks(n: u64) -> Duration {
    Duration::from_micros(n)
}

impl World {
    /// All members alike; who asks for more changes it.
    pub(crate) fn new(strategies: [Strategy; 2], restarts: [u32; 2], restart: Restart) -> Self {
        let member = MemberSettings { restart, ..MemberSettings::default() };
        let group = |n: usize| {
            let mut group = GroupSettings { strategy: strategies[n], ..GroupSettings::default() };
            group.intensity.restarts = restarts[n];
            group.intensity.within = ticks(1);
            group.shutdown = Shutdown::Infinity;
            group
        };
        Self { members: [member; 3], groups: [group(0), group(1)], horizon: 2 }
    }

    pub(crate) fn with_shutdown(mut self, shutdown: Shutdown) -> Self {
        self.groups[0].shutdown = shutdown;
        self.groups[1].shutdown = shutdown;
        self
    }

    pub(crate) fn build(&self) -> (Supervision, [GroupId; 2]) {
        let mut supervision = Supervision::new(0);
        let outer = supervision.add_group(Tick::ZERO, self.groups[0], None).expect("it has no parent");
        let mut orders = Vec::new();
        let mut add = |supervision: &mut Supervision, member, group| {
            let settings = self.members[member as usize];
            supervision.add_member(Tick::ZERO, member, settings, group, &mut orders).expect("it is new");
        };
        add(&mut supervision, 0, outer);
        let inner = supervision.add_group(Tick::ZERO, self.groups[1], Some(outer)).expect("there is one");
        add(&mut supervision, 1, inner);
        add(&mut supervision, 2, inner);
        (supervision, [outer, inner])
    }

    /// Everything that can happen at a moment. Of those that are down nothing is told: that nothing follows from it has a test of
    /// its own, and so has how long they have lived.
    fn alphabet(&self, past: &Witness, groups: [GroupId; 2]) -> Vec<Event> {
        let mut events = vec![Event::StopAll, Event::Wake];
        events.extend(groups.map(|group| Event::Stop(Child::Group(group))));
        events.extend(groups.map(|group| Event::Start(Child::Group(group))));
        for member in 0..3 {
            events.extend([Event::Start(Child::Member(member)), Event::Stop(Child::Member(member))]);
            if past.is_up(member) {
                events.extend([true, false].map(|normal| Event::Ended { member, normal }));
            }
        }
        events
    }
}

/// What the laws need to see of a machine. The real one and the faulty ones are both of this kind.
pub(crate) trait Machine: Clone + Eq + Hash {
    fn step(&mut self, now: Tick, event: Event, orders: &mut Vec<Order>);
    fn wake_at(&self) -> Option<Tick>;
}

impl Machine for Supervision {
    fn step(&mut self, now: Tick, event: Event, orders: &mut Vec<Order>) {
        Self::step(self, now, event, orders);
    }

    fn wake_at(&self) -> Option<Tick> {
        Self::wake_at(self)
    }
}

/// How much was visited.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    pub(crate) states: usize,
    pub(crate) edges: usize,
}

/// Visits every state that `machine` can reach within the horizon and holds every step against these laws. Whether all can be
/// stopped is asked of every state, where `runs_out` is.
pub(crate) fn explore<M: Machine>(
    machine: M,
    world: &World,
    groups: [GroupId; 2],
    laws: &[Law],
    runs_out: bool,
) -> Result<Extent, String> {
    let first = (machine, Witness::new(), 0_u64);
    let mut seen = HashSet::from([first.clone()]);
    let mut queue = VecDeque::from([first]);
    let mut extent = Extent::default();
    while let Some((before, past, at)) = queue.pop_front() {
        extent.states += 1;
        let now = Tick::from_micros(at);
        if runs_out {
            stops_in_the_end(&before, &past, now)?;
        }
        for event in world.alphabet(&past, groups) {
            extent.edges += 1;
            let (mut after, mut orders) = (before.clone(), Vec::new());
            after.step(now, event, &mut orders);
            let mut witness = past.clone();
            let expected = witness.see(world, groups, now, event);
            let wake_at = after.wake_at();
            let (past, orders) = (&past, &orders[..]);
            let moment = Moment { world, past, now, event, orders, expected: &expected, wake_at };
            check(laws, &moment, &witness)?;
            witness.forget(world, now);
            let next = (after, witness, at);
            if !seen.contains(&next) {
                seen.insert(next.clone());
                queue.push_back(next);
            }
        }
        let later = (before, past, at + 1);
        if at < world.horizon && seen.insert(later.clone()) {
            queue.push_back(later);
        }
    }
    Ok(extent)
}

/// No dead ends: whatever state it is in, told to stop all, it has stopped all when each has ended that it has stopped.
fn stops_in_the_end<M: Machine>(state: &M, past: &Witness, now: Tick) -> Result<(), String> {
    let (mut state, mut orders) = (state.clone(), Vec::new());
    let mut up: Vec<u32> = (0..3).filter(|member| past.is_up(*member)).collect();
    let mut asked: Vec<u32> = up.iter().copied().filter(|member| past.was_asked(*member)).collect();
    state.step(now, Event::StopAll, &mut orders);
    loop {
        asked.extend(orders.drain(..).filter_map(|order| match order {
            Order::Stop { member, .. } => Some(member),
            _ => None,
        }));
        let Some(member) = asked.pop() else { break };
        up.retain(|other| *other != member);
        state.step(now, Event::Ended { member, normal: false }, &mut orders);
    }
    if up.is_empty() { Ok(()) } else { Err(format!("{NO_DEAD_ENDS}: {up:?} are never stopped")) }
}
