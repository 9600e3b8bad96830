//! Worlds that broke a law of an earlier version, by what they showed. They are among the usual ones and beyond, and are
//! lived through by name. A change of the world makes other worlds of the seeds: so what each showed has a test by hand
//! too, in `roster.rs` or `desk.rs`. With the tables, the meter and the last words of a guardian in the world (2026-11-26)
//! each mend was taken out again: two of the seeds break without theirs as before, the one of the shortage is another.

pub(crate) const FOUND: [(&str, u64); 3] = [
    // The last word of an attempt that could not be started came when its query had been started again, and was taken
    // for that of the new one: a process was let go of while it ran, and its slot given to another.
    ("a late word is taken for the next attempt's", 3747),
    // A process that did not die held the only slot that a shortage had left: nothing could start any more, and nothing
    // ran.
    ("a shortage beside a process that does not die", 106),
    // The deadline had stopped the run; who interrupted it afterwards waited for a full disk all the same.
    ("an interruption after the deadline, on a full disk", 9830),
];
