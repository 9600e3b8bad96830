//! The signs of life that queries owe, as a spec says them.

use std::sync::Arc;
use std::time::Duration;

use provisor_core::health::Probe;

use crate::support::{plan, refusal};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn a_probe_is_a_command_of_its_own_and_a_line_may_be_owed_beside_it() {
    let plan = plan(
        r#"Job(
            name: "services",
            env: {"MODE": "fast"},
            each: ("port", {
                "8080": (),
                "8081": (health: (probe: ["./ask", "{{ port }}"], every: "1m")),
                "8082": (health: (line_every: "5m"), limits: (silence: "1h")),
                "8083": (health: (probe: ["./ask", "{{ port }}"], every: "1m")),
            }),
            command: ["serve", "{{ port }}"],
            health: (
                line_every: "1h",
                probe: ["curl", "-sf", "http://127.0.0.1:{{ port }}/"], every: "10s", within: "2s", failures: 5,
            ),
        )"#,
    )
    .plan;
    let health: Vec<_> = plan.queries.iter().map(|query| query.health.as_deref().cloned()).collect();
    let url = "http://127.0.0.1:8080/";
    let own =
        |port| Probe::new([format!("{}/ask", plan.queries[0].command.cwd.display()), port]).every(secs(60));
    assert_eq!(
        health,
        [
            Some(Probe::new(["curl", "-sf", url]).every(secs(10)).within(secs(2)).failures(5)),
            Some(own("8081".to_owned())),
            None,
            Some(own("8083".to_owned())),
        ],
        "the inner one goes before the outer one, as a whole"
    );
    let silence: Vec<_> = plan.queries.iter().map(|query| query.limits.silence).collect();
    assert_eq!(
        silence,
        [Some(secs(3600)), None, Some(secs(300)), None],
        "who has to print and does not is silent"
    );
}

#[test]
fn queries_that_are_asked_the_same_share_it() {
    let plan = plan(
        r#"Job(
            name: "x",
            matrix: {"n": 1..=3},
            command: ["serve", "{{ n }}"],
            health: (probe: ["test", "-e", "up"]),
        )"#,
    )
    .plan;
    let health: Vec<_> = plan.queries.iter().filter_map(|query| query.health.as_ref()).collect();
    assert_eq!((health.len(), &**health[0]), (3, &Probe::new(["test", "-e", "up"])));
    assert!(Arc::ptr_eq(health[0], health[2]));
}

#[test]
fn what_is_wrong_with_health_is_said_with_its_place() {
    let specs = [
        "()",
        r#"(every: "10s", failures: 3)"#,
        r#"(line_every: "5m", within: "2s")"#,
        r#"(line_every: "0s")"#,
        "(probe: [])",
        r#"(probe: [""])"#,
        r#"(probe: "curl")"#,
        r#"(probe: ["curl", "{{ port }}"])"#,
        r#"(probe: ["curl"], every: "1s", within: "2s")"#,
        r#"(probe: ["curl"], within: "1m")"#,
        r#"(probe: ["curl"], every: "0s", failures: 0)"#,
        r#"(probe: ["curl"], failures: "3")"#,
        r#"(probes: ["curl"])"#,
    ];
    let told = specs.map(|health| {
        let spec = format!(
            "Job(\n    name: \"x\",\n    commands: [(id: \"q\", run: [\"a\"])],\n    health: {health},\n)"
        );
        format!("{spec}\n\n{}", refusal(&spec))
    });
    insta::assert_snapshot!(told.join(&format!("\n{}\n", "=".repeat(80))));
}
