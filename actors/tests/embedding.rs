//! The runtime inside a larger program: from every tokio context, several at once, nothing left behind. A file of its
//! own, because it counts the threads of its process.

mod scripted;

use std::sync::atomic::Ordering;

use provisor_actors::messages::Ending;
use provisor_actors::testing::{Ledger, Script, Theatre};
use provisor_core::periodic::Rounds;

use scripted::{plan, rows, run};

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("this is Linux").count()
}

#[test]
fn it_runs_from_every_tokio_context_and_leaves_nothing_behind() {
    let one = || async {
        let (theatre, ledger) = (Theatre::new(|_| Ok(Script::print("hello\n"))), Ledger::default());
        let ending = run(plan(20, 4), &theatre, &ledger).await;
        assert_eq!(
            ending,
            Ending {
                stopped: None,
                unfinished: 0,
                unwritten: Vec::new(),
                failed_groups: Vec::new(),
                rounds: Rounds::default(),
                missed_events: 0,
                exhausted: None,
                failure: None
            }
        );
        assert_eq!(rows(&ledger).len(), 20);
        assert_eq!(theatre.alive.load(Ordering::SeqCst), 0);
        assert!(theatre.most.load(Ordering::SeqCst) <= 4, "no more than there are slots");
    };
    let builders =
        [tokio::runtime::Builder::new_current_thread(), tokio::runtime::Builder::new_multi_thread()];
    for mut builder in builders {
        let runtime = builder.enable_all().build().expect("a runtime");
        runtime.block_on(one());
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, one());
        runtime.block_on(async { tokio::join!(one(), one()) });
        let before = threads();
        runtime.block_on(one());
        assert_eq!(threads(), before, "its threads are joined");
    }
}
