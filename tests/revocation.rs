//! Deliberate ends of grants: the real binary with the sandbox and with npm's oidc-provider.

use std::time::{Duration, Instant};

use central_oauth_test_sandbox::Sandbox;
use reqwest::{Client, RequestBuilder};

use crate::support::accounts::account;
use crate::support::browser::Browser;
use crate::support::http::{self, Answer};
use crate::support::linking::{self, link};
use crate::support::oidc::{OidcOptions, OidcProvider, consent};
use crate::support::process::eventually;
use crate::support::sandbox;
use crate::support::service::Service;
use crate::support::tokens::token;

const SOON: Duration = Duration::from_secs(60);

/// Starts a sandbox whose Alice consents at once.
async fn sandbox() -> Sandbox {
    sandbox::start(sandbox::consenting()).await
}

async fn service(sandbox: &Sandbox) -> Service {
    let mut service = Service::prepare_for(sandbox);
    let endpoint = &sandbox.endpoints().revocation;
    service.set("PROVIDER_REVOCATION_ENDPOINT", endpoint);
    service.run().await;
    service
}

/// Deletes the account of a key. The request is authenticated with this key.
async fn delete(client: &Client, service: &Service, key: &str) -> Answer {
    let account = account(client, service, key).await;
    let id = account["id"].as_str().unwrap_or_default();
    let path = service.url(&format!("/v1/accounts/{id}"));
    http::send(client.delete(path).bearer_auth(key)).await
}

async fn revocation(client: &Client, service: &Service) -> serde_json::Value {
    let request = client.get(service.url("/v1/revocations"));
    let list = http::send(request.bearer_auth(Service::ADMIN_KEY)).await;
    list.expect(200).json["items"][0].clone()
}

async fn is_accepted(request: RequestBuilder, token: &Answer) -> bool {
    let request = request.bearer_auth(token.str("access_token"));
    http::send(request).await.status.is_success()
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_ends_access_here_and_at_the_provider() {
    let sandbox = sandbox().await;
    let (service, client) = (service(&sandbox).await, http::client());
    let (first, second) = (link(&service).await, link(&service).await);
    let held = token(&client, &service, &first).await.expect(200);
    let hello = || client.get(&sandbox.endpoints().hello);
    assert!(is_accepted(hello(), &held).await);

    let deleted = delete(&client, &service, &first).await.expect(200);
    assert_eq!(deleted.str("provider_revocation"), "revoked");
    assert!(!is_accepted(hello(), &held).await);
    for key in [&first, &second] {
        token(&client, &service, key).await.expect(401);
    }
    assert_eq!(revocation(&client, &service).await["status"], "revoked");
    // The same person links again, and gets a new account.
    let again = link(&service).await;
    let fresh = token(&client, &service, &again).await.expect(200);
    assert!(is_accepted(hello(), &fresh).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_was_down_is_told_after_a_crash() {
    let sandbox = sandbox().await;
    let (mut service, client) = (service(&sandbox).await, http::client());
    let key = link(&service).await;
    let held = token(&client, &service, &key).await.expect(200);
    let faults = sandbox.faults();
    faults.go_down_for(Duration::from_secs(3600));

    let asked = Instant::now();
    let deleted = delete(&client, &service, &key).await.expect(200);
    assert!(asked.elapsed() < Duration::from_secs(15));
    assert_eq!(deleted.str("provider_revocation"), "failed");
    token(&client, &service, &key).await.expect(401);
    let pending = revocation(&client, &service).await;
    assert_eq!(pending["status"], "pending", "{pending}");
    assert_eq!(pending["last_error"]["code"], "provider_unavailable");

    service.kill().await;
    faults.clear();
    let hello = || client.get(&sandbox.endpoints().hello);
    assert!(is_accepted(hello(), &held).await, "nobody has told it yet");
    service.run().await;
    // The lease of the crashed process may have to expire first.
    eventually(2 * SOON, "the revocation", async || {
        revocation(&client, &service).await["status"] == "revoked"
    })
    .await;
    assert!(!is_accepted(hello(), &held).await);
    assert!(service.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certified_provider_takes_the_grant_back() {
    let provider = OidcProvider::start(OidcOptions::default()).await;
    let service = Service::start(&[
        ("PROVIDER_ISSUER", provider.issuer.as_str()),
        ("PROVIDER_CLIENT_ID", OidcProvider::CLIENT_ID),
        ("PROVIDER_CLIENT_SECRET", OidcProvider::CLIENT_SECRET),
        ("PROVIDER_SCOPES", "openid profile offline_access"),
    ])
    .await;
    let (browser, client) = (Browser::without_javascript().await, http::client());
    let confirmed = linking::ask(&service).await;
    consent(&browser, confirmed.verification_uri(), "alice").await;
    confirmed.wait_until_linked().await;
    browser.close().await;
    let held = token(&client, &service, &confirmed.key).await.expect(200);
    let me = || client.get(provider.url("/me"));
    assert!(is_accepted(me(), &held).await);
    let deleted = delete(&client, &service, &confirmed.key).await.expect(200);
    assert_eq!(deleted.str("provider_revocation"), "revoked");
    assert!(!is_accepted(me(), &held).await);
    provider.stop().await;
}
