//! The ports, for this machine: [`Launch`] and [`Child`] as requests to the guardian.
//!
//! It must never block and never touch a process itself; what a request cannot say (a file to read from, a text) is
//! opened here and sent along.

use std::ffi::OsString;
use std::future::Future;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use futures_util::stream::poll_fn;
use provisor_core::cause::{Excess, Exit, StopMethod, Usage};
use tokio::sync::{mpsc, oneshot};

use super::evidence::{self, Seen};
use super::guardian::GuardianHandle;
use super::inputs::in_memory;
pub use super::link::{CloseReport, Driver};
use super::link::{Fate, Link, RawExit, Slot, Stuck};
use super::mark::COOKIE;
use super::output::Pipes;
use super::prepare::{Base, NoName, again_while_busy, in_words, shortage};
use super::program::{Attempted, permanent};
use super::wire::{LARGEST, PACKET, Request, SpawnWriter, Step, WireError};
use super::{
    Child, ExitReport, HoldLost, Launch, LaunchError, LaunchRequest, Launched, LocalFuture, LocalStream,
    SweepReport, Transience, TreeLimits,
};

/// Starts children on this machine. Clones share one guardian; when the last is dropped, it kills all and leaves.
#[derive(Clone)]
pub struct LocalLauncher {
    shared: Arc<Shared>,
}

struct Shared {
    link: Arc<Link>,
    base: Base,
    /// What cookies begin with, before what is asked for; nothing, where that has a token of its own.
    mark: String,
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
        Self::over(guardian, base, String::new())
    }

    /// The same, with a token of its own before every cookie: so that what is left of its children can be told from what is
    /// others', whatever they are asked for with.
    pub fn with_token(
        guardian: GuardianHandle,
        base: impl IntoIterator<Item = (OsString, OsString)>,
        token: &str,
    ) -> (Self, Driver) {
        Self::over(guardian, base, format!("{token}/"))
    }

    fn over(
        guardian: GuardianHandle,
        base: impl IntoIterator<Item = (OsString, OsString)>,
        mark: String,
    ) -> (Self, Driver) {
        let (link, driver) = Link::new(guardian);
        (Self { shared: Arc::new(Shared { link, base: Base::new(base), mark }) }, driver)
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

impl Launch for LocalLauncher {
    fn launch(&self, request: LaunchRequest) -> LocalFuture<Result<Launched, LaunchError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { again_while_busy(async || launch(&shared, &request).await).await })
    }

    fn pause(&self, stopped: bool) {
        self.shared.link.send(&Request::Pause { stopped });
    }
}

async fn launch(shared: &Shared, request: &LaunchRequest) -> Result<Launched, LaunchError> {
    let command = &request.command;
    let program = shared.base.program(command)?;
    let stdin = shared.base.inputs.open(command).await?;
    let prepared = shared.prepare(request, program, stdin)?;
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
                exit: Box::pin(async move {
                    exit.await.map(|raw| report(raw, limits)).map_err(|_| HoldLost::GuardianDied)
                }),
            })
        }
        Ok(Err((step, errno))) => {
            // At that step there is a child, for which nobody has a use.
            control.over = step != Step::Receive;
            shared.base.doubt(&program);
            Err(Attempted { program: &program, cwd: &command.cwd, size }.explain(step, errno))
        }
        Err(_) => Err(lost()),
    }
}

/// No fault of the query's: the run ends, and the next one takes it up.
fn lost() -> LaunchError {
    LaunchError { transience: Transience::Exhausted, text: HoldLost::GuardianDied.to_string().into() }
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

    fn sweep(&mut self) -> LocalFuture<Result<SweepReport, HoldLost>> {
        let (swept, answer) = oneshot::channel();
        if !std::mem::replace(&mut self.over, true) {
            self.link.sweep(self.id, swept);
        }
        Box::pin(async move {
            let leftovers = answer.await.map_err(|_| HoldLost::GuardianDied)?;
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
    fn prepare(
        &self,
        request: &LaunchRequest,
        program: Arc<Path>,
        stdin: Option<OwnedFd>,
    ) -> Result<Prepared, LaunchError> {
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
        writer.text(&[COOKIE.as_bytes(), b"=", self.mark.as_bytes(), request.cookie.as_bytes()])?;
        writer.list::<Unsayable>(|push| {
            Ok(command.argv.iter().try_for_each(|argument| push(&[argument.as_bytes()]))?)
        })?;
        writer.list::<Unsayable>(|push| {
            for variable in self.base.variables(&command.env) {
                let (name, value) = variable?;
                push(&[name.as_bytes(), b"=", value.as_bytes()])?;
            }
            Ok(())
        })?;
        Ok(writer.finish())
    }
}

/// Why a request cannot be written.
#[derive(Debug, thiserror::Error)]
enum Unsayable {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Name(#[from] NoName),
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
