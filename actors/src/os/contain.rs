//! The agreement between the supervisor and its guardian on what holds the children together: asked for once, before
//! the first child, and answered with what was achieved.
//!
//! The words are not those of `wire`: they are said before a `Link` is there. Decoding must never panic.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use nix::unistd::Pid;
use provisor_core::containment::{Containment, Level};

use super::fields::{Reader, WireError};

/// The first byte of the request and of the answer.
pub(super) const REQUEST: u8 = b'C';
const ANSWER: u8 = b'c';
/// An answer fits into this.
pub(super) const LONGEST: usize = 16 * 1024;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contain<'a> {
    /// How strong it is to be.
    pub containment: Containment,
    /// The token of the run, which names what is made for it.
    pub token: &'a str,
}

/// What was achieved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contained {
    /// What holds the children together.
    pub level: Level,
    /// Why it is not a stronger level, as far as one was tried or might be expected.
    pub weaker_because: Vec<String>,
    /// The cgroups of the run that there are or may come to be: where the next start looks for what is left of this one.
    pub groups: Vec<PathBuf>,
}

/// Why there is no containment as it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ContainError {
    /// This machine has no such thing.
    #[error("{0}")]
    Impossible(String),
    /// The guardian could not be asked.
    #[error("the guardian process could not be asked for the containment")]
    Guardian(#[from] io::Error),
}

impl Contain<'_> {
    pub(super) fn encode(self) -> Vec<u8> {
        let place = Containment::ALL.iter().position(|one| *one == self.containment).unwrap_or_default();
        let mut bytes = vec![REQUEST, u8::try_from(place).unwrap_or_default()];
        put(&mut bytes, self.token.as_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Contain<'_>, WireError> {
        let mut rest = Reader(bytes);
        if rest.byte()? != REQUEST {
            return Err(WireError::Kind);
        }
        let containment = *Containment::ALL.get(usize::from(rest.byte()?)).ok_or(WireError::Kind)?;
        let token = rest.text()?.to_str().map_err(|_| WireError::Kind)?;
        rest.end()?;
        Ok(Contain { containment, token })
    }
}

/// The guardian's answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether it has copied itself. All numbers are as the supervisor sees them.
    pub(super) copy: Copied,
    /// What was achieved, or why nothing was.
    pub(super) contained: Result<Contained, String>,
}

/// What came of a copy of the guardian, a child of the supervisor's like itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copied {
    /// There was none.
    Not,
    /// It is the guardian from now on; the one before leaves.
    Guardian(Pid),
    /// It is dying. The guardian is who it was.
    InVain(Pid),
}

impl Copied {
    /// One number for all: below zero in vain.
    fn number(self) -> i32 {
        match self {
            Self::Not => 0,
            Self::Guardian(pid) => pid.as_raw(),
            Self::InVain(pid) => pid.as_raw().wrapping_neg(),
        }
    }

    fn from_number(number: i32) -> Self {
        match number {
            0 => Self::Not,
            1.. => Self::Guardian(Pid::from_raw(number)),
            _ => Self::InVain(Pid::from_raw(number.wrapping_neg())),
        }
    }
}

/// Writes an answer.
pub(super) fn encode_answer(Answer { copy, contained }: &Answer) -> Vec<u8> {
    let mut bytes = vec![ANSWER, u8::from(contained.is_ok())];
    bytes.extend_from_slice(&copy.number().to_le_bytes());
    match contained {
        Ok(contained) => {
            let place = Level::ALL.iter().position(|level| *level == contained.level).unwrap_or_default();
            bytes.push(u8::try_from(place).unwrap_or_default());
            put_list(&mut bytes, contained.groups.iter().map(|path| path.as_os_str().as_bytes()));
            put_list(&mut bytes, contained.weaker_because.iter().map(String::as_bytes));
        }
        Err(why) => put(&mut bytes, why.as_bytes()),
    }
    bytes
}

/// Reads one.
pub(super) fn decode_answer(bytes: &[u8]) -> Result<Answer, WireError> {
    let mut rest = Reader(bytes);
    if rest.byte()? != ANSWER {
        return Err(WireError::Kind);
    }
    let is_achieved = rest.flag()?;
    let copy = Copied::from_number(rest.i32()?);
    if !is_achieved {
        let why = words(&mut rest)?;
        rest.end()?;
        return Ok(Answer { copy, contained: Err(why) });
    }
    let level = *Level::ALL.get(usize::from(rest.byte()?)).ok_or(WireError::Kind)?;
    let count = rest.byte()?;
    let path = |text: &CStr| PathBuf::from(OsStr::from_bytes(text.to_bytes()));
    let groups = (0..count).map(|_| rest.text().map(path)).collect::<Result<_, _>>()?;
    let count = rest.byte()?;
    let weaker_because = (0..count).map(|_| words(&mut rest)).collect::<Result<_, _>>()?;
    rest.end()?;
    Ok(Answer { copy, contained: Ok(Contained { level, weaker_because, groups }) })
}

fn words(rest: &mut Reader<'_>) -> Result<String, WireError> {
    Ok(rest.text()?.to_string_lossy().into_owned())
}

/// A count, and so many texts.
fn put_list<'a>(bytes: &mut Vec<u8>, texts: impl ExactSizeIterator<Item = &'a [u8]>) {
    bytes.push(u8::try_from(texts.len()).unwrap_or(u8::MAX));
    texts.take(usize::from(u8::MAX)).for_each(|text| put(bytes, text));
}

/// A length, and the text with its only NUL.
fn put(bytes: &mut Vec<u8>, text: &[u8]) {
    let text: Vec<u8> = text.iter().copied().filter(|byte| *byte != 0).take(LONGEST / 8).collect();
    let length = u32::try_from(text.len() + 1).unwrap_or_default();
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&text);
    bytes.push(0);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_read_as_written() {
        for containment in Containment::ALL {
            let request = Contain { containment, token: "0123abcd" };
            assert_eq!(Contain::decode(&request.encode()), Ok(request));
        }
    }

    proptest! {
        #[test]
        fn an_answer_is_read_as_written(
            number in any::<i32>(),
            level in prop::sample::select(Level::ALL.to_vec()),
            groups in prop::collection::vec("/[a-z é/]{1,40}", 0..4),
            reasons in prop::collection::vec("[a-zß ]{0,40}", 0..4),
        ) {
            let groups = groups.into_iter().map(PathBuf::from).collect();
            let copy = Copied::from_number(number);
            prop_assert_eq!(copy.number(), number);
            let contained = Contained { level, weaker_because: reasons.clone(), groups };
            let answer = Answer { copy, contained: Ok(contained) };
            prop_assert_eq!(decode_answer(&encode_answer(&answer)), Ok(answer));
            let refusal = Answer { copy, contained: Err(reasons.concat()) };
            prop_assert_eq!(decode_answer(&encode_answer(&refusal)), Ok(refusal));
        }

        #[test]
        fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), ours in any::<bool>()) {
            if let (Some(first), true) = (bytes.first_mut(), ours) {
                *first = if *first & 1 == 0 { REQUEST } else { ANSWER };
            }
            let _ = Contain::decode(&bytes);
            let _ = decode_answer(&bytes);
        }
    }
}
