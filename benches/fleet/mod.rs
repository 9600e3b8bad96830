//! The recorded fleet: every attempt in `benches/data`, as the benches read it.

use std::path::{Path, PathBuf};

use provisor_core::record::Recording;

/// All of them, by name: what each printed, every byte in the order of arrival, and what happened to it.
pub(crate) fn recorded() -> Vec<(Vec<u8>, Recording)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/data");
    let files = std::fs::read_dir(folder).expect("the recorded logs are there");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a readable folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    paths.sort();
    paths.iter().map(|path| (read(path), recording(&path.with_extension("timing")))).collect()
}

fn recording(path: &Path) -> Recording {
    Recording::parse(&read(path)).expect("a recording of this version")
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a readable file")
}
