//! The guardian and its children: processes that print, leave, ignore Term, never die, and leave others behind.

use std::collections::BTreeMap;

use provisor_core::cause::{Cause, Excess, Exit, Usage};
use provisor_core::process::Departure;
use provisor_core::roster::Place;
use provisor_core::rules::Stream;

use crate::actors::Told;
use crate::faults::Fault;
use crate::laws::{self, Verdict};
use crate::office::Mail;
use crate::scenario::{MILLI, SECOND};
use crate::world::{Happening, World};

/// How a process leaves that the kernel kills for its memory, and no other.
const OUT_OF_MEMORY: Exit = Exit::Signal(109);

/// A tree of processes.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    pub(crate) run: u32,
    pub(crate) query: Place,
    pub(crate) attempt: u32,
    /// As which pass of its query it was started.
    pub(crate) pass: usize,
    /// The limit of its memory.
    pub(crate) memory: Option<u64>,
    pub(crate) leader: bool,
    /// Those that outlive the leader until somebody ends them.
    pub(crate) strays: u32,
    /// They keep its output open.
    holds_pipes: bool,
    ignores_term: bool,
    /// The kernel does not let go of it.
    pub(crate) is_stuck: bool,
    /// Whoever had to has begun to kill all of it.
    pub(crate) is_doomed: bool,
    /// Its output was closed.
    is_closed: bool,
    /// The order of what its actor hears of its output, and of its end.
    output_floor: u64,
    exit_floor: u64,
}

impl Child {
    /// Something of it runs, and could be ended.
    pub(crate) const fn can_be_ended(&self) -> bool {
        (self.leader || self.strays > 0) && !self.is_stuck
    }
}

impl World {
    /// Whether an attempt is there to which this child belongs.
    pub(crate) fn attends_to(&self, id: u64, child: &Child) -> bool {
        let key = (child.query, child.attempt);
        let actor = self.office.as_ref().and_then(|office| office.actors.get(&key));
        child.run == self.run && actor.is_some_and(|actor| actor.child.is_none_or(|its| its == id))
    }

    /// A request to the guardian, after those before.
    pub(crate) fn request(&mut self, what: Happening) {
        match what {
            // Where there is no guardian any more, whoever asks is told so; it is no fault of the query's.
            Happening::Launch { query, attempt } if !self.guardian_lives => {
                self.answer(query, attempt, Told::NotSpawned { transient: true });
            }
            _ if !self.guardian_lives => {}
            _ => {
                let at = (self.now + self.latency()).max(self.guardian_floor);
                self.guardian_floor = at;
                self.post(at, what);
            }
        }
    }

    pub(crate) fn launch(&mut self, query: Place, attempt: u32) -> Verdict {
        let Some(began) = self.office.as_ref().map(|office| office.began) else { return Ok(()) };
        if !self.guardian_lives {
            self.answer(query, attempt, Told::NotSpawned { transient: true });
            return Ok(());
        }
        let at = self.now - began;
        let is_short = self.trouble.shortage.is_some_and(|(from, until)| from <= at && at < until);
        if is_short && self.dice.percent(80) {
            self.answer(query, attempt, Told::NotSpawned { transient: true });
        } else if self.dice.percent(self.trouble.unstartable) {
            self.answer(query, attempt, Told::NotSpawned { transient: false });
        } else {
            let child = self.bear(query, attempt);
            let is_wanted =
                self.office.as_ref().is_some_and(|office| office.actors.contains_key(&(query, attempt)));
            // The word that nobody wants it any more is on its way behind the request.
            if !is_wanted && !self.is(Fault::ForgottenKillOnDrop) {
                self.doom(child, 50 * MILLI);
            }
            laws::slots_are_never_exceeded(self)?;
            laws::memory_is_never_exceeded(self)?;
        }
        Ok(())
    }

    fn answer(&mut self, query: Place, attempt: u32, told: Told) {
        let at = self.now + self.latency();
        self.post(at, Happening::Actor { query, attempt, told });
    }

    fn bear(&mut self, query: Place, attempt: u32) -> u64 {
        let id = self.dice.throw();
        let is_late = self.dice.percent(10);
        let answered = self.now + if is_late { self.dice.below(3 * SECOND) } else { self.latency() };
        let strays = if self.dice.percent(20) { 1 + self.dice.below(3) } else { 0 };
        let (pass, memory) = self.asked_of(query, attempt);
        let child = Child {
            run: self.run,
            query,
            attempt,
            pass,
            memory,
            leader: true,
            strays: u32::try_from(strays).unwrap_or_default(),
            holds_pipes: strays > 0 && self.dice.percent(50),
            ignores_term: self.dice.percent(15),
            is_stuck: self.dice.percent(self.trouble.stuck),
            is_doomed: false,
            is_closed: false,
            output_floor: answered,
            exit_floor: answered,
        };
        self.children.insert(id, child);
        self.post(answered, Happening::Actor { query, attempt, told: Told::Spawned(id) });
        self.lead_a_life(id, query, pass);
        id
    }

