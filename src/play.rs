//! `provisor play-log`: a real child process that prints a recorded log as it was printed, timing and exit included.
//! The demo and the benches run it in place of the program that made the log.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use provisor_actors::os::signals;
use provisor_core::cause::Exit;
use provisor_core::record::Happening;
use provisor_core::rules::Stream;

use crate::cli::PlayLogArgs;
use crate::recorded::{Recorded, RecordedError};

/// Plays the log and says how the recorded program ended. What came after its exit is played before it.
pub(crate) fn play(args: &PlayLogArgs) -> Result<Exit, RecordedError> {
    if args.ignore_term {
        signals::ignore_term();
    }
    let Recorded { log, recording, .. } = Recorded::named(&args.log)?;
    let stretch = |at: Duration| at.mul_f64(args.stretch.clamp(0.0, 1e6));
    let start = Instant::now();
    let mut rest = &log[..];
    for (at, happening) in &recording.events {
        wait_until(start + stretch(*at));
        if let Happening::Read(stream, bytes) = happening {
            let bytes = usize::try_from(*bytes).unwrap_or(usize::MAX);
            let (chunk, later) = rest.split_at(bytes.min(rest.len()));
            rest = later;
            // Whoever reads us may have gone; then there is nobody to play to.
            if print(*stream, chunk).is_err() {
                break;
            }
        }
    }
    std::thread::sleep(Duration::from_secs_f64(args.linger.clamp(0.0, 1e6)));
    Ok(recording.exit().map_or(Exit::Code(0), |(_, exit)| exit))
}

/// Leaves as the recorded program did: the exit code to end with, or this very process dies by the same signal.
#[must_use]
pub(crate) fn as_recorded(exit: Exit) -> u8 {
    match exit {
        Exit::Code(code) => u8::try_from(code & 0xff).unwrap_or(u8::MAX),
        Exit::Signal(signal) => signals::die_by(signal),
    }
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
