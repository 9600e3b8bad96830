//! The making of one child: pipes, a birth and `exec`, the way posix_spawn goes (shared memory, the maker waits).
//!
//! For the guardian only (see `birth`). What runs in the child must never allocate, lock or return, and must not touch a
//! descriptor before it has a table of its own.

#![expect(unsafe_code, reason = "raw calls between clone and exec")]

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::raw::{c_char, c_int};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{Pid, getpid, pipe2};

use super::TreeLimits;
use super::birth::{Cradle, Stillborn};
use super::cgroup::{Entrance, Folder, QueryGroups, RunGroups};
use super::meter::net::{self, Nets};
use super::wire::{Spawn, Step};

/// A child that has reached its program.
pub(super) struct Born {
    /// The leader of its session and of its group.
    pub(super) pid: Pid,
    /// Readable once it is a zombie.
    pub(super) pidfd: OwnedFd,
    /// The read end of its standard output.
    pub(super) stdout: OwnedFd,
    /// The read end of its standard error.
    pub(super) stderr: OwnedFd,
}

/// A child that is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    /// Where it went wrong.
    pub(super) step: Step,
    /// How.
    pub(super) errno: i32,
}

/// Makes children.
pub(super) struct Spawner {
    cradle: Cradle,
    guardian: Pid,
    open_files: Option<libc::rlimit>,
    oom_score: String,
    argv: Vec<*const c_char>,
    envp: Vec<*const c_char>,
}

impl Spawner {
    /// `open_files` is the limit that the children get, where it is not the guardian's own.
    pub(super) fn new(open_files: Option<libc::rlimit>, groups: &mut RunGroups) -> io::Result<Self> {
        let mut cradle = Cradle::new()?;
        if let Ok(query) = groups.admit(TreeLimits::default()) {
            if let Some(Ok(folder)) = query.unified().map(Folder::handle) {
                cradle.try_birth_into(folder.as_fd());
            }
            groups.release(query, true);
        }
        Ok(Self {
            cradle,
            guardian: getpid(),
            open_files,
            oom_score: net::oom_score(),
            argv: Vec::new(),
            envp: Vec::new(),
        })
    }

    /// Starts one in these groups. On return it has executed its program, or it never was.
    pub(super) fn spawn(
        &mut self,
        request: &Spawn<'_>,
        stdin: Option<&OwnedFd>,
        groups: &QueryGroups,
    ) -> Result<Born, Failed> {
        let pipe =
            || pipe2(OFlag::O_CLOEXEC).map_err(|errno| Failed { step: Step::Pipe, errno: errno as i32 });
        let (stdout, stdout_end) = pipe()?;
        let (stderr, stderr_end) = pipe()?;
        self.collect_pointers(request);
        let stdio = [stdin.map_or(-1, AsRawFd::as_raw_fd), stdout_end.as_raw_fd(), stderr_end.as_raw_fd()];
        let nets = Nets::of(request.limits, groups.hold().1);
        let (pid, pidfd) = match self.bear(request, stdio, &groups.entrance().map_err(no_entrance)?, nets) {
            Err(Stillborn::NotIntoGroups) => {
                self.bear(request, stdio, &groups.lists().map_err(no_entrance)?, nets)
            }
            born => born,
        }
        .map_err(|stillborn| match stillborn {
            Stillborn::Failed(failed) => failed,
            Stillborn::NotIntoGroups => Failed { step: Step::Clone, errno: libc::ENOSYS },
        })?;
        Ok(Born { pid, pidfd, stdout, stderr })
    }

    fn collect_pointers(&mut self, request: &Spawn<'_>) {
        self.argv.clear();
        request.argv.push_pointers(&mut self.argv);
        self.argv.push(ptr::null());
        self.envp.clear();
        request.env.push_pointers(&mut self.envp);
        self.envp.push(request.cookie.as_ptr());
        self.envp.push(ptr::null());
    }

