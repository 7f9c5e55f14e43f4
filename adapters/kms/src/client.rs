use std::time::Duration;

use bytes::Bytes;
use central_oauth_wire::is_loopback;
use reqwest::{Client, RequestBuilder, StatusCode, redirect};
use serde::Serialize;
use url::Url;
use zeroize::Zeroizing;

use crate::{InvalidKeyName, KmsError};

/// A request takes at most this long.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest response that is read, in bytes. A wrapped key has some hundred.
const LONGEST: usize = 64 * 1024;
/// How many characters of an error text are passed on.
const LONGEST_ERROR: usize = 200;

/// A response, with a body that may be a secret.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// Creates a client for one address, which must be https or on loopback. Redirects are not followed: they would send the key
/// to an address that nobody configured.
pub(crate) fn client_for(url: &Url) -> Result<Client, InvalidKeyName> {
    let client = builder();
    let client = match url.scheme() {
        "https" if url.has_host() => client.https_only(true),
        // Machines without CA certificates reach a service on loopback.
        "http" if is_loopback(url) => client.no_proxy().tls_certs_only([]),
        _ => return Err(InvalidKeyName::NotHttps),
    };
    build(client)
}

/// Creates a client for the addresses where AWS hands out credentials; some of them are plain http within the machine.
pub(crate) fn credentials_client() -> Result<Client, InvalidKeyName> {
    build(builder())
}

fn builder() -> reqwest::ClientBuilder {
    Client::builder()
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .user_agent(concat!("central-oauth/", env!("CARGO_PKG_VERSION")))
}

fn build(client: reqwest::ClientBuilder) -> Result<Client, InvalidKeyName> {
    client
        .build()
        .map_err(|error| InvalidKeyName::NoClient(error.to_string()))
}

/// Writes the JSON of a request, which may hold the key. Its memory is wiped when the request is gone.
pub(crate) fn secret_json(body: &impl Serialize) -> Result<Bytes, KmsError> {
    // The buffer never grows, so no copy of the key stays behind.
    let mut buffer = Zeroizing::new(Vec::with_capacity(LONGEST));
    let written = serde_json::to_writer(&mut *buffer, body);
    written.map_err(|error| KmsError::Refused(error.to_string()))?;
    Ok(Bytes::from_owner(buffer))
}

pub(crate) async fn send(request: RequestBuilder) -> Result<Answer, KmsError> {
    let mut response = request.send().await.map_err(unavailable)?;
    let status = response.status();
    let mut body = Zeroizing::new(Vec::with_capacity(LONGEST));
    while let Some(chunk) = response.chunk().await.map_err(unavailable)? {
        // The buffer never grows, so no copy of the key stays behind.
        if body.len() + chunk.len() > LONGEST {
            return Err(KmsError::Unavailable("its response is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body })
}

fn unavailable(error: reqwest::Error) -> KmsError {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    KmsError::Unavailable(words)
}

/// Whether the same request may succeed later: rate limits, standby and sealed servers, and errors inside the service.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    /// Vault: this node is a standby that does not forward, or its storage is behind.
    const STANDBY: [u16; 3] = [412, 472, 473];
    status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
        || STANDBY.contains(&status.as_u16())
}

/// Makes one short line of an error text that the service has sent.
pub(crate) fn one_line(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    visible.take(LONGEST_ERROR).collect()
}
