//! What a query may be called. An id is shown, sorted and matched; it must never be used as a path as it is.

/// The most bytes of an id.
const LONGEST: usize = 255;

/// Whether this may be an id: parts divided by `/`, each of ASCII letters, digits and `._-`, beginning with a letter or digit.
///
/// # Errors
/// Why it may not, as a sentence without its subject.
pub fn check(id: &str) -> Result<(), &'static str> {
    if id.is_empty() {
        return Err("is empty");
    }
    if id.len() > LONGEST {
        return Err("has more than 255 bytes");
    }
    for part in id.split('/') {
        if !part.bytes().all(is_allowed) {
            return Err("holds a character that ids do not have");
        }
        if !part.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err("has a part that does not start with a letter or digit");
        }
    }
    Ok(())
}

/// Whether an id may hold this byte, beside the `/` between its parts.
#[must_use]
pub const fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn an_id_has_parts_that_begin_with_a_letter_or_digit() {
        for id in ["a", "0", "tls/leak-1/q.b_c", &"x".repeat(255)] {
            assert_eq!(check(id), Ok(()), "{id}");
        }
        for id in ["", "/", "a/", "/a", "a//b", "-a", "a/.b", "a b", "\u{e9}", "a\n", &"x".repeat(256)] {
            assert!(check(id).is_err(), "{id}");
        }
    }
}
