//! A browser with one tab.

use poem::http::{HeaderMap, StatusCode, header};
use poem::test::{TestRequestBuilder, TestResponse};

use super::world::Client;

pub(crate) struct Browser<'a> {
    client: &'a Client,
    pub(crate) cookie: Option<String>,
    /// The cookie of an operator's session.
    pub(crate) session: Option<String>,
    /// The languages that the browser prefers.
    pub(crate) languages: &'static str,
    /// The CSRF token of the last form.
    pub(crate) csrf: String,
}

/// A response as the browser got it.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self {
            client,
            cookie: None,
            session: None,
            languages: "en",
            csrf: String::new(),
        }
    }

    pub(crate) const fn client(&self) -> &'a Client {
        self.client
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        let request = self.client.get(path);
        self.send(request).await
    }

    /// Sends a form of the last page.
    pub(crate) async fn post(&mut self, action: &str, code: &str) -> Page {
        self.post_with(&[], action, code).await
    }

    pub(crate) async fn post_with(
        &mut self,
        headers: &[(&str, &str)],
        action: &str,
        code: &str,
    ) -> Page {
        let form = [
            ("csrf", self.csrf.as_str()),
            ("code", code),
            ("action", action),
        ];
        let mut request = self.client.post("/device").form(&form);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    /// Sends a form with only the token and these fields.
    pub(crate) async fn post_fields(&mut self, fields: &[(&str, &str)]) -> Page {
        let form = [&[("csrf", self.csrf.as_str())], fields].concat();
        let request = self.client.post("/device").form(&form);
        self.send(request).await
    }

    /// Opens the page and continues to the provider.
    pub(crate) async fn confirm(&mut self, code: &str) -> Page {
        self.get("/device").await;
        self.post("look_up", code).await;
        self.post("confirm", code).await
    }

    /// Opens the page of a link.
    pub(crate) async fn link(&mut self, code: &str) -> Page {
        self.get(&format!("/device?code={code}")).await
    }

    /// Asserts what the page of a link shows.
    pub(crate) async fn shows(&mut self, code: &str, words: &[&str]) {
        self.link(code).await.assert(200, words);
    }

    /// Asserts the stage that the page's script reads.
    pub(crate) async fn is_at_stage(&mut self, code: &str, stage: &str) {
        let stage = format!("\"stage\":\"{stage}\"");
        self.status(code).await.assert(200, &[&stage]);
    }

    /// Returns the response that the page's script gets.
    pub(crate) async fn status(&mut self, code: &str) -> Page {
        self.get(&format!("/device/status?code={code}")).await
    }

    pub(crate) async fn send(
        &mut self,
        request: TestRequestBuilder<'_, impl poem::Endpoint>,
    ) -> Page {
        let cookies = self.cookie.iter().chain(&self.session);
        let request = cookies.fold(request, |request, cookie| {
            request.header(header::COOKIE, cookie)
        });
        let request = request.header(header::ACCEPT_LANGUAGE, self.languages);
        let page = Page::read(request.send().await).await;
        self.take_cookie(page.header("set-cookie"));
        if let Some(csrf) = between(&page.html, "name=\"csrf\" value=\"", "\"") {
            self.csrf = csrf.to_owned();
        }
        page
    }

    fn take_cookie(&mut self, header: &str) {
        let cookie = header.split(';').next().unwrap_or_default();
        let place = match cookie.contains("-admin") {
            true => &mut self.session,
            false => &mut self.cookie,
        };
        if cookie.ends_with('=') {
            *place = None;
        } else if !cookie.is_empty() {
            *place = Some(cookie.to_owned());
        }
    }

    /// Sends a form to an address, with the token of the last page.
    pub(crate) async fn send_form(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let form = [&[("csrf", self.csrf.as_str())], fields].concat();
        let request = self.client.post(path).form(&form);
        self.send(request).await
    }
}

impl Page {
    async fn read(TestResponse(mut response): TestResponse) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            html: response.take_body().into_string().await.unwrap(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn assert(&self, status: u16, words: &[&str]) {
        assert_eq!(self.status.as_u16(), status, "{}", self.html);
        for words in words {
            assert!(
                self.html.contains(words),
                "{words:?} is not in {}",
                self.html
            );
        }
    }

    #[track_caller]
    pub(crate) fn assert_lacks(&self, words: &str) {
        assert!(!self.html.contains(words), "{words:?} is in {}", self.html);
    }

    /// Asserts a redirect to another page.
    #[track_caller]
    pub(crate) fn assert_sends_to(&self, address: &str) {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.html);
        assert_eq!(self.header("location"), address);
    }

    /// Asserts a redirect to the page of a link.
    #[track_caller]
    pub(crate) fn assert_leads_to(&self, code: &str) {
        self.assert_sends_to(&format!("/device?code={code}"));
    }
}

pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}
