//! Durations and sizes as people write them: `"1h 30m"`, `"64 KiB"`.
//!
//! Arithmetic is checked and a number without a unit is refused: five of what? Must never guess a unit.

use std::time::Duration;

use thiserror::Error;

/// Why a text is no duration or size.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HumanError {
    /// There is nothing in it.
    #[error("an empty text is no {0}")]
    Empty(Quantity),
    /// A number without a unit.
    #[error("`{number}` has no unit")]
    NoUnit {
        /// The number as written.
        number: String,
        /// What was wanted.
        wanted: Quantity,
    },
    /// A unit that does not exist.
    #[error("`{unit}` is no unit of a {wanted}")]
    UnknownUnit {
        /// The unit as written.
        unit: String,
        /// What was wanted.
        wanted: Quantity,
    },
    /// Something else stands where a number should.
    #[error("`{text}` is no {wanted}")]
    NoNumber {
        /// The text as written.
        text: String,
        /// What was wanted.
        wanted: Quantity,
    },
    /// Less than nothing.
    #[error("a {0} cannot be negative")]
    Negative(Quantity),
    /// More than can be counted.
    #[error("`{text}` is too large")]
    TooLarge {
        /// The text as written.
        text: String,
        /// What was wanted.
        wanted: Quantity,
    },
}

/// What a text was to be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// A length of time.
    Duration,
    /// A number of bytes.
    Size,
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Duration => "duration",
            Self::Size => "size",
        })
    }
}

impl Quantity {
    fn examples(self) -> &'static str {
        match self {
            Self::Duration => r#"write "90s", "1h 30m", "500ms" or "2d""#,
            Self::Size => r#"write "64 KiB", "4 GiB" or "500 MB""#,
        }
    }

    /// A unit in the smallest one: microseconds, or bytes.
    fn unit(self, unit: &str) -> Option<u64> {
        const SECOND: u64 = 1_000_000;
        Some(match (self, unit) {
            (Self::Duration, "us" | "µs") => 1,
            (Self::Duration, "ms") => 1_000,
            (Self::Duration, "s" | "sec") => SECOND,
            (Self::Duration, "m" | "min") => 60 * SECOND,
            (Self::Duration, "h") => 3_600 * SECOND,
            (Self::Duration, "d") => 86_400 * SECOND,
            (Self::Size, "B") => 1,
            (Self::Size, "kB" | "KB") => 1_000,
            (Self::Size, "MB") => 1_000_000,
            (Self::Size, "GB") => 1_000_000_000,
            (Self::Size, "TB") => 1_000_000_000_000,
            (Self::Size, "KiB") => 1 << 10,
            (Self::Size, "MiB") => 1 << 20,
            (Self::Size, "GiB") => 1 << 30,
            (Self::Size, "TiB") => 1 << 40,
            _ => return None,
        })
    }
}

impl HumanError {
    /// What to write instead.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoUnit { number, wanted: Quantity::Duration } => {
                format!(r#"say what it counts: "{number}s", "{number}m" or "{number}h""#)
            }
            Self::NoUnit { number, wanted: Quantity::Size } => {
                format!(r#"say what it counts: "{number} KiB", "{number} MiB" or "{number} GiB""#)
            }
            Self::Empty(wanted)
            | Self::Negative(wanted)
            | Self::UnknownUnit { wanted, .. }
            | Self::NoNumber { wanted, .. }
            | Self::TooLarge { wanted, .. } => wanted.examples().into(),
        }
    }
}

/// Reads `"90s"`, `"1h 30m"`, `"500ms"`, `"1.5d"`.
///
/// # Errors
/// When the text is anything else, or more microseconds than 64 bits hold.
pub fn duration(text: &str) -> Result<Duration, HumanError> {
    sum(text, Quantity::Duration).map(Duration::from_micros)
}

/// Reads `"64 KiB"`, `"4 GiB"`, `"500 MB"`, `"10 B"`.
///
/// # Errors
/// When the text is anything else, or more bytes than 64 bits hold.
pub fn size(text: &str) -> Result<u64, HumanError> {
    sum(text, Quantity::Size)
}

