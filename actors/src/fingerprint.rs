//! The fingerprints of a query: of everything that its result depends on, and of how its output is read.
//!
//! Every part is tagged and carries its length, so that no two different queries give the same bytes. The encodings are
//! written by hand and must never change without need: a changed fingerprint makes users run hours of work again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use provisor_core::cause::StopMethod;
use provisor_core::plan::{Asking, Command, Inherit, Inputs, Judging, Stdin};
use provisor_core::proverif::{EarlyStop, ProVerif};
use provisor_core::reuse::Fingerprint;
use provisor_core::rules::{Pattern, Rule, Streams};
use provisor_core::tool::{AddsUp, Role, StatedExit, Tool, ToolRule};
use provisor_core::verdict::{Counts, Preset};

use crate::os;

/// Raised when the reading of this preset's output changes: the kept logs are judged again then.
const EXIT_CODE_READING: u8 = 1;
const PROVERIF_READING: u8 = 1;
/// Likewise, for what is done with the data of all preset files.
const TOOL_READING: u8 = 1;
/// Likewise, for what captured words count as. Before there was this, it was 1.
const CAPTURED_READING: u8 = 2;

/// Computes fingerprints, reading each file once.
#[derive(Debug, Default)]
pub struct Hasher {
    known: HashMap<FileKey, [u8; 32]>,
    reads: u64,
}

/// A file that is the same in all of these has the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct FileKey {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileKey {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}

/// What is known of a path.
enum Content {
    Bytes([u8; 32]),
    /// A file that we may not read, such as a program with execute permission only: its size and times stand for it.
    Unreadable(FileKey),
    /// A directory, a device.
    NoFile,
    Missing,
}

impl Hasher {
    /// A hasher that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many files it has read.
    #[must_use]
    pub const fn reads(&self) -> u64 {
        self.reads
    }

    /// The hash of a file's bytes; `None` for what is no regular file.
    pub fn file(&mut self, path: &Path) -> io::Result<Option<[u8; 32]>> {
        let there = fs::metadata(path)?;
        if !there.is_file() {
            return Ok(None);
        }
        if let Some(hash) = self.known.get(&FileKey::of(&there)) {
            return Ok(Some(*hash));
        }
        // Not to hang if somebody puts a pipe in its place just now.
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
        let before = file.metadata()?;
        if !before.is_file() {
            return Ok(None);
        }
        let hash = read(&file)?;
        self.reads += 1;
        if FileKey::of(&before) == FileKey::of(&file.metadata()?) {
            self.known.insert(FileKey::of(&before), hash);
        }
        Ok(Some(hash))
    }

    /// The fingerprint of all that the result of a query in one of its passes depends on. `path_var` is provisor's own PATH.
    /// A file that is not there is hashed as missing; an error is a file that is there, should be readable and is not.
    pub fn asking(
        &mut self,
        asking: Asking<'_>,
        inputs: &Inputs,
        path_var: Option<&OsStr>,
    ) -> io::Result<Fingerprint> {
        let mut parts = Parts::new("provisor query 1");
        let command = asking.command;
        command_parts(&mut parts, command);
        if let Stdin::File(path) = &command.stdin {
            self.content_part(&mut parts, "stdin", &command.cwd.join(path))?;
        }
        self.input_parts(&mut parts, inputs, command)?;
        match resolve(command, path_var) {
            Some(tool) => self.content_part(&mut parts, "tool", &tool)?,
            None => parts.content("tool", &Content::Missing),
        }
        Ok(parts.finish())
    }

    fn input_parts(&mut self, parts: &mut Parts, inputs: &Inputs, command: &Command) -> io::Result<()> {
        if inputs.argv {
            for (place, word) in command.argv.iter().enumerate().skip(1) {
                // Most words are no path at all, and what is wrong with those is no concern of ours.
                let path = command.cwd.join(&**word);
                if !word.is_empty() && path.metadata().is_ok_and(|there| there.is_file()) {
                    parts.number("argv file", place as u64);
                    self.content_part(parts, "argv file", &path)?;
                }
            }
        }
        for file in &inputs.files {
            parts.bytes("input", file.as_os_str().as_bytes());
            self.content_part(parts, "input", &command.cwd.join(file))?;
        }
        Ok(())
    }

    fn content_part(&mut self, parts: &mut Parts, tag: &str, path: &Path) -> io::Result<()> {
        let content = self.content(path).map_err(|error| with_path(path, &error))?;
        parts.content(tag, &content);
        Ok(())
    }

