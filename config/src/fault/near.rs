//! Words that are like others: what somebody may have meant.

/// The one of several words that somebody may have meant.
pub(crate) fn near<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |known: &&str| strsim::damerau_levenshtein(&word.to_lowercase(), &known.to_lowercase());
    let best = known.iter().copied().min_by_key(|known| distance(known))?;
    // A third of the letters may be wrong, as in rustc.
    (distance(&best) <= word.chars().count().max(3) / 3).then_some(best)
}

/// "did you mean", or else all there is: `what` says what the known words are, such as `known columns`.
#[must_use]
pub fn near_hint(word: &str, known: &[&str], what: &str) -> String {
    match near(word, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("nothing is {what}"),
        None => {
            let all: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
            format!("{what}: {}", all.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_proposed_and_a_far_one_is_not() {
        assert_eq!(near("comands", &["commands", "command"]), Some("commands"));
        assert_eq!(near("Commands", &["commands"]), Some("commands"));
        assert_eq!(near("timeout", &["limits", "slots"]), None);
        assert_eq!(near_hint("x", &["alpha", "beta"], "fields"), "fields: `alpha`, `beta`");
    }
}
