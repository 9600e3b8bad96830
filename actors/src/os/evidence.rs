//! What shows that a limit was reached: what the guardian saw as a kind and a number, and the sentence made of it.
//!
//! It must never look at anything itself.

use std::time::Duration;

use provisor_core::amount::{seconds, size};
use provisor_core::cause::{Cause, Excess};

use super::TreeLimits;

/// Something that shows a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// What kind of thing.
    pub(super) what: What,
    /// The number that goes with it.
    pub(super) value: u64,
}

/// The kinds of things that show a limit; what the value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum What {
    /// CPU time of the tree, in microseconds.
    Cpu = 1,
    /// SIGXCPU, or SIGKILL at the hard limit of a process: CPU time at the exit, in microseconds.
    CpuSignal = 2,
    /// Memory of the tree, in bytes.
    Memory = 3,
    /// The kernel killed in the query's own cgroup, for the limit of that: how often.
    MemoryKills = 4,
    /// The kernel ran out of memory, and the query died of a SIGKILL that provisor had not sent: how many it killed then.
    MachineKills = 5,
    /// Processes of the tree.
    Processes = 6,
    /// The kernel refused the query further processes: how often.
    Refused = 7,
    /// The kernel killed in the query's own cgroup, and the memory of others was at an end: how often.
    OthersKills = 8,
}

impl What {
    /// All of them, in the order of their numbers.
    pub(super) const ALL: [Self; 8] = [
        Self::Cpu,
        Self::CpuSignal,
        Self::Memory,
        Self::MemoryKills,
        Self::MachineKills,
        Self::Processes,
        Self::Refused,
        Self::OthersKills,
    ];

    /// The kind of this number.
    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|what| *what as u8 == number)
    }

    const fn cause(self) -> Cause {
        match self {
            Self::Cpu | Self::CpuSignal => Cause::CpuLimit,
            Self::Memory | Self::MemoryKills | Self::MachineKills | Self::OthersKills => Cause::MemoryLimit,
            Self::Processes | Self::Refused => Cause::ProcessLimit,
        }
    }

    /// Whether the machine had no more, and not the query by a limit of its own.
    const fn is_of_machine(self) -> bool {
        matches!(self, Self::MachineKills | Self::OthersKills)
    }
}

/// What was seen, in words, under these limits.
pub(super) fn excess(Seen { what, value }: Seen, limits: TreeLimits) -> Excess {
    let cpu = limits.cpu.map_or_else(String::new, |limit| format!(" (limit {})", seconds(limit)));
    let memory = limits.memory.map_or_else(String::new, |limit| format!(" (limit {})", size(limit)));
    let processes = limits.processes.map_or_else(String::new, |limit| format!(" (limit {limit})"));
    let evidence = match what {
        What::Cpu => format!("its tree had used {} of CPU time{cpu}", seconds(Duration::from_micros(value))),
        What::CpuSignal => {
            let used = seconds(Duration::from_micros(value));
            format!("the kernel ended it for its CPU time, after {used}{cpu}")
        }
        What::Memory => format!("its tree held {} of memory{memory}", size(value)),
        What::MemoryKills if value == 1 => {
            format!("the kernel killed one of its processes for want of memory{memory}")
        }
        What::MemoryKills => {
            format!("the kernel killed {value} of its processes for want of memory{memory}")
        }
        What::OthersKills => {
            let of_all = if value == 1 { "one".into() } else { value.to_string() };
            let limit = limits
                .memory
                .map_or_else(String::new, |limit| format!(", below its limit of {}", size(limit)));
            format!("the kernel was out of memory and killed {of_all} of its processes{limit}")
        }
        What::MachineKills => format!(
            "it was killed by SIGKILL, not by provisor, while the kernel was out of memory (it killed {value})"
        ),
        What::Processes => format!("its tree had {value} processes{processes}"),
        What::Refused if value == 1 => format!("the kernel refused it a further process{processes}"),
        What::Refused => format!("the kernel refused it a further process {value} times{processes}"),
    };
    Excess { cause: what.cause(), of_machine: what.is_of_machine(), evidence: evidence.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_number_its_cause_and_its_sentence() {
        let limits =
            TreeLimits { cpu: Some(Duration::from_secs(2)), memory: Some(1 << 30), processes: Some(5) };
        let told = |what, value| excess(Seen { what, value }, limits);
        for (at, what) in (1_u8..).zip(What::ALL) {
            assert_eq!((what as u8, What::from_number(at)), (at, Some(what)));
        }
        let cpu = told(What::Cpu, 2_345_678);
        assert_eq!(cpu.cause, Cause::CpuLimit);
        assert_eq!(&*cpu.evidence, "its tree had used 2.345 s of CPU time (limit 2 s)");
        let memory = told(What::Memory, (1 << 30) + (1 << 29));
        assert_eq!(memory.cause, Cause::MemoryLimit);
        assert_eq!(&*memory.evidence, "its tree held 1.50 GiB of memory (limit 1 GiB)");
        let processes = told(What::Processes, 6);
        assert_eq!(processes.cause, Cause::ProcessLimit);
        assert_eq!(&*processes.evidence, "its tree had 6 processes (limit 5)");
        let machine = excess(Seen { what: What::MachineKills, value: 1 }, TreeLimits::default());
        assert_eq!(machine.cause, Cause::MemoryLimit);
        assert!(!machine.evidence.contains("limit"), "{}", machine.evidence);
        let others = told(What::OthersKills, 1);
        assert_eq!(
            &*others.evidence,
            "the kernel was out of memory and killed one of its processes, below its limit of 1 GiB"
        );
        assert_eq!(
            [machine, others, memory, told(What::MemoryKills, 1)].map(|seen| seen.of_machine),
            [true, true, false, false]
        );
    }
}
