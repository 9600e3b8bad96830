//! The ports, for this machine: [`Launch`] and [`Child`] as requests to the guardian.
//!
//! It must never block and never touch a process itself; what a request cannot say (a file to read from, a text) is
//! opened here and sent along.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io::{ErrorKind, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use futures_util::stream::poll_fn;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use provisor_core::cause::{Excess, Exit, StopMethod, Usage};
use provisor_core::plan::{Command, Environment, Inherit, Stdin};
use tokio::sync::{mpsc, oneshot};

use super::evidence::{self, Seen};
use super::guardian::GuardianHandle;
pub use super::link::{CloseReport, Driver};
use super::link::{Fate, Link, RawExit, Slot, Stuck};
use super::mark::COOKIE;
use super::output::Pipes;
use super::program::{Attempted, Programs, is_shortage, permanent};
use super::wire::{LARGEST, PACKET, Request, SpawnWriter, Step, WireError};
use super::{
    Child, ExitReport, GuardianGone, Launch, LaunchError, LaunchRequest, Launched, LocalFuture, LocalStream,
    SweepReport, Transience, TreeLimits,
};

/// Starts children on this machine. Clones share one guardian; when the last is dropped, it kills all and leaves.
#[derive(Clone)]
pub struct LocalLauncher {
    shared: Arc<Shared>,
}

struct Shared {
    link: Arc<Link>,
    programs: Programs,
    base: Vec<(OsString, OsString)>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.link.hang_up();
    }
}

impl LocalLauncher {
    /// A launcher over this guardian. `base` is the environment from which children inherit. The driver is to be
    /// spawned at once: without it no launch resolves.
    pub fn new(
        guardian: GuardianHandle,
        base: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> (Self, Driver) {
        let (link, driver) = Link::new(guardian);
        // A supervisor may itself be somebody's query.
        let base = base.into_iter().filter(|(name, _)| name != COOKIE).collect();
        (Self { shared: Arc::new(Shared { link, programs: Programs::default(), base }) }, driver)
    }

    /// Resolves when the guardian is gone, for whatever reason. Then [`kill_orphans`](super::orphans::kill_orphans).
    pub fn guardian_gone(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut fate = self.shared.link.fate();
        async move {
            let _ = fate.wait_for(|fate| !matches!(fate, Fate::Alive | Fate::Stays(_))).await;
        }
    }

    /// Has the guardian kill all and leave, and waits for it: then nothing is alive of what was ever started. Only what
    /// cannot be killed is not waited for here; the report tells of it.
    pub fn close(self) -> impl Future<Output = CloseReport> + Send + 'static {
        self.shared.link.hang_up();
        let mut fate = self.shared.link.fate();
        async move {
            let ended = fate.wait_for(|fate| matches!(fate, Fate::Ended(_) | Fate::Stays(_))).await;
            match ended.map(|fate| *fate) {
                Ok(Fate::Ended(Some(report)) | Fate::Stays(report)) => report,
                _ => CloseReport::default(),
            }
        }
    }
}

/// How long to wait after each start that found the program's file open for writing: a copy or a build ends within
/// milliseconds, and another second makes sure that it was no such thing.
const BUSY: [u64; 11] = [10, 10, 10, 10, 10, 20, 40, 80, 160, 320, 400];

impl Launch for LocalLauncher {
    fn launch(&self, request: LaunchRequest) -> LocalFuture<Result<Launched, LaunchError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            for pause in BUSY {
                match launch(&shared, &request).await {
                    Err(error) if error.transience == Transience::Busy => {
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                    }
                    launched => return launched,
                }
            }
            launch(&shared, &request).await
        })
    }

    fn pause(&self, stopped: bool) {
        self.shared.link.send(&Request::Pause { stopped });
    }
}

