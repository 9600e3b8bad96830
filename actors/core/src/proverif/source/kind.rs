//! The kinds of declarations, by the keyword that each begins with.

use super::Token;

/// What a declaration declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is its keyword, as ProVerif's manual explains it")]
pub enum Kind {
    Query,
    WeakSecret,
    NonInterf,
    Lemma,
    Axiom,
    Restriction,
    Not,
    /// `nounif`, `noselect` and `select`.
    Select,
    Set,
    Type,
    Free,
    Const,
    Channel,
    Fun,
    Reduc,
    Equation,
    Pred,
    Table,
    Event,
    Let,
    LetFun,
    Clauses,
    ElimTrue,
    Def,
    Expand,
    Proof,
    Param,
    Proba,
    LetProba,
    Implementation,
}

const KEYWORDS: [(&str, Kind); 32] = [
    ("query", Kind::Query),
    ("weaksecret", Kind::WeakSecret),
    ("noninterf", Kind::NonInterf),
    ("lemma", Kind::Lemma),
    ("axiom", Kind::Axiom),
    ("restriction", Kind::Restriction),
    ("not", Kind::Not),
    ("nounif", Kind::Select),
    ("noselect", Kind::Select),
    ("select", Kind::Select),
    ("set", Kind::Set),
    ("type", Kind::Type),
    ("free", Kind::Free),
    ("const", Kind::Const),
    ("channel", Kind::Channel),
    ("fun", Kind::Fun),
    ("reduc", Kind::Reduc),
    ("equation", Kind::Equation),
    ("pred", Kind::Pred),
    ("table", Kind::Table),
    ("event", Kind::Event),
    ("let", Kind::Let),
    ("letfun", Kind::LetFun),
    ("clauses", Kind::Clauses),
    ("elimtrue", Kind::ElimTrue),
    ("def", Kind::Def),
    ("expand", Kind::Expand),
    ("proof", Kind::Proof),
    ("param", Kind::Param),
    ("proba", Kind::Proba),
    ("letproba", Kind::LetProba),
    ("implementation", Kind::Implementation),
];

impl Kind {
    pub(super) fn begun_by(token: Token<'_>) -> Option<Self> {
        KEYWORDS.iter().find(|(keyword, _)| token.is(keyword)).map(|(_, kind)| *kind)
    }

    /// What it begins with; one of the words where there are more.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        KEYWORDS.iter().find(|(_, kind)| *kind == self).map_or("", |(keyword, _)| keyword)
    }

    /// Whether it asks something by itself; lemmas do not.
    #[must_use]
    pub const fn is_query(self) -> bool {
        matches!(self, Self::Query | Self::WeakSecret | Self::NonInterf)
    }

    /// Whether something is to be proved: a query or a lemma.
    #[must_use]
    pub const fn is_asked(self) -> bool {
        self.is_query() || matches!(self, Self::Lemma)
    }

    /// Whether proofs rest on it: a lemma, an axiom or a restriction.
    #[must_use]
    pub const fn is_assumed(self) -> bool {
        matches!(self, Self::Lemma | Self::Axiom | Self::Restriction)
    }

    /// Whether `choice` in it makes the process one of two: in queries and what is like them it does not.
    pub(super) const fn may_hold_choice(self) -> bool {
        !matches!(
            self,
            Self::Query
                | Self::Lemma
                | Self::Axiom
                | Self::Restriction
                | Self::Not
                | Self::Select
                | Self::Proof
        )
    }
}

/// Whether this word begins a declaration or the main part and stands nowhere else.
pub(super) fn only_begins(token: Token<'_>) -> bool {
    let Token::Word(word) = token else { return false };
    matches!(
        word,
        b"query"
            | b"weaksecret"
            | b"noninterf"
            | b"lemma"
            | b"axiom"
            | b"restriction"
            | b"nounif"
            | b"noselect"
            | b"select"
            | b"free"
            | b"equation"
            | b"letfun"
            | b"clauses"
            | b"elimtrue"
            | b"def"
            | b"expand"
            | b"proof"
            | b"param"
            | b"proba"
            | b"letproba"
            | b"implementation"
            | b"process"
            | b"equivalence"
    )
}
