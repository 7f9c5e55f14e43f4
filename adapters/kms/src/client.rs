use std::time::Duration;

use bytes::Bytes;
use central_oauth_wire::is_loopback;
use reqwest::{Client, RequestBuilder, StatusCode, redirect};
use serde::Serialize;
use url::Url;
use zeroize::Zeroizing;

use crate::{InvalidKeyName, KmsError};

/// Timeout of a request.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum size of a request or response in bytes. A wrapped key has a few hundred bytes.
const LONGEST: usize = 64 * 1024;
/// Maximum length of an error text in characters.
const LONGEST_ERROR: usize = 200;

/// A response. Its body may be secret.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// Creates a client for one URL, which must be https or on loopback. The client follows no redirects: they would send
/// the secret key to a URL that nobody configured.
pub(crate) fn client_for(url: &Url) -> Result<Client, InvalidKeyName> {
    let client = builder();
    let client = match url.scheme() {
        "https" if url.has_host() => client.https_only(true),
        // Plain http needs no CA certificates, which a small image may lack.
        "http" if is_loopback(url) => client.no_proxy().tls_certs_only([]),
        _ => return Err(InvalidKeyName::NotHttps),
    };
    build(client)
}

/// Creates the clients for the endpoints that issue AWS credentials: the first for https, the second for plain http on
/// link-local addresses. The second uses no proxy, which would see the credentials unencrypted.
pub(crate) fn credentials_clients() -> Result<[Client; 2], InvalidKeyName> {
    let plain = builder().no_proxy().tls_certs_only([]);
    Ok([build(builder().https_only(true))?, build(plain)?])
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

/// Serializes a request, which may contain the secret key. Dropping the result wipes its memory.
pub(crate) fn secret_json(body: &impl Serialize) -> Result<Bytes, KmsError> {
    // The capacity must be enough, because a reallocation would leave a copy of the key in memory.
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
        // The body must fit the capacity, because a reallocation would leave a copy of the key in memory.
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

/// Whether the same request may succeed later: rate limits, timeouts, standby or sealed servers, and internal errors.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    /// Vault: the node is a standby that does not forward requests, or its storage lags behind.
    const STANDBY: [u16; 3] = [412, 472, 473];
    status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
        || STANDBY.contains(&status.as_u16())
}

/// Turns an error text of the service into one line of at most [`LONGEST_ERROR`] characters.
pub(crate) fn one_line(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    visible.take(LONGEST_ERROR).collect()
}
