//! Presets on real tools: what `provisor run` makes of an answer, of none, of an error and of a crash. And how presets
//! are shown, and written by a user.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Desk, skip_unless};
use provisor::config::presets;
use provisor::core::plan::Judging;
use provisor::core::verdict::{Counts, Preset};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/presets");

/// Whether a tool is there; otherwise says that its test is left out.
fn has(tool: &str) -> bool {
    let started = Command::new(tool).arg("--version").stdin(Stdio::null()).output();
    !skip_unless(started.is_ok(), &format!("{tool} is not in the PATH"))
}

/// A desk with the problems.
fn desk(name: &str) -> Desk {
    let desk = Desk::new(name);
    for problem in fs::read_dir(DATA).expect("the problems").flatten() {
        desk.write(&problem.file_name().to_string_lossy(), fs::read(problem.path()).expect("a problem"));
    }
    desk
}

/// Runs these commands, each an id and an argv in RON, and checks of each how it ended: cause, verdict, and how many
/// results.
#[track_caller]
fn check(desk: &Desk, preset: &str, queries: &[(&str, &str, [&str; 3])]) {
    let commands: String =
        queries.iter().map(|(id, run, _)| format!("(id: \"{id}\", run: [{run}]),\n")).collect();
    desk.run(
        &format!(
            "Job(name: \"tools\", preset: {preset}, limits: (wall: \"20s\", grace: \"1s\"), commands: [{commands}])"
        ),
        &["--fresh"],
    );
    let rows = desk.results();
    let ended = |id: &str| ["cause", "verdict", "results"].map(|column| rows[id][column].clone());
    let got: BTreeMap<_, _> = queries.iter().map(|(id, ..)| (*id, ended(id))).collect();
    let expected: BTreeMap<_, _> =
        queries.iter().map(|(id, _, ended)| (*id, ended.map(str::to_owned))).collect();
    assert_eq!(got, expected);
}

