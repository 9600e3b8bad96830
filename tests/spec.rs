//! Specs as a user meets them: what is wrong with one, what it would run, and the examples that are promised to run.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Desk, Ran};
use serde_json::{Value, json};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples").join(name)
}

fn example_arg(name: &str) -> String {
    example(name).to_str().expect("UTF-8").to_owned()
}

/// All commands that read a spec say the same about it, start nothing and make no directory.
#[track_caller]
fn refused(desk: &Desk, spec: &str) -> Ran {
    let said = |command: &str| desk.finish(desk.provisor([command, spec])).with_code(2);
    let checked = said("check");
    assert_eq!(checked.out, "");
    for command in ["plan", "run"] {
        let other = said(command);
        assert_eq!((&other.out, &other.err), (&checked.out, &checked.err), "{command}");
    }
    assert!(!desk.file("provisor-runs").exists() && !desk.file("ran").exists(), "nothing is started or made");
    assert!(!checked.err.contains('\x1b'), "no colours but on a terminal");
    checked
}

#[test]
fn a_fault_of_structure_is_shown_with_its_place_and_a_hint() {
    let desk = Desk::new("structure");
    desk.write(
        "spec.ron",
        "Job(\n    name: \"x\",\n    comands: [(id: \"a\", run: [\"touch\", \"ran\"])],\n)\n",
    );
    let ran = refused(&desk, "spec.ron");
    let expected = "\
error: `Job` has no field `comands`
 --> spec.ron:3:5
  |
3 |     comands: [(id: \"a\", run: [\"touch\", \"ran\"])],
  |     ^^^^^^^
  |
  = help: did you mean `commands`?
";
    assert_eq!(ran.err.trim_end(), expected.trim_end());
    for (text, place, words) in [
        ("Job(name: \"x\", name: \"y\", commands: [])", "spec.ron:1:16", "given twice"),
        ("Job(\n  name: \"x\",\n  commands: [(id: \"a\", run: [\"true\"])]\n", "spec.ron:", "error: "),
        ("Job(name: x, commands: [])", "spec.ron:1:11", "error: "),
        ("Job(commands: [(run: [\"true\"])])", "spec.ron:1:", "`name`"),
        ("", "spec.ron:1:1", "error: "),
        ("Job(name: \"x\", commands: [(id: \"a\")])", "spec.ron:1:", "`run`"),
        ("Job(name: \"x\", limits: (wal: \"5s\"), commands: [])", "spec.ron:1:25", "did you mean `wall`?"),
    ] {
        desk.write("spec.ron", text);
        let ran = refused(&desk, "spec.ron");
        assert!(
            ran.err.contains(place) && ran.err.contains(words) && ran.err.contains('^'),
            "{text}\n{}",
            ran.err
        );
    }
}

#[test]
fn all_faults_of_meaning_are_shown_at_once() {
    let desk = Desk::new("meaning");
    desk.write(
        "spec.ron",
        r#"Job(
    name: "bad",
    limits: (wall: "5", memory: "1 Gib"),
    preset: "proverfi",
    commands: [
        (id: "../up", run: ["touch", "ran"]),
        (id: "twice", run: ["touch", "ran"]),
        (id: "twice", run: ["echo", "{{ nothing }}"]),
        (id: "empty", run: []),
        (id: "rule", run: ["true"], rules: [(on: Regex("("), verdict: "x")]),
        (id: "template", run: ["echo", "{{ provisor | no_such_filter }}", "{{ provisor"]),
        (id: "retry", run: ["true"], retry: (times: 1, backoff: "soon")),
    ],
    expect: {"nobody": "ok"},
)"#,
    );
    let ran = refused(&desk, "spec.ron");
    for (message, place, hint) in [
        ("error: `5` has no unit", "spec.ron:3:20", "\"5s\", \"5m\" or \"5h\""),
        ("error: `Gib` is no unit", "spec.ron:3:", "GiB"),
        ("error: there is no preset `proverfi`", "spec.ron:4:13", "did you mean \"proverif\"?"),
        ("error: the id `../up`", "spec.ron:6:14", "letters, digits"),
        ("error: two queries have the id `twice`", "spec.ron:8:14", "an id of its own"),
        ("error: `nothing` is not defined", "spec.ron:8:37", "defined here"),
        ("error: the command is empty", "spec.ron:9:", ""),
        ("error: this regular expression is wrong", "spec.ron:10:", ""),
        ("error: ", "spec.ron:11:40", ""),
        ("error: ", "spec.ron:11:75", ""),
        ("error: `soon`", "spec.ron:12:", ""),
    ] {
        let mut blocks = ran.err.split("\n\n");
        let block = blocks.find(|block| block.starts_with(message) && block.contains(place));
        let block = block.unwrap_or_else(|| panic!("nothing about {message} at {place}:\n{}", ran.err));
        assert!(block.contains('^') && block.contains(hint), "{block}");
    }
}

#[test]
fn what_is_no_spec_at_all_is_a_sentence() {
    let desk = Desk::new("no-spec");
    fs::create_dir(desk.file("folder.ron")).expect("made");
    desk.write("bytes.ron", b"Job(name: \"\xff\")");
    for (spec, words) in [
        ("folder.ron", "error: the spec folder.ron is a directory"),
        ("gone.ron", "error: cannot read the spec gone.ron: No such file or directory"),
        ("bytes.ron", "error: the spec bytes.ron is not UTF-8: byte 11 is wrong"),
        ("bytes.ron/below.ron", "error: cannot read the spec bytes.ron/below.ron"),
    ] {
        let ran = refused(&desk, spec);
        assert!(ran.err.starts_with(words) && ran.err.contains("= help: "), "{}", ran.err);
    }
}

const ODD: &str = r#"Job(
    name: "odd",
    vars: {"who": "it's me"},
    matrix: {"n": ["a", "b"]},
    id: "q{{ n.index }}",
    command: ["sh", "-c", "echo $0", "{{ who }}", "{{ n }}"],
    expect: {"nomatch*": "ok"},
    limits: (wall: "1m"),
)"#;

