//! `group`, `groups`, `restart`, `shutdown` and `health` as they are written.

use provisor_core::supervision::{Restart, Strategy};
use serde::{Deserialize, Deserializer};

use super::{Listed, Scalar};
use crate::spanned::{Place, Raw, Spanned};

/// What a group may say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupFields {
    pub(crate) strategy: Option<Strategy>,
    pub(crate) intensity: Option<(u32, Scalar)>,
    pub(crate) shutdown: Option<Shutdown>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) restart: Option<Restart>,
    pub(crate) within: Option<Spanned<String>>,
}

/// `group: ...`, and where it stands.
#[derive(Debug)]
pub(crate) struct GroupChoice {
    pub(crate) form: GroupForm,
    pub(crate) place: Place,
}

/// How a group is given.
#[derive(Debug)]
pub(crate) enum GroupForm {
    /// One of `groups`.
    Name(String),
    /// That of the whole job.
    Fields(Box<GroupFields>),
}

impl<'de> Deserialize<'de> for GroupChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::take(deserializer)?;
        let form = match raw.first() {
            Some('"' | 'r') => GroupForm::Name(raw.parse()?),
            Some('(') => GroupForm::Fields(Box::new(raw.parse()?)),
            _ => return Err(raw.refuse("a group: a name in quotes, or (strategy: ...)")),
        };
        Ok(Self { form, place: raw.place() })
    }
}

/// `shutdown: ...`.
#[derive(Debug, Deserialize)]
pub(crate) enum Shutdown {
    Kill,
    After(Scalar),
    Infinity,
}

/// `backoff: (...)` of a group, and `spare_hosts: (...)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backoff {
    pub(crate) first: Scalar,
    pub(crate) longest: Option<Scalar>,
    pub(crate) jitter: Option<Spanned<f64>>,
}

/// `health: (...)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Health {
    pub(crate) line_every: Option<Scalar>,
    pub(crate) probe: Option<Listed<Spanned<String>>>,
    pub(crate) every: Option<Scalar>,
    pub(crate) within: Option<Scalar>,
    pub(crate) failures: Option<Spanned<u32>>,
}
