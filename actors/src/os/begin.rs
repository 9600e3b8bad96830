//! The guardian's first words with its supervisor, before it keeps its first child: what it holds, and how it is to
//! hold the children together.
//!
//! For the guardian only. A supervisor that asks for nothing gets the sweep.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::socket::{MsgFlags, recv};
use nix::unistd::geteuid;
use provisor_core::containment::{Achieved, Level};

use super::contain::{self, Answer, Contain, Contained};
use super::packet::{Inbox, Outbox};
use super::wire::{PACKET, Request};

/// With what the guardian begins its work.
pub(super) struct Beginning {
    /// Held until its end: the lock of the run.
    pub(super) held: Vec<OwnedFd>,
    /// What holds its children together.
    pub(super) level: Level,
}

impl Default for Beginning {
    fn default() -> Self {
        Self { held: Vec::new(), level: Level::Sweep }
    }
}

/// Serves what may be asked for before the first child. Returns with the first request that is something else, which
/// stays in the socket, or with the containment.
pub(super) fn first_words(socket: &OwnedFd) -> io::Result<Beginning> {
    let mut beginning = Beginning::default();
    let mut inbox = Inbox::new(PACKET);
    loop {
        let first = peek(socket)?;
        if first == Some(contain::REQUEST) {
            let packet = inbox.receive(socket.as_fd())?;
            match Contain::decode(packet.bytes) {
                Ok(ask) => beginning.level = contain(socket, ask)?,
                Err(error) => answer(socket, &Err(error.to_string()))?,
            }
            return Ok(beginning);
        }
        if first.is_none_or(|first| Request::decode(&[first]) != Ok(Request::Hold)) {
            return Ok(beginning);
        }
        beginning.held.extend(inbox.receive(socket.as_fd())?.fds);
    }
}

/// The first byte of the next packet; none: the supervisor is gone.
fn peek(socket: &OwnedFd) -> io::Result<Option<u8>> {
    await_packet(socket)?;
    let mut first = [0];
    let length = recv(socket.as_raw_fd(), &mut first, MsgFlags::MSG_PEEK)?;
    Ok((length > 0).then_some(first[0]))
}

/// Waits until there is something to receive.
pub(super) fn await_packet(socket: &OwnedFd) -> io::Result<()> {
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut polled, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            other => return other.map(drop).map_err(io::Error::from),
        }
    }
}

/// Tries what is wished, and says what came of it.
fn contain(socket: &OwnedFd, ask: Contain<'_>) -> io::Result<Level> {
    let is_root = geteuid().is_root();
    match ask.containment.achieved(is_root, None, None) {
        Ok(Achieved { level, weaker_because }) => {
            if level == Level::Group {
                // Nobody is going to look for orphans.
                prctl::set_child_subreaper(false)?;
            }
            answer(socket, &Ok((0, Contained { level, weaker_because, cgroup: None })))?;
            Ok(level)
        }
        Err(why) => {
            answer(socket, &Err(why))?;
            Ok(Level::Sweep)
        }
    }
}

fn answer(socket: &OwnedFd, answer: &Answer) -> io::Result<()> {
    Outbox::default().send(socket.as_fd(), &contain::encode_answer(answer), Vec::new())
}
