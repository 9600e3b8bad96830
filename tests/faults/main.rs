//! The suite of faults: whatever a program, the system or a user does wrong, on real processes, each a test that is
//! named after its fault. `docs/faults.md` lists every fault of the catalogue with its test, wherever that stands, or
//! says why there is none; [`catalogue`] sees that the list is true.

#![expect(clippy::print_stdout, reason = "a contained test tells what happened in its namespace")]

#[path = "../common/mod.rs"]
mod common;

mod catalogue;
mod harness;
mod inside;
mod killing;
mod kills;
mod output;
mod signals;
mod spawning;
mod strange;
