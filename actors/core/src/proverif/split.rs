//! Divides a model into parts that each ask one thing, as edits on its text: everything else that it asks is blanked.
//!
//! Before its main part every byte of a model stays where it is, and every line keeps its number: declarations are
//! blanked, keywords become others of the same length, and what is put in is put in just before `process`. A declaration
//! is never divided: its statements may rest on each other by induction, and share what they are proved from. What cannot
//! be divided without changing what it means is left whole, with the reason. Must never write a file or know its name.

mod edit;
mod fixed;
mod item;
mod lemma;
mod name;
mod reason;

use std::collections::BTreeMap;
use std::ops::Range;

pub use self::edit::{BadSetting, Edit, Put, settings};
use self::fixed::Fixed;
use self::item::{Form, Items};
pub use self::reason::{Kept, Refusal, Whole};
use super::lexer::{Lexer, Token};
use super::model::{self, Facts};
use super::source::{Kind, Source, TagKind};
use super::statement::Subject;

/// So many parts are divided from one model; what is more is no model that somebody wrote, and the edits would add up.
const MOST: usize = 1000;

/// What is asked of a model.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'s, 't> {
    /// What it asks itself.
    InModel,
    /// What stands in this file instead: its declarations are put in before the main part, and the model's own queries
    /// are blanked. Its lemmas come after the model's own.
    Here(&'s Source<'t>),
}

/// What becomes of lemmas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lemmas {
    /// Each is a part of its own; all others prove those that they rest on once more.
    #[default]
    Own,
    /// Each is a part of its own; all others take it for granted and need that part to be `true`.
    AsAxioms,
}

/// A model, divided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Division {
    /// At least one, in the order of their declarations.
    pub parts: Vec<Part>,
    /// Why there is only one, where a model could not be divided.
    pub whole: Option<Whole>,
    /// Lemmas that are no parts, but proved with the queries that rest on them.
    pub kept: Vec<Kept>,
    /// Parts with the name of an earlier one: that one's place and its own.
    pub same_names: Vec<(usize, usize)>,
    /// What is taken for granted in it and its libraries, without comments and layout: equal for two renderings if, and
    /// only if, their axioms and restrictions are the same, and so are the lemmas that are taken for granted.
    pub assumptions: Box<[u8]>,
    /// How many results of lemmas come before those of its parts, where all is asked at once.
    pub(super) before: u32,
}

/// What one run of ProVerif is to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// From a comment, else from its text: ASCII letters, digits and `._-`, the first a letter or a digit.
    pub name: Box<str>,
    /// What it asks.
    pub role: Role,
    /// Where its declaration stands.
    pub origin: Origin,
    /// Its bytes there; none for what is asked as a whole.
    pub at: Range<usize>,
    /// In which line it begins, counted from 1.
    pub line: u32,
    /// What is changed in the model, in the order of its text and without overlaps.
    pub edits: Vec<Edit>,
    /// The parts that must be `true`, by their places, ascending.
    pub needs: Vec<usize>,
    /// How many results of lemmas come with it, as [`super::ProVerif::lemmas`] counts them.
    pub lemmas: u32,
    /// How many results of its own it has.
    pub results: u32,
    /// Whether it is about the process as the model has it.
    pub(super) is_plain: bool,
    /// Whether its truth where an attacker can do more implies its truth where one can do less. Correspondences and
    /// secrecy speak of single traces, and there are only more of them. What compares two processes is not like that: a
    /// leak in both may hide what tells them apart. A lemma is measured wherever it is needed.
    pub is_monotone: bool,
}

/// What a part asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A query.
    Query,
    /// A query that should be false, because what it denies should be possible.
    Sanity,
    /// A lemma, as a query.
    Lemma,
    /// An equivalence: nothing else can be asked of its model.
    Equivalence,
    /// Everything, because the model could not be divided.
    All,
}

/// In which text something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// In the model.
    Model,
    /// In the file of queries.
    Asked,
    /// In a library, by its place.
    Library(usize),
}

