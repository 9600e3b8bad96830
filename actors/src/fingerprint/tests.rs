use std::collections::HashSet;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;
use std::time::Duration;

use provisor_core::plan::{Environment, Limits, Only, Pass, Query, Reuse};

use super::*;
use crate::testdir::TestDir;

/// A query whose tool, input and further file are in `dir`.
fn query(dir: &Path) -> Query {
    for (name, text) in
        [("tool", "#!/bin/sh"), ("model.pv", "free c."), ("lib.pvl", "fun f."), ("in", "data")]
    {
        fs::write(dir.join(name), text).unwrap();
    }
    fs::set_permissions(dir.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    let env = Environment { inherit: Inherit::Basic, set: vec![("A".into(), "1".into())] };
    let command =
        Command { env: Arc::new(env), cwd: dir.into(), ..Command::new(["./tool", "-v", "model.pv"]) };
    let inputs = Inputs { argv: true, files: vec!["lib.pvl".into()] };
    Query { inputs: Arc::new(inputs), ..Query::new("q", command) }
}

fn first_pass(hasher: &mut Hasher, query: &Query) -> Fingerprint {
    hasher.asking(query.asking(0).unwrap(), &query.inputs, None).unwrap()
}

fn print(query: &Query) -> Fingerprint {
    first_pass(&mut Hasher::new(), query)
}

fn with_env(query: &mut Query, inherit: Inherit, set: &[(&str, &str)]) {
    let set = set.iter().map(|&(name, value)| (name.into(), value.into())).collect();
    query.command.env = Arc::new(Environment { inherit, set });
}

#[test]
fn every_ingredient_counts() {
    let temp = TestDir::new();
    let dir = temp.path();
    let base = query(dir);
    let mut seen = HashSet::from([print(&base)]);
    let mut differs = |what: &str, change: &dyn Fn(&mut Query)| {
        let mut changed = query(dir);
        change(&mut changed);
        assert!(seen.insert(print(&changed)), "{what}");
    };
    differs("an argument", &|q| q.command.argv = ["./tool", "-w", "model.pv"].map(Arc::from).into());
    differs("the division of arguments", &|q| {
        q.command.argv = ["./tool", "-vmodel.pv"].map(Arc::from).into()
    });
    differs("a value", &|q| with_env(q, Inherit::Basic, &[("A", "2")]));
    differs("a name", &|q| with_env(q, Inherit::Basic, &[("B", "1")]));
    differs("one more", &|q| with_env(q, Inherit::Basic, &[("A", "1"), ("B", "")]));
    differs("what is inherited", &|q| with_env(q, Inherit::All, &[("A", "1")]));
    differs("a text", &|q| q.command.stdin = Stdin::Text("".into()));
    differs("another text", &|q| q.command.stdin = Stdin::Text("in".into()));
    differs("bytes", &|q| q.command.stdin = Stdin::Bytes(b"in\xff".as_slice().into()));
    differs("a file", &|q| q.command.stdin = Stdin::File(Path::new("in").into()));
    differs("its bytes", &|q| {
        q.command.stdin = Stdin::File(Path::new("in").into());
        fs::write(dir.join("in"), "other").unwrap();
    });
    differs("a missing one", &|q| q.command.stdin = Stdin::File(Path::new("gone").into()));
    differs("the model", &|_| fs::write(dir.join("model.pv"), "free d.").unwrap());
    differs("the library", &|_| fs::write(dir.join("lib.pvl"), "fun g.").unwrap());
    differs("no library", &|_| fs::remove_file(dir.join("lib.pvl")).unwrap());
    differs("no model", &|_| fs::remove_file(dir.join("model.pv")).unwrap());
    differs("the tool", &|_| fs::write(dir.join("tool"), "#!/bin/bash").unwrap());
    differs("no tool", &|_| fs::remove_file(dir.join("tool")).unwrap());
    differs("inputs", &|q| q.inputs = Arc::new(Inputs { argv: false, files: vec![] }));
    differs("other files", &|q| q.inputs = Arc::new(Inputs { argv: true, files: vec!["in".into()] }));
    differs("a directory", &|q| q.inputs = Arc::new(Inputs { argv: true, files: vec![".".into()] }));
    let elsewhere = TestDir::new();
    let moved = query(elsewhere.path());
    assert!(seen.insert(print(&moved)), "the working directory");
}

#[test]
fn what_does_not_matter_does_not_count() {
    let temp = TestDir::new();
    let base = print(&query(temp.path()));
    let mut other = query(temp.path());
    other.id = "renamed".into();
    other.limits.wall = Some(Duration::from_secs(1));
    other.expect = Some("true".into());
    with_env(&mut other, Inherit::Basic, &[("A", "0"), ("A", "1")]);
    assert_eq!(print(&other), base, "an id, a limit, a value that is set again");
    let with = |set| {
        let mut query = query(temp.path());
        with_env(&mut query, Inherit::Basic, set);
        print(&query)
    };
    assert_eq!(
        with(&[("A", "1"), ("B", "2")]),
        with(&[("B", "2"), ("A", "1")]),
        "the order of the environment"
    );
    let reads = |stdin| {
        let mut query = query(temp.path());
        query.command.stdin = stdin;
        print(&query)
    };
    assert_eq!(
        reads(Stdin::Text("in".into())),
        reads(Stdin::Bytes(b"in".as_slice().into())),
        "how it is written down what a child reads"
    );
}

#[test]
fn each_pass_has_the_fingerprint_that_it_would_have_as_the_only_one() {
    let temp = TestDir::new();
    let (mut both, mut alone) = (query(temp.path()), query(temp.path()));
    alone.command.argv = ["./tool", "--fast", "model.pv"].map(Arc::from).into();
    both.further = [Pass {
        name: "fast".into(),
        only: Only::Open,
        command: alone.command.clone(),
        limits: Limits { wall: Some(Duration::from_secs(1)), ..Limits::default() },
        judging: Arc::clone(&both.judging),
        pages: Some("pages".into()),
    }]
    .into();
    let mut hasher = Hasher::new();
    let mut print_of = |pass| hasher.asking(both.asking(pass).unwrap(), &both.inputs, None).unwrap();
    assert_eq!([print_of(0), print_of(1)], [print(&query(temp.path())), print(&alone)]);
}

#[test]
fn a_file_is_read_once_and_again_when_it_changed() {
    let temp = TestDir::new();
    let query = query(temp.path());
    let mut hasher = Hasher::new();
    let first = first_pass(&mut hasher, &query);
    assert_eq!(hasher.reads(), 3, "tool, model and library");
    for _ in 0..10 {
        assert_eq!(first_pass(&mut hasher, &query), first);
    }
    fs::hard_link(temp.path().join("model.pv"), temp.path().join("same.pv")).unwrap();
    symlink("model.pv", temp.path().join("link.pv")).unwrap();
    let hash = hasher.file(&temp.path().join("model.pv")).unwrap();
    assert_eq!(hasher.file(&temp.path().join("same.pv")).unwrap(), hash);
    assert_eq!(hasher.file(&temp.path().join("link.pv")).unwrap(), hash);
    assert_eq!(hasher.reads(), 4, "a new link changes the time of change");
    fs::write(temp.path().join("model.pv"), "free e.").unwrap();
    assert_ne!(first_pass(&mut hasher, &query), first);
    assert_eq!(hasher.reads(), 5);
}

#[test]
fn only_regular_files_are_read() {
    let temp = TestDir::new();
    let mut hasher = Hasher::new();
    assert_eq!(hasher.file(temp.path()).unwrap(), None);
    assert_eq!(hasher.file(Path::new("/dev/zero")).unwrap(), None);
    assert!(hasher.file(&temp.path().join("missing")).is_err());
    let pipe = temp.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(hasher.file(&pipe).unwrap(), None);
    fs::write(temp.path().join("empty"), "").unwrap();
    assert_eq!(hasher.file(&temp.path().join("empty")).unwrap(), Some(blake3::hash(b"").into()));
}

#[test]
fn a_program_that_may_only_be_executed_is_told_by_its_size_and_times() {
    let temp = TestDir::new();
    let query = query(temp.path());
    let tool = temp.path().join("tool");
    let readable = print(&query);
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o111)).unwrap();
    if fs::read(&tool).is_ok() {
        return; // as root, who may read everything
    }
    assert_ne!(print(&query), readable);
    assert_eq!(print(&query), print(&query));
}

