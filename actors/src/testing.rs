//! A launcher that follows a script instead of starting processes: for tests of the actors, and for benches that
//! measure what the actors cost by themselves.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::poll_fn;
use provisor_core::cause::{Excess, Exit, StopMethod, Usage};
use provisor_core::rules::Stream;
use tokio::sync::{mpsc, oneshot};

use crate::os::{
    Child, ExitReport, HoldLost, Launch, LaunchError, LaunchRequest, Launched, LocalFuture, Output,
    SweepReport,
};
use crate::row::{Commit, Refusal, Row};
use crate::run::{Launcher, LauncherFactory};

/// Something that a scripted child does.
#[derive(Clone, Debug)]
pub enum Step {
    /// It waits.
    Wait(Duration),
    /// It prints.
    Print(Stream, &'static str),
    /// It is seen above a limit.
    Exceed(Excess),
    /// Whoever reads it panics.
    PanicReader(&'static str),
    /// It waits for ever.
    Hang,
}

/// What a scripted child does.
#[derive(Clone, Debug)]
pub struct Script {
    /// One after the other.
    pub steps: Vec<Step>,
    /// How it leaves when all is done.
    pub exit: Exit,
    /// It takes no notice of Term.
    pub ignores_term: bool,
    /// Kill does not end it either, and this is said of it: what stands still inside the kernel is so.
    pub is_stuck: Option<&'static str>,
}

impl Script {
    /// Prints this and exits with 0.
    #[must_use]
    pub fn print(text: &'static str) -> Self {
        Self::of(vec![Step::Print(Stream::Stdout, text)])
    }

    /// Does these and exits with 0.
    #[must_use]
    pub fn of(steps: Vec<Step>) -> Self {
        Self { steps, exit: Exit::Code(0), ignores_term: false, is_stuck: None }
    }
}

type Playwright = dyn Fn(&LaunchRequest) -> Result<Script, LaunchError> + Send + Sync;

/// The launcher.
#[derive(Clone)]
pub struct Theatre {
    write: Arc<Playwright>,
    /// Children that were started and have not left yet.
    pub alive: Arc<AtomicUsize>,
    /// The most of them at a time.
    pub most: Arc<AtomicUsize>,
    /// Every signal that was sent.
    pub signals: Arc<Mutex<Vec<StopMethod>>>,
}

impl Theatre {
    /// A launcher that asks `write` for the script of each child.
    pub fn new(
        write: impl Fn(&LaunchRequest) -> Result<Script, LaunchError> + Send + Sync + 'static,
    ) -> Self {
        Self { write: Arc::new(write), alive: Arc::default(), most: Arc::default(), signals: Arc::default() }
    }

    /// As a port of the runtime.
    #[must_use]
    pub fn factory(&self) -> LauncherFactory {
        let theatre = self.clone();
        Box::new(move || {
            Ok(Launcher {
                launch: Arc::new(theatre),
                containment: "script".into(),
                guarantees: None,
                gone: Box::pin(std::future::pending()),
                close: Box::pin(std::future::ready(())),
            })
        })
    }
}

impl Launch for Theatre {
    fn launch(&self, request: LaunchRequest) -> LocalFuture<Result<Launched, LaunchError>> {
        let script = (self.write)(&request);
        let theatre = self.clone();
        Box::pin(async move { script.map(|script| theatre.stage(script)) })
    }

    fn pause(&self, _: bool) {}
}

impl Theatre {
    fn stage(self, script: Script) -> Launched {
        let alive = self.alive.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(alive, Ordering::SeqCst);
        let (output, mut inbox) = mpsc::unbounded_channel();
        let (exit, left) = oneshot::channel();
        let (exceed, mut seen) = mpsc::unbounded_channel();
        let (stop, stopped) = mpsc::unbounded_channel();
        let (ignores_term, is_stuck) = (script.ignores_term, script.is_stuck);
        let life = Life(Arc::clone(&self.alive));
        tokio::task::spawn_local(play(script, stopped, output, exceed, exit, life));
        let output = poll_fn(move |cx| {
            inbox.poll_recv(cx).map(|cue| {
                cue.map(|cue| match cue {
                    Cue::Output(output) => output,
                    Cue::Panic(text) => panic!("{text}"),
                })
            })
        });
        Launched {
            child: Box::new(Actor { theatre: self, stop, ignores_term, is_stuck }),
            output: Box::pin(output),
            exceeded: Some(Box::pin(poll_fn(move |cx| seen.poll_recv(cx)))),
            exit: Box::pin(async move { left.await.map_err(|_| HoldLost::GuardianDied) }),
        }
    }
}

/// One that is alive.
struct Life(Arc<AtomicUsize>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

enum Cue {
    Output(Output),
    Panic(&'static str),
}

async fn play(
    script: Script,
    mut stopped: mpsc::UnboundedReceiver<i32>,
    output: mpsc::UnboundedSender<Cue>,
    exceed: mpsc::UnboundedSender<Excess>,
    exit: oneshot::Sender<ExitReport>,
    life: Life,
) {
    let mut steps: VecDeque<Step> = script.steps.into();
    let killed = loop {
        let step = async {
            match steps.pop_front() {
                None => return true,
                Some(Step::Wait(time)) => tokio::time::sleep(time).await,
                Some(Step::Print(stream, text)) => {
                    let _ =
                        output.send(Cue::Output(Output::Chunk(stream, Bytes::from_static(text.as_bytes()))));
                }
                Some(Step::Exceed(excess)) => drop(exceed.send(excess)),
                Some(Step::PanicReader(text)) => drop(output.send(Cue::Panic(text))),
                Some(Step::Hang) => std::future::pending().await,
            }
            false
        };
        tokio::select! {
            biased;
            Some(signal) = stopped.recv() => break Some(signal),
            over = step => if over { break None },
        }
    };
    for stream in [Stream::Stdout, Stream::Stderr] {
        let _ = output.send(Cue::Output(Output::Eof(stream)));
    }
    drop(life);
    let exit_as = killed.map_or(script.exit, Exit::Signal);
    let _ = exit.send(ExitReport { exit: exit_as, usage: Usage::default(), refined: None });
}

struct Actor {
    theatre: Theatre,
    stop: mpsc::UnboundedSender<i32>,
    ignores_term: bool,
    is_stuck: Option<&'static str>,
}

impl Child for Actor {
    fn signal(&self, method: StopMethod) {
        self.theatre.signals.lock().unwrap_or_else(PoisonError::into_inner).push(method);
        match method {
            _ if self.is_stuck.is_some() => {}
            StopMethod::Term if self.ignores_term => {}
            StopMethod::Term => drop(self.stop.send(15)),
            StopMethod::Kill => drop(self.stop.send(9)),
        }
    }

    fn sweep(&mut self) -> LocalFuture<Result<SweepReport, HoldLost>> {
        Box::pin(std::future::ready(Ok(SweepReport { leftovers: 0 })))
    }

    fn stuck(&self) -> Option<Arc<str>> {
        self.is_stuck.map(Arc::from)
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.stop.send(9);
    }
}

type Hook = dyn Fn() -> Result<(), Refusal> + Send + Sync;

/// A store in memory.
#[derive(Clone, Default)]
pub struct Ledger {
    /// What was committed, in order.
    pub rows: Arc<Mutex<Vec<Row>>>,
    /// Called before each commit; an error is the commit's.
    pub before: Option<Arc<Hook>>,
}

impl Commit for Ledger {
    fn commit(&mut self, rows: &[Arc<Row>]) -> Result<(), Refusal> {
        if let Some(before) = &self.before {
            before()?;
        }
        let rows = rows.iter().map(|row| Row::clone(row));
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).extend(rows);
        Ok(())
    }
}
