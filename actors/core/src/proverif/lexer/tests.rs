use super::*;

fn tokens(text: &[u8]) -> Vec<Token<'_>> {
    Lexer::new(text).map(|lexeme| lexeme.token).collect()
}

fn words(text: &str) -> Vec<String> {
    Lexer::new(text.as_bytes()).map(|lexeme| text[lexeme.at].to_owned()).collect()
}

#[test]
fn dots_of_numbers_end_nothing() {
    let count = |text: &str| words(text).iter().filter(|word| *word == ".").count();
    for (text, dots) in [
        ("1.5", 0),
        ("1.5e3 1.5E-3 2e+7 2e7", 0),
        // An exponent may follow a dot without digits.
        ("1.e3", 0),
        ("1.", 1),
        ("1.e", 1),
        ("1.5.", 1),
        ("1.e-", 1),
        ("12.process", 1),
        ("2-proj-3-tuple(x).", 1),
        ("phase 1. 2", 1),
    ] {
        assert_eq!(count(text), dots, "{text}");
    }
    assert_eq!(words("2-proj-3-tuple(x)"), ["2-proj-3-tuple", "(", "x", ")"]);
    assert_eq!(words("1.5e3x 2-3"), ["1.5e3", "x", "2", "-", "3"]);
}

#[test]
fn comments_nest_and_strings_in_them_are_nothing_special() {
    assert_eq!(words("a (* \" (* *) b \" *) c"), ["a", "c"]);
    assert_eq!(words("a \"(* \\\" b\" c"), ["a", "\"(* \\\" b\"", "c"]);
    assert_eq!(words("(**)a(* ( * *)b(*)c*)d"), ["a", "b", "d"]);
    assert_eq!(
        tokens(b"a \xe9(* \xe9\xff *)\xe9'1"),
        [Token::Word(b"a"), Token::Word(b"\xe9"), Token::Word(b"\xe9'1")]
    );
}

#[test]
fn words_with_a_dash_are_words() {
    assert_eq!(
        words("inj-event(A) inj-events inj - event injx-event optim-if is-cst"),
        [
            "inj-event",
            "(",
            "A",
            ")",
            "inj-event",
            "s",
            "inj",
            "-",
            "event",
            "injx",
            "-",
            "event",
            "optim-if",
            "is-cst"
        ]
    );
    assert_eq!(
        words("a==>b<->c<-d<-Re<=f&&g"),
        ["a", "==>", "b", "<->", "c", "<-", "d", "<-R", "e", "<=", "f", "&&", "g"]
    );
}

#[test]
fn lines_end_as_they_do_for_proverif() {
    let lines: Vec<_> = Lexer::new(b"a\nb\r\nc\rd (*\r\r\n*) e \"\n\" f").map(|lexeme| lexeme.line).collect();
    assert_eq!(lines, [1, 2, 3, 4, 6, 6, 7]);
    let piece: Vec<_> = Lexer::of(b"a\nb\nc d", 2..5, 2).map(|lexeme| (lexeme.at, lexeme.line)).collect();
    assert_eq!(piece, [(2..3, 2), (4..5, 3)]);
}

#[test]
fn what_is_not_closed_is_told_by_where_it_begins() {
    let unclosed = |text: &str| {
        let mut lexer = Lexer::new(text.as_bytes());
        lexer.by_ref().for_each(drop);
        lexer.unclosed()
    };
    assert_eq!(unclosed("a (* (* *)"), Some(Unclosed::Comment(2)));
    assert_eq!(unclosed("a \"b\\\""), Some(Unclosed::Text(2)));
    assert_eq!(unclosed("a \"\\"), Some(Unclosed::Text(2)));
    assert_eq!(unclosed("a (* *) \"\\\\\" *)"), None);
}

#[test]
fn the_comments_of_a_gap_are_told_one_by_one() {
    let text = b" (* a *)(*b (*c*)*) \n (* d";
    let found: Vec<_> = comments(text, 0..text.len()).collect();
    assert_eq!(found, [(1, &b" a "[..]), (8, &b"b (*c*)"[..])]);
}
