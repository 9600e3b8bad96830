//! Children without a guardian, for a program that has none: each in a process group of its own, which is all that holds
//! them together.
//!
//! They are made on the thread that asks, which waits for their exec. When this program is killed, they live on. Of their
//! limits only those of time and output can be held. It must never wait for any other child of this process, nor signal
//! a group whose leader is reaped. A program that ignores SIGCHLD, or reaps whatever is its child, takes from it how its
//! children ended.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child as Spawned, Command as Process, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use provisor_core::cause::{Exit, StopMethod, Usage};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::mark::COOKIE;
use super::output::Pipes;
use super::prepare::{Base, again_while_busy, shortage};
use super::program::{Attempted, permanent};
use super::tree::{self, Peek};
use super::watched::watched;
use super::wire::Step;
use super::{
    Child, ExitReport, HoldLost, Launch, LaunchError, LaunchRequest, Launched, LocalFuture, SweepReport,
    TreeLimits,
};

/// What has not died by then is not waited for when all is closed.
const PATIENCE: Duration = Duration::from_secs(3);
/// So long a leader that was killed may keep a thread waiting, where nobody is left who could wait for it otherwise.
const DIES_IN: Duration = Duration::from_secs(1);

/// Starts children as this process's own. Clones share them.
#[derive(Clone)]
pub struct DirectLauncher {
    base: Arc<Base>,
    nursery: Arc<Nursery>,
}

impl DirectLauncher {
    /// A launcher with the environment from which children inherit.
    pub fn new(base: impl IntoIterator<Item = (std::ffi::OsString, std::ffi::OsString)>) -> Self {
        Self { base: Arc::new(Base::new(base)), nursery: Arc::new(Nursery::new()) }
    }

    /// Kills the groups of all children, starts no more, and waits until the leaders are reaped; what is killed and does
    /// not die, for some seconds only.
    pub async fn close(self) {
        let mut alive = self.nursery.alive.subscribe();
        self.nursery.close();
        let _ = timeout(PATIENCE, alive.wait_for(|alive| *alive == 0)).await;
    }

    async fn start(&self, request: &LaunchRequest) -> Result<Launched, LaunchError> {
        refuse_limits(request.limits)?;
        let program = self.base.program(&request.command)?;
        let stdin = self.base.inputs.open(&request.command).await?;
        let mut process = self.process(&program, request)?;
        process.stdin(stdin.map_or_else(Stdio::null, Stdio::from));
        let mut spawned = process.spawn().map_err(|error| self.explain(&program, request, &error))?;
        drop(process);
        let (stdout, stderr) = (take(spawned.stdout.take()), take(spawned.stderr.take()));
        let leader = self.nursery.adopt(spawned)?;
        // From here on, whatever is dropped leaves no child.
        let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
            return Err(permanent(format!("{} has no pipes", program.display())));
        };
        let output = Pipes::new(stdout, stderr).map_err(|error| shortage("the child's pipes", &error))?;
        let (exited, exit) = oneshot::channel();
        let (sweep, orders) = oneshot::channel();
        let control = Control { id: leader.id, nursery: Arc::clone(&self.nursery), sweep: Some(sweep) };
        tokio::spawn(leader.mind(exited, orders));
        Ok(Launched {
            child: Box::new(control),
            output: Box::pin(output),
            exit: Box::pin(async move { exit.await.map_err(|_| HoldLost::ExitUnseen) }),
            exceeded: None,
        })
    }

    /// What is executed.
    fn process(&self, program: &Path, request: &LaunchRequest) -> Result<Process, LaunchError> {
        let command = &request.command;
        let mut process = Process::new(program);
        if let Some((name, arguments)) = command.argv.split_first() {
            process.arg0(&**name).args(arguments.iter().map(|argument| &**argument));
        }
        process.env_clear();
        for variable in self.base.variables(&command.env) {
            let (name, value) = variable
                .map_err(|error| permanent(format!("{} cannot be started: {error}", program.display())))?;
            process.env(name, value);
        }
        process.env(COOKIE, &*request.cookie);
        process.stdout(Stdio::piped()).stderr(Stdio::piped());
        process.current_dir(&command.cwd).process_group(0);
        Ok(process)
    }

    fn explain(&self, program: &Path, request: &LaunchRequest, error: &std::io::Error) -> LaunchError {
        let Some(errno) = error.raw_os_error() else {
            return permanent(format!("{} cannot be started: {error}", program.display()));
        };
        self.base.doubt(program);
        let LaunchRequest { command, cookie, .. } = request;
        let variables = self.base.variables(&command.env).flatten();
        let size = command.argv.iter().map(|argument| argument.len() + 1).sum::<usize>()
            + variables.map(|(name, value)| name.len() + value.len() + 2).sum::<usize>()
            + COOKIE.len()
            + cookie.len();
        // There is one answer for all steps; only these two may be taken for each other.
        let step = if command.cwd.is_dir() { Step::Exec } else { Step::Chdir };
        Attempted { program, cwd: &command.cwd, size }.explain(step, errno)
    }
}

