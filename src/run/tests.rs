use std::fs;

use provisor_actors::store::{Fate, Row};
use provisor_core::cause::{End as Ended, Exit, Outcome};
use provisor_core::periodic::Rounds;
use provisor_core::plan::{Cell, Lattice};
use provisor_core::reuse::{Fingerprint, Prints};
use provisor_core::verdict::Judgement;

use super::*;

/// `none`, `leak` and `all`, each stronger than those before it, which all ask the same.
fn plan(prune: Prune) -> Plan {
    let around = Surroundings::of("job.ron".as_ref()).expect("a folder");
    let command = |id| format!(r#"(id: "{id}", run: ["true"])"#);
    let commands = ["none", "leak", "all"].map(command).join(", ");
    let spec = format!(r#"Job(name: "job", commands: [{commands}])"#);
    let mut plan = provisor_config::parse(&spec, "job.ron".as_ref(), &around).expect("valid").plan;
    for (scenario, query) in (0..).zip(&mut plan.queries) {
        query.cell = Some(Cell { family: 0, scenario });
    }
    plan.lattice = Lattice { weaker: vec![[].into(), [0].into(), [0, 1].into()] };
    Plan { prune, ..plan }
}

fn row(query: Place, outcome: Outcome) -> Row {
    Row { containment: "sweep".into(), ..Row::new(query, 1, outcome) }
}

fn says(verdict: &str) -> Outcome {
    let judgement = Judgement { verdict: Some(verdict.into()), ..Judgement::default() };
    Outcome { end: Ended::Reaped(Exit::Code(0)), judgement, ..Outcome::lost("".into()) }
}

/// The end of a run of these, in a folder of this name.
fn told(name: &str, prune: Prune, asked: &[Place], outcomes: [Outcome; 3]) -> Vec<String> {
    let dir = std::env::temp_dir().join(format!("provisor-run-{name}-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("made");
    let (plan, print) = (Arc::new(plan(prune)), Fingerprint([1; 32]));
    let prints = vec![[Prints { command: print, judging: print }].into(); 3];
    let mut store = Store::open(&dir, "job").expect("a database");
    let fates = vec![Fate::Run; 3];
    store.begin(Opening { plan: Arc::clone(&plan), prints, past: &[], fates: &fates }).expect("it begins");
    let rows: Vec<_> = (0..).zip(outcomes).map(|(query, outcome)| row(query, outcome)).collect();
    store.commit(&rows).expect("written");
    let ending = Ending {
        stopped: None,
        unfinished: 0,
        unwritten: Vec::new(),
        failed_groups: Vec::new(),
        rounds: Rounds::default(),
        missed_events: 0,
        exhausted: None,
        failure: None,
    };
    let end = End {
        ending,
        counts: Counts::default(),
        elapsed: Duration::ZERO,
        interrupted_by: None,
        is_printed: true,
        asked: asked.iter().copied().collect(),
        plan,
    };
    let told = contradictions(&end, &answers(&dir, &end));
    let _ = fs::remove_dir_all(dir);
    told
}

#[test]
fn what_contradicts_itself_is_told_by_both_ids_where_that_is_to_be_checked() {
    let outcomes = || [says("false"), says("true"), says("true")];
    let expected = ["leak", "all"].map(|stronger| {
        format!("contradiction: `none` is false and `{stronger}` is true, where the attacker can do more")
    });
    assert_eq!(told("check", Prune::Check, &[0, 1, 2], outcomes()), expected);
    assert_eq!(told("some", Prune::Check, &[0, 2], outcomes()), expected[1..], "of those that are asked for");
    for prune in [Prune::On, Prune::Off] {
        assert!(told("no-check", prune, &[0, 1, 2], outcomes()).is_empty(), "{prune:?}");
    }
    let outcomes = [says("true"), says("false"), says("maybe")];
    assert!(told("consistent", Prune::Check, &[0, 1, 2], outcomes).is_empty());
}

#[test]
fn a_contradiction_is_not_well_and_changes_no_heavier_code() {
    let ending = |stopped| Ending {
        stopped,
        unfinished: 0,
        unwritten: Vec::new(),
        failed_groups: Vec::new(),
        rounds: Rounds::default(),
        missed_events: 0,
        exhausted: None,
        failure: None,
    };
    let codes = [None, Some(Cause::Cancelled)].map(|stopped| exit_code(&ending(stopped), false));
    assert_eq!(codes, [code::NOT_WELL, code::INTERRUPTED]);
    assert_eq!(exit_code(&ending(None), true), code::WELL);
}
