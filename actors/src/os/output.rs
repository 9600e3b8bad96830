//! A child's two pipes as one stream of chunks.
//!
//! Nothing is read before somebody asks (the pipe is the buffer, and a full one slows the child down), and nothing is
//! kept back: whoever drops the stream between two items loses none. It must never look at what it carries.

#![expect(unsafe_code, reason = "reading into memory that nobody has written first")]

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use provisor_core::rules::Stream;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::Output;
use super::watched::watched;

/// At most so much is read at once: what a pipe holds.
const CHUNK: usize = 64 * 1024;
/// So much to begin with: most children say little.
const FIRST: usize = 4 * 1024;

/// The stream.
pub(super) struct Pipes {
    /// None: read to its end.
    ends: [Option<AsyncFd<OwnedFd>>; 2],
    buffer: BytesMut,
    read_size: usize,
    /// Which of the two is asked first: they take turns.
    turn: usize,
}

impl Pipes {
    /// Of these read ends, known from now on to the runtime of this thread.
    pub(super) fn new(stdout: OwnedFd, stderr: OwnedFd) -> io::Result<Self> {
        let end = |fd: OwnedFd| {
            // A read end has no other flag to keep.
            fcntl(&fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            watched(fd, Interest::READABLE).map(Some)
        };
        let ends = [end(stdout)?, end(stderr)?];
        Ok(Self { ends, buffer: BytesMut::new(), read_size: FIRST, turn: 0 })
    }

    fn poll_end(&mut self, index: usize, context: &mut Context<'_>) -> Poll<Option<Output>> {
        let stream = if index == 0 { Stream::Stdout } else { Stream::Stderr };
        let Some(end) = &self.ends[index] else { return Poll::Ready(None) };
        match poll_read(end, context, &mut self.buffer, self.read_size) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(length)) if length > 0 => {
                self.read_size = if length < self.read_size { FIRST } else { CHUNK };
                Poll::Ready(Some(Output::Chunk(stream, self.buffer.split().freeze())))
            }
            Poll::Ready(result) => {
                if let Err(error) = result {
                    tracing::warn!(%error, ?stream, "cannot read from a child's pipe");
                }
                self.ends[index] = None;
                Poll::Ready(Some(Output::Eof(stream)))
            }
        }
    }
}

impl futures_core::Stream for Pipes {
    type Item = Output;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Output>> {
        let first = self.turn;
        self.turn = 1 - first;
        let mut pending = false;
        for index in [first, 1 - first] {
            match self.poll_end(index, context) {
                Poll::Ready(Some(output)) => return Poll::Ready(Some(output)),
                Poll::Ready(None) => {}
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(None) }
    }
}

/// Appends what is there to the buffer; 0 at the end.
fn poll_read(
    pipe: &AsyncFd<OwnedFd>,
    context: &mut Context<'_>,
    buffer: &mut BytesMut,
    size: usize,
) -> Poll<io::Result<usize>> {
    loop {
        let mut readable = ready!(pipe.poll_read_ready(context))?;
        match read_into(pipe.get_ref(), buffer, size) {
            Ok(length) => {
                // A read that is not full has emptied the pipe: the next one would only say so.
                if length < size {
                    readable.clear_ready();
                }
                return Poll::Ready(Ok(length));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => readable.clear_ready(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
}

fn read_into(pipe: &OwnedFd, buffer: &mut BytesMut, size: usize) -> io::Result<usize> {
    buffer.reserve(size);
    let room = buffer.spare_capacity_mut();
    // SAFETY: `size` bytes are reserved there, and the call only writes.
    let length = unsafe { libc::read(pipe.as_raw_fd(), room.as_mut_ptr().cast(), size) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel has just written so many.
    unsafe { buffer.set_len(buffer.len() + length) };
    Ok(length)
}
