//! What can be wrong with a study: a sentence with its place, and no plan.

use crate::study::{SCENARIOS, folder, study};
use crate::support::Folder;

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let good = "free c: channel.\nquery attacker(c).\nprocess 0";
    let files = |model: &str, queries: &str| {
        Folder::with(&[("m.pv", model), ("q.pv", queries), ("n/m.pv", good), ("s.pv", "(* open")])
    };
    let one = r#"scenarios: [(id: "a")],"#;
    for (model, queries, fields, said) in [
        ("free c: channel.", "", one, "m.pv:1:17"),
        ("(* open\nprocess 0", "", one, "m.pv:1:1"),
        (good, "free d: channel.", r#"queries: Declarations("q.pv"),"#, "q.pv:1:1"),
        (good, "", r#"scenarios: [(id: "a", vars: {"leak": "k"})],"#, "no template uses `leak`"),
        (
            "(* leak *) process 0",
            "",
            r#"scenarios: [(id: "a", vars: {"leak": "k"})],"#,
            "no template uses `leak`",
        ),
        (good, "", r#"scenarios: [(id: "a"), (id: "a")],"#, "two scenarios are called `a`"),
        (good, "", r#"scenarios: [(id: "a/b")],"#, "`a/b` is no name of a scenario"),
        (
            "free c: channel.\nquery attacker(c).\nquery attacker(c).\nprocess 0",
            "",
            one,
            "two queries become `attacker_c`",
        ),
        (
            good,
            "",
            r#"scenarios: [(id: "a"), (id: "b")], stronger_than: {"a": ["b"], "b": ["a"]},"#,
            "`b` cannot be stronger than `a`",
        ),
        (good, "", r#"scenarios: [(id: "alpha")], stronger_than: {"alhpa": []},"#, "did you mean `alpha`?"),
        (good, "", r#"templates: M4,"#, "the models are rendered by m4, which cannot be run"),
        ("{{ laek }} {{ leak }}", "", r#"scenarios: [(id: "a", vars: {"leak": "x"})],"#, "m.pv:1:4"),
        ("\n{% if %}", "", one, "m.pv:2"),
        (
            "process {{ leak }}",
            "",
            r#"scenarios: [(id: "a"), (id: "b", vars: {"leak": "0"})],"#,
            "a value that this scenario does not have",
        ),
        (good, "", r#"settings: {"a b": 1},"#, "a setting has a name"),
        (good, "", "html: true, graph: true,", "`html` and `graph` cannot both be on"),
        (good, "", r#"queries: Secrets(["zzz"]),"#, "nothing in m.pv matches `zzz`"),
        (good, "", r#"scenarios: [(id: "a", file: "nosuch.pv")],"#, "cannot read"),
        (good, "", r#"scenarios: Subsets(of: ["k", "k"]),"#, "two scenarios are called"),
        (good, "", "scenario: 1,", "did you mean `scenarios`?"),
    ] {
        let message = files(model, queries).refusal(&study(fields, ""));
        assert!(message.contains(said), "{fields}: {message}");
    }
    let twice = files(good, "").refusal(&study(one, "").replace("[\"m.pv\"]", "[\"m.pv\", \"n/m.pv\"]"));
    assert!(twice.contains("two models are called `m`"), "{twice}");
    for (beside, said) in [
        (r#"command: ["x"]"#, "`command` cannot stand beside `study`"),
        (r#"matrix: {"a": [1]}"#, "cannot stand in one job"),
        (r#"preset: "smt""#, "the preset is not that of the study's tool"),
        (r#"exclude: [{"scenario": "*"}]"#, "no query is left"),
    ] {
        let message = files(good, "").refusal(&study(one, beside));
        assert!(message.contains(said), "{beside}: {message}");
    }
}

#[test]
fn a_folder_that_means_something_to_a_shell_is_refused_for_pages() {
    let folder = folder();
    let text = study(&format!("html: true, {SCENARIOS}"), "");
    let message = folder.refusal_in(&text, "/tmp/my runs");
    assert!(message.contains("gives the folder of -html to a shell"), "{message}");
    assert!(message.contains("provisor run -o DIR"), "{message}");
    folder.plan_in(&study(SCENARIOS, ""), "/tmp/my runs");
}
