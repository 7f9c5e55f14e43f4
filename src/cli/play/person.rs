//! The person in the demonstration: a browser reduced to a cookie and a form.

use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Client, Response};
use url::Url;

use super::{answer, step, unexpected};
use crate::cli::Failure;
use crate::cli::client::http;

/// A person who uses the page of the service.
pub(super) struct Person {
    http: Client,
    page: Url,
}

impl Person {
    pub(super) fn new(service: &Url) -> Result<Self, Failure> {
        let page = service.join("device")?;
        let http = http(&page).build()?;
        Ok(Self { http, page })
    }

    /// Opens the page, enters the code and confirms.
    pub(super) async fn confirm(&self, code: &str) -> Result<(), Failure> {
        let page = self.page.as_str();
        step(2, "The person opens the page.", "GET", page)?;
        let request = self.http.get(self.page.clone());
        let opened = request.send().await?;
        let cookie = cookie(&opened).ok_or_else(|| unexpected("the page set no cookie"))?;
        let html = opened.text().await?;
        let csrf = field(&html, "csrf").ok_or_else(|| unexpected("the page has no form"))?;
        answer("a form for the code")?;

        step(3, "The person enters the code.", "POST", page)?;
        let asked = self.submit(&cookie, csrf, code, "look_up").await?;
        let status = asked.status();
        answer(&format!("{status}: who asks, which provider, which scopes"))?;

        let text = "The person confirms; only now the provider's device flow starts.";
        step(4, text, "POST", page)?;
        let confirmed = self.submit(&cookie, csrf, code, "confirm").await?;
        let status = confirmed.status();
        answer(&format!(
            "{status}: the provider's code to type, and a link to it"
        ))
    }

    async fn submit(
        &self,
        cookie: &str,
        csrf: &str,
        code: &str,
        action: &str,
    ) -> Result<Response, Failure> {
        let form = [("csrf", csrf), ("code", code), ("action", action)];
        let request = self.http.post(self.page.clone());
        let request = request.header(COOKIE, cookie).form(&form);
        let response = request.send().await?;
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            return Err(unexpected(&format!("the page answered {status}")));
        }
        Ok(response)
    }
}

fn cookie(response: &Response) -> Option<String> {
    let value = response.headers().get(SET_COOKIE)?.to_str().ok()?;
    Some(value.split(';').next()?.to_owned())
}

/// Returns the value of a hidden field of the page.
fn field<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let named = format!("name=\"{name}\"");
    let input = page.split("<input").find(|input| input.contains(&named))?;
    input.split("value=\"").nth(1)?.split('"').next()
}
