use provisor_core::tally::{Change, Class};

use super::*;

const fn room(width: usize, height: usize) -> Room {
    Room { width, height, colors: false }
}

fn class(cause: &str, verdict: Option<&str>, well: bool) -> Class {
    Class { cause: cause.into(), verdict: verdict.map(Into::into), well }
}

/// 378 queries, 40 at work, some done, and times.
fn frame() -> Frame {
    let mut counts = Counts::new(378, []);
    let classes = [
        (20, class("exited", Some("true"), true)),
        (10, class("exited", Some("false"), true)),
        (2, class("wall-limit", None, false)),
    ];
    for (n, class) in classes {
        for _ in 0..n {
            counts.apply(Change::Started);
            counts.apply(Change::Done(class.clone()));
        }
    }
    (0..40).for_each(|_| counts.apply(Change::Started));
    let at_work = |n: u64| AtWork {
        id: format!("client/query-{n}").into(),
        age: Duration::from_secs(200 - n),
        log: None,
    };
    Frame {
        counts,
        running: 40,
        elapsed: Duration::from_secs(62),
        eta: Eta { likely: Some(Duration::from_secs(720)), at_most: Some(Duration::from_secs(12_000)) },
        is_ending: false,
        longest: (0..10).map(at_work).collect(),
    }
}

#[test]
fn what_matters_least_goes_first() {
    let cases = [
        (100, " 32/378    8%  1m 02s  ETA 12m 00s  (at most 3h 20m)"),
        (79, " 32/378    8%  1m 02s  ETA 12m 00s  (at most 3h 20m)"),
        (70, " 32/378    8%  1m 02s  ETA 12m 00s"),
        (35, " 32/378    8%  1m 02s  ETA 12m 00s"),
        (30, " 32/378    8%  1m 02s"),
        (15, " 32/378    8%"),
        (8, " 32/378"),
        (4, " 32…"),
        (1, "…"),
    ];
    for (width, expected) in cases {
        assert_eq!(head(&frame(), room(width, 24)), expected, "{width}");
    }
    let mut frame = frame();
    frame.eta.likely = None;
    assert_eq!(head(&frame, room(100, 24)), " 32/378    8%  1m 02s  at most 3h 20m");
    frame.is_ending = true;
    assert_eq!(head(&frame, room(100, 24)), " 32/378    8%  1m 02s  ending");
}

#[test]
fn the_rare_classes_are_cut() {
    let cases = [
        (79, "40 running, 306 queued · true 20, false 10, wall-limit 2"),
        (50, "40 running, 306 queued · true 20, false 10, …"),
        (30, "40 running, 306 queued"),
        (10, "40 runnin…"),
    ];
    for (width, expected) in cases {
        assert_eq!(totals(&frame(), room(width, 24)), expected, "{width}");
    }
}

#[test]
fn a_third_of_the_terminal_is_for_queries() {
    let rows_in = |height| rows(&frame(), 20, room(79, height), |_| None);
    assert_eq!(rows_in(50).len(), MOST_SHOWN);
    assert_eq!(rows_in(24).len(), 8);
    assert_eq!(rows_in(24)[7], "         … and 33 more");
    assert_eq!(rows_in(5), [" 3m 20s  client/query-0"], "one query says more than how many there are");
    assert!(rows_in(2).is_empty());
    let few = Frame { running: 3, longest: frame().longest[..3].to_vec(), ..frame() };
    assert_eq!(rows(&few, 20, room(79, 24), |_| None).len(), 3);
}

#[test]
fn whatever_the_width_no_row_is_wider() {
    let last_line = "日本語 \u{1f980} RESULT not attacker(s[]) is true. ".repeat(10);
    for colors in [false, true] {
        for width in 1..250 {
            let room = Room { width, height: 24, colors };
            let frame = frame();
            let id_width = id_width(&frame, room);
            let mut all = rows(&frame, id_width, room, |_| Some(last_line.clone()));
            all.extend([totals(&frame, room)]);
            let bar = match bar_width(room) {
                0 => 0,
                bar => bar + 1,
            };
            all.push("x".repeat(bar) + &head(&frame, room));
            for row in all {
                assert!(measure_text_width(&row) <= width, "{width}: {row:?}");
            }
        }
    }
}

#[test]
fn the_end_of_an_id_is_kept() {
    let mut frame = frame();
    frame.longest[0].id = "a-scenario-with-a-rather-long-name/query-17".into();
    let row = |width| {
        rows(&frame, id_width(&frame, room(width, 5)), room(width, 5), |_| Some("last".into())).remove(0)
    };
    assert_eq!(row(20), " 3m 20s  …e/query-17");
    assert_eq!(row(50), " 3m 20s  …-long-name/query-17  last");
}

#[test]
fn colours_only_where_there_are_any() {
    let colored = Room { colors: true, ..room(79, 24) };
    assert!(totals(&frame(), colored).contains("\x1b[31mwall-limit 2\x1b[0m"));
    assert!(!totals(&frame(), room(79, 24)).contains('\x1b'));
}
