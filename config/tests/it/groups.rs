//! Groups of queries that are looked after, as a spec says them.

use std::time::Duration;

use provisor_core::backoff::Backoff;
use provisor_core::dice::Share;
use provisor_core::plan::Care;
use provisor_core::supervision::{GroupSettings, Intensity, MemberSettings, Restart, Shutdown, Strategy};

use crate::support::{plan, refusal};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn a_group_of_the_whole_job_has_all_its_queries_and_each_may_say_how_it_is_looked_after() {
    let plan = plan(
        r#"Job(
            name: "services",
            group: (
                strategy: RestForOne, intensity: (3, "30s"), shutdown: After("2s"), restart: Permanent,
                backoff: (first: "1s", longest: "1m", jitter: 0.5),
            ),
            restart: Permanent,
            commands: [
                (id: "a", run: ["a"]),
                (id: "b", run: ["b"], restart: Temporary, shutdown: Kill, limits: (silence: "1m")),
                (id: "c", run: ["c"], shutdown: Infinity, health: (line_every: "5m"), limits: (silence: "1h")),
            ],
        )"#,
    )
    .plan;
    let group = &plan.groups[0];
    let settings = GroupSettings {
        strategy: Strategy::RestForOne,
        intensity: Intensity { restarts: 3, within: secs(30) },
        shutdown: Shutdown::After(secs(2)),
        backoff: Some(Backoff { first: secs(1), longest: secs(60), jitter: Share::new(0.5).unwrap() }),
        restart: Restart::Permanent,
    };
    assert_eq!(
        (plan.groups.len(), &*group.name, group.settings, group.parent),
        (1, "services", settings, None)
    );
    let member =
        |restart, shutdown| Some(Care::Member { group: 0, settings: MemberSettings { restart, shutdown } });
    let care: Vec<_> = plan.queries.iter().map(|query| query.care.as_deref().cloned()).collect();
    assert_eq!(
        care,
        [
            member(Restart::Permanent, None),
            member(Restart::Temporary, Some(Shutdown::Kill)),
            member(Restart::Permanent, Some(Shutdown::Infinity)),
        ]
    );
    let silence: Vec<_> = plan.queries.iter().map(|query| query.limits.silence).collect();
    assert_eq!(silence, [None, Some(secs(60)), Some(secs(300))], "who has to print and does not is silent");
}

#[test]
fn groups_have_names_and_stand_in_each_other() {
    let plan = plan(
        r#"Job(
            name: "x",
            groups: {"top": (strategy: OneForAll), "db": (within: "top", restart: Temporary)},
            commands: [(id: "a", run: ["a"], group: "db"), (id: "b", run: ["b"], group: "top"), (id: "c", run: ["c"])],
        )"#,
    )
    .plan;
    let parents: Vec<_> = plan.groups.iter().map(|group| (&*group.name, group.parent)).collect();
    assert_eq!(parents, [("top", None), ("db", Some(0))]);
    let groups: Vec<_> = plan
        .queries
        .iter()
        .map(|query| match query.care.as_deref() {
            Some(Care::Member { group, .. }) => Some(*group),
            Some(Care::Rounds { .. } | Care::Entrant { .. }) | None => None,
        })
        .collect();
    assert_eq!(groups, [Some(1), Some(0), None]);
}

#[test]
fn what_is_wrong_with_groups_is_said_with_its_place() {
    let job = |job: &str, command: &str| {
        format!("Job(\n    name: \"x\",\n    {job}\n    commands: [(id: \"q\", run: [\"a\"], {command})],\n)")
    };
    let specs = [
        job("", "group: \"db\""),
        job("groups: {\"db\": (within: \"top\"), \"top\": ()},", "group: \"bd\""),
        job("", "group: (strategy: OneForAll)"),
        job("group: (within: \"x\"),", ""),
        job("groups: {\"a/b\": ()},", ""),
        job("restart: Permanent,", "shutdown: Kill"),
        job("shutdown: After(\"1s\"),", ""),
        job("group: (strategy: OneForSome),", ""),
        job("group: (intensity: (3, \"30\"), backoff: (first: \"1s\", jitter: 2.0)),", ""),
        job("group: (shutdown: After(5)),", "health: (line_every: \"0s\")"),
        job("group: OneForAll,", ""),
    ];
    let told: Vec<_> = specs.iter().map(|spec| format!("{spec}\n\n{}", refusal(spec))).collect();
    insta::assert_snapshot!(told.join(&format!("\n{}\n", "=".repeat(80))));
}
