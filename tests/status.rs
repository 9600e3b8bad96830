//! What can be seen of a run from outside: its status, its diagnosis, its progress; and that a loud child costs no memory.

mod common;

use std::fs;
use std::process::Command;
use std::time::Duration;

use common::contained::contained;
use common::processes::peak_kib;
use common::schema::{faults, schema, valid};
use common::{Desk, Ran, Started, can_run, guardian_of, kill, skip_unless, wait_until};
use provisor::actors::rundir::RunDir;
use serde_json::{Value, json};

/// One that is done, one that is at work until the file `go` is there, one that waits for a slot.
const SPEC: &str = r#"Job(name: "seen", slots: 1, commands: [
    (id: "done", run: ["true"]),
    (id: "working", run: ["sh", "-c", "printf 'one\\n\\033[31mtwo \\007three'; touch ready; while ! test -e go; do sleep 0.01; done"]),
    (id: "waiting", run: ["true"]),
])"#;

fn status(desk: &Desk, dir: &str) -> Ran {
    desk.finish(desk.provisor(["status", dir]))
}

fn start<'a>(desk: &'a Desk, args: &[&str]) -> Started<'a> {
    let started = desk.start(SPEC, args);
    desk.await_file("ready");
    started
}

/// Waits until the status says this.
fn await_status(desk: &Desk, words: &str) -> Ran {
    let mut last = None;
    wait_until(&format!("the status says `{words}`"), || {
        let ran = status(desk, "out").with_code(0);
        let so = ran.out.contains(words);
        last = Some(ran);
        so
    });
    last.expect("asked")
}

#[test]
fn status_says_what_runs_and_what_became_of_it() {
    let desk = Desk::new("status");
    let started = start(&desk, &[]);
    let pid = started.pid();
    let ran = await_status(&desk, "1 at work, 1 waiting\n");
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines[0], "seen: 1 of 3 queries done, 1 well (ok 1)");
    assert_eq!(lines[1], format!("running (pid {pid}): 1 at work, 1 waiting"));
    let (time, id) = lines[2].trim().split_once("  ").expect("a time and an id");
    assert!(id == "working  two three" && time.ends_with('s'), "{}", lines[2]);
    assert_eq!((lines.len(), ran.err.as_str()), (3, ""));

    // A run that does not answer is no reason not to.
    started.signal("STOP");
    assert!(status(&desk, "out").with_code(0).out.contains("  working"));
    started.signal("CONT");

    desk.write("go", "");
    started.wait().with_code(0);
    let ran = status(&desk, "out").with_code(0);
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines[0], "seen: 3 of 3 queries done, 3 well (ok 3)");
    let ended = lines[1].strip_prefix("not running; complete, ended ").expect("complete");
    assert!(ended.ends_with("s ago") && lines.len() == 2, "{}", ran.out);
    status(&desk, desk.file("out").to_str().expect("UTF-8")).with_code(0);
}

#[test]
fn what_status_counts_adds_up_however_old_the_state_is() {
    let desk = Desk::new("status-old");
    let started = start(&desk, &[]);
    await_status(&desk, "1 at work, 1 waiting\n");
    // What the run left when it had just begun, as the rows have gone on since then.
    let file = "out/runs/1/status.json";
    let mut state: Value = serde_json::from_str(&desk.read(file)).expect("JSON");
    (state["waiting"], state["running"]) = (json!(3), json!([]));
    desk.write(file, state.to_string());
    let text = status(&desk, "out").with_code(0).out;
    assert!(text.contains(": 1 of 3 queries done") && text.contains(": 0 at work, 2 waiting\n"), "{text}");
    assert_eq!(document(&desk)["counts"]["waiting"], 2);
    desk.write("go", "");
    started.wait().with_code(0);
}

#[test]
fn what_a_run_of_some_leaves_alone_does_not_wait() {
    let desk = Desk::new("status-some");
    let started = start(&desk, &["--only", "working"]);
    let text = await_status(&desk, "1 at work").out;
    assert!(text.contains(": 0 of 3 queries done\n"), "{text}");
    assert!(text.contains(": 1 at work, 0 waiting, 2 not asked for\n"), "{text}");
    desk.write("go", "");
    started.wait().with_code(0);
}

#[test]
fn status_of_a_run_that_was_killed_says_what_is_left() {
    contained(|_| {
        let desk = Desk::new("status-killed");
        let started = start(&desk, &[]);
        await_status(&desk, "1 at work, 1 waiting\n");
        started.signal("KILL");
        started.wait();
        let ran = await_status(&desk, "not running");
        let expected = "seen: 1 of 3 queries done, 1 well (ok 1)\nnot running; it died; 2 queries not done: run it again to go on\n";
        assert_eq!(ran.out, expected);
        let rows = desk.read("out/results.csv");
        status(&desk, "out");
        assert_eq!(desk.read("out/results.csv"), rows, "looking changes nothing");
    });
}

