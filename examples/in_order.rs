//! Jobs that each print several lines and come to a value, three at a time; the values come back complete and in the order of
//! the list, though the jobs end in another one.
//!
//! Nothing is locked, and nobody is asked whether he is done: each job has its own pipe and its own ticket.
//!
//! ```sh
//! cargo run --example in_order
//! ```

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use futures_util::future::try_join_all;
use provisor::{Command, Local, Pattern, Plan, Ports, Query, Rule, Runtime};

fn main() -> Result<(), Box<dyn Error>> {
    provisor::guardian::init();
    tokio::runtime::Runtime::new()?.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let ports = Ports::new(Local::default().factory());
    let handle = Runtime::start(Plan::new("in-order", Vec::new()).at_once(3), ports).await?;
    let mut tickets = Vec::new();
    for n in 0..10 {
        tickets.push(handle.submit(job(n)).await?);
    }
    for row in try_join_all(tickets).await? {
        let value = row.outcome.judgement.value.as_deref().unwrap_or("nothing");
        println!("{}: {value}", row.id);
    }
    handle.drain().await?;
    Ok(())
}

/// The earlier it is asked, the longer it takes.
fn job(n: u32) -> Query {
    let script = format!("echo I; echo was; sleep 0.0{}; echo here; echo 'by run {n}'", 9 - n);
    let said = Rule::on(Pattern::Regex("by run (.*)".into())).says("done").value(1);
    Query::new(format!("job-{n}"), Command::of(["sh".into(), "-c".into(), script])).rule(said)
}
