//! Packets with descriptors over the socket between supervisor and guardian, and the queue of those that had to wait.
//!
//! For both ends. It must never block, and never lose the order: what comes after a queued packet queues behind it.

#![expect(unsafe_code, reason = "received descriptors become owned ones")]

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair};

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
    control: [u64; CONTROL / 8],
}

/// Room for the control message that carries the descriptors, aligned as the kernel wants it.
const CONTROL: usize = 64;

/// A packet that was received.
pub(super) struct Packet<'a> {
    /// Its bytes; none: the peer is gone.
    pub(super) bytes: &'a [u8],
    /// Its descriptors, all of them close-on-exec.
    pub(super) fds: Vec<OwnedFd>,
    /// Some of its descriptors are not there: this process may not have more.
    pub(super) short: bool,
}

impl Inbox {
    /// With room for packets of this size.
    pub(super) fn new(size: usize) -> Self {
        Self { bytes: vec![0; size], control: [0; CONTROL / 8] }
    }

    /// Receives one, or says [`io::ErrorKind::WouldBlock`]. One that does not fit comes as a byte that no message has.
    ///
    /// By hand, not by nix: that gives no access to the descriptors of a message that comes with fewer than it had.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<Packet<'_>> {
        let mut part = libc::iovec { iov_base: self.bytes.as_mut_ptr().cast(), iov_len: self.bytes.len() };
        // SAFETY: all zeroes are a valid msghdr: nothing to receive, nowhere to put it.
        let mut message = unsafe { std::mem::zeroed::<libc::msghdr>() };
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = self.control.as_mut_ptr().cast();
        message.msg_controllen = CONTROL as _;
        let flags = libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT;
        // SAFETY: the message points to our own buffers, with their true lengths.
        let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) };
        let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
        // SAFETY: the kernel has just filled it.
        let fds = unsafe { take_descriptors(&message) };
        let whole = message.msg_flags & libc::MSG_TRUNC == 0;
        Ok(Packet {
            bytes: if whole { &self.bytes[..length] } else { b"?" },
            fds,
            short: message.msg_flags & libc::MSG_CTRUNC != 0,
        })
    }
}

/// # Safety
/// The message must have been filled by `recvmsg`, and this be done once: the descriptors in it become owned.
unsafe fn take_descriptors(message: &libc::msghdr) -> Vec<OwnedFd> {
    let mut fds = Vec::new();
    // SAFETY: the kernel has set the control length to what it has written, which these walk along.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let length = (*header).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                let first = libc::CMSG_DATA(header).cast::<RawFd>();
                for index in 0..length / size_of::<RawFd>() {
                    fds.push(OwnedFd::from_raw_fd(first.add(index).read_unaligned()));
                }
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    fds
}
