//! The Supervisor: the only linearizer. Shell of `core::desk`.
//!
//! All that happens to queries passes through here in one order, so that the count, the result files and the screen
//! can never disagree. Messages become the desk's events, and its effects become messages; it decides nothing.

mod clients;

use std::collections::HashMap;
use std::sync::Arc;

use actix::{Actor, Addr, AsyncContext, Context, Handler};
use provisor_core::desk::{Desk, Effect, Event, Failure};
use provisor_core::lines::Reader;
use provisor_core::plan::Limits;
use provisor_core::process::{Ear, Patience, Process};
use provisor_core::roster::Place;
use provisor_core::{Plan, Query, Tick};
use tokio::sync::{mpsc, oneshot};

use crate::alarm::Alarm;
use crate::clock::RunClock;
use crate::counter::Counter;
use crate::judges::Judges;
use crate::logs::{LogSpec, Logs};
use crate::messages;
use crate::messages::{
    Abort, Begin, Discard, Down, Drain, Durable, Ending, GuardianDied, HandOver, Interrupt, LogsBroken, Note,
    Open, Reason, Report, Resumed, Stalled, Subject, Write, WriteFailed,
};
use crate::monitor::start_monitored;
use crate::os::{Launch, LaunchRequest};
use crate::process::{ProcessActor, Surroundings};
use crate::result_writer::ResultWriter;
use crate::row::{Discarded, Row};
use crate::subscription::Subscriber;
use clients::Client;

/// What a supervisor works with.
pub struct Office {
    /// What is asked.
    pub plan: Arc<Plan>,
    /// How its output is read.
    pub judges: Judges,
    /// Names the run in the cookies of its children.
    pub token: Arc<str>,
    /// Starts processes.
    pub launch: Arc<dyn Launch>,
    /// Takes output.
    pub logs: Logs,
    /// Tells the time.
    pub clock: RunClock,
    /// Counts.
    pub counter: Addr<Counter>,
    /// Gets what is worth telling.
    pub events: Option<mpsc::Sender<messages::Event>>,
    /// Reads output in its own way, where it wants to.
    pub rules: Option<Arc<dyn Rules>>,
}

/// Reads the output of queries in a way of its own.
pub trait Rules: Send + Sync {
    /// What listens to an attempt of this query, in this pass (counted from 0). `None`: as the query says.
    fn ear(&self, query: &Query, pass: usize) -> Option<Box<dyn Ear>>;
}

/// The actor.
pub struct Supervisor {
    office: Office,
    desk: Desk,
    writer: Option<Addr<ResultWriter>>,
    attempts: HashMap<Place, Addr<ProcessActor>>,
    /// Events that a slow subscriber has missed.
    missed: u64,
    subscribers: Vec<Subscriber>,
    /// Who waits for something of a query that is not over.
    clients: HashMap<Place, Client>,
    waiting: Vec<oneshot::Sender<Ending>>,
    alarm: Alarm,
    effects: Vec<Effect>,
}

impl Supervisor {
    /// A supervisor that does what this desk says.
    #[must_use]
    pub fn new(office: Office, desk: Desk) -> Self {
        Self {
            office,
            desk,
            writer: None,
            attempts: HashMap::new(),
            missed: 0,
            subscribers: Vec::new(),
            clients: HashMap::new(),
            waiting: Vec::new(),
            alarm: Alarm::default(),
            effects: Vec::new(),
        }
    }

    /// The one way in.
    fn feed(&mut self, event: Event, ctx: &mut Context<Self>) {
        self.feed_at(self.office.clock.now(), event, ctx);
    }

    fn feed_at(&mut self, now: Tick, event: Event, ctx: &mut Context<Self>) {
        if let Event::WriteFailed(failure) | Event::Failed(failure) = &event {
            tracing::error!(?failure, "the run is given up");
        }
        let mut effects = std::mem::take(&mut self.effects);
        self.desk.step(now, event, &mut effects);
        self.perform_all(effects, ctx);
    }

    fn perform_all(&mut self, mut effects: Vec<Effect>, ctx: &mut Context<Self>) {
        for effect in effects.drain(..) {
            self.perform(effect, ctx);
        }
        self.effects = effects;
        self.alarm.set(self.desk.wake_at(), &self.office.clock, ctx, Self::woken);
        self.answer_if_over();
    }

