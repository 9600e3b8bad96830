//! A run: starts its actors on a thread of their own, from any tokio context, and joins them cleanly.
//!
//! All actors share one thread. Processes are spawned by the guardian and bytes are written by the log thread, so one
//! thread reads a gigabyte a second and starts thousands of processes; a second one would only add wake-ups.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use actix::{Addr, AsyncContext, Context};
use provisor_core::answer::Answer;
use provisor_core::desk::{Desk, LogName, Papers};
use provisor_core::guarantees::Guarantees;
use provisor_core::roster::{Bounds, Entry, Place, Refusal, Roster, Rung};
use provisor_core::rules::RuleError;
use provisor_core::tally::Counts;
use provisor_core::{Cause, Plan, Tick};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::Span;

use crate::clock::RunClock;
use crate::counter::Counter;
use crate::judges::Judges;
use crate::logs::{Logs, OpenLog, Tee};
use crate::messages::{
    Down, Drain, Ending, Event, GuardianDied, Interrupt, Open, Pause, Reason, Settle, Subject,
};
use crate::monitor::{run_monitored, start_monitored};
use crate::os::{Launch, LocalFuture};
use crate::result_writer::{Hearer, Left, ResultWriter};
use crate::row::Commit;
use crate::supervisor::{Office, Rules, Supervisor};

/// Rows that may wait for the disk before nothing new is started.
const UNWRITTEN: usize = 4096;

/// What is to be run.
pub struct Job {
    /// All that may be asked.
    pub plan: Arc<Plan>,
    /// Which of it is run, in this order, with the number of attempts that earlier runs have made.
    pub todo: Vec<(Place, u32)>,
    /// Those of them that do not begin with their first pass.
    pub rungs: HashMap<Place, Rung>,
    /// What others that were asked for came to in earlier runs.
    pub reused: Vec<(Place, Answer)>,
    /// Names this run in the cookies of its children; unique on this machine.
    pub token: Arc<str>,
    /// What is known of memory.
    pub memory: KnownMemory,
    /// More may be asked while it runs: it is not over before it is closed.
    pub is_open: bool,
}

/// What is known of memory before a run.
#[derive(Clone, Debug, Default)]
pub struct KnownMemory {
    /// The most that queries used in earlier runs, in bytes, by their place in the plan.
    pub peaks: HashMap<Place, u64>,
    /// What the machine has, in bytes.
    pub machine: Option<u64>,
}

/// What the runtime needs of the world.
pub struct Ports<S> {
    /// Called once on the runtime's own thread.
    pub launcher: LauncherFactory,
    /// Where rows go.
    pub store: S,
    /// Makes log files.
    pub open_log: OpenLog,
    /// Names log files.
    pub log_name: LogName,
    /// Hears what the children print.
    pub tee: Option<Box<dyn Tee>>,
    /// Gets what is worth telling; what it has no room for is counted, never waited for.
    pub events: Option<mpsc::Sender<Event>>,
    /// Reads output in a way of its own, where it wants to.
    pub rules: Option<Arc<dyn Rules>>,
}

/// Makes the launcher.
pub type LauncherFactory = Box<dyn FnOnce() -> std::io::Result<Launcher> + Send>;

/// A launcher and how it ends.
pub struct Launcher {
    /// Starts processes.
    pub launch: Arc<dyn Launch>,
    /// What its children are contained in, as it goes into the rows.
    pub containment: Arc<str>,
    /// What is promised of them, where that can be said.
    pub guarantees: Option<Guarantees>,
    /// Resolves if it can start nothing any more and its children are dead.
    pub gone: LocalFuture<()>,
    /// Resolves when nothing that it started is left.
    pub close: LocalFuture<()>,
}

