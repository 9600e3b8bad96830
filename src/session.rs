//! A run on its way: events to the screen, signals to the runtime, a heartbeat, and the state for `status`. It waits for
//! no disk, no screen and no reader: what is slow has a thread of its own.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use provisor_actors::folder::Folder;
use provisor_actors::messages::{Ending, Event};
use provisor_actors::os::listen::{Signal, Signals};
use provisor_actors::os::signals;
use provisor_actors::run::{Control, Job, Ports, Run};
use provisor_actors::store::Store;
use provisor_core::roster::{Place, interruption};
use provisor_core::tally::Counts;
use provisor_core::{Cause, StopMethod, Tick};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::failure::Failure;
use crate::progress::Progress;
use crate::status::Scribe;
use crate::view::groups::Groups;
use crate::view::printer::Printer;
use crate::view::{plain, screen, tell, words};

/// Events that may wait for the screen; what comes on top is counted and left out.
pub(crate) const EVENTS: usize = 16_384;
/// How often the screen looks for events: to be woken for each would cost more than what is shown.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often the state for `status` is written, if it has changed.
const STATE_EVERY: Duration = Duration::from_secs(1);
/// How often a line says how many are left, in such steps.
const HEARTBEAT_EVERY: u64 = 60;

/// How often a frame is drawn at most, and at least.
const DRAW_EVERY: Duration = Duration::from_millis(120);
const DRAW_AT_LEAST_EVERY: Duration = Duration::from_secs(1);
/// Queries at work that SIGUSR1 tells of by name.
const MOST_TOLD: usize = 20;
/// How long the screen may take to clear away the bar before we are stopped.
const RESTS_WITHIN: Duration = Duration::from_millis(200);
/// How long the end of a run that was stopped waits for what the children printed.
const PRINTED_WITHIN: Duration = Duration::from_secs(2);

/// How often a line says that the system is short of something, while it is.
const SHORT_TOLD_EVERY: Duration = Duration::from_secs(60);

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    /// A bar, and a line for each query that did not end well by itself or by its limits.
    Bar,
    /// A line for each finished query, and heartbeats.
    Lines,
    /// Nothing but what is wrong.
    Nothing,
}

/// How a session ended.
pub(crate) enum Parting {
    /// The run has ended, one way or another; the store is back.
    Ended {
        ending: Box<Ending>,
        store: Box<Store>,
        counts: Counts,
        elapsed: Duration,
        interrupted_by: Option<Signal>,
        /// Whether all that the children printed is out; if not, standard output stands still.
        is_printed: bool,
    },
    /// The user does not want to wait for the clean-up: the guardian does it.
    Left,
}

/// Where a session shows what happens.
pub(crate) struct Stage {
    /// On the screen.
    pub(crate) show: Show,
    /// What the children print, where that was asked for.
    pub(crate) printer: Option<Printer>,
    /// The run directory.
    pub(crate) dir: PathBuf,
    /// The run's own directory in it, for the state for `status`.
    pub(crate) run_dir: Arc<Folder>,
    /// How far it is: not begun.
    pub(crate) progress: Progress,
}

