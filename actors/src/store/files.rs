//! Which files the database is. SQLite opens by path, and follows no symlink on it (that is also why it cannot be sent through
//! /proc/self/fd, which is one). Between its look and its opening somebody may exchange a directory; so what it has opened is
//! compared with what is in the directory that is held, before anything is written. This must never open a file.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::schema::DATABASE;
use crate::folder::{Folder, Identity, Kind};

/// The database and its write-ahead log: without either of them committed rows are lost.
const NAMES: [&str; 2] = [DATABASE, "provisor.db-wal"];

/// The files that were opened, each with the name under which it was.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) path: PathBuf,
    opened: Vec<(&'static str, Identity)>,
}

impl Files {
    /// Those that are in the directory, provided that this process has opened them.
    pub(super) fn opened(dir: &Folder, path: &Path) -> Result<Self, StoreError> {
        let moved = || StoreError::Moved { path: path.to_owned() };
        let mut opened = Vec::new();
        for name in NAMES {
            match dir.kind(name) {
                Ok(Some(Kind::File(identity))) if is_open_here(identity).unwrap_or(false) => {
                    opened.push((name, identity));
                }
                Ok(None) if name != DATABASE => {}
                _ => return Err(moved()),
            }
        }
        Ok(Self { path: path.to_owned(), opened })
    }

    /// Whether they are still where they were.
    pub(super) fn are_there(&self, dir: &Folder) -> bool {
        self.opened.iter().all(|(name, identity)| dir.holds(name, *identity))
    }
}

/// Whether one of this process's descriptors is of this file.
fn is_open_here(file: Identity) -> io::Result<bool> {
    let is_it = |entry: fs::DirEntry| {
        // Some are closed meanwhile: that of the listing itself at least.
        fs::metadata(entry.path()).is_ok_and(|there| file == Identity::from_numbers(there.dev(), there.ino()))
    };
    Ok(fs::read_dir("/proc/self/fd")?.flatten().any(is_it))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::testdir::TestDir;

    #[test]
    fn only_what_this_process_has_open_is_taken_for_the_database() {
        let temp = TestDir::new();
        let dir = Folder::open(temp.path()).unwrap();
        let path = temp.path().join(DATABASE);
        assert!(matches!(Files::opened(&dir, &path), Err(StoreError::Moved { .. })));
        let open = File::create(&path).unwrap();
        let files = Files::opened(&dir, &path).unwrap();
        assert!(files.are_there(&dir));
        drop(open);
        assert!(matches!(Files::opened(&dir, &path), Err(StoreError::Moved { .. })));
        fs::write(temp.path().join("other"), "").unwrap();
        fs::rename(temp.path().join("other"), &path).unwrap();
        assert!(!files.are_there(&dir), "another file of its name");
    }
}