#[test]
fn words_that_are_no_paths_do_no_harm() {
    let temp = TestDir::new();
    let mut query = query(temp.path());
    let long = "x".repeat(10_000);
    query.command.argv = ["./tool", "", "a\0b", &long, "/proc/self/mem/x", "/"].map(Arc::from).into();
    print(&query);
}

#[test]
fn a_bare_program_is_found_along_the_childs_path() {
    let temp = TestDir::new();
    let dir = temp.path();
    let mut query = query(dir);
    query.command.argv = ["tool".into()].into();
    fs::create_dir(dir.join("sub")).unwrap();
    fs::write(dir.join("sub/tool"), "not executable").unwrap();
    let find = |query: &Query, path: Option<&str>| resolve(&query.command, path.map(OsStr::new));
    let path = format!("/nowhere:{0}/sub:{0}", dir.display());
    assert_eq!(find(&query, Some(&path)), Some(dir.join("tool")));
    assert_eq!(find(&query, Some("sub:.")).map(|path| path.canonicalize().unwrap()), Some(dir.join("tool")));
    assert_eq!(find(&query, Some("/nowhere")), None);
    assert_eq!(find(&query, None), None);
    with_env(&mut query, Inherit::Basic, &[("PATH", "/nowhere"), ("PATH", &path)]);
    assert_eq!(find(&query, Some("/nowhere")), Some(dir.join("tool")));
    query.command.argv = ["sub/tool".into()].into();
    assert_eq!(find(&query, None), Some(dir.join("sub/tool")));
    query.command.argv = ["sh".into()].into();
    with_env(&mut query, Inherit::Basic, &[]);
    assert!(find(&query, None).is_some_and(|shell| shell.ends_with("bin/sh")));
}

