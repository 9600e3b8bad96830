//! The ProcessActor: one attempt at one query. Shell of `core::process`.
//!
//! Everything that happens, a chunk of output, an exit, the time, ends in `feed`; everything that is to be done
//! comes out of it and goes through `perform`. It decides nothing, waits for nothing, and knows nobody but the one
//! who gets its reports. When it is dropped, by a panic too, its child's tree is killed.

mod probing;

use std::sync::Arc;
use std::task::Poll;
use std::time::{SystemTime, UNIX_EPOCH};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, SpawnHandle,
    StreamHandler, WrapFuture,
};
use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use provisor_core::Tick;
use provisor_core::cause::End;
use provisor_core::cause::Excess;
use provisor_core::process::{Departure, Ear, Effect, Event, Fact, Phase, Process};
use provisor_core::record;
use provisor_core::roster::Place;
use provisor_core::row::Printed;
use tokio::sync::{mpsc, watch};

use crate::alarm::Alarm;
use crate::clock::RunClock;
use crate::logs::{LogSpec, Logs};
use crate::messages::{Abort, Begin, Piece, Report};
use crate::os::{Child, ExitReport, HoldLost, Launch, LaunchError, LaunchRequest, Launched, LocalStream};
use crate::os::{Output, SweepReport, Transience};
use probing::Probing;

/// What an attempt needs of the world.
#[derive(Clone)]
pub struct Surroundings {
    /// Starts its process.
    pub launch: Arc<dyn Launch>,
    /// Takes its output.
    pub logs: Logs,
    /// Tells the time.
    pub clock: RunClock,
    /// Gets its reports.
    pub reports: Recipient<Report>,
}

/// The actor.
pub struct ProcessActor {
    query: Place,
    attempt: u32,
    request: Option<LaunchRequest>,
    log: Arc<LogSpec>,
    log_is_closed: bool,
    machine: Process<Box<dyn Ear>>,
    /// Has it asked whether it is well.
    probing: Option<Box<Probing>>,
    around: Surroundings,
    /// Gets the output as it comes.
    tap: Option<mpsc::Sender<Piece>>,
    /// Whether it was told to end: then its output waits for nobody outside.
    aborted: watch::Sender<bool>,
    since: Tick,
    child: Option<Box<dyn Child>>,
    /// Whether the child has left: then its output waits for nobody who only hears it.
    gone: watch::Sender<bool>,
    output: Option<SpawnHandle>,
    alarm: Alarm,
    /// What was read of the child: one log holds both streams.
    printed: Printed,
    effects: Vec<Effect>,
}

impl ProcessActor {
    /// An attempt that has not begun.
    #[must_use]
    pub fn new(
        (query, attempt): (Place, u32),
        request: LaunchRequest,
        log: Arc<LogSpec>,
        machine: Process<Box<dyn Ear>>,
        around: Surroundings,
    ) -> Self {
        Self {
            query,
            attempt,
            request: Some(request),
            log,
            log_is_closed: false,
            machine,
            probing: None,
            around,
            tap: None,
            aborted: watch::Sender::new(false),
            since: Tick::ZERO,
            child: None,
            gone: watch::Sender::new(false),
            output: None,
            alarm: Alarm::default(),
            printed: Printed::default(),
            effects: Vec::new(),
        }
    }

    /// The same, whose output goes to somebody else as well, who holds it up if he is slow.
    #[must_use]
    pub fn tapped(mut self, tap: Option<mpsc::Sender<Piece>>) -> Self {
        self.tap = tap;
        self
    }

    /// The one way in.
    fn feed(&mut self, event: Event<'_>, ctx: &mut Context<Self>) {
        self.feed_at(self.around.clock.now(), event, ctx);
    }

