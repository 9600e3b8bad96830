//! The Supervisor: the only linearizer. Shell of `core::roster`.
//!
//! All that happens to queries passes through here in one order, so that the count, the result files and the screen
//! can never disagree. A row is sent to the disk first, and only when it is durable its query is counted as done.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use actix::{Actor, Addr, AsyncContext, Context, Handler};
use provisor_core::lines::Reader;
use provisor_core::process::{Fact, Patience, Process};
use provisor_core::roster::{Order, Place, Roster};
use provisor_core::rules::Judge;
use provisor_core::tally::{Change, Class};
use provisor_core::{Cause, Outcome, Plan, Query};
use tokio::sync::{mpsc, oneshot};

use crate::alarm::Alarm;
use crate::clock::RunClock;
use crate::counter::Counter;
use crate::logs::{LogSpec, Logs};
use crate::messages::{
    Abort, Begin, Down, Drain, Durable, Ending, Event, Failure, GuardianDied, Interrupt, Note, Open, Reason,
    Report, Subject, Write, WriteFailed,
};
use crate::monitor::start_monitored;
use crate::os::{Launch, LaunchRequest};
use crate::process::{ProcessActor, Surroundings};
use crate::result_writer::ResultWriter;
use crate::row::Row;

/// The file of an attempt's log, by the query's id and the number of the attempt.
pub type LogName = Box<dyn Fn(&str, u32) -> String + Send>;

/// What a supervisor works with.
pub struct Office {
    /// What is asked.
    pub plan: Arc<Plan>,
    /// How each query's output is read, by its place in the plan.
    pub judges: Vec<Arc<Judge>>,
    /// Names the run in the cookies of its children.
    pub token: Arc<str>,
    /// The containment of its children, as it goes into the rows.
    pub containment: Arc<str>,
    /// Starts processes.
    pub launch: Arc<dyn Launch>,
    /// Takes output.
    pub logs: Logs,
    /// Names logs.
    pub log_name: LogName,
    /// Tells the time.
    pub clock: RunClock,
    /// Counts.
    pub counter: Addr<Counter>,
    /// Gets what is worth telling.
    pub events: Option<mpsc::Sender<Event>>,
}

/// The actor.
pub struct Supervisor {
    office: Office,
    writer: Option<Addr<ResultWriter>>,
    roster: Roster,
    live: HashMap<Place, Live>,
    /// Rows on their way to the disk, in the order in which they were sent.
    unwritten: VecDeque<Arc<Row>>,
    /// Events that a slow subscriber has missed.
    missed: u64,
    failure: Option<Failure>,
    /// Nobody writes rows any more: the run does not wait for them.
    cannot_write: bool,
    waiting: Vec<oneshot::Sender<Ending>>,
    alarm: Alarm,
    orders: Vec<Order>,
}

/// An attempt whose actor lives.
struct Live {
    attempt: u32,
    actor: Addr<ProcessActor>,
    log: Arc<LogSpec>,
    log_is_whole: bool,
    started_us: Option<i64>,
    /// Its process has left, and that was told.
    has_left: bool,
}

impl Supervisor {
    /// A supervisor of what is on the roster.
    #[must_use]
    pub fn new(office: Office, roster: Roster) -> Self {
        Self {
            office,
            writer: None,
            roster,
            live: HashMap::new(),
            unwritten: VecDeque::new(),
            missed: 0,
            failure: None,
            cannot_write: false,
            waiting: Vec::new(),
            alarm: Alarm::default(),
            orders: Vec::new(),
        }
    }

    /// Lets the roster take in something and does what it orders, until nothing is left to do.
    fn consult(&mut self, ctx: &mut Context<Self>, tell: impl FnOnce(&mut Roster, &mut Vec<Order>)) {
        let mut orders = std::mem::take(&mut self.orders);
        tell(&mut self.roster, &mut orders);
        for order in orders.drain(..) {
            self.obey(order, ctx);
        }
        self.orders = orders;
        self.alarm.set(self.roster.wake_at(), &self.office.clock, ctx, Self::woken);
        self.answer_if_over();
    }

