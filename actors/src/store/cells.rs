//! A row of results as the text of its cells: what the columns of results.csv are called and hold. Cells are fit for a
//! terminal; against spreadsheets only the CSV files defend themselves.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nix::sys::signal::Signal;
use provisor_core::cause::{End, Exit, Outcome};
use provisor_core::plan::{Plan, Query};
use provisor_core::text;

use super::read::Standing;

/// The columns before those of the axes, in this order for good. After those of the axes come the extras.
const COLUMNS: [&str; CELLS] = [
    "query",
    "cause",
    "verdict",
    "results",
    "exit_code",
    "signal",
    "wall_s",
    "cpu_s",
    "max_rss_kib",
    "started_at",
    "attempt",
    "line",
    "log",
    "expected",
    "containment",
    "leftovers",
    "value",
];
/// How many they are.
const CELLS: usize = 17;
/// Characters of the deciding line.
const LINE_CUT: usize = 300;

/// Which columns there are that only some jobs have, after those of the axes and in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// What the pass is called that decided.
    pub pass: bool,
    /// The folder that the query's program has filled.
    pub pages: bool,
}

impl Extras {
    /// Those of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let has_pages =
            |query: &Query| query.pages.is_some() || query.further.iter().any(|pass| pass.pages.is_some());
        Self {
            pass: plan.queries.iter().any(|query| query.pass.is_some() || !query.further.is_empty()),
            pages: plan.queries.iter().any(has_pages),
        }
    }

    /// Their names.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        [(self.pass, "pass"), (self.pages, "pages")].into_iter().filter(|(is, _)| *is).map(|(_, name)| name)
    }
}

/// What a row of results is made from.
pub(super) struct Line<'a> {
    pub(super) query: &'a str,
    pub(super) attempt: u32,
    pub(super) outcome: &'a Outcome,
    pub(super) started_us: Option<i64>,
    pub(super) log: Option<&'a str>,
    pub(super) containment: &'a str,
    pub(super) expected: Option<&'a str>,
    pub(super) axes: &'a [Arc<str>],
    pub(super) pass: Option<&'a str>,
    pub(super) pages: Option<&'a str>,
}

impl<'a> Line<'a> {
    pub(super) fn of(row: &'a Standing) -> Self {
        Self {
            query: &row.query,
            attempt: row.attempt,
            outcome: &row.outcome,
            started_us: row.started_us,
            log: row.log.as_deref(),
            containment: &row.containment,
            expected: row.expected.as_deref(),
            axes: &row.axes,
            pass: row.pass.as_deref(),
            pages: row.pages.as_deref(),
        }
    }
}

impl Standing {
    /// The cells of its row in the order of [`columns`], as many as those of a job with so many axes and these extras; fit
    /// for a terminal but not neutralised for a spreadsheet.
    #[must_use]
    pub fn cells(&self, axes: usize, extras: Extras) -> Vec<String> {
        let mut cells = Vec::with_capacity(CELLS + axes);
        each(&Line::of(self), axes, extras, |cell| cells.push(cell.to_owned()));
        cells
    }

    /// The line that decided, or what shows a limit, or why there is neither, as in the column `line`: cleaned and cut.
    #[must_use]
    pub fn line(&self) -> String {
        let outcome = &self.outcome;
        deciding_line(outcome)
    }
}

/// The names of the columns of results.csv for a job with these axes and extras.
#[must_use]
pub fn columns(axes: &[Arc<str>], extras: Extras) -> Vec<String> {
    let axes = axes.iter().map(|name| format!("axis.{}", text::clean(name)));
    let extras = extras.names().map(str::to_owned);
    COLUMNS.iter().map(|&name| name.to_owned()).chain(axes).chain(extras).collect()
}

/// The name of a signal, such as `SIGKILL`; its number where it has none.
#[must_use]
pub fn signal_name(signal: i32) -> Cow<'static, str> {
    if let Ok(signal) = Signal::try_from(signal) {
        return Cow::Borrowed(signal.as_str());
    }
    match signal - libc::SIGRTMIN() {
        0 => Cow::Borrowed("SIGRTMIN"),
        above if above > 0 && signal <= libc::SIGRTMAX() => Cow::Owned(format!("SIGRTMIN+{above}")),
        _ => Cow::Owned(signal.to_string()),
    }
}

