//! How a query ended: why (`Cause`), by what (`StopMethod`), and with what (`Outcome`). Three types, because the
//! three vary independently.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::verdict::{Counts, Judgement};

/// Why a started query came to its end. Ordered by weight: the first cause stands, and a heavier one that comes
/// later only makes the end come faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// It ended by itself.
    Exited,
    /// A rule said that enough is known.
    Concluded,
    /// It printed nothing for too long, or was found unwell by those who asked.
    Silent,
    /// It took too long.
    WallLimit,
    /// It used too much CPU time.
    CpuLimit,
    /// It printed too much.
    OutputLimit,
    /// It started too many processes.
    ProcessLimit,
    /// It used too much memory.
    MemoryLimit,
    /// Another one was faster with what both were asked.
    Outrun,
    /// The job's total time was over.
    Deadline,
    /// Somebody asked.
    Cancelled,
}

/// Every word of the column `cause` of results.csv, in the order of weight. Readers must accept others: later versions
/// have more.
pub const CAUSE_WORDS: [&str; 16] = [
    Cause::Exited.word(),
    Cause::Concluded.word(),
    Cause::Silent.word(),
    Cause::WallLimit.word(),
    Cause::CpuLimit.word(),
    Cause::OutputLimit.word(),
    Cause::ProcessLimit.word(),
    Cause::MemoryLimit.word(),
    Cause::Outrun.word(),
    Cause::Deadline.word(),
    Cause::Cancelled.word(),
    NOT_STARTED,
    UNREAPED,
    LOST,
    SKIPPED,
    IMPLIED,
];

/// The words of those that ended only because the run had to: they are run again when it is taken up.
pub const CUT_SHORT: [&str; 3] = [Cause::Cancelled.word(), Cause::Deadline.word(), LOST];

const NOT_STARTED: &str = "not-started";
const UNREAPED: &str = "unreaped";
const LOST: &str = "lost";
pub(crate) const SKIPPED: &str = "skipped";
pub(crate) const IMPLIED: &str = "implied";

/// The limits of a query's own.
const LIMITS: [Cause; 6] = [
    Cause::Silent,
    Cause::WallLimit,
    Cause::CpuLimit,
    Cause::OutputLimit,
    Cause::ProcessLimit,
    Cause::MemoryLimit,
];

impl Cause {
    /// All of them, by weight.
    const ALL: [Self; 11] = [
        Self::Exited,
        Self::Concluded,
        Self::Silent,
        Self::WallLimit,
        Self::CpuLimit,
        Self::OutputLimit,
        Self::ProcessLimit,
        Self::MemoryLimit,
        Self::Outrun,
        Self::Deadline,
        Self::Cancelled,
    ];

    /// The one with this [`word`](Self::word).
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.word() == word)
    }

    /// The word in the column `cause` of results.csv.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Exited => "exited",
            Self::Concluded => "concluded",
            Self::Silent => "silent",
            Self::WallLimit => "wall-limit",
            Self::CpuLimit => "cpu-limit",
            Self::OutputLimit => "output-limit",
            Self::ProcessLimit => "process-limit",
            Self::MemoryLimit => "memory-limit",
            Self::Outrun => "outrun",
            Self::Deadline => "deadline",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The strongest thing that provisor did to end a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StopMethod {
    /// SIGTERM (with SIGCONT) to its group.
    Term,
    /// SIGKILL to its tree.
    Kill,
}

/// How a process left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal of this number.
    Signal(i32),
}

/// What a query cost, as the kernel accounted it when its leader was waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Usage {
    /// User and system time of the leader and of the descendants that were waited for.
    pub cpu: Duration,
    /// The largest resident set of a single process among them, in KiB.
    pub max_rss_kib: u64,
}

/// A limit that was reached and what shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Excess {
    /// The limit.
    pub cause: Cause,
    /// It was the machine that had no more, and no limit of the query's own was reached.
    pub of_machine: bool,
    /// A sentence: what was seen, and by which means.
    pub evidence: Arc<str>,
}

/// What became of the process, where there was to be one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum End {
    /// It left, its tree was swept, and nothing of it is there.
    Reaped(Exit),
    /// It could not be started, and here is why.
    NotStarted(Arc<str>),
    /// It survived SIGKILL: the kernel does not let go of it. Its slot stays booked.
    Unreaped,
    /// Provisor lost its hold on it (an actor died, or the guardian), and here is how.
    Lost(Arc<str>),
    /// There was none, for what the query needs is not as it has to be: that, as a sentence.
    Skipped(Arc<str>),
    /// There was none, for the answer follows from that of the query with this id.
    Implied(Arc<str>),
}

