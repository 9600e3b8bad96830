//! The death of the supervisor, and of the guardian.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use provisor_actors::os::guardian::{self, GuardianOptions};
use provisor_actors::os::local::LocalLauncher;
use provisor_actors::os::orphans::{Orphans, kill_orphans};
use provisor_actors::os::{HoldLost, Launch, LaunchRequest, TreeLimits, signals};

use crate::harness::{
    COOKIE, Case, line, marked, new_guardian, python, read_all, shell, soon, state_of, until, with_rig,
    with_rig_over,
};
use crate::starting::Folder;

pub(crate) const CASES: &[Case] = &[
    Case("killed_supervisor_takes_all_along", killed_supervisor_takes_all_along),
    Case("killed_guardian_resolves_everything", killed_guardian_resolves_everything),
    Case("close_kills_what_runs", close_kills_what_runs),
    Case("dropped_launcher_kills_what_runs", dropped_launcher_kills_what_runs),
    Case("own_signals", own_signals),
    Case("launches_from_other_threads", launches_from_other_threads),
];

/// A child with a daemon of its own session.
const FAMILY: &str = "
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    os.closerange(0, 64)
    time.sleep(1000)
os.wait()
print('ready', flush=True)
time.sleep(1000)
";

/// What this binary does as somebody else's child.
pub(crate) fn role(words: &[String]) {
    match words {
        [role, lock] if role == "supervisor" => supervisor(lock),
        [role] if role == "interrupted" => signals::die_by_sigint(),
        [role] if role == "stopped" => signals::stop_self().expect("it goes on"),
        _ => panic!("no such role: {words:?}"),
    }
}

/// The supervisor that is going to be killed: ten families, then a word, then nothing.
fn supervisor(lock: &str) {
    let lock = File::open(lock).expect("the lock");
    lock.try_lock().expect("nobody else has it");
    let kept = lock.try_clone().expect("a duplicate");
    let guardian = new_guardian();
    guardian.hold(kept.into()).expect("it has room");
    with_rig_over(guardian, std::env::vars_os().collect(), async |rig| {
        let mut families = Vec::new();
        for _ in 0..10 {
            let mut family = rig.start(python(FAMILY)).await;
            line(&mut family.output).await;
            families.push(family);
        }
        println!("guardian {}", rig.guardian);
        tokio::time::sleep(Duration::from_secs(1000)).await;
    });
}

fn killed_supervisor_takes_all_along() {
    let folder = Folder::new();
    let lock = folder.file("lock", b"", 0o644);
    let own = std::env::current_exe().expect("a path");
    let mut supervisor = Process::new(own)
        .args(["--role", "supervisor"])
        .arg(&lock)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut word = String::new();
    let output = supervisor.stdout.take().expect("a pipe");
    BufReader::new(output).read_line(&mut word).expect("a line");
    let guardian: u32 = word.trim().strip_prefix("guardian ").expect("a word").parse().expect("a number");
    until("twenty of them", || marked(COOKIE).len() == 20);
    let lock = File::open(lock).expect("the lock");
    assert!(lock.try_lock().is_err(), "it is held");
    supervisor.kill().expect("it can be killed");
    until("the lock is free", || lock.try_lock().is_ok());
    assert!(marked(COOKIE).is_empty(), "a free lock means that nothing lives");
    until("the guardian leaves", || state_of(guardian).is_none_or(|state| state == 'Z'));
    supervisor.wait().expect("it is dead");
}

fn own_signals() {
    let own = std::env::current_exe().expect("a path");
    let status = Process::new(&own).args(["--role", "interrupted"]).status().expect("it runs");
    assert_eq!(status.signal(), Some(2));
    let mut stopped = Process::new(&own).args(["--role", "stopped"]).spawn().expect("it runs");
    until("it is stopped", || state_of(stopped.id()) == Some('T'));
    kill(Pid::from_raw(i32::try_from(stopped.id()).expect("a pid")), Signal::SIGCONT).expect("continued");
    assert!(stopped.wait().expect("it ends").success());
}

fn killed_guardian_resolves_everything() {
    let report = with_rig(async |rig| {
        let mut first = rig.start(python(FAMILY)).await;
        assert_eq!(line(&mut first.output).await, "ready");
        let mut swept = rig.start(shell("exit 0")).await;
        (&mut swept.exit).await.expect("an exit");
        until("two of them", || marked(COOKIE).len() == 2);
        let gone = rig.launcher.guardian_gone();
        kill(Pid::from_raw(i32::try_from(rig.guardian).expect("a pid")), Signal::SIGKILL).expect("killed");
        soon("the news", gone).await;
        assert_eq!(soon("the exit", first.exit).await, Err(HoldLost::GuardianDied));
        assert_eq!(soon("the sweep", swept.child.sweep()).await, Err(HoldLost::GuardianDied));
        let error = soon("the refusal", rig.launch(shell("exit 0"))).await.err().expect("no child");
        assert_eq!(&*error.text, "the guardian process has died");
        until("the leader died by itself", || marked(COOKIE).len() == 1);
        let (killed, clean) = kill_orphans(Orphans::All, Duration::from_secs(5));
        assert!(killed >= 1 && clean, "{killed} {clean}");
        assert!(marked(COOKIE).is_empty());
        soon("the end of the output", read_all(&mut first.output)).await;
        first.child.signal(provisor_core::cause::StopMethod::Kill);
        rig.launcher.pause(true);
    });
    assert_eq!(report.unattributed, None);
}

fn close_kills_what_runs() {
    let report = with_rig(async |rig| {
        for _ in 0..20 {
            let mut family = rig.start(python(FAMILY)).await;
            assert_eq!(line(&mut family.output).await, "ready");
            std::mem::forget(family);
        }
    });
    assert_eq!(report.unattributed, Some(0));
}

fn dropped_launcher_kills_what_runs() {
    let handle = guardian::start(GuardianOptions::default()).expect("a guardian");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (launcher, driver) = LocalLauncher::new(handle, std::env::vars_os());
        let driver = tokio::spawn(driver);
        let cookie = format!("{COOKIE}drop").into();
        let request = LaunchRequest { cookie, command: python(FAMILY), limits: TreeLimits::default() };
        let mut family = launcher.launch(request).await.expect("it starts");
        assert_eq!(line(&mut family.output).await, "ready");
        drop(launcher);
        assert_eq!(soon("the exit", family.exit).await, Err(HoldLost::GuardianDied));
        soon("the driver's end", driver).await.expect("no panic");
    });
    // A guardian that was never used leaves with its handle.
    let handle = guardian::start(GuardianOptions::default());
    assert!(handle.is_ok(), "the runtime of this test has no threads");
    let pid = handle.as_ref().expect("a guardian").pid();
    drop(handle);
    until("it leaves", || state_of(pid).is_none_or(|state| state == 'Z'));
}

fn launches_from_other_threads() {
    with_rig(async |rig| {
        let threads: Vec<_> = (0..3)
            .map(|number| {
                let launcher = rig.launcher.clone();
                std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                    runtime.expect("a runtime").block_on(async {
                        for turn in 0..20 {
                            let cookie = format!("{COOKIE}{number}-{turn}").into();
                            let command = shell("echo word; exit 3");
                            let request = LaunchRequest { cookie, command, limits: TreeLimits::default() };
                            let done =
                                crate::harness::finish(launcher.launch(request).await.expect("it starts"))
                                    .await;
                            assert_eq!(done.text(), "word\n");
                        }
                    });
                })
            })
            .collect();
        for thread in threads {
            while !thread.is_finished() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            thread.join().expect("no panic");
        }
    });
}
