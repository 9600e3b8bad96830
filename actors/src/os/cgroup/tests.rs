//! Against this machine's own hierarchies, where they are writable.

use std::process::{Child, Command, Stdio};

use super::super::sweep::Sweep;
use super::folder::is_member;
use super::*;

/// The groups of a run that is this test; none where the machine does not let us.
fn groups(name: &str) -> Option<RunGroups> {
    let token = format!("test-{name}-{}", std::process::id());
    match RunGroups::make(&token, true, &[]) {
        (groups, None) => Some(groups),
        (groups, Some(why)) => {
            groups.end(Duration::ZERO);
            skip(&why.to_string());
            None
        }
    }
}

#[expect(clippy::print_stdout, reason = "how a test says that it could not do its work")]
fn skip(why: &str) {
    println!("skipped: {why}");
}

/// A process that waits for its end, in these groups.
fn inhabitant(groups: &QueryGroups) -> Child {
    inhabitant_of(&groups.folders_of_test())
}

fn inhabitant_of(folders: &[PathBuf]) -> Child {
    let child = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().expect("sleep");
    for folder in folders {
        Folder::at(folder.clone()).write("cgroup.procs", &child.id().to_string()).expect("moved");
    }
    child
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "in vain: {what}");
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_group_is_killed_with_what_is_below_it_and_removed() {
    let Some(mut run) = groups("kill") else { return };
    let query = run.admit(TreeLimits::default()).expect("a group");
    let folder = query.unified().expect("in the unified hierarchy");
    assert_eq!(folder.path(), run.unified().expect("it is there").join("g1"));
    assert!(!folder.populated().expect("it says so") && folder.members().is_empty());
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).expect("made");
    let mut children = [inhabitant(&query), inhabitant_of(std::slice::from_ref(&inner))];
    let mut pids = children.each_ref().map(|child| i32::try_from(child.id()).expect("a pid")).to_vec();
    let mut members = folder.members();
    pids.sort_unstable();
    members.sort_unstable();
    assert_eq!(members, pids);
    assert!(folder.populated().expect("it says so"));
    assert!(query.remove().is_err(), "it is not empty");
    // It freezes itself and takes away the permissions.
    Folder::at(inner.clone()).write("cgroup.freeze", "1").expect("frozen");
    for path in
        [inner.join("cgroup.procs"), inner.join("cgroup.freeze"), inner, folder.path().join("cgroup.kill")]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).expect("they are ours");
    }
    folder.kill().expect("killed");
    until("nobody lives there", || !folder.populated().expect("it says so"));
    for child in &mut children {
        assert!(!child.wait().expect("it is dead").success());
    }
    query.remove().expect("removed");
    assert!(!folder.path().exists());
    assert!(!folder.populated().expect("what is gone is empty") && folder.kill().is_ok());
    assert!(run.end(Duration::from_secs(5)));
    assert!(!run.unified().expect("it was there").exists());
}

#[test]
fn what_a_run_has_left_is_ended_by_its_path() {
    let Some(mut run) = groups("left") else { return };
    let query = run.admit(TreeLimits::default()).expect("a group");
    let mut child = inhabitant(&query);
    let path = run.unified().expect("it is there").to_owned();
    assert!(end_left(&[path.with_file_name("another")], Duration::ZERO), "that is no run's");
    assert!(path.exists() && child.try_wait().expect("it can be asked").is_none());
    let paths = run.paths();
    let ended = std::thread::spawn(move || end_left(&paths, Duration::from_secs(20)));
    assert!(!child.wait().expect("it is dead").success());
    assert!(ended.join().expect("no panic") && !path.exists());
}

#[test]
fn limits_are_held_and_leave_evidence() {
    let Some(mut run) = groups("limits") else { return };
    if run.memory.is_none() || run.processes.is_none() {
        run.end(Duration::ZERO);
        return skip("no controller for memory or processes is ours");
    }
    let limits = TreeLimits { memory: Some(30 << 20), processes: Some(3), cpu: None };
    let query = run.admit(limits).expect("groups");
    // It waits until it is in, then forks more than it may, then takes more than it may.
    let program = "
import os, sys, time
sys.stdin.read()
try:
    for i in range(5):
        if os.fork() == 0: time.sleep(1000)
except OSError:
    x = bytearray(200 << 20)
";
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .spawn()
        .expect("python3");
    for folder in query.folders_of_test() {
        Folder::at(folder).write("cgroup.procs", &child.id().to_string()).expect("moved");
    }
    drop(child.stdin.take());
    let status = child.wait().expect("it is dead");
    assert!(query.ran_into_its_limit());
    assert_eq!(query.hold(), (true, true));
    assert!(query.oom_kills() >= 1 && query.refused_processes() >= 1, "{status} {query:?}");
    assert!(query.cpu().is_some_and(|cpu| cpu > Duration::ZERO), "{query:?}");
    query.unified().expect("it is there").kill().expect("killed");
    until("nobody lives there", || query.remove().is_ok());
    assert!(run.end(Duration::from_secs(5)));
    assert!(run.paths().iter().all(|path| !path.exists()));
}