    /// The pass that is asked for, and the limit of its memory.
    fn asked_of(&self, query: Place, attempt: u32) -> (usize, Option<u64>) {
        let actor = self.office.as_ref().and_then(|office| office.actors.get(&(query, attempt)));
        actor.map_or((0, None), |actor| (actor.pass, actor.memory))
    }

    /// What it will do, if nobody ends it.
    fn lead_a_life(&mut self, child: u64, query: Place, pass: usize) {
        let limits = self.scenario.limits(query, pass);
        let within = self.dice.pick(&[MILLI, MILLI, 100 * MILLI, 3 * SECOND, 30 * SECOND, 300 * SECOND]);
        let time = self.dice.below(within);
        let until = self.now + time;
        for _ in 0..self.dice.below(4) {
            let text: &[u8] = self.dice.pick(&[b"." as &[u8], b".", b"r", b"r", b"stop", b"kill"]);
            let text = if text == b"r" { self.scenario.word(query, pass) } else { text };
            let at = self.now + self.dice.below(time + 1);
            self.post(at, Happening::Says(child, text));
        }
        if self.dice.percent(10) {
            let at = self.now + self.dice.below(time + 1);
            self.post(at, Happening::ClosesItsOutput(child));
        }
        if self.dice.percent(10) {
            let at = self.now + self.dice.below(time + 1);
            self.post(at, Happening::TakesTooMuch(child));
        }
        let would_hang = limits.wall.is_some() && self.dice.percent(20);
        if !would_hang {
            let exit = match self.dice.below(10) {
                0 => Exit::Code(1),
                1 => Exit::Code(75),
                2 => Exit::Signal(11),
                3 => OUT_OF_MEMORY,
                _ => Exit::Code(0),
            };
            self.post(until, Happening::LeaderEnds { child, exit, by_itself: true });
        }
    }

    /// Tells the actor, in the order of that stream of answers.
    fn output(&mut self, id: u64, told: Told) {
        let latency = self.latency();
        let Some(child) = self.children.get_mut(&id) else { return };
        child.output_floor = child.output_floor.max(self.now + latency);
        let (at, query, attempt, run) = (child.output_floor, child.query, child.attempt, child.run);
        if run == self.run {
            self.post(at, Happening::Actor { query, attempt, told });
        }
    }

    fn end_answer(&mut self, id: u64, told: Told) {
        let latency = self.latency();
        let Some(child) = self.children.get_mut(&id) else { return };
        child.exit_floor = child.exit_floor.max(self.now + latency);
        let (at, query, attempt, run) = (child.exit_floor, child.query, child.attempt, child.run);
        if run == self.run && self.guardian_lives {
            self.post(at, Happening::Actor { query, attempt, told });
        }
    }

    pub(crate) fn says(&mut self, id: u64, text: &'static [u8]) {
        if self.children.get(&id).is_some_and(|child| child.leader && !child.is_closed) {
            self.output(id, Told::Chunk(text));
        }
    }

    /// The meter has seen it, and tells of it beside all else.
    pub(crate) fn takes_too_much(&mut self, id: u64) {
        let causes = [Cause::CpuLimit, Cause::ProcessLimit, Cause::MemoryLimit];
        let cause = self.dice.pick(&causes);
        let Some(child) = self.children.get(&id).filter(|child| child.leader) else { return };
        let (query, attempt) = (child.query, child.attempt);
        if child.run == self.run && self.guardian_lives {
            let excess = Excess { cause, of_machine: false, evidence: "it was seen".into() };
            self.answer(query, attempt, Told::Exceeded(excess));
        }
    }

    pub(crate) fn closes_its_output(&mut self, id: u64) {
        let Some(child) = self.children.get_mut(&id) else { return };
        if !std::mem::replace(&mut child.is_closed, true) {
            self.output(id, Told::Eof(Stream::Stdout));
            self.output(id, Told::Eof(Stream::Stderr));
        }
    }

    pub(crate) fn leader_ends(&mut self, id: u64, exit: Exit) {
        let Some(child) = self.children.get_mut(&id) else { return };
        if !std::mem::replace(&mut child.leader, false) {
            return;
        }
        let keeps_open = child.holds_pipes && child.strays > 0;
        // Either may come first.
        if !keeps_open {
            self.closes_its_output(id);
        }
        let refined = (exit == OUT_OF_MEMORY).then(|| Excess {
            cause: Cause::MemoryLimit,
            of_machine: false,
            evidence: "it was killed for its memory".into(),
        });
        self.end_answer(id, Told::Exited(Departure { exit, usage: Usage::default(), refined }));
    }

