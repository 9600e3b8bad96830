//! Control groups: one for the run, in it one for each query. Who is in one cannot leave it unseen, all in it can be
//! killed at once, and it can be told what it may take.
//!
//! `<our own group>/provisor-<token>/g<n>`, in the unified hierarchy (version 2). Limits are held by version 2's
//! controllers where they are there, else by version 1's hierarchies where those are writable; a version 1 group is only
//! made for a query that has such a limit. A group in which nothing was counted and nothing is left serves the next
//! query: to make one and to remove it costs more than half of what a child does. It must never kill by a process's number, and
//! never touch a group that has not the run's token in its name.

mod entrance;
mod folder;
mod places;
mod query;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::unistd::{AccessFlags, access};

use super::TreeLimits;

pub(super) use entrance::Entrance;
pub(super) use folder::Folder;
pub(super) use places::Places;
pub(super) use query::QueryGroups;

/// What the name of a run's group begins with; its token follows.
pub(super) const PREFIX: &str = "provisor-";
/// Where we go ourselves, if our own group is to hand controllers on: a group that does must have no process in it.
const OWN_LEAF: &str = "supervisor";
/// So many groups are kept for queries to come; one costs the kernel some KiB.
const SPARE: usize = 64;

/// Why a run has no group of its own.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unavailable {
    #[error("there is no cgroup2 hierarchy in which this process could be found")]
    NoHierarchy,
    #[error("no group can be made in {}: {source} (`systemd-run --user --scope -p Delegate=yes` gives a user one)", .place.display())]
    NotOurs { place: PathBuf, source: io::Error },
    #[error("this kernel cannot kill a group at once (`cgroup.kill`, since Linux 5.14)")]
    NoKill,
}

/// What holds a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Controller {
    /// The unified hierarchy.
    Unified,
    /// A hierarchy of version 1, in which the run's group would be this.
    Own(PathBuf),
}

/// The groups of a run.
#[derive(Debug, Default)]
pub(super) struct RunGroups {
    unified: Option<Folder>,
    memory: Option<Controller>,
    processes: Option<Controller>,
    /// Groups that are as they were made, with nobody in them.
    spare: Vec<Folder>,
    /// How many were made.
    made: u64,
}

impl RunGroups {
    /// For a run without any: every query is admitted with no group.
    pub(super) fn none() -> Self {
        Self::default()
    }

    /// Finds out what there is, and makes the run's group in the unified hierarchy if that is `wanted`. Where it cannot
    /// be made this says why, beside what limits can be held without it.
    ///
    /// `ours` are the processes (this one among them, by its number) that may be moved into a leaf of our own group, if
    /// they are all that is in it and only so controllers can be handed on. To be called by the process that stays or is
    /// forked from: children of a later fork are in the same groups.
    pub(super) fn make(token: &str, wanted: bool, ours: &[i32]) -> (Self, Option<Unavailable>) {
        let read = |path| fs::read(path).unwrap_or_default();
        let places = Places::find(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
        Self::make_in(places, token, wanted, ours)
    }

    fn make_in(places: Places, token: &str, wanted: bool, ours: &[i32]) -> (Self, Option<Unavailable>) {
        let (unified, why) =
            match places.unified.filter(|_| wanted).map(|place| make_unified(&place, token, ours)) {
                Some(Ok(folder)) => (Some(folder), None),
                Some(Err(why)) => (None, Some(why)),
                None => (None, wanted.then_some(Unavailable::NoHierarchy)),
            };
        let has = |name: &str| unified.as_ref().is_some_and(|folder| hands_on(folder, name));
        let find = |name: &str, own: Option<PathBuf>| match own {
            _ if has(name) => Some(Controller::Unified),
            Some(own) if access(&own, AccessFlags::W_OK).is_ok() => {
                Some(Controller::Own(own.join(format!("{PREFIX}{token}"))))
            }
            _ => None,
        };
        let (memory, processes) = (find("memory", places.memory), find("pids", places.pids));
        (Self { unified, memory, processes, ..Self::none() }, why)
    }

    /// The run's group in the unified hierarchy: to be noted where the next start finds it.
    pub(super) fn unified(&self) -> Option<&Path> {
        self.unified.as_ref().map(Folder::path)
    }

    /// All folders in which groups of this run are or may come to be.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let own =
            [&self.memory, &self.processes].into_iter().flatten().filter_map(|controller| match controller {
                Controller::Own(path) => Some(path.clone()),
                Controller::Unified => None,
            });
        self.unified().map(Path::to_owned).into_iter().chain(own).collect()
    }

