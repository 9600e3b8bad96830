//! The pure core of provisor.
//!
//! Everything that can be wrong in an interesting way is decided here: when a query stops, what a line means, who
//! runs next, what counts as done. Each decision is a synchronous function of (state, now, event) that returns
//! effects. This package must never name a runtime, a process, a file, a clock, randomness, a logger or RON; its
//! `clippy.toml` bans what Cargo cannot.

pub mod amount;
pub mod answer;
pub mod backoff;
pub mod book;
pub mod cause;
mod comment;
pub mod containment;
pub mod desk;
pub mod dice;
pub mod eta;
pub mod guarantees;
pub mod health;
pub mod id;
pub mod implied;
pub mod lines;
pub mod order;
pub mod periodic;
pub mod plan;
pub mod portfolio;
pub mod process;
pub mod proverif;
pub mod race;
pub mod record;
pub mod replay;
pub mod reuse;
pub mod roster;
pub mod row;
pub mod rules;
pub mod supervision;
pub mod tally;
pub mod tamarin;
pub mod text;
pub mod tick;
pub mod tool;
pub mod verdict;

pub use cause::{Cause, End, Exit, Outcome, StopMethod, Usage};
pub use plan::{Plan, Query};
pub use tick::Tick;
