//! A launcher for whoever embeds a runtime: the strongest that this program and this machine allow, and what it promises.
//!
//! One guardian a runtime, made by the runtime's own thread and gone with it. It changes nothing of the program that it is
//! part of, and prints nothing; what was asked for and cannot be had is an error, never something less.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use provisor_core::containment::{Containment, Level};
use provisor_core::guarantees::{Guarantees, Keeping};

use crate::os::contain::{Contain, ContainError, Contained};
use crate::os::direct::DirectLauncher;
use crate::os::guardian::{self, ExecuteError, GuardianOptions, Program};
use crate::os::local::LocalLauncher;
use crate::os::remains;
use crate::os::signals::{self, OpenFiles};
use crate::os::token;
use crate::run::{Launcher, LauncherFactory};

/// How long a program goes after what a dead guardian has left.
const REMAINS_DIE_IN: Duration = Duration::from_secs(2);

/// How children are started on this machine.
///
/// ```standalone_crate
/// use provisor_actors::local::Local;
/// use provisor_core::guarantees::Keeping;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// provisor_actors::os::guardian::init(); // the first line of `main`
/// let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
/// runtime.block_on(async {
///     // A runtime makes it by `Local::default().factory()`.
///     let launcher = Local::default().launcher()?;
///     let guarantees = launcher.guarantees.expect("of a launcher of this machine they are known");
///     assert_eq!(guarantees.keeping, Keeping::Executed);
///     println!("at {}: {}, but: {:?}", guarantees.level.word(), guarantees.promise(), guarantees.exceptions());
///     drop(launcher.launch);
///     launcher.close.await;
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Local {
    /// What is to hold them together. `Auto` takes the strongest that there is; every other one is had or is an error.
    pub containment: Containment,
    /// Who makes them and ends them.
    pub maker: Maker,
    /// The environment from which they inherit.
    pub environment: Vec<(OsString, OsString)>,
    /// Their limit of open files, where it is not this program's: for one that has raised its own.
    pub open_files: Option<OpenFiles>,
}

/// Who makes the children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Maker {
    /// A guardian, made of this program, if [`guardian::init`] was called; else this process itself.
    #[default]
    Any,
    /// A guardian, made of this program.
    OwnProgram,
    /// A guardian, made of the program at this path, whose `main` begins with [`guardian::init`]: `provisor` does.
    Program(PathBuf),
    /// This process itself, in process groups. No limits of whole trees, and nobody who ends anything when this process
    /// is killed.
    Direct,
}

/// Why there is no launcher.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// There is no guardian.
    #[error(transparent)]
    Guardian(#[from] ExecuteError),
    /// The children cannot be held together as it was asked for.
    #[error("the containment cannot be had as it was asked for; `Auto` takes the strongest that there is")]
    Containment(#[from] ContainError),
    /// The same, for want of a guardian.
    #[error(
        "the containment `{}` needs a guardian, and this program has none: make `guardian::init()` the first line of `main`, \
         or name a helper program",
        .0.word()
    )]
    NeedsGuardian(Containment),
    /// This program would never learn how its children ended.
    #[error(
        "this program ignores SIGCHLD, so that it learns of no child of its own how it ended: let it not, or have a guardian"
    )]
    IgnoresSigchld,
    /// The system refused something.
    #[error("the launcher could not be made")]
    System(#[from] io::Error),
}

