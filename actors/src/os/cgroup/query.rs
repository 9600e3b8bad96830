//! The groups of one query: there before its leader, given back when nothing is left of its tree.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::fcntl::OFlag;

use super::folder::field;
use super::{Controller, Entrance, Folder, RunGroups, TreeLimits};

/// The kernel charges memory in lots of no more than this, in bytes.
const LOT: u64 = 1 << 20;

/// A group that holds a limit.
#[derive(Debug)]
struct Holder {
    folder: Folder,
    unified: bool,
}

/// The groups of a query. Dropping it does not remove them.
#[derive(Debug, Default)]
pub(in crate::os) struct QueryGroups {
    unified: Option<Folder>,
    memory: Option<Holder>,
    processes: Option<Holder>,
    is_limited: bool,
}

impl QueryGroups {
    /// Makes them, under this name.
    pub(super) fn make(run: &RunGroups, name: &str, limits: TreeLimits) -> io::Result<Self> {
        let mut groups = Self { is_limited: !limits.is_empty(), ..Self::default() };
        match groups.fill(run, name, limits) {
            Ok(()) => Ok(groups),
            Err(error) => {
                let _ = groups.remove();
                Err(error)
            }
        }
    }

    /// A group in the unified hierarchy and nothing else.
    pub(super) fn plain(folder: Folder) -> Self {
        Self { unified: Some(folder), ..Self::default() }
    }

    /// Its group, if it is the only one and has counted nothing that anybody asks for.
    pub(super) fn as_plain(&self) -> Option<&Folder> {
        let has_counted = self.is_limited || self.memory.is_some() || self.processes.is_some();
        self.unified.as_ref().filter(|_| !has_counted)
    }

    fn fill(&mut self, run: &RunGroups, name: &str, limits: TreeLimits) -> io::Result<()> {
        if let Some(folder) = &run.unified {
            self.unified = Some(Folder::make(folder.path().join(name))?.hold());
        }
        self.memory = self.holder(run.memory.as_ref(), name, limits.memory.is_some())?;
        self.processes = self.holder(run.processes.as_ref(), name, limits.processes.is_some())?;
        if let (Some(holder), Some(bytes)) = (&self.memory, limits.memory) {
            holder.limit_memory(bytes)?;
        }
        if let (Some(holder), Some(number)) = (&self.processes, limits.processes) {
            holder.folder.write("pids.max", &number.to_string())?;
        }
        Ok(())
    }

    /// The unified group is there in any case, and tells of a controller even where nothing is limited.
    fn holder(
        &self,
        controller: Option<&Controller>,
        name: &str,
        limited: bool,
    ) -> io::Result<Option<Holder>> {
        Ok(match (controller, &self.unified) {
            (Some(Controller::Unified), Some(folder)) => {
                Some(Holder { folder: folder.clone(), unified: true })
            }
            (Some(Controller::Own(run)), _) if limited => {
                // Several controllers may share a hierarchy.
                std::fs::create_dir_all(run.join(name))?;
                Some(Holder { folder: Folder::at(run.join(name)), unified: false })
            }
            _ => None,
        })
    }

    /// Whether the kernel holds its limit of memory, and that of processes, where it has one.
    pub(in crate::os) fn hold(&self) -> (bool, bool) {
        (self.memory.is_some(), self.processes.is_some())
    }

    /// Its group in the unified hierarchy: to be killed, to be looked at.
    pub(in crate::os) fn unified(&self) -> Option<&Folder> {
        self.unified.as_ref()
    }

    /// Opens the way in. To be dropped when the child is born.
    pub(in crate::os) fn entrance(&self) -> io::Result<Entrance> {
        let beside = self.folders().filter(|folder| Some(*folder) != self.unified.as_ref());
        Ok(Entrance {
            unified: self.unified.as_ref().map(Folder::handle).transpose()?,
            lists: beside.map(open_list).collect::<io::Result<_>>()?,
        })
    }