    /// The groups of a query. Whoever has a limit gets new ones: what a group has counted cannot be set back.
    pub(super) fn admit(&mut self, limits: TreeLimits) -> io::Result<QueryGroups> {
        if limits.is_empty()
            && let Some(folder) = self.spare.pop()
        {
            return Ok(QueryGroups::plain(folder));
        }
        self.made += 1;
        QueryGroups::make(self, &format!("g{}", self.made), limits)
    }

    /// Takes the groups of a query back that is over, or removes them. They serve again if the query `left_by_itself`:
    /// else somebody may have killed it by its group. What is busy still (a zombie that is not ours yet) goes with the
    /// run's group.
    pub(super) fn release(&mut self, groups: QueryGroups, left_by_itself: bool) {
        let may_serve = left_by_itself && self.spare.len() < SPARE;
        match groups.as_plain().filter(|folder| may_serve && folder.is_as_made()) {
            Some(folder) => self.spare.push(folder.clone()),
            None => drop(groups.remove()),
        }
    }

    /// Kills whatever is in the run's group, at once.
    pub(super) fn kill(&self) {
        if let Some(folder) = &self.unified {
            let _ = folder.kill();
        }
    }

    /// Kills whatever is in any of the run's groups, and removes them all if they are empty by the end of the time.
    /// True: nothing is left.
    pub(super) fn end(&self, time: Duration) -> bool {
        end_left(&self.paths(), time)
    }
}

/// Ends the groups of a run at these paths, which may be gone already. True: nothing is left of them.
///
/// A path whose last part is not the name of a run's group is not touched.
pub(super) fn end_left(paths: &[PathBuf], time: Duration) -> bool {
    let end = Instant::now() + time;
    let named = |path: &&PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX)) && path.exists()
    };
    let mut folders: Vec<Folder> = paths.iter().filter(named).cloned().map(Folder::at).collect();
    loop {
        // Version 1 kills nobody: what is in its groups is in the unified ones too, or the sweep's.
        folders.retain(|folder| folder.kill().is_err() | folder.remove().is_err());
        folders.retain(|folder| folder.path().exists());
        if folders.is_empty() || Instant::now() >= end {
            return folders.is_empty();
        }
        sleep(Duration::from_millis(1));
    }
}

fn make_unified(place: &Path, token: &str, ours: &[i32]) -> Result<Folder, Unavailable> {
    let not_ours = |source| Unavailable::NotOurs { place: place.to_owned(), source };
    let folder = Folder::make(place.join(format!("{PREFIX}{token}"))).map_err(not_ours)?;
    if !folder.path().join("cgroup.kill").exists() {
        let _ = folder.remove();
        return Err(Unavailable::NoKill);
    }
    // Whoever may make a group may not always move a process into it: that asks for this file of both ends' ancestor.
    if let Err(errno) = access(&place.join("cgroup.procs"), AccessFlags::W_OK) {
        let _ = folder.remove();
        return Err(not_ours(errno.into()));
    }
    let own = Folder::at(place.to_owned());
    for name in ["memory", "pids"] {
        if hands_on(&own, name) || hand_on(&own, name, ours).is_ok() {
            let _ = folder.write("cgroup.subtree_control", &format!("+{name}"));
        }
    }
    Ok(folder)
}

/// Whether the groups below have this controller.
fn hands_on(folder: &Folder, name: &str) -> bool {
    has_word(folder, "cgroup.subtree_control", name)
}

fn has_word(folder: &Folder, file: &str, name: &str) -> bool {
    folder.read(file).is_ok_and(|names| names.split_ascii_whitespace().any(|word| word == name))
}

/// Hands a controller on to the groups below our own. While there are processes in it the kernel refuses that, except in
/// the root; if all that are there are ours, they go to a leaf.
fn hand_on(own: &Folder, name: &str, ours: &[i32]) -> io::Result<()> {
    if !has_word(own, "cgroup.controllers", name) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let text = format!("+{name}");
    match own.write("cgroup.subtree_control", &text) {
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
            let inside = fs::read_to_string(own.path().join("cgroup.procs"))?;
            if !inside.lines().all(|line| line.parse().is_ok_and(|pid| ours.contains(&pid))) {
                return Err(error);
            }
            let leaf = own.path().join(OWN_LEAF);
            let leaf = if leaf.exists() { Folder::at(leaf) } else { Folder::make(leaf)? };
            for pid in ours {
                leaf.write("cgroup.procs", &pid.to_string())?;
            }
            own.write("cgroup.subtree_control", &text)
        }
        result => result,
    }
}

#[cfg(test)]
mod tests;
