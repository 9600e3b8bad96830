//! A desk with queries that are asked again and again, and what is known of it from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use provisor_core::cause::{Cause, End, Exit, Outcome};
use provisor_core::desk::{Desk, Effect, Event, News};
use provisor_core::periodic::LeftOut;
use provisor_core::plan::{Care, Plan, Query};
use provisor_core::process::Fact;
use provisor_core::roster::{Place, Refusal, Roster};
use provisor_core::row::{Printed, Row};
use provisor_core::tally::Counts;
use provisor_core::tick::Tick;
use provisor_core::verdict::{self, Judgement};

use crate::papers::papers;
use crate::plans::{bounds, entries};

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Move {
    /// The first of those that run ends well, or not, or cannot be started just now.
    Well,
    Ill,
    Returns,
    /// The first query is not wanted any more.
    Cancel,
    Durable,
    /// Time passes until the desk wants to be woken.
    Wait,
    /// Nobody looks for more than three rounds.
    Late,
    /// Nothing new starts, or it goes on.
    Pause,
    Close,
    Stop,
}

pub(crate) const MOVES: [Move; 10] = [
    Move::Well,
    Move::Ill,
    Move::Returns,
    Move::Cancel,
    Move::Durable,
    Move::Wait,
    Move::Late,
    Move::Close,
    Move::Stop,
    Move::Pause,
];

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// From one round to the next, of all of them.
pub(crate) const EVERY: Duration = secs(10);

pub(crate) struct Running {
    pub(crate) query: Place,
    pub(crate) attempt: u32,
    pub(crate) is_aborted: bool,
}

pub(crate) struct World {
    pub(crate) desk: Desk,
    pub(crate) queries: BTreeMap<Place, Query>,
    pub(crate) counts: Counts,
    pub(crate) now: Tick,
    pub(crate) running: Vec<Running>,
    slots: usize,
    is_paused: bool,
    is_closed: bool,
    is_stopped: bool,
    /// Nothing of these starts any more: they were not wanted, or were over when the desk was closed.
    ended: BTreeSet<Place>,
    starts: BTreeMap<Place, u32>,
    pub(crate) sent: Vec<Arc<Row>>,
    /// All rows that were ever on the disk.
    pub(crate) rows: Vec<Arc<Row>>,
    /// So much of them is kept: of each query what comes after this attempt.
    pub(crate) discarded: BTreeMap<Place, u32>,
    /// Those that are over, with their row.
    pub(crate) over: BTreeMap<Place, Arc<Row>>,
    forgotten: BTreeSet<Place>,
    pub(crate) left_out: Vec<(Place, u64, LeftOut)>,
}

impl World {
    pub(crate) fn new(plan: Plan, slots: usize) -> Self {
        let plan = Arc::new(plan);
        let roster = Roster::new(bounds(slots), Arc::clone(&plan), entries(&plan), []);
        let mut desk = Desk::new(papers(), roster);
        desk.open();
        let mut world = Self::of(desk, &plan, slots);
        world.tell(Event::Wake);
        world
    }

    /// Of a desk that was told nothing yet.
    pub(crate) fn of(desk: Desk, plan: &Plan, slots: usize) -> Self {
        Self {
            desk,
            queries: (0..).zip(plan.queries.iter().cloned()).collect(),
            counts: Counts::new(plan.queries.len(), []),
            now: Tick::ZERO,
            running: Vec::new(),
            slots,
            is_paused: false,
            is_closed: false,
            is_stopped: false,
            ended: BTreeSet::new(),
            starts: BTreeMap::new(),
            sent: Vec::new(),
            rows: Vec::new(),
            discarded: BTreeMap::new(),
            over: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            left_out: Vec::new(),
        }
    }

    pub(crate) fn tell(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.desk.step(self.now, event, &mut effects);
        self.take_all(effects);
    }

    pub(crate) fn submit(&mut self, query: Query) -> Result<Place, Refusal> {
        let mut effects = Vec::new();
        let place = self.desk.submit(self.now, Arc::new(query.clone()), &mut effects)?;
        self.queries.insert(place, query);
        self.take_all(effects);
        Ok(place)
    }

