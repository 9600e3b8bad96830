//! What becomes of a run whose rows find no room on the disk, or which has lost what holds it together.

use std::sync::Arc;

use super::{Desk, Effect, Failure, News, PATIENCE, Stall};
use crate::cause::Cause;
use crate::tick::Tick;

impl Desk {
    pub(super) fn stalled(&mut self, text: Arc<str>, out: &mut Vec<Effect>) {
        self.roster.hold();
        if let Some(stall) = &mut self.stall {
            stall.text = text;
            return;
        }
        self.stall = Some(Stall { text: Arc::clone(&text), idle_since: None });
        out.push(Effect::Tell(News::Stalled { text }));
    }

    pub(super) fn resumed(&mut self, now: Tick, out: &mut Vec<Effect>) {
        if self.stall.take().is_some() {
            out.push(Effect::Tell(News::Resumed));
            self.consult(out, |roster, orders| roster.go_on(now, orders));
        }
    }

    /// While something runs, time is not lost by waiting for the disk; afterwards it is, and somebody who has
    /// interrupted the run does not want to wait at all.
    pub(super) fn lose_patience(&mut self, now: Tick, out: &mut Vec<Effect>) {
        let Some(stall) = &mut self.stall else { return };
        if self.roster.running() > 0 {
            stall.idle_since = None;
            return;
        }
        let since = *stall.idle_since.get_or_insert(now);
        if now >= since + PATIENCE || self.is_hurried {
            let text = Arc::clone(&stall.text);
            self.stall = None;
            self.give_up_writing(Failure::Results(text), out);
        }
    }

    pub(super) fn give_up_writing(&mut self, failure: Failure, out: &mut Vec<Effect>) {
        self.cannot_write = true;
        self.fail(failure, out);
    }

    /// The run cannot be trusted any more: end it.
    pub(super) fn fail(&mut self, failure: Failure, out: &mut Vec<Effect>) {
        self.failure.get_or_insert(failure);
        self.is_hurried = true;
        self.consult(out, |roster, orders| roster.abort(Cause::Cancelled, false, orders));
    }
}
