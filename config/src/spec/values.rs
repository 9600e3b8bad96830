//! Values of the spec whose form decides what they are: a list or a range, a word or a map.
//!
//! Serde's `untagged` would say "data did not match any variant" and forget where. These look at the first
//! character and then read the one form that it can be, so that errors inside keep their text and place.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::{Range, RangeInclusive};

use provisor_core::proverif::EarlyStop;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::spanned::{Place, Raw, Spanned, key_twice, skip_trivia};

/// A map in the order of the file, no key twice.
#[derive(Debug)]
pub(crate) struct Entries<V, K = String>(pub(crate) Vec<(Spanned<K>, V)>);

impl<'de, V: Deserialize<'de>, K: Key<'de>> Deserialize<'de> for Entries<V, K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

/// What the keys of a map may be.
pub(crate) trait Key<'de>: Deserialize<'de> + Clone + Eq + Hash + fmt::Display {}

impl<'de, K: Deserialize<'de> + Clone + Eq + Hash + fmt::Display> Key<'de> for K {}

struct EntriesVisitor<V, K>(PhantomData<(V, K)>);

impl<'de, V: Deserialize<'de>, K: Key<'de>> Visitor<'de> for EntriesVisitor<V, K> {
    type Value = Entries<V, K>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries: Vec<(Spanned<K>, V)> = Vec::new();
        let mut seen = HashMap::new();
        while let Some(key) = map.next_key::<Spanned<K>>()? {
            if let Some(first) = seen.insert(key.value.clone(), key.place) {
                return Err(key_twice(&key, first));
            }
            entries.push((key, map.next_value()?));
        }
        Ok(Entries(entries))
    }
}

/// A list, and where it begins.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    pub(crate) place: Place,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Listed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        match raw.first() {
            Some('[') => Ok(Self { items: raw.parse()?, place: raw.place() }),
            _ => Err(raw.refuse("a list: `[...]`")),
        }
    }
}

/// A form that is promised for later; only where it stands is of interest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Later(pub(crate) Place);

impl<'de> Deserialize<'de> for Later {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Raw::take(deserializer)?.place()))
    }
}

/// A text or number, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub(crate) value: ScalarValue,
    pub(crate) place: Place,
}

/// What a scalar is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ScalarValue {
    Text(String),
    Integer(i64),
    Real(f64),
}

impl fmt::Display for ScalarValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => number.fmt(f),
            Self::Real(number) => number.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        let value = match raw.first() {
            Some('"' | 'r') => ScalarValue::Text(raw.parse()?),
            Some('0'..='9' | '-' | '+' | '.') if is_real(raw.text) => ScalarValue::Real(finite(raw)?),
            Some('0'..='9' | '-' | '+') => ScalarValue::Integer(raw.parse()?),
            _ => return Err(raw.refuse("a text in quotes or a number")),
        };
        Ok(Self { value, place: raw.place() })
    }
}

/// Whether a number is no integer; hexadecimal digits are no exponents.
fn is_real(text: &str) -> bool {
    let number =
        &text[..text.find(|c: char| !c.is_alphanumeric() && !"+-._".contains(c)).unwrap_or(text.len())];
    !number.contains("0x") && number.contains(['.', 'e', 'E'])
}

fn finite<E: serde::de::Error>(raw: Raw<'_>) -> Result<f64, E> {
    let number: f64 = raw.parse()?;
    if number.is_finite() { Ok(number) } else { Err(raw.refuse("a finite number")) }
}

/// The values along an axis of the matrix, and where they stand.
#[derive(Debug)]
pub(crate) struct Axis {
    pub(crate) form: AxisForm,
    pub(crate) place: Place,
}

/// How the values of an axis are given.
#[derive(Debug)]
pub(crate) enum AxisForm {
    List(Vec<Scalar>),
    Range(RangeInclusive<i64>),
    Glob(Spanned<String>),
    Lines(Spanned<String>),
}

#[derive(Deserialize)]
enum AxisSource {
    Glob(Spanned<String>),
    Lines(Spanned<String>),
}

