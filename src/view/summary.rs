//! The table at the end of a run: what a newcomer needs to see, on standard output.

use std::fmt::Write as _;
use std::path::Path;

use provisor_actors::os::guardian::PROCESS_NAME;
use provisor_actors::os::local::CloseReport;
use provisor_actors::store::Standing;
use provisor_core::Plan;
use provisor_core::answer::Answer;
use provisor_core::cause::End;
use provisor_core::implied::Contradiction;
use provisor_core::periodic::Rounds;
use provisor_core::roster::Place;
use provisor_core::tally::{Class, Counts};
use provisor_core::text::clean;

use super::results::table as layout;
use super::words;

/// Rows in the table at most; beyond that only those that did not end well are shown.
const MOST_ROWS: usize = 50;

/// The table of all rows, or, where they are many, of those that did not end well.
#[must_use]
pub(crate) fn table(rows: &[Standing], width: Option<u16>) -> String {
    let few = rows.len() <= MOST_ROWS;
    let shown: Vec<&Standing> = rows.iter().filter(|row| few || !row.is_well()).take(MOST_ROWS).collect();
    let mut text = String::new();
    if !shown.is_empty() {
        text.push_str(&layout::rows(&shown, layout::width(width)));
    }
    match (rows.len() - shown.len(), shown.len()) {
        (0, _) => {}
        (hidden, 0) => drop(writeln!(text, "{}, all in results.csv", words::queries(hidden))),
        (hidden, _) => drop(writeln!(text, "… and {} more, all in results.csv", words::queries(hidden))),
    }
    text
}

/// A line for each query that the kernel does not let go of, with the process that it is.
#[must_use]
pub(crate) fn unreaped(rows: &[Standing]) -> String {
    let unreaped = rows.iter().filter(|row| row.outcome.end == End::Unreaped);
    let lines = unreaped.map(|row| {
        let evidence = row.outcome.evidence.as_deref().unwrap_or("it was killed and has not died");
        format!("unreaped: {}: {}\n", clean(&row.query), clean(evidence))
    });
    lines.collect()
}

/// What the guardian has to say at its end, a line each: who escaped the sweep of its query, and what does not die.
#[must_use]
pub(crate) fn of_guardian(report: &CloseReport) -> Vec<String> {
    let CloseReport { unattributed, left, one_of_them } = *report;
    let escaped = match unattributed.unwrap_or(0) {
        0 => None,
        1 => Some("one process had escaped its query, and was killed later".to_owned()),
        more => Some(format!("{more} processes had escaped their queries, and were killed later")),
    };
    let who = match left {
        0 => None,
        1 => Some(format!("process {one_of_them} was killed and has not died")),
        more => Some(format!("{more} processes were killed and have not died, {one_of_them} is one of them")),
    };
    let stays = who.map(|who| {
        format!(
            "{who}; until it is gone this directory stays locked, by `{PROCESS_NAME}`, which waits for it"
        )
    });
    escaped.into_iter().chain(stays).collect()
}

/// Of two answers one must be wrong.
#[must_use]
pub(crate) fn contradiction(plan: &Plan, Contradiction { weaker, stronger }: Contradiction) -> String {
    let id =
        |place: Place| plan.queries.get(place as usize).map(|query| clean(&query.id)).unwrap_or_default();
    format!(
        "contradiction: `{}` is false and `{}` is true, where the attacker can do more",
        id(weaker),
        id(stronger)
    )
}

/// Of two answers to the question of a race one must be wrong.
#[must_use]
pub(crate) fn disagreement(plan: &Plan, both: [(Place, Answer); 2]) -> String {
    let said = both.map(|(place, answer)| {
        let id = plan.queries.get(place as usize).map(|query| clean(&query.id)).unwrap_or_default();
        format!("`{id}` says {}", clean(&answer.words()))
    });
    format!("contradiction: {}, of the same question", said.join(" and "))
}

/// `12 rounds were made, and 5 left out: 3 because the one before still ran, 2 to spare a host`.
#[must_use]
pub(crate) fn left_out(rounds: Rounds) -> String {
    let Rounds { made, busy, missed, spared } = rounds;
    let whys = [
        (busy, "because the one before still ran"),
        (missed, "because their time was over when nothing new might start"),
        (spared, "to spare a host that had failed"),
    ];
    let whys: Vec<_> = whys.iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!("{n} {why}")).collect();
    let were = if made == 1 { "round was" } else { "rounds were" };
    format!("{made} {were} made, and {} left out: {}", rounds.left_out(), whys.join(", "))
}

/// What a row counts as.
pub(crate) fn class(row: &Standing) -> Class {
    Class::of(&row.outcome, row.expected.as_deref())
}

/// The lines under the table: the counts, and where everything is.
#[must_use]
pub(crate) fn closing(counts: &Counts, dir: &Path) -> String {
    format!("{}Results: {}\n", counted(counts, counts.total), super::path(&dir.join("results.csv")))
}

/// `15 queries: 9 well, 6 not (true 9, false 6)`, or `15 of 20 queries: ...` where there are more, as a line.
#[must_use]
pub(crate) fn counted(counts: &Counts, all: usize) -> String {
    let some = if counts.total < all { format!("{} of ", counts.total) } else { String::new() };
    let mut text = format!("{some}{}: {} well", words::queries(all), counts.well);
    let not_well = counts.done - counts.well;
    if not_well > 0 {
        let _ = write!(text, ", {not_well} not");
    }
    if counts.left() > 0 {
        let _ = write!(text, ", {} not done", counts.left());
    }
    if counts.done > 0 {
        let _ = write!(text, " ({})", words::classes(counts));
    }
    text.push('\n');
    text
}
