//! What ProVerif prints. The first byte says how it is read, and the rest is printed.

use std::sync::Arc;

use provisor_core::plan::Judging;
use provisor_core::proverif::{EarlyStop, ProVerif};
use provisor_core::rules::Judge;
use provisor_core::verdict::Preset;

use super::hearing::hear_in_all_pieces;

/// However it is cut, it says the same.
///
/// # Panics
/// Where it does not.
pub fn take(bytes: &[u8]) {
    let Some((how, printed)) = bytes.split_first() else { return };
    let early_stop = match how % 3 {
        0 => EarlyStop::Off,
        1 => EarlyStop::OnGoalReachable,
        _ => EarlyStop::OnRefutingGoal,
    };
    let preset = Preset::ProVerif(ProVerif {
        early_stop,
        lemmas: u32::from(how / 3 % 4),
        sanity: how & 64 != 0,
        worst: how & 128 != 0,
        ..ProVerif::default()
    });
    let judging = Judging { rules: Vec::new(), preset: Some(preset) };
    let judge = Arc::new(Judge::compile(&judging).expect("no rules, no faults"));
    hear_in_all_pieces(&judge, printed);
}
