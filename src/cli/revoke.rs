//! `central-oauth revoke`: deletes an account with its keys and revokes its tokens at the provider.

use super::choice::{Choice, name};
use super::client::{AccountDetails, Client, Deleted};
use super::confirm::Confirmation;
use super::help::{ASKING, Notes, OPERATOR, WHOSE};
use super::print::{tell, warn};
use super::profile::{Origin, Profile, Target};
use super::{Exit, Failure};
use crate::config::ClientConfig;

const NOTES: Notes = Notes::of(&[
    "central-oauth revoke",
    "central-oauth revoke --account 42 --yes",
])
.text(WHOSE)
.exits(ASKING)
.variables(OPERATOR);

#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub(super) async fn run(options: Options, config: ClientConfig<'_>) -> Result<Exit, Failure> {
    options.confirmation.require_possible()?;
    let caller = options.choice.caller(&config)?;
    let client = Client::of(&caller)?;
    let account = options.choice.find(&client).await?;
    let question = format!(
        "Revoke {}? All its access keys stop working, and a person must consent again.",
        name(&account)
    );
    options.confirmation.ask(&question, "nothing was revoked")?;
    let deleted = client.delete_account(&account.id).await?;
    report(&account, &deleted);
    clean_up(&client, &caller, &options.choice.target).await;
    Ok(Exit::Done)
}

fn report(account: &AccountDetails, deleted: &Deleted) {
    let named = name(account);
    tell(format_args!("Deleted: {named}, with its tokens and keys."));
    let provider = &account.provider;
    match deleted.provider_revocation.as_str() {
        "revoked" => tell(format_args!("{provider} has revoked its tokens.")),
        "unsupported" => tell(format_args!(
            "{provider} offers no way to revoke tokens. They stay valid until they expire or until the person removes \
             the access there."
        )),
        "failed" => tell(format_args!(
            "{provider} has not confirmed the revocation yet. The service keeps trying for a day."
        )),
        other => tell(format_args!("Its tokens at {provider}: {other}.")),
    }
}

/// Removes the saved key if it no longer works. If the file cannot be removed, only warns.
async fn clean_up(client: &Client, caller: &Profile, target: &Target) {
    if !is_dead(client).await {
        return;
    }
    if let Origin::Variable(variable) = &caller.origin {
        tell(format_args!(
            "The key in {variable} no longer works. Unset the variable."
        ));
    }
    match target.forget(caller) {
        Ok(Some(path)) => tell(format_args!(
            "Removed {}: its access key no longer works.",
            path.display()
        )),
        Ok(None) => {}
        Err(failure) => warn(failure),
    }
}

/// Whether the service rejects the key now. The admin key stays valid.
async fn is_dead(client: &Client) -> bool {
    let asked = client.page("/v1/accounts", &[], None).await;
    let refused = asked.err().map(Failure::from);
    refused.is_some_and(|failure| failure.code == Exit::NoKey)
}
