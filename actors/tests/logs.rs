//! The log thread: bytes unchanged, what is kept, the timing beside them, and a disk that fails.

use std::fs::{self, File};
use std::future::{pending, ready};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use provisor_actors::logs::{LogSpec, Logs, Room, Taken, Tee};
use provisor_core::cause::Exit;
use provisor_core::plan::Logs as Keep;
use provisor_core::record::{Happening, Recording};
use provisor_core::rules::Stream;

const EXIT: Happening = Happening::Left { exit: Exit::Code(3), refined: None };

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("logs-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).expect("the log is there")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn spec(keep: Keep, record: bool) -> Arc<LogSpec> {
    Arc::new(LogSpec { id: "a".into(), name: "a.log".into(), keep, record })
}

/// Writes these chunks, a millisecond apart, and waits for the thread.
async fn write(folder: &Folder, spec: &Arc<LogSpec>, chunks: &[(Stream, &[u8])]) {
    let path = folder.0.clone();
    let (logs, thread) =
        Logs::start(Box::new(move |name| File::create(path.join(name))), None).expect("a thread");
    for (n, (stream, bytes)) in chunks.iter().enumerate() {
        logs.write(spec, *stream, Bytes::copy_from_slice(bytes), pending::<()>()).await;
        let at = Duration::from_millis(n as u64 + 1);
        logs.note(spec, at, Happening::Read(*stream, bytes.len() as u64));
    }
    logs.note(spec, Duration::from_millis(99), EXIT);
    logs.close(spec);
    logs.barrier();
    drop(logs);
    thread.join().expect("the thread ends with the last handle");
}

#[tokio::test]
async fn bytes_are_kept_as_they_came() {
    let folder = Folder::new("keep");
    let chunks: [(Stream, &[u8]); 3] =
        [(Stream::Stdout, b"\xff\0one"), (Stream::Stderr, b"two\n"), (Stream::Stdout, b"three")];
    write(&folder, &spec(Keep::Keep, false), &chunks).await;
    assert_eq!(folder.read("a.log"), b"\xff\0onetwo\nthree");
    assert!(!folder.0.join("a.timing").exists());
}

#[tokio::test]
async fn a_child_that_prints_nothing_has_an_empty_log() {
    let folder = Folder::new("empty");
    write(&folder, &spec(Keep::Keep, false), &[]).await;
    assert_eq!(folder.read("a.log"), b"");
}

#[tokio::test]
async fn the_timing_stands_beside_the_log() {
    let folder = Folder::new("record");
    write(&folder, &spec(Keep::Keep, true), &[(Stream::Stdout, b"one"), (Stream::Stderr, b"three")]).await;
    let recording = Recording::parse(&folder.read("a.timing")).expect("a recording");
    let ms = Duration::from_millis;
    let (one, three) = (Happening::Read(Stream::Stdout, 3), Happening::Read(Stream::Stderr, 5));
    assert_eq!(recording.events, [(ms(1), one), (ms(2), three), (ms(99), EXIT)]);
}

#[tokio::test]
async fn only_the_tail_is_kept_where_only_that_is_wanted() {
    let folder = Folder::new("tail");
    let long: Vec<u8> = (0..300_000_u32).map(|n| b'a' + (n % 26) as u8).collect();
    let chunks: Vec<(Stream, &[u8])> = long.chunks(1000).map(|chunk| (Stream::Stdout, chunk)).collect();
    write(&folder, &spec(Keep::Tail(10), false), &chunks).await;
    assert_eq!(folder.read("a.log"), long[long.len() - 10..]);
}

#[tokio::test]
async fn nothing_is_kept_where_nothing_is_wanted() {
    let folder = Folder::new("drop");
    write(&folder, &spec(Keep::Drop, false), &[(Stream::Stdout, b"one")]).await;
    assert!(!folder.0.join("a.log").exists());
}

#[tokio::test]
async fn a_log_that_cannot_be_written_holds_up_nothing() {
    let (logs, thread) = Logs::start(Box::new(|_| File::open("/nowhere")), None).expect("a thread");
    let spec = spec(Keep::Keep, false);
    for _ in 0..1000 {
        logs.write(&spec, Stream::Stdout, Bytes::from(vec![b'x'; 65536]), pending::<()>()).await;
    }
    logs.close(&spec);
    logs.barrier();
    drop(logs);
    thread.join().expect("the thread ends");
}

/// Writes down what it hears.
struct Scribe(std::sync::mpsc::Sender<String>);

impl Tee for Scribe {
    fn room(&self) -> Room {
        Room::new(1)
    }

    fn hear(&mut self, log: &Arc<LogSpec>, stream: Stream, bytes: &[u8], _: Option<Taken>) {
        self.0.send(format!("{} {stream:?} {}", log.id, String::from_utf8_lossy(bytes))).expect("a reader");
    }

    fn close(&mut self, log: &Arc<LogSpec>) {
        self.0.send(format!("{} is over", log.id)).expect("a reader");
    }
}

