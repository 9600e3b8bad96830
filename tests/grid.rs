//! `provisor results --grid`: a matrix with one axis down and one across.

mod common;

use common::Desk;
use common::readers::{can_typeset, overfull, typeset};
use common::results::{at_width, results};
use common::terminal::Terminal;
use unicode_width::UnicodeWidthStr;

/// Two scenarios and three queries, one of which is left out, one fails and one says nothing.
const MATRIX: &str = r#"Job(name: "matrix", rules: [(on: Regex("^SAY (.*)$"), capture: Group(1))],
    matrix: {"query": Glob("q/*.pv"), "scenario": ["fast", "slow"]}, id: "{{ scenario }}/{{ query.stem }}",
    exclude: [{"scenario": "slow", "query": "*third*"}], expect: {"*first*": "true"},
    command: ["sh", "-c", "case $1 in *first*) echo SAY cannot be | proved;; *second*) echo SAY true;; esac", "sh", "{{ query }}"])"#;

fn matrix(name: &str, spec: &str) -> Desk {
    let desk = Desk::new(name);
    for query in ["first", "second", "third"] {
        desk.write(&format!("q/{query}.pv"), "");
    }
    desk.run(spec, &["-q"]);
    desk
}

#[test]
fn a_matrix_is_a_grid() {
    let desk = matrix("results-grid", &MATRIX.replace("| ", ""));
    let wide = at_width(&desk, "120", &["--grid"]).with_code(0).out;
    let expected = [
        " query / scenario  fast                slow",
        " first             ✗ cannot be proved  ✗ cannot be proved",
        " second              true                true",
        " third             ✗ exited              -",
        "",
        " ✗ did not end well,  - not asked, or not chosen",
    ];
    assert_eq!(wide.lines().collect::<Vec<_>>(), expected);
    let csv = results(&desk, &["--grid=scenario,query", "--format", "csv"]).with_code(0).out;
    assert_eq!(
        csv,
        "scenario / query,first,second,third\nfast,cannot be proved!,true,exited!\nslow,cannot be proved!,true,\n"
    );
    let markdown = results(&desk, &["--grid", "--format", "markdown", "--verdict", "true"]).with_code(0).out;
    assert_eq!(
        markdown,
        "| query / scenario | fast | slow |\n| :-- | :-- | :-- |\n| second | true | true |\n"
    );
    for (grid, words) in [
        ("--grid=query", "--grid=query,scenario"),
        ("--grid=query,query", "expected two axes"),
        ("--grid=query,scenarios", "did you mean `scenario`?"),
    ] {
        results(&desk, &[grid]).with_code(2).says(words);
    }
    results(&desk, &["--grid", "--format", "json"]).with_code(2).says("no grids");
    results(&desk, &["--grid", "--format", "junit"]).with_code(2).says("no grids");
}

#[test]
fn a_grid_that_is_too_wide_is_made_to_fit() {
    let desk = Desk::new("results-wide-grid");
    let spec = r#"Job(name: "wide", slots: 8, matrix: {"row": 1..=3, "column": 1..=40}, id: "{{ row }}/{{ column }}",
        rules: [(on: Regex("^(.*)$"), capture: Group(1))], command: ["echo", "word{{ row }}"], expect: {"2/*": "other"})"#;
    desk.run(spec, &["-q"]).with_code(1);
    for width in [60, 80, 120, 200] {
        let out = at_width(&desk, &width.to_string(), &["--grid=row,column"]).with_code(0).out;
        assert!(out.lines().all(|line| line.width() <= width), "wider than {width}: {out}");
        let heads =
            out.lines().filter(|line| line.trim_start().starts_with("row")).flat_map(str::split_whitespace);
        let heads: Vec<_> = heads.filter(|head| head.parse::<u32>().is_ok()).collect();
        assert_eq!(heads, (1..=40).map(|n| n.to_string()).collect::<Vec<_>>(), "every column once: {out}");
    }
}

