//! The programs in `examples/`, as they are started by hand. `snmp_poll` is tried in `snmp.rs`, where its daemons are.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use common::built::example;
use common::{can_run, skip_unless};

fn program(name: &str) -> Command {
    let mut command = Command::new(example(name, &format!("examples/{name}.rs")));
    command.stdin(Stdio::null());
    command
}

fn printed(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {stderr}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn values_come_back_in_the_order_of_the_list() {
    let expected: String = (0..10).map(|n| format!("job-{n}: {n}\n")).collect();
    assert_eq!(printed(&mut program("in_order")), expected);
}

#[test]
fn large_items_are_drained_to_the_last_byte_in_every_round() {
    assert_eq!(printed(program("large_items").arg("20")), "20 of 20 rounds drained to the last byte\n");
}

#[test]
fn the_first_solver_that_knows_wins() {
    let installed: Vec<_> =
        ["z3", "cvc5"].into_iter().filter(|solver| can_run(solver, "--version")).collect();
    if skip_unless(!installed.is_empty(), "the race needs z3 or cvc5") {
        return;
    }
    let out = printed(&mut program("portfolio"));
    let last = out.lines().last().expect("a line");
    let (verdict, who) = last.split_once(", says ").expect("a winner");
    assert_eq!(verdict, "unsat", "{out}");
    assert!(installed.iter().any(|solver| who == format!("goal/{solver}")), "{out}");
    assert!(out.contains("first of 3"), "{out}");
    for solver in ["z3", "cvc5", "bitwuzla"] {
        assert_eq!(out.matches(&format!("{solver} after ")).count(), 1, "each has come to an end: {out}");
    }
    let settled = out.lines().filter(|line| line.ends_with(": unsat")).count();
    assert!((1..=installed.len()).contains(&settled), "{out}");
}

/// A service that has said where it listens; it ends with this value.
struct Service {
    child: Child,
    address: String,
    out: BufReader<ChildStdout>,
}

impl Service {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("listening on http://").expect("an address").to_owned();
        Self { child, address, out }
    }

    /// The status and the body of an answer, read to its end.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, body.to_owned())
    }

    /// Asks it to end, as Ctrl-C would, and waits for that.
    fn interrupt(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
        assert!(self.child.wait().expect("it ends").success());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).expect("nobody else has its output");
        assert_eq!(rest, "");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The names and data of the events of a stream, whatever pieces it has come in.
fn events(body: &str) -> Vec<(String, String)> {
    let mut events = Vec::new();
    let mut name = String::new();
    for line in body.lines() {
        if let Some(said) = line.strip_prefix("event: ") {
            name = said.to_owned();
        } else if let Some(data) = line.strip_prefix("data:") {
            events.push((std::mem::take(&mut name), data.trim().to_owned()));
        } else if line.is_empty() && !name.is_empty() {
            events.push((std::mem::take(&mut name), String::new()));
        }
    }
    events
}

/// A program that answers as ProVerif does, for models that say what is to be answered.
const PROVERIF: &str = "#!/bin/sh
case $(cat \"$1\") in
    wait) exec sleep 1000 ;;
    *) printf '%s\\n' 'Verification summary:' >/dev/null
       printf '%s\\n' '-- Query not attacker(s[]) in process 1.' 'RESULT not attacker(s[]) is true.' ;;
esac
";

#[test]
fn who_posts_a_model_hears_its_verdicts_as_they_come() {
    let desk = common::Desk::new("axum");
    let proverif = desk.script("proverif", PROVERIF);
    let service = Service::start(program("embed_axum").arg("--proverif").arg(&proverif));
    assert_eq!(service.ask("POST", "/models", "free s: bitstring [private]."), (200, "1\n".to_owned()));
    let (status, body) = service.ask("GET", "/models/1", "");
    assert_eq!(status, 200, "{body}");
    let heard = events(&body);
    let names: Vec<&str> = heard.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["started", "verdict", "done"], "{body}");
    assert_eq!(heard[1].1, "true");
    assert!(heard[2].1.starts_with("true (exited, "), "{body}");
    assert_eq!(service.ask("GET", "/models/1", "").0, 404, "it was heard");
    assert_eq!(service.ask("GET", "/models/7", "").0, 404, "nobody has posted it");
    // One that takes its time, and is not wanted any more.
    assert_eq!(service.ask("POST", "/models", "wait"), (200, "2\n".to_owned()));
    assert_eq!(service.ask("DELETE", "/models/2", "").0, 204);
    assert_eq!(service.ask("DELETE", "/models/7", "").0, 404);
    let (_, body) = service.ask("GET", "/models/2", "");
    let last = events(&body).pop().expect("an event");
    assert_eq!(last.0, "done");
    assert!(last.1.starts_with("no verdict (cancelled, "), "{body}");
    // One that still runs when the service ends: it goes with it.
    assert_eq!(service.ask("POST", "/models", "wait"), (200, "3\n".to_owned()));
    service.interrupt();
    assert!(Path::new(&proverif).exists());
}

#[test]
fn words_are_worked_on_within_actix_web() {
    let service = Service::start(program("embed_actix_web").arg("0"));
    for (word, upper) in [("hello", "HELLO\n"), ("a-b", "A-B\n")] {
        assert_eq!(service.ask("GET", &format!("/upper/{word}"), ""), (200, upper.to_owned()));
    }
    let (status, counts) = service.ask("GET", "/", "");
    assert_eq!(status, 200);
    assert!(counts.starts_with("2 asked, 0 running, "), "{counts}");
    service.interrupt();
}
