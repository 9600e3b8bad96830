//! Listing and running of cases, and what the cases share.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs;
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::pin;
use std::process::{Command as Process, ExitCode, Stdio};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use provisor_actors::os::contain::Contain;
use provisor_actors::os::guardian::{self, GuardianHandle, GuardianOptions};
use provisor_actors::os::local::{CloseReport, LocalLauncher};
use provisor_actors::os::token;
use provisor_actors::os::{
    ExitReport, Launch, LaunchError, LaunchRequest, Launched, LocalStream, Output, SweepReport, TreeLimits,
};
use provisor_core::containment::Containment;
use provisor_core::plan::{Command, Environment, Inherit, Stdin};
use provisor_core::rules::Stream;

/// A case: a name, and what panics if it does not hold.
#[derive(Clone, Copy)]
pub(crate) struct Case(pub(crate) &'static str, pub(crate) fn());

/// Longer than any case should take on a busy machine.
const LONGEST: Duration = Duration::from_secs(120);

/// The harness itself.
pub(crate) fn run_all(cases: &[Case], arguments: &[String]) -> ExitCode {
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let mut filters: Vec<&String> = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--format" | "--test-threads" | "--color" | "--skip" | "-Z" => drop(rest.next()),
            flag if flag.starts_with('-') => {}
            _ => filters.push(argument),
        }
    }
    let exact = has("--exact");
    let wanted = |name: &str| {
        filters.is_empty()
            || filters.iter().any(|f| if exact { *f == name } else { name.contains(f.as_str()) })
    };
    // No case is ignored.
    let again = crate::containing::AGAIN.iter().map(|name| format!("{AGAIN}{name}"));
    let names: Vec<String> = cases.iter().map(|case| case.0.to_owned()).chain(again).collect();
    let chosen: Vec<&String> = names.iter().filter(|name| wanted(name) && !has("--ignored")).collect();
    if has("--list") {
        chosen.iter().for_each(|name| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let failed: Vec<_> = chosen.iter().filter(|name| !run_contained(name)).collect();
    let (word, passed) = (if failed.is_empty() { "ok" } else { "FAILED" }, chosen.len() - failed.len());
    let filtered = names.len() - chosen.len();
    failed.iter().for_each(|name| println!("failed: {name}"));
    println!(
        "\ntest result: {word}. {passed} passed; {} failed; 0 ignored; 0 measured; {filtered} filtered out\n",
        failed.len()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// The name of a case that is done once more, in a namespace, begins with this.
const AGAIN: &str = "in_a_namespace_";

fn run_contained(name: &str) -> bool {
    let own = std::env::current_exe().expect("the path of this test");
    let may_contain = may_contain();
    let case = name.strip_prefix(AGAIN).unwrap_or(name);
    if case != name && !may_contain {
        println!("skipped: {name}: no namespaces here");
        return true;
    }
    let mut process = if may_contain {
        let mut process = Process::new("unshare");
        process.args(["--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c"]);
        // The shell is the namespace's first process, not the case: that one lacks default signal actions.
        process.arg("\"$0\" --case \"$1\"; exit $?").arg(own).arg(case);
        process
    } else {
        let mut process = Process::new(own);
        process.arg("--case").arg(case);
        process
    };
    if case != name {
        process.env(AT, Containment::Namespace.word());
    }
    let start = Instant::now();
    let mut child = process.stdin(Stdio::null()).spawn().expect("the case starts");
    let passed = loop {
        match child.try_wait().expect("the case can be waited for") {
            Some(status) => break status.success(),
            None if start.elapsed() > LONGEST => {
                let _ = child.kill();
                let _ = child.wait();
                println!("test {name} takes longer than {LONGEST:?}");
                break false;
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    println!("test {name} ... {} ({:.2?})", if passed { "ok" } else { "FAILED" }, start.elapsed());
    passed
}

fn may_contain() -> bool {
    let probe = ["--pid", "--fork", "--mount-proc", "--kill-child", "true"];
    Process::new("unshare").args(probe).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs one case in this process, which still has one thread, and looks for what it left.
pub(crate) fn run_case(cases: &[Case], name: &str) -> ExitCode {
    let Some(case) = cases.iter().find(|case| case.0 == name) else {
        eprintln!("no such case: {name}");
        return ExitCode::from(2);
    };
    case.1();
    let left = marked(COOKIE);
    assert!(left.is_empty(), "these are left: {left:?}");
    ExitCode::SUCCESS
}

/// All cookies of all cases start with this; no other process has one like it.
pub(crate) const COOKIE: &str = "os-case-";

/// The live processes whose environment has a cookie that starts so, behind a launcher's token if it has one.
pub(crate) fn marked(cookie: &str) -> Vec<u32> {
    let is_wanted = |entry: &[u8]| {
        let mark = entry.strip_prefix(b"PROVISOR_ATTEMPT=").map(String::from_utf8_lossy);
        mark.is_some_and(|mark| mark.starts_with(cookie) || mark.contains(&format!("/{cookie}")))
    };
    let has = |pid: &u32| {
        fs::read(format!("/proc/{pid}/environ")).is_ok_and(|all| all.split(|byte| *byte == 0).any(is_wanted))
    };
    processes().filter(|pid| *pid != std::process::id()).filter(has).collect()
}

/// All processes.
pub(crate) fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The letter of a process's state.
pub(crate) fn state_of(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Waits until something holds, for some seconds at most.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A launcher with its guardian.
pub(crate) struct Rig {
    pub(crate) launcher: LocalLauncher,
    pub(crate) guardian: u32,
    count: Cell<u32>,
}

/// Starts a guardian, a runtime and a launcher, runs `work`, and closes all of it.
pub(crate) fn with_rig<F: Future<Output = ()>>(work: impl FnOnce(std::rc::Rc<Rig>) -> F) -> CloseReport {
    with_rig_over(new_guardian(), std::env::vars_os().collect(), work)
}

/// The level at which a case is done, where it is not the sweep: a word of [`Containment`].
pub(crate) const AT: &str = "OS_CASE_AT";

/// A guardian as usual, at the level at which this case is done.
pub(crate) fn new_guardian() -> GuardianHandle {
    let mut guardian = guardian::start(GuardianOptions::default()).expect("a guardian");
    if let Ok(word) = std::env::var(AT) {
        let containment = Containment::ALL.into_iter().find(|one| one.word() == word).expect("a level");
        let token = token::fresh().expect("random");
        guardian.contain(Contain { containment, token: &token }).expect("this machine has it");
    }
    guardian
}

/// The same with a guardian and a base environment of one's own.
pub(crate) fn with_rig_over<F: Future<Output = ()>>(
    handle: GuardianHandle,
    base: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    work: impl FnOnce(std::rc::Rc<Rig>) -> F,
) -> CloseReport {
    let guardian = handle.pid();
    let report = with_rig_that_may_stay(handle, base, work);
    assert!(state_of(guardian).is_none(), "the guardian is reaped");
    report
}

/// The same, where something may live on that cannot be killed, and the guardian with it.
pub(crate) fn with_rig_that_may_stay<F: Future<Output = ()>>(
    handle: GuardianHandle,
    base: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    work: impl FnOnce(std::rc::Rc<Rig>) -> F,
) -> CloseReport {
    let guardian = handle.pid();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let (launcher, driver) = LocalLauncher::new(handle, base);
        tokio::spawn(driver);
        let rig = std::rc::Rc::new(Rig { launcher: launcher.clone(), guardian, count: Cell::new(0) });
        work(rig).await;
        launcher.close().await
    })
}

impl Rig {
    /// Starts a child.
    pub(crate) async fn launch(&self, command: Command) -> Result<Launched, LaunchError> {
        self.launcher.launch(self.request(command)).await
    }

    /// A request with a cookie of its own.
    pub(crate) fn request(&self, command: Command) -> LaunchRequest {
        self.count.set(self.count.get() + 1);
        let cookie: Arc<str> = format!("{COOKIE}{}-{}", std::process::id(), self.count.get()).into();
        LaunchRequest { cookie, command, limits: TreeLimits::default() }
    }

    /// Starts a child that has to start.
    pub(crate) async fn start(&self, command: Command) -> Launched {
        self.launch(command).await.expect("it starts")
    }

    /// Runs a child to its end.
    pub(crate) async fn run(&self, command: Command) -> Done {
        finish(self.start(command).await).await
    }
}

/// All of a child that has ended.
pub(crate) struct Done {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) report: ExitReport,
    pub(crate) sweep: SweepReport,
}

impl Done {
    /// Its standard output, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// Reads a child's output to its end, awaits its exit, sweeps.
pub(crate) async fn finish(mut launched: Launched) -> Done {
    let (stdout, stderr) = read_all(&mut launched.output).await;
    let report = launched.exit.await.expect("an exit");
    let sweep = launched.child.sweep().await.expect("a sweep");
    Done { stdout, stderr, report, sweep }
}

/// Both streams to their ends.
pub(crate) async fn read_all(output: &mut LocalStream<Output>) -> (Vec<u8>, Vec<u8>) {
    let (mut stdout, mut stderr, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(item) = next(output).await {
        match item {
            Output::Chunk(stream, bytes) => {
                assert!(!bytes.is_empty() && bytes.len() <= 65536, "a chunk of {}", bytes.len());
                assert!(!ends.contains(&stream), "a chunk after the end");
                if stream == Stream::Stdout { &mut stdout } else { &mut stderr }.extend_from_slice(&bytes);
            }
            Output::Eof(stream) => {
                assert!(!ends.contains(&stream), "each stream ends once");
                ends.push(stream);
            }
        }
    }
    assert_eq!(ends.len(), 2, "both streams end");
    (stdout, stderr)
}

/// The next item of an output.
pub(crate) async fn next(output: &mut LocalStream<Output>) -> Option<Output> {
    poll_fn(|context| output.as_mut().poll_next(context)).await
}

/// Some first line of a child's standard output, which has to come.
pub(crate) async fn line(output: &mut LocalStream<Output>) -> String {
    loop {
        match next(output).await {
            Some(Output::Chunk(Stream::Stdout, bytes)) => {
                return String::from_utf8_lossy(&bytes).trim().to_owned();
            }
            // The two streams are two pipes, and one that leaves at once may be heard to close the other first.
            Some(Output::Eof(Stream::Stderr)) => {}
            other => panic!("a line was expected, not {other:?}"),
        }
    }
}

/// Awaits for some seconds at most.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut timer = pin!(tokio::time::sleep(Duration::from_secs(20)));
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => timer.as_mut().poll(context).map(|()| None),
    })
    .await
    .unwrap_or_else(|| panic!("in vain: {what}"))
}

/// A command of these words, in `/`.
pub(crate) fn command(argv: &[&str]) -> Command {
    Command {
        argv: argv.iter().map(|word| Arc::from(*word)).collect(),
        env: Arc::new(Environment { inherit: Inherit::Basic, set: Vec::new() }),
        cwd: Path::new("/").into(),
        stdin: Stdin::Null,
    }
}

/// A line for the shell.
pub(crate) fn shell(script: &str) -> Command {
    command(&["/bin/sh", "-c", script])
}

/// A program for Python.
pub(crate) fn python(program: &str) -> Command {
    command(&["/usr/bin/python3", "-c", program])
}

/// What a child says as lines `name=value`.
pub(crate) fn pairs(text: &str) -> HashMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once('=')).collect()
}
