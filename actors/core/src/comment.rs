//! Comments that hold comments.

/// How long the comment is with which a text begins, if it begins with this opening; `None` where it is not closed.
pub(crate) fn nested(text: &[u8], [open, close]: [[u8; 2]; 2]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut length = 0;
    while let Some(pair) = text.get(length..length + 2) {
        if pair == open {
            depth += 1;
        } else if pair == close {
            depth = depth.checked_sub(1)?;
        } else {
            length += 1;
            continue;
        }
        length += 2;
        if depth == 0 {
            return Some(length);
        }
    }
    None
}
