//! The supervisor: the real desk and the real count, and what is carried to them and from them. What stands here, in
//! `actors.rs` and in `writer.rs` is what `supervisor.rs`, `process.rs` and `result_writer.rs` do, and no more; what of it is
//! left out is named in ARCHITECTURE.md.

use std::collections::BTreeMap;
use std::sync::Arc;

use provisor_core::answer::Answer;
use provisor_core::cause::Cause;
use provisor_core::desk::{Desk, Effect, Event, Failure, News, Papers};
use provisor_core::plan::{Condition, Limits, Only, Plan, Query};
use provisor_core::process::Fact;
use provisor_core::roster::{Bounds, Entry, Place, Roster, Then};
use provisor_core::row::Printed;
use provisor_core::tally::{Change, Counts};
use provisor_core::tick::Tick;

use crate::actors::{Actor, Told};
use crate::faults::Fault;
use crate::laws::{self, Verdict};
use crate::scenario::SECOND;
use crate::world::{Happening, World};
use crate::writer::Writer;

/// What the desk hears.
#[derive(Clone, Debug)]
pub(crate) enum Mail {
    Report { query: Place, attempt: u32, at: Tick, fact: Fact },
    Down { query: Place, attempt: u32 },
    Durable(usize),
    Stalled,
    Resumed,
    WriteFailed,
    Interrupt { forced: bool },
    GuardianDied,
}

pub(crate) struct Office {
    pub(crate) desk: Desk,
    pub(crate) counts: Counts,
    pub(crate) todo: Vec<Place>,
    /// Those that the desk has started and not yet let go of.
    pub(crate) live: BTreeMap<Place, u32>,
    pub(crate) actors: BTreeMap<(Place, u32), Actor>,
    pub(crate) writer: Writer,
    pub(crate) began: u64,
    /// How long the run was stopped, and since when it is.
    stopped_for: u64,
    stopped_since: Option<u64>,
    armed: Option<u64>,
    pub(crate) is_stalled: bool,
    /// Something without which no run goes on is no more, and that was told.
    pub(crate) is_given_up: bool,
    pub(crate) interrupted_at: Option<u64>,
    /// What was found broken in this step.
    pub(crate) verdict: Verdict,
}

/// The plan as the roster is told of it.
fn told(plan: &Arc<Plan>, fault: Option<Fault>) -> Arc<Plan> {
    let mut told = Arc::clone(plan);
    let Some(fault) = fault else { return told };
    let plan = Arc::make_mut(&mut told);
    for query in &mut plan.queries {
        match fault {
            Fault::MemoryForgotten => query.limits.memory = None,
            Fault::RuleForgotten => query.further.iter_mut().for_each(|pass| pass.only = Only::NotTrue),
            Fault::PassesForgotten => query.further = Box::default(),
            Fault::NeedsForgotten => query.needs = Box::default(),
            Fault::ScenariosForgotten => query.cell = None,
            Fault::WellIsAnyEnd => conditions(query, &Condition::Well, &Condition::Over),
            Fault::OverIsOnlyWell => conditions(query, &Condition::Over, &Condition::Well),
            Fault::HopesForgotten => query.expect = None,
            _ => {}
        }
    }
    if fault == Fault::LatticeTurned {
        let weaker = std::mem::take(&mut plan.lattice.weaker);
        let above =
            |of: u32| (0..).zip(&weaker).filter(move |(_, weaker)| weaker.contains(&of)).map(|(at, _)| at);
        plan.lattice.weaker = (0..weaker.len() as u32).map(|of| above(of).collect()).collect();
    }
    told
}

fn conditions(query: &mut Query, from: &Condition, to: &Condition) {
    let needs = query.needs.iter_mut().filter(|need| need.condition == *from);
    needs.for_each(|need| need.condition = to.clone());
}

fn reverse_starts(effects: &mut [Effect]) {
    let is_start = |effect: &Effect| matches!(effect, Effect::Start { .. });
    let at: Vec<_> = (0..effects.len()).filter(|at| is_start(&effects[*at])).collect();
    at.iter().zip(at.iter().rev()).take(at.len() / 2).for_each(|(a, b)| effects.swap(*a, *b));
}

