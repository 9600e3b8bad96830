//! The control group of a query: how its leader comes into it, whom it serves next, who hides in it and who leaves it.

use std::fs;
use std::time::Duration;

use provisor_actors::os::contain::Contain;
use provisor_actors::os::{Launch, LaunchRequest, TreeLimits};
use provisor_core::cause::{Exit, StopMethod};
use provisor_core::containment::Containment;

use crate::containing::contained_or_skipped;
use crate::harness::{COOKIE, Case, command, finish, line, python, shell, soon, until, with_rig_over};
use crate::injected::Injected;
use crate::trees::{at_levels, sleepers};

/// The levels at which there are groups.
const BOTH: [Containment; 2] = [Containment::Cgroup, Containment::Namespace];

pub(crate) const CASES: &[Case] = &[
    Case("born_into_its_group", born_into_its_group),
    Case("born_into_its_group_by_an_old_kernel", born_into_its_group_by_an_old_kernel),
    Case(
        "a_group_serves_again_as_long_as_it_is_as_it_was_made",
        a_group_serves_again_as_long_as_it_is_as_it_was_made,
    ),
    Case("nobody_is_born_into_a_group_that_was_killed", nobody_is_born_into_a_group_that_was_killed),
    Case("born_from_a_group_that_was_killed_once", born_from_a_group_that_was_killed_once),
    Case("frozen_in_a_group_of_its_own", frozen_in_a_group_of_its_own),
    Case("who_leaves_its_group_is_found_by_its_cookie", who_leaves_its_group_is_found_by_its_cookie),
];

fn born_into_its_group() {
    at_levels(&BOTH, async |rig, group| {
        let Some(group) = group else { return println!("skipped: no group is ours to make") };
        let name = group.file_name().expect("a name").to_string_lossy().into_owned();
        for own in ["g1", "g2"] {
            let mut launched = rig.start(shell("grep ^0:: /proc/self/cgroup; exec sleep 1000")).await;
            let said = line(&mut launched.output).await;
            assert!(said.ends_with(&format!("/{name}/{own}")), "{said}");
            launched.child.signal(StopMethod::Kill);
            finish(launched).await;
            assert!(!group.join(own).exists(), "what was killed goes with its query");
        }
        assert!(rig.launch(command(&["/no/such/program"])).await.is_err());
        assert_eq!(rig.run(shell("exit 3")).await.report.exit, Exit::Code(3));
        assert!(!group.join("g4").exists(), "what was not started has used up none");
    });
}

/// The group that a query leaves serves the next one, unless something was done to it.
fn a_group_serves_again_as_long_as_it_is_as_it_was_made() {
    at_levels(&BOTH, async |rig, group| {
        let Some(group) = group else { return println!("skipped: no group is ours to make") };
        let asks = |then: &str| {
            let own = "$(sed -n 's/^0::.*\\///p' /proc/self/cgroup)";
            shell(&format!("own={}/{own}; echo ${{own##*/}}; {then}", group.display()))
        };
        let run = async |then: &str| rig.run(asks(then)).await.text().trim().to_owned();
        assert_eq!(run("").await, "g1");
        assert_eq!(run("mkdir $own/inner").await, "g1");
        assert_eq!(run("setsid sleep 1000 >&- 2>&- &").await, "g2", "there was one in g1");
        assert!(!group.join("g1").exists(), "what was changed is removed");
        let limits = TreeLimits { cpu: Some(Duration::from_secs(1000)), ..TreeLimits::default() };
        let request = LaunchRequest { limits, ..rig.request(asks("")) };
        let counted = finish(rig.launcher.launch(request).await.expect("it starts")).await;
        assert_eq!(counted.text().trim(), "g3", "g2 was killed");
        assert_eq!(run("").await, "g4", "CPU time was counted in g3");
        assert_eq!(run("").await, "g4");
        assert!(!group.join("g3").exists());
    });
}

/// By hand, by a stranger, by the query itself: newer kernels would kill whoever is born there next.
fn nobody_is_born_into_a_group_that_was_killed() {
    at_levels(&BOTH, async |rig, group| {
        let Some(group) = group else { return println!("skipped: no group is ours to make") };
        let launched = rig.start(command(&["/bin/sleep", "1000"])).await;
        fs::write(group.join("g1/cgroup.kill"), "1").expect("killed");
        assert_eq!(finish(launched).await.report.exit, Exit::Signal(9));
        assert_eq!(rig.run(shell("exit 3")).await.report.exit, Exit::Code(3));
        assert!(!group.join("g1").exists());
    });
}

