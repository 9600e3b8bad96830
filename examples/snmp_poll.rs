//! Asks many hosts for one thing each by `snmpget`, as one process a host: plain ones, and some with a community, a port or an OID
//! of their own. Those that do not answer take the time of one.
//!
//! ```sh
//! cargo run --example snmp_poll -- core.lab 127.0.0.1:1161 old.lab,s3cret edge.lab,public,1.3.6.1.2.1.1.6.0
//! ```
//!
//! A line a host, in the order of the list: the host, what became of it, and its value.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use provisor::{Command, Counts, Local, Pattern, Plan, Ports, Query, Rule, Runtime, Streams};

/// As many polls wait for their hosts as there may be that do not answer.
const AT_ONCE: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    provisor::guardian::init();
    tokio::runtime::Runtime::new()?.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let hosts: Vec<String> = std::env::args().skip(1).collect();
    let ports = Ports::new(Local::default().factory());
    let handle = Runtime::start(Plan::new("poll", Vec::new()).at_once(AT_ONCE), ports).await?;
    let polls = stream::iter(hosts.clone()).enumerate().map(|(n, host)| poll(n, &host));
    let tickets: Vec<_> = handle.submit_all(polls).collect().await;
    for (host, ticket) in hosts.iter().zip(tickets) {
        let row = ticket?.await?;
        let said = &row.outcome.judgement;
        let verdict = said.verdict.as_deref().unwrap_or_else(|| row.outcome.cause_word());
        println!("{host}\t{verdict}\t{}", said.value.as_deref().unwrap_or_default());
    }
    handle.drain().await?;
    Ok(())
}

/// `host[:port][,community[,oid]]`.
fn poll(n: usize, host: &str) -> Query {
    let mut parts = host.split(',');
    let (host, community) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("public"));
    let oid = parts.next().unwrap_or("1.3.6.1.2.1.1.1.0");
    // Numbers alone, the same whatever MIBs there are.
    let snmpget = ["snmpget", "-v2c", "-r", "1", "-t", "1", "-m", "", "-On", "-c", community, host, oid];
    Query::new(format!("host-{n}"), Command::of(snmpget))
        .rule(Rule::on(Pattern::Regex("^\\S+ = [\\w-]+: \"?(.*?)\"?$".into())).says("ok").value(1))
        .rule(Rule::on(Pattern::Contains(" = No Such ".into())).says("no such object").counts(Counts::Bad))
        .rule(
            Rule::on(Pattern::Prefix("Timeout: ".into()))
                .of(Streams::Stderr)
                .says("no answer")
                .counts(Counts::Bad),
        )
        .wall(Duration::from_secs(30))
}
