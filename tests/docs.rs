//! The README and every page of docs/ are run: what stands there works as it is written.
//!
//! A page is run from top to bottom in a folder of its own that holds copies of `config/` and `benches/data/`; where there is
//! no ProVerif, what `tests/data/study` has recorded of it stands in:
//! - a `ron` block that begins with `// NAME.ron` becomes that file, and a job in it must be without faults; any other
//!   `ron` block is a piece of a job;
//! - each line of a `sh` block is a command that must exit with 0, or with N where the line ends in `# exits N`;
//! - a `text out` block shows what the commands before it say, whatever its numbers are;
//! - a line `<!-- run: COMMAND -->` is a command that a reader need not see, such as one that makes the files of a spec.
//!
//! Blocks of other kinds (`text`, `sh not run`) are for reading only; those of `rust` are doc tests.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::Desk;
use common::built::example;

/// One test for each page.
macro_rules! pages {
    ($($test:ident: $page:literal,)*) => {
        const PAGES: &[&str] = &[$($page),*];
        $(#[test] fn $test() { run_page($page); })*
    };
}

pages! {
    the_readme: "README.md",
    the_page_of_the_spec: "docs/spec.md",
    the_page_of_studies: "docs/study.md",
    the_page_of_containment: "docs/containment.md",
    the_page_of_progress: "docs/progress.md",
    the_page_of_replay: "docs/replay.md",
    the_page_of_presets: "docs/presets.md",
    the_page_of_recipes: "docs/recipes.md",
    the_page_of_embedding: "docs/embedding.md",
    the_page_of_the_results: "docs/results.md",
    the_page_of_signals_and_exit_codes: "docs/signals.md",
    the_page_of_security: "docs/security.md",
    the_page_of_faults: "docs/faults.md",
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_page_is_run() {
    let mut found = vec!["README.md".to_owned()];
    for entry in fs::read_dir(root().join("docs")).expect("docs").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            found.push(format!("docs/{name}"));
        }
    }
    let mut run: Vec<_> = PAGES.to_vec();
    found.sort();
    run.sort_unstable();
    assert_eq!(found, run, "give the new page a test, or take the old one out");
}

/// A fenced block of a page.
#[derive(Debug)]
struct Block<'p> {
    /// What stands behind the fence.
    info: &'p str,
    text: String,
    /// The line of the fence, counted from 1.
    line: usize,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (at, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => open = Some(Block { info, text: String::new(), line: at + 1 }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => blocks.extend(hidden(line, at + 1)),
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    blocks
}

fn hidden(line: &str, number: usize) -> Option<Block<'static>> {
    let command = line.strip_prefix("<!-- run: ")?.strip_suffix(" -->")?;
    Some(Block { info: "sh", text: format!("{command}\n"), line: number })
}

