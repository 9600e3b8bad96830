//! Amounts as sentences have them: sizes in the largest unit that fits, times in seconds.

use std::time::Duration;

/// A size in bytes, in the largest unit in which it is at least one: `1 GiB`, `1.43 MiB`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "shown with two decimals")]
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) if bytes.is_multiple_of(unit) => format!("{} {name}", bytes / unit),
        Some((name, unit)) => format!("{:.2} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} bytes"),
    }
}

/// A time, in seconds with no more digits than it has, down to milliseconds: `2 s`, `0.25 s`.
#[must_use]
pub fn seconds(time: Duration) -> String {
    let digits = format!("{}.{:03}", time.as_secs(), time.subsec_millis());
    format!("{} s", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_their_units() {
        assert_eq!(size(12), "12 bytes");
        assert_eq!(size(1 << 20), "1 MiB");
        assert_eq!(size(1_500_000), "1.43 MiB");
        assert_eq!(size(u64::MAX), "16777216.00 TiB");
    }

    #[test]
    fn times_have_the_digits_that_they_need() {
        assert_eq!(seconds(Duration::from_secs(20)), "20 s");
        assert_eq!(seconds(Duration::from_millis(250)), "0.25 s");
        assert_eq!(seconds(Duration::from_micros(2_345_678)), "2.345 s");
        assert_eq!(seconds(Duration::ZERO), "0 s");
    }
}
