//! In which order queries are started, so that the last ones end soon: the longest first, as far as it is known how long
//! they take.
//!
//! - *A known time* is what an earlier attempt took. One that is not known counts as the mean of those that are: it comes
//!   before whatever is shorter than the mean and after whatever is not.
//! - *Who is needed by others* comes before them, with the time of the longest that waits for it added to its own: all of
//!   that comes one after the other, however many slots there are.
//! - *What is equal*, to a tenth of a second, stays as it is in the spec: less is chance, and nothing is won by it.
//!
//! This starts nothing and knows no slots: the roster takes them from the front.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use crate::plan::Need;
use crate::roster::Place;

/// A query that is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'q> {
    /// Its place in the plan.
    pub place: Place,
    /// How long it took before, where that is known.
    pub time: Option<Duration>,
    /// What others must have said before it starts. Those that are not to be run are settled already.
    pub needs: &'q [Need],
}

/// The places of these queries, the longest first. They come in the order of the spec, each once.
#[must_use]
pub fn longest_first(queries: &[Expected<'_>]) -> Vec<Place> {
    let unknown = mean(queries).unwrap_or_default();
    let paths = paths(queries, |query| query.time.unwrap_or(unknown));
    let mut order: Vec<usize> = (0..queries.len()).collect();
    order.sort_by_key(|&at| Reverse((paths[at].time.as_millis() / 100, paths[at].others)));
    order.into_iter().map(|at| queries[at].place).collect()
}

/// Of the known times.
fn mean(queries: &[Expected<'_>]) -> Option<Duration> {
    let known = || queries.iter().filter_map(|query| query.time);
    let count = u32::try_from(known().count()).ok().filter(|count| *count > 0)?;
    Some(known().fold(Duration::ZERO, Duration::saturating_add) / count)
}

/// The longest way from the start of a query to the end of the last one that waits for it.
#[derive(Clone, Copy, Debug, Default)]
struct Path {
    time: Duration,
    /// How many follow, one after the other: where times are not known, or nothing, who is needed comes first all the same.
    others: usize,
}

/// For each query the longest path that begins with it. From the ends backwards: a query is reckoned when all that wait
/// for it are. Those of a circle, which no plan has, count as far as that goes.
fn paths(queries: &[Expected<'_>], own: impl Fn(&Expected<'_>) -> Duration) -> Vec<Path> {
    let mut paths: Vec<Path> = queries.iter().map(|query| Path { time: own(query), others: 0 }).collect();
    let needs = needs(queries);
    let mut waited_for_by = vec![0_usize; queries.len()];
    needs.iter().flatten().for_each(|&needed| waited_for_by[needed] += 1);
    let mut longest = vec![Path::default(); queries.len()];
    let mut ready: Vec<usize> = (0..needs.len()).filter(|&at| waited_for_by[at] == 0).collect();
    while let Some(at) = ready.pop() {
        paths[at].time = paths[at].time.saturating_add(longest[at].time);
        paths[at].others = longest[at].others;
        for &needed in &needs[at] {
            let Path { time, others } = longest[needed];
            longest[needed] =
                Path { time: time.max(paths[at].time), others: others.max(paths[at].others + 1) };
            waited_for_by[needed] -= 1;
            if waited_for_by[needed] == 0 {
                ready.push(needed);
            }
        }
    }
    paths
}

/// For each query those among these that it needs; empty where none needs any.
fn needs(queries: &[Expected<'_>]) -> Vec<Vec<usize>> {
    if queries.iter().all(|query| query.needs.is_empty()) {
        return Vec::new();
    }
    let at: HashMap<Place, usize> = queries.iter().zip(0..).map(|(query, at)| (query.place, at)).collect();
    let needed =
        |query: &Expected<'_>| query.needs.iter().filter_map(|need| at.get(&need.query).copied()).collect();
    queries.iter().map(needed).collect()
}

#[cfg(test)]
mod tests;
