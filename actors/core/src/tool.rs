//! A kind of tool as data: which of its lines state what, how its results add up, and what its exit codes say.
//!
//! Made by `provisor-config` from a preset file, or by an embedder. What a whole run of the tool says is `account`'s to
//! tell; here stands only what is known before the run.

mod account;
mod words;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use self::account::Account;
pub use self::words::{WORDS_LISTED, Word};
use crate::plan::Reuse;
use crate::rules::Rule;
use crate::verdict::Counts;

/// How the output of one kind of tool is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tool {
    /// What people call it. Nothing depends on it.
    pub name: Arc<str>,
    /// Looked at in order, after the spec's own rules.
    pub rules: Vec<ToolRule>,
    /// What many results come to.
    pub adds_up: AddsUp,
    /// Exit codes that state a verdict, each code once.
    pub exits: Vec<StatedExit>,
    /// Exit codes after which an answer stands, besides those in `exits`; `None` for all of them. After another code,
    /// and after a death by a signal, what counts as ok is no verdict: the tool may have had more to say.
    pub sound_exits: Option<Vec<i32>>,
    /// Which finished queries stand where the spec says nothing.
    pub reuse: Reuse,
}

/// A rule of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ToolRule {
    /// What the line is like and what it means.
    pub rule: Rule,
    /// The group of a `Regex` that says what the result is about; without it, and where it matched nothing, that is the
    /// line.
    pub about: Option<usize>,
    /// What its verdict is to the query.
    pub role: Role,
    /// An exit code that this line explains, 0 to 255: after it an answer stands, although it is no sound one.
    #[serde(default)]
    pub explains_exit: Option<i32>,
}

/// What a verdict that a line states is to the query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// A result of its own.
    #[default]
    Result,
    /// Worth keeping, but no answer to it.
    Aside,
    /// From here on nothing is believed: every verdict that is stated later is this one. Where none is stated at all,
    /// it is a result by itself.
    Doubt,
    /// A doubt that is a result in any case: the tool broke off here.
    Failure,
}

/// What the results of one run come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AddsUp {
    /// All count: different ones are `mixed`, and worth as much as the worst. The same about the same thing counts once.
    #[default]
    All,
    /// Of those about the same thing the last one counts; then as `All`.
    LastOfEach,
    /// The last one counts.
    Last,
}

/// What an exit code states.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StatedExit {
    /// 0 to 255.
    pub code: i32,
    /// The verdict.
    pub verdict: Arc<str>,
    /// What the verdict counts as.
    pub counts: Counts,
}

/// The verdict where the exit code states another one than the lines do.
pub(crate) const CONTRADICTION: &str = "contradiction";

impl Tool {
    /// What this exit code states.
    fn stated_by(&self, code: i32) -> Option<&StatedExit> {
        self.exits.iter().find(|exit| exit.code == code)
    }
}