impl Office {
    pub(crate) fn new(world: &World, todo: Vec<Entry>, reused: Vec<(Place, Answer)>) -> Self {
        let plan = &world.scenario.plan;
        let bounds = Bounds {
            slots: world.scenario.slots,
            deadline: world.trouble.deadline_at().filter(|_| !world.is(Fault::DeadlineNotHeard)),
            unwritten: world.scenario.unwritten,
            memory_budget: plan.memory_budget,
            machine_memory: None,
        };
        let expected = |query: Place| plan.queries[query as usize].expect.as_deref();
        let classes: Vec<_> = reused.iter().map(|(query, answer)| answer.class(expected(*query))).collect();
        let known = if world.is(Fault::DecidedForgotten) { Vec::new() } else { reused };
        let roster = Roster::new(bounds, told(plan, world.fault), todo.iter().cloned(), known);
        let papers = Papers { containment: "simulated".into(), log_name: Box::new(|_, _| String::new()) };
        Self {
            desk: Desk::new(papers, roster),
            counts: Counts::new(todo.len() + classes.len(), classes),
            todo: todo.into_iter().map(|entry| entry.query).collect(),
            live: BTreeMap::new(),
            actors: BTreeMap::new(),
            writer: Writer::default(),
            began: world.now,
            stopped_for: 0,
            stopped_since: None,
            armed: None,
            is_stalled: false,
            is_given_up: false,
            interrupted_at: None,
            verdict: Ok(()),
        }
    }

    /// The run's own clock, which stands still while the run is stopped.
    fn tick(&self, now: u64) -> Tick {
        let now = self.stopped_since.unwrap_or(now);
        Tick::from_micros(now.saturating_sub(self.began + self.stopped_for))
    }
}

impl World {
    pub(crate) fn tick(&self) -> Tick {
        self.office.as_ref().map_or(Tick::ZERO, |office| office.tick(self.now))
    }

    /// When it will be that late on the run's clock, as far as is known.
    pub(crate) fn when(&self, tick: Tick) -> u64 {
        let start = self.paused_until.unwrap_or(self.now);
        let time = u64::try_from((tick - self.tick()).as_micros()).unwrap_or(u64::MAX);
        start.saturating_add(time)
    }

    pub(crate) fn pause(&mut self, time: u64) {
        let now = self.now;
        self.paused_until = Some(now + time);
        if let Some(office) = &mut self.office {
            office.stopped_since = Some(now);
        }
    }

    pub(crate) fn go_on(&mut self, at: u64) {
        self.paused_until = None;
        if let Some(office) = &mut self.office
            && let Some(since) = office.stopped_since.take()
        {
            office.stopped_for += at - since;
        }
    }

    /// A message to the desk, as it takes it in.
    pub(crate) fn mail(&mut self, mail: Mail) {
        let (now, tick) = (self.now, self.tick());
        let Some(office) = &mut self.office else { return };
        let event = match mail {
            Mail::Report { query, attempt, at, fact } => return self.reported(query, attempt, at, fact),
            Mail::Down { query, attempt } => Event::Down { query, attempt, how: "it is down".into() },
            Mail::Durable(rows) => Event::Durable { rows },
            Mail::Stalled => {
                office.is_stalled = true;
                if self.is(Fault::StalledDiskIgnored) {
                    return;
                }
                Event::Stalled { text: "the disk is full".into() }
            }
            Mail::Resumed => {
                office.is_stalled = false;
                Event::Resumed
            }
            Mail::WriteFailed => {
                office.is_given_up = true;
                Event::WriteFailed(Failure::Results("the disk is broken".into()))
            }
            Mail::Interrupt { forced } => {
                office.interrupted_at.get_or_insert(now);
                if self.is(Fault::InterruptNotHeard) {
                    return;
                }
                Event::Interrupt { cause: Cause::Cancelled, forced }
            }
            Mail::GuardianDied => {
                office.is_given_up = true;
                Event::Failed(Failure::Guardian)
            }
        };
        self.desk(tick, event);
    }

    fn reported(&mut self, query: Place, attempt: u32, at: Tick, fact: Fact) {
        let too_early = self.is(Fault::SlotFreedTooEarly) && matches!(fact, Fact::Stopping { .. });
        let twice = self.is(Fault::SlotFreedTwice) && matches!(fact, Fact::Finished(_));
        let report = |query, attempt, fact| Event::Report {
            query,
            attempt,
            unix_us: 0,
            log_is_whole: true,
            printed: Printed::default(),
            fact,
        };
        self.desk(at, report(query, attempt, fact));
        if too_early {
            self.desk(at, report(query, attempt, Fact::Left));
        }
        let other = self.office.as_ref().and_then(|office| office.live.iter().next());
        let other = other.map(|(query, attempt)| (*query, *attempt));
        if let Some((other, attempt)) = other.filter(|_| twice) {
            self.desk(at, report(other, attempt, Fact::Left));
        }
    }

