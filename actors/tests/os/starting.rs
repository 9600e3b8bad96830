//! What a child finds, and what is said where there is none.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use provisor_actors::os::guardian::GuardianOptions;
use provisor_actors::os::signals::{self, OpenFiles};
use provisor_actors::os::{Launch, Transience};
use provisor_core::cause::Exit;
use provisor_core::plan::{Command, Environment, Inherit, Stdin};

use crate::harness::{
    Case, Rig, command, finish, marked, new_guardian, pairs, python, shell, soon, until, with_rig,
    with_rig_over,
};

pub(crate) const CASES: &[Case] = &[
    Case("environment_is_exactly_that", environment_is_exactly_that),
    Case("only_three_descriptors", only_three_descriptors),
    Case("signals_are_as_by_default", signals_are_as_by_default),
    Case("session_of_its_own", session_of_its_own),
    Case("limits_are_the_users", limits_are_the_users),
    Case("stdin_null_text_file", stdin_null_text_file),
    Case("programs_are_found", programs_are_found),
    Case("failures_in_words", failures_in_words),
    Case("large_arguments", large_arguments),
    Case("too_large_arguments", too_large_arguments),
    Case("written_program_is_busy", written_program_is_busy),
    Case("dropped_launch_leaves_nothing", dropped_launch_leaves_nothing),
    Case("threads_are_refused", threads_are_refused),
    Case("guardian_is_apart", guardian_is_apart),
];

fn base(pairs: &[(&str, &str)]) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn environment(inherit: Inherit, set: &[(&str, &str)]) -> Arc<Environment> {
    Arc::new(Environment { inherit, set: set.iter().map(|(n, v)| (Arc::from(*n), Arc::from(*v))).collect() })
}

fn environment_is_exactly_that() {
    let base = base(&[
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/h"),
        ("LC_TIME", "C"),
        ("SECRET", "s"),
        ("PROVISOR_ATTEMPT", "outer"),
    ]);
    with_rig_over(new_guardian(), base, async |rig| {
        let run = async |inherit, set: &[(&str, &str)]| {
            let done =
                rig.run(Command { env: environment(inherit, set), ..command(&["/usr/bin/env"]) }).await;
            let mut lines: Vec<String> = done.text().lines().map(str::to_owned).collect();
            let mark = lines.iter().position(|line| line.starts_with("PROVISOR_ATTEMPT=os-case-"));
            lines.remove(mark.expect("the mark"));
            lines.sort();
            lines
        };
        let set = [("A", "1"), ("HOME", "/x"), ("A", "2"), ("PROVISOR_ATTEMPT", "fake")];
        assert_eq!(run(Inherit::Basic, &set).await, ["A=2", "HOME=/x", "LC_TIME=C", "PATH=/usr/bin:/bin"]);
        let all = ["HOME=/h", "LC_TIME=C", "PATH=/usr/bin:/bin", "SECRET=s"];
        assert_eq!(run(Inherit::All, &[]).await, all);
    });
}

fn only_three_descriptors() {
    // One that is inherited, as shells leave them.
    let leaked = fs::File::open("/etc/passwd").expect("a file");
    nix::fcntl::fcntl(&leaked, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).expect("a flag");
    with_rig(async |rig| {
        // The fourth is the directory itself.
        let done = rig.run(python("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))")).await;
        assert_eq!(done.text().trim(), "[0, 1, 2, 3]");
        let also = Command { stdin: Stdin::Text("x".into()), ..python("import os; os.fstat(3)") };
        assert_ne!(rig.run(also).await.report.exit, Exit::Code(0), "3 is closed");
    });
}

