//! Rounds by the handle: one runtime serves a batch and polls at the same time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use provisor::{
    Command, Commit, CommitRefusal, Discarded, Event, Local, Overlap, Pattern, Plan, Ports, Query, Row, Rule,
    Runtime, StopMethod, Submission, Subscription, Told,
};

use crate::{TrialOf, block_on, runtime};

pub(crate) const TRIALS: &[TrialOf] = &[
    ("one_runtime_serves_a_batch_and_polls", batch_and_polls),
    ("who_is_polled_no_more_may_come_again", may_come_again),
    ("a_sink_is_told_what_is_not_to_be_kept", sink_is_told),
    ("the_output_of_all_rounds_is_one_stream", output_of_all_rounds),
    ("a_round_that_lasts_is_ended_for_the_next_one", ended_for_the_next_one),
];

/// Says how often the clock has ticked since the machine was started, which no two rounds say alike.
fn poll(id: &str) -> Query {
    let command = Command::new(["sh", "-c", "read up _ < /proc/uptime; echo up $up"]);
    let rule = Rule::on(Pattern::Regex("^up (.*)$".into())).says("ok").value(1);
    Query::new(id, command).rule(rule).every(Duration::from_millis(20))
}

/// The next row of this query that is told of.
async fn next_row(events: &mut Subscription, id: &str) -> Arc<Row> {
    loop {
        match events.next().await.expect("the runtime goes on") {
            Told::Event { query: Some(query), event: Event::Done(row) } if &*query == id => return row,
            _ => {}
        }
    }
}

fn batch_and_polls() {
    block_on(async {
        let handle = runtime(2).await;
        let mut events = handle.subscribe(10_000);
        let polled = handle.submit(poll("poll").keep_last(3)).await.expect("taken in");
        let mut tickets = Vec::new();
        for n in 0..100 {
            let work = Query::new(format!("work/{n}"), Command::new(["sleep", "0.02"]));
            tickets.push(handle.submit(work).await.expect("taken in"));
        }
        assert_eq!(polled.await.expect("its first row").attempt, 1);
        for ticket in tickets {
            assert!(ticket.await.expect("its row").outcome.is_well(None));
        }
        let history = handle.history("poll").await.expect("it is polled");
        assert!(history.rounds.made > 10, "the batch does not hold it up: {:?}", history.rounds);
        assert_eq!(history.rows.len(), 3);
        let attempts: Vec<_> = history.rows.iter().map(|row| u64::from(row.attempt)).collect();
        assert!(attempts.windows(2).all(|two| two[0] + 1 == two[1]) && attempts[0] == history.fell_out + 1);
        assert!(history.rows.iter().all(|row| row.outcome.judgement.value.is_some()));
        let counts = handle.counts().borrow().clone();
        assert_eq!((counts.total, counts.is_consistent()), (101, true));
        let ending = handle.drain().await.expect("it ends");
        assert!(ending.rounds.made >= history.rounds.made && ending.unfinished == 0);
        assert_eq!((ending.stopped, ending.failure), (None, None));
        // Between rows of the batch there are rows of the poll.
        let mut told = Vec::new();
        while let Some(one) = events.next().await {
            if let Told::Event { query: Some(query), event: Event::Done(_) } = one {
                told.push(&*query == "poll");
            }
        }
        assert!(told.windows(2).filter(|two| two[0] != two[1]).count() > 10);
    });
}

fn may_come_again() {
    block_on(async {
        let handle = runtime(1).await;
        let mut events = handle.subscribe(1000);
        handle.submit(poll("poll")).await.expect("taken in");
        let refused = handle.submit(poll("poll")).await.err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), Some("there is a query `poll` that is not over"));
        for _ in 0..3 {
            next_row(&mut events, "poll").await;
        }
        let awaited = handle.outcome("poll").await.expect("the next row");
        assert!(awaited.attempt > 3);
        assert!(handle.cancel("poll", StopMethod::Term).await, "it would have gone on");
        // It may have run just then: its last row is on its way.
        let mut counts = handle.counts();
        counts.wait_for(|counts| counts.done == 1).await.expect("it goes on");
        while handle.history("poll").await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(!handle.cancel("poll", StopMethod::Term).await, "it is over");
        let ticket = handle.submit(poll("poll")).await.expect("it may come again");
        assert_eq!(ticket.await.expect("its row").attempt, 1);
        handle.drain().await.expect("it ends");
    });
}

/// Knows what it was asked to keep, and to keep no more.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u32>>>);

impl Commit for Kept {
    fn commit(&mut self, rows: &[Arc<Row>]) -> Result<(), CommitRefusal> {
        self.0.lock().expect("whole").extend(rows.iter().map(|row| row.attempt));
        Ok(())
    }

    fn discard(&mut self, discarded: &[Discarded]) -> Result<(), CommitRefusal> {
        for Discarded { query, up_to } in discarded {
            assert_eq!(&**query, "poll");
            self.0.lock().expect("whole").retain(|attempt| attempt > up_to);
        }
        Ok(())
    }
}

fn sink_is_told() {
    block_on(async {
        let kept = Kept::default();
        let sink: Option<Box<dyn Commit>> = Some(Box::new(kept.clone()));
        let ports = Ports { sink, ..Ports::new(Local::default().factory()) };
        let plan = Plan::new("test", vec![poll("poll").keep_last(4)]);
        let handle = Runtime::start(plan, ports).await.expect("it starts");
        let mut events = handle.subscribe(1000);
        while next_row(&mut events, "poll").await.attempt < 10 {}
        handle.drain().await.expect("it ends");
        let kept = kept.0.lock().expect("whole").clone();
        assert!(kept.len() == 4 && kept[0] > 6, "{kept:?}");
    });
}

fn output_of_all_rounds() {
    block_on(async {
        let handle = runtime(1).await;
        let (ticket, mut output) =
            handle.submit_and_read(Submission::from(poll("poll"))).await.expect("taken in");
        let mut attempts = Vec::new();
        while attempts.len() < 3 {
            let piece = output.next().await.expect("a further round");
            attempts.push(piece.attempt);
        }
        assert_eq!(attempts, [1, 2, 3]);
        assert_eq!(ticket.await.expect("its row").attempt, 1);
        handle.cancel("poll", StopMethod::Term).await;
        while output.next().await.is_some() {}
        handle.drain().await.expect("it ends");
    });
}

fn ended_for_the_next_one() {
    block_on(async {
        let handle = runtime(1).await;
        let mut events = handle.subscribe(1000);
        let lasts = Query::new("lasts", Command::new(["sleep", "1000"]));
        let lasts = lasts.every(Duration::from_millis(100)).overlap(Overlap::Kill);
        handle.submit(lasts).await.expect("taken in");
        for attempt in 1..3 {
            let row = next_row(&mut events, "lasts").await;
            let said = (row.attempt, row.outcome.cause_word(), row.outcome.evidence.as_deref());
            assert_eq!(said, (attempt, "cancelled", Some("the next round was due")));
        }
        assert!(handle.cancel("lasts", StopMethod::Kill).await);
        handle.drain().await.expect("it ends");
    });
}
