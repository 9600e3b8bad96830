//! A desk with a group or two, and what is known of it from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use provisor_core::cause::{Cause, End, Exit, Outcome};
use provisor_core::desk::{Desk, Effect, Event, News};
use provisor_core::plan::{Care, Plan};
use provisor_core::process::Fact;
use provisor_core::roster::{Place, Roster};
use provisor_core::row::{Printed, Row};
use provisor_core::supervision::{MemberSettings, Restart, Strategy};
use provisor_core::tally::Counts;
use provisor_core::tick::Tick;
use provisor_core::verdict::{self, Judgement};

use crate::papers::papers;
use crate::plans::{bounds, entries};

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Move {
    /// The first of those that run ends well, or not; or the last of them does not.
    Well,
    Ill,
    LastIll,
    /// The last of those that run cannot be started just now.
    Returns,
    /// The first of those that are not over is not wanted any more.
    Cancel,
    /// The first of those that are over and may be started again is not wanted any more.
    Dismiss,
    Durable,
    /// Time passes until the desk wants to be woken.
    Wait,
}

pub(crate) const MOVES: [Move; 8] = [
    Move::Well,
    Move::Ill,
    Move::LastIll,
    Move::Returns,
    Move::Cancel,
    Move::Dismiss,
    Move::Durable,
    Move::Wait,
];

pub(crate) struct Running {
    pub(crate) query: Place,
    pub(crate) attempt: u32,
    pub(crate) aborted: Option<(bool, Option<Duration>)>,
}

/// The desk, and what is known of it from outside.
pub(crate) struct World {
    pub(crate) desk: Desk,
    pub(crate) plan: Arc<Plan>,
    pub(crate) counts: Counts,
    pub(crate) now: Tick,
    pub(crate) slots: usize,
    pub(crate) running: Vec<Running>,
    /// Attempts that ran, by query.
    pub(crate) starts: BTreeMap<Place, u32>,
    pub(crate) cancelled: BTreeSet<Place>,
    pub(crate) sent: Vec<Arc<Row>>,
    /// All rows that are on the disk.
    pub(crate) rows: Vec<Arc<Row>>,
    /// Those that are over, with their row.
    pub(crate) over: BTreeMap<Place, Arc<Row>>,
    pub(crate) failed: Vec<Arc<str>>,
}

impl World {
    pub(crate) fn new(plan: Plan, slots: usize) -> Self {
        let plan = Arc::new(plan);
        let roster = Roster::new(bounds(slots), Arc::clone(&plan), entries(&plan), []);
        let mut world = Self {
            desk: Desk::new(papers(), roster),
            counts: Counts::new(plan.queries.len(), []),
            plan,
            now: Tick::ZERO,
            slots,
            running: Vec::new(),
            starts: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            sent: Vec::new(),
            rows: Vec::new(),
            over: BTreeMap::new(),
            failed: Vec::new(),
        };
        world.tell(Event::Wake);
        world
    }

    pub(crate) fn tell(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.desk.step(self.now, event, &mut effects);
        for effect in effects {
            self.take(effect);
        }
        assert!(self.counts.is_consistent() && self.counts.total == self.plan.queries.len());
        assert_eq!(self.counts.done, self.over.len(), "{:?}", self.counts);
        let well = self.over.values().filter(|row| row.outcome.is_well(None)).count();
        assert_eq!(self.counts.well, well);
        assert_eq!(self.desk.failed_groups(), self.failed);
    }

