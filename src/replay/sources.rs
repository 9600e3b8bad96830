//! Where recorded logs are: in a run directory, which knows by what they were judged; in any folder; or by name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use provisor_actors::store::{Reader, Standing, Store};
use provisor_config::IdPattern;
use provisor_core::cause::End;
use provisor_core::plan::{Judging, Limits};
use provisor_core::proverif::ProVerif;
use provisor_core::verdict::Preset;

use super::{Attempt, Log, Row};
use crate::cli::ReplayArgs;
use crate::failure::Failure;
use crate::recorded::{Ending, RecordedError, timing_of};

/// The database of a run directory.
const DATABASE: &str = "provisor.db";
/// The folder of its logs.
const LOGS: &str = "logs";

/// Something that was named on the command line.
enum Source {
    Run(PathBuf),
    Folder(PathBuf),
    Log(PathBuf),
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) attempts: Vec<Attempt>,
    /// Those that cannot be replayed, and why.
    pub(super) left_out: Vec<(String, &'static str)>,
}

/// Everything that is named, in that order.
pub(super) fn find(args: &ReplayArgs) -> Result<Found, Failure> {
    let only = patterns(&args.only)?;
    let mut found = Found::default();
    for path in &args.what {
        match Source::of(path)? {
            Source::Run(dir) => found.add_run(&dir)?,
            Source::Folder(dir) => found.add_folder(&dir)?,
            Source::Log(log) => found.add_log(log)?,
        }
    }
    let is_asked = |name: &str| only.is_empty() || only.iter().any(|pattern| pattern.matches(name));
    found.attempts.retain(|attempt| is_asked(&attempt.name));
    found.left_out.retain(|(name, _)| is_asked(name));
    if found.attempts.is_empty() && found.left_out.is_empty() {
        let what = if only.is_empty() { "there is no recorded log in it" } else { "--only: nothing matches" };
        return Err(Failure::Usage(what.into()));
    }
    Ok(found)
}

fn patterns(globs: &[String]) -> Result<Vec<IdPattern>, Failure> {
    let pattern =
        |glob: &String| IdPattern::new(glob).map_err(|error| Failure::Usage(format!("--only: {error}")));
    globs.iter().map(pattern).collect()
}

impl Source {
    fn of(path: &Path) -> Result<Self, Failure> {
        let unreadable = |source: io::Error| RecordedError::Read { path: path.to_owned(), source };
        if !fs::metadata(path).map_err(unreadable)?.is_dir() {
            return Ok(Self::Log(path.to_owned()));
        }
        if path.join(DATABASE).exists() {
            return Ok(Self::Run(path.to_owned()));
        }
        // The folder of a run's logs is that run.
        Ok(run_above(path)?.map_or_else(|| Self::Folder(path.to_owned()), Self::Run))
    }
}

/// The run directory that this is the folder of logs of.
fn run_above(folder: &Path) -> Result<Option<PathBuf>, Failure> {
    let unreadable = |source: io::Error| RecordedError::Read { path: folder.to_owned(), source };
    let folder = folder.canonicalize().map_err(unreadable)?;
    let above = folder.parent().filter(|dir| folder.ends_with(LOGS) && dir.join(DATABASE).exists());
    Ok(above.map(Path::to_owned))
}

impl Found {
    fn add_run(&mut self, dir: &Path) -> Result<(), Failure> {
        let reader = Store::read(dir)?;
        for row in reader.standing()? {
            self.add_row(dir, &reader, row)?;
        }
        Ok(())
    }

    fn add_row(&mut self, dir: &Path, reader: &Reader, row: Standing) -> Result<(), Failure> {
        let why = match (&row.outcome.end, &row.log, row.log_is_whole) {
            (End::NotStarted(_) | End::Skipped(_) | End::Implied(_), ..) => "it never ran",
            (_, None, _) => "its output was not kept",
            (_, Some(_), false) => "its log is not the whole output with the streams told apart",
            (_, Some(log), true) => match reader.judging(row.judging)? {
                Some(judging) => {
                    let log = Log::OfRun(dir.to_owned(), Arc::clone(log));
                    self.attempts.push(Attempt { log, judging, limits: row.limits, ..of_row(&row) });
                    return Ok(());
                }
                None => "by what it was judged is not known",
            },
        };
        self.left_out.push((row.query.to_string(), why));
        Ok(())
    }

    /// Logs of no run: those that have a timing, by name.
    fn add_folder(&mut self, dir: &Path) -> Result<(), Failure> {
        let unreadable = |source: io::Error| RecordedError::Read { path: dir.to_owned(), source };
        let entries = fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut logs: Vec<_> = entries.map_err(unreadable)?.iter().map(fs::DirEntry::path).collect();
        logs.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
        logs.retain(|path| timing_of(path).exists());
        logs.sort();
        self.attempts.extend(logs.into_iter().map(of_log));
        Ok(())
    }

    fn add_log(&mut self, log: PathBuf) -> Result<(), Failure> {
        let folder = log.parent().filter(|folder| !folder.as_os_str().is_empty());
        let run = run_above(folder.unwrap_or(Path::new(".")))?;
        if let (Some(dir), Some(name)) = (run, log.file_name()) {
            let reader = Store::read(&dir)?;
            if let Some(row) = reader.of_log(&format!("{LOGS}/{}", name.to_string_lossy()))? {
                return self.add_row(&dir, &reader, row);
            }
        }
        self.attempts.push(of_log(log));
        Ok(())
    }
}

/// A log of no run, which is read as ProVerif's where nothing else is asked for.
fn of_log(log: PathBuf) -> Attempt {
    let judging = Judging { rules: Vec::new(), preset: Some(Preset::ProVerif(ProVerif::default())) };
    let name = log.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Attempt { name, log: Log::Named(log), judging, limits: Limits::default(), row: None }
}

fn of_row(row: &Standing) -> Attempt {
    let outcome = &row.outcome;
    let ending = Ending { cause: outcome.cause, exit: outcome.exit(), wall: outcome.wall };
    let verdict = outcome.judgement.verdict.clone();
    Attempt {
        name: row.query.to_string(),
        row: Some(Row { cause: outcome.cause_word(), verdict, ending }),
        ..of_log(PathBuf::new())
    }
}
