//! What the kernel's texts say of processes and of the machine. Pure: texts in, numbers out.

/// What `/proc/PID/stat` says of what a process has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Used {
    /// Its number.
    pub(super) pid: i32,
    /// The parent.
    pub(super) parent: i32,
    /// CPU time of its own and of the children that it has waited for, in clock ticks.
    pub(super) ticks: u64,
    /// When it started, in clock ticks since the machine did: with the number, it means one process for ever.
    pub(super) start: u64,
    /// Its resident set, in pages. What several share is in each.
    pub(super) pages: u64,
}

impl Used {
    /// The name stands in brackets and may hold anything, brackets too: the last one ends it. `None`: the text is none,
    /// or the process has ended.
    pub(super) fn parse(pid: i32, text: &[u8]) -> Option<Self> {
        let end = text.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(&text[end + 1..]).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        // As proc(5) counts them: the state is 3.
        if matches!(fields.next()?, "Z" | "X") {
            return None;
        }
        let parent = fields.next()?.parse().ok()?;
        let mut number = |skip: usize| fields.nth(skip)?.parse::<u64>().ok();
        // 14 to 17: user and system time of its own, and of its children.
        let times = [number(9)?, number(0)?, number(0)?, number(0)?];
        let start = number(4)?;
        let pages = number(1)?;
        Some(Self { pid, parent, ticks: times.iter().sum(), start, pages })
    }
}

/// The proportional share of memory that a process has of what it shares, in KiB: from `smaps_rollup`.
pub(super) fn share_kib(text: &str) -> Option<u64> {
    field(text, "Pss:")
}

/// How many processes the kernel has killed for want of memory since the machine started: from `/proc/vmstat`.
pub(super) fn kills(text: &str) -> Option<u64> {
    field(text, "oom_kill")
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some(name)).then(|| words.next()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat() {
        let line =
            b"77 (a) R 1 (b)) S 7 77 77 0 -1 4194304 120 0 0 0 11 22 33 44 20 0 1 0 5000 1000000 250 1 2 3\n";
        let used = Used::parse(77, line).expect("a stat line");
        assert_eq!(used, Used { pid: 77, parent: 7, ticks: 110, start: 5000, pages: 250 });
        let zombie = b"77 (x) Z 7 77 77 0 -1 4194304 120 0 0 0 11 22 33 44 20 0 1 0 5000 0 0 0\n";
        assert_eq!(Used::parse(77, zombie), None);
        assert_eq!(Used::parse(77, b""), None);
        assert_eq!(Used::parse(77, b"77 (x) S 7 77 77 0 -1 4194304 120 0 0 0 11"), None);
    }

    #[test]
    fn this_process_is_read() {
        let pid = i32::try_from(std::process::id()).expect("small");
        let used = Used::parse(pid, &std::fs::read("/proc/self/stat").expect("/proc")).expect("it lives");
        assert!(used.pages > 100 && used.start > 0 && used.parent > 0, "{used:?}");
    }

    #[test]
    fn fields_are_whole_words() {
        assert_eq!(kills("oom_killer 3\noom_kill 12\n"), Some(12));
        assert_eq!(kills(""), None);
        let rollup =
            "5581-7ffe ---p 00000000 00:00 0 [rollup]\nRss:  2048 kB\nPss:  1024 kB\nPss_Dirty: 9 kB\n";
        assert_eq!(share_kib(rollup), Some(1024));
    }
}
