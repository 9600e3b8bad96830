//! The beginning of a run from what the disk has, its end, and what is left when somebody dies.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use provisor_core::answer::Answer;
use provisor_core::plan::Only;
use provisor_core::reuse::{Asked, AskedPass, Decision, Fingerprint, Past, Prints, Wanted, decide};
use provisor_core::roster::Place;
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
        let (todo, kept) = self.decide(&found);
        self.witness.run_begins(&kept);
        let reused = kept.iter().map(|row| (row.query, Answer::of(&row.outcome))).collect();
        self.office = Some(Office::new(self, todo, reused));
        self.befall();
        laws::no_process_is_without_owner(self)?;
        self.post(self.now, Happening::DeskWakes);
        Ok(())
    }

    /// What is to be done, with the number of attempts before, and the rows that stand.
    fn decide(&self, found: &[Arc<Row>]) -> (Vec<(Place, u32)>, Vec<Arc<Row>>) {
        let plan = Arc::clone(&self.scenario.plan);
        let mut standing: BTreeMap<Place, Arc<Row>> = BTreeMap::new();
        let mut attempts: BTreeMap<Place, u32> = BTreeMap::new();
        for row in found {
            let before = attempts.entry(row.query).or_default();
            *before = row.attempt.max(*before);
            if row.is_last() && !self.is(Fault::DoneForgottenAtResume) {
                standing.insert(row.query, Arc::clone(row));
            }
        }
        if self.is(Fault::AttemptsForgottenAtResume) {
            attempts.clear();
        }
        let standing: Vec<_> = standing.into_values().collect();
        let past: Vec<_> = standing.iter().map(|row| past(row, &plan.queries[row.query as usize])).collect();
        let pass = |limits| AskedPass { name: None, only: Only::default(), prints: PRINTS, limits };
        let asked = plan.queries.iter().map(|query| Asked {
            id: &query.id,
            passes: [pass(query.limits)].into(),
            expect: None,
            wanted: Wanted::AsUsual,
        });
        let asked: Vec<_> = asked.collect();
        let (mut todo, mut kept) = (Vec::new(), Vec::new());
        let planned = plan.queries.iter().map(|query| &*query.id);
        for (place, decision) in (0..).zip(decide(plan.reuse, &asked, planned, &past, false, &mut |_| None)) {
            match decision {
                Decision::Keep(at) => kept.push(Arc::clone(&standing[at])),
                Decision::Judge { .. } | Decision::Run(..) => {
                    todo.push((place, attempts.get(&place).copied().unwrap_or_default()));
                }
            }
        }
        (todo, kept)
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

/// All that is asked is the same, and stays so.
const PRINTS: Prints = Prints { command: Fingerprint([0; 32]), judging: Fingerprint([0; 32]) };

fn past(row: &Row, query: &provisor_core::Query) -> Past {
    Past {
        id: Arc::clone(&query.id),
        stands: true,
        pass: None,
        prints: PRINTS,
        answer: Answer::of(&row.outcome),
        limits: query.limits,
        log_is_whole: false,
    }
}
