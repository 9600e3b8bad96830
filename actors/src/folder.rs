//! A directory that is held by its descriptor. Whatever happens to the names that led to it (it is moved, or something else is
//! put in its place, a symlink not least), what is opened here is in this directory and in no other.
//!
//! No name in it is ever followed through a symlink. What stands in the files is no concern of this module.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// What the umask leaves of it is what a new file, or a new directory, may be used for.
const FILE_MODE: Mode = Mode::from_bits_truncate(0o666);
const FOLDER_MODE: Mode = Mode::from_bits_truncate(0o777);

/// A directory, held.
#[derive(Debug)]
pub struct Folder {
    handle: File,
    path: PathBuf,
}

/// Which file it is, whatever it is called: its device and its inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// That of an open file.
    pub fn of(file: &File) -> io::Result<Self> {
        file.metadata().map(|there| Self::from_numbers(there.dev(), there.ino()))
    }

    /// The device and the inode as they are.
    #[must_use]
    pub const fn from_numbers(device: u64, inode: u64) -> Self {
        Self { device, inode }
    }

    #[expect(clippy::useless_conversion, reason = "their types differ from one machine to another")]
    fn of_stat(stat: &FileStat) -> Self {
        Self { device: stat.st_dev.into(), inode: stat.st_ino.into() }
    }
}

/// What a name in a directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File(Identity),
    /// A directory.
    Folder,
    /// A symlink.
    Symlink,
    /// A pipe, a socket, a device.
    Other,
}

impl Folder {
    /// Takes hold of the directory at this path, which may well lead through symlinks.
    pub fn open(path: &Path) -> io::Result<Self> {
        let handle = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(path)?;
        Ok(Self { handle, path: path.to_owned() })
    }

    /// Where it was when it was opened: for sentences.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes hold of a directory in it.
    pub fn folder(&self, name: &str) -> io::Result<Self> {
        let handle = self.open_at(name, OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        Ok(Self { handle, path: self.path.join(name) })
    }

    /// The same; makes it where it is missing.
    pub fn make_folder(&self, name: &str) -> io::Result<Self> {
        match mkdirat(&self.handle, name, FOLDER_MODE) {
            Ok(()) | Err(Errno::EEXIST) => self.folder(name),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens a file for reading, without waiting for anybody. A pipe or a device is none: it may have no end.
    pub fn read(&self, name: &str) -> io::Result<File> {
        let file = self.open_at(name, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?;
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")),
        }
    }

    /// All that stands in a file; one of more bytes than that is an error.
    pub fn read_small(&self, name: &str, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read(name)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
    }

    /// Creates a file for appending, so that nothing is overwritten whatever else is done to it. There must be none of this
    /// name.
    pub fn create_new(&self, name: &str) -> io::Result<File> {
        self.open_at(name, OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_EXCL)
    }

    /// Opens a file for reading and writing, and creates it where it is missing.
    pub fn open_or_create(&self, name: &str) -> io::Result<File> {
        self.open_at(name, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NONBLOCK)
    }

    fn open_at(&self, name: &str, flags: OFlag) -> io::Result<File> {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(openat(&self.handle, name, flags, FILE_MODE)?.into())
    }

    /// Creates a file anew; the old one, if there is one, goes. What is no file stays, and is an error.
    pub fn create_anew(&self, name: &str) -> io::Result<File> {
        match self.kind(name)? {
            None => {}
            Some(Kind::File(_)) => self.remove(name)?,
            Some(Kind::Symlink) => return Err(Errno::ELOOP.into()),
            Some(Kind::Folder | Kind::Other) => return Err(Errno::EEXIST.into()),
        }
        self.create_new(name)
    }

    /// Writes a file anew: all of it or nothing. A symlink is replaced, and not what it leads to.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let fresh = format!("{name}.new");
        self.remove(&fresh)?;
        self.create_new(&fresh)?.write_all(bytes)?;
        self.rename(&fresh, name)
    }

    /// The names of all that is in it, but for `.` and `..`.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        // By the descriptor: whatever is at the path now may be another directory.
        let entries = fs::read_dir(format!("/proc/self/fd/{}", self.handle.as_raw_fd()))?;
        entries.map(|entry| entry.map(|entry| entry.file_name())).collect()
    }

    /// Gives a file another name, and takes that from whatever has it.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.handle, from, &self.handle, to)?)
    }

