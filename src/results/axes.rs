//! In which order the values of an axis stand: in the spec's, as far as the plan tells it. Nothing here reads or prints.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The values of each axis, in the spec's order. `queries`: the values of every query of the plan, in the plan's order,
/// where the first axis is the slowest.
pub(super) fn values(queries: &[&[Arc<str>]], axes: usize) -> Vec<Vec<Arc<str>>> {
    (0..axes).map(|axis| of_axis(queries, axis)).collect()
}

/// Among the queries that have the same values on all slower axes, the values stand in the spec's order, but where some
/// are excluded none of these runs has them all. So the runs are merged; of what none of them tells apart, that which
/// occurs first in the plan comes first.
fn of_axis(queries: &[&[Arc<str>]], axis: usize) -> Vec<Arc<str>> {
    let mut numbers: HashMap<&Arc<str>, usize> = HashMap::new();
    let mut values = Vec::new();
    let mut before: Option<(&[Arc<str>], usize)> = None;
    let mut steps = HashSet::new();
    for query in queries.iter().filter(|query| query.len() > axis) {
        let slower = &query[..axis];
        let number = *numbers.entry(&query[axis]).or_insert_with(|| {
            values.push(Arc::clone(&query[axis]));
            values.len() - 1
        });
        if let Some((_, last)) = before.filter(|(of, last)| *of == slower && *last != number) {
            steps.insert((last, number));
        }
        before = Some((slower, number));
    }
    merged(values.len(), &steps).into_iter().map(|number| Arc::clone(&values[number])).collect()
}

/// The numbers below `len` so that each step goes forward; those of a circle, which no matrix has, by size at the end.
fn merged(len: usize, steps: &HashSet<(usize, usize)>) -> Vec<usize> {
    let mut after = vec![Vec::new(); len];
    let mut blocked = vec![0_usize; len];
    for &(from, to) in steps {
        after[from].push(to);
        blocked[to] += 1;
    }
    let mut left: BTreeSet<usize> = (0..len).collect();
    let mut ready: BTreeSet<usize> = left.iter().copied().filter(|&number| blocked[number] == 0).collect();
    let mut order = Vec::with_capacity(len);
    while let Some(next) = ready.pop_first() {
        left.remove(&next);
        order.push(next);
        for &to in &after[next] {
            blocked[to] -= 1;
            if blocked[to] == 0 {
                ready.insert(to);
            }
        }
    }
    order.extend(left);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Queries such as `ax by`: a character for each axis.
    fn of(queries: &str) -> Vec<String> {
        let queries: Vec<Vec<Arc<str>>> = queries
            .split(' ')
            .map(|query| query.chars().map(|value| value.to_string().into()).collect())
            .collect();
        let queries: Vec<_> = queries.iter().map(Vec::as_slice).collect();
        values(&queries, 2).iter().map(|values| values.concat()).collect()
    }

    #[test]
    fn the_order_is_the_specs_whatever_is_excluded() {
        assert_eq!(of("ax ay bx by"), ["ab", "xy"]);
        assert_eq!(of("ay az bx by"), ["ab", "xyz"]);
        assert_eq!(of("az bx by cy cz"), ["abc", "xyz"]);
        assert_eq!(of("ax az bx by cy cz"), ["abc", "xyz"]);
    }

    #[test]
    fn what_nothing_tells_apart_stands_as_it_comes() {
        assert_eq!(of("ay bx"), ["ab", "yx"]);
        assert_eq!(of("ax ay bx by bx"), ["ab", "xy"], "a circle ends");
    }
}
