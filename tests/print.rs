//! What the queries print, on standard output: `--print grouped` and `--print lines`.

mod common;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};

use common::contained::contained;
use common::{Desk, Leash, alive_with, guardian_of, kill, mark, send, wait_until};

/// Three that write at the same time, on both streams, in pieces of lines.
const WRITERS: &str = r#"Job(name: "writers", slots: 3, matrix: {"n": 1..=3}, id: "writer/{{ n }}", command: ["sh", "-c",
    "for i in 1 2 3 4 5; do printf 'half '; sleep 0.01; echo {{ n }} $i; echo err $i >&2; sleep 0.01; done; printf end"])"#;

/// The lines of the children in what went to standard output: all before the table.
fn printed(out: &str) -> Vec<&str> {
    out.lines().take_while(|line| !line.contains("query")).collect()
}

#[test]
fn a_group_is_the_whole_output_of_one_query() {
    let desk = Desk::new("grouped");
    let ran = desk.run(WRITERS, &["--print", "grouped"]).with_code(0);
    let lines = printed(&ran.out);
    let mut groups: Vec<&[&str]> = lines.split(|line| line.starts_with("==> ")).collect();
    assert!(groups.remove(0).is_empty(), "it begins with a header");
    let header = regex::Regex::new(r"^==> (writer/[123]): ok, [0-9.]+s <==$").expect("valid");
    let headers = lines.iter().filter_map(|line| header.captures(line));
    let ids: Vec<String> = headers.map(|captures| captures[1].to_owned()).collect();
    assert_eq!((ids.len(), groups.len()), (3, 3), "{lines:?}");
    for (id, group) in ids.iter().zip(groups) {
        let log = desk.read(&format!("out/{}", desk.column("log")[id]));
        // The log ends without a line break, but where the last error was read last.
        let log = log.strip_suffix('\n').unwrap_or(&log);
        assert_eq!(group.join("\n"), log, "its log, unchanged, and the last line with an end");
        assert!(group.iter().any(|line| line.starts_with("half ")), "{group:?}");
    }
}

#[test]
fn lines_are_whole_and_tagged() {
    let desk = Desk::new("lines");
    let ran = desk.run(WRITERS, &["--print", "lines"]).with_code(0);
    let lines = printed(&ran.out);
    for n in 1..=3 {
        let tag = format!("writer/{n} | ");
        let (errors, mine): (Vec<&str>, Vec<&str>) = lines
            .iter()
            .filter_map(|line| line.strip_prefix(&tag))
            .partition(|line| line.starts_with("err "));
        let expected: Vec<String> = (1..=5).map(|i| format!("half {n} {i}")).chain(["end".into()]).collect();
        assert_eq!(mine, expected);
        assert_eq!(errors, ["err 1", "err 2", "err 3", "err 4", "err 5"]);
    }
    assert_eq!(lines.len(), 3 * 11, "and nothing else: {lines:?}");
}

#[test]
fn who_is_no_terminal_gets_the_bytes() {
    let spec = r#"Job(name: "bytes", commands: [(id: "a", run: ["printf", "\\033[31mred\\377\\tx\\r\\n"])])"#;
    for (print, before) in [("lines", &b"a | "[..]), ("grouped", b" <==\n")] {
        let desk = Desk::new(&format!("bytes-{print}"));
        desk.write("spec.ron", spec);
        let mut command = desk.provisor(["run", "spec.ron", "-o", "out", "-q", "--print", print]);
        let out = command.output().expect("provisor starts").stdout;
        let expected = [before, b"\x1b[31mred\xff\tx\r\n"].concat();
        assert!(
            out.windows(expected.len()).any(|part| part == expected),
            "{}",
            String::from_utf8_lossy(&out)
        );
    }
}

#[test]
fn a_line_without_an_end_is_printed_in_pieces() {
    let desk = Desk::new("endless");
    let spec = r#"Job(name: "endless", commands: [
        (id: "a", run: ["sh", "-c", "head -c 200000 /dev/zero | tr '\\0' x"], logs: Drop)])"#;
    let ran = desk.run(spec, &["--print", "lines"]).with_code(0);
    let lengths: Vec<_> = printed(&ran.out).iter().map(|line| line.len() - "a | ".len()).collect();
    assert_eq!(lengths, [65536, 65536, 65536, 200_000 - 3 * 65536]);
}