/// All that is known of one attempt at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What became of the process.
    pub end: End,
    /// Why.
    pub cause: Cause,
    /// What shows it, where the cause is a limit that was seen from outside, and what else must be known: that its log is
    /// incomplete. A sentence.
    pub evidence: Option<Arc<str>>,
    /// The limit was the machine's and not its own: another time it may be well.
    pub of_machine: bool,
    /// What provisor did to it, if anything.
    pub method: Option<StopMethod>,
    /// From its start to its exit.
    pub wall: Duration,
    /// What it cost.
    pub usage: Usage,
    /// Something held its pipes open after the leader's exit, for longer than provisor waits.
    pub leaked: bool,
    /// How many processes outlived the leader and were killed; `None` where nobody looks for them.
    pub leftovers: Option<u32>,
    /// What its output says.
    pub judgement: Judgement,
}

impl Outcome {
    /// An attempt that never ran.
    #[must_use]
    pub fn not_started(why: Arc<str>, cause: Cause) -> Self {
        Self::without_process(End::NotStarted(why), cause)
    }

    /// An attempt whose process was lost from sight.
    #[must_use]
    pub fn lost(how: Arc<str>) -> Self {
        Self::without_process(End::Lost(how), Cause::Exited)
    }

    /// An attempt whose process did not go away.
    #[must_use]
    pub fn unreaped(cause: Cause) -> Self {
        Self::without_process(End::Unreaped, cause)
    }

    /// A query that is not run, for what it needs is not as it has to be.
    #[must_use]
    pub fn skipped(why: Arc<str>) -> Self {
        let outcome = Self::without_process(End::Skipped(why), Cause::Exited);
        Self { leftovers: None, ..outcome }
    }

    /// A query that is not run, for its answer follows from that of the query with this id.
    #[must_use]
    pub fn implied(by: Arc<str>, verdict: Arc<str>, counts: Counts) -> Self {
        let line = Some(format!("implied by `{by}`: {verdict}").into());
        let judgement = Judgement { verdict: Some(verdict), counts, line, ..Judgement::default() };
        let outcome = Self::without_process(End::Implied(by), Cause::Exited);
        Self { leftovers: None, judgement, ..outcome }
    }

    /// A query that nobody wants to know any more, before it had a process.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::without_process(End::NotStarted("cancelled while it waited".into()), Cause::Cancelled)
    }

    /// An entrant of a race that another one has won before it had a process: that, as a sentence.
    #[must_use]
    pub fn outrun(why: Arc<str>) -> Self {
        Self::without_process(End::NotStarted(why), Cause::Outrun)
    }

    fn without_process(end: End, cause: Cause) -> Self {
        Self {
            end,
            cause,
            evidence: None,
            of_machine: false,
            method: None,
            wall: Duration::ZERO,
            usage: Usage::default(),
            leaked: false,
            leftovers: Some(0),
            judgement: Judgement::default(),
        }
    }

    /// The word in the column `cause` of results.csv.
    #[must_use]
    pub fn cause_word(&self) -> &'static str {
        match self.end {
            End::Reaped(_) => self.cause.word(),
            End::NotStarted(_) if self.cause == Cause::Exited => NOT_STARTED,
            End::NotStarted(_) => self.cause.word(),
            End::Unreaped => UNREAPED,
            End::Lost(_) => LOST,
            End::Skipped(_) => SKIPPED,
            End::Implied(_) => IMPLIED,
        }
    }

    /// Whether it is known without an attempt: it is `skipped` or `implied`.
    #[must_use]
    pub const fn is_derived(&self) -> bool {
        matches!(self.end, End::Skipped(_) | End::Implied(_))
    }

    /// Says this of it beside what is said anyway, which would not be seen otherwise.
    pub fn remark(&mut self, text: &str) {
        match &mut self.end {
            End::NotStarted(why) | End::Lost(why) | End::Skipped(why) => *why = joined(why, text),
            End::Reaped(_) | End::Unreaped | End::Implied(_) => {
                let before = self.evidence.take().or_else(|| self.judgement.line.clone());
                self.evidence = Some(before.map_or_else(|| text.into(), |before| joined(&before, text)));
            }
        }
    }

    /// How the process left, where it did.
    #[must_use]
    pub const fn exit(&self) -> Option<Exit> {
        match self.end {
            End::Reaped(exit) => Some(exit),
            _ => None,
        }
    }

    /// Whether it ended by itself or because enough was known: only then its verdict is what it would have been.
    #[must_use]
    pub fn ended_by_itself(&self) -> bool {
        is_own_end(self.cause_word())
    }

    /// Whether it ended as its asker hoped, who expects this verdict or none in particular.
    #[must_use]
    pub fn is_well(&self, expected: Option<&str>) -> bool {
        let Judgement { verdict, counts, .. } = &self.judgement;
        is_well(self.cause_word(), verdict.as_deref(), *counts, expected)
    }
}

