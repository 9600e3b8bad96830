//! Specs that are wrong, and what is said about them. The messages are snapshots: read them as a user would.

use crate::support::{Folder, plan, refusal};

/// Each spec with its message, one after the other.
fn table(specs: &[&str]) -> String {
    let row = |spec: &&str| format!("{spec}\n\n{}", refusal(spec));
    specs.iter().map(row).collect::<Vec<_>>().join(&format!("\n{}\n", "=".repeat(80)))
}

/// Jobs that are one good command with something more.
fn with_command(fields: &[&str]) -> String {
    let job = |field: &&str| {
        format!("Job(\n    name: \"x\",\n    {field}\n    commands: [(id: \"q\", run: [\"a\"])],\n)")
    };
    let jobs: Vec<String> = fields.iter().map(job).collect();
    table(&jobs.iter().map(|job| &**job).collect::<Vec<_>>())
}

/// Jobs that are a matrix over `n` with something more.
fn with_matrix(fields: &[&str]) -> String {
    let job = |field: &&str| {
        format!("Job(\n    name: \"x\",\n    {field}\n    command: [\"e\", \"{{{{ n }}}}\"],\n)")
    };
    let jobs: Vec<String> = fields.iter().map(job).collect();
    table(&jobs.iter().map(|job| &**job).collect::<Vec<_>>())
}

#[test]
fn structure() {
    insta::assert_snapshot!(table(&[
        "",
        "Job(",
        "Jobs(name: \"x\")",
        "Job(name: \"x\") Job(name: \"y\")",
        "Job(commands: [])",
        "Job(name: x)",
        "Job(name: \"x\" commands: [])",
        "Job(name: \"x)",
        "[1, 2]",
        "{\"name\": \"x\"}",
    ]));
}

#[test]
fn fields() {
    insta::assert_snapshot!(with_command(&[
        "comands: [],",
        "timeout: \"5m\",",
        "limits: (wal: \"1h\"),",
        "slots: 2, slots: 3,",
        "slots: \"many\",",
        "slots: 1.5,",
        "env: {\"A\": \"1\", \"B\": \"2\", \"A\": \"3\"},",
        "env: [\"A=1\"],",
        "stdin: \"text\",",
        "stdin: Fil(\"x\"),",
        "logs: Tale(\"1 KiB\"),",
        "logs: \"drop\",",
        "reuse: Always,",
        "record: yes,",
        "env: {\"A\": true},",
        "inherit_env: Some,",
        "preset: ProVerif(early_stop: OnGoal),",
        "preset: ProVerif(fats: true),",
        "preset: Tamarin(),",
        "preset: 5,",
        "inputs: \"file\",",
        "expect: ok,",
        "retry: 3,",
        "retry: (times: 3, on: [Timeout]),",
        "rules: [(on: \"x\", verdict: \"y\")],",
        "rules: [(on: Contain(\"x\"), verdict: \"y\")],",
        "rules: [(verdict: \"y\")],",
        "rules: [(on: Regex(\"x\"), capture: 1)],",
        "rules: [(on: Contains(\"x\"), stop: Now)],",
        "rules: [(on: Contains(\"x\"), counts: Good, verdict: \"v\")],",
    ]));
}

#[test]
fn commands() {
    insta::assert_snapshot!(table(&[
        "Job(name: \"x\")",
        "Job(name: \"x\", commands: [])",
        "Job(name: \"x\", commands: [(id: \"a\")])",
        "Job(name: \"x\", commands: [(id: \"a\", run: \"echo hello\")])",
        "Job(name: \"x\", commands: [(id: \"a\", run: [])])",
        "Job(name: \"x\", commands: [(id: \"a\", run: [\"\"])])",
        "Job(name: \"x\", commands: [[\"echo\"]])",
        "Job(name: \"x\", commands: [(id: \"a\", run: [\"a\"])], matrix: {\"n\": [1]})",
        "Job(name: \"x\", commands: [(id: \"a\", run: [\"a\"])], command: [\"b\"], id: \"c\", exclude: [{}])",
        "Job(name: \"x\", matrix: {\"n\": [1]})",
        "Job(name: \"x\", each: (\"h\", {\"a\": ()}))",
        "Job(name: \"x\", each: (\"h\", {}), command: [\"a\"])",
        "Job(name: \"x\", each: {\"a\": ()}, command: [\"a\"])",
        "Job(name: \"x\", each: (\"h\", {\"a\": (run: [\"b\"])}), command: [\"a\"])",
        "Job(name: \"x\", each: (\"h\", {\"a:b\": (), \"a;b\": ()}), command: [\"a\"])",
        "Job(name: \"\", commands: [(id: \"a\", run: [\"a\\0b\"]), (id: \"b\", run: [\"{{ a\"])])",
    ]));
}

