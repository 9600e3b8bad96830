//! The ProVerif preset: its options in the command, and what its models say about themselves.
//!
//! A model is read because two things must not go wrong in silence: a `set` in the file goes before the command
//! line, and an early stop is sound only for a single query about reachability. Must never change a model.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use provisor_core::proverif::model::{Facts, scan};
use provisor_core::proverif::{EarlyStop, ProVerif, Weakened};

use crate::fault::Fault;
use crate::spec::ProVerifOptions;

/// What a command becomes.
#[derive(Default)]
pub(super) struct Prepared {
    /// To be put into the argv at this index.
    pub(super) options: Option<(usize, Vec<Arc<str>>)>,
    pub(super) reading: ProVerif,
    /// Files that ProVerif reads besides those that the command names.
    pub(super) inputs: Vec<PathBuf>,
    pub(super) faults: Vec<Fault>,
}

/// What is known of the model files of a job.
#[derive(Default)]
pub(super) struct Models {
    scanned: HashMap<PathBuf, Result<Rc<Facts>, Arc<io::Error>>>,
    /// Why which queries are not stopped early: the first few ids, and how many.
    pub(super) not_stopped: BTreeMap<&'static str, (Vec<Arc<str>>, usize)>,
    /// The last of them: its further passes are no further queries.
    told: Option<Arc<str>>,
}

/// A parameter of ProVerif that the command line sets.
const FAST: &str = "reconstructDerivation";
const VERBOSE_GOAL: &str = "verboseGoalReachable";

/// How many ids a warning names.
const NAMED: usize = 3;

/// The files of one command.
struct Files {
    model: usize,
    /// The libraries in order, then the model itself.
    paths: Vec<PathBuf>,
}

impl Models {
    pub(super) fn prepare(
        &mut self,
        argv: &[Arc<str>],
        cwd: &Path,
        wanted: ProVerifOptions,
        id: &Arc<str>,
    ) -> Prepared {
        let set = parameters(wanted);
        let required = wanted.fast || wanted.early_stop != EarlyStop::Off;
        let Some(files) = files(argv, cwd) else {
            let faults = if required { vec![Fault::NoModel { id: id.clone() }] } else { Vec::new() };
            return Prepared { faults, ..Prepared::default() };
        };
        let mut prepared = Prepared::default();
        let mut model = Facts::default();
        for path in &files.paths {
            match self.scan(path) {
                Ok(facts) => {
                    prepared.faults.extend(settings(path, &facts, &set));
                    add(&mut model, &facts);
                }
                Err(source) if required => {
                    prepared.faults.push(Fault::ModelUnreadable { path: path.clone(), source });
                }
                Err(_) => {}
            }
        }
        let early_stop = self.early_stop(wanted.early_stop, &model, id);
        let own = model.sets.iter().map(|set| (&*set.name, &*set.value));
        let weakened = weakened(own.chain(set.iter().map(|name| (*name, "false"))));
        prepared.reading = ProVerif { early_stop, lemmas: model.lemmas, weakened, ..ProVerif::default() };
        prepared.options = options(&set).map(|options| (files.model, options));
        let libraries = files.paths.len() - 1;
        prepared.inputs = files.paths.into_iter().take(libraries).filter(|path| path.is_file()).collect();
        prepared
    }

    fn scan(&mut self, path: &Path) -> Result<Rc<Facts>, Arc<io::Error>> {
        if let Some(known) = self.scanned.get(path) {
            return known.clone();
        }
        let facts = std::fs::read(path).map(|text| Rc::new(scan(&text))).map_err(Arc::new);
        self.scanned.insert(path.into(), facts.clone());
        facts
    }

    pub(super) fn early_stop(&mut self, wanted: EarlyStop, model: &Facts, id: &Arc<str>) -> EarlyStop {
        let why = match model {
            _ if wanted == EarlyStop::Off => return wanted,
            Facts { equivalence: Some(_), .. } => "the model proves an equivalence",
            Facts { lemmas: 1.., .. } => "the model has lemmas, whose goals come first",
            Facts { queries: 2.., .. } => "the model has more than one thing to prove",
            _ => return wanted,
        };
        if self.told.as_ref() == Some(id) {
            return EarlyStop::Off;
        }
        self.told = Some(Arc::clone(id));
        let (ids, count) = self.not_stopped.entry(why).or_default();
        if ids.len() < NAMED {
            ids.push(id.clone());
        }
        *count += 1;
        EarlyStop::Off
    }
}

