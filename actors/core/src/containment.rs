//! What holds the processes of a run together: what a job asks for, what a machine gives, and what that promises.
//!
//! Which means are tried, and which level comes out of it, is decided here; trying them is the guardian's.

use serde::{Deserialize, Serialize};

/// What a job asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Containment {
    /// The strongest that there is without asking for more: for root a PID namespace, a cgroup a query wherever one can
    /// be made, else the sweep.
    #[default]
    Auto,
    /// A PID namespace, or no run; for others than root by a user namespace. Cgroups where they can be made.
    Namespace,
    /// A cgroup a query, or no run. No namespace.
    Cgroup,
    /// By parentage and cookie only.
    Sweep,
    /// The process group of each query, and nothing else.
    Group,
}

/// How much a means is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Not at all.
    Not,
    /// Where it is to be had.
    Welcome,
    /// Without it nothing is to run.
    Required,
}

/// Which means are to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// A PID namespace.
    pub namespace: Wish,
    /// That namespace in a user namespace of its own, as whoever is not root needs it.
    pub user_namespace: bool,
    /// A cgroup a query.
    pub cgroup: Wish,
}

impl Containment {
    /// All of them, the strongest first.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Namespace, Self::Cgroup, Self::Sweep, Self::Group];

    /// As it is typed, and as JSON has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Namespace => "namespace",
            Self::Cgroup => "cgroup",
            Self::Sweep => "sweep",
            Self::Group => "group",
        }
    }

    /// What is to be tried.
    #[must_use]
    pub const fn wishes(self, is_root: bool) -> Wishes {
        let (namespace, cgroup) = match self {
            Self::Auto if is_root => (Wish::Welcome, Wish::Welcome),
            Self::Auto => (Wish::Not, Wish::Welcome),
            Self::Namespace => (Wish::Required, Wish::Welcome),
            Self::Cgroup => (Wish::Not, Wish::Required),
            Self::Sweep | Self::Group => (Wish::Not, Wish::Not),
        };
        Wishes { namespace, user_namespace: !is_root, cgroup }
    }

    /// What comes out of it, from what became of each means that was tried (`None`: it was not).
    ///
    /// # Errors
    /// The reason, where a means is missing without which nothing is to run.
    pub fn achieved(
        self,
        is_root: bool,
        namespace: Option<&Result<(), String>>,
        cgroup: Option<&Result<(), String>>,
    ) -> Result<Achieved, String> {
        let wishes = self.wishes(is_root);
        for (wish, got) in [(wishes.namespace, namespace), (wishes.cgroup, cgroup)] {
            if let (Wish::Required, Some(Err(why))) = (wish, got) {
                return Err(why.clone());
            }
        }
        let has = |got: Option<&Result<(), String>>| matches!(got, Some(Ok(())));
        let level = match (has(namespace), has(cgroup)) {
            (true, true) => Level::NamespaceCgroup,
            (true, false) => Level::Namespace,
            (false, true) => Level::Cgroup,
            (false, false) if self == Self::Group => Level::Group,
            (false, false) => Level::Sweep,
        };
        let mut reasons = Vec::new();
        if self == Self::Auto && !is_root {
            reasons.push(NOT_BY_ITSELF.to_owned());
        }
        reasons.extend([namespace, cgroup].into_iter().flatten().filter_map(|got| got.clone().err()));
        Ok(Achieved { level, weaker_because: reasons })
    }
}

const NOT_BY_ITSELF: &str =
    "a PID namespace is taken without being asked for by root only (`containment: Namespace` asks for one)";

/// What came out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Achieved {
    /// The level.
    pub level: Level,
    /// Why it is not a stronger one, as far as one was tried or might be expected: sentences without their full stops.
    pub weaker_because: Vec<String>,
}

/// What the processes of a run are held together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Both of the next two.
    NamespaceCgroup,
    /// All in a PID namespace whose first process is the guardian.
    Namespace,
    /// Each query in a cgroup.
    Cgroup,
    /// Parentage, session and cookie.
    Sweep,
    /// The process group of each query.
    Group,
}

impl Level {
    /// All of them, the strongest first.
    pub const ALL: [Self; 5] =
        [Self::NamespaceCgroup, Self::Namespace, Self::Cgroup, Self::Sweep, Self::Group];

