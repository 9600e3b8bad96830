//! From a file to a plan.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::error::{LARGEST, SpecError, StructureError};
use crate::lower::{Lowered, Meaning, Surroundings, lower};
use crate::spanned;
use crate::spec::Job;

/// Reads a spec and expands it.
///
/// # Errors
/// When the file cannot be read, is no spec, or makes no sense.
pub fn load(path: &Path, around: &Surroundings) -> Result<Lowered, SpecError> {
    parse(&read(path)?, path, around)
}

/// Expands a text as if it stood in a file of this name.
///
/// # Errors
/// When the text is no spec, or makes no sense.
pub fn parse(text: &str, path: &Path, around: &Surroundings) -> Result<Lowered, SpecError> {
    let kept: Arc<str> = text.into();
    let job: Job = spanned::read(text).map_err(|fault| SpecError::Structure {
        path: path.into(),
        text: kept.clone(),
        fault: Box::new(StructureError(fault)),
    })?;
    match lower(&job, around) {
        Ok((Meaning { plan, chosen, made }, warnings)) => {
            Ok(Lowered { plan, chosen, made, warnings, text: kept })
        }
        Err(problems) => Err(SpecError::Meaning { path: path.into(), text: kept, problems }),
    }
}

fn read(path: &Path) -> Result<String, SpecError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::IsADirectory => SpecError::Directory { path: path.into() },
        _ => SpecError::Unreadable { path: path.into(), source },
    };
    let mut bytes = Vec::new();
    // Not the size that the file claims to have: it may be a pipe.
    let mut file = File::open(path).map_err(unreadable)?.take(LARGEST + 1);
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(SpecError::TooLarge { path: path.into() });
    }
    String::from_utf8(bytes)
        .map_err(|error| SpecError::NotUtf8 { path: path.into(), offset: error.utf8_error().valid_up_to() })
}
