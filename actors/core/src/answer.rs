//! What a query came to, as far as others depend on it: those that need it, those whose answer follows from its own, and
//! its own next pass.

use std::sync::Arc;

use crate::cause::{self, Cause, Exit, IMPLIED, Outcome, SKIPPED, is_limited, is_own_end};
use crate::plan::{Condition, Only};
use crate::tally::Class;
use crate::verdict::{Counts, Judgement};

/// What a query came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The word of its cause.
    pub cause: &'static str,
    /// Its verdict.
    pub verdict: Option<Arc<str>>,
    /// What that counts as.
    pub counts: Counts,
    /// It left by a signal.
    pub signalled: bool,
    /// What it had reached was the machine's end of memory, and no limit of its own.
    pub of_machine: bool,
}

impl Answer {
    /// What an attempt, or what stands for one, came to.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            cause: outcome.cause_word(),
            verdict: outcome.judgement.verdict.clone(),
            counts: outcome.judgement.counts,
            signalled: matches!(outcome.exit(), Some(Exit::Signal(_))),
            of_machine: outcome.of_machine,
        }
    }

    /// What it is counted as, where this verdict (or none in particular) was expected.
    #[must_use]
    pub fn class(&self, expected: Option<&str>) -> Class {
        Class { cause: self.cause.into(), verdict: self.verdict.clone(), well: self.is_well(expected) }
    }

    /// Whether it ended as one hopes who expects this verdict, or none in particular.
    #[must_use]
    pub fn is_well(&self, expected: Option<&str>) -> bool {
        cause::is_well(self.cause, self.verdict.as_deref(), self.counts, expected)
    }

    /// Whether one that needs this of it may be asked; `expected` is the verdict that is expected of this one.
    #[must_use]
    pub fn meets(&self, condition: &Condition, expected: Option<&str>) -> bool {
        match condition {
            Condition::Says(verdict) => self.says(verdict),
            Condition::Well => self.is_well(expected),
            Condition::Over => true,
        }
    }

    /// Whether a query that needs this verdict may be asked: it is its own, or follows from one.
    #[must_use]
    pub fn says(&self, verdict: &str) -> bool {
        (self.is_measured() || self.cause == IMPLIED) && self.verdict.as_deref() == Some(verdict)
    }

    /// Whether it settles the question of a race: a verdict that counts as ok, or is the expected one, and an end of its own.
    #[must_use]
    pub fn settles(&self, expected: Option<&str>) -> bool {
        let is_answer = |verdict: &str| self.counts == Counts::Ok || expected == Some(verdict);
        self.is_measured() && self.verdict.as_deref().is_some_and(is_answer)
    }

    /// The truth that others may follow from: a verdict of exactly that word, measured, and by an end of its own.
    #[must_use]
    pub fn truth(&self) -> Option<Truth> {
        let is_true = match self.verdict.as_deref().filter(|_| self.is_measured())? {
            "true" => true,
            "false" => false,
            _ => return None,
        };
        Some(Truth { is_true, counts: self.counts })
    }

    /// It ended by itself, with no signal that nobody sent, or because enough was known.
    fn is_measured(&self) -> bool {
        is_own_end(self.cause) && !(self.signalled && self.cause == Cause::Exited.word())
    }

    /// The same, where what was said is judged so.
    #[must_use]
    pub fn judged(&self, judgement: &Judgement) -> Self {
        Self { verdict: judgement.verdict.clone(), counts: judgement.counts, ..self.clone() }
    }

    /// Whether there was no attempt to come to it.
    #[must_use]
    pub fn is_derived(&self) -> bool {
        [SKIPPED, IMPLIED].contains(&self.cause)
    }

    /// Whether the next pass follows after an attempt that ended so, under this condition, where this verdict (or none in
    /// particular) is expected.
    #[must_use]
    pub fn is_followed(&self, only: Only, expected: Option<&str>) -> bool {
        let is_limited = is_limited(self.cause);
        if !is_limited && !is_own_end(self.cause) {
            return false;
        }
        match only {
            Only::Limited => is_limited && !self.of_machine,
            Only::Open => is_limited || self.verdict.is_none() || self.counts == Counts::Open,
            Only::NotTrue => is_limited || self.verdict.as_deref() != Some("true"),
            Only::NotWell => !self.is_well(expected),
        }
    }

    /// In words: the verdict, or why there is none that counts.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.verdict {
            Some(verdict) if is_own_end(self.cause) || self.cause == IMPLIED => verdict.to_string(),
            None if is_own_end(self.cause) => "no verdict".into(),
            _ => self.cause.to_string(),
        }
    }
}

/// A verdict of exactly `true` or `false` that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Which of the two.
    pub is_true: bool,
    /// What that counts as.
    pub counts: Counts,
}

impl Truth {
    /// The verdict's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        if self.is_true { "true" } else { "false" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::{CAUSE_WORDS, CUT_SHORT};

    fn answer(cause: &'static str, verdict: Option<&str>, counts: Counts) -> Answer {
        let verdict = verdict.map(Into::into);
        Answer { cause, verdict, counts, signalled: false, of_machine: false }
    }

