//! A PID namespace for the guardian: it goes on as a copy of itself that is the first process there.
//!
//! When the first process of a namespace ends, for whatever reason, the kernel kills all others in it. For the guardian
//! only, before its first child and while it has one thread. It must never change the process that stays outside: where
//! the namespace turns out to be impossible, that one goes on as if nothing had been tried.

#![expect(unsafe_code, reason = "clone3 with namespaces")]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::unistd::{Pid, getegid, geteuid, pipe2, setsid};

/// On which side of the border we are.
pub(super) enum Side {
    /// In the namespace, as its first process.
    Inside,
    /// Where we were; and the first process of the namespace as it is seen from here, or why there is none.
    Outside(Result<Pid, NoNamespace>),
}

/// Why there is no namespace.
pub(super) struct NoNamespace {
    /// In words.
    pub(super) why: String,
    /// Who was to be the first process there, and is dying: our parent has to reap it.
    pub(super) copy: Option<Pid>,
}

/// What the first process of a namespace has to do before it is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Step {
    /// To be who it was.
    User = 1,
    /// To have a session.
    Session = 2,
    /// To have its mounts for itself.
    Mounts = 3,
    /// To have a /proc that shows the namespace.
    Proc = 4,
}

/// Makes the namespace, inside a user namespace of its own where that is asked for. Returns on both sides.
pub(super) fn enter(user: bool) -> io::Result<Side> {
    let (said, say) = pipe2(OFlag::O_CLOEXEC)?;
    let (uid, gid) = (geteuid(), getegid());
    let pid = match clone_into(user) {
        Ok(pid) => pid,
        Err(error) => return Ok(Side::Outside(Err(NoNamespace { why: refusal(user, error), copy: None }))),
    };
    if let Some(pid) = pid {
        drop(say);
        return Ok(Side::Outside(await_word(pid, File::from(said))));
    }
    drop(said);
    let settled = settle(user.then_some((uid.as_raw(), gid.as_raw())));
    let word = match settled {
        Ok(()) => [0; 5],
        Err((step, errno)) => {
            let mut word = [step as u8; 5];
            word[1..].copy_from_slice(&(errno as i32).to_le_bytes());
            word
        }
    };
    let is_said = File::from(say).write_all(&word).is_ok();
    if settled.is_err() || !is_said {
        // SAFETY: leaves without running what belongs to the process that stays.
        unsafe { libc::_exit(1) }
    }
    Ok(Side::Inside)
}

/// What the first process says of itself.
fn await_word(pid: Pid, mut said: File) -> Result<Pid, NoNamespace> {
    let mut word = [0; 5];
    let heard = said.read_exact(&mut word);
    let [step, errno @ ..] = word;
    if heard.is_ok() && step == 0 {
        return Ok(pid);
    }
    let errno = Errno::from_raw(i32::from_le_bytes(errno)).desc();
    let why = match step {
        _ if heard.is_err() => "the first process of the PID namespace died at its start".to_owned(),
        1 => format!("a user namespace is of no use here: {errno}"),
        4 => format!(
            "a PID namespace is of no use here, for its /proc cannot be mounted: {errno}; in a container, parts of /proc \
             may be masked"
        ),
        _ => format!("a PID namespace is of no use here: {errno}"),
    };
    Err(NoNamespace { why, copy: Some(pid) })
}

fn refusal(user: bool, error: io::Error) -> String {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)).desc();
    match user {
        true => format!("the system gives this user no PID namespace: {errno}"),
        false => format!("the system gives no PID namespace: {errno}"),
    }
}

/// The copy, as fork would make it, but in namespaces of its own, and a child of our parent as we are: it is going to be
/// there when we have left, and whoever is to reap it need not be a subreaper for that. None: we are the copy.
fn clone_into(user: bool) -> io::Result<Option<Pid>> {
    // SAFETY: all zeroes are valid: nothing is asked for.
    let mut arguments = unsafe { std::mem::zeroed::<libc::clone_args>() };
    // Its parent hears of its end as of ours: a signal may not be asked for (clone3 refuses that together with CLONE_PARENT).
    let flags = libc::CLONE_PARENT | libc::CLONE_NEWPID | libc::CLONE_NEWNS;
    let flags = flags | if user { libc::CLONE_NEWUSER } else { 0 };
    arguments.flags = u64::from(flags.unsigned_abs());
    // SAFETY: without CLONE_VM and with no stack given this is a fork: the copy has its own memory, in which everything
    // is consistent, for this process has one thread and is not inside an allocation.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of_val(&arguments)) };
    match i32::try_from(pid) {
        Ok(0) => Ok(None),
        Ok(pid) if pid > 0 => Ok(Some(Pid::from_raw(pid))),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What the copy does first.
fn settle(user: Option<(u32, u32)>) -> Result<(), (Step, Errno)> {
    let at = |step: Step| move |errno: Errno| (step, errno);
    if let Some((uid, gid)) = user {
        map_user(uid, gid).map_err(|error| (Step::User, errno_of(&error)))?;
    }
    setsid().map_err(at(Step::Session))?;
    let nothing = None::<&str>;
    // Nothing that we mount is seen outside; what is mounted outside later is seen here.
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_SLAVE, nothing).map_err(at(Step::Mounts))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, nothing).map_err(at(Step::Proc))?;
    match fs::read_link("/proc/self") {
        Ok(link) if link == Path::new("1") => Ok(()),
        Ok(_) => Err((Step::Proc, Errno::ESTALE)),
        Err(error) => Err((Step::Proc, errno_of(&error))),
    }
}

/// Whoever we were outside we are inside, and nobody else is anybody. The groups may not be changed: that is the price of
/// being allowed to write the map of one's own.
fn map_user(uid: u32, gid: u32) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))
}

fn errno_of(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}
