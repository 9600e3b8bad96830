//! The files that a study names: its models, its libraries, its queries.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use minijinja::Value;

use super::super::recipe::from_folder;
use super::super::{Lowering, Problems, glob};
use super::Model;
use super::render::{Source, text_of};
use crate::fault::{Fault, SourceFile};
use crate::spanned::Place;
use crate::spec::study::{FilesForm, Study};
use crate::template::{File, Point};

impl<'e> Lowering<'e> {
    /// The models in their order; two of the same name are a fault.
    pub(super) fn models(&mut self, study: &'e Study) -> Vec<Model> {
        let paths: Vec<(String, Place)> = match &study.models.form {
            FilesForm::List(list) => list.iter().map(|path| (path.value.clone(), path.place)).collect(),
            FilesForm::Glob(pattern) => {
                let found = self.globbed_files(&pattern.value, pattern.place);
                found.into_iter().map(|path| (path, pattern.place)).collect()
            }
        };
        if paths.is_empty() && !self.problems.any() {
            self.problems.fault(study.models.place, Fault::Empty { of: "models" });
        }
        let mut stems: HashMap<String, String> = HashMap::new();
        let mut models = Vec::new();
        for (path, place) in paths {
            let stem = super::stem(&path);
            if let Some(first) = stems.insert(stem.clone(), path.clone()) {
                self.problems
                    .fault(place, Fault::ModelTwice { name: stem.clone(), first, second: path.clone() });
                continue;
            }
            if let Some(source) = self.source(&path, place) {
                let point = Arc::new(point(&source, &stem, models.len()));
                models.push(Model { source, point });
            }
        }
        models
    }

    pub(super) fn globbed_files(&mut self, pattern: &str, place: Place) -> Vec<String> {
        match glob::paths(pattern, &self.around.folder) {
            Ok(paths) if !paths.is_empty() => return paths,
            Ok(_) => {
                let (glob, folder) = (pattern.to_owned(), self.around.folder.clone());
                self.problems.fault(place, Fault::GlobWithoutMatch { glob, folder });
            }
            Err(fault) => self.problems.fault(place, fault),
        }
        Vec::new()
    }

    /// A file that the spec names.
    pub(super) fn source(&mut self, shown: &str, place: Place) -> Option<Source> {
        let path = from_folder(&self.around.folder, shown);
        match std::fs::read(&path) {
            Ok(bytes) => Some(Source { shown: shown.into(), path, bytes: bytes.into() }),
            Err(source) => {
                self.problems.fault(place, Fault::Unreadable { path, source: source.into() });
                None
            }
        }
    }
}

fn point(source: &Source, stem: &str, index: usize) -> Point {
    let name = source.shown.file_name().unwrap_or_default().to_string_lossy();
    let absolute: Arc<str> = source.path.to_string_lossy().into();
    let file = File { absolute, stem: stem.into(), name: (*name).into() };
    Point::new(Value::from(stem), index, Some(file))
}

/// A text with the name under which its faults are told.
pub(super) struct Text<'t> {
    pub(super) shown: &'t Path,
    pub(super) bytes: &'t [u8],
}

impl Problems {
    /// A fault in a text that is no spec, at a line and a column in bytes, both counted from 1.
    pub(super) fn fault_at(&mut self, text: &Text<'_>, at: (u32, u32), fault: Fault) {
        let (place, file) = located(text, at);
        self.within(&file, |problems| problems.fault(place, fault));
    }

    /// A fault of two places in one text.
    pub(super) fn fault_at_two(
        &mut self,
        text: &Text<'_>,
        at: (u32, u32),
        (other, what): ((u32, u32), &'static str),
        fault: Fault,
    ) {
        let ((place, file), (other, _)) = (located(text, at), located(text, other));
        self.within(&file, |problems| problems.fault_of_two(place, (other, what), fault));
    }

    /// What looks wrong at a line of a text.
    pub(super) fn warn_at(&mut self, text: &Text<'_>, line: u32, fault: Fault) {
        let (place, file) = located(text, (line, 1));
        self.within(&file, |problems| problems.warn(place, fault));
    }
}

/// Lines end as they do for ProVerif: with `\n`, `\r` or `\r\n`.
fn located(text: &Text<'_>, (line, column): (u32, u32)) -> (Place, Arc<SourceFile>) {
    let mut start = 0;
    for _ in 1..line {
        let rest = &text.bytes[start..];
        let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else { break };
        let is_double = rest[end] == b'\r' && rest.get(end + 1) == Some(&b'\n');
        start += end + 1 + usize::from(is_double);
    }
    let rest = &text.bytes[start..];
    let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
    let column = (column.saturating_sub(1) as usize).min(end);
    let shown = text_of(text.bytes);
    // Its bytes may be others when it is shown: latin-1 becomes UTF-8.
    let is_utf8 = shown.len() == text.bytes.len();
    let length = |bytes: &[u8]| {
        if is_utf8 { bytes.len() } else { bytes.iter().map(|byte| char::from(*byte).len_utf8()).sum() }
    };
    let from = length(&text.bytes[..start + column]);
    let place = Place { start: from, end: from + length(rest[column..end].trim_ascii_end()) };
    (place, Arc::new(SourceFile { path: text.shown.into(), text: shown.into() }))
}
