//! The guardian's loop: requests in, children watched, replies out. How children end is in `ending`, how the guardian
//! itself does in `last`.
//!
//! It runs in the guardian process only. It must never block (but for the exec of a child, which it has to wait for),
//! never read a child's output, and never fall over because of a request.

mod ending;
mod last;
mod measuring;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use provisor_core::containment::Level;

use super::begin::Beginning;
use super::cgroup::{QueryGroups, RunGroups};
use super::looks::Looks;
use super::meter::Meter;
use super::packet::{Inbox, Outbox, Packet};
use super::spawn::{Born, Failed, Spawner};
use super::sweep::{Leaders, Orphans, Sweep};
use super::wire::{LARGEST, PACKET, Reply, Request, Spawn, Step};

/// What epoll says for the socket; children have their ids, from 1 on.
const SOCKET: u64 = 0;
/// And for the supervisor's own end, where that is watched.
const SUPERVISOR: u64 = u64::MAX;
/// How often orphans are looked for while nothing else makes us look: their zombies are reaped then. And how often we
/// look after what does not die.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A child that has not been reaped.
struct Kept {
    pid: Pid,
    cookie: Box<[u8]>,
    /// There until the exit has been seen.
    pidfd: Option<OwnedFd>,
    groups: QueryGroups,
    ending: Ending,
    /// It has left with a code, not by a signal.
    left_by_itself: bool,
}

/// What follows the exit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Nothing yet: the supervisor will ask for the sweep.
    Open,
    /// The sweep was asked for; the answer is awaited.
    Swept,
    /// The supervisor does not want to know.
    Forgotten,
}

/// The guardian at work.
pub(super) struct Keeper {
    socket: OwnedFd,
    epoll: Epoll,
    spawner: Spawner,
    children: HashMap<u64, Kept>,
    leaders: Leaders,
    orphans: Orphans,
    /// What was made of control groups for this run.
    groups: RunGroups,
    /// Whether trees are followed beyond the groups of their leaders.
    walks: bool,
    sweeps: HashMap<u64, Sweep>,
    /// Leaders whose group stands still; they are killed upon the next look.
    doomed: BTreeSet<u64>,
    /// Leaders that were killed and have not been seen to exit, and when.
    killed: VecDeque<(Instant, u64)>,
    /// Leaders that have left while a debugger held on to them: their exit is not to be had before that lets go.
    held_back: Vec<u64>,
    round_wait: Duration,
    looks: Looks,
    meter: Meter,
    /// Something has ended since the last look: there may be zombies.
    has_ended_unlooked: bool,
    /// All children stand still, also those that are born now.
    paused: bool,
    outbox: Outbox,
    awaits_room: bool,
    scratch: Vec<u8>,
    /// Held until the end, and never looked at: the lock of the run.
    held: Vec<OwnedFd>,
    /// The supervisor, if its end is watched.
    supervisor: Option<OwnedFd>,
}

