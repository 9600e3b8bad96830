//! `provisor run`, from what was typed to the exit code.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use provisor_actors::folder::Folder;
use provisor_actors::messages::{Ending, Failure as RunFailure};
use provisor_actors::os::listen::Signal;
use provisor_actors::os::memory;
use provisor_actors::os::signals;
use provisor_actors::run::{Job, KnownMemory, LauncherFactory, Ports};
use provisor_actors::rundir::{self, RunDir};
use provisor_actors::store::{Opening, Store};
use provisor_config::{Lowered, Surroundings};
use provisor_core::answer::Answer;
use provisor_core::implied;
use provisor_core::plan::{Logs, Prune};
use provisor_core::portfolio;
use provisor_core::roster::Place;
use provisor_core::tally::Counts;
use provisor_core::{Cause, Plan, Query};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::cli::{Print, Progress, RunArgs};
use crate::diagnosis;
use crate::failure::{Failure, code};
use crate::greeting::{foretell, greet};
use crate::guard;
use crate::lost::{self, Lost};
use crate::made;
use crate::past::{self, Outlook};
use crate::progress;
use crate::provenance;
use crate::session::{self, EVENTS, Parting, Show, Stage};
use crate::settings;
use crate::slots;
use crate::times::Times;
use crate::view::groups::Groups;
use crate::view::printer::Printer;
use crate::view::whole_lines::Tagged;
use crate::view::{self, summary, tell, words};

/// How long a new run waits for the guardian of a dead one to finish its work.
const GUARDIAN_FINISHES_IN: Duration = Duration::from_secs(5);
/// Runs the job.
pub(crate) fn run(args: &RunArgs) -> Result<u8, Failure> {
    // The first thing of all: the guardian is a fork of this process, and the smaller that is, the smaller it stays.
    let mut guardian = guard::start()?;
    diagnosis::start(args.verbose, args.log_file.as_deref())?;
    let mut lowered = settings::load(&args.spec, args.output.as_deref())?;
    lowered.plan.prune = prune(args, lowered.plan.prune);
    settings::warn(&lowered, &args.spec.spec);
    check_print(args.print, &lowered)?;
    let dir = Arc::new(RunDir::open(run_directory(args), GUARDIAN_FINISHES_IN)?);
    guard::clear(&guardian, &dir);
    let contained = guard::contain(&mut guardian, &dir, lowered.plan.containment)?;
    let mut store = Store::open_in(dir.folder(), &lowered.plan.job)?;
    made::write_files(&dir, &lowered)?;
    let mut outlook = past::look(&lowered, &store, &dir, args)?;
    let Lowered { mut plan, text, .. } = lowered;
    if let Some(note) = slots::fit(&mut plan, signals::most_open_files()) {
        tell(&note);
    }
    let plan = Arc::new(plan);
    made::empty_folders(&dir, &plan, outlook.todo())?;
    let prepared = prepare(&dir, &plan, &mut store, &mut outlook)?;
    let run_dir = Arc::new(dir.new_run_dir(prepared.run)?);
    let record = provenance::start(&plan, prepared.run, &contained);
    write(&run_dir, "spec.ron", text.as_bytes())?;
    write(&run_dir, "run.json", &provenance::pretty(&record))?;
    let show = show(args);
    greet(show, &plan, &outlook, &dir);
    let Prepared { todo, reused, memory, times, .. } = prepared;
    let todo = times.in_order(&plan, todo, args.order);
    let asked =
        outlook.todo().chain(outlook.reused()).filter_map(|place| Place::try_from(place).ok()).collect();
    let rungs = outlook.rungs();
    drop(outlook);
    let token = dir.token().into();
    let job = Job { plan: Arc::clone(&plan), todo, rungs, reused, token, memory, is_open: false };
    let progress = progress::Progress::new(&job, times);
    foretell(show, &progress);
    let (events, inbox) = mpsc::channel(EVENTS);
    let printer = printer(args.print, dir.path())?;
    let tee = printer.as_ref().and_then(Tagged::for_lines);
    let store = Groups { store, printer: printer.clone(), plan: Arc::clone(&plan) };
    let (launcher, is_clean) = guard::launcher(guardian, contained);
    let ports = Ports { tee, ..ports(launcher, store, &dir, events) };
    let stage = Stage { show, printer, dir: dir.path().to_owned(), run_dir: Arc::clone(&run_dir), progress };
    memory::give_back();
    match session::run(job, ports, inbox, stage)? {
        Parting::Left => Ok(code::INTERRUPTED),
        Parting::Ended { ending, mut store, counts, elapsed, interrupted_by, is_printed } => {
            guard::note_end(&dir, &is_clean);
            let end = End { ending: *ending, counts, elapsed, interrupted_by, is_printed, asked, plan };
            let lost = lost::conclude(&mut store, &end.ending, end.is_complete(), is_printed);
            let recorded =
                write(&run_dir, "run.json", &provenance::pretty(&ended(record, &end, lost.as_ref())));
            // The store is closed after the last reader: who may write leaves no file of SQLite's behind.
            let code = report(args, &dir, &end, lost.as_ref());
            recorded.map(|()| code)
        }
    }
}

