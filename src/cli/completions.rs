//! `central-oauth completions`: prints a completion script.

use clap_complete::{Shell, generate};

use super::help::Notes;
use super::{Exit, Failure, command_line, print};

const NOTES: Notes = Notes::of(&[
    "central-oauth completions bash > ~/.local/share/bash-completion/completions/central-oauth",
    "central-oauth completions zsh > ~/.zfunc/_central-oauth",
]);

#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(options: &Options) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    generate(
        options.shell,
        &mut command_line(),
        "central-oauth",
        &mut script,
    );
    print::result(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Done)
}