#[test]
fn values() {
    insta::assert_snapshot!(with_command(&[
        "slots: 0,",
        "slots: -3,",
        "limits: (wall: \"5\", silence: \"-1s\", grace: \"soon\", total: \"9 weeks\"),",
        "limits: (wall: 90),",
        "limits: (wall: \"0s\"),",
        "limits: (wall: \"99999999999999999999h\"),",
        "limits: (wall: [1]),",
        "limits: (cpu: \"1\", memory: \"4\", output: \"1 s\", processes: \"10\"),",
        "limits: (cpu: \"0s\", memory: \"0 GiB\", output: \"0 B\", processes: 0),",
        "limits: (processes: 1.5),",
        "containment: Group, limits: (cpu: \"1h\", memory: \"4 GiB\", output: \"1 MB\", processes: 10),",
        "logs: Ends(64),",
        "logs: Tail(\"64\"),",
        "retry: (times: 2, on: [ExitCode(300)], backoff: \"1\"),",
        "retry: (times: -1),",
        "env: {\"\": \"a\", \"A=B\": \"a\", \"N\": \"a\\0\"},",
        "expect: {\"[\": \"ok\", \"q\": \"\"},",
        "preset: \"prooverif\",",
        "preset: \"isabelle\",",
        "preset: File(\"mine.ron\"),",
        "cwd: \"a\\0\",",
        "launcher: Slurm(nodes: 2),",
        "vars: {\"provisor\": \"x\", \"my-var\": 1, \"9\": 2, \"if\": 3, \"t\": \"{{ x }}\"},",
    ]));
}

#[test]
fn axes() {
    insta::assert_snapshot!(with_matrix(&[
        "matrix: {},",
        "matrix: {\"n\": []},",
        "matrix: {\"n\": 5..5},",
        "matrix: {\"n\": 5},",
        "matrix: {\"n\": \"x\"},",
        "matrix: {\"n\": Globb(\"*\")},",
        "matrix: {\"n\": [1, [2]]},",
        "matrix: {\"n\": [1, 2, 1]},",
        "matrix: {\"n\": [1], \"n\": [2]},",
        "matrix: {\"n\": 0..=9000000000},",
        "matrix: {\"n\": 0..5000, \"m\": 0..5000},",
        "matrix: {\"n\": Glob(\"*.pv\")},",
        "matrix: {\"n\": Glob(\"[\")},",
        "matrix: {\"n\": Lines(\"hosts.txt\")},",
        "matrix: {\"n\": [1], \"my-axis\": [1], \"provisor\": [1]},",
        "matrix: {\"n\": [1]}, vars: {\"n\": 2},",
        "matrix: {\"n\": [1]}, exclude: [{\"m\": \"1\"}, {\"n\": \"[\"}, {}],",
        "matrix: {\"n\": [1, 2]}, exclude: [{\"n\": \"*\"}],",
    ]));
}

#[test]
fn templates_and_ids() {
    insta::assert_snapshot!(with_matrix(&[
        "matrix: {\"n\": [1, 2]}, id: \"same\",",
        "matrix: {\"n\": [\"a b\", \"a_b\"]},",
        "matrix: {\"n\": [\"a\", \"..\"]},",
        "matrix: {\"n\": [\"a\"]}, id: \"-{{ n }}\",",
        "matrix: {\"n\": [\"a\"]}, id: \"../{{ n }}\",",
        "matrix: {\"n\": [\"a\"]}, id: \"{{ n }} b\",",
        "matrix: {\"n\": [\"a\"]}, id: \"{{ m }}\",",
        "matrix: {\"number\": [\"a\"]}, id: \"{{ numbr }}\",",
        "matrix: {\"n\": [\"a\"]}, id: \"{{ n.stem }}\",",
        "matrix: {\"n\": [\"a\"]}, id: \"{{ n.vlaue }}\", vars: {\"v\": \"1\"},\n    env: {\"A\": \"{{ v.x }}\"},",
        "matrix: {\"n\": [\"a\"]}, id: \"{{ n | nofilter }}\",",
        "matrix: {\"n\": [\"a\"]}, id: \"{{ n\",",
        "matrix: {\"n\": [\"a\"]}, stdin: Text(\"\n\n  {{ nn }}\"),",
    ]));
}

