//! Every failure that is expected: its sentence, what to do about it, and its exit code.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use provisor_actors::os::contain::ContainError;
use provisor_actors::run::{RunDied, StartError};
use provisor_actors::rundir::RunDirError;
use provisor_actors::store::StoreError;
use provisor_config::SpecError;

use crate::recorded::RecordedError;
use crate::view;

/// The exit codes of provisor, as they stand in `--help`.
pub(crate) mod code {
    /// Every query ended well.
    pub(crate) const WELL: u8 = 0;
    /// Some did not.
    pub(crate) const NOT_WELL: u8 = 1;
    /// Usage or spec error; nothing was started.
    pub(crate) const USAGE: u8 = 2;
    /// Interrupted, or at the deadline; the rest can be resumed.
    pub(crate) const INTERRUPTED: u8 = 3;
    /// The results could not be written.
    pub(crate) const RESULTS: u8 = 4;
    /// A bug in provisor.
    pub(crate) const BUG: u8 = 70;
}

/// Why provisor did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The spec is not right; rendered with its places already.
    #[error("{0}")]
    Spec(SpecError),
    /// The command line asks for what cannot be.
    #[error("{0}")]
    Usage(String),
    /// The run directory cannot be used.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// The results cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the run directory cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file for the diagnosis cannot be written.
    #[error("the log file {} cannot be written", path.display())]
    LogFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no current directory, or no path of this program.
    #[error("the current directory cannot be used: change to one that exists")]
    Surroundings(#[source] std::io::Error),
    /// An input of a query cannot be read.
    #[error("an input of the query {query} cannot be read")]
    Input {
        /// Which query.
        query: Arc<str>,
        /// Why, with the path.
        source: std::io::Error,
    },
    /// The guardian could not be started.
    #[error("the guardian process could not be started")]
    Guardian(#[source] std::io::Error),
    /// The children cannot be held together as it was asked for.
    #[error("`containment` cannot be had as it was asked for; `Auto` takes the strongest that there is")]
    Containment(#[source] ContainError),
    /// The runtime could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The runtime died.
    #[error(transparent)]
    Died(#[from] RunDied),
    /// Standard output or the signals could not be used.
    #[error("{what} cannot be used")]
    System {
        /// What.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A recorded log cannot be used.
    #[error(transparent)]
    Recorded(#[from] RecordedError),
}

impl Failure {
    /// What the program exits with.
    #[must_use]
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::LogFile { .. } | Self::Surroundings(_) => code::USAGE,
            Self::Spec(_) | Self::Usage(_) | Self::RunDir(_) | Self::Input { .. } | Self::Recorded(_) => {
                code::USAGE
            }
            Self::Store(error) if is_usage(error) => code::USAGE,
            Self::Store(_) | Self::Write { .. } | Self::System { .. } => code::RESULTS,
            Self::Start(StartError::Rule { .. }) => code::USAGE,
            Self::Containment(ContainError::Impossible(_)) => code::USAGE,
            Self::Containment(_) | Self::Guardian(_) | Self::Start(_) | Self::Died(_) => code::BUG,
        }
    }

    /// Says it to the user: the whole chain, once.
    pub(crate) fn tell(&self) {
        match self {
            Self::Spec(error) => view::tell_rendered(&error.render(view::stderr_has_colors())),
            _ => view::tell(&format!("error: {}", self.sentence())),
        }
    }

    /// The same without its kind, for one of several.
    #[must_use]
    pub(crate) fn sentence(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            let words = error.to_string();
            // Many a sentence holds its cause already, and goes on after it with what to do.
            if !text.contains(&words) {
                text.push_str(": ");
                text.push_str(&words);
            }
            source = error.source();
        }
        text
    }
}

/// Whether the results are there and whole, and only not what was asked for.
const fn is_usage(error: &StoreError) -> bool {
    use StoreError::{Closed, Missing, Newer, NotOurs, OtherJob, Sealed};
    matches!(
        error,
        Missing { .. } | Closed { .. } | Sealed { .. } | NotOurs { .. } | Newer { .. } | OtherJob { .. }
    )
}
