//! `central-oauth accounts`: shows the health of accounts.

mod words;

use serde::Deserialize as _;
use serde_json::Value;
use time::OffsetDateTime;

use super::client::{AccountDetails, Client};
use super::print::{printable_json, result, tell};
use super::profile::{Profile, Target};
use super::table::lay_out;
use super::{Exit, Failure};
use crate::config::{ClientConfig, Environment};

/// Options of `accounts`.
#[derive(clap::Args)]
#[command(after_help = "\
Shows the account of the saved key, or of the key in CENTRAL_OAUTH_ACCESS_KEY. If CENTRAL_OAUTH_ADMIN_KEY is set, shows
all accounts, unless --profile or --key-file selects a saved key. The admin key is sent only to --server or
CENTRAL_OAUTH_SERVER, never to the service of a saved key.")]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,
    /// Print the complete response of the service as one JSON array, for scripts.
    #[arg(long)]
    json: bool,
}

/// The accounts that a key may see, unparsed, and the time of the service's clock.
struct Seen {
    items: Vec<Value>,
    now: Option<OffsetDateTime>,
}

pub(super) async fn run(options: Options, environment: &Environment) -> Result<Exit, Failure> {
    let config = ClientConfig::read(environment)?;
    let (caller, relink) = match options.target.operator(&config)? {
        Some(operator) => (operator, words::relink_elsewhere()),
        None => {
            let relink = words::relink(&options.target.again());
            (options.target.profile(&config)?, relink)
        }
    };
    let seen = see(caller).await?;
    if options.json {
        let json = serde_json::to_string_pretty(&seen.items).map_err(Failure::other)?;
        result(printable_json(&json))?;
    } else {
        show(&seen, &relink)?;
    }
    Ok(Exit::Done)
}

/// Reads all pages.
async fn see(caller: Profile) -> Result<Seen, Failure> {
    let client = Client::new(caller.server)?;
    let (mut page, now) = client.accounts(&caller.access_key, None).await?;
    let mut items = page.items;
    while let Some(cursor) = page.next_cursor {
        (page, _) = client.accounts(&caller.access_key, Some(&cursor)).await?;
        items.append(&mut page.items);
    }
    Ok(Seen { items, now })
}

/// Prints the table, and below it advice for each account that is not active.
fn show(seen: &Seen, relink: &str) -> Result<(), Failure> {
    let accounts: Result<Vec<_>, _> = seen.items.iter().map(AccountDetails::deserialize).collect();
    let accounts = accounts.map_err(Failure::other)?;
    if accounts.is_empty() {
        tell("No account is linked.");
        return Ok(());
    }
    let rows = accounts.iter().map(|account| words::row(account, seen.now));
    let rows: Vec<_> = std::iter::once(words::HEAD.map(str::to_owned))
        .chain(rows)
        .collect();
    result(lay_out(&rows))?;
    let advice = accounts
        .iter()
        .filter_map(|account| words::advice(account, relink, seen.now));
    let advice: Vec<_> = advice.collect();
    if advice.is_empty() {
        return Ok(());
    }
    result(format_args!("\n{}", advice.join("\n")))
}