    fn take_all(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.take(effect);
        }
        // Nothing could be started for minutes.
        self.is_stopped |= self.desk.exhausted().is_some();
        assert!(self.counts.is_consistent() && self.counts.total == self.queries.len());
        assert_eq!(self.counts.done, self.over.len(), "{:?}", self.counts);
        assert_eq!(self.counts.well, self.over.values().filter(|row| row.outcome.is_well(None)).count());
        let left_out: u64 = self.left_out.iter().map(|(_, rounds, _)| rounds).sum();
        assert_eq!(self.desk.all_rounds().left_out(), left_out, "all that is left out is told");
        assert_eq!(self.desk.is_over(), self.is_over());
        let places: Vec<_> = self.queries.keys().copied().collect();
        places.into_iter().for_each(|place| self.check_history(place));
    }

    fn is_over(&self) -> bool {
        let is_all = self.is_closed && self.over.len() == self.queries.len();
        (is_all || self.is_stopped) && self.running.is_empty() && self.sent.is_empty()
    }

    fn keep_last(&self, place: Place) -> Option<usize> {
        match self.queries[&place].care.as_deref()? {
            Care::Rounds { keep_last, .. } => Some(*keep_last),
            Care::Member { .. } | Care::Entrant { .. } => None,
        }
    }

    /// The last rounds that are on the disk, and no others.
    fn check_history(&self, place: Place) {
        let Some(keep_last) = self.keep_last(place) else { return };
        let rounds: Vec<_> = self.rows.iter().filter(|row| row.query == place && row.is_last()).collect();
        let kept = &rounds[rounds.len().saturating_sub(keep_last)..];
        if let Some(history) = self.desk.history(self.now, place) {
            assert!(history.rows.iter().eq(kept.iter().copied()), "the last ones are kept");
            assert_eq!(history.fell_out as usize, rounds.len() - kept.len());
            let of_query = |row: &&Arc<Row>| row.query == place && row.is_last();
            let made = rounds.len() + self.sent.iter().filter(of_query).count();
            let is_made = [made, made + 1].contains(&(history.rounds.made as usize));
            assert!(is_made || self.is_ended(place), "each round has its row");
            assert!(made as u128 <= 1 + self.now.as_micros() as u128 / EVERY.as_micros(), "one at a time");
        } else {
            assert!(self.over.contains_key(&place) && self.is_ended(place), "it is forgotten too early");
        }
        let first_kept = rounds.len().checked_sub(keep_last + 1).map_or(0, |fallen| rounds[fallen].attempt);
        assert_eq!(self.discarded.get(&place).copied().unwrap_or_default(), first_kept);
    }

    fn is_ended(&self, place: Place) -> bool {
        self.ended.contains(&place) || self.is_stopped || self.is_closed
    }

    fn take(&mut self, effect: Effect) {
        match effect {
            Effect::Start { query, attempt, .. } => self.start(query, attempt),
            Effect::Abort { query, .. } => {
                let running = self.running.iter_mut().find(|running| running.query == query);
                running.expect("it runs").is_aborted = true;
            }
            Effect::Write(row) => self.sent.push(row),
            Effect::Count(change) => self.counts.apply(change),
            Effect::Tell(News::Done(row)) => {
                self.rows.push(Arc::clone(&row));
                if row.is_last() {
                    assert!(self.over.insert(row.query, row).is_none(), "it is over already");
                }
            }
            Effect::Tell(News::Reopened { query }) => {
                assert!(self.over.remove(&query).is_some(), "it was not over");
            }
            Effect::Tell(News::LeftOut { query, rounds, why }) => self.left_out.push((query, rounds, why)),
            Effect::Discard { query, id, up_to } => {
                assert_eq!(self.queries[&query].id, id);
                self.discarded.insert(query, up_to);
            }
            Effect::Forget { query } => {
                assert!(self.over.contains_key(&query) && self.is_ended(query));
                assert!(self.forgotten.insert(query) && !self.desk.is_undecided(query));
            }
            Effect::Release { .. } | Effect::Tell(_) => {}
        }
    }

    fn start(&mut self, query: Place, attempt: u32) {
        assert!(self.running.iter().all(|other| other.query != query), "it runs already");
        assert!(!self.ended.contains(&query), "no further round is made");
        assert!(!self.is_paused && !self.is_stopped, "nothing starts");
        assert!(self.rows.iter().chain(&self.sent).all(|row| (row.query, row.attempt) != (query, attempt)));
        *self.starts.entry(query).or_default() += 1;
        self.running.push(Running { query, attempt, is_aborted: false });
        assert!(self.running.len() <= self.slots, "there are not so many slots");
    }

    fn end(&mut self, well: bool) {
        let Some(Running { query, attempt, is_aborted }) = self.running.first() else { return };
        let (query, attempt) = (*query, *attempt);
        let cause = if *is_aborted { Cause::Cancelled } else { Cause::Exited };
        self.tell_of(query, attempt, Fact::Started);
        self.running.remove(0);
        let (word, counts) =
            if well { ("ok", verdict::Counts::Ok) } else { ("failed", verdict::Counts::Bad) };
        let judgement = Judgement { verdict: Some(word.into()), counts, ..Judgement::default() };
        let end = End::Reaped(Exit::Code(i32::from(!well)));
        let outcome = Outcome { end, cause, judgement, ..Outcome::lost("".into()) };
        self.tell_of(query, attempt, Fact::Finished(Box::new(outcome)));
    }

    fn tell_of(&mut self, query: Place, attempt: u32, fact: Fact) {
        let printed = Printed::default();
        self.tell(Event::Report { query, attempt, unix_us: 0, log_is_whole: true, printed, fact });
    }

    pub(crate) fn cancel(&mut self, query: Place) {
        assert_eq!(self.desk.is_undecided(query), !self.is_known_to_be_over(query));
        self.ended.insert(query);
        self.tell(Event::Cancel { query, forced: false });
    }

    /// Nothing follows, and its row is on the disk.
    fn is_known_to_be_over(&self, query: Place) -> bool {
        self.over.contains_key(&query) && (self.is_ended(query) || self.keep_last(query).is_none())
    }

    pub(crate) fn step(&mut self, what: Move) {
        match what {
            Move::Well => self.end(true),
            Move::Ill => self.end(false),
            Move::Returns => {
                let Some(Running { query, attempt, .. }) = self.running.first() else { return };
                let (query, attempt) = (*query, *attempt);
                self.running.remove(0);
                *self.starts.entry(query).or_default() -= 1;
                self.tell_of(query, attempt, Fact::Returned("short of something".into()));
            }
            Move::Cancel if self.is_stopped => {}
            Move::Cancel => self.cancel(0),
            Move::Durable => {
                let rows = std::mem::take(&mut self.sent).len();
                self.tell(Event::Durable { rows });
            }
            Move::Wait => self.wait_until(self.desk.wake_at().unwrap_or(self.now)),
            Move::Late => self.wait_until(self.now + EVERY * 7 / 2),
            Move::Pause => {
                self.is_paused = !self.is_paused;
                self.tell(Event::Paused(self.is_paused));
            }
            Move::Close => {
                self.is_closed = true;
                let is_over = |place: &&Place| {
                    let has_row = |row: &Arc<Row>| row.query == **place && row.is_last();
                    self.over.contains_key(place) || self.sent.iter().any(has_row)
                };
                let is_on_its_way = |place: &&Place| {
                    self.desk.history(self.now, **place).is_some_and(|history| {
                        let of_query = |row: &&Arc<Row>| row.query == **place && row.is_last();
                        let rows = self.rows.iter().chain(&self.sent).filter(of_query).count();
                        history.rounds.made as usize > rows
                    })
                };
                let places = self.queries.keys();
                let ended: Vec<_> =
                    places.filter(|place| is_over(place) && !is_on_its_way(place)).copied().collect();
                self.ended.extend(ended);
                self.tell(Event::Closed);
            }
            Move::Stop => {
                self.is_stopped = true;
                self.tell(Event::Interrupt { cause: Cause::Cancelled, forced: false });
            }
        }
    }

    pub(crate) fn wait_until(&mut self, at: Tick) {
        self.now = at.max(self.now);
        self.tell(Event::Wake);
    }

    /// All that is there comes to its end, and nothing more.
    pub(crate) fn end_all(&mut self) {
        if self.is_paused {
            self.step(Move::Pause);
        }
        if !self.is_closed {
            self.step(Move::Close);
        }
        for _ in 0..100 {
            if self.desk.is_over() {
                return self.check_rows();
            }
            if self.running.is_empty() && self.sent.is_empty() {
                self.step(Move::Wait);
            }
            self.step(Move::Well);
            self.step(Move::Durable);
        }
        panic!("somebody waits for ever");
    }

    /// Each start has a row, and each query one that stands: its last.
    fn check_rows(&self) {
        for place in self.queries.keys() {
            let rows: Vec<_> = self.rows.iter().filter(|row| row.query == *place).collect();
            let ran = rows.iter().filter(|row| row.started_us.is_some()).count();
            assert_eq!(ran, self.starts.get(place).map_or(0, |starts| *starts as usize));
            assert!(
                rows.is_sorted_by(|one, other| one.attempt < other.attempt),
                "each has a number of its own"
            );
            if !self.is_stopped {
                let last = rows.last().expect("it has a row");
                assert!(last.is_last() && Arc::ptr_eq(last, &self.over[place]), "its last row stands");
            }
        }
    }
}
