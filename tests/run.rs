//! `provisor run` as a user meets it: what is run, what is written, and what it exits with.

mod common;

use common::Desk;
use provisor::core::containment::Level;

#[test]
fn a_list_of_commands_becomes_a_table() {
    let desk = Desk::new("list");
    let ran = desk.run(
        r#"Job(name: "list", slots: 2, commands: [
            (id: "hello", run: ["echo", "hello"]),
            (id: "loud", run: ["sh", "-c", "echo out; echo err >&2; exit 3"]),
            (id: "signal", run: ["sh", "-c", "kill -SEGV $$"]),
        ])"#,
        &[],
    );
    ran.with_code(1);
    let header = desk.read("out/results.csv").lines().next().expect("a header").to_owned();
    assert_eq!(
        header,
        "query,cause,verdict,results,exit_code,signal,wall_s,cpu_s,max_rss_kib,started_at,attempt,line,log,expected,containment,leftovers,value"
    );
    let rows = desk.results();
    let of = |id: &str, column: &str| rows[id][column].clone();
    assert_eq!(
        (of("hello", "cause"), of("hello", "verdict"), of("hello", "exit_code")),
        ("exited".into(), "ok".into(), "0".into())
    );
    assert_eq!((of("loud", "verdict"), of("loud", "exit_code")), ("failed".into(), "3".into()));
    assert_eq!((of("signal", "verdict"), of("signal", "signal")), ("failed".into(), "SIGSEGV".into()));
    assert_eq!(of("hello", "attempt"), "1");
    let record: serde_json::Value = serde_json::from_str(&desk.read("out/runs/1/run.json")).expect("JSON");
    assert_eq!(Some(&*of("hello", "containment")), record["containment"].as_str());
    assert!(of("hello", "max_rss_kib").parse::<u64>().expect("a number") > 0);
    assert_eq!(desk.read(&format!("out/{}", of("hello", "log"))), "hello\n");
    let loud = desk.read(&format!("out/{}", of("loud", "log")));
    assert!(loud == "out\nerr\n" || loud == "err\nout\n", "two pipes have no common order: {loud:?}");
}

#[test]
fn what_cannot_start_says_why_and_the_rest_goes_on() {
    let desk = Desk::new("not-started");
    desk.write("plain.txt", "no program");
    let ran = desk.run(
        r#"Job(name: "bad", commands: [
            (id: "missing", run: ["no-such-program-anywhere"]),
            (id: "gone", run: ["./gone"]),
            (id: "plain", run: ["./plain.txt"]),
            (id: "nowhere", run: ["true"], cwd: "not/there"),
            (id: "fine", run: ["true"]),
        ])"#,
        &[],
    );
    ran.with_code(1);
    let (causes, lines) = (desk.column("cause"), desk.column("line"));
    for id in ["missing", "gone", "plain", "nowhere"] {
        assert_eq!(causes[id], "not-started", "{id}");
    }
    assert_eq!(causes["fine"], "exited");
    assert!(
        lines["missing"].contains("no-such-program-anywhere") && lines["missing"].contains("PATH"),
        "{lines:?}"
    );
    assert!(lines["gone"].contains("gone") && lines["gone"].contains("does not exist"), "{lines:?}");
    assert!(lines["plain"].contains("not executable"), "{lines:?}");
    assert!(lines["nowhere"].contains("not/there") && lines["nowhere"].contains("directory"), "{lines:?}");
}