fn rule() -> Rule {
    Rule::on(Pattern::Contains("x".into()))
}

#[test]
fn every_part_of_the_judging_counts() {
    let proverif =
        |early_stop, lemmas| Some(Preset::ProVerif(ProVerif { early_stop, lemmas, ..ProVerif::default() }));
    let of = |rules: &[Rule], preset| judging(&Judging { rules: rules.to_vec(), preset });
    let rules = [
        rule(),
        Rule { on: Pattern::Prefix("x".into()), ..rule() },
        Rule { on: Pattern::Suffix("x".into()), ..rule() },
        Rule { on: Pattern::Regex("x".into()), ..rule() },
        Rule { on: Pattern::Regex("y".into()), ..rule() },
        Rule { streams: Streams::Both, ..rule() },
        Rule { verdict: Some("".into()), ..rule() },
        Rule { verdict: Some("ok".into()), ..rule() },
        Rule { capture: Some(0), ..rule() },
        Rule { counts: Counts::Bad, ..rule() },
        Rule { value: Some(0), ..rule() },
        Rule { note: true, ..rule() },
        Rule { stop: Some(StopMethod::Term), ..rule() },
        Rule { stop: Some(StopMethod::Kill), ..rule() },
    ];
    let mut prints: Vec<Fingerprint> =
        rules.iter().map(|rule| of(std::slice::from_ref(rule), None)).collect();
    prints.extend([
        of(&[], None),
        of(&rules[..2], None),
        of(&[], Some(Preset::ExitCode)),
        of(&rules[..1], Some(Preset::ExitCode)),
        of(&[], proverif(EarlyStop::Off, 0)),
        of(&[], proverif(EarlyStop::OnGoalReachable, 0)),
        of(&[], proverif(EarlyStop::OnRefutingGoal, 0)),
        of(&[], proverif(EarlyStop::Off, 1)),
    ]);
    assert_eq!(prints.iter().collect::<HashSet<_>>().len(), prints.len());
    assert_eq!(of(&rules, None), of(&rules.clone(), None));
}

