use super::*;
use crate::plan::Judging;
use crate::process::Ear;
use crate::rules::{Judge, Pattern, Rule};

fn rule(on: &str) -> Rule {
    Rule::on(Pattern::Regex(on.into()))
}

fn judge(rules: Vec<Rule>, preset: Option<Preset>, text: &str, cause: Cause, exit: Exit) -> Judgement {
    let judge = Judge::compile(&Judging { rules, preset }).unwrap();
    let mut reader = crate::lines::Reader::new(Arc::new(judge));
    reader.hear(Stream::Stdout, text.as_bytes(), Duration::ZERO, &mut Vec::new());
    reader.judge(cause, Some(exit))
}

fn verdict(judgement: &Judgement) -> Option<(&str, Counts)> {
    judgement.verdict.as_deref().map(|word| (word, judgement.counts))
}

#[test]
fn an_exit_code_speaks_only_for_a_program_that_left_by_itself() {
    let says = |cause, exit| {
        let judgement = judge(vec![], Some(Preset::ExitCode), "", cause, exit);
        judgement.verdict.map(|word| (word.to_string(), judgement.counts))
    };
    let ok = Some(("ok".to_owned(), Counts::Ok));
    let failed = Some(("failed".to_owned(), Counts::Bad));
    assert_eq!(says(Cause::Exited, Exit::Code(0)), ok);
    assert_eq!(says(Cause::Concluded, Exit::Code(0)), ok);
    assert_eq!(says(Cause::Exited, Exit::Code(1)), failed);
    assert_eq!(says(Cause::Exited, Exit::Signal(11)), failed);
    assert_eq!(says(Cause::Concluded, Exit::Signal(15)), None);
    for cause in [Cause::Silent, Cause::WallLimit, Cause::MemoryLimit, Cause::Cancelled] {
        assert_eq!(says(cause, Exit::Code(0)), None);
        assert_eq!(says(cause, Exit::Signal(9)), None);
    }
}

#[test]
fn a_rule_outranks_the_preset_and_its_last_verdict_counts() {
    let rules = vec![
        Rule { verdict: Some("good".into()), ..rule("^good") },
        Rule { capture: Some(1), value: Some(1), counts: Counts::Open, ..rule("^word (\\w+)") },
    ];
    let says = |text| judge(rules.clone(), Some(Preset::ExitCode), text, Cause::Exited, Exit::Code(0));
    let judgement = says("good 1\nword maybe\n");
    assert_eq!(verdict(&judgement), Some(("maybe", Counts::Open)));
    assert_eq!(judgement.line.as_deref(), Some("word maybe"));
    assert_eq!(judgement.value.as_deref(), Some("maybe"));
    assert_eq!(judgement.findings.len(), 2);
    assert_eq!(verdict(&says("word a\ngood 2\n")), Some(("good", Counts::Ok)));
    assert_eq!(verdict(&says("nothing\n")), Some(("ok", Counts::Ok)));
}

#[test]
fn no_verdict_is_bad_and_a_stopping_line_is_shown() {
    let stop = Rule { stop: Some(StopMethod::Term), ..rule("ready") };
    let judgement = judge(vec![stop], None, "ready\n", Cause::Concluded, Exit::Signal(15));
    assert_eq!((verdict(&judgement), judgement.counts), (None, Counts::Bad));
    assert_eq!(judgement.line.as_deref(), Some("ready"));
    assert_eq!(judge(vec![], None, "x\n", Cause::Exited, Exit::Code(0)).verdict, None);
}

#[test]
fn a_note_does_not_hide_the_preset_but_a_verdict_or_stop_does() {
    let text = "RESULT not attacker(s[]) is true.\n";
    let says = |rule| {
        let preset = Some(Preset::ProVerif(ProVerif::default()));
        judge(vec![rule], preset, text, Cause::Exited, Exit::Code(0))
    };
    let noted = says(Rule { note: true, value: Some(0), ..rule("RESULT") });
    assert_eq!(verdict(&noted), Some(("true", Counts::Ok)));
    assert_eq!((noted.notes.len(), noted.value.as_deref()), (1, Some("RESULT")));
    let stated = says(Rule { verdict: Some("mine".into()), ..rule("RESULT") });
    assert_eq!((verdict(&stated), stated.findings.len()), (Some(("mine", Counts::Ok)), 1));
    assert_eq!(says(Rule { stop: Some(StopMethod::Kill), ..rule("RESULT") }).verdict, None);
}