#[test]
fn a_group_needs_what_it_is_made_of() {
    let desk = Desk::new("grouped-drop");
    let spec = r#"Job(name: "kept", commands: [
        (id: "kept", run: ["echo", "kept"]),
        (id: "tail", run: ["echo", "12345678"], logs: Tail("4 B")),
        (id: "dropped", run: ["touch", "started"], logs: Drop)])"#;
    desk.run(spec, &["--print", "grouped"])
        .with_code(2)
        .says("`dropped` has `logs: Drop`")
        .says("--print lines");
    assert!(!desk.file("out").exists() && !desk.file("started").exists(), "nothing was started");
    let ran = desk.run(spec, &["--print", "grouped", "--only", "kept", "--only", "tail"]).with_code(0);
    assert!(ran.out.contains("<==\nkept\n") && ran.out.contains("<==\n678\n"), "{}", ran.out);
}

#[test]
fn a_reader_that_goes_away_ends_the_printing_and_not_the_run() {
    for print in ["lines", "grouped"] {
        let desk = Desk::new(&format!("head-{print}"));
        desk.write(
            "spec.ron",
            r#"Job(name: "head", slots: 2, matrix: {"n": 1..=20}, id: "q{{ n }}", command: ["seq", "20000"])"#,
        );
        let provisor = env!("CARGO_BIN_EXE_provisor");
        let script = format!(
            "{{ {provisor} run spec.ron -o out --print {print} --progress none; echo $? >code; }} | head -1"
        );
        let output =
            Command::new("sh").args(["-c", &script]).current_dir(desk.path()).output().expect("sh runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("error"), "{output:?}");
        assert_eq!((desk.read("code").trim(), desk.results().len()), ("0", 20));
    }
}

#[test]
fn a_full_disk_under_standard_output_is_told_once() {
    let desk = Desk::new("print-full");
    desk.write(
        "spec.ron",
        r#"Job(name: "full", slots: 2, matrix: {"n": 1..=20}, id: "q{{ n }}", command: ["echo", "{{ n }}"])"#,
    );
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut command = desk.provisor(["run", "spec.ron", "-o", "out", "--print", "lines"]);
    let output = command.stdout(full).output().expect("provisor starts");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(text.matches("nothing more is printed").count(), 1, "{text}");
    assert_eq!(desk.results().len(), 20);
}

/// A provisor whose standard output is read by nobody, and its still reader.
fn unread(desk: &Desk, args: &[&str]) -> (Child, File, Leash) {
    unread_from(desk, args, |_| {})
}

/// The same, once something is done to the pipe.
fn unread_from(desk: &Desk, args: &[&str], before: impl FnOnce(&Desk)) -> (Child, File, Leash) {
    let fifo = desk.file("stdout");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
    let reader = OpenOptions::new().read(true).custom_flags(WITHOUT_WAITING).open(&fifo).expect("a reader");
    let writer = OpenOptions::new().write(true).open(&fifo).expect("a writer");
    before(desk);
    let mut command = desk.provisor(["run", "spec.ron", "-o", "out"]);
    let child = command.args(args).stdout(writer).stderr(Stdio::piped()).spawn().expect("provisor starts");
    let leash = Leash(child.id());
    (child, reader, leash)
}

/// `O_NONBLOCK`, so that opening a pipe for reading waits for no writer.
const WITHOUT_WAITING: i32 = 0o4000;

fn interrupt(child: &Child) {
    assert!(send("INT", child.id()));
}

fn said(child: &mut Child) -> String {
    let mut text = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut text).expect("UTF-8");
    text
}

