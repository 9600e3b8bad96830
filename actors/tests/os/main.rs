//! The OS corner against real processes, each case in a process of its own.
//!
//! A guardian has to be forked before there are threads, and what these cases leave behind when they fail must not
//! outlive them: so this is its own harness. Each case runs as `--case NAME` in a private PID namespace where that is
//! possible (root), one after the other. It speaks as much of libtest as cargo and cargo-nextest need.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a test harness prints")]

mod containing;
mod direct;
mod dying;
mod embedding;
mod ending;
mod environment;
mod executing;
mod feeding;
mod groups;
mod harness;
mod injected;
mod keeping;
mod lacking;
mod losing;
mod measuring;
mod reading;
mod starting;
mod stuck;
mod trees;

use std::process::ExitCode;

fn main() -> ExitCode {
    executing::begin();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("--case") => harness::run_case(&cases(), &arguments[1]),
        Some("--role") => {
            match arguments[1..].split_first() {
                Some((role, words)) if role == "fleet" => dying::supervise(words),
                Some((role, _)) if role == "execute" => executing::try_execute(),
                Some((role, words)) if role == "host" => embedding::host(words),
                Some((role, _)) if role == "uninitialised" => embedding::without_init(),
                Some((role, _)) if role == "deaf" => direct::deaf(),
                Some((role, _)) if role == "in-vain" => executing::contain_in_vain(),
                _ => losing::role(&arguments[1..]),
            }
            ExitCode::SUCCESS
        }
        Some("--measure") => {
            measuring::measure();
            ExitCode::SUCCESS
        }
        _ => harness::run_all(&cases(), &arguments),
    }
}

fn cases() -> Vec<harness::Case> {
    [
        containing::CASES,
        dying::CASES,
        starting::CASES,
        lacking::CASES,
        reading::CASES,
        ending::CASES,
        feeding::CASES,
        losing::CASES,
        trees::CASES,
        groups::CASES,
        keeping::CASES,
        stuck::CASES,
        measuring::CASES,
        environment::CASES,
        executing::CASES,
        embedding::CASES,
        direct::CASES,
    ]
    .concat()
}
