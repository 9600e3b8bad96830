//! The world: what happens when, in virtual time, and what is left of it when somebody dies.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use provisor_core::cause::Exit;
use provisor_core::roster::Place;

use crate::actors::Told;
use crate::dice::Dice;
use crate::disk::Disk;
use crate::faults::Fault;
use crate::laws::{self, Broken, Law, Verdict, Witness, holds};
use crate::nursery::Child;
use crate::office::{Mail, Office};
use crate::scenario::{Crash, SECOND, Scenario, Trouble};

/// Runs of one job at most: the troubled ones, and calm ones until all is done.
const MOST_RUNS: u32 = 12;
/// Steps of one run at most: it would not be over in a lifetime.
const MOST_STEPS: u64 = 300_000;
/// How long an interrupted run may take: the longest grace, the patience for a kill and for a sweep, and a disk.
const INTERRUPTED_FOR: u64 = 30 * SECOND;

/// Something that happens.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// The desk gets a message.
    Mail(Mail),
    /// The desk's timer rings.
    DeskWakes,
    /// An actor is told something.
    Actor {
        query: Place,
        attempt: u32,
        told: Told,
    },
    /// The thread that writes goes on, unless something has made it do so before.
    WriterGoesOn(u64),
    /// The terminal wants the run to stop for so long.
    Pause(u64),
    /// The guardian gets a request.
    Launch {
        query: Place,
        attempt: u32,
    },
    Term(u64),
    Kill(u64),
    Sweep(u64),
    /// A child does something.
    Says(u64, &'static [u8]),
    ClosesItsOutput(u64),
    TakesTooMuch(u64),
    LeaderEnds {
        child: u64,
        exit: Exit,
        by_itself: bool,
    },
    IsSwept(u64),
    TreeDies(u64),
}

impl Happening {
    /// It happens whether or not there is a supervisor.
    pub(crate) const fn is_of_the_kernel(&self) -> bool {
        matches!(
            self,
            Self::Says(..)
                | Self::ClosesItsOutput(_)
                | Self::TakesTooMuch(_)
                | Self::LeaderEnds { .. }
                | Self::IsSwept(_)
                | Self::TreeDies(_)
        )
    }

    /// A child that is stopped does not do it.
    const fn can_be_stopped(&self) -> bool {
        matches!(
            self,
            Self::Says(..)
                | Self::ClosesItsOutput(_)
                | Self::TakesTooMuch(_)
                | Self::LeaderEnds { by_itself: true, .. }
        )
    }
}

pub(crate) struct Due {
    at: u64,
    serial: u64,
    run: u32,
    pub(crate) what: Happening,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}

/// How much happened, and a digest of the moments at which it did: of two stories that differ it is hardly ever the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Story {
    pub(crate) steps: u64,
    pub(crate) runs: u32,
    pub(crate) crashes: u32,
    pub(crate) rows: u64,
    /// Attempts that were followed by another pass.
    pub(crate) passed_on: u64,
    /// Rows without an attempt.
    pub(crate) derived: u64,
    pub(crate) digest: u64,
}

pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) scenario: Scenario,
    pub(crate) fault: Option<Fault>,
    pub(crate) now: u64,
    pub(crate) run: u32,
    pub(crate) trouble: Trouble,
    pub(crate) office: Option<Office>,
    pub(crate) children: BTreeMap<u64, Child>,
    pub(crate) guardian_lives: bool,
    /// The order of requests to the guardian.
    pub(crate) guardian_floor: u64,
    pub(crate) disk: Disk,
    /// Attempts of a query up to this one are of no concern any more: it was begun anew. That is committed at the beginning of
    /// a run.
    pub(crate) since: BTreeMap<Place, u32>,
    pub(crate) witness: Witness,
    pub(crate) paused_until: Option<u64>,
    pub(crate) is_told: bool,
    pub(crate) queue: BinaryHeap<Reverse<Due>>,
    serial: u64,
    pub(crate) story: Story,
}

impl World {
    /// Lives through all that a seed has in store.
    pub(crate) fn live(seed: u64, fault: Option<Fault>, is_told: bool) -> Result<Story, Broken> {
        let mut dice = Dice::new(seed);
        let scenario = Scenario::of(seed, &mut dice);
        let mut world = Self {
            dice,
            scenario,
            fault,
            now: 0,
            run: 0,
            trouble: Trouble::default(),
            office: None,
            children: BTreeMap::new(),
            guardian_lives: true,
            guardian_floor: 0,
            disk: Disk::default(),
            since: BTreeMap::new(),
            witness: Witness::default(),
            paused_until: None,
            is_told,
            queue: BinaryHeap::new(),
            serial: 0,
            story: Story::default(),
        };
        world.live_all_runs()?;
        Ok(world.story)
    }

    fn live_all_runs(&mut self) -> Verdict {
        loop {
            self.run += 1;
            let trouble = self.scenario.troubles.get(self.run as usize - 1).cloned();
            let is_calm = trouble.is_none();
            self.trouble = trouble.unwrap_or_default();
            self.begin()?;
            let is_over = self.live_one_run()?;
            self.story.runs += 1;
            if is_over {
                self.end(is_calm)?;
            }
            if is_calm {
                return Ok(());
            }
            holds(self.run < MOST_RUNS, Law::EveryQueryEnds, || "there is no end of runs".into())?;
        }
    }

