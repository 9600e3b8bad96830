//! Completions and man pages, read by the programs that they are made for.

mod common;

use std::process::{Command, Stdio};

use common::{Desk, skip_unless};

fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    !skip_unless(found.is_ok(), &format!("{program} is not installed, so what is made for it was not tried"))
}

/// All that `--help` names.
fn commands() -> Vec<String> {
    let desk = Desk::new("help");
    let help = desk.finish(desk.provisor(["--help"])).with_code(0).out;
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A line that goes on is indented further.
    let first =
        listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let commands: Vec<_> = first.filter(|command| *command != "help").map(str::to_owned).collect();
    assert!(commands.len() >= 9, "{commands:?}");
    commands
}

/// What bash offers when TAB is typed behind these words.
fn offered(desk: &Desk, words: &[&str]) -> Vec<String> {
    let script = format!(
        "source ./completions.bash
         COMP_WORDS=(provisor {}) COMP_CWORD={}
         _provisor provisor {:?} {:?}
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" "),
        words.len(),
        words.last().expect("a word"),
        words.iter().rev().nth(1).unwrap_or(&"provisor"),
    );
    let output = Command::new("bash").args(["-c", &script]).current_dir(desk.path()).output();
    let output = output.expect("bash runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_their_values() {
    if !is_there("bash") {
        return;
    }
    let desk = Desk::new("completions");
    let ran = desk.finish(desk.provisor(["completions", "bash"])).with_code(0);
    desk.write("completions.bash", ran.out);
    assert_eq!(offered(&desk, &["pl"]), ["plan"], "no hidden command");
    let offers = offered(&desk, &[""]);
    for command in &commands() {
        assert!(offers.contains(command), "{command} is not in {offers:?}");
    }
    assert_eq!(offered(&desk, &["run", "--rer"]), ["--rerun"]);
    assert_eq!(offered(&desk, &["run", "x.ron", "--progress", "pl"]), ["plain"]);
    assert_eq!(offered(&desk, &["completions", "z"]), ["zsh"]);
}

#[test]
fn every_shell_that_is_named_has_a_script() {
    let desk = Desk::new("shells");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = desk.finish(desk.provisor(["completions", shell])).with_code(0);
        for command in &commands() {
            assert!(ran.out.contains(&**command), "{shell}: nothing about {command}");
        }
    }
    desk.finish(desk.provisor(["completions", "csh"])).with_code(2).says("bash");
}

/// The page as a terminal shows it, after groff has found nothing wrong with it.
fn shown(desk: &Desk, args: &[&str]) -> String {
    let page = desk.finish(desk.provisor(args)).with_code(0).out;
    let name = format!("{}.1", args.join("-"));
    desk.write(&name, page);
    let mut groff = Command::new("groff");
    groff.args(["-man", "-Tascii", "-P-cbou", "-ww", &name]).current_dir(desk.path());
    let output = groff.output().expect("groff runs");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "groff finds nothing wrong with {name}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_man_pages_are_sound_and_say_what_help_says() {
    if !is_there("groff") {
        return;
    }
    let desk = Desk::new("man");
    let whole = shown(&desk, &["man"]);
    for words in ["provisor-run(1)", "interrupted, at the deadline", "0.1.0"] {
        assert!(whole.contains(words), "nothing about `{words}` in:\n{whole}");
    }
    assert!(!whole.contains("play-log"), "what --help hides, the page hides");
    for command in &commands() {
        let page = shown(&desk, &["man", command]);
        assert!(page.contains(&format!("provisor-{command}")), "{page}");
        assert!(
            page.lines().any(|line| line.trim_start().starts_with(&format!("provisor {command}"))),
            "{page}"
        );
    }
    assert!(shown(&desk, &["man", "run"]).contains("--rerun"));
    let replay = shown(&desk, &["man", "replay"]);
    let example = "provisor replay provisor-runs/nightly --wall 10m --early-stop on-goal-reachable";
    assert!(replay.contains("EXAMPLES") && replay.contains(example), "a line is not broken: {replay}");
}

#[test]
fn there_is_no_page_of_a_command_that_is_not_there() {
    let desk = Desk::new("no-man");
    desk.finish(desk.provisor(["man", "walk"])).with_code(2).says("there is no command `walk`");
    desk.finish(desk.provisor(["man", "play-log"])).with_code(2);
}
