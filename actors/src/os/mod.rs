//! The OS corner: the only place that knows processes, signals and descriptors, and the only `unsafe`.
//!
//! It is seen from outside through two ports, [`Launch`] and [`Child`]. It knows no actor and no message.

mod alone;
mod begin;
mod birth;
mod cgroup;
pub mod contain;
pub mod direct;
mod evidence;
mod executed;
mod fields;
pub mod guardian;
mod inputs;
mod keeper;
mod life;
mod link;
pub mod listen;
pub mod local;
mod looks;
mod mark;
pub mod memory;
mod meter;
mod namespace;
pub mod orphans;
mod output;
mod outside;
mod packet;
mod prepare;
mod program;
pub mod remains;
pub mod signals;
mod spawn;
#[cfg(feature = "testing")]
pub mod strange;
mod sweep;
pub mod terminal;
pub mod token;
mod tree;
mod watched;
mod wire;

pub(crate) use program::locate;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use provisor_core::cause::{Excess, Exit, StopMethod, Usage};
use provisor_core::plan::{Command, Limits};
use provisor_core::rules::Stream;

/// A future of this corner; it stays on the thread that asked.
pub type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// A stream of this corner; it stays on the thread that asked.
pub type LocalStream<T> = Pin<Box<dyn futures_core::Stream<Item = T>>>;

/// What a child is started from.
#[derive(Clone, Debug)]
pub struct LaunchRequest {
    /// Names the attempt in the child's environment (`PROVISOR_ATTEMPT`); orphans are attributed by it.
    pub cookie: Arc<str>,
    /// What is executed.
    pub command: Command,
    /// What its tree may use.
    pub limits: TreeLimits,
}

/// The limits of a query that are seen and held from outside: those of its whole tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeLimits {
    /// CPU time.
    pub cpu: Option<Duration>,
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Processes at a time, the leader among them.
    pub processes: Option<u32>,
}

impl From<&Limits> for TreeLimits {
    fn from(&Limits { cpu, memory, processes, .. }: &Limits) -> Self {
        Self { cpu, memory, processes }
    }
}

impl TreeLimits {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a child is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchError {
    /// Whether another try may succeed.
    pub transience: Transience,
    /// A sentence for the user, with the path.
    pub text: Arc<str>,
}

/// Whether another try may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transience {
    /// The same would happen again.
    Permanent,
    /// The system is short of something (EAGAIN, EMFILE, ENFILE, ENOMEM): fewer at once.
    Exhausted,
    /// The program's file was being written (ETXTBSY), each of the times that it was tried.
    Busy,
}

/// How a leader left, peeked at while it is still a zombie: nothing of it is reaped before the sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitReport {
    /// How.
    pub exit: Exit,
    /// What it cost.
    pub usage: Usage,
    /// The limit for which the system itself ended it, known only now.
    pub refined: Option<Excess>,
}

/// What the sweep of a tree found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Processes that had outlived the leader and were killed.
    pub leftovers: u32,
}

/// The hold on a child is lost: nothing more is going to be known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoldLost {
    /// The guardian died, and all children were killed.
    #[error("the guardian process has died")]
    GuardianDied,
    /// It has left. There is no guardian, and its parent, this program, was not told how.
    #[error("it has left, and it is not known how: another part of this program may have reaped it")]
    ExitUnseen,
    /// Its launcher was closed, which has killed it.
    #[error("its launcher was closed")]
    Closed,
}

/// Something read from a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Bytes, at least one.
    Chunk(Stream, Bytes),
    /// The stream is closed. Each stream ends once.
    Eof(Stream),
}

/// A child that was started.
pub struct Launched {
    /// Its control. Dropping it kills the tree and lets the guardian reap it.
    pub child: Box<dyn Child>,
    /// Its output; ends after both streams have. Dropping it closes the pipes.
    pub output: LocalStream<Output>,
    /// Resolves once, when the leader has exited (it is a zombie until the sweep).
    pub exit: LocalFuture<Result<ExitReport, HoldLost>>,
    /// Each limit above which its tree is seen while the leader lives, once. `None`: it has none.
    pub exceeded: Option<LocalStream<Excess>>,
}

/// Starts children. Locally here; later also on other machines.
pub trait Launch: Send + Sync {
    /// Starts one. Dropping the future before it resolves leaves no child behind.
    fn launch(&self, request: LaunchRequest) -> LocalFuture<Result<Launched, LaunchError>>;

    /// Stops (SIGSTOP) or continues (SIGCONT) every live child; on return the order is on its way.
    fn pause(&self, stopped: bool);
}

/// The control of one child. No call blocks.
pub trait Child {
    /// Term (and Cont) to its group, or Kill to its whole tree. After the leader's exit this does nothing.
    fn signal(&self, method: StopMethod);

    /// Kills what is left of the tree, then reaps the leader. Called once, after the exit.
    fn sweep(&mut self) -> LocalFuture<Result<SweepReport, HoldLost>>;

    /// What of its tree was killed and has not died, as a sentence, if that is known.
    fn stuck(&self) -> Option<Arc<str>> {
        None
    }
}
