//! The presets that there are: two that are code, those that are files built into the program, and any file of a user.
//!
//! What a file means is `lower::preset`'s to say; here it is found.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use provisor_core::proverif::ProVerif;
use provisor_core::tool::Tool;
use provisor_core::verdict::Preset;

use crate::error::SpecError;
use crate::fault::{Fault, SourceFile, near};
use crate::lower::{Problems, preset};

/// The largest preset file that is read.
const LARGEST: u64 = 1 << 20;

/// Those that no file could express, with what they are for.
const CODE: [(&str, &str); 2] = [
    (EXIT_CODE, "any program; what a job has that names neither preset nor rules"),
    (PROVERIF, "ProVerif: its results, its summary and, if asked, an early stop"),
];

pub(crate) const EXIT_CODE: &str = "exit-code";
pub(crate) const PROVERIF: &str = "proverif";

const FILES: [(&str, &str); 5] = [
    ("tamarin", include_str!("../presets/tamarin.ron")),
    ("verifpal", include_str!("../presets/verifpal.ron")),
    ("smt", include_str!("../presets/smt.ron")),
    ("sat", include_str!("../presets/sat.ron")),
    ("szs", include_str!("../presets/szs.ron")),
];

/// A preset as people look at it.
#[derive(Clone, Debug)]
pub struct Described {
    /// What it is called in a spec, or the path of its file.
    pub name: Arc<str>,
    /// What it is for.
    pub about: Arc<str>,
    /// What it does; that of ProVerif without options.
    pub preset: Preset,
    /// Its file, verbatim, where it has one.
    pub text: Option<Arc<str>>,
}

/// The names of all that are built in.
pub fn names() -> impl Iterator<Item = &'static str> {
    CODE.into_iter().chain(FILES).map(|(name, _)| name)
}

/// The built-in preset of this name, if there is one.
///
/// # Errors
/// When the preset is faulty, which a test rules out.
pub fn named(name: &str) -> Result<Option<Described>, SpecError> {
    if let Some((name, about)) = CODE.iter().find(|(known, _)| *known == name) {
        let preset = if *name == PROVERIF { Preset::ProVerif(ProVerif::default()) } else { Preset::ExitCode };
        return Ok(Some(Described { name: (*name).into(), about: (*about).into(), preset, text: None }));
    }
    built_in(name).map(|file| describe(name, &file)).transpose()
}

/// The preset in this file.
///
/// # Errors
/// When the file cannot be read, or is no preset.
pub fn of_file(path: &Path) -> Result<Described, SpecError> {
    match source(path.into()) {
        Ok(file) => describe(&path.to_string_lossy(), &file),
        Err(fault) => Err(SpecError::Preset { why: fault.to_string() }),
    }
}

/// What to say to somebody who asks for a preset that is not there. `own` is how a file is named where it was asked:
/// `File("mine.ron")` in a spec, `mine.ron` in a shell.
#[must_use]
pub fn hint(name: &str, own: &str) -> String {
    let known: Vec<&str> = names().collect();
    match near(name, &known) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => {
            let all: Vec<String> = known.iter().map(|known| format!("\"{known}\"")).collect();
            format!("the presets are {}; one of your own is {own}", all.join(", "))
        }
    }
}

fn describe(name: &str, file: &Arc<SourceFile>) -> Result<Described, SpecError> {
    let mut problems = Problems::default();
    match preset::read(name, file, &mut problems) {
        Some((tool, about)) => Ok(Described {
            name: name.into(),
            about,
            preset: Preset::Tool(tool),
            text: Some(Arc::clone(&file.text)),
        }),
        None => {
            let SourceFile { path, text } = &**file;
            let problems = problems.into_faults();
            Err(SpecError::Meaning { path: path.clone(), text: Arc::clone(text), problems })
        }
    }
}

/// The file of a built-in preset.
pub(crate) fn built_in(name: &str) -> Option<Arc<SourceFile>> {
    let (name, text) = FILES.iter().find(|(known, _)| *known == name)?;
    let path = PathBuf::from(format!("the built-in preset {name}"));
    Some(Arc::new(SourceFile { path, text: (*text).into() }))
}

/// A file of a user.
pub(crate) fn source(path: PathBuf) -> Result<Arc<SourceFile>, Fault> {
    let mut bytes = Vec::new();
    // Not the size that the file claims to have: it may be a pipe.
    let read = File::open(&path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    if let Err(source) = read {
        return Err(Fault::Unreadable { path, source: source.into() });
    }
    if bytes.len() as u64 > LARGEST {
        return Err(Fault::PresetTooLarge { path });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Arc::new(SourceFile { path, text: text.into() })),
        Err(_) => Err(Fault::FileNotUtf8 { path }),
    }
}

/// What a preset file means, and what it says about itself.
pub(crate) type Meant = (Arc<Tool>, Arc<str>);
