//! Nothing that a query starts outlives it, whatever it does and however it ends; and what it said is not lost.

mod common;

use std::process::{Command, Stdio};

use common::contained::contained;
use common::{Desk, alive_with, level, mark, skip_unless, wait_until};

/// Ways to leave a process behind, by their names; each tells by the file `up-NAME` that it is there.
const ESCAPES: [(&str, &str); 5] = [
    ("closed", "setsid sh -c ': > up-closed; exec sleep 300' <&- >&- 2>&- &"),
    ("holding", "setsid sh -c ': > up-holding; exec sleep 300' &"),
    ("forked", "( ( : > up-forked; exec sleep 300 ) </dev/null >/dev/null 2>&1 & ) &"),
    ("deaf", "( trap '' TERM INT HUP; : > up-deaf; exec sleep 300 ) &"),
    (
        "daemon",
        "( setsid sh -c '( trap \\\"\\\" TERM; : > up-daemon; exec sleep 300 ) >/dev/null 2>&1 & ' ) &",
    ),
];

/// A job of all of them, whose leaders go on as `then` says once their escapees are there.
fn spec(mark: &str, settings: &str, then: &str) -> String {
    let commands: String = ESCAPES
        .iter()
        .map(|(name, escape)| {
            let up = format!("while ! test -e up-{name}; do sleep 0.01; done");
            format!("(id: \"{name}\", run: [\"sh\", \"-c\", \"{escape} {up}; {then}\"]),\n")
        })
        .collect();
    format!(
        "Job(name: \"containment\", slots: 5, env: {{\"MARK\": \"{mark}\"}}, {settings} commands: [\n{commands}])"
    )
}

fn set_up(name: &str) -> Option<(Desk, String)> {
    let setsid = Command::new("setsid").args(["-w", "true"]).stdout(Stdio::null()).status();
    if skip_unless(setsid.is_ok_and(|status| status.success()), "children that escape need setsid") {
        return None;
    }
    Some((Desk::new(name), mark(name)))
}

/// All rows ended in this way, each with one process left behind, long before those would have ended.
#[track_caller]
fn assert_swept(desk: &Desk, mark: &str, cause: &str) {
    assert_eq!(alive_with(&format!("MARK={mark}")), [0; 0], "survivors");
    let rows = desk.results();
    assert_eq!(rows.len(), ESCAPES.len());
    for (id, row) in rows {
        assert_eq!(row["cause"], cause, "{id}: {row:?}");
        // Whoever is in the group of its leader hears TERM as well, and goes with it or just after it.
        let goes_with_its_leader = id == "forked" && row["signal"] == "SIGTERM";
        assert!(row["leftovers"] == "1" || goes_with_its_leader && row["leftovers"] == "0", "{id}: {row:?}");
        assert!(row["wall_s"].parse::<f64>().expect("a number") < 200.0, "{id}: {row:?}");
    }
}

#[test]
fn a_leader_that_exits_takes_what_it_left_behind_with_it() {
    contained(|_| {
        for level in level::strong() {
            let Some((desk, mark)) = set_up(&format!("left-behind-{level}")) else { return };
            let ran = desk.run(&spec(&mark, "", "exit 0"), &["--containment", level]).with_code(0);
            assert_swept(&desk, &mark, "exited");
            assert_eq!(
                ran.err.matches("1 left behind and killed").count(),
                ESCAPES.len(),
                "{level}: {}",
                ran.err
            );
        }
    });
}

#[test]
fn the_wall_limit_ends_the_whole_tree() {
    contained(|_| {
        for level in level::strong() {
            let Some((desk, mark)) = set_up(&format!("wall-{level}")) else { return };
            let limits = r#"limits: (wall: "2s", grace: "5s"),"#;
            desk.run(&spec(&mark, limits, "exec sleep 300"), &["--containment", level]).with_code(1);
            assert_swept(&desk, &mark, "wall-limit");
        }
    });
}

#[test]
fn a_stop_by_a_rule_ends_the_whole_tree() {
    contained(|_| {
        let Some((desk, mark)) = set_up("stop") else { return };
        let rules = r#"rules: [(on: Contains("found"), verdict: "found", stop: true)],"#;
        desk.run(&spec(&mark, rules, "echo found; exec sleep 300"), &[]).with_code(0);
        assert_swept(&desk, &mark, "concluded");
    });
}

