//! What would run.

use std::borrow::Cow;
use std::fmt::Write as _;

use provisor_config::Lowered;
use provisor_core::Query;
use provisor_core::plan::Containment;
use provisor_core::text::{harmless_json, is_clean, is_special};
use serde_json::{Value, json};

/// One line a query: its id, then its command as a shell would take it.
#[must_use]
pub(crate) fn lines(job: &Lowered) -> String {
    let width = job.chosen_queries().map(|query| query.id.len()).max().unwrap_or_default().min(60);
    job.chosen_queries().map(|query| format!("{:<width$}  {}\n", query.id, command_line(query))).collect()
}

fn command_line(query: &Query) -> String {
    let quoted = query.command.argv.iter().map(|arg| quoted(arg));
    quoted.collect::<Vec<_>>().join(" ")
}

/// An argument as a shell would take it. One that holds what controls a terminal, or divides lines, is written by the
/// numbers of its bytes (`$'\x1b'`): it stays the same argument, and does nothing where it is shown.
fn quoted(arg: &str) -> Cow<'_, str> {
    if is_clean(arg) {
        // A NUL cannot be in a command: the spec refuses it.
        return shlex::try_quote(arg).unwrap_or_default();
    }
    let mut text = String::from("$'");
    for c in arg.chars() {
        match c {
            '\'' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            c if is_special(c) => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    // Writing to a String does not fail.
                    let _ = write!(text, "\\x{byte:02x}");
                }
            }
            c => text.push(c),
        }
    }
    text.push('\'');
    Cow::Owned(text)
}

/// An array of objects.
#[must_use]
pub(crate) fn json(job: &Lowered) -> String {
    let queries: Vec<Value> =
        job.chosen_queries().map(|query| query_json(query, job.plan.containment)).collect();
    harmless_json(&format!("{:#}\n", Value::Array(queries))).into_owned()
}

fn query_json(query: &Query, containment: Containment) -> Value {
    let seconds = |limit: Option<std::time::Duration>| limit.map(|limit| limit.as_secs_f64());
    json!({
        "id": query.id,
        "argv": query.command.argv,
        "cwd": query.command.cwd,
        "limits": {
            "wall_s": seconds(query.limits.wall),
            "silence_s": seconds(query.limits.silence),
            "cpu_s": seconds(query.limits.cpu),
            "memory_bytes": query.limits.memory,
            "output_bytes": query.limits.output,
            "processes": query.limits.processes,
            "grace_s": query.limits.grace.as_secs_f64(),
        },
        "expect": query.expect,
        "containment": containment.word(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_so_that_a_shell_takes_them_and_a_terminal_does_not() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("it's"), "\"it's\"");
        assert_eq!(quoted("a\u{1b}[31m'\\\n\u{9b}é\u{202e}"), r"$'a\x1b[31m\'\\\n\xc2\x9bé\xe2\x80\xae'");
    }
}
