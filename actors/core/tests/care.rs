//! Queries that are looked after, through the desk: every sequence of what may happen to a few small groups, up to a length. What
//! must hold is worked out from what was told and ordered, not from how the roster decides.

mod plans;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use provisor_core::backoff::Backoff;
use provisor_core::cause::{Cause, End, Exit, Outcome};
use provisor_core::desk::{Desk, Effect, Event, News, Papers};
use provisor_core::dice::Share;
use provisor_core::plan::{Care, Command, Plan, Query};
use provisor_core::process::Fact;
use provisor_core::roster::{Place, Refusal, Roster, Then};
use provisor_core::row::{Printed, Row};
use provisor_core::supervision::{GroupSettings, Intensity, MemberSettings, Restart, Shutdown, Strategy};
use provisor_core::tally::Counts;
use provisor_core::tick::Tick;
use provisor_core::verdict::{self, Judgement};

use plans::{bounds, entries, plan, query};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn settings(strategy: Strategy, restarts: u32) -> GroupSettings {
    GroupSettings {
        strategy,
        intensity: Intensity { restarts, within: secs(10) },
        shutdown: Shutdown::After(secs(5)),
        backoff: None,
        restart: Restart::Transient,
    }
}

const fn member(restart: Restart) -> MemberSettings {
    MemberSettings { restart, shutdown: None }
}

