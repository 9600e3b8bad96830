//! One question, several solvers: the first answer that settles it wins, and the others are ended.
//!
//! ```sh
//! cargo run --example portfolio -- goal.smt2
//! ```
//!
//! Without a file it makes up a goal of its own. A solver that is not installed has lost.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use provisor::config::presets;
use provisor::{Cause, Command, Local, Plan, Ports, Query, Runtime};

/// No two squares differ by two.
const GOAL: &str = "(declare-const x Int) (declare-const y Int)
(assert (and (> x 0) (> y 0) (< x 40) (< y 40) (= (- (* x x) (* y y)) 2))) (check-sat)";

fn main() -> Result<(), Box<dyn Error>> {
    provisor::guardian::init();
    tokio::runtime::Runtime::new()?.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let goal = given.as_ref().map_or_else(made_up, |path| path.canonicalize())?;
    let smt = presets::named("smt")?.ok_or("there is no preset `smt`")?.preset;
    let ports = Ports::new(Local::default().factory());
    let handle = Runtime::start(Plan::new("portfolio", Vec::new()).at_once(3), ports).await?;

    let solver = |(name, options): (&'static str, Vec<&'static str>)| {
        let path = goal.to_string_lossy().into_owned();
        let argv = [name].into_iter().chain(options).map(str::to_owned).chain([path]);
        Query::new(name, Command::of(argv)).preset(smt.clone())
    };
    let solvers = [("z3", vec![]), ("cvc5", vec![]), ("bitwuzla", vec!["--bv-solver", "prop"])];
    let begin = Instant::now();
    let tickets = handle.submit_race("goal", solvers.map(solver)).await?;
    let mut race: FuturesUnordered<_> = tickets.into_iter().collect();
    let mut won = None;
    while let Some(row) = race.next().await {
        let (row, after) = (row?, begin.elapsed());
        let outcome = &row.outcome;
        let verdict = outcome.judgement.verdict.as_deref();
        println!("{} after {after:.2?}: {}", row.id, verdict.unwrap_or_else(|| outcome.cause_word()));
        // Who was outrun has ended well, too, and says who was first.
        if outcome.is_well(None) && outcome.cause != Cause::Outrun && won.is_none() {
            println!("{}", outcome.evidence.as_deref().unwrap_or_default());
            won = Some((row.id.clone(), verdict.map(str::to_owned)));
        }
    }
    match won {
        Some((who, what)) => println!("{}, says {who}", what.unwrap_or_default()),
        None => println!("nobody knows"),
    }
    handle.drain().await?;
    if given.is_none() {
        std::fs::remove_file(goal)?;
    }
    Ok(())
}

fn made_up() -> Result<PathBuf, std::io::Error> {
    let path = std::env::temp_dir().join(format!("portfolio-{}.smt2", std::process::id()));
    std::fs::write(&path, GOAL)?;
    Ok(path)
}