    fn obey(&mut self, order: Order, ctx: &mut Context<Self>) {
        match order {
            Order::Start { query, attempt } => self.start(query, attempt, ctx),
            Order::Abort { query, cause, forced } => {
                if let Some(live) = self.live.get(&query) {
                    live.actor.do_send(Abort { cause, forced });
                }
            }
            Order::Record { query, attempt, last, outcome } => self.record(query, attempt, last, *outcome),
            Order::Requeued { query } => {
                self.live.remove(&query);
                self.office.counter.do_send(Note(Change::Requeued));
            }
        }
    }

    fn start(&mut self, query: Place, attempt: u32, ctx: &mut Context<Self>) {
        let office = &self.office;
        let Some(asked) = office.plan.queries.get(query as usize) else { return };
        let log = office.log_spec(asked, attempt);
        let machine = Process::new(
            Reader::new(Arc::clone(&office.judges[query as usize])),
            asked.limits,
            Patience::default(),
        );
        let cookie = format!("{}/{query}/{attempt}", office.token).into();
        let request =
            LaunchRequest { cookie, command: asked.command.clone(), limits: (&asked.limits).into() };
        let actor = ProcessActor::new(
            (query, attempt),
            request,
            Arc::clone(&log),
            machine,
            office.surroundings(ctx.address().recipient()),
        );
        let watcher = ctx.address();
        let subject = Subject::Query { query, attempt };
        let span = tracing::info_span!("query", id = %asked.id, attempt);
        let actor = start_monitored(actor, span, move |reason| watcher.do_send(Down { subject, reason }));
        actor.do_send(Begin);
        self.live.insert(
            query,
            Live { attempt, actor, log, log_is_whole: true, started_us: None, has_left: false },
        );
        self.office.counter.do_send(Note(Change::Started));
    }

    /// Sends a row to the disk. The query is counted when the row is durable, not before.
    fn record(&mut self, query: Place, attempt: u32, last: bool, outcome: Outcome) {
        let live = self.live.remove(&query);
        let started_us = live.as_ref().and_then(|live| live.started_us);
        let log = live.as_ref().filter(|live| live.started_us.is_some() && live.log.is_kept());
        let row = Row {
            query,
            attempt,
            last,
            outcome,
            started_us,
            log: log.map(|live| Arc::clone(&live.log.name)),
            log_is_whole: log.is_some_and(|live| live.log_is_whole),
            containment: Arc::clone(&self.office.containment),
        };
        let row = Arc::new(row);
        self.unwritten.push_back(Arc::clone(&row));
        if let Some(writer) = &self.writer {
            writer.do_send(Write(row));
        }
    }

    /// Rows are durable: now they count.
    fn count(&mut self, rows: usize) {
        for row in self.unwritten.drain(..rows.min(self.unwritten.len())).collect::<Vec<_>>() {
            if row.last {
                let class = self.office.class_of(&row);
                self.office.counter.do_send(Note(Change::Done(class)));
            }
            self.tell(Event::Done(row));
        }
    }

    fn tell(&mut self, event: Event) {
        if let Some(events) = &self.office.events
            && events.try_send(event).is_err()
        {
            self.missed += 1;
        }
    }

    /// The run cannot be trusted any more: end it, and say so.
    fn fail(&mut self, failure: Failure, ctx: &mut Context<Self>) {
        tracing::error!(?failure, "the run is given up");
        self.failure.get_or_insert(failure);
        self.consult(ctx, |roster, orders| roster.abort(Cause::Cancelled, false, orders));
    }

    fn woken(&mut self, ctx: &mut Context<Self>) {
        self.alarm.rang();
        let now = self.office.clock.now();
        self.consult(ctx, |roster, orders| roster.wake(now, orders));
    }

    fn answer_if_over(&mut self) {
        let over = self.roster.is_over() || (self.cannot_write && self.roster.running() == 0);
        if !over {
            return;
        }
        let ending = Ending {
            stopped: self.roster.stopping(),
            unfinished: self.roster.waiting(),
            missed_events: self.missed,
            failure: self.failure.clone(),
        };
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(ending.clone());
        }
    }
}

impl Office {
    fn surroundings(&self, reports: actix::Recipient<Report>) -> Surroundings {
        Surroundings {
            launch: Arc::clone(&self.launch),
            logs: self.logs.clone(),
            clock: self.clock.clone(),
            reports,
        }
    }

