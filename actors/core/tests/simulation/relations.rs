//! What binds the queries of a job to each other and to themselves: passes, needs, and scenarios. Half of the worlds have
//! none of it, and are what they were before there was any; so the dice for it are others than those of the world.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use provisor_core::plan::{Cell, Condition, Lattice, Limits, Need, Only, Pass, Plan, Prune, Query};
use provisor_core::roster::Place;

use crate::dice::Dice;

/// What a result of a query says in a pass: to be heard by its actor.
pub(crate) type Words = BTreeMap<(Place, usize), &'static [u8]>;

/// Scenarios are sets of so many things that an attacker may have.
const THINGS: u32 = 3;

pub(crate) fn relate(plan: &mut Plan, seed: u64) -> Words {
    let mut dice = Dice::new(seed ^ 0x5ce_a710);
    if dice.percent(50) {
        return Words::new();
    }
    let chances = [dice.pick(&[0, 50, 100]), dice.pick(&[0, 30, 70]), dice.pick(&[0, 50, 100])];
    if dice.percent(15) {
        plan.prune = dice.pick(&[Prune::Off, Prune::Check]);
    }
    plan.lattice = subsets();
    let (mut kinds, mut hopes) = (Dice::new(seed ^ 0xaf7e2), Dice::new(seed ^ 0x40e5));
    let (n, points_up) = (plan.queries.len() as Place, dice.percent(50));
    for (place, query) in (0..).zip(&mut plan.queries) {
        let [passes, needs, cells] = chances.map(|chance| dice.percent(chance));
        if passes {
            give_passes(query, &mut dice);
        }
        if needs {
            query.needs = need(place, n, points_up, [&mut dice, &mut kinds]);
        }
        query.expect = hopes.pick(&[None, None, Some("true"), Some("false")]).map(Into::into);
        if cells {
            let (family, scenario) = (dice.below(3) as u32, dice.below(1 << THINGS) as u32);
            query.cell = Some(Cell { family, scenario });
        }
    }
    words(plan, &mut dice)
}

fn give_passes(query: &mut Query, dice: &mut Dice) {
    query.pass = Some("pass 0".into());
    let further = (1..=dice.between(1, 2)).map(|pass| {
        let limits = query.limits;
        let wall =
            dice.pick(&[limits.wall, Some(Duration::from_millis(2000)), Some(Duration::from_secs(60))]);
        let memory = dice.pick(&[limits.memory, None, Some(30)]);
        Pass {
            name: format!("pass {pass}").into(),
            only: dice.pick(&[Only::Limited, Only::Open, Only::NotTrue, Only::NotWell]),
            command: query.command.clone(),
            limits: Limits { wall, memory, ..limits },
            judging: Arc::clone(&query.judging),
            pages: None,
        }
    });
    query.further = further.collect();
}

/// Needs of queries before this one, or of those behind it: there are no circles. Some are of what nobody asks.
fn need(place: Place, n: Place, points_up: bool, [dice, kinds]: [&mut Dice; 2]) -> Box<[Need]> {
    let range = if points_up { (place + 1, n) } else { (0, place) };
    let mut needs = Vec::new();
    for _ in 0..dice.between(1, 2) {
        let verdict = dice.pick(&["true", "true", "true", "false"]);
        let condition = condition(verdict, kinds);
        if dice.percent(4) {
            needs.push(Need { query: n, condition });
        } else if range.0 < range.1 {
            let query = range.0 + dice.below(u64::from(range.1 - range.0)) as Place;
            needs.push(Need { query, condition });
        }
    }
    needs.into()
}

/// The kinds have dice of their own: those who need a verdict are the same as before there were others.
fn condition(verdict: &str, kinds: &mut Dice) -> Condition {
    match kinds.below(4) {
        0 => Condition::Well,
        1 => Condition::Over,
        _ => Condition::Says(verdict.into()),
    }
}

/// A scenario is weaker than another if it is a part of it.
fn subsets() -> Lattice {
    let parts = |of: u32| (0..of).filter(|part| part & of == *part).collect();
    Lattice { weaker: (0..1 << THINGS).map(parts).collect() }
}

fn words(plan: &Plan, dice: &mut Dice) -> Words {
    let asked = (0..)
        .zip(&plan.queries)
        .flat_map(|(place, query)| (0..query.passes()).map(move |pass| (place, pass)));
    let word = |key| (key, dice.pick(&[b"r" as &[u8], b"r", b"r", b"f", b"m"]));
    asked.map(word).collect()
}