fn sum(text: &str, wanted: Quantity) -> Result<u64, HumanError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(HumanError::Empty(wanted));
    }
    let mut total = 0u64;
    while !rest.is_empty() {
        let (amount, after) = term(rest, wanted)?;
        total =
            total.checked_add(amount).ok_or_else(|| HumanError::TooLarge { text: text.into(), wanted })?;
        rest = after.trim_start();
    }
    Ok(total)
}

/// One number with its unit, and what follows it.
fn term(text: &str, wanted: Quantity) -> Result<(u64, &str), HumanError> {
    if text.starts_with('-') {
        return Err(HumanError::Negative(wanted));
    }
    let (number, rest) = text.split_at(text.find(|c| !is_digit_or_dot(c)).unwrap_or(text.len()));
    if !number.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(HumanError::NoNumber { text: text.into(), wanted });
    }
    let rest = rest.trim_start();
    let (unit, rest) = rest.split_at(rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len()));
    if unit.is_empty() && rest.is_empty() {
        return Err(HumanError::NoUnit { number: number.into(), wanted });
    }
    let factor =
        wanted.unit(unit).ok_or_else(|| HumanError::UnknownUnit { unit: unit_of(unit, rest), wanted })?;
    let amount = times(number, factor, wanted)?;
    Ok((amount, rest))
}

fn is_digit_or_dot(c: char) -> bool {
    c.is_ascii_digit() || c == '.'
}

/// The unit for an error message: where there is no letter, whatever stands in its place.
fn unit_of(unit: &str, rest: &str) -> String {
    if unit.is_empty() { rest.chars().take(8).collect() } else { unit.into() }
}

/// A decimal number times a unit, exactly, cut to whole microseconds or bytes.
fn times(number: &str, factor: u64, wanted: Quantity) -> Result<u64, HumanError> {
    let too_large = || HumanError::TooLarge { text: number.into(), wanted };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if number.ends_with('.') || fraction.contains('.') {
        return Err(HumanError::NoNumber { text: number.into(), wanted });
    }
    let whole: u64 = whole.parse().map_err(|_| too_large())?;
    let mut amount = whole.checked_mul(factor).ok_or_else(too_large)?;
    let mut scale = u128::from(factor);
    for digit in fraction.bytes().take(15) {
        // Each digit adds its part of what the one before it left: no floating point, no surprise.
        amount = amount
            .checked_add(u64::try_from(scale * u128::from(digit - b'0') / 10).map_err(|_| too_large())?)
            .ok_or_else(too_large)?;
        scale /= 10;
    }
    Ok(amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_of_numbers_with_units() {
        for (text, millis) in [
            ("90s", 90_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("2d", 172_800_000),
            ("1.5h", 5_400_000),
            ("0.25s", 250),
            (" 48h ", 172_800_000),
            ("5 min", 300_000),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in [
            "",
            " ",
            "5",
            "5.",
            "-5s",
            "NaN",
            "inf",
            "1e30",
            "1e30s",
            "5 parsecs",
            "5s!",
            "s",
            ".5s",
            "1.2.3s",
            "99999999999999999999s",
            "999999999999999d",
            "1h 5",
            "5\0s",
            "٥s",
        ] {
            let error = duration(text).expect_err(text);
            assert!(!error.to_string().is_empty() && error.hint().contains("\""), "{text}: {error}");
        }
        assert_eq!(duration("5").unwrap_err().to_string(), "`5` has no unit");
        assert_eq!(duration("-5s").unwrap_err(), HumanError::Negative(Quantity::Duration));
    }

    #[test]
    fn sizes_know_both_families_of_units() {
        for (text, bytes) in
            [("64 KiB", 65_536), ("4GiB", 4 << 30), ("500 MB", 500_000_000), ("10 B", 10), ("1.5 KiB", 1536)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["64", "64 K", "64 kib", "-1 B", "", "99999999 TiB", "4 GiB/s", "5s"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = duration(&text);
            let _ = size(&text);
        }

        #[test]
        fn whole_seconds_are_exact(seconds in 0u64..1 << 40) {
            proptest::prop_assert_eq!(duration(&format!("{seconds}s")), Ok(Duration::from_secs(seconds)));
        }
    }
}
