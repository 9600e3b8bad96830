//! Recordings, and logs that are played by them: the recording, a NUL and the log; without one, the log has as many bytes
//! as the recording speaks of.

use std::sync::Arc;
use std::time::Duration;

use provisor_core::plan::{Judging, Limits};
use provisor_core::proverif::{EarlyStop, ProVerif};
use provisor_core::record::Recording;
use provisor_core::replay::{Reaction, replay};
use provisor_core::rules::Judge;
use provisor_core::verdict::Preset;

/// A recording that speaks of more is for a log that nobody has at hand here.
const LONGEST_LOG: u64 = 1 << 16;
/// What a log is made of that is not given.
const LINE: &[u8] = b"RESULT not attacker(s[]) is false.\ngoal reachable: attacker(s[])\n";

/// What is read can be written and be read again; and any recording can be played, to its end and twice alike.
///
/// # Panics
/// Where that is not so.
pub fn take(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let text = parts.next().unwrap_or_default();
    let Ok(recording) = Recording::parse(text) else { return };
    let whole = Recording { torn: false, ..recording.clone() };
    let again = Recording::parse(whole.encode().as_bytes());
    assert_eq!(again.as_ref(), Ok(&whole), "it is read as it was written");
    if recording.printed().all() <= LONGEST_LOG {
        let made = || {
            LINE.iter()
                .copied()
                .cycle()
                .take(usize::try_from(recording.printed().all()).unwrap_or(0))
                .collect()
        };
        let log = parts.next().map_or_else(made, <[u8]>::to_vec);
        play(&recording, &log);
    }
}

fn play(recording: &Recording, log: &[u8]) {
    let limits = [
        Limits::default(),
        Limits {
            wall: Some(Duration::from_secs(1)),
            silence: Some(Duration::from_millis(300)),
            ..Limits::default()
        },
    ];
    for early_stop in [EarlyStop::Off, EarlyStop::OnGoalReachable] {
        let judging = Judging {
            rules: Vec::new(),
            preset: Some(Preset::ProVerif(ProVerif { early_stop, ..ProVerif::default() })),
        };
        let judge = Arc::new(Judge::compile(&judging).expect("no rules, no faults"));
        for (limits, reaction) in
            limits.iter().flat_map(|limits| [(limits, Reaction::AsRecorded), (limits, Reaction::WhatIf)])
        {
            let Ok(played) = replay(Arc::clone(&judge), *limits, recording, log, reaction) else { continue };
            assert!(played.heard <= recording.events.len(), "{played:?}");
            let is_in_order = played.transitions.is_sorted_by_key(|transition| transition.at);
            assert!(is_in_order, "{played:?}");
            let again = replay(Arc::clone(&judge), *limits, recording, log, reaction);
            assert_eq!(again.as_ref(), Ok(&played), "it comes to the same each time");
        }
    }
}
