//! What the machine holds in each phase.

use std::time::Duration;

use crate::cause::{Cause, Exit, StopMethod, Usage};
use crate::rules::Stream;
use crate::tick::Tick;

use super::words::Phase;

/// What is true in each phase, and only that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    Idle,
    Starting { abort: Option<Abort> },
    Running { live: Live, wall_at: Option<Tick>, silence_at: Option<Tick>, may_print: Option<u64> },
    Stopping { live: Live, cause: Cause, kill_at: Tick },
    Killing { live: Live, cause: Cause, reap_until: Tick },
    Draining { live: Live, gone: Gone, drain_until: Tick },
    Sweeping { live: Live, gone: Gone, leaked: bool, swept: Option<u32>, until: Tick },
    Done,
}

impl State {
    /// Where it stands.
    pub(super) const fn phase(&self) -> Phase {
        match *self {
            Self::Idle => Phase::Idle,
            Self::Starting { .. } => Phase::Starting,
            Self::Running { .. } => Phase::Running,
            Self::Stopping { .. } => Phase::Stopping,
            Self::Killing { .. } => Phase::Killing,
            Self::Draining { .. } => Phase::Draining,
            Self::Sweeping { .. } => Phase::Sweeping,
            Self::Done => Phase::Done,
        }
    }

    /// When something is due, if nothing else happens before.
    pub(super) fn wake_at(&self) -> Option<Tick> {
        match *self {
            Self::Idle | Self::Starting { .. } | Self::Done => None,
            Self::Running { wall_at, silence_at, .. } => wall_at.into_iter().chain(silence_at).min(),
            Self::Stopping { kill_at, .. } => Some(kill_at),
            Self::Killing { reap_until, .. } => Some(reap_until),
            Self::Draining { drain_until, .. } => Some(drain_until),
            Self::Sweeping { until, .. } => Some(until),
        }
    }

    /// Its process, where it has one.
    pub(super) const fn live(&self) -> Option<Live> {
        match *self {
            Self::Idle | Self::Starting { .. } | Self::Done => None,
            Self::Running { live, .. }
            | Self::Stopping { live, .. }
            | Self::Killing { live, .. }
            | Self::Draining { live, .. }
            | Self::Sweeping { live, .. } => Some(live),
        }
    }

    /// The same, to be changed.
    pub(super) const fn live_mut(&mut self) -> Option<&mut Live> {
        match self {
            Self::Idle | Self::Starting { .. } | Self::Done => None,
            Self::Running { live, .. }
            | Self::Stopping { live, .. }
            | Self::Killing { live, .. }
            | Self::Draining { live, .. }
            | Self::Sweeping { live, .. } => Some(live),
        }
    }
}

/// A wish to end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Abort {
    pub(super) cause: Cause,
    pub(super) forced: bool,
}

/// A process that was started and whose output is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Live {
    pub(super) since: Tick,
    pub(super) stdout_open: bool,
    pub(super) stderr_open: bool,
}

impl Live {
    pub(super) const fn new(since: Tick) -> Self {
        Self { since, stdout_open: true, stderr_open: true }
    }

    pub(super) const fn is_open(self) -> bool {
        self.stdout_open || self.stderr_open
    }

    /// Whether the stream was still open.
    pub(super) const fn close(&mut self, stream: Stream) -> bool {
        let open = match stream {
            Stream::Stdout => &mut self.stdout_open,
            Stream::Stderr => &mut self.stderr_open,
        };
        std::mem::replace(open, false)
    }
}

/// A leader that has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Gone {
    pub(super) cause: Cause,
    pub(super) method: Option<StopMethod>,
    pub(super) exit: Exit,
    pub(super) usage: Usage,
    pub(super) wall: Duration,
}