fn joined(before: &str, text: &str) -> Arc<str> {
    format!("{before}; {text}").into()
}

/// Whether a query with this word of its cause ended as its asker hoped: not by force, and with the verdict that was
/// expected, or with one that counts as ok. Whose answer follows from another's is as well as that. Who was outrun has nothing
/// left to answer, and that is well.
pub(crate) fn is_well(cause: &str, verdict: Option<&str>, counts: Counts, expected: Option<&str>) -> bool {
    let is_as_hoped = |verdict| expected.map_or(counts == Counts::Ok, |expected| verdict == expected);
    let may_answer = is_own_end(cause) || cause == IMPLIED;
    cause == Cause::Outrun.word() || (may_answer && verdict.is_some_and(is_as_hoped))
}

/// Whether a query with this word of its cause reached a limit.
pub(crate) fn is_limited(cause: &str) -> bool {
    LIMITS.iter().any(|limit| limit.word() == cause)
}

/// Whether a query with this word of its cause ended by itself or because enough was known.
pub(crate) fn is_own_end(cause: &str) -> bool {
    [Cause::Exited.word(), Cause::Concluded.word()].contains(&cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_well_by_the_expected_verdict_or_by_what_it_counts_as_and_never_by_force() {
        let (yes, no) = (Some("yes"), Some("no"));
        for (cause, verdict, counts, expected, well) in [
            ("exited", yes, Counts::Ok, None, true),
            ("concluded", yes, Counts::Ok, None, true),
            ("exited", yes, Counts::Open, None, false),
            ("exited", yes, Counts::Bad, None, false),
            ("exited", yes, Counts::Bad, yes, true),
            ("exited", yes, Counts::Ok, no, false),
            ("exited", None, Counts::Ok, None, false),
            ("exited", None, Counts::Ok, no, false),
        ] {
            assert_eq!(
                is_well(cause, verdict, counts, expected),
                well,
                "{cause} {verdict:?} {counts:?} {expected:?}"
            );
        }
        let may_be_well = ["exited", "concluded", "implied", "outrun"];
        for cause in CAUSE_WORDS {
            assert_eq!(is_well(cause, yes, Counts::Ok, yes), may_be_well.contains(&cause), "{cause}");
            assert_eq!(is_well(cause, None, Counts::Bad, yes), cause == "outrun", "{cause}");
        }
    }

    #[test]
    fn what_is_known_without_an_attempt_says_why_and_is_well_by_its_verdict_alone() {
        let implied = Outcome::implied("m/all/q".into(), "true".into(), Counts::Ok);
        assert_eq!(implied.judgement.line.as_deref(), Some("implied by `m/all/q`: true"));
        assert_eq!((implied.cause_word(), implied.ended_by_itself()), ("implied", false));
        assert_eq!((implied.is_well(None), implied.is_well(Some("false"))), (true, false));
        let skipped = Outcome::skipped("needs `l`".into());
        assert_eq!((skipped.cause_word(), skipped.is_well(None)), ("skipped", false));
        assert!(implied.is_derived() && skipped.is_derived() && !Outcome::lost("x".into()).is_derived());
        assert_eq!((implied.leftovers, implied.exit()), (None, None), "nobody has looked for any");
    }

    #[test]
    fn a_remark_stands_beside_what_would_be_shown_without_it() {
        let judgement = Judgement { line: Some("RESULT".into()), ..Judgement::default() };
        let mut outcome = Outcome { judgement, ..Outcome::unreaped(Cause::Exited) };
        outcome.remark("a");
        outcome.remark("b");
        assert_eq!(outcome.evidence.as_deref(), Some("RESULT; a; b"));
        let mut lost = Outcome::lost("it is down".into());
        lost.remark("a");
        assert_eq!((lost.end, lost.evidence), (End::Lost("it is down; a".into()), None));
        let mut silent = Outcome::unreaped(Cause::Exited);
        silent.remark("a");
        assert_eq!(silent.evidence.as_deref(), Some("a"));
    }
}