/// How a run ended.
struct End {
    ending: Ending,
    counts: Counts,
    elapsed: Duration,
    interrupted_by: Option<Signal>,
    is_printed: bool,
    /// The places of the queries that were asked for: all of them, but with `--only`.
    asked: HashSet<Place>,
    plan: Arc<Plan>,
}

impl End {
    /// An interruption may leave a row for every query, and yet there is something to take up.
    fn is_complete(&self) -> bool {
        let Ending { stopped, unfinished, exhausted, failure, .. } = &self.ending;
        *unfinished == 0 && stopped.is_none() && exhausted.is_none() && failure.is_none()
    }
}

/// What the terminal can take of what was asked for.
fn show(args: &RunArgs) -> Show {
    match args.progress {
        _ if args.quiet => Show::Nothing,
        Progress::None => Show::Nothing,
        Progress::Auto | Progress::Bar if view::stderr_takes_a_bar() => Show::Bar,
        Progress::Auto | Progress::Bar | Progress::Plain => Show::Lines,
    }
}

/// What is printed in one piece at the end is taken from the log.
fn check_print(print: Print, job: &Lowered) -> Result<(), Failure> {
    match job.chosen_queries().find(|query| query.logs == Logs::Drop) {
        Some(query) if print == Print::Grouped => Err(Failure::Usage(format!(
            "--print grouped: `{}` has `logs: Drop`, and its output is kept nowhere; keep its log, or take --print lines",
            query.id
        ))),
        _ => Ok(()),
    }
}

fn printer(print: Print, dir: &Path) -> Result<Option<Printer>, Failure> {
    if print == Print::None {
        return Ok(None);
    }
    let printer = Printer::start(dir.to_owned(), print == Print::Grouped);
    printer.map(Some).map_err(|source| Failure::System { what: "standard output", source })
}

/// What is typed goes before the spec.
const fn prune(args: &RunArgs, written: Prune) -> Prune {
    match (args.no_prune, args.check_prune) {
        (true, _) => Prune::Off,
        (_, true) => Prune::Check,
        (false, false) => written,
    }
}

fn run_directory(args: &RunArgs) -> PathBuf {
    args.output.clone().unwrap_or_else(|| Surroundings::default_run_dir(&args.spec.spec))
}

struct Prepared {
    todo: Vec<(Place, u32)>,
    reused: Vec<(Place, Answer)>,
    run: u64,
    memory: KnownMemory,
    times: Times,
}

fn prepare(
    dir: &RunDir,
    plan: &Arc<Plan>,
    store: &mut Store,
    outlook: &mut Outlook,
) -> Result<Prepared, Failure> {
    let before = store.attempts_before()?;
    let attempt = |place: usize| {
        let id = &*plan.queries[place].id;
        let attempts = dir.attempts_made(id, before.get(id).copied().unwrap_or_default());
        (Place::try_from(place).unwrap_or(Place::MAX), attempts)
    };
    let todo = outlook.todo().map(attempt).collect();
    let run = store.begin(Opening {
        plan: Arc::clone(plan),
        prints: std::mem::take(&mut outlook.prints),
        past: &outlook.past,
        fates: &outlook.fates,
    })?;
    let stands: HashSet<usize> = outlook.reused().collect();
    let standing = store.standing()?;
    let reused = standing.iter().filter(|row| stands.contains(&(row.place as usize)));
    let reused = reused.map(|row| (row.place, Answer::of(&row.outcome))).collect();
    let (memory, times) = (known_memory(plan, store)?, Times::of(plan, store)?);
    Ok(Prepared { todo, reused, run, memory, times })
}

