//! `run.json`: what a result was made with, for whoever has to make it again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Zoned;
use provisor_actors::fingerprint::{self, Hasher};
use provisor_actors::os::contain::Contained;
use provisor_core::Plan;
use provisor_core::text::harmless_json;
use provisor_core::verdict::Preset;
use serde_json::{Value, json};

/// How long ProVerif may take to say its version.
const VERSION_IN: Duration = Duration::from_secs(2);

/// What is written at the start; how it ended is added when the run is over.
pub(crate) fn start(plan: &Plan, run: u64, contained: &Contained) -> Value {
    let Contained { level, weaker_because, .. } = contained;
    json!({
        "format": 1,
        "run": run,
        "job": plan.job,
        "provisor": env!("CARGO_PKG_VERSION"),
        "command_line": std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>(),
        "started_at": now(),
        "ended_at": null,
        "complete": null,
        "stopped": null,
        "failure": null,
        "queries": plan.queries.len(),
        "slots": plan.slots,
        "containment": level.word(),
        "containment_asked": plan.containment.word(),
        "weaker_because": weaker_because,
        "guarantees": level.promise(),
        "not_guaranteed": level.exception(),
        "host": host(),
        "tools": tools(plan),
    })
}

/// Now, as RFC 3339 with the local offset.
pub(crate) fn now() -> String {
    Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// As it stands in its file.
pub(crate) fn pretty(value: &Value) -> Vec<u8> {
    harmless_json(&format!("{value:#}\n")).into_owned().into_bytes()
}

fn host() -> Value {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    json!({
        "name": read("/proc/sys/kernel/hostname").trim(),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "cpu": field(&read("/proc/cpuinfo"), "model name"),
        "cpus": std::thread::available_parallelism().map_or(1, usize::from),
        "memory_kib": machine_memory_kib(),
    })
}

/// The machine's memory, where the system tells it.
pub(crate) fn machine_memory_kib() -> Option<u64> {
    let text = field(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal")?;
    text.split_whitespace().next()?.parse().ok()
}

/// The value behind a name in one of the system's tables.
fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
}

/// Each distinct program once: where it is, the hash of its bytes and, for ProVerif, what it says of its version.
fn tools(plan: &Plan) -> Value {
    let (mut hasher, path_var) = (Hasher::new(), std::env::var_os("PATH"));
    let mut tools: BTreeMap<String, Value> = BTreeMap::new();
    let passes =
        plan.queries.iter().flat_map(|query| (0..query.passes()).filter_map(|pass| query.asking(pass)));
    for asking in passes {
        let Some(name) = asking.command.argv.first() else { continue };
        if tools.contains_key(&**name) {
            continue;
        }
        let path = fingerprint::resolve(asking.command, path_var.as_deref());
        let hash = path.as_ref().and_then(|path| hasher.file(path).ok().flatten());
        let is_proverif = matches!(asking.judging.preset, Some(Preset::ProVerif(_)));
        let version =
            path.as_ref().filter(|path| is_proverif && may_be_asked(path)).and_then(|path| version(path));
        let hash = hash.map(|hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        tools.insert(name.to_string(), json!({ "path": path, "blake3": hash, "version": version }));
    }
    json!(tools)
}

/// Only ProVerif itself is asked: another program, or a script around it, might do anything when it is started.
fn may_be_asked(path: &Path) -> bool {
    let named = path.file_name().is_some_and(|name| name == "proverif");
    named
        && fs::File::open(path)
            .and_then(|mut file| {
                let mut magic = [0; 4];
                std::io::Read::read_exact(&mut file, &mut magic)?;
                Ok(magic == *b"\x7fELF")
            })
            .unwrap_or(false)
}

/// ProVerif has no `--version`; the first line of `-help` says it: `Proverif 2.05. Cryptographic ...`. The one process
/// that the guardian does not make: it is over before the run begins, and killed if it is not.
fn version(path: &Path) -> Option<String> {
    let mut command = Command::new(path);
    command.arg("-help").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let deadline = Instant::now() + VERSION_IN;
    // It fits a pipe, so that the program need not be read to end.
    while child.try_wait().ok()?.is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = child.kill();
    let output = child.wait_with_output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (version, _) = text.lines().next()?.split_once(". ")?;
    Some(version.to_owned())
}
