//! `central-oauth revoke`: deletes an account with its tokens and keys, here and at the provider.

use std::io::{self, IsTerminal, Write};

use super::client::{AccountDetails, Client, Deleted};
use super::print::tell;
use super::profile::{Profile, Target};
use super::{Exit, Failure};
use crate::config::{ClientConfig, Environment};

/// What `revoke` takes.
#[derive(clap::Args)]
#[command(after_help = "\
The account is that of the kept key, or of the key in CENTRAL_OAUTH_ACCESS_KEY. An operator names any account with
--account, with the operator's key in CENTRAL_OAUTH_ADMIN_KEY; it goes to --server or CENTRAL_OAUTH_SERVER, not to
where a kept key belongs.")]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,
    /// The account, by the id that `accounts` shows [default: the one of the kept key].
    #[arg(long, value_name = "ID", value_parser = account_id)]
    account: Option<String>,
    /// Do not ask whether this is meant.
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(options: Options, environment: &Environment) -> Result<Exit, Failure> {
    let config = ClientConfig::read(environment)?;
    if !options.yes && !io::stdin().is_terminal() {
        let message = "nobody is there to ask whether to revoke the account: say --yes";
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

/// Who asks. The operator's key opens every account, so by itself it does not say which one is meant.
fn caller(options: &Options, config: &ClientConfig) -> Result<Profile, Failure> {
    match (options.target.operator(config)?, &options.account) {
        (Some(operator), Some(_)) => Ok(operator),
        (Some(_), None) => options.target.profile(config).map_err(|_| unnamed()),
        (None, _) => options.target.profile(config),
    }
}

fn unnamed() -> Failure {
    let message = "the key does not say which account is meant: say --account";
    Failure::new(Exit::Usage, message)
}

/// The one account of a key.
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
        "Revoke {named}? Every access key of it stops working, and a person must consent anew. [y/N] "
    );
    let mut answer = String::new();
    io::stderr().write_all(question.as_bytes())?;
    io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES") {
        return Ok(());
    }
    Err(Failure::new(Exit::Denied, "nothing has been revoked"))
}

fn report(account: &AccountDetails, deleted: &Deleted) {
    let named = name(account);
    tell(format_args!("Deleted: {named}, with its tokens and keys."));
    let provider = &account.provider;
    match deleted.provider_revocation.as_str() {
        "revoked" => tell(format_args!("{provider} has revoked its tokens too.")),
        "unsupported" => tell(format_args!(
            "{provider} offers no way to revoke tokens: there they end by themselves, or when the person removes the \
             access there."
        )),
        "failed" => tell(format_args!(
            "{provider} has not confirmed yet that its tokens are revoked: the service goes on trying for a day."
        )),
        other => tell(format_args!("Its tokens at {provider}: {other}.")),
    }
}

fn name(account: &AccountDetails) -> String {
    let (id, name, provider) = (&account.id, &account.display_name, &account.provider);
    format!("{name} at {provider} (account {id})")
}

/// Removes the key where it is kept, once it is dead. The account is gone whatever becomes of a file.
async fn clean_up(client: &Client, caller: &Profile, target: &Target, config: &ClientConfig) {
    if !is_dead(client, caller).await {
        return;
    }
    match target.forget(caller) {
        Ok(Some(path)) => tell(format_args!(
            "{} is removed: its access key opens nothing any more.",
            path.display()
        )),
        Ok(None) => {}
        Err(failure) => tell(format_args!("central-oauth: warning: {failure}")),
    }
    let of_environment = config.access_key.as_ref().map(|key| key.expose());
    if of_environment == Some(caller.access_key.expose()) {
        tell("CENTRAL_OAUTH_ACCESS_KEY opens nothing any more: unset it.");
    }
}

/// The operator's key, wherever it is kept, outlives an account.
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
        Err("is no id of an account: `central-oauth accounts` shows them")
    }
}
