//! What the kernel does not let go of is named, and the run ends all the same; its directory stays locked for as long as
//! something of it lives.

mod common;

use std::fs;

use common::contained::contained;
use common::strace::attach;
use common::{Desk, alive_with, guardian_of, mark, wait_until};

#[test]
fn a_child_that_does_not_die_is_named_and_holds_up_nobody() {
    contained(|_| {
        let desk = Desk::new("unreaped");
        let mark = mark("unreaped");
        let spec = format!(
            r#"Job(name: "unreaped", slots: 2, env: {{"MARK": "{mark}"}}, limits: (grace: "100ms"),
            preset: "exit-code", rules: [(on: Prefix("up"), stop: true)], commands: [
            (id: "stuck", run: ["sh", "-c", "until test -e go; do sleep 0.01; done; echo up; exec sleep 300"]),
            (id: "waits", run: ["sh", "-c", "until test -e go; do sleep 0.01; done"]),
            (id: "next", run: ["true"]),
        ])"#
        );
        let started = desk.start(&spec, &["--containment", "sweep"]);
        let guardian = guardian_of(started.pid());
        // Kills that it asks for are taken and do nothing, until the tracer goes.
        let Some(tracer) = attach(&desk, guardian, "kill,pidfd_send_signal:retval=0") else { return };
        desk.write("go", "");
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
        drop(tracer);
        wait_until("what is mortal again is dead", || alive_with(&format!("MARK={mark}")).is_empty());
        wait_until("the guardian has left", || !fs::exists(format!("/proc/{guardian}/exe")).unwrap_or(false));
        desk.run(&spec, &["--containment", "sweep", "--only", "next", "--fresh"]).with_code(0);
    });
}
