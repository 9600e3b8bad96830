//! The names of Linux's signals. A table, and nothing but.

use std::fmt;

/// In order, from 1 on.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Shows the number of a signal as its name, `SIGKILL`, or as `SIG34` where it has none.
pub(crate) struct Name(pub(crate) i32);

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let index = usize::try_from(self.0).ok().and_then(|number| number.checked_sub(1));
        match index.and_then(|index| NAMES.get(index)) {
            Some(name) => write!(formatter, "SIG{name}"),
            None => write!(formatter, "SIG{}", self.0),
        }
    }
}

/// The number of a signal that is named so.
pub(super) fn number(name: &str) -> Option<i32> {
    let name = name.strip_prefix("SIG")?;
    match NAMES.iter().zip(1..).find(|(known, _)| **known == name) {
        Some((_, number)) => Some(number),
        None => name.parse().ok(),
    }
}