    /// As it stands in run.json and in each row.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NamespaceCgroup => "namespace+cgroup",
            Self::Namespace => "namespace",
            Self::Cgroup => "cgroup",
            Self::Sweep => "sweep",
            Self::Group => "group",
        }
    }

    /// Whether the guardian is the first process of a namespace.
    #[must_use]
    pub const fn has_namespace(self) -> bool {
        matches!(self, Self::NamespaceCgroup | Self::Namespace)
    }

    /// Whether each query has a cgroup.
    #[must_use]
    pub const fn has_cgroup(self) -> bool {
        matches!(self, Self::NamespaceCgroup | Self::Cgroup)
    }

    /// What it promises.
    #[must_use]
    pub const fn promise(self) -> &'static str {
        match self {
            Self::NamespaceCgroup => {
                "a query's processes are killed as one, whatever they have become, when it ends; when the guardian ends, \
                 for whatever reason, the kernel kills every process of the run"
            }
            Self::Namespace => {
                "when a query ends, its process group, every descendant that its leader had while it lived, and every \
                 orphan of its session or with its cookie are killed; when the guardian ends, for whatever reason, the \
                 kernel kills every process of the run"
            }
            Self::Cgroup => {
                "a query's processes are killed as one, whatever they have become, when it ends; when provisor or its \
                 guardian is killed, the other one kills every process of the run"
            }
            Self::Sweep => {
                "when a query ends, its process group, every descendant that its leader had while it lived, and every \
                 orphan of its session or with its cookie are killed; an orphan that shows neither is killed at the end \
                 of the run; when provisor or its guardian is killed, the other one kills every process of the run"
            }
            Self::Group => "when a query ends, its process group is killed",
        }
    }

    /// What it cannot promise.
    #[must_use]
    pub const fn exception(self) -> &'static str {
        match self {
            Self::NamespaceCgroup => "work handed to a daemon of the system is out of reach",
            Self::Namespace => {
                "an orphan that has left its session and shows no cookie lives until the end of the run; work handed to \
                 a daemon of the system is out of reach"
            }
            Self::Cgroup => {
                "when provisor and its guardian are killed at the same moment, the queries themselves die at once, but \
                 what they have started lives until the next run in the same directory kills it; a child that may move \
                 itself to another cgroup is held as at `sweep`; work handed to a daemon of the system is out of reach"
            }
            Self::Sweep => {
                "an orphan that has left its session and shows no cookie lives until the end of the run; when provisor \
                 and its guardian are killed at the same moment, the queries themselves die at once, but what they have \
                 started lives until the next run in the same directory kills it, as far as it shows its cookie; work \
                 handed to a daemon of the system is out of reach"
            }
            Self::Group => {
                "a process that has made a group or a session of its own outlives its query and the run, and is not \
                 counted; when the guardian is killed, only the queries themselves die, and what they have started lives on"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Got = Option<Result<(), String>>;

    const TRIED: [Option<Result<(), &str>>; 3] = [None, Some(Ok(())), Some(Err("no"))];

    fn all_cases() -> impl Iterator<Item = (Containment, bool, Got, Got)> {
        let owned = |got: Option<Result<(), &str>>| got.map(|got| got.map_err(str::to_owned));
        Containment::ALL.into_iter().flat_map(move |asked| {
            [true, false].into_iter().flat_map(move |is_root| {
                TRIED.into_iter().flat_map(move |namespace| {
                    TRIED.into_iter().map(move |cgroup| (asked, is_root, owned(namespace), owned(cgroup)))
                })
            })
        })
    }

    #[test]
    fn what_is_required_is_there_or_nothing_runs() {
        for (asked, is_root, namespace, cgroup) in all_cases() {
            let wishes = asked.wishes(is_root);
            let lacks = |wish, got: &Got| wish == Wish::Required && matches!(got, Some(Err(_)));
            let refused = lacks(wishes.namespace, &namespace) || lacks(wishes.cgroup, &cgroup);
            let achieved = asked.achieved(is_root, namespace.as_ref(), cgroup.as_ref());
            assert_eq!(achieved.is_err(), refused, "{asked:?} {is_root} {namespace:?} {cgroup:?}");
        }
        assert_eq!(Containment::Namespace.wishes(false).namespace, Wish::Required);
        assert_eq!(
            Containment::Cgroup.wishes(true),
            Wishes { namespace: Wish::Not, user_namespace: false, cgroup: Wish::Required }
        );
    }

    #[test]
    fn a_level_says_neither_more_nor_less_than_what_there_is() {
        for (asked, is_root, namespace, cgroup) in all_cases() {
            let Ok(achieved) = asked.achieved(is_root, namespace.as_ref(), cgroup.as_ref()) else { continue };
            assert_eq!(achieved.level.has_namespace(), namespace == Some(Ok(())), "{asked:?}");
            assert_eq!(achieved.level.has_cgroup(), cgroup == Some(Ok(())), "{asked:?}");
            let failures = [namespace, cgroup].into_iter().flatten().filter(Result::is_err).count();
            let unasked = usize::from(asked == Containment::Auto && !is_root);
            assert_eq!(achieved.weaker_because.len(), failures + unasked, "each reason is told");
        }
        let none = |asked: Containment| asked.achieved(true, None, None).expect("nothing is required").level;
        assert_eq!((none(Containment::Group), none(Containment::Sweep)), (Level::Group, Level::Sweep));
    }

    #[test]
    fn nobody_but_root_gets_a_namespace_unasked() {
        let wishes = |is_root| Containment::Auto.wishes(is_root);
        assert_eq!((wishes(true).namespace, wishes(false).namespace), (Wish::Welcome, Wish::Not));
        assert!(!wishes(true).user_namespace && Containment::Namespace.wishes(false).user_namespace);
    }

    #[test]
    fn every_word_is_its_own() {
        let words: std::collections::BTreeSet<_> = Level::ALL.iter().map(|level| level.word()).collect();
        assert_eq!(words.len(), Level::ALL.len());
    }
}