    fn bear(
        &mut self,
        request: &Spawn<'_>,
        stdio: [c_int; 3],
        entrance: &Entrance,
        nets: Nets,
    ) -> Result<(Pid, OwnedFd), Stillborn<Failed>> {
        let lists: Vec<c_int> = entrance.lists.iter().map(AsRawFd::as_raw_fd).collect();
        let needed = stdio.iter().chain(&lists).copied().max().unwrap_or(2).max(2);
        let plan = Plan {
            program: request.program.as_ptr(),
            cwd: request.cwd.as_ptr(),
            argv: self.argv.as_ptr(),
            envp: self.envp.as_ptr(),
            stdio,
            lists: &lists,
            beyond: needed + 1,
            guardian: self.guardian.as_raw(),
            open_files: self.open_files,
            nets,
            oom_score: self.oom_score.as_bytes(),
            failed_step: AtomicI32::new(0),
            failed_errno: AtomicI32::new(0),
        };
        let argument = ptr::from_ref(&plan).cast_mut().cast::<c_void>();
        let group = entrance.unified.as_ref().map(|folder| folder.as_fd());
        // SAFETY: `child` makes only bare system calls and never returns; `plan` and all that it points to live until the
        // call is over.
        let (pid, pidfd) = unsafe { self.cradle.bear(child, argument, group) }
            .map_err(|stillborn| stillborn.map(|errno| Failed { step: Step::Clone, errno: errno as i32 }))?;
        if let Some(step) = Step::from_number(plan.failed_step.load(Relaxed)) {
            super::tree::reap_now(pid);
            return Err(Stillborn::Failed(Failed { step, errno: plan.failed_errno.load(Relaxed) }));
        }
        Ok((pid, pidfd))
    }
}

fn no_entrance(error: io::Error) -> Failed {
    Failed { step: Step::Group, errno: error.raw_os_error().unwrap_or(libc::EIO) }
}

/// What the child needs to know. The two last fields are its answer.
struct Plan<'a> {
    program: *const c_char,
    cwd: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
    /// What becomes 0, 1 and 2; below zero: nothing.
    stdio: [c_int; 3],
    /// The lists of its groups in which it is not yet.
    lists: &'a [c_int],
    /// It needs no descriptor from this one on.
    beyond: c_int,
    guardian: libc::pid_t,
    open_files: Option<libc::rlimit>,
    nets: Nets,
    oom_score: &'a [u8],
    failed_step: AtomicI32,
    failed_errno: AtomicI32,
}

/// The child's life before its program. It shares the guardian's memory, and the guardian waits.
extern "C" fn child(plan: *mut c_void) -> c_int {
    // SAFETY: `plan` is the live `Plan` of the waiting guardian, which reads its atomics only when we are gone.
    let plan = unsafe { &*plan.cast::<Plan<'_>>() };
    // SAFETY: only async-signal-safe calls follow, with pointers that the plan keeps valid.
    let step = unsafe { prepare_and_exec(plan) };
    plan.failed_step.store(step as c_int, Relaxed);
    plan.failed_errno.store(Errno::last_raw(), Relaxed);
    // SAFETY: leaves without running anything of the guardian's.
    unsafe { libc::_exit(127) }
}

/// Returns the step that failed, its errno still in place.
///
/// # Safety
/// In a child made with CLONE_VM and CLONE_VFORK only; the plan's pointers must be valid and end with null.
unsafe fn prepare_and_exec(plan: &Plan<'_>) -> Step {
    // SAFETY: see above; each call is a bare system call.
    unsafe {
        // A session of its own: it has no terminal (a group alone would be stopped for ever when it reads
        // /dev/tty), and its group can be killed as one.
        if libc::setsid() < 0 || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) < 0 {
            return Step::Session;
        }
        // Only now: had the guardian died before the prctl, nothing would ever kill us. Afterwards the kernel does.
        if libc::getppid() != plan.guardian {
            return Step::Session;
        }
        // The guardian's table is ours as well until here; from now on it is a copy of its lowest part.
        if libc::syscall(libc::SYS_close_range, plan.beyond, c_int::MAX, libc::CLOSE_RANGE_UNSHARE) < 0 {
            return Step::Stdio;
        }
        for list in plan.lists {
            if libc::write(*list, c"0".as_ptr().cast(), 1) < 0 {
                return Step::Group;
            }
        }
        // The guardian's own 0 is /dev/null, and so is ours where nothing was given.
        for (number, end) in (0..).zip(plan.stdio) {
            if end >= 0 && libc::dup2(end, number) < 0 {
                return Step::Stdio;
            }
        }
        if let Some(limit) = &plan.open_files
            && libc::setrlimit(libc::RLIMIT_NOFILE, limit) < 0
        {
            return Step::Limits;
        }
        if let Some(limit) = &plan.nets.cpu
            && libc::setrlimit(libc::RLIMIT_CPU, limit) < 0
        {
            return Step::Limits;
        }
        if let Some(limit) = &plan.nets.processes
            && libc::setrlimit(libc::RLIMIT_NPROC, limit) < 0
        {
            return Step::Limits;
        }
        // Whether this can be written or not; what it was opened by goes with the exec.
        let oom_score = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if oom_score >= 0 {
            libc::write(oom_score, plan.oom_score.as_ptr().cast(), plan.oom_score.len());
        }
        if libc::chdir(plan.cwd) < 0 {
            return Step::Chdir;
        }
        libc::execve(plan.program, plan.argv, plan.envp);
    }
    Step::Exec
}
