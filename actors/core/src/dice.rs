//! Chance from a seed: the same seed throws the same dice, on every machine and in every run.
//!
//! It spreads starts and polls that would otherwise come together. It is no source of secrets.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// SplitMix64 (Steele, Lea and Flood, 2014): a counter and a good mixing of it.
///
/// ```
/// use provisor_core::dice::Dice;
/// assert_eq!(Dice::new(7).throw(), Dice::new(7).throw());
/// assert_ne!(Dice::new(7).throw(), Dice::new(8).throw());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dice(u64);

impl Dice {
    /// Dice that throw what this seed says.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A time less than this one, in whole microseconds; zero where it is less than two of them.
    pub fn below(&mut self, bound: Duration) -> Duration {
        match u64::try_from(bound.as_micros()).unwrap_or(u64::MAX) {
            0 | 1 => Duration::ZERO,
            micros => Duration::from_micros(self.throw() % micros),
        }
    }
}

/// A part of a whole, from 0 to 1, in thousandths: exact, and equal where it is written alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Share(u16);

impl Share {
    /// Nothing of it.
    pub const NONE: Self = Self(0);
    /// All of it.
    pub const ALL: Self = Self(1000);

    /// So much of it, rounded to a thousandth; `None` where that is not within 0 and 1.
    ///
    /// ```
    /// use provisor_core::dice::Share;
    /// assert_eq!(Share::new(1.0), Some(Share::ALL));
    /// assert_eq!(Share::new(1.5), None);
    /// ```
    #[must_use]
    pub fn new(of_one: f64) -> Option<Self> {
        let is_share = (0.0..=1.0).contains(&of_one);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is within 0 and 1000"
        )]
        is_share.then(|| Self((of_one * 1000.0).round() as u16))
    }

    /// This part of a time. More than a thousand thousandths, which only data from elsewhere can be, are all of it.
    #[must_use]
    pub fn of(self, whole: Duration) -> Duration {
        match self.0 {
            0 => Duration::ZERO,
            1000.. => whole,
            thousandths => (whole / 1000).saturating_mul(thousandths.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dice_are_those_of_splitmix() {
        let mut dice = Dice::new(1_234_567);
        let thrown = [dice.throw(), dice.throw(), dice.throw()];
        let known = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(thrown, known, "of the reference implementation with this seed");
    }

    #[test]
    fn a_time_below_another_is_less_and_spreads() {
        let mut dice = Dice::new(0);
        let bound = Duration::from_micros(4);
        let thrown: std::collections::BTreeSet<_> = (0..100).map(|_| dice.below(bound)).collect();
        assert_eq!(thrown.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3].map(Duration::from_micros));
        assert_eq!(dice.below(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_share_is_within_nothing_and_all() {
        let second = Duration::from_secs(1);
        assert_eq!(Share::new(0.25).map(|share| share.of(second)), Some(Duration::from_millis(250)));
        assert_eq!((Share::NONE.of(second), Share::ALL.of(second)), (Duration::ZERO, second));
        assert_eq!(Share(60_000).of(second), second);
        assert!([f64::NAN, -0.1, 1.1].iter().all(|share| Share::new(*share).is_none()));
    }
}
