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
}
