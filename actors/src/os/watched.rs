//! Descriptors known to the runtime of this thread. For the ends of this corner's sockets and pipes only.

#![expect(unsafe_code, reason = "tokio asks for a promise that the descriptor stays open")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What holds a descriptor open for as long as it lives, and always the same one.
pub(super) trait Holds: AsRawFd {}

impl Holds for OwnedFd {}
impl Holds for Arc<OwnedFd> {}

/// Has the runtime of this thread watch a descriptor.
pub(super) fn watched<T: Holds>(holder: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    // SAFETY: an `OwnedFd` is open and the same until it is dropped, and the `AsyncFd` owns it or a share of it;
    // nobody in this corner asks it for `&mut` to exchange it.
    Ok(unsafe { AsyncFd::register_with_interest(holder, interest) }?)
}
