//! What a part has as it is, because it is not in the model's own text: libraries, and what macros stand for.

use std::collections::{BTreeMap, BTreeSet};

use super::item::{Item, Items};
use super::{Kept, Lemmas, Origin, Whole};
use crate::proverif::lexer::Token;
use crate::proverif::source::{Declaration, Kind, Source};
use crate::proverif::statement::{Body, Subject};

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Fixed<'t> {
    whole: Option<Whole>,
    assumed: Vec<Assumed<'t>>,
    /// The macros of which that is known.
    expanded: BTreeSet<&'t [u8]>,
}

/// A lemma, an axiom or a restriction.
#[derive(Debug)]
struct Assumed<'t> {
    kind: Kind,
    /// Where it begins, or where its macro is expanded.
    line: u32,
    origin: Origin,
    subjects: Vec<Subject<'t>>,
}

/// The macros that can be expanded, and the text in which each stands.
type Macros<'s, 't> = BTreeMap<&'t [u8], (&'s Source<'t>, usize)>;

impl<'t> Fixed<'t> {
    pub(super) fn of<'s>(model: &'s Source<'t>, libraries: &'s [Source<'t>]) -> Self {
        let mut fixed = Self::default();
        let mut macros = Macros::new();
        let texts = libraries.iter().enumerate().map(|(place, library)| (Origin::Library(place), library));
        for (origin, source) in texts.chain([(Origin::Model, model)]) {
            for (place, declaration) in source.outer() {
                match declaration.kind {
                    Kind::Def => {
                        if let Some(name) = name(source, declaration) {
                            macros.entry(name).or_insert((source, place));
                        }
                    }
                    Kind::Expand => fixed.expand(source, declaration, origin, &macros),
                    _ if origin != Origin::Model => fixed.take(source, declaration, declaration.line, origin),
                    _ => {}
                }
            }
        }
        fixed
    }

    /// Takes what a library declares, or a macro.
    fn take(&mut self, source: &Source<'t>, declaration: &Declaration<'t>, line: u32, origin: Origin) {
        let kind = declaration.kind;
        if let Origin::Library(library) = origin
            && kind.is_query()
        {
            self.whole.get_or_insert(Whole::QueryInLibrary { library, line });
        }
        if kind.is_assumed() {
            let body = Body::read(kind, source.tokens(declaration));
            let subjects = body.subjects().cloned().collect();
            self.assumed.push(Assumed { kind, line, origin, subjects });
        }
    }

    /// Takes what a macro stands for, with the macros that are expanded in it: once, however often it is expanded, for
    /// it counts for the same queries each time.
    fn expand(
        &mut self,
        source: &Source<'t>,
        declaration: &Declaration<'t>,
        origin: Origin,
        macros: &Macros<'_, 't>,
    ) {
        let mut waiting: Vec<_> = name(source, declaration).into_iter().collect();
        while let Some(macro_name) = waiting.pop() {
            let Some((source, place)) = macros.get(macro_name) else { continue };
            if !self.expanded.insert(macro_name) {
                continue;
            }
            let inner = source.declarations.iter().skip(place + 1);
            for inner in inner.take_while(|inner| inner.within == Some(*place)) {
                let keyword = inner.kind.keyword();
                if inner.kind.is_asked() {
                    let line = declaration.line;
                    self.whole.get_or_insert(Whole::AskedInMacro { line, origin, keyword });
                } else if inner.kind == Kind::Expand {
                    waiting.extend(name(source, inner));
                } else {
                    self.take(source, inner, declaration.line, origin);
                }
            }
        }
    }

    /// Why the model cannot be divided, whatever it asks.
    pub(super) fn whole(&self) -> Option<Whole> {
        self.whole.clone()
    }

    /// Whether all that is assumed here counts for what this item asks: ProVerif takes what counts for no query for an
    /// error.
    pub(super) fn fits(&self, item: &Item<'_, '_>) -> Result<(), Whole> {
        let is_fit = |subject: &Subject<'_>| item.body.subjects().any(|asked| asked == subject);
        match self.assumed.iter().find(|assumed| !assumed.subjects.iter().all(is_fit)) {
            None => Ok(()),
            Some(Assumed { kind, line, origin, .. }) => {
                Err(Whole::FixedForSome { line: *line, origin: *origin, keyword: kind.keyword() })
            }
        }
    }

    /// How many results of lemmas come with each part.
    pub(super) fn lemmas(&self) -> u32 {
        let lemmas = self.assumed.iter().filter(|assumed| assumed.kind == Kind::Lemma);
        u32::try_from(lemmas.map(|lemma| lemma.subjects.len()).sum::<usize>()).unwrap_or(u32::MAX)
    }

    /// The lemmas among it.
    pub(super) fn kept(&self) -> impl Iterator<Item = Kept> {
        self.assumed.iter().filter_map(|assumed| match (assumed.kind, assumed.origin) {
            (Kind::Lemma, Origin::Library(library)) => Some(Kept::InLibrary { library, line: assumed.line }),
            _ => None,
        })
    }
}

/// The name that follows the keyword.
fn name<'t>(source: &Source<'t>, declaration: &Declaration<'t>) -> Option<&'t [u8]> {
    match source.tokens(declaration).nth(1)?.token {
        Token::Word(name) => Some(name),
        _ => None,
    }
}

/// What is taken for granted, without comments and layout, a declaration a line. What macros stand for is not looked up:
/// a macro that assumes something counts with its text, and so does each expansion.
pub(super) fn assumptions(libraries: &[Source<'_>], items: &Items<'_, '_>, lemmas: Lemmas) -> Box<[u8]> {
    let mut text = Vec::new();
    let mut add = |source: &Source<'_>, declaration: &Declaration<'_>| {
        for lexeme in source.tokens(declaration) {
            text.extend_from_slice(&source.text[lexeme.at]);
            text.push(b' ');
        }
        text.push(b'\n');
    };
    let sources = || libraries.iter().chain([items.model]);
    let in_macro =
        |declaration: &Declaration<'_>| declaration.within.is_some() && declaration.kind.is_assumed();
    let do_macros_assume = sources().any(|source| source.declarations.iter().any(in_macro));
    for source in sources() {
        let assumes = |place: usize| {
            let inner = source.declarations.iter().skip(place + 1);
            inner.take_while(|inner| inner.within == Some(place)).any(in_macro)
        };
        for (place, declaration) in source.outer() {
            match declaration.kind {
                Kind::Axiom | Kind::Restriction => add(source, declaration),
                Kind::Def if assumes(place) => add(source, declaration),
                Kind::Expand if do_macros_assume => add(source, declaration),
                _ => {}
            }
        }
    }
    if lemmas == Lemmas::AsAxioms {
        items.iter().filter(|item| item.may_be_axiom()).for_each(|item| add(item.source, item.declaration));
    }
    text.into()
}