/// Why a run did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A rule of the plan does not compile.
    #[error("a rule of query {query}: {source}")]
    Rule {
        /// The first query with that rule.
        query: Arc<str>,
        /// What is wrong with it.
        source: RuleError,
    },
    /// The plan has no slots: nothing would ever start.
    #[error("the plan has no slots")]
    NoSlots,
    /// A query of the plan cannot be asked.
    #[error(transparent)]
    Query(#[from] Refusal),
    /// The system refused a thread or a socket.
    #[error("the runtime could not be started")]
    System(#[from] std::io::Error),
    /// The thread ended before it had begun.
    #[error("the runtime's thread died at its start")]
    Died,
}

/// The way to a running run. Cheap to clone, and at home on any thread.
#[derive(Clone)]
pub struct Control {
    pub(crate) supervisor: Addr<Supervisor>,
    counts: watch::Receiver<Counts>,
    launch: Arc<dyn Launch>,
    clock: RunClock,
    guarantees: Option<Arc<Guarantees>>,
}

impl Control {
    /// The shared count, to be looked at or waited on.
    #[must_use]
    pub fn counts(&self) -> watch::Receiver<Counts> {
        self.counts.clone()
    }

    /// What is promised of the processes, where the launcher can say that.
    #[must_use]
    pub fn guarantees(&self) -> Option<&Guarantees> {
        self.guarantees.as_deref()
    }

    /// The run's clock.
    #[must_use]
    pub fn now(&self) -> Tick {
        self.clock.now()
    }

    /// Starts nothing new and ends what runs: by Term and grace, or `forced`, by Kill at once.
    pub fn interrupt(&self, cause: Cause, forced: bool) {
        self.supervisor.do_send(Interrupt { cause, forced });
    }

    /// Stops every child and the run's clock, or lets both go on.
    pub fn pause(&self, stopped: bool) {
        if stopped {
            self.launch.pause(true);
            self.clock.stand_still(true);
        } else {
            self.clock.stand_still(false);
            self.launch.pause(false);
        }
        self.supervisor.do_send(Pause(stopped));
    }
}

/// A run on its way.
pub struct Run<S> {
    pub(crate) control: Control,
    pub(crate) thread: JoinHandle<Option<S>>,
    pub(crate) ending: oneshot::Receiver<Ending>,
}

/// The runtime's thread died before the run had ended.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the runtime's thread died before the run had ended")]
pub struct RunDied;

impl<S: Commit + 'static> Run<S> {
    /// Starts a run. Works from any tokio context; the actors live on a thread of their own.
    ///
    /// # Errors
    /// If a rule does not compile or the system refuses a thread; then nothing was started.
    pub async fn start(job: Job, ports: Ports<S>) -> Result<Self, StartError> {
        let judges = Judges::compile(&job.plan)?;
        let (hand_out, control) = oneshot::channel();
        let (over, ending) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("provisor-actors".into())
            .spawn(move || live(job, judges, ports, hand_out, over))?;
        let control = control.await.map_err(|_| StartError::Died)??;
        Ok(Self { control, thread, ending })
    }

    /// The way to it while it runs.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Waits until the last query is down and the last row is durable, then ends the runtime and gives the store
    /// back. Nothing of the run is left then: no process, no thread, no task.
    ///
    /// # Errors
    /// If the runtime itself died.
    pub async fn join(self) -> Result<(Ending, S), RunDied> {
        let ending = self.ending.await.map_err(|_| RunDied)?;
        // The thread has nothing left to do but to end.
        let store = self.thread.join().ok().flatten().ok_or(RunDied)?;
        Ok((ending, store))
    }
}

type HandOut = oneshot::Sender<Result<Control, StartError>>;

/// The life of the runtime's thread.
fn live<S: Commit + 'static>(
    job: Job,
    judges: Judges,
    ports: Ports<S>,
    hand_out: HandOut,
    over: oneshot::Sender<Ending>,
) -> Option<S> {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = hand_out.send(Err(error.into()));
            return None;
        }
    };
    let actors = tokio::task::LocalSet::new();
    let (mut ending, threads) = actors.block_on(&runtime, run(job, judges, ports, hand_out))?;
    // Dropping the actors lets go of the store and of the logs, and their threads end.
    drop(actors);
    drop(runtime);
    let Left { store, broken } = threads.join()?;
    for row in &mut ending.unwritten {
        if row.log.as_ref().is_some_and(|log| broken.contains(log)) {
            Arc::make_mut(row).doubt_log();
        }
    }
    let _ = over.send(ending);
    Some(store)
}

/// The threads beside the actors'.
struct Threads<S> {
    store: JoinHandle<Left<S>>,
    logs: JoinHandle<()>,
}

impl<S> Threads<S> {
    fn join(self) -> Option<Left<S>> {
        let left = self.store.join().ok();
        let _ = self.logs.join();
        left
    }
}

/// From the first actor to the last.
async fn run<S: Commit + 'static>(
    job: Job,
    judges: Judges,
    ports: Ports<S>,
    hand_out: HandOut,
) -> Option<(Ending, Threads<S>)> {
    let Opened { control, counter, watch, close, threads } = match open(job, judges, ports) {
        Ok(opened) => opened,
        Err(error) => {
            let _ = hand_out.send(Err(error));
            return None;
        }
    };
    let (answer, ending) = oneshot::channel();
    control.supervisor.do_send(Drain { answer });
    let _ = hand_out.send(Ok(control));
    // The supervisor lives as long as this thread; if it dies all the same, its answer is dropped.
    let ending = ending.await.ok()?;
    // It may be dead: then the ending says so.
    let _ = counter.send(Settle).await;
    // From here on the launcher goes because it is told to.
    watch.abort();
    close.await;
    Some((ending, threads))
}