#[tokio::test]
async fn the_tee_hears_all_whatever_is_kept() {
    let (scribe, heard) = std::sync::mpsc::channel();
    let open = Box::new(|_: &str| panic!("no log is kept"));
    let (logs, thread) = Logs::start(open, Some(Box::new(Scribe(scribe)))).expect("a thread");
    let spec = spec(Keep::Drop, false);
    for (stream, bytes) in [(Stream::Stdout, "one"), (Stream::Stderr, "two")] {
        logs.write(&spec, stream, Bytes::from(bytes), pending::<()>()).await;
    }
    logs.close(&spec);
    logs.barrier();
    drop(logs);
    thread.join().expect("the thread ends with the last handle");
    assert_eq!(heard.iter().collect::<Vec<_>>(), ["a Stdout one", "a Stderr two", "a is over"]);
}

/// Has room for two bytes, and gives none of it back.
struct Hoarder {
    room: Room,
    taken: Vec<Taken>,
}

impl Tee for Hoarder {
    fn room(&self) -> Room {
        self.room.clone()
    }

    fn hear(&mut self, _: &Arc<LogSpec>, _: Stream, _: &[u8], room: Option<Taken>) {
        self.taken.extend(room);
    }

    fn close(&mut self, _: &Arc<LogSpec>) {}
}

#[tokio::test]
async fn who_hears_and_stands_still_holds_up_those_that_print_and_no_barrier() {
    let (folder, room) = (Folder::new("hoarder"), Room::new(2));
    let tee = Box::new(Hoarder { room: room.clone(), taken: Vec::new() });
    let path = folder.0.clone();
    let open = Box::new(move |name: &str| File::create(path.join(name)));
    let (logs, thread) = Logs::start(open, Some(tee)).expect("a thread");
    let spec = spec(Keep::Keep, false);
    let write = |text: &'static str| logs.write(&spec, Stream::Stdout, Bytes::from(text), pending::<()>());
    write("ab").await;
    logs.barrier();
    assert_eq!(write("lost with its reader").now_or_never(), None, "there is no room");
    logs.barrier();
    logs.write(&spec, Stream::Stdout, Bytes::from("cd"), ready(())).await;
    logs.barrier();
    assert_eq!(folder.read("a.log"), b"abcd", "what a child has left behind is written");
    room.close();
    write("ef").await;
    logs.close(&spec);
    logs.barrier();
    assert_eq!(folder.read("a.log"), b"abcdef");
    drop(logs);
    thread.join().expect("the thread ends");
}

#[tokio::test]
async fn output_that_is_not_kept_does_not_wait_for_a_slow_disk() {
    let (go_on, disk) = std::sync::mpsc::channel::<()>();
    let stands_still = move |_: &str| {
        let _ = disk.recv();
        File::open("/nowhere")
    };
    let (logs, thread) = Logs::start(Box::new(stands_still), None).expect("a thread");
    let (kept, dropped) = (spec(Keep::Keep, false), spec(Keep::Drop, false));
    let chunk = Bytes::from(vec![b'x'; 4 << 20]);
    logs.write(&kept, Stream::Stdout, chunk.clone(), pending::<()>()).await;
    assert_eq!(
        logs.write(&dropped, Stream::Stdout, chunk.clone(), pending::<()>()).now_or_never(),
        Some(()),
        "it is taken at once"
    );
    assert_eq!(
        logs.write(&kept, Stream::Stdout, chunk, pending::<()>()).now_or_never(),
        None,
        "the other one waits"
    );
    drop(go_on);
    drop(logs);
    thread.join().expect("the thread ends");
}

#[test]
fn a_log_can_be_judged_again_if_it_is_all_there_and_the_streams_can_be_told_apart() {
    assert!(spec(Keep::Keep, false).is_whole(false));
    assert!(!spec(Keep::Keep, false).is_whole(true), "both streams in one log, and no timing");
    assert!(spec(Keep::Keep, true).is_whole(true));
    assert!(!spec(Keep::Tail(10), true).is_whole(false));
    assert!(!spec(Keep::Drop, true).is_whole(false));
}

#[tokio::test]
async fn a_log_that_was_removed_while_it_was_written_is_told_of() {
    let folder = Folder::new("removed");
    let path = folder.0.clone();
    let open = Box::new(move |name: &str| File::create(path.join(name)));
    let (logs, thread) = Logs::start(open, None).expect("a thread");
    let spec = spec(Keep::Keep, false);
    logs.write(&spec, Stream::Stdout, Bytes::from("ab"), pending::<()>()).await;
    assert_eq!(logs.barrier(), Some(Vec::new()));
    fs::remove_file(folder.0.join("a.log")).expect("removed");
    logs.write(&spec, Stream::Stdout, Bytes::from("cd"), pending::<()>()).await;
    logs.close(&spec);
    assert_eq!(logs.barrier(), Some(vec![Arc::from("a.log")]));
    drop(logs);
    thread.join().expect("the thread ends");
}
