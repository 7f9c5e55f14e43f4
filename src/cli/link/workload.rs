//! Links an account to the workload in which the command runs.

use super::Linked;
use super::invitation::invite;
use super::options::Options;
use super::request::ask;
use crate::cli::Failure;
use crate::cli::client::Refused;
use crate::cli::wait::wait_by;
use crate::config::{ClientConfig, Environment};

/// Links an account. Saves no key, because later jobs authenticate with their own JWTs.
pub(super) async fn link(
    options: &Options,
    config: &ClientConfig<'_>,
    environment: &Environment,
) -> Result<Linked, Failure> {
    let mut identity = options.workload.identity(&options.target, config)?;
    let client = identity.client().await?;
    let code = ask(&client, options).await?;
    let provider = invite(&client, &code, options, environment).await?;
    let poll = wait_by(&code, options.json, async || {
        let client = identity.client().await;
        client.map_err(|failure| Refused::Unreachable(failure.to_string()))
    });
    Ok(Linked::new(poll.await?, provider, None))
}
