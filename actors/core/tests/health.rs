//! The watch over a query by its probe, enumerated: every course of a few ticks is held against the laws, and every law has
//! planted faults that it catches alone.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::time::Duration;

use provisor_core::cause::Exit;
use provisor_core::health::{Answer, Event, Order, Probe, Watch};
use provisor_core::process::{self, Phase};
use provisor_core::rules::Stream;
use provisor_core::tick::Tick;

/// Long enough for three probes of any of the settings, and for what is late.
const HORIZON: u64 = 10;

const fn ticks(ticks: u64) -> Duration {
    Duration::from_micros(ticks)
}

fn probe(every: u64, within: u64, failures: u32) -> Probe {
    Probe::new(["ask"]).every(ticks(every)).within(ticks(within)).failures(failures)
}

fn settings() -> [Probe; 4] {
    [probe(1, 1, 1), probe(2, 1, 2), probe(2, 2, 2), probe(3, 1, 3)]
}

fn alphabet() -> [Event; 8] {
    [
        Event::Began,
        Event::Held,
        Event::WentOn,
        Event::Answered(Answer::Well),
        Event::Answered(Answer::Failed("exit code 7".into())),
        Event::Answered(Answer::Unasked),
        Event::Left,
        Event::Wake,
    ]
}

/// One who looks on, and reckons by itself what is due and what is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Witness {
    began: Option<Tick>,
    /// When the last probe was due to begin, or did; and whether it is under way.
    asked: Option<Tick>,
    is_asking: bool,
    failed: u32,
    is_held: bool,
    is_over: bool,
}

impl Witness {
    fn is_watching(&self) -> bool {
        self.began.is_some() && !self.is_over
    }

    fn due(&self, probe: &Probe) -> Option<Tick> {
        match self.asked {
            _ if !self.is_watching() => None,
            Some(asked) if self.is_asking => Some(asked + probe.within),
            _ if self.is_held => None,
            before => Some(before.or(self.began)? + probe.every),
        }
    }

    fn is_due(&self, probe: &Probe, now: Tick) -> bool {
        self.due(probe).is_some_and(|due| due <= now)
    }

    /// What is known after that, and what has to be ordered.
    fn see(&self, probe: &Probe, now: Tick, event: &Event) -> (Self, Vec<&'static str>) {
        let (mut next, mut must) = (self.clone(), Vec::new());
        if self.is_over {
            return (next, must);
        }
        let is_due = self.is_due(probe, now);
        let mut fails = false;
        match event {
            Event::Began => next.began = self.began.or(Some(now)),
            Event::Held => next.is_held = true,
            Event::WentOn => next.is_held = false,
            Event::Left => next.is_over = true,
            Event::Answered(answer) if self.is_asking => {
                next.is_asking = false;
                fails = matches!(answer, Answer::Failed(_));
                next.failed = if *answer == Answer::Well { 0 } else { self.failed };
            }
            Event::Wake if is_due && self.is_asking => {
                must.push("let go");
                (next.is_asking, fails) = (false, true);
            }
            Event::Wake if is_due => {
                must.push("ask");
                (next.is_asking, next.asked) = (true, Some(now));
            }
            Event::Answered(_) | Event::Wake => {}
        }
        if next.is_over && self.is_asking {
            must.push("let go");
            next.is_asking = false;
        }
        next.failed += u32::from(fails && !self.is_held);
        if next.failed == probe.failures {
            must.push("unwell");
            next.is_over = true;
        }
        (next, must)
    }
}

struct Moment<'a> {
    probe: &'a Probe,
    past: &'a Witness,
    witness: &'a Witness,
    must: &'a [&'static str],
    now: Tick,
    event: &'a Event,
    orders: &'a [Order],
    is_same: bool,
    wake_at: Option<Tick>,
}

