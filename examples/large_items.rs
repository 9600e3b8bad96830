//! Large items into workers by their input, and out of them by their output: every round is drained to the last byte. Nobody polls
//! whether there is more, and no sign marks the end: the end of a worker's output is its end.
//!
//! ```sh
//! cargo run --release --example large_items -- 100
//! ```
//!
//! Rounds, items, bytes of an item and workers: 20, 8, 10,000,000 and 4 where nothing is said.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::sync::Arc;

use provisor::{Command, Local, OutputOf, Plan, Ports, Query, Runtime, RuntimeHandle, Stdin};

fn main() -> Result<(), Box<dyn Error>> {
    provisor::guardian::init();
    tokio::runtime::Runtime::new()?.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let said = std::env::args().skip(1).map(|number| number.parse());
    let said: Vec<usize> = said.collect::<Result<_, _>>()?;
    let number = |place: usize, usual| said.get(place).copied().unwrap_or(usual);
    let (rounds, items, bytes, workers) = (number(0, 20), number(1, 8), number(2, 10_000_000), number(3, 4));

    let items: Vec<Arc<[u8]>> = (0..items).map(|n| item(n, bytes)).collect();
    let ports = Ports::new(Local::default().factory());
    let handle = Runtime::start(Plan::new("items", Vec::new()).at_once(workers), ports).await?;
    let mut drained = 0;
    for _ in 0..rounds {
        drained += usize::from(round(&handle, &items).await?);
    }
    handle.drain().await?;
    println!("{drained} of {rounds} rounds drained to the last byte");
    if drained == rounds { Ok(()) } else { Err("bytes were lost".into()) }
}

/// Whether every item has come back as it went.
async fn round(handle: &RuntimeHandle, items: &[Arc<[u8]>]) -> Result<bool, Box<dyn Error>> {
    let mut at_work = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let worker = Command::new(["cat"]).reads(Stdin::Bytes(Arc::clone(item)));
        let (ticket, output) = handle.submit_and_read(Query::new(format!("item-{n}"), worker)).await?;
        let item = Arc::clone(item);
        at_work.push((ticket, tokio::spawn(async move { is_all_of(&item, output).await })));
    }
    let mut is_whole = true;
    for (ticket, read) in at_work {
        is_whole &= read.await? & ticket.await?.outcome.is_well(None);
    }
    Ok(is_whole)
}

/// No two of them are alike, and neither are two pieces of one.
fn item(n: usize, bytes: usize) -> Arc<[u8]> {
    (0..bytes).map(|at| ((at >> 3) ^ (at >> 11) ^ n).to_le_bytes()[0]).collect()
}

/// Compared piece by piece: nothing has to be kept.
async fn is_all_of(item: &[u8], mut output: OutputOf) -> bool {
    let mut rest = Some(item);
    while let Some(piece) = output.next().await {
        rest = rest.and_then(|rest| rest.strip_prefix(&piece.bytes[..]));
    }
    rest.is_some_and(<[u8]>::is_empty)
}
