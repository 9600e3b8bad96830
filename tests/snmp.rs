//! A poll of real daemons on loopback by `config/examples/snmp.ron`: the rows hold what the daemons hold, and fifty dead
//! hosts take the time of one.

mod common;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::built::example as example_program;
use common::{Desk, can_run, skip_unless};
use jiff::{SignedDuration, Timestamp};

const LOCATION: &str = "1.3.6.1.2.1.1.6.0";
const NAME: &str = "1.3.6.1.2.1.1.5.0";

/// Where Debian puts it is in no user's PATH.
const SNMPD: [&str; 2] = ["snmpd", "/usr/sbin/snmpd"];

/// The daemon's program, where there is one, and somebody to ask it.
fn snmpd() -> Option<&'static str> {
    let daemon = SNMPD.into_iter().find(|program| can_run(program, "--version"));
    let asks = Command::new("snmpget").arg("-V").stderr(Stdio::null()).status().is_ok();
    let ends_with_us = can_run("setpriv", "--version");
    let possible = daemon.is_some() && asks && ends_with_us;
    (!skip_unless(possible, "the polls need snmpd, snmp and setpriv of util-linux")).then_some(daemon?)
}

/// What a daemon was told to hold.
struct Holds {
    community: &'static str,
    description: String,
    location: String,
}

impl Holds {
    fn new(community: &'static str, number: u32) -> Self {
        Self {
            community,
            description: format!("machine {number} = 'a: b'"),
            location: format!("room {number}: second shelf"),
        }
    }

    /// Its configuration. What is empty there means something of its own to an snmpd, but not so.
    fn settings(&self, port: u16) -> String {
        let Self { community, description, location } = self;
        let place = match &**location {
            "" => format!("override {LOCATION} octet_str \"\""),
            _ => format!("sysLocation {location}"),
        };
        format!("rocommunity {community} default\nsysDescr {description}\n{place}\nsysName port-{port}\n")
    }
}

/// An snmpd at some addresses of this machine; it ends with this value, or with the thread that has started it.
struct Daemon {
    child: Child,
    port: u16,
    holds: Holds,
}

