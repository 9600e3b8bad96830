//! What is executed: an argv and its surroundings.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// An argv and its surroundings. Never a shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The program and its arguments, at least the program. A program with a slash is a path; a bare one is
    /// looked up in the child's PATH.
    pub argv: Box<[Arc<str>]>,
    /// What it finds in its environment.
    pub env: Arc<Environment>,
    /// Its working directory, absolute.
    pub cwd: Arc<Path>,
    /// What it reads.
    pub stdin: Stdin,
}

impl Command {
    /// This argv, in the root directory and the usual environment, with nothing to read.
    #[must_use]
    pub fn new<const N: usize>(argv: [&str; N]) -> Self {
        Self {
            argv: argv.map(Arc::from).into(),
            env: Arc::default(),
            cwd: Path::new("/").into(),
            stdin: Stdin::Null,
        }
    }
}

/// The environment of a child: some of provisor's own, and on top of it what the spec sets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Environment {
    /// What is passed on.
    pub inherit: Inherit,
    /// Set for the child, in order; a later one of the same name wins.
    pub set: Vec<(Arc<str>, Arc<str>)>,
}

/// Which of provisor's own environment variables a child inherits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Inherit {
    /// PATH, HOME, USER, LANG, every LC_*, TMPDIR and TZ.
    #[default]
    Basic,
    /// All of them.
    All,
}

impl Inherit {
    /// Whether a variable of this name is passed on.
    #[must_use]
    pub fn admits(self, name: &str) -> bool {
        const BASIC: [&str; 6] = ["PATH", "HOME", "USER", "LANG", "TMPDIR", "TZ"];
        match self {
            Self::All => true,
            Self::Basic => BASIC.contains(&name) || name.starts_with("LC_"),
        }
    }
}

/// What a child reads on its standard input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stdin {
    /// Nothing: `/dev/null`.
    #[default]
    Null,
    /// This text.
    Text(Arc<str>),
    /// These bytes, whatever they are; for plans that are no spec's. They take as much memory once more while the child
    /// lives.
    Bytes(Arc<[u8]>),
    /// This file, opened when the child starts.
    File(Arc<Path>),
}