#[test]
fn three_axes_make_a_grid_for_each_value_of_the_third() {
    let desk = Desk::new("results-three-axes");
    let spec = r#"Job(name: "three", matrix: {"a": [1, 2], "b": ["x", "y"], "c": ["p", "q"]}, id: "{{ a }}/{{ b }}/{{ c }}",
        command: ["true"])"#;
    desk.run(spec, &["-q"]).with_code(0);
    results(&desk, &["--grid"]).with_code(2).says("a, b, c");
    let out = results(&desk, &["--grid=a,c"]).with_code(0).out;
    assert_eq!(
        out,
        " b = x\n a / c  p   q\n 1      ok  ok\n 2      ok  ok\n\n b = y\n a / c  p   q\n 1      ok  ok\n 2      ok  ok\n"
    );
    let csv = results(&desk, &["--grid=a,c", "--format", "csv"]).with_code(0).out;
    assert_eq!(csv.lines().nth(4).expect("a line"), "b = y,1,ok,ok");
}

#[test]
fn a_grid_of_whole_sentences_fits_all_the_same() {
    let desk = Desk::new("results-long-grid");
    let spec = r#"Job(name: "long", matrix: {"one": ["a", "b"], "other": ["c", "d"]}, id: "{{ one }}/{{ other }}",
        rules: [(on: Regex("^(.*)$"), capture: Group(1))], command: ["echo", "\u{1b}[31mlike all others {{ WORDS }}"])"#;
    let words = "up to here, and much further than any terminal is wide ".repeat(8);
    let spec = spec.replace("{{ WORDS }}", &format!("{words}{{{{ one }}}}{{{{ other }}}}"));
    desk.run(&spec, &["-q"]).with_code(0);
    for width in [60, 120] {
        let out = at_width(&desk, &width.to_string(), &["--grid"]).with_code(0).out;
        assert!(out.lines().all(|line| line.width() <= width), "wider than {width}: {out}");
        assert!(!out.contains('\x1b'), "{out}");
        let grid: Vec<_> =
            out.lines().take(3).map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
        assert_eq!(grid[1..], [["a", "#1", "#2"], ["b", "#3", "#4"]], "told apart: {out}");
    }
}

/// The first row lacks the first value across, and the filter takes away the first value down.
#[test]
fn axes_keep_the_order_of_the_spec_whatever_is_excluded_and_chosen() {
    let desk = Desk::new("results-grid-order");
    let spec = r#"Job(name: "order", matrix: {"n": [3, 1, 2], "c": ["z", "y", "x"]}, id: "{{ c }}/{{ n }}",
        exclude: [{"n": "3", "c": "z"}], rules: [(on: Regex("^(.*)$"), capture: Group(1))], command: ["echo", "{{ n }}{{ c }}"])"#;
    desk.run(spec, &["-q"]);
    let csv =
        |args: &[&str]| results(&desk, &[args, &["--grid=n,c", "--format", "csv"]].concat()).with_code(0).out;
    assert_eq!(csv(&[]), "n / c,z,y,x\n3,,3y,3x\n1,1z,1y,1x\n2,2z,2y,2x\n");
    assert_eq!(
        csv(&["--verdict", "1x", "--verdict", "2z", "--verdict", "3y"]),
        "n / c,z,y,x\n3,,3y,\n1,,,1x\n2,2z,,\n"
    );
}

/// What a study has as axes, with some of each kind of answer.
const STUDY: &str = r#"Job(name: "dds & co", slots: 4, rules: [(on: Regex("^SAY (.*)$"), capture: Group(1))],
    matrix: {"model": ["whole", "mac_1"], "scenario": SCENARIOS, "query": ["auth_server", "secret", "reach_end"]},
    exclude: [{"model": "mac_1", "query": "reach_end"}], id: "{{ model }}/{{ scenario }}/{{ query }}",
    expect: {"**/auth_server": "true", "**/reach_end": "reachable"}, limits: (wall: "10s"),
    command: ["sh", "-c", "case $1/$2 in leak_all*/auth_server) echo SAY false;; */secret) echo SAY cannot be proved;;
        */reach_end) echo SAY reachable;; *) echo SAY true;; esac", "sh", "{{ scenario }}", "{{ query }}"])"#;

