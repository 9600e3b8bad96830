//! A hundred thousand queries: they come in order and stay small.

use std::collections::HashSet;
use std::sync::Arc;

use provisor_core::Query;

use crate::support::{ids, plan};

const MANY: &str = r#"Job(
    name: "many",
    matrix: {"x": 1..=100, "y": 0..1000},
    command: ["sh", "-c", "exit 0", "{{ x }}", "size-{{ y }}"],
    env: {"MODE": "fast"},
    inputs: ["data"],
    expect: {"7": "ok", "100/*": "failed"},
)"#;

#[test]
fn a_hundred_thousand_queries_come_in_order() {
    let lowered = plan(MANY);
    assert_eq!(lowered.plan.queries.len(), 100_000);
    assert_eq!(ids(&lowered)[0], "1/0");
    assert_eq!(ids(&lowered)[99_999], "100/999");
}

/// The bytes of what a query has for itself, with the two counters of each `Arc`.
fn own_bytes(query: &Query, seen: &mut HashSet<*const u8>) -> usize {
    let mut text = |text: &Arc<str>| if seen.insert(text.as_ptr()) { text.len() + 16 } else { 0 };
    let texts: usize = query.command.argv.iter().chain(&query.axes).map(&mut text).sum();
    let lists = (query.command.argv.len() + query.axes.len()) * size_of::<Arc<str>>();
    size_of::<Query>() + texts + text(&query.id) + lists
}

#[test]
fn a_query_is_small_and_shares_what_it_can() {
    assert!(size_of::<Query>() <= 360, "{}", size_of::<Query>());
    let queries = plan(MANY).plan.queries;
    let mut seen = HashSet::new();
    let bytes: usize = queries.iter().map(|query| own_bytes(query, &mut seen)).sum();
    assert!(bytes / queries.len() < 600, "{} bytes a query", bytes / queries.len());
    let (first, last) = (&queries[0], &queries[99_999]);
    assert!(Arc::ptr_eq(&first.judging, &last.judging));
    assert!(Arc::ptr_eq(&first.retry, &last.retry));
    assert!(Arc::ptr_eq(&first.inputs, &last.inputs));
    assert!(Arc::ptr_eq(&first.command.env, &last.command.env));
    assert!(Arc::ptr_eq(&first.command.cwd, &last.command.cwd));
    assert!(Arc::ptr_eq(&first.command.argv[0], &last.command.argv[0]));
    assert!(Arc::ptr_eq(&queries[0].command.argv[3], &queries[1].command.argv[3]));
}

#[test]
fn hosts_of_their_own_share_what_they_have_in_common_too() {
    let hosts: String = (0..2000).map(|host| format!("\"h{host}\": (limits: (wall: \"5m\")),")).collect();
    for more in
        [r#"rules: [(on: Regex("(a|b)+"), verdict: "ok")], retry: (times: 1)"#, r#"preset: "proverif""#, ""]
    {
        let lowered = plan(&format!(
            r#"Job(name: "many", each: ("host", {{{hosts}}}), command: ["echo", "{{{{ host }}}}"], {more})"#
        ));
        let queries = &lowered.plan.queries;
        assert_eq!(queries.len(), 2000);
        assert!(Arc::ptr_eq(&queries[0].judging, &queries[1999].judging), "{more}");
        assert!(Arc::ptr_eq(&queries[0].retry, &queries[1999].retry), "{more}");
        assert!(Arc::ptr_eq(&queries[0].command.env, &queries[1999].command.env), "{more}");
    }
}
