//! Why a model is not divided, or not further.

use thiserror::Error;

use super::Origin;

/// Why a model is run whole.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Whole {
    /// Neither query nor lemma.
    #[error("nothing is asked: there is neither a query nor a lemma")]
    NothingAsked,
    /// More than anybody writes.
    #[error("it asks {parts} things, more than are divided")]
    TooMany {
        /// How many.
        parts: usize,
    },
    /// A library is given to ProVerif as it is, so that each part would ask its queries too.
    #[error("the query in line {line} of a library would be asked with each other one")]
    QueryInLibrary {
        /// Which library, by its place.
        library: usize,
        /// Where the query begins.
        line: u32,
    },
    /// A macro stands for declarations whose text is not there to be blanked.
    #[error("line {line} expands a macro that holds a `{keyword}`")]
    AskedInMacro {
        /// Where the macro is expanded.
        line: u32,
        /// In which text that is.
        origin: Origin,
        /// `query`, `weaksecret`, `noninterf` or `lemma`.
        keyword: &'static str,
    },
    /// What counts for some queries only is an error without one of these, and in a library it cannot be blanked.
    #[error("the `{keyword}` in line {line} {} counts for some of the queries only, and is an error without them", place(*origin))]
    FixedForSome {
        /// Where it begins, or where its macro is expanded.
        line: u32,
        /// In which text that is.
        origin: Origin,
        /// `lemma`, `axiom` or `restriction`.
        keyword: &'static str,
    },
    /// ProVerif says so, and should.
    #[error("the `{keyword}` in line {line} counts for no query, which is an error")]
    ForNone {
        /// Where it begins.
        line: u32,
        /// In which text that is.
        origin: Origin,
        /// `lemma`, `axiom` or `restriction`.
        keyword: &'static str,
    },
}

const fn place(origin: Origin) -> &'static str {
    match origin {
        Origin::Model => "of the model",
        Origin::Asked => "of the queries",
        Origin::Library(_) => "of a library",
    }
}

impl Whole {
    /// In which text it lies.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        match self {
            Self::NothingAsked | Self::TooMany { .. } => Origin::Model,
            Self::QueryInLibrary { library, .. } => Origin::Library(*library),
            Self::AskedInMacro { origin, .. }
            | Self::FixedForSome { origin, .. }
            | Self::ForNone { origin, .. } => *origin,
        }
    }

    /// In which line of that text.
    #[must_use]
    pub const fn line(&self) -> Option<u32> {
        match self {
            Self::NothingAsked | Self::TooMany { .. } => None,
            Self::QueryInLibrary { line, .. }
            | Self::AskedInMacro { line, .. }
            | Self::FixedForSome { line, .. }
            | Self::ForNone { line, .. } => Some(*line),
        }
    }
}

/// A lemma that is no part of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Kept {
    /// It speaks of the process that a query for indistinguishability from random makes, and of no other.
    #[error("the lemma in line {line} is proved with its query only, of whose own process it speaks")]
    ForRandom {
        /// Where it begins.
        line: u32,
        /// In which text that is.
        origin: Origin,
    },
    /// A library is given to ProVerif as it is.
    #[error("the lemma in line {line} of a library is proved with each query")]
    InLibrary {
        /// Which library, by its place.
        library: usize,
        /// Where it begins.
        line: u32,
    },
}

/// Why nothing can be put into a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// ProVerif proves an equivalence or queries, and never both.
    #[error("the model proves an equivalence (line {line}): nothing else can be asked of it")]
    Equivalence {
        /// Where the first sign of it stands.
        line: u32,
        /// In which text that is.
        origin: Origin,
    },
}
