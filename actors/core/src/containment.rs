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
            if wish == Wish::Required {
                got.cloned().unwrap_or_else(|| Err(NOT_TRIED.to_owned()))?;
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

/// Whoever tries leaves out nothing that is required. If it did, that would be no weaker level but none at all.
const NOT_TRIED: &str = "it was not tried";
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

    const NO: Result<Level, &str> = Err("no");
    const UNTRIED: Result<Level, &str> = Err("it was not tried");
    const BOTH: Result<Level, &str> = Ok(Level::NamespaceCgroup);
    const NAMESPACE: Result<Level, &str> = Ok(Level::Namespace);
    const CGROUP: Result<Level, &str> = Ok(Level::Cgroup);
    const SWEEP: Result<Level, &str> = Ok(Level::Sweep);
    const GROUP: Result<Level, &str> = Ok(Level::Group);

    type Levels = [[Result<Level, &'static str>; 3]; 3];

    /// What comes of each, whoever asks: a line for each that became of the namespace, a column for the cgroup, both in the
    /// order of `TRIED`.
    const ACHIEVED: [(Containment, Levels); 5] = [
        (Containment::Auto, [[SWEEP, CGROUP, SWEEP], [NAMESPACE, BOTH, NAMESPACE], [SWEEP, CGROUP, SWEEP]]),
        (Containment::Namespace, [[UNTRIED, UNTRIED, UNTRIED], [NAMESPACE, BOTH, NAMESPACE], [NO, NO, NO]]),
        (Containment::Cgroup, [[UNTRIED, CGROUP, NO], [UNTRIED, BOTH, NO], [UNTRIED, CGROUP, NO]]),
        (Containment::Sweep, [[SWEEP, CGROUP, SWEEP], [NAMESPACE, BOTH, NAMESPACE], [SWEEP, CGROUP, SWEEP]]),
        (Containment::Group, [[GROUP, CGROUP, GROUP], [NAMESPACE, BOTH, NAMESPACE], [GROUP, CGROUP, GROUP]]),
    ];

    #[test]
    fn what_is_required_is_there_or_nothing_runs() {
        let mut expected = ACHIEVED.into_iter().flat_map(|(asked, levels)| {
            let levels = levels.into_iter().flatten();
            [true, false].into_iter().flat_map(move |_| levels.clone().map(move |level| (asked, level)))
        });
        for (asked, is_root, namespace, cgroup) in all_cases() {
            let achieved = asked.achieved(is_root, namespace.as_ref(), cgroup.as_ref());
            let achieved = (asked, achieved.map(|achieved| achieved.level));
            let (of, level) = expected.next().expect("a line for each");
            assert_eq!(achieved, (of, level.map_err(str::to_owned)), "{is_root} {namespace:?} {cgroup:?}");
        }
    }

    #[test]
    fn each_asks_for_what_its_name_says() {
        const NOT: Wish = Wish::Not;
        const WELCOME: Wish = Wish::Welcome;
        const REQUIRED: Wish = Wish::Required;
        // Namespace and cgroup, for root and for others.
        let wishes = [
            (Containment::Auto, (WELCOME, WELCOME), (NOT, WELCOME)),
            (Containment::Namespace, (REQUIRED, WELCOME), (REQUIRED, WELCOME)),
            (Containment::Cgroup, (NOT, REQUIRED), (NOT, REQUIRED)),
            (Containment::Sweep, (NOT, NOT), (NOT, NOT)),
            (Containment::Group, (NOT, NOT), (NOT, NOT)),
        ];
        for (asked, of_root, of_others) in wishes {
            for (is_root, (namespace, cgroup)) in [(true, of_root), (false, of_others)] {
                let expected = Wishes { namespace, user_namespace: !is_root, cgroup };
                assert_eq!(asked.wishes(is_root), expected, "{asked:?} {is_root}");
            }
        }
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
    fn every_word_is_its_own() {
        let words: std::collections::BTreeSet<_> = Level::ALL.iter().map(|level| level.word()).collect();
        assert_eq!(words.len(), Level::ALL.len());
    }
}
