//! Files by pattern, as a shell would find them: sorted, hidden ones only when asked for.
//!
//! Reads folders, never files.

use std::io;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use crate::fault::Fault;

/// Deeper than any folder of models; a loop of links ends here.
const DEEPEST: usize = 64;

/// The paths that match, as the pattern would write them, sorted.
pub(super) fn paths(pattern: &str, folder: &Path) -> Result<Vec<String>, Fault> {
    let matcher = compile(pattern, true)?;
    let (base, depth) = split(pattern);
    let mut walk = Walk {
        matcher,
        depth,
        hidden: pattern.split('/').any(|part| part.starts_with('.') && part != "." && part != ".."),
        folder,
        found: Vec::new(),
    };
    walk.visit(base, 0)?;
    walk.found.sort_unstable();
    walk.found.dedup();
    Ok(walk.found)
}

/// A pattern on texts. With `parts`, `*` stays within one part of a path.
pub(super) fn compile(pattern: &str, parts: bool) -> Result<GlobMatcher, Fault> {
    GlobBuilder::new(pattern)
        .literal_separator(parts)
        .backslash_escape(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| Fault::BadGlob { glob: pattern.into(), why: error.kind().to_string() })
}

/// The folder in front of the first wildcard, and how many levels below it a match can be; `None` for any.
fn split(pattern: &str) -> (&str, Option<usize>) {
    let wild = pattern.find(['*', '?', '[', '{', '\\']).unwrap_or(pattern.len());
    let base = pattern[..wild].rfind('/').map_or(0, |slash| slash + 1);
    let rest = &pattern[base..];
    let unbounded = rest.contains("**") || rest.contains('{') && rest.contains('/');
    (&pattern[..base], (!unbounded).then(|| rest.matches('/').count()))
}

struct Walk<'a> {
    matcher: GlobMatcher,
    depth: Option<usize>,
    hidden: bool,
    folder: &'a Path,
    found: Vec<String>,
}

impl Walk<'_> {
    /// `prefix` is the folder as the pattern writes it: empty, or with a slash at its end.
    fn visit(&mut self, prefix: &str, level: usize) -> Result<(), Fault> {
        let path = self.folder.join(prefix);
        let unreadable = |source: io::Error| Fault::Unreadable { path: path.clone(), source: source.into() };
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            // A folder that is not there holds no match, which is told better by the one who asked.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(());
            }
            Err(error) => return Err(unreadable(error)),
        };
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            let Ok(name) = entry.file_name().into_string() else {
                self.refuse_if_meant(&entry.path(), prefix, &entry.file_name().to_string_lossy())?;
                continue;
            };
            if name.starts_with('.') && !self.hidden {
                continue;
            }
            let text = format!("{prefix}{name}");
            if self.matcher.is_match(&text) {
                self.found.push(text.clone());
            }
            if self.enters(&entry, level) {
                self.visit(&format!("{text}/"), level + 1)?;
            }
        }
        Ok(())
    }

    fn enters(&self, entry: &std::fs::DirEntry, level: usize) -> bool {
        match self.depth {
            Some(depth) => level < depth && entry.path().is_dir(),
            // Without an end to the depth, links are not followed: they may lead back.
            None => level < DEEPEST && entry.file_type().is_ok_and(|kind| kind.is_dir()),
        }
    }

    /// Arguments are texts; a file whose name is none must not be left out in silence.
    fn refuse_if_meant(&self, path: &Path, prefix: &str, name: &str) -> Result<(), Fault> {
        if self.matcher.is_match(format!("{prefix}{name}")) {
            return Err(Fault::PathNotUtf8 { path: PathBuf::from(path) });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        dir
    }

    #[test]
    fn patterns_find_what_a_shell_would_find() {
        let dir = tree(&["b.pv", "a.pv", ".h.pv", "x/c.pv", "x/y/d.pv", "x/y/e.pvl", ".g/f.pv", "x/[1].pv"]);
        for (pattern, wanted) in [
            ("*.pv", &["a.pv", "b.pv"][..]),
            ("./*.pv", &["./a.pv", "./b.pv"]),
            ("x/../[ab].pv", &["x/../a.pv", "x/../b.pv"]),
            ("*/*.pv", &["x/[1].pv", "x/c.pv"]),
            ("**/*.pv", &["a.pv", "b.pv", "x/[1].pv", "x/c.pv", "x/y/d.pv"]),
            ("x/{c,y/d}.pv", &["x/c.pv", "x/y/d.pv"]),
            (".*.pv", &[".h.pv"]),
            ("a.pv", &["a.pv"]),
            ("x/\\[1\\].pv", &["x/[1].pv"]),
            ("?.pv", &["a.pv", "b.pv"]),
            ("x/*", &["x/[1].pv", "x/c.pv", "x/y"]),
            ("nothing/*", &[]),
            ("a.pv/*", &[]),
        ] {
            assert_eq!(paths(pattern, dir.path()).unwrap(), wanted, "{pattern}");
        }
        let absolute = format!("{}/x/c*", dir.path().display());
        assert_eq!(
            paths(&absolute, Path::new("/nowhere")).unwrap(),
            [format!("{}/x/c.pv", dir.path().display())]
        );
    }

    #[test]
    fn what_is_no_glob_is_refused() {
        assert!(matches!(paths("[a", Path::new("/")), Err(Fault::BadGlob { .. })));
        assert!(matches!(paths("{a", Path::new("/")), Err(Fault::BadGlob { .. })));
    }

    #[test]
    fn a_loop_of_links_ends() {
        let dir = tree(&["x/a.pv"]);
        std::os::unix::fs::symlink(dir.path(), dir.path().join("x/up")).unwrap();
        assert_eq!(paths("**/*.pv", dir.path()).unwrap(), ["x/a.pv"]);
        assert_eq!(paths("x/up/x/*.pv", dir.path()).unwrap(), ["x/up/x/a.pv"]);
    }

    #[test]
    fn a_match_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStrExt;
        let dir = tree(&["a.pv"]);
        std::fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"\xff.pv")), "").unwrap();
        assert!(matches!(paths("*.pv", dir.path()), Err(Fault::PathNotUtf8 { .. })));
        assert!(paths("a*", dir.path()).is_ok());
    }
}
