//! Whatever a child prints and whatever files are called: the logs hold every byte of it, and no form in which results,
//! plans, errors and diagnosis are shown lets it do anything there. One table of texts that nobody would wish for goes
//! through a real run, as names of files, arguments, output, verdicts and values; a test for each form looks at what comes
//! out.

mod common;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use common::results::FORMATS;
use common::terminal::Terminal;
use common::{Desk, Ran, skip_unless, table};
use provisor::core::record::{Happening, Recording};
use provisor::core::rules::Stream;
use provisor::core::text::{clean, defuse, is_clean, is_special};
use serde_json::Value;

/// Each of them may be the name of a file.
const NASTY: [&str; 37] = [
    "\u{1b}[5;31mblink\u{1b}[0m",
    "\u{1b}]0;title\u{7}after",
    "\u{1b}]52;c;QUJD\u{1b}\\clip",
    "\u{1b}P+q544e\u{1b}\\dcs",
    "\u{1b}creset",
    "\u{9b}2Jcsi of one",
    "\u{9d}0;osc of one\u{9c}",
    "\u{85}next line",
    "\u{202e}gnorw\u{2066}x\u{2069}",
    "\u{200f}right\u{61c}",
    "\u{feff}mark\u{206a}",
    "\u{2028}line\u{2029}paragraph",
    "back\u{8}\u{8}\u{8}\u{7f}",
    "\rreturn",
    "two\nlines",
    "tab\tbed",
    "=1+1",
    "+1+cmd|' C'!A1",
    "-2+3",
    "@SUM(A1)",
    "\u{ff1d}1+1",
    "comma,\"quote\"\"",
    "semi;colon",
    "<script>alert(1)<script>",
    "]]>&amp;<!--",
    "|pipe|`tick` *b* @user #1",
    "[a](javascript:b) ![c](d)",
    "\\end{longtable}\\input{x}%$_^~#{}",
    "^^5cend{longtable}",
    "$(touch pwned)`touch pwned`;touch pwned",
    "'\"'\\'",
    " leading and trailing ",
    "%s%n%x",
    "日本 🎉 e\u{301} \u{fffe}\u{ffff}",
    "--help",
    "-",
    "*",
];

/// What no child may do to a terminal, and provisor itself never does.
const FORBIDDEN: [&str; 8] =
    ["\u{1b}]", "\u{1b}P", "\u{1b}c", "\u{1b}[5", "\u{1b}[2J", "\u{7}", "\u{8}", "\u{7f}"];

const EXPECTED: &str = "expected|`<b>";

