//! Signals as a user sends them: at a terminal, from a script, from a service manager.

mod common;

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

use common::{Desk, alive_with, can_run, mark, send, skip_unless, wait_until};
use serde_json::Value;

/// Queries that say when both are at work, and then take their time.
fn spec(mark: &str, command: &str, limits: &str) -> String {
    format!(
        r#"Job(name: "signals", slots: 2, env: {{"MARK": "{mark}"}}, limits: ({limits}), commands: [
            (id: "a", run: ["sh", "-c", "until test -e b; do sleep 0.01; done; touch ready; {command}"]),
            (id: "b", run: ["sh", "-c", "touch b; {command}"]),
            (id: "waiting", run: ["true"]),
        ])"#
    )
}

/// Does a deed at a terminal; `None` where there is no Python to open one.
fn at_terminal(desk: &Desk, deed: &str, mark: &str, seconds: &str) -> Option<Value> {
    if skip_unless(can_run("python3", "--version"), "tests on a pseudo-terminal need python3") {
        return None;
    }
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/terminal.py");
    let mut command = Command::new("python3");
    command.args([driver, deed, "ready", &format!("MARK={mark}"), seconds, "--"]);
    command.args([env!("CARGO_BIN_EXE_provisor"), "run", "spec.ron", "-o", "out"]);
    let output = command.current_dir(desk.path()).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[test]
fn ctrl_c_ends_the_children_and_writes_their_rows() {
    let (desk, mark) = (Desk::new("ctrl-c"), mark("ctrl-c"));
    desk.write("spec.ron", spec(&mark, "exec sleep 60", "grace: \"20s\""));
    let Some(told) = at_terminal(&desk, "ctrl-c", &mark, "0") else { return };
    assert_eq!(told["code"], 3, "{told}");
    assert!(told["output"].as_str().is_some_and(|text| text.contains("3 queries left to run")), "{told}");
    let signals = desk.column("signal");
    assert_eq!((signals["a"].as_str(), signals["b"].as_str()), ("SIGTERM", "SIGTERM"));
    assert_eq!(desk.column("cause").into_values().collect::<Vec<_>>(), ["cancelled", "cancelled"]);
}

#[test]
fn ctrl_c_twice_kills_at_once() {
    let (desk, mark) = (Desk::new("ctrl-c-twice"), mark("ctrl-c-twice"));
    // At work is who is deaf already: the first one says it for both.
    let ready =
        "trap '' TERM; touch deaf-$0; while ! test -e deaf-a -a -e deaf-b; do sleep 0.01; done; touch ready";
    let query =
        |id| format!(r#"(id: "{id}", run: ["sh", "-c", "{ready}; while :; do sleep 1; done", "{id}"])"#);
    let (a, b) = (query("a"), query("b"));
    desk.write(
        "spec.ron",
        format!(
            r#"Job(name: "twice", slots: 2, env: {{"MARK": "{mark}"}}, limits: (grace: "1h"), commands: [{a}, {b}])"#
        ),
    );
    let Some(told) = at_terminal(&desk, "ctrl-c-twice", &mark, "0") else { return };
    assert_eq!(told["code"], 3, "{told}");
    assert_eq!(desk.column("signal").into_values().collect::<Vec<_>>(), ["SIGKILL", "SIGKILL"]);
}

#[test]
fn ctrl_z_stops_the_children_and_the_clock() {
    let (desk, mark) = (Desk::new("ctrl-z"), mark("ctrl-z"));
    // Stopped for longer than the limit: if the clock went on, it would be over.
    desk.write("spec.ron", spec(&mark, "sleep 0.7", "wall: \"5s\""));
    let Some(told) = at_terminal(&desk, "ctrl-z", &mark, "5.5") else { return };
    assert_eq!(told["stopped"], true);
    let states = told["while_stopped"].as_array().expect("a list").clone();
    let stands = |state: &Value| state.as_str().is_some_and(|state| "TZD".contains(state));
    assert!(!states.is_empty() && states.iter().all(stands), "{told}");
    assert_eq!(told["code"], 0, "{told}");
    assert!(desk.column("cause").into_values().all(|cause| cause == "exited"));
}

#[test]
fn a_closed_terminal_ends_the_run_as_ctrl_c_does() {
    let (desk, mark) = (Desk::new("hang-up"), mark("hang-up"));
    desk.write("spec.ron", spec(&mark, "exec sleep 60", "grace: \"20s\""));
    let Some(told) = at_terminal(&desk, "hang-up", &mark, "0") else { return };
    assert_eq!(told["code"], 3, "{told}");
    assert_eq!(desk.column("cause").into_values().collect::<Vec<_>>(), ["cancelled", "cancelled"]);
}

#[test]
fn sigterm_is_as_ctrl_c_and_nohup_is_respected() {
    let (desk, mark) = (Desk::new("term"), mark("term"));
    desk.write("spec.ron", spec(&mark, "exec sleep 60", "grace: \"20s\""));
    let mut command = Command::new("sh");
    let provisor = env!("CARGO_BIN_EXE_provisor");
    // The shell ignores HUP, as nohup does, and is replaced.
    command.args(["-c", &format!("trap '' HUP; exec {provisor} run spec.ron -o out")]);
    command.current_dir(desk.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("sh runs");
    desk.await_file("ready");
    assert!(send("HUP", child.id()));
    wait_until("both queries are at work", || alive_with(&format!("MARK={mark}")).len() >= 2);
    // And provisor knows it.
    let status = || desk.finish(desk.provisor(["status", "out"])).out;
    wait_until("the status says so", || status().contains("2 at work"));
    assert!(send("USR1", child.id()) && send("TERM", child.id()));
    let ran = desk.ran(child.wait_with_output().expect("it ends")).with_code(3);
    assert!(ran.err.contains("2 running"), "USR1 says how things stand:\n{}", ran.err);
    assert_eq!(desk.column("cause").into_values().collect::<Vec<_>>(), ["cancelled", "cancelled"]);
}

#[test]
fn a_shell_that_waits_for_it_sees_it_die_by_sigint() {
    let (desk, mark) = (Desk::new("exit-signal"), mark("exit-signal"));
    let started = desk.start(&spec(&mark, "exec sleep 60", "grace: \"20s\""), &["--exit-signal"]);
    desk.await_file("ready");
    started.signal("INT");
    let output = started.child.wait_with_output().expect("it ends");
    assert_eq!(output.status.signal(), Some(2));
}

#[test]
fn int_and_term_are_heard_even_where_they_were_ignored_at_the_start() {
    let (desk, mark) = (Desk::new("ignored"), mark("ignored"));
    desk.write("spec.ron", spec(&mark, "exec sleep 60", "grace: \"20s\""));
    let mut command = Command::new("sh");
    let provisor = env!("CARGO_BIN_EXE_provisor");
    command.args(["-c", &format!("trap '' INT TERM; exec {provisor} run spec.ron -o out")]);
    command.current_dir(desk.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.process_group(0).spawn().expect("sh runs");
    desk.await_file("ready");
    assert!(send("INT", child.id()));
    desk.ran(child.wait_with_output().expect("it ends")).with_code(3);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let desk = Desk::new("head");
    desk.write(
        "spec.ron",
        r#"Job(name: "head", matrix: {"n": 1..=2000}, id: "q{{ n }}", command: ["true", "{{ n }}"])"#,
    );
    let provisor = env!("CARGO_BIN_EXE_provisor");
    let script =
        format!("{provisor} plan spec.ron | head -1; {provisor} plan --format json spec.ron | head -1");
    let output = Command::new("sh").args(["-c", &script]).current_dir(desk.path()).output().expect("sh runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.stdout.split(|byte| *byte == b'\n').count(), 3);
}
