//! Groups that are asked for by the handle: OTP's rules on real children, as a service sees them.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use provisor::{
    Command, Event, GroupSettings, Intensity, Local, MemberSettings, Plan, Ports, Query, Refusal, Restart,
    Runtime, RuntimeHandle, Strategy, SubmitError, Subscription, Told,
};

use crate::{TrialOf, block_on};

pub(crate) const TRIALS: &[TrialOf] = &[
    ("a_transient_child_process_is_restarted_only_if_it_terminates_abnormally", transient),
    ("a_permanent_child_process_is_always_restarted_until_there_are_too_many", permanent),
    ("a_temporary_child_process_is_never_restarted", temporary),
    ("if_one_child_process_terminates_all_are_restarted", one_for_all),
    ("only_the_rest_of_the_child_processes_are_restarted", rest_for_one),
    ("they_are_terminated_in_reverse_start_order", reverse_start_order),
    ("nobody_stands_in_a_group_that_is_not_there", no_such_group),
];

/// A folder that goes with the trial, in which a script counts its starts.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("provisor-caring-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    /// A member that fails so many times and does this then.
    fn member(&self, id: &str, failures: u32, then: &str, restart: Restart) -> Query {
        let script = format!("echo x >> {id}; test $(wc -l < {id}) -le {failures} && exit 1; {then}");
        let command = Command::of(["sh".to_owned(), "-c".into(), script]).in_dir(&self.0);
        let settings = MemberSettings { restart, ..MemberSettings::default() };
        Query::new(id, command).grace(Duration::from_secs(20)).member_of(0, settings)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A runtime with one group, in which so many restarts are well.
async fn runtime(strategy: Strategy, restarts: u32) -> (RuntimeHandle, Subscription) {
    let intensity = Intensity { restarts, within: Duration::from_secs(3600) };
    let settings = GroupSettings { strategy, intensity, ..GroupSettings::default() };
    let plan = Plan::new("caring", Vec::new()).at_once(8).with_group("g", settings, None);
    let handle = Runtime::start(plan, Ports::new(Local::default().factory())).await.expect("it starts");
    let events = handle.subscribe(10_000);
    (handle, events)
}

/// The attempts of a query that were started, in order, as far as they were told until the run was over.
async fn starts(events: &mut Subscription, id: &str) -> Vec<u32> {
    let mut attempts = Vec::new();
    while let Some(told) = events.next().await {
        if let Told::Event { query: Some(query), event: Event::Started { attempt, .. } } = told
            && &*query == id
        {
            attempts.push(attempt);
        }
    }
    attempts
}

fn transient() {
    block_on(async {
        let folder = Folder::new("transient");
        let (handle, mut events) = runtime(Strategy::OneForOne, 5).await;
        let row =
            handle.submit(folder.member("a", 2, "exit 0", Restart::Transient)).await.expect("taken in").await;
        let row = row.expect("its row");
        assert_eq!(
            (row.attempt, row.outcome.cause_word()),
            (3, "exited"),
            "its ticket is that of its last end"
        );
        let ending = handle.drain().await.expect("it ends");
        assert!(ending.failed_groups.is_empty());
        assert_eq!(starts(&mut events, "a").await, [1, 2, 3]);
    });
}

fn permanent() {
    block_on(async {
        let folder = Folder::new("permanent");
        let (handle, mut events) = runtime(Strategy::OneForOne, 2).await;
        handle.submit(folder.member("a", 0, "exit 0", Restart::Permanent)).await.expect("taken in");
        let ending = handle.drain().await.expect("it ends");
        assert_eq!(ending.failed_groups, ["g".into()], "two restarts are well, a third one is not");
        assert_eq!(starts(&mut events, "a").await, [1, 2, 3]);
    });
}

fn temporary() {
    block_on(async {
        let folder = Folder::new("temporary");
        let (handle, mut events) = runtime(Strategy::OneForOne, 5).await;
        let row =
            handle.submit(folder.member("a", 1, "exit 0", Restart::Temporary)).await.expect("taken in").await;
        assert_eq!(row.expect("its row").outcome.judgement.verdict.as_deref(), Some("failed"));
        handle.drain().await.expect("it ends");
        assert_eq!(starts(&mut events, "a").await, [1]);
    });
}

/// A server that lives until it is ended, and work that fails once.
fn one_for_all() {
    with_a_server_before("all", Strategy::OneForAll, &[1, 2]);
}

/// The server was started before the work, so that it is not one of the rest.
fn rest_for_one() {
    with_a_server_before("rest", Strategy::RestForOne, &[1]);
}

fn with_a_server_before(name: &str, strategy: Strategy, attempts: &[u32]) {
    block_on(async {
        let folder = Folder::new(name);
        let (handle, mut events) = runtime(strategy, 5).await;
        let server = folder.member("server", 0, "echo up >> up; exec sleep 1000", Restart::Transient);
        let server = handle.submit(server).await.expect("taken in");
        // It fails when the server is there, and is done when it is there (again).
        let wait = format!("until test $(wc -l < up) -ge {}; do sleep 0.01; done", attempts.len());
        let fails_once = "until test -s up; do sleep 0.01; done; test -e once || { touch once; exit 1; }; ";
        let work = folder.member("work", 0, &format!("{fails_once}{wait}"), Restart::Transient);
        let row = handle.submit(work).await.expect("taken in").await.expect("its row");
        assert_eq!((row.attempt, row.outcome.judgement.verdict.as_deref()), (2, Some("ok")));
        handle.cancel("server", provisor::StopMethod::Term).await;
        assert_eq!(server.await.expect("its row").outcome.cause_word(), "cancelled");
        handle.drain().await.expect("it ends");
        assert_eq!(starts(&mut events, "server").await, attempts);
    });
}

/// Each is waited for before the next one is asked: they end from the last to the first.
fn reverse_start_order() {
    block_on(async {
        let folder = Folder::new("reverse");
        let (handle, mut events) = runtime(Strategy::OneForOne, 0).await;
        for id in ["first", "second", "third"] {
            let member = folder.member(id, 0, &format!("touch up-{id}; exec sleep 1000"), Restart::Transient);
            handle.submit(member).await.expect("taken in");
        }
        let wait = "until test -e up-first -a -e up-second -a -e up-third; do sleep 0.01; done; exit 1";
        handle.submit(folder.member("fails", 0, wait, Restart::Transient)).await.expect("taken in");
        let ending = handle.drain().await.expect("it ends");
        assert_eq!(ending.failed_groups, ["g".into()]);
        let mut ended = Vec::new();
        while let Some(told) = events.next().await {
            if let Told::Event { query: Some(query), event: Event::Ended { .. } } = told {
                ended.push(query);
            }
        }
        assert_eq!(ended, ["fails", "third", "second", "first"].map(Into::into));
    });
}

fn no_such_group() {
    block_on(async {
        let folder = Folder::new("none");
        let handle = crate::runtime(1).await;
        let refused = handle.submit(folder.member("a", 0, "exit 0", Restart::Permanent)).await.err();
        assert!(matches!(refused, Some(SubmitError::Refused(Refusal::NoGroup { .. }))), "{refused:?}");
    });
}
