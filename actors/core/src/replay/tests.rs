use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::cause::End;
use crate::plan::Judging;
use crate::record::of_step;
use crate::rules::{Pattern, Rule, Streams};
use crate::verdict::Counts;

fn rule(text: &str, verdict: Option<&str>, stop: Option<StopMethod>) -> Rule {
    Rule {
        on: Pattern::Prefix(text.into()),
        streams: Streams::Both,
        verdict: verdict.map(Into::into),
        capture: None,
        counts: Counts::Ok,
        value: None,
        note: false,
        stop,
    }
}

/// `a` and `b` are verdicts, `t` stops by Term and `k` by Kill.
fn judge() -> Arc<Judge> {
    static JUDGE: LazyLock<Arc<Judge>> = LazyLock::new(|| {
        let rules = vec![
            rule("a", Some("yes"), None),
            rule("b", Some("no"), None),
            rule("t", None, Some(StopMethod::Term)),
            rule("k", None, Some(StopMethod::Kill)),
        ];
        Arc::new(Judge::compile(&Judging { rules, preset: None }).unwrap())
    });
    Arc::clone(&JUDGE)
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const LIMITS: Limits = Limits { wall: Some(ms(1000)), silence: Some(ms(400)), output: Some(15), ..NO_LIMITS };
const NO_LIMITS: Limits = Limits {
    wall: None,
    silence: None,
    cpu: None,
    memory: None,
    output: None,
    processes: None,
    grace: ms(300),
};

/// What a shell would tell the machine.
#[derive(Clone, Debug)]
enum Cue {
    Print(Stream, &'static str),
    Close(Stream),
    Exit(Exit, Option<Cause>),
    Exceed(Cause),
    /// What it prints next waits for the log.
    Hold,
    Swept(u32),
    /// As late as it happens to be.
    Wake,
    Abort(Cause, bool),
    Vanish,
}

/// A run of the machine as a shell drives and records it.
struct Recorder {
    machine: Process<Reader>,
    now: Duration,
    recording: Recording,
    log: Vec<u8>,
    outcome: Option<Outcome>,
    open: [bool; 2],
    has_left: bool,
    sweeps: bool,
}

impl Recorder {
    fn new(limits: Limits) -> Self {
        let machine = Process::new(Reader::new(judge()), limits, Patience::default());
        let mut recorder = Self {
            machine,
            now: Duration::ZERO,
            recording: Recording::default(),
            log: Vec::new(),
            outcome: None,
            open: [true, true],
            has_left: false,
            sweeps: false,
        };
        recorder.feed(Event::Begin);
        recorder.feed(Event::Spawned);
        recorder
    }

    fn feed(&mut self, event: Event<'_>) {
        let mut effects = Vec::new();
        self.machine.step(Tick::ZERO + self.now, event.clone(), &mut effects);
        let now = self.now;
        self.recording.events.extend(of_step(&event, &effects).map(|happening| (now, happening)));
        for effect in effects {
            match effect {
                Effect::Sweep => self.sweeps = true,
                Effect::Report(Fact::Finished(outcome)) => self.outcome = Some(*outcome),
                _ => {}
            }
        }
    }

    /// Does only what a real process could.
    fn play(&mut self, after: Duration, cue: &Cue) {
        if self.outcome.is_some() {
            return;
        }
        self.now += after;
        match cue {
            Cue::Print(stream, text) if self.open[*stream as usize] => {
                self.log.extend_from_slice(text.as_bytes());
                self.feed(Event::Chunk(*stream, text.as_bytes()));
            }
            Cue::Close(stream) if self.open[*stream as usize] => {
                self.open[*stream as usize] = false;
                self.feed(Event::Eof(*stream));
            }
            Cue::Exit(exit, refined) if !self.has_left => {
                self.has_left = true;
                let refined = refined.map(seen);
                self.feed(Event::Exited(Departure { exit: *exit, usage: Usage::default(), refined }));
            }
            Cue::Hold if self.open.contains(&true) => self.feed(Event::Held),
            Cue::Exceed(cause) if !self.has_left => self.feed(Event::Exceeded(seen(*cause))),
            Cue::Swept(leftovers) if self.sweeps => {
                self.sweeps = false;
                self.feed(Event::Swept { leftovers: *leftovers });
            }
            Cue::Wake => self.feed(Event::Wake),
            Cue::Abort(cause, forced) => self.feed(Event::Abort { cause: *cause, forced: *forced }),
            Cue::Vanish => self.feed(Event::Vanished("gone".into())),
            _ => {}
        }
    }
}

fn seen(cause: Cause) -> Excess {
    Excess { cause, of_machine: false, evidence: "seen".into() }
}

fn cues() -> impl Strategy<Value = Vec<(u64, Cue)>> {
    let stream = prop_oneof![3 => Just(Stream::Stdout), 1 => Just(Stream::Stderr)];
    let text = prop::sample::select(vec!["a\n", "b\nx\n", "t\n", "k\n", "no", "a\nt\nb", "\n"]);
    let exit = prop_oneof![(0..3).prop_map(Exit::Code), Just(Exit::Signal(15))];
    let cause = prop_oneof![Just(Cause::Cancelled), Just(Cause::Deadline)];
    let of_the_tree = prop::sample::select(vec![Cause::CpuLimit, Cause::ProcessLimit, Cause::MemoryLimit]);
    let of_a_live_tree = of_the_tree.clone();
    let cue = prop_oneof![
        8 => (stream.clone(), text).prop_map(|(stream, text)| Cue::Print(stream, text)),
        3 => stream.prop_map(Cue::Close),
        2 => (exit, prop::option::weighted(0.2, of_the_tree)).prop_map(|(exit, limit)| Cue::Exit(exit, limit)),
        1 => of_a_live_tree.prop_map(Cue::Exceed),
        2 => Just(Cue::Hold),
        3 => (0..3_u32).prop_map(Cue::Swept),
        6 => Just(Cue::Wake),
        1 => (cause, any::<bool>()).prop_map(|(cause, forced)| Cue::Abort(cause, forced)),
    ];
    let after = prop_oneof![0..3_u64, 50..300_u64, Just(2000), Just(6000)];
    prop::collection::vec((after, cue), 0..25)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    /// The law of this module.
    #[test]
    fn what_was_recorded_comes_to_the_same(cues in cues(), limited: bool) {
        let limits = if limited { LIMITS } else { NO_LIMITS };
        let mut run = Recorder::new(limits);
        for (after, cue) in &cues {
            run.play(ms(*after), cue);
        }
        run.play(ms(1), &Cue::Vanish);
        let outcome = run.outcome.unwrap();
        let text = run.recording.encode();
        let recording = Recording::parse(text.as_bytes()).unwrap();
        let replayed = replay(judge(), limits, &recording, &run.log, Reaction::AsRecorded).unwrap();
        // How it was lost is for people, and said anew; what was seen of a limit is not in the recording.
        let how = |end| if matches!(end, End::Lost(_)) { End::Lost("".into()) } else { end };
        let of_words = |outcome: Outcome| Outcome { end: how(outcome.end.clone()), evidence: None, ..outcome };
        prop_assert_eq!(of_words(replayed.outcome), of_words(outcome), "{}", text);
        prop_assert_eq!(replayed.heard, recording.events.len());
    }

    #[test]
    fn whatever_is_changed_it_comes_to_an_end_in_order(cues in cues(), wall in 0..3000_u64, silence in 0..900_u64) {
        let mut run = Recorder::new(NO_LIMITS);
        for (after, cue) in &cues {
            run.play(ms(*after), cue);
        }
        let limits =
            Limits { wall: Some(ms(wall)), silence: Some(ms(silence)), grace: ms(100), ..Limits::default() };
        for reaction in [Reaction::WhatIf, Reaction::AsRecorded] {
            let replayed = replay(judge(), limits, &run.recording, &run.log, reaction).unwrap();
            prop_assert!(replayed.transitions.is_sorted_by_key(|transition| transition.at));
            prop_assert_eq!(replayed.transitions.last().map(|last| &last.what), Some(&What::Done));
            let was_stopped = run.recording.events.iter().any(|(_, event)| matches!(event, Happening::Stopping { .. }));
            let is_ours = reaction == Reaction::WhatIf && !was_stopped && replayed.outcome.exit().is_some();
            prop_assert!(!is_ours || replayed.outcome.wall <= ms(wall));
        }
    }
}

/// The recording with these lines, and a log that fits it.
fn recorded(lines: &str, log: &str) -> (Recording, String) {
    (Recording::parse(format!("# provisor-timing 1\n{lines}").as_bytes()).unwrap(), log.into())
}

fn what_if(limits: Limits, (recording, log): &(Recording, String)) -> Replay {
    replay(judge(), limits, recording, log.as_bytes(), Reaction::WhatIf).unwrap()
}

#[test]
fn too_much_output_ends_a_replay_where_it_would_have_ended_the_run() {
    let recorded =
        recorded("5 o 4\n9 o 4\n20 o 4\n25 exit 0\n26 o 0\n27 e 0\n30 swept 0\n", "a\nb\na\nb\na\nb\n");
    let with = |output| what_if(Limits { output: Some(output), ..NO_LIMITS }, &recorded).outcome;
    assert_eq!((with(12).cause, with(12).judgement.results), (Cause::Exited, 6));
    let stopped = with(5);
    assert_eq!(
        (stopped.cause, stopped.wall, stopped.judgement.results),
        (Cause::OutputLimit, Duration::from_micros(9), 4)
    );
    assert_eq!(stopped.evidence.as_deref(), Some("it had printed more than 5 bytes"));
}

#[test]
fn transitions_have_their_times() {
    let recorded =
        recorded("5 o 2\n9 o 2\n9 term concluded\n20 signal SIGTERM\n21 o 0\n22 e 0\n30 swept 1\n", "a\nt\n");
    let replayed = replay(judge(), LIMITS, &recorded.0, recorded.1.as_bytes(), Reaction::AsRecorded).unwrap();
    let told: Vec<_> =
        replayed.transitions.iter().map(|step| (step.at.as_micros(), word(&step.what))).collect();
    let expected =
        [(0, "started"), (5, "verdict"), (9, "stopping"), (20, "left"), (22, "sweeping"), (30, "done")];
    assert_eq!(told, expected);
    assert_eq!(replayed.outcome.cause, Cause::Concluded);
    assert_eq!(replayed.outcome.leftovers, Some(1));
}

fn word(what: &What) -> &'static str {
    match what {
        What::Started => "started",
        What::Verdict { .. } => "verdict",
        What::Stopping { .. } => "stopping",
        What::Left(_) => "left",
        What::Sweeping => "sweeping",
        What::Done => "done",
    }
}

#[test]
fn a_limit_that_was_not_there_ends_it_and_the_rest_is_not_heard() {
    let recorded = recorded("1000 o 2\n1500000 o 2\n1600000 exit 0\n", "a\nb\n");
    let replayed = what_if(LIMITS, &recorded);
    let outcome = &replayed.outcome;
    assert_eq!((outcome.cause, outcome.method), (Cause::Silent, Some(StopMethod::Term)));
    assert_eq!(outcome.exit(), Some(Exit::Signal(15)));
    assert_eq!(outcome.wall, ms(401));
    assert_eq!(outcome.judgement.verdict.as_deref(), Some("yes"), "what came before counts");
    assert_eq!((replayed.heard, replayed.cut), (1, None));
    let replayed = what_if(NO_LIMITS, &recorded);
    assert_eq!(replayed.outcome.cause, Cause::Exited);
    assert_eq!(replayed.outcome.judgement.verdict.as_deref(), Some("no"));
}

#[test]
fn what_changes_nothing_leaves_the_rest_as_it_was() {
    let by_rule = recorded("1000 o 2\n1000 term concluded\n1500 o 2\n2000 exit 3\n2100 swept 1\n", "t\na\n");
    let by_limit =
        recorded("1000 o 2\n401200 term silent\n401500 o 2\n402000 exit 3\n402100 swept 1\n", "b\na\n");
    let killed =
        recorded("1000 o 2\n401200 term silent\n701300 kill silent\n701500 o 2\n702000 exit 3\n", "b\na\n");
    for recorded in [by_rule, by_limit, killed] {
        let was = replay(judge(), LIMITS, &recorded.0, recorded.1.as_bytes(), Reaction::AsRecorded).unwrap();
        assert_eq!(was.outcome.judgement.verdict.as_deref(), Some("yes"), "what it said on the way out");
        assert_eq!(what_if(LIMITS, &recorded).outcome, was.outcome);
    }
}

#[test]
fn beyond_a_recorded_stop_nothing_is_known() {
    let recorded =
        recorded("1000 o 2\n200000 term wall-limit\n200500 o 2\n202000 signal SIGTERM\n", "a\nb\n");
    let replayed = what_if(NO_LIMITS, &recorded);
    assert_eq!(replayed.cut, Some((ms(200), Cause::WallLimit)));
    assert_eq!(replayed.outcome.cause, Cause::WallLimit);
    assert_eq!(replayed.outcome.judgement.verdict.as_deref(), Some("no"), "what it said on the way out");
    let impatient = what_if(Limits { grace: ms(1), ..NO_LIMITS }, &recorded);
    assert_eq!((impatient.outcome.exit(), impatient.outcome.wall), (Some(Exit::Signal(9)), ms(201)));
    let earlier = Limits { wall: Some(ms(100)), ..NO_LIMITS };
    let replayed = what_if(earlier, &recorded);
    assert_eq!((replayed.cut, replayed.outcome.wall), (None, ms(100)));
}

#[test]
fn what_stopped_it_by_rules_of_today_counts_only_where_it_is_asked() {
    let recorded = recorded("1000 o 2\n2000 o 2\n3000 exit 0\n", "t\na\n");
    let as_it_was =
        replay(judge(), LIMITS, &recorded.0, recorded.1.as_bytes(), Reaction::AsRecorded).unwrap();
    assert_eq!(as_it_was.outcome.cause, Cause::Exited, "no rule stopped it then");
    assert_eq!(as_it_was.outcome.judgement.verdict.as_deref(), Some("yes"));
    let now = what_if(LIMITS, &recorded).outcome;
    assert_eq!((now.cause, now.judgement.verdict), (Cause::Concluded, None));
}

#[test]
fn a_recording_that_broke_off_is_a_lost_process() {
    let (recording, log) = recorded("1000 o 2\n2000 o 2", "a\nb\n");
    assert!(recording.torn);
    let replayed = replay(judge(), LIMITS, &recording, log.as_bytes(), Reaction::AsRecorded).unwrap();
    assert_eq!(replayed.outcome.cause_word(), "lost");
    assert_eq!(replayed.outcome.judgement.verdict.as_deref(), Some("yes"));
}

#[test]
fn a_log_and_a_timing_of_different_attempts_do_not_fit() {
    let (recording, _) = recorded("1 o 2\n2 e 3\n3 exit 0\n", "");
    let with =
        |log: &str| replay(judge(), LIMITS, &recording, log.as_bytes(), Reaction::AsRecorded).map(|_| ());
    assert_eq!(with("12345"), Ok(()));
    assert_eq!(with("1234"), Err(Misfit::TooShort { recorded: 5, held: 4 }));
    assert_eq!(with("123456"), Err(Misfit::TooLong { recorded: 5, held: 6 }));
    let (broken_off, _) = recorded("1 o 2\n", "");
    assert!(replay(judge(), LIMITS, &broken_off, b"1234", Reaction::AsRecorded).is_ok());
}
