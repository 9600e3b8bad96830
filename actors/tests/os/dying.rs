//! Thousands of families, and the sudden death of their supervisor, of their guardian, and of both.
//!
//! Each family is a child and a process that has left its session. Who is left is counted; how long it takes is printed
//! and never asserted.

use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command as Process, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use provisor_actors::os::contain::Contain;
use provisor_actors::os::guardian::{self, GuardianOptions};
use provisor_actors::os::orphans::{Orphans, kill_orphans};
use provisor_actors::os::remains::{kill_groups, kill_remains};
use provisor_actors::os::{Launch, LaunchRequest, TreeLimits, signals, token};
use provisor_core::containment::Containment;

use crate::containing::contained_or_skipped;
use crate::harness::{COOKIE, Case, marked, shell, state_of, until, with_rig_over};

pub(crate) const CASES: &[Case] = &[
    Case("thousands_lose_their_supervisor_in_a_namespace", || {
        lose(Containment::Namespace, Victim::Supervisor)
    }),
    Case("thousands_lose_their_supervisor_in_cgroups", || lose(Containment::Cgroup, Victim::Supervisor)),
    Case("thousands_lose_their_supervisor_at_sweep", || lose(Containment::Sweep, Victim::Supervisor)),
    Case("thousands_lose_their_guardian_in_a_namespace", || lose(Containment::Namespace, Victim::Guardian)),
    Case("thousands_lose_their_guardian_in_cgroups", || lose(Containment::Cgroup, Victim::Guardian)),
    Case("thousands_lose_their_guardian_at_sweep", || lose(Containment::Sweep, Victim::Guardian)),
    Case("both_die_in_a_namespace", || lose(Containment::Namespace, Victim::Both)),
    Case("both_die_in_cgroups", || lose(Containment::Cgroup, Victim::Both)),
    Case("both_die_at_sweep", || lose(Containment::Sweep, Victim::Both)),
];

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Supervisor,
    Guardian,
    Both,
}

const FAMILIES: usize = 2000;
/// How many are started at a time.
const AT_ONCE: usize = 16;

/// What this binary does as the supervisor: starts the families, says so, and takes over when its guardian dies.
pub(crate) fn supervise(words: &[String]) {
    let [containment, token] = words else { panic!("a level and a token") };
    let containment = Containment::ALL.into_iter().find(|one| one.word() == containment).expect("a level");
    let open_files = signals::raise_open_files().ok();
    let mut guardian = guardian::start(GuardianOptions { open_files }).expect("a guardian");
    let contained = guardian.contain(Contain { containment, token }).expect("it was possible a moment ago");
    with_rig_over(guardian, std::env::vars_os().collect(), async |rig| {
        let mut kept = Vec::new();
        for first in (0..FAMILIES).step_by(AT_ONCE) {
            let starts = (first..FAMILIES.min(first + AT_ONCE)).map(|number| {
                let cookie = format!("{token}/{number}/1").into();
                let command = shell("setsid -f sleep 1000; exec sleep 1000");
                rig.launcher.launch(LaunchRequest { cookie, command, limits: TreeLimits::default() })
            });
            for started in join_all(starts).await {
                kept.push(started.expect("it starts"));
            }
        }
        println!("{}", rig.guardian);
        contained.groups.iter().for_each(|group| println!("{}", group.display()));
        println!("end");
        rig.launcher.guardian_gone().await;
        kill_groups(&contained.groups, Duration::from_secs(10));
        let (_, is_clean) = kill_orphans(Orphans::All, Duration::from_secs(10));
        println!("{is_clean}");
        kept.into_iter().for_each(std::mem::forget);
    });
}

/// A supervisor with its families.
struct Fleet {
    token: Box<str>,
    supervisor: Child,
    said: Lines<BufReader<ChildStdout>>,
    guardian: u32,
    groups: Vec<PathBuf>,
}

impl Fleet {
    fn start(containment: Containment) -> Self {
        let token: Box<str> = format!("{COOKIE}{}", token::fresh().expect("random")).into();
        let own = std::env::current_exe().expect("a path");
        let mut command = Process::new(own);
        command
            .args(["--role", "fleet", containment.word(), &token])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut supervisor = command.spawn().expect("it starts");
        let mut said = BufReader::new(supervisor.stdout.take().expect("a pipe")).lines();
        let mut line = || said.next().expect("a word").expect("UTF-8");
        let guardian = line().parse().expect("a number");
        let groups =
            std::iter::from_fn(|| Some(line()).filter(|line| line != "end")).map(PathBuf::from).collect();
        until("all families are there", || marked(&token).len() == 2 * FAMILIES);
        Self { token, supervisor, said, guardian, groups }
    }

    fn left(&self) -> usize {
        marked(&self.token).len()
    }
}

fn send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(pid).expect("a pid")), signal).expect("it is there");
}

fn lose(containment: Containment, victim: Victim) {
    if contained_or_skipped(containment).is_none() {
        return;
    }
    let mut fleet = Fleet::start(containment);
    let supervisor = fleet.supervisor.id();
    let begun = Instant::now();
    match victim {
        Victim::Supervisor => send(supervisor, Signal::SIGKILL),
        Victim::Guardian => send(fleet.guardian, Signal::SIGKILL),
        Victim::Both => {
            // Stopped first, so that neither sees the other die.
            send(supervisor, Signal::SIGSTOP);
            until("it stands still", || state_of(supervisor) == Some('T'));
            send(fleet.guardian, Signal::SIGKILL);
            send(supervisor, Signal::SIGKILL);
        }
    }
    // Without a namespace, those that have left their leaders are there until somebody looks for them.
    let beyond = victim == Victim::Both && containment != Containment::Namespace;
    until("nobody is left who should not be", || fleet.left() == if beyond { FAMILIES } else { 0 });
    println!(
        "{containment:?}, {victim:?} killed: {} processes gone after {:.2?}",
        2 * FAMILIES,
        begun.elapsed()
    );
    if victim == Victim::Guardian {
        assert_eq!(
            fleet.said.next().expect("a word").expect("UTF-8"),
            "true",
            "nothing is left, and it knows"
        );
        assert!(fleet.supervisor.wait().expect("it ends").success());
    } else {
        fleet.supervisor.wait().expect("it is dead");
    }
    if victim == Victim::Both {
        let begun = Instant::now();
        let remains =
            kill_remains(std::slice::from_ref(&fleet.token), &fleet.groups, None, Duration::from_secs(60));
        assert_eq!((&*remains.left, remains.is_group_left), (&[][..], false));
        assert_eq!(remains.killed as usize, if beyond { FAMILIES } else { 0 });
        println!("{containment:?}: {} that both had left gone after {:.2?}", remains.killed, begun.elapsed());
        assert_eq!(fleet.left(), 0);
    }
    until("the guardian has left", || state_of(fleet.guardian).is_none_or(|state| state == 'Z'));
    let groups = fleet.groups.iter().filter(|group| group.exists()).collect::<Vec<_>>();
    assert!(groups.is_empty(), "left: {groups:?}");
}
