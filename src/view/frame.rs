//! What the bar shows at a moment, and how it is laid out for a terminal of some size. Pure: nothing is read or written.

use std::sync::Arc;
use std::time::Duration;

use console::{measure_text_width, style, truncate_str};
use provisor_core::eta::Eta;
use provisor_core::tally::Counts;

use super::words;

/// Queries at work that are shown at most, however tall the terminal is.
pub(crate) const MOST_SHOWN: usize = 10;
/// Who has run for less is not shown: nobody could read it.
pub(crate) const SHOWN_FROM: Duration = Duration::from_secs(1);
/// In a narrower row there is no bar: the words say more.
const BAR_FROM: usize = 48;
const LONGEST_BAR: usize = 40;
/// In a narrower row there are no last lines.
const LAST_LINE_FROM: usize = 40;

/// How a run stands at a moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// How many are done, and as what.
    pub(crate) counts: Counts,
    /// How many are at work: the running ones of the counts less those whose process has left.
    pub(crate) running: usize,
    /// Since the start, without the time that the run was stopped.
    pub(crate) elapsed: Duration,
    /// How long it will take.
    pub(crate) eta: Eta,
    /// Nothing new starts any more.
    pub(crate) is_ending: bool,
    /// Those at work for longer than [`SHOWN_FROM`], the longest first, [`MOST_SHOWN`] at most.
    pub(crate) longest: Vec<AtWork>,
}

/// A query at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AtWork {
    /// Its id.
    pub(crate) id: Arc<str>,
    /// For how long.
    pub(crate) age: Duration,
    /// Its log's name in the run directory, where it is written as it comes.
    pub(crate) log: Option<String>,
}

/// A terminal as far as a layout depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Columns that may be written.
    pub(crate) width: usize,
    /// Rows of the whole terminal.
    pub(crate) height: usize,
    /// Whether there are colours.
    pub(crate) colors: bool,
}

impl Room {
    /// Rows for queries: a third of the terminal.
    pub(crate) fn rows(self) -> usize {
        (self.height / 3).min(MOST_SHOWN)
    }
}

/// How long the bar is: a third of the row, whatever stands beside it, so that it does not jump; 0 for none.
pub(crate) fn bar_width(room: Room) -> usize {
    if room.width < BAR_FROM { 0 } else { (room.width / 3).min(LONGEST_BAR) }
}

/// What stands beside the bar; what matters least is left out where there is no room for it.
pub(crate) fn head(frame: &Frame, room: Room) -> String {
    let Frame { counts, elapsed, .. } = frame;
    let digits = counts.total.to_string().len();
    let done = format!("{:>digits$}/{}", counts.done, counts.total);
    let percent = format!("{:>3}%", (counts.done * 100).checked_div(counts.total).unwrap_or(100));
    let elapsed = words::rough(*elapsed);
    let (eta, at_most) = eta(frame);
    let candidates: [&[&str]; 4] = [
        &[&done, &percent, &elapsed, &eta, &at_most],
        &[&done, &percent, &elapsed, &eta],
        &[&done, &percent, &elapsed],
        &[&done, &percent],
    ];
    let room = match bar_width(room) {
        0 => room.width,
        bar => room.width - bar - 1,
    };
    let fitting = candidates.map(join).into_iter().find(|text| text.len() <= room);
    fitting.unwrap_or_else(|| fit(&done, room))
}

fn eta(frame: &Frame) -> (String, String) {
    match (frame.is_ending, frame.eta.likely, frame.eta.at_most) {
        (true, ..) => ("ending".into(), String::new()),
        (_, None, None) => (String::new(), String::new()),
        (_, None, Some(most)) => (String::new(), format!("at most {}", words::rough(most))),
        (_, Some(likely), None) => (format!("ETA {}", words::rough(likely)), String::new()),
        (_, Some(likely), Some(most)) => {
            (format!("ETA {}", words::rough(likely)), format!("(at most {})", words::rough(most)))
        }
    }
}