fn signals_are_as_by_default() {
    use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
    // As after nohup, by a parent with signals blocked: the case starts itself so.
    if std::env::var_os("OS_CASE_NOHUP").is_none() {
        let script =
            "trap '' HUP INT USR1 CHLD; OS_CASE_NOHUP=1 exec \"$0\" --case signals_are_as_by_default";
        let own = std::env::current_exe().expect("a path");
        let status = std::process::Command::new("/bin/sh").args(["-c", script]).arg(own).status();
        assert!(status.expect("it runs").success());
        return;
    }
    assert!(signals::hangup_is_ignored());
    signals::reset_sigchld();
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGTERM);
    blocked.add(Signal::SIGUSR2);
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&blocked), None).expect("a mask");
    with_rig(async |rig| {
        let done = rig.run(shell("exec cat /proc/self/status")).await;
        let text = done.text().replace(":\t", "=");
        let status = pairs(&text);
        for set in ["SigBlk", "SigIgn", "SigCgt", "SigPnd"] {
            assert_eq!(status[set], "0000000000000000", "{set}");
        }
    });
}

fn session_of_its_own() {
    with_rig(async |rig| {
        let script = "import os; print(os.getpid() == os.getsid(0) == os.getpgid(0), os.getppid())";
        let done = rig.run(python(script)).await;
        assert_eq!(done.text().trim(), format!("True {}", rig.guardian));
        let done = rig.run(shell("cat < /dev/tty; exit 9")).await;
        assert_eq!(done.report.exit, Exit::Code(9), "it is not stopped for reading a terminal");
    });
}

fn limits_are_the_users() {
    let was = signals::raise_open_files().expect("a limit");
    let options = GuardianOptions { open_files: Some(OpenFiles { soft: 123, ..was }) };
    with_rig_over(
        provisor_actors::os::guardian::start(options).expect("a guardian"),
        Vec::new(),
        async |rig| {
            assert_eq!(rig.run(shell("ulimit -Sn; ulimit -Sc")).await.text(), "123\n0\n");
        },
    );
}

fn stdin_null_text_file() {
    let folder = Folder::new();
    let file = folder.file("input", b"from a file", 0o644);
    with_rig(async |rig| {
        let with = |stdin| Command { stdin, ..command(&["/bin/cat"]) };
        assert_eq!(rig.run(with(Stdin::Null)).await.text(), "");
        assert_eq!(rig.run(with(Stdin::Text("a text\n".into()))).await.text(), "a text\n");
        let long: String = "0123456789".repeat(50_000);
        assert_eq!(rig.run(with(Stdin::Text((&*long).into()))).await.text(), long);
        assert_eq!(rig.run(with(Stdin::File(file.as_path().into()))).await.text(), "from a file");
        let null = rig.run(Command { stdin: Stdin::Null, ..shell("readlink /proc/self/fd/0") }).await;
        assert_eq!(null.text(), "/dev/null\n");
        for (path, words) in [("/nowhere", "the input /nowhere cannot be opened"), ("/usr", "directory")] {
            let error = rig.launch(with(Stdin::File(Path::new(path).into()))).await.err().expect("no child");
            assert!(error.text.contains(words), "{}", error.text);
            assert_eq!(error.transience, Transience::Permanent);
        }
    });
}

fn programs_are_found() {
    let folder = Folder::new();
    folder.file("tool", b"#!/bin/sh\necho tool $0\n", 0o755);
    let path = format!("/nowhere:{}:/usr/bin:/bin", folder.0.display());
    with_rig_over(new_guardian(), base(&[("PATH", "/usr/bin:/bin")]), async |rig| {
        assert_eq!(rig.run(command(&["echo", "hi"])).await.text(), "hi\n");
        let here = |argv: &[&str]| Command { cwd: folder.0.as_path().into(), ..command(argv) };
        let full = format!("tool {}\n", folder.0.join("tool").display());
        assert!(rig.run(here(&["./tool"])).await.text().starts_with("tool "));
        let env = environment(Inherit::Basic, &[("PATH", &path)]);
        for _ in 0..2 {
            assert_eq!(rig.run(Command { env: Arc::clone(&env), ..command(&["tool"]) }).await.text(), full);
        }
        let env = environment(Inherit::Basic, &[("PATH", "/usr/bin:.")]);
        assert!(rig.run(Command { env, ..here(&["tool"]) }).await.text().starts_with("tool "));
        // What was not found is not remembered, and what was is doubted once it is gone.
        let late = || Command { env: environment(Inherit::Basic, &[("PATH", &path)]), ..command(&["late"]) };
        assert!(rig.launch(late()).await.is_err());
        let file = folder.file("late", b"#!/bin/sh\necho late\n", 0o755);
        assert_eq!(rig.run(late()).await.text(), "late\n");
        fs::remove_file(file).expect("it is there");
        assert!(rig.launch(late()).await.err().expect("no child").text.contains("late does not exist"));
        assert!(
            rig.launch(late()).await.err().expect("no child").text.contains("there is no program `late`")
        );
    });
}

