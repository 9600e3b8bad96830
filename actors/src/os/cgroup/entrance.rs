//! What a child is born through: descriptors of its groups, for the moment of its birth.

use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The groups into which a child is to be born.
#[derive(Debug, Default)]
pub(in crate::os) struct Entrance {
    /// The folder of its group in the unified hierarchy, for clone3.
    pub(in crate::os) unified: Option<Arc<OwnedFd>>,
    /// The lists (`cgroup.procs`, open for writing) into which it has to write itself before its program runs.
    pub(in crate::os) lists: Vec<OwnedFd>,
}
