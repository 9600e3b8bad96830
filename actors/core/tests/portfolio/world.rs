//! The desk with a race on it, and what is known of it from outside: what must hold is worked out from what was told and ordered,
//! not from how the roster decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use provisor_core::answer::Answer;
use provisor_core::cause::{Cause, End, Exit, Outcome};
use provisor_core::desk::{Desk, Effect, Event, News};
use provisor_core::plan::{Plan, Query, Retry, RetryOn};
use provisor_core::process::Fact;
use provisor_core::roster::{Place, Roster};
use provisor_core::row::{Printed, Row};
use provisor_core::tally;
use provisor_core::tick::Tick;
use provisor_core::verdict::{Counts, Judgement};

use crate::papers::papers;
use crate::plans::{bounds, entries, plan, query};

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Move {
    /// The first of those that run settles the question; or the last one, in another way.
    Yes,
    LastNo,
    /// The first of those that run fails, or gives up.
    Ill,
    Open,
    /// The actor of the last of those that run is no more.
    Lost,
    /// The last of those that run cannot be started just now.
    Returns,
    /// The last of those that are not over is not wanted any more.
    Cancel,
    /// All is to end.
    Interrupt,
    Durable,
}

pub(crate) const MOVES: [Move; 9] = [
    Move::Yes,
    Move::LastNo,
    Move::Ill,
    Move::Open,
    Move::Lost,
    Move::Returns,
    Move::Cancel,
    Move::Interrupt,
    Move::Durable,
];

pub(crate) struct Running {
    query: Place,
    attempt: u32,
    pub(crate) aborted: Option<Cause>,
}

/// The desk, and what is known of it from outside.
pub(crate) struct World {
    pub(crate) desk: Desk,
    pub(crate) counts: tally::Counts,
    now: Tick,
    slots: usize,
    pub(crate) running: Vec<Running>,
    cancelled: BTreeSet<Place>,
    is_interrupted: bool,
    /// The process of one has left, and its row is still to come.
    is_ending: bool,
    /// The first row that settles the question.
    pub(crate) winner: Option<Arc<Row>>,
    sent: Vec<Arc<Row>>,
    /// Those that have their row, on its way to the disk or there.
    pub(crate) ended: BTreeMap<Place, Arc<Row>>,
    over: usize,
}

/// Three for one question; the second one is tried once more when it fails.
pub(crate) fn entrants() -> Vec<Query> {
    let retry = Arc::new(Retry { times: 1, on: vec![RetryOn::Failure], backoff: Duration::ZERO });
    vec![query(0), Query { retry, ..query(1) }, query(2)]
}

impl World {
    pub(crate) fn new(plan: Plan, slots: usize) -> Self {
        let plan = Arc::new(plan);
        let roster = Roster::new(bounds(slots), Arc::clone(&plan), entries(&plan), []);
        let mut world = Self {
            desk: Desk::new(papers(), roster),
            counts: tally::Counts::new(plan.queries.len(), []),
            now: Tick::ZERO,
            slots,
            running: Vec::new(),
            cancelled: BTreeSet::new(),
            is_interrupted: false,
            is_ending: false,
            winner: None,
            sent: Vec::new(),
            ended: BTreeMap::new(),
            over: 0,
        };
        world.tell(Event::Wake);
        world
    }

    /// All of the race stand in the plan.
    pub(crate) fn planned(slots: usize) -> Self {
        Self::new(plan(Vec::new()).with_race("q", entrants()), slots)
    }

    /// They come when it runs.
    pub(crate) fn submitted(slots: usize) -> Self {
        let mut world = Self::new(plan(Vec::new()), slots);
        world.desk.open();
        let queries = entrants().into_iter().map(|query| (Arc::new(query), [].into())).collect();
        let mut effects = Vec::new();
        let taken = world.desk.submit_race(world.now, queries, &mut effects);
        assert_eq!(taken, Ok(vec![0, 1, 2]));
        world.take_all(effects);
        world.tell(Event::Closed);
        world
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.now = self.now + Duration::from_secs(1);
        let mut effects = Vec::new();
        self.desk.step(self.now, event, &mut effects);
        self.take_all(effects);
    }

