//! The supervisor's end of the socket: requests go out from any thread, replies find who waits for them.
//!
//! It must never block: a request that the socket does not take is queued, and the [`Driver`] sends it later. When the
//! guardian is gone, everything that waits for it is told.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use nix::sys::socket::{Shutdown, shutdown};
use nix::unistd::Pid;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Sleep, sleep};

use super::evidence::Seen;
use super::guardian::GuardianHandle;
use super::outside;
use super::packet::{Inbox, Outbox, Packet};
use super::tree;
use super::watched::watched;
use super::wire::{PACKET, Reply, Request, Step};

/// The answer to a Spawn: the read ends of stdout and stderr, or the step that failed and its errno.
pub(super) type SpawnAnswer = Result<(OwnedFd, OwnedFd), (Step, i32)>;

/// An exit, as the wire has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawExit {
    pub(super) signalled: bool,
    pub(super) status: i32,
    pub(super) cpu_us: u64,
    pub(super) max_rss_kib: u64,
    pub(super) refined: Option<Seen>,
}

/// Who waits for news of a child.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) spawned: Option<oneshot::Sender<SpawnAnswer>>,
    pub(super) exited: Option<oneshot::Sender<RawExit>>,
    pub(super) swept: Option<oneshot::Sender<u32>>,
    /// Hears of more than one thing, and of none after the exit.
    pub(super) exceeded: Option<mpsc::UnboundedSender<Seen>>,
}

/// What became of the guardian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It works.
    Alive,
    /// Its socket has ended: it answers no more.
    Gone,
    /// It waits for what does not die, and answers no more.
    Stays(CloseReport),
    /// Its process has ended; before, it said what it had found, if it did.
    Ended(Option<CloseReport>),
}

/// How a guardian left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CloseReport {
    /// Processes that were found alive and belonged to no query, killed at the end; none: the guardian did not say,
    /// for it had died before.
    pub unattributed: Option<u32>,
    /// Processes that were killed and have not died. The guardian waits for them; until they are gone it lives, and
    /// holds what it was given to hold.
    pub left: u32,
    /// The number of one of those, 0 where there is none.
    pub one_of_them: i32,
}

/// The link, shared by everything that talks to the guardian.
pub(super) struct Link {
    guardian: Pid,
    socket: Arc<OwnedFd>,
    state: Mutex<State>,
    fate: watch::Sender<Fate>,
}

struct State {
    slots: HashMap<u64, Slot>,
    outbox: Outbox,
    /// The driver, where it sleeps without waiting for room in the socket.
    sleeping: Option<Waker>,
    last_id: u64,
    gone: bool,
    /// What is known of children that were killed and have not died.
    stuck: HashMap<u64, Stuck>,
    farewell: Option<CloseReport>,
}

/// A process that was killed and does not die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stuck {
    /// Its number, 0 where it cannot be told.
    pub(super) pid: i32,
    /// The guardian has not the right to kill it.
    pub(super) refused: bool,
}

impl Link {
    /// The link, and what carries its replies.
    pub(super) fn new(guardian: GuardianHandle) -> (Arc<Self>, Driver) {
        let GuardianHandle { pid, pidfd, socket, .. } = guardian;
        let state = State {
            slots: HashMap::new(),
            outbox: Outbox::default(),
            sleeping: None,
            last_id: 0,
            gone: false,
            stuck: HashMap::new(),
            farewell: None,
        };
        let link = Arc::new(Self {
            guardian: pid,
            socket: Arc::new(socket),
            state: Mutex::new(state),
            fate: watch::Sender::new(Fate::Alive),
        });
        let pidfd = Arc::new(pidfd);
        let work = Box::pin(drive(Arc::clone(&link), Arc::clone(&pidfd)));
        (Arc::clone(&link), Driver { link, pidfd, work })
    }

    /// A number that no child has had.
    pub(super) fn new_id(&self) -> u64 {
        let mut state = self.lock();
        state.last_id += 1;
        state.last_id
    }

