//! How long to wait before something that failed is tried again: twice as long each time, up to a longest, and not all
//! at once. Pure: chance comes from dice that are told.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::dice::{Dice, Share};

/// Pauses that double.
///
/// After the first failure the pause is `first`, after each further one it is twice the pause before, and never more than
/// `longest`. Of each pause up to the share `jitter` is taken away by chance, so that those which failed together do not
/// return together. It is taken away and never added: the longest pause is a promise, and those that have reached it are
/// spread as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Backoff {
    /// The pause after the first failure.
    pub first: Duration,
    /// No pause is longer.
    pub longest: Duration,
    /// How much of a pause chance may take away: `NONE` for exact pauses, `ALL` for anything between none and the whole.
    pub jitter: Share,
}

/// How long somebody had to wait last: what its next pause depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Patience {
    /// The last pause, before chance took its share.
    last: Option<Duration>,
}

impl Patience {
    /// Of one that never failed.
    pub const NONE: Self = Self { last: None };
}

impl Backoff {
    /// The pause after another failure of one who had lived for so long.
    ///
    /// Whoever lived longer than `longest` begins anew with `first`: no pause that could come would be longer than it was
    /// well, so trying again at once costs less than half of the time even if it goes on like this.
    ///
    /// ```
    /// use std::time::Duration;
    /// use provisor_core::{backoff::{Backoff, Patience}, dice::{Dice, Share}};
    ///
    /// let [first, longest] = [1, 5].map(Duration::from_secs);
    /// let backoff = Backoff { first, longest, jitter: Share::NONE };
    /// let (mut patience, mut dice) = (Patience::default(), Dice::new(0));
    /// let pauses = [0, 0, 0, 0, 6, 0].map(|lived| backoff.pause(&mut patience, Duration::from_secs(lived), &mut dice));
    /// assert_eq!(pauses, [1, 2, 4, 5, 1, 2].map(Duration::from_secs));
    /// ```
    pub fn pause(&self, patience: &mut Patience, lived: Duration, dice: &mut Dice) -> Duration {
        let before = patience.last.filter(|_| lived <= self.longest);
        let pause = before.map_or(self.first, |last| last.saturating_mul(2)).min(self.longest);
        patience.last = Some(pause);
        pause.saturating_sub(dice.below(self.jitter.of(pause)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn pauses(backoff: Backoff, seed: u64) -> Vec<Duration> {
        let (mut patience, mut dice) = (Patience::default(), Dice::new(seed));
        (0..40).map(|_| backoff.pause(&mut patience, secs(0), &mut dice)).collect()
    }

    #[test]
    fn chance_takes_no_more_than_its_share_and_adds_nothing() {
        let jitter = Share::new(0.5).unwrap();
        let exact = pauses(Backoff { first: secs(1), longest: secs(60), jitter: Share::NONE }, 1);
        let spread = pauses(Backoff { first: secs(1), longest: secs(60), jitter }, 1);
        assert_eq!(exact.last(), Some(&secs(60)));
        assert!(spread.iter().zip(&exact).all(|(spread, exact)| spread <= exact && *spread > *exact / 2));
        assert!(spread.iter().zip(&exact).filter(|(spread, exact)| spread < exact).count() > 30);
    }

    #[test]
    fn the_same_seed_pauses_alike_and_another_does_not() {
        let backoff = Backoff { first: secs(1), longest: secs(60), jitter: Share::ALL };
        assert_eq!(pauses(backoff, 1), pauses(backoff, 1));
        assert_ne!(pauses(backoff, 1), pauses(backoff, 2));
    }

    #[test]
    fn only_whoever_lived_longer_than_the_longest_pause_begins_anew() {
        let backoff = Backoff { first: secs(1), longest: secs(4), jitter: Share::NONE };
        let (mut patience, mut dice) = (Patience::default(), Dice::new(0));
        let pauses = [0, 4, 4, 5].map(|lived| backoff.pause(&mut patience, secs(lived), &mut dice));
        assert_eq!(pauses, [1, 2, 4, 1].map(secs));
    }

    #[test]
    fn a_first_pause_that_is_longer_than_the_longest_is_cut() {
        let backoff = Backoff { first: secs(9), longest: secs(4), jitter: Share::NONE };
        assert_eq!(pauses(backoff, 0)[..2], [secs(4), secs(4)]);
    }
}
