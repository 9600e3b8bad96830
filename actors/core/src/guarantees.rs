//! What is promised of the processes of a runtime: how they are held together, who sees to it, and what cannot be
//! promised then.
//!
//! A level says what holds the processes together; who would clean up after a sudden death depends on how the guardian
//! was made, or whether there is one.

use crate::containment::Level;

/// Who makes and ends the children, and what it is to the program that asks for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keeping {
    /// A guardian that was forked before there was any thread. Its orphans come to the program, which is a subreaper.
    Forked,
    /// A guardian that was executed anew, beside whatever else the program does. Its orphans come to nobody: after its
    /// death the program finds them by their control groups and their cookies.
    Executed,
    /// Nobody: the program starts its children itself.
    Direct,
}

impl Keeping {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Forked, Self::Executed, Self::Direct];
}

/// What the processes of a runtime are held together by, and what that promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarantees {
    /// The level that was achieved.
    pub level: Level,
    /// Why it is not a stronger one, as far as one was tried or might be expected: sentences without their full stops.
    pub weaker_because: Vec<String>,
    /// Who sees to it.
    pub keeping: Keeping,
}

impl Guarantees {
    /// Whether there is a guardian: without one nothing outlives the death of the program that could end its children.
    #[must_use]
    pub const fn has_guardian(&self) -> bool {
        !matches!(self.keeping, Keeping::Direct)
    }

    /// Whether limits of whole trees (CPU time, memory, processes) can be held. A query that has one is not started
    /// otherwise.
    #[must_use]
    pub const fn has_tree_limits(&self) -> bool {
        self.has_guardian()
    }

    /// What is promised: a sentence without its full stop.
    #[must_use]
    pub const fn promise(&self) -> &'static str {
        match (self.keeping, self.level) {
            (Keeping::Executed, Level::Cgroup) => {
                "a query's processes are killed as one, whatever they have become, when it ends; when this program or its \
                 guardian is killed, the other one kills every process of the runtime"
            }
            (Keeping::Executed, Level::Sweep) => {
                "when a query ends, its process group, every descendant that its leader had while it lived, and every \
                 orphan of its session or with its cookie are killed; an orphan that shows neither is killed at the end \
                 of the runtime; when this program is killed, its guardian kills every process of the runtime"
            }
            (_, level) => level.promise(),
        }
    }

    /// What cannot be promised: sentences without their full stops, at least one.
    #[must_use]
    pub fn exceptions(&self) -> Vec<&'static str> {
        match (self.keeping, self.level) {
            (Keeping::Direct, _) => vec![ESCAPE, LIVES_ON, NO_LIMITS],
            (Keeping::Executed, Level::Cgroup) => vec![BOTH, MOVES, DAEMONS],
            (Keeping::Executed, Level::Sweep) => vec![UNMARKED, BOTH, DAEMONS],
            (_, level) => vec![level.exception()],
        }
    }
}

const ESCAPE: &str = "a process that has made a group or a session of its own outlives its query and the runtime, and is not counted";
const LIVES_ON: &str =
    "when this program is killed, its queries live on, and everything that they have started";
const NO_LIMITS: &str = "limits on CPU time, memory and the number of processes are not held: a query that has one is not started";
const UNMARKED: &str = "an orphan that has left its session and shows no cookie lives until the end of the runtime, and \
    outlives it if the guardian is killed";
const BOTH: &str = "when this program and its guardian are killed at the same moment, the queries themselves die at once, but \
    what they have started lives on";
const MOVES: &str = "a child that may move itself to another cgroup is held as at `sweep`";
const DAEMONS: &str = "work handed to a daemon of the system is out of reach";

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Guarantees> {
        Keeping::ALL.into_iter().flat_map(|keeping| {
            Level::ALL.map(|level| Guarantees { level, weaker_because: Vec::new(), keeping })
        })
    }

    #[test]
    fn what_is_forked_promises_what_its_level_does() {
        for guarantees in all().filter(|guarantees| guarantees.keeping == Keeping::Forked) {
            assert_eq!(guarantees.promise(), guarantees.level.promise());
            assert_eq!(guarantees.exceptions(), [guarantees.level.exception()]);
        }
    }

    #[test]
    fn nobody_who_embeds_is_told_of_the_program_or_of_run_directories() {
        for guarantees in all().filter(|guarantees| guarantees.keeping == Keeping::Executed) {
            let all = std::iter::once(guarantees.promise()).chain(guarantees.exceptions());
            for text in all {
                assert!(!text.contains("provisor") && !text.contains("directory"), "{text}");
                assert!(!text.ends_with('.') && !text.contains("  "), "{text}");
            }
        }
    }

    #[test]
    fn without_a_guardian_it_is_said_what_lives_on() {
        for guarantees in all() {
            let lives_on = guarantees.exceptions().iter().any(|text| text.contains("its queries live on"));
            assert_eq!(lives_on, !guarantees.has_guardian(), "{guarantees:?}");
            assert_eq!(guarantees.has_tree_limits(), guarantees.has_guardian());
        }
    }
}
