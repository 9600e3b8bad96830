//! System calls that fail: strace at work on a guardian that lives.

use std::fs;
use std::process::Command as Process;

use crate::harness::until;

/// System calls of a process that fail, or seem to work and do nothing. Dropping it lets them be.
pub(crate) struct Injected(std::process::Child, u32);

impl Injected {
    /// None, and a line that says so, where there is no strace, or it may not.
    pub(crate) fn into(pid: u32, faults: &[&str]) -> Option<Self> {
        let mut strace = Process::new("strace");
        strace.args(["-qq", "-o", "/dev/null", "-p", &pid.to_string()]);
        let calls: Vec<_> = faults.iter().filter_map(|fault| fault.split(':').next()).collect();
        strace.args(["-e", &format!("trace={}", calls.join(","))]);
        for fault in faults {
            strace.args(["-e", &format!("inject={fault}")]);
        }
        let child = match strace.spawn() {
            Ok(child) => child,
            Err(error) => {
                println!("skipped: strace: {error}");
                return None;
            }
        };
        let mut injected = Self(child, pid);
        let mut refused = false;
        until("strace holds it", || {
            refused = matches!(injected.0.try_wait(), Ok(Some(_)));
            refused || injected.is_traced()
        });
        if refused {
            println!("skipped: strace may not trace the guardian");
            return None;
        }
        Some(injected)
    }

    fn is_traced(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.1)).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|pid| pid.trim() != "0"))
    }
}

impl Drop for Injected {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
