//! Trees of every shape and their ends, at each level that this machine has: leaders that leave first, a thousand processes,
//! those that run away by forking, those that freeze themselves, numbers that come again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::rc::Rc;

use nix::unistd::Pid;
use provisor_actors::os::contain::Contain;
use provisor_actors::os::{Launch, SweepReport};
use provisor_core::cause::{Exit, StopMethod};
use provisor_core::containment::Containment;

use crate::containing::contained_or_skipped;
use crate::harness::{
    COOKIE, Case, Rig, command, finish, line, marked, processes, python, shell, soon, state_of, until,
    with_rig_over,
};

pub(crate) const CASES: &[Case] = &[
    Case("leader_exits_first", leader_exits_first),
    Case("thousand_processes", thousand_processes),
    Case("hoppers", hoppers),
    Case("who_escaped_its_sweep_is_killed_when_it_is_seen", who_escaped_its_sweep_is_killed_when_it_is_seen),
    Case("numbers_that_come_again", numbers_that_come_again),
    Case("thousand_dead_orphans", thousand_dead_orphans),
];

/// At each level that follows a tree, with the folders of the run's groups.
pub(crate) fn at_levels(levels: &[Containment], work: impl AsyncFn(Rc<Rig>, Option<PathBuf>)) {
    for containment in levels {
        let Some((guardian, contained)) = contained_or_skipped(*containment) else { continue };
        println!("at {}", contained.level.word());
        let group = contained.groups.iter().find(|group| group.join("cgroup.kill").exists()).cloned();
        let made = group.clone();
        with_rig_over(guardian, std::env::vars_os().collect(), async |rig| work(rig, group).await);
        assert!(made.is_none_or(|group| !group.exists()), "the groups of the run are gone");
        assert!(marked(COOKIE).is_empty(), "survivors: {:?}", marked(COOKIE));
    }
}

const ALL: [Containment; 3] = [Containment::Sweep, Containment::Cgroup, Containment::Namespace];

fn leader_exits_first() {
    at_levels(&ALL, async |rig, group| {
        for (script, left) in [
            ("exit 0", 0),
            ("sleep 1000 & exit 0", 1),
            ("setsid sh -c 'sleep 1000 & exec sleep 1000' >&- 2>&- & sleep 0.2; exit 0", 2),
            ("(setsid env -i PATH=$PATH sh -c '(exec sleep 1000) & exec sleep 1000' >&- 2>&- &); exit 0", 2),
        ] {
            // Without a group nothing says whose the last one's are.
            if script.contains("env -i") && group.is_none() {
                continue;
            }
            let mut launched = rig.start(shell(&format!("{script} # {COOKIE}"))).await;
            assert_eq!(soon("an exit", &mut launched.exit).await.expect("an exit").exit, Exit::Code(0));
            if script.contains("env -i") {
                until("they are there", || sleepers() == 2);
            }
            let SweepReport { leftovers } = soon("a sweep", launched.child.sweep()).await.expect("a sweep");
            assert_eq!(leftovers, left, "{script}");
            assert_eq!(sleepers(), 0, "{script}");
        }
    });
}

/// How many `sleep 1000` there are.
pub(crate) fn sleepers() -> usize {
    let lines = processes().map(|pid| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default());
    lines.filter(|line| line.ends_with(b"sleep\x001000\0")).count()
}

const THOUSAND: &str = "
import os, signal, sys
for i in range(999):
    if os.fork() == 0:
        if i % 2: os.setsid()
        signal.pause()
print('ready', flush=True)
if sys.argv[1] == 'stay': signal.pause()
";

fn thousand_processes() {
    at_levels(&ALL, async |rig, _| {
        for (word, left) in [("stay", 0), ("leave", 999)] {
            let mut launched = rig.start(command(&["/usr/bin/python3", "-c", THOUSAND, word])).await;
            assert_eq!(line(&mut launched.output).await, "ready");
            let start = std::time::Instant::now();
            if word == "stay" {
                launched.child.signal(StopMethod::Kill);
            }
            let exit = soon("the exit", &mut launched.exit).await.expect("an exit").exit;
            assert_eq!(exit, if word == "stay" { Exit::Signal(9) } else { Exit::Code(0) });
            let sweep = soon("the sweep", launched.child.sweep()).await.expect("a sweep");
            println!("{word}: {:.0?}", start.elapsed());
            assert_eq!(sweep.leftovers, left, "{word}");
            assert!(marked(COOKIE).is_empty(), "nothing is left by the time of the answer");
        }
    });
}

/// Eight of them, each of which is another process every moment, in a session of its own.
const HOPPERS: &str = "
import os, sys
for i in range(8):
    if os.fork() == 0:
        os.setsid()
        os.closerange(0, 64)
        while True:
            try:
                if os.fork(): os._exit(0)
                os.setsid()
            except OSError:
                pass
print('ready', flush=True)
if sys.argv[1] == 'stay': os.read(0, 1) or os.wait()
";