    fn content(&mut self, path: &Path) -> io::Result<Content> {
        match self.file(path) {
            Ok(Some(hash)) => Ok(Content::Bytes(hash)),
            Ok(None) => Ok(Content::NoFile),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(Content::Missing),
                io::ErrorKind::PermissionDenied => Ok(unreadable(path)),
                _ => Err(error),
            },
        }
    }
}

/// Where the program of a command is: with a slash from the working directory on, else along the child's PATH, as it is
/// found when it is started.
#[must_use]
pub fn resolve(command: &Command, path_var: Option<&OsStr>) -> Option<PathBuf> {
    let set = command.env.set.iter().rev().find(|(name, _)| &**name == "PATH");
    let inherited = path_var.filter(|_| command.env.inherit.admits("PATH"));
    let path = set.map(|(_, path)| OsStr::new(&**path)).or(inherited);
    os::locate(command.argv.first()?, path, &command.cwd).ok()
}

/// The fingerprint of how a query's output is read.
#[must_use]
pub fn judging(judging: &Judging) -> Fingerprint {
    let Judging { rules, preset } = judging;
    let mut parts = Parts::new("provisor judging 1");
    parts.number("rules", rules.len() as u64);
    rules.iter().for_each(|rule| rule_parts(&mut parts, rule));
    match preset {
        None => parts.bytes("preset", b"none"),
        Some(Preset::ExitCode) => {
            parts.bytes("preset", b"exit-code");
            parts.number("reading", EXIT_CODE_READING.into());
        }
        Some(Preset::ProVerif(ProVerif { early_stop, lemmas, sanity, weakened, worst })) => {
            parts.bytes("preset", b"proverif");
            parts.number("reading", PROVERIF_READING.into());
            let early_stop: &[u8] = match early_stop {
                EarlyStop::Off => b"off",
                EarlyStop::OnGoalReachable => b"goal reachable",
                EarlyStop::OnRefutingGoal => b"refuting goal",
            };
            parts.bytes("early stop", early_stop);
            parts.number("lemmas", (*lemmas).into());
            // Only where they say something, so that what was judged without them stays as it is.
            for (flag, is_set) in [("sanity", *sanity), ("worst", *worst)] {
                if is_set {
                    parts.number(flag, 1);
                }
            }
            if let Some(weakened) = weakened {
                parts.bytes("weakened", weakened.setting().as_bytes());
            }
        }
        Some(Preset::Tool(tool)) => tool_parts(&mut parts, tool),
    }
    parts.finish()
}

/// What it is called, and which results it would reuse, changes no judgement.
fn tool_parts(parts: &mut Parts, tool: &Tool) {
    let Tool { name: _, reuse: _, rules, adds_up, exits, sound_exits } = tool;
    parts.bytes("preset", b"tool");
    parts.number("reading", TOOL_READING.into());
    parts.number("rules", rules.len() as u64);
    for ToolRule { rule, about, role, explains_exit } in rules {
        rule_parts(parts, rule);
        parts.optional("about", about.map(|group| (group as u64).to_le_bytes()));
        let role: &[u8] = match role {
            Role::Result => b"result",
            Role::Aside => b"aside",
            Role::Doubt => b"doubt",
            Role::Failure => b"failure",
        };
        parts.bytes("role", role);
        if let Some(code) = explains_exit {
            parts.bytes("explains exit", &code.to_le_bytes());
        }
    }
    let adds_up: &[u8] = match adds_up {
        AddsUp::All => b"all",
        AddsUp::LastOfEach => b"last of each",
        AddsUp::Last => b"last",
    };
    parts.bytes("adds up", adds_up);
    // In no order: each code is there once.
    let exits: BTreeMap<i32, &StatedExit> = exits.iter().map(|exit| (exit.code, exit)).collect();
    parts.number("exits", exits.len() as u64);
    for StatedExit { code, verdict, counts } in exits.into_values() {
        parts.bytes("code", &code.to_le_bytes());
        parts.bytes("verdict", verdict.as_bytes());
        parts.bytes("counts", counts_word(*counts));
    }
    parts.number("sound exits", u64::from(sound_exits.is_some()));
    let sound: BTreeSet<i32> = sound_exits.iter().flatten().copied().collect();
    parts.number("sound exits", sound.len() as u64);
    sound.iter().for_each(|code| parts.bytes("code", &code.to_le_bytes()));
}

