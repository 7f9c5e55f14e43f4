//! `central-oauth completions`: prints a completion script.

use clap_complete::{Shell, generate};

use super::{Exit, Failure, command_line, print};

/// Options of `completions`.
#[derive(clap::Args)]
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
