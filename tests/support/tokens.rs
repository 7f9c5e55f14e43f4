//! Access tokens: asked for at the service, used at the sandbox.

use central_oauth_sandbox_poem::Sandbox;
use reqwest::Client;

use super::http::{self, Answer};
use super::service::Service;

/// What the service answers to a client that wants a token.
pub(crate) async fn token(client: &Client, service: &Service, key: &str) -> Answer {
    let request = client.get(service.url("/v1/token")).bearer_auth(key);
    http::send(request).await
}

/// Whether the sandbox's API accepts a token.
pub(crate) async fn works(client: &Client, sandbox: &Sandbox, token: &str) -> bool {
    let request = client.get(&sandbox.endpoints().hello).bearer_auth(token);
    http::send(request).await.status.is_success()
}