impl LocalError {
    /// What stands behind an error of a [`Local::factory`].
    #[must_use]
    pub fn behind(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl Default for Local {
    /// The strongest that there is, with this process's environment as it is now.
    fn default() -> Self {
        Self {
            containment: Containment::Auto,
            maker: Maker::Any,
            environment: std::env::vars_os().collect(),
            open_files: None,
        }
    }
}

impl Local {
    /// For [`Ports::launcher`](crate::runtime::Ports::launcher): makes the launcher on the runtime's thread, guardian and
    /// all. Its errors are [`LocalError`]s ([`LocalError::behind`]).
    #[must_use]
    pub fn factory(self) -> LauncherFactory {
        Box::new(move || self.launcher().map_err(io::Error::other))
    }

    /// Makes the launcher. To be called within a runtime of tokio's; waits some milliseconds for the guardian.
    ///
    /// # Errors
    /// If there is no guardian where one was asked for, or not the containment that was.
    pub fn launcher(self) -> Result<Launcher, LocalError> {
        let program = match &self.maker {
            Maker::Any if guardian::is_initialised() => Program::Own,
            Maker::Any => return self.directly(NOT_INITIALISED),
            Maker::Direct => return self.directly(NOT_WANTED),
            Maker::OwnProgram => Program::Own,
            Maker::Program(path) => Program::At(path.clone()),
        };
        self.by_guardian(&program)
    }

    fn by_guardian(self, program: &Program) -> Result<Launcher, LocalError> {
        let token = token::fresh()?;
        let mut guardian = guardian::execute(program, &GuardianOptions { open_files: self.open_files })?;
        let asked = Contain { containment: self.containment, token: &token };
        let Contained { level, weaker_because, groups } = match guardian.contain(asked) {
            Ok(contained) => contained,
            Err(error) => {
                guardian.end();
                return Err(error.into());
            }
        };
        let (launch, driver) = LocalLauncher::with_token(guardian, self.environment, &token);
        tokio::spawn(driver);
        let estate = Arc::new(Estate { token, groups, level });
        let heir = Arc::clone(&estate);
        let (gone, closing) = (launch.guardian_gone(), launch.clone());
        Ok(Launcher {
            launch: Arc::new(launch),
            containment: level.word().into(),
            guarantees: Some(Guarantees { level, weaker_because, keeping: Keeping::Executed }),
            gone: Box::pin(async move {
                gone.await;
                heir.take_over();
            }),
            close: Box::pin(async move {
                let report = closing.close().await;
                tracing::debug!(?report, "the guardian has left");
                if report.unattributed.is_none() {
                    // It died on its way out, or before.
                    estate.take_over();
                }
            }),
        })
    }

    fn directly(self, why: &str) -> Result<Launcher, LocalError> {
        if !matches!(self.containment, Containment::Auto | Containment::Group) {
            return Err(LocalError::NeedsGuardian(self.containment));
        }
        if signals::children_are_reaped_unseen() {
            return Err(LocalError::IgnoresSigchld);
        }
        let launch = DirectLauncher::new(self.environment);
        let closing = launch.clone();
        let level = Level::Group;
        let weaker_because = vec![why.to_owned()];
        Ok(Launcher {
            launch: Arc::new(launch),
            containment: level.word().into(),
            guarantees: Some(Guarantees { level, weaker_because, keeping: Keeping::Direct }),
            gone: Box::pin(std::future::pending()),
            close: Box::pin(closing.close()),
        })
    }
}

const NOT_INITIALISED: &str = "there is no guardian: this program cannot be its own, for `guardian::init()` is not the first line of its `main`";
const NOT_WANTED: &str = "there is no guardian, for none was asked for";

/// What a guardian leaves if it dies. None of it comes to this process, which is no subreaper.
struct Estate {
    token: Box<str>,
    groups: Vec<PathBuf>,
    level: Level,
}

impl Estate {
    /// Kills it, as far as its level holds it together. Blocks for some milliseconds.
    fn take_over(&self) {
        let is_clear = match self.level {
            // In a namespace the kernel has killed all; the groups are there, and empty.
            Level::NamespaceCgroup | Level::Namespace => remains::kill_groups(&self.groups, REMAINS_DIE_IN),
            Level::Cgroup | Level::Sweep => {
                let tokens = std::slice::from_ref(&self.token);
                let found = remains::kill_remains(tokens, &self.groups, None, REMAINS_DIE_IN);
                tracing::debug!(?found, "the guardian has died");
                found.left.is_empty() && !found.is_group_left
            }
            Level::Group => true,
        };
        if !is_clear {
            tracing::warn!("the guardian has died, and not all that it has left could be killed");
        }
    }
}
