//! The numbers of processes that the guardian tells, as they are seen out here: in a PID namespace it counts for itself.
//!
//! For telling people only. It must never be used to signal anybody.

use std::fs;

/// The number by which we know the process that the guardian knows as `inside`; the same where both see the same, 0 where
/// it is not to be found.
pub(super) fn number(inside: i32, guardian: i32) -> i32 {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let theirs = namespace(&guardian.to_string());
    if inside == 0 || theirs.is_none() || theirs == namespace("self") {
        return inside;
    }
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.find(|pid| is(*pid, inside) && namespace(&pid.to_string()) == theirs).unwrap_or(0)
}

fn is(pid: i32, inside: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    innermost(&status) == Some(inside)
}

/// From the line that has a process's number in each namespace from the reader's on inwards.
fn innermost(status: &str) -> Option<i32> {
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_ascii_whitespace().next_back()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_is_the_innermost() {
        assert_eq!(innermost("Name:\tx\nNSpid:\t4711\t17\t3\nNSpgid:\t1\n"), Some(3));
        assert_eq!(innermost("Name:\tx\n"), None);
        let own = std::process::id().cast_signed();
        assert_eq!(number(own, own), own, "the same namespace");
        assert_eq!(number(own, -1), own, "a guardian that is gone");
    }
}
