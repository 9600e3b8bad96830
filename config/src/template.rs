//! Templates: the texts of a spec with `{{ names }}` in them.
//!
//! Jinja2's language by minijinja; a name that nobody defined is an error, never an empty text. Most templates are
//! plain texts or hold plain names: those are rendered without the engine, so that a hundred thousand queries
//! expand at once and share what they have in common. Must never escape or quote: an argument is an argument.

mod compile;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{ErrorKind, Value};
use thiserror::Error;

use crate::fault::{near, near_hint};
pub(crate) use compile::{Templates, engine, is_name, is_reserved, is_template};

/// The name under which templates find the path of the running program.
pub(crate) const PROVISOR: &str = "provisor";

/// What templates know by name, besides the axes.
pub(crate) type Vars = BTreeMap<Arc<str>, Value>;

/// Why a template has no text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// The engine cannot read it.
    #[error("this is no template: {detail}")]
    Syntax {
        /// What the engine says.
        detail: String,
    },
    /// A name that is neither an axis nor a variable.
    #[error("`{name}` is not defined")]
    Undefined {
        /// The name.
        name: String,
        /// A name that is defined and looks like it, or all of them.
        hint: String,
    },
    /// A field that a name does not have.
    #[error("`{name}` has no field `{field}`")]
    NoField {
        /// The name.
        name: String,
        /// The field.
        field: String,
        /// What it has.
        hint: String,
    },
    /// Something went wrong while it was rendered.
    #[error("this template fails: {detail}")]
    Failed {
        /// What the engine says.
        detail: String,
    },
}

impl TemplateError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Syntax { .. } => Some("to have braces in the text, write `{{ '{{' }}`".into()),
            Self::Undefined { hint, .. } | Self::NoField { hint, .. } => Some(hint.clone()),
            Self::Failed { .. } => None,
        }
    }
}

/// One value along an axis.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) text: Arc<str>,
    value: Value,
    index: usize,
    file: Option<File>,
}

/// The names of an axis value that is a file.
#[derive(Debug)]
pub(crate) struct File {
    /// For a child that works elsewhere than in the spec's folder.
    pub(crate) absolute: Arc<str>,
    pub(crate) stem: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl Point {
    pub(crate) fn new(value: Value, index: usize, file: Option<File>) -> Self {
        Self { text: value.to_string().into(), value, index, file }
    }

    /// The texts that a pattern on this value may match.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let file = self.file.iter().flat_map(|file| [&*file.stem, &*file.name]);
        std::iter::once(&*self.text).chain(file)
    }

    /// Of the file that it is, where that has one.
    pub(crate) fn extension(&self) -> Option<&str> {
        Path::new(&*self.file.as_ref()?.name).extension()?.to_str()
    }

    fn field(&self, field: &str, absolute: bool) -> Option<Value> {
        let file = self.file.as_ref();
        Some(match field {
            "value" => self.value.clone(),
            "index" => self.index.into(),
            "path" if absolute => file?.absolute.clone().into(),
            "path" => file.map(|_| self.text.clone())?.into(),
            "stem" => file?.stem.clone().into(),
            "name" => file?.name.clone().into(),
            _ => return None,
        })
    }
}

/// What the names in a template mean for one query.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) axes: &'a [Arc<str>],
    pub(crate) points: &'a [Arc<Point>],
    pub(crate) vars: &'a Vars,
    /// The child works elsewhere than in the spec's folder: `.path` has to be absolute.
    pub(crate) absolute: bool,
}

impl<'a> Scope<'a> {
    fn point(&self, name: &str) -> Option<&'a Arc<Point>> {
        self.axes.iter().position(|axis| **axis == *name).and_then(|at| self.points.get(at))
    }

    fn undefined(&self, name: &str) -> TemplateError {
        let known: Vec<&str> = self.axes.iter().chain(self.vars.keys()).map(|name| &**name).collect();
        TemplateError::Undefined { name: name.into(), hint: near_hint(name, &known, "defined here") }
    }

    fn no_field(&self, name: &str, field: &str) -> TemplateError {
        let hint = match self.point(name) {
            None => format!("`{name}` is a plain text: write `{{{{ {name} }}}}`"),
            Some(point) if point.file.is_some() => {
                near_hint(field, &["value", "index", "path", "stem", "name"], "fields")
            }
            Some(_) if near(field, &["path", "stem", "name"]).is_some() => {
                format!("no value of `{name}` but a file has it; there is `{name}.value` and `{name}.index`")
            }
            Some(_) => near_hint(field, &["value", "index"], "fields"),
        };
        TemplateError::NoField { name: name.into(), field: field.into(), hint }
    }
}

