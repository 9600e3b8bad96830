//! What a child is given to read, and that it comes back: through its output, an actor and the log.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use provisor_actors::clock::RunClock;
use provisor_actors::logs::{LogSpec, Logs};
use provisor_actors::messages::{Begin, Report};
use provisor_actors::monitor::start_monitored;
use provisor_actors::process::{ProcessActor, Surroundings};
use provisor_core::lines::Reader;
use provisor_core::plan::{Command, Judging, Limits, Logs as Keep, Stdin};
use provisor_core::process::{Ear, Fact, Patience, Process};
use provisor_core::rules::Judge;
use provisor_core::verdict::Preset;

use crate::harness::{Case, Rig, command, soon, with_rig};
use crate::starting::Folder;

pub(crate) const CASES: &[Case] = &[Case("bytes_come_back_whole", bytes_come_back_whole)];

/// Keeps the last report.
struct Tap(Arc<Mutex<Option<Report>>>);

impl actix::Actor for Tap {
    type Context = actix::Context<Self>;
}

impl actix::Handler<Report> for Tap {
    type Result = ();

    fn handle(&mut self, report: Report, _: &mut Self::Context) {
        *self.0.lock().expect("unpoisoned") = Some(report);
    }
}

/// As random as it gets, and the same each time.
fn noise(length: usize) -> Arc<[u8]> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(b"ten megabytes").finalize_xof().fill(&mut bytes);
    bytes.into()
}

/// More than any pipe holds, of every byte there is, and of none at all.
fn bytes_come_back_whole() {
    let folder = Folder::new();
    with_rig(async |rig| {
        for bytes in [noise(10_000_000), noise(0)] {
            let log = soon("all is copied", logged(&rig, &folder.0, Arc::clone(&bytes))).await;
            let copied = fs::read(&log).expect("a log");
            assert_eq!(copied.len(), bytes.len());
            assert_eq!(blake3::hash(&copied), blake3::hash(&bytes));
        }
    });
}

/// Runs a `cat` of these bytes, and returns where its log is.
async fn logged(rig: &Rig, folder: &Path, bytes: Arc<[u8]>) -> PathBuf {
    let into = folder.to_owned();
    let open = move |name: &str| File::create(into.join(name));
    let (logs, thread) = Logs::start(Box::new(open), None).expect("a thread");
    let last = Arc::new(Mutex::new(None));
    let around = Surroundings {
        launch: Arc::new(rig.launcher.clone()),
        logs,
        clock: RunClock::start(),
        reports: actix::Actor::start(Tap(Arc::clone(&last))).recipient(),
    };
    let judging = Judging { rules: Vec::new(), preset: Some(Preset::ExitCode) };
    let judge = Arc::new(Judge::compile(&judging).expect("it compiles"));
    let ear: Box<dyn Ear> = Box::new(Reader::new(judge));
    let machine = Process::new(ear, Limits::default(), Patience::default());
    let request = rig.request(Command { stdin: Stdin::Bytes(bytes), ..command(&["/bin/cat"]) });
    let log = LogSpec { id: "cat".into(), name: "cat.log".into(), keep: Keep::Keep, record: false };
    let (over, ended) = tokio::sync::oneshot::channel();
    let actor = ProcessActor::new((0, 1), request, Arc::new(log), machine, around);
    start_monitored(actor, tracing::Span::none(), |reason| drop(over.send(reason))).do_send(Begin);
    ended.await.expect("it is told");
    thread.join().expect("the thread ends with the last handle");
    let last = last.lock().expect("unpoisoned").take().expect("it reports");
    let Fact::Finished(outcome) = last.fact else { panic!("{last:?}") };
    assert_eq!((outcome.cause_word(), outcome.leaked), ("exited", false));
    folder.join("cat.log")
}
