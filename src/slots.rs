//! How many queries the system lets run at a time.

use provisor_core::Plan;

/// Descriptors that provisor has open while a query runs: its two streams, its log and the log's timing.
const OF_A_QUERY: u64 = 4;
/// And beside all queries: the results, the lock, the guardian, and what the runtime itself needs.
const OF_ITS_OWN: u64 = 64;

/// Cuts the slots to what so many open files allow, and says so where that is less than was asked for: to run into the
/// limit would cost every start its time.
pub(crate) fn fit(plan: &mut Plan, open_files: Option<u64>) -> Option<String> {
    let limit = open_files?;
    let most = fewer(plan.slots.min(plan.queries.len()), limit)?;
    let asked = std::mem::replace(&mut plan.slots, most);
    Some(format!(
        "{most} at a time instead of {asked}: {limit} files may be open, and each query takes {OF_A_QUERY}; a higher \
         `ulimit -n` allows more"
    ))
}

/// How many may run at a time, if that is fewer than would.
fn fewer(would: usize, open_files: u64) -> Option<usize> {
    let room = open_files.saturating_sub(OF_ITS_OWN) / OF_A_QUERY;
    let most = usize::try_from(room).unwrap_or(usize::MAX).max(1);
    (most < would).then_some(most)
}

#[cfg(test)]
mod tests {
    use super::fewer;

    #[test]
    fn slots_are_cut_to_the_descriptors_there_are() {
        for (would, open_files, most) in [
            (100, 256, Some(48)),
            (48, 256, None),
            (1, 10, None),
            (2, 10, Some(1)),
            (6000, 1_048_576, None),
            (0, 0, None),
        ] {
            assert_eq!(fewer(would, open_files), most, "{would} with {open_files}");
        }
    }
}
