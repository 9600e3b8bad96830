//! Recorded runs put through the machine again: what comes out is what the run said, however it ended.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::contained::contained;
use common::{Desk, wait_until};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/data")
}

/// Every log that is recorded in the project, by its name.
fn recorded() -> Vec<String> {
    let logs = fs::read_dir(data()).expect("the recorded logs").flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().expect("UTF-8");
        name.strip_suffix(".log").map(str::to_owned)
    });
    let mut logs: Vec<_> = logs.collect();
    logs.sort();
    assert!(logs.len() >= 13, "{logs:?}");
    logs
}

/// What becomes of a log that is played: its ways to end, by settings and by arguments of the player.
const FATES: [(&str, &str, &str); 7] = [
    ("to-its-end", "", r#""--stretch", "0.01""#),
    ("over-time", r#"limits: (wall: "60ms"),"#, r#""--stretch", "1""#),
    ("too-quiet", r#"limits: (silence: "40ms"),"#, r#""--stretch", "0.2""#),
    ("stubborn", r#"limits: (wall: "60ms", grace: "60ms"),"#, r#""--ignore-term", "--stretch", "1""#),
    ("stopped", r#"rules: [(on: Regex("^RESULT"), verdict: "seen", stop: true)],"#, r#""--linger", "2""#),
    ("shot", r#"rules: [(on: Regex("^--"), verdict: "begun", stop: Kill)],"#, r#""--linger", "2""#),
    ("by-exit-code", r#"preset: "exit-code","#, r#""--stretch", "0""#),
];

fn job() -> String {
    let mut commands = String::new();
    for log in recorded() {
        let path = data().join(format!("{log}.log"));
        for (fate, settings, options) in FATES {
            commands.push_str(&format!(
                r#"(id: "{fate}/{log}", {settings} run: ["{{{{ provisor }}}}", "play-log", "--log", "{}", {options}]),
"#,
                path.display()
            ));
        }
    }
    // A grandchild that holds the pipe, one that outlives the leader, and both streams by turns.
    commands.push_str(
        r#"(id: "held", run: ["sh", "-c", "sleep 1 & echo RESULT not a is true."]),
           (id: "outlived", run: ["sh", "-c", "setsid sleep 60 >/dev/null 2>&1 & echo RESULT not b is false."]),
           (id: "both", run: ["sh", "-c", "for i in 1 2 3; do echo $i; echo e$i >&2; done; echo RESULT not c is true."]),
           (id: "torn-line", run: ["printf", "RESULT not d is true."]),
           (id: "by-signal", run: ["sh", "-c", "echo RESULT not e is true.; kill -9 $$"]),
           (id: "nobody", run: ["./nobody"]),
           (id: "again", retry: (times: 1, on: [Failure]), run: ["sh", "-c", "echo RESULT not f is false.; exit 3"]),
        "#,
    );
    format!(r#"Job(name: "replayed", slots: 4, preset: "proverif", record: true, commands: [{commands}])"#)
}

#[test]
fn a_replay_gives_what_the_run_gave_for_every_recorded_log_and_every_way_to_end() {
    let desk = Desk::new("replay");
    desk.run(&job(), &["-q"]).with_code(1);
    let ran = desk.finish(desk.provisor(["replay", "out"])).with_code(0);
    let rows = desk.results();
    let shown: Vec<_> = ran.out.lines().filter(|line| line.starts_with("= ")).collect();
    assert_eq!(shown.len(), rows.len() - 1, "{}\n{}", ran.out, ran.err);
    assert!(ran.err.contains("nobody: it never ran"), "{}", ran.err);
    for (id, row) in rows.iter().filter(|(id, _)| *id != "nobody") {
        let line = shown.iter().find(|line| line.split_whitespace().any(|word| word == id));
        let line = line.unwrap_or_else(|| panic!("{id} is not in:\n{}", ran.out));
        let verdict = if row["verdict"].is_empty() { "-" } else { &row["verdict"] };
        assert!(line.contains(&format!("  {verdict} ")), "{line}: {row:?}");
    }
    // All the ways to end did happen.
    for cause in ["exited", "wall-limit", "silent", "concluded", "not-started"] {
        assert!(rows.values().any(|row| row["cause"] == cause), "nothing ended by {cause}");
    }
}

/// What is ended because somebody wants it so, one query at once and one after its grace, and what a grandchild says when
/// its parent has left.
const UNTIL_ENDED: &str = r#"Job(name: "ended", slots: 3, preset: "proverif", record: true, limits: (grace: "200ms"), commands: [
    (id: "quick", run: ["sh", "-c", "echo RESULT not a is true.; touch quick; exec sleep 60"]),
    (id: "deaf", run: ["sh", "-c", "trap '' TERM; echo RESULT not b is false. >&2; touch deaf; while :; do sleep 0.02; done"]),
    (id: "late", run: ["sh", "-c", "(sleep 0.05; echo RESULT not c is true.) & echo early"]),
])"#;

#[track_caller]
fn assert_replayed(desk: &Desk, causes: [&str; 3]) {
    let ended: Vec<_> = desk.column("cause").into_values().collect();
    assert_eq!(ended, causes);
    assert_eq!(desk.column("verdict")["late"], "true", "it was heard after the exit");
    let ran = desk.finish(desk.provisor(["replay", "out"])).with_code(0);
    assert_eq!(ran.out.lines().filter(|line| line.starts_with("= ")).count(), 3, "{}\n{}", ran.out, ran.err);
}

#[test]
fn what_was_interrupted_or_met_the_deadline_is_replayed_as_it_ended() {
    let desk = Desk::new("replay-ended");
    let run = desk.start(UNTIL_ENDED, &["-q"]);
    desk.await_file("quick");
    desk.await_file("deaf");
    wait_until("the third row is there", || {
        fs::read_to_string(desk.file("out/results.csv")).is_ok_and(|text| text.contains("late,"))
    });
    run.signal("INT");
    run.wait().with_code(3);
    assert_replayed(&desk, ["cancelled", "exited", "cancelled"]);
    desk.run(UNTIL_ENDED, &["-q", "--fresh", "--deadline", "2s"]).with_code(3);
    assert_replayed(&desk, ["deadline", "exited", "deadline"]);
}

/// A run of one query that says this.
fn one(desk: &Desk, settings: &str, script: &str) -> String {
    let script = script.replace('"', "\\\"");
    let spec = format!(
        r#"Job(name: "one", preset: "proverif", record: true, {settings}
               commands: [(id: "q", run: ["sh", "-c", "{script}"])])"#
    );
    desk.run(&spec, &["-q"]);
    let log = desk.results()["q"]["log"].clone();
    format!("out/{log}")
}

#[test]
fn a_single_log_is_shown_step_by_step() {
    let desk = Desk::new("replay-steps");
    let log = one(&desk, r#"limits: (wall: "300ms"),"#, "echo RESULT not a is true.; sleep 60");
    let by_run = desk.finish(desk.provisor(["replay", "out"])).with_code(0);
    let by_log = desk.finish(desk.provisor(["replay", &log])).with_code(0);
    assert_eq!(by_run.out, by_log.out, "a log in a run directory is that of its row");
    let steps: Vec<_> = by_run.out.lines().map(|line| line.trim_start_matches([' ', '.', '0'])).collect();
    let steps: Vec<_> =
        steps.iter().map(|step| step.split_once("  ").map_or(*step, |(_, what)| what)).collect();
    assert_eq!(
        steps,
        [
            "q",
            "started",
            "true: not a",
            "wall-limit: SIGTERM",
            "left by SIGTERM",
            "what is left of its tree is ended",
            "over",
            "true (wall-limit) after 0.3s, as in the run",
        ]
    );
}

#[test]
fn what_would_have_been_under_other_limits_and_rules() {
    let desk = Desk::new("replay-what-if");
    let chain = data().join("chain-secret.log");
    let chain = chain.to_str().expect("UTF-8");
    let said = |args: &[&str]| {
        let ran = desk.finish(desk.provisor(["replay", chain].into_iter().chain(args.iter().copied())));
        ran.with_code(0).out
    };
    assert!(said(&[]).contains("\nfalse (exited) after 22."), "{}", said(&[]));
    assert!(said(&["--wall", "1s"]).contains("\n- (wall-limit) after 1.0s"), "{}", said(&["--wall", "1s"]));
    let stopped = said(&["--early-stop", "on-goal-reachable"]);
    assert!(stopped.contains("\nreachable (concluded) after 0.0s"), "{stopped}");
    assert!(said(&["--preset", "exit-code"]).contains("\nok (exited)"));

    one(&desk, "", "echo RESULT not a is true.");
    let ran = desk.finish(desk.provisor(["replay", "out", "--preset", "exit-code"])).with_code(0);
    assert!(ran.out.contains("ok (exited)") && ran.out.contains("in the run: true, exited"), "{}", ran.out);
    desk.finish(desk.provisor(["replay", "out", "--preset", "exit-code", "--early-stop", "off"]))
        .with_code(2)
        .says("--early-stop: q is not read by the preset proverif");
    desk.finish(desk.provisor(["replay", "out", "--wall", "soon"])).with_code(2).says("--wall: ");
    desk.finish(desk.provisor(["replay", "out", "--preset", "proverfi"])).with_code(2).says("proverif");
    desk.finish(desk.provisor(["replay", "out", "--only", "x"])).with_code(2).says("--only: nothing matches");
}

#[test]
fn a_run_that_says_something_else_is_noticed() {
    let desk = Desk::new("replay-differs");
    let log = one(&desk, "", "echo RESULT not a is true.");
    assert_eq!(desk.read(&log), "RESULT not a is true.\n");
    desk.write(&log, "RESULT no a is false.\n");
    let ran = desk.finish(desk.provisor(["replay", "out"])).with_code(1);
    assert!(
        ran.out.contains("false (exited)") && ran.out.contains("in the run: true, exited"),
        "{}",
        ran.out
    );
}

#[test]
fn what_is_no_recording_is_refused_with_its_path() {
    let desk = Desk::new("replay-refused");
    let refused = |what: &str, words: &str| {
        desk.finish(desk.provisor(["replay", what])).with_code(2).says(what).says(words);
    };
    refused("nothing.log", "cannot be read");
    desk.write("bare.log", "RESULT not a is true.\n");
    refused("bare.log", "record the run with --record");
    desk.write("foreign.log", "x\n");
    desk.write("foreign.timing", "Hello\n");
    desk.finish(desk.provisor(["replay", "foreign.log"]))
        .with_code(2)
        .says("foreign.timing is not the timing");
    desk.write("short.log", "x\n");
    desk.write("short.timing", "# provisor-timing 1\n5 o 100\n9 exit 0\n");
    refused("short.log", "speaks of 100 bytes");
    fs::create_dir(desk.file("empty")).expect("a folder");
    desk.finish(desk.provisor(["replay", "empty"])).with_code(2).says("no recorded log");
    // What was torn off by a crash is no error: the attempt was lost.
    desk.write("torn.log", "RESULT not a is true.\nmore");
    desk.write("torn.timing", "# provisor-timing 1\n5 o 22\n9 o");
    let ran = desk.finish(desk.provisor(["replay", "torn.log"])).with_code(0);
    assert!(ran.out.contains("true (lost)"), "{}", ran.out);
}

#[test]
fn at_real_speed_the_output_is_shown_as_it_came() {
    let desk = Desk::new("replay-real");
    let log = one(&desk, "", "echo one; echo two >&2; sleep 0.2; printf 'RESULT not a is true.'");
    let ran = desk.finish(desk.provisor(["replay", &log, "--speed", "real"])).with_code(0);
    assert!(ran.out.starts_with("one\nRESULT not a is true."), "the bytes of standard output: {}", ran.out);
    assert!(ran.err.contains("two\n"), "and those of standard error: {}", ran.err);
    let step = |words: &str| ran.err.find(words).unwrap_or_else(|| panic!("no `{words}` in {}", ran.err));
    assert!(step("started") < step("true: not a") && step("true: not a") < step("over"), "{}", ran.err);
    assert!(ran.out.ends_with("true (exited) after 0.2s, as in the run\n"), "{}", ran.out);
}

#[test]
fn a_log_of_a_run_is_that_run_s_however_it_is_named() {
    let desk = Desk::new("replay-names");
    desk.run(
        r#"Job(name: "one", record: true, commands: [(id: "q", run: ["sh", "-c", "echo fine; exit 3"])])"#,
        &["-q"],
    );
    let log = desk.results()["q"]["log"].clone();
    let name = Path::new(&log).file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    for (folder, named) in
        [("out", &*log), ("out/logs", &name), ("out", "logs"), ("out/logs", "."), ("out", ".")]
    {
        let mut command = desk.provisor(["replay", named]);
        command.current_dir(desk.file(folder));
        let ran = desk.finish(command).with_code(0);
        assert!(
            ran.out.ends_with("failed (exit code 3) after 0.0s, as in the run\n"),
            "{folder} {named}: {}",
            ran.out
        );
    }
}

#[test]
fn a_timing_that_was_left_by_another_attempt_is_not_believed() {
    let desk = Desk::new("replay-stale");
    let spec = r#"Job(name: "one", preset: "proverif",
        commands: [(id: "q", run: ["sh", "-c", "echo RESULT not a is true.; exit 3"])])"#;
    let stale = "# provisor-timing 1\n5 o 22\n9 exit 0\n";
    // Left where one would come: its number is not given again.
    desk.run(spec, &["-q"]);
    let log = format!("out/{}", desk.results()["q"]["log"].replace(".1.log", ".2.log"));
    let timing = log.replace(".log", ".timing");
    desk.write(&log, "RESULT not a is true.\n");
    desk.write(&timing, stale);
    desk.run(spec, &["-q", "--fresh"]);
    assert_eq!((desk.read(&log).as_str(), desk.read(&timing).as_str()), ("RESULT not a is true.\n", stale));
    let log = format!("out/{}", desk.results()["q"]["log"]);
    assert!(log.ends_with(".3.log"));
    let timing = log.replace(".log", ".timing");
    // Put beside one that is there: it ended otherwise.
    desk.write(&timing, stale);
    let ran = desk.finish(desk.provisor(["replay", "out"])).with_code(0);
    assert!(ran.out.contains("- (exit code 3)") && ran.out.ends_with("as in the run\n"), "{}", ran.out);
}

#[test]
fn without_times_nothing_is_said_about_limits() {
    let desk = Desk::new("replay-untimed");
    let spec = r#"Job(name: "two", preset: "proverif", commands: [
        (id: "a", run: ["sh", "-c", "echo RESULT not a is true."]),
        (id: "b", run: ["sh", "-c", "echo RESULT not b is true."]),
    ])"#;
    desk.run(spec, &["-q"]);
    let ran = desk.finish(desk.provisor(["replay", "out"])).with_code(0);
    assert_eq!(ran.out.lines().filter(|line| line.starts_with("= ")).count(), 2, "{}", ran.out);
    let ran = desk.finish(desk.provisor(["replay", "out", "--wall", "1ms"])).with_code(0);
    assert_eq!(ran.out, "0 replayed; 2 cannot be replayed\n");
    assert!(ran.err.contains("a: without a timing nothing is known of other limits"), "{}", ran.err);
}

#[test]
fn one_log_that_cannot_be_read_is_named_and_the_others_are_replayed() {
    let desk = Desk::new("replay-missing");
    let spec = r#"Job(name: "two", record: true, commands: [(id: "a", run: ["echo", "1"]), (id: "b", run: ["echo", "2"])])"#;
    desk.run(spec, &["-q"]);
    fs::remove_file(desk.file(&format!("out/{}", desk.results()["a"]["log"]))).expect("removed");
    let ran = desk.finish(desk.provisor(["replay", "out"])).with_code(2).says("a: ").says("cannot be read");
    assert!(
        ran.out.contains("ok               b\n") && ran.out.contains("1 replayed; 1 cannot"),
        "{}",
        ran.out
    );
}

#[test]
fn a_stop_that_would_have_come_all_the_same_changes_nothing() {
    let desk = Desk::new("replay-same");
    one(
        &desk,
        r#"rules: [(on: Prefix("enough"), verdict: "stopped", stop: true), (on: Prefix("after"), verdict: "after")],"#,
        "trap 'echo after; exit 0' TERM; echo enough; sleep 60 & wait",
    );
    for options in [&["--wall", "1h"][..], &["--grace", "3s"], &["--silence", "1h"], &[]] {
        let ran = desk.finish(desk.provisor(["replay", "out"].iter().chain(options))).with_code(0);
        assert!(ran.out.ends_with("as in the run\n"), "{options:?}: {}", ran.out);
    }
}

#[test]
fn what_would_have_come_after_a_stop_is_unknown() {
    let desk = Desk::new("replay-unknown");
    let spec = r#"Job(name: "two", preset: "proverif", record: true, limits: (wall: "200ms"), commands: [
        (id: "a", run: ["sh", "-c", "echo RESULT not a is true."]),
        (id: "b", run: ["sh", "-c", "echo RESULT not b is true.; sleep 60"]),
    ])"#;
    desk.run(spec, &["-q"]);
    let ran =
        desk.finish(desk.provisor(["replay", "out", "--preset", "exit-code", "--wall", "1h"])).with_code(0);
    assert!(ran.out.contains("? ") && ran.out.contains("in the run: true, wall-limit"), "{}", ran.out);
    let closing =
        "2 replayed, 1 would have come to something else, 1 would have gone on where the recording ends\n";
    assert!(ran.out.ends_with(closing), "{}", ran.out);
}

#[test]
fn whoever_stops_looking_stops_the_show() {
    let desk = Desk::new("replay-head");
    desk.write("slow.log", "one\ntwo\n");
    desk.write("slow.timing", "# provisor-timing 1\n5 o 4\n100000 o 4\n3600000000 exit 0\n");
    let mut command = desk.provisor(["replay", "slow.log", "--speed", "real"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "an hour before the end");
}

#[test]
fn what_was_recorded_is_there_after_a_crash() {
    contained(|_| {
        let desk = Desk::new("replay-crash");
        let started = desk.start(
        r#"Job(name: "one", record: true, preset: "proverif", slots: 2, commands: [
            (id: "quiet", run: ["sh", "-c", "echo RESULT not a is true.; sleep 60"]),
            (id: "later", run: ["sh", "-c", "while ! grep -qs ' o 22' out/logs/quiet*.timing; do echo; sleep 0.01; done; touch go; sleep 60"]),
        ])"#,
        &["-q"],
    );
        desk.await_file("go");
        started.signal("KILL");
        started.wait();
        let logs = fs::read_dir(desk.file("out/logs")).expect("logs").flatten().map(|entry| entry.path());
        let log = logs.filter(|path| path.extension().is_some_and(|end| end == "log"));
        let log = log.into_iter().find(|path| path.to_string_lossy().contains("quiet")).expect("its log");
        let ran = desk.finish(desk.provisor(["replay", log.to_str().expect("UTF-8")])).with_code(0);
        assert!(ran.out.contains("true: not a") && ran.out.contains("true (lost)"), "{}", ran.out);
    });
}
