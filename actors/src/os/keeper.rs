//! The guardian's loop: requests in, children watched, replies out.
//!
//! It runs in the guardian process only. It must never block (but for the exec of a child, which it has to wait for),
//! never read a child's output, and never fall over because of a request.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::packet::{Inbox, Outbox, Packet};
use super::spawn::{Born, Failed, Spawner};
use super::sweep::{Leaders, Orphans, Sweep};
use super::tree::{self, Reaped};
use super::wire::{LARGEST, PACKET, Reply, Request, Spawn, Step};

/// What epoll says for the socket; children have their ids, from 1 on.
const SOCKET: u64 = 0;
/// How often orphans are looked for while nothing else makes us look: their zombies are reaped then.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between the rounds of a sweep whose processes take their time to die.
const ROUND: Duration = Duration::from_millis(1);
const SLOWEST_ROUND: Duration = Duration::from_millis(50);

/// A child that has not been reaped.
struct Kept {
    pid: Pid,
    cookie: Box<[u8]>,
    /// There until the exit has been seen.
    pidfd: Option<OwnedFd>,
    ending: Ending,
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
    sweeps: HashMap<u64, Sweep>,
    round_wait: Duration,
    looked: Instant,
    /// All children stand still, also those that are born now.
    paused: bool,
    outbox: Outbox,
    awaits_room: bool,
    scratch: Vec<u8>,
    /// Held until the end, and never looked at: the lock of the run.
    held: Vec<OwnedFd>,
}