    fn log_spec(&self, query: &Query, attempt: u32) -> Arc<LogSpec> {
        let name = (self.log_name)(&query.id, attempt).into();
        Arc::new(LogSpec { id: Arc::clone(&query.id), name, keep: query.logs, record: query.record })
    }

    fn class_of(&self, row: &Row) -> Class {
        let expected = self.plan.queries.get(row.query as usize).and_then(|query| query.expect.as_deref());
        Class::of(&row.outcome, expected)
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;
}

impl Handler<Open> for Supervisor {
    type Result = ();

    fn handle(&mut self, Open(writer): Open, ctx: &mut Self::Context) {
        self.writer = Some(writer);
        let now = self.office.clock.now();
        self.consult(ctx, |roster, orders| roster.wake(now, orders));
    }
}

impl Handler<Report> for Supervisor {
    type Result = ();

    fn handle(&mut self, report: Report, ctx: &mut Self::Context) {
        let Report { query, attempt, at, unix_us, log_is_whole, fact, .. } = report;
        let Some(live) = self.live.get_mut(&query).filter(|live| live.attempt == attempt) else { return };
        live.log_is_whole = log_is_whole;
        match fact {
            Fact::Started => {
                live.started_us = Some(unix_us);
                self.roster.started(query);
                self.tell(Event::Started { query, attempt });
            }
            Fact::Verdict { last, of } => self.tell(Event::Verdict { query, verdict: last.verdict, of }),
            Fact::Stopping { cause, method } => self.tell(Event::Stopping { query, cause, method }),
            Fact::Left => {
                live.has_left = true;
                self.tell(Event::Ended { query, attempt });
                self.consult(ctx, |roster, orders| roster.left(at, query, orders));
            }
            Fact::Returned(why) => {
                self.tell(Event::Returned { query, why: Arc::clone(&why) });
                self.consult(ctx, |roster, orders| roster.returned(at, query, why, orders));
            }
            Fact::Finished(outcome) => {
                if !live.has_left {
                    self.tell(Event::Ended { query, attempt });
                }
                self.consult(ctx, |roster, orders| roster.finished(at, query, *outcome, orders));
            }
        }
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
        match subject {
            // An attempt whose last fact has arrived is not live any more; this one never told its own.
            Subject::Query { query, attempt } => {
                if self.live.get(&query).is_some_and(|live| live.attempt == attempt) {
                    let now = self.office.clock.now();
                    self.consult(ctx, |roster, orders| {
                        roster.finished(now, query, Outcome::lost(how), orders)
                    });
                }
            }
            Subject::Counter | Subject::ResultWriter => {
                self.cannot_write |= subject == Subject::ResultWriter;
                self.fail(Failure::Bug(format!("{subject:?}: {how}").into()), ctx);
            }
        }
    }
}

impl Handler<Durable> for Supervisor {
    type Result = ();

    fn handle(&mut self, Durable { rows }: Durable, ctx: &mut Self::Context) {
        self.count(rows);
        let now = self.office.clock.now();
        self.consult(ctx, |roster, orders| roster.written(now, rows, orders));
    }
}

impl Handler<WriteFailed> for Supervisor {
    type Result = ();

    fn handle(&mut self, WriteFailed { text }: WriteFailed, ctx: &mut Self::Context) {
        self.cannot_write = true;
        self.fail(Failure::Results(text), ctx);
    }
}

impl Handler<Interrupt> for Supervisor {
    type Result = ();

    fn handle(&mut self, Interrupt { cause, forced }: Interrupt, ctx: &mut Self::Context) {
        self.consult(ctx, |roster, orders| roster.abort(cause, forced, orders));
    }
}

impl Handler<GuardianDied> for Supervisor {
    type Result = ();

    fn handle(&mut self, GuardianDied: GuardianDied, ctx: &mut Self::Context) {
        self.fail(Failure::Guardian, ctx);
    }
}

impl Handler<Drain> for Supervisor {
    type Result = ();

    fn handle(&mut self, Drain { answer }: Drain, _: &mut Self::Context) {
        self.waiting.push(answer);
        self.answer_if_over();
    }
}
