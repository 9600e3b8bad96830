//! What to do about each fault.
//!
//! A table, as that of the sentences is.

use super::Fault;
use crate::presets;

impl Fault {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Human(error) => Some(error.hint()),
            Self::Template(error) => error.hint(),
            Self::NoSuchAxis { hint, .. }
            | Self::NoSuchScenario { hint, .. }
            | Self::AfterNothing { hint, .. }
            | Self::NoSuchGroup { hint, .. }
            | Self::UnknownSet { hint, .. }
            | Self::UnknownWord { hint, .. } => Some(hint.clone()),
            Self::PresetStructure(fault) => fault.hint(),
            Self::ReservedName { name } => Some(format!("call it `{name}_`, or anything else")),
            Self::BadName { name } => Some(format!("call it `{}`", as_name(name))),
            Self::UnknownPreset { name } => Some(presets::hint(name, "File(\"mine.ron\")")),
            Self::NoGroup { groups, .. } => Some(match groups {
                0 => {
                    "it has none: put what you want in parentheses, or take Group(0), the whole match".into()
                }
                groups => format!("its last is Group({groups}); Group(0) is the whole match"),
            }),
            Self::ModelSets { parameter, .. } => Some(format!("take `set {parameter}` out of the file")),
            _ => self.fixed_hint().map(Into::into),
        }
    }

    /// Those hints that are the same whatever is in the fault.
    fn fixed_hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::LimitOfTree { .. } => "take it out, or ask for another containment, such as `Sweep`",
            Self::NoCount { .. } => "write how many there may be at a time, such as 64",
            Self::TotalOfOne => "write it in the job's own `limits`",
            Self::NothingToRun => r#"for one command: commands: [(id: "hello", run: ["echo", "hello"])]"#,
            Self::CommandMissing { .. } => r#"for example command: ["proverif", "{{ query }}"]"#,
            Self::NotWithCommands { .. } => "take it out: a command has an `id` and a `run` of its own",
            Self::Slots { .. } => "at least 1, and no more than 65536; without it there is one for each CPU",
            Self::ZeroLimit { .. } => "take it out to have no limit",
            Self::TooMany { .. } => "a job has no more than 1000000",
            Self::TemplateInVars { .. } => "write the template where the variable is used",
            Self::ValueTwice { .. } => "take one of them out",
            Self::IdTwice { .. } => "give each query an id of its own by `id`",
            Self::Unreadable { .. } => "relative paths start at the folder of the spec",
            Self::GlobWithoutMatch { .. } => "globs start at the folder of the spec",
            Self::PathNotUtf8 { .. } => "give the file or folder another name",
            Self::OnlyOfFirstPass => {
                "`only` says after which ends of the pass before this one follows: take it out"
            }
            Self::NoRun => r#"for example run: ["echo", "hello"]"#,
            Self::RaceOfOne { .. } => r#"for example race: [["z3", "goal.smt2"], ["cvc5", "goal.smt2"]]"#,
            Self::RaceInGroup => "take one of the two out: who loses a race is ended and never started again",
            Self::RaceInRounds => "take `every` out, or `race`",
            Self::GroupOfAllWithin => "take `within` out, or write the group in `groups`",
            Self::GroupOfOne => r#"write it in the job's `groups`, and its name here: group: "db""#,
            Self::NeedsGroup { .. } => "write a `group` beside it, or for the whole job: group: ()",
            Self::IdleHealth => {
                r#"write line_every: "5m", or probe: ["curl", "-sf", "http://127.0.0.1:8080/"]"#
            }
            Self::NeedsProbe { .. } => "write `probe` beside it, or take it out",
            Self::ZeroOfProbe { .. } => r#"without them: every: "10s", `within` as long, failures: 3"#,
            Self::LongProbe { .. } => "let `within` be no longer than `every`",
            Self::NeedsEvery { .. } => r#"write an `every` beside it, or for the whole job: every: "30s""#,
            Self::RoundsInGroup => "take `every` out, or `group`",
            Self::EveryZero => r#"write a time, such as "30s""#,
            Self::JitterTooLong => "write one that is at most as long as `every`",
            Self::KeepsNone => "write 1 or more",
            Self::NoHosts => {
                r#"a host is what queries with an `every` have on the axis "host": each: ("host", {"core.lab": (), ...})"#
            }
            Self::NoShare { .. } => "0.0 for pauses that are exact, up to 1.0",
            Self::PassTwice { .. } => "give each a `name` of its own",
            Self::FastIsUnknown => {
                r#"give it `vars` that the command uses: Fast(vars: {"effort": 1}), and "{{ effort }}" in the command"#
            }
            Self::NotWithStudy { .. } => "take it out: a study makes the commands and the ids of its queries",
            Self::PassesTwice => "take one of them out",
            Self::PresetOfStudy => {
                "take it out, or say how ProVerif is read: preset: ProVerif(early_stop: OnGoalReachable)"
            }
            Self::ProVerifOnly { .. } => "take it out, or let the tool be ProVerif",
            Self::ModelTwice { .. } => "ids begin with the name of the model: give one of the files another",
            Self::ScenarioName { .. } | Self::PassName { .. } | Self::GroupName { .. } => {
                "it is made of letters, digits and `._-`, starting with a letter or digit"
            }
            Self::ScenarioTwice { .. } => "give one of them another id",
            Self::ScenarioVariable { .. } => {
                "take it out, or use it in a model: {{ name }}, or {% if name %}"
            }
            Self::LatticeCycle { .. } => "take one of the two out of `stronger_than`",
            Self::TooManySubsets { .. } => "take 12 at most, or write the scenarios that matter",
            Self::PreprocessorMissing { .. } => {
                "install it, or write the models for Jinja, which is built in"
            }
            Self::ExcludedLemma { .. } => "let the lemma be asked, or leave out what rests on it as well",
            Self::PagesPath { .. } => "choose a run directory without spaces and such: provisor run -o DIR",
            Self::NameTwice { .. } => "name one of them by a comment before it: (* @query NAME *)",
            Self::Whole { .. } => "it is one query, `all`",
            Self::ExcludesEverything => "name at least one axis",
            Self::BadId { .. } => {
                "ids are letters, digits and `._-` in parts divided by `/`, each starting with a letter or digit"
            }
            Self::NoId { .. } => r#"write an `id`, for example "q{{ axis.index }}""#,
            Self::IdFromIndex => "results of earlier runs are found again by their ids: make them from names",
            Self::AfterCircle { .. } => "take one of them out of `after`; `after: []` waits for nobody",
            Self::TooManyNeeds => {
                "put one query between them that waits for the ones, and let the others wait for it"
            }
            Self::FailureOfNothing => "take it out, or write what comes before: after: [\"build/*\"]",
            Self::TooLong { .. } => {
                "Linux takes no more than 131071 bytes: write it to a file, or to `stdin`"
            }
            Self::EnvName { .. } => "names are not empty and hold no `=` and no NUL byte",
            _ => return self.judging_hint(),
        })
    }

    /// Those of the faults of presets, rules and models.
    fn judging_hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::PresetExit { .. } => "exit codes are 0 to 255; a death by signal states nothing",
            Self::PresetTooLarge { .. } => "a preset is a few lines of rules",
            Self::IdlePreset => "see `provisor presets smt --ron` for one that is whole",
            Self::TwoCounts { .. } => "take another word for one of them",
            Self::OwnWord { .. } => {
                "take another one: provisor says `mixed` of results that differ, `contradiction` where an exit code says otherwise"
            }
            Self::NeedsRegex { .. } => r#"write on: Regex("...(...)...")"#,
            Self::VerdictAndCapture => "take one of them out",
            Self::IdleRule => "it needs `verdict`, `capture`, `value`, `note: true` or `stop: true`",
            Self::EmptyPattern => r#"to match every line on purpose, write Regex("")"#,
            Self::ExitCode { .. } => "exit codes are 0 to 255; for a death by signal there is `Signal`",
            Self::StopOnGoalReachable => "preset: ProVerif(early_stop: OnGoalReachable) is the sound way",
            Self::NoModel { .. } => {
                "`fast` and `early_stop` need the model: the last argument that ends in .pv, or that of `-in pitype`"
            }
            Self::ModelUnreadable { .. } => {
                "`fast` and `early_stop` read the models before anything is started"
            }
            Self::SanityOfWhat { .. } => "write the verdict in quotes, or give it `preset: ProVerif`",
            Self::FromModelsOfWhat => r#"write what is expected: expect: {"auth_*": "true"}"#,
            Self::EarlyStopOff { .. } => "they run to their end; the others are stopped early",
            _ => return None,
        })
    }
}

/// The nearest name that can be used in templates.
fn as_name(text: &str) -> String {
    let name: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() { format!("_{name}") } else { name }
}
