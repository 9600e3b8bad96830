//! How a grid of a study looks: whatever a cell may be, told apart in every form.

use std::sync::Arc;

use provisor_actors::store::{Standing, Waiting};
use provisor_core::cause::Cause;
use provisor_core::verdict::Counts;

use super::super::grid::{Cell, Grid, grids};
use super::super::{comma, latex, markdown, matrix};
use super::row;
use crate::results::Selection;

/// A model's queries in a few scenarios.
fn study() -> Grid {
    let cell = |text: &str| {
        let (text, bad) = text.strip_suffix('!').map_or((text, false), |text| (text, true));
        let measured = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
        let word = measured.unwrap_or(text).replace('_', " ");
        (text != "-").then(|| Cell { word, bad, implied: measured.is_some() })
    };
    let cells = |line: &str| line.split(' ').map(cell).collect::<Vec<_>>();
    Grid {
        title: Some("model = key_exchange".into()),
        axes: ["query".into(), "scenario".into()],
        across: ["none", "leak_client", "leak_both"].map(Into::into).into(),
        down: ["auth_server", "secret-k", "reach_end", "equivalence", "later"].map(Into::into).into(),
        cells: vec![
            cells("(true) true false"),
            cells("true false! (false)!"),
            cells("reachable reachable unreachable!"),
            cells("cannot_be_proved! wall-limit! -"),
            cells("skipped! not_done -"),
        ],
    }
}

/// The same with so many scenarios that it is too wide for a line of a paper.
fn wide() -> Grid {
    let mut grid = study();
    let number = |n: usize| move |name: &String| format!("{name}-{n}");
    grid.across = (0..3).flat_map(|n| study().across.iter().map(number(n)).collect::<Vec<_>>()).collect();
    grid.cells = grid.cells.iter().map(|row| vec![row.clone(); 3].concat()).collect();
    grid
}

#[test]
fn on_a_terminal() {
    insta::assert_snapshot!(matrix::text(&study(), 80, false));
}

#[test]
fn on_a_narrow_terminal() {
    insta::assert_snapshot!(matrix::text(&study(), 40, false));
}

#[test]
fn in_colors() {
    let text = matrix::text(&study(), 80, true);
    insta::assert_snapshot!(text.replace('\u{1b}', "ESC"));
    assert_eq!(console::strip_ansi_codes(&text), matrix::text(&study(), 80, false));
}

#[test]
fn in_markdown() {
    insta::assert_snapshot!(markdown::grid(&study()));
}

#[test]
fn in_csv() {
    let csv = comma::grids(&[study()]).expect("into memory");
    insta::assert_snapshot!(String::from_utf8(csv).expect("UTF-8"));
}

#[test]
fn in_latex() {
    insta::assert_snapshot!(latex::grids("About.", "dds", &[study()]));
}

#[test]
fn in_latex_where_it_is_too_wide() {
    insta::assert_snapshot!(latex::grids("About.", "dds", &[wide()]));
}

#[test]
fn what_needs_no_telling_is_not_told() {
    let mut grid = study();
    grid.cells = vec![vec![Some(Cell { word: "true".into(), bad: false, implied: false }); 3]; 5];
    assert!(!matrix::text(&grid, 80, true).contains("did not"));
    assert!(markdown::grid(&grid).ends_with("| true |\n"));
    assert!(latex::grids("", "", &[grid]).ends_with("\\end{longtable}}\n"));
}

#[test]
fn each_table_has_a_label_of_its_own() {
    let titles = ["model = a_b", "model = a b", "model = a-b", "model = 日本"];
    let titled = |title: &str| Grid { title: Some(title.into()), ..study() };
    let text = latex::grids("", "j & k", &titles.map(titled));
    let labels: Vec<_> = text
        .split("\\label{")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(label, _)| label)
        .collect();
    assert_eq!(labels, ["tab:j-k-model-a-b", "tab:j-k-model-a-b-2", "tab:j-k-model-a-b-3", "tab:j-k-model"]);
}

/// A row of a query with this place across.
fn at(place: u32, axis: &str) -> Standing {
    Standing { place, axes: vec!["q".into(), axis.into()], ..row(axis, Some("true"), "") }
}

#[test]
fn a_cell_is_a_verdict_only_where_the_query_ended_by_itself() {
    let counted = |counts, mut row: Standing| {
        row.outcome.judgement.counts = counts;
        row
    };
    let well = counted(Counts::Ok, at(0, "well"));
    let bad = counted(Counts::Bad, at(1, "bad"));
    let expected = Standing { expected: Some("true".into()), ..counted(Counts::Bad, at(2, "expected")) };
    let other = Standing { expected: Some("false".into()), ..counted(Counts::Ok, at(3, "other")) };
    let mut limited = counted(Counts::Ok, at(4, "limited"));
    limited.outcome.cause = Cause::WallLimit;
    let mut stopped = counted(Counts::Ok, at(5, "stopped"));
    stopped.outcome.cause = Cause::Concluded;
    let rows = vec![well, bad, expected, other, limited, stopped];
    let waiting = Waiting { query: "w".into(), place: 6, axes: vec!["q".into(), "waiting".into()] };
    let across = rows.iter().map(|row| Arc::clone(&row.axes[1])).chain(["waiting".into()]).collect();
    let selection = Selection {
        job: "job".into(),
        axes: vec!["query".into(), "scenario".into()],
        extras: Default::default(),
        values: vec![vec!["q".into()], across],
        run: None,
        all: rows.len() + 1,
        rows,
        waiting: vec![waiting],
    };
    let [grid] = &grids(&selection, 0, 1)[..] else { panic!("one grid") };
    let cells: Vec<_> = grid.cells[0].iter().flatten().map(|cell| (&*cell.word, cell.bad)).collect();
    let words = [
        ("true", false),
        ("true", true),
        ("true", false),
        ("true", true),
        ("wall-limit", true),
        ("true", false),
        ("not done", false),
    ];
    assert_eq!(cells, words);
}
