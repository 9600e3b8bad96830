//! When something is short: descriptors on either end, room in the socket.

use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use provisor_actors::os::{Launch, Transience};
use provisor_core::cause::{Exit, StopMethod};
use provisor_core::plan::{Command, Stdin};

use crate::harness::{
    COOKIE, Case, Rig, command, finish, marked, new_guardian, shell, soon, until, with_rig, with_rig_over,
};
use crate::injected::Injected;

pub(crate) const CASES: &[Case] = &[
    Case("shortage_is_transient", shortage_is_transient),
    Case("own_shortage_is_transient", own_shortage_is_transient),
    Case("requests_wait_in_order", requests_wait_in_order),
    Case("requests_wait_for_the_kernels_memory", requests_wait_for_the_kernels_memory),
];

fn limit_open_files(soft: u64) -> u64 {
    let (was, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).expect("a limit");
    was
}

/// Starts children until one is refused for a shortage, ends them, and sees that there is none any more.
async fn exhaust(rig: &Rig, stdin: Stdin, relieve: impl FnOnce()) {
    let mut living = Vec::new();
    let error = loop {
        match rig.launch(Command { stdin: stdin.clone(), ..command(&["/bin/sleep", "1000"]) }).await {
            Ok(launched) => living.push(launched),
            Err(error) => break error,
        }
        assert!(living.len() < 100, "the limit is not reached");
    };
    assert_eq!(error.transience, Transience::Exhausted, "{}", error.text);
    assert!(!living.is_empty());
    relieve();
    for mut launched in living {
        launched.child.signal(StopMethod::Kill);
        launched.exit.await.expect("an exit");
        launched.child.sweep().await.expect("a sweep");
    }
    until("nobody is left", || marked(COOKIE).is_empty());
    assert_eq!(rig.run(shell("exit 4")).await.report.exit, Exit::Code(4));
}

fn shortage_is_transient() {
    for limit in 24..30 {
        let was = limit_open_files(limit);
        with_rig_over(new_guardian(), Vec::new(), async |rig| {
            limit_open_files(was);
            exhaust(&rig, Stdin::Null, || ()).await;
            // The guardian cannot even take the descriptor over.
            exhaust(&rig, Stdin::Text("x".into()), || ()).await;
        });
    }
}

fn own_shortage_is_transient() {
    with_rig(async |rig| {
        for limit in 30..40 {
            let was = limit_open_files(limit);
            exhaust(&rig, Stdin::Null, || {
                limit_open_files(was);
            })
            .await;
        }
    });
}

fn requests_wait_in_order() {
    with_rig(async |rig| {
        let guardian = Pid::from_raw(i32::try_from(rig.guardian).expect("a pid"));
        kill(guardian, Signal::SIGSTOP).expect("stopped");
        // Far more than the socket takes.
        let argument = "x".repeat(40_000);
        let mut launches = Vec::new();
        for index in 0..40 {
            let words = ["/bin/sh", "-c", "echo $2", "sh", &argument, &index.to_string()];
            let request = rig.request(command(&words));
            launches.push(tokio::task::spawn_local(rig.launcher.launch(request)));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        kill(guardian, Signal::SIGCONT).expect("continued");
        for (index, launch) in launches.into_iter().enumerate() {
            let launched = soon("a start", launch).await.expect("no panic").expect("it starts");
            assert_eq!(finish(launched).await.text().trim(), index.to_string());
        }
    });
}

/// Nothing tells when there is some again: nothing is on its way, so that the socket is never said to have room.
fn requests_wait_for_the_kernels_memory() {
    with_rig(async |rig| {
        assert_eq!(rig.run(shell("exit 3")).await.report.exit, Exit::Code(3), "it is at work");
        let short = "sendmsg:error=ENOBUFS:when=1..3";
        let Some(_injected) = Injected::into(std::process::id(), &[short]) else { return };
        assert_eq!(soon("the end", rig.run(shell("exit 4"))).await.report.exit, Exit::Code(4));
    });
}
