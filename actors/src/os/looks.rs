//! When the guardian may look through all its children again.
//!
//! Pure. A look costs as much as there are children, and there is a reason for one at every exit: so who looked for a
//! while does not look again for twenty times as long, but for the one look a second that there is in any case. That bounds
//! the share of the guardian's time, and everybody who waits for a look gets the same one. While a look costs next to nothing
//! it is not waited for.

use std::time::{Duration, Instant};

/// A look up to here is not worth waiting for another.
const CHEAP: Duration = Duration::from_micros(30);
/// So many times as long as a look took, there is no other.
const SHARE: u32 = 20;

/// The looks up to now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Looks {
    /// The last one that has seen all.
    complete: Instant,
    begun: Instant,
    ended: Instant,
    cost: Duration,
}

impl Looks {
    /// None yet; the first may be taken at once.
    pub(super) fn new(now: Instant) -> Self {
        Self { complete: now, begun: now, ended: now, cost: Duration::ZERO }
    }

    /// One was taken, has seen all or not, and cost so much.
    pub(super) fn took(&mut self, begun: Instant, ended: Instant, cost: Duration, has_seen_all: bool) {
        let complete = if has_seen_all { begun } else { self.complete };
        *self = Self { complete, begun, ended, cost };
    }

    /// When the last one began that has seen all: what was so before is known.
    pub(super) fn last_complete(&self) -> Instant {
        self.complete
    }

    /// When the last one began.
    pub(super) fn last(&self) -> Instant {
        self.begun
    }

    /// Whether one costs next to nothing.
    pub(super) fn are_cheap(&self) -> bool {
        self.cost <= CHEAP
    }

    /// How long the next has to wait still.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        if self.are_cheap() {
            return Duration::ZERO;
        }
        (self.ended + self.cost * SHARE).saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_take_a_bounded_share() {
        let mut now = Instant::now();
        let (start, mut spent) = (now, Duration::ZERO);
        let mut looks = Looks::new(now);
        assert_eq!(looks.wait(now), Duration::ZERO, "the first");
        for millis in [5, 1, 20, 3] {
            let cost = Duration::from_millis(millis);
            looks.took(now, now + cost, cost, true);
            assert_eq!((looks.last(), looks.last_complete()), (now, now));
            spent += cost;
            now += cost;
            assert!(!looks.are_cheap() && looks.wait(now) > Duration::ZERO);
            now += looks.wait(now);
            assert_eq!(looks.wait(now), Duration::ZERO);
        }
        assert!(spent * 21 <= now - start, "{spent:?} of {:?}", now - start);
        let complete = looks.last_complete();
        looks.took(now, now + CHEAP, CHEAP, false);
        assert_eq!((looks.last(), looks.last_complete()), (now, complete), "it has not seen all");
        assert!(looks.are_cheap() && looks.wait(now + CHEAP) == Duration::ZERO, "next to nothing");
    }
}