/// Since Linux 6.14 whoever is born from such a group into another one is killed.
fn born_from_a_group_that_was_killed_once() {
    let Some((_, contained)) = contained_or_skipped(Containment::Cgroup) else { return };
    let Some(own) = contained
        .groups
        .iter()
        .find_map(|group| group.join("cgroup.kill").exists().then(|| group.parent().expect("our own")))
    else {
        return println!("skipped: no group is ours to make");
    };
    let place = own.join(format!("provisor-test-killed-{}", std::process::id()));
    if let Err(error) = fs::create_dir(&place) {
        return println!("skipped: no group is ours to make: {error}");
    }
    fs::write(place.join("cgroup.kill"), "1").expect("killed");
    fs::write(place.join("cgroup.procs"), "0").expect("we go there");
    at_levels(&BOTH, async |rig, group| {
        assert!(group.is_some_and(|group| group.starts_with(&place)));
        assert_eq!(rig.run(shell("sh -c 'exit 3'")).await.report.exit, Exit::Code(3));
    });
    fs::write(own.join("cgroup.procs"), "0").expect("we go back");
    fs::remove_dir(place).expect("nobody is there");
}

/// A kernel that cannot clone into a group, or a filter that does not let us.
fn born_into_its_group_by_an_old_kernel() {
    at_levels(&[Containment::Cgroup], async |rig, group| {
        let Some(group) = group else { return println!("skipped: no group is ours to make") };
        let Some(injected) = Injected::into(rig.guardian, &["clone3:error=ENOSYS"]) else { return };
        let done = rig.run(shell("grep ^0:: /proc/self/cgroup")).await;
        let name = group.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(done.text().trim().ends_with(&format!("/{name}/g1")), "{}", done.text());
        drop(injected);
        assert_eq!(rig.run(shell("exit 3")).await.report.exit, Exit::Code(3));
    });
}

/// It makes a group of its own below its query's, goes there with a child, takes all permissions away, and freezes.
const FROZEN: &str = "
import os, sys, time
own = next(line[3:] for line in open('/proc/self/cgroup').read().split() if line.startswith('0::'))
mount = next(line.split()[4] for line in open('/proc/self/mountinfo') if ' - cgroup2 ' in line)
inner = mount + own + '/inner'
os.mkdir(inner)
open(inner + '/cgroup.procs', 'w').write('0')
if os.fork() == 0:
    os.setsid()
    time.sleep(1000)
freeze = open(inner + '/cgroup.freeze', 'w')
for name in ['cgroup.procs', 'cgroup.freeze', 'cgroup.kill', 'cgroup.events']:
    os.chmod(inner + '/' + name, 0)
    os.chmod(mount + own + '/' + name, 0)
os.chmod(inner, 0)
os.chmod(mount + own, 0)
print('ready', flush=True)
freeze.write('1')
freeze.flush()
time.sleep(1000)
";

fn frozen_in_a_group_of_its_own() {
    at_levels(&BOTH, async |rig, group| {
        let Some(group) = group else { return println!("skipped: no group is ours to make") };
        let mut launched = rig.start(python(FROZEN)).await;
        assert_eq!(line(&mut launched.output).await, "ready");
        let inner = group.join("g1/inner/cgroup.events");
        until("it is frozen", || fs::read_to_string(&inner).is_ok_and(|text| text.contains("frozen 1")));
        launched.child.signal(StopMethod::Kill);
        let done = soon("the end", finish(launched)).await;
        assert_eq!((done.report.exit, done.sweep.leftovers), (Exit::Signal(9), 0));
        assert!(!group.join("g1").exists(), "its groups are removed");
    });
}

/// At once while looking costs nothing, else within a second.
fn who_leaves_its_group_is_found_by_its_cookie() {
    let mut guardian = crate::harness::new_guardian();
    let ask = Contain { containment: Containment::Cgroup, token: &format!("{COOKIE}out") };
    let group = match guardian.contain(ask) {
        Ok(contained) => contained.groups[0].clone(),
        Err(why) => return println!("skipped: {why}"),
    };
    with_rig_over(guardian, std::env::vars_os().collect(), async |rig| {
        let out = group.parent().expect("our own").join("cgroup.procs");
        let script = format!("setsid sh -c 'echo 0 > {}; exec sleep 1000' & exit 0", out.display());
        let cookie = format!("{COOKIE}out/0/1").into();
        let request = LaunchRequest { cookie, ..rig.request(shell(&script)) };
        let mut launched = rig.launcher.launch(request).await.expect("it starts");
        (&mut launched.exit).await.expect("an exit");
        until("it is out", || sleepers() == 1);
        assert!(fs::read_to_string(group.join("g1/cgroup.procs")).is_ok_and(|list| list.is_empty()));
        let sweep = soon("a sweep", launched.child.sweep()).await.expect("a sweep");
        assert!(sweep.leftovers <= 1);
        until("it is gone", || sleepers() == 0);
    });
}
