//! What a seed stands for: a job, and what the world has in store for each of its runs.

use std::sync::Arc;
use std::time::Duration;

use provisor_core::plan::{Command, Limits, Logs, Plan, Query, Retry, RetryOn, Reuse};
use provisor_core::roster::Place;
use provisor_core::tick::Tick;

use crate::dice::Dice;
use crate::relations::{Words, relate};

pub(crate) const MILLI: u64 = 1000;
pub(crate) const SECOND: u64 = 1000 * MILLI;

/// The memory that a job may be given, in bytes. They are few, as those of its queries are.
const BUDGET: u64 = 100;

pub(crate) struct Scenario {
    pub(crate) plan: Arc<Plan>,
    /// What the results of its queries say; where it is not told they say that it is true.
    words: Words,
    pub(crate) slots: usize,
    /// Rows that may wait for the disk.
    pub(crate) unwritten: usize,
    /// The runs that have trouble; those after them are calm.
    pub(crate) troubles: Vec<Trouble>,
}

/// Who dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    Supervisor,
    Guardian,
    Both,
    Power,
}

/// What befalls a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trouble {
    /// Who dies, at which step.
    pub(crate) crash: Option<(Crash, u64)>,
    /// When somebody interrupts, in microseconds of the run.
    pub(crate) interrupts: Vec<u64>,
    /// When the job is to be over.
    pub(crate) deadline: Option<Duration>,
    /// When the run is stopped, and for how long.
    pub(crate) pause: Option<(u64, u64)>,
    /// From when to when the disk is full, and for how many pages there is room before that is felt.
    pub(crate) full: Option<(u64, u64, usize)>,
    /// When the disk breaks, and whether only its syncs fail then.
    pub(crate) breaks: Option<(u64, bool)>,
    /// From when to when the system is short of something.
    pub(crate) shortage: Option<(u64, u64)>,
    /// Of a hundred actors so many panic.
    pub(crate) panics: u64,
    /// Of a hundred children so many cannot be killed.
    pub(crate) stuck: u64,
    /// Of a hundred starts so many fail for good.
    pub(crate) unstartable: u64,
}

impl Scenario {
    pub(crate) fn of(seed: u64, dice: &mut Dice) -> Self {
        let slots = usize::try_from(dice.between(1, 8)).unwrap_or(1);
        let most = dice.pick(&[4, 8, 8, 12, 12, 16, 40]);
        let n = dice.between(0, most);
        let unwritten = usize::try_from(dice.pick(&[1, 2, 4, 100])).unwrap_or(1);
        let troubled = dice.between(0, 3);
        let mut troubles: Vec<_> = (0..troubled).map(|_| Trouble::of(dice)).collect();
        if dice.percent(20) {
            troubles.extend(Trouble::twice(dice));
        }
        let mut plan = plan(dice, n, slots);
        let words = relate(&mut plan, seed);
        Self { plan: Arc::new(plan), words, slots, unwritten, troubles }
    }

    /// The limits of a query in one of its passes.
    pub(crate) fn limits(&self, query: Place, pass: usize) -> Limits {
        let query = &self.plan.queries[query as usize];
        query.asking(pass).map_or(query.limits, |asking| *asking.limits)
    }

    /// What a result of a query says in this pass, to be heard by its actor.
    pub(crate) fn word(&self, query: Place, pass: usize) -> &'static [u8] {
        self.words.get(&(query, pass)).copied().unwrap_or(b"r")
    }
}

fn plan(dice: &mut Dice, n: u64, slots: usize) -> Plan {
    let retry = Arc::new(retry(dice));
    let query = |place: u64| Query {
        limits: limits(dice),
        retry: Arc::clone(&retry),
        logs: Logs::Drop,
        ..Query::new(place.to_string(), Command::new(["x"]))
    };
    let queries = (0..n).map(query).collect();
    let memory_budget = dice.percent(30).then_some(BUDGET);
    let reuse = dice.pick(&[Reuse::Conclusive, Reuse::Unfinished]);
    Plan { slots, memory_budget, reuse, ..Plan::new("simulated", queries) }
}