fn document(desk: &Desk) -> Value {
    let ran = desk.finish(desk.provisor(["status", "out", "--json"])).with_code(0);
    assert_eq!(ran.err, "");
    let document = valid("status.schema.json", &ran.out);
    let counts = &document["counts"];
    let count = |name: &str| counts[name].as_u64().expect("a count");
    assert_eq!(count("waiting") + count("running") + count("done"), count("total"), "{document}");
    assert_eq!(count("running"), document["running"].as_array().expect("a list").len() as u64);
    document
}

/// Waits until it is in this state.
fn await_state(desk: &Desk, state: &str) -> Value {
    let mut last = Value::Null;
    wait_until(&format!("the state is {state}"), || {
        last = document(desk);
        last["state"] == state
    });
    last
}

#[test]
fn the_time_that_a_run_was_stopped_is_not_its_queries() {
    let desk = Desk::new("status-stopped");
    let started = start(&desk, &[]);
    await_status(&desk, "1 at work, 1 waiting\n");
    let for_s = || document(&desk)["running"][0]["for_s"].as_f64().expect("a time");
    started.signal("TSTP");
    let stat = format!("/proc/{}/stat", started.pid());
    wait_until("it is stopped", || fs::read_to_string(&stat).expect("it lives").contains(") T "));
    let before = for_s();
    wait_until("a second goes by", || for_s() > before + 1.0);
    let grown = for_s();
    started.signal("CONT");
    wait_until("it tells the time that has passed", || for_s() < grown);
    desk.write("go", "");
    started.wait().with_code(0);
}

#[test]
fn status_as_json_knows_a_run_at_work_from_one_that_ended_or_died() {
    contained(|_| {
        let desk = Desk::new("status-json");
        let started = start(&desk, &[]);
        let pid = started.pid();
        await_status(&desk, "1 at work, 1 waiting\n");
        let running = document(&desk);
        assert_eq!((&running["state"], &running["pid"]), (&json!("running"), &json!(pid)));
        assert_eq!(running["counts"], json!({"total": 3, "waiting": 1, "running": 1, "done": 1, "well": 1}));
        assert_eq!(
            running["classes"],
            json!([{"cause": "exited", "verdict": "ok", "well": true, "queries": 1}])
        );
        assert_eq!(
            (&running["running"][0]["query"], &running["running"][0]["attempt"]),
            (&json!("working"), &json!(1))
        );
        assert_eq!(running["running"][0]["last_line"], "two three");
        assert!(running["run"]["ended_at"].is_null() && running["run"]["number"] == 1);

        // What it left may be old: the time goes on all the same.
        started.signal("STOP");
        let for_s = || document(&desk)["running"][0]["for_s"].as_f64().expect("a time");
        let before = for_s();
        wait_until("the time goes on", || for_s() > before);
        started.signal("CONT");
        started.signal("KILL");
        started.wait();
        let died = await_state(&desk, "died");
        assert_eq!(
            (&died["pid"], &died["running"], &died["run"]["ended_at"]),
            (&Value::Null, &json!([]), &Value::Null)
        );

        desk.write("go", "");
        desk.run(SPEC, &[]).with_code(0);
        let complete = document(&desk);
        assert_eq!((&complete["state"], &complete["counts"]["done"]), (&json!("complete"), &json!(3)));
        assert!(complete["run"]["ended_at"].is_string() && complete["run"]["complete"] == true);
        let lock = RunDir::open(desk.file("out"), Duration::ZERO).expect("free");
        let starting = document(&desk);
        assert_eq!((&starting["state"], &starting["pid"]), (&json!("starting"), &json!(std::process::id())));
        drop(lock);

        let schema = schema("status.schema.json");
        for (path, value) in [
            ("/state", json!("asleep")),
            ("/counts", json!({})),
            ("/running/0/for_s", json!("1 s")),
            ("/running/0/last_line", json!(1)),
        ] {
            let mut broken = running.clone();
            *broken.pointer_mut(path).expect("there") = value;
            assert!(!faults(&schema, &broken).is_empty(), "{path}");
        }
    });
}