#[test]
fn a_study_has_a_grid_for_each_model_with_queries_down_and_scenarios_across() {
    let desk = Desk::new("results-study");
    let spec = STUDY.replace("SCENARIOS", r#"["none", "leak_all"]"#);
    desk.run(&spec, &["-q"]).with_code(1);
    let text = results(&desk, &["--grid"]).with_code(0).out;
    let expected = [
        " model = whole",
        " query / scenario  none              leak_all",
        " auth_server         true            ✗ false",
        " secret              cannot be proved  cannot be proved",
        " reach_end           reachable         reachable",
        "",
        " ✗ did not end well",
        "",
        " model = mac_1",
        " query / scenario  none              leak_all",
        " auth_server         true            ✗ false",
        " secret              cannot be proved  cannot be proved",
        "",
        " ✗ did not end well",
    ];
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(text.lines().map(words).collect::<Vec<_>>(), expected.map(words), "{text}");
    let csv = results(&desk, &["--grid", "--format", "csv", "--only", "mac_1/**"]).with_code(0).out;
    assert_eq!(
        csv,
        "model = mac_1,query / scenario,none,leak_all\nmodel = mac_1,auth_server,true,false!\n\
         model = mac_1,secret,cannot be proved,cannot be proved\n"
    );
    let markdown = results(&desk, &["--grid", "--format", "markdown"]).with_code(0).out;
    assert!(markdown.contains("| auth_server | true | **false** |\n"), "{markdown}");
    // Asked for, it is as everywhere; and three axes that are no study's say nothing.
    let other = results(&desk, &["--grid=model,scenario", "--format", "csv"]).with_code(0).out;
    assert!(other.starts_with("query = auth_server,model / scenario,none,leak_all\n"), "{other}");
}

#[test]
fn a_grid_of_a_study_can_stand_in_a_paper() {
    let desk = Desk::new("results-paper");
    let wide = r#"["none", "leak_client_long_term_key", "leak_server", "leak_both", "leak_psk", "a1", "a2", "a3", "leak_all"]"#;
    for (name, scenarios) in [("narrow", r#"["none", "leak_all"]"#), ("wide", wide)] {
        desk.run(&STUDY.replace("SCENARIOS", scenarios), &["-q"]).with_code(1);
        let latex = results(&desk, &["--grid", "--format", "latex"]).with_code(0).out;
        assert_eq!(latex.matches("\\provmark{false}").count(), 2, "{latex}");
        assert!(
            latex.contains("{dds \\& co, model = mac\\_1: query by scenario}\\label{tab:dds-co-model-mac-1}"),
            "{latex}"
        );
        desk.write(&format!("{name}.tex"), latex);
    }
    if !can_typeset() {
        return;
    }
    for preamble in ["", "\\usepackage[T1]{fontenc}", "\\newcommand{\\provmark}[1]{\\emph{#1}}"] {
        let text = typeset(&desk, preamble, &["narrow", "wide"]);
        let over = overfull(&text);
        assert!(over.iter().all(|points| *points < 10.0), "{over:?}\n{text}");
    }
}

#[test]
fn a_grid_has_colors_on_a_terminal_and_nowhere_else() {
    let desk = matrix("results-grid-colors", &MATRIX.replace("| ", ""));
    let grid = [env!("CARGO_BIN_EXE_provisor"), "results", "out", "--grid"];
    let on_terminal = |variable: &str, value: &str| {
        let change = |command: &mut std::process::Command| {
            command.env(variable, value);
        };
        Terminal::launch(&desk, (24, 100), &grid, change).map(|terminal| terminal.wait().2)
    };
    let Some(raw) = on_terminal("TERM", "xterm") else { return };
    assert!(raw.contains("\x1b[31m✗ exited\x1b[0m"), "{raw:?}");
    for (variable, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let raw = on_terminal(variable, value).expect("as before");
        assert!(raw.contains("✗ exited") && !raw.contains('\x1b'), "{variable}={value}: {raw:?}");
    }
    assert!(!results(&desk, &["--grid"]).out.contains('\x1b'));
}
