//! `central-oauth completions`: prints a completion script.

use clap_complete::{Shell, generate};

use super::help::Notes;
use super::{Exit, Failure, command_line, print};

const NOTES: Notes = Notes::of(&[
    "source <(central-oauth completions bash)        # a line for ~/.bashrc",
    "source <(central-oauth completions zsh)         # a line for ~/.zshrc, after compinit",
    "central-oauth completions fish | source         # a line for ~/.config/fish/config.fish",
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