fn tool(change: impl FnOnce(&mut Tool)) -> Fingerprint {
    let mut tool = Tool {
        name: "t".into(),
        rules: vec![ToolRule { rule: rule(), about: None, role: Role::Result, explains_exit: None }],
        adds_up: AddsUp::All,
        exits: vec![StatedExit { code: 10, verdict: "sat".into(), counts: Counts::Ok }],
        sound_exits: None,
        reuse: Reuse::Unfinished,
    };
    change(&mut tool);
    judging(&Judging { rules: vec![], preset: Some(Preset::Tool(Arc::new(tool))) })
}

#[test]
fn every_part_of_a_tool_counts_but_what_changes_no_judgement() {
    let base = tool(|_| ());
    let prints = [
        base,
        judging(&Judging { rules: vec![rule()], preset: None }),
        tool(|tool| tool.rules.clear()),
        tool(|tool| tool.rules.push(tool.rules[0].clone())),
        tool(|tool| tool.rules[0].rule.note = true),
        tool(|tool| tool.rules[0].about = Some(0)),
        tool(|tool| tool.rules[0].about = Some(1)),
        tool(|tool| tool.rules[0].role = Role::Aside),
        tool(|tool| tool.rules[0].role = Role::Doubt),
        tool(|tool| tool.rules[0].role = Role::Failure),
        tool(|tool| tool.rules[0].explains_exit = Some(0)),
        tool(|tool| tool.rules[0].explains_exit = Some(1)),
        tool(|tool| tool.adds_up = AddsUp::LastOfEach),
        tool(|tool| tool.adds_up = AddsUp::Last),
        tool(|tool| tool.exits.clear()),
        tool(|tool| tool.exits[0].code = 20),
        tool(|tool| tool.exits[0].verdict = "unsat".into()),
        tool(|tool| tool.exits[0].counts = Counts::Open),
        tool(|tool| tool.sound_exits = Some(vec![])),
        tool(|tool| tool.sound_exits = Some(vec![0])),
        tool(|tool| tool.sound_exits = Some(vec![0, 1])),
    ];
    assert_eq!(prints.iter().collect::<HashSet<_>>().len(), prints.len());
    assert_eq!(tool(|tool| tool.name = "other".into()), base);
    assert_eq!(tool(|tool| tool.reuse = Reuse::Conclusive), base);
    let two = |codes: [i32; 2]| {
        tool(|tool| {
            tool.exits = codes.map(|code| StatedExit { code, ..tool.exits[0].clone() }).into();
            tool.sound_exits = Some(codes.into());
        })
    };
    assert_eq!(two([1, 2]), two([2, 1]), "the order of exit codes");
}

#[test]
fn the_encodings_have_not_changed() {
    let hex = |print: Fingerprint| blake3::Hash::from_bytes(print.0).to_hex()[..16].to_owned();
    let temp = TestDir::new();
    let mut query = query(temp.path());
    query.command.cwd = Path::new("/nowhere").into();
    let query = hex(print(&query));
    let judging = hex(judging(&Judging { rules: vec![rule()], preset: Some(Preset::ExitCode) }));
    let tool = hex(tool(|_| ()));
    let known = ("d21e660125473f8b", "a9d9163f6fbed13e", "061947b40a81bc7e");
    assert_eq!((&*query, &*judging, &*tool), known, "a change makes every user judge or run again");
}
