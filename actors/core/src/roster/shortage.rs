//! What to do while the system is short of something: fewer at once, longer pauses, and an end of it where nothing helps.

use std::time::Duration;

use crate::tick::Tick;

use super::retry::doubled;

/// The first pause after the system was short of something; doubles while it stays so.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest of those pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// When nothing of ours has run for so long, and nothing could be started, waiting is no use.
pub(super) const HOPELESS_AFTER: Duration = Duration::from_secs(180);

#[derive(Debug, Default)]
pub(super) struct Shortage {
    /// So many pauses since something could be started.
    in_a_row: u32,
    /// Since when nothing runs, and nothing can be started.
    idle_since: Option<Tick>,
    pub(super) until: Option<Tick>,
}

impl Shortage {
    /// Once more something could not be started. Whether it is hopeless.
    pub(super) fn deepen(&mut self, now: Tick, is_idle: bool) -> bool {
        // All that were refused at once are one shortage.
        if !self.lasts(now) {
            self.until = Some(now + doubled(FIRST_PAUSE, self.in_a_row, LONGEST_PAUSE));
            self.in_a_row = self.in_a_row.saturating_add(1);
        }
        if !is_idle {
            self.idle_since = None;
            return false;
        }
        now - *self.idle_since.get_or_insert(now) >= HOPELESS_AFTER
    }

    /// Something could be started.
    pub(super) const fn ease(&mut self) {
        self.in_a_row = 0;
        self.idle_since = None;
    }

    /// Whether to wait still.
    pub(super) fn lasts(&mut self, now: Tick) -> bool {
        self.until = self.until.filter(|until| now < *until);
        self.until.is_some()
    }
}
