//! The declarations of a model that ask or assume something, and the form that each has in a part.

use std::collections::BTreeSet;
use std::ops::{Deref, Range};

use super::edit::{self, Edit, Put};
use super::lemma::{self, Induction};
use super::{Asked, Kept, Lemmas, Origin, Whole};
use crate::proverif::lexer::{Lexer, Token};
use crate::proverif::source::{Declaration, Kind, Source};
use crate::proverif::statement::{Body, Statement};

/// A declaration that asks or assumes something.
#[derive(Debug)]
pub(super) struct Item<'s, 't> {
    pub(super) source: &'s Source<'t>,
    pub(super) declaration: &'s Declaration<'t>,
    pub(super) origin: Origin,
    pub(super) body: Body<'t>,
}

/// How a declaration stands in a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Absent,
    AsItIs,
    /// A lemma as what is asked.
    Query,
    /// A lemma, an axiom or a restriction of which not all statements stay.
    Some(Box<[bool]>),
    /// A lemma that is taken for granted, and which of its statements stay where not all do.
    Axiom(Option<Box<[bool]>>),
}

/// All of them, those of the model first.
#[derive(Debug)]
pub(super) struct Items<'s, 't> {
    pub(super) model: &'s Source<'t>,
    items: Vec<Item<'s, 't>>,
    /// The model's own queries, where others are asked.
    unasked: Vec<Range<usize>>,
    induction: Induction,
}

impl<'s, 't> Deref for Items<'s, 't> {
    type Target = [Item<'s, 't>];

    fn deref(&self) -> &Self::Target {
        &self.items
    }
}

impl<'s, 't> Items<'s, 't> {
    pub(super) fn of(model: &'s Source<'t>, libraries: &[Source<'t>], asked: Asked<'s, 't>) -> Self {
        let (mut items, mut unasked) = (Vec::new(), Vec::new());
        let mut take = |source: &'s Source<'t>, origin| {
            for (_, declaration) in source.outer() {
                let kind = declaration.kind;
                if kind.is_query() && origin == Origin::Model && matches!(asked, Asked::Here(_)) {
                    unasked.push(declaration.at.clone());
                } else if kind.is_asked() || kind.is_assumed() {
                    let body = Body::read(kind, source.tokens(declaration));
                    items.push(Item { source, declaration, origin, body });
                }
            }
        };
        take(model, Origin::Model);
        if let Asked::Here(source) = asked {
            take(source, Origin::Asked);
        }
        Self { model, items, unasked, induction: Induction::of(libraries.iter().chain([model])) }
    }

    /// How all of them stand in the part that asks the one at this place.
    pub(super) fn forms(&self, place: usize, lemmas: Lemmas) -> Vec<Form> {
        let asked = &self[place];
        let of = |(other, item): (usize, &Item<'_, '_>)| match item.declaration.kind {
            Kind::Lemma if other == place => Form::Query,
            _ if other == place => Form::AsItIs,
            // It may rest on the one that is asked.
            Kind::Lemma if asked.is_lemma() && other > place => Form::Absent,
            kind if kind.is_query() => Form::Absent,
            _ => item.beside(asked, lemmas),
        };
        self.iter().enumerate().map(of).collect()
    }

    /// The first that counts for nothing that is asked.
    pub(super) fn for_none(&self) -> Option<Whole> {
        let asked: BTreeSet<_> =
            self.iter().filter(|item| item.is_part()).flat_map(|item| item.body.subjects()).collect();
        let is_for_none = |item: &&Item<'_, '_>| {
            let mut subjects = item.body.subjects();
            item.declaration.kind.is_assumed() && subjects.any(|subject| !asked.contains(subject))
        };
        self.iter().find(is_for_none).map(|item| Whole::ForNone {
            line: item.declaration.line,
            origin: item.origin,
            keyword: item.declaration.kind.keyword(),
        })
    }

    /// The lemmas that are no parts.
    pub(super) fn kept(&self) -> impl Iterator<Item = Kept> {
        let kept = self.iter().filter(|item| item.is_lemma() && !item.is_part());
        kept.map(|item| Kept::ForRandom { line: item.declaration.line, origin: item.origin })
    }

    /// What is changed in the model where each of them has this form.
    pub(super) fn edits<'f>(&self, form: impl Fn(usize) -> &'f Form) -> Vec<Edit> {
        let mut edits: Vec<_> = self.unasked.iter().cloned().map(Edit::blank).collect();
        let mut line = Vec::new();
        let mut put_in = |text: &[u8]| {
            line.push(b' ');
            line.extend_from_slice(text);
        };
        for (place, item) in self.iter().enumerate() {
            let change = match form(place) {
                Form::Absent if item.origin == Origin::Asked => continue,
                Form::AsItIs if item.origin == Origin::Model => continue,
                form => item.change(form, self.induction),
            };
            match (item.origin, &change.instead) {
                (_, Some(text)) => put_in(text),
                (Origin::Model, None) => {}
                (_, None) => put_in(&item.in_line(&change.edits)),
            }
            if item.origin == Origin::Model {
                edits.extend(change.edits);
            }
            change.setting.iter().for_each(|setting| put_in(setting.as_bytes()));
        }
        edits.sort_by_key(|edit| edit.at.start);
        if !line.is_empty() {
            let main = self.model.main.map_or(self.model.text.len(), |main| main.start);
            edits.push(Edit { at: main..main, put: Put::Line(line.into()) });
        }
        edits
    }
}