#[test]
fn what_looks_wrong_is_a_warning_and_no_more() {
    let desk = Desk::new("warnings");
    desk.write("spec.ron", ODD);
    let warned = |ran: Ran| {
        assert!(ran.err.contains("warning: the ids are made from an index"), "{}", ran.err);
        assert!(
            ran.err.contains("warning: the pattern `nomatch*` in `expect` matches nothing"),
            "{}",
            ran.err
        );
        assert_eq!(ran.err.matches("warning: ").count(), 2, "{}", ran.err);
        ran
    };
    let ran = warned(desk.finish(desk.provisor(["check", "spec.ron"])).with_code(0));
    assert_eq!(ran.out, "spec.ron: 2 queries, no faults\n");
    warned(desk.finish(desk.provisor(["plan", "spec.ron"])).with_code(0));
    warned(desk.run(ODD, &["--progress", "none"]).with_code(0));
}

#[test]
fn a_plan_is_what_would_run() {
    let desk = Desk::new("plan");
    desk.write("spec.ron", ODD);
    let plan = |args: &[&str]| {
        let mut command = desk.provisor(["plan", "spec.ron"]);
        command.args(args);
        desk.finish(command)
    };
    let line = |id: &str, who: &str, n: &str| format!("{id}  sh -c 'echo $0' {who} {n}\n");
    let me = r#""it's me""#;
    assert_eq!(plan(&[]).with_code(0).out, line("q0", me, "a") + &line("q1", me, "b"));
    assert_eq!(plan(&["--only", "q1", "--set", "who=you"]).with_code(0).out, line("q1", "you", "b"));
    let text = plan(&[
        "--format",
        "json",
        "--only",
        "q0",
        "--wall",
        "90s",
        "--grace",
        "1s",
        "--containment",
        "group",
    ])
    .with_code(0)
    .out;
    let told: Value = serde_json::from_str(&text).expect("JSON");
    let folder = fs::canonicalize(desk.path()).expect("there");
    assert_eq!(
        told,
        json!([{
            "id": "q0",
            "argv": ["sh", "-c", "echo $0", "it's me", "a"],
            "cwd": folder,
            "limits": {
                "wall_s": 90.0, "silence_s": null, "cpu_s": null, "memory_bytes": null, "output_bytes": null,
                "processes": null, "grace_s": 1.0,
            },
            "expect": null,
            "containment": "group",
        }])
    );
    plan(&["--only", "nobody"]).with_code(2).says("error: no query is left after `--only`");
    plan(&["--set", "whom=you"]).with_code(2).says("did you mean `who`?");
    assert!(!desk.file("provisor-runs").exists());
}

