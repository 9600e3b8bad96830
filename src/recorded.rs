//! A log as it stands on the disk, with the timing beside it: the one reader of both, for whoever plays, replays or judges
//! them. It never writes, and does not say what they mean.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use provisor_actors::rundir;
use provisor_core::StopMethod;
use provisor_core::cause::{Cause, Exit};
use provisor_core::plan::Limits;
use provisor_core::record::{Happening, RecordError, Recording};
use provisor_core::replay::{Misfit, Reaction, Replay, replay};
use provisor_core::rules::{Judge, Stream};

/// Why a recorded log cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordedError {
    /// The log or its timing cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is none.
    #[error("there is no timing beside {}: record the run with --record", log.display())]
    NoTiming {
        /// The log.
        log: PathBuf,
    },
    /// The timing is none.
    #[error("{} is not the timing of a log", path.display())]
    Timing {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: RecordError,
    },
    /// They do not belong together.
    #[error("{} and its timing do not fit", log.display())]
    Misfit {
        /// The log.
        log: PathBuf,
        /// Why.
        source: Misfit,
    },
}

impl RecordedError {
    /// Whether the log itself is not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// A log and what is recorded of it.
pub(crate) struct Recorded {
    /// Where the log is.
    pub(crate) path: PathBuf,
    /// The bytes of both streams, as they arrived.
    pub(crate) log: Vec<u8>,
    /// What happened when.
    pub(crate) recording: Recording,
    /// That is from a timing file, and not only known to have come to this end.
    pub(crate) is_timed: bool,
}

/// How an attempt ended, as its row in the results has it.
pub(crate) struct Ending {
    /// Why.
    pub(crate) cause: Cause,
    /// How its process left.
    pub(crate) exit: Option<Exit>,
    /// From its start to its exit.
    pub(crate) wall: Duration,
}

impl Recorded {
    /// Reads a log that somebody names, and its timing.
    pub(crate) fn named(log: &Path) -> Result<Self, RecordedError> {
        match parse(log, open)? {
            Some(recording) => {
                Ok(Self { log: read(log, open)?, recording, path: log.into(), is_timed: true })
            }
            None => Err(RecordedError::NoTiming { log: log.into() }),
        }
    }

    /// Reads a log of a run, of an attempt that came to this end. Where no timing of this attempt is there, its ending
    /// stands for it.
    pub(crate) fn of_run(dir: &Path, name: &str, ending: &Ending) -> Result<Self, RecordedError> {
        let path = dir.join(name);
        // Never through a symlink, and without waiting: the directory may be another's.
        let opened = |path: &Path| {
            let name = path.strip_prefix(dir).ok().and_then(Path::to_str);
            rundir::read_log(dir, name.unwrap_or_default())
        };
        let log = read(&path, opened)?;
        let of_it = |recording: &Recording| recording.exit().map(|(_, exit)| exit) == ending.exit;
        let recording = parse(&path, opened)?.filter(of_it);
        let is_timed = recording.is_some();
        let recording = recording.unwrap_or_else(|| without_timing(log.len(), ending));
        Ok(Self { path, log, recording, is_timed })
    }

    /// Lets the machine go through it.
    pub(crate) fn replay(
        &self,
        judge: Arc<Judge>,
        limits: Limits,
        reaction: Reaction,
    ) -> Result<Replay, RecordedError> {
        // Without times there is nothing for the limits to say; the ending says whether one was reached.
        let limits = if self.is_timed { limits } else { Limits { wall: None, silence: None, ..limits } };
        let misfit = |source| RecordedError::Misfit { log: self.path.clone(), source };
        replay(judge, limits, &self.recording, &self.log, reaction).map_err(misfit)
    }
}

/// Where the timing of a log is.
pub(crate) fn timing_of(log: &Path) -> PathBuf {
    log.with_extension("timing")
}

/// The timing of a log, if there is one.
fn parse(log: &Path, open: impl Fn(&Path) -> io::Result<File>) -> Result<Option<Recording>, RecordedError> {
    let path = timing_of(log);
    let text = match read(&path, open) {
        Err(error) if error.is_missing() => return Ok(None),
        text => text?,
    };
    match Recording::parse(&text) {
        Ok(recording) => Ok(Some(recording)),
        Err(source) => Err(RecordedError::Timing { path, source }),
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

fn read(path: &Path, open: impl Fn(&Path) -> io::Result<File>) -> Result<Vec<u8>, RecordedError> {
    let read = || {
        let mut bytes = Vec::new();
        open(path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| RecordedError::Read { path: path.to_owned(), source })
}

/// An attempt of which only its end is known: its whole output, all of it on standard output, was there by then.
fn without_timing(bytes: usize, ending: &Ending) -> Recording {
    let Ending { cause, exit, wall } = *ending;
    let read = Happening::Read(Stream::Stdout, bytes as u64);
    let stop = (cause != Cause::Exited).then_some(Happening::Stopping { method: StopMethod::Term, cause });
    let left = exit.map(|exit| Happening::Left { exit, refined: None });
    let events = (bytes > 0).then_some(read).into_iter().chain(stop).chain(left);
    Recording { events: events.map(|event| (wall, event)).collect(), ..Recording::default() }
}
