//! What a launch request means on this machine: which program, which environment, which input.
//!
//! For whoever makes children, by a guardian or directly. It must never start anything.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use provisor_core::plan::{Command, Environment, Inherit};

use super::inputs::Inputs;
use super::mark::COOKIE;
use super::program::{Programs, is_shortage, permanent};
use super::{LaunchError, Transience};

/// What all children have in common.
pub(super) struct Base {
    /// What they read.
    pub(super) inputs: Inputs,
    programs: Programs,
    environment: Vec<(OsString, OsString)>,
}

/// A name that no variable can have.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` cannot be the name of an environment variable")]
pub(super) struct NoName(Box<str>);

impl Base {
    /// With the environment from which children inherit. Whoever supervises may itself be somebody's query.
    pub(super) fn new(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let environment = environment.into_iter().filter(|(name, _)| name != COOKIE).collect();
        Self { inputs: Inputs::default(), programs: Programs::default(), environment }
    }

    /// The file to execute.
    pub(super) fn program(&self, command: &Command) -> Result<Arc<Path>, LaunchError> {
        let name = command.argv.first().ok_or_else(|| permanent("there is no program to run".to_owned()))?;
        self.programs.find(name, self.path_of(&command.env), &command.cwd)
    }

    /// What was remembered of this file may be wrong.
    pub(super) fn doubt(&self, program: &Path) {
        self.programs.doubt(program);
    }

    /// The variables that a child gets: what is inherited, and what is set.
    pub(super) fn variables<'a>(
        &'a self,
        env: &'a Environment,
    ) -> impl Iterator<Item = Result<(&'a OsStr, &'a OsStr), NoName>> {
        let set = in_force(env).map(|(name, value)| match name.is_empty() || name.contains('=') {
            true => Err(NoName(name.into())),
            false => Ok((OsStr::new(name), OsStr::new(value))),
        });
        self.inherited(env).map(Ok).chain(set)
    }

    /// What of the base the child gets: what is admitted and not set anew.
    fn inherited<'a>(&'a self, env: &'a Environment) -> impl Iterator<Item = (&'a OsStr, &'a OsStr)> {
        let admitted = |name: &OsStr| match name.to_str() {
            Some(name) => env.inherit.admits(name) && env.set.iter().all(|(set, _)| **set != *name),
            None => env.inherit == Inherit::All,
        };
        let pairs = self.environment.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()));
        pairs.filter(move |(name, _)| admitted(name))
    }

    /// The PATH that the child will have.
    fn path_of<'a>(&'a self, env: &'a Environment) -> Option<&'a OsStr> {
        let set = in_force(env).find(|(name, _)| *name == "PATH").map(|(_, value)| OsStr::new(value));
        set.or_else(|| self.inherited(env).find(|(name, _)| *name == "PATH").map(|(_, value)| value))
    }
}

/// How long to wait after each start that found the program's file open for writing: a copy or a build ends within
/// milliseconds, and another second makes sure that it was no such thing.
const BUSY: [u64; 11] = [10, 10, 10, 10, 10, 20, 40, 80, 160, 320, 400];

/// Starts again what could not be started because its program was being written.
pub(super) async fn again_while_busy<T>(
    start: impl AsyncFn() -> Result<T, LaunchError>,
) -> Result<T, LaunchError> {
    for pause in BUSY {
        match start().await {
            Err(error) if error.transience == Transience::Busy => {
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            started => return started,
        }
    }
    start().await
}

/// What is set, the last of each name only; the mark of the tree is not for the spec to set.
fn in_force(env: &Environment) -> impl Iterator<Item = (&str, &str)> {
    env.set.iter().enumerate().filter_map(|(at, (name, value))| {
        let again = env.set[at + 1..].iter().any(|(later, _)| later == name);
        (!again && **name != *COOKIE).then_some((&**name, &**value))
    })
}

/// The kernel's words, without its number.
pub(super) fn in_words(error: &std::io::Error) -> String {
    error
        .raw_os_error()
        .map_or_else(|| error.kind().to_string(), |raw| Errno::from_raw(raw).desc().to_lowercase())
}

/// An error of this process's own making of descriptors.
pub(super) fn shortage(what: &str, error: &std::io::Error) -> LaunchError {
    let short = error.raw_os_error().is_some_and(|raw| is_shortage(Errno::from_raw(raw)));
    let transience = if short { Transience::Exhausted } else { Transience::Permanent };
    LaunchError { transience, text: format!("{what} could not be made: {}", in_words(error)).into() }
}
