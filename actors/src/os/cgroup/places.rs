//! Where the control groups of this process are, as the kernel's two files say it: `/proc/self/mountinfo` and
//! `/proc/self/cgroup`.
//!
//! Pure: texts in, paths out. Whether one may write there shows only when one does.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// The folders of this process's own groups, each where it is mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::os) struct Places {
    /// In the unified hierarchy (version 2).
    pub(in crate::os) unified: Option<PathBuf>,
    /// In version 1's hierarchy of the memory controller.
    pub(in crate::os) memory: Option<PathBuf>,
    /// In version 1's hierarchy of the pids controller.
    pub(in crate::os) pids: Option<PathBuf>,
}

impl Places {
    /// From the texts of `mountinfo` and `cgroup`, both of the same process.
    pub(in crate::os) fn find(mountinfo: &[u8], cgroup: &[u8]) -> Self {
        let mounts: Vec<Mount> = lines(mountinfo).filter_map(Mount::parse).collect();
        let own: Vec<Membership> = lines(cgroup).filter_map(Membership::parse).collect();
        let place = |controller: &[u8]| {
            let path = own.iter().find(|own| own.is_of(controller))?.path.as_path();
            // The last mount over a folder is the one that is seen.
            mounts.iter().rev().filter(|mount| mount.is_of(controller)).find_map(|mount| mount.shows(path))
        };
        Self { unified: place(UNIFIED), memory: place(b"memory"), pids: place(b"pids") }
    }
}

/// The unified hierarchy has no controller in its line of `/proc/self/cgroup`.
const UNIFIED: &[u8] = b"";

/// One mounted hierarchy.
struct Mount {
    /// The group that is seen at `point`.
    root: PathBuf,
    point: PathBuf,
    unified: bool,
    options: Vec<u8>,
}

impl Mount {
    /// A line of mountinfo: `id parent device root point options tag... - type source options`. None: no control groups.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ');
        let (root, point) = (unescaped(fields.nth(3)?), unescaped(fields.next()?));
        let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
        let unified = match fields.next()? {
            b"cgroup2" => true,
            b"cgroup" => false,
            _ => return None,
        };
        Some(Self { root, point, unified, options: fields.nth(1)?.to_vec() })
    }

    fn is_of(&self, controller: &[u8]) -> bool {
        match controller {
            UNIFIED => self.unified,
            name => !self.unified && self.options.split(|byte| *byte == b',').any(|option| option == name),
        }
    }

    /// Where a group is seen through this mount; not, where the group is not below the mount's root, as for a process that
    /// is not in its namespace's own part of the hierarchy.
    fn shows(&self, path: &Path) -> Option<PathBuf> {
        let below = path.strip_prefix(&self.root).ok()?;
        below.components().all(|part| matches!(part, Component::Normal(_))).then(|| self.point.join(below))
    }
}

/// In which group of a hierarchy a process is.
struct Membership {
    controllers: Vec<u8>,
    path: PathBuf,
}

impl Membership {
    /// A line of `/proc/self/cgroup`: `number:controllers:path`.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.splitn(3, |byte| *byte == b':').skip(1);
        let controllers = fields.next()?.to_vec();
        Some(Self { controllers, path: OsString::from_vec(fields.next()?.to_vec()).into() })
    }

    fn is_of(&self, controller: &[u8]) -> bool {
        self.controllers.split(|byte| *byte == b',').any(|name| name == controller)
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// What mountinfo writes as a backslash and three octal digits, as it is.
fn unescaped(field: &[u8]) -> PathBuf {
    let (mut bytes, mut rest) = (Vec::with_capacity(field.len()), field);
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| *first == b'\\');
        let escaped = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[3..] } else { after };
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/cpu,pids rw,relatime shared:9 master:2 - cgroup cgroup rw,cpu,pids
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
";

    fn find(mountinfo: &str, cgroup: &str) -> Places {
        Places::find(mountinfo.as_bytes(), cgroup.as_bytes())
    }

    #[test]
    fn both_versions_side_by_side() {
        let places = find(HYBRID, "9:cpu,pids:/jobs\n4:memory:/api/1:2\n1:name=systemd:/\n0::/\n");
        assert_eq!(places.unified.as_deref(), Some(Path::new("/sys/fs/cgroup/unified")));
        assert_eq!(places.memory.as_deref(), Some(Path::new("/sys/fs/cgroup/memory/api/1:2")));
        assert_eq!(places.pids.as_deref(), Some(Path::new("/sys/fs/cgroup/cpu,pids/jobs")));
    }

    #[test]
    fn one_version_under_a_session() {
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
        let scope = "/user.slice/user-1000.slice/user@1000.service/app.slice/run-r3.scope";
        let places = find(mounts, &format!("0::{scope}\n"));
        let unified = PathBuf::from(format!("/sys/fs/cgroup{scope}"));
        assert_eq!(places, Places { unified: Some(unified), memory: None, pids: None });
    }

    #[test]
    fn a_mount_that_shows_a_part_only() {
        let mount = |root: &str| format!("30 23 0:26 {root} /sys/fs/cgroup ro - cgroup2 cgroup ro\n");
        let unified = |root: &str, own: &str| find(&mount(root), &format!("0::{own}\n")).unified;
        assert_eq!(unified("/docker/7", "/docker/7/a"), Some("/sys/fs/cgroup/a".into()));
        assert_eq!(unified("/docker/7", "/docker/70"), None, "another one");
        assert_eq!(unified("/", "/../outside"), None, "not in this namespace's part");
        let twice = mount("/docker/7") + "31 23 0:26 / /mnt rw - cgroup2 cgroup rw\n";
        assert_eq!(find(&twice, "0::/b\n").unified, Some("/mnt/b".into()), "the one that shows it");
    }

    #[test]
    fn odd_names_and_odd_lines() {
        let mounts = "30 23 0:26 / /a\\040b\\134c\\9 rw - cgroup2 x rw\n\nnonsense\n1 2 3 4 5 6 - cgroup\n";
        let places = find(mounts, "0\nx\n0::/p q\n");
        assert_eq!(places.unified, Some("/a b\\c\\9/p q".into()));
        assert_eq!(find("", ""), Places::default());
    }
}
