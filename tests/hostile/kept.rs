//! What is kept in files, and who may read it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::Desk;

/// All files in a folder and below it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn no_value_of_the_environment_is_kept() {
    let desk = Desk::new("hostile-secret");
    desk.write(
        "spec.ron",
        r#"Job(name: "secret", inherit_env: All, env: {"TOKEN": "opensesame"}, commands: [
            (id: "a", run: ["sh", "-c", "printf %s $TOKEN | wc -c; printf %s $INHERITED | wc -c"], stdin: Text("opensesame"))])"#,
    );
    let mut command = desk.provisor(["run", "spec.ron", "-o", "out", "--log-file", "diagnosis.jsonl", "-vv"]);
    command.env("INHERITED", "opensesame");
    desk.finish(command).with_code(0);
    assert_eq!(desk.read(&format!("out/{}", desk.results()["a"]["log"])), "10\n10\n", "the child has them");
    let secret = b"opensesame";
    let has_it = |path: &PathBuf| {
        let bytes = fs::read(path).expect("a file");
        bytes.windows(secret.len()).any(|part| part == secret)
    };
    let kept: Vec<_> = files(desk.path()).into_iter().filter(has_it).collect();
    assert_eq!(kept, [desk.file("out/runs/1/spec.ron"), desk.file("spec.ron")], "the spec, and nothing else");
}

#[test]
fn a_run_directory_is_as_private_as_the_umask_says() {
    let desk = Desk::new("hostile-umask");
    desk.write("spec.ron", r#"Job(name: "private", commands: [(id: "a", run: ["true"])], record: true)"#);
    for (umask, others) in [("077", 0o077), ("022", 0o022)] {
        let line = format!("umask {umask}; exec \"$0\" run spec.ron -o out{umask}");
        let status = Command::new("sh")
            .args(["-c", &line, env!("CARGO_BIN_EXE_provisor")])
            .current_dir(desk.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.expect("sh runs").success());
        let out = desk.file(&format!("out{umask}"));
        for path in
            files(&out).iter().chain([&out, &out.join("logs"), &out.join("runs"), &out.join("runs/1")])
        {
            let mode = fs::metadata(path).expect("it is there").permissions().mode();
            assert_eq!(mode & others, 0, "{} has the mode {mode:o} under umask {umask}", path.display());
        }
    }
}
