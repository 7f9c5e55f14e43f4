//! Linking an account through the API and the page, without a browser.

use std::time::Duration;

use reqwest::Client;
use reqwest::header::{COOKIE, SET_COOKIE};

use super::http;
use super::process::eventually;
use super::service::Service;

/// Asks for a code, confirms it as a person does, and waits for the link; the access key. Somebody must consent at the
/// provider meanwhile, or nobody need be asked there.
pub(crate) async fn link(service: &Service) -> String {
    let client = http::client();
    let code = http::send(client.post(service.url("/v1/link-code")))
        .await
        .expect(201);
    let key = code.str("access_key").to_owned();
    confirm(&client, service, code.str("link_code")).await;
    let poll = service.url(&format!("/v1/poll/{}", code.str("link_code")));
    eventually(Duration::from_secs(30), "the link", async || {
        let answer = http::send(client.get(&poll)).await;
        answer.json["status"] == "linked"
    })
    .await;
    key
}

/// Enters a code at the page and confirms it.
pub(crate) async fn confirm(client: &Client, service: &Service, code: &str) {
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
    for action in ["look_up", "confirm"] {
        let form = [("csrf", csrf), ("code", code), ("action", action)];
        let request = client.post(&page).header(COOKIE, &cookie).form(&form);
        let answer = http::send(request).await;
        assert!(answer.status.as_u16() < 400, "{}", answer.text);
    }
}
