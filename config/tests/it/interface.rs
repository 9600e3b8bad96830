//! The specs of the interface document, word for word.

use std::time::Duration;

use provisor_core::plan::{RetryOn, Reuse, Stdin};
use provisor_core::proverif::{EarlyStop, ProVerif};
use provisor_core::rules::Pattern;
use provisor_core::verdict::Preset;

use crate::support::{Folder, argv, ids, plan, refusal, warnings};

const COMMANDS: &str = r#"Job(                                        // a plain list of commands
    name: "nightly",
    slots: 2,                               // default: one per CPU
    limits: (wall: "48h", silence: "2h", grace: "5s", total: "72h"),
    commands: [
        (id: "bench-small", run: ["./bench", "--size", "1000000"]),
        (id: "bench-big", run: ["./bench", "--size", "1000000000"], limits: (wall: "1h")),
        (id: "from-stdin", run: ["z3", "-in"], stdin: File("goal.smt2"), preset: "smt"),   // or stdin: Text("...")
    ],
)
"#;

const MATRIX: &str = r#"Job(                                        // a matrix: 42 x 9 = 378 queries
    name: "tls13-reachability",
    matrix: {                               // axes keep this order; the first changes slowest
        "scenario": Glob("scenarios/*.pvl"),    // sorted by path
        "query": Glob("queries/*.pv"),          // also a list, Lines("file") (blank lines and # lines left out), 1..=9
    },
    exclude: [{"scenario": "0rtt-replay", "query": "injective_*"}],
    id: "{{ scenario.stem }}/{{ query.stem }}",
    command: ["proverif", "-lib", "{{ scenario.path }}", "{{ query.path }}"],
    env: {"LC_ALL": "C"},                   // on top of PATH HOME USER LANG LC_* TMPDIR TZ; `inherit_env: All` for everything
    preset: ProVerif(early_stop: OnGoalReachable),
    retry: (times: 2, on: [NotStarted, Signal, ExitCode(75)], backoff: "1s"),
    expect: {"*": "reachable"},
    record: true,
)
"#;

const EACH: &str = r#"Job(                                        // hosts with overrides: the SNMP poll
    name: "snmp-inventory",
    vars: {"community": "public", "oid": "1.3.6.1.2.1.1.1.0"},
    each: ("host", {
        "127.0.0.1:1161": (),               // default id: the key, other bytes than below become _, a clash is an error
        "core.lab": (vars: {"oid": "1.3.6.1.2.1.31"}, limits: (wall: "5m")),
        "old.lab": (vars: {"community": "s3cret"}, retry: (times: 3, backoff: "5s")),
    }),
    command: ["snmpget", "-v2c", "-c", "{{ community }}", "{{ host }}", "{{ oid }}"],
    rules: [(on: Regex("^(\\S+) = (.*)$"), verdict: "ok", value: Group(2))],
    slots: 32,
    limits: (wall: "30s"),
)
"#;

#[test]
fn a_plain_list_of_commands() {
    let lowered = plan(COMMANDS);
    assert_eq!(ids(&lowered), ["bench-small", "bench-big", "from-stdin"]);
    let plan = &lowered.plan;
    assert_eq!((&*plan.job, plan.slots, plan.reuse), ("nightly", 2, Reuse::Conclusive));
    assert_eq!(plan.total, Some(Duration::from_secs(72 * 3600)));
    assert!(plan.axes.is_empty());
    let [small, big, stdin] = &plan.queries[..] else { panic!("not three") };
    assert_eq!(argv(small), ["/spec/bench", "--size", "1000000"]);
    assert_eq!(small.limits.wall, Some(Duration::from_secs(48 * 3600)));
    assert_eq!(big.limits.wall, Some(Duration::from_secs(3600)));
    assert_eq!(big.limits.silence, Some(Duration::from_secs(2 * 3600)));
    assert_eq!(big.limits.grace, Duration::from_secs(5));
    assert_eq!(argv(stdin), ["z3", "-in"]);
    assert_eq!(stdin.command.stdin, Stdin::File(std::path::Path::new("/spec/goal.smt2").into()));
    assert_eq!(small.judging.preset, Some(Preset::ExitCode));
    assert!(matches!(&stdin.judging.preset, Some(Preset::Tool(tool)) if &*tool.name == "smt"));
    assert!(warnings(&lowered).is_empty());
    assert_eq!(&*lowered.text, COMMANDS);
}