    #[test]
    fn only_what_was_measured_to_its_own_end_is_a_truth_to_follow_from() {
        let of = |answer: Answer| answer.truth().map(|truth| truth.is_true);
        let truth = |cause, verdict| of(answer(cause, Some(verdict), Counts::Ok));
        for cause in CAUSE_WORDS {
            let is_own = ["exited", "concluded"].contains(&cause);
            assert_eq!(truth(cause, "true"), is_own.then_some(true), "{cause}");
        }
        assert_eq!(truth("exited", "false"), Some(false));
        for other in ["cannot be proved", "mixed", "True", "ok", ""] {
            assert_eq!(truth("exited", other), None, "{other}");
        }
        let signalled = |cause| Answer { signalled: true, ..answer(cause, Some("true"), Counts::Ok) };
        assert_eq!((of(signalled("exited")), of(signalled("concluded"))), (None, Some(true)));
    }

    #[test]
    fn a_question_is_settled_by_an_end_of_its_own_with_a_verdict_that_is_ok_or_expected() {
        for cause in CAUSE_WORDS {
            let is_own = ["exited", "concluded"].contains(&cause);
            assert_eq!(answer(cause, Some("yes"), Counts::Ok).settles(Some("no")), is_own, "{cause}");
            assert_eq!(answer(cause, Some("no"), Counts::Bad).settles(Some("no")), is_own, "{cause}");
            assert!(!answer(cause, Some("no"), Counts::Bad).settles(None), "{cause}");
            assert!(!answer(cause, Some("maybe"), Counts::Open).settles(Some("no")), "{cause}");
            assert!(!answer(cause, None, Counts::Ok).settles(None), "{cause}");
        }
        let signalled = Answer { signalled: true, ..answer("exited", Some("yes"), Counts::Ok) };
        assert!(!signalled.settles(None), "it may have been about to say more");
    }

    #[test]
    fn what_is_needed_may_be_measured_or_implied_and_nothing_else() {
        for cause in CAUSE_WORDS {
            let may = ["exited", "concluded", "implied"].contains(&cause);
            assert_eq!(answer(cause, Some("yes"), Counts::Bad).says("yes"), may, "{cause}");
            assert!(
                !answer(cause, None, Counts::Ok).says("yes")
                    && !answer(cause, Some("no"), Counts::Ok).says("yes")
            );
        }
    }

    #[test]
    fn who_is_needed_to_end_well_does_by_what_is_expected_of_it_and_over_is_whatever_has_ended() {
        let well = |answer: &Answer, expected| answer.meets(&Condition::Well, expected);
        for cause in CAUSE_WORDS {
            let may = ["exited", "concluded", "implied", "outrun"].contains(&cause);
            let ok = answer(cause, Some("yes"), Counts::Ok);
            assert_eq!((well(&ok, None), well(&ok, Some("no"))), (may, cause == "outrun"), "{cause}");
            assert!(ok.meets(&Condition::Over, Some("no")), "{cause}");
        }
        let bad = answer("exited", Some("no"), Counts::Bad);
        assert_eq!((well(&bad, None), well(&bad, Some("no"))), (false, true));
        let says = |verdict: &str| bad.meets(&Condition::Says(verdict.into()), Some("yes"));
        assert_eq!((says("no"), says("yes")), (true, false), "what is expected is of no concern then");
    }

    #[test]
    fn each_condition_lets_the_next_pass_follow_after_its_own_ends_only() {
        use Only::{Limited, NotTrue, NotWell, Open};
        let followed = |answer: &Answer, expected| {
            [Limited, Open, NotTrue, NotWell].map(|only| answer.is_followed(only, expected))
        };
        for (cause, verdict, counts, expected, by) in [
            ("wall-limit", None, Counts::Ok, None, [true; 4]),
            ("memory-limit", Some("true"), Counts::Ok, Some("true"), [true; 4]),
            ("exited", None, Counts::Ok, None, [false, true, true, true]),
            ("exited", Some("maybe"), Counts::Open, None, [false, true, true, true]),
            ("exited", Some("false"), Counts::Bad, None, [false, false, true, true]),
            ("exited", Some("false"), Counts::Bad, Some("false"), [false, false, true, false]),
            ("exited", Some("true"), Counts::Ok, None, [false; 4]),
            ("concluded", Some("true"), Counts::Ok, Some("false"), [false, false, false, true]),
        ] {
            assert_eq!(
                followed(&answer(cause, verdict, counts), expected),
                by,
                "{cause} {verdict:?} {expected:?}"
            );
        }
        for cause in ["not-started", "unreaped", "skipped", "implied", "outrun"].into_iter().chain(CUT_SHORT)
        {
            assert_eq!(followed(&answer(cause, None, Counts::Ok), None), [false; 4], "{cause}");
        }
    }

    #[test]
    fn the_machines_end_of_memory_is_no_limit_of_the_querys_own() {
        let short = Answer { of_machine: true, ..answer("memory-limit", None, Counts::Ok) };
        assert_eq!(
            (short.is_followed(Only::Limited, None), short.is_followed(Only::Open, None)),
            (false, true)
        );
    }

    #[test]
    fn it_is_told_by_its_verdict_or_by_why_that_does_not_count() {
        let words = |cause, verdict| answer(cause, verdict, Counts::Ok).words();
        assert_eq!(words("exited", Some("false")), "false");
        assert_eq!(words("exited", None), "no verdict");
        assert_eq!(words("implied", Some("true")), "true");
        assert_eq!(words("wall-limit", Some("true")), "wall-limit");
        assert_eq!(words("skipped", None), "skipped");
    }
}
