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
    Running { live: Live, wall_at: Option<Tick>, silence: Option<Deadline>, may_print: Option<u64> },
    Stopping { live: Live, cause: Cause, kill_at: Tick },
    Killing { live: Live, cause: Cause, reap_until: Tick },
    Draining { live: Live, gone: Gone, until: Deadline },
    Sweeping { live: Live, gone: Gone, leaked: bool, swept: Option<u32>, until: Deadline },
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
            Self::Running { wall_at, silence, .. } => {
                wall_at.into_iter().chain(silence.and_then(Deadline::at)).min()
            }
            Self::Stopping { kill_at, .. } => Some(kill_at),
            Self::Killing { reap_until, .. } => Some(reap_until),
            Self::Draining { until, .. } | Self::Sweeping { until, .. } => until.at(),
        }
    }

    /// Output is there and waits to be taken: what is due because none comes is not due meanwhile.
    pub(super) fn hold(&mut self, now: Tick) {
        if let Some(live) = self.live_mut() {
            live.is_held = true;
        }
        if let Some(deadline) = self.for_output() {
            deadline.stand_still(now);
        }
    }

    /// It was taken.
    pub(super) fn go_on(&mut self, now: Tick) {
        if let Some(live) = self.live_mut() {
            live.is_held = false;
        }
        if let Some(deadline) = self.for_output() {
            deadline.go_on(now);
        }
    }

    /// Until when output is waited for.
    const fn for_output(&mut self) -> Option<&mut Deadline> {
        match self {
            Self::Running { silence, .. } => silence.as_mut(),
            // Before the tree is swept its sweep is waited for.
            Self::Draining { until, .. } | Self::Sweeping { swept: Some(_), until, .. } => Some(until),
            _ => None,
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

/// When something is due that stands still at times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Deadline {
    At(Tick),
    /// It stands still, and so much is left.
    Left(Duration),
}

impl Deadline {
    pub(super) fn after(now: Tick, patience: Duration, stands_still: bool) -> Self {
        if stands_still { Self::Left(patience) } else { Self::At(now + patience) }
    }

    pub(super) const fn at(self) -> Option<Tick> {
        match self {
            Self::At(at) => Some(at),
            Self::Left(_) => None,
        }
    }

    fn stand_still(&mut self, now: Tick) {
        if let Self::At(at) = *self {
            *self = Self::Left(at - now);
        }
    }

    fn go_on(&mut self, now: Tick) {
        if let Self::Left(left) = *self {
            *self = Self::At(now + left);
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
    /// A part of its output is there and waits to be taken.
    pub(super) is_held: bool,
}

impl Live {
    pub(super) const fn new(since: Tick) -> Self {
        Self { since, stdout_open: true, stderr_open: true, is_held: false }
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
