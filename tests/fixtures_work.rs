//! Tests the fixtures of the system tests with each other: a program and a person go through the device flow of each
//! provider that other tests rely on.

mod device;

use std::time::Duration;

use device::Device;
use reqwest::Client;
use serde_json::Value;

use crate::support::allauth::{self, Allauth, AllauthOptions};
use crate::support::browser::Browser;
use crate::support::http::{self, Answer};
use crate::support::oidc::{OidcOptions, OidcProvider, consent};

const SCOPES: &str = "openid profile email offline_access";
const DEVICE_CODE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

#[tokio::test]
async fn a_person_consents_with_and_without_javascript() {
    let provider = OidcProvider::start(OidcOptions {
        path: "/realms/work",
        ..OidcOptions::default()
    })
    .await;
    let program = Program::new(&provider).await;

    let alice = Browser::with_javascript().await;
    let tokens = program.link(&alice, "alice").await;
    program.expect_person(&tokens, "alice").await;
    program.expect_rotation(&tokens).await;
    alice.close().await;

    let bob = Browser::without_javascript().await;
    let tokens = program.link(&bob, "bob").await;
    program.expect_person(&tokens, "bob").await;
    bob.close().await;

    program.expect_secret_is_checked().await;
}

#[tokio::test]
async fn a_server_of_other_authors_slows_down_rotates_and_takes_back() {
    // Longer than two polls take on a very slow machine.
    let interval = Duration::from_secs(10);
    let provider = Allauth::start(AllauthOptions {
        interval,
        ..AllauthOptions::default()
    })
    .await;
    let device = Device::new(&provider).await;
    let scope = [("scope", "openid profile email")];
    let endpoint = "device_authorization_endpoint";
    let confidential = Allauth::WEB_CLIENT_ID;
    let refused = device.post_as(confidential, endpoint, &scope).await;
    assert!(refused.status.is_client_error(), "{}", refused.text);

    let flow = device.post(endpoint, &scope).await.expect(200);
    let device_code = flow.str("device_code");
    for error in ["authorization_pending", "slow_down"] {
        let answer = device.poll(device_code).await.expect(400);
        assert_eq!(answer.str("error"), error);
    }
    let alice = Browser::without_javascript().await;
    alice.goto(flow.str("verification_uri_complete")).await;
    allauth::answer(&alice, "alice", true).await;
    alice.close().await;
    tokio::time::sleep(interval).await;
    let tokens = device.poll(device_code).await.expect(200);
    let person = device.userinfo(&tokens).await.expect(200);
    assert_eq!(person.str("email"), "alice@example.test");

    // A used refresh token is rejected, and its successor stays valid.
    let fresh = device.refresh(&tokens).await.expect(200);
    let spent = device.refresh(&tokens).await.expect(400);
    assert_eq!(spent.str("error"), "invalid_grant");
    let fresh = device.refresh(&fresh).await.expect(200);
    // Each token is revoked separately.
    let hint = "refresh_token";
    device.revoke(fresh.str(hint), hint).await;
    device.refresh(&fresh).await.expect(400);
    device.userinfo(&fresh).await.expect(200);
    let hint = "access_token";
    device.revoke(fresh.str(hint), hint).await;
    device.userinfo(&fresh).await.expect(401);
}

/// A client of the provider.
struct Program {
    client: Client,
    metadata: Answer,
}

impl Program {
    async fn new(provider: &OidcProvider) -> Self {
        let client = http::client();
        let discovery = provider.url("/.well-known/openid-configuration");
        let metadata = http::send(client.get(discovery)).await.expect(200);
        assert_eq!(metadata.str("issuer"), provider.issuer);
        Self { client, metadata }
    }

    async fn post(&self, endpoint: &str, form: &[(&str, &str)]) -> Answer {
        let secret = OidcProvider::CLIENT_SECRET;
        self.post_with(secret, endpoint, form).await
    }

    async fn post_with(&self, secret: &str, endpoint: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.client.post(self.metadata.str(endpoint)).form(form);
        http::send(http::basic_auth(request, OidcProvider::CLIENT_ID, secret)).await
    }

    async fn begin(&self) -> Answer {
        let endpoint = "device_authorization_endpoint";
        self.post(endpoint, &[("scope", SCOPES)]).await.expect(200)
    }

    async fn poll(&self, device_code: &str) -> Answer {
        let form = [
            ("grant_type", DEVICE_CODE_GRANT),
            ("device_code", device_code),
        ];
        self.post("token_endpoint", &form).await
    }

    /// Goes through the whole flow. Returns the tokens.
    async fn link(&self, browser: &Browser, name: &str) -> Answer {
        let flow = self.begin().await;
        let device_code = flow.str("device_code");
        let pending = self.poll(device_code).await.expect(400);
        assert_eq!(pending.str("error"), "authorization_pending");
        consent(browser, flow.str("verification_uri_complete"), name).await;
        self.poll(device_code).await.expect(200)
    }

    async fn expect_person(&self, tokens: &Answer, name: &str) {
        let endpoint = self.metadata.str("userinfo_endpoint");
        let request = self.client.get(endpoint);
        let request = request.bearer_auth(tokens.str("access_token"));
        let person = http::send(request).await.expect(200);
        assert_eq!(person.str("sub"), name);
        assert_eq!(person.str("email"), format!("{name}@example.test"));
    }

    async fn expect_rotation(&self, tokens: &Answer) {
        let old = tokens.str("refresh_token");
        let form = [("grant_type", "refresh_token"), ("refresh_token", old)];
        let fresh = self.post("token_endpoint", &form).await.expect(200);
        assert_ne!(fresh.str("refresh_token"), old);
        assert_ne!(fresh.str("access_token"), tokens.str("access_token"));
        self.expect_person(&fresh, "alice").await;
    }

    async fn expect_secret_is_checked(&self) {
        let endpoint = "device_authorization_endpoint";
        let refused = self
            .post_with("wrong", endpoint, &[("scope", SCOPES)])
            .await;
        assert_eq!(
            refused.expect(401).json["error"],
            Value::from("invalid_client")
        );
    }
}
