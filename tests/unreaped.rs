//! What the kernel does not let go of is named, and the run ends all the same; its directory stays locked for as long as
//! something of it lives.

mod common;

use std::fs;
use std::process::{Child, Command, Stdio};

use common::{Desk, alive_with, guardian_of, skip_unless, wait_until};

/// Kills that this process asks for are taken and do nothing, until the tracer goes.
fn disarmed(pid: i32) -> Option<Child> {
    let calls = "kill,pidfd_send_signal";
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-o", "/dev/null", "-p", &pid.to_string(), "-e", &format!("trace={calls}")]);
    strace.args(["-e", &format!("inject={calls}:retval=0")]).stderr(Stdio::null());
    let mut tracer = strace.spawn().ok()?;
    let mut refused = false;
    wait_until("strace holds it", || {
        refused = matches!(tracer.try_wait(), Ok(Some(_)));
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        refused || !status.lines().any(|line| line == "TracerPid:\t0")
    });
    (!refused).then_some(tracer)
}

#[test]
fn a_child_that_does_not_die_is_named_and_holds_up_nobody() {
    let desk = Desk::new("unreaped");
    let mark = format!("unreaped-{}", std::process::id());
    let spec = format!(
        r#"Job(name: "unreaped", slots: 2, env: {{"MARK": "{mark}"}}, limits: (grace: "100ms"), commands: [
            (id: "stuck", run: ["sh", "-c", "until test -e go; do sleep 0.01; done; exec sleep 300"],
             limits: (wall: "20s", silence: "1s")),
            (id: "waits", run: ["sh", "-c", "until test -e go; do sleep 0.01; done"]),
            (id: "next", run: ["true"]),
        ])"#
    );
    let started = desk.start(&spec, &["--containment", "sweep"]);
    let guardian = guardian_of(started.pid());
    let tracer = disarmed(guardian);
    desk.write("go", "");
    let Some(mut tracer) = tracer else {
        skip_unless(false, "whether kills are survived is seen only where strace may trace the guardian");
        started.signal("KILL");
        started.wait();
        return;
    };
    let ran = started.wait().with_code(1);
    let causes = desk.column("cause");
    assert_eq!(
        ["stuck", "waits", "next"].map(|id| causes[id].as_str()),
        ["unreaped", "exited", "exited"],
        "{}",
        ran.err
    );
    let stuck = alive_with(&format!("MARK={mark}"));
    assert_eq!(stuck.len(), 1, "{stuck:?}");
    let named = format!("unreaped: stuck: process {} was killed and has not died", stuck[0]);
    assert!(ran.out.contains(&named), "{}", ran.out);
    assert!(ran.err.contains("this directory stays locked"), "{}", ran.err);
    let again = desk.run(&spec, &["--containment", "sweep"]);
    assert_eq!(again.code, Some(2), "{}", again.err);
    tracer.kill().expect("strace can be ended");
    tracer.wait().expect("it ends");
    wait_until("what is mortal again is dead", || alive_with(&format!("MARK={mark}")).is_empty());
    wait_until("the guardian has left", || !fs::exists(format!("/proc/{guardian}/exe")).unwrap_or(false));
    desk.run(&spec, &["--containment", "sweep", "--only", "next", "--fresh"]).with_code(0);
}