/// Divides a model, as far as it can be. What has faults is not divided well, but divided.
///
/// # Errors
/// Where a file of queries asks something of a model that proves an equivalence.
pub fn divide(
    model: &Source<'_>,
    libraries: &[Source<'_>],
    asked: Asked<'_, '_>,
    lemmas: Lemmas,
) -> Result<Division, Refusal> {
    let items = Items::of(model, libraries, asked);
    let fixed = Fixed::of(model, libraries);
    let mut division = if let Some((origin, line)) = equivalence(model, libraries) {
        if matches!(asked, Asked::Here(_)) {
            return Err(Refusal::Equivalence { origin, line });
        }
        let mut part = Part::single("equivalence", Role::Equivalence, line);
        part.lemmas = facts(model, libraries, asked).lemmas;
        Division { parts: vec![part], ..Division::default() }
    } else {
        fixed.whole().map_or_else(|| parts(&items, &fixed, lemmas), Err).unwrap_or_else(|reason| {
            let mut part = all(&items, &facts(model, libraries, asked), &reason);
            part.is_plain = libraries.iter().chain([model]).all(is_plain);
            Division { before: part.lemmas, parts: vec![part], whole: Some(reason), ..Division::default() }
        })
    };
    division.same_names = same_names(&division.parts);
    division.assumptions = fixed::assumptions(libraries, &items, lemmas);
    Ok(division)
}

/// Where the first sign is that an equivalence is to be proved.
fn equivalence(model: &Source<'_>, libraries: &[Source<'_>]) -> Option<(Origin, u32)> {
    let in_model = model.equivalence.map(|line| (Origin::Model, line));
    let of_library =
        |(place, library): (usize, &Source<'_>)| Some((Origin::Library(place), library.equivalence?));
    in_model.or_else(|| libraries.iter().enumerate().find_map(of_library))
}

/// Whether nothing in a text is about another process than that of the model.
fn is_plain(source: &Source<'_>) -> bool {
    let changes =
        |token| matches!(token, Token::Word(b"public_vars" | b"real_or_random" | b"pv_real_or_random"));
    !Lexer::new(source.text).any(|lexeme| changes(lexeme.token))
}

/// All that there is to prove.
fn facts(model: &Source<'_>, libraries: &[Source<'_>], asked: Asked<'_, '_>) -> Facts {
    let mut facts = model::scan(model.text);
    let further = match asked {
        Asked::InModel => None,
        Asked::Here(source) => {
            facts.queries = 0;
            Some(source)
        }
    };
    for source in libraries.iter().chain(further) {
        let more = model::scan(source.text);
        facts.queries = facts.queries.saturating_add(more.queries);
        facts.lemmas = facts.lemmas.saturating_add(more.lemmas);
    }
    facts
}

impl Part {
    fn single(name: &str, role: Role, line: u32) -> Self {
        Self {
            name: name.into(),
            role,
            origin: Origin::Model,
            at: 0..0,
            line,
            edits: Vec::new(),
            needs: Vec::new(),
            lemmas: 0,
            results: 1,
            is_plain: true,
            is_monotone: false,
        }
    }
}

/// Everything at once.
fn all(items: &Items<'_, '_>, facts: &Facts, reason: &Whole) -> Part {
    let mut part = Part::single("all", Role::All, reason.line().unwrap_or(1));
    part.edits = items.edits(|_| &Form::AsItIs);
    part.lemmas = facts.lemmas;
    part.results = facts.queries;
    part
}

/// A part for each query and for each lemma that can be asked alone.
fn parts(items: &Items<'_, '_>, fixed: &Fixed<'_>, lemmas: Lemmas) -> Result<Division, Whole> {
    let asked: Vec<usize> = (0..items.len()).filter(|place| items[*place].is_part()).collect();
    if asked.is_empty() {
        return Err(Whole::NothingAsked);
    }
    if asked.len() > MOST {
        return Err(Whole::TooMany { parts: asked.len() });
    }
    let mut places = vec![None; items.len()];
    asked.iter().enumerate().for_each(|(part, item)| places[*item] = Some(part));
    let mut division = Division::default();
    for place in asked {
        let forms = items.forms(place, lemmas);
        fixed.fits(&items[place])?;
        division.parts.push(part(items, fixed, place, &forms, &places));
    }
    if let Some(reason) = items.for_none() {
        return Err(reason);
    }
    division.before = fixed.lemmas();
    division.kept = items.kept().chain(fixed.kept()).collect();
    Ok(division)
}

/// The part that asks the item at this place.
fn part(
    items: &Items<'_, '_>,
    fixed: &Fixed<'_>,
    place: usize,
    forms: &[Form],
    places: &[Option<usize>],
) -> Part {
    let item = &items[place];
    let kind = item.declaration.kind;
    let tag = item.declaration.tag;
    let role = match tag.map(|tag| tag.kind) {
        _ if kind == Kind::Lemma => Role::Lemma,
        Some(TagKind::Sanity) => Role::Sanity,
        _ => Role::Query,
    };
    let needs = forms.iter().zip(places).filter(|(form, _)| matches!(form, Form::Axiom(_)));
    let proved = forms.iter().enumerate().map(|(place, form)| items[place].proved(form));
    Part {
        name: tag.map_or_else(|| name::derived(kind, &item.body), |tag| tag.name.into()),
        role,
        origin: item.origin,
        at: item.declaration.at.clone(),
        line: item.declaration.line,
        edits: items.edits(|place| &forms[place]),
        needs: needs.filter_map(|(_, part)| *part).collect(),
        lemmas: proved.fold(fixed.lemmas(), u32::saturating_add),
        results: item.body.count(),
        is_plain: item.body.subjects().all(Subject::is_plain),
        is_monotone: kind == Kind::Query && item.body.subjects().all(|subject| subject.random.is_none()),
    }
}

/// Parts with the name of an earlier one.
fn same_names(parts: &[Part]) -> Vec<(usize, usize)> {
    let mut known = BTreeMap::new();
    let mut same = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        match known.get(&part.name) {
            Some(first) => same.push((*first, place)),
            None => {
                known.insert(&part.name, place);
            }
        }
    }
    same
}

#[cfg(test)]
mod tests;
