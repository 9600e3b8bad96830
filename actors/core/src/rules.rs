//! Rules: what a line of output means. Written in the spec or by a preset, compiled once, shared by all queries.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cause::StopMethod;
use crate::verdict::Counts;

/// One of a child's output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Which streams a rule looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Streams {
    /// Standard output only.
    #[default]
    Stdout,
    /// Standard error only.
    Stderr,
    /// Both, each with lines of its own.
    Both,
}

/// What a line must be like. Bytes, one line at a time (without its line end), in linear time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Pattern {
    /// The text occurs in the line.
    Contains(Arc<str>),
    /// The line starts with the text.
    Prefix(Arc<str>),
    /// The line ends with the text.
    Suffix(Arc<str>),
    /// The regular expression matches somewhere in the line.
    Regex(Arc<str>),
}

/// A line of this kind means that.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// What the line is like.
    pub on: Pattern,
    /// On which stream.
    pub streams: Streams,
    /// The verdict that the line states, if any.
    pub verdict: Option<Arc<str>>,
    /// The group of a `Regex` that holds the verdict, in place of `verdict`.
    pub capture: Option<usize>,
    /// What the verdict counts as.
    pub counts: Counts,
    /// The group of a `Regex` (0 is the whole match) that fills the column `value`.
    pub value: Option<usize>,
    /// The line is kept as a note.
    pub note: bool,
    /// The query is ended here, beginning with this.
    pub stop: Option<StopMethod>,
}
