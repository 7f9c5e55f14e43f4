//! Requests as a program makes them.

use std::sync::Once;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;
use url::form_urlencoded;

/// Returns a client that follows no redirects and waits 30 s at most.
pub(crate) fn client() -> Client {
    static TLS: Once = Once::new();
    TLS.call_once(|| {
        // Another test in this process may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30))
        .build()
        .expect("cannot build an HTTP client")
}

/// Adds HTTP Basic authentication with both halves form-encoded (RFC 6749 section 2.3.1).
pub(crate) fn basic_auth(request: RequestBuilder, id: &str, secret: &str) -> RequestBuilder {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    request.basic_auth(encode(id), Some(encode(secret)))
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body, whatever it is.
    pub(crate) text: String,
    /// The body if it is JSON, else null.
    pub(crate) json: Value,
}

/// Sends a request.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    try_send(request)
        .await
        .unwrap_or_else(|error| panic!("no answer: {error:?}"))
}

/// Sends a request that may get no response.
pub(crate) async fn try_send(request: RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await?;
    let json = serde_json::from_str(&text).unwrap_or_default();
    Ok(Answer {
        status,
        headers,
        text,
        json,
    })
}

impl Answer {
    /// Asserts a status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// Returns a text in the JSON body.
    #[track_caller]
    pub(crate) fn str(&self, name: &str) -> &str {
        let found = self.json[name].as_str();
        found.unwrap_or_else(|| panic!("no text {name:?} in {}", self.text))
    }

    /// Returns a number in the JSON body.
    #[track_caller]
    pub(crate) fn number(&self, name: &str) -> u64 {
        let found = self.json[name].as_u64();
        found.unwrap_or_else(|| panic!("no number {name:?} in {}", self.text))
    }

    /// Returns a header; empty if missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.get(name);
        found
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}
