//! What is kept of a log of which only the two ends are: the head goes to the file as it comes, the tail waits for the end.
//!
//! It must never touch a file.

/// The two ends of what comes.
pub(super) struct Ends {
    most: usize,
    /// So many bytes still belong to the head.
    head_left: usize,
    /// The head ends with a whole line.
    in_line: bool,
    tail: Vec<u8>,
    /// So many bytes of the middle were let go.
    left_out: u64,
}

impl Ends {
    /// Of which each has so many bytes at most.
    pub(super) fn new(most: u64) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self { most, head_left: most, in_line: false, tail: Vec::new(), left_out: 0 }
    }

    /// Takes in what comes next; returns what of it belongs to the head.
    pub(super) fn take<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let (head, rest) = bytes.split_at(bytes.len().min(self.head_left));
        self.head_left -= head.len();
        if let Some(last) = head.last() {
            self.in_line = *last != b'\n';
        }
        self.tail.extend_from_slice(rest);
        // Cut only when twice too long, so that each byte is moved once at most.
        if self.tail.len() > self.most.saturating_mul(2).max(65536) {
            self.cut();
        }
        head
    }

    fn cut(&mut self) {
        let over = self.tail.len().saturating_sub(self.most);
        self.tail.drain(..over);
        self.left_out += over as u64;
    }

    /// Nothing more comes: the line that tells what is missing, if anything is, and the tail.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        self.cut();
        let mut out = Vec::new();
        if self.left_out > 0 {
            let line_end = if self.in_line { "\n" } else { "" };
            out.extend_from_slice(
                format!("{line_end}[provisor left out {} bytes here]\n", self.left_out).as_bytes(),
            );
        }
        out.append(&mut self.tail);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(most: u64, chunks: &[&[u8]]) -> Vec<u8> {
        let mut ends = Ends::new(most);
        let mut out: Vec<u8> = chunks.iter().flat_map(|chunk| ends.take(chunk).to_vec()).collect();
        out.extend(ends.finish());
        out
    }

    #[test]
    fn the_line_between_tells_what_is_missing() {
        assert_eq!(kept(4, &[b"ab\ncdefghij"]), b"ab\nc\n[provisor left out 3 bytes here]\nghij");
        assert_eq!(kept(3, &[b"ab\n", b"cdef\n"]), b"ab\n[provisor left out 2 bytes here]\nef\n");
        assert_eq!(kept(0, &[b"abc"]), b"[provisor left out 3 bytes here]\n");
        assert_eq!(kept(4, &[b"abcd", b"efgh"]), b"abcdefgh", "all of it");
        assert_eq!(kept(u64::MAX, &[b"abc"]), b"abc");
    }

    proptest! {
        /// However it is cut, what is kept is the same, and what is missing is counted to the byte.
        #[test]
        fn any_chunks_leave_the_same_ends(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), 97_u8..100], 0..400),
            most in 0_u64..120,
            cuts in prop::collection::vec(0_usize..400, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let got = kept(most, &chunks);
            prop_assert_eq!(&got, &kept(most, &[&bytes]));
            let most = most as usize;
            if bytes.len() <= 2 * most {
                prop_assert_eq!(got, bytes);
            } else {
                prop_assert!(got.starts_with(&bytes[..most]) && got.ends_with(&bytes[bytes.len() - most..]));
                let told = format!("[provisor left out {} bytes here]", bytes.len() - 2 * most);
                prop_assert!(String::from_utf8_lossy(&got).contains(&told));
            }
        }
    }

    #[test]
    fn a_flood_takes_no_more_memory_than_the_ends() {
        let mut ends = Ends::new(1000);
        for _ in 0..10_000 {
            ends.take(&[b'x'; 4096]);
            assert!(ends.tail.capacity() <= 4 * 65536, "{}", ends.tail.capacity());
        }
        assert_eq!(ends.finish().len(), 1000 + "\n[provisor left out 40958000 bytes here]\n".len());
    }
}