async fn launch(shared: &Shared, request: &LaunchRequest) -> Result<Launched, LaunchError> {
    let command = &request.command;
    let prepared = shared.prepare(request)?;
    let (spawned, answer) = oneshot::channel();
    let (exited, exit) = oneshot::channel();
    let limits = request.limits;
    let (exceeded, excesses) =
        if limits.is_empty() { (None, None) } else { Some(mpsc::unbounded_channel()).unzip() };
    let slot = Slot { spawned: Some(spawned), exited: Some(exited), swept: None, exceeded };
    let Prepared { id, packet, fds, program, size } = prepared;
    match shared.link.open_slot(id, slot, &packet, fds) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Err(lost()),
        Err(error) => {
            let program = program.display();
            return Err(permanent(format!("the guardian cannot be told of {program}: {}", in_words(&error))));
        }
    }
    // From here on, dropping this future leaves no child.
    let mut control = Control { id, link: Arc::clone(&shared.link), over: false };
    match answer.await {
        Ok(Ok((stdout, stderr))) => {
            let output = Pipes::new(stdout, stderr).map_err(|error| shortage("the child's pipes", &error))?;
            Ok(Launched {
                child: Box::new(control),
                output: Box::pin(output),
                exceeded: excesses.map(|seen| Box::pin(told(seen, limits)) as LocalStream<Excess>),
                exit: Box::pin(
                    async move { exit.await.map(|raw| report(raw, limits)).map_err(|_| GuardianGone) },
                ),
            })
        }
        Ok(Err((step, errno))) => {
            // At that step there is a child, for which nobody has a use.
            control.over = step != Step::Receive;
            shared.programs.doubt(&program);
            Err(Attempted { program: &program, cwd: &command.cwd, size }.explain(step, errno))
        }
        Err(_) => Err(lost()),
    }
}

/// No fault of the query's: the run ends, and the next one takes it up.
fn lost() -> LaunchError {
    LaunchError { transience: Transience::Exhausted, text: GuardianGone.to_string().into() }
}

/// What the guardian sees of limits, in words.
fn told(mut seen: mpsc::UnboundedReceiver<Seen>, limits: TreeLimits) -> impl Stream<Item = Excess> {
    poll_fn(move |context| seen.poll_recv(context).map(|seen| Some(evidence::excess(seen?, limits))))
}

fn report(raw: RawExit, limits: TreeLimits) -> ExitReport {
    ExitReport {
        exit: if raw.signalled { Exit::Signal(raw.status) } else { Exit::Code(raw.status) },
        usage: Usage { cpu: Duration::from_micros(raw.cpu_us), max_rss_kib: raw.max_rss_kib },
        refined: raw.refined.map(|seen| evidence::excess(seen, limits)),
    }
}

/// The control of one child.
struct Control {
    id: u64,
    link: Arc<Link>,
    /// Nothing is to be done for it any more.
    over: bool,
}

impl Child for Control {
    fn signal(&self, method: StopMethod) {
        if self.over {
            return;
        }
        self.link.send(&Request::Signal { id: self.id, kill: method == StopMethod::Kill });
    }

    fn sweep(&mut self) -> LocalFuture<Result<SweepReport, GuardianGone>> {
        let (swept, answer) = oneshot::channel();
        if !std::mem::replace(&mut self.over, true) {
            self.link.sweep(self.id, swept);
        }
        Box::pin(async move {
            let leftovers = answer.await.map_err(|_| GuardianGone)?;
            Ok(SweepReport { leftovers })
        })
    }

    fn stuck(&self) -> Option<Arc<str>> {
        self.link.stuck(self.id).map(|stuck| stuck.sentence().into())
    }
}

impl Stuck {
    /// For the row of its query.
    fn sentence(self) -> String {
        let Self { pid, refused } = self;
        let who = if pid > 0 { format!("process {pid}") } else { "a process of its tree".to_owned() };
        if refused {
            format!("{who} runs with rights that provisor has not, and could not be killed")
        } else {
            format!("{who} was killed and has not died: the kernel does not let go of it")
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if !self.over {
            self.link.forget(self.id);
        }
    }
}

/// A request that is ready to be sent.
struct Prepared {
    id: u64,
    packet: Vec<u8>,
    fds: Vec<OwnedFd>,
    program: Arc<Path>,
    size: usize,
}

impl Shared {
    fn prepare(&self, request: &LaunchRequest) -> Result<Prepared, LaunchError> {
        let command = &request.command;
        let name = command.argv.first().ok_or_else(|| permanent("there is no program to run".to_owned()))?;
        let program = self.programs.find(name, self.path_of(&command.env), &command.cwd)?;
        let stdin = open_stdin(command)?;
        let id = self.link.new_id();
        let message = self
            .encode(id, stdin.is_some(), &program, request)
            .map_err(|error| permanent(format!("{} cannot be started: {error}", program.display())))?;
        let size = message.len();
        let (packet, mut fds) = pack(id, message)?;
        fds.extend(stdin);
        Ok(Prepared { id, packet, fds, program, size })
    }

