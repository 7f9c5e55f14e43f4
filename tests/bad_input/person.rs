//! A person at the page, with a browser reduced to cookies and forms.

use reqwest::{Client, RequestBuilder, header};

use crate::support::http::{self, Answer};
use crate::support::service::Service;

pub(super) struct Person {
    client: Client,
    page: String,
    cookie: String,
    csrf: String,
}

impl Person {
    /// Opens the page.
    pub(super) async fn arrive(service: &Service) -> Self {
        let mut person = Self {
            client: http::client(),
            page: service.url("/device"),
            cookie: String::new(),
            csrf: String::new(),
        };
        let page = http::send(person.client.get(&person.page))
            .await
            .expect(200);
        let cookie = page.header("set-cookie").split(';').next();
        person.cookie = cookie.unwrap_or_default().to_owned();
        person.csrf = csrf(&page.text).to_owned();
        assert!(!person.cookie.is_empty() && !person.csrf.is_empty());
        person
    }

    /// Returns the cookie that identifies the browser.
    pub(super) fn cookie_value(&self) -> &str {
        self.cookie.split_once('=').unwrap().1
    }

    /// Presses a button.
    pub(super) async fn press(&self, action: &str, code: &str) -> Answer {
        let form = [
            ("csrf", self.csrf.as_str()),
            ("code", code),
            ("action", action),
        ];
        http::send(self.post().form(&form)).await
    }

    /// Returns an unfilled form of this browser.
    pub(super) fn post(&self) -> RequestBuilder {
        let request = self.client.post(&self.page);
        request.header(header::COOKIE, &self.cookie)
    }

    /// Opens the page of a link.
    pub(super) async fn look(&self, code: &str) -> Answer {
        let request = self.client.get(format!("{}?code={code}", self.page));
        http::send(request.header(header::COOKIE, &self.cookie)).await
    }
}

fn csrf(html: &str) -> &str {
    let (_, rest) = html.split_once("name=\"csrf\" value=\"").unwrap();
    rest.split('"').next().unwrap_or_default()
}
