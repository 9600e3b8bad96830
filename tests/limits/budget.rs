//! The memory that all who run together share.

use crate::Limits;
use crate::common::contained::contained;

/// Takes 60 MiB, and keeps them until the other one has begun as well, or for so long. The file `events` tells who was there
/// when.
const BESIDE: &str = "
import sys, time
taken = bytearray(b'x' * 4096) * (60 << 8)
def note(what):
    with open('events', 'a') as file:
        file.write(f'{what} {sys.argv[1]}\\n')
note('begin')
until = time.monotonic() + float(open('patience').read())
while open('events').read().count('begin') < 2 and time.monotonic() < until:
    time.sleep(0.01)
note('end')
";

#[test]
fn what_a_query_has_used_in_an_earlier_run_is_what_it_is_expected_to_need() {
    contained(|_| {
        let Some(limits) = Limits::new("budget") else { return };
        limits.desk.write("beside.py", BESIDE);
        let spec = r#"Job(name: "budget", slots: 2, memory_budget: "120 MiB", commands: [
            (id: "a", run: ["python3", "beside.py", "a"]), (id: "b", run: ["python3", "beside.py", "b"])])"#;
        let events = |patience: &str, args: &[&str]| {
            limits.desk.write("events", "");
            limits.desk.write("patience", patience);
            limits.desk.run(spec, args).with_code(0);
            let events = limits.desk.read("events");
            events.split_ascii_whitespace().step_by(2).map(String::from).collect::<Vec<_>>()
        };
        assert_eq!(events("60", &[]), ["begin", "begin", "end", "end"], "a slot's share is half of it");
        assert_eq!(events("0.5", &["--fresh"]), ["begin", "end", "begin", "end"], "60 MiB and a quarter");
    });
}