/// One group of these.
fn group_of(group: GroupSettings, members: &[Restart]) -> Plan {
    let members = (0..).zip(members).map(|(place, restart)| query(place).member_of(0, member(*restart)));
    plan(members.collect()).with_group("g", group, None)
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Move {
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

const MOVES: [Move; 8] = [
    Move::Well,
    Move::Ill,
    Move::LastIll,
    Move::Returns,
    Move::Cancel,
    Move::Dismiss,
    Move::Durable,
    Move::Wait,
];

struct Running {
    query: Place,
    attempt: u32,
    aborted: Option<(bool, Option<Duration>)>,
}

/// The desk, and what is known of it from outside.
struct World {
    desk: Desk,
    plan: Arc<Plan>,
    counts: Counts,
    now: Tick,
    slots: usize,
    running: Vec<Running>,
    /// Attempts that ran, by query.
    starts: BTreeMap<Place, u32>,
    cancelled: BTreeSet<Place>,
    sent: Vec<Arc<Row>>,
    /// All rows that are on the disk.
    rows: Vec<Arc<Row>>,
    /// Those that are over, with their row.
    over: BTreeMap<Place, Arc<Row>>,
    failed: Vec<Arc<str>>,
}

impl World {
    fn new(plan: Plan, slots: usize) -> Self {
        let plan = Arc::new(plan);
        let roster = Roster::new(bounds(slots), Arc::clone(&plan), entries(&plan), []);
        let papers = Papers { containment: "sweep".into(), log_name: Box::new(|_, _| String::new()) };
        let mut world = Self {
            desk: Desk::new(papers, roster),
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

    fn tell(&mut self, event: Event) {
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

    fn take(&mut self, effect: Effect) {
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

    fn start(&mut self, query: Place, attempt: u32) {
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

    fn membership(&self, place: Place) -> Option<(u32, MemberSettings)> {
        match self.plan.queries[place as usize].care.as_deref()? {
            Care::Member { group, settings } => Some((*group, *settings)),
            Care::Rounds { .. } | Care::Entrant { .. } => None,
        }
    }

    fn is_one_for_all(&self) -> bool {
        self.plan.groups[0].settings.strategy == Strategy::OneForAll
    }

    fn end(&mut self, at: Option<usize>, well: bool) {
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

    fn report_last(&mut self, at: usize, fact: Fact) {
        let Running { query, attempt, .. } = self.running.remove(at);
        self.tell_of(query, attempt, fact);
    }

    fn report(&mut self, at: usize, fact: Fact) {
        let Running { query, attempt, .. } = self.running[at];
        self.tell_of(query, attempt, fact);
    }

    fn tell_of(&mut self, query: Place, attempt: u32, fact: Fact) {
        let printed = Printed::default();
        self.tell(Event::Report { query, attempt, unix_us: 0, log_is_whole: true, printed, fact });
    }

    fn step(&mut self, what: Move) {
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
    fn end_all(&mut self) {
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

    fn is_idle(&self) -> bool {
        self.sent.is_empty() && self.running.is_empty()
    }

    /// Each start has a row, and each query one that stands: its last.
    fn check_rows(&self) {
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

/// Small plans, each with its slots: all strategies, all restarts, and groups within groups.
fn worlds() -> Vec<(Plan, usize)> {
    use Restart::{Permanent, Temporary, Transient};
    let one_for_one = group_of(settings(Strategy::OneForOne, 2), &[Transient, Permanent]).with(query(2));
    let one_for_all = group_of(settings(Strategy::OneForAll, 1), &[Transient, Temporary, Transient]);
    let rest = group_of(settings(Strategy::RestForOne, 1), &[Transient, Transient, Transient]);
    let backoff = Backoff { first: secs(1), longest: secs(4), jitter: Share::NONE };
    let with_pauses = |group| GroupSettings { backoff: Some(backoff), ..group };
    let inner = with_pauses(settings(Strategy::OneForOne, 1));
    let nested = |outer, third| {
        let inside = [0, 1].map(|place| query(place).member_of(1, member(Transient)));
        let queries = inside.into_iter().chain([query(2).member_of(0, member(third))]);
        plan(queries.collect()).with_group("outer", outer, None).with_group("inner", inner, Some(0))
    };
    let rest_of_groups = nested(settings(Strategy::RestForOne, 1), Transient);
    let all_groups = nested(settings(Strategy::OneForAll, 1), Transient);
    let paused = nested(with_pauses(settings(Strategy::OneForOne, 1)), Temporary);
    vec![
        (one_for_one, 2),
        (one_for_all.clone(), 3),
        (one_for_all, 2),
        (rest, 2),
        (rest_of_groups.clone(), 3),
        (rest_of_groups, 1),
        (all_groups, 2),
        (paused, 2),
    ]
}

#[test]
fn every_sequence_keeps_the_promises() {
    for (plan, slots) in worlds() {
        for code in 0..MOVES.len().pow(5) {
            let mut world = World::new(plan.clone(), slots);
            for digit in 0..5 {
                world.step(MOVES[code / MOVES.len().pow(digit) % MOVES.len()]);
            }
            world.end_all();
        }
    }
}

/// What a row is of: query, attempt, what follows.
fn rows(world: &World) -> Vec<(Place, u32, Then)> {
    world.rows.iter().chain(&world.sent).map(|row| (row.query, row.attempt, row.then)).collect()
}

#[test]
fn one_that_is_started_again_has_a_row_for_each_attempt_and_the_last_one_stands() {
    let mut world = World::new(group_of(settings(Strategy::OneForOne, 5), &[Restart::Transient]), 1);
    world.step(Move::Ill);
    world.step(Move::Ill);
    world.step(Move::Durable);
    assert_eq!((world.counts.running, world.counts.done), (1, 0), "it is not over");
    world.step(Move::Well);
    world.step(Move::Durable);
    assert_eq!(rows(&world), [(0, 1, Then::Restart), (0, 2, Then::Restart), (0, 3, Then::Nothing)]);
    assert!(world.desk.is_over() && world.counts.well == 1);
}

#[test]
fn one_that_was_over_is_reopened_by_its_group_and_the_count_takes_it_back() {
    for is_durable in [true, false] {
        let group = settings(Strategy::OneForAll, 5);
        let mut world = World::new(group_of(group, &[Restart::Transient, Restart::Transient]), 2);
        world.step(Move::Well);
        if is_durable {
            world.step(Move::Durable);
            assert_eq!((world.counts.done, world.desk.is_undecided(0)), (1, false));
        }
        world.step(Move::Ill);
        assert_eq!(rows(&world), [(0, 1, Then::Nothing), (1, 1, Then::Restart)]);
        assert_eq!((world.counts.done, world.counts.running), (0, 2), "{is_durable}");
        world.step(Move::Durable);
        assert!(world.desk.is_undecided(0) && world.over.is_empty());
        world.end_all();
        assert_eq!(world.over[&0].attempt, 2);
    }
}

#[test]
fn a_group_that_has_made_too_many_restarts_fails_and_the_others_go_on() {
    let group = settings(Strategy::OneForOne, 1);
    let plan = group_of(group, &[Restart::Transient, Restart::Transient]).with(query(2));
    let mut world = World::new(plan, 2);
    world.step(Move::Ill);
    world.step(Move::LastIll);
    assert_eq!(world.running.iter().map(|running| running.query).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(world.running[0].aborted, Some((false, Some(secs(5)))), "it has the grace of its group");
    world.step(Move::Ill);
    assert_eq!(world.failed, ["g".into()]);
    let row = Arc::clone(&world.sent[2]);
    let why = "its group `g` has failed: more than 1 restart in 10 s";
    assert_eq!((row.outcome.cause_word(), row.outcome.evidence.as_deref()), ("cancelled", Some(why)));
}

#[test]
fn one_that_nobody_wants_is_started_by_no_group() {
    let group = settings(Strategy::OneForAll, 5);
    let mut world = World::new(group_of(group, &[Restart::Transient, Restart::Transient]), 2);
    world.step(Move::Cancel);
    assert_eq!(world.running[0].aborted, Some((false, Some(secs(5)))));
    world.step(Move::Ill);
    world.step(Move::Ill);
    assert_eq!(rows(&world), [(0, 1, Then::Nothing), (1, 1, Then::Restart)]);
    assert_eq!(world.running.iter().map(|running| running.query).collect::<Vec<_>>(), [1]);
}

#[test]
fn one_that_is_over_and_not_wanted_any_more_is_forgotten_and_its_id_is_free() {
    for is_durable in [true, false] {
        let group = settings(Strategy::OneForAll, 5);
        let mut world = World::new(group_of(group, &[Restart::Transient]), 2);
        world.desk.open();
        let late = Arc::new(Query::new("late", Command::new(["x"])).member_of(0, member(Restart::Transient)));
        let submit = |world: &mut World| {
            let mut effects = Vec::new();
            let taken = world.desk.submit(world.now, Arc::clone(&late), &mut effects);
            (taken, effects)
        };
        let (taken, _) = submit(&mut world);
        let place = taken.expect("it is taken in");
        let judgement = Judgement { verdict: Some("ok".into()), ..Judgement::default() };
        let outcome = Outcome { end: End::Reaped(Exit::Code(0)), judgement, ..Outcome::lost("".into()) };
        let (printed, fact) = (Printed::default(), Fact::Finished(Box::new(outcome)));
        let mut effects = Vec::new();
        let ended = Event::Report { query: place, attempt: 1, unix_us: 0, log_is_whole: true, printed, fact };
        world.desk.step(world.now, ended, &mut effects);
        let is_known = submit(&mut world).0;
        assert_eq!(is_known, Err(Refusal::Taken { id: "late".into() }), "its group may start it again");
        for event in match is_durable {
            true => [Event::Durable { rows: 1 }, Event::Cancel { query: place, forced: false }],
            false => [Event::Cancel { query: place, forced: false }, Event::Durable { rows: 1 }],
        } {
            world.desk.step(world.now, event, &mut effects);
        }
        assert!(world.desk.query(place).is_none() && !world.desk.may_reopen(place));
        let (again, effects) = submit(&mut world);
        assert!(again.is_ok_and(|again| again != place));
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Start { .. })), "and it runs");
    }
}