impl Keeper {
    /// Ready to work.
    pub(super) fn new(
        socket: OwnedFd,
        open_files: Option<libc::rlimit>,
        beginning: Beginning,
    ) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, SOCKET))?;
        let mut orphans = Orphans::new();
        if let Some(token) = &beginning.token {
            orphans.set_token(token);
        }
        let mut groups = beginning.groups;
        Ok(Self {
            socket,
            epoll,
            spawner: Spawner::new(open_files, &mut groups)?,
            children: HashMap::new(),
            leaders: Leaders::default(),
            orphans,
            groups,
            walks: beginning.level != Level::Group,
            sweeps: HashMap::new(),
            doomed: BTreeSet::new(),
            killed: VecDeque::new(),
            held_back: Vec::new(),
            round_wait: ending::ROUND,
            looks: Looks::new(Instant::now()),
            meter: Meter::new(),
            has_ended_unlooked: false,
            paused: false,
            outbox: Outbox::default(),
            awaits_room: false,
            scratch: Vec::new(),
            held: beginning.held,
            supervisor: None,
        })
    }

    /// Has the end of the process that this pidfd means be the end of the work, whatever becomes of the socket.
    pub(super) fn end_with(&mut self, supervisor: OwnedFd) -> io::Result<()> {
        self.epoll.add(&supervisor, EpollEvent::new(EpollFlags::EPOLLIN, SUPERVISOR))?;
        self.supervisor = Some(supervisor);
        Ok(())
    }

    /// Serves until the supervisor is gone; then nothing that it started is left.
    pub(super) fn run(&mut self) {
        let mut inbox = Inbox::new(PACKET);
        let mut events = [EpollEvent::empty(); 64];
        let mut connected = true;
        while connected {
            let ready = self.epoll.wait(&mut events, self.timeout()).unwrap_or(0);
            if ready == 0 {
                self.slow_down();
            }
            for event in &events[..ready] {
                match event.data() {
                    // One packet a turn: exits are not kept waiting by a heap of requests.
                    SOCKET => connected &= self.on_socket(event.events(), &mut inbox),
                    SUPERVISOR => connected = false,
                    id => self.on_exit(id),
                }
            }
            self.end_round();
            self.measure();
            connected &= self.wish_for_room().is_ok();
        }
        self.end_everything();
    }

    /// Whether no child of its making is there.
    #[cfg(feature = "testing")]
    pub(super) fn is_idle(&self) -> bool {
        self.children.is_empty()
    }

    fn timeout(&self) -> EpollTimeout {
        let idle = self.children.is_empty() && self.orphans.is_empty() && !self.has_ended_unlooked;
        let rest = (!idle).then_some(LOOK_EVERY);
        let waits = [self.next_round(), rest, self.meter.wait(Instant::now())];
        let longest = waits.into_iter().flatten().min();
        longest.map_or(EpollTimeout::NONE, |longest| {
            // Rounded up: a wait that is cut off is followed by one of nothing.
            let millis = longest.as_nanos().div_ceil(1_000_000);
            EpollTimeout::try_from(millis.min(60_000)).unwrap_or(EpollTimeout::ZERO)
        })
    }

    /// False: the supervisor is gone.
    fn on_socket(&mut self, ready: EpollFlags, inbox: &mut Inbox) -> bool {
        if ready.contains(EpollFlags::EPOLLOUT) && self.outbox.flush(self.socket.as_fd()).is_err() {
            return false;
        }
        if !ready.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR) {
            return true;
        }
        match inbox.receive(self.socket.as_fd()) {
            Ok(packet) if packet.bytes.is_empty() => false,
            Ok(packet) => self.on_packet(packet).is_ok(),
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }

    /// An error means that the supervisor is gone. What is not understood is passed over; a Spawn that is not, or
    /// whose descriptors did not all arrive, is refused.
    pub(super) fn on_packet(&mut self, packet: Packet<'_>) -> io::Result<()> {
        let Packet { bytes, mut fds, short } = packet;
        let Ok(Request::Large { id, length }) = Request::decode(bytes) else {
            return match Request::spawn_id(bytes) {
                Some(id) if short => self.refuse(id, Step::Request, libc::EMFILE),
                _ => self.on_request(bytes, take_first(&mut fds)),
            };
        };
        if short {
            return self.refuse(id, Step::Request, libc::EMFILE);
        }
        match take_first(&mut fds).and_then(|memory| read_large(memory, length)) {
            Some(bytes) => self.on_request(&bytes, take_first(&mut fds)),
            None => self.refuse(id, Step::Request, libc::EBADMSG),
        }
    }

    fn on_request(&mut self, bytes: &[u8], descriptor: Option<OwnedFd>) -> io::Result<()> {
        match Request::decode(bytes) {
            Ok(Request::Spawn(spawn)) => return self.spawn(&spawn, descriptor),
            Ok(Request::Signal { id, kill }) => self.signal(id, kill),
            Ok(Request::Sweep { id }) => self.end(id, Ending::Swept),
            Ok(Request::Forget { id }) => {
                self.signal(id, true);
                self.end(id, Ending::Forgotten);
            }
            Ok(Request::Hold) => self.held.extend(descriptor),
            Ok(Request::Pause { stopped }) => self.pause(stopped),
            Ok(Request::Large { .. }) => {}
            Err(_) => {
                return Request::spawn_id(bytes)
                    .map_or(Ok(()), |id| self.refuse(id, Step::Request, libc::EBADMSG));
            }
        }
        Ok(())
    }

    fn spawn(&mut self, request: &Spawn<'_>, stdin: Option<OwnedFd>) -> io::Result<()> {
        let id = request.id;
        if id == SOCKET
            || id == SUPERVISOR
            || self.children.contains_key(&id)
            || request.stdin != stdin.is_some()
        {
            return self.refuse(id, Step::Request, libc::EINVAL);
        }
        let limits = request.limits;
        let groups = match self.groups.admit(limits) {
            Ok(groups) => groups,
            Err(error) => return self.refuse(id, Step::Group, error.raw_os_error().unwrap_or(libc::EIO)),
        };
        let Born { pid, pidfd, stdout, stderr } = match self.spawner.spawn(request, stdin.as_ref(), &groups) {
            Ok(born) => born,
            Err(Failed { step, errno }) => {
                self.groups.release(groups, true);
                return self.refuse(id, step, errno);
            }
        };
        // Once only: a pidfd stays readable, and closing it takes it off epoll only when the last copy is closed, which a
        // child on its way through exec may still hold for a moment.
        let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, id);
        let watched = self.epoll.add(&pidfd, event);
        let cookie: Box<[u8]> = request.cookie.to_bytes().into();
        self.leaders.insert(id, pid, &cookie);
        let kept =
            Kept { pid, cookie, pidfd: Some(pidfd), groups, ending: Ending::Open, left_by_itself: false };
        if let Err(errno) = watched {
            self.give_up(id, kept);
            return self.refuse(id, Step::Watch, errno as i32);
        }
        if self.paused {
            // Not before its exec, for which we wait: it would never come. So it runs for a moment, and what
            // it starts in another session between these two calls is stopped by nobody.
            self.signal_tree(pid, Signal::SIGSTOP);
        }
        self.meter.watch(id, pid, limits, kept.groups.hold());
        self.children.insert(id, kept);
        self.reply(Reply::Spawned { id }, vec![stdout, stderr])
    }

    fn refuse(&mut self, id: u64, step: Step, errno: i32) -> io::Result<()> {
        self.reply(Reply::SpawnFailed { id, step, errno }, Vec::new())
    }

    fn reply(&mut self, reply: Reply, fds: Vec<OwnedFd>) -> io::Result<()> {
        reply.encode(&mut self.scratch);
        self.outbox.send(self.socket.as_fd(), &self.scratch, fds)
    }

    /// Asks epoll for room in the socket while something waits for it, and only then.
    fn wish_for_room(&mut self) -> io::Result<()> {
        let wished = !self.outbox.is_empty();
        if wished != self.awaits_room {
            self.awaits_room = wished;
            let flags = if wished { EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
            self.epoll.modify(&self.socket, &mut EpollEvent::new(flags, SOCKET))?;
        }
        Ok(())
    }
}

fn take_first(fds: &mut Vec<OwnedFd>) -> Option<OwnedFd> {
    (!fds.is_empty()).then(|| fds.remove(0))
}

fn read_large(memory: OwnedFd, length: u64) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok().filter(|length| *length <= LARGEST)?;
    let mut bytes = vec![0; length];
    File::from(memory).read_exact_at(&mut bytes, 0).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests;
