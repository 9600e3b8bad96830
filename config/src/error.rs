//! What is said when a spec is no plan: the first fault of structure, or all faults of meaning, each with its line.
//!
//! Must never print: it makes texts.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet, Title};
use provisor_core::text::{is_special, visible};
use thiserror::Error;

use crate::fault::{Problem, Severity, near_hint};
use crate::spanned::{Place, Structure, StructureFault};
use crate::spec::LATER;

/// The largest spec that is read.
pub(crate) const LARGEST: u64 = 64 << 20;

/// How many problems are shown; nobody reads more before mending the first.
const SHOWN: usize = 50;

/// Why a spec is no plan.
#[derive(Debug, Error)]
pub enum SpecError {
    /// The file could not be read.
    #[error("cannot read the spec {}: {source}", path.display())]
    Unreadable {
        /// The spec.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder was given.
    #[error("the spec {} is a directory", path.display())]
    Directory {
        /// The folder.
        path: PathBuf,
    },
    /// The file is larger than any spec.
    #[error("the spec {} is larger than 64 MiB", path.display())]
    TooLarge {
        /// The spec.
        path: PathBuf,
    },
    /// The file is no text.
    #[error("the spec {} is not UTF-8: byte {offset} is wrong", path.display())]
    NotUtf8 {
        /// The spec.
        path: PathBuf,
        /// The first byte that is no UTF-8.
        offset: usize,
    },
    /// A preset's file, which no spec names, could not be read.
    #[error("{why}")]
    Preset {
        /// The file and the reason, in a sentence.
        why: String,
    },
    /// The text is no job.
    #[error("the spec {} cannot be read: {}", path.display(), fault.message())]
    Structure {
        /// The spec.
        path: PathBuf,
        /// Its text.
        text: Arc<str>,
        /// The first fault.
        fault: Box<StructureError>,
    },
    /// The job makes no sense.
    #[error("the spec {} has {} faults", path.display(), faults(problems))]
    Meaning {
        /// The spec.
        path: PathBuf,
        /// Its text.
        text: Arc<str>,
        /// All that is wrong, and then all that looks wrong.
        problems: Vec<Problem>,
    },
}

fn faults(problems: &[Problem]) -> usize {
    problems.iter().filter(|problem| problem.severity == Severity::Error).count()
}

impl SpecError {
    /// The whole message for people: each problem with its line, a caret and a hint. Ends with a line end.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        match self {
            Self::Structure { path, text, fault } => {
                let shown = Shown {
                    severity: Severity::Error,
                    message: fault.message(),
                    hint: fault.hint(),
                    place: Some(fault.place()),
                    other: fault.other(),
                };
                shown.render(path, text, color)
            }
            Self::Meaning { path, text, problems } => render_problems(problems, path, text, color),
            _ => {
                let shown = Shown {
                    severity: Severity::Error,
                    message: self.to_string(),
                    hint: self.hint(),
                    place: None,
                    other: None,
                };
                shown.render(Path::new(""), "", color)
            }
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreadable { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                "a spec is a RON file: check its name and the current directory"
            }
            Self::Unreadable { .. } => "check its permissions",
            Self::Directory { .. } => "give the path of the RON file inside of it",
            Self::TooLarge { .. } => "use a matrix, or `Lines` for long lists",
            Self::NotUtf8 { .. } => "save it as UTF-8",
            Self::Preset { .. } | Self::Structure { .. } | Self::Meaning { .. } => return None,
        };
        Some(hint.into())
    }
}

/// Problems for people, one after the other. Ends with a line end unless there is none.
#[must_use]
pub fn render_problems(problems: &[Problem], path: &Path, text: &str, color: bool) -> String {
    let mut all: String = problems
        .iter()
        .take(SHOWN)
        .map(|problem| {
            let shown = Shown {
                severity: problem.severity,
                message: problem.message(),
                hint: problem.hint(),
                place: problem.place,
                other: problem.other,
            };
            match &problem.file {
                Some(file) => shown.render(&file.path, &file.text, color),
                None => shown.render(path, text, color),
            }
        })
        .collect::<Vec<_>>()
        .join("\n");
    if problems.len() > SHOWN {
        all.push_str(&format!("\n... and {} more\n", problems.len() - SHOWN));
    }
    all
}

/// What is wrong with the structure of a text, and where.
#[derive(Clone, Debug)]
pub struct StructureError(pub(crate) Structure);

impl StructureError {
    /// Where it is.
    #[must_use]
    pub fn place(&self) -> Place {
        self.0.place
    }

    pub(crate) fn other(&self) -> Option<(Place, &'static str)> {
        match self.0.what {
            StructureFault::KeyTwice { first, .. } => Some((first, "first given here")),
            _ => None,
        }
    }

