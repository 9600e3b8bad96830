//! Packets with descriptors over the socket between supervisor and guardian, and the queue of those that had to wait.
//!
//! For both ends. It must never block, and never lose the order: what comes after a queued packet queues behind it.

#![expect(unsafe_code, reason = "received descriptors become owned ones")]

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
    socketpair,
};

/// At most so many descriptors travel with a packet.
const DESCRIPTORS: usize = 2;

/// The two ends: packets keep their borders and their order, and the end of a peer is seen.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?)
}

/// Packets that wait for room in the socket.
#[derive(Default)]
pub(super) struct Outbox {
    queue: VecDeque<(Vec<u8>, Vec<OwnedFd>)>,
}

impl Outbox {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Sends, or queues where the socket is full. An error means that the peer is gone.
    pub(super) fn send(&mut self, socket: BorrowedFd<'_>, bytes: &[u8], fds: Vec<OwnedFd>) -> io::Result<()> {
        if !self.is_empty() || !try_send(socket, bytes, &fds)? {
            self.queue.push_back((bytes.to_vec(), fds));
        }
        Ok(())
    }

    /// Sends what waits, as far as the socket takes it; false: it is full again.
    pub(super) fn flush(&mut self, socket: BorrowedFd<'_>) -> io::Result<bool> {
        while let Some((bytes, fds)) = self.queue.front() {
            if !try_send(socket, bytes, fds)? {
                return Ok(false);
            }
            self.queue.pop_front();
        }
        Ok(true)
    }
}

/// False: no room now. A shortage of the kernel's is no room as well.
fn try_send(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[OwnedFd]) -> io::Result<bool> {
    let mut raw = [-1 as RawFd; DESCRIPTORS];
    for (slot, fd) in raw.iter_mut().zip(fds) {
        *slot = fd.as_raw_fd();
    }
    let rights = [ControlMessage::ScmRights(&raw[..fds.len().min(DESCRIPTORS)])];
    let control = if fds.is_empty() { &rights[..0] } else { &rights[..] };
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    loop {
        return match sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], control, flags, None) {
            Ok(_) => Ok(true),
            Err(Errno::EINTR) => continue,
            Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::ENOMEM | Errno::ETOOMANYREFS) => Ok(false),
            Err(errno) => Err(errno.into()),
        };
    }
}

/// Where packets are received.
pub(super) struct Inbox {
    bytes: Vec<u8>,
    control: Vec<u8>,
}

/// A packet that was received.
pub(super) struct Packet<'a> {
    /// Its bytes; none: the peer is gone.
    pub(super) bytes: &'a [u8],
    /// Its descriptors, all of them close-on-exec.
    pub(super) fds: Vec<OwnedFd>,
}

impl Inbox {
    /// With room for packets of this size.
    pub(super) fn new(size: usize) -> Self {
        Self { bytes: vec![0; size], control: cmsg_space!([RawFd; DESCRIPTORS]) }
    }

    /// Receives one, or says [`io::ErrorKind::WouldBlock`]. One that does not fit comes as empty of descriptors
    /// and with a first byte that no message has.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<Packet<'_>> {
        let (length, fds, whole) = self.receive_parts(socket)?;
        if !whole {
            return Ok(Packet { bytes: b"?", fds: Vec::new() });
        }
        Ok(Packet { bytes: &self.bytes[..length], fds })
    }

    fn receive_parts(&mut self, socket: BorrowedFd<'_>) -> io::Result<(usize, Vec<OwnedFd>, bool)> {
        let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
        let mut parts = [IoSliceMut::new(&mut self.bytes)];
        let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut self.control), flags)?;
        let whole = !message.flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC);
        let mut fds = Vec::new();
        for part in message.cmsgs().into_iter().flatten() {
            if let ControlMessageOwned::ScmRights(raw) = part {
                // SAFETY: the kernel has just installed these descriptors for us; nobody else knows them.
                fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
            }
        }
        Ok((message.bytes, fds, whole))
    }
}
