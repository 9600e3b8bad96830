//! The results on the disk: what is written is what is read, whatever happens in between.

#![expect(clippy::unwrap_used, reason = "these are tests, their helpers too")]
#![expect(clippy::print_stderr, reason = "a measurement, a skipped test and a victim have something to say")]

mod columns;
mod disks;
mod faults;
mod killed;
mod many;
mod passes;
mod resume;
mod rounds;
mod support;
mod times;
