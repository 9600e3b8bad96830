//! Where a test of this suite runs: in a PID namespace of its own, with a limit on processes where it forks without
//! end, and with a look at what is left when it is over.
//!
//! A contained test is executed twice: the first time it starts itself again inside of the namespace, and the second
//! time it does its work there. Whatever it leaves behind ends with the namespace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use crate::common::{Desk, Ran, skip_unless, wait_until};

/// Longer than any of these tests takes on a busy machine, in seconds.
const LONGEST: &str = "250";

/// Set for the second time: the name of the test that is contained.
const INSIDE: &str = "PROVISOR_FAULTS_INSIDE";

/// Runs a test in a namespace of its own and asserts that no process is left of it.
#[track_caller]
pub(crate) fn contained<F: FnOnce(&Desk)>(body: F) {
    enter(None, body);
}

/// The same, with a limit on processes, without which it is skipped.
#[track_caller]
pub(crate) fn limited<F: FnOnce(&Desk)>(processes: u32, body: F) {
    enter(Some(processes), body);
}

fn enter<F: FnOnce(&Desk)>(processes: Option<u32>, body: F) {
    let name = name_of::<F>();
    if std::env::var_os(INSIDE).is_some() {
        let desk = Desk::new(&name.replace("::", "-"));
        body(&desk);
        // A test that leaves early has killed provisor, whose guardian needs a moment.
        wait_until(&format!("no process is left: {:?}", others()), || others().is_empty());
        return;
    }
    let Some(mut command) = container() else {
        if skip_unless(processes.is_none(), "a test that forks without end needs a PID namespace") {
            return;
        }
        println!("skipped: the namespace around {name}: this user may not make one");
        return body(&Desk::new(&name.replace("::", "-")));
    };
    let group = processes.map(PidsGroup::new);
    if let Some(Err(why)) = &group {
        skip_unless(false, &format!("a limit on processes: {why}"));
        return;
    }
    let group = group.map(|group| group.expect("looked at above"));
    // The first process of a namespace lacks the default actions of signals: that is the shell.
    let join = group
        .as_ref()
        .map_or(String::new(), |group| format!("echo $$ > {}/cgroup.procs || exit; ", group.0.display()));
    let own = std::env::current_exe().expect("the path of this test");
    command.args(["sh", "-c", &format!("{join}\"$0\" --exact \"$1\" --nocapture --test-threads=1; exit $?")]);
    command.arg(own).arg(&name).env(INSIDE, &name).stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().expect("unshare runs");
    print!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{name} fails in its namespace");
    assert!(
        String::from_utf8_lossy(&stdout).contains("1 passed"),
        "{name} was not run: is it the test's own name?"
    );
}

/// As libtest calls the test whose body this is.
fn name_of<F>() -> String {
    let name = std::any::type_name::<F>();
    let name = name.strip_suffix("::{{closure}}").expect("the body is a closure");
    name.split_once("::").expect("a path").1.to_owned()
}

/// What starts a program in a PID namespace of its own, for some time at most: as root, else in a user namespace, else
/// not at all.
fn container() -> Option<Command> {
    static WAY: OnceLock<Option<&'static [&'static str]>> = OnceLock::new();
    const ROOT: &[&str] = &["--pid", "--fork", "--mount-proc", "--kill-child"];
    const USER: &[&str] = &["--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"];
    let works = |way: &&'static [&'static str]| {
        let probe = Command::new("unshare").args(*way).arg("true").stderr(Stdio::null()).status();
        probe.is_ok_and(|status| status.success())
    };
    let way = (*WAY.get_or_init(|| [ROOT, USER].into_iter().find(works)))?;
    let mut command = Command::new("timeout");
    // A thousand kills are asked for by hand and take their time.
    let longest = if std::env::var_os("PROVISOR_KILLS").is_some() { "0" } else { LONGEST };
    command.args(["-s", "KILL", longest, "unshare"]).args(way);
    Some(command)
}

/// The processes of this namespace but its first one and this one: number, state, and command line.
pub(crate) fn others() -> Vec<String> {
    if std::env::var_os(INSIDE).is_none() {
        return Vec::new();
    }
    let mut others = Vec::new();
    for pid in pids().filter(|pid| *pid != 1 && *pid != std::process::id()) {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        match state(pid) {
            None | Some('Z' | 'X') => {}
            Some(state) => {
                others.push(format!("{pid} {state} {}", String::from_utf8_lossy(&line).replace('\0', " ")))
            }
        }
    }
    others
}

pub(crate) fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The letter of a process's state.
pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// A cgroup with a limit on processes, by whichever version of the controller can be written to.
struct PidsGroup(PathBuf);

