//! The state machine of one query: one attempt at running one process.

use std::time::Duration;

use crate::cause::{Cause, Exit, StopMethod};
use crate::rules::Stream;
use crate::verdict::{Finding, Judgement};

/// The listener inside the machine: output in, findings and a wish to stop out.
///
/// `provisor_core::lines::Reader` is the real one; the enumeration of the machine uses a tiny one.
pub trait Ear {
    /// Takes in a chunk of bytes that arrived `at` this long after the start of the attempt. Cutting the same bytes
    /// into other chunks must give the same findings and the same wish.
    fn hear(
        &mut self,
        stream: Stream,
        bytes: &[u8],
        at: Duration,
        found: &mut Vec<Finding>,
    ) -> Option<StopMethod>;

    /// Takes in the end of a stream: a last line without a line end is a line.
    fn close(&mut self, stream: Stream, at: Duration, found: &mut Vec<Finding>) -> Option<StopMethod>;

    /// What it all adds up to. `exit` is `None` if the process was never seen to leave.
    fn judge(&mut self, cause: Cause, exit: Option<Exit>) -> Judgement;
}
