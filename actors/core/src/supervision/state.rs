//! What is known of each member and each group.

use std::collections::{BTreeMap, VecDeque};

use super::settings::{GroupSettings, Intensity, MemberSettings, Restart};
use super::words::{Child, GroupId, Standing};
use crate::backoff::Patience;
use crate::tick::Tick;

/// Where somebody stands, and what is remembered of it between its lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Seat {
    /// `None` for a group that stands in no other.
    pub(super) parent: Option<GroupId>,
    /// Its number among the children of its parent, in the order of starts.
    pub(super) rank: u32,
    /// Its last pause.
    pub(super) patience: Patience,
    /// When all are started again who are stopped now, it is not.
    pub(super) stays_down: bool,
}

impl Seat {
    pub(super) const fn new(parent: Option<GroupId>, rank: u32) -> Self {
        Self { parent, rank, patience: Patience::NONE, stays_down: false }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Member {
    pub(super) seat: Seat,
    pub(super) settings: MemberSettings,
    pub(super) phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    Down,
    /// It is started when its pause is over.
    Delayed {
        until: Tick,
    },
    /// It was ordered to start, and is there since then.
    Up {
        since: Option<Tick>,
    },
    /// It was ordered to stop, and is killed then.
    Stopping {
        until: Option<Tick>,
    },
}

impl Member {
    pub(super) const fn due(&self) -> Option<Tick> {
        match self.phase {
            Phase::Down | Phase::Up { .. } => None,
            Phase::Delayed { until } => Some(until),
            Phase::Stopping { until } => until,
        }
    }

    pub(super) const fn standing(&self) -> Standing {
        match self.phase {
            Phase::Down => Standing::Down,
            Phase::Delayed { .. } => Standing::Waiting,
            Phase::Up { .. } => Standing::Up,
            Phase::Stopping { .. } => Standing::Stopping,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Group {
    pub(super) seat: Seat,
    pub(super) settings: GroupSettings,
    pub(super) state: State,
    /// When it was started.
    pub(super) since: Tick,
    /// Who stands in it, by rank.
    pub(super) children: BTreeMap<u32, Child>,
    /// The rank of the next one.
    pub(super) next_rank: u32,
    /// When it made the restarts that still count.
    pub(super) restarts: VecDeque<Tick>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    Down,
    /// It is started when its pause is over.
    Delayed {
        until: Tick,
    },
    Up,
    /// It stops whoever stands between these ranks, from the last to the first, one after the other.
    Sweeping {
        from: u32,
        upto: u32,
        then: Then,
    },
    /// All from this rank on are down and are started when the pause is over.
    Pausing {
        from: u32,
        until: Tick,
    },
}

/// What follows when those who are to stop are down. Ordered by weight: what is heavier replaces what is lighter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Then {
    /// They are started again, not before this.
    Again { until: Tick },
    /// The group has failed.
    Fail,
    /// Nothing: it was asked for.
    Rest,
}

impl Group {
    pub(super) const fn new(seat: Seat, settings: GroupSettings) -> Self {
        Self {
            seat,
            settings,
            state: State::Down,
            since: Tick::ZERO,
            children: BTreeMap::new(),
            next_rank: 0,
            restarts: VecDeque::new(),
        }
    }

    pub(super) fn append(&mut self, child: Child) -> u32 {
        let rank = self.next_rank;
        self.next_rank += 1;
        self.children.insert(rank, child);
        rank
    }

    pub(super) const fn due(&self) -> Option<Tick> {
        match self.state {
            State::Delayed { until } | State::Pausing { until, .. } => Some(until),
            State::Down | State::Up | State::Sweeping { .. } => None,
        }
    }

    pub(super) const fn standing(&self) -> Standing {
        match self.state {
            State::Down => Standing::Down,
            State::Delayed { .. } => Standing::Waiting,
            State::Up => Standing::Up,
            State::Sweeping { .. } | State::Pausing { .. } => Standing::Stopping,
        }
    }

    /// What becomes of the child of this rank when those who are to stop are down, if it is one of them.
    pub(super) const fn fate(&self, of: u32) -> Option<Then> {
        match self.state {
            State::Sweeping { from, then, .. } if from <= of => Some(then),
            State::Pausing { from, until } if from <= of => Some(Then::Again { until }),
            _ => None,
        }
    }

    /// Begins to stop all from this rank on. Whoever is stopped already remains so, and the heavier reason stands.
    pub(super) fn sweep(&mut self, first: u32, then: Then) {
        self.state = match self.state {
            State::Up => State::Sweeping { from: first, upto: self.next_rank, then },
            State::Sweeping { from, upto, then: before } => {
                State::Sweeping { from: from.min(first), upto, then: before.max(then) }
            }
            State::Pausing { from, until } => {
                State::Sweeping { from: from.min(first), upto: from, then: Then::Again { until }.max(then) }
            }
            // There is nobody to stop, and it is told that it is stopped.
            State::Delayed { .. } if then == Then::Rest => {
                State::Sweeping { from: first, upto: self.next_rank, then }
            }
            State::Down | State::Delayed { .. } => self.state,
        };
    }

    /// Whether one more restart is not too many. It is counted.
    pub(super) fn may_restart(&mut self, now: Tick) -> bool {
        let Intensity { restarts, within } = self.settings.intensity;
        while self.restarts.front().is_some_and(|at| now.since(*at) > within) {
            self.restarts.pop_front();
        }
        self.restarts.push_back(now);
        self.restarts.len() <= restarts as usize
    }
}

/// How somebody came down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    Normal,
    Abnormal,
    /// It was asked for.
    Stopped,
}

impl Restart {
    /// Whether one who has ended so is started again.
    pub(super) const fn follows(self, end: End) -> bool {
        match self {
            Self::Permanent => !matches!(end, End::Stopped),
            Self::Transient => matches!(end, End::Abnormal),
            Self::Temporary => false,
        }
    }
}