    /// Takes a place for the answers, and sends the request for them. [`ErrorKind::BrokenPipe`]: the guardian is gone.
    pub(super) fn open_slot(&self, id: u64, slot: Slot, request: &[u8], fds: Vec<OwnedFd>) -> io::Result<()> {
        let mut state = self.lock();
        if state.gone {
            return Err(ErrorKind::BrokenPipe.into());
        }
        self.send_locked(&mut state, request, fds).map_err(|error| match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::NotConnected => ErrorKind::BrokenPipe.into(),
            _ => error,
        })?;
        state.slots.insert(id, slot);
        Ok(())
    }

    /// Has an answer to the sweep sent to whoever holds the other end.
    pub(super) fn sweep(&self, id: u64, swept: oneshot::Sender<u32>) {
        let mut state = self.lock();
        if state.gone {
            return;
        }
        state.slots.entry(id).or_default().swept = Some(swept);
        self.tell_locked(&mut state, &Request::Sweep { id });
    }

    /// Lets go of a child in every way.
    pub(super) fn forget(&self, id: u64) {
        let mut state = self.lock();
        state.slots.remove(&id);
        state.stuck.remove(&id);
        self.tell_locked(&mut state, &Request::Forget { id });
    }

    /// What does not die of a child, if that was said of it.
    pub(super) fn stuck(&self, id: u64) -> Option<Stuck> {
        self.lock().stuck.get(&id).copied()
    }

    /// Sends a request that has no answer.
    pub(super) fn send(&self, request: &Request<'_>) {
        self.tell_locked(&mut self.lock(), request);
    }

    /// Says that nothing more is asked for: the guardian kills all and leaves. What waits to be sent is not sent.
    pub(super) fn hang_up(&self) {
        let _ = shutdown(self.socket.as_raw_fd(), Shutdown::Write);
    }

    /// What became of the guardian, now and later.
    pub(super) fn fate(&self) -> watch::Receiver<Fate> {
        self.fate.subscribe()
    }

    /// Where the peer is gone, the driver sees that too, and tells everybody.
    fn tell_locked(&self, state: &mut State, request: &Request<'_>) {
        let _ = self.send_locked(state, &request.encode_small(), Vec::new());
    }

    fn send_locked(&self, state: &mut State, request: &[u8], fds: Vec<OwnedFd>) -> io::Result<()> {
        state.outbox.send(self.socket.as_fd(), request, fds)?;
        if !state.outbox.is_empty() {
            state.sleeping.take().into_iter().for_each(Waker::wake);
        }
        Ok(())
    }

    fn deliver(&self, packet: Packet<'_>) {
        let Ok(reply) = Reply::decode(packet.bytes) else {
            tracing::warn!("the guardian sent something that is no reply");
            return;
        };
        let mut state = self.lock();
        match reply {
            Reply::Spawned { id } => deliver_spawned(&mut state, id, packet.fds),
            Reply::SpawnFailed { id, step, errno } => {
                let spawned = state.slots.remove(&id).and_then(|slot| slot.spawned);
                spawned.map(|spawned| spawned.send(Err((step, errno))));
            }
            Reply::Exited { id, signalled, status, cpu_us, max_rss_kib, refined } => {
                let Some(slot) = state.slots.get_mut(&id) else { return };
                slot.exceeded = None;
                let exit = RawExit { signalled, status, cpu_us, max_rss_kib, refined };
                slot.exited.take().map(|exited| exited.send(exit));
            }
            Reply::Exceeded { id, seen } => {
                let exceeded = state.slots.get(&id).and_then(|slot| slot.exceeded.as_ref());
                exceeded.map(|exceeded| exceeded.send(seen));
            }
            Reply::Swept { id, leftovers } => {
                state.stuck.remove(&id);
                let swept = state.slots.remove(&id).and_then(|slot| slot.swept);
                swept.map(|swept| swept.send(leftovers));
            }
            // It was heard at the start.
            Reply::Ready { .. } => {}
            Reply::Stuck { id, pid, refused } => {
                let pid = outside::number(pid, self.guardian.as_raw());
                state.stuck.insert(id, Stuck { pid, refused });
            }
            Reply::Farewell { unattributed, left, pid } => {
                let one_of_them = outside::number(pid, self.guardian.as_raw());
                let report = CloseReport { unattributed: Some(unattributed), left, one_of_them };
                state.farewell = Some(report);
                drop(state);
                if left > 0 {
                    self.fate.send_replace(Fate::Stays(report));
                }
            }
        }
    }

    /// Whoever waits hears that its other end is dropped.
    fn lose(&self) {
        let mut state = self.lock();
        state.gone = true;
        state.slots.clear();
        state.outbox = Outbox::default();
        drop(state);
        self.fate.send_if_modified(|fate| {
            let lost = *fate == Fate::Alive;
            if lost {
                *fate = Fate::Gone;
            }
            lost
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn deliver_spawned(state: &mut State, id: u64, fds: Vec<OwnedFd>) {
    let Some(spawned) = state.slots.get_mut(&id).and_then(|slot| slot.spawned.take()) else { return };
    // Where they are not two, this process may not have more.
    let pipes = <[OwnedFd; 2]>::try_from(fds);
    let answer = pipes.map(|[stdout, stderr]| (stdout, stderr)).map_err(|_| (Step::Receive, libc::EMFILE));
    // Where nobody waits any more, the one who waited has sent a Forget.
    let _ = spawned.send(answer);
}

/// Carries replies to those who wait, until the guardian has ended. To be spawned on the runtime of the supervisor,
/// before the first launch; dropping it loses the guardian, which then kills all.
pub struct Driver {
    link: Arc<Link>,
    pidfd: Arc<OwnedFd>,
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.work.as_mut().poll(context)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.link.lose();
        self.link.hang_up();
        // Nobody is going to wait for the guardian any more, but it is our child all the same.
        if !matches!(*self.link.fate.borrow(), Fate::Ended(_)) {
            self.link.fate.send_replace(Fate::Ended(None));
        }
        tree::reap_soon(&self.pidfd, LEAVES_IN);
    }
}

/// So long a guardian that nobody waits for keeps its last thread waiting: it kills what there is, and leaves.
const LEAVES_IN: Duration = Duration::from_secs(1);

async fn drive(link: Arc<Link>, pidfd: Arc<OwnedFd>) {
    let mut inbox = Inbox::new(PACKET);
    match watched(Arc::clone(&link.socket), Interest::READABLE) {
        Ok(socket) => {
            let mut room = None;
            let ended = poll_fn(|context| {
                if let Poll::Ready(Err(error)) = poll_flush(&link, &mut room, context) {
                    return Poll::Ready(Err(error));
                }
                poll_receive(&link, &socket, &mut inbox, context)
            })
            .await;
            tracing::debug!(?ended, "the guardian's socket has ended");
        }
        Err(error) => tracing::error!(%error, "cannot watch the guardian's socket"),
    }
    link.lose();
    link.hang_up();
    if let Ok(pidfd) = watched(pidfd, Interest::READABLE) {
        let _ = pidfd.readable().await;
        tree::reap_by(pidfd.get_ref());
    }
    let farewell = link.lock().farewell;
    link.fate.send_replace(Fate::Ended(farewell));
}

/// Ready when the socket has ended.
fn poll_receive(
    link: &Link,
    socket: &AsyncFd<Arc<OwnedFd>>,
    inbox: &mut Inbox,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    loop {
        let mut readable = ready!(socket.poll_read_ready(context))?;
        match inbox.receive(link.socket.as_fd()) {
            Ok(packet) if packet.bytes.is_empty() => return Poll::Ready(Ok(())),
            Ok(packet) => link.deliver(packet),
            Err(error) if error.kind() == ErrorKind::WouldBlock => readable.clear_ready(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
}

/// What tells that the socket may have room again.
struct Room {
    socket: AsyncFd<OwnedFd>,
    /// Want of memory in the kernel is no room either, and nothing tells of its end.
    again: Pin<Box<Sleep>>,
}

/// So long the kernel is given to find memory for a packet.
const AGAIN_IN: Duration = Duration::from_millis(10);

/// Sends what waits. Pending: it waits for room, or for something to send.
///
/// Room is asked for through a duplicate of the socket, and only while something waits: else every packet that the
/// guardian takes would wake this runtime for nothing.
fn poll_flush(link: &Link, room: &mut Option<Room>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    loop {
        let mut state = link.lock();
        if state.outbox.is_empty() {
            *room = None;
            state.sleeping = Some(context.waker().clone());
            return Poll::Pending;
        }
        let room = match room {
            Some(room) => room,
            None => room.insert(Room {
                socket: watched(link.socket.try_clone()?, Interest::WRITABLE)?,
                again: Box::pin(sleep(AGAIN_IN)),
            }),
        };
        let is_time = room.again.as_mut().poll(context).is_ready();
        match room.socket.poll_write_ready(context) {
            Poll::Ready(writable) => {
                let mut writable = writable?;
                if !state.outbox.flush(link.socket.as_fd())? {
                    writable.clear_ready();
                }
            }
            Poll::Pending if is_time => {
                state.outbox.flush(link.socket.as_fd())?;
                room.again.set(sleep(AGAIN_IN));
            }
            Poll::Pending => return Poll::Pending,
        }
    }
}
