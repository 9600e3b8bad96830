//! Which endings are tried again, and after which pause.

use std::time::Duration;

use crate::cause::{Cause, End, Exit, Outcome};
use crate::plan::{Retry, RetryOn};

/// The longest pause before a retry.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The pause before another attempt after this one, counted from 1 in its pass and this run, if there is to be one.
pub(super) fn pause(retry: &Retry, attempt: u32, outcome: &Outcome) -> Option<Duration> {
    let worth_it = outcome.end != End::Unreaped
        && attempt <= retry.times
        && retry.on.iter().any(|on| is_met(*on, outcome));
    worth_it.then(|| doubled(retry.backoff, attempt - 1, LONGEST_PAUSE))
}

/// Whether an attempt ended in this way.
fn is_met(on: RetryOn, outcome: &Outcome) -> bool {
    let by_itself = outcome.cause == Cause::Exited;
    match (on, &outcome.end) {
        (RetryOn::NotStarted, End::NotStarted(_)) | (RetryOn::Lost, End::Lost(_)) => true,
        (RetryOn::Signal, End::Reaped(Exit::Signal(_))) => by_itself && outcome.method.is_none(),
        (RetryOn::ExitCode(wanted), End::Reaped(Exit::Code(code))) => by_itself && *code == wanted,
        (RetryOn::Failure, End::Reaped(Exit::Code(code))) => by_itself && *code != 0,
        (RetryOn::NoVerdict, End::Reaped(_)) => by_itself && outcome.judgement.verdict.is_none(),
        (RetryOn::WallLimit, End::Reaped(_)) => outcome.cause == Cause::WallLimit,
        (RetryOn::Silent, End::Reaped(_)) => outcome.cause == Cause::Silent,
        (RetryOn::CpuLimit, End::Reaped(_)) => outcome.cause == Cause::CpuLimit,
        (RetryOn::OutputLimit, End::Reaped(_)) => outcome.cause == Cause::OutputLimit,
        (RetryOn::ProcessLimit, End::Reaped(_)) => outcome.cause == Cause::ProcessLimit,
        (RetryOn::MemoryLimit, End::Reaped(_)) => outcome.cause == Cause::MemoryLimit,
        _ => false,
    }
}

/// No pause before an attempt of a query with these retries is longer.
pub(crate) fn longest_pause(retry: &Retry) -> Duration {
    doubled(retry.backoff, retry.times.saturating_sub(1), LONGEST_PAUSE)
}

pub(super) fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    let factor = 1_u32.checked_shl(times.min(31)).unwrap_or(u32::MAX);
    first.checked_mul(factor).map_or(longest, |pause| pause.min(longest.max(first)))
}
