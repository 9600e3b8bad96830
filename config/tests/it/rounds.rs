//! Queries that are asked again and again, as a spec says them.

use std::time::Duration;

use provisor_core::backoff::Backoff;
use provisor_core::dice::Share;
use provisor_core::periodic::{Overlap, Schedule};
use provisor_core::plan::Care;

use crate::support::{plan, refusal};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn rounds(every: u64, jitter: u64, overlap: Overlap, host: Option<&str>, keep_last: usize) -> Option<Care> {
    let schedule = Schedule { every: secs(every), jitter: secs(jitter), overlap };
    Some(Care::Rounds { schedule, host: host.map(Into::into), keep_last })
}

#[test]
fn what_is_asked_again_says_when_and_each_key_may_say_it_for_itself() {
    let plan = plan(
        r#"Job(
            name: "poll",
            each: ("host", {"a": (), "b": (every: "5m", jitter: "1m", keep_last: 3), "c": (overlap: Kill)}),
            command: ["ping", "{{ host }}"],
            every: "30s", jitter: "3s", overlap: Queue, keep_last: 100,
            spare_hosts: (first: "1m", longest: "10m", jitter: 0.5),
        )"#,
    )
    .plan;
    let care: Vec<_> = plan.queries.iter().map(|query| query.care.as_deref().cloned()).collect();
    assert_eq!(
        care,
        [
            rounds(30, 3, Overlap::Queue, Some("a"), 100),
            rounds(300, 60, Overlap::Queue, Some("b"), 3),
            rounds(30, 3, Overlap::Kill, Some("c"), 100),
        ]
    );
    let jitter = Share::new(0.5).expect("a share");
    assert_eq!(plan.spare, Some(Backoff { first: secs(60), longest: secs(600), jitter }));
}

#[test]
fn several_that_ask_the_same_host_are_of_one_host_and_others_of_none() {
    let care = |spec: &str| -> Vec<_> {
        plan(spec).plan.queries.iter().map(|query| query.care.as_deref().cloned()).collect()
    };
    let matrix = r#"Job(
        name: "poll", matrix: {"oid": ["x", "y"], "host": ["a"]}, command: ["get", "{{ host }}", "{{ oid }}"],
        every: "1s",
    )"#;
    assert_eq!(care(matrix), [(); 2].map(|()| rounds(1, 0, Overlap::Skip, Some("a"), 1)));
    let commands = r#"Job(
        name: "poll", commands: [(id: "a", run: ["a"], every: "1s"), (id: "b", run: ["b"])],
    )"#;
    assert_eq!(care(commands), [rounds(1, 0, Overlap::Skip, None, 1), None]);
}

#[test]
fn what_is_wrong_with_rounds_is_said_with_its_place() {
    let job = |job: &str, command: &str| {
        format!("Job(\n    name: \"x\",\n    {job}\n    commands: [(id: \"q\", run: [\"a\"], {command})],\n)")
    };
    let specs = [
        job("overlap: Kill,", "jitter: \"1s\", keep_last: 3"),
        job("every: \"0s\",", ""),
        job("every: \"soon\",", "jitter: 5"),
        job("every: \"1s\",", "jitter: \"2s\", keep_last: 0"),
        job("keep_last: -1,", "every: \"1s\""),
        job("groups: {\"db\": ()},", "every: \"1s\", group: \"db\""),
        job("", "every: \"1s\", overlap: Wait"),
        job("spare_hosts: (first: \"1m\"),", "every: \"1s\""),
        job("spare_hosts: (first: \"1m\", jitter: 3.0),", "every: \"1s\""),
    ];
    let told: Vec<_> = specs.iter().map(|spec| format!("{spec}\n\n{}", refusal(spec))).collect();
    insta::assert_snapshot!(told.join(&format!("\n{}\n", "=".repeat(80))));
}
