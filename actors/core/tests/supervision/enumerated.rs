//! Every sequence of events over the small trees, held against every law.

use provisor_core::backoff::Backoff;
use provisor_core::dice::Share;
use provisor_core::supervision::Restart::{Permanent, Temporary, Transient};
use provisor_core::supervision::Shutdown;
use provisor_core::supervision::Strategy::{OneForAll, OneForOne, RestForOne};

use crate::laws::laws;
use crate::world::{World, explore, ticks};

/// Each strategy on each level, each restart, each shutdown, pauses; and what of them meets.
pub(crate) fn worlds() -> Vec<(&'static str, World)> {
    let mut mixed = World::new([RestForOne, OneForAll], [1, 0], Transient).with_shutdown(Shutdown::Kill);
    mixed.members[2].restart = Temporary;
    let mut pausing = World::new([OneForOne, RestForOne], [1, 1], Permanent);
    let mut pausing_all = World::new([RestForOne, OneForOne], [1, 1], Transient);
    let grace =
        World::new([OneForOne, OneForAll], [1, 1], Permanent).with_shutdown(Shutdown::After(ticks(1)));
    for group in pausing.groups.iter_mut().chain(&mut pausing_all.groups) {
        group.backoff = Some(Backoff { first: ticks(1), longest: ticks(1), jitter: Share::NONE });
    }
    vec![
        ("one for one", World::new([OneForOne, OneForOne], [1, 1], Transient)),
        ("one for all", World::new([OneForAll, OneForAll], [1, 1], Permanent)),
        ("rest for one", World::new([RestForOne, RestForOne], [1, 1], Permanent)),
        ("mixed", mixed),
        ("grace", grace),
        ("pausing", pausing),
        ("pausing all", pausing_all),
        ("rest within one", World::new([OneForOne, RestForOne], [1, 1], Transient)),
    ]
}

#[test]
#[expect(
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "the extent is worth a line with --nocapture"
)]
fn every_reachable_state_keeps_every_law() {
    for (name, world) in worlds() {
        let (machine, groups) = world.build();
        let extent =
            explore(machine, &world, groups, &laws(), true).unwrap_or_else(|law| panic!("{name}: {law}"));
        println!("{name}: {} states, {} edges", extent.states, extent.edges);
        assert!(extent.states > 1000, "{name}: {extent:?} is too few to mean anything");
    }
}
