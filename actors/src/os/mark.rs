//! The mark by which a process is known as one of a query's tree, wherever it has gone: an entry of its environment.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The name of the environment entry that marks a tree.
pub(super) const COOKIE: &str = "PROVISOR_ATTEMPT";

/// What a process's environment says of whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The entry that marks its tree, whole.
    Cookie(Vec<u8>),
    /// It has an environment, and no mark in it that we may read.
    None,
    /// Nothing to be seen just now: on its way out the environment is gone, and amid an exec the new one is not there yet.
    Veiled,
}

/// The environment, in one call: the kernel holds the memory for as long as that takes. Read in two, it ends early where an
/// exit or an exec comes between, and seems to have no mark.
fn environment_of(pid: i32) -> io::Result<Vec<u8>> {
    let file = File::open(format!("/proc/{pid}/environ"))?;
    let mut environment = vec![0; 16 * 1024];
    loop {
        let length = file.read_at(&mut environment, 0)?;
        if length < environment.len() || length >= LONGEST_ENVIRONMENT {
            environment.truncate(length);
            return Ok(environment);
        }
        environment.resize(length * 8, 0);
    }
}

/// More than any kernel lets an exec have.
const LONGEST_ENVIRONMENT: usize = 8 << 20;

/// Looks once: between two looks an exec may end.
pub(super) fn mark_of(pid: i32) -> Mark {
    let environment = match environment_of(pid) {
        Ok(environment) if !environment.is_empty() => environment,
        // It will not be shown later either: the program has rights that we have not, or is not to be looked at.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Mark::None,
        _ => return Mark::Veiled,
    };
    let is_cookie =
        |entry: &&[u8]| entry.strip_prefix(COOKIE.as_bytes()).is_some_and(|rest| rest.starts_with(b"="));
    let cookie = environment.split(|byte| *byte == 0).find(is_cookie);
    cookie.map_or(Mark::None, |cookie| Mark::Cookie(cookie.to_vec()))
}

/// The mark, if there is one to be seen.
pub(super) fn cookie_of(pid: i32) -> Option<Vec<u8>> {
    match mark_of(pid) {
        Mark::Cookie(cookie) => Some(cookie),
        Mark::None | Mark::Veiled => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_behind_a_large_environment_is_seen() {
        let mut sleep = std::process::Command::new("sleep");
        sleep.env_clear().arg("1000").env("A", "x".repeat(100_000)).env(COOKIE, "token/1/1");
        let mut child = sleep.spawn().expect("sleep");
        let mark = mark_of(i32::try_from(child.id()).expect("a pid"));
        child.kill().expect("it is ours");
        child.wait().expect("it is dead");
        assert_eq!(mark, Mark::Cookie(format!("{COOKIE}=token/1/1").into_bytes()));
    }
}
