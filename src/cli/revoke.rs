//! `central-oauth revoke`: deletes an account with its keys and revokes its tokens at the provider.

use std::io::{self, IsTerminal, Write};

use super::client::{AccountDetails, Client, Deleted};
use super::print::tell;
use super::profile::{Profile, Target};
use super::{Exit, Failure};
use crate::config::{ClientConfig, Environment};

/// Options of `revoke`.
#[derive(clap::Args)]
#[command(after_help = "\
Revokes the account of the saved key, or of the key in CENTRAL_OAUTH_ACCESS_KEY. With the admin key in
CENTRAL_OAUTH_ADMIN_KEY, choose the account with --account. The admin key is sent only to --server or
CENTRAL_OAUTH_SERVER, never to the service of a saved key.")]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,
    /// The id of the account, as `accounts` shows it [default: the account of the saved key].
    #[arg(long, value_name = "ID", value_parser = account_id)]
    account: Option<String>,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(options: Options, environment: &Environment) -> Result<Exit, Failure> {
    let config = ClientConfig::read(environment)?;
    if !options.yes && !io::stdin().is_terminal() {
        let message = "cannot ask for confirmation because standard input is not a terminal: add --yes to revoke the account";
        return Err(Failure::new(Exit::Usage, message));
    }
    let caller = caller(&options, &config)?;
    let client = Client::new(caller.server.clone())?;
    let account = match &options.account {
        Some(id) => client.account(&caller.access_key, id).await?,
        None => own(&client, &caller).await?,
    };
    if !options.yes {
        confirm(&account)?;
    }
    let deleted = client
        .delete_account(&caller.access_key, &account.id)
        .await?;
    report(&account, &deleted);
    clean_up(&client, &caller, &options.target, &config).await;
    Ok(Exit::Done)
}

/// The key that authorises the request. The admin key opens every account, so it needs --account.
fn caller(options: &Options, config: &ClientConfig) -> Result<Profile, Failure> {
    match (options.target.operator(config)?, &options.account) {
        (Some(operator), Some(_)) => Ok(operator),
        (Some(_), None) => options.target.profile(config).map_err(|_| unnamed()),
        (None, _) => options.target.profile(config),
    }
}

fn unnamed() -> Failure {
    let message = "no account is selected: choose one with --account";
    Failure::new(Exit::Usage, message)
}

/// Returns the only account that a key opens.
async fn own(client: &Client, caller: &Profile) -> Result<AccountDetails, Failure> {
    let (page, _) = client.accounts(&caller.access_key, None).await?;
    let mut items = page.items.into_iter();
    match (items.next(), items.next()) {
        (Some(only), None) => serde_json::from_value(only).map_err(Failure::other),
        _ => Err(unnamed()),
    }
}

/// Asks the person at the terminal.
fn confirm(account: &AccountDetails) -> Result<(), Failure> {
    let named = name(account);
    let question = format!(
        "Revoke {named}? All its access keys stop working, and a person must consent again. [y/N] "
    );
    let mut answer = String::new();
    io::stderr().write_all(question.as_bytes())?;
    io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES") {
        return Ok(());
    }
    Err(Failure::new(Exit::Denied, "nothing was revoked"))
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

fn name(account: &AccountDetails) -> String {
    let (id, name, provider) = (&account.id, &account.display_name, &account.provider);
    format!("{name} at {provider} (account {id})")
}

/// Removes the saved key, which opens nothing any more. A file that cannot be removed is only a warning.
async fn clean_up(client: &Client, caller: &Profile, target: &Target, config: &ClientConfig) {
    if !is_dead(client, caller).await {
        return;
    }
    match target.forget(caller) {
        Ok(Some(path)) => tell(format_args!(
            "Removed {}: its access key no longer works.",
            path.display()
        )),
        Ok(None) => {}
        Err(failure) => tell(format_args!("central-oauth: warning: {failure}")),
    }
    let of_environment = config.access_key.as_ref().map(|key| key.expose());
    if of_environment == Some(caller.access_key.expose()) {
        tell("The key in CENTRAL_OAUTH_ACCESS_KEY no longer works. Unset the variable.");
    }
}

/// Whether the service rejects the key now. The admin key stays valid.
async fn is_dead(client: &Client, caller: &Profile) -> bool {
    let asked = client.accounts(&caller.access_key, None).await;
    let refused = asked.err().map(Failure::from);
    refused.is_some_and(|failure| failure.code() == Exit::NoKey)
}

fn account_id(text: &str) -> Result<String, &'static str> {
    // It becomes a part of an address.
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !text.is_empty() && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("is not the id of an account: `central-oauth accounts` shows the ids")
    }
}