fn failures_in_words() {
    let folder = Folder::new();
    folder.file("plain", b"hello", 0o644);
    folder.file("noline", b"echo hello\n", 0o755);
    folder.file("nointerpreter", b"#!/no/such/thing -x\n", 0o755);
    symlink("/gone/away", folder.0.join("dangling")).expect("a link");
    let at = |name: &str| folder.0.join(name).display().to_string();
    let base = base(&[("PATH", "/usr/bin:/bin")]);
    with_rig_over(new_guardian(), base, async |rig| {
        refused(&rig, command(&["nosuchtool"]), "there is no program `nosuchtool` in PATH").await;
        refused(&rig, command(&["/a/b"]), "the program /a/b does not exist").await;
        let words = format!("{0} is not executable: chmod +x {0}", at("plain"));
        refused(&rig, command(&[&at("plain")]), &words).await;
        let env = environment(Inherit::Basic, &[("PATH", &folder.0.display().to_string())]);
        refused(&rig, Command { env, ..command(&["plain"]) }, &words).await;
        refused(&rig, command(&["/usr"]), "/usr is a directory").await;
        let words =
            format!("the interpreter /no/such/thing named in the first line of {}", at("nointerpreter"));
        refused(&rig, command(&[&at("nointerpreter")]), &words).await;
        let words =
            format!("{} is neither a binary that this machine runs nor has it a #! line", at("noline"));
        refused(&rig, command(&[&at("noline")]), &words).await;
        let words = format!("{} is a symbolic link to /gone/away, which does not exist", at("dangling"));
        refused(&rig, command(&[&at("dangling")]), &words).await;
        let within = |cwd: &str| Command { cwd: Path::new(cwd).into(), ..command(&["/bin/true"]) };
        refused(&rig, within("/c"), "the working directory /c does not exist").await;
        refused(&rig, within("/etc/passwd"), "the working directory /etc/passwd is not a directory").await;
        refused(&rig, command(&[]), "there is no program to run").await;
        refused(&rig, command(&[""]), "the name of the program is empty").await;
        refused(&rig, command(&["/bin/echo", "a\0b"]), "a text holds a NUL byte").await;
        let env = environment(Inherit::Basic, &[("A=B", "1")]);
        refused(&rig, Command { env, ..command(&["/bin/true"]) }, "`A=B` cannot be the name").await;
        assert_eq!(rig.run(shell("exit 3")).await.report.exit, Exit::Code(3), "and it still works");
    });
}

async fn refused(rig: &Rig, command: Command, words: &str) {
    let error = rig.launch(command).await.err().expect("no child");
    assert!(error.text.contains(words), "{:?} does not say {words:?}", error.text);
    assert_eq!(error.transience, Transience::Permanent, "{}", error.text);
}

fn large_arguments() {
    with_rig(async |rig| {
        let argument = "x".repeat(100 * 1024);
        let mut words = vec!["/bin/sh", "-c", "cat; for a; do echo ${#a}; done", "sh"];
        words.extend([argument.as_str(); 10]);
        let done = rig.run(Command { stdin: Stdin::Text("in\n".into()), ..command(&words) }).await;
        assert_eq!(done.text(), format!("in\n{}", "102400\n".repeat(10)));
    });
}

fn too_large_arguments() {
    with_rig(async |rig| {
        let argument = "x".repeat(200 * 1024);
        refused(&rig, command(&["/bin/echo", &argument]), "too long").await;
    });
}

