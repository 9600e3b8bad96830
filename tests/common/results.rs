//! `provisor results` on a job with a query for each way to end.

use crate::common::{Desk, Ran, table};

/// A query for each way to end, with outputs that nobody would wish for.
pub(crate) const KINDS: &str = r#"Job(name: "kinds", slots: 4, preset: "exit-code",
    rules: [
        (on: Regex("^SAY (.*)$"), capture: Group(1)),
        (on: Regex("^VALUE (.*)$"), value: Group(1)),
        (on: Contains("enough"), verdict: "enough", stop: true),
    ],
    commands: [
        (id: "fine/true", run: ["printf", "SAY false\nSAY true\nSAY true\nVALUE =1+1\n"]),
        (id: "fine/a_long_id-of-many-parts/that-goes.on/and-on/until-it-is-longer-than-half-a-terminal", run: ["true"]),
        (id: "hostile", run: ["printf", "SAY \u{1b}[31m|%s\\\\\n", "`<b>&amp; ]]> \\end{x} 50% $_^~#{} 日本語 \u{fffe}"]),
        (id: "unexpected", run: ["echo", "SAY true"], expect: "false"),
        (id: "failed", run: ["false"]),
        (id: "code", run: ["sh", "-c", "exit 7"]),
        (id: "signal", run: ["sh", "-c", "kill -SEGV $$"]),
        (id: "stopped", run: ["sh", "-c", "echo enough; exec sleep 60"]),
        (id: "slow", run: ["sleep", "60"], limits: (wall: "200ms")),
        (id: "silent", run: ["sleep", "60"], limits: (silence: "200ms")),
        (id: "missing", run: ["no-such-program-anywhere"]),
    ])"#;

pub(crate) const FORMATS: [&str; 6] = ["table", "csv", "json", "markdown", "latex", "junit"];

pub(crate) fn results(desk: &Desk, args: &[&str]) -> Ran {
    at_width(desk, "", args)
}

pub(crate) fn at_width(desk: &Desk, width: &str, args: &[&str]) -> Ran {
    let mut command = desk.provisor(["results", "out"]);
    command.args(args).env("COLUMNS", width);
    desk.finish(command)
}

/// The ids of the rows, in their order.
pub(crate) fn ids(desk: &Desk, args: &[&str]) -> Vec<String> {
    let ran = results(desk, &[args, &["--format", "csv"]].concat()).with_code(0);
    table(&ran.out).into_iter().map(|mut row| row.remove("query").expect("a query")).collect()
}

pub(crate) fn kinds(name: &str) -> Desk {
    let desk = Desk::new(name);
    desk.run(KINDS, &[]).with_code(1);
    desk
}
