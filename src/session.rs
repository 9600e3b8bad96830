//! A run on its way: events to the screen, signals to the runtime, a heartbeat, and the state for `status`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use provisor_actors::messages::{Ending, Event};
use provisor_actors::os::listen::{Signal, Signals};
use provisor_actors::os::signals;
use provisor_actors::runtime::{Job, Ports, Runtime, RuntimeHandle};
use provisor_actors::store::Store;
use provisor_core::roster::{Place, interruption};
use provisor_core::tally::Counts;
use provisor_core::{Cause, Plan, StopMethod, Tick};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::failure::Failure;
use crate::status;
use crate::view::{plain, screen, tell, words};

/// Events that may wait for the screen; what comes on top is counted and left out.
pub(crate) const EVENTS: usize = 16_384;
/// How often the screen looks for events: to be woken for each would cost more than what is shown.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often the state for `status` is written, if it has changed.
const STATE_EVERY: Duration = Duration::from_secs(1);
/// How often a line says how many are left, in such steps.
const HEARTBEAT_EVERY: u64 = 60;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    /// A line for each finished query, and heartbeats.
    Lines,
    /// Nothing but what is wrong.
    Nothing,
}

/// How a session ended.
pub(crate) enum Parting {
    /// The run has ended, one way or another; the store is back.
    Ended {
        ending: Ending,
        store: Box<Store>,
        counts: Counts,
        elapsed: Duration,
        interrupted_by: Option<Signal>,
    },
    /// The user does not want to wait for the clean-up: the guardian does it.
    Left,
}