/// A text of the spec, ready to be rendered.
pub(crate) enum Template<'e> {
    /// Without names: the same for all queries.
    Literal(Arc<str>),
    /// Texts and plain names in turn.
    Simple(Vec<Part>),
    /// Whatever else Jinja can say.
    Full { engine: minijinja::Template<'e, 'e>, uses: Vec<Use> },
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Name { name: String, field: Option<String> },
}

/// A name in a full template, and the fields that are asked of it.
#[derive(Debug, Default)]
pub(crate) struct Use {
    name: String,
    fields: Vec<String>,
}

impl Template<'_> {
    pub(crate) fn render(&self, scope: Scope<'_>) -> Result<Arc<str>, TemplateError> {
        match self {
            Self::Literal(text) => Ok(text.clone()),
            Self::Simple(parts) => match &parts[..] {
                [Part::Name { name, field: None }] if scope.point(name).is_some() => {
                    scope.point(name).map(|point| point.text.clone()).ok_or_else(|| scope.undefined(name))
                }
                parts => render_parts(parts, scope).map(Into::into),
            },
            Self::Full { engine, uses } => {
                engine.render(bind(uses, scope)).map(Into::into).map_err(|error| explain(&error, uses, scope))
            }
        }
    }

    /// Whether it is rendered alike for all queries.
    pub(crate) fn literal(&self) -> Option<&Arc<str>> {
        match self {
            Self::Literal(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it asks where on an axis a value stands.
    pub(crate) fn uses_index(&self) -> bool {
        match self {
            Self::Literal(_) => false,
            Self::Simple(parts) => parts
                .iter()
                .any(|part| matches!(part, Part::Name { field: Some(field), .. } if field == "index")),
            Self::Full { uses, .. } => {
                uses.iter().any(|used| used.fields.iter().any(|field| field == "index"))
            }
        }
    }

    fn names(&self) -> Vec<&str> {
        match self {
            Self::Literal(_) => Vec::new(),
            Self::Simple(parts) => parts
                .iter()
                .filter_map(|part| match part {
                    Part::Name { name, .. } => Some(&**name),
                    Part::Text(_) => None,
                })
                .collect(),
            Self::Full { uses, .. } => uses.iter().map(|used| &*used.name).collect(),
        }
    }
}

fn render_parts(parts: &[Part], scope: Scope<'_>) -> Result<String, TemplateError> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(part) => text.push_str(part),
            Part::Name { name, field } => match (scope.point(name), field) {
                (Some(point), None) => text.push_str(&point.text),
                (Some(point), Some(field)) => {
                    let value = point.field(field, scope.absolute);
                    text.push_str(&value.ok_or_else(|| scope.no_field(name, field))?.to_string());
                }
                (None, field) => {
                    let value = scope.vars.get(&**name).ok_or_else(|| scope.undefined(name))?;
                    match field {
                        Some(field) => return Err(scope.no_field(name, field)),
                        None => text.push_str(&value.to_string()),
                    }
                }
            },
        }
    }
    Ok(text)
}

/// The values of the names that a full template uses.
///
/// A name without fields is bound to the plain value, so that it can be compared and counted with; where fields are
/// asked too, it is an object that renders as its value.
fn bind(uses: &[Use], scope: Scope<'_>) -> Value {
    let bound = uses.iter().filter_map(|used| {
        let value = match scope.point(&used.name) {
            Some(point) if used.fields.is_empty() => point.value.clone(),
            Some(point) => Value::from_object(Fields { point: point.clone(), absolute: scope.absolute }),
            None => scope.vars.get(&*used.name)?.clone(),
        };
        Some((used.name.clone(), value))
    });
    Value::from_object(Bound(bound.collect()))
}

fn explain(error: &minijinja::Error, uses: &[Use], scope: Scope<'_>) -> TemplateError {
    if error.kind() == ErrorKind::UndefinedError {
        for used in uses {
            let Some(point) = scope.point(&used.name) else {
                if scope.vars.contains_key(&*used.name) {
                    continue;
                }
                return scope.undefined(&used.name);
            };
            if let Some(field) = used.fields.iter().find(|field| point.field(field, false).is_none()) {
                return scope.no_field(&used.name, field);
            }
        }
    }
    TemplateError::Failed { detail: detail_of(error) }
}

fn detail_of(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => detail.into(),
        None => error.kind().to_string(),
    }
}

#[derive(Debug)]
struct Bound(Vec<(String, Value)>);

impl Object for Bound {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    }
}

#[derive(Debug)]
struct Fields {
    point: Arc<Point>,
    absolute: bool,
}

impl Object for Fields {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.point.field(key, self.absolute)
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.point.value.is_true()
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.point.text)
    }
}

#[cfg(test)]
mod tests;
