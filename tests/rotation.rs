//! Rotation with a certified provider that ends the grant when a used refresh token is used again, tokens of a few
//! seconds, and restarts in between. The provider has no ledger that could be read; `tests/chaos.rs` looks closer.

use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::time::sleep;

use crate::support::browser::Browser;
use crate::support::http::{self, Answer};
use crate::support::linking::{self, Confirmed};
use crate::support::oidc::{OidcOptions, OidcProvider, consent};
use crate::support::process::eventually;
use crate::support::service::Service;
use crate::support::tokens::has_run_out;

const SCOPES: &str = "openid profile offline_access";
const LIFETIME: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(60);

async fn provider() -> OidcProvider {
    let options = OidcOptions {
        access_token_ttl: LIFETIME,
        rotate: true,
        ..OidcOptions::default()
    };
    OidcProvider::start(options).await
}

async fn service(provider: &OidcProvider) -> Service {
    let settings = [
        ("PROVIDER_ISSUER", provider.issuer.as_str()),
        ("PROVIDER_CLIENT_ID", OidcProvider::CLIENT_ID),
        ("PROVIDER_CLIENT_SECRET", OidcProvider::CLIENT_SECRET),
        ("PROVIDER_SCOPES", SCOPES),
        ("PROVIDER_TIMEOUT", "20"),
    ];
    Service::start(&settings).await
}

/// Links the account of one person, who consents in a browser.
async fn link(service: &Service, browser: &Browser, name: &str) -> Confirmed {
    let confirmed = linking::ask(service).await;
    consent(browser, confirmed.verification_uri(), name).await;
    confirmed.wait_until_linked().await;
    confirmed
}

async fn token(client: &Client, service: &Service, link: &Confirmed) -> Answer {
    let request = client.get(service.url("/v1/token"));
    http::send(request.bearer_auth(&link.key)).await
}

/// Asserts that the provider accepts the token as this person's. If the token expires meanwhile, the next one is used.
async fn expect_accepted(
    client: &Client,
    provider: &OidcProvider,
    service: &Service,
    link: &Confirmed,
) {
    eventually(TIMEOUT, "a token that works", async || {
        let asked = Instant::now();
        let token = token(client, service, link).await.expect(200);
        assert_eq!(token.json["account"]["status"], "active", "{}", token.text);
        let request = client.get(provider.url("/me"));
        let person = http::send(request.bearer_auth(token.str("access_token"))).await;
        if person.status != 200 && has_run_out(asked, &token) {
            return false;
        }
        assert_eq!(person.expect(200).str("sub"), "alice");
        true
    })
    .await;
}

/// Waits for a new token that is not refreshed for a while.
async fn refreshed(client: &Client, service: &Service, link: &Confirmed, known: &mut String) {
    eventually(TIMEOUT, "a refresh", async || {
        let answer = token(client, service, link).await.expect(200);
        let fresh = answer.str("access_token").to_owned();
        let is_new = std::mem::replace(known, fresh.clone()) != fresh;
        is_new && answer.number("expires_in") >= 3
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_outlives_its_rotations_and_restarts() {
    let provider = provider().await;
    let mut service = service(&provider).await;
    let browser = Browser::without_javascript().await;
    let link = link(&service, &browser, "alice").await;
    browser.close().await;
    let (client, mut known) = (http::client(), String::new());
    // Each restart comes shortly after a refresh, so that none is in progress: this provider would end the grant. The
    // service is killed or stopped, and some downtimes last beyond the expiry of the token.
    for (kills, is_down) in [
        (true, 0),
        (false, 0),
        (true, 5500),
        (false, 5500),
        (true, 1000),
    ] {
        refreshed(&client, &service, &link, &mut known).await;
        sleep(Duration::from_millis(500)).await;
        if kills {
            service.kill().await;
        } else {
            assert!(service.stop().await.success());
        }
        sleep(Duration::from_millis(is_down)).await;
        service.run().await;
        expect_accepted(&client, &provider, &service, &link).await;
    }
    assert!(service.stop().await.success());
    provider.stop().await;
}
