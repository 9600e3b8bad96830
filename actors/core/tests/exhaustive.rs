//! The machine of one query, enumerated: every reachable state within the horizon, every law, and every planted
//! fault caught by the law that is there for it.

mod machine;

use machine::faults::{Fault, Faulty};
use machine::{explore, limits, machine as new_machine};
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
        let extent = explore(new_machine(limits), HORIZON, output).unwrap_or_else(|law| panic!("{law}"));
        assert_eq!(extent.phases.len(), 8, "every phase is reached");
        assert!(extent.phases.contains(&Phase::Sweeping));
        assert!(extent.states > 1000, "{extent:?} is too few to mean anything");
        println!(
            "wall {wall:?}, silence {silence:?}, output {output:?}: {} states, {} edges",
            extent.states, extent.edges
        );
    }
}

#[test]
fn every_planted_fault_is_caught_by_its_law() {
    for (fault, law) in Fault::ALL {
        let (given, told) = fault.output();
        let limits = Limits { output: given, ..limits(Some(3), Some(2)) };
        let faulty = Faulty::new(new_machine(limits), fault);
        let caught = explore(faulty, HORIZON, told).expect_err(&format!("{fault:?} is caught by no law"));
        assert!(caught.starts_with(law), "{fault:?} should break \"{law}\", but broke: {caught}");
    }
}