impl Daemon {
    /// Starts one and waits until it listens. Its port is free on all of these addresses.
    fn start(program: &str, desk: &Desk, addresses: &[String], holds: Holds) -> Self {
        // Between the search for a port and its use somebody else may have taken it.
        for _ in 0..10 {
            let port = silent_port(addresses.first().expect("an address")).1;
            if let Some(child) = listening(program, desk, addresses, port, &holds) {
                return Self { child, port, holds };
            }
        }
        panic!("no snmpd listens at {addresses:?}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An snmpd that says that it is ready; none where it has ended instead.
fn listening(program: &str, desk: &Desk, addresses: &[String], port: u16, holds: &Holds) -> Option<Child> {
    let settings = holds.settings(port);
    let settings = desk.write(&format!("snmpd-{port}.conf"), settings);
    let places: Vec<String> = addresses.iter().map(|address| format!("udp:{address}:{port}")).collect();
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program, "-f", "-Lo", "-C", "-I", "-smux,agentx", "-c"]);
    command.arg(settings).arg(places.join(","));
    command.env("MIBS", "").env("SNMP_PERSISTENT_DIR", desk.file(&format!("snmpd-{port}")));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("setpriv runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let ready = lines.by_ref().map_while(Result::ok).any(|line| line.starts_with("NET-SNMP version"));
    // What else it says is read, so that it never waits for us.
    std::thread::spawn(move || lines.for_each(drop));
    if !ready {
        let _ = child.wait();
    }
    ready.then_some(child)
}

/// Somebody who is there and never answers, and where.
fn silent_port(address: &str) -> (UdpSocket, u16) {
    let socket = UdpSocket::bind((address, 0)).expect("a socket");
    let port = socket.local_addr().expect("an address").port();
    (socket, port)
}

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/snmp.ron");
    std::fs::read_to_string(path).expect("the example")
}

/// The example with other hosts: each a line of its map.
fn example_with(hosts: &str) -> String {
    let example = example();
    let (before, rest) = example.split_once("each: (\"host\", {\n").expect("its hosts");
    let (_, after) = rest.split_once("    }),\n").expect("their end");
    format!("{before}each: (\"host\", {{\n{hosts}    }}),\n{after}")
}

fn one(address: &str) -> Vec<String> {
    vec![address.to_owned()]
}

/// Verdict and value of each row.
fn answers(desk: &Desk) -> Vec<(String, String, String)> {
    let rows = desk.results().into_iter();
    rows.map(|(id, row)| (id, row["verdict"].clone(), row["value"].clone())).collect()
}

fn answer(id: impl Into<String>, verdict: &str, value: &str) -> (String, String, String) {
    (id.into(), verdict.to_owned(), value.to_owned())
}

#[test]
fn the_example_asks_each_host_in_its_own_way() {
    let Some(snmpd) = snmpd() else { return };
    let desk = Desk::new("example");
    let plain = ["127.0.0.1".to_owned(), "127.0.0.2".to_owned()];
    let open = Daemon::start(snmpd, &desk, &plain, Holds::new("public", 1));
    let closed = Daemon::start(snmpd, &desk, &one("127.0.0.3"), Holds::new("s3cret", 2));
    let (_dead, silent) = silent_port("127.0.0.4");
    let spec = example()
        .replace(":1161", &format!(":{}", open.port))
        .replace(":1162", &format!(":{}", closed.port))
        .replace("192.0.2.1", &format!("127.0.0.4:{silent}"));
    let ran = desk.run(&spec, &[]).with_code(1);
    assert!(ran.out.contains("4 queries: 3 well, 1 not (ok 3, no answer 1)\n"), "{}", ran.out);
    let expected = [
        answer(format!("127.0.0.1_{}", open.port), "ok", &open.holds.description),
        answer(format!("127.0.0.2_{}", open.port), "ok", &open.holds.location),
        answer(format!("127.0.0.3_{}", closed.port), "ok", &closed.holds.description),
        answer(format!("127.0.0.4_{silent}"), "no answer", ""),
    ];
    assert_eq!(answers(&desk), expected);
}

#[test]
fn what_is_no_answer_has_a_word_of_its_own() {
    let Some(snmpd) = snmpd() else { return };
    let desk = Desk::new("words");
    let three = ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map(str::to_owned);
    let daemon = Daemon::start(snmpd, &desk, &three, Holds::new("s3cret", 1));
    let nothing = Holds { location: String::new(), ..Holds::new("public", 2) };
    let empty = Daemon::start(snmpd, &desk, &one("127.0.0.4"), nothing);
    let closed = silent_port("127.0.0.5").1;
    let known = r#""community": "s3cret""#;
    let hosts = [
        ("closed-port", format!("127.0.0.5:{closed}"), r#""retries": 0"#.to_owned()),
        ("empty", format!("127.0.0.4:{}", empty.port), format!(r#""oid": "{LOCATION}""#)),
        ("known", format!("127.0.0.1:{}", daemon.port), known.to_owned()),
        ("no-name", "no host".to_owned(), String::new()),
        (
            "no-object",
            format!("127.0.0.2:{}", daemon.port),
            format!(r#"{known}, "oid": "1.3.6.1.2.1.1.99.0""#),
        ),
        ("wrong-community", format!("127.0.0.3:{}", daemon.port), r#""retries": 0"#.to_owned()),
    ];
    let hosts: String = hosts
        .iter()
        .map(|(id, host, vars)| format!("\"{host}\": (id: \"{id}\", vars: {{{vars}}}),\n"))
        .collect();
    desk.run(&example_with(&hosts), &[]).with_code(1);
    let expected = [
        answer("closed-port", "no answer", ""),
        answer("empty", "ok", ""),
        answer("known", "ok", &daemon.holds.description),
        answer("no-name", "not asked", ""),
        answer("no-object", "no such object", ""),
        answer("wrong-community", "no answer", ""),
    ];
    assert_eq!(answers(&desk), expected);
}

/// How many hosts there are, and which of them are dead.
const HOSTS: u32 = 500;
const DAEMONS: u32 = 5;

/// One of each ten, every time another one.
const fn is_dead(host: u32) -> bool {
    host % 10 == host / 10 % 10
}

/// The address of a host: every one has its own.
fn address(host: u32) -> String {
    format!("127.0.{}.{}", 1 + host % DAEMONS, 1 + host / DAEMONS)
}

#[test]
fn five_hundred_hosts_with_fifty_dead_ones_take_one_timeout() {
    let Some(snmpd) = snmpd() else { return };
    let desk = Desk::new("many");
    let (_dead, silent) = silent_port("127.0.0.1");
    let daemons: Vec<Daemon> = (0..DAEMONS)
        .map(|n| {
            let here = (0..HOSTS).filter(|host| host % DAEMONS == n && !is_dead(*host)).map(address);
            Daemon::start(snmpd, &desk, &here.collect::<Vec<_>>(), Holds::new("public", n))
        })
        .collect();
    let (mut hosts, mut expected) = (String::new(), Vec::new());
    for host in 0..HOSTS {
        let daemon = &daemons[usize::try_from(host % DAEMONS).expect("small")];
        let (port, vars, value) = match host % 3 {
            _ if is_dead(host) => (silent, String::new(), None),
            0 => (daemon.port, String::new(), Some(daemon.holds.description.clone())),
            1 => (daemon.port, format!(r#""oid": "{LOCATION}""#), Some(daemon.holds.location.clone())),
            _ => (daemon.port, format!(r#""oid": "{NAME}""#), Some(format!("port-{}", daemon.port))),
        };
        writeln!(hosts, "\"{}:{port}\": (vars: {{{vars}}}),", address(host)).expect("in memory");
        let verdict = if is_dead(host) { "no answer" } else { "ok" };
        expected.push(answer(format!("{}_{port}", address(host)), verdict, &value.unwrap_or_default()));
    }
    let ran = desk.run(&example_with(&hosts), &["--set", "retries=2"]).with_code(1);
    assert!(ran.out.contains("500 queries: 450 well, 50 not (ok 450, no answer 50)\n"), "{}", ran.out);
    expected.sort();
    let wrong: Vec<_> =
        answers(&desk).into_iter().zip(expected).filter(|(got, expected)| got != expected).collect();
    assert!(wrong.is_empty(), "{} rows, got and expected: {:?}", wrong.len(), wrong.first());
    assert_one_timeout(&desk);
}

/// The dead ones were asked at the same time: from the first that was asked to the last that was given up passes less
/// than three of their timeouts. One after the other they would take fifty.
fn assert_one_timeout(desk: &Desk) {
    let rows = desk.results();
    let dead = rows.values().filter(|row| row["verdict"] == "no answer");
    let spans: Vec<(Timestamp, SignedDuration)> = dead
        .map(|row| {
            let wall = row["wall_s"].parse().expect("seconds");
            (row["started_at"].parse().expect("a time"), SignedDuration::from_secs_f64(wall))
        })
        .collect();
    let first = spans.iter().map(|(start, _)| *start).min().expect("dead ones");
    let last = spans.iter().map(|(start, wall)| *start + *wall).max().expect("dead ones");
    let timeout = spans.iter().map(|(_, wall)| *wall).min().expect("dead ones");
    assert!(timeout >= SignedDuration::from_secs(3), "three tries of a second each: {timeout:?}");
    assert!(
        last.duration_since(first) < timeout * 3,
        "{:?}, and one is {timeout:?}",
        last.duration_since(first)
    );
}

/// The same by a program that embeds the runtime; a line a host, in the order of the list.
#[test]
fn a_program_that_embeds_the_runtime_asks_them_as_well() {
    let Some(snmpd) = snmpd() else { return };
    let desk = Desk::new("embedded");
    let open = Daemon::start(snmpd, &desk, &one("127.0.0.1"), Holds::new("public", 1));
    let closed = Daemon::start(snmpd, &desk, &one("127.0.0.2"), Holds::new("s3cret", 2));
    let (_dead, silent) = silent_port("127.0.0.3");
    let hosts = [
        format!("127.0.0.3:{silent}"),
        format!("127.0.0.1:{}", open.port),
        format!("127.0.0.1:{},public,{LOCATION}", open.port),
        format!("127.0.0.2:{},s3cret", closed.port),
        format!("127.0.0.2:{},wrong", closed.port),
    ];
    let said = [
        ("no answer", ""),
        ("ok", &*open.holds.description),
        ("ok", &*open.holds.location),
        ("ok", &*closed.holds.description),
        ("no answer", ""),
    ];
    let mut program = Command::new(example_program("snmp_poll", "examples/snmp_poll.rs"));
    let output = program.args(&hosts).stdin(Stdio::null()).output().expect("it runs");
    let lines =
        hosts.iter().zip(said).map(|(host, (verdict, value))| format!("{host}\t{verdict}\t{value}\n"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), lines.collect::<String>());
    assert!(output.status.success());
}
