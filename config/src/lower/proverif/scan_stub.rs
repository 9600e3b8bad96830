//! A provisional, naive reading of ProVerif models, to be replaced by `provisor_core::proverif::model`.

/// What a model says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// How many things there are to prove.
    pub(super) queries: u32,
    /// How many lemmas are declared.
    pub(super) lemmas: u32,
    /// The line of an equivalence or choice.
    pub(super) equivalence: Option<usize>,
    /// Its settings.
    pub(super) sets: Vec<SetDecl>,
}

/// `set name = value.`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SetDecl {
    pub(super) name: String,
    pub(super) line: usize,
}

/// Looks at words outside of comments; a `;` in a query that is followed by no type counts as one more.
pub(super) fn scan(text: &[u8]) -> Facts {
    let text = without_comments(&String::from_utf8_lossy(text));
    let mut facts = Facts::default();
    for (at, declaration) in declarations(&text) {
        let line = text[..at].matches('\n').count() + 1;
        match declaration.split_whitespace().next() {
            Some("query") => facts.queries += parts(declaration),
            Some("noninterf" | "weaksecret") => facts.queries += 1,
            Some("lemma") => facts.lemmas += parts(declaration),
            Some("equivalence") => facts.equivalence = Some(line),
            Some("set") => {
                let name = declaration.split_whitespace().nth(1).unwrap_or_default();
                let name = name.split('=').next().unwrap_or_default().to_owned();
                facts.sets.push(SetDecl { name, line });
            }
            _ => {}
        }
        if declaration.contains("choice[") || declaration.contains("diff[") {
            facts.equivalence = facts.equivalence.or(Some(line));
        }
    }
    facts
}

fn declarations(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('.').scan(0, |offset, part| {
        let blank = part.len() - part.trim_start().len();
        let at = *offset + blank;
        *offset += part.len();
        Some((at, &part[blank..]))
    })
}

fn parts(declaration: &str) -> u32 {
    let typed = |part: &&str| part.contains(':') && !part.contains('(');
    let body = declaration.trim_start_matches(|c: char| c.is_alphabetic());
    u32::try_from(body.split(';').filter(|part| !typed(part)).count()).unwrap_or(u32::MAX)
}

fn without_comments(text: &str) -> String {
    let (mut clean, mut depth, mut chars) = (String::new(), 0u32, text.chars().peekable());
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('(', Some('*')) => depth += 1,
            ('*', Some(')')) if depth > 0 => {
                depth -= 1;
                chars.next();
                continue;
            }
            _ => {}
        }
        clean.push(if depth == 0 || c == '\n' { c } else { ' ' });
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_declarations_are_counted() {
        let facts = scan(
            b"(* query a. (* nested *) *)\nset traceDisplay = none.\nfree c: channel.\nquery x: bitstring; attacker(x);\n event(A).\nlemma l.\nprocess out(c, choice[a, b])",
        );
        assert_eq!((facts.queries, facts.lemmas, facts.equivalence), (2, 1, Some(7)));
        assert_eq!(facts.sets, [SetDecl { name: "traceDisplay".into(), line: 2 }]);
    }
}
