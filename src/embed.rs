//! provisor inside a larger program: what an embedder needs, in one place, and how the main parts of it are used. Wiring only.
//!
//! What is named here is promised: `tests/data/public-api.txt` is a snapshot of it.

/// Asks a runtime, hears of it, and lets it end.
///
/// ```
/// use provisor::{Command, Local, Plan, Ports, Query, Runtime, StopMethod, Told};
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     provisor::guardian::init();
///     tokio::runtime::Runtime::new()?.block_on(async {
///         let ports = Ports::new(Local::default().factory());
///         let handle = Runtime::start(Plan::new("two", Vec::new()).at_once(2), ports).await?;
///         let mut events = handle.subscribe(100);
///
///         let slow = handle.submit(Query::new("slow", Command::new(["sleep", "1000"]))).await?;
///         let quick = handle.submit(Query::new("quick", Command::new(["true"]))).await?;
///         assert!(quick.await?.outcome.is_well(None));
///         assert!(handle.cancel("slow", StopMethod::Term).await, "it was not over");
///         assert_eq!(slow.await?.outcome.cause_word(), "cancelled");
///
///         let ending = handle.drain().await?;
///         assert_eq!((ending.unfinished, ending.failure), (0, None));
///         // What happened, and then that it is over. Who had no room is told how much he has missed.
///         let mut heard = Vec::new();
///         while let Some(Told::Event { query, .. }) = events.next().await {
///             heard.extend(query);
///         }
///         assert!(heard.iter().any(|query| &**query == "quick"));
///         Ok(())
///     })
/// }
/// ```
pub use provisor_actors::handle::RuntimeHandle;
pub use provisor_actors::handle::{Ended, Gone, OutputOf, SubmitError, Ticket};
/// Starts processes on this machine, with a guardian or without one, and says what is promised then.
///
/// ```
/// use provisor::{Containment, Keeping, Local, LocalError, Maker, Plan, Ports, Runtime, StartError};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// tokio::runtime::Runtime::new()?.block_on(async {
///     // Started by this process itself, without a guardian: what that costs is said.
///     let direct = Local { maker: Maker::Direct, ..Local::default() };
///     let handle = Runtime::start(Plan::new("direct", Vec::new()), Ports::new(direct.clone().factory())).await?;
///     let promised = handle.guarantees().expect("of real processes it can be said");
///     assert_eq!(promised.keeping, Keeping::Direct);
///     assert!(!promised.has_tree_limits());
///     assert!(!promised.exceptions().is_empty(), "sentences for people");
///     handle.drain().await?;
///
///     // What cannot be had is an error, never something less.
///     let contained = Local { containment: Containment::Namespace, ..direct };
///     match Runtime::start(Plan::new("none", Vec::new()), Ports::new(contained.factory())).await {
///         Err(StartError::System(error)) => {
///             assert!(matches!(LocalError::behind(&error), Some(LocalError::NeedsGuardian(_))));
///         }
///         _ => unreachable!("a namespace needs a guardian"),
///     }
///     Ok(())
/// })
/// # }
/// ```
pub use provisor_actors::local::Local;
pub use provisor_actors::local::{LocalError, Maker};
pub use provisor_actors::logs::{LogSpec, OpenLog, Room, Taken, Tee};
pub use provisor_actors::messages::{Ending, Event, Failure, History, Piece};
pub use provisor_actors::os::contain::ContainError;
pub use provisor_actors::os::guardian::ExecuteError;
pub use provisor_actors::os::signals::OpenFiles;
pub use provisor_actors::os::{
    Child, ExitReport, HoldLost, Launch, LaunchError, LaunchRequest, Launched, LocalFuture, LocalStream,
    Output, SweepReport, Transience, TreeLimits,
};
/// Where rows go, before anybody hears of them: a sink of one's own.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use provisor::{Commit, CommitRefusal, Outcome, Row};
///
/// /// Keeps rows where the rest of the program finds them; for `Ports::sink`.
/// #[derive(Clone, Default)]
/// struct Kept(Arc<Mutex<Vec<Arc<Row>>>>);
///
/// impl Commit for Kept {
///     fn commit(&mut self, rows: &[Arc<Row>]) -> Result<(), CommitRefusal> {
///         let Ok(mut kept) = self.0.lock() else {
///             return Err(CommitRefusal::Final("the rows are broken".into()));
///         };
///         kept.extend_from_slice(rows);
///         Ok(())
///     }
/// }
///
/// let kept = Kept::default();
/// assert_eq!(kept.clone().commit(&[Arc::new(Row::new(0, 1, Outcome::cancelled()))]), Ok(()));
/// assert_eq!(kept.0.lock().unwrap()[0].outcome.cause_word(), "cancelled");
/// ```
pub use provisor_actors::row::Commit;
pub use provisor_actors::row::{Discarded, Refusal as CommitRefusal, Row};
pub use provisor_actors::run::{Launcher, LauncherFactory, RunDied, StartError};
pub use provisor_actors::runtime::{Ports, Runtime, USUAL_ROOM};
pub use provisor_actors::subscription::{Subscription, Told};
/// Readings of one's own.
///
/// ```
/// use std::time::Duration;
///
/// use provisor::{Cause, Counts, Ear, Exit, Finding, Judgement, Query, Rules, StopMethod, Stream};
///
/// /// Counts lines, and has enough of them at some time; for `Ports::rules`.
/// struct Lines(usize);
///
/// impl Rules for Lines {
///     fn ear(&self, query: &Query, _: usize) -> Option<Box<dyn Ear>> {
///         // Every other query is read as it says itself.
///         query.id.starts_with("count/").then(|| Box::new(Lines(self.0)) as Box<dyn Ear>)
///     }
/// }
///
/// impl Ear for Lines {
///     fn hear(&mut self, _: Stream, bytes: &[u8], _: Duration, _: &mut Vec<Finding>) -> Option<StopMethod> {
///         let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
///         self.0 = self.0.saturating_sub(lines);
///         (self.0 == 0).then_some(StopMethod::Term)
///     }
///
///     fn close(&mut self, _: Stream, _: Duration, _: &mut Vec<Finding>) -> Option<StopMethod> {
///         None
///     }
///
///     fn judge(&mut self, _: Cause, _: Option<Exit>) -> Judgement {
///         let (verdict, counts) = if self.0 == 0 { ("enough", Counts::Ok) } else { ("too few", Counts::Bad) };
///         Judgement { verdict: Some(verdict.into()), counts, ..Judgement::default() }
///     }
/// }
///
/// let query = Query::new("count/words", provisor::Command::new(["cat", "words"]));
/// let mut ear = Lines(2).ear(&query, 0).expect("it is one of ours");
/// let mut found = Vec::new();
/// assert_eq!(ear.hear(Stream::Stdout, b"one\n", Duration::ZERO, &mut found), None);
/// assert_eq!(ear.hear(Stream::Stdout, b"two\n", Duration::ZERO, &mut found), Some(StopMethod::Term));
/// assert_eq!(ear.judge(Cause::Concluded, None).verdict.as_deref(), Some("enough"));
/// ```
pub use provisor_actors::supervisor::Rules;
pub use provisor_core::backoff::Backoff;
pub use provisor_core::cause::{Cause, End, Excess, Exit, Outcome, StopMethod, Usage};
pub use provisor_core::containment::{Containment, Level};
pub use provisor_core::dice::Share;
pub use provisor_core::guarantees::{Guarantees, Keeping};
/// A command that is asked again and again whether a query is well.
///
/// ```
/// use std::time::Duration;
///
/// use provisor::{Command, Probe, Query};
///
/// let second = Duration::from_secs(1);
/// let url = "http://127.0.0.1:8080/";
/// let server = Query::new("server", Command::new(["serve", "--port", "8080"]))
///     .health(Probe::new(["curl", "-sf", url]).every(10 * second).within(2 * second).failures(3));
/// assert_eq!(server.health.unwrap().within, 2 * second);
/// ```
pub use provisor_core::health::Probe;
pub use provisor_core::periodic::{Host, LeftOut, Overlap, Rounds, Schedule};
/// What is asked, said step by step.
///
/// ```
/// use std::time::Duration;
///
/// use provisor::{Command, Pattern, Plan, Query, RetryOn, Rule};
///
/// let ping = Query::new("core.lab", Command::new(["ping", "-c", "1", "core.lab"]))
///     .rule(Rule::on(Pattern::Regex("time=([0-9.]+) ms".into())).says("alive").value(1))
///     .wall(Duration::from_secs(5))
///     .retry(2, [RetryOn::NoVerdict], Duration::from_secs(1));
/// let plan = Plan::new("hosts", vec![ping]).at_once(32).total(Duration::from_secs(60));
/// assert_eq!((plan.queries.len(), plan.slots), (1, 32));
/// assert_eq!(plan.queries[0].limits.wall, Some(Duration::from_secs(5)));
/// ```
pub use provisor_core::plan::Query;
pub use provisor_core::plan::{
    After, AfterFailure, Command, Condition, Environment, Inherit, Judging, Limits, Logs, Need, NoSuchQuery,
    Plan, Retry, RetryOn, Stdin, Submission,
};
pub use provisor_core::plan::{Care, Group};
/// What a query is asked again with, and what follows from others' answers: for plans, and set by their fields.
pub use provisor_core::plan::{Cell, Lattice, Only, Pass, Prune};
pub use provisor_core::process::Ear;
pub use provisor_core::proverif::{EarlyStop, ProVerif};
pub use provisor_core::roster::{Place, Refusal, Then};
pub use provisor_core::row::Printed;
pub use provisor_core::rules::{Pattern, Rule, RuleError, RuleFault, Stream, Streams};
pub use provisor_core::supervision::{GroupSettings, Intensity, MemberSettings, Restart, Shutdown, Strategy};
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
