//! Sets of durations with the shape of `benches/data/durations.csv`, made from a seed: the same one gives the same set.

use std::path::Path;
use std::time::Duration;

/// Splitmix64: what is drawn depends on the seed alone.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to 1, which it never is.
    pub(crate) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            let other = (self.share() * (last + 1) as f64) as usize;
            all.swap(last, other);
        }
    }
}

/// How long queries take.
pub(crate) struct Shape {
    /// Quantiles and seconds, both ascending, from 0 to 1.
    quantiles: Vec<(f64, f64)>,
}

impl Shape {
    pub(crate) fn recorded() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/data/durations.csv");
        let mut reader = csv::Reader::from_path(path).expect("the quantiles are there");
        let rows = reader.records().map(|row| row.expect("a row"));
        let quantiles = rows.map(|row| (number(&row[0]), number(&row[1]))).collect::<Vec<_>>();
        assert!(quantiles.is_sorted(), "both rise");
        Self { quantiles }
    }

    fn at(&self, quantile: f64) -> Duration {
        let next =
            self.quantiles.partition_point(|(known, _)| *known <= quantile).min(self.quantiles.len() - 1);
        let [(below, short), (above, long)] = [self.quantiles[next - 1], self.quantiles[next]];
        let part = (quantile - below) / (above - below);
        Duration::from_secs_f64(short * (long / short).powf(part))
    }

    /// So many durations, ascending: one from each of as many equal parts of the quantiles from this one on.
    pub(crate) fn set(&self, count: usize, from: f64, draw: &mut Draw) -> Vec<Duration> {
        let quantile = |part: usize, share: f64| from + (1.0 - from) * (part as f64 + share) / count as f64;
        (0..count).map(|part| self.at(quantile(part, draw.share()))).collect()
    }
}

fn number(text: &str) -> f64 {
    text.parse().expect("a number")
}
