//! Completions and man pages, made from the command line's own definition, so that they cannot say anything else.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use clap::{Command, CommandFactory};

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::failure::Failure;

/// The script that teaches a shell to complete provisor's arguments.
pub(crate) fn completions(args: &CompletionsArgs) -> String {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut visible(), "provisor", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Without the commands that `--help` hides: the scripts would offer them.
fn visible() -> Command {
    let whole = Cli::command();
    let shown = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    Command::new("provisor").version(env!("CARGO_PKG_VERSION")).subcommands(shown)
}

/// A page in roff: of provisor, or of one command.
pub(crate) fn page(args: &ManArgs) -> Result<String, Failure> {
    let whole = built();
    let Some(name) = args.command.as_deref() else { return roff(whole) };
    match whole.get_subcommands().find(|command| command.get_name() == name && !command.is_hide_set()) {
        Some(command) => roff(command.clone().display_name(format!("provisor-{name}"))),
        None => Err(Failure::Usage(format!("there is no command `{name}`; `provisor --help` names them"))),
    }
}

/// With everything that clap adds when it parses, such as `--help` and the whole usage lines.
fn built() -> Command {
    let mut command = Cli::command();
    command.build();
    command
}

fn roff(command: Command) -> Result<String, Failure> {
    let mut page = Vec::new();
    let unwritable = |source: io::Error| Failure::System { what: "the man page", source };
    let version = concat!("provisor ", env!("CARGO_PKG_VERSION"));
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.has_subcommands();
    let man = clap_mangen::Man::new(command).source(version).manual("provisor");
    let mut render = || {
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        if has_commands {
            man.render_subcommands_section(&mut page)?;
        }
        page.write_all(verbatim(&after).as_bytes())
    };
    render().map_err(unwritable)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// What stands behind the help: a section for each line that ends in a colon, its lines as they are.
fn verbatim(help: &str) -> String {
    let mut roff = String::new();
    for line in help.lines().filter(|line| !line.is_empty()) {
        match line.strip_suffix(':') {
            Some(title) if !line.starts_with(' ') => {
                let _ = write!(roff, ".SH {}\n.nf\n", title.to_uppercase());
            }
            _ => {
                let line = line.trim_start().replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
                let _ = writeln!(roff, "\\&{line}");
            }
        }
    }
    roff
}
