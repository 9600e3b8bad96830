//! Whether a query is well, by the word of a command that is run again and again while its process is there: a probe.
//!
//! A probe is begun every so often and has a time of its own; exit code 0 is an answer. When several in a row have failed the
//! query is unwell, which ends it as if it had been silent. A probe never outlives the process that it is about.
//!
//! It is pure: [`Watch::step`] takes what has happened and says what to do, [`Watch::wake_at`] says when it wants to be woken.
//! It must never know a process or a clock.
//!
//! ```
//! use std::time::Duration;
//! use provisor_core::health::{Answer, Event, Order, Probe, Watch};
//! use provisor_core::tick::Tick;
//!
//! let second = Duration::from_secs(1);
//! let probe = Probe::new(["curl", "-sf", "http://127.0.0.1:8080/"]).every(10 * second).within(2 * second).failures(1);
//! let (mut watch, mut orders) = (Watch::new(&probe), Vec::new());
//! watch.step(Tick::ZERO, Event::Began, &mut orders);
//! let at = watch.wake_at().expect("it is asked some time");
//! assert_eq!(at, Tick::ZERO + 10 * second);
//! watch.step(at, Event::Wake, &mut orders);
//! watch.step(at + 2 * second, Event::Wake, &mut orders);
//! assert_eq!(orders, [Order::Ask, Order::LetGo, Order::Unwell("a probe failed: no answer within 2 s".into())]);
//! ```

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::amount::seconds;
use crate::cause::Exit;
use crate::process::{self, Phase as Stage};
use crate::record::signal;
use crate::text::cut;
use crate::tick::Tick;

/// A command that asks whether a query is well, and how often it is run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Probe {
    /// The program and its arguments, at least the program. It finds the environment and the working directory of the query,
    /// and nothing to read.
    pub argv: Box<[Arc<str>]>,
    /// It is run so often; the first time when the query has run for so long.
    pub every: Duration,
    /// It has to end within this time, which is no longer than `every`.
    pub within: Duration,
    /// The query is unwell when so many have failed in a row, at least one.
    pub failures: u32,
}

impl Probe {
    /// How often a probe is run where nothing is said.
    pub const EVERY: Duration = Duration::from_secs(10);
    /// How many have to fail where nothing is said.
    pub const FAILURES: u32 = 3;

    /// This command every ten seconds, for which it has time until the next one; three have to fail.
    #[must_use]
    pub fn new(argv: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        let argv = argv.into_iter().map(Into::into).collect();
        Self { argv, every: Self::EVERY, within: Self::EVERY, failures: Self::FAILURES }
    }

    /// Run so often, with as much time as there was, or as there is.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        let within = if self.within == self.every { every } else { self.within.min(every) };
        Self { every, within, ..self }
    }

    /// It has so much time, and no more than there is until the next one.
    #[must_use]
    pub fn within(self, within: Duration) -> Self {
        Self { within: within.min(self.every), ..self }
    }

    /// So many have to fail in a row, at least one.
    #[must_use]
    pub fn failures(self, failures: u32) -> Self {
        Self { failures: failures.max(1), ..self }
    }
}

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The process of the query is there.
    Began,
    /// It has printed something that cannot be taken yet. It may stand still for that, and cannot answer then.
    Held,
    /// That was taken.
    WentOn,
    /// The probe has come to this.
    Answered(Answer),
    /// The process is being ended, or has left.
    Left,
    /// Time has passed.
    Wake,
}

impl Event {
    /// What it means to the watch that the machine of its attempt was told this, and stands there now.
    #[must_use]
    pub const fn of_step(event: &process::Event<'_>, stage: Stage) -> Option<Self> {
        match (stage, event) {
            (Stage::Idle | Stage::Starting, _) => None,
            (Stage::Running, process::Event::Spawned) => Some(Self::Began),
            (Stage::Running, process::Event::Held) => Some(Self::Held),
            (Stage::Running, process::Event::Chunk(..) | process::Event::Eof(_)) => Some(Self::WentOn),
            (Stage::Running, process::Event::Wake) => Some(Self::Wake),
            (Stage::Running, _) => None,
            _ => Some(Self::Left),
        }
    }
}

