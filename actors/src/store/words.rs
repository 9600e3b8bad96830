//! How the core's types stand in the database: as the words that users read, as microseconds, as plain numbers.

use std::sync::Arc;
use std::time::Duration;

use provisor_core::cause::{End, Exit, StopMethod};
use provisor_core::plan::Limits;
use provisor_core::verdict::Counts;
use rusqlite::Row;
use rusqlite::types::{FromSql, Type};
use thiserror::Error;

#[derive(Debug, Error)]
#[error("`{0}` is not known here")]
struct UnknownWord(Box<str>);

pub(super) fn counts(word: &str) -> Option<Counts> {
    [Counts::Ok, Counts::Open, Counts::Bad].into_iter().find(|counts| counts.word() == word)
}

pub(super) const fn method_word(method: StopMethod) -> &'static str {
    match method {
        StopMethod::Term => "term",
        StopMethod::Kill => "kill",
    }
}

pub(super) fn method(word: &str) -> Option<StopMethod> {
    [StopMethod::Term, StopMethod::Kill].into_iter().find(|method| method_word(*method) == word)
}

/// What became of a process, as columns.
pub(super) struct EndWords<'a> {
    pub(super) ending: &'static str,
    pub(super) why: Option<&'a str>,
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
}

impl<'a> EndWords<'a> {
    pub(super) fn of(end: &'a End) -> Self {
        let nothing = Self { ending: "", why: None, code: None, signal: None };
        match end {
            End::Reaped(Exit::Code(code)) => Self { ending: "reaped", code: Some(*code), ..nothing },
            End::Reaped(Exit::Signal(signal)) => Self { ending: "reaped", signal: Some(*signal), ..nothing },
            End::NotStarted(why) => Self { ending: "not-started", why: Some(why), ..nothing },
            End::Unreaped => Self { ending: "unreaped", ..nothing },
            End::Lost(how) => Self { ending: "lost", why: Some(how), ..nothing },
            End::Skipped(why) => Self { ending: "skipped", why: Some(why), ..nothing },
            End::Implied(by) => Self { ending: "implied", why: Some(by), ..nothing },
        }
    }
}

/// The way back from [`EndWords`].
pub(super) fn end(
    ending: &str,
    why: Option<Arc<str>>,
    code: Option<i32>,
    signal: Option<i32>,
) -> Option<End> {
    Some(match (ending, code, signal) {
        ("reaped", Some(code), None) => End::Reaped(Exit::Code(code)),
        ("reaped", None, Some(signal)) => End::Reaped(Exit::Signal(signal)),
        ("not-started", ..) => End::NotStarted(why.unwrap_or_default()),
        ("unreaped", ..) => End::Unreaped,
        ("lost", ..) => End::Lost(why.unwrap_or_default()),
        ("skipped", ..) => End::Skipped(why.unwrap_or_default()),
        ("implied", ..) => End::Implied(why.unwrap_or_default()),
        _ => return None,
    })
}

/// Whether what stands under `why` is what shows a limit, and not what became of the process.
pub(super) fn has_evidence(ending: &str) -> bool {
    matches!(ending, "reaped" | "unreaped")
}

/// Microseconds; what is longer than SQLite can hold is as long as it can.
pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Microseconds of a limit, rounded up: what was kept must not look lower than what was asked, or asking for it again
/// would look like raising it.
pub(super) fn limit_micros(duration: Duration) -> i64 {
    let rest = i64::from(!duration.subsec_nanos().is_multiple_of(1000));
    micros(duration).saturating_add(rest)
}

pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn place(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

/// The columns of a row, taken one after the other.
pub(super) struct Columns<'a, 'b> {
    row: &'a Row<'b>,
    next: usize,
}

impl<'a, 'b> Columns<'a, 'b> {
    pub(super) const fn of(row: &'a Row<'b>) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn take<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        self.next += 1;
        self.row.get(self.next - 1)
    }

    pub(super) fn duration(&mut self) -> rusqlite::Result<Duration> {
        let micros: i64 = self.take()?;
        u64::try_from(micros).map(Duration::from_micros).map_err(|_| self.out_of_range(micros))
    }

    pub(super) fn optional_duration(&mut self) -> rusqlite::Result<Option<Duration>> {
        match self.take::<Option<i64>>()? {
            None => Ok(None),
            Some(micros) => match u64::try_from(micros) {
                Ok(micros) => Ok(Some(Duration::from_micros(micros))),
                Err(_) => Err(self.out_of_range(micros)),
            },
        }
    }

    pub(super) fn unsigned(&mut self) -> rusqlite::Result<u64> {
        let number: i64 = self.take()?;
        u64::try_from(number).map_err(|_| self.out_of_range(number))
    }

    pub(super) fn optional_unsigned(&mut self) -> rusqlite::Result<Option<u64>> {
        match self.take::<Option<i64>>()? {
            None => Ok(None),
            Some(number) => u64::try_from(number).map(Some).map_err(|_| self.out_of_range(number)),
        }
    }

    pub(super) fn limits(&mut self) -> rusqlite::Result<Limits> {
        Ok(Limits {
            wall: self.optional_duration()?,
            silence: self.optional_duration()?,
            cpu: self.optional_duration()?,
            memory: self.optional_unsigned()?,
            output: self.optional_unsigned()?,
            processes: self.take()?,
            grace: self.duration()?,
        })
    }

    /// A word that means something.
    pub(super) fn word<T>(&mut self, meaning: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
        let word: Box<str> = self.take()?;
        meaning(&word).ok_or_else(|| self.unknown(word))
    }

    /// The same, where there may be none.
    pub(super) fn optional_word<T>(
        &mut self,
        meaning: impl Fn(&str) -> Option<T>,
    ) -> rusqlite::Result<Option<T>> {
        match self.take::<Option<Box<str>>>()? {
            None => Ok(None),
            Some(word) => meaning(&word).map(Some).ok_or_else(|| self.unknown(word)),
        }
    }

    pub(super) fn unknown(&self, word: Box<str>) -> rusqlite::Error {
        let column = self.next.saturating_sub(1);
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(UnknownWord(word)))
    }

    const fn out_of_range(&self, number: i64) -> rusqlite::Error {
        rusqlite::Error::IntegralValueOutOfRange(self.next.saturating_sub(1), number)
    }
}
