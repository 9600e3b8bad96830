//! The axes of a job: the values that its templates run through.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use globset::GlobMatcher;
use minijinja::Value;

use super::{MOST_QUERIES, Problems, glob};
use crate::fault::{Fault, near_hint};
use crate::spanned::{Place, Spanned};
use crate::spec::{self, AxisForm, Entries, Scalar, ScalarValue};
use crate::template::{File, Point};

/// An axis with its values.
pub(super) struct Axis {
    pub(super) name: Arc<str>,
    pub(super) points: Vec<Arc<Point>>,
}

/// One axis of a matrix.
pub(super) fn axis(
    name: &Spanned<String>,
    axis: &spec::Axis,
    folder: &Path,
    problems: &mut Problems,
) -> Axis {
    let mut points = match &axis.form {
        AxisForm::List(list) => of_texts(list.iter().map(value), folder),
        AxisForm::Range(range) => {
            let count = i128::from(*range.end()) - i128::from(*range.start()) + 1;
            if count > MOST_QUERIES as i128 {
                problems.fault(axis.place, Fault::TooMany { count: count.unsigned_abs() });
                return Axis { name: name.value.as_str().into(), points: Vec::new() };
            }
            range.clone().enumerate().map(|(index, number)| Point::new(number.into(), index, None)).collect()
        }
        AxisForm::Glob(pattern) => globbed(pattern, folder, problems),
        AxisForm::Lines(file) => lines(file, folder, problems),
    };
    let found_nothing = matches!(axis.form, AxisForm::List(_) | AxisForm::Range(_)) && points.is_empty();
    if found_nothing {
        problems.fault(axis.place, Fault::NoValues { axis: name.value.clone() });
    }
    let mut seen = HashSet::new();
    points.retain(|point| {
        let new = seen.insert(point.text.clone());
        if !new {
            let fault = Fault::ValueTwice { axis: name.value.clone(), value: point.text.clone() };
            problems.fault(axis.place, fault);
        }
        new
    });
    Axis { name: name.value.as_str().into(), points: points.into_iter().map(Arc::new).collect() }
}

/// The keys of `each` as values of its one axis.
pub(super) fn keys<V>(name: &Spanned<String>, entries: &Entries<V>, folder: &Path) -> Axis {
    let keys = entries.0.iter().map(|(key, _)| Value::from(key.value.as_str()));
    let points = of_texts(keys, folder).into_iter().map(Arc::new).collect();
    Axis { name: name.value.as_str().into(), points }
}

/// The value of a scalar in templates.
pub(super) fn value(scalar: &Scalar) -> Value {
    match &scalar.value {
        ScalarValue::Text(text) => Value::from(text.as_str()),
        ScalarValue::Integer(number) => Value::from(*number),
        ScalarValue::Real(number) => Value::from(*number),
    }
}

/// What the command line says, as the kind of value that it replaces: who counts with a number wants a number.
pub(super) fn typed(text: &str, replaced: Option<&Value>) -> Value {
    let number =
        || text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<f64>().map(Value::from)).ok();
    let counted = replaced.is_some_and(Value::is_number);
    counted.then(number).flatten().unwrap_or_else(|| text.into())
}

fn of_texts(values: impl Iterator<Item = Value>, folder: &Path) -> Vec<Point> {
    let point = |(index, value): (usize, Value)| {
        let named = value.as_str().filter(|text| !text.is_empty() && folder.join(text).is_file());
        let file = named.and_then(|text| file(text, folder));
        Point::new(value, index, file)
    };
    values.enumerate().map(point).collect()
}

/// The names of a file; `None` where its absolute path is no text.
fn file(path: &str, folder: &Path) -> Option<File> {
    let absolute = folder.join(path);
    let path = Path::new(path);
    Some(File {
        absolute: absolute.to_str()?.into(),
        stem: path.file_stem()?.to_str()?.into(),
        name: path.file_name()?.to_str()?.into(),
    })
}

fn globbed(pattern: &Spanned<String>, folder: &Path, problems: &mut Problems) -> Vec<Point> {
    let paths = match glob::paths(&pattern.value, folder) {
        Ok(paths) => paths,
        Err(fault) => {
            problems.fault(pattern.place, fault);
            return Vec::new();
        }
    };
    if paths.is_empty() {
        let (glob, folder) = (pattern.value.clone(), folder.into());
        problems.fault(pattern.place, Fault::GlobWithoutMatch { glob, folder });
    }
    let point = |(index, path): (usize, String)| {
        let file = file(&path, folder);
        Point::new(path.into(), index, file)
    };
    paths.into_iter().enumerate().map(point).collect()
}

fn lines(file: &Spanned<String>, folder: &Path, problems: &mut Problems) -> Vec<Point> {
    let path = folder.join(&file.value);
    let fault = match std::fs::read(&path).map(String::from_utf8) {
        Ok(Ok(text)) => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            let points = of_texts(lines.map(Value::from), folder);
            if !points.is_empty() {
                return points;
            }
            Fault::NoLines { path }
        }
        Ok(Err(_)) => Fault::FileNotUtf8 { path },
        Err(source) => Fault::Unreadable { path, source: source.into() },
    };
    problems.fault(file.place, fault);
    Vec::new()
}

/// One of `exclude`: patterns on axes, all of which have to match. A number stands for its text, in which no character is
/// a wildcard.
pub(super) struct Exclusion {
    patterns: Vec<(usize, GlobMatcher)>,
    pub(super) place: Place,
    pub(super) text: String,
    pub(super) matched: bool,
}

impl Exclusion {
    pub(super) fn new(
        patterns: &Spanned<Entries<Scalar>>,
        axes: &[Axis],
        problems: &mut Problems,
    ) -> Option<Self> {
        let names: Vec<&str> = axes.iter().map(|axis| &*axis.name).collect();
        if patterns.value.0.is_empty() {
            problems.fault(patterns.place, Fault::ExcludesEverything);
        }
        let (mut compiled, mut texts) = (Vec::new(), Vec::new());
        for (axis, pattern) in &patterns.value.0 {
            let Some(at) = names.iter().position(|name| *name == axis.value) else {
                let hint = near_hint(&axis.value, &names, "axes");
                problems.fault(axis.place, Fault::NoSuchAxis { name: axis.value.clone(), hint });
                continue;
            };
            let text = value(pattern).to_string();
            match glob::compile(&text, false) {
                Ok(matcher) => compiled.push((at, matcher)),
                Err(fault) => problems.fault(pattern.place, fault),
            }
            texts.push(text);
        }
        let (place, text) = (patterns.place, texts.join(", "));
        (compiled.len() == patterns.value.0.len()).then_some(Self {
            patterns: compiled,
            place,
            text,
            matched: false,
        })
    }

    fn excludes(&mut self, points: &[Arc<Point>]) -> bool {
        let excludes = self.patterns.iter().all(|(axis, matcher)| {
            points.get(*axis).is_some_and(|point| point.names().any(|name| matcher.is_match(name)))
        });
        self.matched |= excludes;
        excludes
    }
}

/// Whether one of them excludes this. All are asked, to know which of them exclude nothing at all.
pub(super) fn excluded(exclusions: &mut [Exclusion], points: &[Arc<Point>]) -> bool {
    exclusions.iter_mut().filter_map(|exclusion| exclusion.excludes(points).then_some(())).count() > 0
}
