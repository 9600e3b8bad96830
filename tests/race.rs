//! Races with real processes: the first answer wins, the others are ended or never start, and what a second run makes of it.

mod common;

use std::fs;

use common::{Desk, Ran, alive_with, mark};

/// Each notes its start. What a race needs of the others is told by files.
const PROLOGUE: &str = r#"name=$(basename "$0"); echo "$name" >> ran; : > "up-$name"
await() { until test -e "$1"; do sleep 0.01; done; }
"#;

/// A desk on which these scripts are.
fn desk(name: &str, scripts: &[(&str, &str)]) -> Desk {
    let desk = Desk::new(name);
    for (name, script) in scripts {
        desk.script(name, &format!("{PROLOGUE}{script}"));
    }
    desk
}

/// A job of one race of these, read by what they say, with further fields and commands.
fn job(entrants: &[&str], fields: &str, commands: &str) -> String {
    let race: Vec<_> = entrants.iter().map(|entrant| format!("[\"./{entrant}\"]")).collect();
    format!(
        "Job(name: \"race\", reuse: Conclusive, {fields}
            rules: [(on: Regex(\"^(un)?sat$\"), capture: Group(0)), (on: Prefix(\"unknown\"), verdict: \"unknown\", counts: Open)],
            commands: [(id: \"goal\", race: [{}]), {commands}])",
        race.join(", ")
    )
}

/// Who was executed since this was asked last, by name.
fn executed(desk: &Desk) -> Vec<String> {
    let text = fs::read_to_string(desk.file("ran")).unwrap_or_default();
    let _ = fs::remove_file(desk.file("ran"));
    let mut ran: Vec<_> = text.lines().map(str::to_owned).collect();
    ran.sort_unstable();
    ran
}

/// These cells of a query's row.
fn row<const N: usize>(desk: &Desk, id: &str, columns: [&str; N]) -> [String; N] {
    let row = &desk.results()[id];
    columns.map(|column| row[column].clone())
}

fn line(desk: &Desk, id: &str) -> String {
    desk.results()[id]["line"].clone()
}

#[test]
fn the_first_answer_wins_and_nothing_of_the_others_survives() {
    let desk = desk(
        "first",
        &[
            ("sleeper", "exec sleep 1000"),
            ("deaf", "trap '' TERM; sleep 1000 & while :; do sleep 0.05; done"),
            ("fast", "await up-sleeper; await up-deaf; echo unsat"),
            ("late", "echo sat"),
        ],
    );
    let mark = mark("race");
    let fields = format!("slots: 3, env: {{\"MARK\": \"{mark}\"}}, limits: (grace: \"300ms\"),");
    let after = r#"(id: "all", run: ["./late"], after: ["goal/*"])"#;
    let ran = desk.run(&job(&["sleeper", "deaf", "fast", "late"], &fields, after), &[]).with_code(0);
    assert!(ran.out.contains("5 queries: 5 well (outrun 3, sat 1, unsat 1)"), "{}", ran.out);
    assert!(alive_with(&format!("MARK={mark}")).is_empty(), "somebody survives");
    let ends = ["cause", "verdict", "signal", "attempt"];
    assert_eq!(row(&desk, "goal/fast", ends), ["exited", "unsat", "", "1"]);
    assert_eq!(row(&desk, "goal/sleeper", ends), ["outrun", "", "SIGTERM", "1"]);
    assert_eq!(row(&desk, "goal/deaf", ends), ["outrun", "", "SIGKILL", "1"]);
    assert_eq!(row(&desk, "goal/late", ["cause", "started_at"]), ["outrun", ""]);
    assert!(line(&desk, "goal/fast").starts_with("unsat; first of 4; "), "{}", line(&desk, "goal/fast"));
    for loser in ["goal/sleeper", "goal/deaf", "goal/late"] {
        let line = line(&desk, loser);
        assert!(line.starts_with("`goal/fast` was first: unsat, after "), "{loser}: {line}");
    }
    assert_eq!(executed(&desk), ["deaf", "fast", "late", "sleeper"], "the last one came after all of them");
    let grace = row(&desk, "goal/sleeper", ["wall_s"])[0].parse::<f64>().expect("a number");
    assert!(grace < 300.0, "it is not waited for: {grace}");
    let junit = desk.finish(desk.provisor(["results", "out", "--format", "junit"])).with_code(0);
    assert_eq!(junit.out.matches("another one was faster").count(), 3, "{}", junit.out);
}

/// Two of which the first answers, and the other one never does.
fn two(name: &str) -> Desk {
    desk(name, &[("fast", "await up-slow; echo sat"), ("slow", "exec sleep 1000")])
}

fn again(desk: &Desk, args: &[&str]) -> Ran {
    let _ = fs::remove_file(desk.file("up-slow"));
    desk.run(&job(&["fast", "slow"], "slots: 2,", ""), args)
}

#[test]
fn who_was_outrun_is_not_asked_again_as_long_as_the_answer_stands() {
    let desk = two("again");
    again(&desk, &[]).with_code(0);
    assert_eq!(executed(&desk), ["fast", "slow"]);
    again(&desk, &[]).with_code(0).says("2 reused");
    again(&desk, &["--rerun", "failed"]).with_code(0).says("2 reused");
    assert_eq!(executed(&desk), [""; 0]);
    // The other one is another program by now: its answer does not stand, and who was outrun by it has a new chance.
    desk.script("fast", &format!("{PROLOGUE}await up-slow; echo sat;"));
    again(&desk, &[]).with_code(0);
    assert_eq!(executed(&desk), ["fast", "slow"]);
    // What is wanted again is a race.
    again(&desk, &["--rerun", "goal/slow"]).with_code(0);
    assert_eq!(executed(&desk), ["fast", "slow"]);
    assert_eq!(row(&desk, "goal/slow", ["cause", "attempt"]), ["outrun", "3"]);
}

#[test]
fn nothing_of_a_race_is_run_whose_answer_is_there() {
    let desk = two("there");
    desk.write("up-slow", "");
    desk.run(&job(&["fast", "slow"], "slots: 2,", ""), &["--only", "goal/fast"]).with_code(0);
    again(&desk, &[]).with_code(0);
    assert_eq!(executed(&desk), ["fast"]);
    assert_eq!(line(&desk, "goal/slow"), "`goal/fast` was first, in an earlier run: sat");
}

#[test]
fn who_gave_up_before_the_answer_came_fails_nothing() {
    let desk = desk("before", &[("a", "echo unknown"), ("b", "echo unsat")]);
    let ran = desk.run(&job(&["a", "b"], "slots: 1,", ""), &[]).with_code(0);
    assert!(ran.out.contains("2 queries: 1 well, 1 not (unknown 1, unsat 1)"), "{}", ran.out);
    assert_eq!(row(&desk, "goal/a", ["cause", "verdict"]), ["exited", "unknown"]);
    // Its question is answered, another one is not.
    let another = r#"(id: "other", run: ["./a"])"#;
    desk.run(&job(&["a", "b"], "slots: 1,", another), &["--fresh"]).with_code(1);
}

#[test]
fn without_an_answer_each_row_says_what_it_came_to() {
    let desk = desk("nobody", &[("a", "echo unknown"), ("b", "exit 3"), ("c", "kill -9 $$")]);
    let spec = job(&["a", "b", "c"], "", "");
    desk.run(&spec, &[]).with_code(1);
    let causes: Vec<_> = desk.column("cause").into_iter().collect();
    assert_eq!(causes, ["a", "b", "c"].map(|name| (format!("goal/{name}"), "exited".to_owned())));
    assert_eq!(executed(&desk), ["a", "b", "c"]);
    desk.run(&spec, &["--rerun", "failed"]).with_code(1);
    assert_eq!(executed(&desk), ["a", "b", "c"]);
}

#[test]
fn two_answers_that_differ_are_told_and_not_well() {
    let desk = desk("contradiction", &[("a", "echo sat"), ("b", "echo unsat")]);
    let spec = job(&["a", "b"], "", "");
    for only in ["goal/a", "goal/b"] {
        desk.run(&spec, &["--only", only]).with_code(0);
    }
    let told = "contradiction: `goal/a` says sat and `goal/b` says unsat, of the same question";
    desk.run(&spec, &[]).with_code(1).says(told).says("2 reused");
}

#[test]
fn a_race_has_one_cell_of_a_grid_and_the_answer_stands_in_it() {
    let desk = desk(
        "grid",
        &[("slow", "test $1 != open && exec sleep 1000; exit 1"), ("fast", "await up-slow; echo $1")],
    );
    let spec = r#"Job(
        name: "race", slots: 8, matrix: {"goal": ["sat", "unsat", "open"], "of": ["x"]},
        race: [["./slow", "{{ goal }}"], ["./fast", "{{ goal }}"]],
        rules: [(on: Regex("^(un)?sat$"), capture: Group(0)), (on: Prefix("open"), verdict: "open", counts: Open)],
    )"#;
    desk.run(spec, &[]).with_code(1);
    let grid =
        desk.finish(desk.provisor(["results", "out", "--grid=goal,of", "--format", "csv"])).with_code(0);
    assert_eq!(grid.out, "goal / of,x\nsat,sat\nunsat,unsat\nopen,exited!\n");
}