#[test]
fn every_query_ends_well_or_the_exit_code_says_so() {
    let desk = Desk::new("codes");
    desk.run(r#"Job(name: "j", commands: [(id: "a", run: ["true"])])"#, &["--fresh"]).with_code(0);
    desk.run(r#"Job(name: "j", commands: [(id: "a", run: ["false"])])"#, &["--fresh"]).with_code(1);
    let failed = r#"Job(name: "j", commands: [(id: "a", run: ["false"], expect: "failed")])"#;
    desk.run(failed, &["--fresh"]).with_code(0);
    let unexpected = r#"Job(name: "j", commands: [(id: "a", run: ["true"], expect: "failed")])"#;
    desk.run(unexpected, &["--fresh"]).with_code(1).says("expected failed");
    desk.run(r#"Job(name: "j", commands: ["#, &[]).with_code(2).says("spec.ron:1:");
    desk.finish(desk.provisor(["run"])).with_code(2);
    desk.finish(desk.provisor(["run", "nowhere.ron"])).with_code(2).says("nowhere.ron");
}

#[test]
fn limits_end_a_query_and_what_it_said_before_counts() {
    let desk = Desk::new("limits");
    let ran = desk.run(
        r#"Job(name: "limits", slots: 4, limits: (wall: "20s", grace: "200ms"),
            rules: [(on: Prefix("answer "), verdict: "seen")],
            commands: [
            (id: "wall", run: ["sh", "-c", "echo answer 1; echo answer 2; exec sleep 30"], limits: (wall: "300ms")),
            (id: "silent", run: ["sh", "-c", "echo answer 1; exec sleep 30"], limits: (silence: "300ms")),
            (id: "stubborn", run: ["sh", "-c", "trap '' TERM; echo answer; while :; do sleep 1; done"], limits: (wall: "300ms")),
            (id: "patient", run: ["sh", "-c", "for n in 1 2 3 4 5; do echo answer $n; sleep 0.1; done"], limits: (silence: "10s")),
        ])"#,
        &[],
    );
    ran.with_code(1);
    let causes = desk.column("cause");
    assert_eq!((causes["wall"].as_str(), causes["silent"].as_str()), ("wall-limit", "silent"));
    assert_eq!((causes["stubborn"].as_str(), causes["patient"].as_str()), ("wall-limit", "exited"));
    let signals = desk.column("signal");
    assert_eq!((signals["wall"].as_str(), signals["stubborn"].as_str()), ("SIGTERM", "SIGKILL"));
    assert_eq!(desk.verdicts("wall").len(), 2, "a timeout after two answers is two answers");
    assert_eq!(desk.column("results")["wall"], "2");
}

#[test]
fn the_total_ends_the_job_and_the_rest_can_be_taken_up() {
    let desk = Desk::new("total");
    let spec = r#"Job(name: "total", slots: 1, limits: (total: "400ms", grace: "100ms"), commands: [
        (id: "a", run: ["true"]), (id: "b", run: ["sleep", "30"]), (id: "c", run: ["true"])])"#;
    desk.run(spec, &[]).with_code(3).says("deadline");
    assert_eq!(desk.column("cause")["b"], "deadline");
    assert!(!desk.results().contains_key("c"), "what never ran has no row");
    let again = spec.replace("sleep\", \"30", "sleep\", \"0").replace("400ms", "40s");
    desk.run(&again, &[]).with_code(0).says("1 reused");
    assert_eq!(desk.results().len(), 3);
}

#[test]
fn a_rule_stops_a_query_and_fills_the_columns() {
    let desk = Desk::new("rules");
    let ran = desk.run(
        r#"Job(name: "rules", rules: [
            (on: Regex("^found (\\w+) at (\\d+)$"), capture: Group(1), value: Group(2), stop: true),
            (on: Contains("hopeless"), verdict: "hopeless", counts: Bad, stream: Stderr, stop: Kill),
        ], commands: [
            (id: "found", run: ["sh", "-c", "echo found treasure at 42; exec sleep 30"]),
            (id: "bad", run: ["sh", "-c", "echo quite hopeless >&2; exec sleep 30"]),
        ])"#,
        &[],
    );
    ran.with_code(1);
    let rows = desk.results();
    let of = |id: &str, column: &str| rows[id][column].clone();
    assert_eq!(
        (of("found", "cause"), of("found", "verdict"), of("found", "value")),
        ("concluded".into(), "treasure".into(), "42".into())
    );
    assert_eq!(of("found", "line"), "found treasure at 42");
    assert_eq!((of("bad", "verdict"), of("bad", "signal")), ("hopeless".into(), "SIGKILL".into()));
}