impl PidsGroup {
    fn new(limit: u32) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("provisor-faults-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut why = "there is no cgroup with the controller `pids`".to_owned();
        for mount in ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"] {
            // A folder that is no cgroup limits nobody.
            if !Path::new(mount).join("cgroup.procs").exists() {
                continue;
            }
            let path = Path::new(mount).join(&name);
            let made =
                fs::create_dir(&path).and_then(|()| fs::write(path.join("pids.max"), limit.to_string()));
            match made {
                Ok(()) => return Ok(Self(path)),
                Err(error) => {
                    let _ = fs::remove_dir(&path);
                    why = format!("{}: {error}", path.display());
                }
            }
        }
        Err(why)
    }
}

impl Drop for PidsGroup {
    /// It cannot be removed while a process is in it. The first process of the namespace is the last to leave.
    fn drop(&mut self) {
        let mut left = String::new();
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until("the cgroup is empty", || {
                left = fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
                fs::remove_dir(&self.0).is_ok()
            });
        }));
        if !std::thread::panicking() {
            assert!(looked.is_ok(), "processes are left in {}: {left}", self.0.display());
        }
    }
}

/// The helper that misbehaves. It is built when it is older than its source, which happens when only this suite was
/// asked for.
pub(crate) fn fakeproc() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let own = std::env::current_exe().expect("the path of this test");
        let target = own.ancestors().nth(2).expect("target/PROFILE/deps/NAME");
        let path = target.join("examples/fakeproc");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/fakeproc");
        let changed = |path: PathBuf| fs::metadata(path).and_then(|file| file.modified()).ok();
        let newest = fs::read_dir(source)
            .expect("its source")
            .flatten()
            .filter_map(|entry| changed(entry.path()))
            .max();
        if changed(path.clone()).unwrap_or(SystemTime::UNIX_EPOCH) < newest.expect("files") {
            let mut build = Command::new(env!("CARGO"));
            let profile = if target.ends_with("release") { "release" } else { "test" };
            build.args(["build", "--quiet", "--locked", "--profile", profile, "--example", "fakeproc"]);
            build.arg("--manifest-path");
            build.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
            build.arg("--target-dir").arg(target.parent().expect("the target folder"));
            assert!(
                build.status().expect("cargo runs").success(),
                "build it: cargo build --example fakeproc"
            );
        }
        path.to_str().expect("UTF-8").to_owned()
    })
}

/// A command line of the helper as a spec writes it: these words, divided by spaces.
pub(crate) fn fake(words: &str) -> String {
    let words: Vec<_> = words.split(' ').map(|word| format!("{word:?}")).collect();
    format!("[{:?}, {}]", fakeproc(), words.join(", "))
}

/// A job of one query `q` that is the helper with these words, under these settings.
pub(crate) fn one(words: &str, settings: &str) -> String {
    format!(
        r#"Job(name: "fault", env: {{"MARK": "fault"}}, {settings} commands: [(id: "q", run: {})])"#,
        fake(words)
    )
}

/// Runs it and looks at once for what it left: when provisor has ended, nothing may be alive.
#[track_caller]
pub(crate) fn run(desk: &Desk, spec: &str, args: &[&str]) -> Ran {
    let ran = desk.run(spec, args);
    assert_eq!(others(), [""; 0], "processes outlive provisor, which said:\n{}", ran.err);
    ran
}

/// A field of `/proc/PID/status`; empty where there is no such process.
pub(crate) fn status_of(pid: impl std::fmt::Display, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(":\t"));
    value.unwrap_or_default().to_owned()
}

/// An `strace` at work, which leaves with the test.
pub(crate) struct Tracer(Child);

impl Drop for Tracer {
    fn drop(&mut self) {
        // The kernel lets go of whom it traces, also amid a delay.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets system calls of a process and of those that it starts from now on fail or wait, as `strace -e inject` says.
/// `None` where that cannot be done.
pub(crate) fn attach(pid: i32, inject: &str) -> Option<Tracer> {
    let calls = inject.split(':').next().expect("calls");
    let mut command = Command::new("strace");
    command.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={calls}"),
        "-e",
        &format!("inject={inject}"),
    ]);
    let child = command.args(["-p", &pid.to_string()]).stderr(Stdio::null()).spawn();
    if skip_unless(child.is_ok(), "faults of the system are injected with strace") {
        return None;
    }
    let mut tracer = Tracer(child.expect("looked at above"));
    let mut ended = false;
    wait_until("strace is attached", || {
        ended = tracer.0.try_wait().is_ok_and(|status| status.is_some());
        ended || status_of(pid, "TracerPid").parse().is_ok_and(|tracer: u32| tracer != 0)
    });
    (!skip_unless(!ended, "strace may not attach here")).then_some(tracer)
}
