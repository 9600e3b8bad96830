//! What the groups of a query can tell of it at its end.

use std::time::Duration;

/// What was seen; nothing where no controller watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::os) struct Evidence {
    /// So many of its processes the kernel has killed for want of memory (its own limit's, or the machine's).
    pub(in crate::os) oom_kills: u64,
    /// So often it was refused a process for its limit.
    pub(in crate::os) refused_processes: u64,
    /// The most memory that it had at a time, in bytes, the whole tree.
    pub(in crate::os) memory_peak: Option<u64>,
    /// The CPU time of all that ever ran in it, waited for or not.
    pub(in crate::os) cpu: Option<Duration>,
}