/// What a form changes.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// In the text where the declaration stands.
    pub(super) edits: Vec<Edit>,
    /// Put in before the main part instead of it.
    pub(super) instead: Option<Vec<u8>>,
    /// Put in before the main part with it.
    pub(super) setting: Option<&'static str>,
}

impl<'t> Item<'_, 't> {
    pub(super) fn is_lemma(&self) -> bool {
        self.declaration.kind == Kind::Lemma
    }

    /// Whether it can be asked alone. A lemma about the process of a query for indistinguishability from random cannot:
    /// no other query makes that process.
    pub(super) fn is_part(&self) -> bool {
        let kind = self.declaration.kind;
        let is_plain = || self.body.subjects().all(|subject| subject.random.is_none());
        kind.is_asked() && self.body.count() > 0 && (kind.is_query() || is_plain())
    }

    /// Whether it may be taken for granted when it was proved: where `maxSubset` lets some of its statements fail,
    /// nobody knows which.
    pub(super) fn may_be_axiom(&self) -> bool {
        self.is_lemma() && self.is_part() && !self.body.has_option("maxSubset")
    }

    /// How a lemma, an axiom or a restriction stands where another one is asked: with those of its statements that count
    /// for that one.
    fn beside(&self, asked: &Self, lemmas: Lemmas) -> Form {
        let counts = |statement: &Statement<'t>| {
            statement.subject.as_ref().is_some_and(|own| asked.body.subjects().any(|asked| asked == own))
        };
        let is_axiom = lemmas == Lemmas::AsAxioms && self.may_be_axiom();
        let statements = &self.body.statements;
        match statements.iter().filter(|statement| counts(statement)).count() {
            0 => Form::Absent,
            some if some < statements.len() => {
                let stay = statements.iter().map(counts).collect();
                if is_axiom { Form::Axiom(Some(stay)) } else { Form::Some(stay) }
            }
            _ if is_axiom => Form::Axiom(None),
            _ => Form::AsItIs,
        }
    }

    /// How many results of lemmas come with it.
    pub(super) fn proved(&self, form: &Form) -> u32 {
        match form {
            _ if !self.is_lemma() => 0,
            Form::AsItIs => self.body.count(),
            Form::Some(stay) => {
                u32::try_from(stay.iter().filter(|stays| **stays).count()).unwrap_or(u32::MAX)
            }
            Form::Absent | Form::Query | Form::Axiom(_) => 0,
        }
    }

    /// It in one line, with these changes.
    fn in_line(&self, edits: &[Edit]) -> Vec<u8> {
        let text = edit::changed(self.source.text, self.declaration.at.clone(), edits);
        lemma::joined(Lexer::new(&text), &text)
    }

    fn change(&self, form: &Form, induction: Induction) -> Change {
        let edits = match form {
            Form::AsItIs => Vec::new(),
            Form::Absent => vec![Edit::blank(self.declaration.at.clone())],
            Form::Query => return lemma::as_query(self, induction),
            Form::Some(stay) => self.without(stay),
            Form::Axiom(stay) => {
                lemma::as_axiom(self, stay.as_ref().map_or_else(Vec::new, |stay| self.without(stay)))
            }
        };
        Change { edits, ..Change::default() }
    }

    /// Blanks the statements that do not stay, each with the `;` that is too much then.
    fn without(&self, stay: &[bool]) -> Vec<Edit> {
        let tokens = &self.body.tokens;
        let mut edits = Vec::new();
        // Before the first statement stands nothing, or what declares the variables.
        let mut follows = self.body.statements.first().is_some_and(|first| first.tokens.start > 0);
        for (statement, stays) in self.body.statements.iter().zip(stay) {
            let Range { start, end } = statement.tokens;
            let divider =
                start.checked_sub(1).filter(|_| !*stays || !follows).map(|divider| &tokens[divider]);
            edits.extend(
                divider
                    .filter(|lexeme| lexeme.token == Token::Symbol(b';'))
                    .map(|lexeme| Edit::blank(lexeme.at.clone())),
            );
            if *stays {
                follows = true;
            } else if let [first, ..] = &tokens[start..end] {
                edits.push(Edit::blank(first.at.start..tokens[end - 1].at.end));
            }
        }
        edits
    }
}
