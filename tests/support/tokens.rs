//! Access tokens: asked for at the service, used at the sandbox.

use std::time::{Duration, Instant};

use central_oauth_sandbox_poem::Sandbox;
use reqwest::Client;

use super::http::{self, Answer};
use super::process::within;
use super::service::Service;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Returns the service's response to a token request.
pub(crate) async fn token(client: &Client, service: &Service, key: &str) -> Answer {
    let request = client.get(service.url("/v1/token")).bearer_auth(key);
    http::send(request).await
}

/// Returns whether the sandbox's API accepts a token.
pub(crate) async fn works(client: &Client, sandbox: &Sandbox, token: &str) -> bool {
    let request = client.get(&sandbox.endpoints().hello).bearer_auth(token);
    http::send(request).await.status.is_success()
}

/// Returns whether the token may have expired: the earliest end of its stated lifetime has passed. On a busy machine
/// this may happen between the response and the use. Before that end, nobody may reject the token.
pub(crate) fn has_run_out(asked: Instant, answer: &Answer) -> bool {
    asked.elapsed() >= Duration::from_secs(answer.number("expires_in"))
}

/// Returns the service's response with a token that the sandbox accepts. If one expires before it is used, requests
/// another.
pub(crate) async fn working_token(
    client: &Client,
    service: &Service,
    sandbox: &Sandbox,
    key: &str,
) -> Answer {
    working_token_at(client, &service.url("/v1/token"), sandbox, key).await
}

/// Returns such a response, requested at this address of the service.
pub(crate) async fn working_token_at(
    client: &Client,
    at: &str,
    sandbox: &Sandbox,
    key: &str,
) -> Answer {
    let works = async {
        loop {
            let asked = Instant::now();
            let answer = http::send(client.get(at).bearer_auth(key)).await;
            let answer = answer.expect(200);
            if works(client, sandbox, answer.str("access_token")).await {
                return answer;
            }
            assert!(has_run_out(asked, &answer), "refused: {}", answer.text);
        }
    };
    within(TIMEOUT, "a token that works", works).await
}