    pub(crate) fn take(&mut self, effect: Effect) {
        match effect {
            Effect::Start { query, attempt, .. } => self.start(query, attempt),
            Effect::Abort { query, cause, forced, grace } => {
                assert_eq!(cause, Cause::Cancelled);
                let running = self.running.iter_mut().find(|running| running.query == query);
                running.expect("it runs").aborted = Some((forced, grace));
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
            Effect::Tell(News::GroupFailed { group, .. }) => self.failed.push(group),
            Effect::Release { .. } | Effect::Tell(_) => {}
            Effect::Forget { query } => {
                let is_dismissed = self.cancelled.contains(&query) && self.over.contains_key(&query);
                assert!(is_dismissed, "its group may start it again");
            }
            Effect::Discard { .. } => panic!("none is asked again by the clock"),
        }
    }

    pub(crate) fn start(&mut self, query: Place, attempt: u32) {
        assert!(self.running.iter().all(|other| other.query != query), "it runs already");
        assert!(!self.cancelled.contains(&query), "nobody wants it");
        let is_member = self.plan.queries[query as usize].care.is_some();
        assert!(!is_member || self.failed.is_empty(), "its group has failed");
        let group = |place| self.membership(place).map(|(group, _)| group);
        let is_behind = |other: &&Running| {
            group(other.query) == group(query) && (other.query <= query || self.is_one_for_all())
        };
        let stopping = self.running.iter().filter(|other| other.aborted.is_some()).find(is_behind);
        let is_wanted = |other: &Running| !self.cancelled.contains(&other.query);
        assert!(!is_member || !stopping.is_some_and(is_wanted), "its group is being stopped");
        assert!(self.rows.iter().chain(&self.sent).all(|row| (row.query, row.attempt) != (query, attempt)));
        *self.starts.entry(query).or_default() += 1;
        self.running.push(Running { query, attempt, aborted: None });
        assert!(self.running.len() <= self.slots, "there are not so many slots");
    }

    pub(crate) fn membership(&self, place: Place) -> Option<(u32, MemberSettings)> {
        match self.plan.queries[place as usize].care.as_deref()? {
            Care::Member { group, settings } => Some((*group, *settings)),
            Care::Rounds { .. } | Care::Entrant { .. } => None,
        }
    }

    pub(crate) fn is_one_for_all(&self) -> bool {
        self.plan.groups[0].settings.strategy == Strategy::OneForAll
    }

    pub(crate) fn end(&mut self, at: Option<usize>, well: bool) {
        let Some(at) = at.filter(|at| *at < self.running.len()) else { return };
        self.report(at, Fact::Started);
        let aborted = self.running[at].aborted.is_some();
        let cause = if aborted { Cause::Cancelled } else { Cause::Exited };
        let (word, counts) =
            if well { ("ok", verdict::Counts::Ok) } else { ("failed", verdict::Counts::Bad) };
        let judgement = Judgement { verdict: Some(word.into()), counts, ..Judgement::default() };
        let end = End::Reaped(Exit::Code(i32::from(!well)));
        let outcome = Outcome { end, cause, judgement, ..Outcome::lost("".into()) };
        self.report_last(at, Fact::Finished(Box::new(outcome)));
    }

    pub(crate) fn report_last(&mut self, at: usize, fact: Fact) {
        let Running { query, attempt, .. } = self.running.remove(at);
        self.tell_of(query, attempt, fact);
    }

    pub(crate) fn report(&mut self, at: usize, fact: Fact) {
        let Running { query, attempt, .. } = self.running[at];
        self.tell_of(query, attempt, fact);
    }

    pub(crate) fn tell_of(&mut self, query: Place, attempt: u32, fact: Fact) {
        let printed = Printed::default();
        self.tell(Event::Report { query, attempt, unix_us: 0, log_is_whole: true, printed, fact });
    }

    pub(crate) fn step(&mut self, what: Move) {
        match what {
            Move::Well => self.end(Some(0), true),
            Move::Ill => self.end(Some(0), false),
            Move::LastIll => self.end(self.running.len().checked_sub(1), false),
            Move::Returns => {
                let Some(at) = self.running.len().checked_sub(1) else { return };
                *self.starts.entry(self.running[at].query).or_default() -= 1;
                self.report_last(at, Fact::Returned("short of something".into()));
            }
            Move::Cancel => {
                let is_open = |place: &Place| self.desk.is_undecided(*place);
                let Some(query) = (0..self.plan.queries.len() as Place).find(is_open) else { return };
                self.cancelled.insert(query);
                self.tell(Event::Cancel { query, forced: false });
            }
            Move::Dismiss => {
                let is_over = |place: &Place| self.desk.may_reopen(*place) && !self.desk.is_undecided(*place);
                let Some(query) = (0..self.plan.queries.len() as Place).find(is_over) else { return };
                self.cancelled.insert(query);
                self.tell(Event::Cancel { query, forced: false });
                let is_written = self.over.contains_key(&query);
                assert_eq!(self.desk.may_reopen(query), !is_written, "it is known until it is counted");
            }
            Move::Durable => {
                let rows = std::mem::take(&mut self.sent).len();
                self.tell(Event::Durable { rows });
            }
            Move::Wait => {
                self.now = self.desk.wake_at().unwrap_or(self.now).max(self.now);
                self.tell(Event::Wake);
            }
        }
    }

    /// Each ends well from now on; those that always return are not wanted any more.
    pub(crate) fn end_all(&mut self) {
        for _ in 0..200 {
            let is_over = self.desk.is_over();
            assert_eq!(is_over, self.over.len() == self.plan.queries.len() && self.is_idle());
            if is_over {
                break;
            }
            if self.running.is_empty() && self.sent.is_empty() {
                self.step(Move::Wait);
            }
            self.step(Move::Well);
            self.step(Move::Durable);
            if self.desk.wake_at().is_none() && self.running.iter().all(|running| running.aborted.is_none()) {
                self.step(Move::Cancel);
            }
        }
        assert!(self.desk.is_over(), "somebody waits for ever");
        self.check_rows();
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.sent.is_empty() && self.running.is_empty()
    }

    /// Each start has a row, and each query one that stands: its last.
    pub(crate) fn check_rows(&self) {
        for place in 0..self.plan.queries.len() as Place {
            let rows: Vec<_> = self.rows.iter().filter(|row| row.query == place).collect();
            let ran = rows.iter().filter(|row| row.started_us.is_some()).count();
            assert_eq!(
                ran,
                self.starts.get(&place).map_or(0, |starts| *starts as usize),
                "each start has its row"
            );
            assert!(rows.is_sorted_by_key(|row| row.attempt) && rows.iter().all(|row| row.attempt > 0));
            let given_up = rows.iter().filter(|row| matches!(row.outcome.end, End::NotStarted(_)));
            let is_temporary = |(_, settings): (u32, MemberSettings)| settings.restart == Restart::Temporary;
            let is_never_again =
                self.cancelled.contains(&place) || self.membership(place).is_some_and(is_temporary);
            let is_known_why = is_never_again || !self.failed.is_empty();
            assert!(given_up.count() <= usize::from(is_known_why), "it waits as long as it may be started");
            let last = rows.last().expect("it has a row");
            assert!(last.is_last() && Arc::ptr_eq(last, &self.over[&place]), "its last row stands");
        }
    }
}