    pub(crate) fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    pub(crate) fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            crate::say(&format!("{:>12} run {} {}", self.now, self.run, what()));
        }
    }

    /// Lets something happen at that moment, after what was to happen then.
    pub(crate) fn post(&mut self, at: u64, what: Happening) {
        self.serial += 1;
        self.queue.push(Reverse(Due { at: at.max(self.now), serial: self.serial, run: self.run, what }));
    }

    /// A message's way.
    pub(crate) const fn latency(&mut self) -> u64 {
        match self.dice.below(20) {
            0 => self.dice.below(50_000),
            1..=9 => 0,
            _ => self.dice.below(200),
        }
    }

    /// Whether the run came to its end; if not, somebody died.
    fn live_one_run(&mut self) -> Result<bool, Broken> {
        let mut steps = 0;
        while !self.is_over() {
            if self.trouble.crash.is_some_and(|(_, at)| steps == at) {
                let (crash, _) = self.trouble.crash.take().unwrap_or((Crash::Power, 0));
                self.story.crashes += 1;
                self.crash(crash)?;
                if crash != Crash::Guardian {
                    return Ok(false);
                }
            }
            let Some(due) = self.next() else {
                let how = "nothing happens any more, and it is not over".into();
                return Err(Broken { law: Law::EveryQueryEnds, how });
            };
            self.happen(due)?;
            laws::no_process_is_without_owner(self)?;
            steps += 1;
            holds(steps < MOST_STEPS, Law::EveryQueryEnds, || "there is no end of it".into())?;
            self.check_interruption()?;
        }
        Ok(true)
    }

    fn is_over(&self) -> bool {
        let Some(office) = &self.office else { return false };
        let desk = &office.desk;
        let has_nothing_left = desk.waiting() == 0 && office.live.is_empty() && desk.unwritten().len() == 0;
        desk.is_over() || (self.is(Fault::StallForgottenAtTheEnd) && has_nothing_left)
    }

    fn check_interruption(&self) -> Verdict {
        let Some(since) = self.office.as_ref().and_then(|office| office.interrupted_at) else {
            return Ok(());
        };
        let paused = self.trouble.pause.map_or(0, |(_, time)| time);
        let in_time = self.now <= since + INTERRUPTED_FOR + paused;
        holds(in_time, Law::AnInterruptionEndsTheRun, || format!("interrupted at {since}, and it goes on"))
    }

    /// The next thing that concerns anybody.
    pub(crate) fn next(&mut self) -> Option<Due> {
        loop {
            let Reverse(mut due) = self.queue.pop()?;
            let is_stale = due.run != self.run || self.office.is_none();
            if is_stale && !due.what.is_of_the_kernel() {
                continue;
            }
            if let Some(until) = self.paused_until {
                if due.at >= until {
                    self.go_on(until);
                } else if due.what.can_be_stopped() {
                    due.at = until;
                    self.serial += 1;
                    due.serial = self.serial;
                    self.queue.push(Reverse(due));
                    continue;
                }
            }
            self.now = self.now.max(due.at);
            self.story.steps += 1;
            self.story.digest = self.story.digest.rotate_left(5) ^ self.now ^ (self.serial << 32);
            return Some(due);
        }
    }

    pub(crate) fn happen(&mut self, due: Due) -> Verdict {
        self.tell(|| format!("{:?}", due.what));
        self.weather();
        match due.what {
            Happening::Mail(mail) => self.mail(mail),
            Happening::DeskWakes => self.desk_wakes(),
            Happening::Actor { query, attempt, told } => self.actor(query, attempt, told),
            Happening::WriterGoesOn(turn) => self.write(turn),
            Happening::Pause(time) => self.pause(time),
            Happening::Launch { query, attempt } => self.launch(query, attempt)?,
            Happening::Term(child) => self.term(child),
            Happening::Kill(child) => self.kill(child),
            Happening::Sweep(child) => self.sweep(child),
            Happening::Says(child, text) => self.says(child, text),
            Happening::ClosesItsOutput(child) => self.closes_its_output(child),
            Happening::TakesTooMuch(child) => self.takes_too_much(child),
            Happening::LeaderEnds { child, exit, .. } => self.leader_ends(child, exit),
            Happening::IsSwept(child) => self.is_swept(child),
            Happening::TreeDies(child) => self.tree_dies(child),
        }
        self.office.as_mut().map_or(Ok(()), |office| std::mem::replace(&mut office.verdict, Ok(())))
    }

    /// The disk as it is just now.
    fn weather(&mut self) {
        let Some(office) = &self.office else { return };
        let at = self.now - office.began;
        if let Some((from, until, room)) = self.trouble.full {
            match self.disk.room {
                None if from <= at && at < until => self.disk.room = Some(room),
                Some(_) if at >= until => self.disk.room = None,
                _ => {}
            }
        }
        let broken = self.trouble.breaks.filter(|(from, _)| at >= *from);
        self.disk.fails_to_sync = broken.is_some();
        self.disk.fails_to_write = broken.is_some_and(|(_, only_syncs)| !only_syncs);
    }
}
