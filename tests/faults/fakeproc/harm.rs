//! What it does wrong.

use std::fs;
use std::io::{ErrorKind, Read, Write, stdin, stdout};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::{Pid, close, getpid, getppid, setsid};

use crate::{Rest, before_then, look};

/// Escapes that colour, move, set the title and ask; bidi controls, C1 controls, NUL, and what is no UTF-8.
pub(crate) const ANSI: &[u8] =
    b"\x1b[31mred\x1b[2J\x1b]0;title\x07\x1b[6n \xe2\x80\xaetxet\xe2\x81\xa6 \xc2\x9b1m nul\0 bad\xff\xfe end\n";

/// Itself again, with other words.
pub(crate) fn myself(words: Rest<'_>) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("its own path"));
    command.args(words);
    command
}

/// Goes on with these signals ignored: only a shell can set that without `unsafe`.
pub(crate) fn ignore(signals: &str, rest: Rest<'_>) {
    let script = format!("trap '' {signals}; exec \"$0\" \"$@\"");
    let own = std::env::current_exe().expect("its own path");
    let error = Command::new("/bin/sh").args(["-c", &script]).arg(own).args(rest).exec();
    panic!("no shell: {error}");
}

/// Executes another program in its place.
pub(crate) fn become_another(words: Rest<'_>) {
    let error = Command::new(&words[0]).args(&words[1..]).exec();
    panic!("{} cannot be executed: {error}", words[0]);
}

pub(crate) fn kill_self(name: &str) {
    send(getpid(), name);
}

/// As `STOP-TERM`, several, one after the other.
pub(crate) fn kill_parent(names: &str) {
    for name in names.split('-') {
        send(getppid(), name);
    }
}

fn send(pid: Pid, name: &str) {
    let signal: Signal = format!("SIG{name}").parse().expect("a signal");
    let _ = kill(pid, signal);
}

/// In the background of a terminal this stops a process for ever.
pub(crate) fn read_terminal() {
    match fs::File::open("/dev/tty") {
        Ok(mut terminal) => println!("read {:?}", terminal.read(&mut [0; 1])),
        Err(error) => println!("no terminal: {:?}", error.kind()),
    }
}

pub(crate) fn new_session() {
    setsid().expect("it leads no group yet: start it as a child");
}

/// Forks twice, as daemons do: the grandchild has a session of its own, nothing open and nobody's parent.
pub(crate) fn daemonize(rest: Rest<'_>) {
    let mut words = vec!["setsid".to_owned(), "child".to_owned(), "1".to_owned(), "closed".to_owned()];
    words.extend(before_then(rest).iter().cloned());
    words.extend(["then".to_owned(), "exit".to_owned(), "0".to_owned()]);
    let mut middle = myself(&words);
    middle.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _ = middle.status();
}

pub(crate) fn close_all() {
    for descriptor in 0..64 {
        let _ = close(descriptor);
    }
}

pub(crate) fn close_stdout() {
    let _ = (close(1), close(2));
}

pub(crate) fn hang() -> u8 {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

pub(crate) fn sleep_ms(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Waits for TERM and exits as it likes. Others have read that it is ready only when it is.
pub(crate) fn trap(code: u64) -> u8 {
    let mut term = SigSet::empty();
    term.add(Signal::SIGTERM);
    term.thread_block().expect("blocked");
    write(b"ready\n");
    term.wait().expect("a signal");
    write(b"last words\n");
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// So many children with the words up to `then`. It does not wait for them.
pub(crate) fn tree(count: u64, rest: Rest<'_>) {
    for _ in 0..count {
        if let Err(error) = myself(before_then(rest)).spawn() {
            println!("no child: {error}");
            return;
        }
    }
}

/// So many whose parent is gone at once, and who are gone themselves soon.
pub(crate) fn orphans(count: u64) {
    for _ in 0..count {
        let words = ["child", "1", "exit", "0", "then", "exit", "0"].map(str::to_owned);
        let _ = myself(&words).status();
    }
}

/// Lives on as a child in a session of its own, so many times, faster than anybody looks. For a namespace with a limit
/// only: nothing else ends it.
pub(crate) fn hop(left: u64) -> u8 {
    let _ = setsid();
    if left > 0 {
        let words = ["hop".to_owned(), (left - 1).to_string()];
        while myself(&words).spawn().is_err() {}
        return 0;
    }
    hang()
}

/// Each makes two, so many generations deep, all of them living on, and tries again where it is refused.
pub(crate) fn bomb(depth: u64) -> u8 {
    let words = ["bomb".to_owned(), depth.saturating_sub(1).to_string()];
    for _ in 0..if depth > 0 { 2 } else { 0 } {
        while myself(&words).spawn().is_err() {
            sleep_ms(20);
        }
    }
    hang()
}

/// Stops itself in a cgroup of its own below the one it is in. It says so before, for then it says nothing any more.
pub(crate) fn freeze() {
    let Some(own) = look::own_cgroup() else {
        println!("not frozen: there is no cgroup2");
        return;
    };
    // Nobody else's, in whichever namespace they are.
    let namespace = fs::read_link("/proc/self/ns/pid").expect("its namespace");
    let digits = namespace.to_string_lossy().replace(|c: char| !c.is_ascii_digit(), "");
    let inner = own.join(format!("frozen-{digits}-{}", getpid()));
    let moved =
        fs::create_dir(&inner).and_then(|()| fs::write(inner.join("cgroup.procs"), getpid().to_string()));
    write(b"freezing\n");
    if let Err(error) = moved.and_then(|()| fs::write(inner.join("cgroup.freeze"), "1")) {
        println!("not frozen: {}: {error}", inner.display());
        let _ = fs::remove_dir(&inner);
    }
}

pub(crate) fn write(bytes: &[u8]) {
    let mut out = stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// So many bytes, in lines of this length or in one without an end.
pub(crate) fn flood(bytes: u64, line: Option<usize>) {
    let mut block = vec![b'x'; 1 << 16];
    if let Some(line) = line {
        block.iter_mut().skip(line).step_by(line + 1).for_each(|byte| *byte = b'\n');
    }
    let mut left = usize::try_from(bytes).expect("a size");
    let mut out =
        fs::File::from(std::os::fd::AsFd::as_fd(&stdout()).try_clone_to_owned().expect("a duplicate"));
    while left > 0 {
        match out.write(&block[..left.min(block.len())]) {
            Ok(written) => left -= written,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

pub(crate) fn cat() {
    let _ = std::io::copy(&mut stdin().lock(), &mut stdout().lock());
}

pub(crate) fn burn_ms(ms: u64) {
    let used = || {
        let text = fs::read_to_string("/proc/self/schedstat").expect("its own account");
        text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).expect("nanoseconds")
    };
    while used() < ms * 1_000_000 {
        std::hint::black_box((0..100_000_u64).sum::<u64>());
    }
}

pub(crate) fn memory(bytes: u64) -> u8 {
    let mut kept = vec![0_u8; usize::try_from(bytes).expect("a size")];
    kept.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    write(b"there\n");
    std::hint::black_box(&kept);
    hang()
}
