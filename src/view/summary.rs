//! The table at the end of a run: what a newcomer needs to see, on standard output.

use std::fmt::Write as _;
use std::path::Path;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, presets};
use provisor_actors::store::Standing;
use provisor_core::Outcome;
use provisor_core::cause::End;
use provisor_core::tally::{Class, Counts};
use provisor_core::text::clean;

use super::words;

/// Rows in the table at most; beyond that only those that did not end well are shown.
const MOST_ROWS: usize = 50;
/// Verdicts of one query in the table at most.
const MOST_VERDICTS: usize = 8;
const NARROWEST: u16 = 60;
const USUAL_WIDTH: u16 = 120;
/// From this width on there is room for CPU time and memory.
const COST_FROM: u16 = 100;

/// The table of all rows, or, where they are many, of those that did not end well.
#[must_use]
pub(crate) fn table(rows: &[Standing], width: Option<u16>) -> String {
    let few = rows.len() <= MOST_ROWS;
    let shown: Vec<&Standing> = rows.iter().filter(|row| few || !row.is_well()).take(MOST_ROWS).collect();
    let mut text = String::new();
    if !shown.is_empty() {
        for line in lay_out(&shown, width.unwrap_or(USUAL_WIDTH).max(NARROWEST)).lines() {
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    match (rows.len() - shown.len(), shown.len()) {
        (0, _) => {}
        (hidden, 0) => drop(writeln!(text, "{}, all in results.csv", words::queries(hidden))),
        (hidden, _) => drop(writeln!(text, "… and {} more, all in results.csv", words::queries(hidden))),
    }
    text
}

/// One line a row: the last column takes what is left and is cut there; a narrow terminal goes without the cost.
fn lay_out(rows: &[&Standing], width: u16) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_header(["", "query", "verdict", "ended", "time", "cpu", "memory", "why"]);
    for row in rows {
        let mut line = Row::from(cells(row));
        line.max_height(1);
        table.add_row(line);
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        match at {
            5 | 6 if width < COST_FROM => drop(column.set_constraint(ColumnConstraint::Hidden)),
            0..=6 => drop(column.set_constraint(ColumnConstraint::ContentWidth)),
            _ => {}
        }
        if (4..=6).contains(&at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn cells(row: &Standing) -> [String; 8] {
    let outcome = &row.outcome;
    let mark = if row.is_well() { "✓" } else { "✗" };
    let verdict = outcome.judgement.verdict.as_deref();
    let reaped = matches!(outcome.end, End::Reaped(_));
    let of_process = |text: String| if reaped { text } else { String::new() };
    [
        mark.into(),
        row.query.to_string(),
        verdict.map_or_else(|| "-".into(), |verdict| clean(verdict).into_owned()),
        words::ending(outcome),
        words::duration(outcome.wall),
        of_process(words::duration(outcome.usage.cpu)),
        of_process(format!("{} MiB", outcome.usage.max_rss_kib.div_ceil(1024))),
        decided(row),
    ]
}

fn decided(row: &Standing) -> String {
    let Outcome { end, judgement, .. } = &row.outcome;
    if let End::NotStarted(why) | End::Lost(why) = end {
        return clean(why).into_owned();
    }
    let mut text = String::new();
    if let Some(expected) =
        row.expected.as_deref().filter(|expected| judgement.verdict.as_deref() != Some(*expected))
    {
        let _ = write!(text, "expected {expected}. ");
    }
    let own = judgement.findings.iter().filter(|finding| finding.own);
    let verdicts: Vec<_> = own.map(|finding| clean(&finding.verdict)).collect();
    match judgement.results {
        0 | 1 => text.push_str(&clean(judgement.line.as_deref().unwrap_or_default())),
        results => {
            let shown = &verdicts[..verdicts.len().min(MOST_VERDICTS)];
            let more = if (shown.len() as u64) < results { ", …" } else { "" };
            let _ = write!(text, "{results} results: {}{more}", shown.join(", "));
        }
    }
    text
}

/// What a row counts as.
pub(crate) fn class(row: &Standing) -> Class {
    Class::of(&row.outcome, row.expected.as_deref())
}

/// The lines under the table: the counts, and where everything is.
#[must_use]
pub(crate) fn closing(counts: &Counts, dir: &Path) -> String {
    let mut text = format!("{}: {} well", words::queries(counts.total), counts.well);
    let not_well = counts.done - counts.well;
    if not_well > 0 {
        let _ = write!(text, ", {not_well} not");
    }
    if counts.left() > 0 {
        let _ = write!(text, ", {} not done", counts.left());
    }
    let _ = writeln!(text, " ({})", words::classes(counts));
    let _ = writeln!(text, "Results: {}", dir.join("results.csv").display());
    text
}
