//! A Docker credential helper: <https://github.com/docker/docker-credential-helpers#development>.

use serde_json::json;
use url::Url;

use super::{Options, input, server_name};
use crate::cli::print::result;
use crate::cli::{Exit, Failure};
use crate::config::ClientConfig;

/// Docker recognises by this text that a helper has no credentials for a server.
const NOT_FOUND: &str = "credentials not found in native keychain";

pub(super) async fn answer(
    request: &str,
    options: &Options,
    config: &ClientConfig<'_>,
) -> Result<Exit, Failure> {
    let server = input()?;
    match request {
        "get" => get(server_name(&server)?.trim(), options, config).await,
        "list" => result("{}").map(|()| Exit::Done),
        "store" | "erase" => Ok(Exit::Done),
        _ => Err(super::usage(
            "Docker's requests are get, store, erase and list",
        )),
    }
}

async fn get(server: &str, options: &Options, config: &ClientConfig<'_>) -> Result<Exit, Failure> {
    let Some(token) = options.credential(parse(server), config).await? else {
        result(NOT_FOUND)?;
        return Ok(Exit::Other);
    };
    result(json!({
        "ServerURL": server,
        "Username": options.username,
        "Secret": token.access_token,
    }))?;
    Ok(Exit::Done)
}

/// Parses a server, which Docker names with or without a scheme. Without a scheme, Docker uses https, or http on this
/// machine; [`Hosts`](super::hosts::Hosts) allows both.
fn parse(server: &str) -> Option<Url> {
    let url = match server.contains("://") {
        true => server.to_owned(),
        false => format!("https://{server}"),
    };
    Url::parse(&url).ok()
}
