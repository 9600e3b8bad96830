//! ProVerif: what it prints (`output`), what its models say about themselves (`model`, `source`), and how one is
//! divided into parts that each ask one thing (`split`).

pub mod ask;
pub mod expect;
pub(crate) mod grammar;
mod lexer;
pub mod model;
pub(crate) mod output;
pub mod source;
pub mod split;
mod statement;

use serde::{Deserialize, Serialize};

/// When a ProVerif run may be ended before its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EarlyStop {
    /// Never.
    #[default]
    Off,
    /// At `goal reachable`, for reachability checks (`not ...` queries): the verdict is `reachable`.
    OnGoalReachable,
    /// At the first refuting goal (needs `-set verboseGoalReachable false`): the verdict is `not proved`.
    OnRefutingGoal,
}

/// How one ProVerif run is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProVerif {
    /// Already `Off` where the model has more than one thing to prove or an equivalence.
    pub early_stop: EarlyStop,
    /// How many lemmas the model and its libraries declare: their results come first and are not the query's own.
    pub lemmas: u32,
    /// It asks whether something can be reached at all, and hopes so: `false` is `reachable`, `true` is `unreachable` and
    /// bad.
    pub sanity: bool,
    /// A setting because of which an attack shows as `cannot be proved`.
    pub weakened: Option<Weakened>,
    /// It asks one declaration: where its results differ the verdict is the worst of them, and not `mixed`.
    pub worst: bool,
}

/// A setting that makes `cannot be proved` of what would be `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Weakened {
    /// `reconstructTrace = false`: no attack is searched for.
    Trace,
    /// `reconstructDerivation = false`: nor is the derivation that leads to it.
    Derivation,
}

impl Weakened {
    /// The setting's name.
    #[must_use]
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Trace => "reconstructTrace",
            Self::Derivation => "reconstructDerivation",
        }
    }

    /// Whether a setting does that. Checked against ProVerif 2.05, which takes 0 for `false` there.
    #[must_use]
    pub fn by(setting: &str, value: &str) -> Option<Self> {
        let is_off = matches!(value, "false" | "no" | "0");
        [Self::Trace, Self::Derivation].into_iter().find(|one| is_off && one.setting() == setting)
    }
}