#[test]
fn mixed_is_as_its_worst_part() {
    let ruling =
        |word: &str, counts, line: &str| Ruling { verdict: word.into(), counts, line: Some(line.into()) };
    let sum = Ruling::sum(
        [
            ruling("true", Counts::Ok, "1"),
            ruling("cannot be proved", Counts::Open, "2"),
            ruling("false", Counts::Ok, "3"),
        ]
        .into_iter(),
    );
    assert_eq!(sum, Some(ruling("mixed", Counts::Open, "2")));
    let same = [ruling("true", Counts::Ok, "1"), ruling("true", Counts::Ok, "2")];
    assert_eq!(Ruling::sum(same.into_iter()), Some(ruling("true", Counts::Ok, "2")));
    assert_eq!(Ruling::sum([].into_iter()), None);
}

/// A rule for each verdict, `note` on all of them.
fn chatty() -> Vec<Rule> {
    let word = |word: &str, counts| Rule {
        verdict: Some(word.into()),
        counts,
        note: true,
        ..rule(&format!("^{word} "))
    };
    vec![word("good", Counts::Ok), word("bad", Counts::Bad)]
}

#[test]
fn of_very_many_findings_the_first_and_the_last_are_kept_and_the_rest_is_counted() {
    let (most, kept) = (FIRST_KEPT + LAST_KEPT + 1234, FIRST_KEPT + LAST_KEPT);
    for count in [0, FIRST_KEPT, kept - 1, kept, kept + 1, most] {
        let text: String = (0..count).map(|number| format!("good {number}\n")).collect();
        let judgement = judge(chatty(), None, &text, Cause::Exited, Exit::Code(0));
        let Judgement { results, findings, omitted, notes, omitted_notes, .. } = judgement;
        assert_eq!((results, findings.len()), (count as u64, count.min(kept)));
        assert_eq!(omitted, count.saturating_sub(kept) as u64);
        assert_eq!(
            (notes.len(), omitted_notes),
            (count.min(NOTES_KEPT), count.saturating_sub(NOTES_KEPT) as u64)
        );
        let first = 0..count.min(FIRST_KEPT);
        let last = first.end.max(count.saturating_sub(LAST_KEPT))..count;
        let expected: Vec<_> = first.chain(last).map(|number| format!("good {number}")).collect();
        let statements: Vec<_> = findings.iter().map(|finding| finding.statement.to_string()).collect();
        assert_eq!(statements, expected);
    }
}

#[test]
fn what_is_heard_at_once_is_all_there_was() {
    let judging = Judging { rules: chatty(), preset: None };
    let mut reader = crate::lines::Reader::new(Arc::new(Judge::compile(&judging).unwrap()));
    let mut found = Vec::new();
    for _ in 0..5 {
        reader.hear(Stream::Stdout, &b"good x\n".repeat(1000), Duration::ZERO, &mut found);
    }
    assert_eq!(found.len(), 5000);
}

#[test]
fn the_verdict_is_that_of_the_whole_stream() {
    let text = "good x\n".repeat(5000) + "bad x\n";
    let judgement = judge(chatty(), None, &text, Cause::Exited, Exit::Code(0));
    assert_eq!(verdict(&judgement), Some(("bad", Counts::Bad)));
    assert_eq!(judgement.results, 5001);
}

/// ProVerif may revise what rules have pushed out meanwhile.
#[test]
fn a_result_of_proverif_is_revised_though_its_finding_is_gone() {
    let preset = || Some(Preset::ProVerif(ProVerif::default()));
    let result = "RESULT Observational equivalence cannot be proved.\n";
    let again = "RESULT Observational equivalence is true.\n";
    let text = "good x\n".repeat(FIRST_KEPT) + result + &"good x\n".repeat(LAST_KEPT) + again;
    let judgement = judge(chatty(), preset(), &text, Cause::Exited, Exit::Code(0));
    assert_eq!(judgement.results, (FIRST_KEPT + LAST_KEPT + 1) as u64);
    assert_eq!(judgement.omitted, 2);
    assert_eq!(judgement.findings.last().map(|finding| &*finding.verdict), Some("true"));
}
