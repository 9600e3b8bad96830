//! The commands that look at a run directory.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use provisor_core::cause::CAUSE_WORDS;

/// `provisor status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The run directory
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// One JSON document, as docs/status.schema.json has it
    #[arg(long)]
    pub(crate) json: bool,
}

/// `provisor results`.
#[derive(Debug, Args)]
pub(crate) struct ResultsArgs {
    /// The run directory
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// How to show them
    #[arg(long, value_enum, default_value_t = ResultsFormat::Table)]
    pub(crate) format: ResultsFormat,
    /// Only queries that ended so; several times: any of them
    #[arg(long, value_name = "WORD", value_parser = PossibleValuesParser::new(CAUSE_WORDS), hide_possible_values = true)]
    pub(crate) cause: Vec<String>,
    /// Only queries with this verdict, '' for those without one; several times: any of them
    #[arg(long, value_name = "WORD")]
    pub(crate) verdict: Vec<String>,
    /// Only queries whose id matches; a glob without / is for the last part of an id
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,
    /// Sort by a column of results.csv; several times: by the second where the first is the same
    #[arg(long, value_name = "COLUMN[:desc]", conflicts_with = "grid")]
    pub(crate) sort: Vec<String>,
    /// The result lines of the queries: in JSON and JUnit with their rows, in the other formats instead of them
    #[arg(long, conflicts_with = "grid")]
    pub(crate) verdicts: bool,
    /// A matrix as a grid: one axis down, one across [default for a study: query,scenario, a grid for each model]
    #[arg(long, value_name = "DOWN,ACROSS", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) grid: Option<String>,
}

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResultsFormat {
    /// For people, fitted to the terminal
    Table,
    /// The columns of results.csv
    Csv,
    /// One document, as docs/results.schema.json has it
    Json,
    /// A table of GitHub's Markdown
    Markdown,
    /// A fragment with booktabs, to be read by \input
    Latex,
    /// The XML that CI systems read
    Junit,
}