    /// The way in for a kernel that cannot make a child inside a group: it writes itself into all of them.
    pub(in crate::os) fn lists(&self) -> io::Result<Entrance> {
        Ok(Entrance { unified: None, lists: self.folders().map(open_list).collect::<io::Result<_>>()? })
    }

    /// So many of its processes the kernel has killed for want of memory; 0 where no controller watches.
    pub(in crate::os) fn oom_kills(&self) -> u64 {
        self.memory.as_ref().map_or(0, |holder| {
            let file = if holder.unified { "memory.events" } else { "memory.oom_control" };
            holder.folder.field(file, "oom_kill").unwrap_or(0)
        })
    }

    /// Whether its own limit of memory was reached. Where it was not, what killed in it was out of memory elsewhere.
    pub(in crate::os) fn ran_into_its_limit(&self) -> bool {
        self.memory.as_ref().is_some_and(|holder| match holder.unified {
            true => holder.folder.field("memory.events", "oom").is_ok_and(|times| times > 0),
            false => {
                let number = |file| holder.folder.number(file);
                // Version 1 counts no such kill by itself, but knows how near it ever came: pages are charged in lots.
                let most = ["memory.max_usage_in_bytes", "memory.memsw.max_usage_in_bytes"];
                number("memory.limit_in_bytes").is_ok_and(|limit| {
                    most.into_iter()
                        .any(|most| number(most).is_ok_and(|most| most.saturating_add(LOT) >= limit))
                })
            }
        })
    }

    /// So often it was refused a process for its limit; 0 where no controller watches.
    pub(in crate::os) fn refused_processes(&self) -> u64 {
        self.processes.as_ref().map_or(0, |holder| holder.folder.field("pids.events", "max").unwrap_or(0))
    }

    /// The CPU time of all that ever ran in it.
    pub(in crate::os) fn cpu(&self) -> Option<Duration> {
        let text = self.unified.as_ref()?.read("cpu.stat").ok()?;
        field(&text, "usage_usec").map(Duration::from_micros)
    }

    /// Removes them. Busy is an error: something lives in one, or has just left.
    pub(in crate::os) fn remove(&self) -> io::Result<()> {
        self.folders().map(Folder::remove).fold(Ok(()), Result::and)
    }

    /// Each of its groups once.
    fn folders(&self) -> impl Iterator<Item = &Folder> {
        let memory = self.memory.as_ref().map(|holder| &holder.folder);
        let processes = self.processes.as_ref().map(|holder| &holder.folder);
        let unified = self.unified.as_ref();
        let memory = memory.filter(|folder| Some(*folder) != unified);
        let processes = processes.filter(|folder| Some(*folder) != unified && Some(*folder) != memory);
        unified.into_iter().chain(memory).chain(processes)
    }
}

impl Holder {
    /// Of memory and swap together: what is swapped out is still what the tree takes.
    fn limit_memory(&self, bytes: u64) -> io::Result<()> {
        let bytes = bytes.to_string();
        let optional = |file: &str, text: &str| match self.folder.write(file, text) {
            // No swap is counted here, or this kernel is older than the file.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::Unsupported) => {
                Ok(())
            }
            result => result,
        };
        if !self.unified {
            self.folder.write("memory.limit_in_bytes", &bytes)?;
            return optional("memory.memsw.limit_in_bytes", &bytes);
        }
        self.folder.write("memory.max", &bytes)?;
        optional("memory.swap.max", "0")?;
        // The tree goes as a whole: one that has lost a part at random says nothing that can be trusted.
        optional("memory.oom.group", "1")
    }
}

fn open_list(folder: &Folder) -> io::Result<OwnedFd> {
    folder.open("cgroup.procs", OFlag::O_WRONLY)
}

#[cfg(test)]
impl QueryGroups {
    /// Where its groups are.
    pub(super) fn folders_of_test(&self) -> Vec<std::path::PathBuf> {
        self.folders().map(|folder| folder.path().to_owned()).collect()
    }
}
