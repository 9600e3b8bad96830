//! When a run will be over, and how much work it is: a likely time by what attempts took so far and queries took before,
//! and an upper bound by the limits.
//!
//! - *The times* are those of all attempts that are finished, and of the queries that are not those that they had before,
//!   where they are known.
//! - *What is left of a running query* of age `a`: what its own time leaves, where it is known; else the mean of `x - a`
//!   over all times `x > a`. Where it has outlived its own time `x`, `a - x`, and where it has outlived them all, `a` less
//!   the mean (whoever is long overdue will take about as long again).
//! - *What a waiting query takes*: its own time; where that is not known, the mean of the times, among which each running
//!   query of unknown time that is older than that mean counts with its age and what is left of it. Without this the short
//!   ones, which finish first, would make all look short.
//! - *Likely*: all that together, shared by the slots; never less than what is left of the slowest, nor than the longest
//!   that waits.
//! - *At most*: no slot is idle while a query waits, so (all that limits leave, by the slots) + (1 - 1/slots) x the
//!   longest limit; and never more than what is left of the job's total time.
//!
//! It must never walk over all queries: sums are kept as things happen, and a look costs what runs.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::plan::{Limits, Query};
use crate::roster::longest_pause;

/// Each power of two of microseconds is divided into so many steps.
const STEPS: u32 = 8;
const OCTAVES: u32 = 64;

/// What is known of the times of a run.
#[derive(Clone, Debug)]
pub struct Forecast {
    slots: usize,
    total: Option<Duration>,
    walls: Walls,
    /// The known times of those that wait.
    line: Walls,
    owed: Owed,
}

/// A query at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtWork {
    /// For how long its attempt has run.
    pub age: Duration,
    /// How long it may be at work altogether, as [`longest`] says.
    pub longest: Option<Duration>,
    /// How long it took before, where that is known.
    pub time: Option<Duration>,
}

/// How long it will take from now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Eta {
    /// As far as known times tell; `None` before any is known.
    pub likely: Option<Duration>,
    /// By the limits; `None` where a query has none.
    pub at_most: Option<Duration>,
}

/// How long a query may be at work: all its attempts in all its passes to their limit and the grace, and the pauses between
/// them. `None` where a pass has no wall limit.
#[must_use]
pub fn longest(query: &Query) -> Option<Duration> {
    let retry = &*query.retry;
    let retries = if retry.on.is_empty() { 0 } else { retry.times };
    let pauses = longest_pause(retry).saturating_mul(retries);
    let of_pass = |limits: &Limits| {
        let attempt = limits.wall?.saturating_add(limits.grace);
        Some(attempt.saturating_mul(retries.saturating_add(1)).saturating_add(pauses))
    };
    let passes = (0..query.passes()).filter_map(|pass| query.asking(pass));
    passes
        .map(|asking| of_pass(asking.limits))
        .try_fold(Duration::ZERO, |sum, pass| Some(sum.saturating_add(pass?)))
}

impl Forecast {
    /// Nothing is known yet. `total`: when what runs is ended, counted from the start, with the grace it then has.
    #[must_use]
    pub fn new(slots: usize, total: Option<Duration>) -> Self {
        Self {
            slots: slots.max(1),
            total,
            walls: Walls::default(),
            line: Walls::default(),
            owed: Owed::default(),
        }
    }

    /// A query is to be done, and waits. `time`: how long it took before, here and below always the same.
    pub fn expect(&mut self, longest: Option<Duration>, time: Option<Duration>) {
        self.owed.add(longest);
        time.into_iter().for_each(|time| self.walls.add(time));
        self.wait(time);
    }

    /// A query waits no more.
    pub fn start(&mut self, time: Option<Duration>) {
        time.into_iter().for_each(|time| self.line.remove(time));
    }

    /// A query waits again.
    pub fn wait(&mut self, time: Option<Duration>) {
        time.into_iter().for_each(|time| self.line.add(time));
    }

