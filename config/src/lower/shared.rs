//! What many queries have in common, kept once: a hundred thousand of them have to stay small.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use provisor_core::health::Probe;
use provisor_core::plan::{Environment, Inputs, Judging, Retry};
use provisor_core::proverif::ProVerif;
use provisor_core::rules::Rule;
use provisor_core::tool::Tool;
use provisor_core::verdict::Preset;

/// Values of one type, each kept once.
pub(super) struct Pool<T>(HashSet<Arc<T>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(HashSet::new())
    }
}

impl<T: Hash + Eq> Pool<T> {
    pub(super) fn share(&mut self, value: T) -> Arc<T> {
        if let Some(known) = self.0.get(&value) {
            return known.clone();
        }
        let value = Arc::new(value);
        self.0.insert(value.clone());
        value
    }
}

/// All that is shared.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) env: Pool<Environment>,
    pub(super) retry: Pool<Retry>,
    pub(super) inputs: Pool<Inputs>,
    pub(super) probes: Pool<Probe>,
    paths: HashSet<Arc<Path>>,
    texts: HashSet<Arc<str>>,
    /// Readings as a sanity check has them, by those that they are made from, which are held here as well.
    sanity: HashMap<*const Judging, (Arc<Judging>, Arc<Judging>)>,
    /// Rules and tools are known by where they stand: they are held here, so that no other can take their place.
    judging: HashMap<JudgingKey, (Rc<Vec<Rule>>, Arc<Judging>)>,
}

type JudgingKey = (*const Vec<Rule>, PresetKey);

/// A preset by what it says, or by where it stands where that is long.
#[derive(PartialEq, Eq, Hash)]
enum PresetKey {
    Tool(*const Tool),
    Other(Option<Preset>),
}

impl PresetKey {
    fn of(preset: Option<&Preset>) -> Self {
        match preset {
            Some(Preset::Tool(tool)) => Self::Tool(Arc::as_ptr(tool)),
            other => Self::Other(other.cloned()),
        }
    }
}

impl Shared {
    pub(super) fn path(&mut self, path: &Path) -> Arc<Path> {
        if let Some(known) = self.paths.get(path) {
            return known.clone();
        }
        let path: Arc<Path> = path.into();
        self.paths.insert(path.clone());
        path
    }

    pub(super) fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let text: Arc<str> = text.into();
        self.texts.insert(text.clone());
        text
    }

    /// The same reading for a check that something can be reached; `None` where the tool is not ProVerif.
    pub(super) fn for_sanity(&mut self, judging: &Arc<Judging>) -> Option<Arc<Judging>> {
        let Some(Preset::ProVerif(reading)) = judging.preset else { return None };
        let make = || {
            let preset = Some(Preset::ProVerif(ProVerif { sanity: true, ..reading }));
            let for_sanity = Arc::new(Judging { rules: judging.rules.clone(), preset });
            (Arc::clone(judging), for_sanity)
        };
        Some(self.sanity.entry(Arc::as_ptr(judging)).or_insert_with(make).1.clone())
    }

    pub(super) fn judging(&mut self, rules: Rc<Vec<Rule>>, preset: Option<Preset>) -> Arc<Judging> {
        let key = (Rc::as_ptr(&rules), PresetKey::of(preset.as_ref()));
        let make = || {
            let judging = Arc::new(Judging { rules: rules.to_vec(), preset });
            (rules.clone(), judging)
        };
        self.judging.entry(key).or_insert_with(make).1.clone()
    }
}