impl<'de> Deserialize<'de> for Axis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        let form = match raw.first() {
            Some('[') => AxisForm::List(raw.parse()?),
            Some('0'..='9' | '-' | '+') => AxisForm::Range(range(raw)?),
            Some('G' | 'L') => match raw.parse()? {
                AxisSource::Glob(pattern) => AxisForm::Glob(pattern),
                AxisSource::Lines(file) => AxisForm::Lines(file),
            },
            _ => return Err(raw.refuse("the values of an axis")),
        };
        Ok(Self { form, place: raw.place() })
    }
}

fn range<E: serde::de::Error>(raw: Raw<'_>) -> Result<RangeInclusive<i64>, E> {
    if raw.text.contains("..=") {
        return raw.parse();
    }
    let Range { start, end }: Range<i64> = raw.parse()?;
    // An empty range may not be written as an inclusive one at the smallest number.
    Ok(end.checked_sub(1).map_or(RangeInclusive::new(1, 0), |last| start..=last))
}

/// `preset: ...`, and where it stands.
#[derive(Debug)]
pub(crate) struct PresetChoice {
    pub(crate) form: PresetForm,
    pub(crate) place: Place,
}

/// How a preset is named.
#[derive(Debug)]
pub(crate) enum PresetForm {
    Name(String),
    ProVerif(ProVerifOptions),
    File(Spanned<String>),
}

/// `ProVerif(...)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProVerifOptions {
    pub(crate) early_stop: EarlyStop,
    pub(crate) fast: bool,
}

#[derive(Deserialize)]
enum PresetWord {
    ProVerif(ProVerifOptions),
    File(Spanned<String>),
}

impl<'de> Deserialize<'de> for PresetChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        let form = match raw.first() {
            Some('"' | 'r') => PresetForm::Name(raw.parse()?),
            _ if is_word(raw.text, "ProVerif") => PresetForm::ProVerif(ProVerifOptions::default()),
            Some(c) if c.is_alphabetic() => match raw.parse()? {
                PresetWord::ProVerif(options) => PresetForm::ProVerif(options),
                PresetWord::File(path) => PresetForm::File(path),
            },
            _ => {
                return Err(
                    raw.refuse(r#"a preset: a name such as "smt", ProVerif(...) or File("mine.ron")"#)
                );
            }
        };
        Ok(Self { form, place: raw.place() })
    }
}

/// Whether nothing but this word is there.
pub(super) fn is_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| skip_trivia(rest).is_empty())
}

/// `expect: ...` of a whole job.
#[derive(Debug)]
pub(crate) enum Expect {
    Word(Spanned<String>),
    Patterns(Entries<Expected>),
    /// What the models of a study say of themselves.
    FromModels(Place),
}

/// What is expected of the queries that a pattern names.
#[derive(Debug)]
pub(crate) enum Expected {
    Word(Spanned<String>),
    /// That it is reachable.
    Sanity(Place),
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        match raw.first() {
            Some('"' | 'r') => Ok(Self::Word(Spanned { value: raw.parse()?, place: raw.place() })),
            _ if is_word(raw.text, "Sanity") => Ok(Self::Sanity(raw.place())),
            _ => Err(raw.refuse("a verdict in quotes, or Sanity")),
        }
    }
}

impl<'de> Deserialize<'de> for Expect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        match raw.first() {
            Some('{') => raw.parse().map(Self::Patterns),
            Some('"' | 'r') => raw.parse().map(Self::Word),
            _ if is_word(raw.text, "FromModels") => Ok(Self::FromModels(raw.place())),
            _ => Err(raw.refuse("a verdict in quotes, or a map from patterns of ids to verdicts")),
        }
    }
}

/// `inputs: ...`.
#[derive(Debug)]
pub(crate) struct InputList {
    /// Nothing but these.
    pub(crate) only: bool,
    pub(crate) files: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
enum OnlyInputs {
    Only(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for InputList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        match raw.first() {
            Some('[') => Ok(Self { only: false, files: raw.parse()? }),
            Some('O') => raw.parse().map(|OnlyInputs::Only(files)| Self { only: true, files }),
            _ => Err(raw.refuse("a list of files, or Only([...])")),
        }
    }
}

/// `logs: ...`.
#[derive(Debug, Deserialize)]
pub(crate) enum Logs {
    Keep,
    Tail(Scalar),
    Ends(Scalar),
    Drop,
}

/// `stop: ...` of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    No,
    Term,
    Kill,
}

