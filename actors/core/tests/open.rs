//! A desk that is open: queries come and go while it works. Every sequence of what may happen to it, up to a length, and long
//! ones at random; what must hold is worked out from what was told and ordered, not from how the desk decides.

#[path = "plans/papers.rs"]
mod papers;
mod plans;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use provisor_core::cause::{Cause, End, Exit, Outcome};
use provisor_core::desk::{Desk, Effect, Event, News};
use provisor_core::plan::{After, AfterFailure, Need, Query, Retry, RetryOn};
use provisor_core::process::Fact;
use provisor_core::roster::{Place, Refusal, Roster};
use provisor_core::row::{Printed, Row};
use provisor_core::tally::Counts;
use provisor_core::tick::Tick;
use provisor_core::verdict::Judgement;

use plans::{bounds, entries, plan, query};

/// What may happen.
#[derive(Clone, Copy, Debug)]
enum Move {
    Submit,
    /// One that comes after the oldest and the newest of those that are not over.
    SubmitAfter(AfterFailure),
    /// The oldest, or the newest, of those that are not over.
    CancelOldest,
    CancelNewest,
    Slots(usize),
    Pause,
    GoOn,
    /// The oldest of those that run: its process leaves, and it ends with this code.
    Ends(i32),
    /// The oldest of those that run cannot be started just now.
    Returns,
    Durable,
    Close,
}

const MOVES: [Move; 12] = [
    Move::Submit,
    Move::CancelOldest,
    Move::CancelNewest,
    Move::Slots(1),
    Move::Slots(3),
    Move::Pause,
    Move::GoOn,
    Move::Ends(0),
    Move::Ends(75),
    Move::Returns,
    Move::Durable,
    Move::Close,
];

/// What concerns those that come after others.
const MOVES_OF_ORDER: [Move; 9] = [
    Move::Submit,
    Move::SubmitAfter(AfterFailure::Skip),
    Move::SubmitAfter(AfterFailure::Run),
    Move::CancelOldest,
    Move::CancelNewest,
    Move::Ends(0),
    Move::Ends(1),
    Move::Ends(75),
    Move::Durable,
];

/// The desk, and what is known of it from outside.
struct World {
    desk: Desk,
    counts: Counts,
    now: Tick,
    slots: usize,
    paused: bool,
    closed: bool,
    submitted: u32,
    /// All that were ever taken in.
    taken: Vec<Place>,
    cancelled: BTreeSet<Place>,
    /// Whom each that has to come after others comes after.
    after: BTreeMap<Place, (Vec<Place>, AfterFailure)>,
    /// The row of each that has been sent to the disk.
    rows: BTreeMap<Place, Arc<Row>>,
    /// Those that run, with their attempt, in the order of their starts.
    running: Vec<(Place, u32)>,
    sent: Vec<Arc<Row>>,
    over: BTreeMap<Place, Arc<Row>>,
}

fn retry() -> Arc<Retry> {
    Arc::new(Retry { times: 1, on: vec![RetryOn::ExitCode(75)], ..Retry::default() })
}

impl World {
    /// One slot, and one query in the plan.
    fn new() -> Self {
        let plan = Arc::new(plan(vec![Query { retry: retry(), ..query(0) }]));
        let roster = Roster::new(bounds(1), Arc::clone(&plan), entries(&plan), []);
        let mut desk = Desk::new(papers::papers(), roster);
        desk.open();
        let mut world = Self {
            desk,
            counts: Counts::new(1, []),
            now: Tick::ZERO,
            slots: 1,
            paused: false,
            closed: false,
            submitted: 0,
            taken: vec![0],
            cancelled: BTreeSet::new(),
            after: BTreeMap::new(),
            rows: BTreeMap::new(),
            running: Vec::new(),
            sent: Vec::new(),
            over: BTreeMap::new(),
        };
        world.tell(Event::Wake);
        world
    }

