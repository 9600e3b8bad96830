use std::collections::HashMap;

use provisor_config::Surroundings;
use provisor_core::Outcome;
use provisor_core::cause::Exit;
use provisor_core::plan::{Only, Pass};

use super::*;
use crate::times::Times;

/// Queries q0, q1, ... of 100 s (and the grace of 5 s) at most, two at a time.
fn progress(queries: u32) -> Progress {
    with_times(queries, &[])
}

/// The same, where of the first ones the times are known, in seconds.
fn with_times(queries: u32, times: &[u64]) -> Progress {
    let ids: Vec<_> = (0..queries).map(|n| format!("(id: \"q{n}\", run: [\"true\"])")).collect();
    let ids = ids.join(",");
    let spec = format!("Job(name: \"job\", slots: 2, limits: (wall: \"100s\"), commands: [{ids}])");
    let around = Surroundings::of("job.ron".as_ref()).expect("a folder");
    let plan = Arc::new(provisor_config::parse(&spec, "job.ron".as_ref(), &around).expect("valid").plan);
    let todo = (0..queries).map(|place| (place, 0)).collect();
    let times = Times::new(times.iter().map(|seconds| Some(Duration::from_secs(*seconds))));
    let rungs = HashMap::new();
    let (reused, memory) = (Vec::new(), Default::default());
    let job = Job { plan, todo, rungs, reused, token: "test".into(), memory, is_open: false };
    Progress::new(&job, times)
}

/// One that is polled every second, with a time that is known.
fn polled() -> Progress {
    let spec =
        r#"Job(name: "job", limits: (wall: "100s"), commands: [(id: "q0", run: ["true"], every: "1s")])"#;
    let around = Surroundings::of("job.ron".as_ref()).expect("a folder");
    let plan = Arc::new(provisor_config::parse(spec, "job.ron".as_ref(), &around).expect("valid").plan);
    let (rungs, reused, memory) = (HashMap::new(), Vec::new(), Default::default());
    let job = Job { plan, todo: vec![(0, 0)], rungs, reused, token: "test".into(), memory, is_open: false };
    Progress::new(&job, Times::new([Some(Duration::from_secs(5))]))
}

fn at(seconds: u64) -> Tick {
    Tick::from_micros(seconds * 1_000_000)
}

fn done(query: Place, wall: u64) -> Event {
    let end = End::Reaped(Exit::Code(0));
    let outcome = Outcome { end, wall: Duration::from_secs(wall), ..Outcome::lost("".into()) };
    Event::Done(Arc::new(Row::new(query, 1, outcome)))
}

const fn started(query: Place) -> Event {
    Event::Started { query, attempt: 1, pass: 0 }
}

const fn ended(query: Place, attempt: u32) -> Event {
    Event::Ended { query, attempt }
}

/// The ids that the bar shows, with their ages in seconds.
fn shown(frame: &Frame) -> Vec<(&str, u64)> {
    frame.longest.iter().map(|query| (&*query.id, query.age.as_secs())).collect()
}

#[test]
fn the_longest_are_shown_and_those_that_have_just_begun_are_not() {
    let mut progress = progress(4);
    for (query, when) in [(1, 0), (0, 2), (3, 9)] {
        progress.take(&started(query), at(when));
    }
    let frame = progress.frame(Counts::default(), at(9));
    assert_eq!((shown(&frame), frame.running), (vec![("q1", 9), ("q0", 7)], 3));
    assert_eq!(frame.longest[0].log, Some(rundir::log_name("q1", 1)));
    progress.take(&ended(1, 2), at(10));
    assert_eq!(shown(&progress.frame(Counts::default(), at(10))).len(), 3, "another attempt ended");
    progress.take(&ended(1, 1), at(10));
    assert_eq!(shown(&progress.frame(Counts::default(), at(10))), [("q0", 8), ("q3", 1)]);
}

#[test]
fn what_is_done_bounds_what_is_left() {
    let mut progress = progress(4);
    assert_eq!(progress_eta(&mut progress, 4, 0), (None, Some(210 + 105 / 2)));
    progress.take(&started(0), at(0));
    progress.take(&started(1), at(0));
    progress.take(&ended(0, 1), at(10));
    progress.take(&done(0, 10), at(10));
    assert_eq!(progress.done, 1);
    progress.take(&started(2), at(10));
    // Three are left, one of which has run for 10 s; each is taken to last for 10 s.
    assert_eq!(progress_eta(&mut progress, 1, 10), (Some(10), Some((305 + 105) / 2)));
}

fn progress_eta(progress: &mut Progress, waiting: usize, now: u64) -> (Option<u64>, Option<u64>) {
    let eta = progress.frame(Counts { waiting, ..Counts::default() }, at(now)).eta;
    (eta.likely.map(|likely| likely.as_secs()), eta.at_most.map(|most| most.as_secs()))
}

#[test]
fn what_took_long_before_is_expected_to_again() {
    assert_eq!(progress(4).ahead(), None, "nothing is known");
    let mut progress = with_times(4, &[60, 6]);
    let seconds = Duration::from_secs;
    // Two unknown ones take 33 s each; two at a time.
    let ahead = Ahead { queries: 4, known: 2, work: seconds(132), likely: seconds(66) };
    assert_eq!(progress.ahead(), Some(ahead));
    progress.take(&started(0), at(0));
    progress.take(&started(1), at(0));
    assert_eq!(progress_eta(&mut progress, 2, 3).0, Some((57 + 3 + 66) / 2));
    progress.take(&ended(1, 1), at(30));
    progress.take(&done(1, 30), at(30));
    progress.take(&started(2), at(30));
    // What it took now is what is known of it: the others are expected to take 45 s.
    assert_eq!(progress_eta(&mut progress, 1, 30).0, Some((30 + 45 + 45) / 2));
    progress.take(&ended(2, 1), at(31));
    progress.take(&done(2, 1), at(31));
    assert_eq!(progress_eta(&mut progress, 0, 40).0, Some(20), "what is left of the first one");
}

