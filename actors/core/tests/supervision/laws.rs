//! The laws of supervision. What has to be ordered is reckoned by the witness; each law looks at one side of it.

use provisor_core::supervision::{Event, How, Order, Strategy};
use provisor_core::tick::Tick;

use crate::witness::{Expected, Witness};
use crate::world::World;

/// One step, and what was seen before it.
pub(crate) struct Moment<'a> {
    pub(crate) world: &'a World,
    pub(crate) past: &'a Witness,
    pub(crate) now: Tick,
    pub(crate) event: Event,
    pub(crate) orders: &'a [Order],
    pub(crate) expected: &'a Expected,
    pub(crate) wake_at: Option<Tick>,
}

/// Its name, and whether it is kept. The witness has seen the step.
pub(crate) type Law = (&'static str, fn(&Moment<'_>, &Witness) -> bool);

impl Moment<'_> {
    fn starts(&self) -> impl Iterator<Item = u32> {
        self.orders.iter().filter_map(|order| match order {
            Order::Start(member) => Some(*member),
            _ => None,
        })
    }

    fn stops(&self) -> impl Iterator<Item = (u32, How)> {
        self.orders.iter().filter_map(|order| match order {
            Order::Stop { member, how } => Some((*member, *how)),
            _ => None,
        })
    }

    fn is_up_during(&self, upto: usize, member: u32) -> bool {
        let ended = matches!(self.event, Event::Ended { member: ended, .. } if ended == member);
        let started = self.orders[..upto].contains(&Order::Start(member));
        started || (self.past.is_up(member) && !ended)
    }

    fn tells_as_expected(&self, is_of_kind: fn(&Order) -> bool) -> bool {
        let told = |orders: &[Order]| {
            let mut told: Vec<_> =
                orders.iter().copied().filter(is_of_kind).map(|o| format!("{o:?}")).collect();
            told.sort();
            told
        };
        told(self.orders) == told(&self.expected.told)
    }

    /// Time is over for something, as one reckons who watches.
    fn is_due(&self) -> bool {
        self.past.due().is_some_and(|at| at <= self.now)
    }
}

/// The one that is held against every state.
pub(crate) const NO_DEAD_ENDS: &str = "no dead ends";

/// All that are held against every step.
pub(crate) fn laws() -> Vec<Law> {
    [of_starts(), of_stops(), of_manners(), of_what_is_told(), of_the_clock()].concat()
}

fn of_starts() -> Vec<Law> {
    vec![
        ("every restart that is due is made", |m, _| {
            m.expected.starts.iter().all(|start| m.starts().any(|made| made == *start))
        }),
        ("nobody is started without need", |m, _| m.starts().all(|made| m.expected.starts.contains(&made))),
        ("nobody is started who is up", |m, _| {
            let is_wrong = |(n, order): (usize, &Order)| matches!(order, Order::Start(member) if m.is_up_during(n, *member));
            !m.orders.iter().enumerate().any(is_wrong)
        }),
        ("starts are in the order of the list", |m, _| {
            // Each of those that wait for its own pause has its own moment.
            let is_alone = m.world.groups.iter().any(|group| group.strategy == Strategy::OneForOne);
            (m.event == Event::Wake && is_alone) || m.starts().is_sorted()
        }),
        ("after a stop of all nothing starts until it is wished for", |m, w| {
            !w.is_all_stopped || m.starts().count() == 0
        }),
    ]
}

fn of_stops() -> Vec<Law> {
    vec![
        ("who has to stop is stopped", |m, _| {
            m.expected.stops.iter().all(|(stop, _)| m.stops().any(|(made, _)| made == *stop))
        }),
        ("nobody is stopped without need", |m, _| {
            m.stops().all(|(made, _)| m.expected.stops.iter().any(|(stop, _)| made == *stop))
        }),
        ("nobody is stopped who is down", |m, _| {
            let is_wrong = |(n, order): (usize, &Order)| matches!(order, Order::Stop { member, .. } if !m.is_up_during(n, *member));
            !m.orders.iter().enumerate().any(is_wrong)
        }),
        ("the last one is stopped first and waited for", |m, w| {
            let is_single = |member| {
                m.past.was_asked(member)
                    || m.event == Event::Stop(provisor_core::supervision::Child::Member(member))
            };
            m.stops().all(|(member, _)| is_single(member) || (member + 1..3).all(|later| !w.is_up(later)))
        }),
    ]
}

fn of_manners() -> Vec<Law> {
    vec![
        ("one term a life, and one kill", |m, _| {
            let is_again = |(member, how): (u32, How)| match how {
                How::Term { .. } => m.past.was_asked(member),
                How::Kill => m.past.was_killed(member),
            };
            let mut members: Vec<_> = m.stops().map(|(member, _)| member).collect();
            members.sort_unstable();
            members.windows(2).all(|two| two[0] != two[1]) && !m.stops().any(is_again)
        }),
        ("one is stopped as it is set", |m, _| {
            let fresh = |(member, _): &(u32, How)| !m.past.was_asked(*member);
            m.stops()
                .filter(fresh)
                .all(|stop| m.expected.stops.iter().all(|(of, how)| (*of, *how) == stop || *of != stop.0))
        }),
        ("grace that is over kills, and no sooner", |m, _| {
            let killed = |stops: &[(u32, How)]| {
                stops.iter().filter(|(member, _)| m.past.was_asked(*member)).map(|(member, _)| *member).max()
            };
            killed(&m.stops().collect::<Vec<_>>()) == killed(&m.expected.stops)
        }),
    ]
}

fn of_what_is_told() -> Vec<Law> {
    vec![
        ("too many restarts are a failure, and no fewer", |m, _| {
            m.tells_as_expected(|order| matches!(order, Order::Failed(_)))
        }),
        ("that a group is stopped is told once, when all in it are down", |m, _| {
            m.tells_as_expected(|order| matches!(order, Order::Stopped(_)))
        }),
        ("who was temporary is gone when it has ended", |m, _| {
            m.tells_as_expected(|order| matches!(order, Order::Removed(_)))
        }),
    ]
}

fn of_the_clock() -> Vec<Law> {
    vec![
        ("an early wake orders nothing", |m, _| m.event != Event::Wake || m.is_due() || m.orders.is_empty()),
        ("it is woken when something is due", |m, w| {
            w.due().is_none_or(|due| m.wake_at.is_some_and(|at| at <= due.max(m.now)))
        }),
        ("it is not woken for what is past", |m, _| {
            m.event != Event::Wake || m.wake_at.is_none_or(|at| at > m.now)
        }),
    ]
}

/// Holds one step against these laws.
pub(crate) fn check(laws: &[Law], moment: &Moment<'_>, witness: &Witness) -> Result<(), String> {
    let Some((name, _)) = laws.iter().find(|(_, law)| !law(moment, witness)) else { return Ok(()) };
    let Moment { now, event, orders, expected, past, wake_at, .. } = moment;
    Err(format!(
        "{name}: {event:?} at {now:?} led to {orders:?} and {wake_at:?}, not to {expected:?}\nbefore: {past:?}\nafter: {witness:?}"
    ))
}
