//! The levels of containment as a user meets them: asked for, told of, refused; and what each leaves when somebody dies.

mod common;

use std::path::Path;
use std::process::{Command, Stdio};

use common::contained::contained;
use common::processes::AS_NOBODY;
use common::{Desk, Ran, alive_with, guardian_of, kill, kill_both, level, mark, skip_unless, wait_until};
use serde_json::Value;

/// A query that leaves a process of its own session behind, and then does this.
fn spec(mark: &str, then: &str) -> String {
    format!(
        r#"Job(name: "levels", env: {{"MARK": "{mark}"}}, commands: [
            (id: "a", run: ["sh", "-c", "setsid sh -c ': > up; exec sleep 300' & while ! test -e up; do sleep 0.01; done; {then}"]),
        ])"#
    )
}

fn record(desk: &Desk, run: u32) -> Value {
    serde_json::from_str(&desk.read(&format!("out/runs/{run}/run.json"))).expect("JSON")
}

#[test]
fn each_level_kills_what_is_left_behind_and_says_what_it_is() {
    contained(|_| {
        for level in level::strong() {
            let (desk, mark) = (Desk::new(&format!("level-{level}")), mark(level));
            desk.run(&spec(&mark, "exit 0"), &["--containment", level]).with_code(0);
            assert_eq!(alive_with(&format!("MARK={mark}")), [0; 0], "survivors");
            let row = desk.results()["a"].clone();
            assert_eq!((&*row["leftovers"], &*row["cause"]), ("1", "exited"));
            let told = record(&desk, 1);
            assert_eq!(told["containment"].as_str(), Some(&*row["containment"]), "{level}");
            assert!(row["containment"].contains(level), "{level}: {}", row["containment"]);
            assert_eq!(told["containment_asked"].as_str(), Some(level));
            let lock = desk.read("out/lock");
            assert!(lock.ends_with("\nclean\n"), "{lock}");
        }
    });
}

#[test]
fn a_group_kills_its_own_and_says_what_it_leaves() {
    contained(|_| {
        let (desk, mark) = (Desk::new("level-group"), mark("group"));
        // What leaves has closed its output, for whose end nobody could wait.
        let spec =
            spec(&mark, "sleep 300 & exit 0").replace("exec sleep 300'", "exec sleep 300 >/dev/null 2>&1'");
        desk.run(&spec, &["--containment", "group"]).with_code(0);
        assert_eq!(desk.column("containment")["a"], "group");
        assert_eq!(desk.column("leftovers")["a"], "", "nobody looks for them");
        assert!(
            record(&desk, 1)["not_guaranteed"]
                .as_str()
                .is_some_and(|text| text.contains("outlives its query"))
        );
        let left = alive_with(&format!("MARK={mark}"));
        assert_eq!(left.len(), 1, "who has a session of its own lives on");
        kill(left[0]);
        wait_until("it is dead", || alive_with(&format!("MARK={mark}")).is_empty());
    });
}

#[test]
fn a_run_without_its_guardian_kills_all_at_every_level() {
    contained(|_| {
        for level in level::strong() {
            let (desk, mark) = (Desk::new(&format!("guardian-{level}")), mark(&format!("guardian-{level}")));
            let started = desk.start(&spec(&mark, "exec sleep 300"), &["--containment", level]);
            desk.await_file("up");
            kill(guardian_of(started.pid()));
            started.wait().with_code(70).says("the guardian process died").says("run it again");
            assert_eq!(alive_with(&format!("MARK={mark}")), [0; 0], "survivors at {level}");
            assert_eq!(desk.column("cause")["a"], "lost");
            assert!(desk.read("out/lock").ends_with("\nclean\n"), "and it knows that nothing is left");
        }
    });
}

#[test]
fn what_both_have_left_is_killed_by_the_next_run() {
    contained(|_| {
        for level in level::strong() {
            let (desk, mark) = (Desk::new(&format!("both-{level}")), mark(&format!("both-{level}")));
            let started = desk.start(&spec(&mark, "exec sleep 300"), &["--containment", level]);
            desk.await_file("up");
            // A stranger with the cookie of another run is nobody's business.
            let mut stranger = Command::new("sleep");
            stranger.arg("300").env("PROVISOR_ATTEMPT", "0123456789abcdef0123456789abcdef/0/1");
            let mut stranger = stranger.stdin(Stdio::null()).spawn().expect("sleep starts");
            kill_both(started);
            let left = usize::from(level != "namespace");
            wait_until("the query is dead", || alive_with(&format!("MARK={mark}")).len() == left);
            assert!(!desk.read("out/lock").contains("clean"));
            let ran = desk
                .run(&spec(&mark, "exit 0").replace("setsid", "true"), &["--containment", level])
                .with_code(0);
            assert_eq!(alive_with(&format!("MARK={mark}")), [0; 0], "survivors at {level}");
            let told = ran.err.contains("was killed: 1 of its processes were left, and are dead now");
            assert_eq!(told, left == 1, "{}", ran.err);
            assert!(stranger.try_wait().expect("ours").is_none(), "the stranger lives");
            stranger.kill().expect("ours");
            stranger.wait().expect("ours");
            let third = desk.run(&spec(&mark, "exit 0").replace("setsid", "true"), &["--fresh"]).with_code(0);
            assert!(!third.err.contains("was killed"), "once is enough: {}", third.err);
        }
    });
}

