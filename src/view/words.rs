//! Durations, counts and outcomes in words.

use std::collections::BTreeMap;
use std::time::Duration;

use provisor_core::cause::{End, Exit, Outcome};
use provisor_core::tally::Counts;
use provisor_core::text::{clean, cut};

/// Classes that are told one by one at most: a rule may capture a verdict of its own for each query.
const MOST_CLASSES: usize = 12;
/// Characters of a class's word.
const CLASS_CUT: usize = 32;

/// `0.3s`, `12.4s`, `3m 07s`, `5h 02m`, `2d 03h`: three digits at most, whatever the size.
#[must_use]
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", time.as_secs_f64()),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86400, seconds / 3600 % 24),
    }
}

/// `12.345`, for programs: seconds with millisecond digits.
#[must_use]
pub(crate) fn seconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_secs(), time.subsec_millis())
}

/// The same as a number.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "milliseconds of 285,000 years are exact")]
pub(crate) fn seconds_f64(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

/// `1 query`, `2 queries`.
#[must_use]
pub(crate) fn queries(n: usize) -> String {
    if n == 1 { "1 query".into() } else { format!("{n} queries") }
}

/// `m/none/auth (full)`: a query and the pass that it is in.
#[must_use]
pub(crate) fn in_pass(query: &str, pass: &str) -> String {
    format!("{} ({})", clean(query), clean(pass))
}

/// `1 row`, `2 rows`.
#[must_use]
pub(crate) fn rows(n: usize) -> String {
    if n == 1 { "1 row".into() } else { format!("{n} rows") }
}

/// How it ended, for people: `exited`, `exit code 2`, `SIGSEGV`, `wall-limit, killed`.
#[must_use]
pub(crate) fn ending(outcome: &Outcome) -> String {
    let word = outcome.cause_word();
    match (word, &outcome.end, outcome.method) {
        ("exited", End::Reaped(Exit::Code(0)), _) => word.into(),
        ("exited", End::Reaped(Exit::Code(code)), _) => format!("exit code {code}"),
        ("exited", End::Reaped(Exit::Signal(signal)), _) => provisor_actors::os::signals::name(*signal),
        (_, _, Some(provisor_core::StopMethod::Kill)) => format!("{word}, killed"),
        _ => word.into(),
    }
}

/// `45s`, `3m 07s`, `5h 02m`: for what changes while it is looked at, without tenths.
#[must_use]
pub(crate) fn rough(time: Duration) -> String {
    if time.as_secs() < 60 { format!("{}s", time.as_secs()) } else { duration(time) }
}

/// `true 3, false 2, wall-limit 1`: what the done ones came to, the most frequent first.
#[must_use]
pub(crate) fn classes(counts: &Counts) -> String {
    let words = class_counts(counts);
    let told = words.iter().take(MOST_CLASSES).map(|(word, n, _)| format!("{word} {n}"));
    let others: usize = words.iter().skip(MOST_CLASSES).map(|(_, n, _)| n).sum();
    let others = (others > 0).then(|| format!("others {others}"));
    told.chain(others).collect::<Vec<_>>().join(", ")
}

/// What the done ones came to, how many each, and whether all of them ended well; the most frequent first.
#[must_use]
pub(crate) fn class_counts(counts: &Counts) -> Vec<(String, usize, bool)> {
    let mut counted: BTreeMap<String, (usize, bool)> = BTreeMap::new();
    for (class, n) in &counts.classes {
        let word = match (&*class.cause, &class.verdict) {
            ("exited" | "concluded", Some(verdict)) => cut(&clean(verdict), CLASS_CUT).into_owned(),
            ("exited" | "concluded", None) => "no verdict".into(),
            ("implied", Some(verdict)) => format!("implied {}", cut(&clean(verdict), CLASS_CUT)),
            (cause, _) => cause.into(),
        };
        let (sum, well) = counted.entry(word).or_insert((0, true));
        (*sum, *well) = (*sum + n, *well && class.well);
    }
    let mut words: Vec<_> = counted.into_iter().map(|(word, (n, well))| (word, n, well)).collect();
    words.sort_by_key(|(_, n, _)| std::cmp::Reverse(*n));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits() {
        let of = |seconds| duration(Duration::from_secs_f64(seconds));
        assert_eq!(of(0.04), "0.0s");
        assert_eq!(of(12.44), "12.4s");
        assert_eq!(of(187.0), "3m 07s");
        assert_eq!(of(18120.0), "5h 02m");
        assert_eq!(of(183_600.0), "2d 03h");
        assert_eq!(rough(Duration::from_millis(12_990)), "12s");
        assert_eq!(rough(Duration::from_secs(187)), "3m 07s");
    }

    #[test]
    fn what_follows_from_others_is_not_told_as_measured() {
        use provisor_core::tally::Class;

        let class = |cause: &str, verdict: Option<&str>| Class {
            cause: cause.into(),
            verdict: verdict.map(Into::into),
            well: true,
        };
        let (measured, implied) = (class("exited", Some("true")), class("implied", Some("true")));
        let done =
            [measured.clone(), measured.clone(), measured, implied.clone(), implied, class("skipped", None)];
        assert_eq!(classes(&Counts::new(6, done)), "true 3, implied true 2, skipped 1");
    }

    #[test]
    fn hostile_and_countless_verdicts_stay_one_short_line() {
        use provisor_core::tally::Class;

        let class = |n: usize| Class {
            cause: "exited".into(),
            verdict: Some(format!("\u{1b}[31mverdict\n{n:03}{}", "x".repeat(100)).into()),
            well: true,
        };
        let text = classes(&Counts::new(100, (0..100).map(class)));
        assert!(text.starts_with("verdict 000xxxxxxxxxxxxxxxxxxxx… 1, "), "{text}");
        assert!(text.ends_with(", others 88") && !text.contains(char::is_control), "{text}");
    }
}
