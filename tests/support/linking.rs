//! Linking an account through the API and the page, without a browser.

use std::time::Duration;

use reqwest::Client;
use reqwest::header::{COOKIE, SET_COOKIE};

use super::http::{self, Answer};
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

/// Links an account and returns its access key. The provider must consent automatically.
pub(crate) async fn link(service: &Service) -> String {
    let confirmed = ask(service).await;
    confirmed.wait_until_linked().await;
    confirmed.key
}

/// Requests a code and confirms it like a person.
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
    /// Returns the address at the provider to which the page leads.
    pub(crate) fn verification_uri(&self) -> &str {
        let link = self.page.split("class=\"main\" href=\"").nth(1);
        let link = link.and_then(|link| link.split('"').next());
        link.expect("the page leads nowhere")
    }

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

/// Enters a code at the page and confirms it. Returns the next page.
pub(crate) async fn confirm(client: &Client, service: &Service, code: &str) -> String {
    let page = try_confirm(client, &service.url(""), code).await;
    page.unwrap_or_else(|problem| panic!("the code cannot be confirmed: {problem}"))
}

/// Enters a code at the page and does not confirm it. Returns the page that says who asks.
pub(crate) async fn look_up(client: &Client, service: &Service, code: &str) -> String {
    let page = entered(client, &service.url(""), code, &["look_up"]).await;
    page.unwrap_or_else(|problem| panic!("the code cannot be entered: {problem}"))
}

/// Enters a code at the page of the service at `base` and confirms it. Returns the page that follows.
pub(crate) async fn try_confirm(client: &Client, base: &str, code: &str) -> Result<String, String> {
    entered(client, base, code, &["look_up", "confirm"]).await
}

async fn entered(
    client: &Client,
    base: &str,
    code: &str,
    actions: &[&str],
) -> Result<String, String> {
    let page = format!("{base}/device");
    let opened = good(http::try_send(client.get(&page)).await)?;
    let cookie = opened.headers.get(SET_COOKIE);
    let cookie = cookie.and_then(|cookie| cookie.to_str().ok());
    let cookie = cookie.unwrap_or_default().split(';').next();
    let cookie = cookie.unwrap_or_default().to_owned();
    let csrf = opened
        .text
        .split("<input")
        .find(|input| input.contains("name=\"csrf\""));
    let csrf = csrf.and_then(|input| input.split("value=\"").nth(1)?.split('"').next());
    let csrf = csrf.ok_or("the page has no form")?;
    let (mut next, mut shown) = (String::new(), String::new());
    for action in actions {
        let form = [("csrf", csrf), ("code", code), ("action", action)];
        let request = client.post(&page).header(COOKIE, &cookie).form(&form);
        let answer = good(http::try_send(request).await)?;
        next = answer.header("location").to_owned();
        shown = answer.text;
    }
    if next.is_empty() {
        return Ok(shown);
    }
    let next = client.get(format!("{base}{next}")).header(COOKIE, &cookie);
    Ok(good(http::try_send(next).await)?.text)
}

fn good(answer: reqwest::Result<Answer>) -> Result<Answer, String> {
    let answer = answer.map_err(|error| error.to_string())?;
    match answer.status.as_u16() {
        ..400 => Ok(answer),
        status => Err(format!("{status} {}", answer.text)),
    }
}