#[test]
fn rules() {
    insta::assert_snapshot!(with_command(&[
        "rules: [(on: Prefix(\"x\"), verdict: \"mixed\"), (on: Prefix(\"y\"), verdict: \"contradiction\", counts: Bad)],",
        "rules: [(on: Contains(\"x\"))],",
        "rules: [(on: Contains(\"\"), verdict: \"v\")],",
        "rules: [(on: Contains(\"x\"), capture: Group(1))],",
        "rules: [(on: Regex(\"(a\"), verdict: \"v\")],",
        "rules: [(on: Regex(\"(?=a)\"), verdict: \"v\")],",
        "rules: [(on: Regex(\"a\"), capture: Group(1))],",
        "rules: [(on: Regex(\"(a)\"), value: Group(2))],",
        "rules: [(on: Regex(\"(a)\"), verdict: \"v\", capture: Group(1))],",
        "rules: [(on: Regex(\"(a)\"), note: true, counts: Bad)],",
        "rules: [(on: Prefix(\"a\"), verdict: \"\")],",
        "rules: [(on: Prefix(\"a\"), verdict: \"x\\ny\")],",
        "rules: [(on: Regex(\"(a{1000}){1000}\"), verdict: \"v\")],",
    ]));
}

#[test]
fn all_faults_of_meaning_are_told_at_once_in_their_order() {
    insta::assert_snapshot!(table(&[r#"Job(
    name: "many",
    slots: 0,
    limits: (wall: "5", memory: "4"),
    env: {"A": "{{ nobody }}"},
    preset: "isabelle",
    commands: [
        (id: "a b", run: ["a"]),
        (id: "twice", run: ["a"], after: ["["]),
        (id: "twice", run: ["{{ b }}"]),
        (run: ["a"], limits: (total: "1h", wall: "0s")),
    ],
    expect: {"x": "ok"},
)"#]));
}

#[test]
fn files_that_the_spec_names() {
    let folder = Folder::with(&[("empty.txt", "# none\n\n"), ("latin.txt", ""), ("sub/a.pv", "")]);
    std::fs::write(folder.path().join("latin.txt"), b"\xe9\n").unwrap();
    let messages: Vec<String> = [
        "Lines(\"empty.txt\")",
        "Lines(\"latin.txt\")",
        "Lines(\"sub\")",
        "Glob(\"sub/*.txt\")",
        "Glob(\"none/*\")",
    ]
    .iter()
    .map(|axis| folder.refusal(&format!("Job(name: \"x\", matrix: {{\"n\": {axis}}}, command: [\"e\"])")))
    .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_long_argument_is_refused() {
    let job = |length| {
        format!("Job(name: \"x\", commands: [(id: \"a\", run: [\"a\", \"{}\"])])", "x".repeat(length))
    };
    assert!(refusal(&job(131_072)).contains("an argument of `a` has 131072 bytes"));
    plan(&job(131_071));
    let matrix = format!(
        "Job(name: \"x\", matrix: {{\"n\": 1..9}}, command: [\"e\"], env: {{\"A\": \"{{{{ n }}}}{}\"}})",
        "x".repeat(131_071)
    );
    let message = refusal(&matrix);
    assert!(message.contains("an environment variable of `1` has"), "{}", &message[..300]);
    assert_eq!(message.matches("error: ").count(), 1, "said once, not for each query");
}

#[test]
fn colours_are_only_given_when_asked_for() {
    let error = Folder::with(&[]).parse("Job(").unwrap_err();
    assert!(!error.render(false).contains('\u{1b}'));
    assert!(error.render(true).contains('\u{1b}'));
}
