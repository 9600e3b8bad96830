//! Names that nobody has had before.

#![expect(unsafe_code, reason = "the kernel's random numbers")]

use std::io;

/// A token: 128 random bits, in hexadecimal digits.
///
/// # Errors
/// If the kernel has no random numbers.
pub fn fresh() -> io::Result<Box<str>> {
    let mut bytes = [0_u8; 16];
    // SAFETY: a place of this length. So few bytes are given all at once or not at all.
    let length = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if length != 16 {
        return Err(io::Error::last_os_error());
    }
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        let (one, other) = (fresh().expect("random"), fresh().expect("random"));
        assert!(
            one != other && one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{one} {other}"
        );
    }
}
