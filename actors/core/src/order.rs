//! In which order queries are started, so that the last ones end soon: the longest first, as far as it is known how long
//! they take.
//!
//! - *A known time* is what an earlier attempt took.
//! - *One whose time is not known* comes before all others: where few take long, it may be the longest of them, and all
//!   would wait for it at the end. To begin with it costs no more than it takes. (By the mean of the known times it would
//!   come too late: most are shorter than the mean, so that it would stand behind all that is long.)
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
    let paths = paths(queries);
    let mut order: Vec<usize> = (0..queries.len()).collect();
    order.sort_by_key(|&at| Reverse(paths[at].rank()));
    order.into_iter().map(|at| queries[at].place).collect()
}

/// The longest way from the start of a query to the end of the last one that waits for it.
#[derive(Clone, Copy, Debug, Default)]
struct Path {
    /// The time of some of those on it is not known.
    is_unknown: bool,
    /// Of the others.
    time: Duration,
    /// How many follow, one after the other: who is needed comes first also where it takes no time, or nothing is known.
    others: usize,
}

impl Path {
    /// That of a query alone.
    fn of(query: &Expected<'_>) -> Self {
        Self { is_unknown: query.time.is_none(), time: query.time.unwrap_or_default(), others: 0 }
    }

    /// By which it is ordered, the greatest first.
    const fn rank(&self) -> (bool, u128, usize) {
        (self.is_unknown, self.time.as_millis() / 100, self.others)
    }

    /// Of these two what is longer, each for itself.
    fn or(self, other: Self) -> Self {
        Self {
            is_unknown: self.is_unknown || other.is_unknown,
            time: self.time.max(other.time),
            others: self.others.max(other.others),
        }
    }

    /// This one, and then that.
    const fn then(self, other: Self) -> Self {
        Self {
            is_unknown: self.is_unknown || other.is_unknown,
            time: self.time.saturating_add(other.time),
            others: other.others,
        }
    }
}

/// For each query the longest path that begins with it. From the ends backwards: a query is reckoned when all that wait
/// for it are. Those of a circle, which no plan has, count as far as that goes.
fn paths(queries: &[Expected<'_>]) -> Vec<Path> {
    let mut paths: Vec<Path> = queries.iter().map(Path::of).collect();
    let needs = needs(queries);
    let mut waited_for_by = vec![0_usize; queries.len()];
    needs.iter().flatten().for_each(|&needed| waited_for_by[needed] += 1);
    let mut longest = vec![Path::default(); queries.len()];
    let mut ready: Vec<usize> = (0..needs.len()).filter(|&at| waited_for_by[at] == 0).collect();
    while let Some(at) = ready.pop() {
        paths[at] = paths[at].then(longest[at]);
        let with_it = Path { others: paths[at].others + 1, ..paths[at] };
        for &needed in &needs[at] {
            longest[needed] = longest[needed].or(with_it);
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
