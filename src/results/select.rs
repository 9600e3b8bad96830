//! Which rows are shown, in which order, and what stands down and across a grid. Nothing here reads or prints.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use provisor_actors::store::{Extras, Standing, Waiting, columns};
use provisor_config::{IdPattern, near_hint};
use provisor_core::text::clean;

use super::Selection;
use crate::cli::ResultsArgs;
use crate::failure::Failure;

/// Takes the rows that have one of each: of the causes, of the verdicts, of the ids. None given: all.
#[derive(Debug)]
pub(super) struct Filter {
    causes: Vec<String>,
    verdicts: Vec<String>,
    ids: Vec<IdPattern>,
}

impl Filter {
    pub(super) fn of(args: &ResultsArgs) -> Result<Self, Failure> {
        let pattern = |glob: &String| {
            IdPattern::new(glob).map_err(|error| Failure::Usage(format!("--only {glob}: {error}")))
        };
        let ids = args.only.iter().map(pattern).collect::<Result<_, _>>()?;
        Ok(Self { causes: args.cause.clone(), verdicts: args.verdict.clone(), ids })
    }

    pub(super) fn takes(&self, row: &Standing) -> bool {
        let verdict = clean(row.outcome.judgement.verdict.as_deref().unwrap_or_default());
        let any =
            |words: &[String], word: &str| words.is_empty() || words.iter().any(|wanted| wanted == word);
        any(&self.causes, row.outcome.cause_word())
            && any(&self.verdicts, &verdict)
            && self.takes_id(&row.query)
    }

    /// What is not done has neither a cause nor a verdict.
    pub(super) fn takes_waiting(&self, query: &Waiting) -> bool {
        self.causes.is_empty() && self.verdicts.is_empty() && self.takes_id(&query.query)
    }

    fn takes_id(&self, id: &str) -> bool {
        self.ids.is_empty() || self.ids.iter().any(|pattern| pattern.matches(id))
    }

    /// Why nothing is shown.
    pub(super) fn came_to_nothing(&self, verdicts: &BTreeSet<String>, waiting: usize) -> String {
        let unknown = self.verdicts.iter().find(|word| !word.is_empty() && !verdicts.contains(*word));
        match unknown {
            _ if self.causes.is_empty()
                && self.verdicts.is_empty()
                && (self.ids.is_empty() || waiting > 0) =>
            {
                "no query is done yet".into()
            }
            Some(word) => {
                let known: Vec<&str> = verdicts.iter().map(String::as_str).collect();
                let hint = near_hint(word, &known, "the verdicts of these results");
                format!(
                    "no query has the verdict `{}`: {hint} (--verdict '' is for those without one)",
                    clean(word)
                )
            }
            None => "no query matches".into(),
        }
    }
}

/// The words that the rows have for a verdict.
pub(super) fn verdicts(rows: &[Standing]) -> BTreeSet<String> {
    let words = rows.iter().filter_map(|row| row.outcome.judgement.verdict.as_deref());
    words.map(|word| clean(word).into_owned()).collect()
}

/// By which columns of results.csv, the first one first.
#[derive(Debug)]
pub(super) struct Order {
    keys: Vec<Key>,
    axes: usize,
    extras: Extras,
}

#[derive(Debug)]
struct Key {
    column: usize,
    /// By the moment itself: its local time goes backwards once a year.
    by_start: bool,
    descending: bool,
}

impl Order {
    pub(super) fn of(asked: &[String], axes: &[Arc<str>], extras: Extras) -> Result<Self, Failure> {
        let columns = columns(axes, extras);
        let keys = asked.iter().map(|text| Key::of(text, &columns)).collect::<Result<_, _>>()?;
        Ok(Self { keys, axes: axes.len(), extras })
    }

    /// Sorts; what is equal stays in its order, and what has no value comes last either way.
    pub(super) fn sort(&self, rows: &mut [Standing]) {
        if !self.keys.is_empty() {
            rows.sort_by_cached_key(|row| {
                let cells = row.cells(self.axes, self.extras);
                self.keys.iter().map(|key| key.value(row, &cells)).collect::<Vec<_>>()
            });
        }
    }
}