    /// A query is done, and waits no more.
    pub fn settle(&mut self, longest: Option<Duration>, time: Option<Duration>) {
        self.owed.remove(longest);
        time.into_iter().for_each(|time| self.walls.remove(time));
    }

    /// An attempt that ended by itself or by its limits took this long.
    pub fn learn(&mut self, wall: Duration) {
        self.walls.add(wall);
    }

    /// How long so many that wait would take, one after the other; `None` before any time is known.
    #[must_use]
    pub fn work(&self, waiting: usize) -> Option<Duration> {
        let mean = self.walls.known().mean()?;
        Some(seconds(Line::of(&self.line, waiting).sum(mean)))
    }

    /// The time from now, which is `elapsed` after the start, with so many waiting and these at work.
    #[must_use]
    pub fn eta(&self, elapsed: Duration, waiting: usize, at_work: impl IntoIterator<Item = AtWork>) -> Eta {
        let known = self.walls.known();
        let mut now = Now { waiting, mean: known.mean(), ..Now::default() };
        for query in at_work {
            now.add(query, &known);
        }
        let at_most =
            [self.owed.at_most(self.slots, &now), self.total.map(|total| total.saturating_sub(elapsed))];
        let at_most = at_most.into_iter().flatten().min();
        let line = Line::of(&self.line, waiting);
        let likely = now.mean.map(|_| now.likely(&known, &line, self.slots));
        Eta { likely: likely.map(|likely| at_most.map_or(likely, |bound| likely.min(bound))), at_most }
    }
}

/// The sums over what is at work at a moment; in seconds.
#[derive(Default)]
struct Now {
    waiting: usize,
    mean: Option<f64>,
    running: usize,
    ages: Duration,
    /// What is left of all, and of the slowest.
    rest: f64,
    slowest: f64,
    /// Those older than the mean, and what they come to.
    overdue: usize,
    overdue_sum: f64,
    /// What its limits leave the one they leave most.
    longest_rest: Duration,
}

impl Now {
    fn add(&mut self, query: AtWork, known: &Known) {
        let age = query.age.as_secs_f64();
        self.running += 1;
        self.ages = self.ages.saturating_add(query.age);
        let allowed = query.longest.map(|longest| longest.saturating_sub(query.age));
        self.longest_rest = self.longest_rest.max(allowed.unwrap_or_default());
        let Some(mean) = self.mean else { return };
        let rest = match query.time {
            Some(time) => query.age.abs_diff(time).as_secs_f64(),
            None => known.rest(age, mean),
        };
        let rest = rest.min(allowed.map_or(f64::INFINITY, |allowed| allowed.as_secs_f64()));
        self.rest += rest;
        self.slowest = self.slowest.max(rest);
        if age > mean && query.time.is_none() {
            self.overdue += 1;
            self.overdue_sum += age + rest;
        }
    }

    fn likely(&self, known: &Known, line: &Line, slots: usize) -> Duration {
        let mean = (known.sum + self.overdue_sum) / (known.count as usize + self.overdue).max(1) as f64;
        let lanes = slots.min(self.waiting + self.running).max(1) as f64;
        let at_least = self.slowest.max(line.longest(mean));
        seconds(((line.sum(mean) + self.rest) / lanes).max(at_least))
    }
}

/// Those that wait: of some the time is known.
struct Line {
    known_sum: f64,
    known_longest: f64,
    unknown: usize,
}

impl Line {
    /// So many wait. Where more were told of, some have started unheard, and each counts for less.
    fn of(line: &Walls, waiting: usize) -> Self {
        let Known { count, sum, above } = line.known();
        let known = usize::try_from(count).unwrap_or(usize::MAX);
        let heard = if known > waiting { waiting as f64 / known as f64 } else { 1.0 };
        let known_longest = above.last().filter(|_| waiting > 0).map_or(0.0, |(of_step, _)| *of_step);
        Self { known_sum: sum * heard, known_longest, unknown: waiting.saturating_sub(known) }
    }

