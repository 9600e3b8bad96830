//! A log that stands still: what a child printed waits for it, and the machine is told so.

use std::fs::{self, File};
use std::future::pending;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use provisor_actors::clock::RunClock;
use provisor_actors::logs::{LogSpec, Logs};
use provisor_actors::messages::{Begin, Report};
use provisor_actors::monitor::start_monitored;
use provisor_actors::os::{LaunchRequest, TreeLimits};
use provisor_actors::process::{ProcessActor, Surroundings};
use provisor_actors::testing::{Script, Step, Theatre};
use provisor_core::lines::Reader;
use provisor_core::plan::{Command, Judging, Limits, Logs as Keep, Stdin};
use provisor_core::process::{Ear, Fact, Patience, Process};
use provisor_core::record::{Happening, Recording};
use provisor_core::rules::{Judge, Stream};
use provisor_core::verdict::Preset;

/// More than may be on its way to the disk.
const TOO_MUCH: usize = 8 << 20;

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

fn log(name: &str, record: bool) -> Arc<LogSpec> {
    Arc::new(LogSpec { id: name.into(), name: format!("{name}.log").into(), keep: Keep::Keep, record })
}

#[tokio::test]
async fn whoever_waits_for_a_log_that_stands_still_says_so() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("held-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the test");
    let last = Arc::new(Mutex::new(None));
    tokio::task::LocalSet::new().run_until(held(&folder, Arc::clone(&last))).await;
    let timing = fs::read(folder.join("q.timing")).expect("it was recorded");
    let log = fs::read(folder.join("q.log")).expect("it was logged");
    fs::remove_dir_all(&folder).expect("it is the test's");

    let recording = Recording::parse(&timing).expect("a recording");
    let order: Vec<_> = recording.events.iter().map(|(_, happening)| *happening).collect();
    assert!(
        matches!(order[..3], [Happening::Held, Happening::Left { .. }, Happening::Read(Stream::Stdout, 4)]),
        "{order:?}"
    );
    assert_eq!(log, b"one\n");
    let last = last.lock().expect("unpoisoned").take().expect("it reports");
    let Fact::Finished(outcome) = last.fact else { panic!("{last:?}") };
    assert_eq!((outcome.cause_word(), outcome.leaked), ("exited", false));
}

/// A child that prints a line and leaves while the log thread stands in a write. It goes on when the child has left.
async fn held(folder: &Path, last: Arc<Mutex<Option<Report>>>) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let (mut writer, into) = (Some(File::from(OwnedFd::from(writer))), folder.to_owned());
    let open = move |name: &str| match name {
        "full.log" => Ok(writer.take().expect("it is opened once")),
        name => File::create(into.join(name)),
    };
    let (logs, thread) = Logs::start(Box::new(open), None).expect("a thread");
    let flood = Bytes::from(vec![b'x'; TOO_MUCH]);
    logs.write(&log("full", false), Stream::Stdout, flood, pending::<()>()).await;

    let theatre = Theatre::new(|_| {
        let steps = vec![Step::Print(Stream::Stdout, "one\n"), Step::Wait(Duration::from_millis(1))];
        Ok(Script::of(steps))
    });
    let around = Surroundings {
        launch: Arc::new(theatre.clone()),
        logs: logs.clone(),
        clock: RunClock::start(),
        reports: actix::Actor::start(Tap(last)).recipient(),
    };
    let judging = Judging { rules: Vec::new(), preset: Some(Preset::ExitCode) };
    let judge = Arc::new(Judge::compile(&judging).expect("it compiles"));
    let ear: Box<dyn Ear> = Box::new(Reader::new(judge));
    let machine = Process::new(ear, Limits::default(), Patience::default());
    let command = Command {
        argv: ["scripted".into()].into(),
        env: Arc::default(),
        cwd: Path::new("/").into(),
        stdin: Stdin::Null,
    };
    let request = LaunchRequest { cookie: "test/0/1".into(), command, limits: TreeLimits::default() };
    let (over, ended) = tokio::sync::oneshot::channel();
    let actor = ProcessActor::new((0, 1), request, log("q", true), machine, around);
    start_monitored(actor, tracing::Span::none(), |reason| drop(over.send(reason))).do_send(Begin);
    while theatre.most.load(Ordering::SeqCst) == 0 || theatre.alive.load(Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
    // A pipe that nobody reads any more takes nothing, and that is an answer.
    drop(reader);
    ended.await.expect("it is told");
    drop(logs);
    thread.join().expect("the thread ends with the last handle");
}
