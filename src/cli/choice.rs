//! Selects the account and the key of a command.

use super::client::{AccountDetails, Client};
use super::profile::{Profile, Target};
use super::{Exit, Failure};
use crate::config::ClientConfig;

/// Selects an account.
#[derive(clap::Args)]
pub(super) struct Choice {
    #[command(flatten)]
    pub(super) target: Target,
    /// The id of the account, as `accounts` shows it. Required with the admin key [default: the account of the access
    /// key].
    #[arg(long, value_name = "ID", value_parser = id)]
    account: Option<String>,
}

impl Choice {
    /// Returns the key that authorises the request. The admin key is used only with --account, because it gives access
    /// to every account.
    pub(super) fn caller(&self, config: &ClientConfig<'_>) -> Result<Profile, Failure> {
        match (self.target.operator(config)?, &self.account) {
            (Some(operator), Some(_)) => Ok(operator),
            (Some(_), None) => self.target.profile(config).map_err(|_| unnamed()),
            (None, _) => self.target.profile(config),
        }
    }

    /// Returns the options that select this account, service and key.
    pub(super) fn again(&self) -> String {
        let account = self.account.as_ref();
        let account = account.map(|id| format!(" --account {id}"));
        account.unwrap_or_default() + &self.target.again()
    }

    pub(super) async fn find(&self, client: &Client) -> Result<AccountDetails, Failure> {
        match &self.account {
            Some(id) => Ok(client.account(id).await?),
            None => own(client).await,
        }
    }
}

/// Returns the only account to which a key gives access.
pub(super) async fn own(client: &Client) -> Result<AccountDetails, Failure> {
    let (page, _) = client.page("/v1/accounts", &[], None).await?;
    let mut items = page.items.into_iter();
    match (items.next(), items.next()) {
        (Some(only), None) => Ok(serde_json::from_value(only)?),
        _ => Err(unnamed()),
    }
}

fn unnamed() -> Failure {
    let message = "no account is selected: choose one with --account";
    Failure::new(Exit::Usage, message)
}

/// Names an account in messages.
pub(super) fn name(account: &AccountDetails) -> String {
    let (id, name, provider) = (&account.id, &account.display_name, &account.provider);
    format!("{name} at {provider} (account {id})")
}

/// Parses an id that becomes part of a URL path.
pub(super) fn id(text: &str) -> Result<String, &'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !text.is_empty() && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("is not an id: `central-oauth accounts` and `central-oauth keys list` show the ids")
    }
}
