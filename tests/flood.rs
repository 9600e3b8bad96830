//! Whatever is printed: too much of it ends a query, what is kept of it is bounded where that is asked for, and provisor's own
//! memory does not depend on it.

mod common;

use common::processes::peak_kib;
use common::{Desk, wait_until};

#[test]
fn a_flood_of_output_is_stopped() {
    let desk = Desk::new("flood");
    let spec = r#"Job(name: "flood", record: true, limits: (output: "1 MiB", wall: "100s"), commands: [
        (id: "lines", run: ["yes"]),
        (id: "one-line", run: ["sh", "-c", "exec tr '\\000' x < /dev/zero"]),
        (id: "both", run: ["sh", "-c", "yes | head -c 700000; yes | head -c 700000 >&2; exec sleep 90"]),
        (id: "just", run: ["sh", "-c", "yes | head -c 1048576"]),
    ])"#;
    desk.run(spec, &[]).with_code(1);
    let rows = desk.results();
    for id in ["lines", "one-line", "both"] {
        let row = &rows[id];
        let ended = (&*row["cause"], &*row["signal"], &*row["line"]);
        assert_eq!(ended, ("output-limit", "SIGTERM", "it had printed more than 1 MiB"), "{id}");
        let log = desk.file(&format!("out/{}", rows[id]["log"]));
        let length = std::fs::metadata(log).expect("a log").len();
        assert!(length > 1 << 20, "{id}: what came until its end is kept: {length}");
    }
    assert_eq!(rows["just"]["cause"], "exited");
    let replay = desk.provisor(["replay", "out"]);
    let replayed = desk.finish(replay).with_code(0);
    assert!(replayed.out.matches("output-limit").count() >= 3, "{}", replayed.out);
}

/// What provisor itself takes does not depend on how much is printed, nor on whether it has lines.
#[test]
#[expect(clippy::print_stdout, reason = "the figure is worth a line with --nocapture")]
fn a_flood_does_not_take_provisors_memory() {
    let desk = Desk::new("limits-flood-memory");
    let spec = r#"Job(name: "flood", slots: 2, logs: Ends("64 KiB"), limits: (wall: "200s"), commands: [
        (id: "lines", run: ["sh", "-c", "yes 'a line of some length' | head -c 400000000"]),
        (id: "one-line", run: ["sh", "-c", "head -c 400000000 /dev/zero"]),
    ])"#;
    let mut run = desk.start(spec, &["--progress", "none"]);
    let mut peak = 0;
    wait_until("it has ended", || {
        // A zombie has no such line any more.
        peak = peak.max(peak_kib(run.pid()).unwrap_or(0));
        run.child.try_wait().expect("a child").is_some()
    });
    run.wait().with_code(0);
    println!("the supervisor's VmHWM under 800 MB of output: {:.1} MiB", peak as f64 / 1024.0);
    assert!(peak > 0 && peak < 80 << 10, "{peak} KiB");
    for row in desk.results().values() {
        let length = std::fs::metadata(desk.file(&format!("out/{}", row["log"]))).expect("a log").len();
        assert!((128 << 10..132 << 10).contains(&length), "both ends and the line between: {length}");
    }
}

#[test]
fn the_ends_of_a_log_are_kept() {
    let desk = Desk::new("limits-ends");
    let spec = r#"Job(name: "ends", logs: Ends("1 KiB"), commands: [
        (id: "long", run: ["seq", "100000"]), (id: "short", run: ["seq", "100"])])"#;
    desk.run(spec, &[]).with_code(0);
    let rows = desk.results();
    let log = |id: &str| desk.read(&format!("out/{}", rows[id]["log"]));
    let long = log("long");
    assert!(long.starts_with("1\n2\n3\n") && long.ends_with("\n99999\n100000\n"), "{long}");
    assert!(long.contains("\n[provisor left out 586847 bytes here]\n"), "588895 less twice 1024: {long}");
    assert_eq!(log("short"), (1..=100).map(|n| format!("{n}\n")).collect::<String>());
}
