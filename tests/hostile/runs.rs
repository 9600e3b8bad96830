//! The run itself: its logs, its lines and its bar.

use std::fs;

use provisor::core::record::{Happening, Recording};
use provisor::core::rules::Stream;
use serde_json::Value;

use crate::common::Desk;
use crate::common::terminal::Terminal;
use crate::table::{FORBIDDEN, NASTY, bytes, names, said, spec};
use crate::{is_harmless, ran};

#[test]
fn the_logs_hold_every_byte() {
    let (desk, _) = ran("hostile-logs", &["-q"]);
    let rows = desk.results();
    assert_eq!(rows.len(), NASTY.len());
    for (id, name) in names() {
        let log = &rows[&id]["log"];
        assert!(log.starts_with("logs/") && log.matches('/').count() == 1, "{log}");
        let all = fs::read(desk.file("out").join(log)).expect("the log");
        let timing = fs::read(desk.file("out").join(log).with_extension("timing")).expect("its timing");
        let (mut streams, mut rest) = ([Vec::new(), Vec::new()], &all[..]);
        for (_, happening) in Recording::parse(&timing).expect("a recording").events {
            let Happening::Read(stream, length) = happening else { continue };
            let (chunk, later) = rest.split_at(usize::try_from(length).expect("a length"));
            streams[usize::from(stream == Stream::Stderr)].extend_from_slice(chunk);
            rest = later;
        }
        let expected = [format!("SAY {name}\n").as_bytes(), &bytes()].concat();
        assert_eq!(streams, [expected, bytes()], "{name:?}");
    }
    assert!(!desk.file("pwned").exists() && !desk.file("out/pwned").exists(), "a shell has seen it");
}

#[test]
fn plain_lines_and_the_diagnosis_do_nothing() {
    let (desk, ran) = ran("hostile-lines", &["--progress", "plain", "-vv", "--log-file", "diagnosis.jsonl"]);
    is_harmless("standard error", &ran.err);
    is_harmless("standard output", &ran.out);
    assert!(ran.err.contains("expected expected|") && ran.err.contains("statement="), "{}", ran.err);
    let lines = desk.read("diagnosis.jsonl");
    is_harmless("the log file", &lines);
    let fields =
        |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let events: Vec<Value> = lines.lines().map(fields).collect();
    let statements: Vec<_> =
        events.iter().filter_map(|event| event["fields"]["statement"].as_str()).collect();
    for name in NASTY {
        assert!(
            statements.contains(&&*format!("SAY {}", said(name))),
            "{name:?} is one event, as it was printed"
        );
    }
}

#[test]
fn a_terminal_stays_as_it_is() {
    let desk = Desk::new("hostile-terminal");
    let spec = spec(&desk);
    for (show, print) in [("none", "lines"), ("plain", "grouped"), ("bar", "lines")] {
        let args = ["--progress", show, "--print", print, "-vv", "--fresh"];
        let Some(terminal) = Terminal::start_with(&desk, (50, 160), &spec, &args, |command| {
            command.env("NO_COLOR", "1");
        }) else {
            return;
        };
        let (status, _, raw) = terminal.wait();
        assert_eq!(status.code(), Some(1), "{raw}");
        assert!(raw.contains("alert(1)"), "{raw}");
        if show == "bar" {
            for forbidden in FORBIDDEN {
                assert!(!raw.contains(forbidden), "{forbidden:?} in {raw:?}");
            }
            is_harmless("a terminal with a bar", &raw.replace('\u{1b}', ""));
        } else {
            is_harmless("a terminal", &raw);
        }
    }
}