#[test]
fn what_the_command_line_asks_and_cannot_have_is_refused() {
    let desk = Desk::new("usage");
    desk.write("spec.ron", ODD);
    for (args, words) in [
        (vec!["-j", "0"], "-j"),
        (vec!["-j", "many"], "many"),
        (vec!["--containment", "docker"], "namespace"),
        (vec!["--wall", "5"], "error: --wall: `5` has no unit: say what it counts: \"5s\""),
        (vec!["--wall", "0s"], "error: --wall: the limit is zero"),
        (vec!["--silence=-3s"], "--silence"),
        (vec!["--deadline", "tomorrow"], "--deadline"),
        (vec!["--memory", "5"], "error: --memory: `5` has no unit: say what it counts: \"5 KiB\""),
        (vec!["--memory", "0 B"], "error: --memory: the limit is zero"),
        (vec!["--memory", "1 GiB", "--containment", "group"], "the limit `memory` is one of a whole tree"),
        (vec!["--set", "who"], "NAME=VALUE"),
        (vec!["--set", "=x"], "the name is empty"),
        (vec!["--only", "[q"], "[q"),
        (vec!["--no-such-option"], "--no-such-option"),
    ] {
        let mut command = desk.provisor(["run", "spec.ron"]);
        command.args(&args);
        let ran = desk.finish(command).with_code(2);
        assert!(ran.err.contains(words) && ran.out.is_empty(), "{args:?}:\n{}", ran.err);
    }
    assert!(!desk.file("provisor-runs").exists());
}

#[test]
fn the_command_line_goes_before_the_spec() {
    let desk = Desk::new("overrides");
    let spec = r#"Job(name: "over", slots: 1, vars: {"word": "spec"}, limits: (wall: "100s"), commands: [
        (id: "say", run: ["echo", "{{ word }}"]),
        (id: "meet/a", run: ["sh", "-c", "touch a; while ! test -e b; do sleep 0.01; done"]),
        (id: "meet/b", run: ["sh", "-c", "touch b; while ! test -e a; do sleep 0.01; done"]),
        (id: "long", run: ["sleep", "50"]),
    ])"#;
    // One after the other they would never meet.
    let ran = desk
        .run(spec, &["-j", "3", "--wall", "3s", "--set", "word=typed", "--only", "say", "--only", "meet/*"]);
    ran.with_code(0);
    let rows = desk.results();
    assert_eq!(rows.keys().collect::<Vec<_>>(), ["meet/a", "meet/b", "say"]);
    assert_eq!(desk.read(&format!("out/{}", rows["say"]["log"])), "typed\n");
    desk.run(spec, &["--only", "long", "--wall", "200ms"]).with_code(1);
    assert_eq!(desk.column("cause")["long"], "wall-limit");
    // Each limit that is given there holds.
    desk.run(spec, &["--only", "long", "--silence", "200ms", "--fresh"]).with_code(1);
    assert_eq!(desk.column("cause")["long"], "silent");
    desk.run(spec, &["--only", "long", "--deadline", "200ms", "--fresh"]).with_code(3);
    assert_eq!(desk.column("cause")["long"], "deadline");
}