fn written_program_is_busy() {
    let folder = Folder::new();
    let program = folder.0.join("true");
    fs::copy("/bin/true", &program).expect("a copy");
    with_rig(async |rig| {
        let writer = || fs::OpenOptions::new().append(true).open(&program).expect("it can be written");
        let argv = [program.to_str().expect("text")];
        let held = writer();
        let error = rig.launch(command(&argv)).await.err().expect("no child");
        assert_eq!(error.transience, Transience::Busy, "{}", error.text);
        assert!(error.text.ends_with("is still being written by another process"), "{}", error.text);
        drop(held);
        assert_eq!(rig.run(command(&argv)).await.report.exit, Exit::Code(0));
        let held = writer();
        let request = rig.request(command(&argv));
        let launch = tokio::task::spawn_local(rig.launcher.launch(request));
        // The guardian takes requests up in their order: with this one's end the first try is over, and was in vain.
        tokio::task::yield_now().await;
        assert_eq!(rig.run(command(&["/bin/true"])).await.report.exit, Exit::Code(0));
        assert!(!launch.is_finished(), "it is tried again");
        drop(held);
        let launched = soon("a start", launch).await.expect("no panic").expect("it starts");
        assert_eq!(finish(launched).await.report.exit, Exit::Code(0));
    });
}

fn dropped_launch_leaves_nothing() {
    with_rig(async |rig| {
        for _ in 0..20 {
            let mut launch = rig.launcher.launch(rig.request(command(&["/bin/sleep", "1000"])));
            // Once, so that the request is on its way.
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(launch.as_mut().poll(context).is_pending())
            });
            assert!(polled.await);
            drop(launch);
        }
        drop(rig.launcher.launch(rig.request(command(&["/bin/sleep", "1000"]))));
        assert_eq!(rig.run(shell("exit 5")).await.report.exit, Exit::Code(5));
        until("all are gone", || marked(crate::harness::COOKIE).is_empty());
    });
}

fn threads_are_refused() {
    let (stop, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || wait.recv());
    let error = provisor_actors::os::guardian::start(GuardianOptions::default()).expect_err("no guardian");
    assert!(error.to_string().contains("before any thread"), "{error}");
    drop(stop);
    let _ = thread.join();
}

fn guardian_is_apart() {
    let lock = fs::File::open("/etc/passwd").expect("a file");
    let kept = lock.try_clone().expect("a duplicate");
    let guardian = new_guardian();
    guardian.hold(kept.into()).expect("it has room");
    with_rig_over(guardian, Vec::new(), async |rig| {
        assert_eq!(rig.run(shell("exit 6")).await.report.exit, Exit::Code(6));
        let read = |name: &str| fs::read(format!("/proc/{}/{name}", rig.guardian)).expect("readable");
        assert_eq!(read("comm"), b"pv-guardian\n");
        let line = read("cmdline");
        assert!(line.starts_with(b"pv-guardian\0") && line[11..].iter().all(|byte| *byte == 0));
        let mut files: Vec<_> = fs::read_dir(format!("/proc/{}/fd", rig.guardian))
            .expect("its descriptors")
            .map(|entry| fs::read_link(entry.expect("one").path()).expect("a target").display().to_string())
            .map(|target| target.split(':').next().expect("a kind").to_owned())
            .collect();
        files.sort();
        let children =
            files.iter().position(|file| file.ends_with("/children")).expect("its list of children");
        files.remove(children);
        let expected = ["/dev/null", "/dev/null", "/dev/null", "/etc/passwd", "anon_inode", "socket"];
        assert_eq!(files, expected);
        for signal in ["HUP", "INT", "QUIT", "TERM", "USR1", "TSTP", "PIPE", "ALRM"] {
            let line = format!("kill -{signal} {}", rig.guardian);
            assert_eq!(rig.run(shell(&line)).await.report.exit, Exit::Code(0));
        }
        assert_eq!(rig.run(shell("exit 7")).await.report.exit, Exit::Code(7));
    });
}

/// A folder that goes away.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let name = format!("provisor-os-{}-{:?}", std::process::id(), std::time::SystemTime::now());
        let path =
            std::env::temp_dir().join(name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', ""));
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
