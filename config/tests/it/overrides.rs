//! What the command line says in place of a spec.

use std::time::Duration;

use provisor_config::Overrides;
use provisor_core::plan::Containment;

use crate::support::{argv, ids, plan, plan_with, refusal, refusal_with, warnings};

const TWO: &str = r#"Job(name: "x", slots: 2, vars: {"v": "a"}, limits: (wall: "1h", total: "1h"), commands: [
    (id: "g/a", run: ["{{ v }}"], limits: (wall: "2h")), (id: "g/b", run: ["e"], vars: {"v": "b"})])"#;

#[test]
fn the_command_line_goes_before_the_spec() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let overrides = Overrides {
        slots: Some(7),
        wall: seconds(1),
        silence: seconds(2),
        memory: Some(5),
        grace: seconds(3),
        total: seconds(4),
        containment: Some(Containment::Sweep),
        set: vec![("v".into(), "{{ set }}".into())],
        only: Vec::new(),
        record: true,
    };
    let lowered = plan_with(TWO, overrides);
    assert_eq!((lowered.plan.slots, lowered.plan.total), (7, seconds(4)));
    for query in &lowered.plan.queries {
        let limits = (query.limits.wall, query.limits.silence, Some(query.limits.grace));
        assert_eq!(limits, (seconds(1), seconds(2), seconds(3)));
        assert_eq!(query.limits.memory, Some(5));
        assert!(query.record);
    }
    assert_eq!(argv(&lowered.plan.queries[0]), ["{{ set }}"]);
    let none = Overrides { slots: Some(0), ..Overrides::default() };
    assert!(refusal_with(TWO, none).contains("0 is no number of slots"));
}

#[test]
fn slots_are_the_cpus_where_nobody_says_anything() {
    let lowered = plan(r#"Job(name: "x", commands: [(id: "q", run: ["a"])])"#);
    assert_eq!(lowered.plan.slots, 3);
}

#[test]
fn only_keeps_those_that_match() {
    let only = |patterns: &[&str]| Overrides {
        only: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
        ..Overrides::default()
    };
    assert_eq!(ids(&plan_with(TWO, only(&["b"]))), ["g/b"]);
    assert_eq!(ids(&plan_with(TWO, only(&["g/*"]))), ["g/a", "g/b"]);
    let lowered = plan_with(TWO, only(&["a", "zz"]));
    assert_eq!(ids(&lowered), ["g/a"]);
    assert!(warnings(&lowered).contains("the pattern `zz` in `--only` matches nothing"));
    insta::assert_snapshot!(refusal_with(TWO, only(&["zz", "[", "g"])));
    assert!(refusal_with(TWO, only(&["zz"])).contains("no query is left after `--only`"));
}

#[test]
fn a_variable_that_is_set_in_vain_is_told() {
    let set = |name: &str| Overrides { set: vec![(name.into(), "1".into())], ..Overrides::default() };
    let unused = r#"Job(name: "x", vars: {"word": 1}, each: ("e", {"a": (vars: {"own": 2}), "b": ()}),
        command: ["e", "{{ other }}"], exclude: [{"e": "a"}])"#;
    let with_other = |name: &str| {
        let set = [("other", "1"), (name, "1")].map(|(name, value)| (name.into(), value.into()));
        Overrides { set: set.into(), ..Overrides::default() }
    };
    for defined in ["word", "own"] {
        let told = warnings(&plan_with(unused, with_other(defined)));
        assert!(told.contains(&format!("no template uses `{defined}`")), "{told}");
    }
    for (slip, hint) in [
        ("wrod", "did you mean `word`?"),
        ("othr", "did you mean `other`?"),
        ("zzz", "known here: `other`, `own`, `word`"),
    ] {
        let told = refusal_with(unused, with_other(slip));
        assert!(told.contains(&format!("a value to `{slip}`, which no template uses")), "{told}");
        assert!(told.contains(hint), "{told}");
    }
    let other_fault =
        r#"Job(name: "x", matrix: {"n": []}, command: ["{{ w }}"], id: "{{", limits: (wall: "x"))"#;
    assert!(!refusal_with(other_fault, set("zzz")).contains("zzz"), "one fault at a time");
    assert!(refusal_with(TWO, set("provisor")).contains("`provisor` means something else"));
    assert!(refusal_with(TWO, set("a-b")).contains("call it `a_b`"));
    let counted = r#"Job(name: "x", vars: {"k": 2}, commands: [(id: "q", run: ["{{ k + 1 }}{{ k }}"])])"#;
    assert_eq!(
        argv(
            &plan_with(counted, Overrides { set: vec![("k".into(), "5".into())], ..Overrides::default() })
                .plan
                .queries[0]
        ),
        ["65"]
    );
    let undeclared = r#"Job(name: "x", commands: [(id: "q", run: ["{{ w }}"])])"#;
    assert_eq!(argv(&plan_with(undeclared, set("w")).plan.queries[0]), ["1"]);
}

#[test]
fn containment_is_the_jobs_and_the_command_line_goes_before_it() {
    let spec = |word: &str| format!(r#"Job(name: "x", {word} commands: [(id: "q", run: ["a"])])"#);
    let asked = |word: &str| plan(&spec(word)).plan.containment;
    assert_eq!(asked(""), Containment::Auto);
    for containment in Containment::ALL {
        assert_eq!(asked(&format!("containment: {containment:?},")), containment);
    }
    let overrides = Overrides { containment: Some(Containment::Group), ..Overrides::default() };
    assert_eq!(plan_with(&spec("containment: Cgroup,"), overrides).plan.containment, Containment::Group);
    let inner = r#"Job(name: "x", commands: [(id: "q", run: ["a"], containment: Sweep)])"#;
    assert!(refusal(inner).contains("containment"), "it is the whole job's");
    assert!(refusal(&spec("containment: Docker,")).contains("Namespace"), "what there is, is told");
}
