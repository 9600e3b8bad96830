//! The launcher of whoever embeds a runtime: what it picks, what it promises, and what is left whoever is killed.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command as Process, Stdio};
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use provisor_actors::local::{Local, LocalError, Maker};
use provisor_actors::os::contain::ContainError;
use provisor_actors::os::guardian::ExecuteError;
use provisor_actors::os::{Launch, LaunchError, LaunchRequest, Launched, TreeLimits};
use provisor_core::containment::{Containment, Level};
use provisor_core::guarantees::{Guarantees, Keeping};
use provisor_core::plan::Command;

use crate::executing::{INIT, belongings, children, condition, said_by};
use crate::harness::{COOKIE, Case, Done, finish, line, marked, shell, until};

pub(crate) const CASES: &[Case] = &[
    Case("embedded_is_its_own_guardian", embedded_is_its_own_guardian),
    Case("embedded_at_every_level", embedded_at_every_level),
    Case("embedded_twice_and_apart", embedded_twice_and_apart),
    Case("embedded_without_init", embedded_without_init),
    Case("embedded_and_dropped_without_a_close", embedded_and_dropped_without_a_close),
    Case("host_is_killed_in_a_namespace", || lose_host(Containment::Namespace)),
    Case("host_is_killed_in_cgroups", || lose_host(Containment::Cgroup)),
    Case("host_is_killed_at_sweep", || lose_host(Containment::Sweep)),
    Case("host_is_killed_that_had_forked", host_is_killed_that_had_forked),
    Case("hosts_guardian_is_killed_in_a_namespace", || lose_guardian(Containment::Namespace)),
    Case("hosts_guardian_is_killed_in_cgroups", || lose_guardian(Containment::Cgroup)),
    Case("hosts_guardian_is_killed_at_sweep", || lose_guardian(Containment::Sweep)),
];

/// A launcher of some kind, as a runtime has it.
pub(crate) struct Embedded {
    pub(crate) launch: Arc<dyn Launch>,
    pub(crate) guarantees: Guarantees,
    count: Cell<u32>,
}

impl Embedded {
    pub(crate) async fn launch_with(
        &self,
        command: Command,
        limits: TreeLimits,
    ) -> Result<Launched, LaunchError> {
        self.count.set(self.count.get() + 1);
        let cookie = format!("{COOKIE}{}-{}", std::process::id(), self.count.get()).into();
        self.launch.launch(LaunchRequest { cookie, command, limits }).await
    }

    pub(crate) async fn start(&self, command: Command) -> Launched {
        self.launch_with(command, TreeLimits::default()).await.expect("it starts")
    }

    pub(crate) async fn run(&self, command: Command) -> Done {
        finish(self.start(command).await).await
    }
}

/// Makes a launcher on a runtime of its own, does the work, closes all.
pub(crate) fn with_local(local: Local, work: impl AsyncFnOnce(&Embedded)) -> Result<(), LocalError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let actors = tokio::task::LocalSet::new();
    actors.block_on(&runtime, async move {
        let made = local.factory()();
        let launcher = made.map_err(|error| match LocalError::behind(&error) {
            Some(_) => *error.into_inner().expect("an error").downcast::<LocalError>().expect("of this kind"),
            None => panic!("{error}"),
        })?;
        let guarantees = launcher.guarantees.expect("it is known");
        assert_eq!(&*launcher.containment, guarantees.level.word());
        work(&Embedded { launch: launcher.launch, guarantees, count: Cell::new(0) }).await;
        launcher.close.await;
        Ok(())
    })
}

fn at(containment: Containment) -> Local {
    Local { containment, maker: Maker::OwnProgram, ..Local::default() }
}

fn embedded_is_its_own_guardian() {
    let (before, unchanged) = (belongings(), condition());
    with_local(Local::default(), async |embedded| {
        assert_eq!(embedded.guarantees.keeping, Keeping::Executed, "main has called init");
        assert!(embedded.guarantees.has_guardian() && !embedded.guarantees.exceptions().is_empty());
        assert_eq!(embedded.run(shell("echo hi; exit 3")).await.text(), "hi\n");
        let limits = TreeLimits { processes: Some(100), ..TreeLimits::default() };
        let limited = embedded.launch_with(shell("exit 4"), limits).await.expect("limits are held");
        assert_eq!(finish(limited).await.report.exit, provisor_core::cause::Exit::Code(4));
        let _left = embedded.start(shell("setsid -f sleep 1000; exec sleep 1000")).await;
        assert_eq!(condition(), unchanged, "while it works");
    })
    .expect("always possible");
    assert_eq!(marked(COOKIE), Vec::<u32>::new(), "nothing is left");
    assert_eq!(belongings(), before, "threads, descriptors, children");
    assert_eq!(condition(), unchanged);
}

