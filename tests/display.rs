//! What people see on a terminal while a run goes on, cell by cell.

mod common;

use std::process::{Command, Stdio};

use common::terminal::Terminal;
use common::{Desk, wait_until};
use rustix::process::Signal;

const WIDE: (u16, u16) = (24, 80);

/// Queries that end in different ways, and two that wait for the file `go`; the second of them says this before.
fn spec(last_line: &str) -> String {
    let wait = "while ! test -e go; do sleep 0.05; done";
    format!(
        r#"Job(name: "shown", slots: 4, limits: (wall: "90s"), commands: [
            (id: "good", run: ["true"]),
            (id: "bad", run: ["false"]),
            (id: "limited", run: ["sleep", "60"], limits: (wall: "50ms")),
            (id: "silent", run: ["sh", "-c", "{wait}"]),
            (id: "talker", run: ["sh", "-c", "echo first; printf '{last_line}'; {wait}"]),
        ])"#
    )
}

fn with(rows: &[String], text: &str) -> usize {
    rows.iter().filter(|row| row.contains(text)).count()
}

/// Nothing is left of the bar.
#[track_caller]
fn assert_bar_is_gone(rows: &[String]) {
    assert!(with(rows, "━") + with(rows, "─") + with(rows, " running") == 0, "{}", rows.join("\n"));
}

#[test]
fn the_bar_says_how_the_run_stands_and_goes_away() {
    let desk = Desk::new("bar");
    let Some(terminal) = Terminal::start(&desk, WIDE, &spec("second"), &[]) else { return };
    let rows =
        terminal.await_rows("both are shown", |rows| with(rows, "second") == 1 && with(rows, "silent") == 1);
    let at = rows.iter().position(|row| row.contains("3/5   60%")).expect("how many are done");
    assert!(rows[at].contains("━"), "{rows:?}");
    for words in ["2 running", "ok 1", "failed 1", "wall-limit 1"] {
        assert!(rows[at + 1].contains(words), "{words}: {rows:?}");
    }
    let age_id_and_line = regex::Regex::new("^ +[0-9]+s  talker +second$").expect("valid");
    assert!(rows[at + 2..].iter().any(|row| age_id_and_line.is_match(row)), "{rows:?}");
    assert_eq!(
        (with(&rows, "failed           bad"), with(&rows, "  good")),
        (1, 0),
        "only what did not end well"
    );
    desk.write("go", "");
    let (status, rows, raw) = terminal.wait();
    assert_eq!(status.code(), Some(1));
    assert_bar_is_gone(&rows);
    assert_eq!(with(&rows, "5 queries: 3 well, 2 not"), 1, "the table is there: {rows:?}");
    assert!(raw.contains("\x1b[36m"), "there are colours");
}

#[test]
fn what_a_query_prints_can_do_nothing_to_the_terminal() {
    let desk = Desk::new("hostile");
    let hostile = r"\\033]0;owned\\007\\033[2J\\033[10;10H\\033[31mwhat 日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語\\tremains\\r";
    let Some(terminal) = Terminal::start(&desk, WIDE, &spec(hostile), &[]) else { return };
    let rows = terminal.await_text("what 日本語");
    assert_eq!(with(&rows, "shown: 5 queries"), 1, "nothing was cleared: {rows:?}");
    let row = rows.iter().find(|row| row.contains("日本語")).expect("the row");
    assert!(row.ends_with('…'), "cut by columns, not by characters: {row}");
    assert_eq!(with(&rows, "3/5   60%"), 1, "no row was wrapped: {rows:?}");
    desk.write("go", "");
    let (_, rows, raw) = terminal.wait();
    assert_bar_is_gone(&rows);
    for control in ["\x1b]0;", "\x1b[2J", "\x1b[10;10H", "\x07"] {
        assert!(!raw.contains(control), "{control:?} got through");
    }
}