#[test]
fn a_reader_that_stands_still_holds_up_the_children_and_no_signal() {
    let desk = Desk::new("unread");
    let mark = mark("unread");
    // It prints until the pipe and what may wait is full, and cannot be ended but by Kill.
    let deaf = "trap '' TERM; i=0; while :; do seq 1000; i=$((i+1)); echo $i >count; done";
    desk.write(
        "spec.ron",
        format!(
            r#"Job(name: "unread", env: {{"MARK": "{mark}"}}, limits: (grace: "1h"), commands: [
                (id: "deaf", run: ["sh", "-c", "{deaf}"]), (id: "done", run: ["true"])])"#
        ),
    );
    let (mut child, reader, _leash) = unread(&desk, &["--print", "lines"]);
    let count = || std::fs::read_to_string(desk.file("count")).unwrap_or_default();
    let mut last = (String::new(), 0);
    // Nobody announces that nothing happens any more.
    wait_until("the child is held up", || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let now = count();
        last = if now == last.0 && !now.is_empty() { (now, last.1 + 1) } else { (now, 0) };
        last.1 > 25
    });
    interrupt(&child);
    wait_until("it is not held up any more, for nobody waits for the reader", || count() != last.0);
    interrupt(&child);
    wait_until("its children are gone", || alive_with(&format!("MARK={mark}")).is_empty());
    wait_until("its row is written", || {
        desk.column("signal").get("deaf").is_some_and(|signal| signal == "SIGKILL")
    });
    let text = said(&mut child);
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    assert!(text.contains("standard output did not keep up") && text.contains("results.csv"), "{text}");
    drop(reader);
}

#[test]
fn a_run_that_is_done_waits_for_its_reader_until_it_is_interrupted() {
    let desk = Desk::new("unread-end");
    desk.write("spec.ron", r#"Job(name: "unread", commands: [(id: "a", run: ["seq", "100000"])])"#);
    let (mut child, reader, _leash) = unread(&desk, &["--print", "grouped"]);
    let record = || std::fs::read_to_string(desk.file("out/runs/1/status.json")).unwrap_or_default();
    wait_until("all is done", || {
        desk.file("out/results.csv").exists()
            && desk.results().len() == 1
            && record().contains("\"running\":[]")
    });
    // Nothing says when the run has ended and only the printing is left; the first interruption may still be the run's.
    wait_until("it leaves", || {
        interrupt(&child);
        std::thread::sleep(std::time::Duration::from_millis(100));
        child.try_wait().expect("ours").is_some()
    });
    assert!(said(&mut child).contains("standard output did not keep up"));
    assert_eq!(desk.column("cause")["a"], "exited");
    drop(reader);
}

/// Writes into the pipe until it is full, so that it stands still from the beginning.
fn fill(desk: &Desk) {
    let mut options = OpenOptions::new();
    let mut pipe =
        options.write(true).custom_flags(WITHOUT_WAITING).open(desk.file("stdout")).expect("a writer");
    while pipe.write(&[b'.'; 4096]).is_ok() {}
}

/// A provisor at whose full standard output two queries are held up.
fn held_up(desk: &Desk, args: &[&str]) -> (Child, File, Leash) {
    let provisor = unread_from(desk, args, fill);
    let logged = || {
        let logs = std::fs::read_dir(desk.file("out/logs")).into_iter().flatten().flatten();
        logs.filter_map(|log| log.metadata().ok()).map(|log| log.len()).sum::<u64>()
    };
    // Room for a megabyte, and nobody takes a part of what it has read.
    wait_until("the queries are held up", || logged() >= (1 << 20) - 2 * 65536);
    assert!(logged() <= 1 << 20, "they go on all the same");
    provisor
}

/// Two that print without end, and what else there is. Their lines are long: a tag takes room as well, and how much of it has
/// been taken for tags when the room is full is a matter of who was faster.
fn loud_and(others: &str) -> String {
    let line = "y".repeat(1000);
    format!(
        r#"Job(name: "loud", slots: 3, commands: [
            (id: "loud/1", run: ["yes", "{line}"]), (id: "loud/2", run: ["yes", "{line}"]), {others}])"#
    )
}

