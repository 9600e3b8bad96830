//! What people see of a row, as cells: fewer and shorter ones than those of results.csv.

use std::fmt::Write as _;

use provisor_actors::store::Standing;
use provisor_core::Outcome;
use provisor_core::cause::End;
use provisor_core::text::clean;

use super::sheet::{Column, Give, Sheet};
use crate::view::words;

/// Verdicts of one query in its row at most.
const MOST_VERDICTS: usize = 8;

/// A column that people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Whether it ended well.
    Mark,
    Query,
    Verdict,
    /// How it ended.
    Ended,
    Time,
    Cpu,
    Memory,
    /// What a rule captured.
    Value,
    Expected,
    /// The line that decided, or the results.
    Why,
    /// The same, where what was expected has a column of its own.
    Line,
}

impl Shown {
    fn column(self) -> Column {
        let of = Column::new;
        match self {
            Self::Mark => of("", Give::Nothing),
            Self::Query => of("query", Give::Middle(20)),
            Self::Verdict => of("verdict", Give::End(9)),
            Self::Ended => of("ended", Give::End(11)),
            Self::Time => of("time", Give::Nothing).right(),
            Self::Cpu => of("cpu", Give::Nothing).right(),
            Self::Memory => of("memory", Give::Nothing).right(),
            Self::Value => of("value", Give::End(12)),
            Self::Expected => of("expected", Give::End(9)),
            Self::Why | Self::Line => of("why", Give::Rest),
        }
    }

    fn cell(self, row: &Standing) -> String {
        let outcome = &row.outcome;
        let of_process = |text: String| if outcome.exit().is_some() { text } else { String::new() };
        let cleaned = |text: Option<&str>| clean(text.unwrap_or_default()).into_owned();
        match self {
            Self::Mark => if row.is_well() { "✓" } else { "✗" }.into(),
            Self::Query => cleaned(Some(&row.query)),
            Self::Verdict => cleaned(outcome.judgement.verdict.as_deref().or(Some("-"))),
            Self::Ended => words::ending(outcome),
            Self::Time => words::duration(outcome.wall),
            Self::Cpu => of_process(words::duration(outcome.usage.cpu)),
            Self::Memory => of_process(format!("{:>3} MiB", outcome.usage.max_rss_kib.div_ceil(1024))),
            Self::Value => cleaned(outcome.judgement.value.as_deref()),
            Self::Expected => cleaned(row.expected.as_deref()),
            Self::Why => unexpected(row) + &decided(&row.outcome),
            Self::Line => decided(&row.outcome),
        }
    }
}

/// Whether any row has a value, and whether any was expected to have a verdict.
pub(crate) fn extras(rows: &[&Standing]) -> impl Iterator<Item = Shown> {
    let values = rows.iter().any(|row| row.outcome.judgement.value.is_some());
    let expected = rows.iter().any(|row| row.expected.is_some());
    [(values, Shown::Value), (expected, Shown::Expected)]
        .into_iter()
        .filter_map(|(is, shown)| is.then_some(shown))
}

/// These columns of these rows.
pub(crate) fn rows(rows: &[&Standing], shown: &[Shown]) -> Sheet {
    Sheet {
        columns: shown.iter().map(|shown| shown.column()).collect(),
        rows: rows.iter().map(|row| shown.iter().map(|shown| shown.cell(row)).collect()).collect(),
    }
}

/// The result lines of these rows.
pub(crate) fn result_lines(rows: &[&Standing]) -> Sheet {
    let line = |row: &Standing| {
        let query = clean(&row.query).into_owned();
        let findings = row.outcome.judgement.findings.iter().map(move |finding| {
            let verdict = clean(&finding.verdict).into_owned();
            vec![query.clone(), verdict, words::duration(finding.at), clean(&finding.statement).into_owned()]
        });
        findings.collect::<Vec<_>>()
    };
    let columns = vec![
        Shown::Query.column(),
        Shown::Verdict.column(),
        Column::new("at", Give::Nothing).right(),
        Column::new("statement", Give::Rest),
    ];
    Sheet { columns, rows: rows.iter().flat_map(|row| line(row)).collect() }
}

fn unexpected(row: &Standing) -> String {
    let verdict = row.outcome.judgement.verdict.as_deref();
    let expected = row.expected.as_deref().filter(|expected| verdict != Some(*expected));
    expected.map(|expected| format!("expected {}. ", clean(expected))).unwrap_or_default()
}

/// Why it ended so: what shows a limit, the line that decided, or all results where they are several.
pub(crate) fn decided(outcome: &Outcome) -> String {
    let Outcome { end, evidence, judgement, .. } = outcome;
    if let Some(evidence) = evidence {
        return clean(evidence).into_owned();
    }
    if let End::NotStarted(why) | End::Lost(why) | End::Skipped(why) = end {
        return clean(why).into_owned();
    }
    if judgement.results <= 1 {
        return clean(judgement.line.as_deref().unwrap_or_default()).into_owned();
    }
    let own = judgement.findings.iter().filter(|finding| finding.own);
    let verdicts: Vec<_> = own.take(MOST_VERDICTS).map(|finding| clean(&finding.verdict)).collect();
    let more = if (verdicts.len() as u64) < judgement.results { ", …" } else { "" };
    let mut text = String::new();
    let _ = write!(text, "{} results: {}{more}", judgement.results, verdicts.join(", "));
    text
}