#[test]
fn a_resize_leaves_no_ruins() {
    let desk = Desk::new("resize");
    let Some(terminal) = Terminal::start(&desk, WIDE, &spec("the end of it"), &[]) else { return };
    terminal.await_text("the end of it");
    for (size, is_wide) in [((5, 20), false), ((24, 80), true), ((2, 1), false), ((50, 200), true)] {
        terminal.resize(size.0, size.1);
        if size.1 == 1 {
            continue;
        }
        let rows = terminal.await_rows("it is drawn anew", |rows| {
            let words = if is_wide { with(rows, "the end of it") } else { with(rows, " 3/5   60%  ") };
            with(rows, "3/5") == 1
                && with(rows, " running") == 1
                && (words == 1 || !is_wide && with(rows, "━") == 0)
        });
        assert!(with(&rows, "━") <= 1, "{rows:?}");
    }
    desk.write("go", "");
    let (_, rows, _) = terminal.wait();
    assert_bar_is_gone(&rows);
}

#[test]
fn ctrl_z_clears_the_bar_and_fg_draws_it_again() {
    let desk = Desk::new("bar-ctrl-z");
    let Some(mut terminal) = Terminal::start(&desk, WIDE, &spec("second"), &[]) else { return };
    terminal.await_text("second");
    terminal.press(0x1a);
    terminal.await_stopped();
    let rows = terminal.await_text("stopped, and all queries with it; `fg` goes on");
    assert_bar_is_gone(&rows);
    terminal.signal(Signal::CONT);
    let rows = terminal.await_text("second");
    let drawn = regex::Regex::new("━+╸─+ 3/5   60%").expect("valid");
    assert_eq!(rows.iter().filter(|row| drawn.is_match(row)).count(), 1, "{rows:?}");
    assert_eq!(with(&rows, "stopped, and all"), 1, "{rows:?}");
    desk.write("go", "");
    assert_bar_is_gone(&terminal.wait().1);
}

#[test]
fn in_the_background_there_are_lines_and_no_bar() {
    let desk = Desk::new("bar-background");
    desk.write("spec.ron", spec("second"));
    let provisor = env!("CARGO_BIN_EXE_provisor");
    let script =
        format!("set -m; {provisor} run spec.ron -o out & while ! test -e seen; do sleep 0.05; done; fg");
    let Some(terminal) = Terminal::launch(&desk, WIDE, &["sh", "-c", &script], |_| {}) else { return };
    // It is written a second after the start, and by then frames were made.
    let state = desk.await_file("out/runs/1/status.json");
    wait_until("two are at work", || {
        std::fs::read_to_string(&state)
            .is_ok_and(|state| state.contains("silent") && state.contains("talker"))
    });
    let rows = terminal.await_text("limited  (wall-limit)");
    assert_bar_is_gone(&rows);
    desk.write("seen", "");
    terminal.await_text("2 running · ");
    desk.write("go", "");
    assert_bar_is_gone(&terminal.wait().1);
}

#[test]
fn the_status_is_told_above_the_bar() {
    let desk = Desk::new("bar-usr1");
    let Some(terminal) = Terminal::start(&desk, WIDE, &spec("second"), &[]) else { return };
    terminal.await_text("second");
    terminal.signal(Signal::USR1);
    let rows = terminal
        .await_rows("both", |rows| with(rows, "2 left: 2 running") == 1 && with(rows, "2 running ·") == 1);
    let at = |text: &str| rows.iter().position(|row| row.contains(text)).expect("it is there");
    assert!(at("2 left: 2 running") < at("━"));
    desk.write("go", "");
    terminal.wait();
}

#[test]
fn no_color_is_kept() {
    let desk = Desk::new("no-color");
    let started = Terminal::start_with(&desk, WIDE, &spec("second"), &[], |command| {
        command.env("NO_COLOR", "1");
    });
    let Some(terminal) = started else { return };
    terminal.await_text("second");
    desk.write("go", "");
    let raw = terminal.wait().2;
    let colors = regex::Regex::new("\x1b\\[[0-9;]*m").expect("valid");
    assert!(!colors.is_match(&raw), "{raw:?}");
}

