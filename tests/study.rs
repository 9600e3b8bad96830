//! Studies end to end: models through the programs that render them, and queries in files of their own.

mod common;

use std::collections::BTreeMap;

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
        std::fs::metadata(desk.file(name)).expect("there").ino()
    };
    let kept = inode("out/queries/b/s/all.txt");
    desk.run(&spec("one"), &[]).with_code(0).says("2 reused from earlier runs");
    desk.run(&spec("two"), &[]).with_code(0).says("1 reused from earlier runs");
    assert_eq!(outputs(&desk)["a/s/all"], "two J\n");
    assert_eq!(inode("out/queries/b/s/all.txt"), kept, "what is the same is not written again");
}