    /// The one way out.
    fn perform(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Start { query, attempt, pass, log, memory } => {
                self.start((query, attempt), pass, log, memory, ctx)
            }
            Effect::Abort { query, cause, forced, grace } => {
                if let Some(actor) = self.attempts.get(&query) {
                    actor.do_send(Abort { cause, forced, grace });
                }
            }
            Effect::Release { query } => drop(self.attempts.remove(&query)),
            Effect::Write(row) => {
                if let Some(writer) = &self.writer {
                    writer.do_send(Write(row));
                }
            }
            Effect::Discard { id, up_to, .. } => {
                if let Some(writer) = &self.writer {
                    writer.do_send(Discard(Discarded { query: id, up_to }));
                }
            }
            Effect::Forget { query } => {
                self.office.judges.forget(query);
                self.clients.remove(&query);
            }
            Effect::Count(change) => self.office.counter.do_send(Note(change)),
            Effect::Tell(news) => self.tell(news),
        }
    }

    fn start(
        &mut self,
        (query, attempt): (Place, u32),
        pass: usize,
        log: Arc<str>,
        memory: Option<u64>,
        ctx: &mut Context<Self>,
    ) {
        let Self { office, desk, clients, .. } = self;
        let Some(asked) = desk.query(query) else { return };
        let Some((asking, ear)) = asked.asking(pass).zip(office.ear(asked, query, pass)) else { return };
        let client = clients.get_mut(&query);
        let tap = client.and_then(|client| {
            // It has left the queue.
            client.room = None;
            client.output.clone()
        });
        let limits = Limits { memory, ..*asking.limits };
        let machine = Process::new(ear, limits, Patience::default());
        let cookie = format!("{}/{query}/{attempt}", office.token).into();
        let request = LaunchRequest { cookie, command: asking.command.clone(), limits: (&limits).into() };
        let actor = ProcessActor::new(
            (query, attempt),
            request,
            log_spec(asked, log),
            machine,
            office.surroundings(ctx.address().recipient()),
        )
        .tapped(tap)
        .probed(asked.health.as_deref());
        let watcher = ctx.address();
        let subject = Subject::Query { query, attempt };
        let span = tracing::info_span!("query", id = %asked.id, attempt);
        let actor = start_monitored(actor, span, move |reason| watcher.do_send(Down { subject, reason }));
        actor.do_send(Begin);
        self.attempts.insert(query, actor);
    }

    fn tell(&mut self, news: messages::Event) {
        let id = news.query().and_then(|place| self.desk.query(place)).map(|query| &query.id);
        let id = match &news {
            messages::Event::Done(row) => Some(&row.id),
            _ => id,
        };
        self.subscribers.retain_mut(|subscriber| subscriber.tell(id.cloned(), news.clone()));
        if let messages::Event::Done(row) = &news
            && row.is_last()
        {
            if !self.desk.may_reopen(row.query) {
                self.office.judges.forget(row.query);
            }
            self.hand_over(row);
        }
        if let Some(events) = &self.office.events
            && events.try_send(news).is_err()
        {
            self.missed += 1;
        }
    }

    /// Whoever waits for the row of a query has it, and its output ends, unless it is asked again.
    fn hand_over(&mut self, row: &Arc<Row>) {
        let Some(Client { rows: to, output, .. }) = self.clients.remove(&row.query) else { return };
        self.office.counter.do_send(HandOver { row: Arc::clone(row), to });
        let is_asked_again = self.desk.may_reopen(row.query)
            && self.desk.query(row.query).is_some_and(|query| query.schedule().is_some());
        if is_asked_again && output.is_some() {
            self.clients.insert(row.query, Client { output, ..Client::default() });
        }
    }

    fn woken(&mut self, ctx: &mut Context<Self>) {
        self.alarm.rang();
        self.feed(Event::Wake, ctx);
    }

    fn answer_if_over(&mut self) {
        if !self.desk.is_over() {
            return;
        }
        let ending = Ending {
            stopped: self.desk.stopped(),
            unfinished: self.desk.waiting(),
            unwritten: self.desk.unwritten().cloned().collect(),
            failed_groups: self.desk.failed_groups().to_vec(),
            rounds: self.desk.all_rounds(),
            missed_events: self.missed,
            exhausted: self.desk.exhausted().cloned(),
            failure: self.desk.failure().cloned(),
        };
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(ending.clone());
        }
    }
}

