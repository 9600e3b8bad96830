//! The guardian's first words with its supervisor, before it keeps its first child: what it holds, and how it is to
//! hold the children together.
//!
//! For the guardian only. A supervisor that asks for nothing gets the sweep.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::socket::{MsgFlags, recv};
use nix::unistd::{geteuid, getpid, getppid};
use provisor_core::containment::{Achieved, Level, Wish};

use super::cgroup::RunGroups;
use super::contain::{self, Answer, Contain, Contained, Copied};
use super::life::Supervisor;
use super::namespace::{self, NoNamespace, Side};
use super::packet::{Inbox, Outbox};
use super::tree;
use super::wire::{PACKET, Request};

/// Nothing could be found by its parent, its session or its cookie, and what was measured would be a stranger's.
const STRANGE_PROC: &str = "/proc shows another PID namespace than this one, so that no process could be found: mount \
    the right one (`unshare --mount-proc`), or take `--containment namespace`, which does so itself";
/// For so long the groups of a run that cannot be as it was asked are cleared away.
const GROUPS_END_IN: Duration = Duration::from_millis(100);

/// With what the guardian begins its work.
pub(super) struct Beginning {
    /// Held until its end: the lock of the run.
    pub(super) held: Vec<OwnedFd>,
    /// What holds its children together.
    pub(super) level: Level,
    /// Where they are born.
    pub(super) groups: RunGroups,
    /// What their cookies begin with.
    pub(super) token: Option<String>,
}

impl Default for Beginning {
    fn default() -> Self {
        Self { held: Vec::new(), level: Level::Sweep, groups: RunGroups::none(), token: None }
    }
}

/// Serves what may be asked for before the first child. Returns with the first request that is something else, which
/// stays in the socket, or with the containment. None: this process is to leave, for the guardian is another one now.
pub(super) fn first_words(socket: &OwnedFd, supervisor: Supervisor) -> io::Result<Option<Beginning>> {
    let mut held = Vec::new();
    let mut inbox = Inbox::new(PACKET);
    loop {
        let first = peek(socket)?;
        if first == Some(contain::REQUEST) {
            let packet = inbox.receive(socket.as_fd())?;
            let beginning = match Contain::decode(packet.bytes) {
                Ok(ask) => contain(socket, ask, supervisor)?,
                Err(error) => refuse(socket, Copied::Not, error.to_string())?,
            };
            return Ok(beginning.map(|beginning| Beginning { held, ..beginning }));
        }
        if first.is_none_or(|first| Request::decode(&[first]) != Ok(Request::Hold)) {
            return Ok(Some(Beginning { held, ..Beginning::default() }));
        }
        held.extend(inbox.receive(socket.as_fd())?.fds);
    }
}

/// The first byte of the next packet; none: the supervisor is gone.
fn peek(socket: &OwnedFd) -> io::Result<Option<u8>> {
    await_packet(socket, None)?;
    let mut first = [0];
    let length = recv(socket.as_raw_fd(), &mut first, MsgFlags::MSG_PEEK)?;
    Ok((length > 0).then_some(first[0]))
}

/// Waits until there is something to receive, the other side's end too, or until the time is over: then false.
pub(super) fn await_packet(socket: &OwnedFd, time: Option<Duration>) -> io::Result<bool> {
    let end = time.map(|time| Instant::now() + time);
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()).as_millis());
        let left =
            left.map_or(PollTimeout::NONE, |left| PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX));
        match poll(&mut polled, left) {
            Err(Errno::EINTR) => {}
            ready => return Ok(ready? > 0),
        }
    }
}

/// The same, unless the other side dies first; false: it has, without a word. Its socket alone would not tell, for a copy of
/// it may hold that open.
pub(super) fn await_packet_of(socket: &OwnedFd, peer: &OwnedFd) -> io::Result<bool> {
    let mut timeout = PollTimeout::NONE;
    loop {
        let mut polled =
            [PollFd::new(socket.as_fd(), PollFlags::POLLIN), PollFd::new(peer.as_fd(), PollFlags::POLLIN)];
        match poll(&mut polled, timeout) {
            Err(Errno::EINTR) => continue,
            other => other?,
        };
        match polled.map(|polled| polled.any().unwrap_or(false)) {
            [true, _] => return Ok(true),
            // It may have said it and died since.
            [false, true] if timeout == PollTimeout::NONE => timeout = PollTimeout::ZERO,
            [false, _] => return Ok(false),
        }
    }
}

/// Tries what is wished, and says what came of it.
fn contain(socket: &OwnedFd, ask: Contain<'_>, supervisor: Supervisor) -> io::Result<Option<Beginning>> {
    let is_root = geteuid().is_root();
    let wishes = ask.containment.wishes(is_root);
    // Before the namespace: from inside, the numbers of processes are other ones.
    let wants_groups = wishes.cgroup != Wish::Not;
    let mut ours = vec![getpid().as_raw()];
    ours.extend((supervisor == Supervisor::Ours).then(|| getppid().as_raw()));
    let (groups, why) = RunGroups::make(ask.token, wants_groups, &ours);
    let cgroup = wants_groups.then(|| why.map_or(Ok(()), |why| Err(why.to_string())));
    let side = match wishes.namespace {
        Wish::Not => None,
        Wish::Welcome | Wish::Required => Some(namespace::enter(wishes.user_namespace)?),
    };
    let (copy, is_inside) = match &side {
        Some(Side::Outside(Ok(pid))) => (Copied::Guardian(*pid), false),
        Some(Side::Outside(Err(NoNamespace { copy: Some(pid), .. }))) => (Copied::InVain(*pid), false),
        Some(Side::Outside(Err(_))) | None => (Copied::Not, false),
        Some(Side::Inside) => (Copied::Not, true),
    };
    let namespace = side.map(|side| match side {
        Side::Outside(Err(NoNamespace { why, .. })) => Err(why),
        Side::Outside(Ok(_)) | Side::Inside => Ok(()),
    });
    let Achieved { level, weaker_because } =
        match ask.containment.achieved(is_root, namespace.as_ref(), cgroup.as_ref()) {
            Ok(achieved) => achieved,
            Err(why) => {
                groups.end(GROUPS_END_IN);
                return refuse(socket, copy, why);
            }
        };
    let is_in_namespace = matches!(level, Level::NamespaceCgroup | Level::Namespace);
    if !is_in_namespace && !tree::shows_us() {
        groups.end(GROUPS_END_IN);
        return refuse(socket, copy, STRANGE_PROC.to_owned());
    }
    if !is_inside {
        let contained = Contained { level, weaker_because, groups: groups.paths() };
        answer(socket, &Answer { copy, contained: Ok(contained) })?;
    }
    if level == Level::Group {
        // Nobody is going to look for orphans.
        prctl::set_child_subreaper(false)?;
    }
    let token = Some(ask.token.to_owned());
    let goes_on = !matches!(copy, Copied::Guardian(_));
    Ok(goes_on.then_some(Beginning { held: Vec::new(), level, groups, token }))
}

fn refuse(socket: &OwnedFd, copy: Copied, why: String) -> io::Result<Option<Beginning>> {
    answer(socket, &Answer { copy, contained: Err(why) })?;
    Ok(Some(Beginning::default()))
}

fn answer(socket: &OwnedFd, answer: &Answer) -> io::Result<()> {
    Outbox::default().send(socket.as_fd(), &contain::encode_answer(answer), Vec::new())
}