fn join(parts: &[&str]) -> String {
    let parts: Vec<_> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join("  ")
}

/// `40 running, 300 queued · true 200, false 136, wall-limit 2`: what does not fit is left out from the rare end.
pub(crate) fn totals(frame: &Frame, room: Room) -> String {
    let counts = &frame.counts;
    let running = frame.running.min(counts.running);
    let mut text = format!("{running} running");
    // Their process has left, and their tree or their row is seen to.
    if counts.running > running {
        text.push_str(&format!(", {} ending", counts.running - running));
    }
    if counts.waiting > 0 {
        text.push_str(&format!(", {} queued", counts.waiting));
    }
    let mut divider = " · ";
    for (word, n, well) in words::class_counts(counts) {
        let item = format!("{word} {n}");
        if measure_text_width(&text) + divider.len() + item.len() + 3 > room.width {
            text.push_str(if divider == ", " { ", …" } else { "" });
            break;
        }
        text.push_str(divider);
        text.push_str(&if well { item } else { red(&item, room) });
        divider = ", ";
    }
    fit(&text, room.width)
}

/// One row a query, the last for how many more there are; `id_width` is that of the column of ids.
pub(crate) fn rows(
    frame: &Frame,
    id_width: usize,
    room: Room,
    last_line: impl Fn(&AtWork) -> Option<String>,
) -> Vec<String> {
    let (most, there) = (room.rows(), frame.longest.len());
    if most == 0 || there == 0 {
        return Vec::new();
    }
    let with_more = most > 1 && frame.running > there.min(most);
    let shown = if with_more { there.min(most - 1) } else { there.min(most) };
    let mut rows: Vec<_> =
        frame.longest[..shown].iter().map(|query| row(query, id_width, room, last_line(query))).collect();
    if with_more {
        let more = format!("{:>7}  … and {} more", "", frame.running - shown);
        rows.push(dim(&fit(&more, room.width), room));
    }
    rows
}

/// How wide the column of ids has to be for these, leaving some room for what they print.
pub(crate) fn id_width(frame: &Frame, room: Room) -> usize {
    let widest = frame.longest.iter().map(|query| query.id.len()).max().unwrap_or_default();
    widest.min(room.width * 2 / 5)
}

fn row(query: &AtWork, id_width: usize, room: Room, last_line: Option<String>) -> String {
    let age = format!("{:>7}", words::rough(query.age));
    let for_id = room.width.saturating_sub(age.len() + 2);
    let Some(last_line) = last_line.filter(|_| room.width >= LAST_LINE_FROM) else {
        return fit(&format!("{age}  {}", fit_end(&query.id, for_id)), room.width);
    };
    let id = fit_end(&query.id, id_width.min(for_id));
    let head = format!("{age}  {id:<id_width$}");
    let left = room.width.saturating_sub(measure_text_width(&head) + 2);
    // Terminals do not agree how wide glued characters are, and a row that is wider than thought is two.
    let last_line = last_line.replace(['\u{200d}', '\u{fe0e}', '\u{fe0f}'], "");
    format!("{head}  {}", dim(&fit(&last_line, left), room))
}

/// Cuts the front: the end of an id is what tells it from its neighbours.
fn fit_end(id: &str, width: usize) -> String {
    match id.chars().count().checked_sub(width) {
        None | Some(0) => id.to_owned(),
        Some(over) => format!("…{}", id.chars().skip(over + 1).collect::<String>()),
    }
}

fn fit(text: &str, width: usize) -> String {
    truncate_str(text, width, "…").into_owned()
}

fn dim(text: &str, room: Room) -> String {
    style(text).dim().force_styling(room.colors).to_string()
}

fn red(text: &str, room: Room) -> String {
    style(text).red().force_styling(room.colors).to_string()
}

#[cfg(test)]
mod tests;
