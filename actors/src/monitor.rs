//! Actors under watch: whatever ends an actor, a panic too, is told exactly once.
//!
//! actix catches a panic at the task boundary and tells nobody, so the actor's future is polled here under
//! `catch_unwind`. It is dropped after the unwinding and under a catch of its own, because a panic in `stopped()`
//! while unwinding would abort the program.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix::dev::{AsyncContextParts, ContextFut};
use actix::{Actor, Addr, AsyncContext, Context};
use futures_util::FutureExt;
use tracing::{Instrument, Span};

use crate::messages::Reason;

/// Starts an actor on this thread, all of its work within `span`, and calls `bury` when it is no more.
pub fn start_monitored<A>(actor: A, span: Span, bury: impl FnOnce(Reason) + 'static) -> Addr<A>
where
    A: Actor<Context = Context<A>>,
{
    let context = Context::new();
    let address = context.address();
    run_monitored(context, actor, span, bury);
    address
}

/// The same for an actor whose address had to be known before the actor could be made.
pub fn run_monitored<A>(context: Context<A>, actor: A, span: Span, bury: impl FnOnce(Reason) + 'static)
where
    A: Actor<Context = Context<A>>,
{
    let obituary = Obituary { reason: Reason::Dropped, bury: Some(bury) };
    tokio::task::spawn_local(watch(context.into_future(actor), obituary).instrument(span));
}

async fn watch<A, C, F>(life: ContextFut<A, C>, mut obituary: Obituary<F>)
where
    A: Actor<Context = C>,
    C: AsyncContextParts<A> + Unpin,
    F: FnOnce(Reason),
{
    let mut life = Box::pin(life);
    let lived = AssertUnwindSafe(&mut life).catch_unwind().await;
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(life)));
    obituary.reason = match lived.and(dropped) {
        Ok(()) => Reason::Normal,
        Err(panic) => Reason::Panicked(text_of(&*panic)),
    };
}

/// Told when dropped, so that it is told on every way out.
struct Obituary<F: FnOnce(Reason)> {
    reason: Reason,
    bury: Option<F>,
}

impl<F: FnOnce(Reason)> Drop for Obituary<F> {
    fn drop(&mut self) {
        if let Some(bury) = self.bury.take() {
            bury(self.reason.clone());
        }
    }
}

/// What a panic said.
pub(crate) fn text_of(panic: &(dyn Any + Send)) -> Arc<str> {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
        .into()
}
