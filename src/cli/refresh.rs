//! `central-oauth refresh`: refreshes an account now.

use super::choice::{Choice, name};
use super::client::Client;
use super::help::{GRANT, Notes, OPERATOR, WHOSE};
use super::print::tell;
use super::{Exit, Failure};
use crate::config::ClientConfig;

const NOTES: Notes = Notes::of(&[
    "central-oauth refresh",
    "central-oauth refresh --account 42",
])
.text(WHOSE)
.exits(GRANT)
.variables(OPERATOR);

#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    #[command(flatten)]
    choice: Choice,
}

pub(super) async fn run(options: Options, config: ClientConfig<'_>) -> Result<Exit, Failure> {
    let client = Client::of(&options.choice.caller(&config)?)?;
    let account = options.choice.find(&client).await?;
    let account = client.refresh_account(&account.id).await?;
    let (name, status) = (name(&account), &account.status);
    tell(format_args!("Refreshed: {name} is {status}."));
    Ok(Exit::Done)
}