/// Runs the job to its end.
pub(crate) fn run(
    job: Job,
    ports: Ports<Groups<Store>>,
    events: mpsc::Receiver<Event>,
    stage: Stage,
) -> Result<Parting, Failure> {
    let system = |what| move |source| Failure::System { what, source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(system("the system's event queue"))?;
    runtime.block_on(async {
        let signals = Signals::listen().map_err(system("the system's signals"))?;
        let Stage { show, printer, dir, run_dir, progress } = stage;
        let scribe = Scribe::start(run_dir).map_err(system("the system's threads"))?;
        screen::open((show == Show::Bar).then_some(dir)).map_err(system("the system's threads"))?;
        let run = Run::start(job, ports).await.inspect_err(|_| {
            screen::close();
        })?;
        let mut session = Session {
            control: run.control(),
            show,
            scribe,
            progress,
            // A run that is over in no time needs no bar.
            drawn: Some(Instant::now()),
            is_news: true,
            last_state: None,
            is_hurried: false,
            printer,
            told_short: None,
            interruptions: 0,
            interrupted_by: None,
        };
        let parting = session.attend(run, signals, events).await;
        let has_left_out = session.printer.as_ref().is_some_and(Printer::has_left_out);
        tell_left_out(screen::close(), has_left_out);
        parting
    })
}

struct Session {
    control: Control,
    show: Show,
    scribe: Scribe,
    progress: Progress,
    /// When the last frame was handed to the screen, and whether something has happened since.
    drawn: Option<Instant>,
    is_news: bool,
    /// What was last written for `status`: the counts, and who ran.
    last_state: Option<(Counts, Vec<(Place, u32)>)>,
    /// The run is to end, and nobody waits for the reader of what the children print.
    is_hurried: bool,
    printer: Option<Printer>,
    /// When it was last said that the system is short of something.
    told_short: Option<Instant>,
    interruptions: u32,
    interrupted_by: Option<Signal>,
}

impl Session {
    async fn attend(
        &mut self,
        run: Run<Groups<Store>>,
        mut signals: Signals,
        mut events: mpsc::Receiver<Event>,
    ) -> Result<Parting, Failure> {
        let mut ended = pin!(run.join());
        let (mut look, mut beat) = (interval(LOOK_EVERY), interval(STATE_EVERY));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut beats = 0;
        let (ending, Groups { store, .. }) = loop {
            tokio::select! {
                ended = &mut ended => break ended?,
                signal = signals.next() => {
                    // What is said now is said of what runs now.
                    self.take_all(&mut events);
                    if self.obey(signal) {
                        return Ok(Parting::Left);
                    }
                }
                _ = look.tick() => {
                    self.take_all(&mut events);
                    self.draw();
                }
                _ = beat.tick() => {
                    self.take_all(&mut events);
                    self.beat(beats);
                    beats += 1;
                }
            }
        };
        let elapsed = self.elapsed();
        self.take_all(&mut events);
        self.write_state();
        if ending.stopped.is_some() || ending.failure.is_some() {
            self.hurry();
        }
        let is_printed = self.await_printer(&mut signals).await;
        let counts = self.control.counts().borrow().clone();
        let (ending, interrupted_by) = (Box::new(ending), self.interrupted_by);
        Ok(Parting::Ended { ending, store: Box::new(store), counts, elapsed, interrupted_by, is_printed })
    }

    /// Lets what the children printed go out, until somebody interrupts; where the run was stopped not for long. Whether
    /// it is out: if not, standard output stands still.
    async fn await_printer(&mut self, signals: &mut Signals) -> bool {
        let Some(printer) = self.printer.clone() else { return true };
        self.draw_now();
        let mut look = interval(LOOK_EVERY);
        let hurry = self.is_hurried;
        let patience =
            async { if hurry { sleep(PRINTED_WITHIN).await } else { std::future::pending().await } };
        let mut patience = pin!(patience);
        while !printer.is_idle() {
            tokio::select! {
                () = &mut patience => return false,
                signal = signals.next() => match signal {
                    Signal::Stop => stop(),
                    signal if signal.ends_a_run() => return false,
                    _ => {}
                },
                _ = look.tick() => self.write_state(),
            }
        }
        true
    }

    fn take_all(&mut self, events: &mut mpsc::Receiver<Event>) {
        while let Ok(event) = events.try_recv() {
            self.progress.take(&event, self.control.now());
            self.is_news = true;
            self.tell_of(event);
        }
    }

    fn tell_of(&mut self, event: Event) {
        match event {
            Event::Done(row) => {
                let is_told = match self.show {
                    Show::Lines => true,
                    Show::Bar => self.progress.is_remarkable(&row),
                    Show::Nothing => false,
                };
                let Progress { done, total, .. } = self.progress;
                let query = self.progress.query(row.query);
                if is_told {
                    tell(&plain::finished(&row, query, done, total));
                }
            }
            // Should this be missed, those that are held up are ended all the same, only without a last word.
            Event::Stopping { query, cause, .. } if self.progress.ends_the_run(query, cause) => self.hurry(),
            Event::Returned { query, why } => {
                let id = &self.progress.query(query).id;
                tracing::info!(query = %id, %why, "it waits again");
                // One line for all: when the system is short of something, hundreds are told so.
                if self.told_short.is_none_or(|told| told.elapsed() >= SHORT_TOLD_EVERY) {
                    self.told_short = Some(Instant::now());
                    tell(&format!("{why}; fewer at once until that is over, and no query fails for it"));
                }
            }
            Event::GroupFailed { group, why } => {
                tell(&format!("the group `{group}` has failed: {why}; all that stood in it are down"));
            }
            Event::Stalled { text } => {
                tell(&format!("{text}; nothing new starts until then, and no result is lost meanwhile"));
            }
            Event::Resumed => tell("the results are written again, and the run goes on"),
            _ => {}
        }
    }

    /// Hands a frame to the screen, not too often, and none that would be like the last one.
    fn draw(&mut self) {
        let since = self.drawn.map_or(Duration::MAX, |drawn| drawn.elapsed());
        let is_due = if self.is_news { since >= DRAW_EVERY } else { since >= DRAW_AT_LEAST_EVERY };
        if self.show == Show::Bar && is_due {
            let counts = self.control.counts().borrow().clone();
            screen::draw(self.progress.frame(counts, self.control.now()));
            (self.drawn, self.is_news) = (Some(Instant::now()), false);
        }
    }

    fn draw_now(&mut self) {
        self.drawn = None;
        self.draw();
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
        self.hurry();
        self.progress.begin_to_end();
        self.is_news = true;
        let running = words::queries(self.progress.at_work());
        match interruption(self.interruptions) {
            Some(StopMethod::Term) => {
                self.control.interrupt(Cause::Cancelled, false);
                tell(&format!("interrupted: ending {running}; once more kills them at once"));
            }
            Some(StopMethod::Kill) => {
                self.control.interrupt(Cause::Cancelled, true);
                tell(&format!("interrupted again: killing {running}; once more leaves at once"));
            }
            None => {
                tell("interrupted a third time: leaving; the guardian kills what is left");
                return true;
            }
        }
        false
    }

    /// The run is to end: from now on nobody is held up by the reader of what the children print.
    fn hurry(&mut self) {
        self.is_hurried = true;
        if let Some(printer) = &self.printer {
            printer.hurry();
        }
    }

    /// The terminal wants us to stop: the children stop first, and the clock with them.
    fn pause(&mut self) {
        self.control.pause(true);
        tell("stopped, and all queries with it; `fg` goes on");
        stop();
        self.control.pause(false);
        // The ages in the last one have grown by the time that has not passed.
        self.last_state = None;
        self.write_state();
        self.draw_now();
    }

    fn beat(&mut self, beats: u64) {
        self.write_state();
        if self.show == Show::Lines && beats > 0 && beats.is_multiple_of(HEARTBEAT_EVERY) {
            tell(&plain::heartbeat(&self.control.counts().borrow(), self.elapsed()));
        }
    }

    fn tell_status(&self) {
        tell(&plain::heartbeat(&self.control.counts().borrow(), self.elapsed()));
        for running in self.progress.longest(self.control.now()).take(MOST_TOLD) {
            tell(&format!("  {:>7}  {}", words::duration(running.since), running.name()));
        }
        if let Some(more @ 1..) = self.progress.at_work().checked_sub(MOST_TOLD) {
            tell(&format!("  {:>7}  … and {more} more", ""));
        }
    }

    fn elapsed(&self) -> Duration {
        self.control.now() - Tick::ZERO
    }

    fn write_state(&mut self) {
        let counts = self.control.counts().borrow().clone();
        let state = (counts, self.progress.attempts());
        if self.last_state.as_ref() == Some(&state) {
            return;
        }
        let running = self.progress.longest(self.control.now()).collect();
        if self.scribe.put(&state.0, running) {
            self.last_state = Some(state);
        }
    }
}

/// Stops this process once the terminal is clear; returns when it goes on.
fn stop() {
    screen::rest(RESTS_WITHIN);
    if let Err(error) = signals::stop_self() {
        tracing::warn!(%error, "this process cannot be stopped");
    }
}

fn tell_left_out(from_screen: Option<u64>, from_stdout: bool) {
    if let Some(lines @ 1..) = from_screen {
        tell(&format!("{lines} lines of progress found no room on the screen; the results are complete"));
    }
    if from_screen.is_some() && from_stdout {
        tell("not all that the queries printed found room on standard output; the logs are complete");
    }
}
