//! A job whose programs note that they were executed, for what a second run does not do again.

use std::fs;

use crate::common::Desk;

/// Notes in the file `ran` that it was executed, answers, and exits as it is told.
pub(crate) const TOOL: &str = "echo \"$1\" >> ran; echo \"answer $1\"; exit ${2:-0}";

/// Who was executed since this was asked last.
pub(crate) fn executed(desk: &Desk) -> Vec<String> {
    let text = fs::read_to_string(desk.file("ran")).unwrap_or_default();
    let _ = fs::remove_file(desk.file("ran"));
    let mut names: Vec<_> = text.lines().map(str::to_owned).collect();
    names.sort();
    names
}

pub(crate) fn desk(name: &str) -> Desk {
    let desk = Desk::new(name);
    desk.script("tool", TOOL);
    desk
}

pub(crate) fn job(settings: &str, commands: &str) -> String {
    format!(r#"Job(name: "resume", {settings} commands: [{commands}])"#)
}

/// The commands of a job of three queries, of which the second one fails.
pub(crate) const THREE: &str = r#"
    (id: "a", run: ["./tool", "a"]),
    (id: "b", run: ["./tool", "b", "3"]),
    (id: "c", run: ["./tool", "c"]),"#;
