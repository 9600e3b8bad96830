//! Short names for the values of an axis: paths lose what they have in common with all others.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The shortest form of each of these different values that still tells them apart: where they are paths, the stem of
/// the file, its name, or as many of its last parts as it takes; else the value itself.
pub(crate) fn short(values: &[String]) -> Vec<String> {
    let short = |parts: usize| {
        let names =
            values.iter().map(|value| if parts == 0 { stem(value) } else { last_parts(value, parts) });
        let names: Vec<_> = names.map(ToOwned::to_owned).collect();
        (names.iter().collect::<HashSet<_>>().len() == names.len()).then_some(names)
    };
    let shortest = if are_paths(values) { (0..=3).find_map(short) } else { None };
    shortest.unwrap_or_else(|| values.to_vec())
}

/// They are files for sure: all have the same extension, or all stand in folders and have one each. An extension is no
/// number, for `1.2` is no file; nor is `1/2`, or whatever else has a slash only.
fn are_paths(values: &[String]) -> bool {
    let extension = |value: &String| Path::new(value).extension().map(ToOwned::to_owned);
    let is_word = |text: &OsString| text.as_encoded_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    let first = values.first().and_then(extension);
    values.iter().all(|value| extension(value).as_ref().is_some_and(is_word))
        && (values.iter().all(|value| extension(value) == first)
            || values.iter().all(|value| value.contains('/')))
}

fn stem(value: &str) -> &str {
    Path::new(value).file_stem().and_then(OsStr::to_str).unwrap_or(value)
}

fn last_parts(value: &str, n: usize) -> &str {
    let slashes = value.trim_end_matches('/').rmatch_indices('/');
    slashes.map(|(at, _)| at + 1).nth(n - 1).map_or(value, |start| &value[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Vec<String> {
        short(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn paths_become_as_short_as_they_can() {
        assert_eq!(of(&["scenarios/a.pvl", "scenarios/b.pvl"]), ["a", "b"]);
        assert_eq!(of(&["a.pv", "b.pv"]), ["a", "b"]);
        assert_eq!(of(&["x/a.pv", "x/a.cv"]), ["a.pv", "a.cv"]);
        assert_eq!(of(&["x/a/m.pv", "x/b/m.pv"]), ["a/m.pv", "b/m.pv"]);
        assert_eq!(of(&["1/x/y/z/m.pv", "2/x/y/z/m.pv"]), ["1/x/y/z/m.pv", "2/x/y/z/m.pv"]);
        assert_eq!(of(&["/only/one.pv"]), ["one"]);
    }

    #[test]
    fn what_is_no_path_stays_as_it_is() {
        assert_eq!(of(&["1/2", "3/4"]), ["1/2", "3/4"]);
        assert_eq!(of(&["true/false", "true/true"]), ["true/false", "true/true"]);
        assert_eq!(of(&["x/1.5", "x/2.5"]), ["x/1.5", "x/2.5"]);
        assert_eq!(of(&["x/a.pv", "1/2"]), ["x/a.pv", "1/2"]);
        assert_eq!(of(&["1.2", "2.2"]), ["1.2", "2.2"]);
        assert_eq!(of(&["fast", "slow"]), ["fast", "slow"]);
        assert_eq!(of(&["a.pv", "b"]), ["a.pv", "b"]);
        assert!(of(&[]).is_empty());
    }
}
