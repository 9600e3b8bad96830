//! A folder with files, and specs that are read as if they stood in it.
#![expect(clippy::unwrap_used, reason = "a test that cannot make its files has failed")]

use std::path::{Path, PathBuf};

use provisor_config::{Lowered, Overrides, SpecError, Surroundings, parse, render_problems};
use provisor_core::Query;

/// A folder that is gone at the end of the test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    /// With these files, each with its content.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (file, content) in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// An absolute path in it, as text.
    pub(crate) fn at(&self, file: &str) -> String {
        self.path().join(file).display().to_string()
    }

    pub(crate) fn parse(&self, text: &str) -> Result<Lowered, SpecError> {
        self.parse_with(text, Overrides::default())
    }

    pub(crate) fn parse_with(&self, text: &str, overrides: Overrides) -> Result<Lowered, SpecError> {
        parse(text, Path::new("job.ron"), &around(self.path(), overrides))
    }

    pub(crate) fn plan(&self, text: &str) -> Lowered {
        match self.parse(text) {
            Ok(lowered) => lowered,
            Err(error) => panic!("{}", error.render(false)),
        }
    }

    fn parse_in(&self, text: &str, run_dir: &str) -> Result<Lowered, SpecError> {
        let around = Surroundings { run_dir: run_dir.into(), ..around(self.path(), Overrides::default()) };
        parse(text, Path::new("job.ron"), &around)
    }

    /// As it is run in another directory than the usual one.
    pub(crate) fn plan_in(&self, text: &str, run_dir: &str) -> Lowered {
        self.parse_in(text, run_dir).unwrap_or_else(|error| panic!("{}", error.render(false)))
    }

    pub(crate) fn refusal_in(&self, text: &str, run_dir: &str) -> String {
        self.parse_in(text, run_dir).expect_err("the spec is good").render(false)
    }

    /// The message, with the folder's own name taken out.
    pub(crate) fn refusal(&self, text: &str) -> String {
        let error = self.parse(text).expect_err("the spec is good");
        error.render(false).replace(&*self.path().to_string_lossy(), "FOLDER")
    }
}

pub(crate) fn around(folder: &Path, overrides: Overrides) -> Surroundings {
    Surroundings {
        folder: folder.into(),
        cpus: 3,
        provisor: PathBuf::from("/usr/bin/provisor"),
        run_dir: folder.join("provisor-runs/job"),
        run_tool: |_, _| Err(std::io::ErrorKind::NotFound.into()),
        overrides,
    }
}

/// A spec in a folder that is not there.
pub(crate) fn plan(text: &str) -> Lowered {
    plan_with(text, Overrides::default())
}

pub(crate) fn plan_with(text: &str, overrides: Overrides) -> Lowered {
    match parse(text, Path::new("job.ron"), &around(Path::new("/spec"), overrides)) {
        Ok(lowered) => lowered,
        Err(error) => panic!("{}", error.render(false)),
    }
}

pub(crate) fn refusal(text: &str) -> String {
    refusal_with(text, Overrides::default())
}

pub(crate) fn refusal_with(text: &str, overrides: Overrides) -> String {
    parse(text, Path::new("job.ron"), &around(Path::new("/spec"), overrides))
        .expect_err("the spec is good")
        .render(false)
}

pub(crate) fn warnings(lowered: &Lowered) -> String {
    render_problems(&lowered.warnings, Path::new("job.ron"), &lowered.text, false)
}

pub(crate) fn ids(lowered: &Lowered) -> Vec<&str> {
    lowered.chosen_queries().map(|query| &*query.id).collect()
}

pub(crate) fn argv(query: &Query) -> Vec<&str> {
    query.command.argv.iter().map(|argument| &**argument).collect()
}
