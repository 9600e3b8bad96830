//! B4: signals, time and the terminal of provisor itself.

use std::fs;

use crate::common::terminal::Terminal;
use crate::common::{Desk, alive_with, guardian_of, send, skip_unless, wait_until};
use crate::harness::{contained, fake, one, others, run, state};

/// Two queries at work, the second of which is deaf, and one that waits.
fn busy(grace: &str) -> String {
    format!(
        r#"Job(name: "busy", slots: 2, env: {{"MARK": "fault"}}, limits: (grace: "{grace}"), commands: [
            (id: "a", run: {}), (id: "b", run: {}), (id: "c", run: ["true"])])"#,
        fake("child 1 setsid closed hang then touch up-a hang"),
        fake("ignore-term child 1 setsid hang then touch up-b hang"),
    )
}

/// One signal after the other, each when the one before was answered; then the exit code is 3 and the rows are there.
#[track_caller]
fn interrupted(desk: &Desk, signals: &[(&str, &str)], grace: &str) {
    use std::io::{BufRead, BufReader};
    let mut started = desk.start(&busy(grace), &[]);
    desk.await_file("up-a");
    desk.await_file("up-b");
    let mut told = BufReader::new(started.child.stderr.take().expect("a pipe")).lines();
    for (signal, answer) in signals {
        started.signal(signal);
        let heard = told.by_ref().any(|line| line.expect("UTF-8").contains(answer));
        assert!(heard, "{signal}: nothing about `{answer}`");
    }
    started.wait().with_code(3);
    assert_eq!(others(), [""; 0], "processes outlive provisor");
    let rows = desk.results();
    assert_eq!(rows.keys().collect::<Vec<_>>(), ["a", "b"], "what never ran has no row");
    assert!(rows.values().all(|row| row["cause"] == "cancelled"), "{rows:?}");
    assert_eq!(rows["b"]["signal"], "SIGKILL");
}

#[test]
fn row_52_an_interruption() {
    contained(|desk| interrupted(desk, &[("INT", "once more kills them at once")], "200ms"));
}

#[test]
fn row_53_two_interruptions() {
    let twice = [("INT", "once more kills them at once"), ("INT", "once more leaves at once")];
    contained(|desk| interrupted(desk, &twice, "1h"));
}

#[test]
fn row_54_term() {
    contained(|desk| interrupted(desk, &[("TERM", "once more kills them at once")], "200ms"));
}

#[test]
fn row_54_hangup() {
    contained(|desk| interrupted(desk, &[("HUP", "once more kills them at once")], "200ms"));
}

#[test]
fn row_56_a_stop_that_cannot_be_caught() {
    contained(|desk| {
        let started = desk.start(&one("touch up await go exit 0", r#"limits: (wall: "1h"),"#), &[]);
        desk.await_file("up");
        started.signal("STOP");
        let pid = u32::try_from(started.pid()).expect("a pid");
        wait_until("it stands still", || state(pid) == Some('T'));
        // Its child goes on and ends; nothing of it is lost.
        desk.write("go", "");
        wait_until("the child has left", || alive_with("MARK=fault").is_empty());
        started.signal("CONT");
        started.wait().with_code(0);
        let row = &desk.results()["q"];
        assert_eq!(row["cause"], "exited");
    });
}

#[test]
fn row_60_a_terminal_without_a_size_or_a_name() {
    contained(|desk| {
        desk.write("spec.ron", one("say hello exit 0", ""));
        for (name, setting) in [("zero", "stty rows 0 cols 0"), ("dumb", "TERM=dumb"), ("none", "unset TERM")]
        {
            let script = format!(
                "{setting}; exec {} run spec.ron -o {name} --progress auto",
                env!("CARGO_BIN_EXE_provisor")
            );
            let Some(terminal) = Terminal::launch(desk, (24, 80), &["sh", "-c", &script], |_| {}) else {
                return;
            };
            let (status, _, raw) = terminal.wait();
            assert_eq!(status.code(), Some(0), "{name}: {raw}");
            assert!(raw.contains("1 query"), "{name}: {raw}");
            let is_plain = !raw.contains('\x1b');
            // Whose size is not known is written for as one of the usual size.
            assert!(is_plain || name == "zero", "{name}: {raw:?}");
            assert!(fs::metadata(desk.file(&format!("{name}/results.csv"))).is_ok());
        }
    });
}

#[test]
fn row_61_a_child_sends_signals_to_its_parent() {
    contained(|desk| {
        run(desk, &one("kill-parent TERM-INT-HUP-QUIT-USR1-USR2-PIPE-ALRM-TSTP exit 4", ""), &[])
            .with_code(1);
        assert_eq!(desk.results()["q"]["exit_code"], "4", "the guardian does not care");
    });
}

/// KILL nobody can refuse but the first process of a namespace, where it comes from within.
#[test]
fn row_61_a_child_kills_its_parent() {
    contained(|desk| {
        let spec = one("child 2 setsid hang then touch up await go kill-parent KILL hang", "");
        let started = desk.start(&spec, &["--containment", "sweep"]);
        desk.await_file("up");
        let guardian = guardian_of(started.pid());
        desk.write("go", "");
        started.wait().with_code(70).says("the guardian process died");
        assert!(!send("0", guardian), "it is gone");
        assert_eq!(others(), [""; 0], "processes outlive provisor");
        assert_eq!(desk.results()["q"]["cause"], "lost");
        let spec = one("kill-parent KILL exit 4", "");
        let ran = run(desk, &spec, &["--fresh", "--containment", "namespace"]);
        if !skip_unless(ran.code != Some(2), &format!("containment by namespace: {}", ran.err.trim())) {
            assert_eq!(desk.results()["q"]["exit_code"], "4");
        }
    });
}