/// A runtime that has begun.
struct Opened<S> {
    control: Control,
    counter: Addr<Counter>,
    /// Tells the supervisor when the launcher is gone.
    watch: tokio::task::JoinHandle<()>,
    close: LocalFuture<()>,
    threads: Threads<S>,
}

fn open<S: Commit + 'static>(job: Job, judges: Judges, ports: Ports<S>) -> Result<Opened<S>, StartError> {
    let Ports { launcher, store, open_log, log_name, tee, events, rules } = ports;
    let Job { plan, todo, rungs, reused, token, memory, is_open } = job;
    let Launcher { launch, containment, guarantees, gone, close } = launcher()?;
    let (logs, log_thread) = Logs::start(open_log, tee)?;
    let clock = RunClock::start();
    let counts = counts(&plan, todo.len(), &reused);
    let bounds = bounds(&plan, &memory);
    let roster = Roster::new(bounds, Arc::clone(&plan), entries(todo, rungs, &memory), reused);
    let mut desk = Desk::new(Papers { containment, log_name }, roster);
    if is_open {
        desk.open();
    }
    let (counter, counts) = Counter::new(counts);
    // The monitors report to the supervisor, and the supervisor sends to the counter: the address comes first.
    let context = Context::<Supervisor>::new();
    let supervisor = context.address();
    let counter = start_monitored(counter, Span::none(), down(&supervisor, Subject::Counter));
    let office = Office {
        plan,
        judges,
        token,
        launch: Arc::clone(&launch),
        logs: logs.clone(),
        clock: clock.clone(),
        counter: counter.clone(),
        events,
        rules,
    };
    let (writer, store_thread) = ResultWriter::new(store, logs, Hearer::new(&supervisor))?;
    let writer = start_monitored(writer, Span::none(), down(&supervisor, Subject::ResultWriter));
    // Nobody is above the supervisor: when it dies its promise to answer dies too, and `join` says so.
    run_monitored(context, Supervisor::new(office, desk), Span::none(), |reason| {
        tracing::debug!(?reason, "the supervisor is down")
    });
    supervisor.do_send(Open(writer));
    let watch = tokio::task::spawn_local(tell_of_the_end(gone, supervisor.clone()));
    let guarantees = guarantees.map(Arc::new);
    let control = Control { supervisor, counts, launch, clock, guarantees };
    let threads = Threads { store: store_thread, logs: log_thread };
    Ok(Opened { control, counter, watch, close, threads })
}

async fn tell_of_the_end(gone: LocalFuture<()>, supervisor: Addr<Supervisor>) {
    gone.await;
    supervisor.do_send(GuardianDied);
}

/// Tells the supervisor that this subject is no more.
fn down(supervisor: &Addr<Supervisor>, subject: Subject) -> impl FnOnce(Reason) + 'static {
    let supervisor = supervisor.clone();
    move |reason| supervisor.do_send(Down { subject, reason })
}

fn bounds(plan: &Plan, known: &KnownMemory) -> Bounds {
    Bounds {
        slots: plan.slots,
        deadline: plan.total.map(|total| Tick::ZERO + total),
        unwritten: UNWRITTEN.max(plan.slots),
        memory_budget: plan.memory_budget,
        machine_memory: known.machine,
    }
}

fn entries(
    todo: Vec<(Place, u32)>,
    mut rungs: HashMap<Place, Rung>,
    known: &KnownMemory,
) -> impl Iterator<Item = Entry> {
    todo.into_iter().map(move |(query, attempts_before)| Entry {
        query,
        attempts_before,
        rung: rungs.remove(&query).unwrap_or_default(),
        peak: known.peaks.get(&query).copied(),
    })
}

/// The count at the beginning, with so many to be done.
fn counts(plan: &Plan, todo: usize, reused: &[(Place, Answer)]) -> Counts {
    let class = |(place, answer): &(Place, Answer)| {
        let query = plan.queries.get(*place as usize);
        answer.class(query.and_then(|query| query.expect.as_deref()))
    };
    Counts::new(todo + reused.len(), reused.iter().map(class))
}
