//! `central-oauth logout`: removes a saved access key from this machine.

use super::confirm::Confirmation;
use super::help::Notes;
use super::print::{tell, warn};
use super::profile::{self, Pending, Reserved, Target};
use super::{Exit, Failure};
use crate::config::ClientConfig;

const NOTES: Notes = Notes::of(&[
    "central-oauth logout",
    "central-oauth logout --profile work --yes",
])
.text("To end the access of all programs, run `central-oauth revoke` instead.")
.exits(&[Exit::NoKey, Exit::Denied])
.variables(&["ACCESS_KEY"]);

#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub(super) fn run(options: &Options, config: &ClientConfig<'_>) -> Result<Exit, Failure> {
    options.confirmation.require_possible()?;
    let path = options.target.path()?;
    let (is_saved, interrupted) = (path.exists(), Pending::earlier(&path));
    let saved = path.display();
    let file = match (is_saved, interrupted.is_empty()) {
        (true, true) => saved.to_string(),
        (true, false) => format!("{saved}, and those of interrupted links in {saved}.pending*"),
        (false, _) => format!("{saved}.pending*"),
    };
    if !is_saved && interrupted.is_empty() {
        let message = format!("no access key is saved in {saved}");
        return Err(Failure::new(Exit::NoKey, message));
    }
    let _reserved = Reserved::new(&path)?;
    let question = format!(
        "Remove the access key in {file}? The service cannot show it again; the account stays."
    );
    options.confirmation.ask(&question, "nothing was removed")?;
    if is_saved {
        profile::remove(&path)?;
    }
    for (pending, _) in interrupted {
        pending.remove()?;
    }
    tell(format_args!(
        "Removed {file}. The account and its tokens stay at the service; `central-oauth revoke` would have ended them."
    ));
    if !options.target.names_a_key()
        && let Some(variable) = config.variable(ClientConfig::ACCESS_KEY)
    {
        warn(format_args!(
            "{variable} is set, so commands without --profile still use that key"
        ));
    }
    Ok(Exit::Done)
}
