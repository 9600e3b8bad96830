//! The guardian from the program's side: its start, what it is told, what is done when it is dead, and what is done about
//! a run that was killed together with its own.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use provisor_actors::os::contain::{Contain, Contained};
use provisor_actors::os::guardian::{self, GuardianHandle, GuardianOptions};
use provisor_actors::os::local::LocalLauncher;
use provisor_actors::os::orphans::{self, Orphans};
use provisor_actors::os::remains::{self, Remains};
use provisor_actors::os::signals;
use provisor_actors::run::{Launcher, LauncherFactory};
use provisor_actors::rundir::{Left, RunDir};
use provisor_core::containment::{Containment, Level};
use provisor_core::guarantees::{Guarantees, Keeping};

use crate::failure::Failure;
use crate::view::{summary, tell};

/// How long the supervisor goes after what a dead guardian has left.
const ORPHANS_DIE_IN: Duration = Duration::from_secs(2);
/// How long a new run goes after what a dead one has left.
const REMAINS_DIE_IN: Duration = Duration::from_secs(5);

/// Forks the guardian: the first thing of all, before there is any thread.
pub(crate) fn start() -> Result<GuardianHandle, Failure> {
    signals::reset_sigchld();
    signals::close_all_on_exec().map_err(Failure::Guardian)?;
    let open_files = signals::raise_open_files().ok();
    guardian::start(GuardianOptions { open_files }).map_err(Failure::Guardian)
}

/// Kills what earlier runs here have left whose supervisor and guardian died together.
pub(crate) fn clear(guardian: &GuardianHandle, dir: &RunDir) {
    let Left { tokens, groups } = dir.left();
    if tokens.is_empty() {
        return;
    }
    let Remains { killed, left, is_group_left } =
        remains::kill_remains(tokens, groups, Some(guardian.pid()), REMAINS_DIE_IN);
    let path = dir.path().display();
    if killed > 0 {
        let text = format!("{killed} of its processes were left, and are dead now");
        tell(&format!("an earlier run in {path} was killed: {text}"));
    }
    if left.is_empty() && !is_group_left {
        noted(dir.note_cleared());
        return;
    }
    let pids: String = left.iter().map(|pid| format!(" {pid}")).collect();
    tell(&format!("warning: not all that an earlier run in {path} left could be killed:{pids}"));
}

/// Tells the guardian what is to hold the children together, and to hold the lock.
pub(crate) fn contain(
    guardian: &mut GuardianHandle,
    dir: &RunDir,
    containment: Containment,
) -> Result<Contained, Failure> {
    let lock = dir.lock_file().try_clone().map_err(Failure::Guardian)?;
    guardian.hold(lock.into()).map_err(Failure::Guardian)?;
    let contained =
        guardian.contain(Contain { containment, token: dir.token() }).map_err(Failure::Containment)?;
    noted(dir.note_groups(&contained.groups));
    if contained.level == Level::Group {
        // What leaves its group is nobody's, also for the next run.
        noted(dir.note_clean());
    }
    Ok(contained)
}

/// What makes the launcher, and what becomes true when everything that was started is known to be dead.
pub(crate) fn launcher(guardian: GuardianHandle, contained: Contained) -> (LauncherFactory, Arc<AtomicBool>) {
    let is_clean = Arc::new(AtomicBool::new(false));
    let cleared = Arc::clone(&is_clean);
    let Contained { level, weaker_because, groups } = contained;
    let guarantees = Guarantees { level, weaker_because, keeping: Keeping::Forked };
    let estate = Estate { groups, level, orphans: guardian.orphans() };
    let make: LauncherFactory = Box::new(move || {
        let (launch, driver) = LocalLauncher::new(guardian, std::env::vars_os());
        tokio::task::spawn_local(driver);
        let (gone, closing) = (launch.guardian_gone(), launch.clone());
        let containment = estate.level.word().into();
        let (estate, is_cleared) = (Arc::new(estate), Arc::clone(&cleared));
        let heir = Arc::clone(&estate);
        Ok(Launcher {
            launch: Arc::new(launch),
            containment,
            guarantees: Some(guarantees),
            gone: Box::pin(async move {
                gone.await;
                is_cleared.store(heir.take_over(), Ordering::Release);
            }),
            close: Box::pin(async move {
                let report = closing.close().await;
                tracing::debug!(?report, "the guardian has left");
                let is_clear = match report.unattributed {
                    Some(_) => report.left == 0,
                    // It died on its way out, or before.
                    None => estate.take_over(),
                };
                cleared.store(is_clear, Ordering::Release);
                summary::of_guardian(&report).iter().for_each(|line| tell(line));
            }),
        })
    });
    (make, is_clean)
}

/// What the guardian leaves if it dies.
struct Estate {
    groups: Vec<PathBuf>,
    level: Level,
    orphans: Orphans,
}

impl Estate {
    /// Kills it. True: nothing is left.
    fn take_over(&self) -> bool {
        // First, for it is done in no time and leaves less to look for.
        let no_group = remains::kill_groups(&self.groups, ORPHANS_DIE_IN);
        if self.level == Level::Group {
            return false;
        }
        let (killed, no_orphan) = orphans::kill_orphans(self.orphans, ORPHANS_DIE_IN);
        tracing::debug!(killed, no_group, no_orphan, "the guardian has died");
        no_group && no_orphan && self.orphans == Orphans::All
    }
}

/// Notes in the lock file whether everything that was started is dead.
pub(crate) fn note_end(dir: &RunDir, is_clean: &AtomicBool) {
    if is_clean.load(Ordering::Acquire) {
        noted(dir.note_clean());
    }
}

/// A disk without room is no reason not to go on: the next start looks for more than there is, or by the cookies alone.
fn noted(result: io::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "the lock file cannot be written");
    }
}