#[test]
fn status_says_why_a_run_ended_before_its_end() {
    contained(|_| {
        let desk = Desk::new("status-ends");
        let started = start(&desk, &[]);
        started.signal("INT");
        started.wait().with_code(3);
        let interrupted = document(&desk);
        assert_eq!(
            (&interrupted["state"], &interrupted["stopped"]),
            (&json!("interrupted"), &json!("cancelled"))
        );
        let text = status(&desk, "out").out;
        assert!(
            text.contains("not running; interrupted ") && text.contains("; 2 queries not done"),
            "{text}"
        );

        desk.run(SPEC, &["--deadline", "100ms"]).with_code(3);
        assert_eq!(document(&desk)["stopped"], "deadline");
        assert!(status(&desk, "out").out.contains("not running; its time was over "));

        desk.run(SPEC, &["--only", "done", "--fresh"]).with_code(0);
        let some = document(&desk);
        assert_eq!((&some["state"], &some["failure"]), (&json!("partial"), &Value::Null), "{some}");
        assert!(status(&desk, "out").out.contains("of some only"));

        fs::remove_file(desk.file("ready")).expect("there");
        let started = start(&desk, &[]);
        kill(guardian_of(started.pid()));
        started.wait().with_code(70);
        let failed = document(&desk);
        assert_eq!(failed["state"], "failed");
        assert!(failed["failure"].as_str().expect("a sentence").contains("guardian"), "{failed}");
    });
}

#[test]
fn status_where_nothing_was_run_is_a_sentence() {
    let desk = Desk::new("status-nothing");
    fs::create_dir(desk.file("empty")).expect("made");
    desk.write("file", "");
    for dir in ["empty", "gone", "file"] {
        let ran = status(&desk, dir).with_code(2).says(dir).says("nothing has been run");
        assert_eq!((ran.out.as_str(), ran.err.lines().count()), ("", 1), "{}", ran.err);
    }
    assert_eq!(fs::read_dir(desk.file("empty")).expect("there").count(), 0, "nor is anything made");
    desk.finish(desk.provisor(["status"])).with_code(2);
    // What cannot be entered is not empty.
    std::os::unix::fs::symlink("closed", desk.file("closed")).expect("linked");
    for command in ["status", "results"] {
        let ran = desk.finish(desk.provisor([command, "closed"])).with_code(2);
        assert!(ran.err.starts_with("error: cannot look into closed: Too many levels of"), "{}", ran.err);
    }
}

const TALKING: &str = r#"Job(name: "talk", slots: 1, rules: [(on: Contains("stop"), verdict: "stopped", stop: true)], commands: [
    (id: "talk/first", run: ["sh", "-c", "echo please stop; exec sleep 60"]),
    (id: "talk/second", run: ["echo", "stop"]),
])"#;

#[test]
fn the_diagnosis_goes_to_stderr_as_far_as_it_was_asked_for() {
    let desk = Desk::new("diagnosis");
    let silent = desk.run(TALKING, &["--fresh"]).with_code(0);
    assert!(!silent.err.contains("query{") && !silent.err.contains("INFO"), "{}", silent.err);
    let told = desk.run(TALKING, &["--fresh", "-v"]).with_code(0);
    let of = |err: &str, words: &str| {
        err.lines().any(|line| line.contains("talk/first") && line.contains(words) && line.contains("query{"))
    };
    assert!(of(&told.err, "stopping") && of(&told.err, "finished"), "{}", told.err);
    assert!(!told.err.contains("DEBUG"), "{}", told.err);
    let more = desk.run(TALKING, &["--fresh", "-vv"]).with_code(0);
    assert!(of(&more.err, "DEBUG") && of(&more.err, "started"), "{}", more.err);
    let mut command = desk.provisor(["run", "spec.ron", "-o", "out", "--fresh"]);
    command.env("RUST_LOG", "debug");
    let by_variable = desk.finish(command).with_code(0);
    assert!(of(&by_variable.err, "DEBUG"), "{}", by_variable.err);
    for ran in [&silent, &told, &more, &by_variable] {
        assert!(
            !ran.out.contains("INFO") && !ran.out.contains("DEBUG") && !ran.out.contains("query{"),
            "{}",
            ran.out
        );
    }
}

#[test]
fn the_diagnosis_in_a_file_is_json_with_the_querys_id() {
    let desk = Desk::new("log-file");
    let ran = desk.run(TALKING, &["--log-file", "diagnosis.jsonl"]).with_code(0);
    let events: Vec<Value> =
        desk.read("diagnosis.jsonl").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for id in ["talk/first", "talk/second"] {
        let mine = events.iter().filter(|event| event["span"]["id"] == id || event["spans"][0]["id"] == id);
        let messages: Vec<_> =
            mine.map(|event| event["fields"]["message"].as_str().unwrap_or_default()).collect();
        assert!(messages.contains(&"started") && messages.contains(&"finished"), "{id}: {messages:?}");
    }
    assert!(!ran.out.contains("\"fields\"") && !ran.err.contains("\"fields\""), "{}{}", ran.out, ran.err);
    // A second run writes after the first one.
    desk.run(TALKING, &["--log-file", "diagnosis.jsonl", "--fresh"]).with_code(0);
    assert!(desk.read("diagnosis.jsonl").lines().count() > events.len());
    desk.run(TALKING, &["--log-file", "no/such/folder/x"]).says("log file");
}

