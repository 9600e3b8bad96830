//! What is made in a run directory for the queries before they start: the files that they are asked in, and the folders that
//! their programs fill.
//!
//! Names are relative to the run directory and lead through its folders; none of them is followed through a symlink. Must
//! never be given a name that a query chose: who names files makes them of parts of ids.

use std::io;

use super::RunDir;
use crate::folder::Folder;

impl RunDir {
    /// Writes a file, unless it is there with these very bytes: then it stays as old as it is.
    pub fn make_file(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (folder, name) = self.make_way(name)?;
        let folder = folder.as_ref().unwrap_or(self.folder());
        match folder.read_small(name, bytes.len() as u64) {
            Ok(there) if there == bytes => Ok(()),
            _ => folder.replace(name, bytes),
        }
    }

    /// Makes a folder, or removes the files that are in it. A folder that is in it is an error: no program that is known
    /// makes any, and what somebody else has put there is not to go.
    pub fn make_empty_folder(&self, name: &str) -> io::Result<()> {
        let (folder, name) = self.make_way(name)?;
        let folder = folder.as_ref().unwrap_or(self.folder()).make_folder(name)?;
        for name in folder.names()? {
            let name = name.into_string().map_err(|_| io::Error::from(io::ErrorKind::InvalidFilename))?;
            folder.remove(&name)?;
        }
        Ok(())
    }

    /// The folder in which a name stands, made where it is missing, and the last part of the name.
    fn make_way<'n>(&self, name: &'n str) -> io::Result<(Option<Folder>, &'n str)> {
        let mut parts = name.split('/');
        let last = parts.next_back().unwrap_or_default();
        let mut folder: Option<Folder> = None;
        for part in parts {
            folder = Some(folder.as_ref().unwrap_or(self.folder()).make_folder(part)?);
        }
        Ok((folder, last))
    }
}