#[test]
fn without_a_limit_no_group_of_version_1_is_made() {
    let Some(mut run) = groups("plain") else { return };
    let query = run.admit(TreeLimits::default()).expect("a group");
    assert_eq!(query.folders_of_test(), [run.unified().expect("it is there").join("g1")]);
    query.remove().expect("removed");
    assert!(run.end(Duration::ZERO));
}

#[test]
fn only_so_many_groups_are_kept_and_none_that_was_busy() {
    let Some(mut run) = groups("spare") else { return };
    let made: Vec<_> = (0..=SPARE).map(|_| run.admit(TreeLimits::default()).expect("a group")).collect();
    let paths: Vec<_> = made.iter().flat_map(QueryGroups::folders_of_test).collect();
    made.into_iter().for_each(|query| run.release(query, true));
    assert_eq!(paths.iter().filter(|path| path.exists()).count(), SPARE);
    let query = run.admit(TreeLimits::default()).expect("a group");
    assert!(paths.contains(&query.folders_of_test()[0]) && run.spare.len() == SPARE - 1);
    let mut child = inhabitant(&query);
    run.release(query, true);
    let frozen = run.admit(TreeLimits::default()).expect("a group");
    frozen.unified().expect("it is there").write("cgroup.freeze", "1").expect("frozen");
    run.release(frozen, true);
    let suspect = run.admit(TreeLimits::default()).expect("a group");
    run.release(suspect, false);
    assert_eq!(run.spare.len(), SPARE - 3, "one is busy, one is frozen, one may have been killed");
    let ended = std::thread::spawn(move || run.end(Duration::from_secs(20)));
    assert!(!child.wait().expect("it is dead").success());
    assert!(ended.join().expect("no panic"));
}

#[test]
fn a_run_without_groups_admits_everybody() {
    let mut run = RunGroups::none();
    let limits = TreeLimits { memory: Some(1), processes: Some(1), cpu: None };
    let query = run.admit(limits).expect("nothing to make");
    assert!(query.unified().is_none() && query.hold() == (false, false) && query.remove().is_ok());
    let (run, why) = RunGroups::make_in(Places::default(), "x", true, &[]);
    assert!(matches!(why, Some(Unavailable::NoHierarchy)) && run.paths().is_empty());
    let places = Places { unified: Some("/proc".into()), ..Places::default() };
    let (_, why) = RunGroups::make_in(places, "x", true, &[]);
    assert!(matches!(why, Some(Unavailable::NotOurs { .. })), "{why:?}");
}

/// Who is in a group that was killed with the leader is dying, even where nothing shows that yet.
#[test]
fn who_is_in_a_group_that_was_killed_with_its_leader_has_not_outlived_it() {
    let Some(mut run) = groups("with-leader") else { return };
    for (was_killed, leftovers) in [(false, 1), (true, 0)] {
        let query = run.admit(TreeLimits::default()).expect("a group");
        let folder = query.unified().expect("in the unified hierarchy");
        if was_killed {
            folder.kill().expect("killed, with nobody in it");
        }
        // One that shows nothing of its end: it was not there.
        let mut child = inhabitant(&query);
        let mut sweep = Sweep::new(Some(folder));
        assert!(!sweep.kill_group(folder));
        child.wait().expect("it was killed");
        until("it is seen to be empty", || !folder.populated().unwrap_or(true));
        assert!(sweep.kill_group(folder));
        assert_eq!(sweep.leftovers(), leftovers, "{was_killed}");
        run.release(query, false);
    }
    assert!(run.end(Duration::from_secs(20)));
}

#[test]
fn whoever_looks_finds_who_is_in_a_group_or_below_it() {
    let group = Path::new("/sys/fs/cgroup/a/provisor-t/g1");
    for (membership, is_in_it) in [
        ("4:pids:/x\n0::/a/provisor-t/g1\n", true),
        ("0::/provisor-t/g1/inner\n", true),
        ("0::/../a/provisor-t/g1\n", true),
        ("0::/a/provisor-t/g11\n", false),
        ("0::/a/provisor-t\n", false),
        ("4:pids:/a/provisor-t/g1\n0::/\n", false),
        ("", false),
    ] {
        assert_eq!(is_member(membership.as_bytes(), group), is_in_it, "{membership}");
    }
}
