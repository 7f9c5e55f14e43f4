//! `central-oauth openapi`: prints the published document.

use super::help::Notes;
use super::{Exit, Failure, print};

const NOTES: Notes = Notes::of(&["central-oauth openapi --yaml"]);

#[derive(clap::Args, Clone, Copy)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    /// Print YAML instead of JSON.
    #[arg(long)]
    yaml: bool,
}

pub(super) fn run(options: &Options) -> Result<Exit, Failure> {
    let document = if options.yaml {
        central_oauth_http_poem::spec_yaml("/")
    } else {
        central_oauth_http_poem::spec_json("/")
    };
    print::result(document.trim_end())?;
    Ok(Exit::Done)
}