/// What matters to a budget of memory, and to one that is killed for want of it.
fn known_memory(plan: &Plan, store: &Store) -> Result<KnownMemory, Failure> {
    let machine = provenance::machine_memory_kib().map(|kib| kib.saturating_mul(1024));
    if plan.memory_budget.is_none() {
        return Ok(KnownMemory { machine, ..KnownMemory::default() });
    }
    let by_id = store.peaks()?;
    let peak = |(place, query): (Place, &Query)| Some((place, by_id.get(&*query.id)?.saturating_mul(1024)));
    Ok(KnownMemory { machine, peaks: (0..).zip(&plan.queries).filter_map(peak).collect() })
}

fn ports(
    launcher: LauncherFactory,
    store: Groups<Store>,
    dir: &Arc<RunDir>,
    events: mpsc::Sender<provisor_actors::messages::Event>,
) -> Ports<Groups<Store>> {
    let logs = Arc::clone(dir);
    Ports {
        launcher,
        store,
        open_log: Box::new(move |name| logs.create_log(name)),
        log_name: Box::new(rundir::log_name),
        tee: None,
        events: Some(events),
        rules: None,
    }
}

/// The record of a run that has ended.
fn ended(mut record: Value, end: &End, lost: Option<&Lost>) -> Value {
    let failure = end.ending.failure.as_ref().map(failure_words);
    record["ended_at"] = provenance::now().into();
    record["complete"] = (end.is_complete() && lost.is_none()).into();
    let exhausted = end.ending.exhausted.as_ref().map(|_| "exhausted");
    record["stopped"] = end.ending.stopped.map(Cause::word).or(exhausted).into();
    record["failure"] = failure.or_else(|| lost.map(|lost| lost.why.clone())).into();
    record
}

fn failure_words(failure: &RunFailure) -> String {
    match failure {
        RunFailure::Results(text) => text.to_string(),
        RunFailure::Guardian => "the guardian process died, and all queries with it".into(),
        RunFailure::Bug(text) => format!("a bug in provisor: {text}"),
    }
}

/// The table, the closing lines, and what to exit with.
fn report(args: &RunArgs, dir: &RunDir, end: &End, lost: Option<&Lost>) -> u8 {
    let End { ending, counts, elapsed, interrupted_by, .. } = end;
    if !args.quiet {
        tell(&format!("{} in {}", words::queries(counts.done - counts.reused), words::duration(*elapsed)));
    }
    if ending.rounds.left_out() > 0 {
        tell(&summary::left_out(ending.rounds));
    }
    // Standard output that has rows which are nowhere else has nothing but these.
    if !lost.is_some_and(Lost::is_printed) {
        show_table(dir, end);
    }
    if ending.missed_events > 0 {
        let text =
            "events were too many to follow, and the progress shown was not exact; the results are complete";
        tell(&format!("{} {text}", ending.missed_events));
    }
    let answers = answers(dir.path(), end);
    let contradictions = contradictions(end, &answers);
    contradictions.iter().for_each(|text| tell(text));
    explain(end, lost, args);
    let has_all_groups = ending.failed_groups.is_empty();
    let are_well = counts.well + portfolio::excused(&end.plan, &answers) == counts.total;
    let is_well = are_well && contradictions.is_empty() && has_all_groups;
    let code = if lost.is_some() { code::RESULTS } else { exit_code(ending, is_well) };
    if code == code::INTERRUPTED && args.exit_signal && *interrupted_by == Some(Signal::Interrupt) {
        signals::die_by_sigint();
    }
    code
}