    /// What they take together, where the unknown ones take so long each.
    fn sum(&self, mean: f64) -> f64 {
        self.known_sum + self.unknown as f64 * mean
    }

    /// What the longest of them takes.
    const fn longest(&self, mean: f64) -> f64 {
        if self.unknown > 0 { self.known_longest.max(mean) } else { self.known_longest }
    }
}

/// What the limits of the queries that are not done add up to.
#[derive(Clone, Debug, Default)]
struct Owed {
    sum: Duration,
    /// How many have which limit.
    each: BTreeMap<Duration, usize>,
    unlimited: usize,
}

impl Owed {
    fn add(&mut self, longest: Option<Duration>) {
        match longest {
            None => self.unlimited += 1,
            Some(longest) => {
                self.sum = self.sum.saturating_add(longest);
                *self.each.entry(longest).or_default() += 1;
            }
        }
    }

    fn remove(&mut self, longest: Option<Duration>) {
        let Some(longest) = longest else {
            self.unlimited = self.unlimited.saturating_sub(1);
            return;
        };
        let Some(n) = self.each.get_mut(&longest) else { return };
        *n -= 1;
        if *n == 0 {
            self.each.remove(&longest);
        }
        self.sum = self.sum.saturating_sub(longest);
    }

    fn at_most(&self, slots: usize, now: &Now) -> Option<Duration> {
        if self.unlimited > 0 {
            return None;
        }
        if now.waiting == 0 {
            return Some(now.longest_rest);
        }
        let (longest, _) = self.each.last_key_value()?;
        let shared = self.sum.saturating_sub(now.ages).as_secs_f64();
        let slots = slots as f64;
        Some(seconds(shared / slots + (1.0 - 1.0 / slots) * longest.as_secs_f64()))
    }
}

/// How long attempts took: counts and sums in steps of an eighth of a power of two.
#[derive(Clone, Debug)]
struct Walls(Box<[Step]>);

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    count: u64,
    sum: f64,
}

impl Default for Walls {
    fn default() -> Self {
        Self(vec![Step::default(); (OCTAVES * STEPS) as usize].into())
    }
}

impl Walls {
    fn add(&mut self, wall: Duration) {
        let step = &mut self.0[step_of(wall)];
        step.count += 1;
        step.sum += wall.as_secs_f64();
    }

    /// Takes out one that was added.
    fn remove(&mut self, wall: Duration) {
        let step = &mut self.0[step_of(wall)];
        step.count = step.count.saturating_sub(1);
        step.sum = if step.count == 0 { 0.0 } else { step.sum - wall.as_secs_f64() };
    }

    /// The steps that hold something, each with all that are longer.
    fn known(&self) -> Known {
        let (mut count, mut sum) = (0, 0.0);
        let mut above = Vec::new();
        for step in self.0.iter().rev().filter(|step| step.count > 0) {
            count += step.count;
            sum += step.sum;
            above.push((step.sum / step.count as f64, Step { count, sum }));
        }
        above.reverse();
        Known { count, sum, above }
    }
}

fn step_of(wall: Duration) -> usize {
    let micros = u64::try_from(wall.as_micros()).unwrap_or(u64::MAX).max(1);
    let octave = micros.ilog2();
    let within = if octave < 3 { 0 } else { (micros >> (octave - 3)) & u64::from(STEPS - 1) };
    octave as usize * STEPS as usize + within as usize
}

/// Times, ready to be asked.
struct Known {
    count: u64,
    sum: f64,
    /// The mean of each step, ascending, with the count and the sum of it and all above.
    above: Vec<(f64, Step)>,
}

impl Known {
    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// What is left of one that has come to this age.
    fn rest(&self, age: f64, mean: f64) -> f64 {
        let longer = self.above.partition_point(|(of_step, _)| *of_step <= age);
        match self.above.get(longer) {
            Some((_, Step { count, sum })) => sum / *count as f64 - age,
            None => (age - mean).max(0.0),
        }
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests;