fn retry(dice: &mut Dice) -> Retry {
    let endings = [
        RetryOn::NotStarted,
        RetryOn::Signal,
        RetryOn::ExitCode(75),
        RetryOn::Failure,
        RetryOn::NoVerdict,
        RetryOn::WallLimit,
        RetryOn::Silent,
        RetryOn::Lost,
        RetryOn::MemoryLimit,
    ];
    let on = endings.into_iter().filter(|_| dice.percent(40)).collect();
    let backoff = Duration::from_millis(dice.pick(&[0, 10, 1000, 60_000]));
    Retry { times: u32::try_from(dice.below(4)).unwrap_or_default(), on, backoff }
}

fn limits(dice: &mut Dice) -> Limits {
    let wall = dice.pick(&[None, Some(50), Some(2000), Some(30_000), Some(3_600_000)]);
    let silence = dice.pick(&[None, None, Some(100), Some(5000)]);
    Limits {
        wall: wall.map(Duration::from_millis),
        silence: silence.map(Duration::from_millis),
        grace: Duration::from_millis(dice.pick(&[0, 10, 500, 5000])),
        memory: dice.pick(&[None, Some(10), Some(40), Some(90), Some(150)]),
        ..Limits::default()
    }
}

impl Trouble {
    pub(crate) fn deadline_at(&self) -> Option<Tick> {
        self.deadline.map(|deadline| Tick::ZERO + deadline)
    }

    /// Whether the run was to end before this moment of it, which is that late on its own clock.
    pub(crate) fn has_ended_it(&self, moment: u64, tick: Tick) -> bool {
        let is_interrupted = self.interrupts.first().is_some_and(|at| moment > *at);
        is_interrupted || self.deadline_at().is_some_and(|deadline| tick > deadline)
    }

    /// What a crash has left is not yet safe when the power goes.
    fn twice(dice: &mut Dice) -> [Self; 2] {
        let crash = |crash, at| Self { crash: Some((crash, at)), ..Self::default() };
        [crash(Crash::Supervisor, dice.below(100)), crash(Crash::Power, dice.below(20))]
    }

    fn of(dice: &mut Dice) -> Self {
        let crashes = [Crash::Supervisor, Crash::Guardian, Crash::Both, Crash::Power];
        let long = dice.pick(&[10, 100, 400, 1500]);
        let moment = |dice: &mut Dice| {
            let within = dice.pick(&[100 * MILLI, 2 * SECOND, 40 * SECOND]);
            dice.below(within)
        };
        let crash = dice.percent(60).then(|| (dice.pick(&crashes), dice.below(long)));
        let interrupts = if dice.percent(25) {
            let first = moment(dice);
            let second = dice.percent(50).then(|| first + dice.below(3 * SECOND));
            std::iter::once(first).chain(second).collect()
        } else {
            Vec::new()
        };
        let deadline = dice.percent(10).then(|| Duration::from_micros(moment(dice)));
        let pause = dice.percent(15).then(|| (moment(dice), dice.below(100 * SECOND)));
        let full = dice.percent(25).then(|| {
            let from = moment(dice);
            let lasts = dice.pick(&[2 * SECOND, 20 * SECOND, 10_000 * SECOND]);
            (from, from + dice.below(lasts), usize::try_from(dice.below(6)).unwrap_or_default())
        });
        let breaks = dice.percent(8).then(|| (moment(dice), dice.percent(50)));
        let shortage = dice.percent(25).then(|| {
            let from = moment(dice);
            let lasts = dice.pick(&[SECOND, 10 * SECOND, 1000 * SECOND]);
            (from, from + dice.below(lasts))
        });
        let panics = dice.pick(&[0, 0, 0, 5]);
        let stuck = dice.pick(&[0, 0, 0, 4]);
        let unstartable = dice.pick(&[0, 0, 10]);
        Self { crash, interrupts, deadline, pause, full, breaks, shortage, panics, stuck, unstartable }
    }
}
