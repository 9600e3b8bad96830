//! The run's one clock: it starts with the run and stands still while the run is stopped.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use provisor_core::Tick;
use tokio::time::Instant;

/// How often a clock that stands still is looked at, by those who wait for it.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A clock that all actors of a run share. Cloning it shares it.
#[derive(Clone, Debug)]
pub struct RunClock(Arc<Mutex<Dial>>);

#[derive(Debug)]
struct Dial {
    start: Instant,
    stood_still: Duration,
    stopped_at: Option<Instant>,
}

impl RunClock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self(Arc::new(Mutex::new(Dial {
            start: Instant::now(),
            stood_still: Duration::ZERO,
            stopped_at: None,
        })))
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Tick {
        self.with(|dial| {
            let shown = dial.stopped_at.unwrap_or_else(Instant::now);
            Tick::ZERO + shown.duration_since(dial.start).saturating_sub(dial.stood_still)
        })
    }

    /// How long until it may show that. While it stands still nobody knows: then it is worth another look after a while.
    #[must_use]
    pub fn until(&self, tick: Tick) -> Duration {
        let stands_still = self.with(|dial| dial.stopped_at.is_some());
        let left = tick - self.now();
        if stands_still { left.max(LOOK_AGAIN) } else { left }
    }

    /// Stops it (`true`) or lets it go on; doing either twice is doing it once.
    pub fn stand_still(&self, still: bool) {
        self.with(|dial| match (still, dial.stopped_at) {
            (true, None) => dial.stopped_at = Some(Instant::now()),
            (false, Some(at)) => {
                dial.stood_still += at.elapsed();
                dial.stopped_at = None;
            }
            _ => {}
        });
    }

    fn with<T>(&self, look: impl FnOnce(&mut Dial) -> T) -> T {
        // A dial is never left half turned, so a poisoned lock is as good as another.
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_stands_still_while_the_run_is_stopped() {
        let clock = RunClock::start();
        let advance = |seconds| tokio::time::advance(Duration::from_secs(seconds));
        advance(3).await;
        clock.stand_still(true);
        clock.stand_still(true);
        advance(100).await;
        assert_eq!(clock.now(), Tick::from_micros(3_000_000));
        assert_eq!(clock.until(Tick::from_micros(3_000_001)), LOOK_AGAIN, "it does not get there by itself");
        clock.stand_still(false);
        clock.stand_still(false);
        advance(2).await;
        assert_eq!(clock.now(), Tick::from_micros(5_000_000));
        assert_eq!(clock.until(Tick::from_micros(5_000_001)), Duration::from_micros(1));
    }
}
