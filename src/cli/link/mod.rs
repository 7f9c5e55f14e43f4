//! `central-oauth link`: requests a link code, shows it, waits for the person, saves the access key.

mod events;
mod invitation;
mod new_key;
mod options;
mod relink;
mod request;
pub(super) mod return_code;
mod workload;

pub(super) use options::Options;

use super::client::{Account, Poll};
use super::print::{tell, warn};
use super::{Exit, Failure};
use crate::config::{ClientConfig, Environment};

pub(super) async fn run(
    options: Options,
    config: ClientConfig<'_>,
    environment: &Environment,
) -> Result<Exit, Failure> {
    let linked = if options.workload.is_wanted() {
        workload::link(&options, &config, environment).await
    } else if options.relink {
        relink::link(&options, &config, environment).await
    } else {
        new_key::link(&options, &config, environment).await
    };
    if options.json {
        events::result(&linked)?;
    }
    let linked = linked?;
    tell(linked.describe());
    if let Some(file) = &linked.key_file {
        tell(format_args!("The access key is saved in {file}."));
    }
    if !options.target.names_a_key()
        && options.account.is_none()
        && let Some(variable) = config.variable(ClientConfig::ACCESS_KEY)
    {
        warn(format_args!(
            "{variable} is set and takes precedence: unset it or add --profile to use the saved key"
        ));
    }
    Ok(Exit::Done)
}

struct Linked {
    account: Option<Account>,
    /// Whether an earlier, interrupted command has asked for the link.
    is_earlier: bool,
    /// The display name of the provider.
    provider: String,
    /// The file of a new key. `None` for a relink and a workload, which save no key.
    key_file: Option<String>,
}

impl Linked {
    /// Creates the result of a link that this command has asked for.
    fn new(poll: Poll, provider: String, key_file: Option<String>) -> Self {
        Self {
            account: poll.account,
            is_earlier: false,
            provider,
            key_file,
        }
    }

    fn describe(&self) -> String {
        let done = match self.is_earlier {
            true => "An earlier, interrupted link has been completed",
            false => "Linked",
        };
        match &self.account {
            Some(account) => format!("{done}: {} at {}.", account.display_name, self.provider),
            None => format!("{done}."),
        }
    }
}
