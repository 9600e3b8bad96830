//! What would run.

use provisor_config::Lowered;
use provisor_core::Query;
use provisor_core::plan::Containment;
use serde_json::{Value, json};

/// One line a query: its id, then its command as a shell would take it.
#[must_use]
pub(crate) fn lines(job: &Lowered) -> String {
    let width = job.chosen_queries().map(|query| query.id.len()).max().unwrap_or_default().min(60);
    job.chosen_queries().map(|query| format!("{:<width$}  {}\n", query.id, command_line(query))).collect()
}

fn command_line(query: &Query) -> String {
    // A NUL cannot be in a command: the spec refuses it.
    let quoted = query.command.argv.iter().map(|arg| shlex::try_quote(arg).unwrap_or_default());
    quoted.collect::<Vec<_>>().join(" ")
}

/// An array of objects.
#[must_use]
pub(crate) fn json(job: &Lowered) -> String {
    let queries: Vec<Value> =
        job.chosen_queries().map(|query| query_json(query, job.plan.containment)).collect();
    format!("{:#}\n", Value::Array(queries))
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