fn run_page(name: &str) {
    let page = fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let desk = Desk::new(&name.replace('/', "-"));
    for folder in ["config", "benches/data"] {
        copy(&root().join(folder), &desk.file(folder));
    }
    let mut said = String::new();
    for block in blocks(&page) {
        let place = format!("{name}:{}", block.line);
        match block.info {
            "ron" => take_ron(&desk, &block.text, &place),
            "sh" => said = run_commands(&desk, &block.text, &place),
            "text out" => compare(&block.text, &said, &place),
            // `rust` is compiled and run by the doc tests: see `src/embed.rs`.
            "text" | "sh not run" | "rust" => {}
            other => panic!("{place}: what is `{other}`?"),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

fn take_ron(desk: &Desk, text: &str, place: &str) {
    let first = text.lines().next().unwrap_or_default();
    let named = first.strip_prefix("// ").filter(|name| name.ends_with(".ron") && !name.contains(' '));
    let Some(name) = named else {
        let piece = text.trim_end();
        let comma = if piece.ends_with(',') { "" } else { "," };
        let commands = if piece.contains("command")
            || piece.contains("matrix")
            || piece.contains("each")
            || piece.contains("study:")
        {
            ""
        } else {
            r#"commands: [(id: "a", run: ["true"])]"#
        };
        desk.write("piece.ron", format!("Job(name: \"piece\",\n{piece}{comma}\n{commands})\n"));
        return check(desk, "piece.ron", place);
    };
    desk.write(name, text);
    if text.contains("Job(") {
        check(desk, name, place);
    }
}

fn check(desk: &Desk, spec: &str, place: &str) {
    let ran = desk.finish(desk.provisor(["check", spec]));
    assert_eq!((ran.code, &*ran.err), (Some(0), ""), "{place}");
}

/// Runs each line; returns what all of them said.
fn run_commands(desk: &Desk, text: &str, place: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_provisor"));
    let path = std::env::var("PATH").unwrap_or_default();
    let recorded = root().join("tests/data/study");
    let path = format!("{}:{path}:{}", program.parent().expect("a folder").display(), recorded.display());
    let text = text.replace("\\\n", " ").replace("cargo run --release -- ", "provisor ");
    let text = text.lines().map(with_example).collect::<Vec<_>>().join("\n");
    let mut said = String::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let (command, comment) = line.split_once(" # ").unwrap_or((line, ""));
        let code = comment.trim().strip_prefix("exits ").map_or(0, |rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().unwrap_or_else(|_| panic!("{place}: `{line}`: which code?"))
        });
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(desk.path()).env("PATH", &path).env_remove("RUST_LOG");
        let output = shell.stdin(Stdio::null()).output().expect("sh runs");
        for bytes in [&output.stdout, &output.stderr] {
            said.push_str(&String::from_utf8_lossy(bytes));
        }
        assert_eq!(output.status.code(), Some(code), "{place}: `{line}` said:\n{said}");
    }
    said
}

/// A line in which an example is run, as one that runs its program.
fn with_example(line: &str) -> String {
    let Some(rest) = line.strip_prefix("cargo run --example ") else { return line.to_owned() };
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let program = example(name, &format!("examples/{name}.rs"));
    format!("{program} {}", rest.strip_prefix("-- ").unwrap_or(rest))
}

/// Each line that is shown was said, but for the numbers, the width of the columns and where a cell was cut.
fn compare(shown: &str, said: &str, place: &str) {
    let said: Vec<_> = said.lines().map(plain).collect();
    for line in shown.lines().filter(|line| !line.trim().is_empty()) {
        let shown = plain(line);
        let is_said = said.iter().any(|said| are_alike(&shown, said));
        assert!(is_said, "{place}: nobody says `{line}`, but:\n{}", said.join("\n"));
    }
}

fn are_alike(one: &str, other: &str) -> bool {
    match (one.trim_end().strip_suffix('…'), other.trim_end().strip_suffix('…')) {
        (Some(one), Some(other)) => one.starts_with(other) || other.starts_with(one),
        _ => one == other,
    }
}

/// A line with every number as 0 and every run of spaces as one.
fn plain(line: &str) -> String {
    let mut text = String::new();
    for word in line.split_whitespace() {
        let mut digits = false;
        for c in word.chars() {
            let number = c.is_ascii_digit() || (digits && c == '.');
            if !number {
                text.push(c);
            } else if !digits {
                text.push('0');
            }
            digits = number;
        }
        text.push(' ');
    }
    text
}

/// What an error says there is: the fields or words in its hint.
fn known(desk: &Desk, spec: &str) -> Vec<String> {
    desk.write("unknown.ron", spec);
    let ran = desk.finish(desk.provisor(["check", "unknown.ron"])).with_code(2);
    let hint = ran.err.lines().find_map(|line| line.split_once("= help: ")).expect("a hint").1.to_owned();
    hint.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_page_of_the_spec_has_a_row_for_every_field() {
    let page = fs::read_to_string(root().join("docs/spec.md")).expect("the page");
    let desk = Desk::new("fields");
    for spec in [
        "Job(zzzzzzzz: 1)",
        "Job(commands: [(zzzzzzzz: 1)])",
        "Job(each: (\"h\", {\"a\": (zzzzzzzz: 1)}))",
        "Job(limits: (zzzzzzzz: 1))",
        "Job(rules: [(zzzzzzzz: 1)])",
        "Job(retry: (zzzzzzzz: 1))",
        "Job(retry: (on: [Zzzzzzzz]))",
    ] {
        let fields = known(&desk, spec);
        assert!(fields.len() > 2, "{spec}: {fields:?}");
        for field in fields {
            let named = |line: &str| {
                let first = line.split('|').nth(1).unwrap_or_default();
                line.starts_with("| ")
                    && first.split([' ', '`', '(']).any(|word| word.trim_end_matches(',') == field)
            };
            assert!(page.lines().any(named), "{spec}: no row for `{field}`");
        }
    }
}

/// The texts of a page that stand between backticks.
fn quoted(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2)
}

#[test]
fn the_tests_that_the_page_of_security_names_are_there() {
    let page = fs::read_to_string(root().join("docs/security.md")).expect("the page");
    let named: Vec<_> = quoted(&page).filter_map(|text| text.split_once(".rs: ")).collect();
    assert!(named.len() > 20, "{named:?}");
    for (file, test) in named {
        let path = root().join(file).with_extension("rs");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (before, _) =
            text.split_once(&format!("fn {test}(")).unwrap_or_else(|| panic!("no {test} in {file}.rs"));
        assert!(before.contains("#[test]"), "{test} is no test");
    }
}

#[test]
fn the_page_of_security_names_every_file_with_unsafe_code() {
    let page = fs::read_to_string(root().join("docs/security.md")).expect("the page");
    let mut sources = Vec::new();
    for folder in ["src", "config/src", "actors/src", "actors/core/src"] {
        sources_in(Path::new(folder), &mut sources);
    }
    let is_unsafe = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|words| code.contains(words))
    };
    let has_unsafe =
        |path: &String| fs::read_to_string(root().join(path)).expect("a source").lines().any(is_unsafe);
    let found: Vec<String> = sources.into_iter().filter(has_unsafe).collect();
    assert!(found.iter().all(|path| path.starts_with("actors/src/os/")), "outside of its corner: {found:?}");
    let mut named: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("- `actors/")?.strip_suffix('`')).collect();
    named.sort_unstable();
    let found: Vec<&str> = found.iter().filter_map(|path| path.strip_prefix("actors/")).collect();
    assert_eq!(named, found, "the list in docs/security.md, and the files in which there is `unsafe`");
}

/// All sources in a folder and below it, sorted.
fn sources_in(folder: &Path, sources: &mut Vec<String>) {
    for entry in fs::read_dir(root().join(folder)).expect("a folder").flatten() {
        let path = folder.join(entry.file_name());
        if root().join(&path).is_dir() {
            sources_in(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path.to_string_lossy().into_owned());
        }
    }
    sources.sort();
}
