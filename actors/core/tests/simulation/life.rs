//! The beginning of a run from what the disk has, its end, and what is left when somebody dies.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use provisor_core::Query;
use provisor_core::answer::Answer;
use provisor_core::reuse::{
    Asked, AskedPass, Decision, Fingerprint, Past, Prints, Wanted, decide, hold_to_needs,
};
use provisor_core::roster::{Entry, Place, Rung, Then};
use provisor_core::row::Row;

use crate::faults::Fault;
use crate::laws::{self, Broken, Law, Verdict, holds};
use crate::nursery::Child;
use crate::office::{Mail, Office};
use crate::scenario::Crash;
use crate::world::{Happening, World};

impl World {
    /// A start: what an earlier run has left is ended and read, and it is decided what is run.
    pub(crate) fn begin(&mut self) -> Verdict {
        self.paused_until = None;
        self.guardian_lives = true;
        self.guardian_floor = 0;
        // Whoever could not be killed has gone in the meantime, or is nobody's business any more.
        self.children.retain(|_, child| child.can_be_ended());
        if !self.is(Fault::NothingSweptAtStart) {
            self.children.clear();
        }
        self.disk.room = None;
        self.disk.fails_to_sync = false;
        self.disk.fails_to_write = false;
        let found = self.disk.recover(self.is(Fault::TornTailTaken));
        self.tell(|| format!("begins; {} rows on the disk", found.len()));
        self.witness.disk_is_read(&found)?;
        // The run's own record is committed, and all that was found with it.
        if !self.is(Fault::NoSyncAtTheStart) {
            self.disk
                .sync(&mut self.dice)
                .map_err(|_| Broken { law: Law::EveryQueryEnds, how: "no disk".into() })?;
        }
        let known = self.known(&found);
        let (todo, kept) = self.decide(&found, &known);
        let begin_with: BTreeMap<_, _> = todo.iter().map(|entry| (entry.query, entry.rung.pass)).collect();
        let anew = todo.iter().filter(|entry| entry.rung.pass == 0);
        self.since.extend(anew.map(|entry| (entry.query, entry.attempts_before)));
        self.witness.bonds.run_begins(&self.scenario.plan, &known, &kept, begin_with)?;
        self.witness.run_begins(&kept);
        let reused = kept.iter().map(|row| (row.query, Answer::of(&row.outcome))).collect();
        self.office = Some(Office::new(self, todo, reused));
        self.befall();
        laws::no_process_is_without_owner(self)?;
        self.post(self.now, Happening::DeskWakes);
        Ok(())
    }

    /// What is known of queries: their rows, and the attempts before those that were followed by the next pass.
    fn known(&self, found: &[Arc<Row>]) -> Vec<Arc<Row>> {
        let latest: BTreeMap<_, _> = found.iter().map(|row| (row.query, row)).collect();
        let is_known = |row: &&Arc<Row>| {
            // Whoever was begun again since then has no row any more.
            let stands =
                row.is_last() && latest.get(&row.query).is_some_and(|latest| Arc::ptr_eq(latest, row));
            let since = self.since.get(&row.query).copied().unwrap_or_default();
            let is_of_concern = row.attempt > since || row.outcome.is_derived();
            is_of_concern
                && (row.then == Then::NextPass || (stands && !self.is(Fault::DoneForgottenAtResume)))
        };
        found.iter().filter(is_known).cloned().collect()
    }

    /// What is to be done, and the rows that stand.
    fn decide(&self, found: &[Arc<Row>], known: &[Arc<Row>]) -> (Vec<Entry>, Vec<Arc<Row>>) {
        let plan = &self.scenario.plan;
        let mut attempts = BTreeMap::<Place, u32>::new();
        for row in found.iter().filter(|_| !self.is(Fault::AttemptsForgottenAtResume)) {
            let before = attempts.entry(row.query).or_default();
            *before = row.attempt.max(*before);
        }
        let past: Vec<_> = known.iter().map(|row| past(row, &plan.queries[row.query as usize])).collect();
        let asked: Vec<_> = plan.queries.iter().map(asked).collect();
        let (mut todo, mut kept) = (Vec::new(), Vec::new());
        let planned = plan.queries.iter().map(|query| &*query.id);
        let mut decisions = decide(plan.reuse, &asked, planned, &past, false, &mut |_| None);
        if !self.is(Fault::NeedsForgottenAtResume) {
            let places: Vec<_> = (0..).zip(&plan.queries).collect();
            hold_to_needs(&places, &past, &mut decisions);
        }
        for (query, decision) in (0..).zip(decisions) {
            let derived = known.iter().rfind(|row| row.query == query && row.outcome.is_derived());
            match (decision, derived) {
                (_, Some(row)) if self.is(Fault::DerivedKeptAtResume) => kept.push(Arc::clone(row)),
                (Decision::Keep(at), _) => kept.push(Arc::clone(&known[at])),
                (Decision::Judge { .. }, _) => {}
                (Decision::Run(_, rung), _) => {
                    let attempts_before = attempts.get(&query).copied().unwrap_or_default();
                    todo.push(Entry { query, attempts_before, rung: self.as_taken_up(rung), peak: None });
                }
            }
        }
        (todo, kept)
    }

