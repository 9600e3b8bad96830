//! The oracle of everything that reads output: however the same bytes are cut into chunks, they say the same.

use std::sync::Arc;
use std::time::Duration;

use provisor_core::cause::{Cause, Exit, StopMethod};
use provisor_core::lines::Reader;
use provisor_core::process::Ear;
use provisor_core::rules::{Judge, Stream};
use provisor_core::verdict::{Finding, Judgement};

/// All that a reader says.
#[derive(Debug, PartialEq)]
struct Heard {
    found: Vec<Finding>,
    wish: Option<StopMethod>,
    judgement: Judgement,
}

fn hear<'b>(judge: &Arc<Judge>, chunks: impl Iterator<Item = &'b [u8]>) -> Heard {
    let mut reader = Reader::new(Arc::clone(judge));
    let (mut found, mut wish) = (Vec::new(), None);
    for chunk in chunks {
        wish = wish.or(reader.hear(Stream::Stdout, chunk, Duration::ZERO, &mut found));
    }
    wish = wish.or(reader.close(Stream::Stdout, Duration::ZERO, &mut found));
    let judgement = reader.judge(Cause::Exited, Some(Exit::Code(0)));
    Heard { found, wish, judgement }
}

/// Hears the bytes in one piece, one by one, and in pieces of a size that depends on them.
pub(crate) fn hear_in_all_pieces(judge: &Arc<Judge>, bytes: &[u8]) {
    let whole = hear(judge, std::iter::once(bytes));
    assert_eq!(hear(judge, bytes.chunks(1)), whole, "one by one");
    let size = 2 + bytes.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(*byte)) % 61;
    assert_eq!(hear(judge, bytes.chunks(size)), whole, "in pieces of {size}");
}
