//! B2: starting processes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::common::{Desk, alive_with, guardian_of, wait_until};
use crate::harness::{
    attach, contained, fake, fakeproc, here, injected, limited, one, others, pids, run, status_of,
    with_faults,
};

/// The sentence of the one query that could not be started.
fn refusal(desk: &Desk, argv: &str, settings: &str) -> String {
    let spec = format!(
        r#"Job(name: "refused", {settings} commands: [(id: "q", run: [{argv}]), (id: "z", run: ["true"])])"#
    );
    let ran = run(desk, &spec, &["--fresh"]).with_code(1);
    let causes = desk.column("cause");
    assert_eq!((causes["q"].as_str(), causes["z"].as_str()), ("not-started", "exited"), "the others go on");
    ran.err + &desk.finish(desk.provisor(["results", "out", "--format", "json"])).out
}

#[test]
fn row_28_the_command_is_missing() {
    contained(|desk| {
        assert!(
            refusal(desk, r#""no-such-tool""#, "").contains("there is no program `no-such-tool` in PATH")
        );
        assert!(refusal(desk, r#""./gone""#, "").contains("gone does not exist"));
    });
}

#[test]
fn row_29_the_interpreter_or_the_working_directory_is_missing() {
    contained(|desk| {
        let program = desk.write("orphan", "#!/no/such/interpreter\n");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("made executable");
        assert!(
            refusal(desk, r#""./orphan""#, "")
                .contains("the interpreter /no/such/interpreter named in the first line")
        );
        let elsewhere = r#"cwd: "/no/such/folder","#;
        let spec = format!(r#"Job(name: "refused", {elsewhere} commands: [(id: "q", run: ["/bin/true"])])"#);
        let ran = run(desk, &spec, &["--fresh"]);
        assert_ne!(ran.code, Some(0));
        assert!(ran.err.contains("/no/such/folder"), "{}", ran.err);
    });
}

#[test]
fn row_30_what_is_there_is_no_program() {
    contained(|desk| {
        desk.write("plain", "echo hello\n");
        assert!(refusal(desk, r#""./plain""#, "").contains("is not executable: chmod +x"));
        assert!(refusal(desk, r#""/usr""#, "").contains("/usr is a directory"));
        let program = desk.write("headless", "echo hello > ran\n");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("made executable");
        assert!(refusal(desk, r#""./headless""#, "").contains("nor has it a #! line"));
        assert!(!desk.file("ran").exists(), "no shell has read it");
    });
}

#[test]
fn row_31_the_program_is_still_being_written() {
    contained(|desk| {
        let program = desk.file("program");
        fs::copy("/bin/true", &program).expect("a copy");
        let writer = fs::OpenOptions::new().append(true).open(&program).expect("it can be written");
        assert!(refusal(desk, r#""./program""#, "").contains("is still being written by another process"));
        let spec = format!(
            r#"Job(name: "refused", slots: 1, commands: [(id: "a", run: {}), (id: "q", run: ["./program"])])"#,
            fake("touch up await go")
        );
        let started = desk.start(&spec, &["--fresh"]);
        desk.await_file("up");
        // Nobody else makes processes in this namespace: when the next number is taken, the guardian has tried.
        let last_pid =
            || fs::read_to_string("/proc/loadavg").expect("readable").split(' ').nth(4).map(str::to_owned);
        let before = last_pid();
        desk.write("go", "");
        wait_until("a child was tried", || last_pid() != before);
        drop(writer);
        started.wait().with_code(0);
    });
}

/// All queries ended well, and the user was told that there were fewer at once.
fn assert_fewer(desk: &Desk, ran: &crate::common::Ran, queries: usize) {
    let causes = desk.column("cause");
    assert_eq!(causes.len(), queries);
    assert!(causes.values().all(|cause| cause == "exited"), "{causes:?}");
    let told = ["fewer at once", "at a time instead of"].iter().any(|words| ran.err.contains(words));
    assert!(told, "nothing about fewer at once in:\n{}", ran.err);
}

/// Many at once that take a moment.
fn crowd(queries: usize) -> String {
    format!(
        r#"Job(name: "crowd", slots: {queries}, env: {{"MARK": "fault"}}, matrix: {{"n": 1..={queries}}}, id: "q{{{{ n }}}}",
            command: {})"#,
        fake("sleep-ms 1000 exit 0")
    )
}

#[test]
fn row_32_the_system_has_no_process_left() {
    limited(64, |desk| {
        let ran = run(desk, &crowd(300), &[]).with_code(0);
        assert_fewer(desk, &ran, 300);
    });
}

#[test]
fn row_33_there_is_no_descriptor_left() {
    contained(|desk| {
        desk.write("spec.ron", crowd(300));
        let mut command = Command::new("sh");
        let provisor = env!("CARGO_BIN_EXE_provisor");
        command.args(["-c", &format!("ulimit -n 256; exec {provisor} run spec.ron -o out")]);
        let ran = desk.finish(here(command, desk)).with_code(0);
        assert_eq!(others(), [""; 0]);
        assert_fewer(desk, &ran, 300);
    });
}

/// A run whose guardian has faults injected once its first query is at work; eight more follow.
fn with_faulty_guardian(desk: &Desk, inject: &str) -> Option<crate::common::Ran> {
    let spec = format!(
        r#"Job(name: "faulty", slots: 2, env: {{"MARK": "fault"}}, commands: [(id: "first", run: {}), {}])"#,
        fake("await go exit 0"),
        (0..8)
            .map(|n| format!("(id: \"q{n}\", run: {}),", fake("child 1 setsid hang then exit 0")))
            .collect::<String>()
    );
    // The second slot is taken too, so that nothing starts before the faults are there.
    let spec = spec
        .replace("(id: \"q0\"", &format!("(id: \"second\", run: {}), (id: \"q0\"", fake("await go exit 0")));
    let started = desk.start(&spec, &[]);
    wait_until("two are at work", || alive_with("MARK=fault").len() == 2);
    let guardian = guardian_of(started.pid());
    let _tracer = attach(desk, guardian, inject)?;
    desk.write("go", "");
    let ran = started.wait();
    assert_eq!(others().iter().filter(|line| !line.contains("strace")).count(), 0, "{:?}", others());
    Some(ran)
}

#[test]
fn row_34_there_is_no_memory_for_a_process() {
    contained(|desk| {
        let Some(ran) = with_faulty_guardian(desk, "clone,clone3:error=ENOMEM:when=2..4") else { return };
        let ran = ran.with_code(0);
        assert_fewer(desk, &ran, 10);
    });
}

#[test]
fn row_35_a_start_that_fails_after_the_child_was_made() {
    contained(|desk| {
        // The child is there and cannot be watched.
        let Some(ran) = with_faulty_guardian(desk, "epoll_ctl:error=ENOSPC:when=3..4") else { return };
        let ran = ran.with_code(0).says("No space left on device (watching its process)");
        assert_eq!(injected(desk), 2);
        assert_fewer(desk, &ran, 10);
    });
}

#[test]
fn row_36_there_is_no_pidfd() {
    contained(|desk| {
        desk.write("spec.ron", one("exit 0", ""));
        let Some(mut command) = with_faults(desk, &[], &["pidfd_open:error=ENOSYS"]) else { return };
        command.args([env!("CARGO_BIN_EXE_provisor"), "run", "spec.ron", "-o", "out"]);
        let ran = desk.finish(command);
        assert_ne!(ran.code, Some(0));
        assert!(ran.err.contains("guardian"), "it says what could not be made: {}", ran.err);
        assert!(injected(desk) > 0, "nothing was made to fail");
    });
}

#[test]
fn row_38_what_a_child_inherits() {
    contained(|desk| {
        desk.write(
            "spec.ron",
            one("dump-self", r#"env: {"ASKED": "for"},"#).replacen(r#"env: {"MARK": "fault"},"#, "", 1),
        );
        let mut command = Command::new("sh");
        let run = format!("exec {} run spec.ron -o out", env!("CARGO_BIN_EXE_provisor"));
        let surroundings = "umask 027; trap '' HUP USR1 PIPE; exec 7</dev/null 9>/dev/null;";
        command.args(["-c", &format!("{surroundings} {run}")]).env("SECRET", "s").env("TZ", "UTC");
        desk.finish(here(command, desk)).with_code(0);
        let row = &desk.results()["q"];
        let log = desk.read(&format!("out/{}", row["log"]));
        let said = |line: &str| assert!(log.lines().any(|told| told == line), "no `{line}` in:\n{log}");
        said("fds=[0, 1, 2]");
        for set in ["SigBlk", "SigIgn", "SigCgt"] {
            // Rust's own start ignores PIPE and catches what says that a stack is too small.
            let line = log.lines().find_map(|line| line.strip_prefix(set)?.strip_prefix('=')).expect("told");
            let known = if set == "SigIgn" {
                1 << 12
            } else if set == "SigCgt" {
                1 << 10 | 1 << 6
            } else {
                0
            };
            assert_eq!(u64::from_str_radix(line, 16).expect("a mask") & !known, 0, "{set}");
        }
        said("Umask=0027");
        said(&format!("cwd={}", desk.path().canonicalize().expect("a path").display()));
        said("env.ASKED=for");
        said("env.TZ=UTC");
        assert!(!log.contains("env.SECRET"), "{log}");
    });
}

#[test]
fn row_39_a_child_reads_its_input() {
    contained(|desk| {
        desk.write("spec.ron", one("cat say over exit 0", ""));
        desk.write("typed", "not for children\n");
        let mut command = desk.provisor(["run", "spec.ron", "-o", "out"]);
        command.stdin(fs::File::open(desk.file("typed")).expect("there"));
        desk.finish(command).with_code(0);
        assert_eq!(desk.read(&format!("out/{}", desk.column("log")["q"])), "over\n");
    });
}

#[test]
fn row_40_an_exec_that_hangs() {
    contained(|desk| {
        let spec = format!(
            r#"Job(name: "hung", slots: 1, env: {{"MARK": "fault"}}, commands: [
                (id: "a", run: {}), (id: "b", run: {})])"#,
            fake("touch up await go"),
            fake("exit 0")
        );
        let mut started = desk.start(&spec, &["--progress", "none"]);
        desk.await_file("up");
        let guardian = guardian_of(started.pid());
        let Some(_tracer) = attach(desk, guardian, "execve:delay_enter=5000000") else { return };
        desk.write("go", "");
        let unborn = |pid: u32| {
            status_of(pid, "PPid") == guardian.to_string() && status_of(pid, "Name") == "pv-guardian"
        };
        wait_until("the child is on its way", || pids().any(unborn));
        // The guardian stands still with it; who supervises does not, and answers before the exec is over.
        let mut told = BufReader::new(started.child.stderr.take().expect("a pipe")).lines();
        started.signal("USR1");
        let heard = told.by_ref().any(|line| line.expect("UTF-8").contains(" left: "));
        assert!(heard, "USR1 was not answered");
        assert!(pids().any(unborn), "the exec is over already");
        started.wait().with_code(0);
    });
}

#[test]
fn row_32_a_thread_cannot_be_made() {
    limited(6, |desk| {
        let started = desk.start(&one("exit 0", ""), &[]);
        let ran = started.wait();
        assert_ne!(ran.code, Some(101), "a panic: {}", ran.err);
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        let _ = fakeproc();
    });
}
