//! What it tells of itself, and how it and a test agree on a moment.

use std::fs::{self, OpenOptions};
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{FcntlArg, fcntl};

/// Its descriptors, signal sets, umask, working directory, groups and environment, as lines `name=value`.
pub(crate) fn dump() {
    let mut descriptors: Vec<i32> = fs::read_dir("/proc/self/fd")
        .expect("its descriptors")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    descriptors.sort_unstable();
    // The last one is the directory itself.
    descriptors.retain(|descriptor| fs::read_link(format!("/proc/self/fd/{descriptor}")).is_ok());
    println!("fds={descriptors:?}");
    let status = fs::read_to_string("/proc/self/status").expect("its status");
    for name in ["SigBlk", "SigIgn", "SigCgt", "Umask"] {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        println!("{name}={}", line.unwrap_or_default());
    }
    println!("cwd={}", std::env::current_dir().expect("a folder").display());
    for (name, value) in std::env::vars_os() {
        println!("env.{}={}", name.display(), value.display());
    }
}

/// How many bytes the pipe of its standard output takes.
pub(crate) fn pipe_size() -> i32 {
    fcntl(stdout(), FcntlArg::F_GETPIPE_SZ).expect("a pipe")
}

pub(crate) fn touch(path: &str) {
    fs::write(path, "").expect("written");
}

/// Less and less often, so that hundreds that wait leave the machine to others.
pub(crate) fn await_file(path: &str) {
    let mut pause = Duration::from_millis(1);
    while !Path::new(path).exists() {
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

/// Its pid and the time by the clock that never jumps, in one line at the end of a file.
pub(crate) fn note(path: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("opened");
    let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let line = format!("{} {}\n", std::process::id(), uptime.split(' ').next().unwrap_or_default());
    file.write_all(line.as_bytes()).expect("written");
}

/// The folder of its own cgroup of the second version.
pub(crate) fn own_cgroup() -> Option<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?.to_owned();
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
    Some(Path::new(mount.split(' ').nth(4)?).join(path))
}
