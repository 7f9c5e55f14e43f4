//! Accounts, as the API shows them.

use reqwest::Client;
use serde_json::Value;

use super::http::{self, Answer};
use super::service::Service;

/// Returns the first account to which a key gives access.
pub(crate) async fn account(client: &Client, service: &Service, key: &str) -> Value {
    let request = client.get(service.url("/v1/accounts")).bearer_auth(key);
    http::send(request).await.expect(200).json["items"][0].clone()
}

/// Refreshes the first account to which a key gives access.
pub(crate) async fn refresh(client: &Client, service: &Service, key: &str) -> Answer {
    let account = account(client, service, key).await;
    let id = account["id"].as_str().expect("an account has an id");
    let refresh = service.url(&format!("/v1/accounts/{id}/refresh"));
    http::send(client.post(refresh).bearer_auth(key)).await
}