#[derive(Deserialize)]
enum StopWord {
    Term,
    Kill,
}

impl<'de> Deserialize<'de> for Stop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        match raw.first() {
            Some('t' | 'f') => raw.parse().map(|stop| if stop { Self::Term } else { Self::No }),
            Some('T' | 'K') => raw.parse().map(|word| match word {
                StopWord::Term => Self::Term,
                StopWord::Kill => Self::Kill,
            }),
            _ => Err(raw.refuse("true, false or Kill")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spanned::read;

    fn scalar(text: &str) -> ScalarValue {
        read::<Scalar>(text).unwrap().value
    }

    #[test]
    fn scalars_keep_their_kind() {
        assert_eq!(scalar("\"1\""), ScalarValue::Text("1".into()));
        assert_eq!(scalar("r#\"a\"b\"#"), ScalarValue::Text("a\"b".into()));
        assert_eq!(scalar("1_000"), ScalarValue::Integer(1000));
        assert_eq!(scalar("0xE"), ScalarValue::Integer(14));
        assert_eq!(scalar("-5 // e.\n"), ScalarValue::Integer(-5));
        assert_eq!(scalar("0.10").to_string(), "0.1");
        assert_eq!(scalar("1e3"), ScalarValue::Real(1000.0));
        for text in ["[1]", "NaN", "inf", "Word", "true", "1e999", "()", "99999999999999999999"] {
            assert!(read::<Scalar>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn axes_are_lists_ranges_or_sources() {
        let form = |text| read::<Axis>(text).map(|axis| axis.form);
        assert!(matches!(form("1..9"), Ok(AxisForm::Range(range)) if range == (1..=8)));
        assert!(matches!(form("1..=9 // all\n"), Ok(AxisForm::Range(range)) if range == (1..=9)));
        assert!(matches!(form("-3..3"), Ok(AxisForm::Range(range)) if range == (-3..=2)));
        assert!(matches!(form("[1, \"a\"]"), Ok(AxisForm::List(list)) if list.len() == 2));
        assert!(matches!(form("Glob(\"*.pv\")"), Ok(AxisForm::Glob(glob)) if glob.value == "*.pv"));
        assert!(matches!(form("Lines(\"hosts\")"), Ok(AxisForm::Lines(file)) if file.value == "hosts"));
        for text in ["\"x\"", "Globs(\"x\")", "1..", "..2", "5", "1..2..3", "{}"] {
            assert!(form(text).is_err(), "{text}");
        }
    }

    #[test]
    fn maps_keep_their_order_and_refuse_a_key_given_twice() {
        let entries: Entries<Scalar> = read("{\"b\": 1, \"a\": 2}").unwrap();
        assert_eq!(entries.0.iter().map(|(key, _)| &*key.value).collect::<Vec<_>>(), ["b", "a"]);
        let text = "{\"b\": 1, \"a\": 2, \"b\": 3}";
        let fault = read::<Entries<Scalar>>(text).unwrap_err();
        assert_eq!(fault.place.line_column(text), (1, 18));
        assert_eq!(fault.what.to_string(), "the key `b` is given twice");
    }

    #[test]
    fn a_preset_has_a_name_or_options() {
        let form = |text| read::<PresetChoice>(text).unwrap().form;
        assert!(matches!(form("\"smt\""), PresetForm::Name(name) if name == "smt"));
        assert!(matches!(form("ProVerif /* all off */"), PresetForm::ProVerif(options) if !options.fast));
        assert!(matches!(form("ProVerif()"), PresetForm::ProVerif(options) if !options.fast));
        assert!(matches!(form("ProVerif(fast: true)"), PresetForm::ProVerif(options) if options.fast));
        assert!(matches!(form("File(\"mine.ron\")"), PresetForm::File(path) if path.value == "mine.ron"));
    }
}
