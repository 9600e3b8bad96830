//! Limits and what was seen of them, as bytes. For `wire` only.

use std::time::Duration;

use super::super::TreeLimits;
use super::super::evidence::{Seen, What};
use super::super::fields::{Reader, WireError};

/// No limit is the largest number there is.
pub(super) fn encode_limits(TreeLimits { cpu, memory, processes }: TreeLimits, bytes: &mut Vec<u8>) {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    bytes.extend_from_slice(&cpu.map_or(u64::MAX, micros).to_le_bytes());
    bytes.extend_from_slice(&memory.unwrap_or(u64::MAX).to_le_bytes());
    bytes.extend_from_slice(&processes.unwrap_or(u32::MAX).to_le_bytes());
}

pub(super) fn decode_limits(rest: &mut Reader<'_>) -> Result<TreeLimits, WireError> {
    let some = |number: u64| (number != u64::MAX).then_some(number);
    Ok(TreeLimits {
        cpu: some(rest.u64()?).map(Duration::from_micros),
        memory: some(rest.u64()?),
        processes: Some(rest.u32()?).filter(|number| *number != u32::MAX),
    })
}

/// Nothing seen is kind 0.
pub(super) fn put_seen(bytes: &mut Vec<u8>, seen: Option<Seen>) {
    let (what, value) = seen.map_or((0, 0), |Seen { what, value }| (what as u8, value));
    bytes.push(what);
    bytes.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn decode_seen(rest: &mut Reader<'_>) -> Result<Option<Seen>, WireError> {
    let (what, value) = (rest.byte()?, rest.u64()?);
    match (what, value) {
        (0, 0) => Ok(None),
        (what, value) => Ok(Some(Seen { what: What::from_number(what).ok_or(WireError::Kind)?, value })),
    }
}