    fn take_all(&mut self, effects: Vec<Effect>) {
        effects.into_iter().for_each(|effect| self.take(effect));
        assert!(self.counts.is_consistent());
        assert_eq!(self.counts.done, self.over, "{:?}", self.counts);
        let Some(winner) = self.winner.as_ref().map(|winner| winner.query) else { return };
        let others = self.running.iter().filter(|other| other.query != winner);
        assert!(others.into_iter().all(|other| other.aborted.is_some()), "a loser is let run on");
        let waits = |place: &Place| !self.ended.contains_key(place) && self.runs(*place).is_none();
        assert!(self.is_interrupted || !(0..3).any(|place| waits(&place)), "a loser waits for its row");
    }

    fn take(&mut self, effect: Effect) {
        match effect {
            Effect::Start { query, attempt, .. } => {
                assert!(self.winner.is_none(), "nothing of a race starts when it is won");
                assert!(!self.is_ending, "nor while the answer may be about to come");
                assert!(self.runs(query).is_none() && !self.ended.contains_key(&query));
                self.running.push(Running { query, attempt, aborted: None });
                assert!(self.running.len() <= self.slots);
            }
            Effect::Abort { query, cause, forced, .. } => {
                let of_race = cause == Cause::Outrun;
                let winner = self.winner.as_ref().map(|winner| winner.query);
                assert!(!of_race || winner.is_some_and(|winner| winner != query), "outrun by nobody");
                assert!(!of_race || !forced, "it has its grace");
                let at = self.runs(query).expect("it runs");
                self.running[at].aborted.get_or_insert(cause);
            }
            Effect::Write(row) => self.written(row),
            Effect::Count(change) => self.counts.apply(change),
            Effect::Tell(News::Done(row)) => self.over += usize::from(row.is_last()),
            Effect::Discard { .. } | Effect::Forget { .. } => panic!("no query of a race is asked again"),
            Effect::Release { .. } | Effect::Tell(_) => {}
        }
    }

    fn written(&mut self, row: Arc<Row>) {
        self.sent.push(Arc::clone(&row));
        if !row.is_last() {
            return assert!(self.winner.is_none(), "nothing follows from what is settled");
        }
        let said = said(&row);
        let is_answer = Answer::of(&row.outcome).settles(None);
        match &self.winner {
            None if is_answer => {
                assert!(said.contains("first of 3"), "{said}");
                self.winner = Some(Arc::clone(&row));
            }
            None => assert!(!said.contains("first") && row.outcome.cause != Cause::Outrun, "{said}"),
            Some(winner) => {
                assert!(
                    said.contains(&format!("`{}` was first: {}, after", winner.id, verdict(winner))),
                    "{said}"
                );
                let is_against = is_answer && verdict(&row) != verdict(winner);
                assert_eq!(said.contains("one of the two is wrong"), is_against, "{said}");
            }
        }
        if row.outcome.cause == Cause::Outrun {
            assert!(row.outcome.is_well(Some("whatever")) && !is_answer);
        }
        assert!(self.ended.insert(row.query, row).is_none(), "a query has one row");
    }

    fn runs(&self, query: Place) -> Option<usize> {
        self.running.iter().position(|running| running.query == query)
    }

    /// The process of this one ends, by itself with this verdict and code; with none where it was ended.
    fn end(&mut self, at: usize, said: Option<(&str, Counts)>, code: i32) {
        if at >= self.running.len() {
            return;
        }
        self.report(at, Fact::Started);
        self.is_ending = true;
        self.report(at, Fact::Left);
        self.is_ending = false;
        let by_force = self.running[at].aborted.filter(|_| said.is_none());
        let (verdict, counts) = said.unzip();
        let judgement = Judgement {
            verdict: verdict.map(Into::into),
            counts: counts.unwrap_or(Counts::Bad),
            ..Judgement::default()
        };
        let end = End::Reaped(Exit::Code(code));
        let cause = by_force.unwrap_or(Cause::Exited);
        self.finish(at, Outcome { end, cause, judgement, ..Outcome::lost("".into()) });
    }

