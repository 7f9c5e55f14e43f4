//! The play of `dev --auto`: a client, a person and the sandbox, every step with the request behind it.

use std::time::Duration;

use central_oauth_domain::secret::AccessKey;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, sleep};
use url::Url;

use super::client::{Client, LinkCode, LinkRequest, Refused};
use super::{Exit, Failure};

/// The longest that the sandbox's person may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Plays the flow from the code to a token that works.
pub(super) async fn run(service: &Url, api: &str) -> Result<Exit, Failure> {
    let client = Client::new(service.clone())?;
    let (code, key) = ask_for_a_code(&client, service).await?;
    Person::new(service)?.confirm(&code.link_code).await?;
    wait_for_the_link(&client, &code, &key).await?;
    let token = fetch_a_token(&client, &key).await?;
    use_the_token(api, &token).await?;
    println!("\nThat is all. Without --auto the person is you: central-oauth dev");
    Ok(Exit::Done)
}

async fn ask_for_a_code(client: &Client, service: &Url) -> Result<(LinkCode, AccessKey), Failure> {
    step(
        1,
        "The client asks for a link code.",
        "POST",
        &format!("{service}v1/link-code"),
    );
    let request = LinkRequest {
        provider: None,
        client_name: Some("dev --auto"),
    };
    let code = client.start_link(&request, None).await?;
    answer(&format!(
        "link_code {}, lives {} s",
        code.link_code, code.expires_in
    ));
    answer(&format!("verification_url {}", code.verification_url));
    let key = code
        .access_key
        .clone()
        .map(AccessKey::new)
        .ok_or_else(|| unexpected("no access_key"))?;
    answer("access_key coak_…, which the client keeps: it opens nothing yet");
    Ok((code, key))
}

async fn wait_for_the_link(
    client: &Client,
    code: &LinkCode,
    key: &AccessKey,
) -> Result<(), Failure> {
    step(
        5,
        "The sandbox's person consents; the client polls.",
        "GET",
        "/v1/poll/{link_code}",
    );
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        sleep(Duration::from_secs(code.interval)).await;
        match client.poll(&code.link_code, key).await {
            Ok(poll) => {
                answer(&format!("status {}", poll.status));
                match (poll.status.as_str(), poll.account) {
                    ("linked", Some(account)) => {
                        answer(&format!(
                            "account {} at {}",
                            account.display_name, account.provider
                        ));
                        return Ok(());
                    }
                    ("pending" | "authorizing", _) => {}
                    (status, _) => return Err(unexpected(&format!("the link is {status}"))),
                }
            }
            Err(Refused::Problem {
                status: StatusCode::TOO_MANY_REQUESTS,
                ..
            }) => {}
            Err(refused) => return Err(refused.into()),
        }
    }
    Err(unexpected("the sandbox's person did not consent in time"))
}

async fn fetch_a_token(client: &Client, key: &AccessKey) -> Result<String, Failure> {
    step(
        6,
        "The client asks for an access token.",
        "GET",
        "/v1/token",
    );
    let token = client.token(key, 0).await?;
    let shown: String = token.access_token.chars().take(6).collect();
    let lasts = token
        .expires_in
        .map_or_else(|| "without expiry".to_owned(), |s| format!("for {s} s"));
    answer(&format!("access_token {shown}…, good {lasts}"));
    Ok(token.access_token)
}

async fn use_the_token(api: &str, token: &str) -> Result<(), Failure> {
    step(7, "The client uses it at the provider.", "GET", api);
    let request = http()?.get(api).bearer_auth(token);
    let response = request.send().await.map_err(Failure::other)?;
    let status = response.status();
    let body = response.text().await.map_err(Failure::other)?;
    answer(&format!("{status} {}", body.trim()));
    if status.is_success() {
        Ok(())
    } else {
        Err(unexpected("the provider does not accept the token"))
    }
}

/// A person's browser, reduced to a cookie and a form.
struct Person {
    http: reqwest::Client,
    page: Url,
}

impl Person {
    fn new(service: &Url) -> Result<Self, Failure> {
        let page = service.join("device").map_err(Failure::other)?;
        Ok(Self {
            http: http()?,
            page,
        })
    }

    async fn confirm(&self, code: &str) -> Result<(), Failure> {
        step(2, "The person opens the page.", "GET", self.page.as_str());
        let opened = self
            .http
            .get(self.page.clone())
            .send()
            .await
            .map_err(Failure::other)?;
        let cookie = cookie(&opened).ok_or_else(|| unexpected("the page set no cookie"))?;
        let page = opened.text().await.map_err(Failure::other)?;
        let csrf = field(&page, "csrf").ok_or_else(|| unexpected("the page has no form"))?;
        answer("a form for the code");

        step(3, "The person enters the code.", "POST", self.page.as_str());
        let asked = self.submit(&cookie, csrf, code, "look_up").await?;
        answer(&format!(
            "{}: who asks, which provider, which scopes",
            asked.status()
        ));

        step(
            4,
            "The person confirms; only now the provider's device flow starts.",
            "POST",
            self.page.as_str(),
        );
        let confirmed = self.submit(&cookie, csrf, code, "confirm").await?;
        answer(&format!(
            "{}: the provider's code to type, and a link to it",
            confirmed.status()
        ));
        Ok(())
    }

    async fn submit(
        &self,
        cookie: &str,
        csrf: &str,
        code: &str,
        action: &str,
    ) -> Result<Response, Failure> {
        let form = [("csrf", csrf), ("code", code), ("action", action)];
        let request = self
            .http
            .post(self.page.clone())
            .header(COOKIE, cookie)
            .form(&form);
        let response = request.send().await.map_err(Failure::other)?;
        if response.status().is_client_error() || response.status().is_server_error() {
            return Err(unexpected(&format!(
                "the page answered {}",
                response.status()
            )));
        }
        Ok(response)
    }
}

fn http() -> Result<reqwest::Client, Failure> {
    let builder = reqwest::Client::builder().timeout(PATIENCE);
    let builder = builder.redirect(reqwest::redirect::Policy::none());
    builder.build().map_err(Failure::other)
}

fn cookie(response: &Response) -> Option<String> {
    let value = response.headers().get(SET_COOKIE)?.to_str().ok()?;
    Some(value.split(';').next()?.to_owned())
}

/// The value of a hidden field of our own page.
fn field<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let input = page
        .split("<input")
        .find(|input| input.contains(&format!("name=\"{name}\"")))?;
    input.split("value=\"").nth(1)?.split('"').next()
}

fn step(number: u8, what: &str, method: &str, url: &str) {
    println!("\n{number}. {what}\n   {method} {url}");
}

fn answer(what: &str) {
    println!("   -> {what}");
}

fn unexpected(what: &str) -> Failure {
    Failure::new(Exit::Other, what)
}