impl Moment<'_> {
    /// Whether it was ordered exactly where it has to be.
    fn is_right(&self, word: &str) -> bool {
        let is_it = |order: &&Order| match order {
            Order::Ask => word == "ask",
            Order::LetGo => word == "let go",
            Order::Unwell(_) => word == "unwell",
        };
        let must = self.must.iter().filter(|must| **must == word).count();
        self.orders.iter().filter(is_it).count() == must
    }
}

type Law = (&'static str, fn(&Moment<'_>) -> bool);

const LAWS: [Law; 7] = [
    ("a probe is run when it is time, one at a time, and not while output is held", |m| m.is_right("ask")),
    ("a probe ends with its time and with its query", |m| m.is_right("let go")),
    ("so many failures in a row are the end, and no fewer", |m| m.is_right("unwell")),
    ("the end says what has failed", |m| {
        let of_many = |why: &str| why.starts_with(&format!("{} probes in a row failed: ", m.probe.failures));
        m.orders.iter().all(|order| match order {
            Order::Unwell(why) if m.probe.failures == 1 => why.starts_with("a probe failed: "),
            Order::Unwell(why) => of_many(why),
            Order::Ask | Order::LetGo => true,
        })
    }),
    ("nothing follows the end", |m| !m.past.is_over || (m.orders.is_empty() && m.is_same)),
    ("it wants to be woken when its time is over, neither sooner nor later", |m| {
        m.wake_at == m.witness.due(m.probe)
    }),
    ("an early wake does nothing", |m| {
        let is_early = *m.event == Event::Wake && !m.past.is_due(m.probe, m.now);
        !is_early || (m.orders.is_empty() && m.is_same)
    }),
];

/// One way of being wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fault {
    AsksTwice,
    AsksWhatIsHeld,
    NeverAsks,
    LateIsWaitedFor,
    OutlivesItsQuery,
    OneTooMany,
    OneTooFew,
    WellForgotten,
    UnaskedCounts,
    HeldCounts,
    LateDoesNotCount,
    SaysNothing,
    GoesOn,
    TooSeldom,
    AsksEarly,
}

const FAULTS: [(Fault, &str); 15] = [
    (Fault::AsksTwice, "a probe is run when it is time, one at a time, and not while output is held"),
    (Fault::AsksWhatIsHeld, "a probe is run when it is time, one at a time, and not while output is held"),
    (Fault::NeverAsks, "a probe is run when it is time, one at a time, and not while output is held"),
    (Fault::LateIsWaitedFor, "a probe ends with its time and with its query"),
    (Fault::OutlivesItsQuery, "a probe ends with its time and with its query"),
    (Fault::OneTooMany, "so many failures in a row are the end, and no fewer"),
    (Fault::OneTooFew, "so many failures in a row are the end, and no fewer"),
    (Fault::WellForgotten, "so many failures in a row are the end, and no fewer"),
    (Fault::UnaskedCounts, "so many failures in a row are the end, and no fewer"),
    (Fault::HeldCounts, "so many failures in a row are the end, and no fewer"),
    (Fault::LateDoesNotCount, "so many failures in a row are the end, and no fewer"),
    (Fault::SaysNothing, "the end says what has failed"),
    (Fault::GoesOn, "nothing follows the end"),
    (Fault::TooSeldom, "it wants to be woken when its time is over, neither sooner nor later"),
    (Fault::AsksEarly, "an early wake does nothing"),
];

/// The watch as it is, or behind a fault that spoils what goes in or what comes out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Machine {
    inner: Watch,
    fault: Option<Fault>,
    is_held: bool,
    is_asking: bool,
}

impl Machine {
    fn new(probe: &Probe, fault: Option<Fault>) -> Self {
        let given = match fault {
            Some(Fault::OneTooMany) => probe.clone().failures(probe.failures + 1),
            Some(Fault::OneTooFew) => probe.clone().failures(probe.failures - 1),
            Some(Fault::TooSeldom) => Probe { every: probe.every + ticks(1), ..probe.clone() },
            _ => probe.clone(),
        };
        Self { inner: Watch::new(&given), fault, is_held: false, is_asking: false }
    }

