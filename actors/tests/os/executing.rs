//! Guardians that are executed by a program with threads, and the program that finds nothing of its own changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::sync::{Arc, Barrier};
use std::time::Instant;

use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use provisor_actors::os::contain::{Contain, ContainError};
use provisor_actors::os::guardian::{self, ExecuteError, GuardianHandle, GuardianOptions, Program};
use provisor_actors::os::orphans::Orphans;
use provisor_actors::os::signals::OpenFiles;
use provisor_actors::os::token;
use provisor_core::containment::{Containment, Level};

use crate::harness::{COOKIE, Case, command, marked, python, shell, state_of, until, with_rig_over};

pub(crate) const CASES: &[Case] = &[
    Case("executed_from_any_thread", executed_from_any_thread),
    Case("executed_eight_at_once", executed_eight_at_once),
    Case("executed_at_every_level", executed_at_every_level),
    Case("executed_and_unused", executed_and_unused),
    Case("executed_beside_a_program_unchanged", executed_beside_a_program_unchanged),
    Case("executed_by_a_program_that_ignores_sigchld", executed_by_a_program_that_ignores_sigchld),
    Case("executed_guardian_is_apart", executed_guardian_is_apart),
    Case("limits_of_open_files_are_the_programs", limits_of_open_files_are_the_programs),
    Case("init_in_an_async_main", init_in_an_async_main),
    Case("init_among_busy_threads", init_among_busy_threads),
    Case("init_was_not_called", init_was_not_called),
    Case("helper_that_is_no_guardian", helper_that_is_no_guardian),
    Case("mark_without_a_socket_means_nothing", mark_without_a_socket_means_nothing),
    Case("copy_in_vain_leaves_no_zombie", copy_in_vain_leaves_no_zombie),
];

/// How `main` calls `init`, where it is not its first line.
pub(crate) const INIT: &str = "OS_CASE_INIT";

/// What stands first in `main`.
pub(crate) fn begin() {
    match std::env::var(INIT).as_deref() {
        Err(_) => guardian::init(),
        Ok("async") => {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
            runtime.expect("a runtime").block_on(async { guardian::init() });
        }
        Ok("busy") => {
            std::thread::spawn(|| while std::hint::black_box(true) {});
            guardian::init();
        }
        Ok(_) => {}
    }
}

/// What this binary does as a program that begins in another way.
pub(crate) fn try_execute() {
    match guardian::execute(&Program::Own, &GuardianOptions::default()) {
        Ok(guardian) => {
            let report = with_rig_over(guardian, Vec::new(), async |rig| {
                let threads = fs::read_dir(format!("/proc/{}/task", rig.guardian)).expect("it is there");
                assert_eq!(threads.count(), 1, "whatever it began with");
                println!("{}", rig.run(shell("echo works")).await.text().trim());
            });
            assert_eq!(report.unattributed, Some(0));
        }
        Err(error) => println!("{error}"),
    }
}

pub(crate) fn execute() -> GuardianHandle {
    guardian::execute(&Program::Own, &GuardianOptions::default()).expect("a guardian")
}

/// What this binary says in the role of a program that begins so.
fn said_with_init(how: &str) -> String {
    said_by(Process::new(std::env::current_exe().expect("a path")).args(["--role", "execute"]).env(INIT, how))
}

pub(crate) fn said_by(program: &mut Process) -> String {
    let output = program.output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// All that this process has: threads, descriptors, children.
pub(crate) fn belongings() -> [usize; 3] {
    // What the first runtime of a process makes for all others.
    drop(tokio::runtime::Builder::new_current_thread().enable_all().build());
    let count = |path: &str| fs::read_dir(path).expect("this is Linux").count();
    [count("/proc/self/task"), count("/proc/self/fd"), children().len()]
}

/// The children of this process, dead or alive.
pub(crate) fn children() -> Vec<u32> {
    let own = std::process::id().to_string();
    let is_ours = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)) == Some(&own)
    };
    crate::harness::processes().filter(is_ours).collect()
}