#[test]
fn a_run_goes_to_the_directory_of_its_spec_unless_told_otherwise() {
    let desk = Desk::new("where");
    desk.write("specs/nightly.ron", r#"Job(name: "n", commands: [(id: "here", run: ["pwd"])])"#);
    desk.finish(desk.provisor(["run", "specs/nightly.ron"])).with_code(0);
    let text = desk.read("provisor-runs/nightly/results.csv");
    let row = common::table(&text).remove(0);
    let said = desk.read(&format!("provisor-runs/nightly/{}", row["log"]));
    assert!(said.trim_end().ends_with("/specs"), "children work where the spec is: {said}");
}

fn run_example(desk: &Desk, name: &str) -> Ran {
    desk.finish(desk.provisor(["run", &example_arg(name), "-o", "out"]))
}

#[test]
fn the_plain_example_runs_as_it_says() {
    let desk = Desk::new("plain");
    let ran = run_example(&desk, "plain.ron").with_code(1);
    let causes = desk.column("cause");
    assert!(
        causes.iter().all(|(id, cause)| cause == if id == "too-long" { "wall-limit" } else { "exited" }),
        "{causes:?}"
    );
    assert!(ran.out.contains("6 queries: 5 well, 1 not (ok 4, failed 1, wall-limit 1)\n"), "{}", ran.out);
    let logs = desk.column("log");
    assert_eq!(desk.read(&format!("out/{}", logs["count"])).trim(), "2");
    assert!(desk.file(&format!("out/{}", logs["lines"].replace(".log", ".timing"))).exists());
}

#[test]
fn the_matrix_example_runs_as_it_says() {
    let desk = Desk::new("matrix");
    run_example(&desk, "matrix.ron").with_code(0);
    let rows = desk.results();
    assert_eq!(rows.len(), 11);
    assert!(!rows.contains_key("add/by-3"), "it is excluded");
    let told = |id: &str| {
        let row = &rows[id];
        [&row["verdict"], &row["value"], &row["expected"], &row["axis.operation"], &row["axis.by"]]
            .map(String::as_str)
    };
    assert_eq!(told("subtract/by-3"), ["computed", "7", "computed", "subtract", "3"]);
    assert_eq!(told("divide/by-0"), ["undefined", "", "undefined", "divide", "0"]);
    let header = desk.read("out/results.csv").lines().next().expect("a header").to_owned();
    assert!(header.ends_with(",value,axis.operation,axis.by"), "{header}");
}

#[test]
fn the_example_with_hosts_runs_as_it_says() {
    let desk = Desk::new("hosts");
    run_example(&desk, "hosts.ron").with_code(0);
    let values = desk.column("value");
    let values: Vec<_> = values.iter().map(|(id, value)| (id.as_str(), value.as_str())).collect();
    assert_eq!(
        values,
        [
            ("127.0.0.1_1161", "STRING: 127.0.0.1:1161 asked as public"),
            ("core.lab", "STRING: core.lab asked as public"),
            ("old.lab", "STRING: old.lab asked as s3cret"),
        ]
    );
    let plan =
        desk.finish(desk.provisor(["plan", &example_arg("hosts.ron"), "--only", "core.*"])).with_code(0);
    assert_eq!(
        plan.out,
        "core.lab  sh -c 'echo \"$2 = STRING: $1 asked as $0\"' public core.lab 1.3.6.1.2.1.31\n"
    );
}

#[test]
fn every_example_has_no_faults() {
    let desk = Desk::new("examples");
    let mut examples = 0;
    for entry in fs::read_dir(example("")).expect("the examples").flatten() {
        if entry.path().extension().is_none_or(|end| end != "ron") {
            continue;
        }
        examples += 1;
        let path = entry.path();
        let ran = desk.finish(desk.provisor(["check", path.to_str().expect("UTF-8")])).with_code(0);
        assert!(ran.out.ends_with("no faults\n") && ran.err.is_empty(), "{}{}", ran.out, ran.err);
        desk.finish(desk.provisor(["plan", path.to_str().expect("UTF-8")])).with_code(0);
    }
    assert!(examples >= 5, "{examples}");
}

#[test]
fn the_demo_shows_every_way_to_end() {
    let desk = Desk::new("demo");
    let ran = run_example(&desk, "demo.ron").with_code(1);
    let expected = [
        ("abstraction", "exited", "cannot be proved"),
        ("equivalence", "exited", "true"),
        ("handshake/broken", "exited", "false"),
        ("handshake/sound", "exited", "true"),
        ("lemma", "exited", "true"),
        ("reach/first-goal", "concluded", "reachable"),
        ("reach/refuting-goal", "concluded", "not proved"),
        ("reach/to-the-end", "exited", "false"),
        ("several/in-time", "exited", "mixed"),
        ("several/out-of-time", "wall-limit", "mixed"),
        ("silent/impatient", "silent", ""),
        ("silent/patient", "exited", "true"),
        ("slip/command", "not-started", ""),
        ("slip/model", "exited", ""),
        ("stubborn", "wall-limit", ""),
    ];
    let rows = desk.results();
    let told: Vec<_> =
        rows.iter().map(|(id, row)| (id.as_str(), row["cause"].as_str(), row["verdict"].as_str())).collect();
    assert_eq!(told, expected);
    assert_eq!(rows["stubborn"]["signal"], "SIGKILL");
    // The table and its sum are for whoever reads standard output.
    for (id, ..) in expected {
        assert!(ran.out.lines().any(|line| line.contains(id)), "{id} is not in:\n{}", ran.out);
    }
    let sum = "15 queries: 7 well, 8 not (true 4, false 2, wall-limit 2, cannot be proved 1, mixed 1, no verdict 1, \
        not proved 1, not-started 1, reachable 1, silent 1)\nResults: out/results.csv\n";
    assert!(ran.out.ends_with(sum), "{}", ran.out);
}
