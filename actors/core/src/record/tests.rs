use proptest::prelude::*;

use super::*;

const SAMPLE: &str = "# provisor-timing 1\n# stretched 20x\n0 o 10\n1500000 e 3\n1500000 held\n1500000 o 65536\n\
    1600000 term wall-limit\n1700000 kill wall-limit\n1700400 signal SIGKILL\n1700500 e 7\n1700600 o 0\n\
    1900400 overdue\n1900500 swept 2\n";

fn parse(text: &str) -> Result<Recording, RecordError> {
    Recording::parse(text.as_bytes())
}

#[test]
fn a_recording_says_what_happened_and_when() {
    let recording = parse(SAMPLE).unwrap();
    let micros = Duration::from_micros;
    let killed = Happening::Left { exit: Exit::Signal(9), refined: None };
    assert_eq!(recording.events.len(), 11);
    assert_eq!(recording.events[1], (micros(1_500_000), Happening::Read(Stream::Stderr, 3)));
    let term = Happening::Stopping { method: StopMethod::Term, cause: Cause::WallLimit };
    assert_eq!(recording.events[4], (micros(1_600_000), term));
    assert_eq!(recording.events[6], (micros(1_700_400), killed));
    assert_eq!(recording.exit(), Some((micros(1_700_400), Exit::Signal(9))));
    assert_eq!(recording.printed(), Printed { stdout: 10 + 65536, stderr: 3 + 7 });
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
        assert!(whole.events.starts_with(&part.events));
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
        "1 term",
        "1 term bored",
        "1 term exited",
        "1 exit 256",
        "1 exit -1",
        "1 exit 0 bored",
        "1 exit 0 memory-limit 1",
        "1 overdue 1",
        "1 held 1",
        "1 swept",
    ] {
        assert_eq!(error(&format!("1 o 2\n{line}\n")), RecordError::BadLine { line: 3 }, "{line:?}");
    }
    assert_eq!(error("2 o 1\n# label\n1 o 1\n"), RecordError::Backwards { line: 4 });
    assert_eq!(error("2 exit 1\n3 o 1\n3 exit 1\n"), RecordError::AfterExit { line: 4 });
    assert_eq!(error("2 exit 1\n3 term silent\n"), RecordError::AfterExit { line: 3 });
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

fn streams() -> impl Strategy<Value = Stream> {
    prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr)]
}

fn causes() -> impl Strategy<Value = Cause> {
    prop::sample::select(vec![Cause::Concluded, Cause::Silent, Cause::MemoryLimit, Cause::Cancelled])
}

/// What may happen before the exit, or after it.
fn happenings() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (streams(), any::<u64>()).prop_map(|(stream, bytes)| Happening::Read(stream, bytes)),
        Just(Happening::Overdue),
        Just(Happening::Lost),
        any::<u32>().prop_map(Happening::Swept),
    ]
}

fn recordings() -> impl Strategy<Value = Recording> {
    let method = prop_oneof![Just(StopMethod::Term), Just(StopMethod::Kill)];
    let stopping = causes().prop_filter("a stop has a cause", |cause| *cause != Cause::Exited);
    let stop = (method, stopping).prop_map(|(method, cause)| Happening::Stopping { method, cause });
    let exit = prop_oneof![(0..256_i32).prop_map(Exit::Code), any::<i32>().prop_map(Exit::Signal)];
    let left = (exit, prop::option::of(causes()));
    let left = left.prop_map(|(exit, refined)| Happening::Left { exit, refined });
    let events = (
        prop::collection::vec(happenings(), 0..20),
        prop::option::of(stop),
        prop::option::of(left),
        prop::collection::vec(happenings(), 0..5),
    );
    let times = prop::collection::vec(0..10_000_000_u64, 30);
    let labels = prop::collection::vec("[a-z0-9]{1,9}( [a-z#]{1,9})?", 0..3);
    (events, times, labels).prop_map(|((before, stop, left, after), steps, labels)| {
        let events = before.into_iter().chain(stop).chain(left).chain(after);
        let times = steps.into_iter().scan(0, |now, step| {
            *now += step;
            Some(Duration::from_micros(*now))
        });
        Recording { events: times.zip(events).collect(), labels, torn: false }
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