    fn tell(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.desk.step(self.now, event, &mut effects);
        self.take(effects);
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Start { query, attempt, .. } => {
                    assert!(!self.paused, "nothing starts while it is paused");
                    assert!(!self.cancelled.contains(&query), "nobody wants it any more");
                    assert!(self.taken.contains(&query) && !self.over.contains_key(&query));
                    assert!(self.running.iter().all(|(other, _)| *other != query), "it runs already");
                    assert_eq!(self.may_start(query), Some(true), "it comes after others");
                    self.running.push((query, attempt));
                    assert!(self.running.len() <= self.slots, "there are not so many slots");
                }
                Effect::Abort { query, cause, forced, grace: None } => {
                    assert!(self.cancelled.contains(&query) && cause == Cause::Cancelled && !forced);
                }
                Effect::Write(row) => self.written(row),
                Effect::Count(change) => self.counts.apply(change),
                Effect::Tell(News::Done(row)) => self.done(row),
                Effect::Abort { .. } | Effect::Release { .. } | Effect::Tell(_) => {}
                Effect::Discard { .. } | Effect::Forget { .. } => panic!("none is asked again by the clock"),
            }
        }
        assert!(self.counts.is_consistent(), "{:?}", self.counts);
        assert_eq!(self.counts.total, self.taken.len());
        assert_eq!(self.counts.done, self.over.len());
    }

    fn written(&mut self, row: Arc<Row>) {
        if let End::Skipped(_) = row.outcome.end {
            let others = self.after.get(&row.query).map_or(&[][..], |(others, _)| others);
            let is_against = |other: &Place| self.rows.get(other).is_some_and(|row| !is_well(row));
            assert!(others.iter().any(is_against), "it is skipped for nothing");
            assert_ne!(self.after[&row.query].1, AfterFailure::Run);
        }
        if row.is_last() {
            self.rows.insert(row.query, Arc::clone(&row));
        }
        self.sent.push(row);
    }

    /// Whether what it comes after is as it has to be; nothing while that is open.
    fn may_start(&self, query: Place) -> Option<bool> {
        let Some((others, failure)) = self.after.get(&query) else { return Some(true) };
        let rows: Option<Vec<_>> = others.iter().map(|other| self.rows.get(other)).collect();
        Some(*failure == AfterFailure::Run || rows?.into_iter().all(|row| is_well(row)))
            .filter(|_| others.iter().all(|other| self.rows.contains_key(other)))
    }

    fn done(&mut self, row: Arc<Row>) {
        if row.is_last() {
            assert_eq!(row.added.is_some(), row.query != 0, "it is not of the plan");
            assert!(row.id.starts_with('q'));
            assert!(self.over.insert(row.query, row).is_none(), "a query has one row");
        }
    }

    fn report(&mut self, fact: Fact) {
        let Some((query, attempt)) = self.running.first().copied() else { return };
        // Some facts are not the last of an attempt.
        if !matches!(fact, Fact::Started) {
            self.running.remove(0);
        }
        let printed = Printed::default();
        self.tell(Event::Report { query, attempt, unix_us: 0, log_is_whole: true, printed, fact });
    }

    fn open_ones(&self) -> Vec<Place> {
        self.taken.iter().copied().filter(|place| !self.over.contains_key(place)).collect()
    }

    fn cancel(&mut self, query: Option<Place>) {
        let Some(query) = query else { return };
        self.cancelled.insert(query);
        self.tell(Event::Cancel { query, forced: false });
    }

    fn step(&mut self, what: Move) {
        match what {
            Move::Submit => self.submit(None),
            Move::SubmitAfter(failure) => self.submit(Some(failure)),
            Move::CancelOldest => self.cancel(self.open_ones().first().copied()),
            Move::CancelNewest => self.cancel(self.open_ones().last().copied()),
            Move::Slots(slots) => {
                // What runs beyond that runs on.
                self.slots = slots.max(self.running.len());
                self.tell(Event::Slots(slots));
                self.slots = slots;
            }
            Move::Pause => {
                self.paused = true;
                self.tell(Event::Paused(true));
            }
            Move::GoOn => {
                self.paused = false;
                self.tell(Event::Paused(false));
            }
            Move::Ends(code) => {
                self.report(Fact::Started);
                let verdict = (code == 0).then(|| "ok".into());
                let judgement = Judgement { verdict, ..Judgement::default() };
                let end = End::Reaped(Exit::Code(code));
                let outcome = Outcome { end, judgement, ..Outcome::lost("".into()) };
                self.report(Fact::Finished(Box::new(outcome)));
            }
            Move::Returns => {
                self.report(Fact::Returned("short of something".into()));
                self.wait();
            }
            Move::Durable => {
                let rows = std::mem::take(&mut self.sent).len();
                self.tell(Event::Durable { rows });
            }
            Move::Close => {
                self.closed = true;
                self.tell(Event::Closed);
            }
        }
        let is_idle = self.open_ones().is_empty() && self.sent.is_empty();
        assert_eq!(self.desk.is_over(), self.closed && is_idle, "after {what:?}");
    }

    fn submit(&mut self, failure: Option<AfterFailure>) {
        self.submitted += 1;
        let asked = Query { retry: retry(), ..query(self.submitted) };
        let open = self.open_ones();
        let others: Vec<_> = open.first().into_iter().chain(open.last()).copied().collect();
        let id = |place: &Place| Arc::clone(&self.desk.query(*place).expect("it is not over").id);
        let after = |failure| others.iter().map(move |other| After { id: id(other), failure });
        let after: Vec<_> = failure.into_iter().flat_map(after).collect();
        let mut effects = Vec::new();
        let taken = self.desk.submit_after(self.now, Arc::new(asked), &after, &mut effects);
        assert_eq!(taken.is_ok(), !self.closed, "{taken:?}");
        if let (Ok(place), Some(failure)) = (&taken, failure) {
            self.after.insert(*place, (others, failure));
        }
        self.taken.extend(taken.ok());
        self.take(effects);
    }

    /// Until the desk wants to be woken.
    fn wait(&mut self) {
        self.now = self.desk.wake_at().unwrap_or(self.now).max(self.now);
        self.tell(Event::Wake);
    }

    /// Nothing more is asked, and all that is left comes to its end.
    fn end(&mut self) {
        self.step(Move::Close);
        self.step(Move::GoOn);
        while !self.desk.is_over() {
            let before = (self.over.len(), self.sent.len());
            // Who comes after others may come into the line while the system is short of something.
            self.wait();
            self.step(Move::Ends(0));
            self.step(Move::Durable);
            assert_ne!((self.over.len(), self.sent.len()), before, "somebody waits for ever");
        }
        assert_eq!(self.over.len(), self.taken.len(), "each has its row");
        for (place, row) in &self.over {
            let never_ran = row.outcome.cause == Cause::Cancelled;
            assert!(!never_ran || self.cancelled.contains(place), "who is not wanted has a row that says so");
            assert_eq!(self.desk.query(*place).is_some(), *place == 0, "who came later is forgotten");
        }
    }
}