/// By which of these settings, the last of each name in force.
pub(super) fn weakened<'s>(settings: impl Iterator<Item = (&'s str, &'s str)>) -> Option<Weakened> {
    let last: BTreeMap<&str, &str> = settings.collect();
    last.into_iter().find_map(|(name, value)| Weakened::by(name, value))
}

pub(super) fn parameters(wanted: ProVerifOptions) -> Vec<&'static str> {
    let mut set = Vec::new();
    if wanted.fast {
        set.push(FAST);
    }
    if wanted.early_stop == EarlyStop::OnRefutingGoal {
        set.push(VERBOSE_GOAL);
    }
    set
}

fn options(set: &[&str]) -> Option<Vec<Arc<str>>> {
    let options: Vec<Arc<str>> =
        set.iter().flat_map(|parameter| ["-set", parameter, "false"]).map(Into::into).collect();
    (!options.is_empty()).then_some(options)
}

/// ProVerif reads the file's own settings after those of the command line, and the last one counts.
fn settings(path: &Path, facts: &Facts, set: &[&'static str]) -> Vec<Fault> {
    let own = |parameter: &&&'static str| facts.sets.iter().find(|own| own.name == **parameter);
    set.iter()
        .filter_map(|parameter| Some((*parameter, own(&parameter)?)))
        .map(|(parameter, own)| Fault::ModelSets { path: path.into(), line: own.line as usize, parameter })
        .collect()
}

fn add(model: &mut Facts, facts: &Facts) {
    model.queries += facts.queries;
    model.lemmas += facts.lemmas;
    model.equivalence = model.equivalence.or(facts.equivalence);
    model.sets.extend(facts.sets.iter().cloned());
}

fn files(argv: &[Arc<str>], cwd: &Path) -> Option<Files> {
    let model = model(argv)?;
    let before = &argv[..model];
    let mut paths: Vec<PathBuf> = before
        .windows(2)
        .filter(|pair| &*pair[0] == "-lib")
        .map(|pair| library(&cwd.join(&*pair[1])))
        .collect();
    let silent = cwd.join("default.pvl");
    if paths.is_empty() && silent.is_file() {
        paths.push(silent);
    }
    paths.push(cwd.join(&*argv[model]));
    Some(Files { model, paths })
}

/// ProVerif takes a library without its extension too.
pub(super) fn library(path: &Path) -> PathBuf {
    if path.is_file() {
        return path.into();
    }
    let mut longer = path.as_os_str().to_owned();
    longer.push(".pvl");
    let longer = PathBuf::from(longer);
    if longer.is_file() { longer } else { path.into() }
}

/// The model's index in the argv: ProVerif's options come before the file.
fn model(argv: &[Arc<str>]) -> Option<usize> {
    let value_of = |option: &str, at: usize| at > 0 && *argv[at - 1] == *option;
    if let Some(typed) = (1..argv.len()).find(|at| *argv[*at] == *"pitype" && value_of("-in", *at)) {
        let last = argv.len() - 1;
        return (last > typed).then_some(last);
    }
    (1..argv.len()).rev().find(|at| argv[*at].ends_with(".pv") && !value_of("-lib", *at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(text: &str) -> Vec<Arc<str>> {
        text.split(' ').map(Into::into).collect()
    }

    #[test]
    fn the_model_is_the_last_file_and_never_a_library() {
        for (command, wanted) in [
            ("proverif a.pv", Some(1)),
            ("nice proverif -lib x.pvl a.pv", Some(4)),
            ("proverif -lib a.pv b.pv", Some(3)),
            ("proverif -lib a.pv", None),
            ("proverif -in pitype a.model", Some(3)),
            ("proverif -in pitype -lib x a.model", Some(5)),
            ("proverif -in pitype", None),
            ("proverif", None),
            ("a.pv", None),
        ] {
            assert_eq!(model(&argv(command)), wanted, "{command}");
        }
    }

    #[test]
    fn libraries_are_those_named_or_else_the_silent_one() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["a.pvl", "b", "default.pvl"] {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        let names = |command: &str| -> Vec<String> {
            let paths = files(&argv(command), dir.path()).unwrap().paths;
            paths.iter().map(|path| path.strip_prefix(dir.path()).unwrap().display().to_string()).collect()
        };
        assert_eq!(names("proverif -lib a -lib b -lib c m.pv"), ["a.pvl", "b", "c", "m.pv"]);
        assert_eq!(names("proverif m.pv"), ["default.pvl", "m.pv"]);
    }
}