#[test]
fn plain_lines_have_no_escape_sequence() {
    let dumb: fn(&mut Command) = |command| {
        command.env("TERM", "dumb");
    };
    for (name, args, change) in [
        ("plain", &["--progress", "plain"][..], (|_| {}) as fn(&mut _)),
        ("dumb", &[], dumb),
        ("quiet", &["-q"], |_| {}),
    ] {
        let desk = Desk::new(&format!("plain-{name}"));
        desk.write("go", "");
        let Some(terminal) = Terminal::start_with(&desk, WIDE, &spec("second"), args, change) else { return };
        let (_, rows, raw) = terminal.wait();
        assert!(!raw.contains('\x1b'), "{raw:?}");
        assert_eq!(with(&rows, "  talker") > 1, name != "quiet", "a line for each, and the table: {rows:?}");
    }
}

#[test]
fn a_bar_where_there_is_no_terminal_is_plain_lines() {
    let desk = Desk::new("no-terminal");
    desk.write("go", "");
    let ran = desk.run(&spec("second"), &["--progress", "bar"]).with_code(1).says("/5 ").says("  talker");
    assert!(!ran.err.contains('\x1b') && !ran.out.contains('\x1b'));
}

#[test]
fn a_terminal_that_stands_still_holds_up_nothing() {
    let desk = Desk::new("bar-xoff");
    let Some(mut terminal) = Terminal::start(&desk, WIDE, &spec("second"), &[]) else { return };
    terminal.await_text("second");
    terminal.press(0x13);
    desk.write("go", "");
    wait_until("all rows are written", || desk.results().len() == 5);
    terminal.press(0x11);
    let (status, rows, _) = terminal.wait();
    assert_eq!(status.code(), Some(1));
    assert_eq!(with(&rows, "5 queries: 3 well"), 1, "{rows:?}");
}

#[test]
fn what_is_printed_on_the_same_terminal_stands_above_the_bar() {
    for print in ["lines", "grouped"] {
        let desk = Desk::new(&format!("bar-{print}"));
        let spec = r#"Job(name: "shown", slots: 2, commands: [
            (id: "early", run: ["sh", "-c", "printf 'one\\ttab\\n\\033[2Jtwo'"]),
            (id: "late", run: ["sh", "-c", "echo mine; while ! test -e go; do sleep 0.05; done"])])"#;
        let Some(terminal) = Terminal::start(&desk, WIDE, spec, &["--print", print]) else { return };
        let mine = if print == "lines" { "late | mine" } else { "==> early: ok" };
        let rows = terminal.await_rows("both", |rows| {
            with(rows, mine) == 1 && with(rows, "━") == 1 && with(rows, "two") == 1
        });
        let at = |text: &str| rows.iter().position(|row| row.contains(text)).expect("it is there");
        assert!(at(mine) < at("━") && at("one") < at("two") && at("two") < at("━"), "{rows:?}");
        desk.write("go", "");
        let (_, rows, raw) = terminal.wait();
        assert_bar_is_gone(&rows);
        assert!(!raw.contains("\x1b[2J") && raw.contains("one\ttab"), "{raw:?}");
    }
}

#[test]
fn the_bar_is_on_the_terminal_and_the_table_where_stdout_goes() {
    let desk = Desk::new("bar-stdout");
    desk.write("go", "");
    let out = std::fs::File::create(desk.file("table")).expect("a file");
    let started = Terminal::start_with(&desk, WIDE, &spec("second"), &[], |command| {
        command.stdout(Stdio::from(out));
    });
    let Some(terminal) = started else { return };
    let (_, rows, _) = terminal.wait();
    assert_eq!(with(&rows, "5 queries: 3 well"), 0);
    assert!(desk.read("table").contains("5 queries: 3 well") && !desk.read("table").contains('\x1b'));
}
