//! What this process has, to be counted before and after.

use std::fs;
use std::time::{Duration, Instant};

/// Threads, children and descriptors of this process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Has {
    threads: usize,
    children: Vec<u32>,
    descriptors: usize,
}

impl Has {
    /// As it is now.
    pub(crate) fn now() -> Self {
        let count = |folder| fs::read_dir(folder).expect("this is Linux").count();
        Self { threads: count("/proc/self/task"), children: children(), descriptors: count("/proc/self/fd") }
    }

    /// Waits until it is so again: what ends takes a moment.
    pub(crate) fn again(&self) {
        let start = Instant::now();
        while Self::now() != *self {
            assert!(start.elapsed() < Duration::from_secs(20), "it was {self:?} and is {:?}", Self::now());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The children of this process, on all its threads, zombies too.
pub(crate) fn children() -> Vec<u32> {
    let tasks = fs::read_dir("/proc/self/task").expect("this is Linux").flatten();
    let lists = tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}
