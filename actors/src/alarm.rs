//! One timer for the next deadline of a machine that pulls its deadlines.

use actix::{Actor, AsyncContext, Context, SpawnHandle};
use provisor_core::Tick;

use crate::clock::RunClock;

/// The timer, armed or not.
#[derive(Debug, Default)]
pub struct Alarm(Option<(Tick, SpawnHandle)>);

impl Alarm {
    /// Arms it for `at`. A deadline that has moved later leaves it alone: it rings too early, the machine does
    /// nothing, and it is armed again.
    pub fn set<A>(
        &mut self,
        at: Option<Tick>,
        clock: &RunClock,
        ctx: &mut Context<A>,
        ring: fn(&mut A, &mut Context<A>),
    ) where
        A: Actor<Context = Context<A>>,
    {
        match (at, &self.0) {
            (Some(at), Some((armed, _))) if *armed <= at => {}
            (at, _) => {
                self.disarm(ctx);
                self.0 = at.map(|at| (at, ctx.run_later(clock.until(at), ring)));
            }
        }
    }

    /// It has rung: to be said first of all when it does.
    pub fn rang(&mut self) {
        self.0 = None;
    }

    fn disarm<A: Actor<Context = Context<A>>>(&mut self, ctx: &mut Context<A>) {
        if let Some((_, timer)) = self.0.take() {
            ctx.cancel_future(timer);
        }
    }
}
