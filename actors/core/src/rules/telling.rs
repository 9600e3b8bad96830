//! The rules of a preset file: they say of a verdict also what it is about, and what it is to the query.

use std::sync::Arc;

use super::{CompiledRule, Judge, Named, Reading, RuleFault, Stream, shown_otherwise};
use crate::tool::{Role, ToolRule};

/// What the rules of a preset file say about one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Telling {
    pub(crate) reading: Reading,
    /// What the verdict is about, where that is not the line.
    pub(crate) about: Option<Arc<str>>,
    /// What the verdict is to the query.
    pub(crate) role: Role,
    /// An exit code that the line explains.
    pub(crate) explains_exit: Option<i32>,
}

#[derive(Debug)]
pub(super) struct CompiledToolRule {
    rule: CompiledRule,
    about: Option<usize>,
    role: Role,
    explains_exit: Option<i32>,
}

impl CompiledToolRule {
    pub(super) fn new(rule: &ToolRule, named: &Arc<Named>) -> Result<Self, RuleFault> {
        let ToolRule { rule, about, role, explains_exit } = rule;
        let compiled = CompiledRule::new(rule, named)?;
        compiled.on.has_group("about", *about)?;
        let states = rule.verdict.is_some() || rule.capture.is_some();
        let fields = [
            ("about", about.is_some()),
            ("role", *role != Role::Result),
            ("explains_exit", explains_exit.is_some()),
        ];
        for (field, is_there) in fields {
            if is_there && !states {
                return Err(RuleFault::NoVerdict { field });
            }
        }
        Ok(Self { rule: compiled, about: *about, role: *role, explains_exit: *explains_exit })
    }
}

impl Judge {
    /// What the rules of a preset file say about one line, by the same law. `None` where there is no such preset.
    pub(crate) fn tell(&self, stream: Stream, line: &[u8]) -> Option<Telling> {
        if self.tool.is_empty() {
            return None;
        }
        let shown = shown_otherwise(line);
        let heard = self.tool.iter().filter(|rule| rule.rule.streams.include(stream));
        let mut telling = None;
        for CompiledToolRule { rule, about, role, explains_exit } in heard {
            let telling: &mut Telling = telling.get_or_insert_default();
            let is_known = telling.reading.verdict.is_some();
            rule.read(line, shown.as_deref(), &mut telling.reading);
            if !is_known && telling.reading.verdict.is_some() {
                telling.about = about.and_then(|group| rule.group(line, group));
                telling.role = *role;
                telling.explains_exit = *explains_exit;
            }
        }
        telling
    }
}