/// Runs the job to its end.
pub(crate) fn run(
    job: Job,
    ports: Ports<Store>,
    events: mpsc::Receiver<Event>,
    show: Show,
    state_file: PathBuf,
) -> Result<Parting, Failure> {
    let system = |what| move |source| Failure::System { what, source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(system("the system's event queue"))?;
    runtime.block_on(async {
        let signals = Signals::listen().map_err(system("the system's signals"))?;
        let plan = Arc::clone(&job.plan);
        let done = job.reused.len();
        let total = done + job.todo.len();
        screen::open().map_err(system("the system's threads"))?;
        let runtime = Runtime::start(job, ports).await?;
        let session = Session {
            plan,
            handle: runtime.handle(),
            show,
            state_file,
            running: BTreeMap::new(),
            done,
            total,
            last_state: None,
            interruptions: 0,
            interrupted_by: None,
        };
        session.attend(runtime, signals, events).await
    })
}

struct Session {
    plan: Arc<Plan>,
    handle: RuntimeHandle,
    show: Show,
    state_file: PathBuf,
    running: BTreeMap<Place, (u32, Tick)>,
    /// How many queries are done, as far as the screen has come.
    done: usize,
    total: usize,
    /// What was last written for `status`: the counts, and who ran.
    last_state: Option<(Counts, Vec<(Place, u32)>)>,
    interruptions: u32,
    interrupted_by: Option<Signal>,
}

impl Session {
    async fn attend(
        mut self,
        runtime: Runtime<Store>,
        mut signals: Signals,
        mut events: mpsc::Receiver<Event>,
    ) -> Result<Parting, Failure> {
        let mut ended = pin!(runtime.join());
        let (mut look, mut beat) = (interval(LOOK_EVERY), interval(STATE_EVERY));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut beats = 0;
        let (ending, store) = loop {
            tokio::select! {
                ended = &mut ended => break ended?,
                signal = signals.next() => {
                    if self.obey(signal) {
                        screen::close();
                        return Ok(Parting::Left);
                    }
                }
                _ = look.tick() => self.take_all(&mut events),
                _ = beat.tick() => {
                    self.take_all(&mut events);
                    self.beat(beats);
                    beats += 1;
                }
            }
        };
        self.take_all(&mut events);
        self.write_state();
        let left_out = screen::close();
        tell_left_out(left_out);
        let counts = self.handle.counts().borrow().clone();
        let elapsed = self.handle.now() - Tick::ZERO;
        let interrupted_by = self.interrupted_by;
        Ok(Parting::Ended { ending, store: Box::new(store), counts, elapsed, interrupted_by })
    }

    fn take_all(&mut self, events: &mut mpsc::Receiver<Event>) {
        while let Ok(event) = events.try_recv() {
            self.take(event);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Started { query, attempt } => {
                self.running.insert(query, (attempt, self.handle.now()));
            }
            Event::Ended { query, attempt } => {
                if self.running.get(&query).is_some_and(|(running, _)| *running == attempt) {
                    self.running.remove(&query);
                }
            }
            Event::Done(row) => {
                self.done += usize::from(row.last);
                self.say(|session| {
                    let plan = &session.plan;
                    let query = &plan.queries[row.query as usize];
                    plain::finished(&row, query, session.done, session.total)
                });
            }
            Event::Returned { query, why } => {
                let id = &self.plan.queries[query as usize].id;
                tracing::warn!(query = %id, %why, "short of something: fewer at once for a while");
            }
            Event::Verdict { .. } | Event::Stopping { .. } => {}
        }
    }

    /// Whether to leave at once.
    fn obey(&mut self, signal: Signal) -> bool {
        match signal {
            Signal::Interrupt | Signal::Terminate | Signal::Hangup => self.interrupt(signal),
            Signal::Stop => {
                self.pause();
                false
            }
            Signal::Status => {
                self.tell_status();
                false
            }
        }
    }

    fn interrupt(&mut self, signal: Signal) -> bool {
        self.interruptions += 1;
        self.interrupted_by.get_or_insert(signal);
        let running = words::queries(self.running.len());
        match interruption(self.interruptions) {
            Some(StopMethod::Term) => {
                self.handle.interrupt(Cause::Cancelled, false);
                tell(&format!("interrupted: ending {running}; once more kills them at once"));
            }
            Some(StopMethod::Kill) => {
                self.handle.interrupt(Cause::Cancelled, true);
                tell(&format!("interrupted again: killing {running}; once more leaves at once"));
            }
            None => {
                tell("interrupted a third time: leaving; the guardian kills what is left");
                return true;
            }
        }
        false
    }

    /// The terminal wants us to stop: the children stop first, and the clock with them.
    fn pause(&self) {
        self.handle.pause(true);
        tell("stopped, and all queries with it; `fg` goes on");
        screen::settle(LOOK_EVERY);
        if let Err(error) = signals::stop_self() {
            tracing::warn!(%error, "this process cannot be stopped");
        }
        self.handle.pause(false);
    }

    fn beat(&mut self, beats: u64) {
        self.write_state();
        if beats > 0 && beats.is_multiple_of(HEARTBEAT_EVERY) {
            self.say(|session| plain::heartbeat(&session.handle.counts().borrow(), session.elapsed()));
        }
    }

    fn tell_status(&self) {
        tell(&plain::heartbeat(&self.handle.counts().borrow(), self.elapsed()));
        for running in self.running() {
            tell(&format!("  {:>7}  {}", words::duration(running.since), running.id));
        }
    }

    fn elapsed(&self) -> Duration {
        self.handle.now() - Tick::ZERO
    }

    /// The running ones, the longest first.
    fn running(&self) -> Vec<status::Running> {
        let now = self.handle.now();
        let running = self.running.iter().map(|(query, (attempt, since))| status::Running {
            id: self.plan.queries[*query as usize].id.to_string(),
            attempt: *attempt,
            since: now - *since,
        });
        let mut running: Vec<_> = running.collect();
        running.sort_by_key(|query| std::cmp::Reverse(query.since));
        running
    }

    fn write_state(&mut self) {
        let counts = self.handle.counts().borrow().clone();
        let running = self.running.iter().map(|(query, (attempt, _))| (*query, *attempt)).collect();
        let state = (counts, running);
        if self.last_state.as_ref() == Some(&state) {
            return;
        }
        if let Err(error) = status::write(&self.state_file, &state.0, &self.running()) {
            tracing::debug!(%error, "the state for `status` cannot be written");
        }
        self.last_state = Some(state);
    }

    fn say(&self, line: impl FnOnce(&Self) -> String) {
        if self.show == Show::Lines {
            tell(&line(self));
        }
    }
}

fn tell_left_out(left_out: Option<u64>) {
    if let Some(lines @ 1..) = left_out {
        tell(&format!("{lines} lines of progress found no room on the screen; the results are complete"));
    }
}
