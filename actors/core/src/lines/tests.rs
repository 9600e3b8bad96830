use super::*;
use crate::plan::Judging;
use crate::rules::{Pattern, Rule, Streams};
use crate::verdict::Counts;

/// A listener that keeps what it is shown.
#[derive(Default)]
struct Kept {
    lines: Vec<Vec<u8>>,
    all_ears: bool,
}

impl Listener for Kept {
    fn line(&mut self, line: &[u8]) {
        self.lines.push(line.to_vec());
    }

    fn is_all_ears(&self) -> bool {
        self.all_ears
    }
}

fn lines(chunks: &[&[u8]], screen: &Screen) -> (Vec<Vec<u8>>, Lines) {
    let mut kept = Kept::default();
    let mut lines = Lines::default();
    for chunk in chunks {
        lines.feed(chunk, screen, &mut kept);
    }
    lines.close(&mut kept);
    (kept.lines, lines)
}

#[test]
fn lines_end_at_line_ends_and_at_the_end() {
    let (found, _) = lines(&[b"a\r\n", b"\nb\0\xff", b"\r", b"\nc\rd\n\r\ne\r"], &Screen::Every);
    assert_eq!(found, [&b"a"[..], b"", b"b\0\xff", b"c\rd", b"", b"e"]);
    assert!(lines(&[b"a\nb\n"], &Screen::Nothing).0.is_empty());
    assert!(lines(&[b""], &Screen::Every).0.is_empty());
}

#[test]
fn only_what_the_screen_lets_pass_is_cut_out() {
    let screen = Screen::new([].into_iter(), &["yes"]);
    let (found, _) = lines(&[b"no\nyes 1\nno\nno yes\r\nyes yes\nno\n"], &screen);
    assert_eq!(found, [&b"yes 1"[..], b"no yes", b"yes yes"]);
}

#[test]
fn a_long_line_is_cut_and_its_room_is_given_back() {
    for length in [LINE_LIMIT - 1, LINE_LIMIT, LINE_LIMIT + 1, 3 * LINE_LIMIT] {
        let mut text = vec![b'x'; length];
        text.extend_from_slice(b"\r\nend");
        let chunks: Vec<_> = text.chunks(50_000).collect();
        for cut in [&chunks[..], &[&text[..]]] {
            let (found, state) = lines(cut, &Screen::Every);
            assert_eq!(found, [vec![b'x'; length.min(LINE_LIMIT)], b"end".to_vec()]);
            assert!(state.carry.capacity() <= CARRY_KEPT);
        }
    }
}

#[test]
fn the_end_of_a_line_that_was_cut_is_not_its_end() {
    let mut text = vec![b'x'; LINE_LIMIT - 1];
    text.extend_from_slice(b"\rmore\n");
    let (found, _) = lines(&[&text], &Screen::Every);
    assert_eq!(found, [text[..LINE_LIMIT].to_vec()]);
}

#[test]
fn an_idle_reader_is_small() {
    const fn can_be_shared<T: Send + Sync>() {}
    can_be_shared::<Judge>();
    can_be_shared::<Reader>();
    assert!(size_of::<Reader>() <= 256, "{}", size_of::<Reader>());
}

#[test]
fn the_first_line_that_wants_a_stop_is_heeded_and_later_lines_still_count() {
    let rule = |on: &str, stop| Rule {
        on: Pattern::Contains(on.into()),
        streams: Streams::Both,
        verdict: Some(on.into()),
        capture: None,
        counts: Counts::Ok,
        value: None,
        note: true,
        stop,
    };
    let rules =
        vec![rule("stop", Some(StopMethod::Term)), rule("die", Some(StopMethod::Kill)), rule("late", None)];
    let judge = Arc::new(Judge::compile(&Judging { rules, preset: None }).unwrap());
    let mut reader = Reader::new(judge);
    let mut found = Vec::new();
    let second = Duration::from_secs(1);
    assert_eq!(reader.hear(Stream::Stdout, b"stop", second, &mut found), None);
    let wish = reader.hear(Stream::Stdout, b" 1\ndie\nlate\n", second, &mut found);
    assert_eq!(wish, Some(StopMethod::Term));
    assert_eq!(reader.hear(Stream::Stderr, b"die", second, &mut found), None);
    assert_eq!(reader.close(Stream::Stderr, second, &mut found), None);
    let judgement = reader.judge(Cause::Concluded, Some(Exit::Signal(15)));
    assert_eq!(judgement.findings, found);
    let words: Vec<_> = found.iter().map(|finding| &*finding.verdict).collect();
    assert_eq!(words, ["stop", "die", "late", "die"]);
    assert_eq!(judgement.verdict.as_deref(), Some("die"));
    assert_eq!(judgement.notes.len(), 4);
    assert!(found.iter().all(|finding| finding.at == second && finding.own));
}