#[test]
fn what_is_tried_again_waits_again_and_what_started_unheard_does_not() {
    let mut progress = with_times(3, &[90, 60, 10]);
    let retried = |query| {
        let Event::Done(row) = done(query, 90) else { unreachable!() };
        Event::Done(Arc::new(Row { then: Then::Retry, ..Row::clone(&row) }))
    };
    progress.take(&started(0), at(0));
    assert_eq!(progress_eta(&mut progress, 2, 0).0, Some(90), "160 s by two, and no less than the longest");
    progress.take(&ended(0, 1), at(80));
    progress.take(&retried(0), at(80));
    assert_eq!(progress_eta(&mut progress, 3, 81).0, Some(90));
    // Its row was slow, and it is at work again.
    progress.take(&Event::Started { query: 0, attempt: 2, pass: 0 }, at(82));
    progress.take(&retried(0), at(82));
    progress.take(&done(1, 60), at(160));
    assert_eq!(progress_eta(&mut progress, 1, 162).0, Some(10), "10 s of the first, and the third beside it");
}

#[test]
fn what_was_cut_short_says_nothing_of_times() {
    let mut progress = progress(4);
    progress.take(&started(0), at(0));
    progress.take(
        &Event::Stopping { query: 0, cause: Cause::Cancelled, method: provisor_core::StopMethod::Term },
        at(1),
    );
    let Event::Done(row) = done(0, 1) else { unreachable!() };
    let mut row = Row::clone(&row);
    assert!(progress.is_remarkable(&row), "no verdict");
    row.outcome.cause = Cause::Cancelled;
    assert!(!progress.is_remarkable(&row), "that the run had to end is told once");
    progress.take(&Event::Done(Arc::new(row)), at(1));
    let frame = progress.frame(Counts::default(), at(1));
    assert!(frame.is_ending && frame.eta.likely.is_none());
}

#[test]
fn who_is_done_is_not_at_work_though_its_end_was_missed() {
    let mut progress = progress(2);
    progress.take(&started(0), at(0));
    progress.take(&Event::Started { query: 1, attempt: 2, pass: 0 }, at(0));
    progress.take(&done(0, 3), at(3));
    progress.take(&done(1, 3), at(3));
    assert_eq!(progress.attempts(), [(1, 2)], "but a further attempt is");
}

#[test]
fn who_has_several_passes_is_shown_with_the_one_that_it_is_in_and_told_of_when_it_is_over() {
    let mut progress = progress(2);
    let query = &mut Arc::make_mut(&mut progress.plan).queries[0];
    query.pass = Some("fast".into());
    query.further = [Pass {
        name: "full".into(),
        only: Only::Limited,
        command: query.command.clone(),
        limits: query.limits,
        judging: Arc::clone(&query.judging),
        pages: None,
    }]
    .into();
    progress.take(&started(0), at(0));
    progress.take(&started(1), at(0));
    let names =
        |progress: &Progress| progress.longest(at(3)).map(|running| running.name()).collect::<Vec<_>>();
    assert_eq!(names(&progress), ["q0 (fast)", "q1"]);
    let Event::Done(row) = done(0, 1) else { unreachable!() };
    let row = Row { then: Then::NextPass, ..Row::clone(&row) };
    assert!(!progress.is_remarkable(&row), "it goes on");
    progress.take(&Event::Done(Arc::new(row)), at(2));
    progress.take(&Event::Started { query: 0, attempt: 2, pass: 1 }, at(4));
    assert_eq!((progress.done, progress.attempts()), (0, vec![(0, 2), (1, 1)]));
    assert_eq!(names(&progress), ["q1", "q0 (full)"]);
    let frame = progress.frame(Counts::default(), at(6));
    assert_eq!(shown(&frame), [("q1", 6), ("q0 (full)", 2)]);
    assert_eq!(frame.longest[1].log, Some(rundir::log_name("q0", 2)), "its log is named as ever");
}

#[test]
fn of_what_is_asked_again_and_again_no_end_is_foretold() {
    let mut progress = polled();
    assert!(progress.ahead().is_none());
    for event in [started(0), ended(0, 1), done(0, 5), Event::Reopened { query: 0 }, started(0)] {
        progress.take(&event, at(1));
    }
    assert_eq!(progress.frame(Counts::new(1, []), at(9)).eta, Eta::default());
}

#[test]
fn a_round_that_is_ended_for_the_next_one_does_not_end_the_run() {
    let stopping = |cause| Event::Stopping { query: 0, cause, method: provisor_core::StopMethod::Term };
    for (mut progress, cause, is_ending) in [
        (polled(), Cause::Cancelled, false),
        (polled(), Cause::Deadline, true),
        (progress(1), Cause::Cancelled, true),
        (progress(1), Cause::WallLimit, false),
    ] {
        progress.take(&stopping(cause), at(1));
        assert_eq!(progress.frame(Counts::default(), at(1)).is_ending, is_ending, "{cause:?}");
    }
}
