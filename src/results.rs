//! `provisor results`: which rows are shown, in which order and in which form. It reads only, and judges nothing: it has
//! done its work when they are printed.

mod axes;
mod select;

use std::io;
use std::sync::Arc;

use provisor_actors::store::{Extras, RunRow, Snapshot, Standing, Store, Waiting};
use provisor_core::tally::Counts;

use self::select::{Filter, Order};
use crate::cli::{ResultsArgs, ResultsFormat};
use crate::failure::{Failure, code};
use crate::view::results::columns::{self, Shown};
use crate::view::results::grid::Grid;
use crate::view::results::{comma, grid, json, junit, latex, markdown, matrix, table};
use crate::view::{self, summary, tell};

/// The results that are shown.
pub(crate) struct Selection {
    /// The job's name.
    pub(crate) job: Box<str>,
    /// The names of its axes.
    pub(crate) axes: Vec<Arc<str>>,
    /// Which columns only some jobs have.
    pub(crate) extras: Extras,
    /// The values of each of them in the spec's order, those that are not shown among them.
    pub(crate) values: Vec<Vec<Arc<str>>>,
    /// The last run.
    pub(crate) run: Option<RunRow>,
    /// The rows, in the order in which they are shown.
    pub(crate) rows: Vec<Standing>,
    /// The queries that have no row yet.
    pub(crate) waiting: Vec<Waiting>,
    /// How many queries there are in all.
    pub(crate) all: usize,
}

/// Prints them.
pub(crate) fn results(args: &ResultsArgs) -> Result<u8, Failure> {
    let filter = Filter::of(args)?;
    let snapshot = Store::read(&args.dir)?.snapshot()?;
    let order = Order::of(&args.sort, &snapshot.axes, snapshot.extras)?;
    let verdicts = select::verdicts(&snapshot.rows);
    let selection = Selection::of(snapshot, &filter, &order);
    if selection.rows.is_empty() {
        tell(&filter.came_to_nothing(&verdicts, selection.waiting.len()));
    }
    let text = match &args.grid {
        Some(axes) => grids(&selection, args.format, axes)?,
        None => text(&selection, args.format, args.verdicts).map_err(not_written)?,
    };
    view::print(text).map_err(not_written)?;
    Ok(code::WELL)
}

fn not_written(source: io::Error) -> Failure {
    Failure::System { what: "standard output", source }
}

impl Selection {
    fn of(snapshot: Snapshot, filter: &Filter, order: &Order) -> Self {
        let Snapshot { job, axes, extras, run, mut rows, mut waiting } = snapshot;
        let all = rows.len() + waiting.len();
        let values = axes::values(&in_plan(&rows, &waiting), axes.len());
        rows.retain(|row| filter.takes(row));
        waiting.retain(|query| filter.takes_waiting(query));
        order.sort(&mut rows);
        Self { job, axes, extras, values, run, rows, waiting, all }
    }
}

/// The values on the axes of all queries, in the plan's order.
fn in_plan<'a>(rows: &'a [Standing], waiting: &'a [Waiting]) -> Vec<&'a [Arc<str>]> {
    let rows = rows.iter().map(|row| (row.place, &*row.axes));
    let mut all: Vec<_> = rows.chain(waiting.iter().map(|query| (query.place, &*query.axes))).collect();
    all.sort_unstable_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, axes)| axes).collect()
}

fn text(selection: &Selection, format: ResultsFormat, verdicts: bool) -> io::Result<Vec<u8>> {
    use Shown::{Ended, Mark, Query, Time, Verdict, Why};
    let rows: Vec<&Standing> = selection.rows.iter().collect();
    let sheet = |shown: &[Shown]| match verdicts {
        true => columns::result_lines(&rows),
        false => columns::rows(&rows, shown),
    };
    Ok(match format {
        ResultsFormat::Table if verdicts => table::text(&sheet(&[]), table::width(view::width())).into(),
        ResultsFormat::Table => {
            (table::rows(&rows, table::width(view::width())) + &closing(selection)).into()
        }
        ResultsFormat::Csv if verdicts => comma::result_lines(&rows)?,
        ResultsFormat::Csv => comma::rows(&selection.axes, selection.extras, &rows)?,
        ResultsFormat::Json => json::text(selection, verdicts)?.into(),
        ResultsFormat::Markdown if verdicts => markdown::text(&sheet(&[])).into(),
        ResultsFormat::Markdown => {
            let pages: Vec<_> = rows.iter().map(|row| row.pages.as_deref().map(entrance)).collect();
            markdown::linked(&sheet(&[Mark, Query, Verdict, Ended, Time, Why]), 1, &pages).into()
        }
        ResultsFormat::Latex => {
            let shown: Vec<_> =
                [Query, Verdict, Ended, Time].into_iter().chain(columns::extras(&rows)).collect();
            latex::text(&about(selection), &sheet(&shown)).into()
        }
        ResultsFormat::Junit => junit::text(selection, verdicts)?,
    })
}

/// Where the pages begin that a query's program has written, from the run directory on: ProVerif's `-html` has a first one,
/// its `-graph` has none.
fn entrance(folder: &str) -> String {
    if folder.starts_with("html/") { format!("{folder}/index.html") } else { folder.to_owned() }
}

/// Under the table: what the shown ones came to, and how many of all they are.
fn closing(selection: &Selection) -> String {
    let total = selection.rows.len() + selection.waiting.len();
    let counts = Counts::new(total, selection.rows.iter().map(summary::class));
    summary::counted(&counts, selection.all)
}

/// What a document is made from.
fn about(selection: &Selection) -> String {
    let job = provisor_core::text::clean(&selection.job);
    format!("The results of {job}, by provisor {}.", env!("CARGO_PKG_VERSION"))
}

fn grids(selection: &Selection, format: ResultsFormat, axes: &str) -> Result<Vec<u8>, Failure> {
    let [down, across] = select::axes(axes, selection)?;
    let grids = grid::grids(selection, down, across);
    let each = |text: &dyn Fn(&Grid) -> String| grids.iter().map(text).collect::<Vec<_>>().join("\n").into();
    Ok(match format {
        ResultsFormat::Table => {
            let (width, colors) = (table::width(view::width()), view::stdout_has_colors());
            each(&|grid| matrix::text(grid, width, colors))
        }
        ResultsFormat::Csv => comma::grids(&grids).map_err(not_written)?,
        ResultsFormat::Markdown => each(&markdown::grid),
        ResultsFormat::Latex => latex::grids(&about(selection), &selection.job, &grids).into(),
        ResultsFormat::Json | ResultsFormat::Junit => {
            let text =
                "--grid: JSON and JUnit have no grids; leave --grid out, each row has its values on the axes";
            return Err(Failure::Usage(text.into()));
        }
    })
}
