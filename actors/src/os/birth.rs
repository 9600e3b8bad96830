//! The making of a process that shares our memory until its exec, inside a control group or where we are.
//!
//! For the guardian only, which is single-threaded. It must never be called from a process with other threads or with
//! signal handlers that do something, and what runs in the child must never allocate, lock or return.

#![expect(unsafe_code, reason = "clone and clone3")]

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::raw::c_int;
use std::ptr;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// What runs in the child. It leaves by exec or by `_exit`, never by returning.
pub(super) type Life = extern "C" fn(*mut c_void) -> c_int;

/// Memory is shared and the maker waits, as with vfork. The table of descriptors is shared as well, until the child has
/// taken a copy of what is below some number: there are as many descriptors as there are children, and a copy of all for
/// each would make every child dearer than the one before.
const FLAGS: c_int = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES | libc::CLONE_PIDFD;

/// What is kept is kept from this number on, so that what is needed at a birth stays below it.
const KEPT_FROM: c_int = 64;

/// Where children are made.
pub(super) struct Cradle {
    stack: Stack,
    /// Whether this kernel may yet turn out to make children inside a group.
    into_groups: bool,
}

/// Why a child was not made.
pub(super) enum Stillborn<E> {
    /// The kernel makes no child inside a group; without one it would.
    NotIntoGroups,
    /// As this says.
    Failed(E),
}

impl<E> Stillborn<E> {
    /// The same in other words.
    pub(super) fn map<F>(self, words: impl FnOnce(E) -> F) -> Stillborn<F> {
        match self {
            Self::NotIntoGroups => Stillborn::NotIntoGroups,
            Self::Failed(error) => Stillborn::Failed(words(error)),
        }
    }
}

impl Cradle {
    /// A place for it.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            stack: Stack::new()?,
            into_groups: cfg!(any(target_arch = "x86_64", target_arch = "aarch64")),
        })
    }

    /// Makes a child that begins its `life` with `argument`, in `group` if one is given. On return it has executed its
    /// program or is gone.
    ///
    /// Signals are not blocked around this: the guardian's handlers do nothing (see `guardian`), so that one that runs
    /// in the child, on the shared memory, changes nothing; and exec makes a handler the default again, which saves the
    /// child a call for each signal. The guardian's mask is empty, and so is the child's.
    ///
    /// # Safety
    /// `life` makes only async-signal-safe calls and does not return; `argument` is what it expects.
    pub(super) unsafe fn bear(
        &mut self,
        life: Life,
        argument: *mut c_void,
        group: Option<BorrowedFd<'_>>,
    ) -> Result<(Pid, OwnedFd), Stillborn<Errno>> {
        let mut pidfd: c_int = -1;
        let born = match group {
            None => {
                let flags = FLAGS | libc::SIGCHLD;
                // SAFETY: the stack is ours, large enough and used by nobody else; the rest is the caller's promise, and
                // with CLONE_VFORK the call returns after the child's exec or exit.
                let pid = unsafe { libc::clone(life, self.stack.top(), flags, argument, &raw mut pidfd) };
                if pid < 0 { Err(Errno::last()) } else { Ok(pid) }
            }
            Some(_) if !self.into_groups => return Err(Stillborn::NotIntoGroups),
            // SAFETY: as above.
            Some(group) => unsafe { self.bear_into(life, argument, group, &mut pidfd) },
        };
        match born {
            Ok(pid) => {
                // SAFETY: the kernel has just made this descriptor, close-on-exec, and only we know it.
                Ok((Pid::from_raw(pid), put_away(unsafe { OwnedFd::from_raw_fd(pidfd) })))
            }
            // What an older kernel, or a filter of system calls, says of what it does not know.
            Err(Errno::ENOSYS | Errno::EINVAL | Errno::E2BIG | Errno::EPERM) if group.is_some() => {
                self.into_groups = false;
                Err(Stillborn::NotIntoGroups)
            }
            Err(errno) => Err(Stillborn::Failed(errno)),
        }
    }

    /// Finds out whether children live that are made inside a group. Since Linux 6.14 a child is killed at its birth if its
    /// group was killed more or less often than its maker's (`cgroup_css_set_fork` takes the maker's count, and
    /// `cgroup_post_fork` compares it with that of the child's group): then it has to enter by itself.
    pub(super) fn try_birth_into(&mut self, group: BorrowedFd<'_>) {
        // SAFETY: `leave` makes one system call and does not return; it takes no argument.
        let born = unsafe { self.bear(leave, ptr::null_mut(), Some(group)) };
        if let Ok((pid, _)) = born
            && !matches!(waitpid(pid, None), Ok(WaitStatus::Exited(_, 0)))
        {
            self.into_groups = false;
        }
    }

    /// # Safety
    /// As for [`Self::bear`].
    unsafe fn bear_into(
        &self,
        life: Life,
        argument: *mut c_void,
        group: BorrowedFd<'_>,
        pidfd: &mut c_int,
    ) -> Result<libc::pid_t, Errno> {
        // SAFETY: all zeroes are valid: nothing is asked for.
        let mut asked = unsafe { std::mem::zeroed::<libc::clone_args>() };
        asked.flags = u64::from(FLAGS.unsigned_abs()) | INTO_CGROUP;
        asked.pidfd = ptr::from_mut(pidfd).expose_provenance() as u64;
        asked.exit_signal = u64::from(libc::SIGCHLD.unsigned_abs());
        asked.stack = self.stack.bottom().expose_provenance() as u64;
        asked.stack_size = Stack::SIZE as u64;
        asked.cgroup = u64::from(group.as_raw_fd().unsigned_abs());
        // SAFETY: the structure is complete and lives until the call returns; the rest is the caller's promise.
        let result = unsafe { clone3(&raw const asked, life, argument) };
        if result < 0 {
            Err(Errno::from_raw(i32::try_from(-result).unwrap_or(libc::EINVAL)))
        } else {
            Ok(result as _)
        }
    }
}

