//! What becomes of ProVerif's output: verdicts, early stops, options. By logs that were recorded from ProVerif and are
//! played by real children, and by ProVerif itself where it is there.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Desk, skip_unless};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn log(name: &str) -> PathBuf {
    Path::new(ROOT).join("benches/data").join(format!("{name}.log"))
}

/// A desk with the models of the recorded logs.
fn desk(name: &str) -> Desk {
    let desk = Desk::new(name);
    for entry in fs::read_dir(Path::new(ROOT).join("config/examples/models")).expect("the models") {
        let entry = entry.expect("an entry");
        let text = fs::read(entry.path()).expect("a model");
        desk.write(&format!("models/{}", entry.file_name().to_str().expect("UTF-8")), text);
    }
    desk
}

/// A query that plays a log in place of ProVerif; `stretch` 0 plays it at once.
fn played(id: &str, log_name: &str, stretch: u32, model: &str, more: &str) -> String {
    format!(
        r#"(id: "{id}", run: ["{{{{ provisor }}}}", "play-log", "--stretch", "{stretch}", "--log", "{}", "models/{model}.pv"], {more}),
        "#,
        log(log_name).display()
    )
}

fn job(preset: &str, commands: &str) -> String {
    format!(
        r#"Job(name: "proverif", slots: 4, preset: {preset}, limits: (grace: "2s"), commands: [{commands}])"#
    )
}

fn of(desk: &Desk, id: &str) -> (String, String, String, String) {
    let row = desk.results().remove(id).unwrap_or_else(|| panic!("{id} has no row"));
    let column = |name: &str| row[name].clone();
    (column("cause"), column("verdict"), column("results"), column("line"))
}

fn row(cause: &str, verdict: &str, results: &str, line: &str) -> (String, String, String, String) {
    (cause.into(), verdict.into(), results.into(), line.into())
}