    /// The sentence, without its place.
    #[must_use]
    pub fn message(&self) -> String {
        use ron::Error as Ron;
        let StructureFault::Ron(error) = &self.0.what else { return self.0.what.to_string() };
        let of =
            |outer: &Option<String>| outer.as_ref().map_or(String::new(), |outer| format!(" of `{outer}`"));
        match error {
            Ron::NoSuchStructField { found, outer: Some(outer), .. } => {
                format!("`{outer}` has no field `{found}`")
            }
            Ron::NoSuchStructField { found, .. } => format!("there is no field `{found}`"),
            Ron::NoSuchEnumVariant { found, .. } => format!("`{found}` cannot stand here"),
            Ron::MissingStructField { field, outer } => {
                format!("the field `{field}`{} is missing", of(outer))
            }
            Ron::DuplicateStructField { field, outer } => {
                format!("the field `{field}`{} is given twice", of(outer))
            }
            Ron::ExpectedDifferentStructName { expected, found } => {
                format!("expected `{expected}(...)`, found `{found}`")
            }
            Ron::ExpectedNamedStructLike(name) if !name.is_empty() => format!("expected `(` or `{name}(`"),
            Ron::ExpectedIdentifier | Ron::SuggestRawIdentifier(_) => "expected a name without quotes".into(),
            Ron::TrailingCharacters => "this does not belong here".into(),
            Ron::ExceededRecursionLimit => "the spec is nested too deeply".into(),
            Ron::InvalidValueForType { expected, found } => format!("expected {expected}, found {found}"),
            other => lower_first(&other.to_string()),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        use ron::Error as Ron;
        match &self.0.what {
            StructureFault::Ron(error) => match error {
                Ron::NoSuchStructField { expected, found, .. } => {
                    let known: Vec<&str> =
                        expected.iter().copied().filter(|field| !LATER.contains(field)).collect();
                    Some(near_hint(found, &known, "fields"))
                }
                Ron::NoSuchEnumVariant { expected, found, .. } => {
                    Some(near_hint(found, expected, "there is"))
                }
                Ron::MissingStructField { field: "name", .. } => Some("for example name: \"nightly\"".into()),
                Ron::ExpectedNamedStructLike("Job")
                | Ron::ExpectedDifferentStructName { expected: "Job", .. } => {
                    Some("a spec is Job(name: \"...\", commands: [...])".into())
                }
                Ron::ExpectedNamedStructLike("Preset")
                | Ron::ExpectedDifferentStructName { expected: "Preset", .. } => {
                    Some("a preset is Preset(rules: [...]): see `provisor presets smt --ron`".into())
                }
                Ron::ExpectedString => Some("texts stand in double quotes".into()),
                Ron::Eof | Ron::ExpectedComma => Some("is there a bracket or a comma missing before?".into()),
                _ => None,
            },
            StructureFault::KeyTwice { .. } => Some("take one of them out".into()),
            StructureFault::Expected { .. } => None,
        }
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

/// A problem on its way to the screen.
struct Shown {
    severity: Severity,
    message: String,
    hint: Option<String>,
    place: Option<Place>,
    other: Option<(Place, &'static str)>,
}

impl Shown {
    fn render(&self, path: &Path, text: &str, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let path = printable(&path.display().to_string());
        let title = level.primary_title(printable(&self.message));
        let mut group = match self.place {
            Some(place) => group(title, text, place, self.other, &path),
            None => Group::with_title(title),
        };
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.message(printable(hint)));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        settled(&renderer.render(&[group])) + "\n"
    }
}

/// A title with the line of what is wrong, and that of the other one of two.
fn group<'a>(
    title: Title<'a>,
    text: &'a str,
    place: Place,
    other: Option<(Place, &'static str)>,
    path: &str,
) -> Group<'a> {
    let line = Line::of(text, place);
    let mut snippet = line.snippet(path).annotation(AnnotationKind::Primary.span(line.span(place)));
    let Some((second, label)) = other else { return title.element(snippet) };
    let other_line = Line::of(text, second);
    let annotation = AnnotationKind::Context.span(other_line.span(second)).label(label);
    if other_line.start == line.start {
        snippet = snippet.annotation(annotation);
        return title.element(snippet);
    }
    title.element(snippet).element(other_line.snippet(path).annotation(annotation))
}

/// The line where something begins; a spec may be long, and a caret at its beginning says it all.
struct Line<'a> {
    text: &'a str,
    start: usize,
    number: usize,
}

impl<'a> Line<'a> {
    fn of(text: &'a str, place: Place) -> Self {
        let at = floor(text, place.start);
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
        Self { text: &text[start..end], start, number: place.line_column(text).0 }
    }

    fn span(&self, place: Place) -> Range<usize> {
        let start = floor(self.text, place.start.saturating_sub(self.start));
        let end = floor(self.text, place.end.saturating_sub(self.start));
        start..end.max(start)
    }

    fn snippet(&self, path: &str) -> Snippet<'a, Annotation<'a>> {
        Snippet::source(self.text).line_start(self.number).path(path.to_owned())
    }
}

fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Texts of the spec and names of files stand in messages, and may hold anything.
fn printable(text: &str) -> String {
    visible(&text.replace('\n', " ")).into_owned()
}

/// The renderer replaces most of what controls in a line of the spec, and not all; what is below a space is its own.
fn settled(rendered: &str) -> String {
    let is_left = |c: char| c > '\x7e' && is_special(c);
    rendered.replace(is_left, "\u{fffd}")
}
