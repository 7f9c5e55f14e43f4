//! `central-oauth token`: prints a valid access token and nothing else.

use super::client::Client;
use super::profile::Target;
use super::{Exit, Failure, print};
use crate::config::{ClientConfig, Environment};

/// Options of `token`.
#[derive(clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,
    /// Ask for a token that is valid for at least this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    min_ttl: u64,
}

pub(super) async fn run(options: Options, environment: &Environment) -> Result<Exit, Failure> {
    let profile = options.target.profile(&ClientConfig::read(environment)?)?;
    let client = Client::new(profile.server)?;
    let token = client.token(&profile.access_key, options.min_ttl).await?;
    if let Some(warning) = token.warning {
        let (detail, code) = (warning.detail, warning.code);
        print::tell(format_args!("central-oauth: warning: {detail} ({code})"));
    }
    print::result(token.access_token)?;
    Ok(Exit::Done)
}