fn counts_word(counts: Counts) -> &'static [u8] {
    match counts {
        Counts::Ok => b"ok",
        Counts::Open => b"open",
        Counts::Bad => b"bad",
    }
}

fn rule_parts(parts: &mut Parts, rule: &Rule) {
    let Rule { on, streams, verdict, capture, counts, value, note, stop } = rule;
    match on {
        Pattern::Contains(text) => parts.bytes("contains", text.as_bytes()),
        Pattern::Prefix(text) => parts.bytes("prefix", text.as_bytes()),
        Pattern::Suffix(text) => parts.bytes("suffix", text.as_bytes()),
        Pattern::Regex(text) => parts.bytes("regex", text.as_bytes()),
    }
    let streams: &[u8] = match streams {
        Streams::Stdout => b"out",
        Streams::Stderr => b"err",
        Streams::Both => b"both",
    };
    parts.bytes("streams", streams);
    parts.optional("verdict", verdict.as_deref().map(str::as_bytes));
    parts.optional("capture", capture.map(|group| (group as u64).to_le_bytes()));
    if capture.is_some() {
        parts.number("captured reading", CAPTURED_READING.into());
    }
    parts.bytes("counts", counts_word(*counts));
    parts.optional("value", value.map(|group| (group as u64).to_le_bytes()));
    parts.number("note", u64::from(*note));
    let stop = stop.map(|method| match method {
        StopMethod::Term => "term",
        StopMethod::Kill => "kill",
    });
    parts.optional("stop", stop);
}

fn command_parts(parts: &mut Parts, command: &Command) {
    let Command { argv, env, cwd, stdin } = command;
    parts.number("argv", argv.len() as u64);
    argv.iter().for_each(|word| parts.bytes("word", word.as_bytes()));
    let inherit: &[u8] = match env.inherit {
        Inherit::Basic => b"basic",
        Inherit::All => b"all",
    };
    parts.bytes("inherit", inherit);
    // The child sees a set: the last value of each name, in no order.
    let env: BTreeMap<&str, &str> = env.set.iter().map(|(name, value)| (&**name, &**value)).collect();
    parts.number("env", env.len() as u64);
    for (name, value) in env {
        parts.bytes("name", name.as_bytes());
        parts.bytes("value", value.as_bytes());
    }
    parts.bytes("cwd", cwd.as_os_str().as_bytes());
    match stdin {
        Stdin::Null => parts.bytes("stdin null", b""),
        // No child can tell these two apart.
        Stdin::Text(text) => parts.bytes("stdin text", text.as_bytes()),
        Stdin::Bytes(bytes) => parts.bytes("stdin text", bytes),
        Stdin::File(path) => parts.bytes("stdin file", path.as_os_str().as_bytes()),
    }
}

/// Tagged parts on their way into a hash.
struct Parts(blake3::Hasher);

impl Parts {
    fn new(domain: &str) -> Self {
        let mut parts = Self(blake3::Hasher::new());
        parts.sized(domain.as_bytes());
        parts
    }

    fn bytes(&mut self, tag: &str, bytes: &[u8]) {
        self.sized(tag.as_bytes());
        self.sized(bytes);
    }

    fn number(&mut self, tag: &str, number: u64) {
        self.bytes(tag, &number.to_le_bytes());
    }

    fn optional(&mut self, tag: &str, bytes: Option<impl AsRef<[u8]>>) {
        self.number(tag, u64::from(bytes.is_some()));
        if let Some(bytes) = bytes {
            self.bytes(tag, bytes.as_ref());
        }
    }

    fn content(&mut self, tag: &str, content: &Content) {
        self.sized(tag.as_bytes());
        match content {
            Content::Bytes(hash) => self.bytes("bytes", hash),
            Content::Unreadable(key) => {
                self.number("unreadable size", key.size);
                let (seconds, nanos) = key.modified;
                self.bytes("unreadable time", &[seconds.to_le_bytes(), nanos.to_le_bytes()].concat());
            }
            Content::NoFile => self.bytes("no file", b""),
            Content::Missing => self.bytes("missing", b""),
        }
    }

    fn sized(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn finish(self) -> Fingerprint {
        Fingerprint(self.0.finalize().into())
    }
}

fn read(file: &File) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok(hasher.finalize().into())
}

fn unreadable(path: &Path) -> Content {
    match fs::metadata(path) {
        Ok(there) => Content::Unreadable(FileKey::of(&there)),
        // Behind a directory that we may not enter.
        Err(_) => Content::Missing,
    }
}

fn with_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
