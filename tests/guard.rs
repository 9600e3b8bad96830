//! What provisor does about its guardian: whom it kills when that has died, and what it says at the end of what it heard of it.

mod common;

use std::fs;
use std::process::{Child, Command, Stdio};

use common::processes::child_of;
use common::strace::with_faults;
use common::{Desk, alive_with, guardian_of, skip_unless, wait_until};

fn mark(name: &str) -> String {
    format!("guard-{name}-{}", std::process::id())
}

fn kill(pid: i32) {
    let status = Command::new("kill").args(["-s", "KILL", &pid.to_string()]).status();
    assert!(status.expect("kill runs").success());
}

/// The processes that have this word among their arguments.
fn running(word: &str) -> Vec<i32> {
    let names = fs::read_dir("/proc").expect("this is Linux").flatten().map(|entry| entry.file_name());
    let pids = names.filter_map(|name| name.to_str()?.parse().ok());
    let has_it = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
    };
    pids.filter(has_it).collect()
}

/// A query that leaves behind what nothing connects with it: no session, no cookie, no pipe.
fn escape(word: &str) -> String {
    format!(
        r#"Job(name: "escape", commands: [(id: "a", run: ["sh", "-c",
            "setsid env -i sh -c ': > up; exec sleep {word}' >&- 2>&- & while ! test -e up; do sleep 0.01; done"])])"#
    )
}

/// A word for `sleep` that no other test has.
fn unique(number: u32) -> String {
    format!("300.{number}{}", std::process::id())
}

#[test]
fn whom_the_shell_has_started_before_is_none_of_the_dead_guardians() {
    let (desk, mark) = (Desk::new("bystander"), mark("bystander"));
    desk.write(
        "spec.ron",
        format!(r#"Job(name: "x", env: {{"MARK": "{mark}"}}, commands: [(id: "a", run: ["sh", "-c", "setsid sleep 300 & : > up; exec sleep 300"])])"#),
    );
    // As an entry point of a container does: something in the background, and then `exec`.
    let script = format!(
        "sleep 300 >/dev/null 2>&1 & echo $! > pid; exec {} run spec.ron -o out --containment sweep",
        env!("CARGO_BIN_EXE_provisor")
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(desk.path()).stdin(Stdio::null());
    let provisor = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("sh starts");
    desk.await_file("up");
    kill(guardian_of(i32::try_from(provisor.id()).expect("a pid")));
    desk.ran(provisor.wait_with_output().expect("it ends")).with_code(70);
    assert_eq!(alive_with(&format!("MARK={mark}")), [0; 0], "survivors");
    let bystander: i32 = desk.read("pid").trim().parse().expect("a pid");
    let state = fs::read_to_string(format!("/proc/{bystander}/stat")).expect("it lives");
    assert!(state.contains("(sleep) S"), "{state}");
    kill(bystander);
}

/// The shell of a query that outlived its run, from which somebody goes on.
#[test]
fn a_run_from_within_what_an_earlier_one_has_left_does_not_kill_itself() {
    let desk = Desk::new("within");
    desk.run(r#"Job(name: "x", commands: [(id: "a", run: ["true"])])"#, &[]).with_code(0);
    let token = "0123456789abcdef0123456789abcdef";
    desk.write("out/lock", format!("1 1 elsewhere {token}\n"));
    let script =
        format!("sleep 300 & {} run spec.ron -o out --fresh; exit $?", env!("CARGO_BIN_EXE_provisor"));
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(desk.path()).stdin(Stdio::null());
    command.env("PROVISOR_ATTEMPT", format!("{token}/0/1"));
    desk.finish(command).with_code(0).says("1 of its processes were left, and are dead now");
}

#[test]
fn a_proc_of_another_namespace_is_refused() {
    let desk = Desk::new("strange-proc");
    desk.write("spec.ron", r#"Job(name: "x", commands: [(id: "a", run: ["true"])])"#);
    let inside = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", env!("CARGO_BIN_EXE_provisor"), "run", "spec.ron", "-o", "out"]);
        command.args(arguments).current_dir(desk.path()).stdin(Stdio::null());
        desk.finish(command)
    };
    let refused = inside(&["--containment", "sweep"]);
    if skip_unless(!refused.err.starts_with("unshare:"), "no PID namespace can be made") {
        return;
    }
    refused.with_code(2).says("/proc shows another PID namespace").says("--mount-proc");
    assert!(!desk.file("out/runs/1").exists(), "nothing was started");
    inside(&["--containment", "namespace"]).with_code(0);
}

#[test]
fn who_escapes_its_query_is_told_of() {
    let (desk, word) = (Desk::new("escaped"), unique(1));
    let ran = desk.run(&escape(&word), &["--containment", "sweep"]).with_code(0);
    assert_eq!(running(&word), [0; 0], "survivors");
    ran.says("one process had escaped its query, and was killed later");
}

/// Delays each kill of a process by two seconds.
fn slow_kills(pid: i32) -> Option<Child> {
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-o", "/dev/null", "-p", &pid.to_string(), "-e", "trace=kill"]);
    strace.args(["-e", "inject=kill:delay_enter=2s"]).stderr(Stdio::null());
    let mut tracer = strace.spawn().ok()?;
    let is_traced = || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|pid| pid.trim() != "0"))
    };
    let mut refused = false;
    wait_until("strace holds it", || {
        refused = matches!(tracer.try_wait(), Ok(Some(_)));
        refused || is_traced()
    });
    (!refused).then_some(tracer)
}

