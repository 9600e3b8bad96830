//! What it costs to have provisor inside a program: the memory of a runtime that is idle, with its guardian, and of a query that
//! waits; how fast queries are taken in; what somebody who listens costs. Where nothing is said of real processes, a launcher that
//! follows a script plays them.
//!
//! Each measurement has a process of its own, for memory that was given back is not gone. `cargo bench --bench embed` prints a row
//! a figure (what, how many, round, figure, value); `benches/embed.sh` keeps them.

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::fs;
use std::process::Command as Process;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::{self, FuturesUnordered};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use provisor::{
    Command, Local, Logs, Plan, Ports, Query, Runtime, RuntimeHandle, StopMethod, Subscription, Ticket,
};
use provisor_actors::testing::{Script, Step, Theatre};

/// What is measured, in a process of its own.
type Part = (&'static str, fn(usize) -> Vec<Figure>);

/// Its name, and its value.
type Figure = (&'static str, f64);

const PARTS: [Part; 8] = [
    ("idle", idle),
    ("queued", queued),
    ("taken-in", |queries| taken_in(queries, 1)),
    ("taken-in-by-64", |queries| taken_in(queries, 64)),
    ("rows", |queries| rows(queries, 0)),
    ("heard-by-1", |queries| rows(queries, 1)),
    ("heard-by-8", |queries| rows(queries, 8)),
    ("deaf", deaf),
];

fn main() {
    provisor::guardian::init();
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, part, count] = &arguments[..]
        && let Some((_, measure)) = PARTS.iter().find(|(name, _)| name == part)
    {
        let figures = measure(count.parse().expect("a number"));
        return figures.iter().for_each(|(figure, value)| println!("{figure},{value:.3}"));
    }
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let (rounds, idle, queued, through) = match is_bench {
        true => (5, [0, 1, 9], [10_000, 100_000], 20_000),
        false => (1, [0, 1, 2], [100, 200], 200),
    };
    println!("what,n,round,figure,value");
    for round in 0..rounds {
        for (part, _) in &PARTS {
            let counts = match *part {
                "idle" => &idle[..],
                "deaf" => &[100],
                "queued" | "taken-in" | "taken-in-by-64" => &queued[..],
                _ => &[through][..],
            };
            counts.iter().for_each(|count| in_a_process(part, *count, round));
        }
    }
}

fn in_a_process(part: &str, count: usize, round: usize) {
    let program = std::env::current_exe().expect("this is Linux");
    let done = Process::new(program).args([part, &count.to_string()]).output().expect("it starts");
    assert!(done.status.success(), "{part} {count}: {}", String::from_utf8_lossy(&done.stderr));
    for line in String::from_utf8_lossy(&done.stdout).lines() {
        println!("{part},{count},{round},{line}");
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    tokio.expect("a runtime").block_on(work)
}

/// So many runtimes with guardians and nothing to do. All of this process and of its guardians is theirs, but for what there is
/// without any.
fn idle(runtimes: usize) -> Vec<Figure> {
    block_on(async {
        let mut handles = Vec::new();
        for _ in 0..runtimes {
            let ports = Ports::new(Local::default().factory());
            handles.push(Runtime::start(Plan::new("idle", Vec::new()), ports).await.expect("it starts"));
        }
        // What is done once at a start is over then, and it waits.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let guardians = children().iter().fold(0.0, |sum, child| sum + pss_kib(child));
        vec![("own_kib", pss_kib("self")), ("guardians_kib", guardians)]
    })
}

/// So many queries that wait behind one that has no end, each with a command of its own and all the rest in common.
fn queued(queries: usize) -> Vec<Figure> {
    block_on(async {
        let theatre = Theatre::new(|_| Ok(Script::of(vec![Step::Hang])));
        let handle = runtime(&theatre, 1, queries).await;
        let kept = tickets(&handle, 0..1, &query()).await;
        let before = pss_kib("self");
        let waiting = tickets(&handle, 1..queries + 1, &query()).await;
        let each = (pss_kib("self") - before) * 1024.0 / queries as f64;
        drop((kept, waiting));
        handle.stop(StopMethod::Kill).await.expect("it ends");
        vec![("bytes_each", each)]
    })
}

/// So many queries that are taken in and wait, by so many callers, each of whom waits for an answer before he asks again.
fn taken_in(queries: usize, callers: usize) -> Vec<Figure> {
    block_on(async {
        let theatre = Theatre::new(|_| Ok(Script::of(vec![Step::Hang])));
        let handle = runtime(&theatre, 1, queries + 1).await;
        let (base, begin) = (query(), (Instant::now(), cpu()));
        let asked = stream::iter(0..queries).map(|number| handle.submit(numbered(&base, number)));
        let tickets: Vec<_> = asked.buffer_unordered(callers).collect().await;
        let (wall, used) = (begin.0.elapsed().as_secs_f64(), cpu() - begin.1);
        assert!(tickets.len() == queries && tickets.iter().all(Result::is_ok), "all were taken in");
        handle.stop(StopMethod::Kill).await.expect("it ends");
        vec![("per_s", queries as f64 / wall), ("cpu_us_each", used.as_secs_f64() * 1e6 / queries as f64)]
    })
}

/// So many queries from their submission to their rows, 64 at a time, with so many who hear of all that happens.
fn rows(queries: usize, listeners: usize) -> Vec<Figure> {
    block_on(async {
        let theatre = Theatre::new(|_| Ok(Script::print("hello\n")));
        let handle = runtime(&theatre, 64, 1024).await;
        // Nobody misses anything: it is the price of all of it.
        let heard = (0..listeners).map(|_| tokio::spawn(all_of(handle.subscribe(100 * queries))));
        let heard: Vec<_> = heard.collect();
        let (base, begin) = (query(), (Instant::now(), cpu()));
        let asked = stream::iter(0..queries).map(|number| numbered(&base, number));
        let mut waiting: FuturesUnordered<Ticket> = FuturesUnordered::new();
        let mut taken = Box::pin(handle.submit_all(asked));
        while let Some(ticket) = taken.next().await {
            waiting.push(ticket.expect("it is taken in"));
        }
        while let Some(row) = waiting.next().await {
            row.expect("its row");
        }
        let (wall, used) = (begin.0.elapsed().as_secs_f64(), cpu() - begin.1);
        handle.drain().await.expect("it ends");
        let mut figures = vec![
            ("per_s", queries as f64 / wall),
            ("cpu_us_each", used.as_secs_f64() * 1e6 / queries as f64),
        ];
        for listener in heard {
            figures.push(("events_each", listener.await.expect("no panic") as f64 / queries as f64));
        }
        figures.truncate(3);
        figures
    })
}

/// So many who have asked to hear of all that happens, and do not listen: what waits for each of them.
fn deaf(listeners: usize) -> Vec<Figure> {
    const ROOM: usize = 1000;
    block_on(async {
        let theatre = Theatre::new(|_| Ok(Script::print("hello\n")));
        let handle = runtime(&theatre, 64, ROOM).await;
        let through = async |numbers: std::ops::Range<usize>| {
            for ticket in tickets(&handle, numbers, &query()).await {
                ticket.await.expect("its row");
            }
        };
        through(0..ROOM).await;
        let before = pss_kib("self");
        let deaf: Vec<_> = (0..listeners).map(|_| handle.subscribe(ROOM)).collect();
        through(ROOM..2 * ROOM).await;
        let each = (pss_kib("self") - before) * 1024.0 / listeners as f64;
        drop(deaf);
        handle.drain().await.expect("it ends");
        vec![("bytes_each", each)]
    })
}

/// How many events there were.
async fn all_of(mut subscription: Subscription) -> u64 {
    let mut events = 0;
    while let Some(told) = subscription.next().await {
        assert!(matches!(told, provisor::Told::Event { .. }), "nothing was missed: {told:?}");
        events += 1;
    }
    events
}

async fn runtime(theatre: &Theatre, slots: usize, room: usize) -> RuntimeHandle {
    let ports = Ports { room, ..Ports::new(theatre.factory()) };
    Runtime::start(Plan::new("embed", Vec::new()).at_once(slots), ports).await.expect("it starts")
}

/// What all have in common.
fn query() -> Query {
    Query::new("q", Command::new(["verify", "--quiet"])).wall(Duration::from_secs(3600)).logs(Logs::Drop)
}

fn numbered(base: &Query, number: usize) -> Query {
    let mut query = Query { id: format!("model-{number}").into(), ..base.clone() };
    let [program, option] = [&base.command.argv[0], &base.command.argv[1]].map(Arc::clone);
    query.command.argv = [program, option, format!("models/{number}.pv").into()].into();
    query
}

async fn tickets(handle: &RuntimeHandle, numbers: std::ops::Range<usize>, base: &Query) -> Vec<Ticket> {
    let mut tickets = Vec::with_capacity(numbers.len());
    for number in numbers {
        tickets.push(handle.submit(numbered(base, number)).await.expect("it is taken in"));
    }
    tickets
}

/// The CPU time of all threads of this process.
fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("known to every Linux");
    let micros = |time: TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    Duration::from_micros((micros(usage.user_time()) + micros(usage.system_time())).cast_unsigned())
}

/// Memory of a process, that which it shares with others by its part of it.
fn pss_kib(process: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).expect("it lives");
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).expect("the kernel counts it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// The children of this process, on all its threads.
fn children() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").expect("this is Linux").flatten();
    let lists = tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}
