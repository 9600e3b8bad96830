//! The probes of an attempt: other processes that are asked whether it is well, one at a time. Shell of `core::health`.
//!
//! A probe is a child as any other, made and ended by the same launcher, without a slot, a log or a report. It is held by a
//! future of the attempt's actor and goes with that: let go of, or dropped with the actor, its tree is killed.

use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, SpawnHandle, WrapFuture};
use futures_util::StreamExt;
use provisor_core::Tick;
use provisor_core::cause::{Cause, Excess};
use provisor_core::health::{self, Answer, Order, Probe, Watch};
use provisor_core::plan::{Command, Stdin};
use provisor_core::process::{Event, Patience};
use provisor_core::rules::Stream;

use super::ProcessActor;
use crate::os::{
    ExitReport, Launch, LaunchError, LaunchRequest, Launched, LocalStream, Output, Transience, TreeLimits,
};

/// Has an attempt asked whether it is well.
pub(super) struct Probing {
    watch: Watch,
    command: Command,
    /// What the cookies of the probes begin with: that of the attempt.
    cookie: Arc<str>,
    /// How many were run.
    asked: u64,
    under_way: Option<SpawnHandle>,
}

impl Probing {
    /// When something has to be done, if nothing happens before.
    pub(super) fn wake_at(&self) -> Option<Tick> {
        self.watch.wake_at()
    }

    /// What the next probe is started from. None has a cookie that another had: one that was let go of may still be dying.
    fn request(&mut self) -> LaunchRequest {
        self.asked += 1;
        let cookie = format!("{}/probe/{}", self.cookie, self.asked).into();
        LaunchRequest { cookie, command: self.command.clone(), limits: TreeLimits::default() }
    }
}

impl ProcessActor {
    /// The same, which is asked by such probes whether it is well, where its own command runs.
    #[must_use]
    pub fn probed(mut self, probe: Option<&Probe>) -> Self {
        self.probing =
            probe.zip(self.request.as_ref()).map(|(probe, LaunchRequest { cookie, command, .. })| {
                let command = Command { argv: probe.argv.clone(), stdin: Stdin::Null, ..command.clone() };
                let (watch, cookie) = (Watch::new(probe), Arc::clone(cookie));
                Box::new(Probing { watch, command, cookie, asked: 0, under_way: None })
            });
        self
    }

    /// The machine was told this: what concerns its health is told to the watch.
    pub(super) fn look_after(&mut self, now: Tick, event: &Event<'_>, ctx: &mut Context<Self>) {
        if let Some(event) = health::Event::of_step(event, self.machine.phase()) {
            self.tell_watch(now, event, ctx);
        }
    }

    fn tell_watch(&mut self, now: Tick, event: health::Event, ctx: &mut Context<Self>) {
        let Some(probing) = &mut self.probing else { return };
        let mut orders = Vec::new();
        probing.watch.step(now, event, &mut orders);
        for order in orders {
            match order {
                Order::Ask => self.ask(ctx),
                Order::LetGo => {
                    let under_way = self.probing.as_mut().and_then(|probing| probing.under_way.take());
                    under_way.map(|under_way| ctx.cancel_future(under_way));
                }
                Order::Unwell(evidence) => {
                    let excess = Excess { cause: Cause::Silent, of_machine: false, evidence };
                    self.feed_at(now, Event::Exceeded(excess), ctx);
                }
            }
        }
    }

    fn ask(&mut self, ctx: &mut Context<Self>) {
        let Some(probing) = &mut self.probing else { return };
        let request = probing.request();
        let asking = ask(Arc::clone(&self.around.launch), request).into_actor(self);
        let asking = ctx.spawn(asking.map(|answer, actor, ctx| actor.answered(answer, ctx)));
        if let Some(probing) = &mut self.probing {
            probing.under_way = Some(asking);
        }
    }

    fn answered(&mut self, answer: Answer, ctx: &mut Context<Self>) {
        match &answer {
            Answer::Well => tracing::trace!("well"),
            Answer::Failed(why) => tracing::debug!(%why, "a probe has failed"),
            Answer::Unasked => tracing::debug!("a probe could not be run"),
        }
        // Who was let go of says no more.
        let is_awaited = self.probing.as_mut().is_some_and(|probing| probing.under_way.take().is_some());
        if is_awaited {
            self.tell_watch(self.around.clock.now(), health::Event::Answered(answer), ctx);
            self.set_alarm(ctx);
        }
    }
}

/// Runs a probe. When this is dropped, so is the probe.
async fn ask(launch: Arc<dyn Launch>, request: LaunchRequest) -> Answer {
    let Launched { child, mut output, mut exit, .. } = match launch.launch(request).await {
        Ok(launched) => launched,
        Err(LaunchError { transience: Transience::Exhausted, .. }) => return Answer::Unasked,
        Err(LaunchError { text, .. }) => return Answer::Failed(text),
    };
    let mut said = Said::default();
    let left = loop {
        tokio::select! {
            biased;
            left = &mut exit => break left,
            Some(output) = output.next() => said.hear(output),
        }
    };
    let Ok(ExitReport { exit, .. }) = left else { return Answer::Unasked };
    if Answer::of(exit, None) != Answer::Well {
        // What it has left behind may hold the pipes for longer.
        let _ = tokio::time::timeout(Patience::default().drain, said.hear_all(&mut output)).await;
    }
    // Now that is swept.
    drop(child);
    Answer::of(exit, said.last_line().as_deref())
}

/// The ends of what a probe has printed.
#[derive(Default)]
struct Said {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Said {
    /// So many bytes are looked at for a last line.
    const ROOM: usize = 1024;

    async fn hear_all(&mut self, output: &mut LocalStream<Output>) {
        while let Some(output) = output.next().await {
            self.hear(output);
        }
    }

    fn hear(&mut self, output: Output) {
        let Output::Chunk(stream, bytes) = output else { return };
        let end = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        end.extend_from_slice(&bytes[bytes.len().saturating_sub(Self::ROOM)..]);
        end.drain(..end.len().saturating_sub(Self::ROOM));
    }

    /// What it complained of last, or else said.
    fn last_line(&self) -> Option<String> {
        [&self.stderr, &self.stdout].into_iter().find_map(|end| {
            let text = String::from_utf8_lossy(end);
            text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(outputs: &[(Stream, &str)]) -> Option<String> {
        let mut said = Said::default();
        for (stream, text) in outputs {
            said.hear(Output::Chunk(*stream, text.as_bytes().to_vec().into()));
        }
        said.last_line()
    }

    #[test]
    fn of_what_it_printed_the_last_line_stands_and_a_complaint_before_it() {
        let (out, err) = (Stream::Stdout, Stream::Stderr);
        assert_eq!(said(&[]), None);
        assert_eq!(said(&[(out, "one\ntwo"), (out, "\n\n  ")]).as_deref(), Some("two"));
        assert_eq!(said(&[(err, "refu"), (out, "later\n"), (err, "sed\n")]).as_deref(), Some("refused"));
        let long = "x".repeat(10_000_000);
        assert_eq!(said(&[(out, &long), (out, "y")]).map(|line| line.len()), Some(Said::ROOM));
    }
}
