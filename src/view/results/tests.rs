//! How the tables look, at the usual widths of terminals.

use std::time::Duration;

use provisor_actors::store::Standing;
use provisor_core::cause::{Cause, End, Exit, Outcome, StopMethod, Usage};
use provisor_core::plan::Limits;
use provisor_core::reuse::Fingerprint;
use provisor_core::verdict::{Counts, Finding, Judgement};

use super::grid::{Cell, Grid};
use super::sheet::{Column, Give, Sheet};
use super::{columns, matrix, table};

mod grids;

fn row(query: &str, verdict: Option<&str>, line: &str) -> Standing {
    let judgement = Judgement {
        verdict: verdict.map(Into::into),
        line: (!line.is_empty()).then(|| line.into()),
        results: 1,
        ..Judgement::default()
    };
    Standing {
        query: query.into(),
        place: 0,
        attempt: 1,
        run: 1,
        outcome: Outcome {
            end: End::Reaped(Exit::Code(0)),
            cause: Cause::Exited,
            evidence: None,
            method: None,
            wall: Duration::from_millis(12_345),
            usage: Usage { cpu: Duration::from_millis(11_900), max_rss_kib: 123_456 },
            leaked: false,
            leftovers: Some(0),
            of_machine: false,
            judgement,
        },
        started_us: None,
        log: None,
        log_is_whole: true,
        limits: Limits::default(),
        judging: Fingerprint([0; 32]),
        containment: "sweep".into(),
        expected: None,
        axes: Vec::new(),
        pass: None,
        pages: None,
    }
}

fn rows() -> Vec<Standing> {
    let proved = "RESULT not attacker(s[]) is true.";
    let mut wrong = row("handshake/broken", Some("false"), "RESULT not attacker(s[]) is false.");
    wrong.expected = Some("true".into());
    wrong.outcome.judgement.counts = Counts::Bad;
    let mut killed = row("stubborn", None, "");
    killed.outcome.cause = Cause::WallLimit;
    killed.outcome.method = Some(StopMethod::Kill);
    killed.outcome.end = End::Reaped(Exit::Signal(9));
    let mut missing = row("slip/command", None, "");
    missing.outcome = Outcome::not_started("there is no program `proverfi` in PATH".into(), Cause::Exited);
    let mut several = row("several/in-time", Some("mixed"), proved);
    several.outcome.judgement.results = 3;
    let finding = |verdict: &str| Finding {
        statement: "a ==> b".into(),
        verdict: verdict.into(),
        counts: Counts::Ok,
        own: true,
        at: Duration::from_secs(1),
    };
    several.outcome.judgement.findings = ["true", "false", "true"].map(finding).into();
    let mut polled = row("日本/ルーター", Some("ok"), "sysDescr = 日本語の説明\u{1b}[31m");
    polled.outcome.judgement.value = Some("Router e\u{301} 日本".into());
    let long = "tls13/0rtt-replay/server-authenticates-client/injective-agreement-on-session-keys";
    vec![
        row("handshake/sound", Some("true"), proved),
        wrong,
        row(long, Some("cannot be proved"), "RESULT inj-event(e(x)) ==> inj-event(b(x)) cannot be proved."),
        several,
        killed,
        missing,
        polled,
    ]
}

fn at(width: usize) -> String {
    let rows = rows();
    table::rows(&rows.iter().collect::<Vec<_>>(), width)
}

#[test]
fn rows_at_20_columns() {
    insta::assert_snapshot!(at(table::width(Some(20))));
}

#[test]
fn rows_at_40_columns() {
    insta::assert_snapshot!(at(40));
}

#[test]
fn no_table_is_wider_than_the_terminal() {
    let rows = rows();
    let rows: Vec<_> = rows.iter().collect();
    for width in 20..240 {
        let lines = columns::result_lines(&rows);
        let mut grid = large();
        grid.title = Some("a = long/value/of/another, axis = 1".into());
        for text in [at(width), table::text(&lines, width), matrix::text(&grid, width, false)] {
            let is_wider = |line: &str| unicode_width::UnicodeWidthStr::width(line) > width;
            assert!(!text.lines().any(is_wider), "wider than {width}:\n{text}");
        }
    }
}

#[test]
fn rows_at_60_columns() {
    insta::assert_snapshot!(at(60));
}

#[test]
fn rows_at_80_columns() {
    insta::assert_snapshot!(at(80));
}

#[test]
fn rows_at_120_columns() {
    insta::assert_snapshot!(at(120));
}

#[test]
fn rows_at_200_columns() {
    insta::assert_snapshot!(at(200));
}

/// 42 scenarios of nine queries.
fn large() -> Grid {
    let words = ["true", "reachable", "false", "cannot be proved", "wall-limit", "not done"];
    let cell = |at: usize| {
        let word = words[at * at % 7 % 6];
        (at != 13).then(|| Cell {
            word: word.into(),
            bad: matches!(word, "false" | "wall-limit"),
            implied: false,
        })
    };
    let queries =
        "secrecy auth-client auth-server inj-client inj-server forward-secrecy unique-keys sanity privacy";
    Grid {
        title: None,
        axes: ["scenario".into(), "query".into()],
        across: queries.split(' ').map(Into::into).collect(),
        down: (1..=42).map(|n| format!("scenario-{n:02}")).collect(),
        cells: (0..42).map(|down| (0..9).map(|across| cell(9 * down + across)).collect()).collect(),
    }
}

#[test]
fn a_large_grid_at_80_columns() {
    insta::assert_snapshot!(matrix::text(&large(), 80, false));
}

#[test]
fn a_large_grid_at_120_columns() {
    insta::assert_snapshot!(matrix::text(&large(), 120, false));
}

#[test]
fn a_large_grid_at_200_columns() {
    insta::assert_snapshot!(matrix::text(&large(), 200, false));
}

#[test]
fn cut_texts_have_their_width() {
    for text in ["", "a", "abcdefgh", "日本語の評決", "e\u{301}e\u{301}e\u{301}e\u{301}", "🎉🎉🎉"]
    {
        for width in 1..12 {
            for cut in [table::cut_end(text, width), table::cut_middle(text, width)] {
                assert!(unicode_width::UnicodeWidthStr::width(&*cut) <= width, "{text} at {width}: {cut}");
            }
            assert_eq!(table::cut_end(text, 40), text);
        }
    }
    assert_eq!(table::cut_middle("a/b/c/d/e/f", 7), "a/b…e/f");
    assert_eq!(table::cut_end("one two three", 5), "one…");
}

#[test]
fn a_sheet_without_rows_has_its_head() {
    let sheet = Sheet { columns: vec![Column::new("query", Give::Rest)], ..Sheet::default() };
    assert_eq!(table::text(&sheet, 80), " query\n");
    assert_eq!(table::rows(&[], 80).split_whitespace().last(), Some("why"));
}