    fn feed_at(&mut self, now: Tick, event: Event<'_>, ctx: &mut Context<Self>) {
        // What is over hears nothing more, and its log is closed.
        if self.machine.phase() == Phase::Done {
            return;
        }
        let mut effects = std::mem::take(&mut self.effects);
        self.machine.step(now, event.clone(), &mut effects);
        for happening in record::of_step(&event, &effects) {
            self.around.logs.note(&self.log, now - self.since, happening);
        }
        for effect in effects.drain(..) {
            self.perform(effect, ctx);
        }
        self.effects = effects;
        self.look_after(now, &event, ctx);
        if self.machine.phase() == Phase::Done {
            ctx.stop();
        } else {
            self.set_alarm(ctx);
        }
    }

    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let wakes = [self.machine.wake_at(), self.probing.as_ref().and_then(|probing| probing.wake_at())];
        self.alarm.set(wakes.into_iter().flatten().min(), &self.around.clock, ctx, Self::woken);
    }

    /// The one way out.
    fn perform(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Spawn => self.launch(ctx),
            Effect::Signal(method) => {
                if let Some(child) = &self.child {
                    child.signal(method);
                }
            }
            Effect::Sweep => self.sweep(ctx),
            Effect::ClosePipes => {
                if let Some(output) = self.output.take() {
                    ctx.cancel_future(output);
                }
            }
            Effect::Report(fact) => self.report(fact),
        }
    }

    fn launch(&mut self, ctx: &mut Context<Self>) {
        let Some(request) = self.request.take() else { return };
        self.since = self.around.clock.now();
        let launch = self.around.launch.launch(request).into_actor(self);
        ctx.spawn(launch.map(|launched, actor, ctx| actor.launched(launched, ctx)));
    }

    fn launched(&mut self, launched: Result<Launched, LaunchError>, ctx: &mut Context<Self>) {
        let Launched { child, output, exit, exceeded } = match launched {
            Ok(launched) => launched,
            Err(LaunchError { transience, text }) => {
                // Whoever makes processes has waited for a program that was being written.
                let transient = transience == Transience::Exhausted;
                return self.feed(Event::SpawnFailed { transient, text }, ctx);
            }
        };
        self.child = Some(child);
        let output = self.logged(output);
        self.output = Some(ctx.add_stream(output));
        ctx.spawn(exit.into_actor(self).map(|exit, actor, ctx| actor.exited(exit, ctx)));
        if let Some(exceeded) = exceeded {
            ctx.add_stream(exceeded);
        }
        // Its time counts from when it was asked for: the answer of a short one may come together with its exit.
        self.feed_at(self.since, Event::Spawned, ctx);
    }

    /// The output on its way through the log: the child waits while the log is behind, or who hears it, and this actor
    /// does not. It is told.
    fn logged(&mut self, output: LocalStream<Output>) -> impl futures_core::Stream<Item = Passing> + use<> {
        let (logs, log, gone) = (self.around.logs.clone(), Arc::clone(&self.log), self.gone.subscribe());
        let (tap, aborted, attempt) = (self.tap.take(), self.aborted.subscribe(), self.attempt);
        output.flat_map(move |output| {
            let (logs, log, mut gone) = (logs.clone(), Arc::clone(&log), gone.clone());
            let (tap, mut aborted) = (tap.clone(), aborted.clone());
            pass(async move {
                if let Output::Chunk(stream, bytes) = &output {
                    if let Some(tap) = tap {
                        let piece = Piece { attempt, stream: *stream, bytes: bytes.clone() };
                        tokio::select! {
                            biased;
                            // Whoever has let go of the other end wants to hear no more.
                            _ = tap.send(piece) => {}
                            _ = aborted.wait_for(|aborted| *aborted) => {}
                        }
                    }
                    logs.write(&log, *stream, bytes.clone(), gone.wait_for(|gone| *gone)).await;
                }
                output
            })
        })
    }

    fn exited(&mut self, exit: Result<ExitReport, HoldLost>, ctx: &mut Context<Self>) {
        self.gone.send_replace(true);
        match exit {
            Ok(ExitReport { exit, usage, refined }) => {
                self.feed(Event::Exited(Departure { exit, usage, refined }), ctx);
            }
            Err(lost) => self.vanished(lost, ctx),
        }
    }

    fn sweep(&mut self, ctx: &mut Context<Self>) {
        let Some(child) = &mut self.child else { return };
        let sweep = child.sweep().into_actor(self);
        ctx.spawn(sweep.map(|swept, actor, ctx| match swept {
            Ok(SweepReport { leftovers }) => actor.feed(Event::Swept { leftovers }, ctx),
            Err(lost) => actor.vanished(lost, ctx),
        }));
    }

    fn vanished(&mut self, lost: HoldLost, ctx: &mut Context<Self>) {
        self.feed(Event::Vanished(lost.to_string().into()), ctx);
    }

    fn report(&mut self, mut fact: Fact) {
        self.name_what_is_stuck(&mut fact);
        diagnose(&fact);
        // What never ran has no log.
        if matches!(fact, Fact::Finished(_)) && self.child.is_some() {
            self.around.logs.close(&self.log);
            self.log_is_closed = true;
        }
        let report = Report {
            query: self.query,
            attempt: self.attempt,
            at: self.around.clock.now(),
            unix_us: unix_micros(),
            log_is_whole: self.log.is_whole(self.printed.stderr > 0),
            printed: self.printed,
            fact,
        };
        self.around.reports.do_send(report);
    }

    /// Which process it is that the kernel does not let go of, the machine cannot know.
    fn name_what_is_stuck(&self, fact: &mut Fact) {
        if let Fact::Finished(outcome) = fact
            && outcome.end == End::Unreaped
            && let Some(stuck) = self.child.as_ref().and_then(|child| child.stuck())
        {
            outcome.evidence = Some(match outcome.evidence.take() {
                Some(evidence) => format!("{evidence}; {stuck}").into(),
                None => stuck,
            });
        }
    }

    fn woken(&mut self, ctx: &mut Context<Self>) {
        self.alarm.rang();
        self.feed(Event::Wake, ctx);
    }
}