    fn encode(
        &self,
        id: u64,
        stdin: bool,
        program: &Path,
        request: &LaunchRequest,
    ) -> Result<Vec<u8>, Unsayable> {
        let command = &request.command;
        let mut writer = SpawnWriter::new(id, stdin, request.limits);
        writer.text(&[program.as_os_str().as_bytes()])?;
        writer.text(&[command.cwd.as_os_str().as_bytes()])?;
        writer.text(&[COOKIE.as_bytes(), b"=", request.cookie.as_bytes()])?;
        writer.list::<Unsayable>(|push| {
            Ok(command.argv.iter().try_for_each(|argument| push(&[argument.as_bytes()]))?)
        })?;
        writer.list::<Unsayable>(|push| {
            for (name, value) in self.inherited(&command.env) {
                push(&[name.as_bytes(), b"=", value.as_bytes()])?;
            }
            for (name, value) in in_force(&command.env) {
                if name.is_empty() || name.contains('=') {
                    return Err(Unsayable::Name(name.into()));
                }
                push(&[name.as_bytes(), b"=", value.as_bytes()])?;
            }
            Ok(())
        })?;
        Ok(writer.finish())
    }

    /// What of the base the child gets: what is admitted and not set anew.
    fn inherited<'a>(&'a self, env: &'a Environment) -> impl Iterator<Item = (&'a OsStr, &'a OsStr)> {
        let admitted = |name: &OsStr| match name.to_str() {
            Some(name) => env.inherit.admits(name) && env.set.iter().all(|(set, _)| **set != *name),
            None => env.inherit == Inherit::All,
        };
        let pairs = self.base.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()));
        pairs.filter(move |(name, _)| admitted(name))
    }

    /// The PATH that the child will have.
    fn path_of<'a>(&'a self, env: &'a Environment) -> Option<&'a OsStr> {
        let set = in_force(env).find(|(name, _)| *name == "PATH").map(|(_, value)| OsStr::new(value));
        set.or_else(|| self.inherited(env).find(|(name, _)| *name == "PATH").map(|(_, value)| value))
    }
}

/// Why a request cannot be written.
#[derive(Debug, thiserror::Error)]
enum Unsayable {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("`{0}` cannot be the name of an environment variable")]
    Name(Box<str>),
}

/// What is set, the last of each name only; the mark of the tree is not for the spec to set.
fn in_force(env: &Environment) -> impl Iterator<Item = (&str, &str)> {
    env.set.iter().enumerate().filter_map(|(at, (name, value))| {
        let again = env.set[at + 1..].iter().any(|(later, _)| later == name);
        (!again && **name != *COOKIE).then_some((&**name, &**value))
    })
}

/// What the child reads; none is /dev/null.
fn open_stdin(command: &Command) -> Result<Option<OwnedFd>, LaunchError> {
    match &command.stdin {
        Stdin::Null => Ok(None),
        Stdin::Text(text) => {
            in_memory(text.as_bytes()).map(Some).map_err(|error| shortage("the child's input", &error))
        }
        Stdin::File(path) => {
            let path = command.cwd.join(path);
            open_input(&path).map(Some).map_err(|error| match shortage("the child's input", &error) {
                short if short.transience == Transience::Exhausted => short,
                _ => {
                    permanent(format!("the input {} cannot be opened: {}", path.display(), in_words(&error)))
                }
            })
        }
    }
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

/// The kernel's words, without its number.
fn in_words(error: &std::io::Error) -> String {
    error
        .raw_os_error()
        .map_or_else(|| error.kind().to_string(), |raw| Errno::from_raw(raw).desc().to_lowercase())
}

/// A request as a packet, with the descriptor of its text where it is too long for one.
fn pack(id: u64, message: Vec<u8>) -> Result<(Vec<u8>, Vec<OwnedFd>), LaunchError> {
    if message.len() <= PACKET {
        return Ok((message, Vec::new()));
    }
    if message.len() > LARGEST {
        return Err(permanent("the arguments and the environment are too long for any system".to_owned()));
    }
    let memory = in_memory(&message).map_err(|error| shortage("a file in memory", &error))?;
    Ok((Request::Large { id, length: message.len() as u64 }.encode_small(), vec![memory]))
}

/// A file in memory, to be read from its beginning.
fn in_memory(bytes: &[u8]) -> std::io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(c"provisor", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

/// An error of this process's own making of descriptors.
fn shortage(what: &str, error: &std::io::Error) -> LaunchError {
    let short = error.raw_os_error().is_some_and(|raw| is_shortage(Errno::from_raw(raw)));
    let transience = if short { Transience::Exhausted } else { Transience::Permanent };
    LaunchError { transience, text: format!("{what} could not be made: {}", in_words(error)).into() }
}
