//! What a run directory has to hold before the queries of a study start: their files, and the folders for what their
//! program writes.

use provisor_actors::rundir::RunDir;
use provisor_config::Lowered;
use provisor_core::{Plan, Query};

use crate::failure::Failure;

/// Writes the files of all queries that are asked for. To be called before anything is known of their inputs.
pub(crate) fn write_files(dir: &RunDir, job: &Lowered) -> Result<(), Failure> {
    for made in job.made.iter().filter(|made| job.chosen.get(made.place).copied().unwrap_or_default()) {
        dir.make_file(&made.name, &made.bytes())
            .map_err(|source| Failure::Write { path: dir.path().join(&*made.name), source })?;
    }
    Ok(())
}

/// Makes the folders that the programs of these queries are going to fill, and takes out what an earlier attempt has left
/// in them.
pub(crate) fn empty_folders(
    dir: &RunDir,
    plan: &Plan,
    todo: impl Iterator<Item = usize>,
) -> Result<(), Failure> {
    let queries = todo.filter_map(|place| plan.queries.get(place));
    for folder in queries.flat_map(Query::askings).filter_map(|asking| asking.pages) {
        dir.make_empty_folder(folder)
            .map_err(|source| Failure::Write { path: dir.path().join(&**folder), source })?;
    }
    Ok(())
}