impl Office {
    /// What listens to an attempt.
    fn ear(&self, asked: &Query, query: Place, pass: usize) -> Option<Box<dyn Ear>> {
        let own = self.rules.as_ref().and_then(|rules| rules.ear(asked, pass));
        own.or_else(|| Some(Box::new(Reader::new(self.judges.of(query, pass)?))))
    }

    fn surroundings(&self, reports: actix::Recipient<Report>) -> Surroundings {
        Surroundings {
            launch: Arc::clone(&self.launch),
            logs: self.logs.clone(),
            clock: self.clock.clone(),
            reports,
        }
    }
}

fn log_spec(query: &Query, name: Arc<str>) -> Arc<LogSpec> {
    Arc::new(LogSpec { id: Arc::clone(&query.id), name, keep: query.logs, record: query.record })
}

impl Actor for Supervisor {
    type Context = Context<Self>;
}

impl Handler<Open> for Supervisor {
    type Result = ();

    fn handle(&mut self, Open(writer): Open, ctx: &mut Self::Context) {
        self.writer = Some(writer);
        self.feed(Event::Wake, ctx);
    }
}

impl Handler<Report> for Supervisor {
    type Result = ();

    fn handle(&mut self, report: Report, ctx: &mut Self::Context) {
        let Report { query, attempt, at, unix_us, log_is_whole, printed, fact } = report;
        self.feed_at(at, Event::Report { query, attempt, unix_us, log_is_whole, printed, fact }, ctx);
    }
}

impl Handler<Down> for Supervisor {
    type Result = ();

    fn handle(&mut self, Down { subject, reason }: Down, ctx: &mut Self::Context) {
        let how: Arc<str> = match reason {
            Reason::Normal => "its actor stopped".into(),
            Reason::Panicked(text) => format!("its actor panicked: {text}").into(),
            Reason::Dropped => "its actor was dropped".into(),
        };
        let bug = |how| Failure::Bug(format!("{subject:?}: {how}").into());
        let event = match subject {
            Subject::Query { query, attempt } => Event::Down { query, attempt, how },
            Subject::Counter => Event::Failed(bug(how)),
            Subject::ResultWriter => Event::WriteFailed(bug(how)),
        };
        self.feed(event, ctx);
    }
}

impl Handler<LogsBroken> for Supervisor {
    type Result = ();

    fn handle(&mut self, LogsBroken { logs }: LogsBroken, ctx: &mut Self::Context) {
        self.feed(Event::LogsBroken { logs }, ctx);
    }
}

impl Handler<Durable> for Supervisor {
    type Result = ();

    fn handle(&mut self, Durable { rows }: Durable, ctx: &mut Self::Context) {
        self.feed(Event::Durable { rows }, ctx);
    }
}

impl Handler<Stalled> for Supervisor {
    type Result = ();

    fn handle(&mut self, Stalled { text }: Stalled, ctx: &mut Self::Context) {
        self.feed(Event::Stalled { text }, ctx);
    }
}

impl Handler<Resumed> for Supervisor {
    type Result = ();

    fn handle(&mut self, Resumed: Resumed, ctx: &mut Self::Context) {
        self.feed(Event::Resumed, ctx);
    }
}

impl Handler<WriteFailed> for Supervisor {
    type Result = ();

    fn handle(&mut self, WriteFailed { text }: WriteFailed, ctx: &mut Self::Context) {
        self.feed(Event::WriteFailed(Failure::Results(text)), ctx);
    }
}

impl Handler<Interrupt> for Supervisor {
    type Result = ();

    fn handle(&mut self, Interrupt { cause, forced }: Interrupt, ctx: &mut Self::Context) {
        self.feed(Event::Interrupt { cause, forced }, ctx);
    }
}

impl Handler<GuardianDied> for Supervisor {
    type Result = ();

    fn handle(&mut self, GuardianDied: GuardianDied, ctx: &mut Self::Context) {
        self.feed(Event::Failed(Failure::Guardian), ctx);
    }
}

impl Handler<Drain> for Supervisor {
    type Result = ();

    fn handle(&mut self, Drain { answer }: Drain, _: &mut Self::Context) {
        self.waiting.push(answer);
        self.answer_if_over();
    }
}
