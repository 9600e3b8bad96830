//! What must hold in every world, at every step. Each law is a function that looks at the world and at what was noted
//! of its past, never at how the desk has come to its decision.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use provisor_core::cause::{Cause, End, Exit};
use provisor_core::roster::Place;
use provisor_core::roster::Then;
use provisor_core::row::Row;

use crate::bonds::Bonds;
use crate::nursery::Child;
use crate::office::Office;
use crate::world::World;

/// The laws, and all of them in a row.
macro_rules! laws {
    ($($law:ident,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Law {
            $($law,)*
        }

        impl Law {
            pub(crate) const ALL: &[Self] = &[$(Self::$law,)*];
        }
    };
}

laws! {
    NoAcknowledgedRowIsLost,
    NoRowIsDoubled,
    NoRowIsMadeUp,
    NoRowIsForgotten,
    TheCountsAreTrue,
    NoProcessIsWithoutOwner,
    SlotsAreNeverExceeded,
    MemoryIsNeverExceeded,
    WhoNeedsMoreIsGivenMore,
    AShortageIsNoRow,
    NothingStartsWhileTheDiskIsFull,
    NothingStartsInAnEndingRun,
    WhatIsMissingIsSaid,
    AnInterruptionEndsTheRun,
    EveryQueryEnds,
    APassFollowsItsRule,
    APassIsAskedInItsOwnWay,
    EarlierPassesComeFirst,
    WhatAPassSaidIsRemembered,
    NoneStartsBeforeItsNeeds,
    WhatIsSkippedCouldNotBeAsked,
    WhatIsImpliedFollows,
    WhatFollowsIsNotMeasured,
    WhatIsDerivedIsDecidedAnew,
    WhatStandsRestsOnWhatStands,
}

/// What is said of a start that the system had no means for.
pub(crate) const SHORT: &str = "the system is short of something";

/// A law that was broken.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) law: Law,
    pub(crate) how: String,
}

pub(crate) type Verdict = Result<(), Broken>;

/// Breaks the law unless that holds.
pub(crate) fn holds(that: bool, law: Law, how: impl FnOnce() -> String) -> Verdict {
    if that { Ok(()) } else { Err(Broken { law, how: how() }) }
}

type Key = (Place, u32);

/// What was noted of the past, over all runs: the memory of one who watches from outside.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    /// Every row that was ever sent to the disk.
    sent: BTreeMap<Key, Arc<Row>>,
    /// Those that were counted, or that a later run has taken for done.
    acknowledged: BTreeSet<Key>,
    /// Queries with an acknowledged row that stands whatever comes.
    settled: BTreeSet<Place>,
    /// Queries of which it is acknowledged that they have gone on to this pass, or a later one.
    risen: BTreeMap<Place, usize>,
    /// Of each query the rows that it was given without an attempt, and how many of them were acknowledged last.
    derived: BTreeMap<Place, Vec<Arc<Row>>>,
    derived_acknowledged: BTreeMap<Place, usize>,
    /// What binds queries to each other.
    pub(crate) bonds: Bonds,
    /// Rows of this run, and those of them that are the query's.
    sent_now: BTreeSet<Key>,
    last_now: BTreeSet<Place>,
    acknowledged_now: BTreeSet<Key>,
    /// Queries whose last attempt in this run was killed for its memory, and the limit that it had.
    pub(crate) was_too_small: BTreeMap<Place, Option<u64>>,
    /// The limit of the attempt that runs.
    memory: BTreeMap<Place, Option<u64>>,
    /// The pass that each is in.
    pass: BTreeMap<Place, usize>,
}

impl Witness {
    pub(crate) fn run_begins(&mut self, taken_for_done: &[Arc<Row>]) {
        self.sent_now.clear();
        self.last_now.clear();
        self.acknowledged_now.clear();
        self.was_too_small.clear();
        for row in taken_for_done {
            self.acknowledge(row);
        }
        // What it has come to was taken for granted that is open again.
        for query in self.bonds.begin_again() {
            self.settled.remove(&query);
            self.risen.remove(&query);
        }
    }

    /// A row is sent to the disk: a query has one row a run, and an attempt has one for ever.
    pub(crate) fn row_is_sent(&mut self, row: &Arc<Row>) -> Verdict {
        let key = (row.query, row.attempt);
        if row.outcome.is_derived() {
            self.derived.entry(row.query).or_default().push(Arc::clone(row));
        }
        let acknowledged = self.acknowledged.contains(&key);
        holds(!acknowledged, Law::NoRowIsDoubled, || format!("{key:?} was acknowledged before"))?;
        holds(self.sent_now.insert(key), Law::NoRowIsDoubled, || format!("{key:?} is sent twice"))?;
        let End::NotStarted(why) = &row.outcome.end else { return self.row_of_a_process(row) };
        let is_short = &**why == SHORT && row.outcome.cause == Cause::Exited;
        holds(!is_short, Law::AShortageIsNoRow, || format!("{key:?} failed: {why}"))?;
        self.row_of_a_process(row)
    }