#[test]
fn each_verdict_is_proverifs_own() {
    let desk = desk("verdicts");
    let logs = [
        "handshake",
        "handshake-broken",
        "private",
        "abstraction",
        "silent",
        "reach",
        "several",
        "lemma",
        "syntax-error",
        "chain-secret",
    ];
    let commands: String = logs.iter().map(|name| played(name, name, 0, name, "")).collect();
    desk.run(&job(r#""proverif""#, &commands), &[]).with_code(1);
    let injective = "inj-event(Accepted(a_2,b_2)) ==> inj-event(Answered(a_2,b_2))";
    for (id, verdict, results, line) in [
        ("handshake", "true", "1", format!("RESULT {injective} is true.")),
        ("handshake-broken", "false", "1", format!("RESULT {injective} is false.")),
        ("private", "true", "1", "RESULT Observational equivalence is true.".into()),
        ("abstraction", "cannot be proved", "1", "RESULT not attacker(gold[]) cannot be proved.".into()),
        ("silent", "true", "1", "RESULT not attacker(deed[]) is true.".into()),
        ("reach", "false", "1", "RESULT not event(End(n_3)) is false.".into()),
        ("chain-secret", "false", "1", "RESULT not attacker(deed[]) is false.".into()),
        ("lemma", "true", "1", "RESULT event(Filed(m_2)) ==> event(Written(m_2)) is true.".into()),
    ] {
        assert_eq!(of(&desk, id), row("exited", verdict, results, &line), "{id}");
    }
    let (cause, verdict, results, _) = of(&desk, "several");
    assert_eq!((cause.as_str(), verdict.as_str(), results.as_str()), ("exited", "mixed", "5"));
    let verdicts: Vec<_> = desk.verdicts("several").into_iter().map(|(_, verdict)| verdict).collect();
    assert_eq!(verdicts, ["true", "false", "false", "cannot be proved", "true"]);
    // The lemma's own result stands in the long table only.
    let statement = |from: &str| format!("event({from}(m_2)) ==> event(Written(m_2))");
    assert_eq!(
        desk.verdicts("lemma"),
        [(statement("Relayed"), "true".to_owned()), (statement("Filed"), "true".to_owned())]
    );
    let (cause, verdict, results, line) = of(&desk, "syntax-error");
    assert_eq!((cause.as_str(), verdict.as_str(), results.as_str()), ("exited", "", "0"));
    assert!(line.contains("Error: Syntax error."), "{line}");
    assert_eq!(desk.column("exit_code")["syntax-error"], "2");
    // The log is the child's bytes.
    let kept = fs::read(desk.file(&format!("out/{}", desk.column("log")["several"]))).expect("a log");
    assert!(kept == fs::read(log("several")).expect("the recorded log"));
}

#[test]
fn a_query_out_of_time_keeps_the_answers_that_it_had() {
    let desk = desk("partial");
    let commands = played("several", "several", 1, "several", r#"limits: (wall: "6s")"#);
    desk.run(&job(r#""proverif""#, &commands), &[]).with_code(1);
    let (cause, verdict, results, _) = of(&desk, "several");
    assert_eq!(cause, "wall-limit");
    let verdicts: Vec<_> = desk.verdicts("several").into_iter().map(|(_, verdict)| verdict).collect();
    // How many there are in that time is the machine's business; that there are some, and not all, is the recording's.
    let all = ["true", "false", "false", "cannot be proved", "true"];
    assert!(
        (1..5).contains(&verdicts.len())
            && all.starts_with(&verdicts.iter().map(String::as_str).collect::<Vec<_>>())
    );
    assert_eq!(results, verdicts.len().to_string());
    assert_eq!(verdict, if verdicts.len() == 1 { "true" } else { "mixed" });
}

#[test]
fn a_reachable_goal_ends_the_query_where_that_was_asked() {
    let desk = desk("early");
    // The trace would take 22 s, and here ten times as long.
    let commands = played("secret", "chain-secret", 10, "chain-secret", "")
        + &played("to-the-end", "handshake", 0, "handshake", "");
    let ran = desk.run(&job("ProVerif(early_stop: OnGoalReachable)", &commands), &[]);
    assert_eq!(of(&desk, "secret"), row("concluded", "reachable", "0", "goal reachable: attacker(deed[])"));
    // Its goal is reachable as well, and yet it is true: a correspondence is proved by the goals' hypotheses.
    let (cause, verdict, ..) = of(&desk, "to-the-end");
    assert_eq!((cause.as_str(), verdict.as_str()), ("exited", "true"), "{}", ran.err);
    ran.with_code(0);
}

/// In place of ProVerif: says what it was given, then prints a log, then goes on for as long as ProVerif would.
fn fake_proverif(desk: &Desk, log_name: &str) {
    desk.script(
        "proverif",
        &format!(
            "for word; do :; done; printf '%s\\n' \"$@\" > argv-$(basename \"$word\")\ncat {}\n{}",
            log(log_name).display(),
            "exec sleep ${AFTER:-0}"
        ),
    );
}

fn argv(desk: &Desk, model: &str) -> Vec<String> {
    desk.read(&format!("argv-{model}.pv")).lines().map(str::to_owned).collect()
}

#[test]
fn a_refuting_goal_ends_the_query_and_proverif_is_told_to_print_no_other() {
    let desk = desk("refuting");
    fake_proverif(&desk, "reach.verboseGoalReachable-false");
    let spec = job(
        "ProVerif(early_stop: OnRefutingGoal)",
        r#"(id: "reach", run: ["./proverif", "-color", "models/reach.pv"], env: {"AFTER": "300"})"#,
    );
    desk.run(&spec, &[]).with_code(1);
    let goal = "goal reachable: attacker(n_3) -> event(End(n_3))";
    assert_eq!(of(&desk, "reach"), row("concluded", "not proved", "0", goal));
    assert_eq!(argv(&desk, "reach"), ["-color", "-set", "verboseGoalReachable", "false", "models/reach.pv"]);
}

#[test]
fn fast_skips_the_search_for_traces() {
    let desk = desk("fast");
    fake_proverif(&desk, "chain-secret.reconstructDerivation-false");
    let spec = job("ProVerif(fast: true)", r#"(id: "q", run: ["./proverif", "models/chain-secret.pv"])"#);
    desk.run(&spec, &[]).with_code(1);
    let fast = ["-set", "reconstructDerivation", "false"];
    assert_eq!(argv(&desk, "chain-secret"), [&fast[..], &["models/chain-secret.pv"]].concat());
    assert_eq!(desk.column("verdict")["q"], "cannot be proved");
    let both = spec.replace("fast: true", "fast: true, early_stop: OnRefutingGoal");
    desk.run(&both, &[]);
    let quiet = ["-set", "verboseGoalReachable", "false"];
    assert_eq!(argv(&desk, "chain-secret"), [&fast[..], &quiet, &["models/chain-secret.pv"]].concat());
    let plan = desk.finish(desk.provisor(["plan", "spec.ron"])).with_code(0);
    assert!(
        plan.out.contains("-set reconstructDerivation false -set verboseGoalReachable false models/"),
        "{}",
        plan.out
    );
}

#[test]
fn where_an_early_stop_would_be_wrong_there_is_none_and_a_warning_says_so() {
    let desk = desk("unsound");
    let models =
        [("several", "more than one thing to prove"), ("lemma", "lemmas"), ("private", "an equivalence")];
    let commands: String = models.iter().map(|(name, _)| played(name, name, 0, name, "")).collect();
    for way in ["OnGoalReachable", "OnRefutingGoal"] {
        let ran = desk.run(&job(&format!("ProVerif(early_stop: {way})"), &commands), &["--fresh"]);
        for (name, why) in models {
            assert!(desk.column("cause")[name] == "exited", "{name}");
            let warning = ran
                .err
                .lines()
                .find(|line| line.starts_with("warning: no early stop") && line.contains(name));
            assert!(warning.is_some_and(|line| line.contains(why)), "{name}:\n{}", ran.err);
        }
        let verdicts = desk.column("verdict");
        assert_eq!((verdicts["lemma"].as_str(), verdicts["several"].as_str()), ("true", "mixed"));
    }
}

#[test]
fn a_model_that_undoes_what_was_asked_is_refused() {
    let desk = desk("sets");
    let text = desk.read("models/reach.pv");
    desk.write("models/own.pv", format!("(* a comment *)\nset verboseGoalReachable = true.\n{text}"));
    fake_proverif(&desk, "reach");
    let spec =
        job("ProVerif(early_stop: OnRefutingGoal)", r#"(id: "own", run: ["./proverif", "models/own.pv"])"#);
    let ran = desk.run(&spec, &[]).with_code(2);
    assert!(ran.err.contains("models/own.pv:2 sets `verboseGoalReachable` itself"), "{}", ran.err);
    assert!(!desk.file("out").exists() && !desk.file("argv-own.pv").exists(), "nothing was started");
    // Whoever does not ask for it may have it as it is.
    desk.run(&job(r#""proverif""#, r#"(id: "own", run: ["./proverif", "models/own.pv"])"#), &[]).with_code(0);
}

#[test]
fn a_command_without_a_model_is_refused_where_the_model_matters() {
    let desk = desk("no-model");
    fake_proverif(&desk, "reach");
    let spec =
        |preset: &str, model: &str| job(preset, &format!(r#"(id: "q", run: ["./proverif", "{model}"])"#));
    for preset in ["ProVerif(early_stop: OnGoalReachable)", "ProVerif(fast: true)"] {
        desk.run(&spec(preset, "-help"), &[]).with_code(2).says("no model is found in the command of `q`");
        let ran = desk.run(&spec(preset, "models/gone.pv"), &[]).with_code(2);
        assert!(
            ran.err.contains("cannot read the model") && ran.err.contains("models/gone.pv"),
            "{}",
            ran.err
        );
    }
    assert!(!desk.file("out").exists());
    desk.run(&spec(r#""proverif""#, "-help"), &[]).with_code(0);
}

#[test]
fn a_changed_library_or_model_is_run_again() {
    let desk = desk("libraries");
    fake_proverif(&desk, "handshake");
    let spec = job(
        r#""proverif""#,
        r#"(id: "named", run: ["./proverif", "-lib", "mine", "models/handshake.pv"]),
           (id: "silent", run: ["./proverif", "models/reach.pv"]),
           (id: "constant", run: ["./proverif", "-lib", "other", "models/private.pv"]),"#,
    );
    desk.write("mine.pvl", "(* 1 *)");
    desk.write("default.pvl", "(* 1 *)");
    desk.write("other.pvl", "(* 1 *)");
    desk.run(&spec, &[]).with_code(0);
    desk.run(&spec, &[]).with_code(0).says("3 reused");
    desk.write("mine.pvl", "(* 2 *)");
    desk.run(&spec, &[]).with_code(0).says("2 reused");
    desk.write("default.pvl", "(* 2 *)");
    desk.run(&spec, &[]).with_code(0).says("2 reused");
    desk.write("models/private.pv", "(* 2 *)");
    desk.run(&spec, &[]).with_code(0).says("2 reused");
    assert!(desk.column("attempt").into_values().all(|attempt| attempt == "2"));
}

fn proverif_is_there() -> bool {
    let status = Command::new("proverif").arg("-help").stdout(Stdio::null()).stderr(Stdio::null()).status();
    !skip_unless(status.is_ok(), "proverif is not in the PATH")
}

#[test]
fn the_example_for_proverif_runs() {
    if !proverif_is_there() {
        return;
    }
    let desk = desk("example");
    let example = fs::read(Path::new(ROOT).join("config/examples/proverif.ron")).expect("the example");
    desk.write("proverif.ron", example);
    // Those that take long are cut off; how many do is the machine's business.
    desk.finish(desk.provisor(["run", "proverif.ron", "-o", "out", "--wall", "3s"])).with_code(1);
    let rows = desk.results();
    let models: Vec<_> = fs::read_dir(desk.file("models")).expect("the models").flatten().collect();
    assert_eq!(rows.len(), models.len());
    for (id, row) in &rows {
        assert!(row["cause"] == "exited" || row["cause"] == "wall-limit", "{id}: {row:?}");
        assert_eq!(&row["axis.model"], &format!("models/{id}.pv"));
        let timing = row["log"].replace(".log", ".timing");
        assert!(desk.read(&format!("out/{timing}")).starts_with("# provisor-timing 1\n"), "{id} is recorded");
    }
    assert_eq!(rows["handshake"]["verdict"], "true");
    assert_eq!(rows["syntax-error"]["exit_code"], "2");
    let record: serde_json::Value = serde_json::from_str(&desk.read("out/runs/1/run.json")).expect("JSON");
    let tool = &record["tools"]["proverif"];
    assert!(tool["blake3"].is_string() && tool["path"].is_string(), "{tool}");
}

#[test]
fn proverif_itself_agrees_with_its_recorded_logs() {
    if !proverif_is_there() {
        return;
    }
    let desk = desk("agreement");
    let fast = ["handshake", "handshake-broken", "private", "abstraction", "lemma"];
    let real: String = fast
        .iter()
        .map(|name| format!(r#"(id: "real/{name}", run: ["proverif", "models/{name}.pv"]),"#))
        .collect();
    let recorded: String =
        fast.iter().map(|name| played(&format!("recorded/{name}"), name, 0, name, "")).collect();
    desk.run(&job(r#""proverif""#, &(real + &recorded)), &[]).with_code(1);
    for name in fast {
        let (real, recorded) = (format!("real/{name}"), format!("recorded/{name}"));
        assert_eq!(of(&desk, &real), of(&desk, &recorded));
        assert_eq!(desk.verdicts(&real), desk.verdicts(&recorded));
    }
}