    fn step(&mut self, now: Tick, event: &Event, orders: &mut Vec<Order>) {
        let before = self.clone();
        let failed = || Event::Answered(Answer::Failed("x".into()));
        match (self.fault, event) {
            (Some(Fault::AsksWhatIsHeld), Event::Held) => {}
            (Some(Fault::WellForgotten), Event::Answered(Answer::Well)) => {
                self.inner.step(now, Event::Answered(Answer::Unasked), orders);
            }
            (Some(Fault::UnaskedCounts), Event::Answered(Answer::Unasked)) => {
                self.inner.step(now, failed(), orders);
            }
            (Some(Fault::HeldCounts), Event::Answered(Answer::Failed(_))) if self.is_held => {
                self.inner.step(now, Event::WentOn, orders);
                self.inner.step(now, failed(), orders);
                self.inner.step(now, Event::Held, orders);
            }
            (Some(Fault::LateDoesNotCount), Event::Wake) if self.is_asking => {
                if self.inner.wake_at().is_some_and(|at| at <= now) {
                    self.inner.step(now, Event::Answered(Answer::Unasked), orders);
                    orders.push(Order::LetGo);
                }
            }
            (Some(Fault::AsksEarly), Event::Wake) => {
                let at = self.inner.wake_at().unwrap_or(now).max(now);
                self.inner.step(at, Event::Wake, orders);
            }
            _ => self.inner.step(now, event.clone(), orders),
        }
        self.is_held = match event {
            Event::Held => true,
            Event::WentOn => false,
            _ => self.is_held,
        };
        match self.fault {
            Some(Fault::AsksTwice) if *event == Event::Wake && before.is_asking => orders.push(Order::Ask),
            Some(Fault::NeverAsks) => orders.retain(|order| *order != Order::Ask),
            Some(Fault::LateIsWaitedFor) if *event == Event::Wake => {
                orders.retain(|order| *order != Order::LetGo);
            }
            Some(Fault::OutlivesItsQuery) if *event == Event::Left => orders.clear(),
            Some(Fault::SaysNothing) => orders
                .iter_mut()
                .filter(|order| matches!(order, Order::Unwell(_)))
                .for_each(|order| *order = Order::Unwell("it is unwell".into())),
            // It is told once more that it has left.
            Some(Fault::GoesOn) if *event == Event::Left && before.inner == self.inner => {
                orders.push(Order::LetGo);
            }
            _ => {}
        }
        self.is_asking = orders.contains(&Order::Ask)
            || (self.is_asking && !matches!(event, Event::Answered(_)) && !orders.contains(&Order::LetGo));
    }
}

/// Visits every state within the horizon, each event at the same tick and one later, under all laws or that one.
fn explore(probe: &Probe, fault: Option<Fault>, only: Option<&str>) -> Result<usize, String> {
    let laws = LAWS.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)).collect::<Vec<_>>();
    let first = (Machine::new(probe, fault), Witness::default(), 0_u64);
    let mut seen = HashSet::from([first.clone()]);
    let mut queue = VecDeque::from([first]);
    while let Some((before, past, now)) = queue.pop_front() {
        for event in &alphabet() {
            for at in [now, now + 1].into_iter().filter(|at| *at <= HORIZON) {
                let (mut after, mut orders) = (before.clone(), Vec::new());
                let now = Tick::from_micros(at);
                after.step(now, event, &mut orders);
                let (witness, must) = past.see(probe, now, event);
                let (is_same, wake_at) = (after.inner == before.inner, after.inner.wake_at());
                let (past, must, orders) = (&past, &must[..], &orders[..]);
                let moment =
                    Moment { probe, past, witness: &witness, must, now, event, orders, is_same, wake_at };
                if let Some((law, _)) = laws.iter().find(|(_, law)| !law(&moment)) {
                    return Err(format!("{law}: {event:?} at {at} led to {orders:?}, and it must {must:?}"));
                }
                let next = (after, witness, at);
                if seen.insert(next.clone()) {
                    queue.push_back(next);
                }
            }
        }
    }
    Ok(seen.len())
}

