//! How fast it is. Only printed: a busy machine is no failure.

use std::process::{Command as Process, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use provisor_actors::os::guardian::{self, GuardianHandle, GuardianOptions};

use crate::executing::execute;
use crate::harness::{Case, Rig, command, next, with_rig};

pub(crate) const CASES: &[Case] = &[Case("two_thousand_quick_ones", two_thousand_quick_ones)];

fn two_thousand_quick_ones() {
    with_rig(async |rig| {
        let start = Instant::now();
        many(&rig, 2000, 8).await;
        println!("2000 children, 8 at a time: {:.0} per second", 2000.0 / start.elapsed().as_secs_f64());
    });
}

/// So many children, so many at a time.
async fn many(rig: &Rc<Rig>, count: usize, at_a_time: usize) {
    let workers: Vec<_> = (0..at_a_time)
        .map(|_| {
            let rig = Rc::clone(rig);
            tokio::task::spawn_local(async move {
                for _ in 0..count / at_a_time {
                    let done = rig.run(command(&["/bin/true"])).await;
                    assert_eq!(done.sweep.leftovers, 0);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("no panic");
    }
}

/// Rates and CPU, against the standard library's posix_spawn.
pub(crate) fn measure() {
    starting();
    chatty();
    const COUNT: usize = 4000;
    for at_a_time in [1, 2, 16, 64] {
        with_rig(async |rig| {
            many(&rig, 200, at_a_time).await;
            let (start, ours, theirs) = (Instant::now(), own_cpu(), cpu_of(rig.guardian));
            many(&rig, COUNT, at_a_time).await;
            let (ours, theirs) = (own_cpu() - ours, cpu_of(rig.guardian) - theirs);
            report(&format!("guardian, {at_a_time} at a time"), COUNT, start.elapsed(), ours, theirs);
        });
    }
    for at_a_time in [1, 2, 16] {
        let (start, ours) = (Instant::now(), own_cpu());
        plain(COUNT, at_a_time);
        report(
            &format!("std, {at_a_time} threads"),
            COUNT,
            start.elapsed(),
            own_cpu() - ours,
            Duration::ZERO,
        );
    }
    living();
}

/// Guardians, forked and executed by turns, from when they are asked for until they are ready, and until they have left.
fn starting() {
    let fork = || guardian::start(GuardianOptions::default()).expect("a guardian");
    let ways: [(&str, &dyn Fn() -> GuardianHandle); 2] = [("forked", &fork), ("executed", &execute)];
    let mut times = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    for _ in 0..200 {
        for ((_, make), (ready, gone)) in ways.iter().zip(&mut times) {
            let start = Instant::now();
            let guardian = make();
            ready.push(start.elapsed());
            guardian.end();
            gone.push(start.elapsed());
        }
    }
    for ((name, _), (mut ready, mut gone)) in ways.iter().zip(times) {
        ready.sort();
        gone.sort();
        println!(
            "a guardian, {name}: ready after {:.2?}, gone after {:.2?} (medians)",
            ready[100], gone[100]
        );
    }
}

/// Bytes from several children at once.
fn chatty() {
    with_rig(async |rig| {
        let (start, ours) = (Instant::now(), own_cpu());
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let rig = Rc::clone(&rig);
                tokio::task::spawn_local(async move {
                    let mut launched =
                        rig.start(command(&["/usr/bin/head", "-c", "500000000", "/dev/zero"])).await;
                    while next(&mut launched.output).await.is_some() {}
                    launched.exit.await.expect("an exit");
                    launched.child.sweep().await.expect("a sweep");
                })
            })
            .collect();
        for worker in workers {
            worker.await.expect("no panic");
        }
        println!(
            "4 children of 500 MB: {:.2} GB per second, {:.0} ms of the supervisor's CPU for each GB",
            2.0 / start.elapsed().as_secs_f64(),
            (own_cpu() - ours).as_secs_f64() * 500.0
        );
    });
}

fn report(what: &str, count: usize, wall: Duration, ours: Duration, theirs: Duration) {
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(u32::try_from(count).expect("a count"));
    println!(
        "{what}: {:.0} per second; CPU per child: supervisor {:.0} us, guardian {:.0} us",
        1e6 / each(wall),
        each(ours),
        each(theirs)
    );
}

/// Quick ones beside many that live.
fn living() {
    with_rig(async |rig| {
        let mut kept = Vec::new();
        for living in [300, 1000, 3000] {
            while kept.len() < living {
                kept.push(rig.start(command(&["/bin/sleep", "1000"])).await);
            }
            let (start, ours, theirs) = (Instant::now(), own_cpu(), cpu_of(rig.guardian));
            many(&rig, 1000, 8).await;
            let (ours, theirs) = (own_cpu() - ours, cpu_of(rig.guardian) - theirs);
            report(&format!("beside {living} that live"), 1000, start.elapsed(), ours, theirs);
        }
    });
}

fn plain(count: usize, threads: usize) {
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            std::thread::spawn(move || {
                for _ in 0..count / threads {
                    let mut process = Process::new("/bin/true");
                    process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
                    process.output().expect("it runs");
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
}

fn own_cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("usage");
    let part = |time: nix::sys::time::TimeVal| {
        Duration::from_micros(u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).expect("a time"))
    };
    part(usage.user_time()) + part(usage.system_time())
}

/// From the scheduler's own account, in nanoseconds.
fn cpu_of(pid: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let first = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(first.unwrap_or(0))
}