    fn as_taken_up(&self, rung: Rung) -> Rung {
        match self.fault {
            Some(Fault::RungForgottenAtResume) => Rung::default(),
            Some(Fault::RungTooHighAtResume) if rung.pass > 0 => Rung { pass: rung.pass + 1, ..rung },
            Some(Fault::SaidForgottenAtResume) => Rung { said: None, ..rung },
            _ => rung,
        }
    }

    /// Writes down what this run has in store.
    fn befall(&mut self) {
        let began = self.now;
        for (at, forced) in self.trouble.interrupts.clone().into_iter().zip([false, true]) {
            self.post(began + at, Happening::Mail(Mail::Interrupt { forced }));
        }
        if let Some((at, time)) = self.trouble.pause {
            self.post(began + at, Happening::Pause(time));
        }
    }

    pub(crate) fn crash(&mut self, crash: Crash) -> Verdict {
        self.tell(|| format!("{crash:?} dies"));
        match crash {
            Crash::Guardian => self.guardian_dies(),
            Crash::Supervisor => {
                self.office = None;
                self.guardian_ends_all();
                self.until_all_are_dead()?;
            }
            Crash::Both => {
                self.office = None;
                self.leaders_die();
            }
            Crash::Power => {
                self.office = None;
                self.children.clear();
                self.disk.lose_unsynced(&mut self.dice);
            }
        }
        self.queue.retain(|Reverse(due)| due.what.is_of_the_kernel() || crash == Crash::Guardian);
        Ok(())
    }

    /// The guardian holds the lock until its work is done.
    fn until_all_are_dead(&mut self) -> Verdict {
        laws::no_process_is_without_owner(self)?;
        while self.children.values().any(Child::can_be_ended) {
            let Some(due) = self.next() else { break };
            self.happen(due)?;
        }
        let left = self.children.values().find(|child| child.can_be_ended());
        holds(left.is_none(), Law::NoProcessIsWithoutOwner, || format!("{left:?} is still there"))
    }

    /// The run is over: what it leaves behind.
    pub(crate) fn end(&mut self, is_calm: bool) -> Verdict {
        let Some(office) = self.office.take() else { return Ok(()) };
        self.tell(|| format!("is over: {:?}, {:?}", office.desk.stopped(), office.desk.failure()));
        let handed_out = office.desk.unwritten().filter(|_| !self.is(Fault::UnwrittenForgotten));
        let unwritten: BTreeSet<_> = handed_out.map(|row| (row.query, row.attempt)).collect();
        self.witness.run_ends(&unwritten)?;
        laws::what_is_missing_is_said(&office)?;
        self.story.rows += office.counts.done as u64;
        if is_calm {
            let is_short = office.desk.exhausted().is_some();
            holds(!is_short, Law::EveryQueryEnds, || "it gave up in a calm world".into())?;
            let missing = office.todo.iter().find(|query| !self.witness.has_row(**query));
            holds(missing.is_none(), Law::EveryQueryEnds, || format!("query {missing:?} has no row"))?;
            holds(unwritten.is_empty(), Law::EveryQueryEnds, || "rows wait for the disk".into())?;
        }
        // The guardian ends what is being killed; by now there is nobody else.
        let left = self.children.values().find(|child| child.can_be_ended() && !child.is_doomed);
        holds(left.is_none(), Law::NoProcessIsWithoutOwner, || format!("{left:?} is left at the end"))?;
        self.children.clear();
        self.queue.clear();
        Ok(())
    }
}

/// What each pass asks is another thing, and stays so.
const fn prints(pass: usize) -> Prints {
    Prints { command: Fingerprint([pass as u8; 32]), judging: Fingerprint([0; 32]) }
}

fn asked(query: &Query) -> Asked<'_> {
    let passes = (0..query.passes()).filter_map(|pass| asked_pass(query, pass));
    Asked {
        id: &query.id,
        passes: passes.collect(),
        expect: query.expect.as_deref(),
        wanted: Wanted::AsUsual,
    }
}

fn asked_pass(query: &Query, pass: usize) -> Option<AskedPass<'_>> {
    let asking = query.asking(pass)?;
    let only = pass.checked_sub(1).map(|at| query.further[at].only).unwrap_or_default();
    let name = asking.name.map(|name| &**name);
    Some(AskedPass { name, only, prints: prints(pass), limits: *asking.limits })
}

fn past(row: &Row, query: &Query) -> Past {
    let asking = query.asking(row.pass);
    Past {
        id: Arc::clone(&query.id),
        stands: row.is_last(),
        pass: asking.and_then(|asking| asking.name.cloned()),
        prints: prints(row.pass),
        answer: Answer::of(&row.outcome),
        limits: asking.map_or(query.limits, |asking| *asking.limits),
        log_is_whole: false,
    }
}