fn embedded_at_every_level() {
    let before = belongings();
    for containment in Containment::ALL {
        let made = with_local(at(containment), async |embedded| {
            println!("{containment:?}: {:?}", embedded.guarantees);
            let level = embedded.guarantees.level;
            match containment {
                Containment::Auto => {}
                Containment::Namespace => assert!(level.has_namespace()),
                Containment::Cgroup => assert_eq!(level, Level::Cgroup),
                Containment::Sweep => assert_eq!(level, Level::Sweep),
                Containment::Group => assert_eq!(level, Level::Group),
            }
            assert_eq!(embedded.run(shell("echo hi")).await.text(), "hi\n");
        });
        match made {
            Ok(()) => {}
            Err(LocalError::Containment(ContainError::Impossible(why))) => println!("{containment:?}: {why}"),
            Err(error) => panic!("{error}"),
        }
        assert_eq!(belongings(), before, "{containment:?}");
    }
}

/// What one of them ends is not the other's, whatever names their queries have.
fn embedded_twice_and_apart() {
    with_local(at(Containment::Sweep), async |outer| {
        let mut kept = outer.start(shell("echo ready; exec sleep 1000")).await;
        assert_eq!(line(&mut kept.output).await, "ready");
        let work = || {
            with_local(at(Containment::Sweep), async |inner| {
                let mut left = inner.start(shell("echo ready; exec sleep 1000")).await;
                assert_eq!(line(&mut left.output).await, "ready");
                until("both are there", || marked(COOKIE).len() == 2);
            })
        };
        std::thread::scope(|scope| scope.spawn(work).join().expect("it works")).expect("always possible");
        until("the inner one's are gone, the outer one's are not", || marked(COOKIE).len() == 1);
        kept.child.signal(provisor_core::cause::StopMethod::Kill);
        finish(kept).await;
    })
    .expect("always possible");
}

fn embedded_without_init() {
    let own = std::env::current_exe().expect("a path");
    let said = said_by(Process::new(own).args(["--role", "uninitialised"]).env(INIT, "never"));
    assert_eq!(said, "as it should be");
}

/// What this binary does as a program that does not call `init`.
pub(crate) fn without_init() {
    let before = belongings();
    let refused = |local: Local| with_local(local, async |_| panic!("it may not work")).expect_err("refused");
    let error = refused(at(Containment::Auto));
    assert!(matches!(error, LocalError::Guardian(ExecuteError::NotInitialised)), "{error}");
    let error = refused(Local { containment: Containment::Sweep, ..Local::default() });
    assert!(matches!(error, LocalError::NeedsGuardian(Containment::Sweep)), "{error}");
    assert!(error.to_string().contains("make `guardian::init()` the first line of `main`"), "{error}");
    with_local(Local::default(), async |embedded| {
        let Guarantees { level, weaker_because, keeping } = &embedded.guarantees;
        assert_eq!((*level, *keeping), (Level::Group, Keeping::Direct));
        assert!(weaker_because[0].contains("`guardian::init()` is not the first line"), "{weaker_because:?}");
        assert_eq!(embedded.run(shell("echo $PPID")).await.text().trim(), std::process::id().to_string());
    })
    .expect("always possible");
    assert_eq!(belongings(), before);
    println!("as it should be");
}

/// As when the runtime's thread panics.
fn embedded_and_dropped_without_a_close() {
    let before = belongings();
    for maker in [Maker::OwnProgram, Maker::Direct] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let local = Local { maker: maker.clone(), ..Local::default() };
            let launcher = local.launcher().expect("always possible");
            let cookie = COOKIE.into();
            let request =
                LaunchRequest { cookie, command: shell("exec sleep 1000"), limits: TreeLimits::default() };
            let _launched = launcher.launch.launch(request).await.expect("it starts");
        });
        drop(runtime);
        assert_eq!(belongings(), before, "{maker:?}");
        assert_eq!(marked(COOKIE), Vec::<u32>::new(), "{maker:?}");
    }
}

