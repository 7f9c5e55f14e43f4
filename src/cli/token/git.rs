//! A git credential helper: <https://git-scm.com/docs/git-credential#IOFMT>.

use std::fmt::Write as _;

use url::Url;

use super::{Options, input, server_name};
use crate::cli::print::result;
use crate::cli::{Exit, Failure};
use crate::config::ClientConfig;

/// Answers one request of git. As the protocol requires, ignores requests that this helper does not know.
pub(super) async fn answer(
    request: &str,
    options: &Options,
    config: &ClientConfig<'_>,
) -> Result<Exit, Failure> {
    let attributes = input()?;
    let server = match request {
        "get" => server(&attributes)?,
        _ => None,
    };
    let Some(token) = options.credential(server, config).await? else {
        return Ok(Exit::Done);
    };
    let (name, password) = (&options.username, &token.access_token);
    let mut credential = format!("username={name}\npassword={password}");
    if let Some(at) = token.expires_at {
        // Writing to a string cannot fail.
        let _ = write!(credential, "\npassword_expiry_utc={}", at.unix_timestamp());
    }
    result(credential)?;
    Ok(Exit::Done)
}

/// Returns the server that git connects to. The last value of an attribute counts.
fn server(attributes: &[u8]) -> Result<Option<Url>, Failure> {
    let value = |name: &str| {
        let lines = attributes.split(|byte| *byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let lines = lines.take_while(|line| !line.is_empty());
        let named = lines.filter_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
        named.last().map(server_name).transpose()
    };
    // git has percent-decoded the host, so one of these characters could end the host in the URL too early.
    let is_host = |host: &&str| !host.contains(['/', '\\', '@', '?', '#', '%']);
    let (protocol, host) = (value("protocol")?, value("host")?.filter(is_host));
    let server = protocol.zip(host);
    Ok(server.and_then(|(protocol, host)| Url::parse(&format!("{protocol}://{host}")).ok()))
}
