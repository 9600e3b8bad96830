//! Studies end to end: models through the programs that render them, and queries in files of their own.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Desk, can_run, skip_unless};

/// A study whose tool prints the file of each query.
fn printed(templates: &str, models: &str, scenarios: &str) -> String {
    format!(
        r#"Job(name: "printed", vars: {{"job": "J"}}, study: (tool: Command(["cat", "{{{{ file }}}}"]),
            templates: {templates}, models: [{models}], scenarios: {scenarios}))"#
    )
}

/// What each query printed.
fn outputs(desk: &Desk) -> BTreeMap<String, String> {
    let logs = desk.column("log");
    logs.into_iter().map(|(id, log)| (id, desk.read(&format!("out/{log}")))).collect()
}

const SCENARIOS: &str = r#"[(id: "plain", vars: {"LEAK": "none"}), (id: "leaks", vars: {"LEAK": "skS"}), (id: "both", vars: {"LEAK": "skS", "MORE": 1})]"#;

#[test]
fn m4_renders_models_by_itself() {
    if skip_unless(can_run("m4", "--version"), "models are rendered by the real m4, which is not installed") {
        return;
    }
    let desk = Desk::new("m4");
    desk.write("models/part.inc", "included for LEAK\n");
    let model = "job JOB LEAK\nifdef(`MORE', `more MORE', `no more')\ninclude(`part.inc')";
    desk.write("models/a.m4.txt", model.replace("JOB", "job"));
    desk.run(&printed("M4", r#""models/a.m4.txt""#, SCENARIOS), &[]).with_code(0);
    let printed = outputs(&desk);
    assert_eq!(printed["a.m4/plain/all"], "J J none\nno more\nincluded for none\n");
    assert_eq!(printed["a.m4/leaks/all"], "J J skS\nno more\nincluded for skS\n");
    assert_eq!(printed["a.m4/both/all"], "J J skS\nmore 1\nincluded for skS\n");
    let file = desk.read("out/queries/a.m4/both/all.txt");
    assert_eq!(file, printed["a.m4/both/all"], "it is kept, so that anybody can look at it");
}

#[test]
fn the_preprocessor_of_c_renders_models_and_leaves_names_alone() {
    if skip_unless(can_run("cpp", "--version"), "models are rendered by the real cpp, which is not installed")
    {
        return;
    }
    let desk = Desk::new("cpp");
    desk.write("part.h", "included LEAK\n");
    // `unix` is a macro of the usual cpp. What follows a single ' in a line is left alone, as C has it.
    let model =
        "#include \"part.h\"\n#ifdef MORE\nmore x' unix\n#else\nfewer x' unix\n#endif\n(* it's job *)\n";
    desk.write("a.txt", model);
    desk.run(&printed("Cpp", r#""a.txt""#, SCENARIOS), &[]).with_code(0);
    let lines = |id: &str| -> Vec<String> {
        outputs(&desk)[id].lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    assert_eq!(lines("a/leaks/all"), ["included skS", "fewer x' unix", "(* it's job *)"]);
    assert_eq!(lines("a/both/all"), ["included skS", "more x' unix", "(* it's job *)"]);
}

#[test]
fn what_a_renderer_complains_of_is_told_and_nothing_is_started() {
    let desk = Desk::new("complaints");
    desk.write("a.txt", "fine\ninclude(`nosuch.m4')\nLEAK MORE\n#include \"nosuch.h\"\n");
    for (templates, program, said) in [("M4", "m4", "a.txt:2"), ("Cpp", "cpp", "a.txt:4")] {
        if skip_unless(can_run(program, "--version"), &format!("{program} is not installed")) {
            continue;
        }
        let ran = desk.run(&printed(templates, r#""a.txt""#, SCENARIOS), &[]).with_code(2);
        let ran = ran.says(&format!("{program} cannot render a.txt for the scenario `plain`"));
        assert!(ran.err.contains(said), "its own words, with file and line: {}", ran.err);
        assert!(!desk.file("out/results.csv").exists());
    }
}

#[test]
fn a_renderer_that_is_missing_is_asked_for_and_nothing_is_started() {
    let desk = Desk::new("no-m4");
    desk.write("a.txt", "LEAK MORE");
    desk.write("spec.ron", printed("M4", r#""a.txt""#, SCENARIOS));
    let mut command = desk.provisor(["run", "spec.ron", "-o", "out"]);
    command.env("PATH", desk.path());
    let ran = desk.finish(command).with_code(2);
    let ran = ran.says("the models are rendered by m4, which cannot be run");
    assert!(ran.err.contains("install it"), "{}", ran.err);
    assert!(!desk.file("out/results.csv").exists());
}

#[test]
fn plan_names_the_files_of_the_run_directory_that_it_is_asked_about() {
    let desk = Desk::new("plan-files");
    desk.write("m.pv", "free c: channel.\nquery attacker(c).\nprocess 0");
    desk.write("study.ron", r#"Job(name: "x", study: (tool: ProVerif, models: ["m.pv"]))"#);
    let line = |args: &[&str]| {
        let mut command = desk.provisor(["plan", "study.ron"]);
        command.args(args);
        desk.finish(command).with_code(0).out
    };
    assert_eq!(line(&[]), "m/base/attacker_c  proverif provisor-runs/study/queries/m/base/attacker_c.pv\n");
    assert_eq!(line(&["-o", "there"]), "m/base/attacker_c  proverif there/queries/m/base/attacker_c.pv\n");
    assert!(!desk.file("there").exists(), "it writes nothing");
    desk.write("lib.pvl", "query attacker(c).");
    desk.write(
        "study.ron",
        r#"Job(name: "x", study: (tool: ProVerif(libs: ["lib.pvl"]), models: ["m.pv"]))"#,
    );
    let whole = desk.finish(desk.provisor(["plan", "study.ron"])).with_code(0);
    assert!(whole.out.starts_with("m/base/all "), "{}", whole.out);
    whole.says("m.pv is not divided: the query in line 1 of a library").says("lib.pvl:1:1");
}

#[test]
fn a_query_is_run_again_when_its_file_changes_and_only_then() {
    let desk = Desk::new("changed");
    desk.write("a.txt", "{{ leak }} {{ job }}\n");
    desk.write("b.txt", "always the same\n");
    let spec = |leak: &str| {
        printed("Jinja", r#""a.txt", "b.txt""#, &format!(r#"[(id: "s", vars: {{"leak": "{leak}"}})]"#))
            .replace("Job(", "Job(reuse: Conclusive, ")
    };
    desk.run(&spec("one"), &[]).with_code(0);
    let inode = |name: &str| {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(desk.file(name)).expect("there").ino()
    };
    let kept = inode("out/queries/b/s/all.txt");
    desk.run(&spec("one"), &[]).with_code(0).says("2 reused from earlier runs");
    desk.run(&spec("two"), &[]).with_code(0).says("1 reused from earlier runs");
    assert_eq!(outputs(&desk)["a/s/all"], "two J\n");
    assert_eq!(inode("out/queries/b/s/all.txt"), kept, "what is the same is not written again");
}

/// The scenarios of the example study.
const ATTACKERS: [&str; 4] = ["none", "leak-signing", "leak-late", "all"];

/// What each query of the example study comes to, in each of them; all by ProVerif 2.05, none by another's result.
#[rustfmt::skip]
const VERDICTS: [(&str, &str, [&str; 4]); 13] = [
    ("hidden", "equivalence", ["true", "true", "cannot be proved", "cannot be proved"]),
    ("sealed", "auth_responder", ["true", "true", "true", "false"]),
    ("sealed", "auth_initiator", ["false", "false", "false", "false"]),
    ("sealed", "agreement", ["true", "false", "true", "false"]),
    ("sealed", "secrecy", ["true", "false", "false", "false"]),
    ("sealed", "finishes", ["reachable", "reachable", "reachable", "reachable"]),
    ("signed", "rooted", ["true", "true", "true", "true"]),
    ("signed", "rooted_use", ["true", "true", "true", "true"]),
    ("signed", "auth_responder", ["true", "true", "true", "false"]),
    ("signed", "auth_initiator", ["true", "false", "true", "false"]),
    ("signed", "agreement", ["true", "false", "true", "false"]),
    ("signed", "secrecy", ["true", "false", "true", "false"]),
    ("signed", "finishes", ["reachable", "reachable", "reachable", "reachable"]),
];

fn verdicts() -> BTreeMap<String, String> {
    let cells = VERDICTS.iter().flat_map(|(model, query, verdicts)| {
        let cell =
            |(attacker, verdict): (&str, &str)| (format!("{model}/{attacker}/{query}"), verdict.to_owned());
        ATTACKERS.into_iter().zip(*verdicts).map(cell).collect::<Vec<_>>()
    });
    cells.collect()
}

/// The example study on a desk, and a command that runs it with what is recorded of ProVerif.
fn example(desk: &Desk, args: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["study.ron", "models/hidden.pv", "models/sealed.pv", "models/signed.pv", "scenarios/all.pv"]
    {
        let text = fs::read(root.join("config/examples/study").join(file)).expect("a file of the example");
        desk.write(file, text);
    }
    let mut command = desk.provisor(["run", "study.ron", "-o", "out"]);
    let path = std::env::var("PATH").unwrap_or_default();
    command.args(args).env("PATH", format!("{}:{path}", root.join("tests/data/study").display()));
    command
}

#[test]
fn a_complete_study_comes_to_its_table() {
    let desk = Desk::new("complete");
    // With a slot for each query nothing would be known before it runs.
    desk.finish(example(&desk, &["-j", "2"])).with_code(0);
    assert_eq!(desk.column("verdict"), verdicts());
    let grid = desk.finish(desk.provisor(["results", "out", "--grid", "--format", "csv"])).with_code(0).out;
    assert!(grid.contains("model = signed,agreement,true,false,true,(false)\n"), "{grid}");
    let causes = desk.column("cause");
    let is_implied = |id: &str| causes[id] == "implied";
    // The strongest attacker's are known from what is asked before, but for those that are only false there.
    assert!(is_implied("sealed/all/agreement") && is_implied("signed/all/secrecy"), "{causes:?}");
    for (id, cause) in &causes {
        let may_follow = !["equivalence", "rooted", "finishes"].iter().any(|query| id.ends_with(query));
        assert!(cause == "exited" || (cause == "implied" && may_follow), "{id}: {cause}");
    }
    let lines = desk.column("line");
    let from = "implied by `signed/leak-signing/agreement`: false";
    assert_eq!(lines["signed/all/agreement"], from);
    let passes = desk.column("pass");
    assert_eq!(
        (&*passes["signed/none/agreement"], &*passes["signed/leak-signing/agreement"]),
        ("fast", "full")
    );
    let pages = &desk.results()["signed/leak-signing/agreement"]["pages"];
    assert_eq!(pages, "html/signed/leak-signing/agreement/full");
    assert!(desk.file(&format!("out/{pages}/index.html")).is_file(), "its own pages are kept");
    let markdown = desk.finish(desk.provisor(["results", "out", "--format", "markdown"])).with_code(0).out;
    assert!(markdown.contains(&format!("]({pages}/index.html) | false |")), "and linked: {markdown}");
    // The members of a group are told one by one.
    let group: Vec<_> =
        desk.verdicts("sealed/leak-signing/secrecy").into_iter().map(|(_, verdict)| verdict).collect();
    assert!(group.ends_with(&["true".into(), "false".into()]), "{group:?}");
}

#[test]
fn without_pruning_everything_is_measured_and_contradicts_nothing() {
    for option in ["--no-prune", "--check-prune"] {
        let desk = Desk::new("unpruned");
        let ran = desk.finish(example(&desk, &[option])).with_code(0);
        assert_eq!(desk.column("verdict"), verdicts());
        assert!(desk.column("cause").values().all(|cause| cause == "exited"), "{}", ran.err);
    }
}

#[test]
fn the_real_proverif_says_the_same() {
    let desk = Desk::new("real");
    if skip_unless(
        can_run("proverif", "-help"),
        "the example study is run with the real ProVerif, which is not installed",
    ) {
        return;
    }
    let mut command = example(&desk, &["--no-prune"]);
    command.env("PATH", std::env::var("PATH").unwrap_or_default());
    desk.finish(command).with_code(0);
    assert_eq!(desk.column("verdict"), verdicts());
}

/// A model with a query that rests on a lemma.
const RESTS_ON_A_LEMMA: &str = "free c: channel.\nfree s: bitstring [private].\nevent a. event b.\n\
    (* @lemma inv *)\nlemma event(b) ==> event(a).\n(* @query keeps *)\nquery attacker(s).\nprocess 0";

#[test]
fn a_lemma_that_is_not_true_lets_none_rest_on_it() {
    let desk = Desk::new("no-lemma");
    // What the model says of itself does not matter to this ProVerif, which says that the lemma is false.
    desk.script(
        "prover",
        r#"for file; do :; done; case $file in */inv.pv) echo "RESULT event(b) ==> event(a) is false." ;;
            *) echo "RESULT not attacker(s[]) is true." ;; esac"#,
    );
    desk.write("m.pv", RESTS_ON_A_LEMMA);
    let spec =
        r#"Job(name: "x", study: (tool: ProVerif(program: "./prover"), models: ["m.pv"], lemmas: AsAxioms))"#;
    desk.run(spec, &[]).with_code(1);
    let rows = desk.results();
    assert_eq!((&*rows["m/base/inv"]["verdict"], &*rows["m/base/keeps"]["cause"]), ("false", "skipped"));
    let why = &rows["m/base/keeps"]["line"];
    assert!(why.contains("`m/base/inv`") && why.contains("true"), "{why}");
    assert!(desk.read("out/queries/m/base/keeps.pv").contains("axiom event(b)"));
    // Alone as well: what it needs is asked before it.
    desk.run(spec, &["--fresh", "--only", "keeps"]).with_code(1);
    assert_eq!(desk.column("cause")["m/base/inv"], "exited");
}

#[test]
fn what_rests_on_a_lemma_does_not_outlive_it() {
    let desk = Desk::new("lemma-lost");
    // What it says of the lemma stands in a file of which nobody knows.
    desk.script(
        "prover",
        r#"for file; do :; done; case $file in */inv.pv) echo "RESULT event(b) ==> event(a) is $(cat said)." ;;
            *) echo "RESULT not attacker(s[]) is true." ;; esac"#,
    );
    desk.write("m.pv", RESTS_ON_A_LEMMA);
    let spec =
        r#"Job(name: "x", study: (tool: ProVerif(program: "./prover"), models: ["m.pv"], lemmas: AsAxioms))"#;
    desk.write("said", "true");
    desk.run(spec, &[]).with_code(0);
    assert_eq!(desk.column("cause")["m/base/keeps"], "exited");
    desk.run(spec, &[]).with_code(0).says("2 reused from earlier runs");
    desk.write("said", "false");
    let ran = desk.run(spec, &["--rerun", "inv"]).with_code(1);
    ran.says("what they rest on is asked again, or has come to something else");
    assert_eq!(desk.column("cause")["m/base/keeps"], "skipped", "its answer took the lemma for granted");
}

#[test]
fn answers_that_contradict_each_other_are_told_by_the_check() {
    let desk = Desk::new("contradiction");
    // Between the two there is one that takes until the first is written down.
    desk.script(
        "prover",
        r#"for file; do :; done; case $file in
            */between.pv) while ! grep -q weak/keeps out/results.csv; do sleep 0.01; done ;;
            */strong/*) echo "RESULT not attacker(s[]) is true." ;;
            *) echo "RESULT not attacker(s[]) is false." ;; esac"#,
    );
    desk.write(
        "m.pv",
        "free c: channel.\nfree s: bitstring [private].\n(* @query keeps *)\nquery attacker(s).\n\
         (* @query between *)\nweaksecret s.\nprocess 0",
    );
    let spec = r#"Job(name: "x", study: (tool: ProVerif(program: "./prover"), models: ["m.pv"],
        scenarios: [(id: "weak"), (id: "strong")], stronger_than: {"strong": ["weak"]}))"#;
    let ran = desk.run(spec, &["--check-prune", "-j", "1", "--order", "spec"]).with_code(1);
    let told = ran.err.lines().any(|line| line.contains("m/strong/keeps") && line.contains("m/weak/keeps"));
    assert!(told, "{}", ran.err);
    assert_eq!(desk.column("cause")["m/strong/keeps"], "exited");
    desk.run(spec, &["--fresh", "-j", "1", "--order", "spec"]).with_code(1);
    let row = &desk.results()["m/strong/keeps"];
    assert_eq!((&*row["cause"], &*row["verdict"]), ("implied", "false"));
    let hopeful = spec.replace(
        "stronger_than: {\"strong\": [\"weak\"]}))",
        "stronger_than: {\"strong\": [\"weak\"]}), expect: {\"keeps\": \"true\"})",
    );
    desk.run(&hopeful, &["--fresh", "-j", "1", "--order", "spec"]).with_code(1);
    let junit = desk.finish(desk.provisor(["results", "out", "--format", "junit"])).with_code(0).out;
    assert!(junit.contains(r#"<failure type="implied""#), "an answer, and the wrong one: {junit}");
}
