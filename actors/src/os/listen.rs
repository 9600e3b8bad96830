//! The signals that provisor itself gets, as a stream of what they mean.
//!
//! INT and TERM are heard even where they were ignored at the start (a shell does that to its background jobs); HUP is
//! not, because nohup ignores it on purpose.

use std::io;

use tokio::signal::unix::{Signal as Listener, SignalKind, signal};

use super::signals::hangup_is_ignored;

/// What somebody wants of provisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// The terminal has gone.
    Hangup,
    /// Ctrl-Z.
    Stop,
    /// SIGUSR1: say how things stand.
    Status,
}

impl Signal {
    /// Whether it asks the run to end.
    #[must_use]
    pub const fn ends_a_run(self) -> bool {
        matches!(self, Self::Interrupt | Self::Terminate | Self::Hangup)
    }
}

/// The listeners.
#[derive(Debug)]
pub struct Signals {
    interrupt: Listener,
    terminate: Listener,
    hangup: Option<Listener>,
    stop: Listener,
    status: Listener,
}

impl Signals {
    /// Begins to listen; from now on these signals do nothing by themselves.
    ///
    /// # Errors
    /// If the system refuses a handler.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: if hangup_is_ignored() { None } else { Some(signal(SignalKind::hangup())?) },
            stop: signal(SignalKind::from_raw(libc::SIGTSTP))?,
            status: signal(SignalKind::user_defined1())?,
        })
    }

    /// The next one. Cancel safe.
    pub async fn next(&mut self) -> Signal {
        let Self { interrupt, terminate, hangup, stop, status } = self;
        let hangup = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => Signal::Interrupt,
            _ = terminate.recv() => Signal::Terminate,
            _ = hangup => Signal::Hangup,
            _ = stop.recv() => Signal::Stop,
            _ = status.recv() => Signal::Status,
        }
    }
}
