use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use provisor_core::plan::{Command, Environment, Inherit, Stdin};

use super::*;
use crate::fingerprint;
use crate::testdir::TestDir;

/// Directories with a `tool` each: one that is executable, one that is not, one that is only for others (to whom we
/// belong as root alone), a directory, a link to the first, and a link to nothing.
fn tools() -> TestDir {
    let temp = TestDir::new();
    for (place, mode) in [("", 0o755), ("yes", 0o755), ("no", 0o644), ("others", 0o611)] {
        let tool = temp.path().join(place).join("tool");
        fs::create_dir_all(tool.parent().unwrap()).unwrap();
        fs::write(&tool, "#!/bin/sh").unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::create_dir_all(temp.path().join("dir/tool")).unwrap();
    for (place, target) in [("link", "../yes/tool"), ("torn", "nowhere")] {
        fs::create_dir(temp.path().join(place)).unwrap();
        symlink(target, temp.path().join(place).join("tool")).unwrap();
    }
    temp
}

/// What is executed, and what is taken for it where the fingerprint is made.
fn both(cwd: &Path, name: &str, path: Option<&str>) -> (Option<PathBuf>, Option<PathBuf>) {
    let found = Programs::default().find(&name.into(), path.map(OsStr::new), cwd).ok();
    let of = |inherit, set, path_var: Option<&str>| {
        let command = Command {
            argv: [name.into()].into(),
            env: Arc::new(Environment { inherit, set }),
            cwd: cwd.into(),
            stdin: Stdin::Null,
        };
        fingerprint::resolve(&command, path_var.map(OsStr::new))
    };
    let resolved = of(Inherit::Basic, Vec::new(), path);
    if let Some(path) = path {
        let set = vec![("PATH".into(), "/nowhere".into()), ("PATH".into(), path.into())];
        assert_eq!(of(Inherit::All, set, Some("/nowhere")), resolved, "{name} in {path}, which is set");
    }
    (found.map(|found| found.to_path_buf()), resolved)
}

#[test]
fn a_fingerprint_is_of_the_program_that_is_executed() {
    let temp = tools();
    let dir = temp.path();
    let at = |place: &str| format!("{}/{place}", dir.display());
    for (name, path, expected) in [
        ("tool", Some(at("yes")), Some("yes/tool")),
        ("tool", Some(at("no") + ":" + &at("yes")), Some("yes/tool")),
        ("tool", Some(at("dir") + ":" + &at("torn") + ":" + &at("link")), Some("link/tool")),
        ("tool", Some("yes".into()), Some("yes/tool")),
        ("tool", Some(String::new()), Some("tool")),
        ("tool", Some("/nowhere:".into()), Some("tool")),
        ("tool", Some(":yes".into()), Some("tool")),
        ("tool", Some("no::yes".into()), Some("tool")),
        ("tool", Some(at("no")), None),
        ("tool", Some("/nowhere".into()), None),
        ("tool", None, None),
        ("", Some(at("yes")), None),
        ("no/tool", None, Some("no/tool")),
        ("./missing", Some(at("yes")), Some("./missing")),
        ("sh", None, Some("/bin/sh")),
    ] {
        let (found, resolved) = both(dir, name, path.as_deref());
        assert_eq!(found, expected.map(|expected| dir.join(expected)), "`{name}` in {path:?}");
        assert_eq!(resolved, found, "`{name}` in {path:?}");
    }
}

/// Not the bits alone decide: as anybody but root we may not execute this one of our own.
#[test]
fn who_may_execute_is_asked_alike() {
    let temp = tools();
    let (found, resolved) = both(temp.path(), "tool", Some("others:yes"));
    assert_eq!(resolved, found);
    let is_root = fs::metadata(temp.path()).unwrap().uid() == 0;
    let place = if is_root { "others" } else { "yes" };
    assert_eq!(found, Some(temp.path().join(place).join("tool")));
}

#[test]
fn a_name_that_is_found_nowhere_says_why() {
    let temp = tools();
    let why = |name: &str, path: &str| locate(name, Some(OsStr::new(path)), temp.path()).unwrap_err();
    assert_eq!(why("", "yes"), NoProgram::Empty);
    assert_eq!(why("tool", "dir:torn"), NoProgram::Missing);
    assert_eq!(why("tool", "dir:no"), NoProgram::NotExecutable(temp.path().join("no/tool")));
}

#[test]
fn a_pipe_is_no_script_and_is_not_waited_for() {
    let temp = TestDir::new();
    let (pipe, script) = (temp.path().join("pipe"), temp.path().join("script"));
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(interpreter(&pipe), None);
    fs::write(&script, "#! /bin/awk -f\n").unwrap();
    assert_eq!(interpreter(&script), Some("/bin/awk".into()));
}
