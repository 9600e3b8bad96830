//! The making of one child: pipes, `clone` and `exec`, the way posix_spawn goes (shared memory, the maker waits).
//!
//! For the guardian only, which is single-threaded. It must never be called from a process with other threads or
//! with signal handlers that do something, and what runs in the child must never allocate, lock or return.

#![expect(unsafe_code, reason = "clone, and raw calls between clone and exec")]

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::raw::{c_char, c_int};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{Pid, getpid, pipe2};

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
    stack: Stack,
    guardian: Pid,
    open_files: Option<libc::rlimit>,
    argv: Vec<*const c_char>,
    envp: Vec<*const c_char>,
}

impl Spawner {
    /// `open_files` is the limit that the children get, where it is not the guardian's own.
    pub(super) fn new(open_files: Option<libc::rlimit>) -> io::Result<Self> {
        Ok(Self { stack: Stack::new()?, guardian: getpid(), open_files, argv: Vec::new(), envp: Vec::new() })
    }

    /// Starts one. On return it has executed its program, or it never was.
    pub(super) fn spawn(&mut self, request: &Spawn<'_>, stdin: Option<&OwnedFd>) -> Result<Born, Failed> {
        let pipe =
            || pipe2(OFlag::O_CLOEXEC).map_err(|errno| Failed { step: Step::Pipe, errno: errno as i32 });
        let (stdout, stdout_end) = pipe()?;
        let (stderr, stderr_end) = pipe()?;
        self.collect_pointers(request);
        let plan = Plan {
            program: request.program.as_ptr(),
            cwd: request.cwd.as_ptr(),
            argv: self.argv.as_ptr(),
            envp: self.envp.as_ptr(),
            stdin: stdin.map_or(-1, AsRawFd::as_raw_fd),
            stdout: stdout_end.as_raw_fd(),
            stderr: stderr_end.as_raw_fd(),
            guardian: self.guardian.as_raw(),
            open_files: self.open_files,
            failed_step: AtomicI32::new(0),
            failed_errno: AtomicI32::new(0),
        };
        let (pid, pidfd) = self.clone(&plan)?;
        if let Some(step) = Step::from_number(plan.failed_step.load(Relaxed)) {
            super::tree::reap_now(pid);
            return Err(Failed { step, errno: plan.failed_errno.load(Relaxed) });
        }
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

    /// Signals are not blocked around this: the guardian's handlers do nothing (see `guardian`), so that one that
    /// runs in the child, on the shared memory, changes nothing; and exec makes a handler the default again, which
    /// saves the child a call for each signal. The guardian's mask is empty, and so is the child's.
    fn clone(&self, plan: &Plan) -> Result<(Pid, OwnedFd), Failed> {
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
        let mut pidfd: c_int = -1;
        let argument = ptr::from_ref(plan).cast_mut().cast::<c_void>();
        // SAFETY: the stack is ours, large enough and used by nobody else; `plan` and all that it points to live
        // until the call returns, which with CLONE_VFORK is after the child's exec or exit; `child` only makes
        // async-signal-safe calls and never returns.
        let pid = unsafe { libc::clone(child, self.stack.top(), flags, argument, &raw mut pidfd) };
        if pid < 0 {
            return Err(Failed { step: Step::Clone, errno: Errno::last_raw() });
        }
        // SAFETY: the kernel has just made this descriptor, close-on-exec, and only we know it.
        Ok((Pid::from_raw(pid), unsafe { OwnedFd::from_raw_fd(pidfd) }))
    }
}

/// What the child needs to know. The two last fields are its answer.
struct Plan {
    program: *const c_char,
    cwd: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
    stdin: c_int,
    stdout: c_int,
    stderr: c_int,
    guardian: libc::pid_t,
    open_files: Option<libc::rlimit>,
    failed_step: AtomicI32,
    failed_errno: AtomicI32,
}

/// The child's life before its program. It shares the guardian's memory, and the guardian waits.
extern "C" fn child(plan: *mut c_void) -> c_int {
    // SAFETY: `plan` is the live `Plan` of the waiting guardian, which reads its atomics only when we are gone.
    let plan = unsafe { &*plan.cast::<Plan>() };
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
unsafe fn prepare_and_exec(plan: &Plan) -> Step {
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
        // The guardian's own 0 is /dev/null, and so is ours where nothing was given.
        if (plan.stdin >= 0 && libc::dup2(plan.stdin, 0) < 0)
            || libc::dup2(plan.stdout, 1) < 0
            || libc::dup2(plan.stderr, 2) < 0
        {
            return Step::Stdio;
        }
        if let Some(limit) = &plan.open_files
            && libc::setrlimit(libc::RLIMIT_NOFILE, limit) < 0
        {
            return Step::Limits;
        }
        if libc::chdir(plan.cwd) < 0 {
            return Step::Chdir;
        }
        libc::execve(plan.program, plan.argv, plan.envp);
    }
    Step::Exec
}

/// The memory on which a child runs until its exec. Below it is a page that faults.
struct Stack {
    base: *mut c_void,
}

impl Stack {
    const SIZE: usize = 64 * 1024;
    const GUARD: usize = 64 * 1024;

    fn new() -> io::Result<Self> {
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        // SAFETY: a fresh mapping at an address that the kernel chooses.
        let base =
            unsafe { libc::mmap(ptr::null_mut(), Self::GUARD + Self::SIZE, libc::PROT_NONE, kind, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = Self { base };
        // SAFETY: inside the mapping made above, on a border of pages (64 KiB is one for every page size).
        let usable = unsafe { base.byte_add(Self::GUARD) };
        // SAFETY: as above; nothing refers to this memory yet.
        if unsafe { libc::mprotect(usable, Self::SIZE, libc::PROT_READ | libc::PROT_WRITE) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(stack)
    }

    /// Where it begins: stacks grow downwards.
    fn top(&self) -> *mut c_void {
        // SAFETY: one past the end of the mapping.
        unsafe { self.base.byte_add(Self::GUARD + Self::SIZE) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no child runs on it: `spawn` waits for each.
        unsafe { libc::munmap(self.base, Self::GUARD + Self::SIZE) };
    }
}