    /// Removes a file; it is fine if there is none.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.handle, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// What is there under this name; `None` for nothing.
    pub fn kind(&self, name: &str) -> io::Result<Option<Kind>> {
        let stat = match fstatat(&self.handle, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        Ok(Some(match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => Kind::File(Identity::of_stat(&stat)),
            SFlag::S_IFDIR => Kind::Folder,
            SFlag::S_IFLNK => Kind::Symlink,
            _ => Kind::Other,
        }))
    }

    /// Whether the file of this name is this one.
    #[must_use]
    pub fn holds(&self, name: &str, file: Identity) -> bool {
        matches!(self.kind(name), Ok(Some(Kind::File(there))) if there == file)
    }

    /// Whether it was removed: nothing can be made in it any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.handle.metadata().is_ok_and(|there| there.nlink() == 0)
    }

    /// Brings the names in it to the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }

    /// For asking the system about it.
    pub(crate) const fn handle(&self) -> &File {
        &self.handle
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testdir::TestDir;

    #[test]
    fn a_folder_stays_itself_whatever_is_done_to_its_name() {
        let temp = TestDir::new();
        let at = |name| temp.path().join(name);
        fs::create_dir(at("ours")).unwrap();
        fs::create_dir(at("theirs")).unwrap();
        let folder = Folder::open(&at("ours")).unwrap();
        fs::rename(at("ours"), at("moved")).unwrap();
        symlink(at("theirs"), at("ours")).unwrap();
        folder.create_new("a").unwrap();
        folder.replace("b", b"x").unwrap();
        folder.make_folder("c").unwrap().create_anew("d").unwrap();
        assert_eq!(fs::read_dir(at("theirs")).unwrap().count(), 0);
        assert!(at("moved/a").exists() && at("moved/b").exists() && at("moved/c/d").exists());
        assert!(!folder.is_gone());
        fs::remove_dir_all(at("moved")).unwrap();
        assert!(folder.is_gone() && folder.create_new("e").is_err());
    }

    #[test]
    fn no_symlink_is_followed_and_no_pipe_is_waited_for() {
        let temp = TestDir::new();
        let folder = Folder::open(temp.path()).unwrap();
        fs::write(temp.path().join("precious"), "precious").unwrap();
        fs::create_dir(temp.path().join("dir")).unwrap();
        symlink("precious", temp.path().join("link")).unwrap();
        symlink("dir", temp.path().join("dirlink")).unwrap();
        nix::unistd::mkfifo(&temp.path().join("pipe"), Mode::S_IRWXU).unwrap();
        for name in ["link", "dirlink", "pipe", "dir"] {
            assert!(folder.create_new(name).is_err() && folder.create_anew(name).is_err(), "{name}");
        }
        for name in ["link", "dirlink"] {
            assert!(folder.read(name).is_err() && folder.open_or_create(name).is_err(), "{name}");
            assert!(folder.folder(name).is_err() && folder.make_folder(name).is_err(), "{name}");
            assert_eq!(folder.kind(name).unwrap(), Some(Kind::Symlink));
        }
        assert_eq!(folder.kind("pipe").unwrap(), Some(Kind::Other));
        assert!(folder.read("pipe").is_err() && folder.read("dir").is_err());
        assert_eq!(folder.read_small("precious", 8).unwrap(), b"precious");
        assert!(folder.read_small("precious", 7).is_err());
        // The link goes, and what it led to stays.
        folder.replace("link", b"x").unwrap();
        assert_eq!(fs::read(temp.path().join("precious")).unwrap(), b"precious");
        assert!(matches!(folder.kind("link").unwrap(), Some(Kind::File(_))));
    }

    #[test]
    fn a_file_is_known_by_itself_and_not_by_its_name() {
        let temp = TestDir::new();
        let folder = Folder::open(temp.path()).unwrap();
        let first = folder.create_anew("a").unwrap();
        let identity = Identity::of(&first).unwrap();
        assert!(folder.holds("a", identity) && !folder.holds("b", identity));
        folder.create_anew("a").unwrap();
        assert!(!folder.holds("a", identity));
    }
}
