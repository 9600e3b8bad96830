//! What is set of groups and of their members: plain data, as it stands in a plan.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backoff::Backoff;

/// Whether a member is started again when it has ended. (OTP: *restart type*.)
///
/// What an abnormal end is says whoever tells the end. One that was asked for from outside is never answered by a start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Restart {
    /// Always, also after a normal end: it is there to stay.
    Permanent,
    /// Only after an abnormal end: its work may be done.
    #[default]
    Transient,
    /// Never, also when its group starts all others again. Once it has ended it is no member any more.
    Temporary,
}

/// Who is started again together with a member. (OTP: *restart strategy*.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Strategy {
    /// Nobody else.
    #[default]
    OneForOne,
    /// All members of the group, for none is of use without the others: they are stopped first.
    OneForAll,
    /// Those that were added after it, for they rest on it: they are stopped first.
    RestForOne,
}

/// How many restarts are too many. (OTP: *maximum restart intensity*.)
///
/// When more than `restarts` happen within `within`, the one that would be the last of them is not made: the group stops all
/// its members and has failed. A restart that is exactly as long ago as `within` still counts. A restart of several members
/// at once is one. Pauses before restarts make them fewer: what is to be reached at all has to fit into `within` with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Intensity {
    /// So many are well; 0: the first abnormal end is the end of the group.
    pub restarts: u32,
    /// Within this time.
    pub within: Duration,
}

/// OTP's own: one restart within five seconds.
impl Default for Intensity {
    fn default() -> Self {
        Self { restarts: 1, within: Duration::from_secs(5) }
    }
}

/// How a member is stopped. (OTP: *shutdown*: `brutal_kill`, a time, or `infinity`.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Shutdown {
    /// By Kill at once.
    Kill,
    /// It is asked by Term, and killed when it is still there after this time.
    After(Duration),
    /// It is asked by Term and waited for without end: who is behind it in the order of stops waits, too.
    Infinity,
}

/// OTP's own for workers: five seconds.
impl Default for Shutdown {
    fn default() -> Self {
        Self::After(Duration::from_secs(5))
    }
}

/// A member's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemberSettings {
    /// Whether it is started again.
    pub restart: Restart,
    /// How it is stopped, if not as its group says.
    pub shutdown: Option<Shutdown>,
}

/// A group's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GroupSettings {
    /// Who is started again together with a member.
    pub strategy: Strategy,
    /// How many restarts are too many.
    pub intensity: Intensity,
    /// How its members are stopped that do not say so themselves. A group within it takes as long as its own members do.
    pub shutdown: Shutdown,
    /// The pauses before restarts in it; none: they are made at once.
    pub backoff: Option<Backoff>,
    /// What its parent does when it has failed: a failure is an abnormal end. (Under OTP a transient supervisor that has
    /// failed is left alone, for its reason is `shutdown`; here it is started again.) Nothing without a parent.
    pub restart: Restart,
}
