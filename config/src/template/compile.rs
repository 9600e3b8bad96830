//! From the texts of a spec to templates: each is compiled once, by the engine only where it has to be.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior};

use super::{PROVISOR, Part, Template, TemplateError, Use, detail_of};
use crate::spanned::{Place, Spanned};

/// Instructions that one template may take: `check` ends also when a template loops.
const FUEL: u64 = 1_000_000;

const LONGEST_EXPRESSION: usize = 1000;
const DEEPEST_EXPRESSION: usize = 30;
const MOST_TAGS: usize = 500;

/// The engine, set up once a job.
pub(crate) fn engine<'e>() -> Environment<'e> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    // Jinja drops the last newline of a text; a child that reads lines wants it.
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        engine.set_syntax(syntax);
    }
    engine.set_fuel(Some(FUEL));
    engine
}

/// All templates of a job, each compiled once.
pub(crate) struct Templates<'e> {
    engine: &'e Environment<'e>,
    compiled: HashMap<usize, Rc<Template<'e>>>,
    /// Every name that occurs in one of them.
    pub(crate) used: BTreeSet<String>,
}

impl<'e> Templates<'e> {
    pub(crate) fn new(engine: &'e Environment<'e>) -> Self {
        Self { engine, compiled: HashMap::new(), used: BTreeSet::new() }
    }

    /// A text of the spec is known by its place.
    pub(crate) fn compile(&mut self, text: &'e Spanned<String>) -> Result<Rc<Template<'e>>, TemplateError> {
        self.compile_at(&text.value, text.place)
    }

    pub(crate) fn compile_at(
        &mut self,
        text: &'e str,
        place: Place,
    ) -> Result<Rc<Template<'e>>, TemplateError> {
        if let Some(template) = self.compiled.get(&place.start) {
            return Ok(template.clone());
        }
        let template = Rc::new(self.compile_text(text)?);
        self.used.extend(template.names().into_iter().map(String::from));
        self.compiled.insert(place.start, template.clone());
        Ok(template)
    }

    fn compile_text(&self, text: &'e str) -> Result<Template<'e>, TemplateError> {
        if !is_template(text) {
            return Ok(Template::Literal(text.into()));
        }
        if let Some(parts) = simple(text) {
            return Ok(Template::Simple(parts));
        }
        if !is_shallow(text) {
            return Err(TemplateError::Syntax { detail: "it is too large".into() });
        }
        let engine = self
            .engine
            .template_from_str(text)
            .map_err(|error| TemplateError::Syntax { detail: detail_of(&error) })?;
        let uses = uses(&engine);
        Ok(Template::Full { engine, uses })
    }
}

/// Whether a text holds anything that a template engine would change.
pub(crate) fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|opening| text.contains(opening))
}

fn uses(engine: &minijinja::Template<'_, '_>) -> Vec<Use> {
    let mut uses: BTreeMap<String, Use> = BTreeMap::new();
    for path in engine.undeclared_variables(true) {
        let mut parts = path.split('.');
        let name = parts.next().unwrap_or_default().to_owned();
        let used = uses.entry(name.clone()).or_insert_with(|| Use { name, fields: Vec::new() });
        used.fields.extend(parts.next().map(String::from));
    }
    uses.into_values().collect()
}

/// The engine recurses once for each operator of an expression and for each branch of an `if`: a spec must not be
/// able to overflow the stack, and nobody writes more than this.
fn is_shallow(text: &str) -> bool {
    let (mut tags, mut rest) = (0, text);
    while let Some(open) = ["{{", "{%"].iter().filter_map(|open| rest.find(open)).min() {
        let inside = &rest[open + 2..];
        let (length, depth) = expression(inside);
        tags += 1;
        if length > LONGEST_EXPRESSION || depth > DEEPEST_EXPRESSION || tags > MOST_TAGS {
            return false;
        }
        rest = &inside[length..];
    }
    true
}

/// How far it is to the closing braces, which mean nothing inside of quotes, and how deep its brackets are.
fn expression(inside: &str) -> (usize, usize) {
    let (mut quote, mut escaped, mut before) = (None, false, ' ');
    let (mut depth, mut deepest) = (0usize, 0);
    for (at, c) in inside.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '}') if matches!(before, '}' | '%') => return (at, deepest),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        before = c;
    }
    (inside.len(), deepest)
}

/// Texts and `{{ name }}` or `{{ name.field }}` in turn; `None` where there is more to it.
fn simple(text: &str) -> Option<Vec<Part>> {
    if text.contains("{%") || text.contains("{#") {
        return None;
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        if open > 0 {
            parts.push(Part::Text(rest[..open].into()));
        }
        let (inside, after) = rest[open + 2..].split_once("}}")?;
        parts.push(name(inside.trim())?);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    Some(parts)
}

fn name(text: &str) -> Option<Part> {
    let (name, field) = match text.split_once('.') {
        Some((name, field)) => (name, Some(field)),
        None => (text, None),
    };
    let plain = |text: &str| is_name(text) && !RESERVED.contains(&text);
    (plain(name) && field.is_none_or(is_name))
        .then(|| Part::Name { name: name.into(), field: field.map(Into::into) })
}

/// Words that mean something to the engine.
const RESERVED: [&str; 22] = [
    "true",
    "false",
    "none",
    "True",
    "False",
    "None",
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "elif",
    "for",
    "loop",
    "self",
    "super",
    "range",
    "dict",
    "namespace",
    "debug",
];

/// Whether templates can use this as a name.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether the engine takes this name for something else.
pub(crate) fn is_reserved(text: &str) -> bool {
    text == PROVISOR || RESERVED.contains(&text)
}
