//! Progress in plain lines on stderr: one for each finished query, and one a minute that says how many are left.

use std::time::Duration;

use provisor_actors::row::Row;
use provisor_core::Query;
use provisor_core::cause::End;
use provisor_core::roster::Then;
use provisor_core::tally::Counts;
use provisor_core::text::clean;

use super::words;

/// A finished attempt: `  12/378    2.4s  true             client/secrecy`; or a query that is known without one, with
/// `implied` or `skipped` in place of the time.
#[must_use]
pub(crate) fn finished(row: &Row, query: &Query, done: usize, total: usize) -> String {
    let outcome = &row.outcome;
    let width = total.to_string().len();
    let done = format!("{done:>width$}/{total}");
    let verdict = outcome.judgement.verdict.as_deref().map_or_else(|| "-".into(), clean);
    let time = match outcome.is_derived() {
        true => outcome.cause_word().to_owned(),
        false => words::duration(outcome.wall),
    };
    let mut line = format!("{done}  {time:>7}  {verdict:<16} {}", query.id);
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
    let mut parts: Vec<_> = pass(row, query).into_iter().collect();
    match &outcome.end {
        End::NotStarted(why) | End::Lost(why) => {
            parts.push(format!("{}: {}", outcome.cause_word(), clean(why)))
        }
        End::Skipped(why) => parts.push(clean(why).into_owned()),
        End::Implied(by) => parts.push(format!("by {}", clean(by))),
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
        Then::Restart => parts.push("to be started again".into()),
        Then::NextPass => {
            let next = query.asking(row.pass + 1).and_then(|asking| asking.name);
            parts.push(format!("{} follows", next.map_or("another".into(), |name| clean(name))));
        }
    }
    parts.join(", ")
}

/// `pass full`, where the query has several.
fn pass(row: &Row, query: &Query) -> Option<String> {
    let name = query.asking(row.pass)?.name.filter(|_| !row.outcome.is_derived())?;
    Some(format!("pass {}", clean(name)))
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
    use std::sync::Arc;

    use provisor_core::cause::{Cause, Exit, Outcome};
    use provisor_core::plan::{Only, Pass};

    use provisor_core::tally::{Change, Class};
    use provisor_core::verdict::Counts as Worth;

    use super::*;

    /// `q`, which is asked by `fast` first and then by `full`.
    fn query() -> Query {
        let around = provisor_config::Surroundings::of("job.ron".as_ref()).expect("a folder");
        let spec = r#"Job(name: "job", commands: [(id: "q", run: ["true"])])"#;
        let plan = provisor_config::parse(spec, "job.ron".as_ref(), &around).expect("valid").plan;
        let query = plan.queries.into_iter().next().expect("a query");
        let full = Pass {
            name: "full".into(),
            only: Only::Limited,
            command: query.command.clone(),
            limits: query.limits,
            judging: Arc::clone(&query.judging),
            pages: None,
        };
        Query { pass: Some("fast".into()), further: [full].into(), ..query }
    }

    fn row(pass: usize, then: Then, outcome: Outcome) -> Row {
        Row { pass, then, ..Row::new(0, 1, outcome) }
    }

    #[test]
    fn what_needs_no_process_says_so_in_place_of_its_time() {
        let line = |outcome| finished(&row(0, Then::Nothing, outcome), &query(), 13, 378);
        let implied = Outcome::implied("m/all/auth".into(), "true".into(), Worth::Ok);
        assert_eq!(line(implied), " 13/378  implied  true             q  (by m/all/auth)");
        let skipped = line(Outcome::skipped("needs `l` to be true,\nwhich was not asked".into()));
        assert_eq!(
            skipped,
            " 13/378  skipped  -                q  (needs `l` to be true, which was not asked)"
        );
    }

    #[test]
    fn an_attempt_says_which_pass_it_was_and_which_one_follows() {
        let of = |cause| Outcome {
            end: End::Reaped(Exit::Code(0)),
            leftovers: Some(0),
            cause,
            ..Outcome::lost("".into())
        };
        let line = |pass, then, cause| finished(&row(pass, then, of(cause)), &query(), 1, 2);
        let followed = line(0, Then::NextPass, Cause::WallLimit);
        assert!(followed.ends_with("q  (pass fast, wall-limit, full follows)"), "{followed}");
        let again = line(1, Then::Retry, Cause::Exited);
        assert!(again.ends_with("q  (pass full, to be tried again)"), "{again}");
    }

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
