//! The desk, the roster, the machines and the count in a world that is made from a seed: children that do what they
//! like, a disk that forgets, and deaths at any step. What holds in every one of these worlds is in `laws.rs`.

mod actors;
mod bonds;
mod dice;
mod disk;
mod faults;
mod found;
mod laws;
mod life;
mod nursery;
mod office;
mod relations;
mod scenario;
mod world;
mod writer;

use std::panic::{AssertUnwindSafe, catch_unwind};

use faults::Fault;
use laws::{Broken, Law};
use world::{Story, World};

/// Worlds of the usual suite.
const USUAL: u64 = 10_000;

#[expect(
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "a story is told where somebody asks for it"
)]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::disallowed_methods, reason = "which worlds to make is asked for by whoever runs the test")]
fn asked(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

/// A world that breaks a law says which seed it came from, a panic in it too.
fn live(seed: u64, fault: Option<Fault>) -> Result<Story, Broken> {
    catch_unwind(AssertUnwindSafe(|| World::live(seed, fault, false))).unwrap_or_else(|panic| {
        say(&format!("seed {seed} panics: {}", replay_of(seed)));
        std::panic::resume_unwind(panic)
    })
}

fn replay_of(seed: u64) -> String {
    format!(
        "SIMULATION_SEED={seed} cargo test -p provisor-core --test simulation one_world -- --nocapture tells it"
    )
}

#[test]
fn every_law_holds_in_every_world() {
    let (first, worlds) =
        (asked("SIMULATION_FIRST").unwrap_or(0), asked("SIMULATION_WORLDS").unwrap_or(USUAL));
    let mut all = Story::default();
    for seed in first..first + worlds {
        let story = live(seed, None).unwrap_or_else(|broken| {
            panic!("seed {seed}: {:?}: {}; {}", broken.law, broken.how, replay_of(seed))
        });
        all.steps += story.steps;
        all.runs += story.runs;
        all.crashes += story.crashes;
        all.rows += story.rows;
        all.passed_on += story.passed_on;
        all.derived += story.derived;
    }
    say(&format!(
        "{worlds} worlds from seed {first}: {} runs, {} crashes, {} rows, {} steps; {} further passes, {} rows without an attempt",
        all.runs, all.crashes, all.rows, all.steps, all.passed_on, all.derived
    ));
}

#[test]
fn every_law_holds_where_it_was_broken_once() {
    for (what, seed) in found::FOUND {
        let broken = live(seed, None).err();
        assert!(broken.is_none(), "{what}: seed {seed}: {broken:?}; {}", replay_of(seed));
    }
}

#[test]
fn one_world() {
    let seed = asked("SIMULATION_SEED");
    let (seed, is_told) = (seed.unwrap_or(1), seed.is_some());
    let told = World::live(seed, None, is_told);
    let again = World::live(seed, None, false);
    match (told, again) {
        (Ok(told), Ok(again)) => assert_eq!(told, again, "a seed is always the same world"),
        (Err(broken), Err(_)) => panic!("seed {seed}: {:?}: {}", broken.law, broken.how),
        (told, again) => panic!("seed {seed} is not always the same world: {told:?}, {again:?}"),
    }
}

#[test]
fn every_law_has_a_fault_that_breaks_it() {
    let without = Law::ALL.iter().find(|law| !Fault::ALL.iter().any(|(_, broken)| broken == *law));
    assert_eq!(without, None, "a law that no fault breaks proves nothing");
}

#[test]
fn every_planted_fault_is_found_by_its_law() {
    for (fault, law) in Fault::ALL {
        // A fault may break more than one law; its own it breaks somewhere.
        let finds = |seed| live(seed, Some(fault)).err().filter(|broken| broken.law == law);
        let found = (0..USUAL).find_map(|seed| finds(seed).map(|broken| (seed, broken)));
        let (seed, broken) = found.unwrap_or_else(|| panic!("{fault:?} is not found by {law:?}"));
        say(&format!("{fault:?}: {law:?}, seed {seed}: {}", broken.how));
    }
}