fn show_table(dir: &RunDir, end: &End) {
    let rows = match Store::read(dir.path()).and_then(|reader| reader.standing()) {
        Ok(rows) => rows,
        // Whatever that means for the results was told, or will be by whoever reads them.
        Err(error) => return tell(&format!("the table cannot be made: {error}")),
    };
    let asked: Vec<_> = rows.into_iter().filter(|row| end.asked.contains(&row.place)).collect();
    let closing = summary::unreaped(&asked) + &summary::closing(&end.counts, dir.path());
    let text = summary::table(&asked, view::width()) + &closing;
    if !end.is_printed {
        let results = dir.path().join("results.csv");
        let text = "standard output did not keep up: not all is printed, and the table is not; see";
        tell(&format!("{text} {}", results.display()));
    } else if let Err(error) = view::print(&text) {
        // The results are safe in their files, and a terminal that has gone is no reason to say otherwise.
        tell(&format!("the table could not be printed: {error}"));
    }
}

/// What was asked for has come to, where answers have to do with each other.
fn answers(dir: &Path, end: &End) -> Vec<(Place, Answer)> {
    let has_races = end.plan.queries.iter().any(|query| portfolio::race_of(query).is_some());
    if !has_races && end.plan.prune != Prune::Check {
        return Vec::new();
    }
    // Whoever cannot read them has been told.
    let rows = Store::read(dir).and_then(|reader| reader.standing()).unwrap_or_default();
    let asked = rows.iter().filter(|row| end.asked.contains(&row.place));
    asked.map(|row| (row.place, Answer::of(&row.outcome))).collect()
}

/// A sentence for each two answers of which one must be wrong: in a race, and between scenarios where that is to be checked.
fn contradictions(end: &End, answers: &[(Place, Answer)]) -> Vec<String> {
    let is_checked = end.plan.prune == Prune::Check;
    let measured = answers.iter().filter_map(|(place, answer)| Some((*place, answer.truth()?.is_true)));
    let between = is_checked.then(|| implied::contradictions(&end.plan, measured)).into_iter().flatten();
    let mut told: Vec<_> = between.map(|found| summary::contradiction(&end.plan, found)).collect();
    let in_races = portfolio::contradictions(&end.plan, answers.iter().cloned());
    told.extend(in_races.into_iter().map(|both| summary::disagreement(&end.plan, both)));
    told
}

fn explain(end: &End, lost: Option<&Lost>, args: &RunArgs) {
    let End { ending, counts, .. } = end;
    if let Some(lost) = lost {
        tell(&format!("error: {}", lost.text()));
    }
    match &ending.failure {
        Some(RunFailure::Results(_)) => {}
        Some(failure) => tell(&format!("error: {}; run it again to go on", failure_words(failure))),
        None if ending.unfinished > 0 || ending.stopped.is_some() => {
            let why = match ending.stopped {
                Some(Cause::Deadline) => "the deadline was reached",
                Some(_) => "interrupted",
                None => "no slot was left",
            };
            let why = match &ending.exhausted {
                Some(text) => format!("nothing could be started for minutes: {text}"),
                None => why.into(),
            };
            let left = words::queries(ending.unfinished + counts.cut_short());
            let spec = args.spec.spec.display();
            let output = args.output.as_ref().map(|dir| format!(" -o {}", dir.display())).unwrap_or_default();
            tell(&format!("{why}; {left} left to run: `provisor run {spec}{output}` goes on"));
        }
        None => {}
    }
}

const fn exit_code(ending: &Ending, is_well: bool) -> u8 {
    match (&ending.failure, ending.stopped) {
        (Some(RunFailure::Results(_)), _) => code::RESULTS,
        (Some(_), _) => code::BUG,
        (None, Some(_)) => code::INTERRUPTED,
        (None, None) if ending.exhausted.is_some() => code::INTERRUPTED,
        (None, None) if is_well => code::WELL,
        (None, None) => code::NOT_WELL,
    }
}

fn write(dir: &Folder, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    dir.replace(name, bytes).map_err(|source| Failure::Write { path: dir.path().join(name), source })
}

#[cfg(test)]
mod tests;