#[test]
fn progress_is_shown_as_it_was_asked_for() {
    let desk = Desk::new("progress");
    let with = |args: &[&str]| desk.run(TALKING, &[&["--fresh"], args].concat()).with_code(0);
    let line =
        |ran: &Ran| ran.err.lines().any(|line| line.starts_with("2/2 ") && line.contains("talk/second"));
    assert!(
        line(&with(&[])) && line(&with(&["--progress", "plain"])) && line(&with(&["--progress", "auto"]))
    );
    let none = with(&["--progress", "none"]);
    assert!(!line(&none) && !none.err.contains("talk"), "{}", none.err);
    let quiet = with(&["-q"]);
    assert_eq!(quiet.err, "");
    for ran in [none, quiet] {
        assert!(
            ran.out.contains("talk/second") && ran.out.contains("2 queries: 2 well (stopped 2)\n"),
            "{}",
            ran.out
        );
    }
    desk.run(TALKING, &["--progress", "loud"]).with_code(2).says("loud");
    // What is wrong is said even then.
    let failed = desk.run("Job(name: \"talk\", commands: [])", &["-q"]).with_code(2);
    assert!(failed.err.starts_with("error: "), "{}", failed.err);
}

#[test]
fn a_loud_child_costs_no_memory_and_loses_no_byte() {
    const LOUD: u64 = 200 << 20;
    let desk = Desk::new("loud");
    let spec = format!(
        r#"Job(name: "loud", slots: 2, rules: [(on: Contains("needle"), verdict: "found")], commands: [
            (id: "lines", run: ["sh", "-c", "yes some line of output | head -c {LOUD}; {wait}; echo; echo needle"]),
            (id: "zeros", run: ["sh", "-c", "head -c {half} /dev/zero; {wait}; echo; echo needle"]),
        ])"#,
        half = LOUD / 2,
        wait = "while ! test -e go; do sleep 0.01; done",
    );
    let started = desk.start(&spec, &[]);
    let length = |name: &str| {
        let logs = fs::read_dir(desk.file("out/logs")).into_iter().flatten().flatten();
        let mut mine = logs.filter(|log| log.file_name().to_string_lossy().starts_with(name));
        mine.next().map_or(0, |log| log.metadata().expect("there").len())
    };
    wait_until("all is in the logs", || length("lines") == LOUD && length("zeros") == LOUD / 2);
    let peak = peak_kib(started.pid()).expect("it runs");
    desk.write("go", "");
    started.wait().with_code(0);
    assert!(peak < 64 << 10, "{peak} KiB");
    let end = "\nneedle\n".len() as u64;
    assert_eq!((length("lines"), length("zeros")), (LOUD + end, LOUD / 2 + end));
    let log = desk.file(&format!("out/{}", desk.column("log")["lines"]));
    let check = format!("yes some line of output | head -c {LOUD} | cmp -n {LOUD} - \"$1\"");
    if !skip_unless(can_run("cmp", "--version"), "no cmp") {
        let status = Command::new("sh").args(["-c", &check, "sh"]).arg(log).status();
        assert!(status.expect("sh runs").success(), "every byte in its place");
    }
}

#[test]
fn the_bytes_of_a_child_are_kept_whatever_they_are() {
    let desk = Desk::new("bytes");
    let spec = r#"Job(name: "bytes", rules: [(on: Regex("^RESULT (.*)$"), verdict: "seen", value: Group(1))], commands: [
        (id: "long", run: ["sh", "-c", "head -c 10000000 /dev/zero | tr '\\0' x; echo; echo RESULT long"]),
        (id: "endless", run: ["sh", "-c", "echo RESULT first; head -c 10000000 /dev/zero | tr '\\0' y"]),
        (id: "binary", run: ["printf", "a\\000b\\377\\376\\r\\nRESULT \\351\\001x\\000y"]),
    ])"#;
    desk.run(spec, &[]).with_code(0);
    let logs = desk.column("log");
    let log = |id: &str| fs::read(desk.file(&format!("out/{}", logs[id]))).expect("a log");
    assert!(log("long") == [&[b'x'; 10_000_000][..], b"\nRESULT long\n"].concat());
    assert!(log("endless") == [b"RESULT first\n", &[b'y'; 10_000_000][..]].concat());
    assert_eq!(log("binary"), b"a\0b\xff\xfe\r\nRESULT \xe9\x01x\0y");
    let values = desk.column("value");
    assert_eq!((values["long"].as_str(), values["endless"].as_str()), ("long", "first"));
    let table = desk.read("out/results.csv");
    assert!(!table.contains(['\0', '\x01']), "what stands in the table is clean");
    assert!(values["binary"].ends_with("xy") || values["binary"].ends_with('y'), "{:?}", values["binary"]);
}
