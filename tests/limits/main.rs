//! Limits of whole trees hold, whoever in them goes beyond: the leader, its children, or what has left them; and each row
//! says what was seen.

mod budget;
#[path = "../common/mod.rs"]
mod common;
mod kernel;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use common::contained::contained;
use common::{Desk, Ran, can_run, skip_unless};

/// Turns for as long as it is let.
const BURN: &str = "while True: pass\n";

/// Starts `argv[1]` children that take `argv[2]` MiB each, says so when they have, and waits for them.
const TAKE: &str = "
import os, sys, time
count, size = int(sys.argv[1]), int(sys.argv[2]) << 20
for _ in range(count):
    if os.fork() == 0:
        taken = bytearray(os.urandom(4096)) * (size // 4096)
        time.sleep(300)
        os._exit(0)
for _ in range(count):
    os.wait()
";

/// Takes 100 MiB once, which four children share; all look at it, and leave.
const SHARE: &str = "
import mmap, os, sys
taken = mmap.mmap(-1, 100 << 20)
for at in range(0, 100 << 20, 4096):
    taken[at] = 1
ends = [os.pipe() for _ in range(4)]
for read, write in ends:
    if os.fork() == 0:
        total = sum(taken[at] for at in range(0, 100 << 20, 4096))
        os.read(read, 1)
        os._exit(0)
import time
time.sleep(3)
for read, write in ends:
    os.write(write, b'x')
for _ in ends:
    os.wait()
print('shared')
";

struct Limits {
    desk: Desk,
    hidden: bool,
}

impl Limits {
    /// `None`: skipped.
    fn new(name: &str) -> Option<Self> {
        if skip_unless(can_run("python3", "--version"), "children that use up things need python3") {
            return None;
        }
        let desk = Desk::new(&format!("limits-{name}"));
        for (name, text) in [("burn.py", BURN), ("take.py", TAKE), ("share.py", SHARE)] {
            desk.write(name, text);
        }
        Some(Self { desk, hidden: false })
    }

    /// Where the kernel's controllers cannot be seen, so that trees have to be looked at. `None`: skipped.
    fn looked_at(name: &str) -> Option<Self> {
        let limits = Self::new(name)?;
        let may = Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
        let may = may.is_ok_and(|status| status.success());
        if skip_unless(may, "hiding the kernel's controllers needs a mount namespace") {
            return None;
        }
        Some(Self { hidden: true, ..limits })
    }

    fn run(
        &self,
        settings: &str,
        commands: &[(&str, &str)],
    ) -> (Ran, BTreeMap<String, BTreeMap<String, String>>) {
        let commands: String =
            commands.iter().map(|(id, run)| format!("(id: \"{id}\", run: {run}),\n")).collect();
        let spec = format!("Job(name: \"limits\", {settings}, commands: [\n{commands}])");
        self.desk.write("spec.ron", spec);
        let run = self.desk.provisor(["run", "spec.ron", "-o", "out"]);
        let ran = self.desk.finish(if self.hidden { hide_controllers(&run) } else { run });
        let rows = self.desk.results();
        (ran, rows)
    }
}

/// The same command where nothing is mounted at /sys/fs/cgroup.
fn hide_controllers(command: &Command) -> Command {
    let mut hidden = Command::new("unshare");
    let script = "mount -t tmpfs none /sys/fs/cgroup && exec \"$@\"";
    hidden.args(["-m", "sh", "-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        hidden.current_dir(folder);
    }
    hidden.stdin(Stdio::null());
    hidden
}

#[track_caller]
fn assert_row(
    rows: &BTreeMap<String, BTreeMap<String, String>>,
    id: &str,
    cause: &str,
    signal: &str,
    why: &str,
) {
    let row = &rows[id];
    assert_eq!((row["cause"].as_str(), row["signal"].as_str()), (cause, signal), "{id}: {row:?}");
    assert!(row["line"].contains(why), "{id}: nothing about `{why}` in {row:?}");
}

#[test]
fn cpu_time_is_that_of_the_whole_tree() {
    contained(|_| {
        let Some(limits) = Limits::looked_at("cpu") else { return };
        for containment in ["Auto", "Sweep"] {
            let (ran, rows) = limits.run(
                &format!(
                    r#"containment: {containment}, slots: 3, record: true, limits: (cpu: "1s", wall: "100s")"#
                ),
                &[
                    ("leader", r#"["python3", "burn.py"]"#),
                    ("child", r#"["sh", "-c", "python3 burn.py & wait"]"#),
                    ("orphan", r#"["sh", "-c", "( setsid python3 burn.py & ) ; exec sleep 90"]"#),
                ],
            );
            for id in ["leader", "child", "orphan"] {
                assert_row(&rows, id, "cpu-limit", "SIGTERM", "of CPU time (limit 1 s)");
            }
            assert_eq!(rows["orphan"]["leftovers"], "1");
            ran.with_code(1);
        }
        // What a limit of the tree did is in the recording.
        let replay = limits.desk.provisor(["replay", "out"]);
        let replayed = limits.desk.finish(replay).with_code(0);
        assert!(replayed.out.matches("cpu-limit").count() >= 3, "{}", replayed.out);
    });
}

/// With whatever there is on this machine.
#[test]
fn cpu_time_is_limited_where_there_are_groups_too() {
    contained(|_| {
        let Some(limits) = Limits::new("cpu-groups") else { return };
        let (ran, rows) = limits.run(
            r#"limits: (cpu: "1s", wall: "100s")"#,
            &[("orphan", r#"["sh", "-c", "( setsid python3 burn.py & ) ; exec sleep 90"]"#)],
        );
        assert_row(&rows, "orphan", "cpu-limit", "SIGTERM", "of CPU time (limit 1 s)");
        ran.with_code(1);
    });
}

#[test]
fn what_ends_before_its_limit_is_left_alone() {
    contained(|_| {
        let Some(limits) = Limits::looked_at("below") else { return };
        let (ran, rows) = limits.run(
            r#"limits: (cpu: "50s", memory: "2 GiB", output: "1 MiB", processes: 50, wall: "100s")"#,
            &[("fine", r#"["sh", "-c", "python3 --version; sleep 1"]"#)],
        );
        assert_row(&rows, "fine", "exited", "", "");
        ran.with_code(0);
    });
}

/// None of its processes is above the limit by itself.
#[test]
fn memory_is_that_of_the_whole_tree() {
    contained(|_| {
        let Some(limits) = Limits::looked_at("memory") else { return };
        for containment in ["Auto", "Sweep"] {
            let (ran, rows) = limits.run(
                &format!(r#"containment: {containment}, limits: (memory: "150 MiB", wall: "100s")"#),
                &[("tree", r#"["python3", "take.py", "3", "70"]"#)],
            );
            assert_row(&rows, "tree", "memory-limit", "SIGKILL", "MiB of memory (limit 150 MiB)");
            ran.with_code(1);
        }
    });
}

/// Five processes have a hundred MiB, and it is the same hundred.
#[test]
fn memory_that_is_shared_counts_once() {
    contained(|_| {
        let Some(limits) = Limits::looked_at("shared") else { return };
        let (ran, rows) = limits
            .run(r#"limits: (memory: "250 MiB", wall: "100s")"#, &[("shared", r#"["python3", "share.py"]"#)]);
        assert_row(&rows, "shared", "exited", "", "");
        ran.with_code(0);
    });
}

#[test]
fn processes_are_those_of_the_whole_tree() {
    contained(|_| {
        let Some(limits) = Limits::looked_at("processes") else { return };
        let (ran, rows) = limits.run(
            r#"limits: (processes: 8, wall: "100s")"#,
            &[
                ("few", r#"["sh", "-c", "for i in 1 2 3 4; do sleep 2 & done; wait"]"#),
                ("many", r#"["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 90 & done; wait"]"#),
            ],
        );
        assert_row(&rows, "few", "exited", "", "");
        assert_row(&rows, "many", "process-limit", "SIGKILL", "(limit 8)");
        ran.with_code(1);
    });
}

#[test]
fn a_raised_limit_runs_again_what_it_had_stopped() {
    contained(|_| {
        let desk = Desk::new("limits-raised");
        let spec = |output: &str, cpu: &str| {
            format!(
                r#"Job(name: "raised", reuse: Conclusive, limits: (output: "{output}", cpu: "{cpu}"), commands: [
            (id: "long", run: ["sh", "-c", "seq 10000; test $(head -c 1 go) = 1 || exec sleep 90"]),
            (id: "short", run: ["seq", "10"])])"#
            )
        };
        let causes = |desk: &Desk| desk.column("cause").into_values().collect::<Vec<_>>();
        desk.write("go", "0");
        desk.run(&spec("1 KiB", "100s"), &[]).with_code(1);
        assert_eq!(causes(&desk), ["output-limit", "exited"]);
        desk.run(&spec("1 KiB", "200s"), &[]).with_code(1).says("2 reused");
        desk.write("go", "1");
        desk.run(&spec("1 MiB", "200s"), &[]).with_code(0).says("1 reused");
        assert_eq!(causes(&desk), ["exited", "exited"]);
    });
}

#[test]
fn a_query_is_tried_again_after_the_limits_that_the_spec_names() {
    contained(|_| {
        let desk = Desk::new("limits-retry");
        let spec = r#"Job(name: "retry", limits: (output: "100 B"), commands: [
        (id: "again", run: ["sh", "-c", "test -e second || { touch second; seq 1000; sleep 90; }"],
         retry: (times: 1, on: [OutputLimit])),
        (id: "once", run: ["sh", "-c", "seq 1000; exec sleep 90"], retry: (times: 1, on: [CpuLimit, MemoryLimit, ProcessLimit])),
    ])"#;
        desk.run(spec, &[]).with_code(1);
        let rows = desk.results();
        assert_eq!((&*rows["again"]["cause"], &*rows["again"]["attempt"]), ("exited", "2"));
        assert_eq!((&*rows["once"]["cause"], &*rows["once"]["attempt"]), ("output-limit", "1"));
    });
}