fn is_well(row: &Row) -> bool {
    row.outcome.end == End::Reaped(Exit::Code(0)) && row.outcome.cause == Cause::Exited
}

#[test]
fn who_comes_after_others_starts_when_they_are_over_in_every_sequence() {
    for code in 0..MOVES_OF_ORDER.len().pow(5) {
        let mut world = World::new();
        for digit in 0..5 {
            world.step(MOVES_OF_ORDER[code / MOVES_OF_ORDER.len().pow(digit) % MOVES_OF_ORDER.len()]);
        }
        world.end();
    }
}

#[test]
fn every_sequence_keeps_the_promises() {
    for code in 0..MOVES.len().pow(5) {
        let mut world = World::new();
        for digit in 0..5 {
            world.step(MOVES[code / MOVES.len().pow(digit) % MOVES.len()]);
        }
        world.end();
    }
}

proptest! {
    #[test]
    fn long_ones_do_too(moves in proptest::collection::vec(0..MOVES.len() + 2, 0..200)) {
        let mut world = World::new();
        let moves = moves.into_iter().map(|at| *MOVES.get(at).unwrap_or(&MOVES_OF_ORDER[at.saturating_sub(11)]));
        moves.filter(|what| !matches!(what, Move::Close)).for_each(|what| world.step(what));
        world.end();
    }
}

#[test]
fn who_is_cancelled_while_it_waits_has_a_row_without_a_process() {
    let mut world = World::new();
    world.step(Move::Submit);
    world.step(Move::CancelNewest);
    world.step(Move::Durable);
    let row = &world.over[&1];
    assert_eq!((row.outcome.cause_word(), row.attempt, row.started_us), ("cancelled", 1, None));
    assert_eq!((world.counts.running, world.counts.done), (1, 1));
}

#[test]
fn who_is_cancelled_is_not_tried_again() {
    for tried_again in [false, true] {
        let mut world = World::new();
        if !tried_again {
            world.step(Move::CancelOldest);
        }
        world.step(Move::Ends(75));
        assert_eq!(world.running, if tried_again { vec![(0, 2)] } else { Vec::new() });
        assert_eq!(world.sent.len(), 1, "its attempt is its row");
    }
}

#[test]
fn further_slots_are_filled_at_once_and_fewer_as_they_come_free() {
    let mut world = World::new();
    (0..5).for_each(|_| world.step(Move::Submit));
    world.step(Move::Slots(3));
    assert_eq!(world.running, [(0, 1), (1, 1), (2, 1)]);
    world.step(Move::Slots(2));
    world.step(Move::Ends(0));
    assert_eq!(world.running, [(1, 1), (2, 1)]);
    world.step(Move::Ends(0));
    assert_eq!(world.running, [(2, 1), (3, 1)]);
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_reason() {
    let mut world = World::new();
    let mut submit = |query: Query| world.desk.submit(Tick::ZERO, Arc::new(query), &mut Vec::new());
    let id: Arc<str> = "q0".into();
    assert_eq!(submit(query(0)), Err(Refusal::Taken { id }));
    let bad = Query { id: "../x".into(), ..query(1) };
    assert!(matches!(submit(bad), Err(Refusal::Id { .. })));
    let mut empty = query(1);
    empty.command.argv = Box::default();
    assert!(matches!(submit(empty), Err(Refusal::NoProgram { .. })));
    let needs = [Need::says(0, "true")].into();
    assert!(matches!(submit(Query { needs, ..query(1) }), Err(Refusal::Refers { .. })));
    assert_eq!(submit(query(1)), Ok(1));
    assert_eq!((world.desk.find("q1"), world.desk.find("q2")), (Some(1), None));
    assert_eq!(world.desk.find_all(|id| id.starts_with('q')), [0, 1]);
    let interrupt = Event::Interrupt { cause: Cause::Cancelled, forced: false };
    world.desk.step(Tick::ZERO, interrupt, &mut Vec::new());
    assert_eq!(world.desk.submit(Tick::ZERO, Arc::new(query(2)), &mut Vec::new()), Err(Refusal::Closed));
}
