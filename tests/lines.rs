//! Jobs that print several lines and come to a value, by `config/examples/lines.ron`: whose lines are whose, and that each
//! value comes back whole and in its place.

mod common;

use std::path::Path;

use common::{Desk, Ran, table};

const JOBS: usize = 10;

fn run(desk: &Desk, print: &str) -> Ran {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/lines.ron");
    let example = example.to_str().expect("UTF-8");
    desk.finish(desk.provisor(["run", example, "-o", "out", "-q", "--print", print])).with_code(0)
}

/// The lines of the jobs: all before the table.
fn printed(out: &str) -> Vec<&str> {
    out.lines().take_while(|line| !line.contains("query")).collect()
}

/// What a job prints.
fn lines_of(job: usize) -> Vec<String> {
    let mut lines = ["I", "was", "here"].map(str::to_owned).to_vec();
    lines.push(format!("by run {job}"));
    lines
}

/// Every job has its value, and the results are in the order of the list, whoever was done first.
#[track_caller]
fn assert_values(desk: &Desk) {
    let results = desk.finish(desk.provisor(["results", "out", "--format", "csv"])).with_code(0);
    let got: Vec<_> =
        table(&results.out).into_iter().map(|row| (row["query"].clone(), row["value"].clone())).collect();
    let expected: Vec<_> = (0..JOBS).map(|job| (format!("job/{job}"), job.to_string())).collect();
    assert_eq!(got, expected);
}

#[test]
fn grouped_lines_are_never_among_those_of_another_job() {
    let desk = Desk::new("grouped");
    let ran = run(&desk, "grouped");
    let lines = printed(&ran.out);
    let mut done = Vec::new();
    for group in lines.chunks(1 + lines_of(0).len()) {
        let job = group[0].strip_prefix("==> job/").and_then(|rest| rest.split_once(": ok, "));
        let job = job.unwrap_or_else(|| panic!("no header: {group:?}")).0.parse().expect("a number");
        assert_eq!(group[1..], lines_of(job));
        done.push(job);
    }
    done.sort_unstable();
    assert_eq!(done, (0..JOBS).collect::<Vec<_>>());
    assert_values(&desk);
}

#[test]
fn single_lines_tell_whose_they_are() {
    let desk = Desk::new("tagged");
    let ran = run(&desk, "lines");
    let lines: Vec<(usize, &str)> = printed(&ran.out)
        .into_iter()
        .map(|line| {
            let (job, line) =
                line.strip_prefix("job/").and_then(|rest| rest.split_once(" | ")).expect("a tag");
            (job.parse().expect("a number"), line)
        })
        .collect();
    for job in 0..JOBS {
        let mine: Vec<&str> =
            lines.iter().filter(|(whose, _)| *whose == job).map(|(_, line)| *line).collect();
        assert_eq!(mine, lines_of(job));
    }
    // Three print slowly at the same time: what is grouped in the other test would be mixed without it.
    let changes = lines.windows(2).filter(|pair| pair[0].0 != pair[1].0).count();
    assert!(changes >= JOBS, "nothing was mixed: {lines:?}");
    assert_values(&desk);
}
