//! What does not die: it is named, and it holds up nobody but the guardian, which waits for it and holds the lock.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use nix::unistd::{Uid, setresuid};
use provisor_core::cause::{Exit, StopMethod};
use provisor_core::containment::Containment;

use crate::containing::contained_or_skipped;
use crate::harness::{Case, command, finish, line, marked, new_guardian, shell, soon, state_of, until};
use crate::injected::Injected;
use crate::starting::Folder;

pub(crate) const CASES: &[Case] = &[
    Case("kills_that_do_nothing", kills_that_do_nothing),
    Case("kills_that_are_refused", kills_that_are_refused),
];

/// The kernel takes the kill and nobody dies, as with a process in state D.
fn kills_that_do_nothing() {
    for containment in [Containment::Sweep, Containment::Group] {
        let Some((guardian, _)) = contained_or_skipped(containment) else { continue };
        let folder = Folder::new();
        let lock = folder.file("lock", b"", 0o644);
        let held = File::open(&lock).expect("the lock");
        held.try_lock().expect("nobody else has it");
        guardian.hold(held.into()).expect("it has room");
        let pid = guardian.pid();
        let mut injected = None;
        let report = with_survivors(guardian, async |rig| {
            let mut launched = rig.start(shell("echo $$; exec sleep 1000")).await;
            let child = line(&mut launched.output).await;
            injected = Injected::into(rig.guardian, &["kill:retval=0", "pidfd_send_signal:retval=0"]);
            if injected.is_none() {
                return;
            }
            launched.child.signal(StopMethod::Kill);
            let mut waited = 0;
            while launched.child.stuck().is_none() {
                assert!(waited < 2000, "it is said what does not die");
                waited += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let said = launched.child.stuck().expect("it was said");
            assert!(said.starts_with(&format!("process {child} was killed and has not died")), "{said}");
            // The others are not held up by it.
            let others = soon("another one", rig.run(shell("exit 5"))).await;
            assert_eq!(others.report.exit, Exit::Code(5));
            std::mem::forget(launched);
        });
        let Some(injected) = injected else { return };
        assert_eq!((report.left, report.unattributed), (1, Some(0)), "the supervisor does not wait for it");
        assert!(report.one_of_them > 0);
        let lock = File::open(&lock).expect("the lock");
        assert!(lock.try_lock().is_err(), "it is held as long as something lives");
        assert!(state_of(pid).is_some_and(|state| state != 'Z'), "the guardian waits");
        drop(injected);
        until("what is mortal again dies", || marked(crate::harness::COOKIE).is_empty());
        until("the lock is free", || lock.try_lock().is_ok());
        until("the guardian leaves", || state_of(pid).is_none_or(|state| state == 'Z'));
    }
}

/// A child that has become somebody else: we may not kill it, and are told so at once.
fn kills_that_are_refused() {
    const NOBODY: u32 = 65534;
    if !Uid::effective().is_root() {
        return println!("skipped: only root can give a child another user's rights");
    }
    let folder = Folder::new();
    let program = folder.0.join("python");
    fs::copy(fs::canonicalize("/usr/bin/python3").expect("python"), &program).expect("a copy");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).expect("a mode");
    let (root, nobody) = (Uid::from_raw(0), Uid::from_raw(NOBODY));
    setresuid(nobody, nobody, root).expect("root may");
    let mut child = None;
    let report = with_survivors(new_guardian(), async |rig| {
        let program_text =
            "import os, time\nos.setresuid(0, 0, 0)\nprint(os.getpid(), flush=True)\ntime.sleep(1000)";
        let program = program.to_str().expect("a path");
        let mut launched = rig.start(command(&[program, "-c", program_text])).await;
        child = line(&mut launched.output).await.parse::<i32>().ok();
        launched.child.signal(StopMethod::Kill);
        let mut waited = 0;
        while launched.child.stuck().is_none() && waited < 2000 {
            waited += 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let said = launched.child.stuck().expect("it is said");
        let wanted = format!("process {} runs with rights that provisor has not", child.expect("a number"));
        assert!(said.starts_with(&wanted), "{said}");
        assert_eq!(
            soon("another one", finish(rig.start(shell("exit 6")).await)).await.report.exit,
            Exit::Code(6)
        );
        std::mem::forget(launched);
    });
    setresuid(root, root, root).expect("root again");
    let child = child.expect("it ran");
    assert_eq!((report.left, report.one_of_them), (1, child));
    let child = nix::unistd::Pid::from_raw(child);
    nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL).expect("root may");
    until("it is gone", || state_of(child.as_raw().unsigned_abs()).is_none_or(|state| state == 'Z'));
}

/// A rig whose guardian may stay.
pub(crate) fn with_survivors<F: Future<Output = ()>>(
    guardian: provisor_actors::os::guardian::GuardianHandle,
    work: impl FnOnce(std::rc::Rc<crate::harness::Rig>) -> F,
) -> provisor_actors::os::local::CloseReport {
    crate::harness::with_rig_that_may_stay(guardian, std::env::vars_os().collect(), work)
}
