//! `provisor play-log`: a real child process that prints a recorded log as it was printed, timing and exit included.
//! The demo and the benches run it in place of the program that made the log.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use provisor_actors::os::signals;
use provisor_core::cause::Exit;
use provisor_core::record::{RecordError, Recording};
use provisor_core::rules::Stream;

use crate::cli::PlayLogArgs;

/// Why a log could not be played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlayError {
    /// The log or its timing could not be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The timing is none.
    #[error("{} is not the timing of a log", path.display())]
    Timing {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: RecordError,
    },
}

/// Plays the log and says how the recorded program ended.
pub(crate) fn play(args: &PlayLogArgs) -> Result<Exit, PlayError> {
    if args.ignore_term {
        signals::ignore_term();
    }
    let bytes = read(&args.log)?;
    let timing = args.log.with_extension("timing");
    let recording =
        Recording::parse(&read(&timing)?).map_err(|source| PlayError::Timing { path: timing, source })?;
    let stretch = |at: Duration| at.mul_f64(args.stretch.clamp(0.0, 1e6));
    let start = Instant::now();
    let mut rest = &bytes[..];
    for read in &recording.reads {
        wait_until(start + stretch(read.at));
        let bytes = usize::try_from(read.bytes).unwrap_or(usize::MAX);
        let (chunk, later) = rest.split_at(bytes.min(rest.len()));
        rest = later;
        // Whoever reads us may have gone; then there is nobody to play to.
        if print(read.stream, chunk).is_err() {
            break;
        }
    }
    if let Some((at, _)) = recording.end {
        wait_until(start + stretch(at));
    }
    std::thread::sleep(Duration::from_secs_f64(args.linger.clamp(0.0, 1e6)));
    Ok(recording.end.map_or(Exit::Code(0), |(_, exit)| exit))
}

/// Leaves as the recorded program did: the exit code to end with, or this very process dies by the same signal.
#[must_use]
pub(crate) fn as_recorded(exit: Exit) -> u8 {
    match exit {
        Exit::Code(code) => u8::try_from(code & 0xff).unwrap_or(u8::MAX),
        Exit::Signal(signal) => signals::die_by(signal),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PlayError> {
    std::fs::read(path).map_err(|source| PlayError::Read { path: path.to_owned(), source })
}

fn wait_until(at: Instant) {
    std::thread::sleep(at.saturating_duration_since(Instant::now()));
}

fn print(stream: Stream, chunk: &[u8]) -> io::Result<()> {
    match stream {
        Stream::Stdout => {
            let mut out = io::stdout().lock();
            out.write_all(chunk)?;
            out.flush()
        }
        Stream::Stderr => io::stderr().lock().write_all(chunk),
    }
}
