//! Queries that are asked whether they are well, by the handle: with a guardian and without one.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use provisor::{
    Command, Local, Maker, MemberSettings, Plan, Ports, Probe, Query, Runtime, RuntimeHandle, StopMethod,
    Ticket,
};

use crate::common::{alive_with, mark, wait_until};
use crate::{TrialOf, block_on};

pub(crate) const TRIALS: &[TrialOf] = &[
    ("a_server_that_stops_answering_is_started_again_by_its_group", stops_answering),
    ("a_probe_ends_with_its_query_whoever_has_made_it", ends_with_its_query),
    ("while_all_is_paused_a_probe_has_time", has_time_while_paused),
];

/// A folder that goes with the trial, and a mark by which its processes are found.
struct Folder {
    path: PathBuf,
    mark: String,
}

impl Folder {
    fn new(name: &str) -> Self {
        let mark = mark(&format!("asking-{name}"));
        let path = std::env::temp_dir().join(&mark);
        fs::create_dir_all(&path).expect("a folder");
        Self { path, mark }
    }

    fn query(&self, script: &str, probe: Probe) -> Query {
        let command = Command::new(["sh", "-c", script]).in_dir(&self.path).env("MARK", &*self.mark);
        Query::new("asked", command).health(probe)
    }

    fn await_file(&self, name: &str) {
        wait_until(name, || self.path.join(name).exists());
    }

    fn alive(&self) -> Vec<i32> {
        alive_with(&format!("MARK={}", self.mark))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A runtime over this maker, and a query in it.
async fn asked(maker: Maker, query: Query) -> (RuntimeHandle, Ticket) {
    let plan = Plan::new("asking", Vec::new()).with_group("g", Default::default(), None);
    let local = Local { maker, ..Local::default() };
    let handle = Runtime::start(plan, Ports::new(local.factory())).await.expect("it starts");
    let ticket = handle.submit(query).await.expect("it is taken in");
    (handle, ticket)
}

fn shell(script: &str) -> Probe {
    Probe::new(["sh", "-c", script])
}

fn stops_answering() {
    block_on(async {
        let folder = Folder::new("restarts");
        let serve = "echo x >> runs; test $(wc -l < runs) = 2 && exit 0; \
                     touch well; until test -e asked; do sleep 0.01; done; rm well; exec sleep 1000";
        let probe = shell("touch asked; test -e well").every(Duration::from_millis(100)).failures(2);
        let query = folder.query(serve, probe).member_of(0, MemberSettings::default());
        let (handle, ticket) = asked(Maker::Any, query).await;
        let row = ticket.await.expect("its row");
        assert_eq!((row.attempt, row.outcome.cause_word()), (2, "exited"));
        handle.drain().await.expect("it ends");
    });
}

fn ends_with_its_query() {
    block_on(async {
        for maker in [Maker::Any, Maker::Direct] {
            let folder = Folder::new("ends");
            let probe =
                shell("touch asked; exec sleep 1000").every(Duration::from_millis(50)).failures(1_000_000);
            let (handle, ticket) = asked(maker, folder.query("exec sleep 1000", probe)).await;
            folder.await_file("asked");
            handle.cancel("asked", StopMethod::Term).await;
            assert_eq!(ticket.await.expect("its row").outcome.cause_word(), "cancelled");
            wait_until("nothing is left while the runtime is there", || folder.alive().is_empty());
            handle.drain().await.expect("it ends");
        }
    });
}

/// It is asked after a second and would have failed after another one.
fn has_time_while_paused() {
    block_on(async {
        let folder = Folder::new("paused");
        let second = Duration::from_secs(1);
        let probe = shell("touch asked; exec sleep 1000").every(second).failures(1);
        let (handle, mut ticket) = asked(Maker::Any, folder.query("exec sleep 1000", probe)).await;
        folder.await_file("asked");
        handle.pause();
        let early = tokio::time::timeout(second * 3 / 2, &mut ticket).await;
        assert!(early.is_err(), "its time stands still: {early:?}");
        handle.resume();
        let row = ticket.await.expect("its row");
        assert_eq!(row.outcome.evidence.as_deref(), Some("a probe failed: no answer within 1 s"));
        handle.drain().await.expect("it ends");
    });
}