    pub(crate) fn desk_wakes(&mut self) {
        let tick = self.tick();
        if let Some(office) = &mut self.office {
            office.armed = None;
        }
        self.desk(tick, Event::Wake);
    }

    /// The shell of the desk.
    fn desk(&mut self, tick: Tick, event: Event) {
        let mut effects = Vec::new();
        let Some(office) = &mut self.office else { return };
        office.desk.step(tick, event, &mut effects);
        if self.is(Fault::StartsOutOfOrder) {
            reverse_starts(&mut effects);
        }
        for effect in effects {
            self.tell(|| format!("  the desk: {effect:?}"));
            self.perform(effect);
        }
        let Some(office) = &self.office else { return };
        let wake = office.desk.wake_at();
        let counts = laws::the_counts_are_true(office, &self.witness);
        self.found(counts);
        let wake = wake.filter(|_| !self.is(Fault::RetryForgotten)).map(|at| self.when(at));
        let Some(office) = &mut self.office else { return };
        if let Some(at) = wake.filter(|at| office.armed.is_none_or(|armed| armed > *at)) {
            office.armed = Some(at);
            self.post(at, Happening::DeskWakes);
        }
    }

    /// Keeps the first law that was found broken.
    fn found(&mut self, verdict: Verdict) {
        if let Some(office) = &mut self.office
            && office.verdict.is_ok()
        {
            office.verdict = verdict;
        }
    }

    fn perform(&mut self, effect: Effect) {
        let forgets_requeued = self.is(Fault::RequeuedNotCounted);
        let miscounts = self.is(Fault::ForegoneCountedAsRunning);
        let Some(office) = &mut self.office else { return };
        match effect {
            Effect::Start { query, attempt, pass, memory, .. } => self.start((query, attempt), pass, memory),
            Effect::Abort { query, cause, forced, .. } => {
                if let Some(&attempt) = office.live.get(&query) {
                    self.control(query, attempt, Told::Abort { cause, forced });
                }
            }
            Effect::Release { query } => drop(office.live.remove(&query)),
            Effect::Write(row) => {
                let lives = office.live.contains_key(&row.query);
                let ends = office.desk.stopped().is_some();
                let bound = self.witness.bonds.row_is_sent(&row, lives, ends);
                let verdict = self.witness.row_is_sent(&row).and(bound);
                self.story.passed_on += u64::from(row.then == Then::NextPass);
                self.story.derived += u64::from(row.outcome.is_derived());
                self.found(verdict);
                self.send_row(row);
            }
            Effect::Count(Change::Requeued) if forgets_requeued => {}
            Effect::Count(Change::Foregone(class)) if miscounts => office.counts.apply(Change::Done(class)),
            Effect::Count(change) => office.counts.apply(change),
            Effect::Tell(News::Done(row)) => self.witness.row_is_done(&row),
            Effect::Tell(_) => {}
            Effect::Discard { .. } | Effect::Forget { .. } => {
                unreachable!("none is asked again by the clock")
            }
        }
    }

    fn start(&mut self, (query, attempt): (Place, u32), pass: usize, memory: Option<u64>) {
        let Some(office) = &mut self.office else { return };
        let ran_as = if self.fault == Some(Fault::PassForgottenAtStart) { 0 } else { pass };
        let limits = self.scenario.limits(query, ran_as);
        let memory = if self.fault == Some(Fault::RaisedLimitForgotten) { limits.memory } else { memory };
        let limits = Limits { memory, ..limits };
        let actor = Actor::new(ran_as, limits, self.now);
        office.live.insert(query, attempt);
        office.actors.insert((query, attempt), actor);
        let in_time = laws::nothing_starts_out_of_time(self);
        let verdict = in_time.and(self.witness.attempt_starts(query, pass, memory));
        let verdict = verdict.and(self.witness.bonds.attempt_starts(query, attempt, pass, ran_as));
        self.found(verdict);
        self.control(query, attempt, Told::Begin);
        if self.dice.percent(self.trouble.panics) {
            let at = self.now + self.dice.below(5 * SECOND);
            self.post(at, Happening::Actor { query, attempt, told: Told::Panics });
        }
    }

    /// A message to an actor, after those before.
    fn control(&mut self, query: Place, attempt: u32, told: Told) {
        let at = self.now + self.latency();
        let Some(actor) = self.office.as_mut().and_then(|office| office.actors.get_mut(&(query, attempt)))
        else {
            return;
        };
        actor.control_floor = actor.control_floor.max(at);
        let at = actor.control_floor;
        self.post(at, Happening::Actor { query, attempt, told });
    }
}