#[test]
fn a_matrix() {
    let folder = Folder::with(&[
        ("scenarios/plain.pvl", ""),
        ("scenarios/0rtt-replay.pvl", ""),
        ("queries/injective_auth.pv", "query attacker(s).\nprocess 0"),
        ("queries/reach.pv", "query attacker(s).\nprocess 0"),
    ]);
    let lowered = folder.plan(MATRIX);
    assert_eq!(ids(&lowered), ["0rtt-replay/reach", "plain/injective_auth", "plain/reach"]);
    let plan = &lowered.plan;
    assert_eq!(plan.axes.iter().map(|axis| &**axis).collect::<Vec<_>>(), ["scenario", "query"]);
    assert_eq!((plan.slots, plan.reuse), (3, Reuse::Conclusive));
    let query = &plan.queries[1];
    assert_eq!(argv(query), ["proverif", "-lib", "scenarios/plain.pvl", "queries/injective_auth.pv"]);
    assert_eq!(&*query.axes, ["scenarios/plain.pvl".into(), "queries/injective_auth.pv".into()]);
    assert_eq!(query.command.env.set, [("LC_ALL".into(), "C".into())]);
    assert_eq!(&*query.command.cwd, folder.path());
    let reading = ProVerif { early_stop: EarlyStop::OnGoalReachable, ..ProVerif::default() };
    assert_eq!(query.judging.preset, Some(Preset::ProVerif(reading)));
    assert_eq!((query.retry.times, query.retry.backoff), (2, Duration::from_secs(1)));
    assert_eq!(query.retry.on, [RetryOn::NotStarted, RetryOn::Signal, RetryOn::ExitCode(75)]);
    assert_eq!(query.expect.as_deref(), Some("reachable"));
    assert!(query.record);
    assert!(warnings(&lowered).is_empty(), "{}", warnings(&lowered));
}

#[test]
fn hosts_with_overrides() {
    let lowered = plan(EACH);
    assert_eq!(ids(&lowered), ["127.0.0.1_1161", "core.lab", "old.lab"]);
    let plan = &lowered.plan;
    assert_eq!((plan.slots, plan.reuse), (32, Reuse::Unfinished));
    assert_eq!(&*plan.axes, ["host".into()]);
    let [local, core, old] = &plan.queries[..] else { panic!("not three") };
    assert_eq!(argv(local), ["snmpget", "-v2c", "-c", "public", "127.0.0.1:1161", "1.3.6.1.2.1.1.1.0"]);
    assert_eq!(argv(core)[4..], ["core.lab", "1.3.6.1.2.1.31"]);
    assert_eq!(core.limits.wall, Some(Duration::from_secs(300)));
    assert_eq!(argv(old)[3], "s3cret");
    assert_eq!((old.retry.times, old.retry.backoff), (3, Duration::from_secs(5)));
    assert!(old.retry.on.contains(&RetryOn::NoVerdict));
    assert_eq!(local.retry.times, 0);
    assert_eq!(local.limits.wall, Some(Duration::from_secs(30)));
    assert_eq!(local.judging.preset, None);
    let rule = &local.judging.rules[0];
    assert_eq!(rule.on, Pattern::Regex("^(\\S+) = (.*)$".into()));
    assert_eq!((rule.verdict.as_deref(), rule.value), (Some("ok"), Some(2)));
    assert!(warnings(&lowered).is_empty());
}

#[test]
fn a_form_for_later_is_refused_by_name() {
    let message = refusal(r#"Job(name: "x", launcher: Local, commands: [(id: "a", run: ["a"])])"#);
    assert!(message.contains("`launcher` is not supported yet"), "{message}");
    assert!(message.contains("job.ron:1:"), "{message}");
}
