//! What children read, made ready: a file that is opened, or a text that is written into memory.
//!
//! Whoever asks must not be held up by megabytes: they are written by a thread of their own, in the order in which they were
//! asked for, which is made when the first of them come and ends with this. Where the system refuses one, they are written at once.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use provisor_core::plan::{Command, Stdin};
use tokio::sync::oneshot;

use super::prepare::{in_words, shortage};
use super::program::permanent;
use super::{LaunchError, Transience};

/// Less than this is written by whoever asks: it takes no longer than asking somebody else.
const LARGE: usize = 64 << 10;

/// Makes inputs ready.
#[derive(Default)]
pub(super) struct Inputs(Mutex<Option<Writer>>);

/// The thread, and the way to it.
struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

struct Job {
    bytes: Bytes,
    answer: oneshot::Sender<std::io::Result<OwnedFd>>,
}

/// What is to be written.
enum Bytes {
    Text(Arc<str>),
    Any(Arc<[u8]>),
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Any(bytes) => bytes,
        }
    }
}

impl Inputs {
    /// What the child reads; none is /dev/null.
    pub(super) async fn open(&self, command: &Command) -> Result<Option<OwnedFd>, LaunchError> {
        let bytes = match &command.stdin {
            Stdin::Null => return Ok(None),
            Stdin::File(path) => return open_file(&command.cwd.join(path)).map(Some),
            Stdin::Text(text) => Bytes::Text(Arc::clone(text)),
            Stdin::Bytes(bytes) => Bytes::Any(Arc::clone(bytes)),
        };
        let written = if bytes.as_slice().len() < LARGE {
            in_memory(bytes.as_slice())
        } else {
            match self.hand_over(bytes) {
                // Nobody drops a job before it is answered.
                Ok(answer) => answer.await.unwrap_or_else(|_| Err(ErrorKind::Interrupted.into())),
                Err(bytes) => in_memory(bytes.as_slice()),
            }
        };
        written.map(Some).map_err(|error| shortage("the child's input", &error))
    }

    /// To the thread; the bytes come back where there can be none.
    fn hand_over(&self, bytes: Bytes) -> Result<oneshot::Receiver<std::io::Result<OwnedFd>>, Bytes> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.is_none() {
            *writer = Writer::start().ok();
        }
        let Some(jobs) = writer.as_ref().and_then(|writer| writer.jobs.as_ref()) else { return Err(bytes) };
        let (answer, written) = oneshot::channel();
        match jobs.send(Job { bytes, answer }) {
            Ok(()) => Ok(written),
            Err(mpsc::SendError(job)) => Err(job.bytes),
        }
    }
}

impl Writer {
    fn start() -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let serve = move || {
            for Job { bytes, answer } in inbox {
                // Who waits no more has no use for it.
                if !answer.is_closed() {
                    let _ = answer.send(in_memory(bytes.as_slice()));
                }
            }
        };
        let thread = std::thread::Builder::new().name("provisor-input".into()).spawn(serve)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }
}

impl Drop for Writer {
    /// No thread is left.
    fn drop(&mut self) {
        self.jobs = None;
        self.thread.take().map(JoinHandle::join);
    }
}

fn open_file(path: &Path) -> Result<OwnedFd, LaunchError> {
    open_input(path).map_err(|error| match shortage("the child's input", &error) {
        short if short.transience == Transience::Exhausted => short,
        _ => permanent(format!("the input {} cannot be opened: {}", path.display(), in_words(&error))),
    })
}

/// Without waiting: opening a named pipe would, until somebody writes to it.
fn open_input(path: &Path) -> std::io::Result<OwnedFd> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let kind = file.metadata()?;
    if kind.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        fcntl(&file, FcntlArg::F_SETFL(OFlag::empty()))?;
    }
    Ok(file.into())
}

/// A file in memory, to be read from its beginning: all of it at once, so that nobody has to stand by and feed a child that reads
/// slowly, or not at all.
pub(super) fn in_memory(bytes: &[u8]) -> std::io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(c"provisor", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;

    fn reading(stdin: Stdin) -> Command {
        Command::new(["cat"]).reads(stdin)
    }

    async fn read(inputs: &Inputs, stdin: Stdin) -> Vec<u8> {
        let mut bytes = Vec::new();
        let input = inputs.open(&reading(stdin)).await.expect("it is made").expect("it is not empty");
        File::from(input).read_to_end(&mut bytes).expect("readable");
        bytes
    }

    fn threads() -> Vec<String> {
        let tasks = fs::read_dir("/proc/self/task").expect("this is Linux").flatten();
        tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok()).collect()
    }

    /// The only test here that may make the thread: it is looked for among all of the process.
    #[tokio::test]
    async fn what_is_large_is_written_by_another_thread_that_ends_with_the_launcher() {
        let is_there = || threads().contains(&"provisor-input\n".to_owned());
        let inputs = Inputs::default();
        assert_eq!(read(&inputs, Stdin::Text("small".into())).await, b"small");
        assert!(!is_there(), "that is not worth one");
        let large: Arc<[u8]> = (0..5_000_000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
        assert_eq!(read(&inputs, Stdin::Bytes(Arc::clone(&large))).await, &*large);
        let text = "x".repeat(LARGE);
        assert_eq!(read(&inputs, Stdin::Text(text.as_str().into())).await, text.as_bytes());
        assert!(is_there());
        are_written_in_their_order(&inputs).await;
        drop(inputs);
        assert!(!is_there(), "{:?}", threads());
    }

    /// One that is given up holds up nobody, and none overtakes another.
    async fn are_written_in_their_order(inputs: &Inputs) {
        let (given_up, sizes) = (20_000_000, [8_000_000, LARGE, 3_000_000, LARGE + 1]);
        let order = Mutex::new(Vec::new());
        let one = async |size: usize| {
            let read = read(inputs, Stdin::Bytes(vec![7; size].into())).await;
            order.lock().expect("unpoisoned").push(read.len());
        };
        let _ = tokio::time::timeout(Duration::ZERO, one(given_up)).await;
        join_all(sizes.map(one)).await;
        let mut order = order.lock().expect("unpoisoned").clone();
        order.retain(|size| *size != given_up);
        assert_eq!(order, sizes);
    }
}