    pub(crate) fn term(&mut self, id: u64) {
        let dies = self.children.get(&id).is_some_and(|child| !child.ignores_term && !child.is_stuck);
        if dies {
            let at = self.now + self.dice.below(600 * MILLI);
            let exit = self.dice.pick(&[Exit::Signal(15), Exit::Code(3)]);
            self.post(at, Happening::LeaderEnds { child: id, exit, by_itself: false });
        }
    }

    pub(crate) fn kill(&mut self, id: u64) {
        let at = self.now + self.latency();
        let finds_all = self.dice.percent(50);
        let Some(child) = self.children.get_mut(&id).filter(|child| !child.is_stuck) else { return };
        if finds_all {
            child.strays = 0;
        }
        self.post(at, Happening::LeaderEnds { child: id, exit: Exit::Signal(9), by_itself: false });
    }

    pub(crate) fn sweep(&mut self, id: u64) {
        let takes =
            if self.dice.percent(self.trouble.stuck) { self.dice.below(8 * SECOND) } else { self.latency() };
        self.post(self.now + takes, Happening::IsSwept(id));
    }

    pub(crate) fn is_swept(&mut self, id: u64) {
        let forgets = self.is(Fault::LeftoverNotSwept);
        let Some(child) = self.children.get_mut(&id).filter(|_| self.guardian_lives) else { return };
        let leftovers = child.strays;
        if forgets {
            child.is_doomed = false;
        } else {
            child.strays = 0;
        }
        self.closes_its_output(id);
        self.end_answer(id, Told::Swept(leftovers));
        self.bury(id);
    }

    /// Somebody begins to kill all of a tree.
    pub(crate) fn doom(&mut self, id: u64, within: u64) {
        let at = self.now + self.dice.below(within);
        if let Some(child) = self.children.get_mut(&id) {
            child.is_doomed = true;
            self.post(at, Happening::TreeDies(id));
        }
    }

    pub(crate) fn tree_dies(&mut self, id: u64) {
        if let Some(child) = self.children.get_mut(&id).filter(|child| !child.is_stuck) {
            (child.leader, child.strays) = (false, 0);
            self.bury(id);
        }
    }

    fn bury(&mut self, id: u64) {
        self.children.retain(|other, child| *other != id || child.leader || child.strays > 0);
    }

    /// The supervisor's socket has closed: the guardian kills all.
    pub(crate) fn guardian_ends_all(&mut self) {
        let mut ids: Vec<_> = self.children.keys().copied().collect();
        if self.is(Fault::GuardianForgetsAChild) {
            ids.pop();
        }
        for id in ids {
            self.doom(id, SECOND);
        }
    }

    /// Both have died: the leaders die with the guardian, and nobody is there for the rest.
    pub(crate) fn leaders_die(&mut self) {
        for child in self.children.values_mut().filter(|child| !child.is_stuck) {
            child.leader = false;
        }
        self.children.retain(|_, child| child.leader || child.strays > 0);
    }

    /// The supervisor takes over: it kills what the guardian has left, and the attempts lose their hold.
    pub(crate) fn guardian_dies(&mut self) {
        self.guardian_lives = false;
        self.answers_end();
        self.leaders_die();
        for id in self.children.keys().copied().collect::<Vec<_>>() {
            self.doom(id, 2 * SECOND);
        }
        let told = self.now + self.dice.below(2 * SECOND);
        self.post(told, Happening::Mail(Mail::GuardianDied));
    }

    /// What the guardian has sent is still read, and after that nothing comes: whoever has a child has lost it from sight, and
    /// whoever waits for one gets none.
    fn answers_end(&mut self) {
        let born = self.children.values().filter(|child| child.run == self.run);
        let born: BTreeMap<_, _> =
            born.map(|child| ((child.query, child.attempt), child.exit_floor)).collect();
        let Some(office) = &self.office else { return };
        let actors: Vec<_> = office.actors.iter().map(|(key, actor)| (*key, actor.child.is_some())).collect();
        for (key, is_told) in actors {
            let last_word = born.get(&key).copied();
            if is_told || (last_word.is_some() && self.dice.percent(50)) {
                let at = (self.now + self.latency()).max(last_word.unwrap_or_default());
                let (query, attempt) = key;
                self.post(at, Happening::Actor { query, attempt, told: Told::Vanished });
            } else if let Some(actor) = self.office.as_mut().and_then(|office| office.actors.get_mut(&key)) {
                actor.is_refused = last_word.is_some();
            }
        }
    }
}