extern "C" fn leave(_: *mut c_void) -> c_int {
    // SAFETY: leaves without running anything of the guardian's.
    unsafe { libc::_exit(0) }
}

/// As the kernel has it; libc's own is of a type that does not hold it on every target.
const INTO_CGROUP: u64 = 0x2_0000_0000;

/// The bare call. There is no wrapper of it in any libc, and none could be written in a language whose calls return
/// through the stack: the child comes back on a new one, on which nobody has called anything. So it is led to its life
/// before anything but registers was used.
///
/// # Safety
/// `asked` asks for a stack and for CLONE_VM and CLONE_VFORK; `life` and `argument` as for [`Cradle::bear`].
#[cfg(target_arch = "x86_64")]
unsafe fn clone3(asked: *const libc::clone_args, life: Life, argument: *mut c_void) -> isize {
    let result: isize;
    // SAFETY: a system call takes rax, rdi, rsi and spoils rcx, r11 and memory. Only the child gets a zero, and it does
    // not leave this block: it calls `life` on its own stack, whose end is aligned as a call wants it.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 as isize => result,
            in("rdi") asked,
            in("rsi") size_of::<libc::clone_args>(),
            in("r12") argument,
            in("r13") life,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// # Safety
/// As for the other architecture.
#[cfg(target_arch = "aarch64")]
unsafe fn clone3(asked: *const libc::clone_args, life: Life, argument: *mut c_void) -> isize {
    let result: isize;
    // SAFETY: a system call takes x8, x0, x1 and spoils x0 and memory; the rest as for the other architecture.
    unsafe {
        std::arch::asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x20",
            "blr x21",
            "brk #1",
            "2:",
            inlateout("x0") asked as isize => result,
            in("x1") size_of::<libc::clone_args>(),
            in("x8") libc::SYS_clone3,
            in("x20") argument,
            in("x21") life,
            lateout("x30") _,
        );
    }
    result
}

/// Elsewhere a child enters its group by itself.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn clone3(_: *const libc::clone_args, _: Life, _: *mut c_void) -> isize {
    -(libc::ENOSYS as isize)
}

/// Out of the way of those that a child takes a copy of. Where there is no room it stays where it is.
pub(super) fn put_away(kept: OwnedFd) -> OwnedFd {
    match fcntl(&kept, FcntlArg::F_DUPFD_CLOEXEC(KEPT_FROM)) {
        // SAFETY: the kernel has just made this descriptor, and only we know it.
        Ok(moved) => unsafe { OwnedFd::from_raw_fd(moved) },
        Err(_) => kept,
    }
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
        // SAFETY: inside the mapping made above, on a border of pages (64 KiB is one for every page size); nothing
        // refers to this memory yet.
        if unsafe { libc::mprotect(stack.bottom(), Self::SIZE, libc::PROT_READ | libc::PROT_WRITE) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(stack)
    }

    /// Where it ends.
    fn bottom(&self) -> *mut c_void {
        // SAFETY: inside the mapping.
        unsafe { self.base.byte_add(Self::GUARD) }
    }

    /// Where it begins: stacks grow downwards.
    fn top(&self) -> *mut c_void {
        // SAFETY: one past the end of the mapping.
        unsafe { self.base.byte_add(Self::GUARD + Self::SIZE) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no child runs on it: `bear` waits for each.
        unsafe { libc::munmap(self.base, Self::GUARD + Self::SIZE) };
    }
}
