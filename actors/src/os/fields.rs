//! The fields of messages: lengths, numbers and texts, each checked before it is believed.
//!
//! For `wire` only. It must never panic, whatever the bytes are, and never copy a text.

use std::ffi::CStr;
use std::os::raw::c_char;

/// A message that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    /// It ends too early, or lengths in it lie.
    #[error("a length does not fit the message")]
    Length,
    /// Its kind is not known.
    #[error("unknown kind of message")]
    Kind,
    /// A text has no NUL at its end, or one before it.
    #[error("a text holds a NUL byte")]
    Nul,
}

/// Texts one after the other, each with its NUL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strings<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) count: usize,
}

impl Strings<'_> {
    /// Appends a pointer to each text. They are good for as long as the bytes are.
    pub(super) fn push_pointers(&self, pointers: &mut Vec<*const c_char>) {
        pointers.reserve(self.count);
        for text in self.bytes.split_inclusive(|byte| *byte == 0) {
            pointers.push(text.as_ptr().cast());
        }
    }
}

/// What is still to be read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(WireError::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(WireError::Length)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// One byte.
    pub(super) fn byte(&mut self) -> Result<u8, WireError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A byte that is 0 or 1.
    pub(super) fn flag(&mut self) -> Result<bool, WireError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(WireError::Kind),
        }
    }

    /// A number.
    pub(super) fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_le_bytes)
    }

    /// A number.
    pub(super) fn i32(&mut self) -> Result<i32, WireError> {
        self.array().map(i32::from_le_bytes)
    }

    /// A number.
    pub(super) fn u64(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_le_bytes)
    }

    fn length(&mut self) -> Result<usize, WireError> {
        usize::try_from(self.u32()?).map_err(|_| WireError::Length)
    }

    /// A length, and so many bytes that end with their only NUL.
    pub(super) fn text(&mut self) -> Result<&'a CStr, WireError> {
        let length = self.length()?;
        CStr::from_bytes_with_nul(self.take(length)?).map_err(|_| WireError::Nul)
    }

    /// A count, a length, and so many texts in so many bytes.
    pub(super) fn strings(&mut self) -> Result<Strings<'a>, WireError> {
        let count = self.length()?;
        let length = self.length()?;
        let bytes = self.take(length)?;
        if bytes.last().is_some_and(|last| *last != 0) {
            return Err(WireError::Nul);
        }
        if bytes.iter().filter(|byte| **byte == 0).count() != count {
            return Err(WireError::Length);
        }
        Ok(Strings { bytes, count })
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), WireError> {
        if self.0.is_empty() { Ok(()) } else { Err(WireError::Length) }
    }
}