/// What this binary does as a program with an embedded runtime: starts a family, says who its guardian is, and waits for the
/// death of that.
pub(crate) fn host(words: &[String]) {
    let containment = Containment::ALL.into_iter().find(|one| one.word() == words[0]).expect("a level");
    let before = belongings();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let actors = tokio::task::LocalSet::new();
    actors.block_on(&runtime, async {
        let launcher = at(containment).launcher().expect("it was possible a moment ago");
        let cookie = format!("{COOKIE}{}-1", std::process::id()).into();
        let command =
            shell("setsid -f sleep 1000; (sleep 1000 & exec sleep 1000) & echo ready; exec sleep 1000");
        let request = LaunchRequest { cookie, command, limits: TreeLimits::default() };
        let mut family = launcher.launch.launch(request).await.expect("it starts");
        assert_eq!(line(&mut family.output).await, "ready");
        let guardian = children();
        assert_eq!(guardian.len(), 1, "its only child");
        println!("{}", guardian[0]);
        let _holder = (words.len() > 1).then(hold_my_sockets);
        launcher.gone.await;
        assert!(family.exit.await.is_err(), "nothing is known of it");
        launcher.close.await;
    });
    drop(runtime);
    assert_eq!(belongings(), before);
    println!("nothing is left");
}

/// Somebody who has all sockets of this process as well, as a copy made by fork would.
fn hold_my_sockets() -> Child {
    let program = "
import ctypes, os, time
call, host = ctypes.CDLL(None).syscall, os.getppid()
pidfd = call(434, host, 0)
folder = '/proc/%d/fd/' % host
sockets = [int(fd) for fd in os.listdir(folder) if os.readlink(folder + fd).startswith('socket:')]
held = [call(438, pidfd, fd, 0) for fd in sockets]
print('holds' if held and min(held) > 0 else 'failed', flush=True)
time.sleep(1000)
";
    Process::new("/usr/bin/python3").args(["-c", program]).spawn().expect("it starts")
}

/// A program with a family of four.
struct Host {
    process: Child,
    said: Lines<BufReader<ChildStdout>>,
    guardian: u32,
}

impl Host {
    /// None: this machine has no such level.
    fn start(containment: Containment, more: &[&str]) -> Option<Self> {
        if let Err(error) = with_local(at(containment), async |_| {}) {
            println!("skipped: {error}");
            return None;
        }
        let own = std::env::current_exe().expect("a path");
        let mut process = Process::new(own)
            .args(["--role", "host", containment.word()])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut said = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let guardian = said.next().expect("a word").expect("UTF-8").parse().expect("a number");
        until("the family is there", || marked(COOKIE).len() == 4);
        Some(Self { process, said, guardian })
    }
}

fn send_kill(pid: u32) {
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).expect("it is there");
}

fn lose_host(containment: Containment) {
    let Some(mut host) = Host::start(containment, &[]) else { return };
    send_kill(host.process.id());
    host.process.wait().expect("it is dead");
    until("nothing is left", || marked(COOKIE).is_empty());
    until("nor is its guardian", || crate::harness::state_of(host.guardian).is_none_or(|state| state == 'Z'));
}

/// What holds its end of the socket open is not the program.
fn host_is_killed_that_had_forked() {
    for containment in [Containment::Sweep, Containment::Namespace] {
        let Some(mut host) = Host::start(containment, &["held"]) else { continue };
        assert_eq!(host.said.next().expect("a word").expect("UTF-8"), "holds");
        send_kill(host.process.id());
        host.process.wait().expect("it is dead");
        until("nothing is left", || marked(COOKIE).is_empty());
        until("nor is its guardian", || {
            crate::harness::state_of(host.guardian).is_none_or(|state| state == 'Z')
        });
        for holder in holders() {
            send_kill(holder);
        }
    }
}

/// Who holds those sockets and has lost its parent.
fn holders() -> Vec<u32> {
    let is_holder = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.contains("call(438, pidfd"))
    };
    crate::harness::processes().filter(is_holder).collect()
}

fn lose_guardian(containment: Containment) {
    let Some(mut host) = Host::start(containment, &[]) else { return };
    send_kill(host.guardian);
    assert_eq!(host.said.next().expect("a word").expect("UTF-8"), "nothing is left");
    assert!(host.process.wait().expect("it ends").success());
    assert_eq!(marked(COOKIE), Vec::<u32>::new(), "the program has seen to it");
}
