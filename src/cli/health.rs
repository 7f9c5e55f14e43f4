//! `central-oauth health`: checks the service on this machine, for containers that have no HTTP client.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::time::timeout;
use url::Url;

use super::client::Client;
use super::help::Notes;
use super::print::result;
use super::{Exit, Failure};
use crate::config::{Environment, HttpConfig, parse_server};

const NOTES: Notes = Notes::of(&[
    "central-oauth health",
    "central-oauth health --server https://auth.example.com",
])
.text("Exits with 0 if the service is healthy, else with 1, within 5 seconds.")
.variables(&["LISTEN_ADDR"]);

#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    /// Ask this service [default: this machine, at the port of CENTRAL_OAUTH_LISTEN_ADDR].
    #[arg(long, value_name = "URL", value_parser = parse_server)]
    server: Option<Url>,
    /// Check only that the service runs, not that it can use its database.
    #[arg(long)]
    live: bool,
}

/// Timeout of the check, shorter than that of the health check in the Dockerfile (6 s).
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn run(options: Options, environment: &Environment) -> Result<Exit, Failure> {
    let client = match options.server {
        Some(server) => Client::new(server)?,
        None => Client::of_this_machine(beside(&HttpConfig::read(environment)?)?)?,
    };
    let state = timeout(TIMEOUT, client.health(options.live)).await;
    let late = |_| Failure::new(Exit::Other, "the service does not answer in time");
    let state = state.map_err(late)?;
    // Any failure gives the same exit code: a supervisor distinguishes only healthy and unhealthy.
    let unwell = |refused| Failure::new(Exit::Other, Failure::from(refused).to_string());
    result(state.map_err(unwell)?.status)?;
    Ok(Exit::Done)
}

/// Returns the URL at which this machine reaches a listener.
fn beside(http: &HttpConfig) -> Result<Url, Failure> {
    let mut listen = http.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let scheme = if http.tls.is_some() { "https" } else { "http" };
    Ok(Url::parse(&format!("{scheme}://{listen}"))?)
}