/// A text as RON writes it.
fn ron(text: &str) -> String {
    let escape = |c: char| {
        if is_special(c) || "\"\\".contains(c) { format!("\\u{{{:x}}}", u32::from(c)) } else { c.into() }
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

/// Not UTF-8, with every byte there is, and without an end to its last line.
fn bytes() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend_from_slice(b"\xff\xfe\0\x1b[5m\xc3\n\x1b]0;not ended");
    bytes
}

/// A job that asks one question of each file: the program has a name of the kind, and says the name of the file and what is
/// in it.
fn spec(desk: &Desk) -> String {
    let program = "pro\u{1b}[5mg\u{202e}ram";
    desk.script(program, "printf 'SAY %s\\n' \"$1\"; cat \"$2\"; cat \"$2\" >&2");
    for name in NASTY {
        desk.write(&format!("files/{name}"), bytes());
    }
    format!(
        "Job(name: {}, slots: 4, matrix: {{\"file\": Glob(\"files/*\")}}, id: \"k/{{{{ file.index }}}}\",
            command: [{}, \"{{{{ file.name }}}}\", \"{{{{ file.path }}}}\"], expect: {{\"*\": {}}}, record: true,
            rules: [(on: Regex(\"^SAY (.*)$\"), capture: Group(1)), (on: Regex(\"^SAY (.*)$\"), value: Group(1))])",
        ron("job |&_%<b>"),
        ron(&format!("./{program}")),
        ron(EXPECTED),
    )
}

/// The names by the number of their query, in the order in which globs are sorted.
fn names() -> BTreeMap<String, &'static str> {
    let mut names = NASTY;
    names.sort_unstable();
    names.into_iter().enumerate().map(|(index, name)| (format!("k/{index}"), name)).collect()
}

/// What the rules take from the first line that a query prints.
fn said(name: &str) -> &str {
    name.lines().next().unwrap_or_default()
}

fn ran(name: &str, args: &[&str]) -> (Desk, Ran) {
    let desk = Desk::new(name);
    let ran = desk.run(&spec(&desk), args).with_code(1);
    (desk, ran)
}

#[track_caller]
fn is_harmless(what: &str, text: &str) {
    let bad: Vec<char> = text.chars().filter(|c| is_special(*c) && !"\n\r\t".contains(*c)).collect();
    assert!(bad.is_empty(), "{what} holds {bad:?}:\n{text:?}");
}

fn show(desk: &Desk, args: &[&str]) -> String {
    desk.finish(desk.provisor(args)).with_code(0).out
}

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

#[test]
fn csv_reads_back_as_it_was_shown() {
    let (desk, _) = ran("hostile-csv", &["-q"]);
    let shown = |text: &str| defuse(&clean(text)).into_owned();
    for text in [desk.read("out/results.csv"), show(&desk, &["results", "out", "--format", "csv"])] {
        is_harmless("CSV", &text);
        let rows: BTreeMap<_, _> = table(&text).into_iter().map(|row| (row["query"].clone(), row)).collect();
        for (id, name) in names() {
            let row = &rows[&id];
            assert_eq!(
                (&row["verdict"], &row["value"]),
                (&shown(said(name)), &shown(said(name))),
                "{name:?}"
            );
            assert_eq!(row["axis.file"], shown(&format!("files/{name}")), "{name:?}");
            assert_eq!(row["expected"], shown(EXPECTED));
            for cell in row.values().filter(|cell| cell.parse::<f64>().is_err()) {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\u{ff1d}']), "a formula: {cell}");
            }
        }
    }
    let verdicts = desk.read("out/verdicts.csv");
    is_harmless("verdicts.csv", &verdicts);
    assert_eq!(table(&verdicts).len(), NASTY.len());
}

#[test]
fn json_reads_back_as_it_was_shown() {
    let (desk, _) = ran("hostile-json", &["-q"]);
    let text = show(&desk, &["results", "out", "--format", "json", "--verdicts"]);
    is_harmless("JSON", &text);
    let document = common::schema::valid("results.schema.json", &text);
    let names = names();
    for row in document["rows"].as_array().expect("rows") {
        let name = names[row["query"].as_str().expect("an id")];
        assert_eq!(row["verdict"], *clean(said(name)));
        assert_eq!(row["axes"]["file"], *clean(&format!("files/{name}")));
        assert_eq!(row["findings"][0]["statement"], *clean(&format!("SAY {}", said(name))));
    }
    let status = show(&desk, &["status", "out", "--json"]);
    is_harmless("the status as JSON", &status);
    common::schema::valid("status.schema.json", &status);
    is_harmless("the status", &show(&desk, &["status", "out"]));
    let record = desk.read("out/runs/1/run.json");
    is_harmless("run.json", &record);
    let record: Value = serde_json::from_str(&record).expect("JSON");
    assert!(
        record["tools"].as_object().expect("tools").keys().any(|tool| tool.contains("\u{1b}[5mg\u{202e}"))
    );
}

#[test]
fn every_other_form_of_the_results_is_what_it_should_be() {
    let (desk, _) = ran("hostile-forms", &["-q"]);
    for format in FORMATS {
        for args in [&[][..], &["--verdicts"]] {
            let text = show(&desk, &[&["results", "out", "--format", format], args].concat());
            is_harmless(format, &text);
            desk.write(&format!("{format}{}", args.len()), text);
        }
    }
    for file in ["markdown0", "markdown1"] {
        let rows = desk.read(file);
        let cells = |row: &str| row.replace("\\\\", "").replace("\\|", "").matches('|').count();
        let widths: Vec<_> = rows.lines().map(cells).collect();
        assert_eq!(rows.lines().count(), NASTY.len() + 2, "{rows}");
        assert!(widths.iter().all(|width| *width == widths[0]), "{rows}");
        assert!(!rows.replace("<!-- -->", "").contains('<'), "{rows}");
    }
    let replayed = desk.finish(desk.provisor(["replay", "out"])).with_code(0);
    is_harmless("a replay", &(replayed.out + &replayed.err));
    junit_is_valid(&desk);
    latex_compiles(&desk);
}

fn can_run(program: &str) -> bool {
    let status = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn junit_is_valid(desk: &Desk) {
    if skip_unless(can_run("xmllint"), "no xmllint") {
        return;
    }
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/junit.xsd");
    for file in ["junit0", "junit1"] {
        let mut lint = Command::new("xmllint");
        let output =
            lint.args(["--noout", "--schema", schema]).arg(desk.file(file)).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn latex_compiles(desk: &Desk) {
    let packages = Command::new("kpsewhich").args(["booktabs.sty", "longtable.sty"]).output();
    let has_packages = packages.is_ok_and(|found| found.status.success());
    if skip_unless(has_packages && can_run("pdflatex"), "no pdflatex with booktabs") {
        return;
    }
    for file in ["latex0", "latex1"] {
        fs::rename(desk.file(file), desk.file(&format!("{file}.tex"))).expect("renamed");
    }
    desk.write(
        "paper.tex",
        "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{booktabs,longtable}\\begin{document}\n\
         \\input{latex0}\\input{latex1}\n\\end{document}\n",
    );
    let mut latex = Command::new("pdflatex");
    latex.args(["-draftmode", "-halt-on-error", "-no-shell-escape", "-interaction=nonstopmode", "paper.tex"]);
    let output = latex.current_dir(desk.path()).env("HOME", desk.path()).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

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
    if skip_unless(can_run("bash"), "no bash, which knows $'...'") {
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

/// All files in a folder and below it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn no_value_of_the_environment_is_kept() {
    let desk = Desk::new("hostile-secret");
    desk.write(
        "spec.ron",
        r#"Job(name: "secret", inherit_env: All, env: {"TOKEN": "opensesame"}, commands: [
            (id: "a", run: ["sh", "-c", "printf %s $TOKEN | wc -c; printf %s $INHERITED | wc -c"], stdin: Text("opensesame"))])"#,
    );
    let mut command = desk.provisor(["run", "spec.ron", "-o", "out", "--log-file", "diagnosis.jsonl", "-vv"]);
    command.env("INHERITED", "opensesame");
    desk.finish(command).with_code(0);
    assert_eq!(desk.read(&format!("out/{}", desk.results()["a"]["log"])), "10\n10\n", "the child has them");
    let secret = b"opensesame";
    let has_it = |path: &PathBuf| {
        let bytes = fs::read(path).expect("a file");
        bytes.windows(secret.len()).any(|part| part == secret)
    };
    let kept: Vec<_> = files(desk.path()).into_iter().filter(has_it).collect();
    assert_eq!(kept, [desk.file("out/runs/1/spec.ron"), desk.file("spec.ron")], "the spec, and nothing else");
}

#[test]
fn a_run_directory_is_as_private_as_the_umask_says() {
    let desk = Desk::new("hostile-umask");
    desk.write("spec.ron", r#"Job(name: "private", commands: [(id: "a", run: ["true"])], record: true)"#);
    for (umask, others) in [("077", 0o077), ("022", 0o022)] {
        let line = format!("umask {umask}; exec \"$0\" run spec.ron -o out{umask}");
        let status = Command::new("sh")
            .args(["-c", &line, env!("CARGO_BIN_EXE_provisor")])
            .current_dir(desk.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.expect("sh runs").success());
        let out = desk.file(&format!("out{umask}"));
        for path in
            files(&out).iter().chain([&out, &out.join("logs"), &out.join("runs"), &out.join("runs/1")])
        {
            let mode = fs::metadata(path).expect("it is there").permissions().mode();
            assert_eq!(mode & others, 0, "{} has the mode {mode:o} under umask {umask}", path.display());
        }
    }
}

/// What a test of this file would let through if the table were tame.
#[test]
fn the_table_is_not_tame() {
    let special: usize = NASTY.iter().filter(|text| !is_clean(text)).count();
    assert!(special >= 16, "{special}");
    let cleaned: Vec<Arc<str>> = NASTY.iter().map(|text| clean(text).as_ref().into()).collect();
    let defused = cleaned.iter().filter(|text| defuse(text) != ***text).count();
    assert!(defused >= 6, "{defused}");
    for name in NASTY {
        assert!(!name.contains(['/', '\0']) && name.len() < 255, "{name:?} is no name of a file");
    }
}
