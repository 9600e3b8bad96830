//! The levels of containment: what each gives its children, and what it leaves when somebody dies.

use std::fs;

use provisor_actors::os::contain::{Contain, ContainError, Contained};
use provisor_actors::os::guardian::{self, GuardianHandle, GuardianOptions};
use provisor_core::containment::{Containment, Level};

use crate::harness::{COOKIE, Case, line, marked, pairs, python, shell, state_of, until, with_rig_over};

pub(crate) const CASES: &[Case] = &[
    Case("levels_are_what_was_asked", levels_are_what_was_asked),
    Case("first_process_of_a_namespace", first_process_of_a_namespace),
    Case("guardian_is_told_once", guardian_is_told_once),
    Case("groups_alone_let_escape", groups_alone_let_escape),
];

/// A guardian that has been told what to hold its children together with.
pub(crate) fn contained(containment: Containment) -> Result<(GuardianHandle, Contained), ContainError> {
    let mut guardian = guardian::start(GuardianOptions::default())?;
    let token = provisor_actors::os::token::fresh()?;
    let contained = guardian.contain(Contain { containment, token: &token })?;
    Ok((guardian, contained))
}

/// The same, or a line that says why this machine has no such thing.
pub(crate) fn contained_or_skipped(containment: Containment) -> Option<(GuardianHandle, Contained)> {
    match contained(containment) {
        Ok(contained) => Some(contained),
        Err(ContainError::Impossible(why)) => {
            println!("skipped: {containment:?}: {why}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The cases of other files that are done once more with the guardian as the first process of a namespace.
pub(crate) const AGAIN: &[&str] = &[
    "environment_is_exactly_that",
    "only_three_descriptors",
    "signals_are_as_by_default",
    "limits_are_the_users",
    "dropped_launch_leaves_nothing",
    "grandchild_holds_the_pipe",
    "death_by_signal",
    "term_ignored_then_kill",
    "kill_takes_the_whole_tree",
    "setsid_grandchild_is_swept",
    "double_fork_is_swept",
    "cleared_environment_is_swept",
    "tree_of_escapees_is_swept",
    "dropped_child_is_killed",
    "pause_and_continue",
    "killed_supervisor_takes_all_along",
    "close_kills_what_runs",
    "launches_from_other_threads",
];

fn environment() -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    std::env::vars_os().collect()
}

fn levels_are_what_was_asked() {
    for containment in Containment::ALL {
        let Some((guardian, contained)) = contained_or_skipped(containment) else { continue };
        let Contained { level, weaker_because, groups } = contained;
        println!("{containment:?}: {} {weaker_because:?} {groups:?}", level.word());
        match containment {
            Containment::Auto => {}
            Containment::Namespace => assert!(level.has_namespace()),
            Containment::Cgroup => assert_eq!(level, Level::Cgroup),
            Containment::Sweep => assert_eq!(level, Level::Sweep),
            Containment::Group => assert_eq!(level, Level::Group),
        }
        let comm = fs::read_to_string(format!("/proc/{}/comm", guardian.pid())).expect("it is there");
        assert_eq!(comm, "pv-guardian\n");
        with_rig_over(guardian, environment(), async |rig| {
            let done = rig.run(shell("echo $PPID; readlink /proc/self/ns/pid")).await;
            let text = done.text();
            let mut lines = text.lines();
            let parent: u32 = lines.next().expect("a parent").parse().expect("a number");
            assert_eq!(parent, if level.has_namespace() { 1 } else { rig.guardian });
            let ours = fs::read_link("/proc/self/ns/pid").expect("it is there");
            assert_eq!(lines.next() == ours.to_str(), !level.has_namespace());
        });
    }
}

/// Who is in the namespace sees only what is in it, and cannot end its first process.
fn first_process_of_a_namespace() {
    let Some((guardian, _)) = contained_or_skipped(Containment::Namespace) else { return };
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("it is there");
    with_rig_over(guardian, environment(), async |rig| {
        let done = rig
            .run(python(
                "
import os, signal
pids = [name for name in os.listdir('/proc') if name.isdigit()]
print('processes=%d' % len(pids))
print('first=' + open('/proc/1/comm').read().strip())
print('line=' + open('/proc/1/cmdline').read().strip(chr(0)))
print('descriptors=' + ' '.join(sorted(os.listdir('/proc/self/fd'))[:3]))
print('ids=%d %d' % (os.getuid(), os.getgid()))
os.kill(1, signal.SIGKILL)
for number in (1, 2, 15):
    os.kill(1, number)
print('first=' + open('/proc/1/comm').read().strip())
",
            ))
            .await;
        let text = done.text();
        let said = pairs(&text);
        assert_eq!(
            (said["processes"], said["first"], said["line"]),
            ("2", "pv-guardian", "pv-guardian"),
            "{text}"
        );
        assert_eq!(said["descriptors"], "0 1 2");
        assert_eq!(state_of(rig.guardian).map(|state| state == 'Z'), Some(false));
    });
    assert_eq!(
        fs::read_to_string("/proc/self/mountinfo").expect("it is there"),
        mounts,
        "nothing of it is seen outside"
    );
}

fn guardian_is_told_once() {
    let (mut guardian, _) = contained(Containment::Sweep).expect("always possible");
    let again = guardian.contain(Contain { containment: Containment::Group, token: "x" });
    assert!(matches!(again, Err(ContainError::Guardian(_))), "{again:?}");
    with_rig_over(guardian, environment(), async |rig| {
        assert_eq!(rig.run(shell("echo works")).await.text(), "works\n");
    });
}

/// `group` does no more than it says: this is what the others are for.
fn groups_alone_let_escape() {
    let (guardian, _) = contained(Containment::Group).expect("always possible");
    with_rig_over(guardian, environment(), async |rig| {
        let mut family =
            rig.start(shell("sleep 1000 & setsid sh -c 'echo ready; exec sleep 1000' & wait")).await;
        assert_eq!(line(&mut family.output).await, "ready");
        until("three of them", || marked(COOKIE).len() == 3);
        family.child.signal(provisor_core::cause::StopMethod::Kill);
        (&mut family.exit).await.expect("an exit");
        let sweep = family.child.sweep().await.expect("a sweep");
        assert_eq!(sweep.leftovers, 0, "nobody counts");
        until("the group is dead", || marked(COOKIE).len() == 1);
    });
    let left = marked(COOKIE);
    assert_eq!(left.len(), 1, "who has a session of its own lives on");
    for pid in left {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("a pid"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("killed");
    }
    until("it is dead", || marked(COOKIE).is_empty());
}