fn hoppers() {
    if std::process::id() > 64 {
        return println!("skipped: these may only run in a PID namespace of their own");
    }
    at_levels(&ALL, async |rig, group| {
        let Some(bounds) = Bounds::around(rig.guardian, 200) else { return };
        let mut launched = rig.start(command(&["/usr/bin/python3", "-c", HOPPERS, "leave"])).await;
        assert_eq!(line(&mut launched.output).await, "ready");
        assert_eq!(soon("the exit", &mut launched.exit).await.expect("an exit").exit, Exit::Code(0));
        let start = std::time::Instant::now();
        let sweep = soon("the sweep", launched.child.sweep()).await.expect("a sweep");
        println!("swept in {:.0?}, {} counted", start.elapsed(), sweep.leftovers);
        // Who hops in the moment in which its group is killed as one is not counted.
        assert!(sweep.leftovers >= 1 || group.is_some());
        assert!(marked(COOKIE).is_empty(), "none hops on");
        drop(bounds);
    });
}

/// So many processes may the guardian have, itself among them.
struct Bounds(PathBuf);

impl Bounds {
    fn around(guardian: u32, most: u32) -> Option<Self> {
        let path = Path::new("/sys/fs/cgroup/pids").join(
            format!("{COOKIE}{guardian}-{:?}", std::time::Instant::now())
                .replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', ""),
        );
        if fs::create_dir(&path).is_err() {
            println!(
                "skipped: no limit of processes is ours to set, and without one these are not to be run"
            );
            return None;
        }
        fs::write(path.join("pids.max"), most.to_string()).expect("a limit");
        fs::write(path.join("cgroup.procs"), guardian.to_string()).expect("moved");
        Some(Self(path))
    }
}

impl Drop for Bounds {
    fn drop(&mut self) {
        let procs = fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
        for pid in procs.lines() {
            let _ = fs::write("/sys/fs/cgroup/pids/cgroup.procs", pid);
        }
        let _ = fs::remove_dir(&self.0);
    }
}

/// Its mark says that it is of this run, and no query has that mark any more.
fn who_escaped_its_sweep_is_killed_when_it_is_seen() {
    let mut guardian = crate::harness::new_guardian();
    let ask = Contain { containment: Containment::Sweep, token: "os-case-token" };
    guardian.contain(ask).expect("always possible");
    let report = with_rig_over(guardian, std::env::vars_os().collect(), async |rig| {
        let escapee = |token: &str| {
            format!("env -i PROVISOR_ATTEMPT={token}/7/1 setsid -f /bin/sleep 1000 >&- 2>&- <&-")
        };
        let script = format!("{}; {}; exec sleep 1000", escapee("os-case-token"), escapee("os-case-other"));
        let launched = rig.start(shell(&script)).await;
        until("both are there", || !marked("os-case-other").is_empty());
        until("the run's own is gone while its maker lives", || marked("os-case-token").is_empty());
        assert_eq!(marked("os-case-other").len(), 1, "another run's is nobody's to kill before the end");
        launched.child.signal(StopMethod::Kill);
        finish(launched).await;
    });
    assert_eq!(report.unattributed, Some(2), "the run's own, and the other run's");
}

/// A number of a process that was reaped may be anybody's. Nothing is done by it.
fn numbers_that_come_again() {
    let last = Path::new("/proc/sys/kernel/ns_last_pid");
    if std::process::id() > 64 || fs::write(last, fs::read(last).unwrap_or_default()).is_err() {
        return println!("skipped: numbers can be chosen in a PID namespace of one's own only");
    }
    at_levels(&[Containment::Sweep, Containment::Cgroup], async |rig, _| {
        let mut launched = rig.start(shell("sleep 1000 & echo $$; exit 0")).await;
        let pid: u32 = line(&mut launched.output).await.parse().expect("a number");
        (&mut launched.exit).await.expect("an exit");
        assert_eq!(launched.child.sweep().await.expect("a sweep").leftovers, 1);
        // The same number, in a process that is none of ours.
        let mut other = None;
        until("the number is given again", || {
            fs::write(last, (pid - 1).to_string()).expect("it can be chosen");
            let mut child = Process::new("/bin/sleep").arg("1000").spawn().expect("sleep");
            if child.id() == pid {
                other = Some(child);
                return true;
            }
            let _ = child.kill();
            let _ = child.wait();
            false
        });
        let mut other = other.expect("it was found");
        launched.child.signal(StopMethod::Term);
        launched.child.signal(StopMethod::Kill);
        drop(launched);
        rig.launcher.pause(true);
        rig.launcher.pause(false);
        // All of that was taken up before this one.
        assert_eq!(rig.run(shell("exit 4")).await.report.exit, Exit::Code(4));
        assert!(other.try_wait().expect("it can be asked").is_none(), "a stranger was killed");
        assert!(matches!(state_of(pid), Some('S' | 'R' | 'D')), "{:?}", state_of(pid));
        other.kill().expect("killed");
        other.wait().expect("dead");
    });
}

fn thousand_dead_orphans() {
    at_levels(&ALL, async |rig, _| {
        let program = "
import os
for i in range(1000):
    if os.fork() == 0:
        if os.fork(): os._exit(0)
        os.setsid()
        os._exit(0)
    os.wait()
";
        let done = soon("the end", rig.run(python(program))).await;
        assert_eq!(done.report.exit, Exit::Code(0));
        // Who is caught on its way out counts; nobody else.
        assert!(done.sweep.leftovers <= 2, "{}", done.sweep.leftovers);
        let is_ours = |pid: &u32| state_of(*pid) == Some('Z') && *pid != Pid::this().as_raw().unsigned_abs();
        until("no zombie is left", || processes().filter(is_ours).count() == 0);
    });
}