#[test]
fn every_course_keeps_every_law() {
    for probe in settings() {
        let states = explore(&probe, None, None).unwrap_or_else(|law| panic!("{probe:?}: {law}"));
        assert!(states > 100, "{states} are too few to mean anything");
    }
}

#[test]
fn every_planted_fault_is_caught_by_its_law() {
    for (fault, law) in FAULTS {
        let caught = explore(&probe(2, 2, 2), Some(fault), Some(law));
        assert!(caught.is_err(), "{fault:?} should break \"{law}\"");
    }
    let broken: BTreeSet<_> = FAULTS.iter().map(|(_, law)| *law).collect();
    let laws: BTreeSet<_> = LAWS.iter().map(|(law, _)| *law).collect();
    assert_eq!(laws, broken, "a law that no fault breaks proves nothing");
}

#[test]
fn a_probe_says_how_it_has_failed_and_what_it_said_last() {
    let failed = |why: &str| Answer::Failed(why.into());
    assert_eq!(Answer::of(Exit::Code(0), Some("fine")), Answer::Well);
    assert_eq!(Answer::of(Exit::Code(7), None), failed("exit code 7"));
    assert_eq!(Answer::of(Exit::Code(7), Some("curl: (7)")), failed("exit code 7 (curl: (7))"));
    assert_eq!(Answer::of(Exit::Signal(11), None), failed("SIGSEGV"));
    let Answer::Failed(long) = Answer::of(Exit::Code(1), Some(&"x".repeat(100_000))) else { panic!() };
    assert!(long.len() < 300, "it has to stand in a row");
}

/// A probe has no more time than there is until the next one, in whatever order that is said.
#[test]
fn what_is_said_of_a_probe_fits_together() {
    let said = |probe: Probe| (probe.every, probe.within, probe.failures);
    let second = Duration::from_secs(1);
    assert_eq!(said(Probe::new(["x"])), (10 * second, 10 * second, 3));
    assert_eq!(said(Probe::new(["x"]).every(60 * second)), (60 * second, 60 * second, 3));
    assert_eq!(said(Probe::new(["x"]).within(2 * second).every(60 * second)), (60 * second, 2 * second, 3));
    assert_eq!(said(Probe::new(["x"]).every(second).within(2 * second).failures(0)), (second, second, 1));
    // Also where the fields were written by hand.
    let mut watch = Watch::new(&Probe { within: 2 * second, failures: 0, ..Probe::new(["x"]).every(second) });
    let mut orders = Vec::new();
    for (at, event) in [(0, Event::Began), (1, Event::Wake), (2, Event::Wake)] {
        watch.step(Tick::ZERO + at * second, event, &mut orders);
    }
    let late = Order::Unwell("a probe failed: no answer within 1 s".into());
    assert_eq!(orders, [Order::Ask, Order::LetGo, late]);
}

#[test]
fn the_watch_hears_of_its_attempt_what_concerns_it() {
    let of = |event, phase| Event::of_step(&event, phase);
    assert_eq!(of(process::Event::Begin, Phase::Starting), None);
    assert_eq!(of(process::Event::Spawned, Phase::Running), Some(Event::Began));
    assert_eq!(of(process::Event::Held, Phase::Running), Some(Event::Held));
    assert_eq!(of(process::Event::Chunk(Stream::Stderr, b"x"), Phase::Running), Some(Event::WentOn));
    assert_eq!(of(process::Event::Eof(Stream::Stdout), Phase::Running), Some(Event::WentOn));
    assert_eq!(of(process::Event::Wake, Phase::Running), Some(Event::Wake));
    for phase in [Phase::Stopping, Phase::Killing, Phase::Draining, Phase::Sweeping, Phase::Done] {
        assert_eq!(of(process::Event::Wake, phase), Some(Event::Left), "none is run while it ends");
    }
    // One that was told to end while it started is never watched.
    assert_eq!(of(process::Event::Spawned, Phase::Stopping), Some(Event::Left));
}