    fn row_of_a_process(&mut self, row: &Arc<Row>) -> Verdict {
        let key = (row.query, row.attempt);
        if row.outcome.cause == Cause::MemoryLimit {
            self.was_too_small.insert(row.query, self.memory.get(&row.query).copied().flatten());
        }
        let first = !row.is_last() || self.last_now.insert(row.query);
        self.sent.insert(key, Arc::clone(row));
        holds(first, Law::NoRowIsDoubled, || format!("query {} has two rows", row.query))
    }

    /// The world hears that a row is done.
    pub(crate) fn row_is_done(&mut self, row: &Arc<Row>) {
        self.acknowledged_now.insert((row.query, row.attempt));
        self.acknowledge(row);
    }

    fn acknowledge(&mut self, row: &Arc<Row>) {
        if let Some(at) = self.which_derived(row) {
            self.derived_acknowledged.insert(row.query, at);
            return;
        }
        self.acknowledged.insert((row.query, row.attempt));
        let leads_on = self.bonds.leads_on(row);
        if row.is_last() && is_settled(row) && !leads_on {
            self.settled.insert(row.query);
        }
        // Of other limits it is seen that they are reached though there are none: those may be others another time.
        let knows_why =
            matches!(row.outcome.cause, Cause::Exited | Cause::Concluded | Cause::WallLimit | Cause::Silent);
        if row.then == Then::NextPass && knows_why {
            let risen = self.risen.entry(row.query).or_default();
            *risen = (*risen).max(row.pass + 1);
        }
    }

    fn which_derived(&self, row: &Arc<Row>) -> Option<usize> {
        self.derived.get(&row.query)?.iter().position(|derived| Arc::ptr_eq(derived, row))
    }

    /// What is done is not run again.
    pub(crate) fn attempt_starts(&mut self, query: Place, pass: usize, memory: Option<u64>) -> Verdict {
        let settled =
            self.settled.contains(&query) || self.risen.get(&query).is_some_and(|risen| pass < *risen);
        self.memory.insert(query, memory);
        if self.pass.insert(query, pass) != Some(pass) {
            self.was_too_small.remove(&query);
        }
        let before = self.was_too_small.get(&query).copied().flatten();
        let is_more = before.is_none_or(|before| memory.is_none_or(|memory| memory > before));
        holds(is_more, Law::WhoNeedsMoreIsGivenMore, || format!("query {query} has {memory:?} again"))?;
        holds(!settled, Law::NoRowIsDoubled, || format!("query {query} is run again, and it was done"))
    }

    pub(crate) fn has_row(&self, query: Place) -> bool {
        self.last_now.contains(&query)
    }

    /// What a run finds on the disk.
    pub(crate) fn disk_is_read(&self, found: &[Arc<Row>]) -> Verdict {
        let mut keys = BTreeSet::new();
        let mut derived = BTreeMap::new();
        for row in found {
            let key = (row.query, row.attempt);
            if row.outcome.is_derived() {
                let which = self.which_derived(row);
                holds(which.is_some(), Law::NoRowIsMadeUp, || format!("{row:?} was never written"))?;
                derived.insert(row.query, which);
                continue;
            }
            holds(keys.insert(key), Law::NoRowIsDoubled, || format!("{key:?} is twice on the disk"))?;
            let as_sent = self.sent.get(&key).is_some_and(|sent| sent == row);
            holds(as_sent, Law::NoRowIsMadeUp, || format!("{key:?} was never written like this"))?;
        }
        let is_lost = |(query, at): &(&Place, &usize)| {
            derived.get(query).copied().flatten().is_none_or(|found| found < **at)
        };
        let lost = self.derived_acknowledged.iter().find(is_lost);
        let law = Law::NoAcknowledgedRowIsLost;
        holds(lost.is_none(), law, || format!("the derived row {lost:?} is not on the disk"))?;
        let lost = self.acknowledged.difference(&keys).next();
        holds(lost.is_none(), Law::NoAcknowledgedRowIsLost, || format!("{lost:?} is not on the disk"))
    }

    /// At the end of a run every row was acknowledged, or is handed out as unwritten.
    pub(crate) fn run_ends(&self, unwritten: &BTreeSet<Key>) -> Verdict {
        let forgotten =
            self.sent_now.iter().find(|key| !self.acknowledged_now.contains(key) && !unwritten.contains(key));
        holds(forgotten.is_none(), Law::NoRowIsForgotten, || format!("{forgotten:?} is nowhere"))
    }

