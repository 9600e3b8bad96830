//! Programs of others that read what provisor writes: XML against its schema, LaTeX.

use std::path::Path;
use std::process::Command;

use super::{Desk, can_run, skip_unless};

/// Whether XML of JUnit's kind can be held against its schema; otherwise a line that says so.
pub(crate) fn can_lint() -> bool {
    !skip_unless(can_run("xmllint", "--version"), "no xmllint")
}

/// What is wrong with a file, by the schema of JUnit's XML.
pub(crate) fn lint(file: &Path) -> Result<(), String> {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/junit.xsd");
    let output = Command::new("xmllint").args(["--noout", "--schema", schema]).arg(file).output();
    let output = output.expect("xmllint runs");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Whether LaTeX can be compiled with what provisor's tables need; otherwise a line that says so.
pub(crate) fn can_typeset() -> bool {
    let packages = Command::new("kpsewhich").args(["booktabs.sty", "longtable.sty"]).output();
    let has_packages = packages.is_ok_and(|found| found.status.success());
    !skip_unless(has_packages && can_run("pdflatex", "--version"), "no pdflatex with booktabs")
}

/// Compiles a paper that has these files of the desk in it, with this in its preamble, and returns what LaTeX says.
#[track_caller]
pub(crate) fn typeset(desk: &Desk, preamble: &str, files: &[&str]) -> String {
    let inputs: String = files.iter().map(|file| format!("\\input{{{file}}}")).collect();
    let document = format!(
        "\\documentclass{{article}}{preamble}\\usepackage{{booktabs,longtable}}\\begin{{document}}\n\
         {inputs}\n\\end{{document}}\n"
    );
    desk.write("paper.tex", document);
    let mut latex = Command::new("pdflatex");
    latex.args(["-draftmode", "-halt-on-error", "-no-shell-escape", "-interaction=nonstopmode", "paper.tex"]);
    let output = latex.current_dir(desk.path()).env("HOME", desk.path()).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

/// By how many points the lines that LaTeX tells of are too wide.
pub(crate) fn overfull(text: &str) -> Vec<f64> {
    let over = text.lines().filter_map(|line| line.strip_prefix("Overfull \\hbox (")?.split_once("pt too"));
    over.map(|(points, _)| points.parse().expect("points")).collect()
}
