//! `central-oauth accounts`: shows the health of accounts.

mod words;

use central_oauth_domain::Label;
use clap::ValueEnum as _;

use super::client::{AccountDetails, Client, Listed};
use super::help::{KEY, Notes, OPERATOR};
use super::label::label;
use super::print::{json, result, tell};
use super::profile::Target;
use super::table::lay_out;
use super::{Exit, Failure};
use crate::config::ClientConfig;

const NOTES: Notes = Notes::of(&[
    "central-oauth accounts",
    "central-oauth accounts --status relink_required --json",
    "central-oauth accounts --label team=billing",
])
.text(
    "\
Shows the account of the saved key, or of the key in CENTRAL_OAUTH_ACCESS_KEY. If CENTRAL_OAUTH_ADMIN_KEY is set, shows
all accounts, unless --profile or --key-file selects a saved key. The admin key is sent only to --server,
CENTRAL_OAUTH_SERVER or http://127.0.0.1:8080 (in this order), never to the service of a saved key.",
)
.exits(KEY)
.variables(OPERATOR);

#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,
    /// Show only accounts with this status.
    #[arg(long, value_name = "STATUS")]
    status: Option<Status>,
    /// Show only accounts at this provider.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Show only accounts with this label.
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    label: Option<Label>,
    /// Print the complete response of the service as one JSON array, for scripts.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Status {
    /// Tokens are valid and refreshed.
    Active,
    /// Refreshing fails for now.
    Degraded,
    /// A person must consent again.
    RelinkRequired,
}

pub(super) async fn run(options: Options, config: ClientConfig<'_>) -> Result<Exit, Failure> {
    let (caller, relink) = match options.target.operator(&config)? {
        Some(operator) => (operator, words::relink_elsewhere()),
        None => {
            let relink = words::relink(&options.target.again());
            (options.target.profile(&config)?, relink)
        }
    };
    let filters = options.filters();
    let seen = Client::of(&caller)?.list("/v1/accounts", &filters).await?;
    if options.json {
        json(&seen.items)?;
    } else if seen.items.is_empty() {
        tell(match filters.is_empty() {
            true => "No account is linked.",
            false => "No account matches.",
        });
    } else {
        show(&seen, &relink)?;
    }
    Ok(Exit::Done)
}

impl Options {
    /// Returns the query parameters that filter the list.
    fn filters(&self) -> Vec<(&'static str, String)> {
        let status = self.status.and_then(|status| status.to_possible_value());
        let status = status.map(|status| status.get_name().to_owned());
        let label = self.label.as_ref();
        let label = label.map(|label| format!("{}:{}", label.name, label.value));
        let filters = [
            ("status", status),
            ("provider", self.provider.clone()),
            ("label", label),
        ];
        let set = filters.into_iter();
        set.filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

/// Prints the table, and below it advice for each account that is not active.
fn show(seen: &Listed, relink: &str) -> Result<(), Failure> {
    let accounts: Vec<AccountDetails> = seen.read()?;
    let rows = accounts.iter().map(|account| words::row(account, seen.now));
    result(lay_out(words::HEAD, rows))?;
    let advice = accounts
        .iter()
        .filter_map(|account| words::advice(account, relink, seen.now));
    let advice: Vec<_> = advice.collect();
    if advice.is_empty() {
        return Ok(());
    }
    result(format_args!("\n{}", advice.join("\n")))
}