#[test]
fn a_child_gets_the_surroundings_that_the_spec_names() {
    let desk = Desk::new("surroundings");
    desk.write("goal.txt", "from a file\n");
    desk.write("sub/keep", "");
    let ran = {
        desk.write(
            "spec.ron",
            r#"Job(name: "around", env: {"GREETING": "hello"}, commands: [
                (id: "text", run: ["cat"], stdin: Text("from the spec\n")),
                (id: "file", run: ["cat"], stdin: File("goal.txt")),
                (id: "null", run: ["cat"]),
                (id: "env", run: ["env"]),
                (id: "cwd", run: ["pwd"], cwd: "sub"),
            ])"#,
        );
        let mut command = desk.provisor(["run", "spec.ron", "-o", "out"]);
        command.env("SECRET", "do not pass on");
        desk.finish(command)
    };
    ran.with_code(0);
    let logs = desk.column("log");
    let log = |id: &str| desk.read(&format!("out/{}", logs[id]));
    assert_eq!(
        (log("text"), log("file"), log("null")),
        ("from the spec\n".into(), "from a file\n".into(), String::new())
    );
    assert!(log("cwd").trim_end().ends_with("/sub"));
    let environment = log("env");
    assert!(environment.contains("GREETING=hello\n") && environment.contains("PATH="), "{environment}");
    assert!(!environment.contains("SECRET"), "{environment}");
}

#[test]
fn a_failing_query_is_tried_again_as_often_as_the_spec_says() {
    let desk = Desk::new("retry");
    let ran = desk.run(
        r#"Job(name: "retry", retry: (times: 3, on: [ExitCode(75)], backoff: "10ms"), commands: [
            (id: "third", run: ["sh", "-c", "echo x >> tries; test $(wc -l < tries) -ge 3 || exit 75"]),
            (id: "never", run: ["sh", "-c", "echo x >> never; exit 1"]),
        ])"#,
        &[],
    );
    ran.with_code(1);
    assert_eq!(desk.column("attempt")["third"], "3");
    assert_eq!(desk.column("verdict")["third"], "ok");
    assert_eq!(desk.read("never").lines().count(), 1, "another exit code is no reason");
}

#[test]
fn the_provenance_of_a_run_is_kept() {
    let desk = Desk::new("provenance");
    let spec = r#"Job(name: "kept", /* as it was written */ commands: [(id: "a", run: ["true"])])"#;
    desk.run(spec, &[]).with_code(0);
    assert_eq!(desk.read("out/runs/1/spec.ron"), spec);
    let record: serde_json::Value = serde_json::from_str(&desk.read("out/runs/1/run.json")).expect("JSON");
    assert_eq!((record["job"].as_str(), record["complete"].as_bool()), (Some("kept"), Some(true)));
    assert_eq!(record["containment_asked"].as_str(), Some("auto"));
    let level = record["containment"].as_str().expect("a word");
    let level = Level::ALL.into_iter().find(|one| one.word() == level).expect("a level");
    assert_eq!(record["guarantees"].as_str(), Some(level.promise()));
    assert_eq!(record["not_guaranteed"].as_str(), Some(level.exception()));
    assert!(record["weaker_because"].is_array());
    assert!(record["tools"]["true"]["blake3"].as_str().is_some_and(|hash| hash.len() == 64));
    assert!(record["ended_at"].is_string());
}

#[test]
fn results_go_to_stdout_and_progress_to_stderr() {
    let desk = Desk::new("streams");
    let spec = r#"Job(name: "streams", commands: [(id: "only-one", run: ["true"])])"#;
    let ran = desk.run(spec, &[]).with_code(0);
    assert!(ran.out.contains("only-one") && ran.out.contains("1 query: 1 well (ok 1)"), "{}", ran.out);
    assert!(ran.err.contains("1/1"), "{}", ran.err);
    assert!(!ran.out.contains('\x1b') && !ran.err.contains('\x1b'), "no colours but on a terminal");
    let quiet = desk.run(spec, &["--fresh", "-q"]).with_code(0);
    assert_eq!(quiet.err, "");
}

#[test]
fn what_children_print_cannot_reach_the_terminal_or_a_spreadsheet() {
    let desk = Desk::new("hostile");
    let ran = desk.run(
        r#"Job(name: "hostile", rules: [(on: Contains("evil"), verdict: "seen")], commands: [
            (id: "esc", run: ["printf", "\\033]0;owned\\007\\033[31mevil\\033[0m\\n"]),
            (id: "formula", run: ["printf", "=cmd|evil\\n"]),
        ])"#,
        &[],
    );
    let ran = ran.with_code(0);
    assert!(!ran.out.contains('\x1b') && !ran.err.contains('\x1b'));
    let lines = desk.column("line");
    assert_eq!(lines["esc"], "evil");
    assert_eq!(lines["formula"], "'=cmd|evil");
}
