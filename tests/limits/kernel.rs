//! Limits that the kernel holds, and what it kills by itself.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::contained::contained;
use crate::common::processes::{AS_NOBODY, own_name, state, status_of, stop};
use crate::common::{Desk, alive_with, guardian_of, mark, send, skip_unless, wait_until};
use crate::{Limits, assert_row};

#[test]
fn memory_is_limited_by_the_kernel_where_it_can() {
    contained(|_| {
        let Some(limits) = Limits::new("memory-groups") else { return };
        let (ran, rows) = limits.run(
            r#"limits: (memory: "150 MiB", wall: "100s")"#,
            &[("tree", r#"["python3", "take.py", "3", "70"]"#)],
        );
        assert_row(&rows, "tree", "memory-limit", "SIGKILL", "(limit 150 MiB)");
        ran.with_code(1);
    });
}

#[test]
fn processes_are_limited_by_the_kernel_where_it_can() {
    contained(|_| {
        let Some(limits) = Limits::new("processes-groups") else { return };
        let (ran, rows) = limits.run(
            r#"limits: (processes: 8, wall: "100s")"#,
            &[("many", r#"["python3", "take.py", "9", "1"]"#)],
        );
        assert_eq!(rows["many"]["cause"], "process-limit", "{rows:?}");
        assert!(rows["many"]["line"].contains("(limit 8)"), "{rows:?}");
        ran.with_code(1);
    });
}

/// The machine is short of memory, not the query of what it may have: the kernel kills, and the row says so.
#[test]
fn a_kill_of_the_kernels_is_told_from_others() {
    contained(|_| {
        let Some(limits) = Limits::new("oom") else { return };
        let Some(group) = Group::with_memory(200 << 20) else { return };
        let commands = "(id: \"huge\", run: [\"python3\", \"take.py\", \"0\", \"0\"]),\n";
        limits.desk.write("huge.py", "taken = bytearray(b'x') * (1 << 30)\n");
        let spec = format!(
            "Job(name: \"limits\", reuse: Conclusive, slots: 1, limits: (wall: \"100s\"), commands: [{commands}
         (id: \"out-of-memory\", run: [\"python3\", \"huge.py\"]),
         (id: \"limited\", run: [\"python3\", \"huge.py\"], limits: (memory: \"1 TiB\")),
         (id: \"killed\", run: [\"sh\", \"-c\", \"kill -KILL $$\"])])"
        );
        limits.desk.write("spec.ron", spec);
        let mut inside = group.command(&limits.desk.provisor(["run", "spec.ron", "-o", "out"]));
        let ran = limits.desk.ran(inside.output().expect("sh runs"));
        let rows = limits.desk.results();
        assert_row(&rows, "huge", "exited", "", "");
        assert_row(&rows, "out-of-memory", "memory-limit", "SIGKILL", "out of memory");
        assert_row(&rows, "limited", "memory-limit", "SIGKILL", "out of memory");
        assert_row(&rows, "killed", "exited", "SIGKILL", "");
        ran.with_code(1);
        // However often the machine does not do, that is no limit which would have to be raised.
        let again = limits.desk.provisor(["run", "spec.ron", "-o", "out", "--only", "limited"]);
        let ran = limits.desk.ran(group.command(&again).output().expect("sh runs"));
        assert!(!ran.err.contains("reused"), "{}", ran.err);
        assert_eq!(limits.desk.column("attempt")["limited"], "2");
    });
}

/// A group of version 1 in which the kernel runs out of memory early.
struct Group(PathBuf);

impl Group {
    fn with_memory(bytes: u64) -> Option<Self> {
        let own = Path::new("/sys/fs/cgroup/memory").join(format!("provisor-test-{}", own_name()));
        let made = std::fs::create_dir(&own)
            .and_then(|()| std::fs::write(own.join("memory.limit_in_bytes"), bytes.to_string()));
        if skip_unless(made.is_ok(), "running out of memory needs a memory group that one may make") {
            return None;
        }
        // Where swap is counted it must not help.
        let _ = std::fs::write(own.join("memory.memsw.limit_in_bytes"), bytes.to_string());
        Some(Self(own))
    }

    fn command(&self, command: &Command) -> Command {
        let mut inside = Command::new("sh");
        let script = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", self.0.display());
        inside.args(["-c", &script, "sh"]).arg(command.get_program()).args(command.get_args());
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        inside.stdin(Stdio::null());
        inside
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let removed = std::fs::remove_dir(&self.0);
        assert!(removed.is_ok() || std::thread::panicking(), "{}: {removed:?}", self.0.display());
    }
}

#[test]
fn a_child_takes_the_kernels_limit_of_cpu_time_along_as_a_net() {
    contained(|_| {
        let desk = Desk::new("limits-net");
        let spec = r#"Job(name: "net", limits: (cpu: "90s"), commands: [
        (id: "asked", run: ["sh", "-c", "ulimit -St; ulimit -Ht"])])"#;
        desk.run(spec, &[]).with_code(0);
        assert_eq!(desk.read(&format!("out/{}", desk.column("log")["asked"])), "91\n96\n");
    });
}

/// Where nothing better holds its processes, and its user is not root: as many as there were, as it may have, and a thousand more.
#[test]
fn a_child_takes_the_kernels_limit_of_processes_along_as_a_net() {
    contained(|_| {
        let desk = Desk::new("limits-net-processes");
        let everybody = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(desk.path(), everybody).expect("ours");
        let spec = r#"Job(name: "net", containment: Sweep, commands: [
        (id: "limited", run: ["cat", "/proc/self/limits"], limits: (processes: 50)),
        (id: "free", run: ["cat", "/proc/self/limits"])])"#;
        desk.write("spec.ron", spec);
        let provisor = desk.provisor(["run", "spec.ron", "-o", "out"]);
        let mut command = Command::new(AS_NOBODY[0]);
        command.args(&AS_NOBODY[1..]).arg(provisor.get_program());
        let able = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if skip_unless(able.is_ok_and(|status| status.success()), "another user needs root and setpriv") {
            return;
        }
        let mut command = Command::new(AS_NOBODY[0]);
        command.args(&AS_NOBODY[1..]).arg(provisor.get_program()).args(provisor.get_args());
        command.current_dir(desk.path());
        desk.finish(command).with_code(0);
        let most = |id: &str| {
            let limits = desk.read(&format!("out/{}", desk.column("log")[id]));
            let line = limits.lines().find(|line| line.starts_with("Max processes")).expect("a line");
            line.split_ascii_whitespace().nth(2).expect("a soft limit").parse().unwrap_or(u64::MAX)
        };
        let (limited, free) = (most("limited"), most("free"));
        assert!((50 + 1024..free).contains(&limited), "{limited} of {free}");
    });
}

/// When the machine is out of memory, the kernel shall take a query and not what holds the run together.
#[test]
fn a_query_is_killed_rather_than_provisor() {
    contained(|_| {
        let desk = Desk::new("limits-oom-score");
        let spec = r#"Job(name: "score", commands: [
        (id: "scores", run: ["sh", "-c", "cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj"])])"#;
        desk.run(spec, &[]).with_code(0);
        let own = std::fs::read_to_string("/proc/self/oom_score_adj").expect("this is Linux");
        let own: i32 = own.trim().parse().expect("a number");
        let scores = desk.read(&format!("out/{}", desk.column("log")["scores"]));
        assert_eq!(scores, format!("{}\n{own}\n", (own + 200).min(1000)));
    });
}

#[test]
fn a_crash_leaves_its_signal_and_no_core() {
    contained(|_| {
        let desk = Desk::new("limits-core");
        let spec = r#"Job(name: "core", commands: [
        (id: "crash", run: ["sh", "-c", "ulimit -c; kill -SEGV $$"])])"#;
        desk.run(spec, &[]).with_code(1);
        assert_eq!(desk.column("signal")["crash"], "SIGSEGV");
        assert_eq!(desk.read(&format!("out/{}", desk.column("log")["crash"])), "0\n");
    });
}

