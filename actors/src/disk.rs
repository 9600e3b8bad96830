//! What a disk is like: whether something can be written there, and what it promises. Asks the system only; what is made of the
//! answer is decided elsewhere.

use std::io::{self, Write};
use std::path::Path;

use nix::sys::statfs::{
    BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC, FUSE_SUPER_MAGIC, FsType, NFS_SUPER_MAGIC,
    OVERLAYFS_SUPER_MAGIC, SMB_SUPER_MAGIC, Statfs, TMPFS_MAGIC, XFS_SUPER_MAGIC, fstatfs, statfs,
};
use nix::sys::statvfs::statvfs;

use crate::folder::Folder;

const ZFS: FsType = FsType(0x2fc1_2fc1);
const RAMFS: FsType = FsType(0x8584_58f6);
const CIFS: FsType = FsType(0xff53_4d42);
const SMB2: FsType = FsType(0xfe53_4d42);
const LUSTRE: FsType = FsType(0x0bd0_0bd0);
const NINE_P: FsType = FsType(0x0102_1997);
const CEPH: FsType = FsType(0x00c3_6400);

/// Written to see whether there is room at all: the least that a run leaves takes more. In bytes.
const PROBE: usize = 1 << 16;

/// Writes a few bytes and brings them to the disk: better told before a run than when its first result is there, and the only
/// way to know of a quota.
pub fn probe(dir: &Folder) -> io::Result<()> {
    let name = format!(".probe-{}", std::process::id());
    let mut file = dir.create_anew(&name)?;
    let written = file.write_all(&vec![b'\n'; PROBE]).and_then(|()| file.sync_all());
    dir.remove(&name)?;
    written
}

/// What keeps results less safe on this disk than on another, as a sentence's end; `None` for nothing that is known.
#[must_use]
pub fn weakness(dir: &Folder) -> Option<&'static str> {
    fstatfs(dir.handle()).ok().and_then(|there| weakness_of(there.filesystem_type()))
}

fn weakness_of(kind: FsType) -> Option<&'static str> {
    const NETWORK: [FsType; 7] = [NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS, SMB2, LUSTRE, NINE_P, CEPH];
    if [TMPFS_MAGIC, RAMFS].contains(&kind) {
        Some("is in memory: what is written there is gone when the machine restarts")
    } else if NETWORK.contains(&kind) {
        Some(
            "is on a network: whether a result is safe, and whether a run on another machine is kept out, depends on the \
             server; a local disk is safer, and faster",
        )
    } else if kind == FUSE_SUPER_MAGIC {
        Some("is on FUSE: whether a result is safe depends on the program behind it; a local disk is safer")
    } else {
        None
    }
}

/// How many bytes can still be written there, where the system says.
#[must_use]
pub fn room(dir: &Path) -> Option<u64> {
    let there = statvfs(dir).ok()?;
    Some(there.blocks_available().saturating_mul(there.fragment_size()))
}

/// Whether nobody but this machine writes there at the same time. What is not known here may be anything.
#[must_use]
pub fn is_local(dir: &Path) -> bool {
    const LOCAL: [FsType; 7] = [
        BTRFS_SUPER_MAGIC,
        EXT4_SUPER_MAGIC,
        F2FS_SUPER_MAGIC,
        OVERLAYFS_SUPER_MAGIC,
        TMPFS_MAGIC,
        XFS_SUPER_MAGIC,
        ZFS,
    ];
    statfs(dir).as_ref().map(Statfs::filesystem_type).is_ok_and(|kind| LOCAL.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdir::TestDir;

    #[test]
    fn what_is_not_known_to_be_local_is_not() {
        assert!(!is_local(Path::new("/proc")) && !is_local(Path::new("/nowhere")));
    }

    #[test]
    fn disks_that_promise_less_are_known() {
        for kind in [TMPFS_MAGIC, NFS_SUPER_MAGIC, CIFS, FUSE_SUPER_MAGIC] {
            assert!(weakness_of(kind).is_some(), "{kind:?}");
        }
        for kind in [EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC] {
            assert_eq!(weakness_of(kind), None);
        }
    }

    #[test]
    fn a_probe_leaves_nothing() {
        let temp = TestDir::new();
        probe(&Folder::open(temp.path()).unwrap()).unwrap();
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0);
        assert!(Folder::open(Path::new("/proc/self")).and_then(|dir| probe(&dir)).is_err());
    }
}
