//! Asks for consent again. The access key stays the same.

use super::Linked;
use super::invitation::invite;
use super::options::Options;
use super::request::ask;
use crate::cli::client::Client;
use crate::cli::profile::Profile;
use crate::cli::wait::wait;
use crate::cli::{Exit, Failure};
use crate::config::{ClientConfig, Environment};

pub(super) async fn link(
    options: &Options,
    config: &ClientConfig<'_>,
    environment: &Environment,
) -> Result<Linked, Failure> {
    let (client, code) = match &options.account {
        Some(account) => {
            let client = Client::of(&operator(options, config)?)?;
            let code = client.relink_account(account).await?;
            (client, code)
        }
        None => {
            let client = Client::of(&options.target.profile(config)?)?;
            let code = ask(&client, options).await?;
            (client, code)
        }
    };
    let provider = invite(&client, &code, options, environment).await?;
    let poll = wait(&client, &code, options.json).await?;
    Ok(Linked::new(poll, provider, None))
}

/// Returns the admin key and the service to send it to.
fn operator(options: &Options, config: &ClientConfig<'_>) -> Result<Profile, Failure> {
    let operator = options.target.operator(config)?;
    operator.ok_or_else(|| {
        let message = "--account needs the admin key: set CENTRAL_OAUTH_ADMIN_KEY";
        Failure::new(Exit::Usage, message)
    })
}
