//! Plans, errors and warnings.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use serde_json::Value;

use crate::common::terminal::Terminal;
use crate::common::{Desk, can_run, skip_unless};
use crate::table::{FORBIDDEN, NASTY, names, spec};
use crate::{is_harmless, show};

#[test]
fn a_plan_is_what_a_shell_would_run_and_a_terminal_can_show() {
    let desk = Desk::new("hostile-plan");
    desk.write("spec.ron", spec(&desk));
    let document = show(&desk, &["plan", "spec.ron", "--format", "json"]);
    is_harmless("a plan as JSON", &document);
    let document: Value = serde_json::from_str(&document).expect("JSON");
    let queries = document.as_array().expect("queries");
    let argv = |query: &Value| -> Vec<String> {
        let args = query["argv"].as_array().expect("an argv").iter();
        args.map(|arg| arg.as_str().expect("a text").to_owned()).collect()
    };
    let names = names();
    for query in queries {
        assert_eq!(argv(query)[1], names[query["id"].as_str().expect("an id")], "as it is, to the last byte");
    }
    let lines = show(&desk, &["plan", "spec.ron"]);
    is_harmless("a plan", &lines);
    assert_eq!(lines.lines().count(), NASTY.len(), "one line a query: {lines}");
    if skip_unless(can_run("bash", "--version"), "no bash, which knows $'...'") {
        return;
    }
    for (line, query) in lines.lines().zip(queries) {
        let command = line.split_once("  ").expect("an id, and a command").1;
        let mut shell = Command::new("bash");
        let output = shell.args(["-c", &format!("printf '%s\\0' {command}")]).output().expect("bash runs");
        let expected: Vec<u8> = argv(query).iter().flat_map(|arg| [arg.as_bytes(), b"\0"].concat()).collect();
        assert_eq!(output.stdout, expected, "{line}");
    }
}

#[test]
fn names_of_files_and_arguments_do_nothing_in_messages() {
    let desk = Desk::new("hostile-messages");
    desk.write("preset\u{1b}]0;x\u{7}.ron", "Preset(rules: [(on: Contains(\"\u{9b}2J\u{200f}\"), zzz: 1)])");
    desk.write(
        "spec\u{9b}.ron",
        "Job(name: \"a\u{202e}\", commands: [(id: \"\u{9b}x\", run: [\"\u{1b}[5m\u{61c}\"])])",
    );
    desk.write("good\u{202e}.ron", "Job(name: \"a\", commands: [(id: \"a\", run: [\"true\"])])");
    desk.write("not-a-folder\u{1b}[5m", "");
    let bad = "\u{1b}[5m\u{9b}\u{202e}x\ny";
    let commands: [(&[&str], i32); 17] = [
        (&["run", bad], 2),
        (&["check", bad], 2),
        (&["check", "spec\u{9b}.ron"], 2),
        (&["check", "good\u{202e}.ron"], 0),
        (&["plan", "good\u{202e}.ron", "--only", bad], 2),
        (&["run", "good\u{202e}.ron", "-o", "not-a-folder\u{1b}[5m"], 2),
        (&["run", "good\u{202e}.ron", "-o", "out\u{1b}[5m\u{202e}", "--progress", "plain"], 0),
        (&["run", "good\u{202e}.ron", "-o", "out2", "--log-file", "no\u{1b}[5m/where"], 2),
        (&["run", "good\u{202e}.ron", "-o", "out2", "--wall", bad], 2),
        (&["run", "good\u{202e}.ron", "-o", "out2", "--rerun", "[\u{1b}[5m"], 2),
        (&["results", bad], 2),
        (&["results", "out\u{1b}[5m\u{202e}", "--sort", bad], 2),
        (&["status", bad], 2),
        (&["replay", bad], 2),
        (&["presets", bad], 2),
        (&["presets", "preset\u{1b}]0;x\u{7}.ron"], 2),
        (&["run", &format!("--{bad}"), "spec.ron"], 2),
    ];
    for (args, code) in commands {
        let ran = desk.finish(desk.provisor(args));
        assert_eq!(ran.code, Some(code), "{args:?}: {}{}", ran.out, ran.err);
        is_harmless(&format!("{args:?}"), &(ran.out + &ran.err));
        let Some(terminal) = Terminal::launch(
            &desk,
            (50, 160),
            &[&[env!("CARGO_BIN_EXE_provisor")], args].concat(),
            |command| {
                command.env("NO_COLOR", "1");
            },
        ) else {
            continue;
        };
        let (_, _, raw) = terminal.wait();
        FORBIDDEN.iter().for_each(|forbidden| assert!(!raw.contains(forbidden), "{args:?}: {raw:?}"));
        is_harmless(&format!("{args:?} on a terminal"), &raw.replace('\u{1b}', ""));
    }
}

#[test]
fn a_name_that_is_no_text_is_refused_with_a_message_that_is_one() {
    let desk = Desk::new("hostile-bytes");
    let name = OsStr::from_bytes(b"\xff\x1b[5m\x9b.pv");
    fs::create_dir_all(desk.file("files")).expect("a folder");
    fs::write(desk.file("files").join(name), "").expect("written");
    let spec = r#"Job(name: "x", matrix: {"f": Glob("files/*")}, command: ["cat", "{{ f.path }}"])"#;
    let ran = desk.run(spec, &[]).with_code(2).says("is not UTF-8");
    is_harmless("the message", &ran.err);
    let mut command = desk.provisor(["check"]);
    command.arg(name);
    let ran = desk.finish(command).with_code(2);
    is_harmless("the message", &ran.err);
}
