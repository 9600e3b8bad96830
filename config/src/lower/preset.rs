//! From the name of a preset to what the core wants: a file becomes a tool, or every fault of meaning at once, each in
//! the file's own lines.

use std::sync::Arc;

use provisor_core::plan::Reuse;
use provisor_core::tool::{Role, StatedExit, Tool, ToolRule};
use provisor_core::verdict::Counts;

use super::recipe::{Reading, from_folder};
use super::{Lowering, Problems, rules};
use crate::error::StructureError;
use crate::fault::{Fault, SourceFile, near};
use crate::presets::{self, Meant};
use crate::spanned::{self, Place, Spanned, skip_trivia};
use crate::spec::study::Tool as StudyTool;
use crate::spec::{Preset, PresetChoice, PresetForm, PresetReuse, PresetRule, ProVerifOptions};

impl Lowering<'_> {
    /// Where the preset is faulty, a fault says so, and nothing is ever read by what is returned.
    pub(super) fn reading_by(&mut self, preset: &PresetChoice) -> Reading {
        let tool = match &preset.form {
            PresetForm::ProVerif(options) => return Reading::ProVerif(*options),
            PresetForm::Name(name) if name == presets::PROVERIF => {
                return Reading::ProVerif(ProVerifOptions::default());
            }
            PresetForm::Name(name) if name == presets::EXIT_CODE => return Reading::ExitCode,
            PresetForm::Name(name) => self.built_in(name, preset.place),
            PresetForm::File(path) => self.preset_file(path),
        };
        tool.map_or(Reading::ExitCode, Reading::Tool)
    }

    /// How the tool of a study is read where no preset is written.
    pub(super) fn reading_of_study(&mut self) -> Option<Reading> {
        let study = self.job.study.as_ref()?;
        let name = match &study.value.tool.value {
            StudyTool::ProVerif(_) => return Some(Reading::ProVerif(ProVerifOptions::default())),
            StudyTool::Tamarin(_) => "tamarin",
            StudyTool::Verifpal(_) => "verifpal",
            StudyTool::Command(_) => return None,
        };
        self.built_in(name, study.place).map(Reading::Tool)
    }

    fn built_in(&mut self, name: &str, place: Place) -> Option<Arc<Tool>> {
        let Some(file) = presets::built_in(name) else {
            self.problems.fault(place, Fault::UnknownPreset { name: name.into() });
            return None;
        };
        let problems = &mut self.problems;
        let known = self.known_presets.entry(file.path.clone());
        known.or_insert_with(|| read(name, &file, problems).map(|(tool, _)| tool)).clone()
    }

    fn preset_file(&mut self, written: &Spanned<String>) -> Option<Arc<Tool>> {
        let path = from_folder(&self.around.folder, &written.value);
        if let Some(known) = self.known_presets.get(&path) {
            return known.clone();
        }
        let tool = match presets::source(path.clone()) {
            Ok(file) => read(&written.value, &file, &mut self.problems).map(|(tool, _)| tool),
            Err(fault) => {
                self.problems.fault(written.place, fault);
                None
            }
        };
        self.known_presets.insert(path, tool.clone());
        tool
    }
}

/// The preset in a file, under this name.
pub(crate) fn read(name: &str, file: &Arc<SourceFile>, problems: &mut Problems) -> Option<Meant> {
    let (meant, faults) = problems.within(file, |problems| match spanned::read::<Preset>(&file.text) {
        Ok(written) => {
            check_idle(&written, &file.text, problems);
            let about = written.about.as_deref().unwrap_or("a preset of your own").into();
            Some((Arc::new(tool(name, &written, problems)), about))
        }
        Err(fault) => {
            let fault = StructureError(fault);
            let (place, other) = (fault.place(), fault.other());
            let fault = Fault::PresetStructure(Box::new(fault));
            match other {
                Some(other) => problems.fault_of_two(place, other, fault),
                None => problems.fault(place, fault),
            }
            None
        }
    });
    meant.filter(|_| faults == 0)
}

fn check_idle(written: &Preset, text: &str, problems: &mut Problems) {
    let rules = written.rules.as_ref().is_some_and(|rules| !rules.items.is_empty());
    let exits = written.exits.as_ref().is_some_and(|exits| !exits.0.is_empty());
    if !rules && !exits {
        let start = text.len() - skip_trivia(text).len();
        let place = written.rules.as_ref().map_or(Place { start, end: start }, |rules| rules.place);
        problems.fault(place, Fault::IdlePreset);
    }
}