impl Keeper {
    /// Ready to work.
    pub(super) fn new(socket: OwnedFd, open_files: Option<libc::rlimit>) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, SOCKET))?;
        Ok(Self {
            socket,
            epoll,
            spawner: Spawner::new(open_files)?,
            children: HashMap::new(),
            leaders: Leaders::default(),
            orphans: Orphans::new(),
            sweeps: HashMap::new(),
            round_wait: ROUND,
            looked: Instant::now(),
            paused: false,
            outbox: Outbox::default(),
            awaits_room: false,
            scratch: Vec::new(),
            held: Vec::new(),
        })
    }

    /// Serves until the supervisor is gone; then nothing that it started is left.
    pub(super) fn run(&mut self) {
        let _ = self.reply(Reply::Ready { errno: 0 }, Vec::new());
        let mut inbox = Inbox::new(PACKET);
        let mut events = [EpollEvent::empty(); 64];
        let mut connected = true;
        while connected {
            let ready = self.epoll.wait(&mut events, self.timeout()).unwrap_or(0);
            if ready == 0 {
                self.round_wait = (self.round_wait * 2).min(SLOWEST_ROUND);
            }
            for event in &events[..ready] {
                match event.data() {
                    // One packet a turn: exits are not kept waiting by a heap of requests.
                    SOCKET => connected = self.on_socket(event.events(), &mut inbox),
                    id => self.on_exit(id),
                }
            }
            self.sweep_round();
            self.look_now_and_then();
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
        let longest = if !self.sweeps.is_empty() {
            self.round_wait
        } else if self.children.is_empty() && self.orphans.is_empty() {
            return EpollTimeout::NONE;
        } else {
            LOOK_EVERY
        };
        EpollTimeout::try_from(longest).unwrap_or(EpollTimeout::ZERO)
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
        if id == SOCKET || self.children.contains_key(&id) || request.stdin != stdin.is_some() {
            return self.refuse(id, Step::Request, libc::EINVAL);
        }
        let born = self.spawner.spawn(request, stdin.as_ref());
        match born.and_then(|born| self.watch(id, born)) {
            Err(Failed { step, errno }) => self.refuse(id, step, errno),
            Ok(born) => {
                if self.paused {
                    // Not before its exec, for which we wait: it would never come. So it runs for a moment, and what
                    // it starts in another session between these two calls is stopped by nobody.
                    self.signal_tree(born.pid, Signal::SIGSTOP);
                }
                let cookie: Box<[u8]> = request.cookie.to_bytes().into();
                self.leaders.insert(id, born.pid, &cookie);
                let pidfd = Some(born.pidfd);
                self.children.insert(id, Kept { pid: born.pid, cookie, pidfd, ending: Ending::Open });
                self.reply(Reply::Spawned { id }, vec![born.stdout, born.stderr])
            }
        }
    }

    /// Once only: a pidfd stays readable, and closing it takes it off epoll only when the last copy is closed, which a
    /// child on its way through exec may still hold for a moment.
    fn watch(&self, id: u64, born: Born) -> Result<Born, Failed> {
        let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, id);
        match self.epoll.add(&born.pidfd, event) {
            Ok(()) => Ok(born),
            Err(errno) => {
                tree::signal_own(born.pid.as_raw(), Signal::SIGKILL);
                tree::reap_now(born.pid);
                Err(Failed { step: Step::Watch, errno: errno as i32 })
            }
        }
    }

    fn refuse(&mut self, id: u64, step: Step, errno: i32) -> io::Result<()> {
        self.reply(Reply::SpawnFailed { id, step, errno }, Vec::new())
    }

    fn reply(&mut self, reply: Reply, fds: Vec<OwnedFd>) -> io::Result<()> {
        reply.encode(&mut self.scratch);
        self.outbox.send(self.socket.as_fd(), &self.scratch, fds)
    }

    /// After the exit this does nothing: what is left then is the sweep's.
    fn signal(&mut self, id: u64, to_kill: bool) {
        let Some(child) = self.children.get(&id).filter(|child| child.pidfd.is_some()) else { return };
        let leader = child.pid;
        if !to_kill {
            let _ = killpg(leader, Signal::SIGTERM);
            // A stopped process would sleep on its SIGTERM. While all are paused it shall: it takes it up when they
            // go on. SIGKILL needs no such help.
            if !self.paused {
                let _ = killpg(leader, Signal::SIGCONT);
            }
            return;
        }
        // Its group stands still first: else it would see its own children die, and might leave with a code of its
        // own (a shell does, with 137) or start others before its turn has come.
        let _ = killpg(leader, Signal::SIGSTOP);
        // Those of its tree that are our children already: they did not outlive it, so they are not counted.
        self.look();
        self.orphans.kill_of(id, &mut Sweep::default());
        self.orphans.signal_below(leader, Signal::SIGKILL);
        // The leader of a session cannot leave its group.
        let _ = killpg(leader, Signal::SIGKILL);
    }

    fn pause(&mut self, stopped: bool) {
        self.paused = stopped;
        let signal = if stopped { Signal::SIGSTOP } else { Signal::SIGCONT };
        for child in self.children.values().filter(|child| child.pidfd.is_some()) {
            self.signal_tree(child.pid, signal);
        }
        self.orphans.signal_all(signal);
    }

    fn signal_tree(&self, leader: Pid, signal: Signal) {
        let _ = killpg(leader, signal);
        self.orphans.signal_below(leader, signal);
    }

    /// A pidfd has something to say.
    fn on_exit(&mut self, id: u64) {
        let Some(child) = self.children.get_mut(&id) else { return };
        let Some(pidfd) = &child.pidfd else { return };
        let Some(peek) = tree::peek(child.pid) else {
            let mut event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, id);
            let _ = self.epoll.modify(pidfd, &mut event);
            return;
        };
        child.pidfd = None;
        let ending = child.ending;
        if ending != Ending::Forgotten {
            let tree::Peek { signalled, status, cpu_us, max_rss_kib } = peek;
            // That the supervisor is gone shows at the socket too.
            let _ = self.reply(Reply::Exited { id, signalled, status, cpu_us, max_rss_kib }, Vec::new());
        }
        if ending != Ending::Open {
            self.begin_sweep(id);
        }
    }

    /// What is to follow the exit, which may have been already.
    fn end(&mut self, id: u64, ending: Ending) {
        let Some(child) = self.children.get_mut(&id) else { return };
        child.ending = ending;
        if child.pidfd.is_none() {
            self.begin_sweep(id);
        }
    }

    fn begin_sweep(&mut self, id: u64) {
        self.sweeps.entry(id).or_default();
        self.round_wait = ROUND;
    }

    /// One round for every sweep that is going on, upon one look at the children. The next is due at the next turn of
    /// the loop, after `round_wait` at the latest.
    fn sweep_round(&mut self) {
        if self.sweeps.is_empty() {
            return;
        }
        self.look();
        let mut done = Vec::new();
        for (id, sweep) in &mut self.sweeps {
            if self.orphans.kill_of(*id, sweep) {
                done.push((*id, sweep.leftovers()));
            }
        }
        for (id, leftovers) in done {
            self.finish_sweep(id, leftovers);
        }
    }

    fn finish_sweep(&mut self, id: u64, leftovers: u32) {
        self.sweeps.remove(&id);
        let Some(child) = self.children.remove(&id) else { return };
        // Nothing should be in it any more. While the zombie is there, the number means this group and no other.
        let _ = killpg(child.pid, Signal::SIGKILL);
        self.leaders.remove(child.pid, &child.cookie);
        tree::reap(child.pid.as_raw());
        if child.ending == Ending::Swept {
            let _ = self.reply(Reply::Swept { id, leftovers }, Vec::new());
        }
    }

    fn look(&mut self) {
        self.looked = Instant::now();
        self.orphans.look(&self.leaders, self.sweeps.iter().map(|(id, sweep)| (*id, sweep)));
    }

    fn look_now_and_then(&mut self) {
        if self.looked.elapsed() >= LOOK_EVERY {
            self.look();
        }
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

    /// Kills until there is no child: every descendant's chain of orphans ends here, so that this is the proof that
    /// nothing is left. What cannot be killed is waited for: as long as it lives, the run's lock is held.
    pub(super) fn end_everything(&mut self) {
        let mut wait = ROUND / 4;
        self.look();
        let unattributed = self.orphans.unattributed();
        loop {
            self.orphans.kill_everything();
            loop {
                match tree::reap(-1) {
                    Reaped::One(_) => wait = ROUND / 4,
                    Reaped::Lives => break,
                    Reaped::NoChild => {
                        let _ = self.reply(Reply::Farewell { unattributed }, Vec::new());
                        return;
                    }
                }
            }
            std::thread::sleep(wait);
            wait = (wait * 2).min(SLOWEST_ROUND);
        }
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
#[path = "keeper_tests.rs"]
mod tests;
