//! Faults of time and of the system's calls that no machine shows when it is asked to: on a C library that has them.

use std::fs;

use crate::common::strange::{how_often, with_strange};
use crate::common::{Desk, Ran, alive_with, guardian_of, wait_until};
use crate::harness::{attach, contained, fake, injected, others};

/// `provisor` with these arguments in a strange world. `None`: skipped.
fn strange(desk: &Desk, world: &str, args: &[&str]) -> Option<Ran> {
    let mut command = desk.provisor(args);
    with_strange(desk, &mut command, world)?;
    Some(desk.finish(command))
}

const RUN: [&str; 4] = ["run", "spec.ron", "-o", "out"];

/// A day ahead and a day behind, by turns, whenever somebody looks.
#[test]
fn row_57_the_wall_clock_jumps() {
    contained(|desk| {
        let spec = format!(
            r#"Job(name: "jumps", slots: 4, limits: (wall: "1h", silence: "1h", total: "1h"), commands: [
                (id: "ends", run: {}), (id: "late", run: {}, limits: (wall: "500ms")),
                (id: "silent", run: {}, limits: (silence: "500ms")),
                (id: "again", run: {}, retry: (times: 1, on: [ExitCode(75)], backoff: "100ms"))])"#,
            fake("sleep-ms 300 exit 0"),
            fake("hang"),
            fake("say x hang"),
            fake("exit 75"),
        );
        desk.write("spec.ron", spec);
        let Some(ran) = strange(desk, "jumps", &RUN) else { return };
        let ran = ran.with_code(1);
        assert!(how_often(desk, "jumps") > 10, "nobody has looked at the clock");
        let causes = desk.column("cause");
        let told = ["ends", "late", "silent", "again"].map(|id| causes[id].as_str());
        assert_eq!(told, ["exited", "wall-limit", "silent", "exited"], "{}", ran.err);
        assert_eq!(desk.column("attempt")["again"], "2");
        for (id, row) in desk.results() {
            let wall: f64 = row["wall_s"].parse().expect("a number");
            let least = if id == "again" { 0.0 } else { 0.3 };
            assert!((least..3600.0).contains(&wall), "{id}: {row:?}");
        }
        // What reads the results has no other clock.
        for args in [&["status", "out"][..], &["results", "out", "--format", "csv"]] {
            strange(desk, "jumps", args).expect("as before").with_code(0);
        }
    });
}

#[test]
fn row_67_calls_are_interrupted_and_do_less_than_they_were_asked_for() {
    contained(|desk| {
        const QUERIES: usize = 30;
        const BYTES: usize = 100_000;
        let spec = format!(
            r#"Job(name: "short", slots: 4, record: true, reuse: Conclusive, matrix: {{"n": 1..={QUERIES}}},
                id: "q{{{{ n }}}}", rules: [(on: Prefix("end"), verdict: "end")], command: {})"#,
            fake(&format!("flood {BYTES} say . say end exit 0"))
        );
        desk.write("spec.ron", spec);
        let world = "short interrupted";
        let Some(ran) = strange(desk, world, &[&RUN[..], &["--print", "lines"]].concat()) else { return };
        let ran = ran.with_code(0);
        for word in ["short", "interrupted"] {
            assert!(how_often(desk, word) > 1000, "{word}: {}", desk.read("told"));
        }
        let rows = desk.results();
        assert_eq!(rows.values().filter(|row| row["verdict"] == "end").count(), QUERIES, "{}", ran.err);
        for (id, row) in &rows {
            let log = fs::metadata(desk.file(&format!("out/{}", row["log"]))).expect("a log");
            assert_eq!(log.len(), BYTES as u64 + 6, "{id}");
            assert_eq!(
                ran.out.matches(&format!("{id} | xxx")).count(),
                BYTES / 80,
                "{id}: its lines are printed"
            );
        }
        // Who reads it in the usual world finds it whole, and so does who reads it in a strange one.
        let table = desk.finish(desk.provisor(["results", "out", "--format", "csv"])).with_code(0).out;
        let again = strange(desk, world, &["results", "out", "--format", "csv"]).expect("as before");
        assert_eq!(again.with_code(0).out, table);
        strange(desk, world, &["replay", "out"]).expect("as before").with_code(0);
        let reused = strange(desk, world, &RUN).expect("as before").with_code(0);
        reused.says(&format!("{QUERIES} reused"));
    });
}

/// On a clock that runs fast, for it takes three minutes until a run gives up.
#[test]
fn row_32_nothing_can_be_started_for_minutes() {
    contained(|desk| {
        let spec = format!(
            r#"Job(name: "exhausted", slots: 1, env: {{"MARK": "fault"}}, inputs: Only([]), commands: [
                (id: "first", run: {}), (id: "next", run: {}), (id: "last", run: {})])"#,
            fake("await go exit 0"),
            fake("exit 0"),
            fake("exit 0"),
        );
        desk.write("spec.ron", spec);
        let mut command = desk.provisor(RUN);
        let Some(()) = with_strange(desk, &mut command, "fast") else { return };
        let started = desk.spawn(command);
        wait_until("the first one is at work", || alive_with("MARK=fault").len() == 1);
        let Some(tracer) = attach(desk, guardian_of(started.pid()), "clone,clone3,fork,vfork:error=EAGAIN")
        else {
            return;
        };
        desk.write("go", "");
        let ran = started.wait().with_code(3);
        drop(tracer);
        assert!(injected(desk) > 1, "it was tried again");
        assert_eq!(others(), [""; 0], "processes outlive provisor");
        let causes = desk.column("cause");
        assert_eq!(causes.keys().collect::<Vec<_>>(), ["first"], "what was never started has no row");
        let told = "nothing could be started for minutes: ";
        let ran = ran.says(told).says("2 queries left to run: `provisor run spec.ron -o out` goes on");
        assert!(ran.err.contains("Try again"), "it says what was refused: {}", ran.err);
        let status = desk.finish(desk.provisor(["status", "out"])).out;
        assert!(status.contains("not running; nothing could be started any more"), "{status}");
        let status = desk.finish(desk.provisor(["status", "out", "--json"])).out;
        let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
        assert_eq!(status["stopped"], "exhausted", "{status}");
        desk.finish(desk.provisor(RUN)).with_code(0).says("1 reused");
        assert_eq!(desk.results().len(), 3);
    });
}
