//! provisor inside a larger program: what an embedder needs, in one place. Wiring only.

pub use provisor_actors::handle::{Ended, Gone, OutputOf, RuntimeHandle, SubmitError, Ticket};
pub use provisor_actors::local::{Local, LocalError, Maker};
pub use provisor_actors::logs::{LogSpec, OpenLog, Room, Taken, Tee};
pub use provisor_actors::messages::{Ending, Event, Failure, Piece};
pub use provisor_actors::os::{
    Child, ExitReport, GuardianGone, Launch, LaunchError, LaunchRequest, Launched, LocalFuture, LocalStream,
    Output, SweepReport, Transience, TreeLimits,
};
pub use provisor_actors::row::{Commit, Refusal as CommitRefusal, Row};
pub use provisor_actors::run::{Launcher, LauncherFactory, RunDied, StartError};
pub use provisor_actors::runtime::{Ports, Runtime, USUAL_ROOM};
pub use provisor_actors::subscription::{Subscription, Told};
pub use provisor_actors::supervisor::Rules;
pub use provisor_core::cause::{Cause, End, Exit, Outcome, StopMethod, Usage};
pub use provisor_core::containment::{Containment, Level};
pub use provisor_core::guarantees::{Guarantees, Keeping};
pub use provisor_core::plan::{
    After, AfterFailure, Command, Condition, Environment, Inherit, Judging, Limits, Logs, Need, NoSuchQuery,
    Plan, Query, Retry, RetryOn, Stdin, Submission,
};
pub use provisor_core::process::Ear;
pub use provisor_core::proverif::{EarlyStop, ProVerif};
pub use provisor_core::roster::Refusal;
pub use provisor_core::rules::{Pattern, Rule, RuleError, Stream, Streams};
pub use provisor_core::tally::{Class, Counts as Tally};
pub use provisor_core::verdict::{Counts, Finding, Judgement, Preset};

/// The guardian of a program that embeds a runtime: a process of its own that makes, watches and kills all children.
pub mod guardian {
    pub use provisor_actors::os::guardian::{init, is_initialised};
}

/// The programs on these pages are run as doc tests.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../docs/embedding.md")]
    struct Embedding;

    #[doc = include_str!("../README.md")]
    struct Readme;
}