    fn finish(&mut self, at: usize, outcome: Outcome) {
        self.last_words(at, Fact::Finished(Box::new(outcome)));
    }

    /// Whoever attends to an attempt is told to be no more after its last word.
    fn last_words(&mut self, at: usize, fact: Fact) {
        let Running { query, attempt, .. } = self.running.remove(at);
        self.tell_of((query, attempt), fact);
        self.tell(Event::Down { query, attempt, how: "it stopped".into() });
    }

    pub(crate) fn report(&mut self, at: usize, fact: Fact) {
        let Running { query, attempt, .. } = self.running[at];
        self.tell_of((query, attempt), fact);
    }

    fn tell_of(&mut self, (query, attempt): (Place, u32), fact: Fact) {
        let printed = Printed::default();
        self.tell(Event::Report { query, attempt, unix_us: 0, log_is_whole: true, printed, fact });
    }

    pub(crate) fn step(&mut self, what: Move) {
        let last = self.running.len().wrapping_sub(1);
        match what {
            Move::Yes => self.end(0, Some(("yes", Counts::Ok)), 0),
            Move::LastNo => self.end(last, Some(("no", Counts::Ok)), 0),
            Move::Open => self.end(0, Some(("maybe", Counts::Open)), 3),
            Move::Ill => self.end(0, None, 1),
            Move::Lost => {
                let Some(Running { query, attempt, .. }) = self.running.pop() else { return };
                self.tell(Event::Down { query, attempt, how: "it panicked".into() });
            }
            // It may have said so before it was told to end.
            Move::Returns if !self.running.is_empty() => {
                self.last_words(last, Fact::Returned("short of something".into()));
                self.wake();
            }
            Move::Returns => {}
            Move::Cancel => {
                let Some(query) = (0..3).rev().find(|place| self.desk.is_undecided(*place)) else { return };
                self.cancelled.insert(query);
                self.tell(Event::Cancel { query, forced: false });
            }
            Move::Interrupt => {
                self.is_interrupted = true;
                self.tell(Event::Interrupt { cause: Cause::Cancelled, forced: false });
            }
            Move::Durable => {
                let rows = std::mem::take(&mut self.sent).len();
                self.tell(Event::Durable { rows });
            }
        }
    }

    fn wake(&mut self) {
        self.now = self.desk.wake_at().unwrap_or(self.now).max(self.now);
        self.tell(Event::Wake);
    }

    /// All that still runs gives up, or is ended.
    pub(crate) fn end_all(&mut self) {
        for _ in 0..20 {
            if self.desk.is_over() {
                break;
            }
            self.wake();
            self.step(Move::Ill);
            self.step(Move::Durable);
        }
        assert!(self.desk.is_over(), "somebody waits for ever");
        assert_eq!(self.counts.total, 3);
        let waiting = 3 - self.ended.len();
        assert_eq!(waiting, if self.is_interrupted { self.desk.waiting() } else { 0 }, "each has its row");
        let firsts = self.ended.values().filter(|row| said(row).contains("first of")).count();
        assert_eq!(firsts, usize::from(self.winner.is_some()), "there is one winner at most");
    }
}

/// All that a row says in words.
pub(crate) fn said(row: &Row) -> String {
    let why = match &row.outcome.end {
        End::NotStarted(why) | End::Lost(why) => why,
        _ => "",
    };
    format!("{why}{}", row.outcome.evidence.as_deref().unwrap_or_default())
}

pub(crate) fn verdict(row: &Row) -> &str {
    row.outcome.judgement.verdict.as_deref().unwrap_or_default()
}