/// What a probe came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The query is well.
    Well,
    /// It is not, and here is how that was said.
    Failed(Arc<str>),
    /// Nobody could be asked, for the system was short of something.
    Unasked,
}

impl Answer {
    /// That of a probe which left so, and printed this last.
    #[must_use]
    pub fn of(exit: Exit, said: Option<&str>) -> Self {
        const LONGEST: usize = 200;
        let how = match exit {
            Exit::Code(0) => return Self::Well,
            Exit::Code(code) => format!("exit code {code}"),
            Exit::Signal(number) => signal::Name(number).to_string(),
        };
        Self::Failed(match said {
            Some(said) => format!("{how} ({})", cut(said, LONGEST)).into(),
            None => how.into(),
        })
    }
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Run the probe: none runs.
    Ask,
    /// End the probe; its answer is not wanted any more.
    LetGo,
    /// End the query, for this reason. Nothing follows.
    Unwell(Arc<str>),
}

/// Watches over one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watch {
    every: Duration,
    within: Duration,
    most: u32,
    phase: Phase,
    /// How many have failed in a row.
    failed: u32,
    is_held: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Idle,
    Resting { until: Tick },
    Asking { since: Tick },
    Over,
}

impl Watch {
    /// Over an attempt that has not begun.
    #[must_use]
    pub fn new(&Probe { every, within, failures, .. }: &Probe) -> Self {
        let (within, most) = (within.min(every), failures.max(1));
        Self { every, within, most, phase: Phase::Idle, failed: 0, is_held: false }
    }

    /// When it wants to be woken, if nothing happens before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Tick> {
        match self.phase {
            Phase::Resting { until } if !self.is_held => Some(until),
            Phase::Asking { since } => Some(since + self.within),
            Phase::Idle | Phase::Resting { .. } | Phase::Over => None,
        }
    }

    /// Takes in what happened at `now` and pushes what is to be done, in order.
    pub fn step(&mut self, now: Tick, event: Event, orders: &mut Vec<Order>) {
        match (event, self.phase) {
            (_, Phase::Over) => {}
            (Event::Began, Phase::Idle) => self.phase = Phase::Resting { until: now + self.every },
            (Event::Held, _) => self.is_held = true,
            (Event::WentOn, _) => self.is_held = false,
            (Event::Left, phase) => {
                self.phase = Phase::Over;
                orders.extend(matches!(phase, Phase::Asking { .. }).then_some(Order::LetGo));
            }
            (Event::Answered(answer), Phase::Asking { since }) => self.answered(since, answer, orders),
            (Event::Wake, _) if self.wake_at().is_some_and(|at| at <= now) => self.wake(now, orders),
            _ => {}
        }
    }

    fn wake(&mut self, now: Tick, orders: &mut Vec<Order>) {
        if let Phase::Asking { since } = self.phase {
            orders.push(Order::LetGo);
            let late = format!("no answer within {}", seconds(self.within)).into();
            self.answered(since, Answer::Failed(late), orders);
        } else {
            self.phase = Phase::Asking { since: now };
            orders.push(Order::Ask);
        }
    }

    fn answered(&mut self, since: Tick, answer: Answer, orders: &mut Vec<Order>) {
        self.phase = Phase::Resting { until: since + self.every };
        match answer {
            Answer::Well => self.failed = 0,
            Answer::Failed(why) if !self.is_held => self.fail(&why, orders),
            // Neither is a word about the query.
            Answer::Failed(_) | Answer::Unasked => {}
        }
    }

    fn fail(&mut self, why: &str, orders: &mut Vec<Order>) {
        self.failed += 1;
        if self.failed < self.most {
            return;
        }
        self.phase = Phase::Over;
        let many = if self.most == 1 { "a probe".into() } else { format!("{} probes in a row", self.most) };
        orders.push(Order::Unwell(format!("{many} failed: {why}").into()));
    }
}
