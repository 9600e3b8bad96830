//! A service that embeds provisor, with real processes. Its own harness: the first line of `main` makes it its own guardian.

#[path = "../common/mod.rs"]
mod common;

mod asking;
mod caring;
mod leaving;
mod polling;
mod racing;
mod running;
mod watching;

use std::future::Future;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use provisor::{Local, Plan, Ports, Runtime, RuntimeHandle};

fn main() -> ExitCode {
    provisor::guardian::init();
    let trials =
        [leaving::TRIALS, running::TRIALS, caring::TRIALS, asking::TRIALS, polling::TRIALS, racing::TRIALS]
            .concat();
    let trials = trials.into_iter().map(|(name, trial)| {
        Trial::test(name, move || {
            trial();
            Ok(())
        })
    });
    // One after the other: they count what their process has.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// A trial: its name, and what panics if it does not hold.
pub(crate) type TrialOf = (&'static str, fn());

/// Runs it on a tokio runtime of several threads.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    tokio.expect("a runtime").block_on(work)
}

/// A runtime of so many slots with nothing to do.
pub(crate) async fn runtime(slots: usize) -> RuntimeHandle {
    let ports = Ports::new(Local::default().factory());
    Runtime::start(Plan::new("test", Vec::new()).at_once(slots), ports).await.expect("it starts")
}