fn tool(name: &str, written: &Preset, problems: &mut Problems) -> Tool {
    let mut known = Known::default();
    for (word, counts) in written.words.iter().flat_map(|words| &words.0) {
        rules::stated(word, problems);
        known.learn(word.value.as_str().into(), *counts, word.place, problems);
    }
    let rules = written.rules.iter().flat_map(|rules| &rules.items);
    let rules = rules.map(|written| rule(written, &mut known, problems)).collect();
    Tool {
        name: name.into(),
        rules,
        adds_up: written.adds_up.unwrap_or_default(),
        exits: exits(written, &known, problems),
        sound_exits: written
            .sound_exits
            .as_ref()
            .map(|codes| codes.iter().map(|code| exit_code(code, problems)).collect()),
        reuse: match written.reuse {
            None | Some(PresetReuse::Conclusive) => Reuse::Conclusive,
            Some(PresetReuse::Unfinished) => Reuse::Unfinished,
        },
    }
}

fn rule(written: &PresetRule, known: &mut Known, problems: &mut Problems) -> ToolRule {
    let fields = written.written();
    let states = fields.verdict.is_some() || fields.capture.is_some();
    let about = written.about.as_ref().map(|about| ("about", about.place));
    let role = written.role.as_ref().map(|role| ("role", role.place));
    let explains = written.explains_exit.as_ref().map(|code| ("explains_exit", code.place));
    for (field, place) in about.into_iter().chain(role).chain(explains).filter(|_| !states) {
        problems.fault(place, Fault::NeedsVerdict { field });
    }
    let rule = ToolRule {
        rule: rules::one(fields, &[("about", written.about.as_ref())], problems),
        about: written.about.as_ref().map(rules::number),
        role: written.role.as_ref().map(|role| role.value).unwrap_or_default(),
        explains_exit: written.explains_exit.as_ref().map(|code| exit_code(code, problems)),
    };
    let place = fields.verdict.map(|verdict| verdict.place).or(fields.capture.map(|capture| capture.place));
    // What an aside counts as is of no consequence.
    if let (Some(place), Role::Result | Role::Doubt | Role::Failure) = (place, rule.role) {
        for word in rule.words() {
            known.learn_any(word.verdict, word.counts, place, problems);
        }
    }
    rule
}

fn exits(written: &Preset, known: &Known, problems: &mut Problems) -> Vec<StatedExit> {
    let mut exits = Vec::new();
    for (code, word) in written.exits.iter().flat_map(|exits| &exits.0) {
        let code = exit_code(code, problems);
        match known.counts(&word.value) {
            Some(counts) => exits.push(StatedExit { code, verdict: word.value.as_str().into(), counts }),
            None => {
                let hint = known.hint(&word.value);
                problems.fault(word.place, Fault::UnknownWord { word: word.value.clone(), hint });
            }
        }
    }
    exits
}

/// A code that a process can exit with.
fn exit_code(code: &Spanned<i64>, problems: &mut Problems) -> i32 {
    match i32::try_from(code.value) {
        Ok(number @ 0..=255) => number,
        _ => {
            problems.fault(code.place, Fault::PresetExit { code: code.value });
            0
        }
    }
}

/// The verdicts of a preset: one that counts now as this and now as that would be no word to read a table by.
#[derive(Default)]
struct Known(Vec<(Arc<str>, Counts)>);

impl Known {
    fn learn_any(&mut self, word: Option<Arc<str>>, counts: Counts, place: Place, problems: &mut Problems) {
        if let Some(word) = word {
            self.learn(word, counts, place, problems);
        }
    }

    fn learn(&mut self, word: Arc<str>, counts: Counts, place: Place, problems: &mut Problems) {
        match self.counts(&word) {
            Some(first) if first != counts => {
                problems.fault(place, Fault::TwoCounts { word, first, second: counts });
            }
            Some(_) => {}
            None => self.0.push((word, counts)),
        }
    }

    fn counts(&self, word: &str) -> Option<Counts> {
        self.0.iter().find(|(known, _)| **known == *word).map(|(_, counts)| *counts)
    }

    fn hint(&self, word: &str) -> String {
        let known: Vec<&str> = self.0.iter().map(|(known, _)| &**known).collect();
        match near(word, &known) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("for a verdict that only exit codes state: words: {{{word:?}: Ok}}"),
        }
    }
}
