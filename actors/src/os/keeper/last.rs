//! The end of the guardian: of everything that it has made, and then its own.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};

use super::super::tree::{self, Reaped};
use super::super::wire::Reply;
use super::{Keeper, LOOK_EVERY};

/// At first; doubles while nobody dies.
const ROUND: Duration = Duration::from_micros(250);
const SLOWEST_ROUND: Duration = Duration::from_millis(50);
/// What has not died by then is told of, and the supervisor does not wait for it.
const PATIENCE: Duration = Duration::from_secs(3);

impl Keeper {
    /// Kills until there is no child: every descendant's chain of orphans ends here, so that this is the proof that
    /// nothing is left. What cannot be killed is waited for: as long as it lives, the run's lock is held. Only the
    /// supervisor is not kept waiting: it hears how many are left, and may leave.
    pub(in crate::os) fn end_everything(&mut self) {
        let begun = Instant::now();
        self.look_at_last();
        let unattributed = self.orphans.unattributed();
        let (mut wait, mut told) = (ROUND, false);
        loop {
            let (one, left) = self.kill_all_there_is();
            loop {
                match tree::reap(-1) {
                    Reaped::One(pid) => {
                        self.reaped_at_last(pid);
                        wait = ROUND;
                    }
                    Reaped::Lives if self.walks || !self.children.is_empty() => break,
                    Reaped::Lives | Reaped::NoChild => {
                        self.groups.end(SLOWEST_ROUND);
                        if !told {
                            self.farewell(unattributed, 0, 0);
                        }
                        return;
                    }
                }
            }
            if !told && begun.elapsed() >= PATIENCE && left > 0 {
                told = true;
                self.farewell(unattributed, left, one);
            }
            // Whoever waits for the kernel needs no further signal; but what comes out of it may have children.
            std::thread::sleep(if told { LOOK_EVERY } else { wait });
            wait = (wait * 2).min(SLOWEST_ROUND);
        }
    }

    fn look_at_last(&mut self) {
        if self.walks {
            self.orphans.look(&self.leaders);
        }
    }

    /// Returns how many of our children there are, and one of them.
    fn kill_all_there_is(&mut self) -> (i32, u32) {
        self.groups.kill();
        if !self.walks {
            for child in self.children.values() {
                let _ = killpg(child.pid, Signal::SIGKILL);
            }
            let one = self.children.values().next().map_or(0, |child| child.pid.as_raw());
            return (one, u32::try_from(self.children.len()).unwrap_or(u32::MAX));
        }
        let (one, left) = self.orphans.kill_everything();
        (one.unwrap_or(0), u32::try_from(left).unwrap_or(u32::MAX))
    }

    /// Where trees are not followed, the leaders are all that is waited for.
    fn reaped_at_last(&mut self, pid: i32) {
        if !self.walks {
            self.children.retain(|_, child| child.pid.as_raw() != pid);
        }
    }

    fn farewell(&mut self, unattributed: u32, left: u32, pid: i32) {
        let _ = self.reply(Reply::Farewell { unattributed, left, pid }, Vec::new());
    }
}
