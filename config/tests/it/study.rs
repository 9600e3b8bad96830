//! `study`: models, scenarios and queries become commands with files of their own.
#![expect(clippy::unwrap_used, reason = "a test that cannot find its query has failed")]

use std::collections::BTreeSet;

use provisor_config::Lowered;
use provisor_core::Query;
use provisor_core::plan::{Condition, Only, Prune, Reuse, Stdin};
use provisor_core::proverif::{ProVerif, Weakened};
use provisor_core::verdict::Preset;

use crate::support::{Folder, argv, ids, warnings};

/// A model with three queries, a leak that a scenario may ask for, and a lemma where it is wanted.
pub(crate) fn model(more: &str) -> String {
    format!(
        r"free c: channel.
free s: bitstring [private].
free t: bitstring [private].
event done(bitstring).
event begun(bitstring).
(* @query keeps_s *)
query attacker(s).
query x: bitstring; event(done(x)) ==> event(begun(x)).
(* @sanity ends *)
query x: bitstring; event(done(x)).
{more}
process
    {{% if leak == 's' %}} out(c, s); {{% endif %}} event begun(t); event done(t); out(c, t)
"
    )
}

pub(crate) const SCENARIOS: &str =
    r#"scenarios: [(id: "none", vars: {"leak": "no"}), (id: "leaks", vars: {"leak": "s"})]"#;

pub(crate) fn study(fields: &str, more: &str) -> String {
    format!("Job(name: \"x\", study: (tool: ProVerif, models: [\"m.pv\"],\n    {fields}),\n    {more})")
}

pub(crate) fn folder() -> Folder {
    Folder::with(&[("m.pv", &model(""))])
}

fn query<'l>(lowered: &'l Lowered, id: &str) -> &'l Query {
    lowered
        .plan
        .queries
        .iter()
        .find(|query| *query.id == *id)
        .unwrap_or_else(|| panic!("no {id}: {:?}", ids(lowered)))
}

fn reading(query: &Query) -> ProVerif {
    match query.judging.preset {
        Some(Preset::ProVerif(reading)) => reading,
        ref other => panic!("{other:?}"),
    }
}

/// What stands in the file of a query.
fn text(lowered: &Lowered, id: &str) -> String {
    let place = lowered.plan.queries.iter().position(|query| *query.id == *id).unwrap();
    let made = lowered.made.iter().find(|made| made.place == place).unwrap();
    assert_eq!(*made.name, *format!("queries/{id}.pv"));
    String::from_utf8(made.bytes()).unwrap()
}

#[test]
fn every_query_of_every_model_in_every_scenario_is_a_command() {
    let lowered = folder().plan(&study(SCENARIOS, ""));
    let wanted = [
        "m/none/keeps_s",
        "m/none/done_begun",
        "m/none/ends",
        "m/leaks/keeps_s",
        "m/leaks/done_begun",
        "m/leaks/ends",
    ];
    assert_eq!(ids(&lowered), wanted);
    assert_eq!(
        lowered.plan.axes.iter().map(|axis| &**axis).collect::<Vec<_>>(),
        ["model", "scenario", "query"]
    );
    let keeps = query(&lowered, "m/leaks/keeps_s");
    assert_eq!(argv(keeps), ["proverif", "provisor-runs/job/queries/m/leaks/keeps_s.pv"]);
    assert_eq!(keeps.axes.iter().map(|value| &**value).collect::<Vec<_>>(), ["m", "leaks", "keeps_s"]);
    assert_eq!(lowered.plan.reuse, Reuse::Conclusive);
    assert!(warnings(&lowered).is_empty(), "{:?}", warnings(&lowered));
}

