//! What runs, and what is known of it: from every kind of program, with real processes.

use std::sync::Arc;
use std::time::Duration;

use provisor::{
    Command, EarlyStop, Keeping, Level, Local, Maker, Pattern, Plan, Ports, Preset, ProVerif, Query, Rule,
    Runtime, Stdin, StopMethod, Stream,
};

use crate::{TrialOf, block_on, runtime};

pub(crate) const TRIALS: &[TrialOf] = &[
    ("it_runs_from_every_kind_of_program", it_runs_from_every_kind_of_program),
    ("what_is_promised_is_known", what_is_promised_is_known),
    ("items_go_in_and_come_out_to_the_last_byte", items_go_in_and_come_out),
    ("a_goal_ends_a_query_and_the_next_one_begins", a_goal_ends_a_query),
    ("who_is_paused_stands_still", who_is_paused_stands_still),
];

async fn says(handle: &provisor::RuntimeHandle, id: &str) -> Option<Arc<str>> {
    let hello = Command::new(["sh", "-c", "echo value: $0", id]);
    let rule = Rule::on(Pattern::Regex("value: (.*)".into())).says("said").value(1);
    let ticket = handle.submit(Query::new(id, hello).rule(rule)).await.expect("it is taken in");
    ticket.await.expect("its row").outcome.judgement.value.clone()
}

/// On tokio with one thread and with several, within tasks of it, on actix's system, and several at once.
fn it_runs_from_every_kind_of_program() {
    let one = |id: &'static str| async move {
        let handle = runtime(2).await;
        assert_eq!(says(&handle, id).await.as_deref(), Some(id));
        handle.drain().await.expect("it ends");
    };
    block_on(one("several-threads"));
    block_on(async { tokio::spawn(one("a-task")).await.expect("it does not panic") });
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio.block_on(one("one-thread"));
    tokio::task::LocalSet::new().block_on(&tokio, one("a-local-set"));
    actix_web::rt::System::new().block_on(one("actix"));
    block_on(async { tokio::join!(one("a"), one("b"), one("c")) });
}

fn what_is_promised_is_known() {
    block_on(async {
        let handle = runtime(1).await;
        let guarantees = handle.guarantees().expect("it can be said");
        assert_eq!(guarantees.keeping, Keeping::Executed);
        assert_ne!(guarantees.level, Level::Group);
        assert!(!guarantees.exceptions().is_empty());
        let local = Local { maker: Maker::Direct, ..Local::default() };
        let direct = Runtime::start(Plan::new("test", Vec::new()), Ports::new(local.factory())).await;
        let direct = direct.expect("it starts");
        let guarantees = direct.guarantees().expect("it can be said");
        assert_eq!((guarantees.keeping, guarantees.level), (Keeping::Direct, Level::Group));
        assert!(!guarantees.has_tree_limits() && guarantees.exceptions().len() > 1);
        assert_eq!(says(&direct, "x").await.as_deref(), Some("x"));
    });
}

/// Eight items of ten megabytes into four workers by their input, and out of them by their output; to the last byte, with nobody
/// who polls, and no sign that marks the end.
fn items_go_in_and_come_out() {
    // More of them: the example `large_items`.
    let rounds = 2;
    let item = |n: u8| -> Arc<[u8]> { (0..10_000_000_u32).map(|at| (at >> 3) as u8 ^ n).collect() };
    let items: Vec<Arc<[u8]>> = (0..8).map(item).collect();
    block_on(async {
        let handle = runtime(4).await;
        for _ in 0..rounds {
            let mut workers = Vec::new();
            for (n, item) in items.iter().enumerate() {
                let cat = Command::new(["cat"]).reads(Stdin::Bytes(Arc::clone(item)));
                let (ticket, output) =
                    handle.submit_and_read(Query::new(format!("item{n}"), cat)).await.expect("taken in");
                workers.push(tokio::spawn(async move { (all_of(output).await, ticket.await) }));
            }
            for (worker, item) in workers.into_iter().zip(&items) {
                let (bytes, row) = worker.await.expect("it does not panic");
                assert!(bytes == **item, "{} bytes of {}", bytes.len(), item.len());
                let row = row.expect("its row");
                assert_eq!((row.outcome.cause_word(), row.printed.stdout), ("exited", item.len() as u64));
            }
        }
    });
}

async fn all_of(mut output: provisor::OutputOf) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(piece) = output.next().await {
        assert_eq!((piece.attempt, piece.stream), (1, Stream::Stdout));
        all.extend_from_slice(&piece.bytes);
    }
    all
}

/// The preset, in a program: what is running is ended as soon as it has said enough.
fn a_goal_ends_a_query() {
    let lines = [
        "-- Query not attacker(s[]) in process 1.",
        "Translating the process into Horn clauses...",
        "Completing...",
        "Starting query not attacker(s[])",
        "goal reachable: attacker(s[])",
    ];
    block_on(async {
        let handle = runtime(1).await;
        let proverif =
            Preset::ProVerif(ProVerif { early_stop: EarlyStop::OnGoalReachable, ..ProVerif::default() });
        let argv = ["sh", "-c", "printf '%s\\n' \"$@\"; exec sleep 1000", "sh"].into_iter().chain(lines);
        let query = Query::new("q", Command::of(argv)).preset(proverif);
        let row = handle.submit(query).await.expect("taken in").await.expect("its row");
        assert_eq!(row.outcome.cause_word(), "concluded", "{:?}", row.outcome);
        assert_eq!(row.outcome.judgement.verdict.as_deref(), Some("reachable"));
        assert_eq!(says(&handle, "next").await.as_deref(), Some("next"));
    });
}

/// It has a second to live, and lives longer than that while nobody's time passes.
fn who_is_paused_stands_still() {
    block_on(async {
        let handle = runtime(1).await;
        let query = Query::new("q", Command::new(["sleep", "1000"])).wall(Duration::from_millis(300));
        let mut ticket = handle.submit(query).await.expect("taken in");
        handle.counts().wait_for(|counts| counts.running == 1).await.expect("it lives");
        handle.pause();
        let early = tokio::time::timeout(Duration::from_millis(600), &mut ticket).await;
        assert!(early.is_err(), "its limit is not over: {early:?}");
        handle.resume();
        assert_eq!(ticket.await.expect("its row").outcome.cause_word(), "wall-limit");
        handle.pause();
        let query = Query::new("q", Command::new(["sleep", "1000"]));
        handle.submit(query).await.expect("taken in");
        handle.stop(StopMethod::Term).await.expect("who stands still can be ended");
    });
}