fn executed_from_any_thread() {
    let work = || {
        let report = with_rig_over(execute(), Vec::new(), async |rig| {
            assert_eq!(rig.run(shell("echo $PPID")).await.text(), format!("{}\n", rig.guardian));
        });
        assert_eq!(report.unattributed, Some(0), "it said farewell");
    };
    let before = belongings();
    work();
    std::thread::spawn(work).join().expect("it works");
    for mut builder in
        [tokio::runtime::Builder::new_current_thread(), tokio::runtime::Builder::new_multi_thread()]
    {
        let runtime = builder.enable_all().build().expect("a runtime");
        let guardian = runtime.block_on(async { execute() });
        let made = runtime.block_on(async { tokio::spawn(async { execute() }).await.expect("it works") });
        drop(runtime);
        for guardian in [guardian, made] {
            with_rig_over(guardian, Vec::new(), async |rig| {
                assert_eq!(rig.run(shell("echo hi")).await.text(), "hi\n");
            });
        }
    }
    assert_eq!(belongings(), before, "threads, descriptors, children");
}

fn executed_eight_at_once() {
    let before = belongings();
    let start = Arc::new(Barrier::new(8));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let start = Arc::clone(&start);
            std::thread::spawn(move || {
                start.wait();
                let guardian = execute();
                start.wait();
                with_rig_over(guardian, Vec::new(), async |rig| {
                    let _left_to_its_end = rig.start(shell("exec sleep 1000")).await;
                    assert_eq!(rig.run(shell("echo hi")).await.text(), "hi\n");
                });
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("it works"));
    assert_eq!(belongings(), before, "threads, descriptors, children");
    until("nothing lives", || marked(COOKIE).is_empty());
}

fn executed_at_every_level() {
    let before = belongings();
    for containment in Containment::ALL {
        let mut guardian = execute();
        let token = token::fresh().expect("random");
        let contained = match guardian.contain(Contain { containment, token: &token }) {
            Ok(contained) => contained,
            Err(ContainError::Impossible(why)) => {
                println!("skipped: {containment:?}: {why}");
                guardian.end();
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        println!("{containment:?}: {} {:?}", contained.level.word(), contained.weaker_because);
        assert!(children().contains(&guardian.pid()), "also where it goes on as a copy");
        with_rig_over(guardian, Vec::new(), async |rig| {
            let parent = rig.run(shell("echo $PPID")).await.text();
            let first = if contained.level.has_namespace() { 1 } else { rig.guardian };
            assert_eq!(parent, format!("{first}\n"));
            // There it may live on: see `groups_alone_let_escape`.
            if contained.level != Level::Group {
                let left = rig.run(shell("setsid -f sleep 1000 > /dev/null 2>&1")).await;
                assert_eq!(left.sweep.leftovers, 1);
            }
        });
        until("nobody lives", || marked(COOKIE).is_empty());
        assert!(contained.groups.iter().all(|group| !group.exists()), "left: {:?}", contained.groups);
    }
    assert_eq!(belongings(), before, "threads, descriptors, children");
}

fn executed_and_unused() {
    let before = belongings();
    let guardian = execute();
    let pid = guardian.pid();
    guardian.end();
    assert_eq!((belongings(), state_of(pid)), (before, None));
    let mut told = execute();
    let token = token::fresh().expect("random");
    let _ = told.contain(Contain { containment: Containment::Auto, token: &token });
    told.end();
    assert_eq!(belongings(), before);
}

/// All of a process that a guardian of its own might change.
#[derive(Debug, PartialEq)]
pub(crate) struct Condition {
    environment: BTreeMap<String, String>,
    signals: Vec<String>,
    is_subreaper: bool,
    limits: Vec<(u64, u64)>,
}

pub(crate) fn condition() -> Condition {
    let status = fs::read_to_string("/proc/self/status").expect("it is there");
    let of_signals = ["SigBlk", "SigIgn", "SigCgt"];
    let signals = status.lines().filter(|line| of_signals.iter().any(|set| line.starts_with(set)));
    let limits = [Resource::RLIMIT_NOFILE, Resource::RLIMIT_CORE, Resource::RLIMIT_NPROC];
    Condition {
        environment: std::env::vars().collect(),
        signals: signals.map(str::to_owned).collect(),
        is_subreaper: prctl::get_child_subreaper().expect("it says so"),
        limits: limits.map(|limit| getrlimit(limit).expect("it says so")).to_vec(),
    }
}

fn executed_beside_a_program_unchanged() {
    let before = condition();
    let mut guardian = execute();
    let token = token::fresh().expect("random");
    guardian.contain(Contain { containment: Containment::Auto, token: &token }).expect("always possible");
    assert_eq!(guardian.orphans(), Orphans::None);
    assert_eq!(condition(), before, "while there is a guardian");
    // A child of the program's own, which nobody else may reap.
    let mut own = Process::new("sh").args(["-c", "exit 7"]).spawn().expect("it starts");
    until("it is a zombie", || state_of(own.id()) == Some('Z'));
    with_rig_over(guardian, Vec::new(), async |rig| {
        assert_eq!(rig.run(shell("echo hi")).await.text(), "hi\n");
        assert_eq!(condition(), before, "while it works");
    });
    assert_eq!(own.wait().expect("it is ours").code(), Some(7));
    assert_eq!(condition(), before);
}

/// The kernel reaps its children for it, the guardian too.
fn executed_by_a_program_that_ignores_sigchld() {
    assert_eq!(said_by(&mut ignoring_sigchld("execute")), "works");
}

/// This binary in some role, by somebody who ignores SIGCHLD.
pub(crate) fn ignoring_sigchld(role: &str) -> Process {
    let script = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])";
    let own = std::env::current_exe().expect("a path");
    let mut process = Process::new("/usr/bin/python3");
    process.args(["-c", script]).arg(own).args(["--role", role]);
    process
}

fn executed_guardian_is_apart() {
    let leaked = fs::File::open("/etc/passwd").expect("a file");
    nix::fcntl::fcntl(&leaked, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).expect("a flag");
    with_rig_over(execute(), Vec::new(), async |rig| {
        rig.run(command(&["/bin/true"])).await;
        let of = |file: &str| format!("/proc/{}/{file}", rig.guardian);
        let read = |file: &str| fs::read_to_string(of(file)).expect("it is there");
        assert_eq!(
            (read("comm").trim(), read("cmdline").trim_end_matches('\0')),
            ("pv-guardian", "pv-guardian")
        );
        assert_eq!(fs::read_dir(of("task")).expect("it is there").count(), 1);
        for entry in fs::read_dir(of("fd")).expect("it is there").flatten() {
            let target = fs::read_link(entry.path()).expect("a link");
            assert_ne!(target, Path::new("/etc/passwd"), "what the program leaves open is not held open");
        }
        let done = rig.run(python("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))")).await;
        assert_eq!(done.text().trim(), "[0, 1, 2, 3]");
        let done = rig.run(command(&["/usr/bin/env"])).await;
        let text = done.text();
        assert!(text.lines().all(|line| line.starts_with("PROVISOR_ATTEMPT=")), "{text}");
    });
}

fn limits_of_open_files_are_the_programs() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("it says so");
    setrlimit(Resource::RLIMIT_NOFILE, 512, hard).expect("lower is allowed");
    with_rig_over(execute(), Vec::new(), async |rig| {
        assert_eq!(rig.run(shell("ulimit -Sn")).await.text(), "512\n");
        let own = fs::read_to_string(format!("/proc/{}/limits", rig.guardian)).expect("it is there");
        let own = own.lines().find(|line| line.starts_with("Max open files")).expect("a line");
        assert_eq!(
            own.split_ascii_whitespace().nth(3),
            Some(&*hard.to_string()),
            "it may have as many as it can"
        );
    });
    let options = GuardianOptions { open_files: Some(OpenFiles { soft: 123, hard }) };
    let guardian = guardian::execute(&Program::Own, &options).expect("a guardian");
    with_rig_over(guardian, Vec::new(), async |rig| {
        assert_eq!(rig.run(shell("ulimit -Sn")).await.text(), "123\n");
    });
}