fn take(end: Option<impl Into<OwnedFd>>) -> Option<OwnedFd> {
    end.map(Into::into)
}

/// Who cannot hold a limit must not start what has it.
fn refuse_limits(limits: TreeLimits) -> Result<(), LaunchError> {
    let TreeLimits { cpu, memory, processes } = limits;
    let asked = [
        (cpu.is_some(), "CPU time"),
        (memory.is_some(), "memory"),
        (processes.is_some(), "the number of processes"),
    ];
    let asked: Vec<&str> =
        asked.into_iter().filter_map(|(is_asked, what)| is_asked.then_some(what)).collect();
    if asked.is_empty() {
        return Ok(());
    }
    Err(permanent(format!(
        "a limit of {} is held by a guardian, and this program has none: call `guardian::init()` first in `main`, or name \
         a helper program",
        asked.join(" and of ")
    )))
}

impl Launch for DirectLauncher {
    fn launch(&self, request: LaunchRequest) -> LocalFuture<Result<Launched, LaunchError>> {
        let launcher = self.clone();
        Box::pin(async move { again_while_busy(async || launcher.start(&request).await).await })
    }

    fn pause(&self, stopped: bool) {
        let mut state = self.nursery.lock();
        state.is_paused = stopped;
        let signal = if stopped { Signal::SIGSTOP } else { Signal::SIGCONT };
        state.leaders.values().for_each(|leader| leader.signal(signal));
    }
}

/// All leaders that are not reaped.
struct Nursery {
    state: Mutex<State>,
    /// How many there are.
    alive: watch::Sender<usize>,
    /// Nobody waits for a sweep any more.
    is_closing: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    leaders: HashMap<u64, Known>,
    last_id: u64,
    is_paused: bool,
}

/// A leader, as long as its number is its own.
struct Known {
    pid: Pid,
    has_left: bool,
}

impl Known {
    fn signal(&self, signal: Signal) {
        if !self.has_left {
            let _ = killpg(self.pid, signal);
        }
    }
}

