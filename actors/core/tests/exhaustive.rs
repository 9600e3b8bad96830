//! The machine of one query, enumerated: every reachable state within the horizon, every law, and every planted
//! fault caught by the law that is there for it.

mod machine;

use std::collections::BTreeSet;

use machine::faults::{Fault, Faulty};
use machine::laws::{NO_DEAD_ENDS, laws};
use machine::{Real, explore, limits, machine as new_machine};
use provisor_core::plan::Limits;
use provisor_core::process::Phase;

/// Long enough for the longest life: three ticks of wall limit, then grace, reap, drain and twice the sweep.
const HORIZON: u64 = 8;

/// Two of the chunks are too much.
pub(crate) const OUTPUT: u64 = 8;

#[test]
#[expect(
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "the extent is worth a line with --nocapture"
)]
fn every_reachable_state_keeps_every_law() {
    for (wall, silence, output) in [
        (Some(3), Some(2), None),
        (Some(2), Some(2), None),
        (None, Some(2), None),
        (Some(1), None, None),
        (None, None, None),
        (Some(2), None, Some(OUTPUT)),
    ] {
        let limits = Limits { output, ..limits(wall, silence) };
        let extent =
            explore(new_machine(limits), &limits, HORIZON, None).unwrap_or_else(|law| panic!("{law}"));
        assert_eq!(extent.phases.len(), 8, "every phase is reached");
        assert!(extent.phases.contains(&Phase::Sweeping));
        assert!(extent.states > 1000, "{extent:?} is too few to mean anything");
        println!(
            "wall {wall:?}, silence {silence:?}, output {output:?}: {} states, {} edges",
            extent.states, extent.edges
        );
    }
}

/// By that law alone: no other one is there to catch it first.
#[test]
fn every_planted_fault_is_caught_by_its_law() {
    for (fault, law) in Fault::ALL {
        let limits = fault.judged_by();
        let faulty = Faulty::new(new_machine(fault.given(limits)), fault);
        let caught = explore(faulty, &limits, HORIZON, Some(law));
        assert!(caught.is_err(), "{fault:?} should break \"{law}\": {caught:?}");
    }
}

#[test]
fn every_law_has_a_fault_that_breaks_it() {
    let all = laws::<Real>();
    let laws: BTreeSet<_> = all.iter().map(|(name, _)| *name).chain([NO_DEAD_ENDS]).collect();
    let broken: BTreeSet<_> = Fault::ALL.into_iter().map(|(_, law)| law).collect();
    assert_eq!(laws, broken, "a law that no fault breaks proves nothing");
    assert_eq!(laws.len(), all.len() + 1, "each has a name of its own");
}
