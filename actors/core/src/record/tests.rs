use proptest::prelude::*;

use super::*;

const SAMPLE: &str =
    "# provisor-timing 1\n# stretched 20x\n0 o 10\n1500000 e 3\n1500000 o 65536\n2000000 exit 0\n";

fn parse(text: &str) -> Result<Recording, RecordError> {
    Recording::parse(text.as_bytes())
}

#[test]
fn a_recording_says_when_what_arrived() {
    let recording = parse(SAMPLE).unwrap();
    let second = Duration::from_millis(1500);
    assert_eq!(recording.reads.len(), 3);
    assert_eq!(recording.reads[1], Read { at: second, stream: Stream::Stderr, bytes: 3 });
    assert_eq!(recording.end, Some((Duration::from_secs(2), Exit::Code(0))));
    assert_eq!(recording.labels, ["stretched 20x"]);
    assert!(!recording.torn);
    assert_eq!(recording.encode(), SAMPLE);
}

#[test]
fn wherever_it_is_torn_the_rest_is_kept() {
    let whole = parse(SAMPLE).unwrap();
    for length in 0..SAMPLE.len() {
        let part = parse(&SAMPLE[..length]).unwrap();
        assert_eq!(part.torn, !SAMPLE[..length].ends_with('\n'), "{length}");
        assert!(whole.reads.starts_with(&part.reads));
        assert_eq!(part.end, None);
    }
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let head = "# provisor-timing 1\n";
    let error = |rest: &str| parse(&format!("{head}{rest}")).unwrap_err();
    assert_eq!(parse("1 o 2\n"), Err(RecordError::NotARecording));
    assert_eq!(parse("# provisor-timing x\n"), Err(RecordError::NotARecording));
    assert_eq!(parse("# provisor-timing 1x"), Err(RecordError::NotARecording));
    let newer = parse("# provisor-timing 2\n1 strange\n").unwrap_err();
    assert_eq!(newer, RecordError::Newer { version: 2 });
    assert!(newer.to_string().contains("newer"));
    for line in [
        "x",
        "1 o",
        "1 o 2 3",
        "1  o 2",
        "+1 o 2",
        "1 o -2",
        "1 x 2",
        "",
        "1 signal KILL",
        "1 o 99999999999999999999",
    ] {
        assert_eq!(error(&format!("1 o 2\n{line}\n")), RecordError::BadLine { line: 3 }, "{line:?}");
    }
    assert_eq!(error("2 o 1\n# label\n1 o 1\n"), RecordError::Backwards { line: 4 });
    assert_eq!(error("2 exit 1\n3 o 1\n"), RecordError::AfterEnd { line: 3 });
}

#[test]
fn signals_have_names() {
    for (number, name) in
        [(9, "SIGKILL"), (15, "SIGTERM"), (31, "SIGSYS"), (34, "SIG34"), (0, "SIG0"), (-1, "SIG-1")]
    {
        assert_eq!(signal::Name(number).to_string(), name);
        assert_eq!(signal::number(name), Some(number));
    }
    assert_eq!(signal::number("KILL"), None);
    assert_eq!(signal::number("SIGNOTHING"), None);
}

fn recordings() -> impl Strategy<Value = Recording> {
    let stream = prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr)];
    let exit = prop_oneof![any::<i32>().prop_map(Exit::Code), any::<i32>().prop_map(Exit::Signal)];
    let reads = prop::collection::vec((0..10_000_000_u64, stream, any::<u64>()), 0..20);
    let labels = prop::collection::vec("[a-z0-9]{1,9}( [a-z#]{1,9})?", 0..3);
    (reads, prop::option::of(exit), labels).prop_map(|(reads, exit, labels)| {
        let mut now = 0;
        let mut at = |step: u64| {
            now += step;
            Duration::from_micros(now)
        };
        let reads =
            reads.into_iter().map(|(step, stream, bytes)| Read { at: at(step), stream, bytes }).collect();
        Recording { reads, end: exit.map(|exit| (at(1), exit)), labels, torn: false }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_can_be_read(recording in recordings()) {
        prop_assert_eq!(Recording::parse(recording.encode().as_bytes()), Ok(recording));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = Recording::parse(&bytes);
        let _ = Recording::parse(&[b"# provisor-timing 1\n", &bytes[..]].concat());
    }
}