#[test]
fn a_deadline_does_not_wait_for_a_reader_that_stands_still() {
    let end = |desk: &Desk, (mut child, reader, _leash): (Child, File, Leash)| {
        wait_until("it ends", || child.try_wait().expect("ours").is_some());
        assert_eq!(child.wait().expect("it has ended").code(), Some(3));
        let text = said(&mut child);
        assert!(text.contains("the deadline was reached") && text.contains("did not keep up"), "{text}");
        assert!(desk.column("cause").into_values().all(|cause| cause == "deadline"));
        drop(reader);
    };
    let desk = Desk::new("unread-deadline");
    desk.write("spec.ron", loud_and(""));
    end(&desk, unread_from(&desk, &["--print", "lines", "--deadline", "2s"], fill));
    let desk = Desk::new("unread-deadline-grouped");
    desk.write(
        "spec.ron",
        r#"Job(name: "grouped", commands: [(id: "a", run: ["sh", "-c", "seq 100000; exec sleep 100"])])"#,
    );
    end(&desk, unread_from(&desk, &["--print", "grouped", "--deadline", "2s"], fill));
}

#[test]
fn who_is_held_up_at_the_deadline_can_come_to_its_end() {
    let desk = Desk::new("unread-grace");
    // Half as much again as there is room for; it does not end before it has printed that, and has all the time for it.
    let slow = "trap '' TERM; i=0; while test $i -lt 400; do seq 1000; i=$((i+1)); done";
    desk.write(
        "spec.ron",
        format!(
            r#"Job(name: "grace", limits: (grace: "1h"), commands: [(id: "slow", run: ["sh", "-c", "{slow}"])])"#
        ),
    );
    let args = ["--print", "lines", "--deadline", "2s"];
    let (mut child, reader, _leash) = unread_from(&desk, &args, fill);
    wait_until("it ends", || child.try_wait().expect("ours").is_some());
    let row = desk.results()["slow"].clone();
    assert_eq!((&*row["cause"], &*row["signal"]), ("deadline", ""), "{row:?}");
    assert_eq!(desk.read(&format!("out/{}", row["log"])).len(), 400 * 3893, "its log is complete");
    drop(reader);
}

#[test]
fn a_lost_guardian_does_not_wait_for_a_reader_that_stands_still() {
    contained(|_| {
        let desk = Desk::new("unread-guardian");
        desk.write("spec.ron", loud_and(""));
        let (mut child, reader, _leash) = held_up(&desk, &["--print", "lines"]);
        kill(guardian_of(child.id().try_into().expect("a pid")));
        wait_until("it ends", || child.try_wait().expect("ours").is_some());
        assert_eq!(child.wait().expect("it has ended").code(), Some(70));
        assert!(said(&mut child).contains("the guardian process died"));
        drop(reader);
    });
}

#[test]
fn a_reader_that_stands_still_holds_up_no_row_of_others() {
    let desk = Desk::new("unread-others");
    let silent: String = (1..=300).map(|n| format!("(id: \"silent/{n}\", run: [\"true\"]),")).collect();
    let late = r#"(id: "late", run: ["sh", "-c", "until test -e go; do sleep 0.01; done; echo late"]),"#;
    desk.write("spec.ron", loud_and(&(late.to_owned() + &silent)));
    let (mut child, reader, _leash) = held_up(&desk, &["--print", "lines"]);
    desk.write("go", "");
    let rows = || desk.read("out/results.csv").matches('\n').count() - 1;
    wait_until("the rows of the others are durable", || rows() == 301);
    let late = desk.results()["late"].clone();
    assert_eq!(late["cause"], "exited");
    assert_eq!(desk.read(&format!("out/{}", late["log"])), "late\n", "what it left behind is all there");
    wait_until("its status says so", || {
        desk.finish(desk.provisor(["status", "out"])).out.contains("2 at work")
    });
    interrupt(&child);
    wait_until("it ends", || child.try_wait().expect("ours").is_some());
    assert_eq!(child.wait().expect("it has ended").code(), Some(3));
    assert!(said(&mut child).contains("did not keep up"));
    assert_eq!(desk.results().len(), 303);
    drop(reader);
}
