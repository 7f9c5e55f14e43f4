//! Linking an account through the API and the page, without a browser.

use std::time::Duration;

use reqwest::Client;
use reqwest::header::{COOKIE, SET_COOKIE};

use super::http;
use super::process::eventually;
use super::service::Service;

/// A link that a person has confirmed at the page.
pub(crate) struct Confirmed {
    /// The access key.
    pub(crate) key: String,
    /// The page that leads on to the provider.
    pub(crate) page: String,
    poll: String,
}

/// Links an account; the access key. Nobody need be asked at the provider.
pub(crate) async fn link(service: &Service) -> String {
    let confirmed = ask(service).await;
    confirmed.wait_until_linked().await;
    confirmed.key
}

/// Asks for a code and confirms it as a person does.
pub(crate) async fn ask(service: &Service) -> Confirmed {
    let client = http::client();
    let code = http::send(client.post(service.url("/v1/link-code")))
        .await
        .expect(201);
    Confirmed {
        key: code.str("access_key").to_owned(),
        page: confirm(&client, service, code.str("link_code")).await,
        poll: service.url(&format!("/v1/poll/{}", code.str("link_code"))),
    }
}

impl Confirmed {
    /// The address at the provider to which the page leads.
    pub(crate) fn verification_uri(&self) -> &str {
        let link = self.page.split("class=\"main\" href=\"").nth(1);
        let link = link.and_then(|link| link.split('"').next());
        link.expect("the page leads nowhere")
    }

    /// Waits for the link.
    pub(crate) async fn wait_until_linked(&self) {
        self.wait_for("linked").await;
    }

    /// Waits until the link has this status.
    pub(crate) async fn wait_for(&self, status: &str) {
        let client = http::client();
        eventually(Duration::from_secs(60), status, async || {
            let answer = http::send(client.get(&self.poll)).await;
            answer.json["status"] == status
        })
        .await;
    }
}

/// Enters a code at the page and confirms it; the page that follows.
pub(crate) async fn confirm(client: &Client, service: &Service, code: &str) -> String {
    let page = service.url("/device");
    let opened = http::send(client.get(&page)).await.expect(200);
    let cookie = opened.headers[SET_COOKIE].to_str().unwrap_or_default();
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let csrf = opened
        .text
        .split("<input")
        .find(|input| input.contains("name=\"csrf\""));
    let csrf = csrf.and_then(|input| input.split("value=\"").nth(1)?.split('"').next());
    let csrf = csrf.expect("the page has no form");
    let mut next = String::new();
    for action in ["look_up", "confirm"] {
        let form = [("csrf", csrf), ("code", code), ("action", action)];
        let request = client.post(&page).header(COOKIE, &cookie).form(&form);
        let answer = http::send(request).await;
        assert!(answer.status.as_u16() < 400, "{}", answer.text);
        next = answer.header("location").to_owned();
    }
    let next = client.get(service.url(&next)).header(COOKIE, &cookie);
    http::send(next).await.expect(200).text
}
