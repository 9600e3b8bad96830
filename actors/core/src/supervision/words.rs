//! What supervision is told, and what it orders.

use std::time::Duration;

use crate::roster::Place;

/// A group of one [`Supervision`](super::Supervision). A number stands for one group only, also when that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub(super) u32);

/// Who may stand in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Child {
    /// A query.
    Member(Place),
    /// A group within the group.
    Group(GroupId),
}

/// Something that has happened, or is wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The process of a member is there: how long it has lived counts for its next pause.
    Started(Place),
    /// A member is down: its process has left, or could not be started.
    Ended {
        /// Which.
        member: Place,
        /// Whether that was as it should be: its restart may depend on it.
        normal: bool,
    },
    /// Starts what is down, if the group that it stands in is up; all that is in a group. (OTP: `restart_child`.)
    Start(Child),
    /// Stops what is up, and leaves it down: until it is started, or the group that it stands in starts it together with
    /// others, as its strategy says. Who must not return at all is [removed](super::Supervision::remove) when it is down.
    /// (OTP: `terminate_child`.)
    Stop(Child),
    /// Stops everything: groups without a parent at the same time, for they have no order.
    StopAll,
    /// Time has passed.
    Wake,
}

/// Something that has to be done, or to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Start it: it is down. It counts as up until its end is told, also while it waits for a slot.
    Start(Place),
    /// Stop it: it is up. Its end is waited for.
    Stop {
        /// Which.
        member: Place,
        /// How. `Kill` may follow on `Term`, and nothing on `Kill`.
        how: How,
    },
    /// It was temporary and has ended: nothing is known of it any more. Of a group all that were in it are told, too.
    Removed(Child),
    /// All that were in the group are down, because it was to stop; nothing in it starts by itself.
    Stopped(GroupId),
    /// There were too many restarts in this group without a parent. All that were in it are down.
    Failed(GroupId),
}

/// How a member is to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// By Kill.
    Kill,
    /// It is asked. When the grace is over `Kill` is ordered; without one it is waited for.
    Term {
        /// How long it will be waited for.
        grace: Option<Duration>,
    },
}

/// Why a member is stopped that had not ended itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// This group starts it again, with others.
    Restarted(GroupId),
    /// This group has made too many restarts.
    Failed(GroupId),
    /// This group was to stop.
    Stopped(GroupId),
}

/// How somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Down, and nothing is to come by itself.
    Down,
    /// Down, and it will be started when a pause is over.
    Waiting,
    /// A member was ordered to start, a group looks after its members.
    Up,
    /// A member was ordered to stop, a group stops some or all that are in it.
    Stopping,
}

/// Why somebody could not be added or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refused {
    /// Nobody of this name is here.
    #[error("there is no such member or group")]
    Unknown,
    /// It stands in a group already.
    #[error("it is a member already")]
    Known,
    /// It is not down.
    #[error("it is not down: stop it first")]
    NotDown,
}