impl Nursery {
    fn new() -> Self {
        Self { state: Mutex::default(), alive: watch::Sender::new(0), is_closing: watch::Sender::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes charge of a child that was just made.
    fn adopt(self: &Arc<Self>, mut spawned: Spawned) -> Result<Leader, LaunchError> {
        let pid = Pid::from_raw(spawned.id().cast_signed());
        let pidfd = match tree::pidfd_open(pid.as_raw()).and_then(|pidfd| watched(pidfd, Interest::READABLE))
        {
            Ok(pidfd) => pidfd,
            Err(error) => {
                let _ = killpg(pid, Signal::SIGKILL);
                let _ = spawned.wait();
                return Err(shortage("a watch over the child", &error));
            }
        };
        let mut state = self.lock();
        state.last_id += 1;
        let id = state.last_id;
        let known = Known { pid, has_left: false };
        if *self.is_closing.borrow() {
            known.signal(Signal::SIGKILL);
        } else if state.is_paused {
            known.signal(Signal::SIGSTOP);
        }
        state.leaders.insert(id, known);
        self.alive.send_replace(state.leaders.len());
        Ok(Leader { id, pid, pidfd, nursery: Arc::clone(self), is_reaped: false })
    }

    fn signal(&self, id: u64, signals: &[Signal]) {
        if let Some(leader) = self.lock().leaders.get(&id) {
            signals.iter().for_each(|signal| leader.signal(*signal));
        }
    }

    fn close(&self) {
        let state = self.lock();
        self.is_closing.send_replace(true);
        state.leaders.values().for_each(|leader| leader.signal(Signal::SIGKILL));
    }
}

/// The leader of a group, our child. When this goes, its group is killed and it is reaped.
struct Leader {
    id: u64,
    pid: Pid,
    pidfd: AsyncFd<OwnedFd>,
    nursery: Arc<Nursery>,
    /// By another part of this program.
    is_reaped: bool,
}

impl Leader {
    /// Waits until it leaves, tells how, and keeps it as a zombie until its sweep is asked for, or nobody can ask.
    async fn mind(
        mut self,
        exited: oneshot::Sender<ExitReport>,
        orders: oneshot::Receiver<oneshot::Sender<SweepReport>>,
    ) {
        let mut closing = self.nursery.is_closing.subscribe();
        // Nothing has to be seen to be waited for: as a watch that fails, an exit of which nothing is known ends this.
        let _ = self.pidfd.readable().await;
        if let Some(known) = self.nursery.lock().leaders.get_mut(&self.id) {
            known.has_left = true;
        }
        match tree::peek(self.pid) {
            Some(peek) => drop(exited.send(report(peek))),
            None => {
                self.is_reaped = true;
                drop(exited);
            }
        }
        let order = tokio::select! {
            order = orders => order.ok(),
            _ = closing.wait_for(|closing| *closing) => None,
        };
        drop(self);
        // What has left the group is nobody's, and is not counted.
        order.map(|answer| answer.send(SweepReport { leftovers: 0 }));
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        let mut state = self.nursery.lock();
        state.leaders.remove(&self.id);
        if !self.is_reaped {
            // The number of the group is its own.
            let _ = killpg(self.pid, Signal::SIGKILL);
        }
        tree::reap_soon(self.pidfd.get_ref(), DIES_IN);
        self.nursery.alive.send_replace(state.leaders.len());
    }
}

fn report(Peek { signalled, status, cpu_us, max_rss_kib }: Peek) -> ExitReport {
    ExitReport {
        exit: if signalled { Exit::Signal(status) } else { Exit::Code(status) },
        usage: Usage { cpu: Duration::from_micros(cpu_us), max_rss_kib },
        refined: None,
    }
}

/// The control of one child.
struct Control {
    id: u64,
    nursery: Arc<Nursery>,
    /// None: it was asked for.
    sweep: Option<oneshot::Sender<oneshot::Sender<SweepReport>>>,
}

impl Child for Control {
    fn signal(&self, method: StopMethod) {
        match method {
            StopMethod::Kill => self.nursery.signal(self.id, &[Signal::SIGKILL]),
            // Who stands still would not hear it.
            StopMethod::Term => self.nursery.signal(self.id, &[Signal::SIGTERM, Signal::SIGCONT]),
        }
    }

    fn sweep(&mut self) -> LocalFuture<Result<SweepReport, HoldLost>> {
        let (swept, answer) = oneshot::channel();
        if let Some(sweep) = self.sweep.take() {
            let _ = sweep.send(swept);
        }
        Box::pin(async move { answer.await.map_err(|_| HoldLost::Closed) })
    }
}

impl Drop for Control {
    /// Who was not swept is not wanted any more.
    fn drop(&mut self) {
        if self.sweep.is_some() {
            self.nursery.signal(self.id, &[Signal::SIGKILL]);
        }
    }
}