fn init_in_an_async_main() {
    for _ in 0..20 {
        assert_eq!(said_with_init("async"), "works");
    }
}

fn init_among_busy_threads() {
    let said = said_with_init("busy");
    assert!(said.contains("had threads at work by then"), "{said}");
}

fn init_was_not_called() {
    let said = said_with_init("never");
    assert!(said.contains("`guardian::init()` was not called: make it the first line of `main`"), "{said}");
}

fn helper_that_is_no_guardian() {
    let before = belongings();
    let execute = |path: &str| {
        let error = guardian::execute(&Program::At(path.into()), &GuardianOptions::default()).err();
        assert_eq!(belongings(), before, "{path} is gone");
        error.expect("no guardian")
    };
    let begun = Instant::now();
    assert!(matches!(execute("/bin/true"), ExecuteError::NoGuardian { .. }), "it left");
    println!("one that leaves is refused after {:.2?}", begun.elapsed());
    let error = execute("/nowhere/guardian");
    assert!(matches!(error, ExecuteError::Exec { .. }), "{error}");
    assert_eq!(error.to_string(), "the guardian program /nowhere/guardian cannot be executed");
    // It waits for ever, whatever it is given.
    let folder = std::env::temp_dir().join(format!("provisor-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let script = folder.join("helper");
    fs::write(&script, "#!/bin/sh\nexec sleep 1000\n").expect("a file");
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    let error = execute(script.to_str().expect("text"));
    assert!(matches!(error, ExecuteError::NoGuardian { .. }), "{error}");
    assert!(error.to_string().contains("its `main` has to begin with `guardian::init()`"), "{error}");
    fs::remove_dir_all(&folder).expect("ours");
}

fn mark_without_a_socket_means_nothing() {
    let own = std::env::current_exe().expect("a path");
    let listed = Process::new(own).arg("--list").env("PROVISOR_GUARDIAN", "0").output().expect("it runs");
    assert!(String::from_utf8_lossy(&listed.stdout).contains("mark_without_a_socket_means_nothing"));
}

/// Parts of /proc are masked, as in a container: the copy is born, may not mount a /proc of its own, and dies.
fn copy_in_vain_leaves_no_zombie() {
    let mut masked = Process::new("/bin/sh");
    let script = "mount -t tmpfs none /proc/sys && exec setpriv --reuid 65534 --regid 65534 --clear-groups unshare -U true";
    if !masked.args(["-c", script]).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        println!("skipped: nobody may have no user namespace here, or /proc cannot be masked");
        return;
    }
    let own = std::env::current_exe().expect("a path");
    let mut as_nobody = Process::new("setpriv");
    as_nobody
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(own)
        .args(["--role", "in-vain"]);
    let said = said_by(&mut as_nobody);
    assert!(said.contains("its /proc cannot be mounted"), "{said}");
}

/// What this binary does where a namespace can be had and is of no use.
pub(crate) fn contain_in_vain() {
    let before = belongings();
    let mut guardian = execute();
    let asked = Contain { containment: Containment::Namespace, token: "0123456789abcdef" };
    println!("{}", guardian.contain(asked).expect_err("it is impossible"));
    assert_eq!(belongings(), [before[0], before[1] + 2, before[2] + 1], "the guardian, and no copy of it");
    guardian.end();
    assert_eq!(belongings(), before);
}