#[test]
fn a_guardian_that_dies_on_its_way_out_is_replaced_as_well() {
    let (desk, word) = (Desk::new("way-out"), unique(2));
    let spec = escape(&word).replace("done\"", "done; while ! test -e go; do sleep 0.01; done\"");
    let started = desk.start(&spec, &["--containment", "sweep"]);
    desk.await_file("up");
    let guardian = guardian_of(started.pid());
    let Some(mut tracer) = slow_kills(guardian) else {
        desk.write("go", "");
        started.wait().with_code(0);
        skip_unless(false, "the guardian's end can be made slow only where strace may trace it");
        return;
    };
    desk.write("go", "");
    // Its row is there; the guardian is about to kill what else there is.
    wait_until("the row is there", || {
        desk.file("out/results.csv").exists() && desk.read("out/results.csv").lines().count() == 2
    });
    assert_eq!(running(&word).len(), 1, "it has escaped");
    kill(guardian);
    started.wait().with_code(0);
    assert_eq!(running(&word), [0; 0], "survivors");
    tracer.wait().expect("strace leaves with it");
}

/// Its copy in the namespace has the socket as well, and waits to be told what to do.
#[test]
fn a_guardian_that_dies_before_it_says_what_came_of_its_namespace_is_not_waited_for() {
    let desk = Desk::new("unsaid");
    let spec = r#"Job(name: "x", commands: [(id: "a", run: ["true"])])"#;
    desk.write("spec.ron", spec);
    let Some(mut command) = with_faults(&desk, &["epoll_create1"], &["sendmsg:delay_enter=1s"]) else {
        return;
    };
    command.args([env!("CARGO_BIN_EXE_provisor"), "run", "spec.ron", "-o", "out"]);
    let ran = if desk.run(spec, &["--containment", "namespace"]).code == Some(0) {
        command.args(["--fresh", "--containment", "namespace"]);
        let started = desk.spawn(command);
        let first = guardian_of(child_of(started.pid(), "provisor"));
        // Its copy has begun its work, and what it is to say itself is on its way.
        wait_until("the copy listens", || desk.read("trace").contains("epoll_create1"));
        kill(first);
        started.wait()
    } else {
        skip_unless(false, "no PID namespace can be made");
        return;
    };
    ran.with_code(70).says("the guardian died at its start");
    desk.run(spec, &["--fresh"]).with_code(0);
}