/// Takes `argv[2]` MiB, and the first time, or when it is to take too much for ever, keeps them. The file `events` tells
/// who was there when.
const GROW: &str = "
import os, sys, time
name, size = sys.argv[1], int(sys.argv[2]) << 20
first = not os.path.exists(name)
open(name, 'a').close()
def note(what):
    with open('events', 'a') as file:
        file.write(f'{what} {name} {1 if first else 2}\\n')
note('begin')
taken = bytearray(os.urandom(4096)) * (size // 4096)
if first or name == 'more':
    time.sleep(300)
note('end')
";

#[test]
fn what_was_killed_for_its_memory_is_tried_again_alone_with_twice_as_much() {
    contained(|_| {
        let Some(limits) = Limits::new("memory-again") else { return };
        limits.desk.write("grow.py", GROW);
        let beside: String = (1..=12)
            .map(|n| {
                let script =
                    format!("echo begin beside {n} >> events; sleep 0.2; echo end beside {n} >> events");
                format!("(id: \"beside/{n}\", run: [\"sh\", \"-c\", \"{script}\"]),\n")
            })
            .collect();
        let grow = |id: &str, size: u32| {
            format!(
                "(id: \"{id}\", run: [\"python3\", \"grow.py\", \"{id}\", \"{size}\"],
                  limits: (memory: \"80 MiB\"), retry: (times: 1, on: [MemoryLimit])),\n"
            )
        };
        let spec = format!(
            "Job(name: \"again\", slots: 3, limits: (wall: \"100s\"), commands: [\n{}{}{beside}])",
            grow("twice", 110),
            grow("more", 250),
        );
        limits.desk.run(&spec, &[]).with_code(1);
        let rows = limits.desk.results();
        assert_row(&rows, "twice", "exited", "", "");
        assert_row(&rows, "more", "memory-limit", "SIGKILL", "(limit 160 MiB)");
        assert_eq!([&rows["twice"]["attempt"], &rows["more"]["attempt"]], ["2", "2"]);
        let events = limits.desk.read("events");
        let mut beside: Vec<&str> = Vec::new();
        for event in events.lines() {
            match event.split_once(' ').expect("two words") {
                ("begin", who) if who.starts_with("beside") => beside.push(who),
                ("end", who) => beside.retain(|other| *other != who),
                // Who was killed has noted no end, and is not counted here.
                (_, who) if who.ends_with(" 2") => {
                    assert!(beside.is_empty(), "{who} is not alone:\n{events}")
                }
                _ => {}
            }
        }
        let second = events.lines().position(|event| event == "begin twice 2").expect("its second attempt");
        assert_eq!(events.lines().nth(second + 1), Some("end twice 2"), "nobody beside it:\n{events}");
    });
}

/// The guardian does not look: the kernel's own limit of a process, a second above that of its tree, is what ends it.
#[test]
fn what_the_net_catches_has_reached_its_limit_of_cpu_time() {
    contained(|_| {
        let Some(limits) = Limits::new("net-catches") else { return };
        let mark = mark("net");
        let spec = format!(
            r#"Job(name: "net", env: {{"MARK": "{mark}"}}, limits: (cpu: "1s", wall: "1h"), commands: [
                (id: "burn", run: ["sh", "-c", "until test -e go; do sleep 0.01; done; exec python3 burn.py"])])"#
        );
        let started = limits.desk.start(&spec, &["--containment", "sweep"]);
        let guardian = guardian_of(started.pid());
        let mut leader = None;
        wait_until("it is at work", || {
            let mut alive = alive_with(&format!("MARK={mark}")).into_iter();
            leader = alive.find(|pid| status_of(*pid, "PPid") == guardian.to_string());
            leader.is_some()
        });
        stop(guardian);
        limits.desk.write("go", "");
        let leader = leader.expect("found").cast_unsigned();
        wait_until("the kernel has ended it", || state(leader) == Some('Z'));
        assert!(send("CONT", guardian));
        started.wait().with_code(1);
        let rows = limits.desk.results();
        assert_eq!(rows["burn"]["signal"], "SIGXCPU");
        assert_row(&rows, "burn", "cpu-limit", "SIGXCPU", "the kernel ended it for its CPU time");
    });
}
