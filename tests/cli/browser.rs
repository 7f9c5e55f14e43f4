//! A person's browser, reduced to cookies and forms.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, RequestBuilder};
use url::Url;

use crate::support::http;

/// A browser that follows redirects and keeps cookies, each for the server that set it.
pub(super) struct Browser {
    http: Client,
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

/// A page, and where it is.
struct Page {
    url: Url,
    html: String,
}

impl Browser {
    pub(super) fn new() -> Self {
        Self {
            http: http::client(),
            cookies: BTreeMap::new(),
        }
    }

    /// Enters a code at a service's page and declines there.
    pub(super) async fn cancel(&mut self, service: &str, code: &str) {
        let page = self.enter(service, code).await;
        let page = self.answer(&page, code, "cancel").await;
        assert!(page.html.contains("<h1"), "{}", page.html);
    }

    /// Enters a code at a service's page. Returns the page, which asks for confirmation.
    pub(super) async fn look_up(&mut self, service: &str, code: &str) -> String {
        self.enter(service, code).await.html
    }

    /// Enters a code at a service's page and continues. Returns the address at the sandbox to which the page leads.
    pub(super) async fn confirm(&mut self, service: &str, code: &str) -> Url {
        let page = self.enter(service, code).await;
        let page = self.answer(&page, code, "confirm").await;
        let links = page.html.split("href=\"").skip(1);
        let mut links = links.filter_map(|link| link.split('"').next());
        let link = links.find(|link| link.contains("user_code="));
        Url::parse(link.unwrap_or_else(|| panic!("no way on in {}", page.html))).unwrap()
    }

    /// Decides at the sandbox as this person: `allow` or `deny`.
    pub(super) async fn decide(&mut self, sandbox: &Url, person: &str, decision: &str) {
        let page = self.get(sandbox.clone()).await;
        let code = page.hidden("user_code");
        let csrf = page.hidden("csrf");
        let form = [("csrf", csrf.as_str()), ("user_code", &code)];
        let login = self.post(&page.url, &form).await;
        assert!(login.html.contains("Who are you?"), "{}", login.html);

        let form = [
            ("csrf", csrf.as_str()),
            ("user_code", &code),
            ("person", person),
        ];
        let consent = self.post(&login.url, &form).await;
        assert!(consent.html.contains("to act for"), "{}", consent.html);

        let form = [
            ("csrf", csrf.as_str()),
            ("user_code", &code),
            ("decision", decision),
        ];
        let done = self.post(&consent.url, &form).await;
        assert!(done.url.path() == "/done", "{}", done.html);
    }

    /// Goes through all steps from the code to the consent.
    pub(super) async fn consent(&mut self, service: &str, code: &str, person: &str) {
        let sandbox = self.confirm(service, code).await;
        self.decide(&sandbox, person, "allow").await;
    }

    async fn enter(&mut self, service: &str, code: &str) -> Page {
        let url = Url::parse(service).unwrap().join("/device").unwrap();
        let page = self.get(url).await;
        let page = self.answer(&page, code, "look_up").await;
        assert!(page.html.contains("confirm"), "{}", page.html);
        page
    }

    async fn answer(&mut self, page: &Page, code: &str, action: &str) -> Page {
        let csrf = page.hidden("csrf");
        let form = [("csrf", csrf.as_str()), ("code", code), ("action", action)];
        let mut url = page.url.clone();
        url.set_query(None);
        self.post(&url, &form).await
    }

    async fn get(&mut self, url: Url) -> Page {
        self.follow(url, |http, url| http.get(url)).await
    }

    async fn post(&mut self, url: &Url, form: &[(&str, &str)]) -> Page {
        self.follow(url.clone(), |http, url| http.post(url).form(form))
            .await
    }

    /// Sends a request, and follows the redirect of the response.
    async fn follow(
        &mut self,
        mut url: Url,
        request: impl FnOnce(&Client, Url) -> RequestBuilder,
    ) -> Page {
        let mut request = request(&self.http, url.clone());
        for _ in 0..10 {
            let jar = self.cookies.entry(url.authority().to_owned()).or_default();
            let cookies: Vec<_> = jar
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let answer = http::send(request.header(COOKIE, cookies.join("; "))).await;
            for cookie in answer.headers.get_all(SET_COOKIE) {
                let pair = cookie.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                jar.insert(name.to_owned(), value.to_owned());
            }
            if !answer.status.is_redirection() {
                assert!(answer.status.is_success(), "{url}: {}", answer.text);
                return Page {
                    url,
                    html: answer.text,
                };
            }
            url = url.join(answer.header(LOCATION.as_str())).unwrap();
            request = self.http.get(url.clone());
        }
        panic!("{url} redirects for ever");
    }
}

impl Page {
    /// Returns the value of a field that the page has prefilled.
    fn hidden(&self, name: &str) -> String {
        let named = format!("name=\"{name}\"");
        let mut inputs = self.html.split("<input").skip(1);
        let input = inputs.find(|input| input.contains(&named));
        let value = input.and_then(|input| input.split("value=\"").nth(1)?.split('"').next());
        value
            .unwrap_or_else(|| panic!("no {name} in {}", self.html))
            .to_owned()
    }
}
