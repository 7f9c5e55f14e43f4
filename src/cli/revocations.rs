//! `central-oauth revocations`: lists the revocations of tokens at their providers.

use url::Url;

use super::client::{Client, Listed, RevocationDetails};
use super::help::{KEY, Notes};
use super::print::{json, result, tell};
use super::profile::Target;
use super::table::lay_out;
use super::when::{ago, next};
use super::{Exit, Failure};
use crate::config::{ClientConfig, parse_server};

const NOTES: Notes = Notes::of(&[
    "central-oauth revocations",
    "central-oauth revocations --json",
])
.exits(KEY)
.variables(&["SERVER", "ADMIN_KEY"]);

#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    /// The URL of the service [default: CENTRAL_OAUTH_SERVER, or else http://127.0.0.1:8080].
    #[arg(long, value_name = "URL", value_parser = parse_server)]
    server: Option<Url>,
    /// Print the complete response of the service as one JSON array, for scripts.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(options: Options, config: ClientConfig<'_>) -> Result<Exit, Failure> {
    let Some(operator) = Target::at(options.server).operator(&config)? else {
        let message = "only the operator sees revocations: set CENTRAL_OAUTH_ADMIN_KEY";
        return Err(Failure::new(Exit::NoKey, message));
    };
    let seen = Client::of(&operator)?.list("/v1/revocations", &[]).await?;
    if options.json {
        json(&seen.items)?;
    } else if seen.items.is_empty() {
        tell("There are no revocations.");
    } else {
        show(&seen)?;
    }
    Ok(Exit::Done)
}

fn show(seen: &Listed) -> Result<(), Failure> {
    const HEAD: [&str; 8] = [
        "ID",
        "PROVIDER",
        "ACCOUNT",
        "STATUS",
        "REQUESTED",
        "NEXT ATTEMPT",
        "FAILED ATTEMPTS",
        "LAST ERROR",
    ];
    let nothing = || "-".to_owned();
    let row = |it: RevocationDetails| {
        [
            it.id.to_string(),
            it.provider.to_string(),
            it.account_id.map_or_else(nothing, |id| id.to_string()),
            it.status.to_string(),
            ago(it.created_at, seen.now),
            next(it.next_attempt_at, seen.now).unwrap_or_else(nothing),
            it.attempts_failed.to_string(),
            it.last_error
                .map_or_else(nothing, |error| error.code.to_string()),
        ]
    };
    let rows = seen.read()?.into_iter().map(row);
    result(lay_out(HEAD, rows))
}
