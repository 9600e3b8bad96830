//! `study: (...)` as it is written: models, scenarios and queries of a tool that verifies.

use serde::{Deserialize, Deserializer};

use super::values::is_word;
use super::{Entries, Listed, Pass, Scalar, ScalarValue};
use crate::spanned::{Place, Raw, Spanned};

/// `study: (...)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Study {
    pub(crate) tool: Spanned<Tool>,
    pub(crate) templates: Option<TemplateTool>,
    pub(crate) models: Files,
    pub(crate) queries: Option<QuerySource>,
    pub(crate) lemmas: Option<Spanned<LemmaUse>>,
    pub(crate) scenarios: Option<Scenarios>,
    pub(crate) stronger_than: Option<Spanned<Entries<Vec<Spanned<String>>>>>,
    pub(crate) settings: Option<Spanned<Entries<Setting>>>,
    pub(crate) html: Option<Spanned<bool>>,
    pub(crate) graph: Option<Spanned<bool>>,
    pub(crate) passes: Option<Listed<Pass>>,
}

/// `tool: ...`.
#[derive(Debug)]
pub(crate) enum Tool {
    ProVerif(ProVerifTool),
    Tamarin(Program),
    Verifpal(Program),
    Command(Vec<Spanned<String>>),
}

/// `ProVerif(...)`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProVerifTool {
    pub(crate) program: Option<Spanned<String>>,
    pub(crate) libs: Vec<Spanned<String>>,
    /// Further options, before the file.
    pub(crate) args: Vec<Spanned<String>>,
}

/// `Tamarin(...)`, `Verifpal(...)`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Program {
    pub(crate) program: Option<Spanned<String>>,
    pub(crate) args: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
enum ToolWord {
    ProVerif(ProVerifTool),
    Tamarin(Program),
    Verifpal(Program),
    Command(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for Tool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        if is_word(raw.text, "ProVerif") {
            return Ok(Self::ProVerif(ProVerifTool::default()));
        }
        if is_word(raw.text, "Tamarin") {
            return Ok(Self::Tamarin(Program::default()));
        }
        if is_word(raw.text, "Verifpal") {
            return Ok(Self::Verifpal(Program::default()));
        }
        if !raw.first().is_some_and(char::is_alphabetic) {
            return Err(raw.refuse("a tool: ProVerif(...), Tamarin(...), Verifpal(...) or Command([...])"));
        }
        Ok(match raw.parse()? {
            ToolWord::ProVerif(tool) => Self::ProVerif(tool),
            ToolWord::Tamarin(program) => Self::Tamarin(program),
            ToolWord::Verifpal(program) => Self::Verifpal(program),
            ToolWord::Command(argv) => Self::Command(argv),
        })
    }
}

/// `templates: ...`: what renders the models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum TemplateTool {
    #[default]
    Jinja,
    M4,
    Cpp,
}

/// `models: ...`: some files, and where that stands.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) form: FilesForm,
    pub(crate) place: Place,
}

/// How files are named.
#[derive(Debug)]
pub(crate) enum FilesForm {
    List(Vec<Spanned<String>>),
    Glob(Spanned<String>),
}

#[derive(Deserialize)]
enum FilesSource {
    Glob(Spanned<String>),
}

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        let form = match raw.first() {
            Some('[') => FilesForm::List(raw.parse()?),
            Some('G') => raw.parse().map(|FilesSource::Glob(glob)| FilesForm::Glob(glob))?,
            _ => return Err(raw.refuse(r#"files: ["whole.pv", "mac.pv"] or Glob("*.pv")"#)),
        };
        Ok(Self { form, place: raw.place() })
    }
}

/// `queries: ...`: where the queries come from.
#[derive(Debug)]
pub(crate) struct QuerySource {
    pub(crate) form: QueryForm,
    pub(crate) place: Place,
}

/// How queries are given.
#[derive(Debug, Deserialize)]
pub(crate) enum QueryForm {
    InModels,
    Declarations(Spanned<String>),
    Secrets(Vec<Spanned<String>>),
    Events(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for QuerySource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        Ok(Self { form: raw.parse()?, place: raw.place() })
    }
}

/// `lemmas: ...`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum LemmaUse {
    #[default]
    Own,
    AsAxioms,
}

/// `scenarios: ...`, and where it stands.
#[derive(Debug)]
pub(crate) struct Scenarios {
    pub(crate) form: ScenarioForm,
    pub(crate) place: Place,
}

/// How scenarios are given.
#[derive(Debug)]
pub(crate) enum ScenarioForm {
    List(Vec<Scenario>),
    Files(Spanned<String>),
    Subsets(Subsets),
}

/// One of `scenarios`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) id: Spanned<String>,
    pub(crate) vars: Option<Entries<Scalar>>,
    pub(crate) file: Option<Spanned<String>>,
}

/// `Subsets(of: [...])`: a scenario for each subset.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subsets {
    pub(crate) of: Listed<Spanned<String>>,
}

#[derive(Deserialize)]
enum ScenarioSource {
    Files(Spanned<String>),
    Subsets(Subsets),
}

impl<'de> Deserialize<'de> for Scenarios {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        let form = match raw.first() {
            Some('[') => ScenarioForm::List(raw.parse()?),
            Some('F' | 'S') => match raw.parse()? {
                ScenarioSource::Files(glob) => ScenarioForm::Files(glob),
                ScenarioSource::Subsets(subsets) => ScenarioForm::Subsets(subsets),
            },
            _ => {
                let expected =
                    r#"scenarios: [(id: "none")], Files("scenarios/*.pv") or Subsets(of: ["skA"])"#;
                return Err(raw.refuse(expected));
            }
        };
        Ok(Self { form, place: raw.place() })
    }
}

/// One of `settings`: for all queries, or for those that a glob names.
#[derive(Debug)]
pub(crate) enum Setting {
    ForAll(Scalar),
    ForSome(Entries<Value>),
}

/// The value of a setting.
#[derive(Debug)]
pub(crate) struct Value(pub(crate) Scalar);

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        match raw.first() {
            Some('{') => raw.parse().map(Self::ForSome),
            _ => {
                value(raw, r#"a value such as false or 2, or a map of settings for a glob"#).map(Self::ForAll)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        value(Raw::take(deserializer)?, "a value such as false or 2").map(Self)
    }
}

/// A text, a number, or one of the words that ProVerif has for yes and no.
fn value<E: serde::de::Error>(raw: Raw<'_>, expected: &'static str) -> Result<Scalar, E> {
    match raw.first() {
        Some('t' | 'f') => {
            let value = raw.parse::<bool, E>()?.to_string();
            Ok(Scalar { value: ScalarValue::Text(value), place: raw.place() })
        }
        Some('"' | 'r' | '0'..='9' | '-' | '+' | '.') => raw.parse(),
        _ => Err(raw.refuse(expected)),
    }
}
