use std::process::{Command, Stdio};

use super::super::RunDir;
use super::*;
use crate::testdir::TestDir;

const NO_WAIT: Duration = Duration::ZERO;

fn open(dir: &Path) -> io::Result<File> {
    Folder::open(dir)?.open_or_create(NAME)
}

/// A lock that is held by this process and says that it is held by a dead one.
fn held_by_the_dead(dir: &Path) -> File {
    let mut child = Command::new("true").stdin(Stdio::null()).spawn().unwrap();
    let dead = child.id();
    child.wait().unwrap();
    let mut lock = open(dir).unwrap();
    lock.try_lock().unwrap();
    write!(lock, "{dead} 1 {}", this_host()).unwrap();
    lock
}

#[test]
fn what_a_dead_run_left_is_waited_for() {
    let temp = TestDir::new();
    let lock = held_by_the_dead(temp.path());
    let refused = RunDir::open(temp.path(), NO_WAIT).unwrap_err();
    assert!(matches!(refused, RunDirError::StillHeld { .. }), "{refused}");
    let guardian = thread::spawn(move || {
        thread::sleep(Duration::from_millis(150));
        drop(lock);
    });
    let began = Instant::now();
    RunDir::open(temp.path(), Duration::from_secs(20)).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(100));
    guardian.join().unwrap();
}

#[test]
fn a_holder_on_another_machine_is_believed() {
    let temp = TestDir::new();
    let mut lock = open(temp.path()).unwrap();
    lock.try_lock().unwrap();
    write!(lock, "1 1 elsewhere").unwrap();
    let refused = RunDir::open(temp.path(), NO_WAIT).unwrap_err().to_string();
    assert!(refused.ends_with("is in use by provisor with pid 1 on elsewhere"), "{refused}");
}

#[test]
fn a_lock_that_was_removed_is_worth_nothing() {
    let temp = TestDir::new();
    let dir = Folder::open(temp.path()).unwrap();
    let lock = open(temp.path()).unwrap();
    assert!(is_still_there(&lock, &dir));
    fs::remove_file(temp.path().join(NAME)).unwrap();
    assert!(!is_still_there(&lock, &dir));
    let _another = open(temp.path()).unwrap();
    assert!(!is_still_there(&lock, &dir));
}

#[test]
fn a_zombie_is_not_alive() {
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id();
    let is_dead = || birth_of(pid).is_none();
    let give_up_at = Instant::now() + Duration::from_secs(10);
    while !is_dead() && Instant::now() < give_up_at {
        thread::sleep(Duration::from_millis(5));
    }
    assert!(is_dead());
    child.wait().unwrap();
    assert!(birth_of(std::process::id()).is_some_and(|birth| birth > 0));
}

/// Takes the directory as the next run would, and says what the one before has left.
fn next(dir: &Path) -> (RunDir, Left) {
    let next = RunDir::open(dir, NO_WAIT).unwrap();
    let left = next.left().clone();
    (next, left)
}

#[test]
fn a_run_that_did_not_end_well_is_known_to_the_next_until_it_is_cleared() {
    let temp = TestDir::new();
    let (first, left) = next(temp.path());
    assert_eq!(left, Left::default());
    let groups = vec![PathBuf::from("/sys/fs/cgroup/a b/provisor-x"), PathBuf::from("/sys/fs/cgroup/ü")];
    first.note_groups(&groups).unwrap();
    let of_first: Box<str> = first.token().into();
    drop(first);
    // The second one dies too, before it has done anything about it.
    let (second, left) = next(temp.path());
    assert_eq!(left, Left { tokens: vec![of_first.clone()], groups: groups.clone() });
    let of_second: Box<str> = second.token().into();
    assert_ne!(of_first, of_second);
    drop(second);
    let (third, left) = next(temp.path());
    assert_eq!(left, Left { tokens: vec![of_second, of_first], groups });
    third.note_cleared().unwrap();
    let of_third: Box<str> = third.token().into();
    drop(third);
    let (fourth, left) = next(temp.path());
    assert_eq!(left.tokens, [of_third]);
    fourth.note_cleared().unwrap();
    fourth.note_groups(&[PathBuf::from("/sys/fs/cgroup/x")]).unwrap();
    fourth.note_clean().unwrap();
    drop(fourth);
    assert_eq!(next(temp.path()).1, Left::default());
}

#[test]
fn a_lock_file_that_is_damaged_or_old_gives_nothing_to_kill() {
    let holder = "1 1 elsewhere";
    for text in [
        "",
        "\n",
        holder,
        "1 1 elsewhere short\n",
        "1 1 elsewhere zz23456789abcdef0123456789abcdef\n",
        "1 1 elsewhere\nleft \nleft x\ngroup /\n",
        "\0\0\0\0",
    ] {
        let temp = TestDir::new();
        fs::write(temp.path().join(NAME), text).unwrap();
        assert_eq!(next(temp.path()).1, Left::default(), "{text:?}");
    }
}

#[test]
fn a_start_that_is_cut_off_forgets_nothing_of_what_is_left() {
    use nix::fcntl::{FcntlArg, SealFlag, fcntl};
    use nix::sys::memfd::{MFdFlags, memfd_create};
    // A file that can be cut, and not written to.
    let mut file = File::from(memfd_create(c"lock", MFdFlags::MFD_ALLOW_SEALING).unwrap());
    let text = "1 1 elsewhere 0123456789abcdef0123456789abcdef\nleft fedcba9876543210fedcba9876543210\n";
    file.write_all(text.as_bytes()).unwrap();
    fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_WRITE)).unwrap();
    let left = read_left(&mut file).unwrap();
    assert_eq!(left.tokens.len(), 2);
    write_holder(&file, "00000000000000000000000000000000", &left).unwrap_err();
    assert_eq!(read_left(&mut file).unwrap(), left);
}
