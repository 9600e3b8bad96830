//! The terminal as a thing of the system: who may write on it. Nothing here changes it.

use std::os::fd::AsFd;

use nix::unistd::{getpgrp, tcgetpgrp};

/// Whether this process is in the foreground of a terminal: not after `bg`, nor when started with `&`. Where it cannot
/// be told (a terminal of another session) it counts as such.
#[must_use]
pub fn is_in_foreground(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal).map_or(true, |group| group == getpgrp())
}
