//! What a spec can say, each by a test that fails without it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use provisor_core::cause::StopMethod;
use provisor_core::plan::{Inherit, Limits, Logs, RetryOn, Reuse, Stdin};
use provisor_core::rules::{Pattern, Streams};
use provisor_core::verdict::{Counts, Preset};

use crate::support::{Folder, argv, ids, plan, refusal, warnings};

/// A job of one command with these fields, and its only query.
fn one(fields: &str) -> provisor_core::Query {
    plan(&format!(r#"Job(name: "x", commands: [(id: "q", run: ["a"], {fields})])"#)).plan.queries.remove(0)
}

fn ids_of(text: &str) -> Vec<String> {
    ids(&plan(text)).iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn the_first_axis_changes_slowest() {
    let text = r#"Job(name: "x", matrix: {"b": ["y", "x"], "a": 1..=2}, command: ["e"])"#;
    assert_eq!(ids_of(text), ["y/1", "y/2", "x/1", "x/2"]);
}

#[test]
fn axes_are_lists_ranges_globs_and_lines() {
    let folder =
        Folder::with(&[("b.pv", ""), ("a.pv", ""), ("hosts", "# all\n one \n\n two words\r\n\na.pv")]);
    let values = |axis: &str| -> Vec<String> {
        let text = format!(r#"Job(name: "x", matrix: {{"v": {axis}}}, command: ["e", "{{{{ v }}}}"])"#);
        folder.plan(&text).plan.queries.iter().map(|query| argv(query)[1].to_owned()).collect()
    };
    assert_eq!(values(r#"["b", 2, 2.5]"#), ["b", "2", "2.5"]);
    assert_eq!(values("1..4"), ["1", "2", "3"]);
    assert_eq!(values("1..=3"), ["1", "2", "3"]);
    assert_eq!(values("-1..=1"), ["-1", "0", "1"]);
    assert_eq!(values(r#"Glob("*.pv")"#), ["a.pv", "b.pv"]);
    assert_eq!(values(r#"Lines("hosts")"#), ["one", "two words", "a.pv"]);
}

#[test]
fn an_axis_value_has_fields() {
    let folder = Folder::with(&[("m/b.x.pv", ""), ("m/a.pv", "")]);
    let lowered = folder.plan(
        r#"Job(name: "x", matrix: {"f": Glob("m/*.pv"), "l": ["m/a.pv", "none"]}, id: "{{ f.stem }}-{{ l.index }}",
        command: ["e", "{{ f }}|{{ f.value }}|{{ f.index }}|{{ f.path }}|{{ f.stem }}|{{ f.name }}"])"#,
    );
    assert_eq!(argv(&lowered.plan.queries[2])[1], "m/b.x.pv|m/b.x.pv|1|m/b.x.pv|b.x|b.x.pv");
    let listed = folder.plan(
        r#"Job(name: "x", matrix: {"l": ["m/a.pv"]}, id: "{{ l.stem }}", command: ["e", "{{ l.name }}"])"#,
    );
    assert_eq!((ids(&listed), argv(&listed.plan.queries[0])), (vec!["a"], vec!["e", "a.pv"]));
}

#[test]
fn a_path_is_absolute_for_a_child_that_works_elsewhere() {
    let folder = Folder::with(&[("m/a.pv", "")]);
    let lowered = folder.plan(
        r#"Job(name: "x", matrix: {"f": Glob("m/*.pv")}, command: ["e", "{{ f.path }}", "{{ f }}"],
            cwd: "out/{{ f.stem }}")"#,
    );
    let query = &lowered.plan.queries[0];
    assert_eq!(argv(query), ["e", &folder.at("m/a.pv"), "m/a.pv"]);
    assert_eq!(*query.command.cwd, *folder.path().join("out/a"));
}

#[test]
fn numbers_can_be_counted_with_and_texts_compared() {
    let lowered = plan(
        r#"Job(name: "x", matrix: {"n": [3], "mode": ["fast"]}, vars: {"k": 2},
            command: ["e", "{{ n * k }}", "{% if mode == 'fast' %}-O{% endif %}", "{{ mode | upper }}"])"#,
    );
    assert_eq!(argv(&lowered.plan.queries[0]), ["e", "6", "-O", "FAST"]);
}

#[test]
fn provisor_is_the_path_of_the_program() {
    let lowered = plan(r#"Job(name: "x", commands: [(id: "q", run: ["{{ provisor }}", "--version"])])"#);
    assert_eq!(argv(&lowered.plan.queries[0]), ["/usr/bin/provisor", "--version"]);
}

#[test]
fn exclusions_match_values_stems_and_names() {
    let folder = Folder::with(&[("m/a.pv", ""), ("m/b.pv", ""), ("m/bc.pv", "")]);
    let left = |exclude: &str| -> Vec<String> {
        let lowered = folder.plan(&format!(
            r#"Job(name: "x", matrix: {{"f": Glob("m/*"), "n": [1, 2]}}, id: "{{{{ f.stem }}}}{{{{ n }}}}",
            command: ["e"], exclude: [{exclude}])"#
        ));
        ids(&lowered).iter().map(|id| (*id).to_owned()).collect()
    };
    assert_eq!(left(""), ["a1", "a2", "b1", "b2", "bc1", "bc2"]);
    assert_eq!(left(r#"{"f": "b", "n": "1"}"#), ["a1", "a2", "b2", "bc1", "bc2"]);
    assert_eq!(left(r#"{"f": "b*"}, {"n": "2"}"#), ["a1"]);
    assert_eq!(left(r#"{"f": "m/a*"}, {"f": "b.pv"}"#), ["bc1", "bc2"]);
    assert_eq!(left(r#"{"f": "b", "n": 1}"#), left(r#"{"f": "b", "n": "1"}"#));
    assert_eq!(left(r#"{"n": 0x2}"#), ["a1", "b1", "bc1"]);
    for pattern in ["3", r#""3""#] {
        let text = format!(
            r#"Job(name: "x", matrix: {{"n": [1, 2]}}, command: ["e"], exclude: [{{"n": {pattern}}}])"#
        );
        assert!(warnings(&plan(&text)).contains("the pattern `3` in `exclude` matches nothing"));
    }
}

#[test]
fn an_exclusion_that_is_a_number_means_the_value_that_reads_so() {
    let left = |exclude: &str| -> Vec<String> {
        let lowered = plan(&format!(
            r#"Job(name: "x", matrix: {{"n": [1, 1.5, -3, 11, "2", 1.0]}}, command: ["e", "{{{{ n }}}}"],
            id: "n{{{{ n.index }}}}", exclude: [{{"n": {exclude}}}])"#
        ));
        lowered.plan.queries.iter().map(|query| argv(query)[1].to_owned()).collect()
    };
    assert_eq!(left("1"), ["1.5", "-3", "11", "2", "1.0"]);
    assert_eq!(left("1.0"), ["1", "1.5", "-3", "11", "2"]);
    assert_eq!(left("1.5"), ["1", "-3", "11", "2", "1.0"]);
    assert_eq!(left("-3"), ["1", "1.5", "11", "2", "1.0"]);
    assert_eq!(left("2"), ["1", "1.5", "-3", "11", "1.0"]);
    assert_eq!(left(r#""1*""#), ["-3", "2"]);
    let refused = refusal(r#"Job(name: "x", matrix: {"n": [1]}, command: ["e"], exclude: [{"n": true}])"#);
    assert!(refused.contains("a text in quotes or a number"), "{refused}");
}

#[test]
fn each_key_may_have_everything_of_its_own() {
    let text = r#"Job(name: "x", vars: {"a": "1", "b": "1"}, env: {"E": "1", "F": "1"}, retry: (times: 1, on: [Silent]),
        limits: (wall: "1h", silence: "1m"), cwd: "w", logs: Drop, inputs: ["i"], expect: {"*": "ok"},
        stdin: Text("outer"), each: ("h", {
            "plain": (),
            "own": (vars: {"b": 2}, env: {"F": "{{ h }}"}, retry: (times: 5), limits: (wall: "2h"), cwd: "v",
                logs: Keep, inputs: ["j"], expect: "failed", stdin: Text("inner"), record: true, id: "my-{{ h }}",
                preset: "proverif", rules: [(on: Contains("x"), note: true)]),
        }), command: ["e", "{{ a }}{{ b }}"])"#;
    let lowered = plan(text);
    assert_eq!(ids(&lowered), ["plain", "my-own"]);
    let [plain, own] = &lowered.plan.queries[..] else { panic!("not two") };
    assert_eq!((argv(plain)[1], argv(own)[1]), ("11", "12"));
    assert_eq!(own.command.env.set, [("E".into(), "1".into()), ("F".into(), "own".into())]);
    assert_eq!((own.retry.times, &own.retry.on), (5, &vec![RetryOn::Silent]));
    assert_eq!(own.limits.wall, Some(Duration::from_secs(7200)));
    assert_eq!(own.limits.silence, Some(Duration::from_secs(60)));
    assert_eq!((&*plain.command.cwd, &*own.command.cwd), (Path::new("/spec/w"), Path::new("/spec/v")));
    assert_eq!((plain.logs, own.logs), (Logs::Drop, Logs::Keep));
    assert_eq!(own.inputs.files, [PathBuf::from("/spec/i"), PathBuf::from("/spec/j")]);
    assert_eq!((plain.expect.as_deref(), own.expect.as_deref()), (Some("ok"), Some("failed")));
    assert_eq!(plain.command.stdin, Stdin::Text("outer".into()));
    assert_eq!(own.command.stdin, Stdin::Text("inner".into()));
    assert_eq!((plain.record, own.record), (false, true));
    assert_eq!(plain.judging.preset, Some(Preset::ExitCode));
    assert!(matches!(own.judging.preset, Some(Preset::ProVerif(_))));
    assert_eq!(own.judging.rules.len(), 1);
}

#[test]
fn the_environment_is_small_unless_all_is_asked_for() {
    assert_eq!(one("").command.env.inherit, Inherit::Basic);
    let all = plan(r#"Job(name: "x", inherit_env: All, commands: [(id: "q", run: ["a"])])"#);
    assert_eq!(all.plan.queries[0].command.env.inherit, Inherit::All);
    assert_eq!(
        one(r#"env: {"A": 1, "B": "x"}"#).command.env.set,
        [("A".into(), "1".into()), ("B".into(), "x".into())]
    );
}

#[test]
fn programs_with_a_slash_start_at_the_folder_of_the_spec() {
    let program = |run: &str| {
        let lowered = plan(&format!(r#"Job(name: "x", commands: [(id: "q", run: ["{run}"], cwd: "/tmp")])"#));
        argv(&lowered.plan.queries[0])[0].to_owned()
    };
    assert_eq!(program("./bench"), "/spec/bench");
    assert_eq!(program("bin/../bench"), "/spec/bin/../bench");
    assert_eq!(program("/bin/echo"), "/bin/echo");
    assert_eq!(program("echo"), "echo");
}

#[test]
fn the_working_directory_is_the_folder_of_the_spec() {
    assert_eq!(&*one("").command.cwd, Path::new("/spec"));
    assert_eq!(&*one(r#"cwd: ".""#).command.cwd, Path::new("/spec"));
    assert_eq!(&*one(r#"cwd: "a/./b""#).command.cwd, Path::new("/spec/a/b"));
    assert_eq!(&*one(r#"cwd: "/tmp""#).command.cwd, Path::new("/tmp"));
}

#[test]
fn standard_input_is_nothing_a_file_or_a_text() {
    assert_eq!(one("").command.stdin, Stdin::Null);
    assert_eq!(one("stdin: Null").command.stdin, Stdin::Null);
    assert_eq!(one(r#"stdin: File("a/b")"#).command.stdin, Stdin::File(Path::new("/spec/a/b").into()));
    let lowered = plan(
        r#"Job(name: "x", matrix: {"n": [1]}, command: ["cat"], stdin: Text("{{ n }}{% if n %}!{% endif %}\n"))"#,
    );
    assert_eq!(lowered.plan.queries[0].command.stdin, Stdin::Text("1!\n".into()));
}

#[test]
fn inputs_add_to_the_command_or_replace_it() {
    let inputs = one(r#"inputs: ["a", "/b"]"#).inputs;
    assert_eq!((inputs.argv, &inputs.files[..]), (true, &["/spec/a".into(), "/b".into()][..]));
    let only = one(r#"inputs: Only(["a"])"#).inputs;
    assert_eq!((only.argv, &only.files[..]), (false, &["/spec/a".into()][..]));
    assert!(!one("inputs: Only([])").inputs.argv);
}

#[test]
fn logs_records_and_reuse() {
    assert_eq!((one("").logs, one("logs: Drop").logs), (Logs::Keep, Logs::Drop));
    assert_eq!(one(r#"logs: Tail("64 KiB")"#).logs, Logs::Tail(65_536));
    assert!(one("record: true").record && !one("").record);
    let reuse =
        |word: &str| plan(&format!(r#"Job(name: "x", {word} commands: [(id: "q", run: ["a"])])"#)).plan.reuse;
    assert_eq!(reuse(""), Reuse::Unfinished);
    assert_eq!(reuse("reuse: Never,"), Reuse::Never);
    assert_eq!(reuse("reuse: Conclusive,"), Reuse::Conclusive);
    assert_eq!(reuse("preset: \"proverif\", reuse: Unfinished,"), Reuse::Unfinished);
}

#[test]
fn each_limit_is_read_in_its_unit() {
    let limits = one(r#"limits: (cpu: "1h", memory: "4 GiB", output: "1 MB", processes: 10)"#).limits;
    assert_eq!((limits.cpu, limits.memory), (Some(Duration::from_secs(3600)), Some(4 << 30)));
    assert_eq!((limits.output, limits.processes), (Some(1_000_000), Some(10)));
}

#[test]
fn limits_have_defaults() {
    assert_eq!(one("").limits, Limits::default());
    let limits = one(r#"limits: (wall: "1m", silence: "2s", grace: "0s")"#).limits;
    let wanted = (Some(Duration::from_secs(60)), Some(Duration::from_secs(2)), Duration::ZERO);
    assert_eq!((limits.wall, limits.silence, limits.grace), wanted);
}

#[test]
fn a_job_may_have_a_budget_of_memory() {
    let job = |fields: &str| format!(r#"Job(name: "x", {fields} commands: [(id: "q", run: ["a"])])"#);
    assert_eq!(plan(&job("")).plan.memory_budget, None);
    assert_eq!(plan(&job(r#"memory_budget: "20 GiB","#)).plan.memory_budget, Some(20 << 30));
    assert!(refusal(&job(r#"memory_budget: "0 B","#)).contains("the limit `memory_budget` is zero"));
    assert!(refusal(&job(r#"memory_budget: "much","#)).contains("job.ron:1:"));
}

#[test]
fn rules_say_everything_that_the_core_knows() {
    let query = one(r#"rules: [
            (on: Contains("a"), verdict: "v", counts: Bad, note: true),
            (on: Prefix("b"), stream: Stderr, stop: true),
            (on: Suffix("c"), stream: Both, stop: Kill),
            (on: Regex("(d)(e)?"), capture: Group(1), value: Group(0), counts: Open, stop: false),
        ]"#);
    let [contains, prefix, suffix, regex] = &query.judging.rules[..] else { panic!("not four") };
    assert_eq!(query.judging.preset, None);
    assert_eq!((&contains.on, contains.streams), (&Pattern::Contains("a".into()), Streams::Stdout));
    assert_eq!((contains.verdict.as_deref(), contains.counts), (Some("v"), Counts::Bad));
    assert!(contains.note && contains.stop.is_none());
    assert_eq!((prefix.streams, prefix.stop), (Streams::Stderr, Some(StopMethod::Term)));
    assert_eq!((suffix.streams, suffix.stop), (Streams::Both, Some(StopMethod::Kill)));
    assert_eq!((regex.capture, regex.value, regex.counts), (Some(1), Some(0), Counts::Open));
    assert_eq!(regex.stop, None);
    let both = one(r#"preset: "exit-code", rules: [(on: Contains("a"), note: true)]"#);
    assert_eq!(both.judging.preset, Some(Preset::ExitCode));
}

#[test]
fn every_ending_can_be_retried() {
    let retry = one(
        "retry: (times: 3, on: [NotStarted, Signal, ExitCode(75), Failure, NoVerdict, WallLimit, Silent, Lost], backoff: \"1s\")",
    )
    .retry;
    assert_eq!((retry.times, retry.on.len(), retry.backoff), (3, 8, Duration::from_secs(1)));
    assert_eq!(one("retry: (times: 0)").retry.on, []);
}

#[test]
fn the_first_pattern_that_matches_gives_the_expected_verdict() {
    let lowered = plan(
        r#"Job(name: "x", matrix: {"a": ["p", "q"], "b": ["s", "t"]}, command: ["e"],
            expect: {"p/s": "one", "t": "two", "p/*": "three", "zz": "four"})"#,
    );
    let expected: Vec<_> = lowered.plan.queries.iter().map(|query| query.expect.as_deref()).collect();
    assert_eq!(expected, [Some("one"), Some("two"), None, Some("two")]);
    assert!(warnings(&lowered).contains("the pattern `zz` in `expect` matches nothing"));
    assert_eq!(lowered.warnings.len(), 1);
    let all = plan(r#"Job(name: "x", commands: [(id: "q", run: ["a"])], expect: "ok")"#);
    assert_eq!(all.plan.queries[0].expect.as_deref(), Some("ok"));
    assert_eq!(one(r#"expect: "failed""#).expect.as_deref(), Some("failed"));
}

#[test]
fn ids_come_from_the_spec_the_values_or_the_number() {
    assert_eq!(ids_of(r#"Job(name: "x", commands: [(run: ["a"]), (id: "b", run: ["a"])])"#), ["1", "b"]);
    let text = r#"Job(name: "x", matrix: {"a": ["-O 2", "x/y"], "n": [1]}, command: ["e"])"#;
    assert_eq!(ids_of(text), ["x-O_2/1", "x/y/1"]);
}

#[test]
fn ids_made_from_an_index_are_warned_about() {
    for text in [
        r#"Job(name: "x", commands: [(run: ["a"]), (run: ["b"])])"#,
        r#"Job(name: "x", matrix: {"a": ["x", "y"]}, id: "q{{ a.index }}", command: ["e"])"#,
        r#"Job(name: "x", matrix: {"a": ["x", "y"]}, id: "q{{ a.index + 1 }}", command: ["e"])"#,
    ] {
        let lowered = plan(text);
        assert_eq!(lowered.warnings.len(), 1, "{text}");
        assert!(warnings(&lowered).contains("made from an index"), "{text}");
    }
    assert!(plan(r#"Job(name: "x", commands: [(run: ["a"])])"#).warnings.is_empty());
}
