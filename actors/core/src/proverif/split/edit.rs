//! What is changed in a text, and the text as it is then.

use std::ops::Range;

use thiserror::Error;

use super::Part;
use crate::proverif::source::Source;

/// A change of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Which bytes; none where something is only put in.
    pub at: Range<usize>,
    /// What stands there then.
    pub put: Put,
}

/// What takes the place of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// As many spaces, between the ends of lines that were there.
    Spaces,
    /// A keyword of the same length.
    Word(&'static str),
    /// One line, before the main part.
    Line(Box<[u8]>),
}

impl Edit {
    pub(super) const fn blank(at: Range<usize>) -> Self {
        Self { at, put: Put::Spaces }
    }

    fn apply(&self, text: &[u8], changed: &mut Vec<u8>) {
        match &self.put {
            Put::Spaces => {
                let space = |byte: &u8| if matches!(byte, b'\n' | b'\r') { *byte } else { b' ' };
                changed.extend(text[self.at.clone()].iter().map(space));
            }
            Put::Word(word) => changed.extend_from_slice(word.as_bytes()),
            Put::Line(line) => changed.extend_from_slice(line),
        }
    }
}

/// The piece of a text that these edits change.
pub(super) fn changed(text: &[u8], piece: Range<usize>, edits: &[Edit]) -> Vec<u8> {
    let mut changed = Vec::with_capacity(piece.len());
    let mut done = piece.start;
    for edit in edits {
        changed.extend_from_slice(&text[done..edit.at.start]);
        edit.apply(text, &mut changed);
        done = edit.at.end;
    }
    changed.extend_from_slice(&text[done..piece.end]);
    changed
}

impl Part {
    /// The model as this part has it, with settings as [`settings`] writes them just before its main part, where they
    /// win. The model must be the one that was divided. `inductionLemmas` does not reach a lemma that is asked itself:
    /// it is a query then, and how it is proved was decided by the settings of the texts.
    #[must_use]
    pub fn write(&self, model: &Source<'_>, settings: &str) -> Vec<u8> {
        let main = model.main.map_or(model.text.len(), |main| main.start);
        let line = self.edits.iter().position(|edit| matches!(edit.put, Put::Line(_)));
        let (before, line) = self.edits.split_at(line.unwrap_or(self.edits.len()));
        let mut text = changed(model.text, 0..main, before);
        text.extend_from_slice(settings.as_bytes());
        line.iter().for_each(|edit| edit.apply(model.text, &mut text));
        if !settings.is_empty() || !line.is_empty() {
            text.push(b' ');
        }
        text.extend_from_slice(&model.text[main..]);
        text
    }
}

/// A setting that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadSetting {
    /// Its name is none.
    #[error("a setting has a name of letters, digits and `_` that begins with a letter, not `{name}`")]
    Name {
        /// What should be its name.
        name: Box<str>,
    },
    /// Its value holds what a string may not.
    #[error("the value of the setting `{name}` has a control character in it")]
    Value {
        /// Its name.
        name: Box<str>,
    },
}

/// Settings as declarations in one line: ` set name = value.` each. A value that is neither a word nor a number becomes
/// a string.
///
/// # Errors
/// For the first that ProVerif could not read.
pub fn settings<'s>(pairs: impl IntoIterator<Item = (&'s str, &'s str)>) -> Result<String, BadSetting> {
    let mut text = String::new();
    for (name, value) in pairs {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_word = |text: &str| {
            text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_plain)
        };
        if !is_word(name) {
            return Err(BadSetting::Name { name: name.into() });
        }
        if value.contains(char::is_control) {
            return Err(BadSetting::Value { name: name.into() });
        }
        let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        if is_number || is_word(value) {
            text.push_str(&format!(" set {name} = {value}."));
        } else {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            text.push_str(&format!(" set {name} = \"{value}\"."));
        }
    }
    Ok(text)
}