#[test]
fn an_interruption_ends_the_whole_tree() {
    contained(|_| {
        for level in level::strong() {
            let Some((desk, mark)) = set_up(&format!("interrupted-{level}")) else { return };
            let started = desk.start(&spec(&mark, "", "exec sleep 300"), &["--containment", level]);
            for (name, _) in ESCAPES {
                desk.await_file(&format!("up-{name}"));
            }
            started.signal("INT");
            started.wait().with_code(3);
            assert_swept(&desk, &mark, "cancelled");
        }
    });
}

#[test]
fn the_deadline_ends_the_whole_tree() {
    contained(|_| {
        let Some((desk, mark)) = set_up("deadline") else { return };
        let limits = r#"limits: (total: "2s", grace: "5s"),"#;
        desk.run(&spec(&mark, limits, "exec sleep 300"), &[]).with_code(3);
        assert_swept(&desk, &mark, "deadline");
    });
}

#[test]
fn a_leader_that_takes_no_notice_of_term_is_killed_with_its_tree() {
    contained(|_| {
        let Some((desk, mark)) = set_up("deaf") else { return };
        let limits = r#"limits: (wall: "2s", grace: "200ms"),"#;
        desk.run(&spec(&mark, limits, "trap '' TERM; while :; do sleep 0.1; done"), &[]).with_code(1);
        assert_eq!(alive_with(&format!("MARK={mark}")), [0; 0], "survivors");
        assert!(desk.column("signal").into_values().all(|signal| signal == "SIGKILL"));
    });
}

#[test]
fn what_a_grandchild_says_after_the_leaders_exit_is_heard() {
    contained(|_| {
        let desk = Desk::new("late");
        desk.run(
            r#"Job(name: "late", rules: [(on: Prefix("RESULT "), verdict: "heard")], commands: [
            (id: "late", run: ["sh", "-c", "echo a; (sleep 0.05; echo RESULT late) &"]),
            (id: "pipe", run: ["sh", "-c", "exec 3>&1; (cat | sed s/x/RESULT/ >&3) <<E &\nx early\nE"]),
        ])"#,
            &[],
        )
        .with_code(0);
        let rows = desk.results();
        let log = |id: &str| desk.read(&format!("out/{}", rows[id]["log"]));
        assert_eq!((log("late"), log("pipe")), ("a\nRESULT late\n".into(), "RESULT early\n".into()));
        assert_eq!((rows["late"]["verdict"].as_str(), rows["late"]["leftovers"].as_str()), ("heard", "0"));
        assert_eq!(desk.verdicts("late"), [("RESULT late".to_owned(), "heard".to_owned())]);
    });
}

#[test]
fn a_daemon_does_not_hold_up_who_waits_for_the_output_of_provisor() {
    contained(|_| {
        let Some((desk, mark)) = set_up("substitution") else { return };
        desk.write("spec.ron", spec(&mark, "", "exit 0"));
        let provisor = env!("CARGO_BIN_EXE_provisor");
        // A run that is killed leaves its daemons to its guardian, which must hold no pipe either.
        let script = format!(
            "said=$({provisor} run spec.ron -o out 2>&1); echo \"code $?\"; echo \"$said\" | grep -c containment"
        );
        let mut command = Command::new("timeout");
        command.args(["100", "sh", "-c", &script]).current_dir(desk.path()).stdin(Stdio::null());
        let ran = desk.finish(command).with_code(0);
        assert_eq!(ran.out.lines().next(), Some("code 0"));
        assert_swept(&desk, &mark, "exited");
    });
}

#[test]
fn what_a_killed_provisor_has_left_is_killed_too() {
    contained(|_| {
        for level in level::strong() {
            let Some((desk, mark)) = set_up(&format!("killed-{level}")) else { return };
            let started = desk.start(&spec(&mark, "", "exec sleep 300"), &["--containment", level]);
            for (name, _) in ESCAPES {
                desk.await_file(&format!("up-{name}"));
            }
            started.signal("KILL");
            assert_eq!(started.wait().code, None, "killed");
            wait_until("nothing of the run lives", || alive_with(&format!("MARK={mark}")).is_empty());
        }
    });
}
