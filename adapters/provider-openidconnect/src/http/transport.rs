//! The HTTP clients.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use central_oauth_domain::causes::with_causes;
use central_oauth_domain::ports::ProviderError;
use reqwest::{Client, ClientBuilder, redirect};
use url::Url;

use super::Names;
use crate::scrub::Scrubber;

/// Why no HTTPS client could be created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no HTTPS client: {0} (SSL_CERT_FILE may name a file of CA certificates)")]
pub struct ClientUnavailable(String);

impl From<ClientUnavailable> for ProviderError {
    fn from(error: ClientUnavailable) -> Self {
        Self::unavailable(error.to_string())
    }
}

/// A client for plain http on loopback, and one for https. The latter is created when first needed, because it requires
/// the system's CA certificates, which a machine that only tries the sandbox may lack.
pub(crate) struct Transport {
    plain: Client,
    secure: OnceLock<Client>,
    pub(super) names: Arc<Names>,
}

impl Transport {
    pub(crate) fn new(names: Names) -> Result<Self, ClientUnavailable> {
        // Requests to loopback do not go to a proxy, which would see them unencrypted.
        let plain = build(bare().no_proxy().tls_certs_only([]))?;
        Ok(Self {
            plain,
            secure: OnceLock::new(),
            names: Arc::new(names),
        })
    }

    pub(crate) fn client(&self, url: &Url) -> Result<&Client, ClientUnavailable> {
        if url.scheme() == "http" {
            return Ok(&self.plain);
        }
        self.names.note(url);
        if let Some(client) = self.secure.get() {
            return Ok(client);
        }
        let names = Arc::clone(&self.names);
        let client = build(bare().https_only(true).dns_resolver(names))?;
        Ok(self.secure.get_or_init(|| client))
    }
}

/// Timeout for connecting, including the TLS handshake. After this timeout the request certainly had no effect; after a
/// missing response it may have had one.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Maximum number of response headers: a response with more is lost. Proxies in front of token endpoints add many.
const MAX_HEADERS: usize = 1000;

/// Ignores invalid headers, because a lost response may cost a rotated refresh token.
///
/// Follows no redirects: token endpoints do not redirect, and following one would send secrets to an unchecked URL.
/// `discovery` itself follows the redirects of metadata requests, and checks each URL.
fn bare() -> ClientBuilder {
    Client::builder()
        .connect_timeout(CONNECT_WITHIN)
        .redirect(redirect::Policy::none())
        .http1_max_headers(MAX_HEADERS)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .user_agent(concat!("central-oauth/", env!("CARGO_PKG_VERSION")))
}

fn build(builder: ClientBuilder) -> Result<Client, ClientUnavailable> {
    builder
        .build()
        .map_err(|error| ClientUnavailable(with_causes(&error)))
}

pub(super) fn unavailable(error: reqwest::Error) -> ProviderError {
    ProviderError::unavailable(words(error))
}

/// Returns the causes of a transport error, without the URL and without possible secrets.
pub(crate) fn words(error: reqwest::Error) -> String {
    Scrubber::default().text(&with_causes(&error.without_url()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use rustls::server::Acceptor;

    use super::*;

    #[tokio::test]
    async fn only_http_1_1_is_offered() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let offered = tokio::task::spawn_blocking(move || {
            let (mut socket, _) = listener.accept().expect("a client");
            let mut acceptor = Acceptor::default();
            loop {
                let read = acceptor.read_tls(&mut socket).expect("a handshake");
                assert_ne!(read, 0, "the client closed the connection");
                if let Ok(Some(accepted)) = acceptor.accept() {
                    let protocols = accepted.client_hello().alpn().into_iter().flatten();
                    return protocols.map(<[u8]>::to_vec).collect::<Vec<_>>();
                }
            }
        });
        let names = Names::new(None, std::iter::empty());
        let client = Transport::new(names).expect("a client").plain;
        let sent = client.get(format!("https://{address}")).send().await;
        sent.expect_err("nobody answers");
        assert_eq!(offered.await.expect("a handshake"), [b"http/1.1"]);
    }

    // `localhost` is loopback on every machine.
    #[tokio::test]
    async fn names_are_checked_before_connecting() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = Url::parse("https://localhost:9/token").expect("an address");
        let public = Url::parse("https://192.0.2.1").expect("an address");
        for (own, is_judged) in [(vec![&public], true), (vec![&public, &url], false)] {
            let names = Names::new(Some(&public), own.into_iter());
            let transport = Transport::new(names).expect("plain http");
            let Ok(client) = transport.client(&url) else {
                return; // This machine has no CA certificates.
            };
            let error = client.get(url.clone()).send().await.expect_err("nobody");
            let words = unavailable(error).to_string();
            assert_eq!(words.contains("private address"), is_judged, "{words}");
        }
    }
}
