//! A pseudo-terminal with somebody who looks at it: what is written goes through a terminal emulator, and the tests look
//! at its rows.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::{Desk, skip_unless, wait_until};

/// A terminal with provisor at work on it.
pub(crate) struct Terminal {
    keyboard: File,
    looked_at: Arc<Mutex<LookedAt>>,
    child: Child,
    /// Another open end of it, so that what is written last can be read.
    line: Option<File>,
}

struct LookedAt {
    emulator: vt100::Parser,
    raw: Vec<u8>,
}

const fn nonzero(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("a terminal has rows and columns")
}

impl Terminal {
    /// Starts `provisor run spec.ron -o out` with further arguments on a terminal of so many rows and columns, as the
    /// leader of its session. `None` where there is no setsid to make it one.
    pub(crate) fn start(desk: &Desk, size: (u16, u16), spec: &str, args: &[&str]) -> Option<Self> {
        Self::start_with(desk, size, spec, args, |_| {})
    }

    pub(crate) fn start_with(
        desk: &Desk,
        size: (u16, u16),
        spec: &str,
        args: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Option<Self> {
        desk.write("spec.ron", spec);
        let run = [env!("CARGO_BIN_EXE_provisor"), "run", "spec.ron", "-o", "out"];
        Self::launch(desk, size, &[&run, args].concat(), change)
    }

    /// Starts any command in the desk's folder.
    pub(crate) fn launch(
        desk: &Desk,
        (rows, columns): (u16, u16),
        argv: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Option<Self> {
        let setsid = Command::new("setsid").arg("--version").output();
        if skip_unless(setsid.is_ok(), "tests on a pseudo-terminal need setsid of util-linux") {
            return None;
        }
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&ours).expect("granted");
        unlockpt(&ours).expect("unlocked");
        let name = ptsname(&ours, Vec::new()).expect("a name").into_string().expect("UTF-8");
        let line = OpenOptions::new().read(true).write(true).custom_flags(NO_CONTROLLING_TERMINAL).open(name);
        let line = line.expect("the other end");
        tcsetwinsize(&line, winsize(rows, columns)).expect("a size");
        let mut command = Command::new("setsid");
        command.arg("--ctty").args(argv);
        command.current_dir(desk.path()).env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR").env_remove("RUST_LOG");
        let end = || line.try_clone().expect("a duplicate");
        command.stdin(end()).stdout(end()).stderr(end());
        change(&mut command);
        let child = command.spawn().expect("setsid runs");
        let emulator = vt100::Parser::new(nonzero(rows), nonzero(columns), 1000);
        let looked_at = Arc::new(Mutex::new(LookedAt { emulator, raw: Vec::new() }));
        let keyboard = File::from(ours);
        read_along(keyboard.try_clone().expect("a duplicate"), Arc::clone(&looked_at));
        Some(Self { keyboard, looked_at, child, line: Some(line) })
    }

    pub(crate) fn rows(&self) -> Vec<String> {
        let looked_at = self.looked_at.lock().expect("a reader that lives");
        looked_at.emulator.screen().contents().lines().map(str::to_owned).collect()
    }

    pub(crate) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.looked_at.lock().expect("a reader that lives").raw).into_owned()
    }

    /// Waits until the screen looks so, and returns its rows.
    #[track_caller]
    pub(crate) fn await_rows(&self, what: &str, is_so: impl Fn(&[String]) -> bool) -> Vec<String> {
        let mut last = Vec::new();
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(what, || {
                last = self.rows();
                is_so(&last)
            });
        }));
        assert!(looked.is_ok(), "{what}: it does not come to that:\n{}", last.join("\n"));
        last
    }

    /// Waits until some row holds this text.
    #[track_caller]
    pub(crate) fn await_text(&self, text: &str) -> Vec<String> {
        self.await_rows(text, |rows| rows.iter().any(|row| row.contains(text)))
    }

    pub(crate) fn press(&mut self, key: u8) {
        self.keyboard.write_all(&[key]).expect("a key");
    }

    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let mut looked_at = self.looked_at.lock().expect("a reader that lives");
        tcsetwinsize(self.keyboard.as_fd(), winsize(rows, columns)).expect("a size");
        looked_at.emulator.set_size(nonzero(rows), nonzero(columns));
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it is alive");
    }

    pub(crate) fn await_stopped(&self) {
        let stopped = waitpid(Some(self.pid()), WaitOptions::UNTRACED).expect("it is ours");
        assert!(stopped.is_some_and(|(_, status)| status.stopped()), "it has ended instead");
    }

    /// Waits for its end, and until all that it wrote was read.
    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<String>, String) {
        let status = self.child.wait().expect("it ends");
        self.line = None;
        wait_until("the terminal is read to its end", || Arc::strong_count(&self.looked_at) == 1);
        (status, self.rows(), self.raw())
    }
}

impl Drop for Terminal {
    /// A test that fails leaves nobody at work.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn read_along(mut terminal: File, looked_at: Arc<Mutex<LookedAt>>) {
    std::thread::spawn(move || {
        let mut piece = [0; 4096];
        // The end of a pseudo-terminal is an error.
        while let Ok(read @ 1..) = terminal.read(&mut piece) {
            let mut looked_at = looked_at.lock().expect("a looker that lives");
            looked_at.emulator.process(&piece[..read]);
            looked_at.raw.extend_from_slice(&piece[..read]);
        }
    });
}

const fn winsize(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

/// `O_NOCTTY`: the terminal is the child's, not the test's.
const NO_CONTROLLING_TERMINAL: i32 = 0o400;
