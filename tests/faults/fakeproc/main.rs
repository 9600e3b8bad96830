//! A process that misbehaves on command, for the tests of `tests/faults`. It is never installed.
//!
//! Its arguments are words, done from left to right; a word that changes what follows (`ignore-term`, `setsid`) comes
//! before it, and the last one is what it does for the rest of its life. Without an ending it exits with 0. A word that
//! starts others gives them the rest of the line: `tree 3 setsid hang` has three children, each in a session of its own.
//!
//! It is a program of one thread and needs no `unsafe`: what others do by fork is done by executing itself again.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a test")]

mod harm;
mod look;

use std::process::ExitCode;

/// The words after the one that is done.
type Rest<'a> = &'a [String];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut rest: Rest<'_> = &words;
    while let Some((word, after)) = rest.split_first() {
        match act(word, after) {
            Next::Go(after) => rest = after,
            Next::Exit(code) => return ExitCode::from(code),
            Next::Unknown => {
                eprintln!("fakeproc does not know `{word}`");
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::SUCCESS
}

/// What comes after a word.
enum Next<'a> {
    Go(Rest<'a>),
    Exit(u8),
    Unknown,
}

/// A word without an argument.
fn act<'a>(word: &str, rest: Rest<'a>) -> Next<'a> {
    match word {
        "ignore-term" => harm::ignore("TERM INT HUP", rest),
        "ignore-chld" => harm::ignore("CHLD", rest),
        "stop-self" => harm::kill_self("STOP"),
        "segv" => {
            // Rust's own handler takes the first one for no fault and makes the next one deadly.
            harm::kill_self("SEGV");
            harm::kill_self("SEGV");
        }
        "read-tty" => harm::read_terminal(),
        "setsid" => harm::new_session(),
        "daemonize" => {
            harm::daemonize(rest);
            return Next::Go(after_then(rest));
        }
        "closed" => harm::close_all(),
        "close-stdout" => harm::close_stdout(),
        "freeze-self" => harm::freeze(),
        "hang" => return Next::Exit(harm::hang()),
        "binary" => harm::write(&(0..=255).collect::<Vec<u8>>()),
        "ansi" => harm::write(harm::ANSI),
        "cat" => harm::cat(),
        "dump-self" => look::dump(),
        "pipe-size" => println!("{}", look::pipe_size()),
        "exec" => harm::become_another(rest),
        _ => return with_argument(word, rest),
    }
    Next::Go(rest)
}

/// A word with one argument.
fn with_argument<'a>(word: &str, rest: Rest<'a>) -> Next<'a> {
    let Some((argument, rest)) = rest.split_first() else { return Next::Unknown };
    match word {
        "say" => harm::write(format!("{argument}\n").as_bytes()),
        "complain" => eprintln!("{argument}"),
        "touch" => look::touch(argument),
        "await" => look::await_file(argument),
        "note" => look::note(argument),
        "kill-parent" => harm::kill_parent(argument),
        _ => {
            let Ok(number) = argument.parse() else { return Next::Unknown };
            return with_number(word, number, rest);
        }
    }
    Next::Go(rest)
}

/// A word with a number.
fn with_number<'a>(word: &str, number: u64, rest: Rest<'a>) -> Next<'a> {
    match word {
        "exit" => return Next::Exit(u8::try_from(number).unwrap_or(u8::MAX)),
        "trap-exit" => return Next::Exit(harm::trap(number)),
        "sleep-ms" => harm::sleep_ms(number),
        "child" | "tree" => harm::tree(number, rest),
        "orphan" => harm::orphans(number),
        "hop" => return Next::Exit(harm::hop(number)),
        "bomb" => return Next::Exit(harm::bomb(number)),
        "flood" => harm::flood(number, Some(79)),
        "flood-line" => harm::flood(number, None),
        "write" => harm::flood(number, None),
        "cpu-ms" => harm::burn_ms(number),
        "memory" => return Next::Exit(harm::memory(number)),
        _ => return Next::Unknown,
    }
    // The children of a tree have the rest of the line, their parent has nothing more to do but to live on.
    Next::Go(if matches!(word, "child" | "tree") { after_then(rest) } else { rest })
}

/// The words after the last `then`, which divides what children do from what their parent does.
fn after_then(rest: Rest<'_>) -> Rest<'_> {
    rest.iter().rposition(|word| word == "then").map_or(&[], |at| &rest[at + 1..])
}

/// The words before it.
fn before_then(rest: Rest<'_>) -> Rest<'_> {
    let end = rest.iter().rposition(|word| word == "then").unwrap_or(rest.len());
    &rest[..end]
}
