//! `central-oauth health`: whether the service beside it is well, for containers that have nothing else to ask with.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::time::timeout;
use url::Url;

use super::client::Client;
use super::print::result;
use super::{Exit, Failure};
use crate::config::{Environment, HttpConfig, parse_server};

/// What `health` takes.
#[derive(clap::Args)]
#[command(after_help = "\
Ends with 0 if all is well, else with 1, within 5 seconds. It asks the port of CENTRAL_OAUTH_LISTEN_ADDR on this machine.")]
pub(super) struct Options {
    /// The service to ask instead.
    #[arg(long, value_name = "URL", value_parser = parse_server)]
    server: Option<Url>,
    /// Ask only whether it is alive, not whether it can do its work.
    #[arg(long)]
    live: bool,
}

/// Whoever asks is about to give up.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn run(options: Options, environment: &Environment) -> Result<Exit, Failure> {
    let server = match options.server {
        Some(server) => server,
        None => beside(HttpConfig::read(environment)?.listen)?,
    };
    let client = Client::new(server)?;
    let state = timeout(PATIENCE, client.health(options.live)).await;
    let late = |_| Failure::new(Exit::Other, "the service does not answer in time");
    let state = state.map_err(late)?;
    // Whatever it is: a supervisor knows well and unwell.
    let unwell = |refused| Failure::new(Exit::Other, Failure::from(refused).to_string());
    result(state.map_err(unwell)?.status)?;
    Ok(Exit::Done)
}

/// Where this machine reaches what listens at an address.
fn beside(mut listen: SocketAddr) -> Result<Url, Failure> {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Url::parse(&format!("http://{listen}")).map_err(Failure::other)
}
