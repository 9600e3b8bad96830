//! Replayed attempts: a line each, or each step with its time; and the output itself, as it came.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use provisor_core::StopMethod;
use provisor_core::cause::Exit;
use provisor_core::record::Happening;
use provisor_core::replay::{Replay, Transition, What};
use provisor_core::rules::Stream;
use provisor_core::text::clean;

use super::words;
use crate::recorded::Recorded;
use crate::replay::{Attempt, Tally};

/// `=   2.4s  true   client/secrecy`; with `≠` where the run says otherwise, and `?` where it was ended earlier than it
/// would be here.
#[must_use]
pub(crate) fn line(attempt: &Attempt, replay: &Replay) -> String {
    let mark = match &attempt.row {
        None => " ",
        Some(row) if row.agrees(replay) => "=",
        Some(_) if replay.cut.is_some() => "?",
        Some(_) => "≠",
    };
    let ended = words::ending(&replay.outcome);
    let time = words::duration(replay.outcome.wall);
    let mut line = format!("{mark} {time:>7}  {:<16} {}", verdict(replay), clean(&attempt.name));
    if ended != "exited" {
        let _ = write!(line, "  ({ended})");
    }
    if let Some(was) = otherwise(attempt, replay) {
        let _ = write!(line, "  in the run: {was}");
    }
    line.push('\n');
    line
}

/// What the run says, where that is something else.
fn otherwise(attempt: &Attempt, replay: &Replay) -> Option<String> {
    let row = attempt.row.as_ref().filter(|row| !row.agrees(replay))?;
    let verdict = row.verdict.as_deref().map_or("-".into(), clean);
    Some(format!("{verdict}, {}", row.cause))
}

fn verdict(replay: &Replay) -> String {
    replay.outcome.judgement.verdict.as_deref().map_or_else(|| "-".into(), |word| clean(word).into_owned())
}

/// The name, each step with its time where it was not shown already, and what it came to.
#[must_use]
pub(crate) fn in_detail(attempt: &Attempt, replay: &Replay, steps: bool) -> String {
    let mut text = format!("{}\n", clean(&attempt.name));
    for transition in replay.transitions.iter().filter(|_| steps) {
        text.push_str(&step_words(transition));
    }
    let ended = words::ending(&replay.outcome);
    let _ = write!(text, "{} ({ended}) after {}", verdict(replay), words::duration(replay.outcome.wall));
    match (&attempt.row, otherwise(attempt, replay)) {
        (None, _) => text.push('\n'),
        (Some(_), None) => text.push_str(", as in the run\n"),
        (Some(_), Some(was)) => drop(writeln!(text, "; in the run: {was}")),
    }
    if let Some((at, cause)) = replay.cut {
        let _ = writeln!(
            text,
            "The recording ends at {} by {}: of what would have come then nothing is known.",
            words::duration(at),
            cause.word()
        );
    }
    text
}

fn step_words(transition: &Transition) -> String {
    let words = match &transition.what {
        What::Started => "started".into(),
        What::Verdict { last, of: 1 } => format!("{}: {}", clean(&last.verdict), clean(&last.statement)),
        What::Verdict { last, of } => {
            format!("{of} results, the last {}: {}", clean(&last.verdict), clean(&last.statement))
        }
        What::Stopping { cause, method: StopMethod::Term } => format!("{}: SIGTERM", cause.word()),
        What::Stopping { cause, method: StopMethod::Kill } => format!("{}: SIGKILL", cause.word()),
        What::Left(Exit::Code(code)) => format!("left with exit code {code}"),
        What::Left(Exit::Signal(signal)) => {
            format!("left by {}", provisor_actors::os::signals::name(*signal))
        }
        What::Sweeping => "what is left of its tree is ended".into(),
        What::Done => "over".into(),
    };
    format!("{:>12.6}  {words}\n", transition.at.as_secs_f64())
}

/// How many came to the same.
#[must_use]
pub(crate) fn closing(tally: &Tally, what_if: bool) -> String {
    let Tally { replayed, other, unknown, left_out, .. } = *tally;
    let mut text = format!("{replayed} replayed");
    match (other, what_if) {
        (0, _) => {}
        (other, true) => drop(write!(text, ", {other} would have come to something else")),
        (other, false) => drop(write!(text, ", {other} came to something else than in the run")),
    }
    if unknown > 0 {
        let _ = write!(text, ", {unknown} would have gone on where the recording ends");
    }
    if left_out > 0 {
        let _ = write!(text, "; {left_out} cannot be replayed");
    }
    text.push('\n');
    text
}

/// Shows the output as it came, and each step at its time on standard error.
///
/// # Errors
/// When whoever looked at the output has gone.
pub(crate) fn perform(recorded: &Recorded, replay: &Replay) -> io::Result<()> {
    let start = Instant::now();
    let mut stage = Stage::new();
    let mut steps = replay.transitions.iter().peekable();
    let mut rest = &recorded.log[..];
    for (at, happening) in &recorded.recording.events[..replay.heard] {
        while let Some(due) = steps.next_if(|step| step.at < *at) {
            wait_until(start + due.at);
            stage.announce(due);
        }
        wait_until(start + *at);
        if let Happening::Read(stream, bytes) = happening {
            let (chunk, later) = rest.split_at(usize::try_from(*bytes).unwrap_or(usize::MAX).min(rest.len()));
            rest = later;
            stage.show(*stream, chunk)?;
        }
    }
    stage.close()?;
    for due in steps {
        wait_until(start + due.at);
        stage.announce(due);
    }
    Ok(())
}

fn wait_until(at: Instant) {
    std::thread::sleep(at.saturating_duration_since(Instant::now()));
}

/// Where output is shown: as it is, but on a terminal line by line and cleaned.
struct Stage {
    on_terminal: [bool; 2],
    lines: [Vec<u8>; 2],
}

impl Stage {
    fn new() -> Self {
        let on_terminal = [io::stdout().is_terminal(), io::stderr().is_terminal()];
        Self { on_terminal, lines: [Vec::new(), Vec::new()] }
    }

    fn show(&mut self, stream: Stream, chunk: &[u8]) -> io::Result<()> {
        let place = usize::from(stream == Stream::Stderr);
        let line = &mut self.lines[place];
        line.extend_from_slice(chunk);
        let whole = line.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let rest = line.split_off(whole);
        let lines = std::mem::replace(line, rest);
        if self.on_terminal[place] { put(stream, &cleaned(&lines)) } else { put(stream, chunk) }
    }

    /// A step between the lines.
    fn announce(&self, step: &Transition) {
        // What stands there unfinished is not its beginning.
        if self.on_terminal == [false; 2] && !self.lines[1].is_empty() {
            super::tell("");
        }
        super::tell(step_words(step).trim_end());
    }

    /// What follows begins a line of its own.
    fn close(&mut self) -> io::Result<()> {
        for (place, stream) in [Stream::Stdout, Stream::Stderr].into_iter().enumerate() {
            let line = std::mem::take(&mut self.lines[place]);
            match (line.is_empty(), self.on_terminal[place]) {
                (true, _) => {}
                (false, true) => put(stream, &cleaned(&line))?,
                (false, false) => put(stream, b"\n")?,
            }
        }
        Ok(())
    }
}

fn cleaned(lines: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(lines);
    text.lines().flat_map(|line| [&*clean(line), "\n"].concat().into_bytes()).collect()
}

fn put(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    match stream {
        Stream::Stdout => io::stdout().lock().write_all(bytes).and_then(|()| io::stdout().lock().flush()),
        Stream::Stderr => io::stderr().lock().write_all(bytes),
    }
}
