//! Progress in plain lines on stderr: one for each finished query, and one a minute that says how many are left.

use std::time::Duration;

use provisor_actors::row::Row;
use provisor_core::Query;
use provisor_core::cause::End;
use provisor_core::roster::Then;
use provisor_core::tally::Counts;
use provisor_core::text::clean;

use super::words;

/// A finished attempt: `  12/378    2.4s  true             client/secrecy`.
#[must_use]
pub(crate) fn finished(row: &Row, query: &Query, done: usize, total: usize) -> String {
    let outcome = &row.outcome;
    let width = total.to_string().len();
    let done = format!("{done:>width$}/{total}");
    let verdict = outcome.judgement.verdict.as_deref().map_or_else(|| "-".into(), clean);
    let mut line = format!("{done}  {:>7}  {verdict:<16} {}", words::duration(outcome.wall), query.id);
    let remark = remark(row, query);
    if !remark.is_empty() {
        line.push_str("  (");
        line.push_str(&remark);
        line.push(')');
    }
    line
}

/// What is out of the ordinary about it.
fn remark(row: &Row, query: &Query) -> String {
    let outcome = &row.outcome;
    let mut parts = Vec::new();
    match &outcome.end {
        End::NotStarted(why) | End::Lost(why) => {
            parts.push(format!("{}: {}", outcome.cause_word(), clean(why)))
        }
        _ if outcome.cause_word() != "exited" => parts.push(words::ending(outcome)),
        _ if words::ending(outcome) != "exited" && outcome.judgement.verdict.is_none() => {
            parts.push(words::ending(outcome));
        }
        _ => {}
    }
    match (&query.expect, &outcome.judgement.verdict) {
        (Some(expected), Some(verdict)) if expected != verdict => {
            parts.push(format!("expected {}", clean(expected)))
        }
        _ => {}
    }
    if let Some(count @ 1..) = outcome.leftovers {
        parts.push(format!("{count} left behind and killed"));
    }
    match row.then {
        Then::Nothing => {}
        Then::Retry => parts.push("to be tried again".into()),
        Then::NextPass => parts.push("the next pass follows".into()),
    }
    parts.join(", ")
}

/// What stands over the output of an attempt: `==> client/secrecy: true, 2.4s <==`.
#[must_use]
pub(crate) fn group_header(row: &Row, query: &Query) -> String {
    let outcome = &row.outcome;
    let mut parts = vec![outcome.judgement.verdict.as_deref().map_or_else(|| "-".into(), clean).into_owned()];
    let remark = remark(row, query);
    if !remark.is_empty() {
        parts.push(remark);
    }
    parts.push(words::duration(outcome.wall));
    format!("==> {}: {} <==\n", query.id, parts.join(", "))
}

/// How the run stands: `42 left: 40 running, 2 waiting; 336 done (true 200, false 136); 1h 03m`.
#[must_use]
pub(crate) fn heartbeat(counts: &Counts, elapsed: Duration) -> String {
    let mut line = format!("{} left: {} running, {} waiting", counts.left(), counts.running, counts.waiting);
    if counts.done > 0 {
        line.push_str(&format!("; {} done ({})", counts.done, words::classes(counts)));
    }
    line.push_str(&format!("; {}", words::duration(elapsed)));
    line
}

#[cfg(test)]
mod tests {
    use provisor_core::tally::{Change, Class};

    use super::*;

    #[test]
    fn a_heartbeat_says_how_many_are_left_and_what_the_others_came_to() {
        let class =
            |verdict: &str| Class { cause: "exited".into(), verdict: Some(verdict.into()), well: true };
        let mut counts = Counts::new(5, [class("true")]);
        for _ in 0..2 {
            counts.apply(Change::Started);
        }
        counts.apply(Change::Done(class("false")));
        assert_eq!(
            heartbeat(&counts, Duration::from_secs(3780)),
            "3 left: 1 running, 2 waiting; 2 done (false 1, true 1); 1h 03m"
        );
    }
}