impl Drop for ProcessActor {
    /// A panic, too, leaves a log that is closed.
    fn drop(&mut self) {
        if self.child.is_some() && !self.log_is_closed {
            self.around.logs.close(&self.log);
        }
    }
}

impl Actor for ProcessActor {
    type Context = Context<Self>;
}

impl Handler<Begin> for ProcessActor {
    type Result = ();

    fn handle(&mut self, Begin: Begin, ctx: &mut Self::Context) {
        self.feed(Event::Begin, ctx);
    }
}

impl Handler<Abort> for ProcessActor {
    type Result = ();

    fn handle(&mut self, Abort { cause, forced, grace }: Abort, ctx: &mut Self::Context) {
        grace.into_iter().for_each(|grace| self.machine.grant(grace));
        self.aborted.send_replace(true);
        self.feed(Event::Abort { cause, forced }, ctx);
    }
}

/// Output on its way.
#[derive(Debug, PartialEq, Eq)]
enum Passing {
    /// Some is there and cannot be handed over yet.
    Held,
    /// It was.
    Taken(Output),
}

/// What is handed over by this, and before that, where it takes its time, that it is held.
fn pass(handing_over: impl Future<Output = Output>) -> impl futures_core::Stream<Item = Passing> {
    let mut handing_over = Some(Box::pin(handing_over));
    let mut is_told = false;
    poll_fn(move |cx| {
        let Some(under_way) = &mut handing_over else { return Poll::Ready(None) };
        match under_way.as_mut().poll(cx) {
            Poll::Ready(output) => {
                handing_over = None;
                Poll::Ready(Some(Passing::Taken(output)))
            }
            Poll::Pending if std::mem::replace(&mut is_told, true) => Poll::Pending,
            Poll::Pending => Poll::Ready(Some(Passing::Held)),
        }
    })
}

impl StreamHandler<Passing> for ProcessActor {
    fn handle(&mut self, passing: Passing, ctx: &mut Self::Context) {
        match passing {
            Passing::Held => self.feed(Event::Held, ctx),
            Passing::Taken(Output::Chunk(stream, bytes)) => {
                self.printed.add(stream, bytes.len() as u64);
                self.feed(Event::Chunk(stream, &bytes), ctx);
            }
            Passing::Taken(Output::Eof(stream)) => self.feed(Event::Eof(stream), ctx),
        }
    }

    /// The end of the output is not the end of the process: actix's default would stop here.
    fn finished(&mut self, _: &mut Self::Context) {}
}

impl StreamHandler<Excess> for ProcessActor {
    fn handle(&mut self, excess: Excess, ctx: &mut Self::Context) {
        self.feed(Event::Exceeded(excess), ctx);
    }

    /// As with the output.
    fn finished(&mut self, _: &mut Self::Context) {}
}

/// For whoever looks for a fault; the span says which query it is.
fn diagnose(fact: &Fact) {
    match fact {
        Fact::Started => tracing::debug!("started"),
        Fact::Verdict { last, of } => {
            tracing::debug!(verdict = %last.verdict, statement = %last.statement, of, "verdict");
        }
        Fact::Stopping { cause, method } => tracing::info!(cause = cause.word(), ?method, "stopping"),
        Fact::Left => tracing::debug!("left"),
        Fact::Returned(why) => tracing::info!(%why, "back to the queue"),
        Fact::Finished(outcome) => {
            let verdict = outcome.judgement.verdict.as_deref();
            tracing::info!(cause = outcome.cause_word(), verdict, wall = ?outcome.wall, "finished");
        }
    }
}

fn unix_micros() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX)
}
