//! What is shown: texts on their way to a terminal, a spreadsheet or a JSON document.

use provisor_core::text::{clean, cut, defuse, harmless_json, is_clean, visible};

/// Nothing that controls is left, and what is clean stays as it is.
///
/// # Panics
/// Where that is not so.
pub fn take(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    let cleaned = clean(text);
    assert!(is_clean(&cleaned), "{cleaned:?}");
    assert_eq!(clean(&cleaned), cleaned);
    assert!(!is_clean(text) || cleaned == text, "what is clean stays as it is");
    let told = visible(text);
    assert!(is_clean(&told), "{told:?}");
    assert_eq!(visible(&told), told);
    let harmless = harmless_json(text);
    assert_eq!(harmless_json(&harmless), harmless);
    let defused = defuse(text);
    assert!(defused.strip_prefix('\'').unwrap_or(&defused).len() <= text.len());
    assert_eq!(defuse(&defused), defused);
    for chars in [0, 1, 7] {
        assert!(cut(text, chars).chars().count() <= chars.max(1));
    }
}