#[test]
fn what_a_group_has_let_go_is_not_gone_after() {
    contained(|_| {
        let (desk, mark) = (Desk::new("both-group"), mark("both-group"));
        let started = desk.start(&spec(&mark, "exec sleep 300"), &["--containment", "group"]);
        desk.await_file("up");
        kill_both(started);
        let left = || alive_with(&format!("MARK={mark}"));
        wait_until("the query is dead", || left().len() == 1);
        let ran = desk.run(r#"Job(name: "levels", commands: [(id: "a", run: ["true"])])"#, &[]).with_code(0);
        assert!(!ran.err.contains("was killed"), "{}", ran.err);
        assert_eq!(left().len(), 1, "it was let go");
        left().into_iter().for_each(kill);
    });
}

/// Runs provisor as nobody, after these lines of the shell as root.
fn as_nobody(desk: &Desk, before: &str, arguments: &str) -> Ran {
    use std::os::unix::fs::PermissionsExt;
    desk.write("spec.ron", r#"Job(name: "x", commands: [(id: "a", run: ["id", "-u"])])"#);
    let all = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(desk.path(), all).expect("ours");
    let provisor = env!("CARGO_BIN_EXE_provisor");
    let script = format!("{before}\nexec {} {provisor} run spec.ron -o out {arguments}", AS_NOBODY.join(" "));
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]).current_dir(desk.path()).stdin(Stdio::null());
    desk.finish(command)
}

/// Whether we may be somebody else.
fn may_be_nobody() -> bool {
    let mut command = Command::new("unshare");
    command.arg("--mount").args(AS_NOBODY).args([env!("CARGO_BIN_EXE_provisor"), "--version"]);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    !skip_unless(status.is_ok_and(|status| status.success()), "this needs root, setpriv and unshare")
}

#[test]
fn who_is_not_root_gets_what_there_is_and_hears_why() {
    contained(|_| {
        if !may_be_nobody() {
            return;
        }
        let desk = Desk::new("nobody");
        as_nobody(&desk, "", "").with_code(0);
        let told = record(&desk, 1);
        assert_eq!(told["containment"].as_str(), Some("sweep"));
        let reasons = told["weaker_because"].to_string();
        assert!(
            reasons.contains("containment: Namespace") && reasons.contains("systemd-run --user"),
            "{reasons}"
        );
        let refused = as_nobody(&desk, "", "--fresh --containment cgroup").with_code(2);
        refused.says("`containment` cannot be had").says("systemd-run --user --scope -p Delegate=yes");
        assert!(!desk.file("out/runs/2").exists(), "nothing was started");
    });
}

#[test]
fn who_is_not_root_may_ask_for_a_namespace() {
    contained(|_| {
        if !may_be_nobody() || skip_unless(may_have_user_namespaces(), "this needs user namespaces") {
            return;
        }
        let desk = Desk::new("nobody-namespace");
        as_nobody(&desk, "", "--containment namespace").with_code(0);
        assert_eq!(desk.column("containment")["a"], "namespace");
        assert_eq!(
            desk.read(&format!("out/{}", desk.column("log")["a"])),
            "65534\n",
            "the child is who it was"
        );
        // As in a container, where a /proc of one's own would show what is hidden there.
        let refused =
            as_nobody(&desk, "mount -t tmpfs none /proc/sys", "--fresh --containment namespace").with_code(2);
        refused.says("its /proc cannot be mounted").says("in a container, parts of /proc may be masked");
    });
}

fn may_have_user_namespaces() -> bool {
    let mut command = Command::new(AS_NOBODY[0]);
    command.args(&AS_NOBODY[1..]).args(["unshare", "-Up", "--fork", "true"]);
    command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[test]
fn root_without_a_namespace_gets_the_next_level_and_hears_why() {
    contained(|_| {
        let desk = Desk::new("no-namespace");
        desk.write("spec.ron", r#"Job(name: "x", commands: [(id: "a", run: ["true"])])"#);
        let provisor = env!("CARGO_BIN_EXE_provisor");
        // Root in a user namespace in which no further PID namespace may be made.
        let script = |arguments: &str| {
            format!(
                "echo 0 > /proc/sys/user/max_pid_namespaces && exec {provisor} run spec.ron -o out {arguments}"
            )
        };
        let as_root = |arguments: &str| {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "sh", "-c", &script(arguments)]);
            desk.finish({
                command.current_dir(desk.path()).stdin(Stdio::null());
                command
            })
        };
        let ran = as_root("");
        if skip_unless(
            Path::exists(&desk.file("out/runs/1")),
            "this needs a user namespace whose limits can be set",
        ) {
            return;
        }
        ran.with_code(0);
        let told = record(&desk, 1);
        assert!(matches!(told["containment"].as_str(), Some("cgroup" | "sweep")), "{told}");
        assert!(told["weaker_because"].to_string().contains("the system gives no PID namespace"), "{told}");
        as_root("--fresh --containment namespace").with_code(2).says("the system gives no PID namespace");
    });
}
