//! `passes: [...]` as it is written.

use provisor_core::plan::Only;
use serde::{Deserialize, Deserializer};

use super::values::is_word;
use super::{Entries, Scalar};
use crate::spanned::{Place, Raw, Spanned};

/// What a pass may say; its limits go before all others.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PassFields {
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) only: Option<Spanned<Only>>,
    pub(crate) vars: Option<Entries<Scalar>>,
    pub(crate) wall: Option<Scalar>,
    pub(crate) silence: Option<Scalar>,
    pub(crate) cpu: Option<Scalar>,
    pub(crate) memory: Option<Scalar>,
    pub(crate) output: Option<Scalar>,
    pub(crate) processes: Option<Scalar>,
}

/// One of `passes`, and where it stands.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) kind: PassKind,
    pub(crate) fields: PassFields,
    pub(crate) place: Place,
}

/// What effort is made in a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassKind {
    Fast,
    Full,
}

#[derive(Deserialize)]
enum PassWord {
    Fast(PassFields),
    Full(PassFields),
}

impl<'de> Deserialize<'de> for Pass {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        let (kind, fields) = match raw.first() {
            _ if is_word(raw.text, "Fast") => (PassKind::Fast, PassFields::default()),
            _ if is_word(raw.text, "Full") => (PassKind::Full, PassFields::default()),
            Some('F') => match raw.parse()? {
                PassWord::Fast(fields) => (PassKind::Fast, fields),
                PassWord::Full(fields) => (PassKind::Full, fields),
            },
            _ => return Err(raw.refuse("a pass: Fast(...) or Full(...)")),
        };
        Ok(Self { kind, fields, place: raw.place() })
    }
}
