//! What the order of starts is worth: the real roster in virtual time, on sets of durations with a long tail. Nothing of
//! the machine is measured, and the same code gives the same figures everywhere.
//!
//! Each set is shuffled by several seeds: as it then stands is the order of the spec. A figure is the *makespan*, the time
//! until the last query is done, as a ratio to the least that there can be: the longest of them, or their sum shared by
//! the slots. `cargo bench --bench order` prints a table, and writes `order.csv` into the folder `BENCHES_RUN` if that is
//! set.

#![expect(clippy::print_stdout, reason = "a bench prints")]

mod durations;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use durations::{Draw, Shape};
use provisor_config::{Surroundings, parse};
use provisor_core::cause::{End, Exit, Outcome};
use provisor_core::order::{Expected, longest_first};
use provisor_core::roster::{Bounds, Entry, Order, Place, Roster, Rung};
use provisor_core::{Plan, Tick};

const SLOTS: [usize; 3] = [2, 16, 40];
/// Every set of a size is the same; the other seeds shuffle it.
const SEED: u64 = 378;
/// How many of those whose times are not all known are unknown.
const UNKNOWN: f64 = 0.2;
/// By which factor, or its inverse, a wrong time is wrong at most.
const WRONG: f64 = 2.0;

/// A set of durations, and by how many seeds it is shuffled.
struct Set {
    name: &'static str,
    count: usize,
    /// Only what is longer than this part of all.
    from: f64,
    seeds: u64,
}

/// What is known of the times before they are run.
#[derive(Clone, Copy)]
enum Known {
    All,
    MostOfThem,
    /// The same, where the others count as the mean, which is what they take on average.
    MostAndMean,
    Roughly,
    Nothing,
}

impl Known {
    const ALL: [Self; 5] = [Self::All, Self::MostOfThem, Self::MostAndMean, Self::Roughly, Self::Nothing];

    const fn word(self) -> &'static str {
        match self {
            Self::All => "longest first",
            Self::MostOfThem => "20 % unknown",
            Self::MostAndMean => "20 % as the mean",
            Self::Roughly => "wrong by up to 2",
            Self::Nothing => "spec",
        }
    }

    fn time(self, time: Duration, mean: Duration, draw: &mut Draw) -> Option<Duration> {
        match self {
            Self::All => Some(time),
            Self::MostOfThem => (draw.share() >= UNKNOWN).then_some(time),
            Self::MostAndMean => Some(if draw.share() >= UNKNOWN { time } else { mean }),
            Self::Roughly => Some(time.mul_f64(WRONG.powf(2.0 * draw.share() - 1.0))),
            Self::Nothing => None,
        }
    }
}

fn main() {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    // Just enough to see that it works, or all of it.
    let (many, seeds, few) = if is_bench { (100_000, 25, 5) } else { (1000, 2, 1) };
    let sets = [
        Set { name: "all", count: 378, from: 0.0, seeds },
        Set { name: "the slowest tenth", count: 378, from: 0.9, seeds },
        Set { name: "all", count: many, from: 0.0, seeds: few },
    ];
    let shape = Shape::recorded();
    let mut table = Table::new();
    for set in &sets {
        let plan = plan(set.count);
        for slots in SLOTS {
            for known in Known::ALL {
                let ratios: Vec<f64> =
                    (1..=set.seeds).map(|seed| table.play(&plan, &shape, set, slots, known, seed)).collect();
                table.show(set, slots, known, ratios);
            }
        }
    }
    table.keep();
}

/// As many queries of which the roster knows nothing.
fn plan(count: usize) -> Arc<Plan> {
    let spec = format!(r#"Job(name: "order", matrix: {{"n": 0..{count}}}, command: ["true"])"#);
    let around = Surroundings::of("order.ron".as_ref()).expect("a folder");
    Arc::new(parse(&spec, "order.ron".as_ref(), &around).expect("a good spec").plan)
}

/// When the last of these is done that are started in this order.
fn makespan(plan: &Arc<Plan>, slots: usize, durations: &[Duration], order: &[Place]) -> Duration {
    let bounds =
        Bounds { slots, deadline: None, unwritten: usize::MAX, memory_budget: None, machine_memory: None };
    let entry = |&query: &Place| Entry { query, attempts_before: 0, rung: Rung::default(), peak: None };
    let mut roster = Roster::new(bounds, Arc::clone(plan), order.iter().map(entry), []);
    let (mut now, mut orders, mut running) = (Tick::ZERO, Vec::new(), BinaryHeap::new());
    roster.wake(now, &mut orders);
    loop {
        for order in orders.drain(..) {
            if let Order::Start { query, .. } = order {
                running.push(Reverse((now + durations[query as usize], query)));
            }
        }
        let Some(Reverse((end, query))) = running.pop() else { break };
        now = end;
        let outcome = Outcome { end: End::Reaped(Exit::Code(0)), ..Outcome::lost("".into()) };
        roster.finished(now, query, outcome, &mut orders);
        roster.written(now, 1, &mut orders);
    }
    assert!(roster.is_over(), "all are done");
    now - Tick::ZERO
}

/// The raw results.
struct Table {
    csv: String,
}

impl Table {
    fn new() -> Self {
        println!(
            "{:<20} {:>8} {:>6}  {:<18} {:>8} {:>8}",
            "set", "queries", "slots", "order", "median", "worst"
        );
        Self { csv: "set,queries,slots,order,seed,sum_s,longest_s,makespan_s,ratio\n".into() }
    }

    /// The ratio of one makespan to the least one.
    fn play(
        &mut self,
        plan: &Arc<Plan>,
        shape: &Shape,
        set: &Set,
        slots: usize,
        known: Known,
        seed: u64,
    ) -> f64 {
        let mut draw = Draw(seed);
        let mut durations = shape.set(set.count, set.from, &mut Draw(SEED));
        draw.shuffle(&mut durations);
        let sum: Duration = durations.iter().sum();
        let mean = sum.div_f64(durations.len() as f64);
        let expected = |(place, time): (Place, &Duration)| Expected {
            place,
            time: known.time(*time, mean, &mut draw),
            needs: &[],
        };
        let expected: Vec<_> = (0..).zip(&durations).map(expected).collect();
        let makespan = makespan(plan, slots, &durations, &longest_first(&expected));
        let longest = durations.iter().max().copied().unwrap_or_default();
        let [sum, longest, makespan] = [sum, longest, makespan].map(|time| time.as_secs_f64());
        let ratio = makespan / longest.max(sum / slots as f64);
        let Set { name, count, .. } = set;
        let order = known.word();
        let _ = writeln!(
            self.csv,
            "{name},{count},{slots},{order},{seed},{sum:.3},{longest:.3},{makespan:.3},{ratio:.5}"
        );
        ratio
    }

    fn show(&self, set: &Set, slots: usize, known: Known, mut ratios: Vec<f64>) {
        ratios.sort_by(f64::total_cmp);
        let (median, worst) = (ratios[ratios.len() / 2], ratios[ratios.len() - 1]);
        let order = known.word();
        println!("{:<20} {:>8} {slots:>6}  {order:<18} {median:>8.3} {worst:>8.3}", set.name, set.count);
    }

    fn keep(&self) {
        if let Some(folder) = std::env::var_os("BENCHES_RUN") {
            fs::write(Path::new(&folder).join("order.csv"), &self.csv).expect("it can be written");
        }
    }
}
