use poem::Endpoint;
use poem::http::StatusCode;
use poem::test::TestResponse;

use crate::testing::{Bench, bench, options};

/// A minimal browser: it stores the cookie and follows redirects.
struct Browser<'a, E> {
    bench: &'a Bench<E>,
    cookie: String,
}

struct Shown {
    status: StatusCode,
    html: String,
}

impl Shown {
    #[track_caller]
    fn expect(&self, words: &str) {
        assert!(self.html.contains(words), "no {words:?} in {}", self.html);
    }

    fn csrf(&self) -> &str {
        let (_, rest) = self
            .html
            .split_once(r#"name="csrf" value=""#)
            .unwrap_or_default();
        rest.split_once('"').unwrap_or_default().0
    }
}

impl<'a, E: Endpoint> Browser<'a, E> {
    fn new(bench: &'a Bench<E>) -> Self {
        let cookie = String::new();
        Self { bench, cookie }
    }

    async fn get(&mut self, path: &str) -> Shown {
        let request = self.bench.client.get(path).header("cookie", &self.cookie);
        let response = request.send().await;
        self.follow(response).await
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Shown {
        let request = self.bench.client.post(path).header("cookie", &self.cookie);
        let response = request.form(&form).send().await;
        self.follow(response).await
    }

    /// Sends a form together with the CSRF token of its page.
    async fn submit(&mut self, page: &Shown, path: &str, fields: &[(&str, &str)]) -> Shown {
        let mut form = vec![("csrf", page.csrf())];
        form.extend(fields);
        self.post(path, &form).await
    }

    async fn follow(&mut self, mut response: TestResponse) -> Shown {
        for _ in 0..5 {
            if let Some(cookie) = response.0.header("set-cookie") {
                cookie
                    .split(';')
                    .next()
                    .unwrap_or_default()
                    .clone_into(&mut self.cookie);
            }
            let Some(location) = response.0.header("location") else {
                break;
            };
            let request = self
                .bench
                .client
                .get(location)
                .header("cookie", &self.cookie);
            response = request.send().await;
        }
        let status = response.0.status();
        let html = response
            .0
            .into_body()
            .into_string()
            .await
            .unwrap_or_default();
        Shown { status, html }
    }
}

#[tokio::test]
async fn a_person_consents() {
    let bench = bench(options());
    let (device_code, user_code) = bench.start().await;
    let mut browser = Browser::new(&bench);
    let page = browser.get(&format!("/device?user_code={user_code}")).await;
    page.expect(&format!(r#"value="{user_code}""#));
    let typed = user_code.to_lowercase().replace('-', " ");
    let page = browser
        .submit(&page, "/device", &[("user_code", &typed)])
        .await;
    page.expect("Who are you?");
    let form = [("user_code", user_code.as_str()), ("person", "bob smith")];
    let page = browser.submit(&page, "/login", &form).await;
    page.expect("Allow Central OAuth to act for Bob smith?");
    page.expect("<code>profile</code>");
    let form = [("user_code", user_code.as_str()), ("decision", "allow")];
    browser
        .submit(&page, "/consent", &form)
        .await
        .expect("Done");

    let (status, tokens) = bench.poll(&device_code).await;
    assert_eq!(status, 200);
    let access_token = tokens["access_token"].as_str().unwrap_or_default();
    let (_, person) = bench.get_as("/userinfo", access_token).await;
    assert_eq!(person["sub"], "sandbox-bob.smith");
    let late = browser
        .get(&format!("/consent?user_code={user_code}"))
        .await;
    late.expect("may act for you now");
}

#[tokio::test]
async fn a_person_denies() {
    let bench = bench(options());
    let (device_code, user_code) = bench.start().await;
    let code = ("user_code", user_code.as_str());
    let mut browser = Browser::new(&bench);
    let page = browser.get(&format!("/login?user_code={user_code}")).await;
    let page = browser
        .submit(&page, "/login", &[code, ("person", "alice")])
        .await;
    let page = browser
        .submit(&page, "/consent", &[code, ("decision", "deny")])
        .await;
    page.expect("gets no access");
    assert_eq!(bench.poll(&device_code).await.1["error"], "access_denied");
}

#[tokio::test]
async fn wrong_input_is_explained_where_it_was_made() {
    let bench = bench(options());
    let (_, user_code) = bench.start().await;
    let mut browser = Browser::new(&bench);
    let page = browser.get("/device").await;
    for typed in ["", "BBBB-BBBB", "<script>"] {
        let page = browser
            .submit(&page, "/device", &[("user_code", typed)])
            .await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        page.expect("There is no such code");
        assert!(!page.html.contains("<script>"));
    }
    let form = [("user_code", user_code.as_str()), ("person", "<b>")];
    let page = browser.submit(&page, "/login", &form).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.expect("A name has letters and digits");
}

#[tokio::test]
async fn a_form_from_elsewhere_decides_nothing() {
    let bench = bench(options());
    let (device_code, user_code) = bench.start().await;
    let code = ("user_code", user_code.as_str());
    let mut browser = Browser::new(&bench);
    let page = browser.get(&format!("/login?user_code={user_code}")).await;
    browser
        .submit(&page, "/login", &[code, ("person", "alice")])
        .await;

    let mut stranger = Browser::new(&bench);
    let other = stranger.get("/device").await;
    for forged in ["", "guess", other.csrf()] {
        let form = [code, ("decision", "allow"), ("csrf", forged)];
        let page = browser.post("/consent", &form).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
    }
    let pending = bench.poll(&device_code).await.1;
    assert_eq!(pending["error"], "authorization_pending");
}

#[tokio::test]
async fn unknown_codes_end_on_a_page_that_says_so() {
    let bench = bench(options());
    let mut browser = Browser::new(&bench);
    for path in [
        "/consent",
        "/done",
        "/login",
        "/consent?user_code=BBBB-BBBB",
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        page.expect("unknown, used up or expired");
    }
}

#[tokio::test]
async fn pages_are_locked_down() {
    let bench = bench(options());
    for path in ["/", "/device"] {
        let response = bench.client.get(path).send().await;
        response.assert_status_is_ok();
        let policy = response
            .0
            .header("content-security-policy")
            .unwrap_or_default();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        response.assert_header("x-content-type-options", "nosniff");
    }
    let style = bench.client.get("/style.css").send().await;
    style.assert_content_type("text/css; charset=utf-8");
}