impl Key {
    fn of(text: &str, columns: &[String]) -> Result<Self, Failure> {
        let (name, descending) = match text.rsplit_once(':') {
            Some((name, "desc")) => (name, true),
            Some((name, "asc")) => (name, false),
            _ => (text, false),
        };
        match columns.iter().position(|column| column == name) {
            Some(column) => Ok(Self { column, by_start: name == "started_at", descending }),
            None => {
                let known: Vec<&str> = columns.iter().map(String::as_str).collect();
                let hint = near_hint(name, &known, "the columns are");
                Err(Failure::Usage(format!("--sort: there is no column `{}`; {hint}", clean(name))))
            }
        }
    }

    fn value(&self, row: &Standing, cells: &[String]) -> Value {
        let moment = row.started_us.filter(|_| self.by_start).map(|micros| micros.to_string());
        let cell = moment.as_deref().or_else(|| cells.get(self.column).map(String::as_str));
        Value::of(cell.unwrap_or_default(), self.descending)
    }
}

/// A cell as something that has an order: numbers before texts, and nothing last.
#[derive(Debug, PartialEq)]
struct Value {
    descending: bool,
    kind: Kind,
}

#[derive(Debug, PartialEq)]
enum Kind {
    Number(f64),
    Text(String),
    Nothing,
}

impl Value {
    fn of(cell: &str, descending: bool) -> Self {
        let kind = match cell.parse::<f64>() {
            _ if cell.is_empty() => Kind::Nothing,
            Ok(number) if number.is_finite() => Kind::Number(number),
            _ => Kind::Text(cell.to_owned()),
        };
        Self { descending, kind }
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = match (&self.kind, &other.kind) {
            (Kind::Nothing, Kind::Nothing) => return Ordering::Equal,
            (Kind::Nothing, _) => return Ordering::Greater,
            (_, Kind::Nothing) => return Ordering::Less,
            (Kind::Number(a), Kind::Number(b)) => a.total_cmp(b),
            (Kind::Text(a), Kind::Text(b)) => a.cmp(b),
            (Kind::Number(_), Kind::Text(_)) => Ordering::Less,
            (Kind::Text(_), Kind::Number(_)) => Ordering::Greater,
        };
        if self.descending { order.reverse() } else { order }
    }
}

/// The axes of a study: a grid for each model, with the queries down and the scenarios across.
const STUDY: [&str; 3] = ["model", "query", "scenario"];

/// Which axis stands down a grid and which across, as asked; without a wish the one with fewer values stands across, and
/// for a study it is known.
pub(super) fn axes(asked: &str, selection: &Selection) -> Result<[usize; 2], Failure> {
    let names: Vec<_> = selection.axes.iter().map(|name| clean(name).into_owned()).collect();
    let example = || format!("such as --grid={},{}", names[0], names[1]);
    let fault = match (names.len(), asked.split_once(',')) {
        (0, _) => "this job has no axes: a grid is for a matrix".into(),
        (1, _) => format!("this job has one axis, `{}`: a grid needs two", names[0]),
        (2, None) if asked.is_empty() => {
            return Ok(if selection.values[0].len() < selection.values[1].len() { [1, 0] } else { [0, 1] });
        }
        (3, None) if asked.is_empty() && STUDY.iter().all(|axis| names.iter().any(|name| name == axis)) => {
            return Ok([axis(STUDY[1], &names)?, axis(STUDY[2], &names)?]);
        }
        (_, Some((down, across))) if down.trim() != across.trim() => {
            return Ok([axis(down, &names)?, axis(across, &names)?]);
        }
        (_, None) if asked.is_empty() => {
            format!("this job has the axes {}: say which two, {}", names.join(", "), example())
        }
        _ => format!("expected two axes, {}", example()),
    };
    Err(Failure::Usage(format!("--grid: {fault}")))
}

fn axis(name: &str, names: &[String]) -> Result<usize, Failure> {
    names.iter().position(|known| known == name.trim()).ok_or_else(|| {
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let hint = near_hint(name, &known, "the axes are");
        Failure::Usage(format!("--grid: there is no axis `{}`; {hint}", clean(name)))
    })
}
