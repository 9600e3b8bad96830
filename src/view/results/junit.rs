//! The results as JUnit's XML, as Jenkins, GitLab and their like read it: a test suite for the job, a test case for each
//! query. What did not end well is a failure where it ended by itself and an error where it was ended or never ran; what
//! has no row yet is skipped.

use std::io;

use provisor_actors::store::Standing;
use provisor_core::text::clean;
use provisor_core::{Cause, End};
use quick_xml::Writer;
use quick_xml::escape::escape;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::columns;
use crate::results::Selection;
use crate::view::words;

type Xml = Writer<Vec<u8>>;

/// The document; `with_findings`: the result lines of each query as its output, too.
pub(crate) fn text(selection: &Selection, with_findings: bool) -> io::Result<Vec<u8>> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let job = legal(&clean(&selection.job));
    let counts = Counts::of(selection);
    let all = xml.create_element("testsuites").with_attributes(counts.attributes(&job));
    all.write_inner_content(|xml| {
        let started = selection.run.and_then(|run| started_at(run.started_us));
        let suite = xml.create_element("testsuite").with_attributes(counts.attributes(&job));
        let suite = suite.with_attribute(("skipped", &*selection.waiting.len().to_string()));
        let suite = suite.with_attributes(started.as_deref().map(|started| ("timestamp", started)));
        suite.write_inner_content(|xml| {
            selection.rows.iter().try_for_each(|row| case(xml, &job, row, with_findings))?;
            selection.waiting.iter().try_for_each(|waiting| skipped(xml, &job, &waiting.query))
        })?;
        Ok(())
    })?;
    let mut text = xml.into_inner();
    text.push(b'\n');
    Ok(text)
}

struct Counts {
    tests: String,
    failures: String,
    errors: String,
    time: String,
}

impl Counts {
    fn of(selection: &Selection) -> Self {
        let count = |kind| selection.rows.iter().filter(|row| Kind::of(row) == kind).count().to_string();
        Self {
            tests: (selection.rows.len() + selection.waiting.len()).to_string(),
            failures: count(Kind::Failure),
            errors: count(Kind::Error),
            time: words::seconds(selection.rows.iter().map(|row| row.outcome.wall).sum()),
        }
    }

    fn attributes<'a>(&'a self, job: &'a str) -> [(&'static str, &'a str); 5] {
        [
            ("name", job),
            ("tests", &self.tests),
            ("failures", &self.failures),
            ("errors", &self.errors),
            ("time", &self.time),
        ]
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Passed,
    /// Another one was faster.
    Outrun,
    Failure,
    Error,
}

impl Kind {
    fn of(row: &Standing) -> Self {
        // What follows from a measured answer is an answer, and may be the wrong one.
        let is_answered = row.outcome.ended_by_itself() || matches!(row.outcome.end, End::Implied(_));
        match (row.is_well(), is_answered) {
            (true, _) if row.outcome.cause_word() == Cause::Outrun.word() => Self::Outrun,
            (true, _) => Self::Passed,
            (false, true) => Self::Failure,
            (false, false) => Self::Error,
        }
    }
}

fn case(xml: &mut Xml, job: &str, row: &Standing, with_findings: bool) -> io::Result<()> {
    let time = words::seconds(row.outcome.wall);
    let query = legal(&clean(&row.query));
    let (class, name) = names(job, &query);
    let case = xml.create_element("testcase");
    let case = case.with_attributes([("classname", class), ("name", name), ("time", &time)]);
    let findings = if with_findings { &row.outcome.judgement.findings[..] } else { &[] };
    let kind = match Kind::of(row) {
        Kind::Passed if findings.is_empty() => return case.write_empty().map(drop),
        Kind::Passed | Kind::Outrun => None,
        Kind::Failure => Some("failure"),
        Kind::Error => Some("error"),
    };
    case.write_inner_content(|xml| {
        if Kind::of(row) == Kind::Outrun {
            skip(xml, "another one was faster")?;
        }
        if let Some(kind) = kind {
            let problem = xml.create_element(kind).with_attribute(("type", row.outcome.cause_word()));
            let problem = problem.with_attribute(("message", &*legal(&message(row))));
            text_of(problem, &details(row))?;
        }
        if !findings.is_empty() {
            let line = |finding: &provisor_core::verdict::Finding| {
                format!("{}: {}\n", clean(&finding.verdict), clean(&finding.statement))
            };
            text_of(xml.create_element("system-out"), &findings.iter().map(line).collect::<String>())?;
        }
        Ok(())
    })?;
    Ok(())
}

fn skipped(xml: &mut Xml, job: &str, query: &str) -> io::Result<()> {
    let query = legal(&clean(query));
    let (class, name) = names(job, &query);
    let case = xml.create_element("testcase").with_attributes([("classname", class), ("name", name)]);
    case.write_inner_content(|xml| skip(xml, "not done yet"))?;
    Ok(())
}

fn skip(xml: &mut Xml, why: &str) -> io::Result<()> {
    xml.create_element("skipped").with_attribute(("message", why)).write_empty().map(drop)
}

fn text_of(element: quick_xml::writer::ElementWriter<'_, Vec<u8>>, text: &str) -> io::Result<()> {
    element.write_text_content(BytesText::from_escaped(escape(legal(text)))).map(drop)
}

/// The class and the name of a test: an id up to its last `/`, and what comes after it.
fn names<'a>(job: &'a str, query: &'a str) -> (&'a str, &'a str) {
    query.rsplit_once('/').unwrap_or((job, query))
}

/// `false, expected true`; `no verdict, SIGSEGV`; `wall-limit, killed`.
fn message(row: &Standing) -> String {
    let ending = words::ending(&row.outcome);
    let verdict = row.outcome.judgement.verdict.as_deref();
    let mut parts = match (row.outcome.ended_by_itself(), verdict) {
        (true, Some(verdict)) => vec![clean(verdict).into_owned()],
        (true, None) => vec!["no verdict".into(), ending],
        (false, _) => vec![ending],
    };
    parts.extend(row.expected.as_deref().map(|expected| format!("expected {}", clean(expected))));
    parts.join(", ")
}

fn details(row: &Standing) -> String {
    let mut text = columns::decided(&row.outcome);
    if let Some(log) = &row.log {
        text.push_str(&format!("\nlog: {}", clean(log)));
    }
    text.trim_start().to_owned()
}

/// Without what XML cannot hold at all; control characters are gone already.
fn legal(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "")
}

/// UTC without an offset, as JUnit has it.
fn started_at(micros: i64) -> Option<String> {
    let time = jiff::Timestamp::from_microsecond(micros).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use quick_xml::escape::unescape;

    use super::*;

    proptest::proptest! {
        #[test]
        fn whatever_a_child_says_is_xml_and_reads_back(text in "[-a<>&'\"\\]!/ \u{0}\u{1b}\u{85}\u{9b}\u{202e}\u{fffe}\u{ffff}é🎉]{0,30}") {
            let shown = legal(&clean(&text));
            let is_legal = |c: char| c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}');
            proptest::prop_assert!(shown.chars().all(is_legal), "{:?}", shown);
            let escaped = escape(&*shown);
            proptest::prop_assert!(!escaped.contains(['<', '>']));
            proptest::prop_assert_eq!(&*unescape(&escaped).expect("XML"), &*shown);
        }
    }
}