#[test]
fn z3() {
    if !has("z3") {
        return;
    }
    let desk = desk("z3");
    check(
        &desk,
        r#""smt""#,
        &[
            ("sat", r#""z3", "sat.smt2""#, ["exited", "sat", "1"]),
            ("unsat", r#""z3", "unsat.smt2""#, ["exited", "unsat", "1"]),
            ("error", r#""z3", "error.smt2""#, ["exited", "error", "2"]),
            ("late", r#""z3", "late-error.smt2""#, ["exited", "mixed", "3"]),
            // An error behind the last answer may stand where a question was, or have ended it all.
            ("assuming", r#""z3", "assuming.smt2""#, ["exited", "mixed", "2"]),
            ("immediate", r#""z3", "immediate.smt2""#, ["exited", "mixed", "2"]),
            ("stderr", r#""sh", "-c", "z3 sat.smt2; echo trouble >&2; exit 1""#, ["exited", "", "1"]),
            ("missing", r#""z3", "missing.smt2""#, ["exited", "error", "1"]),
            ("timeout", r#""z3", "-T:1", "undecided.smt2""#, ["exited", "timeout", "1"]),
            ("unknown", r#""z3", "-t:100", "undecided.smt2""#, ["exited", "unknown", "1"]),
            ("memory", r#""z3", "-memory:1", "sat.smt2""#, ["exited", "error", "1"]),
            // An answer, and then a crash: who knows what the tool had still to say.
            ("crash", r#""sh", "-c", "z3 sat.smt2; kill -SEGV $$""#, ["exited", "", "1"]),
            (
                "crash-undecided",
                r#""sh", "-c", "z3 -t:100 undecided.smt2; kill -SEGV $$""#,
                ["exited", "unknown", "1"],
            ),
        ],
    );
    assert_eq!(desk.column("exit_code")["unsat"], "1", "there is no model, and z3 says so");
    let kept = desk.verdicts("unsat").into_iter().map(|(_, verdict)| verdict).collect::<Vec<_>>();
    assert_eq!(kept, ["unsat", "not available"]);
    assert_eq!(desk.column("line")["late"], desk.verdicts("late")[1].0, "the error decided");
    // From its standard input, and ended from outside: what it has said by then counts.
    let spec = r#"Job(name: "tools", commands: [
        (id: "stdin", run: ["z3", "-in"], stdin: File("sat.smt2"), preset: "smt"),
        (id: "half", run: ["z3", "half.smt2"], preset: "smt", limits: (wall: "4s")),
    ])"#;
    desk.run(spec, &["--fresh"]).with_code(1);
    let rows = desk.results();
    assert_eq!((&*rows["stdin"]["verdict"], &*rows["stdin"]["line"]), ("sat", "sat"));
    assert_eq!((&*rows["half"]["cause"], &*rows["half"]["verdict"]), ("wall-limit", "sat"));
    assert_eq!(desk.verdicts("half").len(), 1);
}

#[test]
fn cvc5() {
    if !has("cvc5") {
        return;
    }
    let desk = desk("cvc5");
    check(
        &desk,
        r#""smt""#,
        &[
            ("sat", r#""cvc5", "sat.smt2""#, ["exited", "sat", "1"]),
            ("unsat", r#""cvc5", "unsat.smt2""#, ["exited", "unsat", "1"]),
            ("error", r#""cvc5", "error.smt2""#, ["exited", "error", "1"]),
            // It stops there, so the second question has no answer.
            ("late", r#""cvc5", "late-error.smt2""#, ["exited", "mixed", "2"]),
            ("missing", r#""cvc5", "missing.smt2""#, ["exited", "error", "1"]),
            ("unknown", r#""cvc5", "--tlimit-per=100", "undecided.smt2""#, ["exited", "unknown", "1"]),
            // It says so on stderr, and aborts: by a signal, and behind a shell by its exit code.
            ("abort", r#""cvc5", "--tlimit=100", "undecided.smt2""#, ["exited", "timeout", "1"]),
            (
                "shell",
                r#""sh", "-c", "cvc5 --tlimit=100 undecided.smt2; exit $?""#,
                ["exited", "timeout", "1"],
            ),
            ("half", r#""cvc5", "--incremental", "--tlimit=3000", "half.smt2""#, ["exited", "mixed", "2"]),
        ],
    );
    let rows = desk.results();
    assert_eq!((&*rows["abort"]["signal"], &*rows["shell"]["exit_code"]), ("SIGABRT", "134"));
    assert_eq!(rows["abort"]["line"], "cvc5 interrupted by timeout.");
}

#[test]
fn eprover() {
    if !has("eprover") {
        return;
    }
    let desk = desk("eprover");
    check(
        &desk,
        r#""szs""#,
        &[
            ("theorem", r#""eprover", "--auto", "theorem.p""#, ["exited", "Theorem", "1"]),
            ("none", r#""eprover", "--auto", "no-theorem.p""#, ["exited", "CounterSatisfiable", "1"]),
            ("anything", r#""eprover", "--auto", "contradiction.p""#, ["exited", "ContradictoryAxioms", "1"]),
            (
                "limit",
                r#""eprover", "--auto", "--processed-clauses-limit=20", "endless.p""#,
                ["exited", "ResourceOut", "1"],
            ),
            ("time", r#""eprover", "-s", "--cpu-limit=1", "endless.p""#, ["exited", "ResourceOut", "1"]),
            ("broken", r#""eprover", "--auto", "broken.p""#, ["exited", "", "0"]),
            ("missing", r#""eprover", "--auto", "missing.p""#, ["exited", "", "0"]),
            ("crash", r#""sh", "-c", "eprover -s theorem.p; kill -KILL $$""#, ["exited", "", "1"]),
        ],
    );
    let codes = desk.column("exit_code");
    assert_eq!((&*codes["none"], &*codes["broken"]), ("1", "3"));
}

/// More pigeons than holes: hard for every solver that cannot count.
fn pigeons(holes: usize) -> String {
    let variable = |pigeon: usize, hole: usize| pigeon * holes + hole + 1;
    let mut clauses: Vec<String> = (0..=holes)
        .map(|pigeon| {
            (0..holes).map(|hole| format!("{} ", variable(pigeon, hole))).collect::<String>() + "0\n"
        })
        .collect();
    for hole in 0..holes {
        for second in 0..=holes {
            let apart = |first| format!("-{} -{} 0\n", variable(first, hole), variable(second, hole));
            clauses.extend((0..second).map(apart));
        }
    }
    format!("p cnf {} {}\n{}", holes * (holes + 1), clauses.len(), clauses.concat())
}

#[test]
fn minisat() {
    if !has("minisat") {
        return;
    }
    let desk = desk("minisat");
    desk.write("pigeons.cnf", pigeons(12));
    check(
        &desk,
        r#""sat""#,
        &[
            ("sat", r#""minisat", "sat.cnf""#, ["exited", "sat", "1"]),
            ("unsat", r#""minisat", "unsat.cnf""#, ["exited", "unsat", "1"]),
            ("time", r#""minisat", "-cpu-lim=1", "pigeons.cnf""#, ["exited", "unknown", "1"]),
            ("broken", r#""minisat", "broken.cnf""#, ["exited", "", "0"]),
            ("missing", r#""minisat", "missing.cnf""#, ["exited", "", "0"]),
            // Without a word its exit code speaks; against its words it raises a doubt.
            ("quiet", r#""sh", "-c", "minisat sat.cnf > all.txt 2>&1""#, ["exited", "sat", "0"]),
            ("liar", r#""sh", "-c", "minisat sat.cnf; exit 20""#, ["exited", "contradiction", "1"]),
            ("crash", r#""sh", "-c", "minisat sat.cnf; kill -ABRT $$""#, ["exited", "", "1"]),
        ],
    );
    let codes = desk.column("exit_code");
    assert_eq!((&*codes["sat"], &*codes["unsat"], &*codes["quiet"]), ("10", "20", "10"));
}

#[test]
fn the_example_for_solvers_runs() {
    if !["z3", "cvc5", "minisat"].into_iter().all(has) {
        return;
    }
    let desk = Desk::new("solvers");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/solvers.ron");
    desk.run(&fs::read_to_string(example).expect("the example"), &[]).with_code(0);
}

#[test]
fn presets_are_shown_on_eighty_columns_with_every_word_and_what_it_counts_as() {
    let desk = Desk::new("shown");
    let all = desk.finish(desk.provisor(["presets"])).with_code(0);
    assert!(all.out.lines().all(|line| line.chars().count() <= 80), "{}", all.out);
    let mut alone = Vec::new();
    for name in presets::names() {
        let one = desk.finish(desk.provisor(["presets", name])).with_code(0).out;
        let preset = presets::named(name).expect("whole").expect("there").preset;
        for word in preset.words() {
            let label = match word.counts {
                _ if word.aside => "aside",
                Counts::Ok => "ok",
                Counts::Open => "open",
                Counts::Bad => "bad",
            };
            let verdict = word.verdict.as_deref().unwrap_or("(any other word)");
            let listed = section(&one, label);
            assert!(
                listed.split(", ").any(|listed| listed == verdict),
                "{name}: {verdict} is {label} in:\n{one}"
            );
        }
        alone.push(one);
    }
    assert_eq!(all.out, alone.join("\n"));
}

/// What stands behind a label, on one line.
fn section(text: &str, label: &str) -> String {
    let mut lines = text.lines().skip_while(|line| line.split_whitespace().next() != Some(label));
    let first = lines.next().and_then(|line| line.get(11..)).unwrap_or_default();
    let more = lines.take_while(|line| line.starts_with("           "));
    std::iter::once(first).chain(more.map(str::trim)).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_file_of_a_preset_is_where_ones_own_begins() {
    let desk = desk("own");
    let file = desk.finish(desk.provisor(["presets", "smt", "--ron"])).with_code(0).out;
    assert_eq!(
        file,
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/presets/smt.ron")).expect("it")
    );
    desk.write("sub/mine.ron", file.replace("verdict: \"sat\"", "verdict: \"yes\""));
    let spec =
        r#"Job(name: "own", commands: [(id: "q", run: ["echo", "sat"], preset: File("sub/mine.ron"))])"#;
    desk.run(spec, &[]).with_code(0);
    assert_eq!(desk.column("verdict")["q"], "yes");
    let shown = desk.finish(desk.provisor(["presets", "sub/mine.ron"])).with_code(0).out;
    assert!(shown.starts_with("sub/mine.ron\n") && section(&shown, "ok") == "yes, unsat", "{shown}");
    // What the file means belongs to the query: a change judges again, a comment does not.
    let mine = desk.read("sub/mine.ron");
    desk.write("sub/mine.ron", mine.replace("\"yes\"", "\"perhaps\""));
    desk.run(spec, &[]).with_code(0).says("1 reused from earlier runs (1 judged again by the changed rules)");
    assert_eq!(desk.column("verdict")["q"], "perhaps");
    desk.write("sub/mine.ron", format!("// mine\n{}", desk.read("sub/mine.ron")));
    let again = desk.run(spec, &[]).with_code(0).says("1 reused");
    assert!(!again.err.contains("judged again"), "{}", again.err);
}

#[test]
fn what_is_no_preset_is_refused_and_nothing_is_started() {
    let desk = Desk::new("no-preset");
    let presets = |args: &[&str]| desk.finish(desk.provisor([&["presets"], args].concat()));
    presets(&["smtt"]).with_code(2).says("there is no preset `smtt`: did you mean \"smt\"?");
    presets(&["isabelle"]).with_code(2).says("one of your own is mine.ron");
    presets(&["proverif", "--ron"]).with_code(2).says("is code and has no file");
    presets(&["--ron"]).with_code(2);
    let replay = ["replay", "out", "--preset", "./gone.ron"];
    for (gone, path) in
        [(presets(&["gone.ron"]), "gone.ron"), (desk.finish(desk.provisor(replay)), "./gone.ron")]
    {
        let gone = gone.with_code(2);
        let said: Vec<&str> = gone.err.trim_end().lines().collect();
        assert_eq!(
            said,
            [format!("error: cannot read {path}: No such file or directory (os error 2)")],
            "a sentence"
        );
    }
    desk.write("mine.ron", "Preset(\n    rules: [(on: Prefix(\"x\"), verdikt: \"y\")],\n)");
    presets(&["mine.ron"]).with_code(2).says("mine.ron:2:31").says("did you mean `verdict`?");
    let spec =
        r#"Job(name: "x", commands: [(id: "q", run: ["touch", "started"], preset: File("mine.ron"))])"#;
    desk.run(spec, &[]).with_code(2).says("mine.ron:2:31").says("did you mean `verdict`?");
    assert!(!desk.file("out").exists() && !desk.file("started").exists());
}

/// A judging is kept with a run, to be read by who judges it again.
#[test]
fn a_judging_is_the_same_after_it_was_written_and_read() {
    let rule = || match presets::named("smt").expect("whole").expect("there").preset {
        Preset::Tool(tool) => tool.rules[2].rule.clone(),
        other => panic!("no tool but {other:?}"),
    };
    for name in presets::names() {
        let preset = presets::named(name).expect("whole").expect("there").preset;
        for judging in [
            Judging { rules: vec![], preset: Some(preset.clone()) },
            Judging { rules: vec![rule()], preset: Some(preset) },
            Judging { rules: vec![rule()], preset: None },
        ] {
            let text = serde_json::to_string(&judging).expect("written");
            let read: Judging = serde_json::from_str(&text).expect("read");
            assert_eq!(read, judging);
            let print = provisor::actors::fingerprint::judging;
            assert_eq!(print(&read), print(&judging));
        }
    }
}

/// The page lists the verdicts of every preset as they are shown.
#[test]
fn the_page_about_presets_has_every_word() {
    let desk = Desk::new("page");
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/presets.md")).expect("the page");
    for name in presets::names() {
        let shown = desk.finish(desk.provisor(["presets", name])).with_code(0).out;
        let words: Vec<&str> = shown
            .lines()
            .take_while(|line| !line.starts_with("  rules") && !line.starts_with("  results"))
            .collect();
        assert!(page.contains(&words.join("\n")), "docs/presets.md does not show:\n{}", words.join("\n"));
    }
}