/// Hands out the cells of a row: one for each column, whatever became of the axes.
pub(super) fn each(line: &Line<'_>, axes: usize, extras: Extras, mut cell: impl FnMut(&str)) {
    let Outcome { judgement, wall, usage, leftovers, .. } = line.outcome;
    let exit = line.outcome.exit();
    let (code, signal) = match exit {
        Some(Exit::Code(code)) => (Some(code), None),
        Some(Exit::Signal(signal)) => (None, Some(signal)),
        None => (None, None),
    };
    let mut dirty = |text: Option<&str>| cell(&text::clean(text.unwrap_or_default()));
    dirty(Some(line.query));
    dirty(Some(line.outcome.cause_word()));
    dirty(judgement.verdict.as_deref());
    dirty(Some(&judgement.results.to_string()));
    dirty(code.map(|code| code.to_string()).as_deref());
    dirty(signal.map(signal_name).as_deref());
    dirty(Some(&seconds(*wall)));
    dirty(exit.map(|_| seconds(usage.cpu)).as_deref());
    dirty(exit.map(|_| usage.max_rss_kib.to_string()).as_deref());
    dirty(line.started_us.and_then(local_time).as_deref());
    dirty(Some(&line.attempt.to_string()));
    dirty(Some(&deciding_line(line.outcome)));
    dirty(line.log);
    dirty(line.expected);
    dirty(Some(line.containment));
    dirty(leftovers.map(|count| count.to_string()).as_deref());
    dirty(judgement.value.as_deref());
    let values = line.axes.iter().map(|value| Some(&**value)).chain(std::iter::repeat(None));
    values.take(axes).for_each(&mut dirty);
    let extras = [(extras.pass, line.pass), (extras.pages, line.pages)];
    extras.into_iter().filter(|(is, _)| *is).for_each(|(_, cell)| dirty(cell));
}

/// Seconds with millisecond digits.
pub(super) fn seconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_secs(), time.subsec_millis())
}

/// What shows that a limit was reached, or the line that decided, or why there is neither; cleaned and cut.
fn deciding_line(Outcome { end, evidence, judgement, .. }: &Outcome) -> String {
    let shown = match end {
        End::NotStarted(why) | End::Lost(why) | End::Skipped(why) => why,
        End::Reaped(_) | End::Unreaped | End::Implied(_) => {
            evidence.as_deref().or(judgement.line.as_deref()).unwrap_or_default()
        }
    };
    text::cut(&text::clean(shown), LINE_CUT).into_owned()
}

/// Microseconds since 1970 as RFC 3339 with the offset of this place at that time and millisecond digits. `None`: there is
/// no such time.
#[must_use]
pub fn local_time(micros: i64) -> Option<String> {
    let time = Timestamp::from_microsecond(micros).ok()?;
    Some(time.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_their_names() {
        assert_eq!(signal_name(9), "SIGKILL");
        assert_eq!(signal_name(15), "SIGTERM");
        assert_eq!(signal_name(libc::SIGRTMIN()), "SIGRTMIN");
        assert_eq!(signal_name(libc::SIGRTMIN() + 3), "SIGRTMIN+3");
        assert_eq!(signal_name(libc::SIGRTMAX() + 1), (libc::SIGRTMAX() + 1).to_string());
        assert_eq!(signal_name(0), "0");
        assert_eq!(signal_name(-1), "-1");
    }

    #[test]
    fn times_are_told_as_fixed() {
        assert_eq!(seconds(Duration::from_micros(12_345_678)), "12.345");
        assert_eq!(seconds(Duration::from_micros(999)), "0.000");
        assert_eq!(seconds(Duration::from_secs(172_800)), "172800.000");
        let told = local_time(1_700_000_000_123_456).unwrap();
        let read: Timestamp = told.parse().unwrap();
        assert_eq!(read.as_microsecond(), 1_700_000_000_123_000);
        assert_eq!(told.len(), "2023-11-14T22:13:20.123+00:00".len(), "{told}");
        assert_eq!(local_time(i64::MAX), None);
    }
}