    /// How many queries have a row that is not acknowledged: first those without an attempt.
    fn unacknowledged(&self) -> (usize, usize) {
        let open = || self.last_now.iter().filter(|query| !self.is_done_now(**query));
        let derived = open().filter(|query| self.sent_now.contains(&(**query, 0))).count();
        (derived, open().count() - derived)
    }

    fn is_done_now(&self, query: Place) -> bool {
        self.acknowledged_now
            .range((query, 0)..=(query, u32::MAX))
            .any(|key| self.sent.get(key).is_some_and(|row| row.is_last()))
    }
}

/// Nothing would be gained by running it again, by whatever policy.
fn is_settled(row: &Row) -> bool {
    let outcome = &row.outcome;
    let by_signal = matches!(outcome.end, End::Reaped(Exit::Signal(_))) && outcome.cause_word() == "exited";
    match outcome.cause_word() {
        "exited" | "concluded" => outcome.judgement.verdict.is_some() && !by_signal,
        "wall-limit" | "silent" => true,
        _ => false,
    }
}

/// The sum is the total, and each part is what it says.
pub(crate) fn the_counts_are_true(office: &Office, witness: &Witness) -> Verdict {
    let (derived, measured) = witness.unacknowledged();
    let (waiting, running) = (office.desk.waiting() + derived, office.live.len() + measured);
    let counts = &office.counts;
    let sum = counts.waiting + counts.running + counts.done == counts.total;
    let parts = counts.waiting == waiting && counts.running == running;
    holds(sum && parts, Law::TheCountsAreTrue, || format!("{counts:?}, but {waiting} wait and {running} run"))
}

/// Whoever is alive belongs to an attempt that somebody attends to, or is being killed, or cannot be killed.
pub(crate) fn no_process_is_without_owner(world: &World) -> Verdict {
    let orphan = world
        .children
        .iter()
        .find(|(id, child)| child.can_be_ended() && !child.is_doomed && !world.attends_to(**id, child));
    holds(orphan.is_none(), Law::NoProcessIsWithoutOwner, || format!("{orphan:?}"))
}

/// No more leaders are alive than there are slots.
pub(crate) fn slots_are_never_exceeded(world: &World) -> Verdict {
    let ours = |run: u32| run == world.run;
    let alive =
        world.children.values().filter(|child| child.leader && !child.is_doomed && ours(child.run)).count();
    let slots = world.scenario.slots;
    holds(alive <= slots, Law::SlotsAreNeverExceeded, || format!("{alive} run in {slots} slots"))
}

/// Those that run are expected to need no more than there is, and who was killed for its memory runs alone.
pub(crate) fn memory_is_never_exceeded(world: &World) -> Verdict {
    let ours = |child: &&Child| child.leader && !child.is_doomed && !child.is_stuck && child.run == world.run;
    let alive: Vec<_> = world.children.values().filter(ours).collect();
    let budget = world.scenario.plan.memory_budget;
    let share = budget.map_or(0, |budget| budget / world.scenario.slots as u64);
    let asked = |child: &Child| world.scenario.limits(child.query, child.pass).memory;
    let needed: u64 = alive.iter().map(|child| child.memory.max(asked(child)).unwrap_or(share)).sum();
    let fits = budget.is_none_or(|budget| needed <= budget);
    let is_lonely = alive.iter().any(|child| world.witness.was_too_small.contains_key(&child.query));
    let holds_for_all = alive.len() <= 1 || (fits && !is_lonely);
    holds(holds_for_all, Law::MemoryIsNeverExceeded, || {
        format!("{needed} of {budget:?} is needed: {alive:?}")
    })
}

/// While the writer says that it cannot write, and after the moment at which the run was to end, nothing starts.
pub(crate) fn nothing_starts_out_of_time(world: &World) -> Verdict {
    let Some(office) = &world.office else { return Ok(()) };
    let law = Law::NothingStartsWhileTheDiskIsFull;
    holds(!office.is_stalled, law, || "a query started on a full disk".into())?;
    let has_ended = world.trouble.has_ended_it(world.now - office.began, world.tick());
    let law = Law::NothingStartsInAnEndingRun;
    holds(!has_ended && !office.is_given_up, law, || "a query started in a run that is to end".into())
}

/// A run that is over has its rows on the disk and all that follows them, or says that it has not.
pub(crate) fn what_is_missing_is_said(office: &Office) -> Verdict {
    let is_all_there = !office.writer.tables_are_behind && office.desk.unwritten().len() == 0;
    holds(is_all_there || office.desk.failure().is_some(), Law::WhatIsMissingIsSaid, || {
        "it is over as if nothing were missing".into()
    })
}
