//! `central-oauth man`: prints or writes the man pages.

use std::path::PathBuf;

use clap_mangen::{Man, generate_to};

use super::help::Notes;
use super::profile::failed;
use super::{Exit, Failure, command_line, print};

const NOTES: Notes = Notes::of(&[
    "central-oauth man | man -l -",
    "central-oauth man /usr/local/share/man/man1",
]);

#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    /// Write one page for each command into this folder, such as /usr/local/share/man/man1.
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<Exit, Failure> {
    let command = command_line();
    match &options.folder {
        Some(folder) => {
            let written =
                std::fs::create_dir_all(folder).and_then(|()| generate_to(command, folder));
            written.map_err(|error| failed(folder, "cannot be written", &error))?;
        }
        None => {
            let mut page = Vec::new();
            Man::new(command).render(&mut page)?;
            print::result(String::from_utf8_lossy(&page).trim_end())?;
        }
    }
    Ok(Exit::Done)
}