#[test]
fn the_file_of_a_query_asks_it_alone_and_keeps_the_lines() {
    let lowered = folder().plan(&study(SCENARIOS, ""));
    let (kept, leaks) = (text(&lowered, "m/none/keeps_s"), text(&lowered, "m/leaks/keeps_s"));
    assert_eq!(kept.matches("query").count(), 2, "its own, and its name in the comment: {kept}");
    assert!(kept.contains("query attacker(s).") && !kept.contains("==>"), "{kept}");
    let line = |text: &str, word: &str| text.lines().position(|line| line.contains(word));
    assert_eq!(line(&kept, "process"), line(&model(""), "process"));
    assert!(!kept.contains("out(c, s)") && leaks.contains("out(c, s)"), "{leaks}");
}

#[test]
fn a_run_directory_elsewhere_is_named_in_full() {
    let folder = folder();
    let elsewhere = folder.plan_in(&study(SCENARIOS, ""), "/tmp/out");
    assert_eq!(argv(&elsewhere.plan.queries[0]), ["proverif", "/tmp/out/queries/m/none/keeps_s.pv"]);
    let at_work = folder.plan(&study(SCENARIOS, r#"cwd: "w","#));
    let file = folder.at("provisor-runs/job/queries/m/none/keeps_s.pv");
    assert_eq!(argv(&at_work.plan.queries[0]), ["proverif", &file]);
}

#[test]
fn a_sanity_check_hopes_to_reach_what_it_asks_about() {
    let lowered = folder().plan(&study(SCENARIOS, r#"expect: {"keeps*": "true", "*": Sanity}"#));
    let ends = query(&lowered, "m/none/ends");
    assert_eq!(ends.expect.as_deref(), Some("reachable"), "as its comment says");
    assert!(reading(ends).sanity);
    let kept = query(&lowered, "m/none/keeps_s");
    assert_eq!((kept.expect.as_deref(), reading(kept).sanity), (Some("true"), false));
    let other = query(&lowered, "m/none/done_begun");
    assert_eq!(
        (other.expect.as_deref(), reading(other).sanity),
        (Some("reachable"), true),
        "as the job says"
    );
}

#[test]
fn settings_are_written_where_they_win_and_are_known_to_weaken() {
    let settings = r#"settings: {"nounifIgnoreNtimes": 3, "ends": {"reconstructTrace": false}, "traceDisplay": "none"},"#;
    let lowered = folder().plan(&study(&format!("{settings} {SCENARIOS}"), ""));
    let ends = text(&lowered, "m/none/ends");
    let sets = "set nounifIgnoreNtimes = 3. set reconstructTrace = false. set traceDisplay = none. process";
    assert!(ends.contains(sets), "{ends}");
    assert_eq!(reading(query(&lowered, "m/none/ends")).weakened, Some(Weakened::Trace));
    assert!(!text(&lowered, "m/none/keeps_s").contains("reconstructTrace"));
    let nobody = folder()
        .plan(&study(&format!(r#"settings: {{"nobody": {{"traceDisplay": "none"}}}}, {SCENARIOS}"#), ""));
    assert!(warnings(&nobody).contains("the pattern `nobody` in `settings` matches nothing"));
    assert_eq!(reading(query(&lowered, "m/none/keeps_s")).weakened, None);
}

#[test]
fn a_fast_pass_is_asked_with_the_option_and_a_full_one_without() {
    let passes = r#"passes: [Fast(wall: "10m"), Full(wall: "48h")], html: true,"#;
    let lowered = folder().plan(&study(&format!("{passes} {SCENARIOS}"), ""));
    let kept = query(&lowered, "m/none/keeps_s");
    let run = "provisor-runs/job";
    let (html, file) = (format!("{run}/html/m/none/keeps_s"), format!("{run}/queries/m/none/keeps_s.pv"));
    let fast =
        ["proverif", "-set", "reconstructDerivation", "false", "-html", &format!("{html}/fast"), &file];
    assert_eq!(argv(kept), fast);
    assert_eq!(reading(kept).weakened, Some(Weakened::Derivation));
    let full = kept.asking(1).unwrap();
    let words: Vec<&str> = full.command.argv.iter().map(|word| &**word).collect();
    assert_eq!(words, ["proverif", "-html", &format!("{html}/full"), &file]);
    assert_eq!(kept.further[0].only, Only::NotTrue);
    assert_eq!(kept.pages.as_deref(), Some("html/m/none/keeps_s/fast"));
    assert_eq!(full.pages.map(|pages| &**pages), Some("html/m/none/keeps_s/full"));
}

#[test]
fn pages_of_one_pass_lie_in_a_folder_of_the_query() {
    let lowered = folder().plan(&study(&format!("graph: true, {SCENARIOS}"), ""));
    let kept = query(&lowered, "m/none/keeps_s");
    assert_eq!(argv(kept)[1..3], ["-graph", "provisor-runs/job/graph/m/none/keeps_s"]);
    assert_eq!(kept.pages.as_deref(), Some("graph/m/none/keeps_s"));
}

#[test]
fn lemmas_are_asked_alone_and_others_may_rest_on_them() {
    let lemma = "(* @lemma ordered *)\nlemma x: bitstring; event(done(x)) ==> event(begun(x)).";
    let folder = Folder::with(&[("m.pv", &model(lemma))]);
    let own = folder.plan(&study(SCENARIOS, ""));
    assert!(own.plan.queries.iter().all(|query| query.needs.is_empty()));
    assert!(text(&own, "m/none/ordered").contains("query x: bitstring; event(done(x)) ==> event(begun(x))."));
    assert_eq!(reading(query(&own, "m/none/done_begun")).lemmas, 1, "it is proved on the way");
    let lowered = folder.plan(&study(&format!("lemmas: AsAxioms, {SCENARIOS}"), ""));
    let place = |id: &str| lowered.plan.queries.iter().position(|query| *query.id == *id).unwrap();
    for scenario in ["none", "leaks"] {
        let needs = &query(&lowered, &format!("m/{scenario}/done_begun")).needs;
        assert_eq!(needs.len(), 1);
        assert_eq!(needs[0].query as usize, place(&format!("m/{scenario}/ordered")));
        assert_eq!(needs[0].condition, Condition::Says("true".into()));
    }
    assert!(text(&lowered, "m/none/done_begun").contains("axiom x: bitstring;"));
    assert_eq!(reading(query(&lowered, "m/none/done_begun")).lemmas, 0);
}

#[test]
fn what_is_needed_is_drawn_in_by_who_is_chosen() {
    let lemma = "(* @lemma ordered *)\nlemma x: bitstring; event(done(x)) ==> event(begun(x)).";
    let folder = Folder::with(&[("m.pv", &model(lemma))]);
    let overrides =
        provisor_config::Overrides { only: vec!["m/none/done_begun".into()], ..Default::default() };
    let lowered =
        folder.parse_with(&study(&format!("lemmas: AsAxioms, {SCENARIOS}"), ""), overrides).unwrap();
    let chosen: Vec<&str> = lowered.chosen_queries().map(|query| &*query.id).collect();
    assert_eq!(chosen, ["m/none/done_begun", "m/none/ordered"]);
}

#[test]
fn scenarios_have_an_order_that_is_written_or_follows_from_sets() {
    let stronger = r#"stronger_than: {"b": ["a"], "c": ["b"]},"#;
    let three = r#"scenarios: [(id: "a"), (id: "b"), (id: "c")],"#;
    let plain = Folder::with(&[("m.pv", "free c: channel.\nquery attacker(c).\nprocess 0")]);
    let lowered = plain.plan(&study(&format!("{stronger} {three}"), "prune: Check"));
    let weaker: Vec<Vec<u32>> = lowered.plan.lattice.weaker.iter().map(|weaker| weaker.to_vec()).collect();
    assert_eq!(weaker, [vec![], vec![0], vec![0, 1]]);
    assert_eq!(lowered.plan.prune, Prune::Check);
    let cells: Vec<_> = lowered.plan.queries.iter().map(|query| query.cell.unwrap()).collect();
    assert_eq!(
        cells.iter().map(|cell| (cell.family, cell.scenario)).collect::<Vec<_>>(),
        [(0, 0), (0, 1), (0, 2)]
    );
    let sets = Folder::with(&[(
        "m.pv",
        "free c: channel.\nquery attacker(c).\nprocess {% if kA %}out(c, c);{% endif %} {% for k in subset %}{% if kB %}{% endif %}(* {{ k }} *){% endfor %} 0",
    )]);
    let lowered = sets.plan(&study(r#"scenarios: Subsets(of: ["kA", "kB"]),"#, ""));
    let of: Vec<&str> = lowered.plan.queries.iter().map(|query| &*query.axes[1]).collect();
    assert_eq!(of, ["none", "kA", "kB", "kA-kB"]);
    let weaker: Vec<Vec<u32>> = lowered.plan.lattice.weaker.iter().map(|weaker| weaker.to_vec()).collect();
    assert_eq!(weaker, [vec![], vec![0], vec![0], vec![0, 1, 2]]);
    assert!(text(&lowered, "m/kA-kB/attacker_c").contains("out(c, c);"));
    assert!(text(&lowered, "m/kA-kB/attacker_c").contains("(* kA *)(* kB *)"));
}

#[test]
fn no_answer_follows_where_other_things_are_taken_for_granted() {
    let text = "free c: channel.\nevent e.\n{% if strict %}restriction event(e) ==> false.{% endif %}\n\
                (* @query q *)\nquery attacker(c).\nprocess 0";
    let folder = Folder::with(&[("m.pv", text)]);
    let scenarios = r#"scenarios: [(id: "a", vars: {"strict": 0}), (id: "b", vars: {"strict": 0}), (id: "c", vars: {"strict": 1})],"#;
    let families = |folder: &Folder| -> Vec<u32> {
        let lowered = folder.plan(&study(scenarios, ""));
        lowered.plan.queries.iter().map(|query| query.cell.unwrap().family).collect()
    };
    assert_eq!(families(&folder), [0, 0, 1]);
    // Nor where something else is asked under the same name, be it the second in its line.
    let text = "free c: channel.\nevent e.\nquery attacker(c). (* @query q *) query \
                {% if strict %}event(e){% else %}attacker(c){% endif %}.\nprocess 0";
    assert_eq!(families(&Folder::with(&[("m.pv", text)])), [0, 1, 0, 1, 0, 2]);
}

#[test]
fn an_equivalence_is_asked_whole_and_nothing_follows_from_it() {
    let folder =
        Folder::with(&[("m.pv", "free c: channel.\nfree a, b: bitstring.\nprocess out(c, choice[a, b])")]);
    let lowered = folder.plan(&study(r#"scenarios: [(id: "a")],"#, ""));
    assert_eq!(ids(&lowered), ["m/a/equivalence"]);
    assert_eq!(query(&lowered, "m/a/equivalence").cell, None);
}

#[test]
fn queries_may_stand_in_a_file_or_be_made_of_names() {
    let folder = Folder::with(&[
        ("m.pv", &model("")),
        ("q.pv", "(* @query mine *)\nquery attacker(t).\nquery event(begun(s)).\n"),
    ]);
    let of = |queries: &str| {
        let lowered = folder.plan(&study(&format!("queries: {queries}, {SCENARIOS}"), ""));
        ids(&lowered)
            .into_iter()
            .filter_map(|id| id.strip_prefix("m/none/"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(of(r#"Declarations("q.pv")"#), ["mine", "event_begun"]);
    assert_eq!(of(r#"Secrets(["s", "t"])"#), ["secret_s", "secret_t"]);
    assert_eq!(of(r#"Events(["d*"])"#), ["event_done"]);
    let lowered = folder.plan(&study(&format!(r#"queries: Declarations("q.pv"), {SCENARIOS}"#), ""));
    let mine = text(&lowered, "m/none/mine");
    assert!(mine.contains("query attacker(t).") && !mine.contains("attacker(s)"), "{mine}");
}

#[test]
fn a_scenarios_file_is_put_in_where_it_is_asked_for_or_before_the_process() {
    // The word alone is no place for it, nor is its name.
    let plain = "free c: channel.\n(* one scenario *)\nquery attacker(c).\nprocess 0";
    let named = "free c: channel.\n(* {{ scenario.id }} *)\nquery attacker(c).\nprocess 0";
    let asks = "free c: channel.\n{{ scenario }}\n(* {{ scenario.id }} *)\nquery attacker(c).\nprocess 0";
    let before = "free k: bitstring. process 0";
    for (model, wanted) in [(plain, before), (named, before), (asks, "channel.\nfree k: bitstring.\n(* a *)")]
    {
        let folder = Folder::with(&[("m.pv", model), ("a.pv", "free k: bitstring.")]);
        let lowered = folder.plan(&study(r#"scenarios: [(id: "a", file: "a.pv")],"#, ""));
        let made = text(&lowered, "m/a/attacker_c");
        assert!(made.contains(wanted), "{made}");
    }
    let folder = Folder::with(&[("m.pv", asks), ("s/b.pv", "free k: bitstring."), ("s/a.pv", "")]);
    let lowered = folder.plan(&study(r#"scenarios: Files("s/*.pv"),"#, ""));
    assert_eq!(ids(&lowered), ["m/a/attacker_c", "m/b/attacker_c"]);
}

#[test]
fn a_model_may_say_all_that_jinja_can() {
    let text = "free c: channel.\n{% macro out(key) %}(* out {{ key }} *){% endmacro %}{% include 'parts/a.pv' %}\n\
                {% for n in range(2) %}(* {{ n }} of {{ model }} *){% endfor %}{{ out('k') }}\nquery attacker(c).\nprocess 0";
    let folder = Folder::with(&[("m.pv", text), ("parts/a.pv", "free {{ leak }}: bitstring.")]);
    let lowered = folder.plan(&study(r#"scenarios: [(id: "a", vars: {"leak": "k"})],"#, ""));
    let made = text_of(&lowered);
    assert!(made.contains("free k: bitstring.\n(* 0 of m *)(* 1 of m *)(* out k *)"), "{made}");
}

/// What stands in the first file.
fn text_of(lowered: &Lowered) -> String {
    String::from_utf8(lowered.made[0].bytes()).unwrap()
}

#[test]
fn a_hundred_queries_and_more_have_ids_and_files_of_their_own() {
    let asked: String = (0..21).map(|n| format!("(* @query q{n} *)\nquery event(e{n}(c)).\n")).collect();
    let events: String = (0..21).map(|n| format!("event e{n}(channel).\n")).collect();
    let model = format!("free c: channel.\n{events}{asked}process {{{{ leak }}}}");
    let folder = Folder::with(&[("m.pv", &model), ("n.pv", &model)]);
    let scenarios: String = (0..9).map(|n| format!(r#"(id: "s{n}", vars: {{"leak": "0"}}),"#)).collect();
    let spec = study(&format!("scenarios: [{scenarios}],"), "").replace(r#"["m.pv"]"#, r#"["m.pv", "n.pv"]"#);
    let lowered = folder.plan(&spec);
    assert_eq!((lowered.plan.queries.len(), lowered.made.len()), (378, 378));
    let files: BTreeSet<_> = lowered.made.iter().map(|made| made.name.clone()).collect();
    assert_eq!((files.len(), ids(&lowered)[377]), (378, "n/s8/q20"));
}

#[test]
fn a_model_in_latin_1_stays_so() {
    let folder = Folder::with(&[]);
    let bytes = b"free c: channel.\n(* caf\xe9 {{ leak }} *)\nquery attacker(c).\nprocess 0";
    std::fs::write(folder.path().join("m.pv"), bytes).unwrap();
    let lowered = folder.plan(&study(r#"scenarios: [(id: "a", vars: {"leak": "no"})],"#, ""));
    let made = lowered.made[0].bytes();
    assert!(made.windows(9).any(|bytes| bytes == b"caf\xe9 no *"), "{}", String::from_utf8_lossy(&made));
}

#[test]
fn what_is_not_divided_is_told_with_its_line() {
    let lib = "query attacker(c).";
    let folder = Folder::with(&[("m.pv", "free c: channel.\nprocess 0"), ("l.pvl", lib)]);
    let text = study(r#"scenarios: [(id: "a")],"#, "")
        .replace("tool: ProVerif", r#"tool: ProVerif(libs: ["l.pvl"])"#);
    let lowered = folder.plan(&text);
    assert_eq!(ids(&lowered), ["m/a/all"]);
    assert_eq!(argv(&lowered.plan.queries[0])[1..3], ["-lib", "l.pvl"]);
    let said = warnings(&lowered);
    assert!(said.contains("m.pv is not divided: the query in line 1 of a library"), "{said:?}");
}

#[test]
fn what_a_model_expects_of_itself_is_expected() {
    let text = "(* EXPECTPV\nRESULT not attacker(s[]) is false.\nRESULT not event(e) is true.\n0.1s\nEND *)\nfree c: channel.\nfree s: bitstring.\n\
                event e.\nquery attacker(s).\nquery event(e).\nprocess out(c, s)";
    let folder = Folder::with(&[("m.pv", text)]);
    let lowered = folder.plan(&study(r#"scenarios: [(id: "a")],"#, "expect: FromModels"));
    let expected: Vec<_> = lowered.plan.queries.iter().map(|query| query.expect.as_deref()).collect();
    assert_eq!(expected, [Some("false"), Some("true")]);
}

#[test]
fn other_tools_have_commands_of_their_own() {
    let folder = Folder::with(&[
        ("a.spthy", "theory T begin\nlemma one: \"x\"\nlemma two [reuse]: \"y\"\nend"),
        ("p.vp", "attacker[active]\n"),
        ("x.smt2", "(check-sat)"),
    ]);
    let plan = |tool: &str, model: &str| {
        folder.plan(&format!(
            r#"Job(name: "x", study: (tool: {tool}, models: ["{model}"], scenarios: [(id: "a"), (id: "b")]))"#
        ))
    };
    let tamarin = plan(r#"Tamarin(args: ["--quiet"])"#, "a.spthy");
    assert_eq!(ids(&tamarin), ["a/a/one", "a/a/two", "a/b/one", "a/b/two"]);
    let wanted = ["tamarin-prover", "--quiet", "--prove=two", "provisor-runs/job/queries/a/a/two.spthy"];
    assert_eq!(argv(&tamarin.plan.queries[1]), wanted);
    assert!(
        matches!(tamarin.plan.queries[0].judging.preset, Some(Preset::Tool(ref tool)) if &*tool.name == "tamarin")
    );
    let verifpal = plan("Verifpal", "p.vp");
    assert_eq!(
        argv(&verifpal.plan.queries[0]),
        ["verifpal", "verify", "provisor-runs/job/queries/p/a/all.vp"]
    );
    let stdin = folder.plan(
        r#"Job(name: "x", stdin: File("{{ file }}"), study: (tool: Command(["z3", "-in"]), models: ["x.smt2", "p.vp"]))"#,
    );
    let of = |place: usize| stdin.plan.queries[place].command.stdin.clone();
    let file = |name: &str| Stdin::File(folder.path().join("provisor-runs/job/queries").join(name).into());
    assert_eq!((of(0), of(1)), (file("x/base/all.smt2"), file("p/base/all.vp")), "each as its model");
    let command = plan(r#"Command(["z3", "{{ file }}", "{{ scenario }}"])"#, "x.smt2");
    assert_eq!(argv(&command.plan.queries[1]), ["z3", "provisor-runs/job/queries/x/b/all.smt2", "b"]);
}
